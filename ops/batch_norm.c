/*
 * batch_norm - each channel is brought to mean 0 and variance 1 over everything else, then scaled and shifted.
 *
 *   y = (x - mean) * invstd * scale + shift,   invstd = 1 / sqrt(variance + eps)
 *
 * It is made of two ops: batch_norm_statistics reads x once and gives what concerns a channel, channel_affine is elementwise, so that
 * what comes before and after joins its pass, and so that a backward pass can compute y again from x. In training x reaches y by both,
 * and with S = sum gy, T = sum gy (x - mean) over the n values of a channel their adjoints add up to
 *   gshift = S,  gscale = invstd T,  gx = gain gy - gain (S + invstd^2 T (x - mean)) / n        (docs/derivations/batch_norm.md)
 */
#include "ops/batch_norm.h"

extern const ad_op ad_op_batch_norm_statistics;

enum { X, SCALE, SHIFT, MEAN, VAR };                    /* operands */
enum { Y, BATCH_MEAN, INVSTD, NEW_MEAN, NEW_VAR };      /* outputs */

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    ad_tensor *from[] = { in[X], in[SCALE], in[MEAN], in[VAR] }, *made[AD_MAX_OUTPUTS];
    if (ad_record(t, &ad_op_batch_norm_statistics, attr, 4, from, made) != AD_OK) return;
    out[BATCH_MEAN] = made[0];
    out[INVSTD] = made[1];
    out[NEW_MEAN] = made[3];
    out[NEW_VAR] = made[4];
    out[Y] = ad_channel_affine(t, in[X], made[0], made[2], in[SHIFT]);
}

static ad_status parameter(ad_error *e, const void *attr, int n_in, const ad_shape *in, int i, ad_shape *out)
{
    char text[AD_SHAPE_TEXT];
    if (in[X].rank < 2) return AD_FAIL(e, ESHAPE, "batch_norm: x %s; need [N,..,C]", ad_shape_text(&in[X], text));
    *out = (ad_shape){ .rank = 1, .dim = { in[X].dim[in[X].rank - 1] } };
    return AD_OK;
}

static const ad_operand operands[] = {
    { .name = "x", .doc = "[N,..,C]" },
    { .name = "scale", .role = AD_PARAM, .doc = "[C]", .init = "constant(1)" },
    { .name = "shift", .role = AD_PARAM, .doc = "[C]", .init = "constant(0)" },
    { .name = "mean", .role = AD_STATE, .doc = "[C], running mean", .init = "constant(0)" },
    { .name = "var", .role = AD_STATE, .doc = "[C], running unbiased variance", .init = "constant(1)" },
    { 0 }
};

static const char *const outputs[] = { "y", "mean", "invstd", "new_mean", "new_var" };

#define CHANNELS(c) { 1, { c } }, { 1, { c } }, { 1, { c } }, { 1, { c } }
static const ad_sample samples[] = {
    { .name = "image", .n_in = 5, .in = { { 4, { 3, 4, 5, 3 } }, CHANNELS(3) }, .range = { [VAR] = { 0.5, 2 } } },
    { .name = "vectors", .n_in = 5, .in = { { 2, { 7, 5 } }, CHANNELS(5) }, .range = { [VAR] = { 0.5, 2 } }, .attr_text = "eps=1e-3, decay=0.99" },
    { .name = "volume", .n_in = 5, .in = { { 5, { 1, 2, 3, 2, 4 } }, CHANNELS(4) }, .range = { [VAR] = { 0.5, 2 } } },
    { .name = "channels that fill no vector", .n_in = 5, .in = { { 4, { 2, 2, 1, 17 } }, CHANNELS(17) }, .range = { [VAR] = { 0.5, 2 } } },
    /* With eps this large nothing is divided by a small number: the variance of a single value is 0. */
    { .name = "one value a channel", .n_in = 5, .in = { { 4, { 1, 1, 1, 3 } }, CHANNELS(3) }, .range = { [VAR] = { 0.5, 2 } }, .attr_text = "eps=0.5" },
    { .name = "evaluation", .n_in = 5, .in = { { 4, { 2, 3, 2, 3 } }, CHANNELS(3) }, .range = { [VAR] = { 0.5, 2 } }, .attr_text = "training=false" },
    { .name = "refuses a vector", .n_in = 5, .in = { { 1, { 3 } }, CHANNELS(3) }, .want = AD_ESHAPE },
    { .name = "refuses other channels", .n_in = 5, .in = { { 2, { 4, 3 } }, CHANNELS(4) }, .want = AD_ESHAPE },
    { .name = "refuses decay above 1", .n_in = 5, .in = { { 2, { 4, 3 } }, CHANNELS(3) }, .attr_text = "decay=1.5", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_batch_norm = {
    .name = "batch_norm", .doc = "normalisation of each channel by the statistics of the batch",
    .operands = operands, .n_out = 5, .outputs = outputs,
    .attr_size = sizeof(ad_batch_norm_attr), .attrs = ad__batch_norm_attrs,
    .expand = expand, .parameter = parameter, .samples = samples,
};

ad_tensor *ad_batch_norm(ad_tape *t, ad_tensor *x, ad_tensor *scale, ad_tensor *shift, ad_tensor *mean, ad_tensor *var,
                         const ad_batch_norm_attr *attr)
{
    ad_tensor *in[] = { x, scale, shift, mean, var };
    return ad_record_one(t, &ad_op_batch_norm, attr, 5, in);
}

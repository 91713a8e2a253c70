/*
 * channel_affine - y = (x - mean) * gain + shift, one mean, gain and shift for each channel.
 *
 *   Adjoints: gx = gy gain,  gshift = S,  ggain = T,  gmean = -S gain  with S = sum gy, T = sum gy (x - mean) over everything but
 *   the channels (channel_products).
 */
#include "ops/elementwise.h"

enum { X, MEAN, GAIN, SHIFT };

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    char tx[AD_SHAPE_TEXT], tv[AD_SHAPE_TEXT];
    if (in[X].rank < 1) return AD_FAIL(e, ESHAPE, "channel_affine: x %s; need [..,C]", ad_shape_text(&in[X], tx));
    int64_t channels = in[X].dim[in[X].rank - 1];
    for (int i = MEAN; i <= SHIFT; i++)
        if (in[i].rank != 1 || in[i].dim[0] != channels)
            return AD_FAIL(e, ESHAPE, "channel_affine: x %s, operand %d %s; need [%lld], one per channel", ad_shape_text(&in[X], tx), i,
                           ad_shape_text(&in[i], tv), (long long)channels);
    *out = in[X];
    return AD_OK;
}

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->affine, NULL);
}

static void gradient(ad_grad *g)
{
    ad_tape *t = g->tape;
    ad_tensor *gy = g->gout[0], *gain = g->in[GAIN];
    ad_tensor *total = NULL, *with_x = NULL;
    if (g->wanted[MEAN] || g->wanted[GAIN] || g->wanted[SHIFT]) total = ad_channel_products(t, gy, g->in[X], g->in[MEAN], &with_x);
    if (g->wanted[X]) g->gin[X] = ad_mul(t, gy, gain);
    if (g->wanted[MEAN]) g->gin[MEAN] = ad_neg(t, ad_mul(t, total, gain));
    if (g->wanted[GAIN]) g->gin[GAIN] = with_x;
    if (g->wanted[SHIFT]) g->gin[SHIFT] = total;
}

static const ad_operand operands[] = {
    { .name = "x", .doc = "[..,C]" }, { .name = "mean", .doc = "[C]" }, { .name = "gain", .doc = "[C]" }, { .name = "shift", .doc = "[C]" }, { 0 }
};

#define CHANNELS(c) { 1, { c } }, { 1, { c } }, { 1, { c } }
static const ad_sample samples[] = {
    { .name = "image", .n_in = 4, .in = { { 4, { 2, 3, 2, 5 } }, CHANNELS(5) } },
    { .name = "channels that fill no vector", .n_in = 4, .in = { { 2, { 3, 19 } }, CHANNELS(19) } },
    { .name = "refuses other channels", .n_in = 4, .in = { { 2, { 3, 4 } }, CHANNELS(3) }, .want = AD_ESHAPE },
    { .name = "refuses a number", .n_in = 4, .in = { { 0 }, CHANNELS(3) }, .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_channel_affine = {
    .name = "channel_affine", .doc = "(x - mean) * gain + shift, by channel", .flags = AD_ELEMENTWISE | AD_CHEAP, .operands = operands,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_channel_affine(ad_tape *t, ad_tensor *x, ad_tensor *mean, ad_tensor *gain, ad_tensor *shift)
{
    ad_tensor *in[] = { x, mean, gain, shift };
    return ad_record_one(t, &ad_op_channel_affine, NULL, 4, in);
}

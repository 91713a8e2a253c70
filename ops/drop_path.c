/*
 * drop_path - each item of the batch kept whole with probability 1 - rate and divided by it, else 0 (stochastic depth).
 *
 *   Composite: x * keep / (1 - rate), where keep is 0 or 1 as uniform numbers decide, or is given as `noise`. Outside training,
 *   or with the rate 0, it is x.
 */
#include "ops/elementwise.h"

/* The shape of `noise`. */
static ad_shape keep_shape(const ad_shape *x)
{
    ad_shape keep = *x;
    for (int i = 1; i < keep.rank; i++)
        keep.dim[i] = 1;
    return keep;
}

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    ad_shape keep = keep_shape(&in[0]);
    if (in[0].rank < 1) return AD_FAIL(e, ESHAPE, "drop_path: a number has no batch; need rank 1 or more");
    if (n_in > 1 && in[1].rank >= 0 && !ad_shape_equal(&in[1], &keep)) {
        char text[2][AD_SHAPE_TEXT];
        return AD_FAIL(e, ESHAPE, "drop_path: noise is %s; need %s", ad_shape_text(&in[1], text[0]), ad_shape_text(&keep, text[1]));
    }
    *out = in[0];
    return AD_OK;
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    const ad_dropout_attr *a = attr;
    ad_shape want = keep_shape(ad_tensor_shape(in[0]));
    out[0] = in[0];
    if (!a->training || a->rate == 0) return;
    ad_tensor *keep = n_in > 1 && in[1] ? in[1] : ad_greater_equal(t, ad_draw_uniform(t, &want), ad_scalar(t, a->rate));
    out[0] = ad_scale(t, ad_mul(t, in[0], keep), 1 / (1 - a->rate));
}

static const ad_operand operands[] = {
    { .name = "x" }, { .name = "noise", .doc = "[B,1..]: 1 keeps, 0 drops", .optional = true }, { 0 }
};

/* The rate has no default: whether and how much is dropped is always said. */
static const ad_attr attrs[] = {
    { "rate", AD_ATTR_FLOAT, offsetof(ad_dropout_attr, rate), .lo = 0, .hi = 0.999, .required = true,
      .doc = "probability of being dropped" },
    { "training", AD_ATTR_BOOL, offsetof(ad_dropout_attr, training), 1, .doc = "false: x as it is" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "drawn", .n_in = 1, .in = { { 3, { 4, 3, 2 } } }, .attr_text = "rate=0.4" },
    { .name = "given", .n_in = 2, .in = { { 3, { 4, 3, 2 } }, { 3, { 4, 1, 1 } } }, .attr_text = "rate=0.3",
      .range = { { 0 }, { 0.5, 1 } } },
    { .name = "not training", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "rate=0.4, training=false" },
    { .name = "nothing dropped", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "rate=0" },
    { .name = "noise of another shape", .n_in = 2, .in = { { 2, { 3, 5 } }, { 2, { 3, 4 } } }, .attr_text = "rate=0.4",
      .want = AD_ESHAPE },
    { .name = "everything dropped", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "rate=1", .want = AD_EATTR },
    { .name = "no rate", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_drop_path = {
    .name = "drop_path", .doc = "each item dropped whole with probability rate", .operands = operands,
    .attr_size = sizeof(ad_dropout_attr), .attrs = attrs, .shape = shape, .expand = expand, .samples = samples,
};

ad_tensor *ad_drop_path(ad_tape *t, ad_tensor *x, ad_tensor *noise, const ad_dropout_attr *attr)
{
    return ad_record_one(t, &ad_op_drop_path, attr, 2, (ad_tensor *const[]){ x, noise });
}

/*
 * scale_gradient - x itself; the adjoint on its way back is multiplied by a factor, which may be negative (the multiplier of a
 * constraint climbs where everything else descends).
 */
#include "ops/elementwise.h"

static void gradient(ad_grad *g)
{
    const ad_scale_gradient_attr *a = g->attr;
    g->gin[0] = ad_scale(g->tape, g->gout[0], a->factor);
}

static const ad_attr attrs[] = {
    { "factor", AD_ATTR_FLOAT, offsetof(ad_scale_gradient_attr, factor), .required = true, .doc = "of the adjoint" },
    { 0 }
};

/* With the factor 1 the adjoint is the derivative; with any other it is not, on purpose, and tests/test_op_values.c looks at it. */
static const ad_sample samples[] = {
    { .name = "one", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "factor=1" },
    { .name = "reversed", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "factor=-0.5", .no_gradient = 1 },
    { .name = "no factor", .n_in = 1, .in = { { 1, { 4 } } }, .attr_text = "", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_scale_gradient = {
    .name = "scale_gradient", .doc = "x; its adjoint times a factor", .flags = AD_ALIAS, .operands = ad__operand_x,
    .attr_size = sizeof(ad_scale_gradient_attr), .attrs = attrs, .shape = ad__shape_same, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_scale_gradient(ad_tape *t, ad_tensor *x, double factor)
{
    return ad_record_one(t, &ad_op_scale_gradient, &(const ad_scale_gradient_attr){ .factor = factor }, 1, &x);
}

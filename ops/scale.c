/*
 * scale - y = factor * x.
 *
 *   dy/dx = factor.
 */
#include "ops/elementwise.h"

static ad_status forward(const ad_call *c)
{
    const ad_scale_attr *a = c->attr;
    return ad__map(c, ad__element(c)->scale, (const double[]){ a->factor });
}

static void gradient(ad_grad *g)
{
    const ad_scale_attr *a = g->attr;
    g->gin[0] = ad_scale(g->tape, g->gout[0], a->factor);
}

static const ad_attr attrs[] = {
    { "factor", AD_ATTR_FLOAT, offsetof(ad_scale_attr, factor), .required = true, .doc = "the factor" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "half", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "factor=0.5", .lo = -1, .hi = 1 },
    { .name = "zero", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "factor=0", .lo = -1, .hi = 1 },
    { .name = "minus three", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "factor=-3", .lo = -1, .hi = 1 },
    { .name = "no factor", .n_in = 1, .in = { { 1, { 4 } } }, .attr_text = "", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_scale = {
    .name = "scale", .doc = "factor * x", .flags = AD_ELEMENTWISE | AD_CHEAP, .operands = ad__operand_x,
    .attr_size = sizeof(ad_scale_attr), .attrs = attrs,
    .shape = ad__shape_same, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_scale(ad_tape *t, ad_tensor *x, double factor)
{
    return ad_record_one(t, &ad_op_scale, &(const ad_scale_attr){ .factor = factor }, 1, &x);
}

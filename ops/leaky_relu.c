/*
 * leaky_relu - y = x where x > 0, slope * x elsewhere.
 *
 *   dy/dx = 1 where x > 0, slope elsewhere; at 0 the slope of the left branch.
 */
#include "ops/elementwise.h"

static ad_status forward(const ad_call *c)
{
    const ad_leaky_relu_attr *a = c->attr;
    return ad__map(c, ad__element(c)->leaky_relu, (const double[]){ a->slope });
}

static void gradient(ad_grad *g)
{
    const ad_leaky_relu_attr *a = g->attr;
    ad_tensor *gy = g->gout[0];
    g->gin[0] = ad_where(g->tape, g->in[0], gy, ad_scale(g->tape, gy, a->slope));
}

static const ad_attr attrs[] = {
    { "slope", AD_ATTR_FLOAT, offsetof(ad_leaky_relu_attr, slope), 0.01, -1, 1, "gain for x <= 0" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "positive", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "slope=0.2", .lo = 0.1, .hi = 2 },
    { .name = "negative", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "", .lo = -2, .hi = -0.1 },
    { .name = "slope too large", .n_in = 1, .in = { { 1, { 4 } } }, .attr_text = "slope=7", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_leaky_relu = {
    .name = "leaky_relu", .doc = "x where x > 0, slope * x elsewhere", .flags = AD_ELEMENTWISE | AD_CHEAP, .operands = ad__operand_x,
    .attr_size = sizeof(ad_leaky_relu_attr), .attrs = attrs,
    .shape = ad__shape_same, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_leaky_relu(ad_tape *t, ad_tensor *x, double slope)
{
    return ad_record_one(t, &ad_op_leaky_relu, &(const ad_leaky_relu_attr){ .slope = slope }, 1, &x);
}

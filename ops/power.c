/*
 * power - y = x^exponent for a constant exponent; a negative x needs a whole exponent.
 *
 *   dy/dx = exponent * x^(exponent - 1).
 */
#include "ops/elementwise.h"

static ad_status forward(const ad_call *c)
{
    const ad_power_attr *a = c->attr;
    return ad__map(c, ad__element(c)->power, (const double[]){ a->exponent });
}

static void gradient(ad_grad *g)
{
    const ad_power_attr *a = g->attr;
    ad_tensor *slope = ad_scale(g->tape, ad_power(g->tape, g->in[0], a->exponent - 1), a->exponent);
    g->gin[0] = ad_mul(g->tape, g->gout[0], slope);
}

static const ad_attr attrs[] = {
    { "exponent", AD_ATTR_FLOAT, offsetof(ad_power_attr, exponent), .required = true, .doc = "the exponent" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "cube", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "exponent=3", .lo = -2, .hi = -0.3 },
    { .name = "fraction", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "exponent=1.7", .lo = 0.2, .hi = 2 },
    { .name = "inverse root", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "exponent=-0.5", .lo = 0.3, .hi = 2 },
    { .name = "no exponent", .n_in = 1, .in = { { 1, { 4 } } }, .attr_text = "", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_power = {
    .name = "power", .doc = "x to a constant power", .flags = AD_ELEMENTWISE, .operands = ad__operand_x,
    .attr_size = sizeof(ad_power_attr), .attrs = attrs,
    .shape = ad__shape_same, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_power(ad_tape *t, ad_tensor *x, double exponent)
{
    return ad_record_one(t, &ad_op_power, &(const ad_power_attr){ .exponent = exponent }, 1, &x);
}

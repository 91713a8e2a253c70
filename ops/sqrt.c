/*
 * sqrt - y = sqrt(x).
 *
 *   dy/dx = 1 / (2 y).
 */
#include "ops/elementwise.h"

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->sqrt, NULL);
}

static void gradient(ad_grad *g)
{
    g->gin[0] = ad_scale(g->tape, ad_div(g->tape, g->gout[0], g->out[0]), 0.5);
}

static const ad_sample samples[] = {
    { .name = "positive", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = 0.2, .hi = 3 },
    { .name = "small", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = 0.05, .hi = 0.1 },
    { 0 }
};

const ad_op ad_op_sqrt = {
    .name = "sqrt", .doc = "square root", .flags = AD_ELEMENTWISE, .operands = ad__operand_x,
    .shape = ad__shape_same, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_sqrt(ad_tape *t, ad_tensor *x)
{
    return ad_record_one(t, &ad_op_sqrt, NULL, 1, &x);
}

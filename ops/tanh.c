/*
 * tanh - y = tanh x.
 *
 *   dy/dx = 1 - y^2.
 */
#include "ops/elementwise.h"

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->tanh, NULL);
}

static void gradient(ad_grad *g)
{
    ad_tensor *slope = ad_shift(g->tape, ad_neg(g->tape, ad_square(g->tape, g->out[0])), 1);
    g->gin[0] = ad_mul(g->tape, g->gout[0], slope);
}

static const ad_sample samples[] = {
    { .name = "matrix", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = -2, .hi = 2 },
    { .name = "scalar", .n_in = 1, .in = { { 0 } }, .lo = -2, .hi = 2 },
    { 0 }
};

const ad_op ad_op_tanh = {
    .name = "tanh", .doc = "hyperbolic tangent", .flags = AD_ELEMENTWISE, .operands = ad__operand_x,
    .shape = ad__shape_same, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_tanh(ad_tape *t, ad_tensor *x)
{
    return ad_record_one(t, &ad_op_tanh, NULL, 1, &x);
}

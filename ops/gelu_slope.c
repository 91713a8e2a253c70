/*
 * gelu_slope - y = Phi(x) + x phi(x), the derivative of gelu; phi(x) = e^(-x^2/2) / sqrt(2 pi), Phi its integral.
 *
 *   dy/dx = (2 - x^2) phi(x).
 */
#include "ops/elementwise.h"

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->gelu_slope, NULL);
}

static void gradient(ad_grad *g)
{
    ad_tensor *x = g->in[0], *square = ad_square(g->tape, x);
    ad_tensor *phi = ad_scale(g->tape, ad_exp(g->tape, ad_scale(g->tape, square, -0.5)), 0.39894228040143267794);
    ad_tensor *slope = ad_mul(g->tape, ad_shift(g->tape, ad_neg(g->tape, square), 2), phi);
    g->gin[0] = ad_mul(g->tape, g->gout[0], slope);
}

static const ad_sample samples[] = {
    { .name = "matrix", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = -3, .hi = 3 },
    { .name = "scalar", .n_in = 1, .in = { { 0 } }, .lo = -3, .hi = 3 },
    { 0 }
};

const ad_op ad_op_gelu_slope = {
    .name = "gelu_slope", .doc = "derivative of gelu", .flags = AD_ELEMENTWISE, .operands = ad__operand_x,
    .shape = ad__shape_same, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_gelu_slope(ad_tape *t, ad_tensor *x)
{
    return ad_record_one(t, &ad_op_gelu_slope, NULL, 1, &x);
}

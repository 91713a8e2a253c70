/*
 * sigmoid - y = 1 / (1 + e^-x).
 *
 *   dy/dx = y (1 - y).
 */
#include "ops/elementwise.h"

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->sigmoid, NULL);
}

static void gradient(ad_grad *g)
{
    ad_tensor *y = g->out[0], *slope = ad_sub(g->tape, y, ad_square(g->tape, y));
    g->gin[0] = ad_mul(g->tape, g->gout[0], slope);
}

static const ad_sample samples[] = {
    { .name = "matrix", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = -3, .hi = 3 },
    { .name = "scalar", .n_in = 1, .in = { { 0 } }, .lo = -3, .hi = 3 },
    { 0 }
};

const ad_op ad_op_sigmoid = {
    .name = "sigmoid", .doc = "1 / (1 + e^-x)", .flags = AD_ELEMENTWISE, .operands = ad__operand_x,
    .shape = ad__shape_same, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_sigmoid(ad_tape *t, ad_tensor *x)
{
    return ad_record_one(t, &ad_op_sigmoid, NULL, 1, &x);
}

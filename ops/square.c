/*
 * square - y = x^2.
 *
 *   dy/dx = 2 x.
 */
#include "ops/elementwise.h"

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->square, NULL);
}

static void gradient(ad_grad *g)
{
    g->gin[0] = ad_scale(g->tape, ad_mul(g->tape, g->gout[0], g->in[0]), 2);
}

static const ad_sample samples[] = {
    { .name = "matrix", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = -2, .hi = 2 },
    { .name = "scalar", .n_in = 1, .in = { { 0 } }, .lo = -2, .hi = 2 },
    { 0 }
};

const ad_op ad_op_square = {
    .name = "square", .doc = "x * x", .flags = AD_ELEMENTWISE | AD_CHEAP, .operands = ad__operand_x,
    .shape = ad__shape_same, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_square(ad_tape *t, ad_tensor *x)
{
    return ad_record_one(t, &ad_op_square, NULL, 1, &x);
}

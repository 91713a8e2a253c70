/*
 * expm1 - y = e^x - 1, exact near 0.
 *
 *   dy/dx = y + 1.
 */
#include "ops/elementwise.h"

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->expm1, NULL);
}

static void gradient(ad_grad *g)
{
    g->gin[0] = ad_mul(g->tape, g->gout[0], ad_shift(g->tape, g->out[0], 1));
}

static const ad_sample samples[] = {
    { .name = "matrix", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = -2, .hi = 2 },
    { .name = "scalar", .n_in = 1, .in = { { 0 } }, .lo = -2, .hi = 2 },
    { 0 }
};

const ad_op ad_op_expm1 = {
    .name = "expm1", .doc = "e^x - 1, exact near 0", .flags = AD_ELEMENTWISE, .operands = ad__operand_x,
    .shape = ad__shape_same, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_expm1(ad_tape *t, ad_tensor *x)
{
    return ad_record_one(t, &ad_op_expm1, NULL, 1, &x);
}

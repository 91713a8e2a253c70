/*
 * neg - y = -x.
 *
 *   dy/dx = -1.
 */
#include "ops/elementwise.h"

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->neg, NULL);
}

static void gradient(ad_grad *g)
{
    g->gin[0] = ad_neg(g->tape, g->gout[0]);
}

static const ad_sample samples[] = {
    { .name = "matrix", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = -1, .hi = 1 },
    { .name = "scalar", .n_in = 1, .in = { { 0 } }, .lo = -1, .hi = 1 },
    { 0 }
};

const ad_op ad_op_neg = {
    .name = "neg", .doc = "-x", .flags = AD_ELEMENTWISE | AD_CHEAP, .operands = ad__operand_x,
    .shape = ad__shape_same, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_neg(ad_tape *t, ad_tensor *x)
{
    return ad_record_one(t, &ad_op_neg, NULL, 1, &x);
}

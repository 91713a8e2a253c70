/*
 * relu - y = max(x, 0); a NaN stays one.
 *
 *   dy/dx = 1 where x > 0, else 0. The rule reads y, which is positive where x is, so x need not be kept.
 */
#include "ops/elementwise.h"

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->relu, NULL);
}

static void gradient(ad_grad *g)
{
    g->gin[0] = ad_where(g->tape, g->out[0], g->gout[0], ad_scalar(g->tape, 0));
}

static const ad_sample samples[] = {
    { .name = "positive", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = 0.1, .hi = 2 },
    { .name = "negative", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = -2, .hi = -0.1 },
    { 0 }
};

const ad_op ad_op_relu = {
    .name = "relu", .doc = "max(x, 0)", .flags = AD_ELEMENTWISE | AD_CHEAP, .operands = ad__operand_x,
    .shape = ad__shape_same, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_relu(ad_tape *t, ad_tensor *x)
{
    return ad_record_one(t, &ad_op_relu, NULL, 1, &x);
}

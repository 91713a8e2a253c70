/*
 * reciprocal - y = 1 / x.
 *
 *   dy/dx = -y^2.
 */
#include "ops/elementwise.h"

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->reciprocal, NULL);
}

static void gradient(ad_grad *g)
{
    g->gin[0] = ad_neg(g->tape, ad_mul(g->tape, g->gout[0], ad_square(g->tape, g->out[0])));
}

static const ad_sample samples[] = {
    { .name = "positive", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = 0.3, .hi = 3 },
    { .name = "negative", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = -3, .hi = -0.3 },
    { 0 }
};

const ad_op ad_op_reciprocal = {
    .name = "reciprocal", .doc = "1 / x", .flags = AD_ELEMENTWISE, .operands = ad__operand_x,
    .shape = ad__shape_same, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_reciprocal(ad_tape *t, ad_tensor *x)
{
    return ad_record_one(t, &ad_op_reciprocal, NULL, 1, &x);
}

/*
 * abs - y = |x|.
 *
 *   dy/dx = sign(x), 0 at 0.
 */
#include "ops/elementwise.h"

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->abs, NULL);
}

static void gradient(ad_grad *g)
{
    g->gin[0] = ad_mul(g->tape, g->gout[0], ad_sign(g->tape, g->in[0]));
}

static const ad_sample samples[] = {
    { .name = "positive", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = 0.1, .hi = 2 },
    { .name = "negative", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = -2, .hi = -0.1 },
    { 0 }
};

const ad_op ad_op_abs = {
    .name = "abs", .doc = "absolute value", .flags = AD_ELEMENTWISE | AD_CHEAP, .operands = ad__operand_x,
    .shape = ad__shape_same, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_abs(ad_tape *t, ad_tensor *x)
{
    return ad_record_one(t, &ad_op_abs, NULL, 1, &x);
}

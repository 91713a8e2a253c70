/*
 * cos - y = cos x.
 *
 *   dy/dx = -sin x.
 */
#include "ops/elementwise.h"

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->cos, NULL);
}

static void gradient(ad_grad *g)
{
    g->gin[0] = ad_neg(g->tape, ad_mul(g->tape, g->gout[0], ad_sin(g->tape, g->in[0])));
}

static const ad_sample samples[] = {
    { .name = "matrix", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = -3, .hi = 3 },
    { .name = "scalar", .n_in = 1, .in = { { 0 } }, .lo = -3, .hi = 3 },
    { 0 }
};

const ad_op ad_op_cos = {
    .name = "cos", .doc = "cosine", .flags = AD_ELEMENTWISE, .operands = ad__operand_x,
    .shape = ad__shape_same, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_cos(ad_tape *t, ad_tensor *x)
{
    return ad_record_one(t, &ad_op_cos, NULL, 1, &x);
}

/*
 * sin - y = sin x.
 *
 *   dy/dx = cos x.
 */
#include "ops/elementwise.h"

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->sin, NULL);
}

static void gradient(ad_grad *g)
{
    g->gin[0] = ad_mul(g->tape, g->gout[0], ad_cos(g->tape, g->in[0]));
}

static const ad_sample samples[] = {
    { .name = "matrix", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = -3, .hi = 3 },
    { .name = "scalar", .n_in = 1, .in = { { 0 } }, .lo = -3, .hi = 3 },
    { 0 }
};

const ad_op ad_op_sin = {
    .name = "sin", .doc = "sine", .flags = AD_ELEMENTWISE, .operands = ad__operand_x,
    .shape = ad__shape_same, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_sin(ad_tape *t, ad_tensor *x)
{
    return ad_record_one(t, &ad_op_sin, NULL, 1, &x);
}

/*
 * rsqrt - y = 1 / sqrt(x).
 *
 *   dy/dx = -y^3 / 2.
 */
#include "ops/elementwise.h"

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->rsqrt, NULL);
}

static void gradient(ad_grad *g)
{
    ad_tensor *y = g->out[0], *y3 = ad_mul(g->tape, ad_square(g->tape, y), y);
    g->gin[0] = ad_scale(g->tape, ad_mul(g->tape, g->gout[0], y3), -0.5);
}

static const ad_sample samples[] = {
    { .name = "positive", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = 0.2, .hi = 3 },
    { .name = "large", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = 10, .hi = 20 },
    { 0 }
};

const ad_op ad_op_rsqrt = {
    .name = "rsqrt", .doc = "1 / sqrt(x)", .flags = AD_ELEMENTWISE, .operands = ad__operand_x,
    .shape = ad__shape_same, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_rsqrt(ad_tape *t, ad_tensor *x)
{
    return ad_record_one(t, &ad_op_rsqrt, NULL, 1, &x);
}

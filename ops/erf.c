/*
 * erf - y = erf x = 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x.
 *
 *   dy/dx = 2 / sqrt(pi) e^(-x^2).
 */
#include "ops/elementwise.h"

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->erf, NULL);
}

static void gradient(ad_grad *g)
{
    ad_tensor *slope = ad_scale(g->tape, ad_exp(g->tape, ad_neg(g->tape, ad_square(g->tape, g->in[0]))), 1.12837916709551257390);
    g->gin[0] = ad_mul(g->tape, g->gout[0], slope);
}

static const ad_sample samples[] = {
    { .name = "matrix", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = -2, .hi = 2 },
    { .name = "scalar", .n_in = 1, .in = { { 0 } }, .lo = -2, .hi = 2 },
    { 0 }
};

const ad_op ad_op_erf = {
    .name = "erf", .doc = "error function", .flags = AD_ELEMENTWISE, .operands = ad__operand_x,
    .shape = ad__shape_same, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_erf(ad_tape *t, ad_tensor *x)
{
    return ad_record_one(t, &ad_op_erf, NULL, 1, &x);
}

/*
 * log - y = ln x.
 *
 *   dy/dx = 1 / x.
 */
#include "ops/elementwise.h"

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->log, NULL);
}

static void gradient(ad_grad *g)
{
    g->gin[0] = ad_div(g->tape, g->gout[0], g->in[0]);
}

static const ad_sample samples[] = {
    { .name = "positive", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = 0.2, .hi = 3 },
    { .name = "small", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = 0.01, .hi = 0.05 },
    { 0 }
};

const ad_op ad_op_log = {
    .name = "log", .doc = "natural logarithm", .flags = AD_ELEMENTWISE, .operands = ad__operand_x,
    .shape = ad__shape_same, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_log(ad_tape *t, ad_tensor *x)
{
    return ad_record_one(t, &ad_op_log, NULL, 1, &x);
}

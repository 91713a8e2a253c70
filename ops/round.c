/*
 * round - y = the whole number nearest to x; halves go to the even one.
 *
 *   The derivative is 0 wherever it exists, so the gradient ends here.
 */
#include "ops/elementwise.h"

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->round, NULL);
}

static const ad_sample samples[] = {
    { .name = "between", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = 0.6, .hi = 1.4 },
    { 0 }
};

const ad_op ad_op_round = {
    .name = "round", .doc = "nearest whole number, halves to even", .flags = AD_ELEMENTWISE | AD_STOPS_GRADIENT,
    .operands = ad__operand_x,
    .shape = ad__shape_same, .forward = forward, .samples = samples,
};

ad_tensor *ad_round(ad_tape *t, ad_tensor *x)
{
    return ad_record_one(t, &ad_op_round, NULL, 1, &x);
}

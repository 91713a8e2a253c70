/*
 * floor - y = the largest whole number not above x.
 *
 *   The derivative is 0 wherever it exists, so the gradient ends here.
 */
#include "ops/elementwise.h"

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->floor, NULL);
}

static const ad_sample samples[] = {
    { .name = "several steps", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = -3, .hi = 3 },
    { .name = "between", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = 0.1, .hi = 0.9 },
    { 0 }
};

const ad_op ad_op_floor = {
    .name = "floor", .doc = "largest whole number not above x", .flags = AD_ELEMENTWISE | AD_STOPS_GRADIENT,
    .operands = ad__operand_x,
    .shape = ad__shape_same, .forward = forward, .samples = samples,
};

ad_tensor *ad_floor(ad_tape *t, ad_tensor *x)
{
    return ad_record_one(t, &ad_op_floor, NULL, 1, &x);
}

/*
 * is_positive - y = 1 where x > 0, else 0.
 *
 *   The derivative is 0 wherever it exists, so the gradient ends here.
 */
#include "ops/elementwise.h"

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->is_positive, NULL);
}

static const ad_sample samples[] = {
    { .name = "positive", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = 0.1, .hi = 2 },
    { .name = "negative", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = -2, .hi = -0.1 },
    { 0 }
};

const ad_op ad_op_is_positive = {
    .name = "is_positive", .doc = "1 where x > 0, else 0", .flags = AD_ELEMENTWISE | AD_CHEAP | AD_STOPS_GRADIENT, .operands = ad__operand_x,
    .shape = ad__shape_same, .forward = forward, .samples = samples,
};

ad_tensor *ad_is_positive(ad_tape *t, ad_tensor *x)
{
    return ad_record_one(t, &ad_op_is_positive, NULL, 1, &x);
}

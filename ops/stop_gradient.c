/*
 * stop_gradient - x itself; no gradient goes through it.
 */
#include "ops/elementwise.h"

static const ad_sample samples[] = {
    { .name = "matrix", .n_in = 1, .in = { { 2, { 3, 5 } } }, .no_gradient = 1 },
    { 0 }
};

const ad_op ad_op_stop_gradient = {
    .name = "stop_gradient", .doc = "x; no gradient goes through it", .flags = AD_ALIAS | AD_STOPS_GRADIENT,
    .operands = ad__operand_x,
    .shape = ad__shape_same, .samples = samples,
};

ad_tensor *ad_stop_gradient(ad_tape *t, ad_tensor *x)
{
    return ad_record_one(t, &ad_op_stop_gradient, NULL, 1, &x);
}

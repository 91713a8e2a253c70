/*
 * silu - y = x sigmoid(x).
 *
 *   Composite: sigmoid, mul.
 */
#include "ops/elementwise.h"

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    out[0] = ad_mul(t, in[0], ad_sigmoid(t, in[0]));
}

static const ad_sample samples[] = {
    { .name = "matrix", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = -3, .hi = 3 },
    { 0 }
};

const ad_op ad_op_silu = {
    .name = "silu", .doc = "x sigmoid(x)", .operands = ad__operand_x, .shape = ad__shape_same, .expand = expand, .samples = samples,
};

ad_tensor *ad_silu(ad_tape *t, ad_tensor *x)
{
    return ad_record_one(t, &ad_op_silu, NULL, 1, &x);
}

/*
 * equal - y = 1 where a == b, else 0, broadcast.
 *
 *   The derivative is 0 wherever it exists, so the gradient ends here.
 */
#include "ops/elementwise.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    return ad__shape_broadcast(e, "equal", n_in, in, out);
}

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->equal, NULL);
}

static const ad_sample samples[] = {
    { .name = "same shape", .n_in = 2, .in = { { 2, { 3, 5 } }, { 2, { 3, 5 } } } },
    { .name = "number", .n_in = 2, .in = { { 2, { 3, 5 } }, { 0 } } },
    { .name = "last axis", .n_in = 2, .in = { { 3, { 2, 3, 4 } }, { 1, { 4 } } } },
    { .name = "crossed", .n_in = 2, .in = { { 3, { 2, 1, 4 } }, { 2, { 3, 1 } } } },
    /* The range holds one single-precision number. */
    { .name = "all equal", .n_in = 2, .in = { { 2, { 3, 5 } }, { 2, { 3, 5 } } }, .lo = 0.5, .hi = 0.5 + 1e-12 },
    { .name = "unequal", .n_in = 2, .in = { { 2, { 3, 5 } }, { 2, { 3, 4 } } }, .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_equal = {
    .name = "equal", .doc = "1 where a == b, else 0", .flags = AD_ELEMENTWISE | AD_STOPS_GRADIENT, .operands = ad__operands_ab,
    .shape = shape, .forward = forward, .samples = samples,
};

ad_tensor *ad_equal(ad_tape *t, ad_tensor *a, ad_tensor *b)
{
    return ad_record_one(t, &ad_op_equal, NULL, 2, (ad_tensor *const[]){ a, b });
}

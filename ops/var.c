/*
 * var - the variance over a set of axes: the mean of (x - mean)^2, or with `unbiased` its sum divided by n - 1.
 *
 *   Composite, in two passes: the one-pass form loses digits where the mean is large beside the spread.
 */
#include "ops/reduce.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    return ad__shape_reduce(e, "var", attr, &in[0], out);
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    const ad_reduce_attr *a = attr;
    ad_tensor *x = in[0], *away = ad_sub(t, x, ad_mean(t, x, &a->axes, true));
    int64_t n = ad__reduced_count(ad_tensor_shape(x), &a->axes);
    out[0] = ad_scale(t, ad_sum(t, ad_square(t, away), &a->axes, a->keep), 1.0 / (double)(a->unbiased && n > 1 ? n - 1 : n));
}

static const ad_attr attrs[] = {
    { "axes", AD_ATTR_INTS, offsetof(ad_reduce_attr, axes), .lo = -AD_MAX_RANK, .hi = AD_MAX_RANK - 1, .empty = true, .doc = "the axes; all if not given" },
    { "keep", AD_ATTR_BOOL, offsetof(ad_reduce_attr, keep), 0, .doc = "leave the axes with size 1" },
    { "unbiased", AD_ATTR_BOOL, offsetof(ad_reduce_attr, unbiased), 0, .doc = "divide by n - 1" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "all", .n_in = 1, .in = { { 2, { 3, 5 } } } },
    { .name = "last axis", .n_in = 1, .in = { { 3, { 2, 3, 19 } } }, .attr_text = "axes=-1" },
    { .name = "columns", .n_in = 1, .in = { { 3, { 3, 2, 5 } } }, .attr_text = "axes=[0,1], keep=true" },
    { .name = "middle", .n_in = 1, .in = { { 4, { 2, 3, 2, 4 } } }, .attr_text = "axes=[1,2]" },
    { .name = "apart", .n_in = 1, .in = { { 5, { 2, 3, 2, 3, 2 } } }, .attr_text = "axes=[0,2,4]" },
    { .name = "unbiased", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axes=1, unbiased=true" },
    { .name = "no such axis", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axes=2", .want = AD_ESHAPE },
    { .name = "axis twice", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axes=[1,-1]", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_var = {
    .name = "var", .doc = "variance over a set of axes", .operands = ad__operand_x,
    .attr_size = sizeof(ad_reduce_attr), .attrs = attrs, .shape = shape, .expand = expand, .samples = samples,
};

ad_tensor *ad_var(ad_tape *t, ad_tensor *x, const ad_ints *axes, bool keep, bool unbiased)
{
    const ad_reduce_attr attr = { .axes = axes ? *axes : (ad_ints){ 0 }, .keep = keep, .unbiased = unbiased };
    return ad_record_one(t, &ad_op_var, &attr, 1, &x);
}

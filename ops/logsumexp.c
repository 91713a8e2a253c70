/*
 * logsumexp - ln of the sum of e^x over a set of axes.
 *
 *   Composite: m + ln sum e^(x - m) with m the largest x, through which no gradient needs to go (docs/derivations/softmax.md).
 */
#include "ops/reduce.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    return ad__shape_reduce(e, "logsumexp", attr, &in[0], out);
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    const ad_reduce_attr *a = attr;
    ad_tensor *x = in[0], *m = ad_stop_gradient(t, ad_max(t, x, &a->axes, true));
    ad_tensor *rest = ad_log(t, ad_sum(t, ad_exp(t, ad_sub(t, x, m)), &a->axes, a->keep));
    out[0] = ad_add(t, rest, a->keep || !rest ? m : ad_reshape(t, m, ad_tensor_shape(rest)));
}

static const ad_sample samples[] = {
    { .name = "all", .n_in = 1, .in = { { 2, { 3, 5 } } } },
    { .name = "last axis", .n_in = 1, .in = { { 3, { 2, 3, 19 } } }, .attr_text = "axes=-1" },
    { .name = "columns", .n_in = 1, .in = { { 3, { 3, 2, 5 } } }, .attr_text = "axes=[0,1], keep=true" },
    { .name = "middle", .n_in = 1, .in = { { 4, { 2, 3, 2, 4 } } }, .attr_text = "axes=[1,2]" },
    { .name = "apart", .n_in = 1, .in = { { 5, { 2, 3, 2, 3, 2 } } }, .attr_text = "axes=[0,2,4]" },
    { .name = "a number", .n_in = 1, .in = { { 0 } } },
    { .name = "no such axis", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axes=2", .want = AD_ESHAPE },
    { .name = "axis twice", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axes=[1,-1]", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_logsumexp = {
    .name = "logsumexp", .doc = "ln of the sum of e^x over a set of axes", .operands = ad__operand_x,
    .attr_size = sizeof(ad_reduce_attr), .attrs = ad__reduce_attrs, .shape = shape, .expand = expand, .samples = samples,
};

ad_tensor *ad_logsumexp(ad_tape *t, ad_tensor *x, const ad_ints *axes, bool keep)
{
    return ad_record_one(t, &ad_op_logsumexp, &(const ad_reduce_attr){ .axes = axes ? *axes : (ad_ints){ 0 }, .keep = keep }, 1,
                         &x);
}

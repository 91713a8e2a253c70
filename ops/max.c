/*
 * max - the largest number over a set of axes; a NaN among them is the result.
 *
 *   The adjoint goes to the elements that equal the result, in equal parts where there are several (docs/derivations/selection.md).
 */
#include "ops/reduce.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    return ad__shape_reduce(e, "max", attr, &in[0], out);
}

static ad_status forward(const ad_call *c)
{
    const ad_element_kernels *k = ad__element(c);
    return ad__reduce_axes(c, &(ad__fold){ k->largest, k->largest_columns, k->maximum });
}

static void gradient(ad_grad *g)
{
    const ad_reduce_attr *a = g->attr;
    ad_tape *t = g->tape;
    ad_tensor *x = g->in[0], *there = ad_equal(t, x, ad__spread(t, g->out[0], x, &a->axes));
    ad_tensor *share = ad_div(t, g->gout[0], ad_sum(t, there, &a->axes, a->keep));
    g->gin[0] = ad_mul(t, there, ad__spread(t, share, x, &a->axes));
}

/* Distinct values: at a tie the derivative is not defined, and differences across one mean nothing. */
static const ad_sample samples[] = {
    { .name = "all", .n_in = 1, .in = { { 2, { 3, 5 } } }, .distinct = true },
    { .name = "last axis", .n_in = 1, .in = { { 3, { 2, 3, 19 } } }, .attr_text = "axes=-1", .distinct = true },
    { .name = "columns", .n_in = 1, .in = { { 3, { 3, 2, 5 } } }, .attr_text = "axes=[0,1], keep=true", .distinct = true },
    { .name = "middle", .n_in = 1, .in = { { 4, { 2, 3, 2, 4 } } }, .attr_text = "axes=[1,2]", .distinct = true },
    { .name = "apart", .n_in = 1, .in = { { 5, { 2, 3, 2, 3, 2 } } }, .attr_text = "axes=[0,2,4]", .distinct = true },
    { .name = "a number", .n_in = 1, .in = { { 0 } }, .distinct = true },
    { .name = "no such axis", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axes=2", .want = AD_ESHAPE },
    { .name = "axis twice", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axes=[1,-1]", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_max = {
    .name = "max", .doc = "largest number over a set of axes", .operands = ad__operand_x,
    .attr_size = sizeof(ad_reduce_attr), .attrs = ad__reduce_attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .scratch = ad__scratch_reduce, .samples = samples,
};

ad_tensor *ad_max(ad_tape *t, ad_tensor *x, const ad_ints *axes, bool keep)
{
    return ad_record_one(t, &ad_op_max, &(const ad_reduce_attr){ .axes = axes ? *axes : (ad_ints){ 0 }, .keep = keep }, 1, &x);
}

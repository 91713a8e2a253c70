/*
 * sum - the sum over a set of axes.
 *
 *   The adjoint is spread over the summed axes. The order of the additions depends on the shape alone (reduce.c).
 */
#include "ops/reduce.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    return ad__shape_reduce(e, "sum", attr, &in[0], out);
}

static ad_status forward(const ad_call *c)
{
    const ad_element_kernels *k = ad__element(c);
    return ad__reduce_axes(c, &(ad__fold){ k->sum, k->sum_columns, k->add });
}

static void gradient(ad_grad *g)
{
    const ad_reduce_attr *a = g->attr;
    g->gin[0] = ad__spread(g->tape, g->gout[0], g->in[0], &a->axes);
}

static const ad_sample samples[] = {
    { .name = "all", .n_in = 1, .in = { { 2, { 3, 5 } } } },
    { .name = "last axis", .n_in = 1, .in = { { 3, { 2, 3, 19 } } }, .attr_text = "axes=-1" },
    { .name = "columns", .n_in = 1, .in = { { 3, { 3, 2, 5 } } }, .attr_text = "axes=[0,1], keep=true" },
    { .name = "middle", .n_in = 1, .in = { { 4, { 2, 3, 2, 4 } } }, .attr_text = "axes=[1,2]" },
    { .name = "apart", .n_in = 1, .in = { { 5, { 2, 3, 2, 3, 2 } } }, .attr_text = "axes=[0,2,4]" },
    { .name = "a number", .n_in = 1, .in = { { 0 } } },
    { .name = "several chunks", .n_in = 1, .in = { { 3, { 2, 150, 2 } } }, .attr_text = "axes=1" },
    { .name = "no such axis", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axes=2", .want = AD_ESHAPE },
    { .name = "axis twice", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axes=[1,-1]", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_sum = {
    .name = "sum", .doc = "sum over a set of axes", .operands = ad__operand_x,
    .attr_size = sizeof(ad_reduce_attr), .attrs = ad__reduce_attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .scratch = ad__scratch_reduce, .samples = samples,
};

ad_tensor *ad_sum(ad_tape *t, ad_tensor *x, const ad_ints *axes, bool keep)
{
    return ad_record_one(t, &ad_op_sum, &(const ad_reduce_attr){ .axes = axes ? *axes : (ad_ints){ 0 }, .keep = keep }, 1, &x);
}

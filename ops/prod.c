/*
 * prod - the product over a set of axes.
 *
 *   Composite: the axes side by side, then the last of their running products; the product of no numbers is 1. Nothing is divided,
 *   so zeros among x have exact gradients.
 */
#include "ops/reduce.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    return ad__shape_reduce(e, "prod", attr, &in[0], out);
}

/* x with the reduced axes last, as [.., K]. */
static ad_tensor *side_by_side(ad_tape *t, ad_tensor *x, const bool *reduced)
{
    const ad_shape *s = ad_tensor_shape(x);
    ad_shape flat = { 0 };
    int axes[AD_MAX_RANK], n = 0;
    int64_t size = 1;
    for (int i = 0; i < s->rank; i++)
        if (!reduced[i]) {
            flat.dim[flat.rank++] = s->dim[i];
            axes[n++] = i;
        }
    for (int i = 0; i < s->rank; i++)
        if (reduced[i]) {
            size *= s->dim[i];
            axes[n++] = i;
        }
    flat.dim[flat.rank++] = size;
    return ad_reshape(t, ad_permute(t, x, axes), &flat);
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    const ad_reduce_attr *a = attr;
    const ad_shape *s = ad_tensor_shape(in[0]);
    ad_shape result;
    bool reduced[AD_MAX_RANK];
    AD_ASSERT_EQ(shape(NULL, attr, 1, s, &result), AD_OK);
    AD_ASSERT_EQ(ad__axes(NULL, "", &a->axes, s, reduced), AD_OK);
    int64_t size = ad__reduced_count(s, &a->axes);
    if (ad_count(s) == 0 && ad_count(&result) > 0) {
        out[0] = ad_fill(t, &result, 1);
        return;
    }
    ad_tensor *x = in[0];
    if (size > 1) x = ad_slice(t, ad_cumprod(t, side_by_side(t, x, reduced), -1), -1, size - 1, 1);
    out[0] = ad_reshape(t, x, &result);
}

static const ad_sample samples[] = {
    { .name = "all", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = 0.5, .hi = 1.5 },
    { .name = "last axis", .n_in = 1, .in = { { 3, { 2, 3, 4 } } }, .attr_text = "axes=-1" },
    { .name = "columns", .n_in = 1, .in = { { 3, { 3, 2, 5 } } }, .attr_text = "axes=[0,1], keep=true" },
    { .name = "apart", .n_in = 1, .in = { { 4, { 2, 3, 2, 2 } } }, .attr_text = "axes=[0,2]" },
    { .name = "axis of one", .n_in = 1, .in = { { 3, { 2, 1, 3 } } }, .attr_text = "axes=1" },
    { .name = "a number", .n_in = 1, .in = { { 0 } } },
    { .name = "no such axis", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axes=2", .want = AD_ESHAPE },
    { .name = "axis twice", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axes=[1,-1]", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_prod = {
    .name = "prod", .doc = "product over a set of axes", .operands = ad__operand_x,
    .attr_size = sizeof(ad_reduce_attr), .attrs = ad__reduce_attrs, .shape = shape, .expand = expand, .samples = samples,
};

ad_tensor *ad_prod(ad_tape *t, ad_tensor *x, const ad_ints *axes, bool keep)
{
    return ad_record_one(t, &ad_op_prod, &(const ad_reduce_attr){ .axes = axes ? *axes : (ad_ints){ 0 }, .keep = keep }, 1, &x);
}

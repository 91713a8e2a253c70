/*
 * broadcast_to - repeats x along new axes and axes of size 1, as NumPy does.
 *
 *   The adjoint is summed back (sum_to).
 */
#include "ops/elementwise.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_shape_attr *a = attr;
    const ad_ints *want = &a->shape;
    bool fits = want->n >= in[0].rank;
    for (int i = 1; fits && i <= in[0].rank; i++)
        fits = want->v[want->n - i] == in[0].dim[in[0].rank - i] || in[0].dim[in[0].rank - i] == 1;
    out->dtype = in[0].dtype;
    out->rank = want->n;
    for (int i = 0; i < want->n; i++)
        out->dim[i] = want->v[i];
    if (!fits) {
        char text[2][AD_SHAPE_TEXT];
        return AD_FAIL(e, ESHAPE, "broadcast_to: %s cannot become %s; aligned at the end, each size must be equal or 1",
                       ad_shape_text(&in[0], text[0]), ad_shape_text(out, text[1]));
    }
    return AD_OK;
}

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->copy, NULL);
}

static void gradient(ad_grad *g)
{
    g->gin[0] = ad__unbroadcast(g->tape, g->gout[0], g->in[0]);
}

static const ad_attr attrs[] = {
    { "shape", AD_ATTR_INTS, offsetof(ad_shape_attr, shape), .lo = 0, .hi = 1e12, .empty = true, .doc = "the shape of the result" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "vector", .n_in = 1, .in = { { 1, { 4 } } }, .attr_text = "shape=[2,3,4]" },
    { .name = "number", .n_in = 1, .in = { { 0 } }, .attr_text = "shape=[3,5]" },
    { .name = "crossed", .n_in = 1, .in = { { 3, { 3, 1, 4 } } }, .attr_text = "shape=[2,3,2,4]" },
    { .name = "unequal", .n_in = 1, .in = { { 1, { 4 } } }, .attr_text = "shape=[3,5]", .want = AD_ESHAPE },
    { .name = "shorter", .n_in = 1, .in = { { 2, { 1, 5 } } }, .attr_text = "shape=5", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_broadcast_to = {
    .name = "broadcast_to", .doc = "repeats along new axes and axes of size 1", .operands = ad__operand_x,
    .attr_size = sizeof(ad_shape_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_broadcast_to(ad_tape *t, ad_tensor *x, const ad_shape *want)
{
    ad_shape_attr a = { { .n = want->rank } };
    for (int i = 0; i < want->rank; i++)
        a.shape.v[i] = want->dim[i];
    return ad_record_one(t, &ad_op_broadcast_to, &a, 1, &x);
}

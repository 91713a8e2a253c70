/*
 * permute - the axes in another order: axis i of y is axis axes[i] of x.
 *
 *   The adjoint is permuted back.
 */
#include "ops/move.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_axes_attr *a = attr;
    unsigned seen = 0;
    bool fits = a->axes.n == in[0].rank;
    *out = in[0];
    for (int i = 0; fits && i < a->axes.n; i++) {
        int64_t from = a->axes.v[i] < 0 ? a->axes.v[i] + in[0].rank : a->axes.v[i];
        fits = from >= 0 && from < in[0].rank && !(seen & 1u << from);
        if (!fits) break;
        seen |= 1u << from;
        out->dim[i] = in[0].dim[from];
    }
    if (!fits) {
        char text[AD_SHAPE_TEXT];
        return AD_FAIL(e, ESHAPE, "permute: axes of %s: need each of 0 to %d once", ad_shape_text(&in[0], text), in[0].rank - 1);
    }
    return AD_OK;
}

static ad_status forward(const ad_call *c)
{
    const ad_axes_attr *a = c->attr;
    const ad_shape *x = &c->in[0].shape;
    int64_t stride[AD_MAX_RANK];
    ad__box b = ad__box_of(&c->out->shape, &c->out->shape, &c->out->shape);
    ad__strides(x, stride);
    for (int i = 0; i < x->rank; i++)
        b.from_stride[i] = stride[a->axes.v[i] < 0 ? a->axes.v[i] + x->rank : a->axes.v[i]];
    ad__copy_box(c, c->in[0].data, c->out->data, b);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    const ad_axes_attr *a = g->attr;
    int back[AD_MAX_RANK];
    for (int i = 0; i < a->axes.n; i++)
        back[a->axes.v[i] < 0 ? a->axes.v[i] + a->axes.n : a->axes.v[i]] = i;
    g->gin[0] = ad_permute(g->tape, g->gout[0], back);
}

static const ad_attr attrs[] = {
    { "axes", AD_ATTR_INTS, offsetof(ad_axes_attr, axes), .lo = -AD_MAX_RANK, .hi = AD_MAX_RANK - 1, .required = true,
      .doc = "for each axis of the result, the axis of x" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "transpose", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axes=[1,0]" },
    { .name = "to channels first", .n_in = 1, .in = { { 4, { 2, 3, 2, 4 } } }, .attr_text = "axes=[0,3,1,2]" },
    { .name = "windows", .n_in = 1, .in = { { 6, { 2, 2, 3, 2, 2, 3 } } }, .attr_text = "axes=[0,1,3,2,4,-1]" },
    { .name = "axis twice", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axes=[1,1]", .want = AD_ESHAPE },
    { .name = "too few", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axes=[0]", .want = AD_ESHAPE },
    { .name = "no axes", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_permute = {
    .name = "permute", .doc = "the axes in another order", .operands = ad__operand_x,
    .attr_size = sizeof(ad_axes_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_permute(ad_tape *t, ad_tensor *x, const int *axes)
{
    ad_axes_attr a = { { 0 } };
    if (!x) return NULL;
    a.axes.n = ad_tensor_shape(x)->rank;
    for (int i = 0; i < a.axes.n; i++)
        a.axes.v[i] = axes[i];
    return ad_record_one(t, &ad_op_permute, &a, 1, &x);
}

/*
 * concat - tensors joined along one axis, in the order given.
 *
 *   Each adjoint is the slice where its operand lies.
 */
#include "ops/move.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_axis_attr *a = attr;
    int axis = ad__axis(e, "concat", a->axis, in[0].rank);
    if (axis < 0) return AD_ESHAPE;
    *out = in[0];
    for (int k = 1; k < n_in; k++) {
        bool fits = in[k].rank == in[0].rank;
        int bad = -1;
        for (int i = 0; fits && i < in[0].rank; i++)
            if (i != axis && in[k].dim[i] != in[0].dim[i] && bad < 0) bad = i;
        if (!fits || bad >= 0) {
            char text[2][AD_SHAPE_TEXT];
            ad_shape_text(&in[0], text[0]);
            ad_shape_text(&in[k], text[1]);
            if (!fits) return AD_FAIL(e, ESHAPE, "concat: cannot join %s and %s: the ranks differ", text[0], text[1]);
            return AD_FAIL(e, ESHAPE, "concat: cannot join %s and %s along axis %d: sizes differ in axis %d", text[0], text[1],
                           axis, bad);
        }
        out->dim[axis] += in[k].dim[axis];
    }
    return AD_OK;
}

static ad_status forward(const ad_call *c)
{
    const ad_axis_attr *a = c->attr;
    const ad_shape *y = &c->out->shape;
    int axis = ad__axis_at(a->axis, y->rank);
    int64_t at = 0;
    for (int k = 0; k < c->n_in; k++) {
        ad__box b = ad__box_of(&c->in[k].shape, &c->in[k].shape, y);
        b.to = at * b.to_stride[axis];
        if (c->in[k].data) ad__copy_box(c, c->in[k].data, c->out->data, b);
        at += c->in[k].shape.dim[axis];
    }
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    const ad_axis_attr *a = g->attr;
    int rank = ad_tensor_shape(g->out[0])->rank, axis = ad__axis_at(a->axis, rank);
    int64_t at = 0;
    for (int k = 0; k < g->n_in; k++) {
        int64_t size = ad_tensor_shape(g->in[k])->dim[axis];
        if (g->wanted[k]) g->gin[k] = ad_slice(g->tape, g->gout[0], axis, at, size);
        at += size;
    }
}

static int64_t columns(const void *attr, int n_in, const ad_shape *in)
{
    const ad_axis_attr *a = attr;
    return n_in > 1 && ad__axis_at(a->axis, in[0].rank) == in[0].rank - 1 ? 0 : -1;
}

static const ad_attr attrs[] = {
    { "axis", AD_ATTR_INT, offsetof(ad_axis_attr, axis), -1, .lo = -AD_MAX_RANK, .hi = AD_MAX_RANK - 1, .doc = "the axis; negative ones count from the end" },
    { 0 }
};

static const ad_operand operands[] = { { .name = "x", .doc = "one or more" }, { 0 } };

static const ad_sample samples[] = {
    { .name = "channels", .n_in = 3, .in = { { 3, { 2, 3, 4 } }, { 3, { 2, 3, 1 } }, { 3, { 2, 3, 2 } } } },
    { .name = "leading", .n_in = 2, .in = { { 2, { 2, 3 } }, { 2, { 1, 3 } } }, .attr_text = "axis=0" },
    { .name = "alone", .n_in = 1, .in = { { 2, { 2, 3 } } } },
    { .name = "unequal", .n_in = 2, .in = { { 4, { 2, 4, 4, 3 } }, { 4, { 2, 2, 4, 3 } } }, .want = AD_ESHAPE },
    { .name = "other rank", .n_in = 2, .in = { { 2, { 2, 3 } }, { 1, { 3 } } }, .want = AD_ESHAPE },
    { .name = "a number", .n_in = 1, .in = { { 0 } }, .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_concat = {
    .name = "concat", .doc = "joins along one axis", .flags = AD_VARIADIC, .operands = operands,
    .attr_size = sizeof(ad_axis_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .columns = columns, .samples = samples,
};

ad_tensor *ad_concat(ad_tape *t, int n, ad_tensor *const *x, int axis)
{
    return ad_record_one(t, &ad_op_concat, &(const ad_axis_attr){ axis }, n, x);
}

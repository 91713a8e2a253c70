/*
 * slice - `count` places of one axis from `start` on, every `step`-th.
 *
 *   The adjoint is put back among zeros (pad with the same step).
 */
#include "ops/move.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_slice_attr *a = attr;
    int axis = ad__axis(e, "slice", a->axis, in[0].rank);
    if (axis < 0) return AD_ESHAPE;
    int64_t size = in[0].dim[axis], start = a->start < 0 ? a->start + size : a->start;
    if (a->step < 1) return AD_FAIL(e, EATTR, "slice: step=%lld; need at least 1", (long long)a->step);
    int64_t count = a->count < 0 ? (size - start + a->step - 1) / a->step : a->count;
    if (start < 0 || count < 1 || start + (count - 1) * a->step >= size) {
        char text[AD_SHAPE_TEXT];
        return AD_FAIL(e, ESHAPE, "slice: start=%lld, count=%lld, step=%lld leaves axis %d of %s, which has places 0 to %lld",
                       (long long)a->start, (long long)a->count, (long long)a->step, axis, ad_shape_text(&in[0], text),
                           (long long)size - 1);
    }
    *out = in[0];
    out->dim[axis] = count;
    return AD_OK;
}

static ad_status forward(const ad_call *c)
{
    const ad_slice_attr *a = c->attr;
    const ad_shape *x = &c->in[0].shape;
    int axis = ad__axis_at(a->axis, x->rank);
    ad__box b = ad__box_of(&c->out->shape, x, &c->out->shape);
    b.from = (a->start < 0 ? a->start + x->dim[axis] : a->start) * b.from_stride[axis];
    b.from_stride[axis] *= a->step;
    ad__copy_box(c, c->in[0].data, c->out->data, b);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    const ad_slice_attr *a = g->attr;
    const ad_shape *x = ad_tensor_shape(g->in[0]), *y = ad_tensor_shape(g->out[0]);
    int axis = ad__axis_at(a->axis, x->rank);
    int64_t start = a->start < 0 ? a->start + x->dim[axis] : a->start, end = start + (y->dim[axis] - 1) * a->step + 1;
    g->gin[0] = ad_pad_with(g->tape, g->gout[0], &(const ad_pad_attr){ axis, start, x->dim[axis] - end, a->step, 0 });
}

static int64_t columns(const void *attr, int n_in, const ad_shape *in)
{
    const ad_slice_attr *a = attr;
    int last = in[0].rank - 1;
    (void)n_in;
    if (a->step != 1 || ad__axis_at(a->axis, in[0].rank) != last) return -1;
    return a->start < 0 ? a->start + in[0].dim[last] : a->start;
}

static const ad_attr attrs[] = {
    { "axis", AD_ATTR_INT, offsetof(ad_slice_attr, axis), .lo = -AD_MAX_RANK, .hi = AD_MAX_RANK - 1, .required = true,
      .doc = "the axis; negative ones count from the end" },
    { "start", AD_ATTR_INT, offsetof(ad_slice_attr, start), 0, -1e12, 1e12, .doc = "first place; negative: from the end" },
    { "count", AD_ATTR_INT, offsetof(ad_slice_attr, count), -1, -1, 1e12, .doc = "places taken; -1: to the end" },
    { "step", AD_ATTR_INT, offsetof(ad_slice_attr, step), 1, 1, 1e12, .doc = "distance of the places" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "channels", .n_in = 1, .in = { { 3, { 2, 3, 8 } } }, .attr_text = "axis=-1, start=3, count=4" },
    { .name = "leading", .n_in = 1, .in = { { 2, { 4, 3 } } }, .attr_text = "axis=0, start=1" },
    { .name = "every third", .n_in = 1, .in = { { 3, { 2, 8, 3 } } }, .attr_text = "axis=1, start=1, step=3" },
    { .name = "from the end", .n_in = 1, .in = { { 1, { 9 } } }, .attr_text = "axis=0, start=-4, count=2, step=2" },
    { .name = "too long", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axis=1, start=2, count=4", .want = AD_ESHAPE },
    { .name = "no such axis", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axis=2", .want = AD_ESHAPE },
    { .name = "no step", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axis=0, step=0", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_slice = {
    .name = "slice", .doc = "places of one axis", .operands = ad__operand_x,
    .attr_size = sizeof(ad_slice_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .columns = columns, .samples = samples,
};

ad_tensor *ad_slice(ad_tape *t, ad_tensor *x, int axis, int64_t start, int64_t count)
{
    return ad_slice_with(t, x, &(const ad_slice_attr){ axis, start, count, 1 });
}

ad_tensor *ad_slice_with(ad_tape *t, ad_tensor *x, const ad_slice_attr *attr)
{
    return ad_record_one(t, &ad_op_slice, attr, 1, &x);
}

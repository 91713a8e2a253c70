/*
 * pad - x with `before` places in front of one axis and `after` places behind it, filled with `value`. With a step above 1 the
 * places of x lie that far apart, which makes it the adjoint of slice.
 *
 *   The adjoint is the slice where x lies. Two that hold each other's neighbours among zeros sum to their join, padded; so the
 *   adjoints of all slices of a tensor sum to a concat, without a zero filled in or added.
 */
#include "ops/move.h"

extern const ad_op ad_op_concat;

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_pad_attr *a = attr;
    int axis = ad__axis(e, "pad", a->axis, in[0].rank);
    if (axis < 0) return AD_ESHAPE;
    if (a->before < 0 || a->after < 0 || a->step < 1)
        return AD_FAIL(e, EATTR, "pad: before=%lld, after=%lld, step=%lld; need at least 0, 0 and 1", (long long)a->before,
                       (long long)a->after, (long long)a->step);
    if (in[0].dim[axis] < 1) return AD_FAIL(e, ESHAPE, "pad: axis %d is empty", axis);
    *out = in[0];
    out->dim[axis] = a->before + (in[0].dim[axis] - 1) * a->step + 1 + a->after;
    return AD_OK;
}

static ad_status forward(const ad_call *c)
{
    const ad_pad_attr *a = c->attr;
    const ad_shape *x = &c->in[0].shape;
    int axis = ad__axis_at(a->axis, x->rank);
    ad__box b = ad__box_of(x, x, &c->out->shape);
    b.to = a->before * b.to_stride[axis];
    b.to_stride[axis] *= a->step;
    ad__element(c)->fill(ad_count(&c->out->shape), a->value, c->out->data);
    ad__copy_box(c, c->in[0].data, c->out->data, b);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    const ad_pad_attr *a = g->attr;
    const ad_shape *x = ad_tensor_shape(g->in[0]);
    int axis = ad__axis_at(a->axis, x->rank);
    g->gin[0] = ad_slice_with(g->tape, g->gout[0], &(const ad_slice_attr){ axis, a->before, x->dim[axis], a->step });
}

/* Appends x, or what it joins along `axis`; false where that is too much. */
static bool append(ad_tape *t, ad_tensor *x, int axis, int *n, ad_tensor **parts)
{
    ad_record_info r = { 0 };
    ad_tensor *alone[] = { x };
    if (!ad_tape_record(t, ad_tensor_record(x), &r) || r.op != &ad_op_concat
        || ad__axis_at(((const ad_axis_attr *)r.attr)->axis, ad_tensor_shape(x)->rank) != axis)
        r = (ad_record_info){ .n_in = 1, .in = alone };
    if (*n + r.n_in > AD_MAX_INPUTS) return false;
    for (int i = 0; i < r.n_in; i++) parts[(*n)++] = r.in[i];
    return true;
}

static ad_tensor *sum(ad_tape *t, ad_tensor *a, ad_tensor *b)
{
    ad_record_info low, high;
    ad_tensor *parts[AD_MAX_INPUTS];
    int n = 0, rank = ad_tensor_shape(a)->rank;
    if (!ad_tape_record(t, ad_tensor_record(a), &low) || !ad_tape_record(t, ad_tensor_record(b), &high)) return NULL;
    if (((const ad_pad_attr *)low.attr)->before > ((const ad_pad_attr *)high.attr)->before) {
        ad_record_info swap = low;
        low = high;
        high = swap;
    }
    const ad_pad_attr *l = low.attr, *h = high.attr;
    int axis = ad__axis_at(l->axis, rank);
    if (axis != ad__axis_at(h->axis, rank) || l->step != 1 || h->step != 1 || l->value != 0 || h->value != 0) return NULL;
    if (l->before + ad_tensor_shape(low.in[0])->dim[axis] != h->before) return NULL;
    if (!append(t, low.in[0], axis, &n, parts) || !append(t, high.in[0], axis, &n, parts)) return NULL;
    ad_tensor *joined = ad_concat(t, n, parts, axis);
    return l->before || h->after ? ad_pad_with(t, joined, &(const ad_pad_attr){ axis, l->before, h->after, 1, 0 }) : joined;
}

static const ad_attr attrs[] = {
    { "axis", AD_ATTR_INT, offsetof(ad_pad_attr, axis), .lo = -AD_MAX_RANK, .hi = AD_MAX_RANK - 1, .required = true,
      .doc = "the axis; negative ones count from the end" },
    { "before", AD_ATTR_INT, offsetof(ad_pad_attr, before), 0, 0, 1e12, .doc = "places in front" },
    { "after", AD_ATTR_INT, offsetof(ad_pad_attr, after), 0, 0, 1e12, .doc = "places behind" },
    { "step", AD_ATTR_INT, offsetof(ad_pad_attr, step), 1, 1, 1e12, .doc = "distance of the places of x" },
    { "value", AD_ATTR_FLOAT, offsetof(ad_pad_attr, value), 0, .doc = "what fills the new places" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "middle axis", .n_in = 1, .in = { { 3, { 2, 3, 4 } } }, .attr_text = "axis=1, before=1, after=2" },
    { .name = "with a value", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axis=-1, after=3, value=0.5" },
    { .name = "apart", .n_in = 1, .in = { { 2, { 3, 4 } } }, .attr_text = "axis=0, before=1, step=3" },
    { .name = "negative", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axis=0, before=-1", .want = AD_EATTR },
    { .name = "no such axis", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axis=-3", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_pad = {
    .name = "pad", .doc = "new places around one axis", .operands = ad__operand_x,
    .attr_size = sizeof(ad_pad_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .sum = sum, .samples = samples,
};

ad_tensor *ad_pad(ad_tape *t, ad_tensor *x, int axis, int64_t before, int64_t after)
{
    return ad_pad_with(t, x, &(const ad_pad_attr){ axis, before, after, 1, 0 });
}

ad_tensor *ad_pad_with(ad_tape *t, ad_tensor *x, const ad_pad_attr *attr)
{
    return ad_record_one(t, &ad_op_pad, attr, 1, &x);
}

/*
 * argmax - the place of the largest number along one axis, as whole numbers; of equal ones the lowest. The gradient ends here.
 */
#include "ops/move.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_axis_attr *a = attr;
    int axis = ad__axis(e, "argmax", a->axis, in[0].rank);
    if (axis < 0) return AD_ESHAPE;
    if (in[0].dim[axis] < 1) return AD_FAIL(e, ESHAPE, "argmax: axis %d is empty", axis);
    out->dtype = AD_I32;
    out->rank = 0;
    for (int i = 0; i < in[0].rank; i++)
        if (i != axis) out->dim[out->rank++] = in[0].dim[i];
    return AD_OK;
}

static double number(const ad_buffer *b, ad_precision p, int64_t i)
{
    return p == AD_F64 ? ((const double *)b->data)[i] : (double)((const float *)b->data)[i];
}

static ad_status forward(const ad_call *c)
{
    const ad_axis_attr *a = c->attr;
    const ad_shape *x = &c->in[0].shape;
    int axis = ad__axis_at(a->axis, x->rank);
    int64_t stride[AD_MAX_RANK], n = x->dim[axis], results = ad_count(&c->out->shape);
    ad__strides(x, stride);
    for (int64_t i = 0; i < results; i++) {
        int64_t inner = stride[axis], first = i / inner * n * inner + i % inner, best = 0;
        for (int64_t k = 1; k < n; k++)
            if (number(c->in, c->precision, first + k * inner) > number(c->in, c->precision, first + best * inner)) best = k;
        ((int32_t *)c->out->data)[i] = (int32_t)best;
    }
    return AD_OK;
}

static const ad_attr attrs[] = {
    { "axis", AD_ATTR_INT, offsetof(ad_axis_attr, axis), -1, .lo = -AD_MAX_RANK, .hi = AD_MAX_RANK - 1, .doc = "the axis; negative ones count from the end" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "classes", .n_in = 1, .in = { { 3, { 2, 3, 4 } } }, .distinct = true },
    { .name = "first axis", .n_in = 1, .in = { { 3, { 3, 2, 2 } } }, .attr_text = "axis=0", .distinct = true },
    { .name = "no such axis", .n_in = 1, .in = { { 1, { 4 } } }, .attr_text = "axis=1", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_argmax = {
    .name = "argmax", .doc = "place of the largest number along one axis", .flags = AD_STOPS_GRADIENT, .operands = ad__operand_x,
    .attr_size = sizeof(ad_axis_attr), .attrs = attrs, .shape = shape, .forward = forward, .samples = samples,
};

ad_tensor *ad_argmax(ad_tape *t, ad_tensor *x, int axis)
{
    return ad_record_one(t, &ad_op_argmax, &(const ad_axis_attr){ axis }, 1, &x);
}

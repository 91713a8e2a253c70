/*
 * cumprod - running products along one axis: y_i = x_0 .. x_i.
 *
 *   Composite: the recurrence y_i = x_i y_(i-1) that begins with x_0. Nothing is divided, so zeros among x have exact gradients.
 */
#include "ops/along.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    return ad__shape_along(e, "cumprod", ((const ad_axis_attr *)attr)->axis, &in[0], out);
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    const ad_axis_attr *a = attr;
    ad_tensor *x = in[0], *first = x;
    ad__lines l = ad__lines_of(ad_tensor_shape(x), a->axis);
    if (l.size > 1) first = ad_pad(t, ad_slice(t, x, (int)a->axis, 0, 1), (int)a->axis, 0, l.size - 1);
    out[0] = ad_recurrence(t, x, first, (int)a->axis, false);
}

static const ad_attr attrs[] = {
    { "axis", AD_ATTR_INT, offsetof(ad_axis_attr, axis), -1, .lo = -AD_MAX_RANK, .hi = AD_MAX_RANK - 1, .doc = "the axis; negative ones count from the end" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "rows", .n_in = 1, .in = { { 2, { 3, 5 } } } },
    { .name = "columns", .n_in = 1, .in = { { 2, { 4, 3 } } }, .attr_text = "axis=0" },
    { .name = "one", .n_in = 1, .in = { { 2, { 3, 1 } } } },
    { .name = "no such axis", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axis=2", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_cumprod = {
    .name = "cumprod", .doc = "running products along one axis", .operands = ad__operand_x,
    .attr_size = sizeof(ad_axis_attr), .attrs = attrs, .shape = shape, .expand = expand, .samples = samples,
};

ad_tensor *ad_cumprod(ad_tape *t, ad_tensor *x, int axis)
{
    return ad_record_one(t, &ad_op_cumprod, &(const ad_axis_attr){ axis }, 1, &x);
}

/*
 * sort - the numbers along one axis in order, and where each was. Equal numbers stay in the order of their places; NaNs come last.
 *
 *   The adjoint goes back to the places: scatter_along.
 */
#include "ops/along.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    AD_TRY(ad__shape_along(e, "sort", ((const ad_order_attr *)attr)->axis, &in[0], &out[0]));
    out[1] = out[0];
    out[1].dtype = AD_I32;
    return AD_OK;
}

static ad_status forward(const ad_call *c)
{
    const ad_order_attr *a = c->attr;
    return ad__order(c, a->axis, a->descending);
}

static void gradient(ad_grad *g)
{
    const ad_order_attr *a = g->attr;
    int64_t size = ad__lines_of(ad_tensor_shape(g->in[0]), a->axis).size;
    if (g->gout[0] && size > 0) g->gin[0] = ad_scatter_along(g->tape, g->gout[0], g->out[1], (int)a->axis, size);
}

static void scratch(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                    ad_scratch *s)
{
    ad__order_scratch(&in[0], ((const ad_order_attr *)attr)->axis, s);
}

static const ad_attr attrs[] = {
    { "axis", AD_ATTR_INT, offsetof(ad_order_attr, axis), -1, .lo = -AD_MAX_RANK, .hi = AD_MAX_RANK - 1, .doc = "the axis; negative ones count from the end" },
    { "descending", AD_ATTR_BOOL, offsetof(ad_order_attr, descending), 0, .doc = "the largest first" },
    { 0 }
};

static const char *const outputs[] = { "y", "index" };

static const ad_sample samples[] = {
    { .name = "rows", .n_in = 1, .in = { { 2, { 3, 5 } } }, .distinct = true },
    { .name = "columns", .n_in = 1, .in = { { 3, { 7, 2, 2 } } }, .attr_text = "axis=0, descending=true", .distinct = true },
    { .name = "one", .n_in = 1, .in = { { 2, { 3, 1 } } }, .distinct = true },
    { .name = "no such axis", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axis=2", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_sort = {
    .name = "sort", .doc = "the numbers along one axis in order", .operands = ad__operand_x, .n_out = 2, .outputs = outputs,
    .attr_size = sizeof(ad_order_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .scratch = scratch, .samples = samples,
};

ad_tensor *ad_sort(ad_tape *t, ad_tensor *x, int axis, bool descending)
{
    return ad_record_one(t, &ad_op_sort, &(const ad_order_attr){ .axis = axis, .descending = descending }, 1, &x);
}

/*
 * topk - the k largest numbers along one axis, the largest first, and where they are; or the k smallest, the smallest first. Of equal
 * numbers the first; NaNs come last.
 *
 *   The adjoint goes back to the places: scatter_along (docs/derivations/selection.md).
 */
#include "ops/along.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_order_attr *a = attr;
    int axis = ad__axis(e, "topk", a->axis, in[0].rank);
    if (axis < 0) return AD_ESHAPE;
    if (a->k > in[0].dim[axis])
        return AD_FAIL(e, ESHAPE, "topk: k=%lld of %lld numbers", (long long)a->k, (long long)in[0].dim[axis]);
    out[0] = in[0];
    out[0].dim[axis] = a->k;
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
    if (g->gout[0]) g->gin[0] = ad_scatter_along(g->tape, g->gout[0], g->out[1], (int)a->axis, size);
}

static void scratch(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                    ad_scratch *s)
{
    ad__order_scratch(&in[0], ((const ad_order_attr *)attr)->axis, s);
}

static const ad_attr attrs[] = {
    { "k", AD_ATTR_INT, offsetof(ad_order_attr, k), .lo = 1, .hi = 1e12, .required = true, .doc = "how many" },
    { "axis", AD_ATTR_INT, offsetof(ad_order_attr, axis), -1, .lo = -AD_MAX_RANK, .hi = AD_MAX_RANK - 1, .doc = "the axis; negative ones count from the end" },
    { "largest", AD_ATTR_BOOL, offsetof(ad_order_attr, descending), 1, .doc = "the largest ones, else the smallest" },
    { 0 }
};

static const char *const outputs[] = { "y", "index" };

static const ad_sample samples[] = {
    { .name = "rows", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "k=2", .distinct = true },
    { .name = "smallest", .n_in = 1, .in = { { 3, { 6, 2, 2 } } }, .attr_text = "k=3, axis=0, largest=false", .distinct = true },
    { .name = "all", .n_in = 1, .in = { { 2, { 3, 4 } } }, .attr_text = "k=4", .distinct = true },
    { .name = "too many", .n_in = 1, .in = { { 2, { 3, 4 } } }, .attr_text = "k=5", .want = AD_ESHAPE },
    { .name = "none", .n_in = 1, .in = { { 2, { 3, 4 } } }, .attr_text = "k=0", .want = AD_EATTR },
    { .name = "no such axis", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "k=1, axis=2", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_topk = {
    .name = "topk", .doc = "the k largest numbers along one axis, in order", .operands = ad__operand_x, .n_out = 2, .outputs = outputs,
    .attr_size = sizeof(ad_order_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .scratch = scratch, .samples = samples,
};

ad_tensor *ad_topk(ad_tape *t, ad_tensor *x, int64_t k, int axis, bool largest)
{
    return ad_record_one(t, &ad_op_topk, &(const ad_order_attr){ axis, k, largest }, 1, &x);
}

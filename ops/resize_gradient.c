/*
 * resize_gradient - the adjoint of resize: each input pixel collects what its output pixels took from it. Its own adjoint is resize.
 */
#include "ops/resample.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_resize_attr *a = attr;
    int axes;
    int64_t size[3];
    AD_TRY(ad__spatial_axes(e, "resize_gradient", "gy", &in[0], &axes));
    if (a->size.n == 0) return AD_FAIL(e, EATTR, "resize_gradient: needs size, the spatial sizes of its result");
    AD_TRY(ad__per_axis(e, "resize_gradient", "size", &a->size, axes, 0, 1, size));
    *out = ad__image(in[0].dim[0], axes, size, in[0].dim[axes + 1]);
    return AD_OK;
}

static ad__map map_of(const ad_resize_attr *a, const ad_shape *gy, const ad_shape *gx)
{
    int axes = gy->rank - 2;
    return ad__resize_map(a->mode, a->factor, gy->dim[0], gy->dim[axes + 1], axes, gx->dim + 1, gy->dim + 1);
}

static ad_status forward(const ad_call *c)
{
    ad__map m = map_of(c->attr, &c->in[0].shape, &c->out->shape);
    ad__map_run(c, &m, true);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    ad_resize_attr a = *(const ad_resize_attr *)g->attr;
    a.size = ad__spatial_sizes(ad_tensor_shape(g->in[0]));
    if (g->wanted[0]) g->gin[0] = ad_resize(g->tape, g->gout[0], &a);
}

static void scratch(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                    ad_scratch *need)
{
    ad__map m = map_of(attr, in, out);
    need->shared = ad__map_bytes(&m, true);
}

static const ad_attr attrs[] = {
    { "size", AD_ATTR_INTS, offsetof(ad_resize_attr, size), 0, 1, 1 << 24, .required = true, .doc = "spatial sizes of the result: of what was resized" },
    { "mode", AD_ATTR_ENUM, offsetof(ad_resize_attr, mode), .words = ad__resize_words, .required = true, .doc = "rule; no default" },
    { "factor", AD_ATTR_FLOAT, offsetof(ad_resize_attr, factor), 0, 0, 1 << 16, .doc = "as given to resize" },
    { 0 }
};

static const ad_operand operands[] = { { .name = "gy", .doc = "[N,..,C], adjoint of the resized image" }, { 0 } };

static const ad_sample samples[] = {
    { .name = "bilinear", .n_in = 1, .in = { { 4, { 1, 6, 8, 2 } } }, .attr_text = "size=[3,4], mode=bilinear_asymmetric" },
    { .name = "nearest", .n_in = 1, .in = { { 4, { 1, 2, 3, 2 } } }, .attr_text = "size=[5,4], mode=nearest" },
    { .name = "area", .n_in = 1, .in = { { 3, { 1, 3, 2 } } }, .attr_text = "size=7, mode=area" },
    { .name = "refuses a matrix", .n_in = 1, .in = { { 2, { 3, 2 } } }, .attr_text = "size=7, mode=area", .want = AD_ESHAPE },
    { .name = "refuses to guess the size", .n_in = 1, .in = { { 3, { 1, 3, 2 } } }, .attr_text = "mode=area", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_resize_gradient = {
    .name = "resize_gradient", .doc = "adjoint of resize",
    .operands = operands,
    .attr_size = sizeof(ad_resize_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .scratch = scratch, .samples = samples,
};

ad_tensor *ad__resize_gradient(ad_tape *t, ad_tensor *gy, const ad_resize_attr *attr)
{
    return ad_record_one(t, &ad_op_resize_gradient, attr, 1, &gy);
}

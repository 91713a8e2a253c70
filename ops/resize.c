/*
 * resize - an image at another size; the rules are those of resample.c. It is linear: its adjoint is resize_gradient
 * (docs/derivations/resample.md).
 */
#include "ops/resample.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    ad_ints size;
    AD_TRY(ad__resize_sizes(e, attr, &in[0], &size));
    *out = ad__image(in[0].dim[0], size.n, size.v, in[0].dim[size.n + 1]);
    return AD_OK;
}

static ad__map map_of(const ad_resize_attr *a, const ad_shape *in, const ad_shape *out)
{
    int axes = in->rank - 2;
    return ad__resize_map(a->mode, a->factor, in->dim[0], in->dim[axes + 1], axes, in->dim + 1, out->dim + 1);
}

static ad_status forward(const ad_call *c)
{
    ad__map m = map_of(c->attr, &c->in[0].shape, &c->out->shape);
    ad__map_run(c, &m, false);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    ad_resize_attr a = *(const ad_resize_attr *)g->attr;
    a.size = ad__spatial_sizes(ad_tensor_shape(g->in[0]));
    a.height = a.width = 0;
    if (g->wanted[0]) g->gin[0] = ad__resize_gradient(g->tape, g->gout[0], &a);
}

static void scratch(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                    ad_scratch *need)
{
    ad__map m = map_of(attr, in, out);
    need->shared = ad__map_bytes(&m, false);
}

static const ad_attr attrs[] = {
    { "height", AD_ATTR_INT, offsetof(ad_resize_attr, height), 0, 0, 1 << 24, .doc = "of the result, for two spatial axes" },
    { "width", AD_ATTR_INT, offsetof(ad_resize_attr, width), 0, 0, 1 << 24, .doc = "of the result, for two spatial axes" },
    { "mode", AD_ATTR_ENUM, offsetof(ad_resize_attr, mode), .words = ad__resize_words, .required = true, .doc = "rule; no default" },
    { "size", AD_ATTR_INTS, offsetof(ad_resize_attr, size), 0, 1, 1 << 24, .empty = true, .doc = "instead of height and width, for any number of axes" },
    { "factor", AD_ATTR_FLOAT, offsetof(ad_resize_attr, factor), 0, 0, 1 << 16,
      .doc = "the step through the input is 1 / factor instead of input / output size; alone it also gives the size, rounded down" },
    { 0 }
};

static const ad_operand operands[] = { { .name = "x", .doc = "[N,..,C], one to three axes" }, { 0 } };

#define IMAGE { { 4, { 1, 3, 4, 2 } } }
static const ad_sample samples[] = {
    { .name = "nearest", .n_in = 1, .in = IMAGE, .attr_text = "height=5, width=8, mode=nearest" },
    { .name = "nearest_exact", .n_in = 1, .in = IMAGE, .attr_text = "height=2, width=7, mode=nearest_exact" },
    { .name = "bilinear_corners", .n_in = 1, .in = IMAGE, .attr_text = "height=6, width=8, mode=bilinear_corners" },
    { .name = "bilinear_corners to one pixel", .n_in = 1, .in = IMAGE, .attr_text = "height=1, width=1, mode=bilinear_corners" },
    { .name = "bilinear_half_pixel", .n_in = 1, .in = IMAGE, .attr_text = "height=6, width=3, mode=bilinear_half_pixel" },
    { .name = "bilinear_asymmetric", .n_in = 1, .in = IMAGE, .attr_text = "height=6, width=8, mode=bilinear_asymmetric" },
    { .name = "bicubic_corners", .n_in = 1, .in = IMAGE, .attr_text = "height=6, width=7, mode=bicubic_corners" },
    { .name = "bicubic_half_pixel", .n_in = 1, .in = IMAGE, .attr_text = "height=2, width=9, mode=bicubic_half_pixel" },
    { .name = "area", .n_in = 1, .in = IMAGE, .attr_text = "height=2, width=6, mode=area" },
    { .name = "many taps", .n_in = 1, .in = { { 4, { 1, 9, 9, 1 } } }, .attr_text = "height=1, width=1, mode=area" },
    { .name = "one axis", .n_in = 1, .in = { { 3, { 2, 4, 3 } } }, .attr_text = "size=7, mode=bilinear_half_pixel" },
    { .name = "three axes", .n_in = 1, .in = { { 5, { 1, 2, 3, 2, 2 } } }, .attr_text = "size=[3,4,5], mode=bilinear_corners" },
    { .name = "factor", .n_in = 1, .in = IMAGE, .attr_text = "factor=1.7, mode=bilinear_half_pixel" },
    { .name = "nearest by a factor", .n_in = 1, .in = IMAGE, .attr_text = "factor=2.5, mode=nearest" },
    { .name = "refuses to guess the mode", .n_in = 1, .in = IMAGE, .attr_text = "height=6, width=8", .want = AD_EATTR },
    { .name = "refuses to guess the size", .n_in = 1, .in = IMAGE, .attr_text = "mode=nearest", .want = AD_EATTR },
    { .name = "refuses an unknown mode", .n_in = 1, .in = IMAGE, .attr_text = "height=6, width=8, mode=bilinear", .want = AD_EATTR },
    { .name = "refuses height and width of a volume", .n_in = 1, .in = { { 5, { 1, 2, 2, 2, 2 } } }, .attr_text = "height=6, width=8, mode=nearest",
      .want = AD_EATTR },
    { .name = "refuses a factor that leaves nothing", .n_in = 1, .in = IMAGE, .attr_text = "factor=0.1, mode=nearest", .want = AD_EATTR },
    { .name = "refuses a matrix", .n_in = 1, .in = { { 2, { 3, 4 } } }, .attr_text = "height=6, width=8, mode=nearest", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_resize = {
    .name = "resize", .doc = "an image at another size",
    .operands = operands,
    .attr_size = sizeof(ad_resize_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .scratch = scratch, .samples = samples,
};

ad_tensor *ad_resize(ad_tape *t, ad_tensor *x, const ad_resize_attr *attr)
{
    return ad_record_one(t, &ad_op_resize, attr, 1, &x);
}

/*
 * upsample - an image enlarged by whole factors: resize to factor times the size.
 */
#include "ops/resample.h"

typedef struct upsample_attr {
    ad_ints factor;
    int mode;
} upsample_attr;

static ad_status sizes(ad_error *e, const upsample_attr *a, const ad_shape *x, ad_ints *size)
{
    int axes;
    AD_TRY(ad__spatial_axes(e, "upsample", "x", x, &axes));
    AD_TRY(ad__per_axis(e, "upsample", "factor", &a->factor, axes, 0, 1, size->v));
    size->n = axes;
    for (int i = 0; i < axes; i++)
        size->v[i] *= x->dim[i + 1];
    return AD_OK;
}

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    ad_ints size;
    AD_TRY(sizes(e, attr, &in[0], &size));
    *out = ad__image(in[0].dim[0], size.n, size.v, in[0].dim[size.n + 1]);
    return AD_OK;
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    const upsample_attr *a = attr;
    ad_resize_attr r = { .mode = a->mode };
    if (sizes(NULL, a, ad_tensor_shape(in[0]), &r.size) == AD_OK) out[0] = ad_resize(t, in[0], &r);
}

static const ad_attr attrs[] = {
    { "factor", AD_ATTR_INTS, offsetof(upsample_attr, factor), 0, 1, 65536, .required = true, .doc = "whole number, or one per axis" },
    { "mode", AD_ATTR_ENUM, offsetof(upsample_attr, mode), .words = ad__resize_words, .required = true, .doc = "rule; no default" },
    { 0 }
};

static const ad_operand operands[] = { { .name = "x", .doc = "[N,..,C], one to three axes" }, { 0 } };

static const ad_sample samples[] = {
    { .name = "nearest", .n_in = 1, .in = { { 4, { 2, 2, 3, 2 } } }, .attr_text = "factor=2, mode=nearest" },
    { .name = "bilinear_asymmetric", .n_in = 1, .in = { { 4, { 1, 2, 3, 2 } } }, .attr_text = "factor=2, mode=bilinear_asymmetric" },
    { .name = "factors per axis", .n_in = 1, .in = { { 4, { 1, 2, 3, 2 } } }, .attr_text = "factor=[1,3], mode=bilinear_corners" },
    { .name = "refuses to guess the mode", .n_in = 1, .in = { { 4, { 1, 2, 3, 2 } } }, .attr_text = "factor=2", .want = AD_EATTR },
    { .name = "refuses a factor of 0", .n_in = 1, .in = { { 4, { 1, 2, 3, 2 } } }, .attr_text = "factor=0, mode=nearest", .want = AD_EATTR },
    { .name = "refuses a matrix", .n_in = 1, .in = { { 2, { 3, 2 } } }, .attr_text = "factor=2, mode=nearest", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_upsample = {
    .name = "upsample", .doc = "an image enlarged by whole factors",
    .operands = operands,
    .attr_size = sizeof(upsample_attr), .attrs = attrs,
    .shape = shape, .expand = expand, .samples = samples,
};

ad_tensor *ad_upsample(ad_tape *t, ad_tensor *x, int64_t factor, ad_resize_mode mode)
{
    upsample_attr a = { .factor = { 1, { factor } }, .mode = mode };
    return ad_record_one(t, &ad_op_upsample, &a, 1, &x);
}

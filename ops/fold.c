/*
 * fold - the adjoint of unfold: windows that were laid out along the channels are added up to an image of `size`.
 */
#include "ops/unfolded.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad__unfold_attr *a = attr;
    char text[AD_SHAPE_TEXT], right[AD_SHAPE_TEXT];
    ad_conv_shape s;
    int axes;
    int64_t size[3], kernel[3], elements = 1;
    AD_TRY(ad__spatial_axes(e, "fold", "x", &in[0], &axes));
    if (a->size.n == 0) return AD_FAIL(e, EATTR, "fold: needs size, the spatial sizes of its result");
    AD_TRY(ad__per_axis(e, "fold", "size", &a->size, axes, 0, 1, size));
    AD_TRY(ad__per_axis(e, "fold", "kernel", &a->kernel, axes, 1, 1, kernel));
    for (int i = 0; i < axes; i++)
        elements *= kernel[i];
    int64_t channels = in[0].dim[axes + 1] / elements;
    AD_TRY(ad__unfold_geometry(e, "fold", a, axes, size, channels, &s));
    ad_shape want = ad__image(in[0].dim[0], axes, ad__last_axes(s.out, axes), channels * elements);
    if (channels == 0 || !ad_shape_equal(&want, &in[0]))
        return AD_FAIL(e, ESHAPE, "fold: x %s; windows of an image of that size are %s", ad_shape_text(&in[0], text), ad_shape_text(&want, right));
    *out = ad__image(in[0].dim[0], axes, size, channels);
    return AD_OK;
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    const ad__unfold_attr *a = attr;
    const ad_shape *x = ad_tensor_shape(in[0]);
    int axes = x->rank - 2;
    int64_t kernel[3], elements = 1;
    ad_conv_attr conv = ad__unfold_conv(a);
    conv.size = a->size;
    if (ad__per_axis(NULL, "fold", "kernel", &a->kernel, axes, 1, 1, kernel) != AD_OK) return;
    for (int i = 0; i < axes; i++)
        elements *= kernel[i];
    out[0] = ad_conv_by_input(t, in[0], ad__unfold_weights(t, a, axes, x->dim[axes + 1] / elements), NULL, &conv);
}

static const ad_attr attrs[] = {
    { "size", AD_ATTR_INTS, offsetof(ad__unfold_attr, size), 0, 1, 1 << 24, .required = true, .doc = "spatial sizes of the result" },
    AD__UNFOLD_ATTRS, { 0 }
};

static const ad_operand operands[] = { { .name = "x", .doc = "[N,..,C*K], as unfold gives it" }, { 0 } };

static const ad_sample samples[] = {
    { .name = "overlapping", .n_in = 1, .in = { { 4, { 1, 3, 4, 8 } } }, .attr_text = "size=[4,5], kernel=2, stride=1" },
    { .name = "patches", .n_in = 1, .in = { { 3, { 2, 2, 6 } } }, .attr_text = "size=6, kernel=3, stride=3" },
    { .name = "refuses other windows", .n_in = 1, .in = { { 4, { 1, 3, 3, 8 } } }, .attr_text = "size=[4,5], kernel=2, stride=1", .want = AD_ESHAPE },
    { .name = "refuses to guess the size", .n_in = 1, .in = { { 4, { 1, 3, 4, 8 } } }, .attr_text = "kernel=2, stride=1", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_fold = {
    .name = "fold", .doc = "adds up windows that unfold laid out",
    .operands = operands,
    .attr_size = sizeof(ad__unfold_attr), .attrs = attrs,
    .shape = shape, .expand = expand, .samples = samples,
};

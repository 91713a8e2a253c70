/*
 * unfold - the windows of an image laid out along the channels: channel c of element (k0, k1, ..) of a window becomes channel
 * (c * K0 + k0) * K1 + k1 .. of the output pixel, zeros where a window reaches outside.
 *
 * It is the convolution with one weight of 1 for each such channel, and so fold, its adjoint, is conv_by_input with the same weights.
 */
#include "ops/unfolded.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    ad_conv_shape s;
    int axes;
    AD_TRY(ad__spatial_axes(e, "unfold", "x", &in[0], &axes));
    AD_TRY(ad__unfold_geometry(e, "unfold", attr, axes, in[0].dim + 1, in[0].dim[axes + 1], &s));
    *out = ad__image(in[0].dim[0], axes, ad__last_axes(s.out, axes), s.cout);
    return AD_OK;
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    const ad_shape *x = ad_tensor_shape(in[0]);
    int axes = x->rank - 2;
    ad_conv_attr conv = ad__unfold_conv(attr);
    out[0] = ad_conv(t, in[0], ad__unfold_weights(t, attr, axes, x->dim[axes + 1]), NULL, &conv);
}

static const ad_attr attrs[] = { AD__UNFOLD_ATTRS, { 0 } };

static const ad_operand operands[] = { { .name = "x", .doc = "[N,..,C], one to three axes" }, { 0 } };

static const ad_sample samples[] = {
    { .name = "overlapping", .n_in = 1, .in = { { 4, { 1, 3, 4, 2 } } }, .attr_text = "kernel=3, padding=1" },
    { .name = "patches", .n_in = 1, .in = { { 4, { 2, 4, 2, 2 } } }, .attr_text = "kernel=2, stride=2" },
    { .name = "one axis, dilated", .n_in = 1, .in = { { 3, { 1, 6, 2 } } }, .attr_text = "kernel=2, dilation=3" },
    { .name = "refuses a window that does not fit", .n_in = 1, .in = { { 4, { 1, 2, 4, 2 } } }, .attr_text = "kernel=3", .want = AD_ESHAPE },
    { .name = "refuses a matrix", .n_in = 1, .in = { { 2, { 2, 4 } } }, .attr_text = "kernel=3", .want = AD_ESHAPE },
    { .name = "refuses to guess the kernel", .n_in = 1, .in = { { 4, { 1, 3, 4, 2 } } }, .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_unfold = {
    .name = "unfold", .doc = "the windows of an image laid out along the channels",
    .operands = operands,
    .attr_size = sizeof(ad__unfold_attr), .attrs = attrs,
    .shape = shape, .expand = expand, .samples = samples,
};

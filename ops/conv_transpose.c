/*
 * conv_transpose - transposed convolution: the adjoint of conv by its input, with a bias.
 *
 *   y[n, o * stride + k * dilation - padding, c] += x[n, o, i] * w[k, i, c] + b[c]
 *   out = (in - 1) stride - 2 padding + dilation (kernel - 1) + 1 + output_padding
 *
 * It consists of conv_by_input on the weights with their last two axes exchanged: what is its output is the convolution's input.
 */
#include "ops/window.h"

/* Sizes of the result; the transposed op has no "same": an empty padding is 0. */
static ad_status sizes(ad_error *e, const ad_conv_attr *a, int axes, const ad_shape *x, const int64_t *kernel, ad_ints *size)
{
    int64_t stride[3], pad[3], dilation[3], extra[3];
    AD_TRY(ad__per_axis(e, "conv_transpose", "stride", &a->stride, axes, 1, 1, stride));
    AD_TRY(ad__per_axis(e, "conv_transpose", "padding", &a->padding, axes, 0, 0, pad));
    AD_TRY(ad__per_axis(e, "conv_transpose", "dilation", &a->dilation, axes, 1, 1, dilation));
    AD_TRY(ad__per_axis(e, "conv_transpose", "output_padding", &a->output_padding, axes, 0, 0, extra));
    size->n = axes;
    for (int i = 0; i < axes; i++) {
        size->v[i] = (x->dim[i + 1] - 1) * stride[i] - 2 * pad[i] + dilation[i] * (kernel[i] - 1) + 1 + extra[i];
        if (extra[i] >= stride[i])
            return AD_FAIL(e, EATTR, "conv_transpose: output_padding %lld; need less than the stride %lld", (long long)extra[i],
                           (long long)stride[i]);
        if (size->v[i] < 1)
            return AD_FAIL(e, ESHAPE, "conv_transpose: padding %lld leaves no output", (long long)pad[i]);
    }
    return AD_OK;
}

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_conv_attr *a = attr;
    char tx[AD_SHAPE_TEXT], tw[AD_SHAPE_TEXT];
    int axes;
    int64_t groups = a->groups ? a->groups : 1;
    ad_ints size;
    AD_TRY(ad__spatial_axes(e, "conv_transpose", "x", &in[0], &axes));
    int64_t outputs = in[1].rank > 0 ? in[1].dim[in[1].rank - 1] * groups : 0;
    AD_TRY(ad__conv_weights(e, "conv_transpose", a, axes, &in[1], outputs));
    if (in[1].dim[axes] != in[0].dim[axes + 1] || in[1].dim[axes] % groups)
        return AD_FAIL(e, ESHAPE, "conv_transpose: x %s, w %s, %lld groups; w must have the channels of x before its last axis, and the "
                       "groups must divide them", ad_shape_text(&in[0], tx), ad_shape_text(&in[1], tw), (long long)groups);
    if (ad__given(n_in, in, 2) && (in[2].rank != 1 || in[2].dim[0] != outputs))
        return AD_FAIL(e, ESHAPE, "conv_transpose: b %s; need [%lld]", ad_shape_text(&in[2], tx), (long long)outputs);
    AD_TRY(sizes(e, a, axes, &in[0], in[1].dim, &size));
    *out = ad__image(in[0].dim[0], axes, size.v, outputs);
    return AD_OK;
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    const ad_conv_attr *a = attr;
    const ad_shape *x = ad_tensor_shape(in[0]), *w = ad_tensor_shape(in[1]);
    int axes = x->rank - 2, order[AD_MAX_RANK];
    ad_conv_attr by_input = *a;
    by_input.out = 0;                       /* of the convolution that this turns round, w says it */
    if (sizes(NULL, a, axes, x, w->dim, &by_input.size) != AD_OK) return;
    if (by_input.padding.n == 0) by_input.padding = (ad_ints){ .n = 1 };
    for (int i = 0; i < w->rank; i++)
        order[i] = i;
    order[axes] = axes + 1;
    order[axes + 1] = axes;
    out[0] = ad_conv_by_input(t, in[0], ad_permute(t, in[1], order), n_in > 2 ? in[2] : NULL, &by_input);
}

static ad_status parameter(ad_error *e, const void *attr, int n_in, const ad_shape *in, int i, ad_shape *out)
{
    const ad_conv_attr *a = attr;
    int axes;
    int64_t kernel[3], groups = a->groups ? a->groups : 1;
    AD_TRY(ad__spatial_axes(e, "conv_transpose", "x", &in[0], &axes));
    AD_TRY(ad__conv_kernel_wanted(e, "conv_transpose", a, axes, kernel));
    if (a->out % groups)
        return AD_FAIL(e, EATTR, "conv_transpose: %lld groups do not divide out=%lld", (long long)groups, (long long)a->out);
    if (i == 2) {
        *out = (ad_shape){ .rank = a->bias ? 1 : -1, .dim = { a->out } };
        return AD_OK;
    }
    *out = (ad_shape){ .rank = axes + 2 };
    for (int k = 0; k < axes; k++)
        out->dim[k] = kernel[k];
    out->dim[axes] = in[0].dim[axes + 1];
    out->dim[axes + 1] = a->out / groups;
    return AD_OK;
}

static const ad_attr attrs[] = {
    AD__CONV_MAKER_ATTRS, AD__CONV_ATTRS("none"),
    { "output_padding", AD_ATTR_INTS, offsetof(ad_conv_attr, output_padding), 0, 0, 65536, .doc = "rows added after, less than the stride" },
    AD__CONV_BIAS_ATTR, { 0 }
};

static const ad_operand operands[] = {
    { .name = "x", .doc = "[N,..,I], one to three axes" },
    { .name = "w", .role = AD_PARAM, .doc = "[k..,I,out/groups]", .layout = AD_LAYOUT_CONV_TRANSPOSE, .init = "he_normal" },
    { .name = "b", .role = AD_PARAM, .doc = "[out]", .init = "constant(0)", .optional = true },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "2x2 stride 2", .n_in = 3, .in = { { 4, { 2, 3, 2, 4 } }, { 4, { 2, 2, 4, 3 } }, { 1, { 3 } } }, .attr_text = "stride=2" },
    { .name = "output padding", .n_in = 2, .in = { { 4, { 1, 3, 4, 2 } }, { 4, { 3, 3, 2, 3 } } },
      .attr_text = "stride=2, padding=1, output_padding=1" },
    { .name = "4x4 stride 2", .n_in = 3, .in = { { 4, { 1, 3, 3, 2 } }, { 4, { 4, 4, 2, 2 } }, { 1, { 2 } } }, .attr_text = "stride=2, padding=1" },
    { .name = "dilated", .n_in = 2, .in = { { 4, { 1, 3, 3, 2 } }, { 4, { 3, 3, 2, 4 } } }, .attr_text = "stride=3, padding=1, dilation=2" },
    { .name = "groups", .n_in = 3, .in = { { 4, { 1, 3, 3, 4 } }, { 4, { 2, 2, 4, 3 } }, { 1, { 6 } } }, .attr_text = "stride=2, groups=2" },
    { .name = "one axis", .n_in = 2, .in = { { 3, { 2, 4, 3 } }, { 3, { 3, 3, 2 } } } },
    { .name = "three axes", .n_in = 2, .in = { { 5, { 1, 2, 3, 2, 2 } }, { 5, { 1, 2, 2, 2, 3 } } }, .attr_text = "stride=[1,2,2]" },
    { .name = "refuses other channels", .n_in = 2, .in = { { 4, { 1, 3, 3, 4 } }, { 4, { 2, 2, 3, 3 } } }, .want = AD_ESHAPE },
    { .name = "refuses output padding of a stride", .n_in = 2, .in = { { 4, { 1, 3, 3, 4 } }, { 4, { 2, 2, 4, 3 } } },
      .attr_text = "stride=2, output_padding=2", .want = AD_EATTR },
    { .name = "refuses padding that leaves nothing", .n_in = 2, .in = { { 4, { 1, 1, 1, 4 } }, { 4, { 2, 2, 4, 3 } } }, .attr_text = "padding=1",
      .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_conv_transpose = {
    .name = "conv_transpose", .doc = "transposed convolution over one to three axes",
    .operands = operands,
    .attr_size = sizeof(ad_conv_attr), .attrs = attrs,
    .shape = shape, .expand = expand, .parameter = parameter,
    .samples = samples,
};

ad_tensor *ad_conv_transpose(ad_tape *t, ad_tensor *x, ad_tensor *w, ad_tensor *b, const ad_conv_attr *attr)
{
    ad_tensor *in[] = { x, w, b };
    return ad_record_one(t, &ad_op_conv_transpose, attr, b ? 3 : 2, in);
}

/*
 * instance_norm - each channel of each item is brought to mean 0 and variance 1, then scaled and shifted: group_norm with a group
 * for each channel.
 */
#include "ops/window.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    return ad__group_norm_shape(e, "instance_norm", 0, n_in, in, out);
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    const ad_shape *s = ad_tensor_shape(in[0]);
    ad_norm_attr a = *(const ad_norm_attr *)attr;
    a.groups = s->dim[s->rank - 1];
    out[0] = ad_group_norm(t, in[0], n_in > 1 ? in[1] : NULL, n_in > 2 ? in[2] : NULL, &a);
}

static ad_status parameter(ad_error *e, const void *attr, int n_in, const ad_shape *in, int i, ad_shape *out)
{
    const ad_norm_attr *a = attr;
    char text[AD_SHAPE_TEXT];
    if (in[0].rank < 2) return AD_FAIL(e, ESHAPE, "instance_norm: x %s; need [N,..,C]", ad_shape_text(&in[0], text));
    *out = (ad_shape){ .rank = a->affine ? 1 : -1, .dim = { in[0].dim[in[0].rank - 1] } };
    return AD_OK;
}

static const ad_attr attrs[] = {
    { "eps", AD_ATTR_FLOAT, offsetof(ad_norm_attr, eps), 1e-5, 0, 1, .doc = "added to the variance" },
    { "affine", AD_ATTR_BOOL, offsetof(ad_norm_attr, affine), 1, .doc = "with scale and shift" },
    { 0 }
};

static const ad_operand operands[] = {
    { .name = "x", .doc = "[N,..,C]" },
    { .name = "scale", .role = AD_PARAM, .doc = "[C]", .init = "constant(1)", .optional = true },
    { .name = "shift", .role = AD_PARAM, .doc = "[C]", .init = "constant(0)", .optional = true },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "image", .n_in = 3, .in = { { 4, { 2, 2, 3, 2 } }, { 1, { 2 } }, { 1, { 2 } } } },
    { .name = "without scale and shift", .n_in = 1, .in = { { 3, { 2, 5, 3 } } }, .attr_text = "affine=false, eps=1e-3" },
    { .name = "refuses a vector", .n_in = 1, .in = { { 1, { 4 } } }, .want = AD_ESHAPE },
    { .name = "refuses another scale", .n_in = 3, .in = { { 3, { 2, 4, 4 } }, { 1, { 3 } }, { 1, { 4 } } }, .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_instance_norm = {
    .name = "instance_norm", .doc = "normalisation of each channel of each item",
    .operands = operands,
    .attr_size = sizeof(ad_norm_attr), .attrs = attrs,
    .shape = shape, .expand = expand, .parameter = parameter, .samples = samples,
};

ad_tensor *ad_instance_norm(ad_tape *t, ad_tensor *x, ad_tensor *scale, ad_tensor *shift, const ad_norm_attr *attr)
{
    ad_tensor *in[] = { x, scale, shift };
    return ad_record_one(t, &ad_op_instance_norm, attr, scale ? 3 : 1, in);
}

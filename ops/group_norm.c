/*
 * group_norm - each group of channels of each item is brought to mean 0 and variance 1, then each channel scaled and shifted.
 *
 *   y = (x - mean) / sqrt(variance + eps) * scale + shift, moments over the positions and the channels of a group
 *
 * It consists of other ops: [N,..,C] is seen as [N, positions, groups, C / groups].
 */
#include "ops/window.h"

ad_status ad__group_norm_shape(ad_error *e, const char *op, int64_t groups, int n_in, const ad_shape *in, ad_shape *out)
{
    char tx[AD_SHAPE_TEXT];
    if (in[0].rank < 2) return AD_FAIL(e, ESHAPE, "%s: x %s; need [N,..,C]", op, ad_shape_text(&in[0], tx));
    int64_t c = in[0].dim[in[0].rank - 1];
    if (groups && c % groups)
        return AD_FAIL(e, ESHAPE, "%s: %lld groups do not divide %lld channels", op, (long long)groups, (long long)c);
    if (ad__given(n_in, in, 1) != ad__given(n_in, in, 2)) return AD_FAIL(e, ESHAPE, "%s: needs scale and shift, or neither", op);
    for (int i = 1; i <= 2 && ad__given(n_in, in, i); i++)
        if (in[i].rank != 1 || in[i].dim[0] != c)
            return AD_FAIL(e, ESHAPE, "%s: operand %d %s; need [%lld]", op, i, ad_shape_text(&in[i], tx), (long long)c);
    *out = in[0];
    return AD_OK;
}

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_norm_attr *a = attr;
    return ad__group_norm_shape(e, "group_norm", a->groups, n_in, in, out);
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    const ad_norm_attr *a = attr;
    const ad_shape *s = ad_tensor_shape(in[0]);
    int64_t n = s->dim[0], c = s->dim[s->rank - 1], positions = n > 0 && c > 0 ? ad_count(s) / (n * c) : 0;
    ad_shape grouped = { .rank = 4, .dim = { n, positions, a->groups, c / a->groups } };
    ad_ints axes = { 2, { 1, 3 } };
    ad_tensor *x = ad_reshape(t, in[0], &grouped), *d = ad_sub(t, x, ad_mean(t, x, &axes, true));
    ad_tensor *var = ad_mean(t, ad_square(t, d), &axes, true);
    ad_tensor *y = ad_reshape(t, ad_mul(t, d, ad_rsqrt(t, ad_shift(t, var, a->eps))), s);
    if (n_in > 2 && in[1]) y = ad_add(t, ad_mul(t, y, in[1]), in[2]);
    out[0] = y;
}

static ad_status parameter(ad_error *e, const void *attr, int n_in, const ad_shape *in, int i, ad_shape *out)
{
    const ad_norm_attr *a = attr;
    char text[AD_SHAPE_TEXT];
    if (in[0].rank < 2) return AD_FAIL(e, ESHAPE, "group_norm: x %s; need [N,..,C]", ad_shape_text(&in[0], text));
    *out = (ad_shape){ .rank = a->affine ? 1 : -1, .dim = { in[0].dim[in[0].rank - 1] } };
    return AD_OK;
}

static const ad_attr attrs[] = {
    { "groups", AD_ATTR_INT, offsetof(ad_norm_attr, groups), 0, 1, 1 << 20, .required = true, .doc = "number of groups, a divisor of the channels" },
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
    { .name = "image", .n_in = 3, .in = { { 4, { 2, 2, 3, 6 } }, { 1, { 6 } }, { 1, { 6 } } }, .attr_text = "groups=3" },
    { .name = "one group", .n_in = 3, .in = { { 4, { 1, 2, 2, 4 } }, { 1, { 4 } }, { 1, { 4 } } }, .attr_text = "groups=1, eps=1e-6" },
    { .name = "without scale and shift", .n_in = 1, .in = { { 3, { 2, 4, 4 } } }, .attr_text = "groups=2, affine=false" },
    { .name = "refuses groups that do not divide", .n_in = 1, .in = { { 3, { 2, 4, 4 } } }, .attr_text = "groups=3", .want = AD_ESHAPE },
    { .name = "refuses scale alone", .n_in = 2, .in = { { 3, { 2, 4, 4 } }, { 1, { 4 } } }, .attr_text = "groups=2", .want = AD_ESHAPE },
    { .name = "refuses another scale", .n_in = 3, .in = { { 3, { 2, 4, 4 } }, { 1, { 3 } }, { 1, { 4 } } }, .attr_text = "groups=2", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_group_norm = {
    .name = "group_norm", .doc = "normalisation of groups of channels of each item",
    .operands = operands,
    .attr_size = sizeof(ad_norm_attr), .attrs = attrs,
    .shape = shape, .expand = expand, .parameter = parameter, .samples = samples,
};

ad_tensor *ad_group_norm(ad_tape *t, ad_tensor *x, ad_tensor *scale, ad_tensor *shift, const ad_norm_attr *attr)
{
    ad_tensor *in[] = { x, scale, shift };
    return ad_record_one(t, &ad_op_group_norm, attr, scale ? 3 : 1, in);
}

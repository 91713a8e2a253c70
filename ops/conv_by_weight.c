/*
 * conv_by_weight - the adjoint of conv by its weights.
 *
 *   gw[k, i, c] = sum over n, o of x[n, o * stride + k * dilation - padding, i] * gy[n, o, c]
 *
 * `kernel` says the kernel sizes. With the adjoint u (shaped like w): d/d x = conv_by_input(gy, u), d/d gy = conv(x, u).
 */
#include "ops/window.h"

static ad_status geometry(ad_error *e, const ad_conv_attr *a, const ad_shape *x, const ad_shape *gy, ad_conv_shape *s)
{
    char ty[AD_SHAPE_TEXT], tr[AD_SHAPE_TEXT];
    int axes;
    AD_TRY(ad__spatial_axes(e, "conv_by_weight", "x", x, &axes));
    if (a->kernel.n == 0) return AD_FAIL(e, EATTR, "conv_by_weight: needs kernel, the kernel sizes");
    int64_t cout = gy->rank > 0 ? gy->dim[gy->rank - 1] : 0;
    s->n = x->dim[0];
    AD_TRY(ad__conv_geometry(e, "conv_by_weight", a, axes, x->dim + 1, &a->kernel, x->dim[axes + 1], cout, s));
    ad_shape y = ad__image(s->n, axes, ad__last_axes(s->out, axes), cout);
    if (!ad_shape_equal(&y, gy))
        return AD_FAIL(e, ESHAPE, "conv_by_weight: gy %s; that x and kernel give %s", ad_shape_text(gy, ty), ad_shape_text(&y, tr));
    return AD_OK;
}

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    ad_conv_shape s;
    AD_TRY(geometry(e, attr, &in[0], &in[1], &s));
    int axes = in[0].rank - 2;
    *out = (ad_shape){ .rank = axes + 2 };
    for (int i = 0; i < axes; i++)
        out->dim[i] = ad__last_axes(s.kernel, axes)[i];
    out->dim[axes] = s.cin / s.groups;
    out->dim[axes + 1] = s.cout;
    return AD_OK;
}

static ad_status forward(const ad_call *c)
{
    const ad_kernels *k = c->kernels;
    ad_conv_shape s;
    AD_TRY(geometry(c->error, c->attr, &c->in[0].shape, &c->in[1].shape, &s));
    ad_args args = { .a = c->in[0].data, .b = c->in[1].data, .out = c->out->data, .shared = c->scratch };
    ad__run_conv(c, &k->conv.by_weight, &s, &args);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    const ad_conv_attr *a = g->attr;
    ad_tensor *x = g->in[0], *gy = g->in[1], *u = g->gout[0];
    ad_conv_attr by_input = ad__conv_attr_for_input(a, ad_tensor_shape(x));
    if (g->wanted[0]) g->gin[0] = ad_conv_by_input(g->tape, gy, u, NULL, &by_input);
    if (g->wanted[1]) g->gin[1] = ad_conv(g->tape, x, u, NULL, a);
}

static void scratch(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                    ad_scratch *need)
{
    const ad_kernels *k = kernels;
    ad_conv_shape s;
    if (geometry(NULL, attr, &in[0], &in[1], &s) == AD_OK) ad__conv_scratch(&k->conv.by_weight, &s, need);
}

static void cost(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_cost *c)
{
    ad_conv_shape s;
    if (geometry(NULL, attr, &in[0], &in[1], &s) == AD_OK) c->macs = ad__conv_macs(&s);
}

static const ad_attr attrs[] = {
    { "kernel", AD_ATTR_INTS, offsetof(ad_conv_attr, kernel), 0, 1, 65536, .required = true, .doc = "kernel sizes" },
    AD__CONV_ATTRS(AD__SAME_PADDING), { 0 }
};

static const ad_operand operands[] = {
    { .name = "x", .doc = "[N,..,I], the input of a convolution" },
    { .name = "gy", .doc = "[N,..,O], the adjoint of its output" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "3x3", .n_in = 2, .in = { { 4, { 2, 5, 4, 3 } }, { 4, { 2, 5, 4, 5 } } }, .attr_text = "kernel=3" },
    { .name = "1x1", .n_in = 2, .in = { { 4, { 2, 3, 4, 3 } }, { 4, { 2, 3, 4, 2 } } }, .attr_text = "kernel=1" },
    { .name = "stride 2", .n_in = 2, .in = { { 4, { 1, 7, 8, 3 } }, { 4, { 1, 3, 4, 4 } } }, .attr_text = "kernel=2, stride=2" },
    { .name = "groups and dilation", .n_in = 2, .in = { { 4, { 1, 5, 6, 6 } }, { 4, { 1, 5, 6, 4 } } },
      .attr_text = "kernel=3, groups=2, dilation=2" },
    { .name = "one axis", .n_in = 2, .in = { { 3, { 2, 9, 3 } }, { 3, { 2, 5, 4 } } }, .attr_text = "kernel=5, stride=2" },
    { .name = "three axes", .n_in = 2, .in = { { 5, { 1, 3, 4, 5, 2 } }, { 5, { 1, 2, 2, 3, 3 } } }, .attr_text = "kernel=3, stride=2" },
    { .name = "refuses another output size", .n_in = 2, .in = { { 4, { 1, 5, 4, 3 } }, { 4, { 1, 4, 4, 5 } } }, .attr_text = "kernel=3",
      .want = AD_ESHAPE },
    { .name = "refuses to guess the kernel", .n_in = 2, .in = { { 4, { 1, 5, 4, 3 } }, { 4, { 1, 5, 4, 5 } } }, .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_conv_by_weight = {
    .name = "conv_by_weight", .doc = "adjoint of conv by its weights",
    .operands = operands,
    .attr_size = sizeof(ad_conv_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .scratch = scratch, .cost = cost,
    .samples = samples,
};

ad_tensor *ad_conv_by_weight(ad_tape *t, ad_tensor *x, ad_tensor *gy, const ad_conv_attr *attr)
{
    ad_tensor *in[] = { x, gy };
    return ad_record_one(t, &ad_op_conv_by_weight, attr, 2, in);
}

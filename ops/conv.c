/*
 * conv - cross-correlation over one, two or three axes (by the rank of x), with zero padding.
 *
 *   y[n, o, c] = b[c] + sum over k, i of x[n, o * stride + k * dilation - padding, i] * w[k, i, c]
 *
 * It is linear in x and in w, so the adjoints are its two siblings: gx = conv_by_input(gy, w), gw = conv_by_weight(x, gy); gb is the
 * sum of gy over everything but the channels. The three are closed under differentiation (docs/derivations/conv.md).
 */
#include "ops/window.h"

static ad_status geometry(ad_error *e, const ad_conv_attr *a, const ad_shape *x, const ad_shape *w, ad_conv_shape *s)
{
    char tx[AD_SHAPE_TEXT], tw[AD_SHAPE_TEXT];
    int axes;
    AD_TRY(ad__spatial_axes(e, "conv", "x", x, &axes));
    int64_t cin = x->dim[axes + 1], cout = w->rank > 0 ? w->dim[w->rank - 1] : 0;
    AD_TRY(ad__conv_weights(e, "conv", a, axes, w, cout));
    ad_ints kernel = ad__kernel_sizes(w);
    s->n = x->dim[0];
    AD_TRY(ad__conv_geometry(e, "conv", a, axes, x->dim + 1, &kernel, cin, cout, s));
    if (w->dim[axes] * s->groups != cin)
        return AD_FAIL(e, ESHAPE, "conv: x %s, w %s, %lld groups; w must have (channels of x) / groups inputs", ad_shape_text(x, tx),
                       ad_shape_text(w, tw), (long long)s->groups);
    return AD_OK;
}

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    char tb[AD_SHAPE_TEXT];
    ad_conv_shape s;
    AD_TRY(geometry(e, attr, &in[0], &in[1], &s));
    if (ad__given(n_in, in, 2) && (in[2].rank != 1 || in[2].dim[0] != s.cout || in[2].dtype != AD_REAL))
        return AD_FAIL(e, ESHAPE, "conv: b %s; need [%lld], one per output channel", ad_shape_text(&in[2], tb), (long long)s.cout);
    int axes = in[0].rank - 2;
    *out = ad__image(s.n, axes, ad__last_axes(s.out, axes), s.cout);
    return AD_OK;
}

static ad_status forward(const ad_call *c)
{
    const ad_kernels *k = c->kernels;
    ad_conv_shape s;
    AD_TRY(geometry(c->error, c->attr, &c->in[0].shape, &c->in[1].shape, &s));
    ad_args args = {
        .a = c->in[0].data, .b = c->in[1].data, .bias = c->n_in > 2 ? c->in[2].data : NULL, .out = c->out->data, .shared = c->scratch
    };
    ad__run_conv(c, &k->conv.forward, &s, &args);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    const ad_conv_attr *a = g->attr;
    ad_tensor *x = g->in[0], *w = g->in[1], *gy = g->gout[0];
    ad_conv_attr by_input = ad__conv_attr_for_input(a, ad_tensor_shape(x));
    ad_conv_attr by_weight = ad__conv_attr_for_weight(a, ad_tensor_shape(w));
    if (g->wanted[0]) g->gin[0] = ad_conv_by_input(g->tape, gy, w, NULL, &by_input);
    if (g->wanted[1]) g->gin[1] = ad_conv_by_weight(g->tape, x, gy, &by_weight);
    if (g->n_in > 2 && g->wanted[2]) g->gin[2] = ad_channel_sum(g->tape, gy);
}

static ad_status parameter(ad_error *e, const void *attr, int n_in, const ad_shape *in, int i, ad_shape *out)
{
    const ad_conv_attr *a = attr;
    int axes;
    int64_t kernel[3], groups = a->groups ? a->groups : 1;
    AD_TRY(ad__spatial_axes(e, "conv", "x", &in[0], &axes));
    AD_TRY(ad__conv_kernel_wanted(e, "conv", a, axes, kernel));
    int64_t cin = in[0].dim[axes + 1];
    if (cin % groups)
        return AD_FAIL(e, EATTR, "conv: %lld groups do not divide %lld input channels", (long long)groups, (long long)cin);
    if (i == 2) {
        *out = (ad_shape){ .rank = a->bias ? 1 : -1, .dim = { a->out } };
        return AD_OK;
    }
    *out = (ad_shape){ .rank = axes + 2 };
    for (int k = 0; k < axes; k++)
        out->dim[k] = kernel[k];
    out->dim[axes] = cin / groups;
    out->dim[axes + 1] = a->out;
    return AD_OK;
}

static void scratch(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                    ad_scratch *need)
{
    const ad_kernels *k = kernels;
    ad_conv_shape s;
    if (geometry(NULL, attr, &in[0], &in[1], &s) == AD_OK) ad__conv_scratch(&k->conv.forward, &s, need);
}

static void cost(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_cost *c)
{
    ad_conv_shape s;
    if (geometry(NULL, attr, &in[0], &in[1], &s) == AD_OK) c->macs = ad__conv_macs(&s);
}

static const ad_attr attrs[] = { AD__CONV_MAKER_ATTRS, AD__CONV_ATTRS(AD__SAME_PADDING), AD__CONV_BIAS_ATTR, { 0 } };

static const ad_operand operands[] = {
    { .name = "x", .doc = "[N,..,I], one to three axes" },
    { .name = "w", .role = AD_PARAM, .doc = "[k..,I/groups,out]", .layout = AD_LAYOUT_CONV, .init = "he_normal" },
    { .name = "b", .role = AD_PARAM, .doc = "[out]", .init = "constant(0)", .optional = true },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "3x3 with bias", .n_in = 3, .in = { { 4, { 2, 5, 4, 3 } }, { 4, { 3, 3, 3, 5 } }, { 1, { 5 } } } },
    { .name = "1x1", .n_in = 2, .in = { { 4, { 2, 3, 4, 5 } }, { 4, { 1, 1, 5, 3 } } } },
    { .name = "stride and padding per axis", .n_in = 2, .in = { { 4, { 1, 7, 8, 2 } }, { 4, { 3, 5, 2, 3 } } },
      .attr_text = "stride=[2,1], padding=[0,2]" },
    { .name = "patches", .n_in = 3, .in = { { 4, { 1, 8, 8, 2 } }, { 4, { 4, 4, 2, 3 } }, { 1, { 3 } } }, .attr_text = "stride=4" },
    { .name = "dilated", .n_in = 2, .in = { { 4, { 1, 6, 7, 2 } }, { 4, { 3, 3, 2, 2 } } }, .attr_text = "dilation=2" },
    { .name = "groups", .n_in = 3, .in = { { 4, { 2, 4, 5, 6 } }, { 4, { 3, 3, 2, 9 } }, { 1, { 9 } } }, .attr_text = "groups=3" },
    { .name = "depthwise", .n_in = 2, .in = { { 4, { 1, 4, 4, 4 } }, { 4, { 3, 3, 1, 4 } } }, .attr_text = "groups=4, stride=2" },
    { .name = "one axis", .n_in = 3, .in = { { 3, { 2, 9, 3 } }, { 3, { 5, 3, 4 } }, { 1, { 4 } } }, .attr_text = "stride=2" },
    { .name = "three axes", .n_in = 3, .in = { { 5, { 1, 3, 4, 5, 2 } }, { 5, { 1, 3, 3, 2, 3 } }, { 1, { 3 } } },
      .attr_text = "stride=[1,2,2], padding=[0,1,1]" },
    { .name = "kernel larger than the image", .n_in = 2, .in = { { 4, { 1, 2, 2, 2 } }, { 4, { 5, 5, 2, 2 } } } },
    { .name = "channels that fill no vector", .n_in = 2, .in = { { 3, { 1, 3, 17 } }, { 3, { 1, 17, 19 } } } },
    { .name = "attributes agree with w", .n_in = 2, .in = { { 3, { 1, 4, 2 } }, { 3, { 3, 2, 5 } } }, .attr_text = "out=5, kernel=3, bias=false" },
    { .name = "refuses other channels", .n_in = 2, .in = { { 4, { 1, 4, 4, 3 } }, { 4, { 3, 3, 2, 5 } } }, .want = AD_ESHAPE },
    { .name = "refuses a bias of another size", .n_in = 3, .in = { { 4, { 1, 4, 4, 3 } }, { 4, { 3, 3, 3, 5 } }, { 1, { 4 } } }, .want = AD_ESHAPE },
    { .name = "refuses groups that do not divide", .n_in = 2, .in = { { 4, { 1, 4, 4, 4 } }, { 4, { 3, 3, 2, 5 } } }, .attr_text = "groups=2",
      .want = AD_ESHAPE },
    { .name = "refuses a matrix", .n_in = 2, .in = { { 2, { 4, 4 } }, { 4, { 3, 3, 2, 5 } } }, .want = AD_ESHAPE },
    { .name = "refuses out that w contradicts", .n_in = 2, .in = { { 3, { 1, 4, 2 } }, { 3, { 3, 2, 5 } } }, .attr_text = "out=4", .want = AD_ESHAPE },
    { .name = "refuses kernel that w contradicts", .n_in = 2, .in = { { 3, { 1, 4, 2 } }, { 3, { 3, 2, 5 } } }, .attr_text = "kernel=5", .want = AD_ESHAPE },
    { .name = "refuses an even kernel without padding", .n_in = 2, .in = { { 3, { 1, 4, 2 } }, { 3, { 2, 2, 5 } } }, .want = AD_EATTR },
    { .name = "refuses two strides for three axes", .n_in = 2, .in = { { 5, { 1, 4, 4, 4, 2 } }, { 5, { 1, 1, 1, 2, 5 } } }, .attr_text = "stride=[1,2]",
      .want = AD_EATTR },
    { .name = "refuses a kernel that does not fit", .n_in = 2, .in = { { 3, { 1, 4, 2 } }, { 3, { 5, 2, 5 } } }, .attr_text = "padding=0", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_conv = {
    .name = "conv", .doc = "convolution over one to three axes",
    .flags = AD_TAILED,
    .operands = operands,
    .attr_size = sizeof(ad_conv_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .parameter = parameter, .scratch = scratch, .cost = cost,
    .samples = samples,
};

ad_tensor *ad_conv(ad_tape *t, ad_tensor *x, ad_tensor *w, ad_tensor *b, const ad_conv_attr *attr)
{
    ad_tensor *in[] = { x, w, b };
    return ad_record_one(t, &ad_op_conv, attr, b ? 3 : 2, in);
}

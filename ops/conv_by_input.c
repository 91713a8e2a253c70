/*
 * conv_by_input - the adjoint of conv by its input, and so the work of a transposed convolution.
 *
 *   gx[n, o * stride + k * dilation - padding, i] += gy[n, o, c] * w[k, i, c],  plus a bias b[i]
 *
 * Several sizes of x give the same size of y, so `size` says which is meant. With the adjoint u (shaped like x):
 * d/d gy = conv(u, w), d/d w = conv_by_weight(u, gy).
 */
#include "ops/window.h"


static ad_status geometry(ad_error *e, const ad_conv_attr *a, const ad_shape *gy, const ad_shape *w, ad_conv_shape *s)
{
    char ty[AD_SHAPE_TEXT], tw[AD_SHAPE_TEXT], tr[AD_SHAPE_TEXT];
    int axes;
    int64_t size[3], groups = a->groups ? a->groups : 1;
    AD_TRY(ad__spatial_axes(e, "conv_by_input", "gy", gy, &axes));
    int64_t cout = w->rank > 0 ? w->dim[w->rank - 1] : 0;
    AD_TRY(ad__conv_weights(e, "conv_by_input", &(ad_conv_attr){ 0 }, axes, w, cout));
    if (a->size.n == 0) return AD_FAIL(e, EATTR, "conv_by_input: needs size, the spatial sizes of its result");
    AD_TRY(ad__per_axis(e, "conv_by_input", "size", &a->size, axes, 0, 1, size));
    ad_ints kernel = ad__kernel_sizes(w);
    s->n = gy->dim[0];
    AD_TRY(ad__conv_geometry(e, "conv_by_input", a, axes, size, &kernel, w->dim[axes] * groups, cout, s));
    ad_shape y = ad__image(s->n, axes, ad__last_axes(s->out, axes), cout);
    if (!ad_shape_equal(&y, gy))
        return AD_FAIL(e, ESHAPE, "conv_by_input: gy %s, w %s; an input of that size gives %s", ad_shape_text(gy, ty), ad_shape_text(w, tw),
                       ad_shape_text(&y, tr));
    return AD_OK;
}

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    char tb[AD_SHAPE_TEXT];
    ad_conv_shape s;
    AD_TRY(geometry(e, attr, &in[0], &in[1], &s));
    if (ad__given(n_in, in, 2) && (in[2].rank != 1 || in[2].dim[0] != s.cin || in[2].dtype != AD_REAL))
        return AD_FAIL(e, ESHAPE, "conv_by_input: b %s; need [%lld], one per channel of the result", ad_shape_text(&in[2], tb),
                       (long long)s.cin);
    int axes = in[0].rank - 2;
    *out = ad__image(s.n, axes, ad__last_axes(s.in, axes), s.cin);
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
    ad__run_conv(c, &k->conv.by_input, &s, &args);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    const ad_conv_attr *a = g->attr;
    ad_tensor *gy = g->in[0], *w = g->in[1], *u = g->gout[0];
    ad_conv_attr by_weight = ad__conv_attr_for_weight(a, ad_tensor_shape(w));
    ad_conv_attr plain = by_weight;
    plain.size.n = 0;
    if (g->wanted[0]) g->gin[0] = ad_conv(g->tape, u, w, NULL, &plain);
    if (g->wanted[1]) g->gin[1] = ad_conv_by_weight(g->tape, u, gy, &by_weight);
    if (g->n_in > 2 && g->wanted[2]) g->gin[2] = ad_channel_sum(g->tape, u);
}

static void scratch(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                    ad_scratch *need)
{
    const ad_kernels *k = kernels;
    ad_conv_shape s;
    if (geometry(NULL, attr, &in[0], &in[1], &s) == AD_OK) ad__conv_scratch(&k->conv.by_input, &s, need);
}

static void cost(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_cost *c)
{
    ad_conv_shape s;
    if (geometry(NULL, attr, &in[0], &in[1], &s) == AD_OK) c->macs = ad__conv_macs(&s);
}

static const ad_attr attrs[] = {
    { "size", AD_ATTR_INTS, offsetof(ad_conv_attr, size), 0, 1, 1 << 24, .required = true, .doc = "spatial sizes of the result" },
    AD__CONV_ATTRS(AD__SAME_PADDING), { 0 }
};

static const ad_operand operands[] = {
    { .name = "gy", .doc = "[N,..,O], what a convolution gave" },
    { .name = "w", .doc = "[k..,I/groups,O]" },
    { .name = "b", .doc = "[I]", .optional = true },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "3x3", .n_in = 2, .in = { { 4, { 2, 5, 4, 5 } }, { 4, { 3, 3, 3, 5 } } }, .attr_text = "size=[5,4]" },
    { .name = "stride 2 with bias", .n_in = 3, .in = { { 4, { 1, 3, 4, 4 } }, { 4, { 2, 2, 3, 4 } }, { 1, { 3 } } },
      .attr_text = "size=[6,8], stride=2" },
    { .name = "a row the stride never reaches", .n_in = 2, .in = { { 4, { 1, 3, 4, 4 } }, { 4, { 2, 2, 3, 4 } } },
      .attr_text = "size=[7,9], stride=2" },
    { .name = "groups and dilation", .n_in = 2, .in = { { 4, { 1, 5, 6, 4 } }, { 4, { 3, 3, 3, 4 } } },
      .attr_text = "size=[5,6], groups=2, dilation=2" },
    { .name = "one axis", .n_in = 2, .in = { { 3, { 2, 5, 4 } }, { 3, { 5, 3, 4 } } }, .attr_text = "size=9, stride=2" },
    { .name = "three axes", .n_in = 2, .in = { { 5, { 1, 2, 2, 3, 3 } }, { 5, { 3, 3, 3, 2, 3 } } }, .attr_text = "size=[3,4,5], stride=2" },
    { .name = "refuses a size that gives another y", .n_in = 2, .in = { { 4, { 1, 4, 4, 4 } }, { 4, { 3, 3, 3, 4 } } },
      .attr_text = "size=[5,4]", .want = AD_ESHAPE },
    { .name = "refuses a bias of another size", .n_in = 3, .in = { { 4, { 1, 4, 4, 4 } }, { 4, { 3, 3, 3, 4 } }, { 1, { 4 } } },
      .attr_text = "size=4", .want = AD_ESHAPE },
    { .name = "refuses to guess the size", .n_in = 2, .in = { { 4, { 1, 4, 4, 4 } }, { 4, { 3, 3, 3, 4 } } }, .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_conv_by_input = {
    .name = "conv_by_input", .doc = "adjoint of conv by its input",
    .flags = AD_TAILED,
    .operands = operands,
    .attr_size = sizeof(ad_conv_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .scratch = scratch, .cost = cost,
    .samples = samples,
};

ad_tensor *ad_conv_by_input(ad_tape *t, ad_tensor *gy, ad_tensor *w, ad_tensor *b, const ad_conv_attr *attr)
{
    ad_tensor *in[] = { gy, w, b };
    return ad_record_one(t, &ad_op_conv_by_input, attr, b ? 3 : 2, in);
}

/*
 * linear - y = x w + b over the last axis.
 *
 *   gx = gy w^T,  gw = x^T gy over all rows,  gb = sum of gy over all rows
 */
#include "ops/window.h"

typedef struct linear_attr {
    int64_t out;
    bool bias;
} linear_attr;

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const linear_attr *a = attr;
    const ad_shape *x = &in[0], *w = &in[1];
    char tx[AD_SHAPE_TEXT], tw[AD_SHAPE_TEXT], tb[AD_SHAPE_TEXT];
    bool with_b = ad__given(n_in, in, 2);
    if (x->rank < 1 || w->rank != 2 || w->dim[0] != x->dim[x->rank - 1] || x->dtype != AD_REAL || w->dtype != AD_REAL ||
        (with_b && (in[2].rank != 1 || in[2].dim[0] != w->dim[1])))
        return AD_FAIL(e, ESHAPE, "linear: x %s, w %s, b %s; need [..,I], [I,O], [O]", ad_shape_text(x, tx), ad_shape_text(w, tw),
                       with_b ? ad_shape_text(&in[2], tb) : "none");
    if (a->out && a->out != w->dim[1])
        return AD_FAIL(e, ESHAPE, "linear: out=%lld, but w %s has %lld", (long long)a->out, ad_shape_text(w, tw), (long long)w->dim[1]);
    *out = *x;
    out->dim[x->rank - 1] = w->dim[1];
    return AD_OK;
}

static ad_gemm_shape product(const ad_shape *x, const ad_shape *w)
{
    return (ad_gemm_shape){ .batch = 1, .m = w->dim[0] ? ad_count(x) / w->dim[0] : 0, .n = w->dim[1], .k = w->dim[0] };
}

static ad_status forward(const ad_call *c)
{
    const ad_kernels *k = c->kernels;
    ad_gemm_shape s = product(&c->in[0].shape, &c->in[1].shape);
    ad_args args = {
        .a = c->in[0].data, .b = c->in[1].data, .bias = c->n_in > 2 ? c->in[2].data : NULL, .out = c->out->data, .shared = c->scratch
    };
    ad__run_gemm(c, &k->conv.gemm, &s, &args);
    return AD_OK;
}

static ad_tensor *rows(ad_tape *t, ad_tensor *x)
{
    const ad_shape *s = ad_tensor_shape(x);
    int64_t last = s->dim[s->rank - 1];
    return ad_reshape(t, x, &(ad_shape){ .rank = 2, .dim = { last ? ad_count(s) / last : 0, last } });
}

static void gradient(ad_grad *g)
{
    ad_tape *t = g->tape;
    ad_tensor *x = g->in[0], *w = g->in[1], *gy = g->gout[0];
    if (g->wanted[0]) g->gin[0] = ad_matmul(t, gy, w, &(ad_matmul_attr){ .transpose_b = true });
    if (g->wanted[1]) g->gin[1] = ad_matmul(t, rows(t, x), rows(t, gy), &(ad_matmul_attr){ .transpose_a = true });
    if (g->n_in > 2 && g->wanted[2]) g->gin[2] = ad_channel_sum(t, gy);
}

static ad_status parameter(ad_error *e, const void *attr, int n_in, const ad_shape *in, int i, ad_shape *out)
{
    const linear_attr *a = attr;
    char text[AD_SHAPE_TEXT];
    if (in[0].rank < 1) return AD_FAIL(e, ESHAPE, "linear: x %s; need at least one axis", ad_shape_text(&in[0], text));
    if (a->out < 1) return AD_FAIL(e, EATTR, "linear: needs out, the size of the result's last axis");
    if (i == 2)
        *out = (ad_shape){ .rank = a->bias ? 1 : -1, .dim = { a->out } };
    else
        *out = (ad_shape){ .rank = 2, .dim = { in[0].dim[in[0].rank - 1], a->out } };
    return AD_OK;
}

static void scratch(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                    ad_scratch *need)
{
    const ad_kernels *k = kernels;
    ad_gemm_shape s = product(&in[0], &in[1]);
    ad__gemm_scratch(&k->conv.gemm, &s, need);
}

static void cost(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_cost *c)
{
    c->macs = (double)ad_count(out) * (double)in[1].dim[0];
}

static const ad_attr attrs[] = {
    { "out", AD_ATTR_INT, offsetof(linear_attr, out), 0, 0, 1 << 24, .doc = "size of the result's last axis; left out: as w says" },
    { "bias", AD_ATTR_BOOL, offsetof(linear_attr, bias), 1, .doc = "with a number added to each output" },
    { 0 }
};

static const ad_operand operands[] = {
    { .name = "x", .doc = "[..,I]" },
    { .name = "w", .role = AD_PARAM, .doc = "[I,out]", .layout = AD_LAYOUT_LINEAR, .init = "he_normal" },
    { .name = "b", .role = AD_PARAM, .doc = "[out]", .init = "constant(0)", .optional = true },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "with bias", .n_in = 3, .in = { { 2, { 3, 5 } }, { 2, { 5, 4 } }, { 1, { 4 } } } },
    { .name = "without bias", .n_in = 2, .in = { { 2, { 3, 5 } }, { 2, { 5, 4 } } }, .attr_text = "bias=false" },
    { .name = "tokens", .n_in = 3, .in = { { 3, { 2, 7, 6 } }, { 2, { 6, 9 } }, { 1, { 9 } } }, .attr_text = "out=9" },
    { .name = "vector", .n_in = 2, .in = { { 1, { 5 } }, { 2, { 5, 4 } } } },
    { .name = "refuses another inner size", .n_in = 2, .in = { { 2, { 3, 5 } }, { 2, { 4, 5 } } }, .want = AD_ESHAPE },
    { .name = "refuses a bias of another size", .n_in = 3, .in = { { 2, { 3, 5 } }, { 2, { 5, 4 } }, { 1, { 5 } } }, .want = AD_ESHAPE },
    { .name = "refuses out that w contradicts", .n_in = 2, .in = { { 2, { 3, 5 } }, { 2, { 5, 4 } } }, .attr_text = "out=5", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_linear = {
    .name = "linear", .doc = "x w + b over the last axis",
    .operands = operands,
    .attr_size = sizeof(linear_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .parameter = parameter, .scratch = scratch, .cost = cost,
    .samples = samples,
};

ad_tensor *ad_linear(ad_tape *t, ad_tensor *x, ad_tensor *w, ad_tensor *b)
{
    ad_tensor *in[] = { x, w, b };
    return ad_record_one(t, &ad_op_linear, NULL, b ? 3 : 2, in);
}

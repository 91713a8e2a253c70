/*
 * attention - scaled dot-product attention of several heads: for each batch item and head,
 *
 *   y = softmax(q k^T / sqrt(d) + bias + mask) v
 *
 * The channels are heads x d, heads outer. The mask is of item b % windows, so windows count inside an image. The scores live only
 * while a query is worked on; the adjoint (attention_gradient) makes them again (docs/derivations/attention.md).
 */
#include "ops/attention_parts.h"

enum { Q, KEYS, V, BIAS, MASK };

static const ad_shape missing = { .rank = -1 };

static ad_status sizes(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad__attention_sizes *s)
{
    const ad__attention_attr *a = attr;
    return ad__attention_check(e, "attention", a->heads, &in[Q], &in[KEYS], &in[V], n_in > BIAS ? &in[BIAS] : &missing,
                               n_in > MASK ? &in[MASK] : &missing, s);
}

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    ad__attention_sizes s;
    AD_TRY(sizes(e, attr, n_in, in, &s));
    *out = in[Q];
    return AD_OK;
}

/* The sizes of a call, whose inputs are buffers. */
static ad__attention_sizes sizes_of(const ad_call *c)
{
    ad__attention_sizes s;
    ad_shape in[MASK + 1];
    for (int i = 0; i < c->n_in; i++)
        in[i] = c->in[i].data ? c->in[i].shape : missing;
    if (sizes(NULL, c->attr, c->n_in, in, &s) != AD_OK) s = (ad__attention_sizes){ 0 };
    return s;
}

typedef struct job {
    const ad_call *c;
    ad__attention_sizes s;
} job;

static void head(int64_t i, void *scratch, void *arg)
{
    const job *j = arg;
    const ad_call *c = j->c;
    const ad__attention_sizes *s = &j->s;
    const ad_kernels *k = c->kernels;
    ad_attention_shape geometry = ad__attention_geometry(s);
    int64_t item = i / s->heads, h = i % s->heads, square = s->lq * s->lk;
    geometry.row.q = ad_buffer_row(&c->in[Q]), geometry.row.k = ad_buffer_row(&c->in[KEYS]), geometry.row.v = ad_buffer_row(&c->in[V]), geometry.row.out = ad_buffer_row(c->out);
    if (s->lq == s->lk && i + 1 < s->batch * s->heads) {
        geometry.next_rows = h + 1 < s->heads ? 0 : s->lq;
        geometry.next_columns = h + 1 < s->heads ? s->d : -h * s->d;
    }
    int64_t queries = item * s->lq, keys = item * s->lk, column = h * s->d;
    k->norm.attention(&geometry, ad__at(c, &c->in[Q], queries, column), ad__at(c, &c->in[KEYS], keys, column),
                      ad__at(c, &c->in[V], keys, column), ad__operand_at(c, BIAS, h * square),
                      ad__operand_at(c, MASK, item % s->windows * square), ad__at(c, c->out, queries, column), scratch);
}

static ad_status forward(const ad_call *c)
{
    job j = { c, sizes_of(c) };
    int64_t units = j.s.batch * j.s.heads;
    ad_parallel(c, units, units * j.s.lq * j.s.lk * j.s.d * 2, head, &j);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    const ad__attention_attr *a = g->attr;
    ad_tape *t = g->tape;
    ad_tensor *bias = g->n_in > BIAS ? g->in[BIAS] : NULL, *mask = g->n_in > MASK ? g->in[MASK] : NULL, *out[AD_MAX_OUTPUTS] = { NULL };
    if (ad__attention_gradient(t, a->heads, g->in[Q], g->in[KEYS], g->in[V], g->gout[0], bias, mask, out) != AD_OK) {
        ad_tape_fail(t);
        return;
    }
    for (int i = Q; i <= V; i++)
        g->gin[i] = out[i];
    if (bias) g->gin[BIAS] = out[BIAS];
    if (mask && g->wanted[MASK]) {
        ad__attention_sizes s;
        ad_shape in[MASK + 1];
        for (int i = 0; i < g->n_in; i++)
            in[i] = g->in[i] ? *ad_tensor_shape(g->in[i]) : missing;
        if (sizes(NULL, a, g->n_in, in, &s) != AD_OK) return;
        ad__attention_scores r = ad__attention_record(t, &s, g->in[Q], g->in[KEYS], g->in[V], bias, mask, g->gout[0]);
        g->gin[MASK] = ad__attention_to_mask(t, &s, r.ds);
    }
}

static void scratch(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                    ad_scratch *need)
{
    ad__attention_sizes s;
    if (sizes(NULL, attr, n_in, in, &s) == AD_OK)
        need->per_thread = (size_t)AD_ATTENTION_SCRATCH(s.lk, s.d) * (p == AD_F64 ? sizeof(double) : sizeof(float));
}

static void cost(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_cost *c)
{
    c->macs = 2 * (double)ad_count(&in[Q]) * (double)in[KEYS].dim[1];
}

static const ad_attr attrs[] = {
    { "heads", AD_ATTR_INT, offsetof(ad__attention_attr, heads), 0, 1, 65536, .required = true, .doc = "number of heads, a divisor of the channels" },
    { 0 }
};

static const ad_operand operands[] = {
    { .name = "q", .doc = "[B,Lq,heads*d]" },
    { .name = "k", .doc = "[B,Lk,heads*d]" },
    { .name = "v", .doc = "[B,Lk,heads*d]" },
    { .name = "bias", .doc = "[heads,Lq,Lk], added to the scores", .optional = true },
    { .name = "mask", .doc = "[windows,Lq,Lk], added to the scores of item b % windows", .optional = true },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "two heads", .n_in = 3, .in = { { 3, { 2, 3, 4 } }, { 3, { 2, 3, 4 } }, { 3, { 2, 3, 4 } } }, .attr_text = "heads=2" },
    { .name = "cross attention", .n_in = 3, .in = { { 3, { 1, 2, 6 } }, { 3, { 1, 5, 6 } }, { 3, { 1, 5, 6 } } }, .attr_text = "heads=3" },
    { .name = "bias", .n_in = 4, .in = { { 3, { 2, 3, 4 } }, { 3, { 2, 3, 4 } }, { 3, { 2, 3, 4 } }, { 3, { 2, 3, 3 } } }, .attr_text = "heads=2" },
    { .name = "bias and mask", .n_in = 5,
      .in = { { 3, { 4, 3, 2 } }, { 3, { 4, 3, 2 } }, { 3, { 4, 3, 2 } }, { 3, { 2, 3, 3 } }, { 3, { 2, 3, 3 } } }, .attr_text = "heads=2" },
    { .name = "mask alone", .n_in = 5, .in = { { 3, { 2, 3, 2 } }, { 3, { 2, 3, 2 } }, { 3, { 2, 3, 2 } }, { -1, { 0 } }, { 3, { 2, 3, 3 } } },
      .attr_text = "heads=1" },
    { .name = "longer than sixteen keys", .n_in = 3, .in = { { 3, { 1, 2, 3 } }, { 3, { 1, 19, 3 } }, { 3, { 1, 19, 3 } } }, .attr_text = "heads=1" },
    { .name = "refuses heads that do not divide", .n_in = 3, .in = { { 3, { 2, 3, 4 } }, { 3, { 2, 3, 4 } }, { 3, { 2, 3, 4 } } },
      .attr_text = "heads=3", .want = AD_EATTR },
    { .name = "refuses to guess the heads", .n_in = 3, .in = { { 3, { 2, 3, 4 } }, { 3, { 2, 3, 4 } }, { 3, { 2, 3, 4 } } }, .want = AD_EATTR },
    { .name = "refuses v unlike k", .n_in = 3, .in = { { 3, { 2, 3, 4 } }, { 3, { 2, 3, 4 } }, { 3, { 2, 4, 4 } } }, .attr_text = "heads=2",
      .want = AD_ESHAPE },
    { .name = "refuses a bias of other heads", .n_in = 4, .in = { { 3, { 2, 3, 4 } }, { 3, { 2, 3, 4 } }, { 3, { 2, 3, 4 } }, { 3, { 1, 3, 3 } } },
      .attr_text = "heads=2", .want = AD_ESHAPE },
    { .name = "refuses a mask that does not divide", .n_in = 5,
      .in = { { 3, { 2, 3, 2 } }, { 3, { 2, 3, 2 } }, { 3, { 2, 3, 2 } }, { -1, { 0 } }, { 3, { 3, 3, 3 } } }, .attr_text = "heads=1", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_attention = {
    .name = "attention", .doc = "scaled dot-product attention of several heads",
    .operands = operands,
    .attr_size = sizeof(ad__attention_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .scratch = scratch, .cost = cost, .samples = samples,
    .wide = { 1 << Q | 1 << KEYS | 1 << V, 1 },
};

ad_tensor *ad_attention(ad_tape *t, ad_tensor *q, ad_tensor *k, ad_tensor *v, ad_tensor *bias, ad_tensor *mask, int64_t heads)
{
    ad_tensor *in[] = { q, k, v, bias, mask };
    ad__attention_attr a = { .heads = heads };
    return ad_record_one(t, &ad_op_attention, &a, mask ? 5 : bias ? 4 : 3, in);
}

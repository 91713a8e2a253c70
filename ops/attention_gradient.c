/*
 * attention_gradient - the adjoint of attention by q, k, v and bias. With p the probabilities and s = q k^T / sqrt(d) + ...:
 *
 *   dp = gout v^T,  ds = p (dp - sum p dp),  gq = ds k / sqrt(d),  gk = ds^T q / sqrt(d),  gv = p^T gout,  gbias = sum of ds over items
 *
 * Items are split into a fixed number of chunks; each (chunk, head) adds its ds in order, and chunks are added in order.
 *
 * Its own adjoint, for u, w, y, z shaped like gq, gk, gv, gbias and c = 1 / sqrt(d), head by head:
 *   to ds:   A = c (u k^T + q w^T) + z;  r = sum p A;  to dp: E = p (A - r);  to p: F = gout y^T + A (dp - sum p dp) - r dp
 *   to s:    G = p (F - sum p F)
 *   to q: c (ds w + G k);  to k: c (ds^T u + G^T q);  to v: E^T gout;  to gout: p y + E v;  to bias, mask: sums of G
 */
#include "ops/attention_parts.h"

enum { Q, KEYS, V, GOUT, BIAS, MASK };     /* operands */
enum { GQ, GK, GV, GBIAS };                /* outputs */
enum { CHUNKS = 8 };

static const ad_shape missing = { .rank = -1 };

static ad_status sizes(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad__attention_sizes *s)
{
    const ad__attention_attr *a = attr;
    return ad__attention_check(e, "attention_gradient", a->heads, &in[Q], &in[KEYS], &in[V], n_in > BIAS ? &in[BIAS] : &missing,
                               n_in > MASK ? &in[MASK] : &missing, s);
}

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    char tq[AD_SHAPE_TEXT], tg[AD_SHAPE_TEXT];
    ad__attention_sizes s;
    AD_TRY(sizes(e, attr, n_in, in, &s));
    if (!ad_shape_equal(&in[Q], &in[GOUT]))
        return AD_FAIL(e, ESHAPE, "attention_gradient: q %s, gout %s; need the same", ad_shape_text(&in[Q], tq), ad_shape_text(&in[GOUT], tg));
    out[GQ] = in[Q];
    out[GK] = out[GV] = in[KEYS];
    out[GBIAS] = s.with_bias ? in[BIAS] : (ad_shape){ .rank = 1, .dim = { 1 } };   /* without bias: a zero that nobody reads */
    return AD_OK;
}

typedef struct job {
    const ad_call *c;
    ad__attention_sizes s;
    int64_t chunk;              /* items of a chunk */
} job;

static size_t real_size(ad_precision p)
{
    return p == AD_F64 ? sizeof(double) : sizeof(float);
}

static void zero(const ad_call *c, void *array, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (c->precision == AD_F64)
            ((double *)array)[i] = 0;
        else
            ((float *)array)[i] = 0;
}

/* One head of the items of one chunk. */
static void chunk(int64_t i, void *scratch, void *arg)
{
    const job *j = arg;
    const ad_call *c = j->c;
    const ad__attention_sizes *s = &j->s;
    const ad_kernels *k = c->kernels;
    ad_attention_shape geometry = ad__attention_geometry(s);
    int64_t h = i % s->heads, first = i / s->heads * j->chunk, square = s->lq * s->lk, column = h * s->d;
    geometry.row.q = ad_buffer_row(&c->in[Q]), geometry.row.k = ad_buffer_row(&c->in[KEYS]), geometry.row.v = ad_buffer_row(&c->in[V]);
    geometry.row.gq = ad_buffer_row(&c->out[GQ]), geometry.row.gk = ad_buffer_row(&c->out[GK]), geometry.row.gv = ad_buffer_row(&c->out[GV]);
    geometry.row.out = ad_buffer_row(&c->in[GOUT]);
    void *part = s->with_bias ? (char *)c->scratch + (size_t)(i * square) * real_size(c->precision) : NULL;
    if (part) zero(c, part, square);
    for (int64_t item = first; item < first + j->chunk && item < s->batch; item++) {
        int64_t queries = item * s->lq, keys = item * s->lk;
        bool more = item + 1 < first + j->chunk && item + 1 < s->batch;
        geometry.next_rows = more && s->lq == s->lk ? s->lq : 0;
        k->norm.attention_gradient(&geometry, ad__at(c, &c->in[Q], queries, column), ad__at(c, &c->in[KEYS], keys, column),
                                   ad__at(c, &c->in[V], keys, column), ad__operand_at(c, BIAS, h * square),
                                   ad__operand_at(c, MASK, item % s->windows * square), ad__at(c, &c->in[GOUT], queries, column),
                                   ad__at(c, &c->out[GQ], queries, column), ad__at(c, &c->out[GK], keys, column),
                                   ad__at(c, &c->out[GV], keys, column), part, scratch);
    }
}

static void add_chunks(int64_t h, void *scratch, void *arg)
{
    const job *j = arg;
    const ad_call *c = j->c;
    int64_t square = j->s.lq * j->s.lk, chunks = (j->s.batch + j->chunk - 1) / j->chunk;
    for (int64_t i = 0; i < square; i++) {
        double sum = 0;
        for (int64_t k = 0; k < chunks; k++) {
            int64_t from = (k * j->s.heads + h) * square + i;
            sum += c->precision == AD_F64 ? ((const double *)c->scratch)[from] : (double)((const float *)c->scratch)[from];
        }
        if (c->precision == AD_F64)
            ((double *)c->out[GBIAS].data)[h * square + i] = sum;
        else
            ((float *)c->out[GBIAS].data)[h * square + i] = (float)sum;
    }
}

static int64_t chunk_items(const ad__attention_sizes *s)
{
    return (s->batch + CHUNKS - 1) / CHUNKS;
}

static ad_status forward(const ad_call *c)
{
    job j = { .c = c };
    ad_shape in[MASK + 1];
    for (int i = 0; i < c->n_in; i++)
        in[i] = c->in[i].data ? c->in[i].shape : missing;
    AD_TRY(sizes(c->error, c->attr, c->n_in, in, &j.s));
    j.chunk = chunk_items(&j.s);
    int64_t work = j.s.batch * j.s.heads * j.s.lq * j.s.lk * j.s.d * 5;
    ad_parallel(c, (j.s.batch + j.chunk - 1) / j.chunk * j.s.heads, work, chunk, &j);
    if (j.s.with_bias)
        ad_parallel(c, j.s.heads, j.s.heads * j.s.lq * j.s.lk * CHUNKS, add_chunks, &j);
    else
        zero(c, c->out[GBIAS].data, 1);
    return AD_OK;
}

static void scratch(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                    ad_scratch *need)
{
    ad__attention_sizes s;
    if (sizes(NULL, attr, n_in, in, &s) != AD_OK) return;
    need->per_thread = (size_t)AD_ATTENTION_SCRATCH(s.lk, s.d) * real_size(p);
    if (s.with_bias) need->shared = (size_t)(CHUNKS * s.heads * s.lq * s.lk) * real_size(p);
}

static void cost(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_cost *c)
{
    c->macs = 5 * (double)ad_count(&in[Q]) * (double)in[KEYS].dim[1];
}

/* ---- gradient ---- */

static ad_tensor *adjoint_of(ad_grad *g, int output, int64_t heads)
{
    ad_tape *t = g->tape;
    ad_tensor *u = g->gout[output] ? g->gout[output] : ad_fill(t, ad_tensor_shape(g->out[output]), 0);
    return ad__split_heads(t, u, heads);
}

static void gradient(ad_grad *g)
{
    const ad__attention_attr *a = g->attr;
    const ad_matmul_attr plain = { 0 }, by_rows = { .transpose_b = true }, by_columns = { .transpose_a = true };
    ad_tape *t = g->tape;
    ad__attention_sizes s;
    ad_shape in[MASK + 1];
    for (int i = 0; i < g->n_in; i++)
        in[i] = g->in[i] ? *ad_tensor_shape(g->in[i]) : missing;
    if (sizes(NULL, a, g->n_in, in, &s) != AD_OK) return;
    ad_tensor *bias = g->n_in > BIAS ? g->in[BIAS] : NULL, *mask = g->n_in > MASK ? g->in[MASK] : NULL;
    ad__attention_scores r = ad__attention_record(t, &s, g->in[Q], g->in[KEYS], g->in[V], bias, mask, g->in[GOUT]);
    ad_tensor *u = adjoint_of(g, GQ, s.heads), *w = adjoint_of(g, GK, s.heads), *y = adjoint_of(g, GV, s.heads);
    ad_ints last = { 1, { 3 } };
    ad_tensor *to_ds = ad_scale(t, ad_add(t, ad_matmul(t, u, r.k, &by_rows), ad_matmul(t, r.q, w, &by_rows)), r.scale);
    if (bias && g->gout[GBIAS]) to_ds = ad_add(t, to_ds, g->gout[GBIAS]);
    ad_tensor *inner = ad_sum(t, ad_mul(t, r.p, r.dp), &last, true), *row = ad_sum(t, ad_mul(t, r.p, to_ds), &last, true);
    ad_tensor *to_dp = ad_mul(t, r.p, ad_sub(t, to_ds, row));
    ad_tensor *to_p = ad_add(t, ad_matmul(t, r.gout, y, &by_rows),
                             ad_sub(t, ad_mul(t, to_ds, ad_sub(t, r.dp, inner)), ad_mul(t, row, r.dp)));
    ad_tensor *to_s = ad__attention_softmax_adjoint(t, r.p, to_p);
    if (g->wanted[Q])
        g->gin[Q] = ad__merge_heads(t, ad_scale(t, ad_add(t, ad_matmul(t, r.ds, w, &plain), ad_matmul(t, to_s, r.k, &plain)), r.scale));
    if (g->wanted[KEYS])
        g->gin[KEYS] = ad__merge_heads(t, ad_scale(t, ad_add(t, ad_matmul(t, r.ds, u, &by_columns), ad_matmul(t, to_s, r.q, &by_columns)),
                                                   r.scale));
    if (g->wanted[V]) g->gin[V] = ad__merge_heads(t, ad_matmul(t, to_dp, r.gout, &by_columns));
    if (g->wanted[GOUT]) g->gin[GOUT] = ad__merge_heads(t, ad_add(t, ad_matmul(t, r.p, y, &plain), ad_matmul(t, to_dp, r.v, &plain)));
    if (bias && g->wanted[BIAS]) g->gin[BIAS] = ad__attention_to_bias(t, to_s);
    if (mask && g->wanted[MASK]) g->gin[MASK] = ad__attention_to_mask(t, &s, to_s);
}

static const ad_attr attrs[] = {
    { "heads", AD_ATTR_INT, offsetof(ad__attention_attr, heads), 0, 1, 65536, .required = true, .doc = "number of heads" },
    { 0 }
};

static const ad_operand operands[] = {
    { .name = "q", .doc = "[B,Lq,heads*d]" },
    { .name = "k", .doc = "[B,Lk,heads*d]" },
    { .name = "v", .doc = "[B,Lk,heads*d]" },
    { .name = "gout", .doc = "[B,Lq,heads*d], adjoint of the attention's output" },
    { .name = "bias", .doc = "[heads,Lq,Lk]", .optional = true },
    { .name = "mask", .doc = "[windows,Lq,Lk]", .optional = true },
    { 0 }
};

static const char *const outputs[] = { "gq", "gk", "gv", "gbias" };

static const ad_sample samples[] = {
    { .name = "two heads", .n_in = 4, .in = { { 3, { 2, 2, 4 } }, { 3, { 2, 2, 4 } }, { 3, { 2, 2, 4 } }, { 3, { 2, 2, 4 } } }, .attr_text = "heads=2" },
    { .name = "cross attention with bias and mask", .n_in = 6,
      .in = { { 3, { 2, 2, 2 } }, { 3, { 2, 3, 2 } }, { 3, { 2, 3, 2 } }, { 3, { 2, 2, 2 } }, { 3, { 2, 2, 3 } }, { 3, { 2, 2, 3 } } },
      .attr_text = "heads=2" },
    { .name = "more items than chunks", .n_in = 5,
      .in = { { 3, { 9, 1, 1 } }, { 3, { 9, 2, 1 } }, { 3, { 9, 2, 1 } }, { 3, { 9, 1, 1 } }, { 3, { 1, 1, 2 } } }, .attr_text = "heads=1" },
    { .name = "refuses gout unlike q", .n_in = 4, .in = { { 3, { 2, 2, 4 } }, { 3, { 2, 3, 4 } }, { 3, { 2, 3, 4 } }, { 3, { 2, 3, 4 } } },
      .attr_text = "heads=2", .want = AD_ESHAPE },
    { .name = "refuses v unlike k", .n_in = 4, .in = { { 3, { 2, 2, 4 } }, { 3, { 2, 3, 4 } }, { 3, { 2, 2, 4 } }, { 3, { 2, 2, 4 } } },
      .attr_text = "heads=2", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_attention_gradient = {
    .name = "attention_gradient", .doc = "adjoint of attention by q, k, v and bias",
    .operands = operands, .n_out = 4, .outputs = outputs,
    .attr_size = sizeof(ad__attention_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .scratch = scratch, .cost = cost, .samples = samples,
    .wide = { 1 << Q | 1 << KEYS | 1 << V | 1 << GOUT, 1 << GQ | 1 << GK | 1 << GV },
};

ad_status ad__attention_gradient(ad_tape *t, int64_t heads, ad_tensor *q, ad_tensor *k, ad_tensor *v, ad_tensor *gout, ad_tensor *bias,
                                 ad_tensor *mask, ad_tensor **out)
{
    ad_tensor *in[] = { q, k, v, gout, bias, mask };
    ad__attention_attr a = { .heads = heads };
    return ad_record(t, &ad_op_attention_gradient, &a, mask ? 6 : bias ? 5 : 4, in, out);
}

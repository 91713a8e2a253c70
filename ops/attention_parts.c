/*
 * attention_parts.c - see attention_parts.h.
 */
#include "ops/attention_parts.h"

#include <math.h>

static ad_status check_extra(ad_error *e, const char *op, const char *name, const ad_shape *x, int64_t first, const ad__attention_sizes *s)
{
    char text[AD_SHAPE_TEXT];
    if (x->rank == 3 && (first == 0 || x->dim[0] == first) && x->dim[1] == s->lq && x->dim[2] == s->lk) return AD_OK;
    return AD_FAIL(e, ESHAPE, "%s: %s %s; need [%s,%lld,%lld]", op, name, ad_shape_text(x, text), first ? "heads" : "windows",
                   (long long)s->lq, (long long)s->lk);
}

ad_status ad__attention_check(ad_error *e, const char *op, int64_t heads, const ad_shape *q, const ad_shape *k, const ad_shape *v,
                              const ad_shape *bias, const ad_shape *mask, ad__attention_sizes *s)
{
    char tq[AD_SHAPE_TEXT], tk[AD_SHAPE_TEXT], tv[AD_SHAPE_TEXT];
    if (q->rank != 3 || k->rank != 3 || !ad_shape_equal(k, v) || q->dim[0] != k->dim[0] || q->dim[2] != k->dim[2])
        return AD_FAIL(e, ESHAPE, "%s: q %s, k %s, v %s; need [B,L,C], and the same for k and v with their own L", op, ad_shape_text(q, tq),
                       ad_shape_text(k, tk), ad_shape_text(v, tv));
    if (q->dim[2] % heads)
        return AD_FAIL(e, EATTR, "%s: %lld heads do not divide %lld channels", op, (long long)heads, (long long)q->dim[2]);
    *s = (ad__attention_sizes){ .batch = q->dim[0], .heads = heads, .lq = q->dim[1], .lk = k->dim[1], .d = q->dim[2] / heads, .windows = 1,
                                .with_bias = bias->rank >= 0, .with_mask = mask->rank >= 0 };
    if (s->with_bias) AD_TRY(check_extra(e, op, "bias", bias, heads, s));
    if (!s->with_mask) return AD_OK;
    AD_TRY(check_extra(e, op, "mask", mask, 0, s));
    s->windows = mask->dim[0];
    if (s->batch % s->windows)
        return AD_FAIL(e, ESHAPE, "%s: a mask for %lld windows does not fit a batch of %lld", op, (long long)s->windows, (long long)s->batch);
    return AD_OK;
}

ad_attention_shape ad__attention_geometry(const ad__attention_sizes *s)
{
    return (ad_attention_shape){ .lq = s->lq, .lk = s->lk, .d = s->d, .scale = 1 / sqrt((double)s->d) };
}

static size_t real_size(ad_precision p)
{
    return p == AD_F64 ? sizeof(double) : sizeof(float);
}

void *ad__at(const ad_call *c, const ad_buffer *b, int64_t row, int64_t column)
{
    return (char *)b->data + (size_t)(row * ad_buffer_row(b) + column) * real_size(c->precision);
}

const void *ad__operand_at(const ad_call *c, int operand, int64_t i)
{
    if (operand >= c->n_in || !c->in[operand].data) return NULL;
    return (const char *)c->in[operand].data + (size_t)i * real_size(c->precision);
}

/* ---- records ---- */

static const int swap_heads[] = { 0, 2, 1, 3 };

ad_tensor *ad__split_heads(ad_tape *t, ad_tensor *x, int64_t heads)
{
    if (!x) return NULL;
    const ad_shape *s = ad_tensor_shape(x);
    return ad_permute(t, ad_reshape(t, x, &(ad_shape){ 4, { s->dim[0], s->dim[1], heads, s->dim[2] / heads } }), swap_heads);
}

ad_tensor *ad__merge_heads(ad_tape *t, ad_tensor *x)
{
    x = ad_permute(t, x, swap_heads);
    if (!x) return NULL;
    const ad_shape *s = ad_tensor_shape(x);
    return ad_reshape(t, x, &(ad_shape){ 3, { s->dim[0], s->dim[1], s->dim[2] * s->dim[3] } });
}

static const ad_matmul_attr by_rows = { .transpose_b = true };

/* Scores [B,heads,Lq,Lk] with the images and the windows of the batch apart. */
static ad_shape by_window(const ad__attention_sizes *s)
{
    return (ad_shape){ 5, { s->batch / s->windows, s->windows, s->heads, s->lq, s->lk } };
}

static ad_tensor *add_mask(ad_tape *t, const ad__attention_sizes *s, ad_tensor *scores, ad_tensor *mask)
{
    ad_shape apart = by_window(s);
    ad_tensor *m = ad_reshape(t, mask, &(ad_shape){ 4, { s->windows, 1, s->lq, s->lk } });
    ad_tensor *sum = ad_add(t, ad_reshape(t, scores, &apart), m);
    return ad_reshape(t, sum, &(ad_shape){ 4, { s->batch, s->heads, s->lq, s->lk } });
}

ad_tensor *ad__attention_softmax_adjoint(ad_tape *t, ad_tensor *p, ad_tensor *x)
{
    return ad_mul(t, p, ad_sub(t, x, ad_sum(t, ad_mul(t, p, x), &(ad_ints){ 1, { 3 } }, true)));
}

ad__attention_scores ad__attention_record(ad_tape *t, const ad__attention_sizes *s, ad_tensor *q, ad_tensor *k, ad_tensor *v,
                                          ad_tensor *bias, ad_tensor *mask, ad_tensor *gout)
{
    ad__attention_scores a = { .scale = 1 / sqrt((double)s->d), .q = ad__split_heads(t, q, s->heads), .k = ad__split_heads(t, k, s->heads),
                               .v = ad__split_heads(t, v, s->heads), .gout = ad__split_heads(t, gout, s->heads) };
    ad_tensor *scores = ad_scale(t, ad_matmul(t, a.q, a.k, &by_rows), a.scale);
    if (bias) scores = ad_add(t, scores, bias);
    if (mask) scores = add_mask(t, s, scores, mask);
    a.p = ad_softmax(t, scores);
    a.dp = ad_matmul(t, a.gout, a.v, &by_rows);
    a.ds = ad__attention_softmax_adjoint(t, a.p, a.dp);
    return a;
}

ad_tensor *ad__attention_to_bias(ad_tape *t, ad_tensor *scores)
{
    return ad_sum(t, scores, &(ad_ints){ 1, { 0 } }, false);
}

ad_tensor *ad__attention_to_mask(ad_tape *t, const ad__attention_sizes *s, ad_tensor *scores)
{
    ad_shape apart = by_window(s);
    return ad_sum(t, ad_reshape(t, scores, &apart), &(ad_ints){ 2, { 0, 2 } }, false);
}

/*
 * attention.c - scaled dot-product attention of one head, one query at a time, and its adjoint.
 *
 *   s = scale * K q + bias + mask,  p = exp(s - max s) / sum,  out = sum_j p_j v_j
 *   dp = V gout,  ds = p (dp - sum_j p_j dp_j),  gq = scale * sum_j ds_j k_j,  gk_j += scale * ds_j q,  gv_j += p_j gout
 *
 * The probabilities are made again for the adjoint, so no matrix of scores is ever kept. Scores are computed for 64 keys at a time
 * against the transposed keys, so that each is one chain of fused products over the channels, whatever the vector length.
 */
#include "ops/kernels/variant.h"

#include <math.h>

enum { BLOCK = VL == 1 ? 16 : 64, VECTORS = BLOCK / VL, LANES = 16 };

static int64_t padded(int64_t n)
{
    return (n + LANES - 1) / LANES * LANES;
}

/* t [d, padded(l)] from rows of a; the padding is zero. */
static void transpose(int64_t l, int64_t d, int64_t stride, const real *a, real *t)
{
    int64_t width = padded(l);
    for (int64_t c = 0; c < d; c++) {
        for (int64_t j = 0; j < l; j++)
            t[c * width + j] = a[j * stride + c];
        for (int64_t j = l; j < width; j++)
            t[c * width + j] = 0;
    }
}

/* row [padded(l)] = t^T q * scale */
static void products(int64_t width, int64_t d, const real *t, const real *q, real scale, real *row)
{
    vec s = v_set1(scale);
    int64_t j = 0;
    for (; j + BLOCK <= width; j += BLOCK) {
        vec acc[VECTORS];
        for (int p = 0; p < VECTORS; p++)
            acc[p] = v_zero();
        for (int64_t c = 0; c < d; c++) {
            vec a = v_set1(q[c]);
            for (int p = 0; p < VECTORS; p++)
                acc[p] = v_fma(a, v_load(t + c * width + j + p * VL), acc[p]);
        }
        for (int p = 0; p < VECTORS; p++)
            v_store(row + j + p * VL, v_mul(acc[p], s));
    }
    for (; j < width; j += VL) {
        vec acc = v_zero();
        for (int64_t c = 0; c < d; c++)
            acc = v_fma(v_set1(q[c]), v_load(t + c * width + j), acc);
        v_store(row + j, v_mul(acc, s));
    }
}

/* Probabilities of query i in p[0 .. lk-1]; zeros from there to the padded width. */
static void probabilities(const ad_attention_shape *s, int64_t i, const real *kt, const real *q, const real *bias, const real *hide,
                          real *p)
{
    int64_t lk = s->lk, width = padded(lk);
    products(width, s->d, kt, q + i * s->stride, (real)s->scale, p);
    real largest = -INFINITY;
    for (int64_t j = 0; j < lk; j++) {
        if (bias) p[j] += bias[i * lk + j];
        if (hide) p[j] += hide[i * lk + j];
        largest = p[j] > largest ? p[j] : largest;
    }
    vec shift = v_set1(largest);
    sum16 sum = sum16_zero();
    for (int64_t j = 0; j < width; j += LANES)
        for (int k = 0; k < PARTS; k++) {
            int64_t at = j + k * VL;
            vec e = v_blend(v_first(lk - at), v_exp(v_sub(v_load(p + at), shift)), v_zero());
            v_store(p + at, e);
            sum16_add(&sum, k, e);
        }
    vec inverse = v_set1(1 / sum16_fold(&sum));
    for (int64_t j = 0; j < width; j += VL)
        v_store(p + j, v_mul(v_load(p + j), inverse));
}

/* out[0 .. d-1] = scale * sum_j p[j] * rows[j] */
static void combine(int64_t l, int64_t d, int64_t stride, const real *p, const real *rows, real scale, real *out)
{
    vec s = v_set1(scale);
    int64_t c = 0;
    for (; c + 2 * VL <= d; c += 2 * VL) {
        vec a = v_zero(), b = v_zero();
        for (int64_t j = 0; j < l; j++) {
            vec w = v_set1(p[j]);
            a = v_fma(w, v_load(rows + j * stride + c), a);
            b = v_fma(w, v_load(rows + j * stride + c + VL), b);
        }
        v_store(out + c, v_mul(a, s));
        v_store(out + c + VL, v_mul(b, s));
    }
    for (; c < d; c += VL) {
        vec a = v_zero();
        for (int64_t j = 0; j < l; j++)
            a = v_fma(v_set1(p[j]), v_load_n(rows + j * stride + c, d - c), a);
        v_store_n(out + c, v_mul(a, s), d - c);
    }
}

/* rows[j] += p[j] * a for every j */
static void spread(int64_t l, int64_t d, int64_t stride, const real *p, const real *a, real scale, real *rows)
{
    for (int64_t c = 0; c < d; c += VL) {
        int64_t n = d - c;
        vec v = v_mul(v_load_n(a + c, n), v_set1(scale));
        if (n >= VL)
            for (int64_t j = 0; j < l; j++)
                v_store(rows + j * stride + c, v_fma(v_set1(p[j]), v, v_load(rows + j * stride + c)));
        else
            for (int64_t j = 0; j < l; j++)
                v_store_n(rows + j * stride + c, v_fma(v_set1(p[j]), v, v_load_n(rows + j * stride + c, n)), n);
    }
}

void K(norm_attention)(const ad_attention_shape *s, const void *q, const void *k, const void *v, const void *bias, const void *hide,
                       void *out, void *scratch)
{
    real *kt = scratch, *p = kt + s->d * padded(s->lk), *y = out;
    transpose(s->lk, s->d, s->stride, k, kt);
    for (int64_t i = 0; i < s->lq; i++) {
        probabilities(s, i, kt, q, bias, hide, p);
        combine(s->lk, s->d, s->stride, p, v, 1, y + i * s->stride);
    }
}

static void clear_rows(int64_t l, int64_t d, int64_t stride, real *rows)
{
    for (int64_t j = 0; j < l; j++)
        for (int64_t c = 0; c < d; c++)
            rows[j * stride + c] = 0;
}

void K(norm_attention_gradient)(const ad_attention_shape *s, const void *q, const void *k, const void *v, const void *bias,
                                const void *hide, const void *gout, void *gq, void *gk, void *gv, void *gbias, void *scratch)
{
    int64_t width = padded(s->lk);
    real scale = (real)s->scale;
    real *kt = scratch, *vt = kt + s->d * width, *p = vt + s->d * width, *ds = p + width;
    real *rq = gq, *rk = gk, *rv = gv, *rb = gbias;
    const real *query = q, *g = gout;
    transpose(s->lk, s->d, s->stride, k, kt);
    transpose(s->lk, s->d, s->stride, v, vt);
    clear_rows(s->lk, s->d, s->stride, rk);
    clear_rows(s->lk, s->d, s->stride, rv);
    for (int64_t i = 0; i < s->lq; i++) {
        probabilities(s, i, kt, query, bias, hide, p);
        products(width, s->d, vt, g + i * s->stride, 1, ds);
        sum16 sum = sum16_zero();
        for (int64_t j = 0; j < width; j += LANES)
            for (int h = 0; h < PARTS; h++)
                sum16_add(&sum, h, v_mul(v_load(p + j + h * VL), v_load(ds + j + h * VL)));
        vec inner = v_set1(sum16_fold(&sum));
        for (int64_t j = 0; j < width; j += VL)
            v_store(ds + j, v_mul(v_load(p + j), v_sub(v_load(ds + j), inner)));
        if (rb)
            for (int64_t j = 0; j < s->lk; j++)
                rb[i * s->lk + j] += ds[j];
        combine(s->lk, s->d, s->stride, ds, k, scale, rq + i * s->stride);
        spread(s->lk, s->d, s->stride, ds, query + i * s->stride, scale, rk);
        spread(s->lk, s->d, s->stride, p, g + i * s->stride, 1, rv);
    }
}

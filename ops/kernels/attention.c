/*
 * attention.c - scaled dot-product attention of one head, a block of queries at a time, and its adjoint.
 *
 *   s = scale * q k^T + bias + mask,  p = exp(s - max s) / sum,  out = p v
 *   dp = gout v^T,  ds = p (dp - sum p dp),  gq = scale * ds k,  gk = scale * ds^T q,  gv = p^T gout
 *
 * The probabilities are made again for the adjoint, so no matrix of scores outlives its block. All six products are one function:
 * each number is one chain of fused products over the summed index, whatever the tile; blocks continue the chain from memory.
 */
#include "ops/kernels/variant.h"

#include <math.h>
#include <stdbool.h>

/* Vectors of a tile, WIDE where there are columns enough, and rows: accumulators that fit beside a row of b, in 32 registers with AVX-512
 * and 16 with AVX2, and enough of them to cover the latency of a product. */
#if defined(ADZE_SIMD_AVX512)
enum { LANES = 16, WIDE = 4, WIDE_ROWS = 6, NARROW = 2, NARROW_ROWS = 12, ONE_ROWS = 12, MOST_ROWS = 12 };
#elif defined(ADZE_SIMD_AVX2)
enum { LANES = 16, WIDE = 2, WIDE_ROWS = 6, NARROW = 2, NARROW_ROWS = 6, ONE_ROWS = 12, MOST_ROWS = 12 };
#else
enum { LANES = 16, WIDE = 2, WIDE_ROWS = 4, NARROW = 2, NARROW_ROWS = 4, ONE_ROWS = 4, MOST_ROWS = 4 };
#endif

static int64_t padded(int64_t n)
{
    return (n + LANES - 1) / LANES * LANES;
}

/* ---- out [m, n] = (out +) sum over j < k of a(i, j) * b[j, .] ---- */

typedef struct product {
    int64_t m, n, k;
    const real *a;              /* a(i, j) = a[i * a_row + j * a_column] */
    int64_t a_row, a_column;
    const real *b;              /* row j at b + j * b_row */
    int64_t b_row;
    real *out;                  /* row i at out + i * out_row */
    int64_t out_row;
    int add;
    const real *ahead;          /* unless NULL, row i of what comes next, n numbers at ahead + i * ahead_row, is asked of memory meanwhile */
    int64_t ahead_row, ahead_n;
    int far;                    /* the rows of out are of memory, too */
} product;

/* Asks for a row of d numbers. */
static inline void ask(int64_t d, const real *row)
{
    for (int64_t c = 0; c < d; c += LANES)
        __builtin_prefetch(row + c);
}

/* `rows` x `vectors` vectors from row i and column c on; `edge`: the one vector has n - c lanes. */
static inline __attribute__((always_inline)) void tile(const product *t, int64_t i, int64_t c, int rows, int vectors, bool edge)
{
    vec acc[MOST_ROWS][WIDE];
    int64_t n = t->n - c, a_row = t->a_row, out_row = t->out_row;
    const real *a = t->a + i * a_row, *b = t->b + c;
    real *out = t->out + i * out_row + c;
    for (int r = 0; r < rows; r++) {
        if (t->ahead) ask(t->ahead_n, t->ahead + (i + r) * t->ahead_row);
        for (int v = 0; t->far && v < vectors; v++)
            __builtin_prefetch(out + r * out_row + v * VL, 1);
    }
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            acc[r][v] = !t->add ? v_zero() : edge ? v_load_n(out + r * out_row, n) : v_load(out + r * out_row + v * VL);
    for (int64_t j = 0; j < t->k; j++, a += t->a_column, b += t->b_row) {
        vec row[WIDE];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            row[v] = edge ? v_load_n(b, n) : v_load(b + v * VL);
#pragma GCC unroll 12
        for (int r = 0; r < rows; r++) {
            vec factor = v_set1(a[r * a_row]);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                acc[r][v] = v_fma(factor, row[v], acc[r][v]);
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            if (edge) v_store_n(out + r * out_row, acc[r][v], n);
            else v_store(out + r * out_row + v * VL, acc[r][v]);
}

/* All rows of `vectors` vectors of columns, as evenly cut into at most `most` as goes. */
static inline __attribute__((always_inline)) void column_run(const product *t, int64_t c, int most, int vectors, bool edge)
{
    int64_t pieces = (t->m + most - 1) / most;
    for (int64_t p = 0, i = 0, end; p < pieces; p++, i = end) {
        end = t->m * (p + 1) / pieces;
        switch (end - i) {
#define CASE(rows) case rows: if (rows <= most) tile(t, i, c, rows, vectors, edge); break;
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)
#undef CASE
        }
    }
}

static void multiply(const product *t)
{
    int64_t c = 0;
    for (; c + WIDE * VL <= t->n; c += WIDE * VL)
        column_run(t, c, WIDE_ROWS, WIDE, false);
    for (; c + NARROW * VL <= t->n; c += NARROW * VL)
        column_run(t, c, NARROW_ROWS, NARROW, false);
    for (; c + VL <= t->n; c += VL)
        column_run(t, c, ONE_ROWS, 1, false);
    if (c < t->n) column_run(t, c, ONE_ROWS, 1, true);
}

/* ---- softmax ---- */

/* t [d, padded(l)] from rows of a; the padding is zero. The last rows are turned together with some before them. */
static void transpose(int64_t l, int64_t d, int64_t stride, const real *a, real *t)
{
    int64_t width = padded(l), turned = 0;
#if defined(ADZE_SIMD_AVX512) || defined(ADZE_SIMD_AVX2)
    if (l >= VL) {
        turned = d / 4 * 4;
        for (int64_t c = 0; c < turned; c++)
            for (int64_t j = l / VL * VL; j < width; j += VL)
                v_store(t + c * width + j, v_zero());
        for (int64_t j = 0; j < l; j += VL) {
            int64_t from = j + VL <= l ? j : l - VL;
            for (int64_t c = 0; c < turned; c += 4) {
                vec r[4];
                v_load_turned(a + from * stride + c, stride, 4, r);
#pragma GCC unroll 4
                for (int i = 0; i < 4; i++)
                    v_store(t + (c + i) * width + from, r[i]);
            }
        }
    }
#endif
    for (int64_t c = turned; c < d; c++)
        for (int64_t j = 0; j < width; j++)
            t[c * width + j] = j < l ? a[j * stride + c] : 0;
}

/* Scores this far below the largest count as nothing. Their exponentials vanish beside 1, and those of hidden positions (shift_mask:
 * -100) would be subnormal numbers, on which every product takes a hundred cycles. */
static const real FARTHEST = sizeof(real) == sizeof(float) ? -80 : -700;

/* Scores of VL keys; of the first n of them, the others are farther than any (n >= VL is all). */
INLINED vec scores(const bool whole, int64_t n, vec scale, const real *bias, const real *hide, const real *p)
{
    vec v = v_mul(v_load(p), scale);
    if (bias) v = v_add(v, whole ? v_load(bias) : v_load_n(bias, n));
    if (hide) v = v_add(v, whole ? v_load(hide) : v_load_n(hide, n));
    return whole ? v : v_blend(v_first(n), v, v_set1(-INFINITY));
}

/* What a head is made from; bias and hide may be NULL. */
typedef struct head {
    const real *q, *k, *v, *bias, *hide;
} head;

/* Products of one query become probabilities; zeros from lk to the padded width. */
static inline void softmax_row(int64_t lk, real scale, const real *bias, const real *hide, real *p)
{
    vec s = v_set1(scale), largest = v_set1(-INFINITY);
    int64_t width = padded(lk), j = 0;
    for (; j + VL <= lk; j += VL) {
        vec v = scores(true, VL, s, bias ? bias + j : bias, hide ? hide + j : hide, p + j);
        v_store(p + j, v);
        largest = v_max(v, largest);
    }
    for (; j < width; j += VL) {
        vec v = scores(false, lk - j, s, bias ? bias + j : bias, hide ? hide + j : hide, p + j);
        v_store(p + j, v);
        largest = v_max(v, largest);
    }
    vec shift = v_set1(v_largest(largest)), farthest = v_set1(FARTHEST);
    sum16 sum = sum16_zero();
    for (j = 0; j < width; j += LANES)
        for (int k = 0; k < PARTS; k++) {
            vec below = v_sub(v_load(p + j + k * VL), shift);
            vec e = v_blend(v_lt(below, farthest), v_zero(), v_exp_below(below));
            v_store(p + j + k * VL, e);
            sum16_add(&sum, k, e);
        }
    vec inverse = v_set1(1 / sum16_fold(&sum));
    for (j = 0; j < width; j += VL)
        v_store(p + j, v_mul(v_load(p + j), inverse));
}

/* Where row i of an operand of the next head is; NULL if there is none. */
static inline const real *next_head(const ad_attention_shape *s, const real *x, int64_t row, int64_t i)
{
    return s->next_rows || s->next_columns ? x + (s->next_rows + i) * row + s->next_columns : NULL;
}

/* Probabilities p [rows, padded(lk)] of queries i to i + rows - 1. */
static void probabilities(const ad_attention_shape *s, const head *h, int64_t i, int64_t rows, const real *kt, real *p)
{
    int64_t lk = s->lk, width = padded(lk);
    const real *q = h->q + i * s->row.q, *bias = h->bias, *hide = h->hide, *next = next_head(s, h->k, s->row.k, i);
    multiply(&(product){ .m = rows, .n = width, .k = s->d, .a = q, .a_row = s->row.q, .a_column = 1, .b = kt, .b_row = width, .out = p,
                         .out_row = width, .ahead = next_head(s, h->v, s->row.v, i), .ahead_row = s->row.v, .ahead_n = s->d });
    for (int64_t r = 0; r < rows; r++) {
        softmax_row(lk, (real)s->scale, bias ? bias + (i + r) * lk : bias, hide ? hide + (i + r) * lk : hide, p + r * width);
        if (next) ask(s->d, next + r * s->row.k);
    }
}

/* ---- kernels ---- */

void K(norm_attention)(const ad_attention_shape *s, const void *q, const void *k, const void *v, const void *bias, const void *hide,
                       void *out, void *scratch)
{
    int64_t width = padded(s->lk);
    const head h = { q, k, v, bias, hide };
    real *kt = scratch, *p = kt + s->d * width, *y = out;
    transpose(s->lk, s->d, s->row.k, k, kt);
    for (int64_t i = 0; i < s->lq; i += AD_ATTENTION_QUERIES) {
        int64_t rows = s->lq - i < AD_ATTENTION_QUERIES ? s->lq - i : AD_ATTENTION_QUERIES;
        probabilities(s, &h, i, rows, kt, p);
        multiply(&(product){ .m = rows, .n = s->d, .k = s->lk, .a = p, .a_row = width, .a_column = 1, .b = h.v, .b_row = s->row.v,
                             .out = y + i * s->row.out, .out_row = s->row.out, .ahead = next_head(s, h.q, s->row.q, i),
                             .ahead_row = s->row.q, .ahead_n = s->d, .far = 1 });
    }
}

/* dp becomes ds; gbias gets it, then it is scaled. */
static inline void score_row(int64_t lk, real scale, const real *p, real *ds, real *gbias)
{
    sum16 sum = sum16_zero();
    for (int64_t j = 0; j < lk; j += LANES)
        for (int k = 0; k < PARTS; k++)
            sum16_add(&sum, k, v_mul(v_load(p + j + k * VL), v_load(ds + j + k * VL)));
    vec inner = v_set1(sum16_fold(&sum)), s = v_set1(scale);
    for (int64_t j = 0; j < lk; j += VL) {
        vec v = v_mul(v_load(p + j), v_sub(v_load(ds + j), inner));
        if (gbias && j + VL <= lk) v_store(gbias + j, v_add(v_load(gbias + j), v));
        else if (gbias) v_store_n(gbias + j, v_add(v_load_n(gbias + j, lk - j), v), lk - j);
        v_store(ds + j, v_mul(v, s));
    }
}

void K(norm_attention_gradient)(const ad_attention_shape *s, const void *q, const void *k, const void *v, const void *bias,
                                const void *hide, const void *gout, void *gq, void *gk, void *gv, void *gbias, void *scratch)
{
    int64_t width = padded(s->lk), lk = s->lk;
    const head h = { q, k, v, bias, hide };
    const real *g = gout;
    real *kt = scratch, *vt = kt + s->d * width, *p = vt + s->d * width, *ds = p + AD_ATTENTION_QUERIES * width;
    real *rq = gq, *rb = gbias;
    transpose(lk, s->d, s->row.k, k, kt);
    transpose(lk, s->d, s->row.v, v, vt);
    for (int64_t i = 0; i < s->lq; i += AD_ATTENTION_QUERIES) {
        int64_t rows = s->lq - i < AD_ATTENTION_QUERIES ? s->lq - i : AD_ATTENTION_QUERIES;
        const real *gi = g + i * s->row.out, *qi = h.q + i * s->row.q;
        probabilities(s, &h, i, rows, kt, p);
        multiply(&(product){ .m = rows, .n = width, .k = s->d, .a = gi, .a_row = s->row.out, .a_column = 1, .b = vt, .b_row = width,
                             .out = ds, .out_row = width });
        for (int64_t r = 0; r < rows; r++)
            score_row(lk, (real)s->scale, p + r * width, ds + r * width, rb ? rb + (i + r) * lk : rb);
        multiply(&(product){ .m = rows, .n = s->d, .k = lk, .a = ds, .a_row = width, .a_column = 1, .b = h.k, .b_row = s->row.k,
                             .out = rq + i * s->row.gq, .out_row = s->row.gq, .ahead = next_head(s, h.q, s->row.q, i),
                             .ahead_row = s->row.q, .ahead_n = s->d, .far = 1 });
        multiply(&(product){ .m = lk, .n = s->d, .k = rows, .a = ds, .a_row = 1, .a_column = width, .b = qi, .b_row = s->row.q,
                             .out = gk, .out_row = s->row.gk, .add = i > 0, .ahead = i ? NULL : next_head(s, g, s->row.out, 0),
                             .ahead_row = s->row.out, .ahead_n = s->d, .far = 1 });
        multiply(&(product){ .m = lk, .n = s->d, .k = rows, .a = p, .a_row = 1, .a_column = width, .b = gi, .b_row = s->row.out,
                             .out = gv, .out_row = s->row.gv, .add = i > 0, .far = 1 });
    }
}

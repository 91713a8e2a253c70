/*
 * norm.c - column statistics (batch norm) and row statistics (layer norm).
 *
 * Columns: each channel is a lane of its own, so the order of a sum is that of the rows: four rows are added in pairs, then to the
 * accumulator. Rows: the sixteen virtual lanes of simd.h.
 */
#include <stdbool.h>
#include <string.h>

#include "ops/kernels/variant.h"

/* Rows are taken sixteen at a time, all columns of them: memory is read in order, and the sums wait in first-level cache. */
enum { ROWS = 16 };

/* (a0 + a1) + (a2 + a3) */
static inline vec sum4(vec a0, vec a1, vec a2, vec a3)
{
    return v_add(v_add(a0, a1), v_add(a2, a3));
}

/* A vector of columns, of which n lanes are real; `whole`: all. */
static inline vec load(const bool whole, const real *x, int64_t n)
{
    return whole ? v_load(x) : v_load_n(x, n);
}

static inline void store(const bool whole, real *x, vec v, int64_t n)
{
    if (whole) v_store(x, v);
    else v_store_n(x, v, n);
}

/* Columns j to j + VL - 1 of c, or as many as there are: STEP(true, ..) or STEP(false, ..). */
#define EACH_VECTOR(c, STEP, ...)                                     \
    for (int64_t j = 0; j < (c); j += VL)                             \
        if (j + VL <= (c)) STEP(true, j, (c) - j, __VA_ARGS__);       \
        else STEP(false, j, (c) - j, __VA_ARGS__)

/* Fours of rows, then those that are left one by one. */
static inline void add_rows(const bool whole, int64_t j, int64_t n, const int count, int64_t c, const real *x, real *sum)
{
    vec s = load(whole, sum + j, n);
    int r = 0;
    for (x += j; r + 4 <= count; r += 4, x += 4 * c)
        s = v_add(s, sum4(load(whole, x, n), load(whole, x + c, n), load(whole, x + 2 * c, n), load(whole, x + 3 * c, n)));
    for (; r < count; r++, x += c)
        s = v_add(s, load(whole, x, n));
    store(whole, sum + j, s, n);
}

void K(norm_column_sum)(int64_t rows, int64_t c, const void *x, void *sum)
{
    const real *in = x;
    int64_t r = 0;
    memset(sum, 0, (size_t)c * sizeof(real));
    for (; r + ROWS <= rows; r += ROWS, in += ROWS * c)
        EACH_VECTOR(c, add_rows, ROWS, c, in, sum);
    EACH_VECTOR(c, add_rows, (int)(rows - r), c, in, sum);
}

static inline vec square(vec a)
{
    return v_mul(a, a);
}

/* Adds d and d^2 of some rows for d = x - mean: the first says by how much a rounded mean is off. */
static inline void add_distances(const bool whole, int64_t j, int64_t n, const int count, int64_t c, const real *x, const real *mean,
                                 real *off, real *m2)
{
    vec m = load(whole, mean + j, n), s = load(whole, off + j, n), t = load(whole, m2 + j, n), d[4];
    int r = 0;
    for (x += j; r + 4 <= count; r += 4, x += 4 * c) {
        for (int k = 0; k < 4; k++)
            d[k] = v_sub(load(whole, x + k * c, n), m);
        s = v_add(s, sum4(d[0], d[1], d[2], d[3]));
        t = v_add(t, sum4(square(d[0]), square(d[1]), square(d[2]), square(d[3])));
    }
    for (; r < count; r++, x += c) {
        d[0] = v_sub(load(whole, x, n), m);
        s = v_add(s, d[0]);
        t = v_add(t, square(d[0]));
    }
    store(whole, off + j, s, n);
    store(whole, m2 + j, t, n);
}

/* Two passes over rows that fit into second-level cache. With e = (sum d) / rows, mean + e is the mean, and m2 = sum d^2 - rows e^2. */
void K(norm_column_moments)(int64_t rows, int64_t c, const void *x, void *mean, void *m2)
{
    enum { COLUMNS = 256 };      /* at a time */
    real *m = mean, *s = m2, off[COLUMNS];
    K(norm_column_sum)(rows, c, x, mean);
    for (int64_t j = 0; j < c; j++)
        m[j] /= (real)rows;
    memset(s, 0, (size_t)c * sizeof *s);
    for (int64_t from = 0, n; from < c; from += n, m += n, s += n) {
        const real *in = (const real *)x + from;
        int64_t r = 0;
        n = c - from < COLUMNS ? c - from : COLUMNS;
        memset(off, 0, sizeof off);
        for (; r + ROWS <= rows; r += ROWS, in += ROWS * c)
            EACH_VECTOR(n, add_distances, ROWS, c, in, m, off, s);
        EACH_VECTOR(n, add_distances, (int)(rows - r), c, in, m, off, s);
        for (int64_t k = 0; k < n; k++) {
            real e = off[k] / (real)rows;
            m[k] += e;
            s[k] -= (real)rows * e * e;
        }
    }
}

static inline void add_products(const bool whole, int64_t j, int64_t n, const int count, int64_t c, const real *gy, const real *x,
                                const real *mean, real *sum, real *product)
{
    vec m = load(whole, mean + j, n), s = load(whole, sum + j, n), t = load(whole, product + j, n);
    for (int r = 0; r < count; r++) {
        vec g = load(whole, gy + r * c + j, n);
        s = v_add(s, g);
        t = v_fma(g, v_sub(load(whole, x + r * c + j, n), m), t);
    }
    store(whole, sum + j, s, n);
    store(whole, product + j, t, n);
}

void K(norm_column_products)(int64_t rows, int64_t c, const void *gy, const void *x, const void *mean, void *sum, void *product)
{
    const real *g = gy, *in = x;
    int64_t r = 0;
    memset(sum, 0, (size_t)c * sizeof(real));
    memset(product, 0, (size_t)c * sizeof(real));
    for (; r + ROWS <= rows; r += ROWS, in += ROWS * c, g += ROWS * c)
        EACH_VECTOR(c, add_products, ROWS, c, g, in, mean, sum, product);
    EACH_VECTOR(c, add_products, (int)(rows - r), c, g, in, mean, sum, product);
}

/* ---- rows ---- */

/* Sum of (x - mean)^2 in the order of simd.h. */
static real squares_of(int64_t c, const real *x, real mean)
{
    vec m = v_set1(mean);
    sum16 s = sum16_zero();
    for (int64_t i = 0; i < c; i += 16)
        for (int p = 0; p < PARTS; p++) {
            int64_t j = i + p * VL, n = c - j;
            if (n >= VL)
                sum16_add(&s, p, square(v_sub(v_load(x + j), m)));
            else if (n > 0)
                sum16_add(&s, p, v_blend(v_first(n), square(v_sub(v_load_n(x + j, n), m)), v_zero()));
        }
    return sum16_fold(&s);
}

void K(norm_row_norm)(int64_t rows, int64_t c, const void *x, const void *scale, const void *shift, double eps, void *y, void *mean,
                      void *invstd)
{
    const real *in = x, *g = scale, *b = shift;
    real *out = y, *means = mean, *inverses = invstd;
    for (int64_t r = 0; r < rows; r++, in += c, out += c) {
        real m = sum16_of(c, in) / (real)c, inverse;
        v_store_n(&inverse, v_div(v_set1(1), v_sqrt(v_set1(squares_of(c, in, m) / (real)c + (real)eps))), 1);
        means[r] = m;
        inverses[r] = inverse;
        vec vm = v_set1(m), vi = v_set1(inverse);
        for (int64_t j = 0; j < c; j += VL) {
            int64_t n = c - j;
            vec h = v_mul(v_sub(v_load_n(in + j, n), vm), vi);
            if (g) h = v_mul(h, v_load_n(g + j, n));
            if (b) h = v_add(h, v_load_n(b + j, n));
            v_store_n(out + j, h, n);
        }
    }
}

/* With h = (x - mean) * invstd and d = gy * scale: gx = invstd * (d - (sum d + h * sum d h) / c). */
void K(norm_row_norm_gradient)(int64_t rows, int64_t c, const void *x, const void *scale, const void *mean, const void *invstd,
                               const void *gy, void *gx, void *gscale, void *gshift)
{
    const real *in = x, *w = scale, *means = mean, *inverses = invstd, *g = gy;
    real *out = gx, *gw = gscale, *gb = gshift;
    for (int64_t j = 0; j < c; j++)
        gw[j] = gb[j] = 0;
    for (int64_t r = 0; r < rows; r++, in += c, out += c, g += c) {
        vec m = v_set1(means[r]), inverse = v_set1(inverses[r]);
        sum16 s = sum16_zero(), t = sum16_zero();
        for (int64_t i = 0; i < c; i += 16)
            for (int p = 0; p < PARTS; p++) {
                int64_t j = i + p * VL, n = c - j;
                if (n <= 0) break;
                vec gv = v_load_n(g + j, n), h = v_mul(v_sub(v_load_n(in + j, n), m), inverse);
                vec d = w ? v_mul(gv, v_load_n(w + j, n)) : gv;
                sum16_add(&s, p, d);
                sum16_add(&t, p, v_mul(d, h));
                v_store_n(gw + j, v_fma(gv, h, v_load_n(gw + j, n)), n);
                v_store_n(gb + j, v_add(gv, v_load_n(gb + j, n)), n);
            }
        vec ms = v_set1(sum16_fold(&s) / (real)c), mt = v_set1(sum16_fold(&t) / (real)c);
        for (int64_t j = 0; j < c; j += VL) {
            int64_t n = c - j;
            vec gv = v_load_n(g + j, n), h = v_mul(v_sub(v_load_n(in + j, n), m), inverse);
            vec d = w ? v_mul(gv, v_load_n(w + j, n)) : gv;
            v_store_n(out + j, v_mul(inverse, v_sub(d, v_fma(h, mt, ms))), n);
        }
    }
}

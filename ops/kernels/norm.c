/*
 * norm.c - column statistics (batch norm) and row statistics (layer norm).
 *
 * Columns: each channel is a lane of its own, so the order of a sum is that of the rows: four rows are added in pairs, then to the
 * accumulator. Rows: the sixteen virtual lanes of simd.h.
 */
#include "ops/kernels/variant.h"

/* Channels whose accumulators are kept in registers: four vectors of AVX-512, eight of AVX2. */
enum { BLOCK = VL == 1 ? 16 : 64, VECTORS = BLOCK / VL };

/* (a0 + a1) + (a2 + a3) */
static inline vec sum4(vec a0, vec a1, vec a2, vec a3)
{
    return v_add(v_add(a0, a1), v_add(a2, a3));
}

/* One vector of columns; n lanes are real. */
static vec sum_narrow(int64_t rows, int64_t c, const real *x, int64_t n)
{
    vec acc = v_zero();
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4, x += 4 * c)
        acc = v_add(acc, sum4(v_load_n(x, n), v_load_n(x + c, n), v_load_n(x + 2 * c, n), v_load_n(x + 3 * c, n)));
    for (; r < rows; r++, x += c)
        acc = v_add(acc, v_load_n(x, n));
    return acc;
}

static void sum_block(int64_t rows, int64_t c, const real *x, real *sum)
{
    vec acc[VECTORS];
    for (int p = 0; p < VECTORS; p++)
        acc[p] = v_zero();
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4, x += 4 * c)
        for (int p = 0; p < VECTORS; p++) {
            const real *y = x + p * VL;
            acc[p] = v_add(acc[p], sum4(v_load(y), v_load(y + c), v_load(y + 2 * c), v_load(y + 3 * c)));
        }
    for (; r < rows; r++, x += c)
        for (int p = 0; p < VECTORS; p++)
            acc[p] = v_add(acc[p], v_load(x + p * VL));
    for (int p = 0; p < VECTORS; p++)
        v_store(sum + p * VL, acc[p]);
}

void K(norm_column_sum)(int64_t rows, int64_t c, const void *x, void *sum)
{
    const real *in = x;
    real *out = sum;
    int64_t j = 0;
    for (; j + BLOCK <= c; j += BLOCK)
        sum_block(rows, c, in + j, out + j);
    for (; j < c; j += VL)
        v_store_n(out + j, sum_narrow(rows, c, in + j, c - j), c - j);
}

static inline vec square(vec a)
{
    return v_mul(a, a);
}

/* Sums of d and of d^2 for d = x - mean: the first says by how much a rounded mean is off. */
static void distances_narrow(int64_t rows, int64_t c, const real *x, vec mean, int64_t n, real *off, real *m2)
{
    vec d[4], s = v_zero(), t = v_zero();
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4, x += 4 * c) {
        for (int k = 0; k < 4; k++)
            d[k] = v_sub(v_load_n(x + k * c, n), mean);
        s = v_add(s, sum4(d[0], d[1], d[2], d[3]));
        t = v_add(t, sum4(square(d[0]), square(d[1]), square(d[2]), square(d[3])));
    }
    for (; r < rows; r++, x += c) {
        d[0] = v_sub(v_load_n(x, n), mean);
        s = v_add(s, d[0]);
        t = v_add(t, square(d[0]));
    }
    v_store_n(off, s, n);
    v_store_n(m2, t, n);
}

static void distances_block(int64_t rows, int64_t c, const real *x, const real *mean, real *off, real *m2)
{
    vec s[VECTORS], t[VECTORS];
    for (int p = 0; p < VECTORS; p++)
        s[p] = t[p] = v_zero();
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4, x += 4 * c)
        for (int p = 0; p < VECTORS; p++) {
            const real *y = x + p * VL;
            vec m = v_load(mean + p * VL), d0 = v_sub(v_load(y), m), d1 = v_sub(v_load(y + c), m);
            vec d2 = v_sub(v_load(y + 2 * c), m), d3 = v_sub(v_load(y + 3 * c), m);
            s[p] = v_add(s[p], sum4(d0, d1, d2, d3));
            t[p] = v_add(t[p], sum4(square(d0), square(d1), square(d2), square(d3)));
        }
    for (; r < rows; r++, x += c)
        for (int p = 0; p < VECTORS; p++) {
            vec d = v_sub(v_load(x + p * VL), v_load(mean + p * VL));
            s[p] = v_add(s[p], d);
            t[p] = v_add(t[p], square(d));
        }
    for (int p = 0; p < VECTORS; p++) {
        v_store(off + p * VL, s[p]);
        v_store(m2 + p * VL, t[p]);
    }
}

/* Two passes over rows that fit into second-level cache. With e = (sum d) / rows, mean + e is the mean, and m2 = sum d^2 - rows e^2. */
void K(norm_column_moments)(int64_t rows, int64_t c, const void *x, void *mean, void *m2)
{
    const real *in = x;
    real *m = mean, *s = m2, off[BLOCK];
    K(norm_column_sum)(rows, c, x, mean);
    for (int64_t j = 0; j < c; j++)
        m[j] /= (real)rows;
    for (int64_t j = 0, n; j < c; j += n) {
        if (j + BLOCK <= c) {
            n = BLOCK;
            distances_block(rows, c, in + j, m + j, off, s + j);
        } else {
            n = c - j < VL ? c - j : VL;
            distances_narrow(rows, c, in + j, v_load_n(m + j, n), n, off, s + j);
        }
        for (int64_t k = 0; k < n; k++) {
            real e = off[k] / (real)rows;
            m[j + k] += e;
            s[j + k] -= (real)rows * e * e;
        }
    }
}

static void products_narrow(int64_t rows, int64_t c, const real *gy, const real *x, vec mean, int64_t n, real *sum, real *product)
{
    vec s = v_zero(), t = v_zero();
    for (int64_t r = 0; r < rows; r++, x += c, gy += c) {
        vec g = v_load_n(gy, n);
        s = v_add(s, g);
        t = v_fma(g, v_sub(v_load_n(x, n), mean), t);
    }
    v_store_n(sum, s, n);
    v_store_n(product, t, n);
}

static void products_block(int64_t rows, int64_t c, const real *gy, const real *x, const real *mean, real *sum, real *product)
{
    vec s[VECTORS], t[VECTORS];
    for (int p = 0; p < VECTORS; p++)
        s[p] = t[p] = v_zero();
    for (int64_t r = 0; r < rows; r++, x += c, gy += c)
        for (int p = 0; p < VECTORS; p++) {
            vec g = v_load(gy + p * VL);
            s[p] = v_add(s[p], g);
            t[p] = v_fma(g, v_sub(v_load(x + p * VL), v_load(mean + p * VL)), t[p]);
        }
    for (int p = 0; p < VECTORS; p++) {
        v_store(sum + p * VL, s[p]);
        v_store(product + p * VL, t[p]);
    }
}

void K(norm_column_products)(int64_t rows, int64_t c, const void *gy, const void *x, const void *mean, void *sum, void *product)
{
    const real *g = gy, *in = x, *m = mean;
    real *s = sum, *t = product;
    int64_t j = 0;
    for (; j + BLOCK <= c; j += BLOCK)
        products_block(rows, c, g + j, in + j, m + j, s + j, t + j);
    for (; j < c; j += VL)
        products_narrow(rows, c, g + j, in + j, v_load_n(m + j, c - j), c - j, s + j, t + j);
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

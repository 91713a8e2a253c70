/*
 * element_softmax.c - softmax, its logarithm, and cross-entropy over rows of n numbers (the last axis).
 *
 * Short rows (n <= SHORT, the classes of a segmentation) are taken VL at a time, one in each lane, so that a sum runs over j in
 * order. Long rows are summed in sixteen virtual lanes (simd.h). Which way is taken depends on n alone.
 */
#include "ops/kernels/element_map.h"

enum { SHORT = 16 };

/* Numbers j of rows r .. r+VL-1 to one vector each; lanes past the last row repeat it. */
static inline void load_rows(int64_t rows, int64_t n, int64_t r, const real *x, vec *v)
{
    real lane[SHORT][VL];
    for (int l = 0; l < VL; l++) {
        const real *row = x + (r + l < rows ? r + l : rows - 1) * n;
        for (int64_t j = 0; j < n; j++)
            lane[j][l] = row[j];
    }
    for (int64_t j = 0; j < n; j++)
        v[j] = v_load(lane[j]);
}

static inline void store_rows(int64_t rows, int64_t n, int64_t r, real *y, const vec *v)
{
    real lane[SHORT][VL];
    for (int64_t j = 0; j < n; j++)
        v_store(lane[j], v[j]);
    for (int l = 0; l < VL && r + l < rows; l++)
        for (int64_t j = 0; j < n; j++)
            y[(r + l) * n + j] = lane[j][l];
}

static inline vec larger(vec a, vec b)
{
    return v_blend(v_gt(a, b), a, v_blend(v_eq(a, a), b, a));
}

/* x[j] becomes x[j] - max, e[j] its exponential; returns the sum of the e. */
static inline vec short_exp(int64_t n, vec *x, vec *e)
{
    vec m = x[0], sum = v_zero();
    for (int64_t j = 1; j < n; j++)
        m = larger(m, x[j]);
    for (int64_t j = 0; j < n; j++) {
        x[j] = v_sub(x[j], m);
        e[j] = v_exp(x[j]);
        sum = v_add(sum, e[j]);
    }
    return sum;
}

static real row_max(int64_t n, const real *x)
{
    real m;
    K(element_largest)(n, x, &m);
    return m;
}

/* Sum of e^(x - m) of a long row; the exponentials go to y unless it is NULL. */
static real long_exp(int64_t n, const real *x, real m, real *y)
{
    sum16 s = sum16_zero();
    for (int64_t i = 0; i < n; i += 16)
        for (int p = 0; p < PARTS; p++) {
            int64_t at = i + p * VL, left = n - at;
            if (left <= 0) break;
            vec e = v_exp(v_sub(v_load_n(x + at, left), v_set1(m)));
            if (y) v_store_n(y + at, e, left);
            sum16_add(&s, p, v_blend(v_first(left), e, v_zero()));
        }
    return sum16_fold(&s);
}

void K(element_softmax)(int64_t rows, int64_t n, const void *x, void *y)
{
    if (n <= SHORT) {
        for (int64_t r = 0; r < rows; r += VL) {
            vec v[SHORT], e[SHORT];
            load_rows(rows, n, r, x, v);
            vec sum = short_exp(n, v, e);
            for (int64_t j = 0; j < n; j++)
                e[j] = v_div(e[j], sum);
            store_rows(rows, n, r, y, e);
        }
        return;
    }
    for (int64_t r = 0; r < rows; r++) {
        const real *from = (const real *)x + r * n;
        real *to = (real *)y + r * n;
        vec sum = v_set1(long_exp(n, from, row_max(n, from), to));
        for (int64_t i = 0; i < n; i += VL)
            v_store_n(to + i, v_div(v_load_n(to + i, n - i), sum), n - i);
    }
}

static inline real log_of(real x)
{
    real y[VL];
    v_store(y, v_log(v_set1(x)));
    return y[0];
}

void K(element_log_softmax)(int64_t rows, int64_t n, const void *x, void *y)
{
    if (n <= SHORT) {
        for (int64_t r = 0; r < rows; r += VL) {
            vec v[SHORT], e[SHORT];
            load_rows(rows, n, r, x, v);
            vec log_sum = v_log(short_exp(n, v, e));
            for (int64_t j = 0; j < n; j++)
                v[j] = v_sub(v[j], log_sum);
            store_rows(rows, n, r, y, v);
        }
        return;
    }
    for (int64_t r = 0; r < rows; r++) {
        const real *from = (const real *)x + r * n;
        real m = row_max(n, from), log_sum = log_of(long_exp(n, from, m, NULL));
        for (int64_t i = 0; i < n; i += VL) {
            vec v = v_sub(v_sub(v_load_n(from + i, n - i), v_set1(m)), v_set1(log_sum));
            v_store_n((real *)y + r * n + i, v, n - i);
        }
    }
}

void K(element_cross_entropy)(int64_t rows, int64_t n, const void *x, const void *t, void *y)
{
    real *out = y;
    if (n <= SHORT) {
        for (int64_t r = 0; r < rows; r += VL) {
            vec v[SHORT], e[SHORT], target[SHORT];
            load_rows(rows, n, r, x, v);
            load_rows(rows, n, r, t, target);
            vec log_sum = v_log(short_exp(n, v, e)), loss = v_zero();
            for (int64_t j = 0; j < n; j++)
                loss = v_fma(target[j], v_sub(log_sum, v[j]), loss);
            v_store_n(out + r, loss, rows - r);
        }
        return;
    }
    for (int64_t r = 0; r < rows; r++) {
        const real *row = (const real *)x + r * n, *target = (const real *)t + r * n;
        real m = row_max(n, row);
        vec log_sum = v_set1(log_of(long_exp(n, row, m, NULL)));
        sum16 s = sum16_zero();
        for (int64_t i = 0; i < n; i += 16)
            for (int p = 0; p < PARTS; p++) {
                int64_t at = i + p * VL, left = n - at;
                vec v = v_sub(v_load_n(row + at, left), v_set1(m));
                sum16_add(&s, p, v_mul(v_load_n(target + at, left), v_sub(log_sum, v)));
            }
        out[r] = sum16_fold(&s);
    }
}

void K(element_cross_entropy_gradient)(int64_t rows, int64_t n, const void *gy, const void *x, const void *t, void *gx)
{
    const real *up = gy;
    if (n <= SHORT) {
        for (int64_t r = 0; r < rows; r += VL) {
            vec v[SHORT], e[SHORT], target[SHORT], total = v_zero(), g = v_load_n(up + r, rows - r);
            load_rows(rows, n, r, x, v);
            load_rows(rows, n, r, t, target);
            vec sum = short_exp(n, v, e);
            for (int64_t j = 0; j < n; j++)
                total = v_add(total, target[j]);
            for (int64_t j = 0; j < n; j++)
                e[j] = v_mul(g, v_sub(v_mul(v_div(e[j], sum), total), target[j]));
            store_rows(rows, n, r, gx, e);
        }
        return;
    }
    for (int64_t r = 0; r < rows; r++) {
        const real *row = (const real *)x + r * n, *target = (const real *)t + r * n;
        real *out = (real *)gx + r * n;
        vec sum = v_set1(long_exp(n, row, row_max(n, row), out)), total = v_set1(sum16_of(n, target));
        for (int64_t i = 0; i < n; i += VL) {
            vec p = v_div(v_load_n(out + i, n - i), sum);
            v_store_n(out + i, v_mul(v_set1(up[r]), v_sub(v_mul(p, total), v_load_n(target + i, n - i))), n - i);
        }
    }
}

/*
 * element_fold.c - sums and extremes of a row, and of columns.
 *
 * A row is summed in sixteen virtual lanes that are folded in halves (simd.h), a column in the order of its rows, so no sum depends
 * on the width of the vectors.
 */
#include "ops/kernels/element_map.h"

void K(element_sum)(int64_t n, const void *x, void *y)
{
    *(real *)y = sum16_of(n, x);
}

/* A NaN among the numbers is the result: the comparison that keeps `a` fails, or `a` is one already. */
static inline real pick(real a, real b, bool larger)
{
    return a != a || (larger ? a > b : a < b) ? a : b;
}

MAP_INLINE void extreme(int64_t n, const real *x, real *y, bool larger)
{
    real best = x[0];
    int64_t i = 0;
    if (n >= VL) {
        vec v = v_load(x);
        for (i = VL; i + VL <= n; i += VL) {
            vec w = v_load(x + i);
            vec kept = v_blend(larger ? v_gt(v, w) : v_lt(v, w), v, w);
            v = v_blend(v_eq(v, v), kept, v);
        }
        real lane[VL];
        v_store(lane, v);
        best = lane[0];
        for (int k = 1; k < VL; k++)
            best = pick(best, lane[k], larger);
    }
    for (; i < n; i++)
        best = pick(best, x[i], larger);
    *y = best;
}

void K(element_largest)(int64_t n, const void *x, void *y)
{
    extreme(n, x, y, true);
}

void K(element_smallest)(int64_t n, const void *x, void *y)
{
    extreme(n, x, y, false);
}

MAP_INLINE vec add_of(vec a, vec b)
{
    return v_add(a, b);
}

MAP_INLINE vec larger_of(vec a, vec b)
{
    vec larger = v_blend(v_gt(a, b), a, b);
    return v_blend(v_eq(a, a), larger, a);
}

MAP_INLINE vec smaller_of(vec a, vec b)
{
    vec smaller = v_blend(v_lt(a, b), a, b);
    return v_blend(v_eq(a, a), smaller, a);
}

/* Four vectors of columns at a time, so that four chains of additions are in flight. */
MAP_INLINE void columns(int64_t rows, int64_t n, int64_t stride, const real *x, real *y, vec (*f)(vec a, vec b))
{
    int64_t j = 0;
    for (; j + 4 * VL <= n; j += 4 * VL) {
        vec a = v_load(x + j), b = v_load(x + j + VL), c = v_load(x + j + 2 * VL), d = v_load(x + j + 3 * VL);
        for (int64_t r = 1; r < rows; r++) {
            const real *row = x + r * stride + j;
            a = f(a, v_load(row));
            b = f(b, v_load(row + VL));
            c = f(c, v_load(row + 2 * VL));
            d = f(d, v_load(row + 3 * VL));
        }
        v_store(y + j, a);
        v_store(y + j + VL, b);
        v_store(y + j + 2 * VL, c);
        v_store(y + j + 3 * VL, d);
    }
    for (; j < n; j += VL) {
        vec a = v_load_n(x + j, n - j);
        for (int64_t r = 1; r < rows; r++)
            a = f(a, v_load_n(x + r * stride + j, n - j));
        v_store_n(y + j, a, n - j);
    }
}

void K(element_sum_columns)(int64_t rows, int64_t n, int64_t stride, const void *x, void *y)
{
    columns(rows, n, stride, x, y, add_of);
}

void K(element_largest_columns)(int64_t rows, int64_t n, int64_t stride, const void *x, void *y)
{
    columns(rows, n, stride, x, y, larger_of);
}

void K(element_smallest_columns)(int64_t rows, int64_t n, int64_t stride, const void *x, void *y)
{
    columns(rows, n, stride, x, y, smaller_of);
}

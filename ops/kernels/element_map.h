/*
 * element_map.h - the loops of elementwise kernels: a function of one, two or three vectors run over lanes that either run or stand
 * still. The function is inlined into the loop.
 */
#ifndef ADZE_OPS_KERNELS_ELEMENT_MAP_H
#define ADZE_OPS_KERNELS_ELEMENT_MAP_H

#include <stdbool.h>

#include "ops/kernels/variant.h"

#define MAP_INLINE static inline __attribute__((always_inline))

/* The vector of a lane at element i; `left` elements remain. */
MAP_INLINE vec lane_all(const ad_lane *l, int64_t i, bool runs)
{
    const real *x = l->data;
    return runs ? v_load(x + i) : v_set1(*x);
}

MAP_INLINE vec lane_some(const ad_lane *l, int64_t i, int64_t left)
{
    const real *x = l->data;
    return l->step ? v_load_n(x + i, left) : v_set1(*x);
}

MAP_INLINE void map1(int64_t n, const ad_lane *in, void *out, const double *p, vec (*f)(vec x, const double *p))
{
    real *y = out;
    int64_t i = 0;
    if (in[0].step)
        for (; i + VL <= n; i += VL)
            v_store(y + i, f(lane_all(&in[0], i, true), p));
    for (; i < n; i += VL)
        v_store_n(y + i, f(lane_some(&in[0], i, n - i), p), n - i);
}

MAP_INLINE int64_t map2_runs(int64_t n, const ad_lane *in, real *y, vec (*f)(vec a, vec b), bool run_a, bool run_b)
{
    int64_t i = 0;
    for (; i + VL <= n; i += VL)
        v_store(y + i, f(lane_all(&in[0], i, run_a), lane_all(&in[1], i, run_b)));
    return i;
}

MAP_INLINE void map2(int64_t n, const ad_lane *in, void *out, vec (*f)(vec a, vec b))
{
    real *y = out;
    int64_t i = 0;
    if (in[0].step && in[1].step) i = map2_runs(n, in, y, f, true, true);
    else if (in[0].step) i = map2_runs(n, in, y, f, true, false);
    else if (in[1].step) i = map2_runs(n, in, y, f, false, true);
    for (; i < n; i += VL)
        v_store_n(y + i, f(lane_some(&in[0], i, n - i), lane_some(&in[1], i, n - i)), n - i);
}

#endif

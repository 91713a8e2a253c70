/*
 * element_binary.c - elementwise functions of two and three operands. The mathematics is in the op files of the same names.
 */
#include "ops/kernels/element_map.h"

MAP_INLINE vec add_of(vec a, vec b)
{
    return v_add(a, b);
}

void K(element_add)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map2(n, in, y, add_of);
}

MAP_INLINE vec sub_of(vec a, vec b)
{
    return v_sub(a, b);
}

void K(element_sub)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map2(n, in, y, sub_of);
}

MAP_INLINE vec mul_of(vec a, vec b)
{
    return v_mul(a, b);
}

void K(element_mul)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map2(n, in, y, mul_of);
}

MAP_INLINE vec div_of(vec a, vec b)
{
    return v_div(a, b);
}

void K(element_div)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map2(n, in, y, div_of);
}

MAP_INLINE vec pow_of(vec a, vec b)
{
    return v_pow(a, b);
}

void K(element_pow)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map2(n, in, y, pow_of);
}

MAP_INLINE vec atan2_of(vec a, vec b)
{
    return v_atan2(a, b);
}

void K(element_atan2)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map2(n, in, y, atan2_of);
}

/* A NaN in b passes because the comparison fails, one in a by the second line. */
MAP_INLINE vec maximum_of(vec a, vec b)
{
    vec larger = v_blend(v_gt(a, b), a, b);
    return v_blend(v_eq(a, a), larger, a);
}

void K(element_maximum)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map2(n, in, y, maximum_of);
}

/* NaNs pass as in maximum. */
MAP_INLINE vec minimum_of(vec a, vec b)
{
    vec smaller = v_blend(v_lt(a, b), a, b);
    return v_blend(v_eq(a, a), smaller, a);
}

void K(element_minimum)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map2(n, in, y, minimum_of);
}

MAP_INLINE vec greater_of(vec a, vec b)
{
    return v_blend(v_gt(a, b), v_set1(1), v_zero());
}

void K(element_greater)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map2(n, in, y, greater_of);
}

MAP_INLINE vec greater_equal_of(vec a, vec b)
{
    return v_blend(v_ge(a, b), v_set1(1), v_zero());
}

void K(element_greater_equal)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map2(n, in, y, greater_equal_of);
}

MAP_INLINE vec less_of(vec a, vec b)
{
    return v_blend(v_lt(a, b), v_set1(1), v_zero());
}

void K(element_less)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map2(n, in, y, less_of);
}

MAP_INLINE vec less_equal_of(vec a, vec b)
{
    return v_blend(v_le(a, b), v_set1(1), v_zero());
}

void K(element_less_equal)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map2(n, in, y, less_equal_of);
}

MAP_INLINE vec equal_of(vec a, vec b)
{
    return v_blend(v_eq(a, b), v_set1(1), v_zero());
}

void K(element_equal)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map2(n, in, y, equal_of);
}

void K(element_where)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    int64_t i = 0;
    for (; i + VL <= n; i += VL) {
        vec c = lane_all(&in[0], i, in[0].step), a = lane_all(&in[1], i, in[1].step), b = lane_all(&in[2], i, in[2].step);
        v_store((real *)y + i, v_blend(v_gt(c, v_zero()), a, b));
    }
    for (; i < n; i += VL) {
        vec c = lane_some(&in[0], i, n - i), a = lane_some(&in[1], i, n - i), b = lane_some(&in[2], i, n - i);
        v_store_n((real *)y + i, v_blend(v_gt(c, v_zero()), a, b), n - i);
    }
}

MAP_INLINE vec affine_at(const ad_lane *in, int64_t i)
{
    vec x = lane_all(&in[0], i, in[0].step), m = lane_all(&in[1], i, in[1].step);
    return v_fma(v_sub(x, m), lane_all(&in[2], i, in[2].step), lane_all(&in[3], i, in[3].step));
}

void K(element_affine)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    int64_t i = 0;
    for (; i + VL <= n; i += VL)
        v_store((real *)y + i, affine_at(in, i));
    for (; i < n; i += VL) {
        vec x = lane_some(&in[0], i, n - i), m = lane_some(&in[1], i, n - i);
        v_store_n((real *)y + i, v_fma(v_sub(x, m), lane_some(&in[2], i, n - i), lane_some(&in[3], i, n - i)), n - i);
    }
}

/*
 * element_unary.c - elementwise functions of one operand. The mathematics is in the op files of the same names.
 */
#include "ops/kernels/element_map.h"

#define SQRT_HALF   0.70710678118654752440
#define NORMAL_PEAK 0.39894228040143267794   /* 1 / sqrt(2 pi) */

MAP_INLINE vec neg_of(vec x, const double *p)
{
    return v_neg(x);
}

void K(element_neg)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, neg_of);
}

MAP_INLINE vec abs_of(vec x, const double *p)
{
    return v_abs(x);
}

void K(element_abs)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, abs_of);
}

MAP_INLINE vec exp_of(vec x, const double *p)
{
    return v_exp(x);
}

void K(element_exp)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, exp_of);
}

MAP_INLINE vec log_of(vec x, const double *p)
{
    return v_log(x);
}

void K(element_log)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, log_of);
}

MAP_INLINE vec log1p_of(vec x, const double *p)
{
    return v_log1p(x);
}

void K(element_log1p)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, log1p_of);
}

MAP_INLINE vec expm1_of(vec x, const double *p)
{
    return v_expm1(x);
}

void K(element_expm1)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, expm1_of);
}

MAP_INLINE vec sqrt_of(vec x, const double *p)
{
    return v_sqrt(x);
}

void K(element_sqrt)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, sqrt_of);
}

MAP_INLINE vec rsqrt_of(vec x, const double *p)
{
    return v_div(v_set1(1), v_sqrt(x));
}

void K(element_rsqrt)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, rsqrt_of);
}

MAP_INLINE vec square_of(vec x, const double *p)
{
    return v_mul(x, x);
}

void K(element_square)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, square_of);
}

MAP_INLINE vec reciprocal_of(vec x, const double *p)
{
    return v_div(v_set1(1), x);
}

void K(element_reciprocal)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, reciprocal_of);
}

MAP_INLINE vec sin_of(vec x, const double *p)
{
    return v_sin(x);
}

void K(element_sin)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, sin_of);
}

MAP_INLINE vec cos_of(vec x, const double *p)
{
    return v_cos(x);
}

void K(element_cos)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, cos_of);
}

MAP_INLINE vec atan_of(vec x, const double *p)
{
    return v_atan(x);
}

void K(element_atan)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, atan_of);
}

MAP_INLINE vec sigmoid_of(vec x, const double *p)
{
    return v_div(v_set1(1), v_add(v_set1(1), v_exp(v_neg(x))));
}

void K(element_sigmoid)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, sigmoid_of);
}

MAP_INLINE vec tanh_of(vec x, const double *p)
{
    return v_tanh(x);
}

void K(element_tanh)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, tanh_of);
}

/* The order of the operands lets a NaN through. */
MAP_INLINE vec relu_of(vec x, const double *p)
{
    return v_max(v_zero(), x);
}

void K(element_relu)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, relu_of);
}

MAP_INLINE vec softplus_of(vec x, const double *p)
{
    return v_add(v_max(v_zero(), x), v_log1p(v_exp(v_neg(v_abs(x)))));
}

void K(element_softplus)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, softplus_of);
}

MAP_INLINE vec gelu_of(vec x, const double *p)
{
    vec half = v_mul(v_set1((real)0.5), x);
    return v_fma(half, v_erf(v_mul(x, v_set1((real)SQRT_HALF))), half);
}

void K(element_gelu)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, gelu_of);
}

MAP_INLINE vec gelu_slope_of(vec x, const double *p)
{
    vec phi = v_mul(v_set1((real)NORMAL_PEAK), v_exp(v_mul(v_set1((real)-0.5), v_mul(x, x))));
    vec below = v_fma(v_set1((real)0.5), v_erf(v_mul(x, v_set1((real)SQRT_HALF))), v_set1((real)0.5));
    return v_fma(x, phi, below);
}

void K(element_gelu_slope)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, gelu_slope_of);
}

MAP_INLINE vec erf_of(vec x, const double *p)
{
    return v_erf(x);
}

void K(element_erf)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, erf_of);
}

/* Zeros and NaNs pass as they are. */
MAP_INLINE vec sign_of(vec x, const double *p)
{
    return v_blend(v_gt(x, v_zero()), v_set1(1), v_blend(v_lt(x, v_zero()), v_set1(-1), x));
}

void K(element_sign)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, sign_of);
}

MAP_INLINE vec is_positive_of(vec x, const double *p)
{
    return v_blend(v_gt(x, v_zero()), v_set1(1), v_zero());
}

void K(element_is_positive)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, is_positive_of);
}

MAP_INLINE vec floor_of(vec x, const double *p)
{
    return v_floor(x);
}

void K(element_floor)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, floor_of);
}

MAP_INLINE vec round_of(vec x, const double *p)
{
    vec down = v_floor(x), rest = v_sub(x, down), half = v_set1((real)0.5);
    vec odd = v_sub(down, v_mul(v_set1(2), v_floor(v_mul(down, half))));
    vec at_half = v_add(down, odd), up = v_add(down, v_set1(1));
    return v_blend(v_gt(rest, half), up, v_blend(v_lt(rest, half), down, v_blend(v_eq(rest, half), at_half, x)));
}

void K(element_round)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, round_of);
}

MAP_INLINE vec scale_of(vec x, const double *p)
{
    return v_mul(x, v_set1((real)p[0]));
}

void K(element_scale)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, scale_of);
}

MAP_INLINE vec shift_of(vec x, const double *p)
{
    return v_add(x, v_set1((real)p[0]));
}

void K(element_shift)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, shift_of);
}

MAP_INLINE vec power_of(vec x, const double *p)
{
    return v_pow(x, v_set1((real)p[0]));
}

void K(element_power)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, power_of);
}

/* The order of the operands lets a NaN through. */
MAP_INLINE vec clamp_of(vec x, const double *p)
{
    return v_min(v_set1((real)p[1]), v_max(v_set1((real)p[0]), x));
}

void K(element_clamp)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, clamp_of);
}

MAP_INLINE vec leaky_relu_of(vec x, const double *p)
{
    return v_blend(v_gt(x, v_zero()), x, v_mul(x, v_set1((real)p[0])));
}

void K(element_leaky_relu)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, leaky_relu_of);
}

MAP_INLINE vec elu_of(vec x, const double *p)
{
    return v_blend(v_gt(x, v_zero()), x, v_mul(v_set1((real)p[0]), v_expm1(x)));
}

void K(element_elu)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, elu_of);
}

MAP_INLINE vec copy_of(vec x, const double *p)
{
    return x;
}

void K(element_copy)(int64_t n, const ad_lane *in, void *y, const double *p)
{
    map1(n, in, y, p, copy_of);
}

/*
 * simd.h - the vector operations that kernels are written in, the same for every variant.
 *
 * `vec` holds VL numbers of type `real` (1, 8 or 16), `mask` a truth value for each. The variant's own header defines them and
 * v_load, v_store, v_store_around (past the caches, to an aligned place; in order for other threads once ad_parallel is done),
 * v_load_n, v_store_n (only the first n lanes; n may be negative, VL or more), v_set1, v_add, v_sub, v_mul, v_div,
 * v_fma (a * b + c, rounded once), v_fnma (c - a * b), v_max and v_min (b where either is NaN), v_sqrt, v_abs, v_neg, v_floor,
 * v_exponent (of float only: the lowest nine bits as sign and exponent, of a power of two),
 * v_gt, v_ge, v_lt, v_le, v_eq (masks), v_first (mask of the first n lanes), v_blend (m ? a : b), v_largest (of the lanes), v_fold16 (the
 * sum of the sixteen lanes of as many vectors as hold them). The fast variants also have v_load_turned and v_store_turned, which
 * turn VL rows of n <= 4 numbers, `stride` apart, into n vectors and back: lane i of vector c is p[i * stride + c].
 * Elementary functions come from Sleef by the names whose bits agree between AVX2 and AVX-512; a tail is masked, never sent
 * to another function.
 */
#ifndef ADZE_OPS_KERNELS_SIMD_H
#define ADZE_OPS_KERNELS_SIMD_H

#include <math.h>

#ifdef ADZE_DOUBLE
#define V_LIBM(name) name
#else
#define V_LIBM(name) name##f
#endif

/* a * b + c of single numbers, rounded once */
static inline real r_fma(real a, real b, real c) { return V_LIBM(fma)(a, b, c); }

#if defined(ADZE_SIMD_AVX512)
#include "ops/kernels/simd_avx512.h"
#elif defined(ADZE_SIMD_AVX2)
#include "ops/kernels/simd_avx2.h"
#else
#include "ops/kernels/simd_scalar.h"
#endif

/* name, largest error in tenths of a unit in the last place */
#define V_FUNCTION_MAP(X)                                                                                      \
    X(exp, u10) X(log, u10) X(log1p, u10) X(expm1, u10) X(tanh, u10) X(sin, u10) X(cos, u10)                   \
    X(sinpi, u05) X(cospi, u05) X(atan, u10)
#define X(name, ulp) static inline vec v_##name(vec x) { return V_SLEEF(name, ulp)(x); }
V_FUNCTION_MAP(X)
#undef X
/* log and tanh within 3.5 units: two to three times as fast */
static inline vec v_log_fast(vec x) { return V_SLEEF(log, u35)(x); }
static inline vec v_tanh_fast(vec x) { return V_SLEEF(tanh, u35)(x); }
static inline vec v_pow(vec x, vec y) { return V_SLEEF(pow, u10)(x, y); }
static inline vec v_atan2(vec y, vec x) { return V_SLEEF(atan2, u10)(y, x); }

static inline vec v_zero(void) { return v_set1(0); }

#ifdef ADZE_DOUBLE
static inline vec v_exp_below(vec x) { return v_exp(x); }
static inline vec v_erf(vec x) { return V_SLEEF(erf, u10)(x); }
#else
/* e^x for x from -87 to 0 (NaN stays), within 0.9 units in the last place, in the same bits by every variant; half of the instructions of
 * v_exp, and no call. With n the integer nearest to x / log 2 and r = x - n log 2 it is 2^n e^r; e^r = 1 + r + r^2 g(r) with a
 * minimax polynomial g, relative error 3.2e-9. A number near 1.5 * 2^23 has its units in the lowest bits: adding it rounds to n and
 * leaves n + 127 there, the exponent of 2^n. */
static inline vec v_exp_below(vec x)
{
    static const float g[] = { 1.38204114e-03f, 8.36867746e-03f, 4.16682698e-02f, 1.66665211e-01f, 4.9999994e-01f, 1, 1 };
    vec units = v_set1(12582912.0f + 127), shifted = v_fma(x, v_set1(1.44269502f), units), n = v_sub(shifted, units);
    vec r = v_fnma(n, v_set1(-1.90465421e-09f), v_fnma(n, v_set1(0.693147182f), x)), y = v_set1(g[0]);
#pragma GCC unroll 6
    for (int i = 1; i < 7; i++)
        y = v_fma(y, r, v_set1(g[i]));
    return v_mul(y, v_exponent(shifted));
}

/* Within 3 units in the last place, and the same bits in every variant; five times as fast as the one of Sleef. Minimax polynomials: up to 1
 * of erf(x) / x - 1 in x^2, relative error 1.2e-9; beyond of the eighth root of 1 - erf(x), whose smoothness saves half of the terms,
 * error in erf 3.6e-9. From 3.95 on erf is 1 to the last place. */
static inline vec v_erf(vec x)
{
    static const float low[] = { 7.85389409e-05f, -8.01020436e-04f, 5.18832904e-03f, -2.68538128e-02f, 1.12835852e-01f, -3.76126258e-01f,
                                 1.28379166e-01f };
    static const float high[] = { 1.57842152e-05f, 2.31242593e-04f, -9.3254999e-05f, -3.73061297e-03f, 1.08663732e-02f, 3.88828485e-02f,
                                  -2.54621364e-01f, 3.84790038e-01f };
    vec one = v_set1(1), size = v_min(v_set1(3.95f), v_abs(x)), u = v_mul(x, x), t = v_sub(size, v_set1(2.46875f));
    vec a = v_set1(low[0]), b = v_fma(v_set1(high[0]), t, v_set1(high[1]));
#pragma GCC unroll 6
    for (int i = 1; i < 7; i++) {
        a = v_fma(a, u, v_set1(low[i]));
        b = v_fma(b, t, v_set1(high[i + 1]));
    }
    b = v_mul(b, b);
    b = v_mul(b, b);
    b = v_sub(one, v_mul(b, b));
    return v_blend(v_ge(size, one), v_blend(v_lt(x, v_set1(0)), v_neg(b), b), v_fma(x, a, x));
}
#endif

/* A sum has one order whatever VL is: element i goes to virtual lane i % 16, and the sixteen lanes are folded in halves.
 *
 *     sum16 s = sum16_zero();
 *     for (i = 0; i < n; i += 16)
 *         for (p = 0; p < PARTS; p++) {                     (elements i + p * VL and the VL - 1 after it)
 *             int64_t left = n - i - p * VL;
 *             sum16_add(&s, p, v_load_n(x + i + p * VL, left));    (lanes past the end add zero)
 *         }
 *     total = sum16_fold(&s);
 */
enum { PARTS = 16 / VL };
typedef struct sum16 {
    vec part[PARTS];
} sum16;

static inline sum16 sum16_zero(void)
{
    sum16 s;
    for (int p = 0; p < PARTS; p++)
        s.part[p] = v_zero();
    return s;
}

static inline void sum16_add(sum16 *s, int p, vec v)
{
    s->part[p] = v_add(s->part[p], v);
}

static inline real sum16_fold(const sum16 *s)
{
    return v_fold16(s->part);
}

/* The sum of x[0 .. n-1] in that order. */
static inline real sum16_of(int64_t n, const real *x)
{
    sum16 s = sum16_zero();
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int p = 0; p < PARTS; p++)
            sum16_add(&s, p, v_load(x + i + p * VL));
    if (i < n)
        for (int p = 0; p < PARTS; p++)
            if (n - i - p * VL > 0) sum16_add(&s, p, v_load_n(x + i + p * VL, n - i - p * VL));
    return sum16_fold(&s);
}

#endif

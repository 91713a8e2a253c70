/*
 * simd_scalar.h - the operations of simd.h on one number: the plain variants, in float and double.
 *
 * Sleef's purec names are the ones that any processor can run; they may differ from the vector ones in the last place.
 */
#ifndef ADZE_OPS_KERNELS_SIMD_SCALAR_H
#define ADZE_OPS_KERNELS_SIMD_SCALAR_H

#include <sleef.h>
#include <string.h>

enum { VL = 1 };
typedef real vec;
typedef int mask;

#ifdef ADZE_DOUBLE
#define V_SLEEF(name, ulp) Sleef_cinz_##name##d1_##ulp##purec
#else
#define V_SLEEF(name, ulp) Sleef_cinz_##name##f1_##ulp##purec
#endif

static inline vec v_load(const real *p) { return *p; }
static inline void v_store(real *p, vec a) { *p = a; }
static inline vec v_load_n(const real *p, int64_t n) { return n > 0 ? *p : 0; }
static inline void v_store_n(real *p, vec a, int64_t n) { if (n > 0) *p = a; }
static inline void v_store_around(real *p, vec a) { *p = a; }
static inline vec v_set1(real a) { return a; }
static inline vec v_add(vec a, vec b) { return a + b; }
static inline vec v_sub(vec a, vec b) { return a - b; }
static inline vec v_mul(vec a, vec b) { return a * b; }
static inline vec v_div(vec a, vec b) { return a / b; }
static inline vec v_fma(vec a, vec b, vec c) { return r_fma(a, b, c); }
static inline vec v_fnma(vec a, vec b, vec c) { return r_fma(-a, b, c); }
static inline vec v_max(vec a, vec b) { return a > b ? a : b; }
static inline vec v_min(vec a, vec b) { return a < b ? a : b; }
static inline vec v_sqrt(vec a) { return V_LIBM(sqrt)(a); }
static inline vec v_abs(vec a) { return V_LIBM(fabs)(a); }
static inline vec v_neg(vec a) { return -a; }
static inline vec v_floor(vec a) { return V_LIBM(floor)(a); }
#ifndef ADZE_DOUBLE
static inline vec v_exponent(vec a)
{
    uint32_t bits;
    memcpy(&bits, &a, sizeof bits);
    bits <<= 23;
    memcpy(&a, &bits, sizeof bits);
    return a;
}
#endif
static inline mask v_gt(vec a, vec b) { return a > b; }
static inline mask v_ge(vec a, vec b) { return a >= b; }
static inline mask v_lt(vec a, vec b) { return a < b; }
static inline mask v_le(vec a, vec b) { return a <= b; }
static inline mask v_eq(vec a, vec b) { return a == b; }
static inline mask v_first(int64_t n) { return n > 0; }
static inline vec v_blend(mask m, vec a, vec b) { return m ? a : b; }

/* Sixteen lanes folded in halves: i and i + 8, then i and i + 4, and so on. */
static inline real v_fold16(const vec *part)
{
    real lane[16];
    for (int i = 0; i < 16; i++)
        lane[i] = part[i];
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}

static inline real v_largest(vec a) { return a; }

#endif

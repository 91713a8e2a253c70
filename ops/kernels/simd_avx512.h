/*
 * simd_avx512.h - the operations of simd.h on sixteen floats with AVX-512.
 */
#ifndef ADZE_OPS_KERNELS_SIMD_AVX512_H
#define ADZE_OPS_KERNELS_SIMD_AVX512_H

#include <immintrin.h>
#include <sleef.h>

enum { VL = 16 };
typedef __m512 vec;
typedef __mmask16 mask;

#define V_SLEEF(name, ulp) Sleef_finz_##name##f16_##ulp##avx512f

static inline mask v_first(int64_t n) { return (mask)(n <= 0 ? 0 : n >= 16 ? 0xffff : (1u << n) - 1); }

static inline vec v_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void v_store(float *p, vec a) { _mm512_storeu_ps(p, a); }
static inline vec v_load_n(const float *p, int64_t n) { return _mm512_maskz_loadu_ps(v_first(n), p); }
static inline void v_store_n(float *p, vec a, int64_t n) { _mm512_mask_storeu_ps(p, v_first(n), a); }
static inline void v_store_around(float *p, vec a) { _mm512_stream_ps(p, a); }
static inline vec v_set1(float a) { return _mm512_set1_ps(a); }
static inline vec v_add(vec a, vec b) { return _mm512_add_ps(a, b); }
static inline vec v_sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
static inline vec v_mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
static inline vec v_div(vec a, vec b) { return _mm512_div_ps(a, b); }
static inline vec v_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
static inline vec v_fnma(vec a, vec b, vec c) { return _mm512_fnmadd_ps(a, b, c); }
static inline vec v_max(vec a, vec b) { return _mm512_max_ps(a, b); }
static inline vec v_min(vec a, vec b) { return _mm512_min_ps(a, b); }
static inline vec v_sqrt(vec a) { return _mm512_sqrt_ps(a); }
static inline vec v_abs(vec a) { return _mm512_abs_ps(a); }
static inline vec v_neg(vec a) { return _mm512_xor_ps(_mm512_set1_ps(-0.0f), a); }
static inline vec v_exponent(vec a) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(a), 23)); }
static inline vec v_floor(vec a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
static inline mask v_gt(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
static inline mask v_ge(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
static inline mask v_lt(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
static inline mask v_le(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
static inline mask v_eq(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
static inline vec v_blend(mask m, vec a, vec b) { return _mm512_mask_blend_ps(m, b, a); }

/* Of each four lanes, number j of vector i changes places with number i of vector j. */
static inline void v_turn(vec r[4])
{
    vec a = _mm512_unpacklo_ps(r[0], r[1]), b = _mm512_unpackhi_ps(r[0], r[1]);
    vec c = _mm512_unpacklo_ps(r[2], r[3]), d = _mm512_unpackhi_ps(r[2], r[3]);
    r[0] = _mm512_shuffle_ps(a, c, 0x44);
    r[1] = _mm512_shuffle_ps(a, c, 0xee);
    r[2] = _mm512_shuffle_ps(b, d, 0x44);
    r[3] = _mm512_shuffle_ps(b, d, 0xee);
}

static inline __m128 v_load_four(const float *p, int n)
{
    return n >= 4 ? _mm_loadu_ps(p) : _mm_maskz_loadu_ps((__mmask8)((1 << n) - 1), p);
}

static inline void v_store_four(float *p, __m128 a, int n)
{
    if (n >= 4) _mm_storeu_ps(p, a);
    else _mm_mask_storeu_ps(p, (__mmask8)((1 << n) - 1), a);
}

static inline void v_load_turned(const float *p, int64_t stride, int n, vec r[4])
{
    const float *p4 = p + 4 * stride, *p8 = p + 8 * stride, *p12 = p8 + 4 * stride;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        r[i] = _mm512_castps128_ps512(v_load_four(p + i * stride, n));
        r[i] = _mm512_mask_broadcast_f32x4(r[i], 0x00f0, v_load_four(p4 + i * stride, n));
        r[i] = _mm512_mask_broadcast_f32x4(r[i], 0x0f00, v_load_four(p8 + i * stride, n));
        r[i] = _mm512_mask_broadcast_f32x4(r[i], 0xf000, v_load_four(p12 + i * stride, n));
    }
    v_turn(r);
}

static inline void v_store_turned(float *p, int64_t stride, int n, const vec r[4])
{
    vec t[4] = { r[0], r[1], r[2], r[3] };
    v_turn(t);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++, p += stride) {
        v_store_four(p, _mm512_castps512_ps128(t[i]), n);
        v_store_four(p + 4 * stride, _mm512_extractf32x4_ps(t[i], 1), n);
        v_store_four(p + 8 * stride, _mm512_extractf32x4_ps(t[i], 2), n);
        v_store_four(p + 12 * stride, _mm512_extractf32x4_ps(t[i], 3), n);
    }
}

/* Sixteen lanes folded in halves: i and i + 8, then i and i + 4, and so on. */
static inline float v_fold16(const vec *part)
{
    __m256 h = _mm256_add_ps(_mm512_castps512_ps256(part[0]), _mm512_extractf32x8_ps(part[0], 1));
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}

static inline float v_largest(vec a)
{
    __m256 h = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

#endif

/*
 * simd_avx2.h - the operations of simd.h on eight floats with AVX2 and FMA.
 */
#ifndef ADZE_OPS_KERNELS_SIMD_AVX2_H
#define ADZE_OPS_KERNELS_SIMD_AVX2_H

#include <immintrin.h>
#include <sleef.h>

enum { VL = 8 };
typedef __m256 vec;
typedef __m256 mask;

#define V_SLEEF(name, ulp) Sleef_finz_##name##f8_##ulp##avx2

static inline __m256i v_lanes(int64_t n)
{
    int count = n < 0 ? 0 : n > 8 ? 8 : (int)n;
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline vec v_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void v_store(float *p, vec a) { _mm256_storeu_ps(p, a); }
static inline vec v_load_n(const float *p, int64_t n) { return _mm256_maskload_ps(p, v_lanes(n)); }
static inline void v_store_n(float *p, vec a, int64_t n) { _mm256_maskstore_ps(p, v_lanes(n), a); }
static inline void v_store_around(float *p, vec a) { _mm256_stream_ps(p, a); }
static inline vec v_set1(float a) { return _mm256_set1_ps(a); }
static inline vec v_add(vec a, vec b) { return _mm256_add_ps(a, b); }
static inline vec v_sub(vec a, vec b) { return _mm256_sub_ps(a, b); }
static inline vec v_mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
static inline vec v_div(vec a, vec b) { return _mm256_div_ps(a, b); }
static inline vec v_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
static inline vec v_fnma(vec a, vec b, vec c) { return _mm256_fnmadd_ps(a, b, c); }
static inline vec v_max(vec a, vec b) { return _mm256_max_ps(a, b); }
static inline vec v_min(vec a, vec b) { return _mm256_min_ps(a, b); }
static inline vec v_sqrt(vec a) { return _mm256_sqrt_ps(a); }
static inline vec v_abs(vec a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
static inline vec v_neg(vec a) { return _mm256_xor_ps(_mm256_set1_ps(-0.0f), a); }
static inline vec v_exponent(vec a) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(a), 23)); }
static inline vec v_floor(vec a) { return _mm256_floor_ps(a); }
static inline mask v_gt(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
static inline mask v_ge(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_GE_OQ); }
static inline mask v_lt(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
static inline mask v_le(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
static inline mask v_eq(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
static inline mask v_first(int64_t n) { return _mm256_castsi256_ps(v_lanes(n)); }
static inline vec v_blend(mask m, vec a, vec b) { return _mm256_blendv_ps(b, a, m); }

/* Of each four lanes, number j of vector i changes places with number i of vector j. */
static inline void v_turn(vec r[4])
{
    vec a = _mm256_unpacklo_ps(r[0], r[1]), b = _mm256_unpackhi_ps(r[0], r[1]);
    vec c = _mm256_unpacklo_ps(r[2], r[3]), d = _mm256_unpackhi_ps(r[2], r[3]);
    r[0] = _mm256_shuffle_ps(a, c, 0x44);
    r[1] = _mm256_shuffle_ps(a, c, 0xee);
    r[2] = _mm256_shuffle_ps(b, d, 0x44);
    r[3] = _mm256_shuffle_ps(b, d, 0xee);
}

static inline __m128 v_load_four(const float *p, int n)
{
    return n >= 4 ? _mm_loadu_ps(p) : _mm_maskload_ps(p, _mm256_castsi256_si128(v_lanes(n)));
}

static inline void v_store_four(float *p, __m128 a, int n)
{
    if (n >= 4) _mm_storeu_ps(p, a);
    else _mm_maskstore_ps(p, _mm256_castsi256_si128(v_lanes(n)), a);
}

static inline void v_load_turned(const float *p, int64_t stride, int n, vec r[4])
{
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++, p += stride)
        r[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(v_load_four(p, n)), v_load_four(p + 4 * stride, n), 1);
    v_turn(r);
}

static inline void v_store_turned(float *p, int64_t stride, int n, const vec r[4])
{
    vec t[4] = { r[0], r[1], r[2], r[3] };
    v_turn(t);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++, p += stride) {
        v_store_four(p, _mm256_castps256_ps128(t[i]), n);
        v_store_four(p + 4 * stride, _mm256_extractf128_ps(t[i], 1), n);
    }
}

/* Sixteen lanes folded in halves: i and i + 8, then i and i + 4, and so on. */
static inline float v_fold16(const vec *part)
{
    __m256 h = _mm256_add_ps(part[0], part[1]);
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}

static inline float v_largest(vec a)
{
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

#endif

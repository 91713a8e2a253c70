/*
 * limits.c - loops that do nothing but what they measure. Twelve chains are enough to fill two units with a latency of four to five
 * cycles; the empty assembly reads the result, so that nothing is left out.
 */
#include <math.h>

#include "ops/kernels/limits.h"

enum { CHAINS = 12 };

#ifdef __x86_64__
#include <immintrin.h>

__attribute__((target("avx512f"))) static void fma_avx512(int64_t steps)
{
    __m512 c[CHAINS], x = _mm512_set1_ps(0.999f), y = _mm512_set1_ps(1e-3f);
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) c[i] = _mm512_set1_ps((float)i);
    for (int64_t k = 0; k < steps; k++)
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) c[i] = _mm512_fmadd_ps(c[i], x, y);
#pragma GCC unroll 12
    for (int i = 1; i < CHAINS; i++) c[0] = _mm512_add_ps(c[0], c[i]);
    __asm__ volatile("" : : "v"(c[0]));
}

__attribute__((target("avx2,fma"))) static void fma_avx2(int64_t steps)
{
    __m256 c[CHAINS], x = _mm256_set1_ps(0.999f), y = _mm256_set1_ps(1e-3f);
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) c[i] = _mm256_set1_ps((float)i);
    for (int64_t k = 0; k < steps; k++)
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) c[i] = _mm256_fmadd_ps(c[i], x, y);
#pragma GCC unroll 12
    for (int i = 1; i < CHAINS; i++) c[0] = _mm256_add_ps(c[0], c[i]);
    __asm__ volatile("" : : "x"(c[0]));
}
#endif

/* A multiplication and an addition: without the instruction, a fused one would be a call. */
static void fma_base(int64_t steps)
{
    float c[CHAINS];
    for (int i = 0; i < CHAINS; i++) c[i] = (float)i;
    for (int64_t k = 0; k < steps; k++)
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) c[i] = c[i] * 0.999f + 1e-3f;
    volatile float sink = 0;
    for (int i = 0; i < CHAINS; i++) sink = c[i];
    (void)sink;
}

double ad__limit_fma(int isa, int64_t steps)
{
    int lanes = 1;
#ifdef __x86_64__
    static void (*const loops[])(int64_t) = { fma_base, fma_avx2, fma_avx512 };
    loops[isa](steps);
    lanes = isa == 2 ? 16 : isa == 1 ? 8 : 1;
#else
    fma_base(steps);
#endif
    return (double)steps * CHAINS * lanes;
}

double ad__limit_move(int64_t n, const float *a, const float *b, float *c)
{
    for (int64_t i = 0; i < n; i++) c[i] = a[i] + 3 * b[i];
    return 3 * sizeof(float) * (double)n;
}

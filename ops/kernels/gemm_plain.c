/*
 * gemm_plain.c - the matrix product as plain loops.
 *
 *   c[b,i,j] = bias[j] + sum over p of a[b,i,p] b[b,p,j]:  one chain of fused multiply-adds in the order of p.
 *
 * A unit is one row of c.
 */
#include "ops/kernels/variant.h"

void K(conv_gemm_plan)(const ad_gemm_shape *s, ad_work *work)
{
    *work = (ad_work){ .stages = 1, .units = { s->batch * s->m } };
}

void K(conv_gemm_run)(const ad_gemm_shape *s, int stage, int64_t unit, const ad_args *args)
{
    int64_t item = unit / s->m, i = unit % s->m;
    const real *a = (const real *)args->a + (s->shared_a ? 0 : item * s->m * s->k);
    const real *b = (const real *)args->b + (s->shared_b ? 0 : item * s->k * s->n);
    const real *bias = args->bias;
    real *c = (real *)args->out + unit * s->n;
    int64_t b_row = s->transposed_b ? 1 : s->n, b_column = s->transposed_b ? s->k : 1;
    for (int64_t j = 0; j < s->n; j++)
        c[j] = bias ? bias[j] : 0;
    for (int64_t p = 0; p < s->k; p++) {
        real scale = s->transposed_a ? a[p * s->m + i] : a[i * s->k + p];
        for (int64_t j = 0; j < s->n; j++)
            c[j] = r_fma(scale, b[p * b_row + j * b_column], c[j]);
    }
}

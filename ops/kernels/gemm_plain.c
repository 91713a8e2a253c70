/*
 * gemm_plain.c - the matrix product as plain loops.
 *
 *   c[b,i,j] = bias[j] + sum over p of a[b,i,p] b[b,p,j]:  in every chunk of p (conv_chunks.h) one chain of fused multiply-adds in
 *   the order of p; chunks are added pairwise.
 *
 * A unit is one row of c; scratch [chunks, n].
 */
#include "ops/kernels/conv_chunks.h"
#include "ops/kernels/variant.h"

void K(conv_gemm_plan)(const ad_gemm_shape *s, ad_work *work)
{
    *work = (ad_work){ .stages = 1, .units = { s->batch * s->m }, .per_thread = (size_t)(gemm_chunks(s) * s->n) * sizeof(real) };
}

void K(conv_gemm_run)(const ad_gemm_shape *s, int stage, int64_t unit, const ad_args *args)
{
    int64_t item = unit / s->m, i = unit % s->m, chunks = gemm_chunks(s);
    const real *a = (const real *)args->a + (s->shared_a ? 0 : item * s->m * s->k);
    const real *b = (const real *)args->b + (s->shared_b ? 0 : item * s->k * s->n);
    const real *bias = args->bias;
    real *part = args->scratch, *c = (real *)args->out + unit * s->n;
    int64_t b_row = s->transposed_b ? 1 : s->n, b_column = s->transposed_b ? s->k : 1;
    for (int64_t j = 0; j < chunks * s->n; j++)
        part[j] = bias && j < s->n ? bias[j] : 0;
    for (int64_t chunk = 0; chunk < chunks; chunk++)
        for (int64_t p = s->k * chunk / chunks; p < s->k * (chunk + 1) / chunks; p++) {
            real scale = s->transposed_a ? a[p * s->m + i] : a[i * s->k + p], *sum = part + chunk * s->n;
            for (int64_t j = 0; j < s->n; j++)
                sum[j] = r_fma(scale, b[p * b_row + j * b_column], sum[j]);
        }
    for (int64_t step = 1; step < chunks; step *= 2)
        for (int64_t chunk = 0; chunk + step < chunks; chunk += 2 * step)
            for (int64_t j = 0; j < s->n; j++)
                part[chunk * s->n + j] += part[(chunk + step) * s->n + j];
    for (int64_t j = 0; j < s->n; j++)
        c[j] = part[j];
}

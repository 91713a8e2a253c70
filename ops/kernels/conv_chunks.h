/*
 * conv_chunks.h - in which order convolutions add, which the plain and the fast kernels share.
 *
 * An output of forward or by_input is one chain of fused multiply-adds that starts at the bias (or zero) and runs over blocks of
 * CONV_BLOCK summed channels, in a block over the taps in the order of rising input position, in a tap over the channels. Terms
 * that fall on the padding are zero and may be left out.
 * An output of by_weight splits the output rows (n, out0, out1) into conv_chunks() equal runs, a number that depends on the shape
 * alone; each run is one chain over its pixels, and the runs are added
 * pairwise: run i takes run i + 1 for even i, then i + 2 for every fourth, and so on.
 * An output of a product splits its terms into gemm_chunks() equal runs, each a chain (the first starts at the bias), added in the same way.
 */
#ifndef ADZE_OPS_KERNELS_CONV_CHUNKS_H
#define ADZE_OPS_KERNELS_CONV_CHUNKS_H

#include "ops/kernels/conv_kernels.h"

enum { CONV_BLOCK = 32 };

static inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static inline int64_t conv_taps(const ad_conv_shape *s) { return s->kernel[0] * s->kernel[1] * s->kernel[2]; }
static inline int64_t conv_rows(const ad_conv_shape *s) { return s->n * s->out[0] * s->out[1]; }

/* About 32 pieces of work in all, counting the channel blocks, each with at least 512 pixels. */
static inline int64_t conv_chunks(const ad_conv_shape *s)
{
    int64_t blocks = s->groups * ceil_div(s->cin / s->groups, CONV_BLOCK);
    int64_t rows = conv_rows(s), by_pixels = rows * s->out[2] / 512, n = 32 / blocks;
    if (n > by_pixels) n = by_pixels;
    if (n > rows) n = rows;
    return n < 1 ? 1 : n;
}

/* Gradients of weights have few outputs and many terms: runs of at least 1024 terms, as many as make eight pieces of 256 x 256. */
static inline int64_t gemm_chunks(const ad_gemm_shape *s)
{
    int64_t pieces = s->batch * ceil_div(s->m * s->n, 65536), n = s->transposed_a && pieces > 0 ? 8 / pieces : 1;
    if (n > s->k / 1024) n = s->k / 1024;
    return n < 1 ? 1 : n;
}

#endif

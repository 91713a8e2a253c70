/*
 * gemm_tile.h - the inner loop of the matrix product: a tile of outputs that stays in registers, as in conv_tile.h, on operands
 * that lie in memory or were copied, and which asks for what comes next while it works.
 *
 *   out[r, j] = start + sum over terms i:  a(r, i) * b[i, j]
 *
 * In a pixel tile the terms of a lie side by side and its rows a_stride floats apart, in a channel tile the other way round.
 */
#ifndef ADZE_OPS_KERNELS_GEMM_TILE_H
#define ADZE_OPS_KERNELS_GEMM_TILE_H

#include "ops/kernels/conv_tile.h"

/* Terms of a run. Floats of a term of a group, a copy for a channel tile, of which GEMM_GROUP_ROWS are rows: as many as a tile of two
 * vectors has. */
enum { RUN = 16, GEMM_GROUP = VL == 16 ? 16 : 8, GEMM_GROUP_ROWS = VL == 16 ? 14 : 6 };

/* Lines of memory to ask for, row by row: memory answers late and takes few requests at a time, so tiles ask for some lines
 * before each run of terms. */
typedef struct gemm_ahead {
    const float *at;
    int64_t column, columns, stride, rows;
} gemm_ahead;

typedef struct gemm_tile {
    int64_t terms;
    int64_t a_stride;
    const float *b;            /* [terms], b_stride floats apart, of the columns of the tile; a column past the last one is zero */
    int64_t b_stride;
    const float *start;        /* one number a column, or NULL: go on from what `out` holds */
    int64_t out_stride;        /* floats from row to row */
    int64_t columns;           /* that exist; the vectors' other lanes are neither read nor written in `out` */
    int around;                /* write around the caches: whole vectors, aligned */
    gemm_ahead *ahead;
    int64_t lines;             /* to ask for before each run */
} gemm_tile;

typedef void (*gemm_tile_fn)(const gemm_tile *t, const float *a, float *out);

/* [vectors][rows], rows up to tile_rows(vectors) */
extern const gemm_tile_fn K(gemm_pixel_tiles)[TILE_MOST_VECS + 1][TILE_MOST_ROWS + 1];
extern const gemm_tile_fn K(gemm_channel_tiles)[TILE_MOST_VECS + 1][TILE_MOST_ROWS + 1];

/* Tiles of `count` rows that are a_row floats apart in a. */
static inline void gemm_rows_run(const gemm_tile *t, const gemm_tile_fn *fn, int vecs, int64_t count, int64_t a_row,
                                 const float *a, float *out)
{
    int64_t pieces = ceil_div(count, tile_rows(vecs));
    for (int64_t i = 0, row = 0; i < pieces; i++) {
        int64_t end = count * (i + 1) / pieces;
        fn[end - row](t, a + row * a_row, out + row * t->out_stride);
        row = end;
    }
}

#endif

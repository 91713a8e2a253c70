/*
 * tile_run.h - what the inner loops of conv_tile.c and gemm_tile.c have in common: how a tile of outputs gets into registers and out
 * of them, one term of its sums, and the list of the tiles that there are.
 */
#ifndef ADZE_OPS_KERNELS_TILE_RUN_H
#define ADZE_OPS_KERNELS_TILE_RUN_H

#include "ops/kernels/conv_tile.h"

/* The start of every column, or what the outputs hold where `start` is NULL. */
INLINED void tile_load(const int rows, const int vecs, const float *start, const float *out, int64_t stride, int64_t columns,
                       vec c[TILE_MOST_ROWS][TILE_MOST_VECS])
{
    if (start) {
        UNROLLED for (int r = 0; r < rows; r++)
            UNROLLED for (int v = 0; v < vecs; v++)
                c[r][v] = v_load(start + v * VL);
    } else if (columns == vecs * VL) {
        UNROLLED for (int r = 0; r < rows; r++)
            UNROLLED for (int v = 0; v < vecs; v++)
                c[r][v] = v_load(out + r * stride + v * VL);
    } else {
        UNROLLED for (int r = 0; r < rows; r++)
            UNROLLED for (int v = 0; v < vecs; v++)
                c[r][v] = v_load_n(out + r * stride + v * VL, columns - v * VL);
    }
}

/* One term of every sum: number x[r * row] of each row, times the columns w. */
INLINED void tile_term(const int rows, const int vecs, const int64_t row, const float *x, const float *w,
                       vec c[TILE_MOST_ROWS][TILE_MOST_VECS])
{
    vec b[TILE_MOST_VECS];
    UNROLLED for (int v = 0; v < vecs; v++)
        b[v] = v_load(w + v * VL);
    UNROLLED for (int r = 0; r < rows; r++) {
        vec s = v_set1(x[r * row]);
        UNROLLED for (int v = 0; v < vecs; v++)
            c[r][v] = v_fma(s, b[v], c[r][v]);
    }
}

INLINED void tile_store(const int rows, const int vecs, float *out, int64_t stride, int64_t columns,
                        vec c[TILE_MOST_ROWS][TILE_MOST_VECS])
{
    if (columns == vecs * VL) {
        UNROLLED for (int r = 0; r < rows; r++)
            UNROLLED for (int v = 0; v < vecs; v++)
                v_store(out + r * stride + v * VL, c[r][v]);
    } else {
        UNROLLED for (int r = 0; r < rows; r++)
            UNROLLED for (int v = 0; v < vecs; v++)
                v_store_n(out + r * stride + v * VL, c[r][v], columns - v * VL);
    }
}

/* X(rows, vectors) for the shapes that tile_rows allows. */
#define TILES_4(X, v) X(1, v) X(2, v) X(3, v) X(4, v)
#define TILES_6(X, v) TILES_4(X, v) X(5, v) X(6, v)
#define TILES_9(X, v) TILES_6(X, v) X(7, v) X(8, v) X(9, v)
#define TILES_12(X, v) TILES_9(X, v) X(10, v) X(11, v) X(12, v)
#define TILES_14(X, v) TILES_12(X, v) X(13, v) X(14, v)
#ifdef ADZE_SIMD_AVX512
#define TILE_MAP(X) TILES_14(X, 1) TILES_14(X, 2) TILES_9(X, 3)
#else
#define TILE_MAP(X) TILES_12(X, 1) TILES_6(X, 2) TILES_4(X, 3)
#endif

#endif

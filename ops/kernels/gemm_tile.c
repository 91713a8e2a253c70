/*
 * gemm_tile.c - the tiles of gemm_tile.h, one function for each number of rows and vectors.
 */
#include "ops/kernels/gemm_tile.h"
#include "ops/kernels/tile_run.h"

/* Without branches on the end of a row, which would be guessed wrong once a row. */
static inline void ask(gemm_ahead *h, int64_t lines)
{
    const float *at = h->at;
    int64_t column = h->column, rows = h->rows;
    for (int64_t i = 0; i < lines && rows > 0; i++) {
        __builtin_prefetch(at + column, 0, 2);
        column += 16;
        int64_t over = -(int64_t)(column >= h->columns);
        column &= ~over;
        at += h->stride & over;
        rows += over;
    }
    h->at = at;
    h->column = column;
    h->rows = rows;
}

/* Some rows of the outputs of the tile below, before each run. */
INLINED void ask_outputs(const int rows, const int vecs, const gemm_tile *t, int64_t from, int64_t some, const float *out)
{
    for (int64_t r = from; r < from + some && r < rows; r++)
        for (int i = 0; i < vecs * VL; i += 16)
            __builtin_prefetch(out + (rows + r) * t->out_stride + i, 1);
}

INLINED void tile_run(const int rows, const int vecs, const int64_t row, const int64_t term, const gemm_tile *t, const float *a,
                      float *out)
{
    vec c[TILE_MOST_ROWS][TILE_MOST_VECS];
    const float *b = t->b;
    int64_t stride = t->out_stride, b_stride = t->b_stride;
    int64_t some = 1 + rows / (int)(t->terms / RUN + 1), next = t->around ? rows : 0;
    tile_load(rows, vecs, t->start, out, stride, t->columns, c);
    for (int64_t left = t->terms; left > 0; left -= RUN, a += RUN * term) {
        const float *x = a, *end = a + (left < RUN ? left : RUN) * term;
        ask(t->ahead, t->lines);
        ask_outputs(rows, vecs, t, next, some, out);
        next += some;
#pragma GCC unroll 2
        for (; x < end; x += term, b += b_stride) tile_term(rows, vecs, row, x, b, c);
    }
    if (t->around) {
        UNROLLED for (int r = 0; r < rows; r++)
            UNROLLED for (int v = 0; v < vecs; v++)
                v_store_around(out + r * stride + v * VL, c[r][v]);
    } else {
        tile_store(rows, vecs, out, stride, t->columns, c);
    }
}

#define X(rows, vecs)                                                                                                          \
    static void pixels_##rows##_##vecs(const gemm_tile *t, const float *a, float *out) { tile_run(rows, vecs, t->a_stride, 1, t, a, out); } \
    static void channels_##rows##_##vecs(const gemm_tile *t, const float *a, float *out) { tile_run(rows, vecs, 1, t->a_stride, t, a, out); }
TILE_MAP(X)
#undef X

const gemm_tile_fn K(gemm_pixel_tiles)[TILE_MOST_VECS + 1][TILE_MOST_ROWS + 1] = {
#define X(rows, vecs) [vecs][rows] = pixels_##rows##_##vecs,
    TILE_MAP(X)
#undef X
};

const gemm_tile_fn K(gemm_channel_tiles)[TILE_MOST_VECS + 1][TILE_MOST_ROWS + 1] = {
#define X(rows, vecs) [vecs][rows] = channels_##rows##_##vecs,
    TILE_MAP(X)
#undef X
};

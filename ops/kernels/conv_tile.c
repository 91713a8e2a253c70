/*
 * conv_tile.c - the tiles of conv_tile.h, one function for each number of rows and vectors.
 */
#include "ops/kernels/tile_run.h"

/* Memory answers late and takes few requests at a time, so what comes next is asked for little by little, some rows before each
 * run: the outputs of the tile to the right, and the source of the next block. */
INLINED void prefetch(const int vecs, const conv_tile *t, int64_t row, int64_t end, const float *out)
{
    for (int64_t r = row; r < end; r++) {
        for (int i = 0; i < vecs * VL; i += 16)
            __builtin_prefetch(out + r * t->out_stride + i, 1);
        for (int64_t i = 0; t->ahead && i < t->ahead_floats; i += 16)
            __builtin_prefetch(t->ahead + r * t->ahead_stride + i);
    }
}

INLINED void tile_run(const int rows, const int vecs, const int64_t row, const int64_t term, const conv_tile *t, const float *a,
                      float *out)
{
    vec c[TILE_MOST_ROWS][TILE_MOST_VECS];
    const float *w = t->w;
    int64_t stride = t->out_stride, length = t->length, some = 1 + rows / (int)(t->runs + 1);
    tile_load(rows, vecs, t->start, out, stride, t->columns, c);
    for (int64_t g = 0; g < t->runs; g++) {
        const float *x = a + t->offset[g];
        if (g * some < rows) prefetch(vecs, t, g * some, g * some + some, out + rows * stride);
        for (int64_t i = 0; i < length; i++, x += term, w += vecs * VL) tile_term(rows, vecs, row, x, w, c);
    }
    tile_store(rows, vecs, out, stride, t->columns, c);
}

#define X(rows, vecs)                                                                                               \
    static void pixels_##rows##_##vecs(const conv_tile *t, const float *a, float *out) { tile_run(rows, vecs, SLOT, 1, t, a, out); } \
    static void channels_##rows##_##vecs(const conv_tile *t, const float *a, float *out) { tile_run(rows, vecs, 1, SLOT, t, a, out); }
TILE_MAP(X)
#undef X

const conv_tile_fn K(conv_pixel_tiles)[TILE_MOST_VECS + 1][TILE_MOST_ROWS + 1] = {
#define X(rows, vecs) [vecs][rows] = pixels_##rows##_##vecs,
    TILE_MAP(X)
#undef X
};

const conv_tile_fn K(conv_channel_tiles)[TILE_MOST_VECS + 1][TILE_MOST_ROWS + 1] = {
#define X(rows, vecs) [vecs][rows] = channels_##rows##_##vecs,
    TILE_MAP(X)
#undef X
};

/*
 * conv_tile.c - the tiles of conv_tile.h, one function for each number of rows and vectors.
 *
 * An accumulator array stays in registers only where every loop over it is fully unrolled, which is why the numbers are constants
 * and the loops carry a pragma.
 */
#include "ops/kernels/conv_tile.h"

#define UNROLLED _Pragma("GCC unroll 14")

/* Memory answers late and takes few requests at a time, so what comes next is asked for little by little, some rows before each
 * run: the outputs of the tile to the right, and the source of the next block. */
static inline __attribute__((always_inline)) void prefetch(const int vecs, const conv_tile *t, int64_t row, int64_t end,
                                                           const float *out)
{
    for (int64_t r = row; r < end; r++) {
        for (int i = 0; i < vecs * VL; i += 16)
            __builtin_prefetch(out + r * t->out_stride + i, 1);
        for (int64_t i = 0; t->ahead && i < t->ahead_floats; i += 16)
            __builtin_prefetch(t->ahead + r * t->ahead_stride + i);
    }
}

static inline __attribute__((always_inline)) void tile_run(const int rows, const int vecs, const int64_t row, const int64_t term,
                                                           const conv_tile *t, const float *a, float *out)
{
    vec c[TILE_MOST_ROWS][TILE_MOST_VECS];
    const float *w = t->w;
    int64_t stride = t->out_stride, columns = t->columns, length = t->length, some = 1 + rows / (int)(t->runs + 1);
    if (t->start) {
        UNROLLED for (int r = 0; r < rows; r++)
            UNROLLED for (int v = 0; v < vecs; v++)
                c[r][v] = v_load(t->start + v * VL);
    } else if (columns == vecs * VL) {
        UNROLLED for (int r = 0; r < rows; r++)
            UNROLLED for (int v = 0; v < vecs; v++)
                c[r][v] = v_load(out + r * stride + v * VL);
    } else {
        UNROLLED for (int r = 0; r < rows; r++)
            UNROLLED for (int v = 0; v < vecs; v++)
                c[r][v] = v_load_n(out + r * stride + v * VL, columns - v * VL);
    }
    for (int64_t g = 0; g < t->runs; g++) {
        const float *x = a + t->offset[g];
        if (g * some < rows) prefetch(vecs, t, g * some, g * some + some, out + rows * stride);
        for (int64_t i = 0; i < length; i++) {
            vec b[TILE_MOST_VECS];
            UNROLLED for (int v = 0; v < vecs; v++)
                b[v] = v_load(w + v * VL);
            UNROLLED for (int r = 0; r < rows; r++) {
                vec s = v_set1(x[r * row]);
                UNROLLED for (int v = 0; v < vecs; v++)
                    c[r][v] = v_fma(s, b[v], c[r][v]);
            }
            x += term;
            w += vecs * VL;
        }
    }
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

/* rows, vectors: the shapes that tile_rows allows */
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

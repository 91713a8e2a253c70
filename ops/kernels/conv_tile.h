/*
 * conv_tile.h - the inner loop of every fast convolution and product: a tile of outputs that stays in registers.
 *
 *   out[r, j] = start + sum over runs g, terms i:  a[offset[g] + row r + term i] * w[(g * length + i), j]
 *
 * A tile has up to 14 rows and 1 to 3 vectors of columns; each output is one chain of fused multiply-adds in the order of (g, i).
 * `a` is scratch made of slots of SLOT floats. In a pixel tile a row is a slot and a term a float in it (rows are pixels, terms
 * are channels); in a channel tile a row is a float and a term a slot (rows are channels, terms are pixels).
 */
#ifndef ADZE_OPS_KERNELS_CONV_TILE_H
#define ADZE_OPS_KERNELS_CONV_TILE_H

#include "ops/kernels/conv_chunks.h"
#include "ops/kernels/variant.h"

enum { SLOT = CONV_BLOCK, TILE_MOST_ROWS = 14, TILE_MOST_VECS = 3, TILE_MOST_RUNS = 128 };

typedef struct conv_tile {
    int64_t runs;              /* at most TILE_MOST_RUNS; 0: only the start is written */
    const int64_t *offset;     /* [runs], in floats */
    int64_t length;            /* terms of a run */
    const float *w;            /* [runs * length, columns of the tile], a column past the last one is zero */
    const float *start;        /* one number a column, or NULL: go on from what `out` holds */
    int64_t out_stride;        /* floats from row to row */
    int64_t columns;           /* that exist; the vectors' other lanes are neither read nor written in `out` */
    const float *ahead;        /* what the next block will copy, so many floats a row, or NULL: asked for between the runs */
    int64_t ahead_stride, ahead_floats;
} conv_tile;

typedef void (*conv_tile_fn)(const conv_tile *t, const float *a, float *out);

/* [vectors][rows] */
extern const conv_tile_fn K(conv_pixel_tiles)[TILE_MOST_VECS + 1][TILE_MOST_ROWS + 1];
extern const conv_tile_fn K(conv_channel_tiles)[TILE_MOST_VECS + 1][TILE_MOST_ROWS + 1];

/* Rows that fit the registers beside that many vectors: 32 registers with AVX-512, 16 with AVX2. */
static inline int tile_rows(int vecs)
{
    static const int most[2][TILE_MOST_VECS + 1] = { { 0, 12, 6, 4 }, { 0, 14, 14, 9 } };
    return most[VL == 16][vecs];
}

/* Columns are cut into tiles of two vectors; of an odd number of vectors the last tile has three. */
static inline int64_t tile_vecs_all(int64_t columns) { return ceil_div(columns, VL); }
static inline int64_t tile_count(int64_t columns) { return columns <= VL ? 1 : tile_vecs_all(columns) / 2; }
static inline int64_t tile_column(int64_t tile) { return tile * 2 * VL; }
static inline int tile_vecs(int64_t columns, int64_t tile)
{
    return tile == tile_count(columns) - 1 ? (int)(tile_vecs_all(columns) - 2 * tile) : 2;
}

/* Runs the tiles of `count` rows that are `a_row` floats apart in the scratch, each from the table `fn` of one width. */
static inline void tile_rows_run(conv_tile *t, const conv_tile_fn *fn, int vecs, int64_t count, int64_t a_row,
                                 const float *a, float *out)
{
    int64_t pieces = ceil_div(count, tile_rows(vecs));
    for (int64_t i = 0, row = 0; i < pieces; i++) {
        int64_t end = count * (i + 1) / pieces;
        fn[end - row](t, a + row * a_row, out + row * t->out_stride);
        if (t->ahead) t->ahead += (end - row) * t->ahead_stride;
        row = end;
    }
}

#endif

/*
 * conv_lanes.h - the other inner loop, for outputs with few channels: the lanes of a vector are neighbours in the source, the weights are
 * broadcast.
 *
 *   sum[q][lane of vector p] = start + sum over terms i:  a[p][place[i] + lane] * b[i b_step + q]
 *
 * Where the lanes are output channels (conv_tile.h), 12 of them leave a quarter of a vector empty and 24 a quarter of two. Here a
 * tile has 1 or 2 vectors and up to 12 numbers b a term, and no lane is empty.
 *
 * Forward and by_input: the lanes are pixels of a row, a term is a channel, whose rows lie as planes in the scratch; b are weights. Tiles turn their sums from
 * planes to pixels as they store them.
 * By weight: the lanes are (tap, channel) pairs of x, a term is a pixel, b are the gradients of its outputs; sums stay as vectors in the scratch.
 *
 * Each output is the same chain of fused multiply-adds as in a tile of conv_tile.h.
 */
#ifndef ADZE_OPS_KERNELS_CONV_LANES_H
#define ADZE_OPS_KERNELS_CONV_LANES_H

#include "ops/kernels/conv_fill.h"

/* 24 sums in 32 registers, 12 in 16: the rest hold a term's vectors and its number. */
enum { LANES_VECS = 2, LANES_MOST = VL == 16 ? 12 : 6, LANES_MOST_TERMS = 1024 };

typedef struct conv_lanes {
    int64_t terms;             /* at most LANES_MOST_TERMS; 0: only the start is written */
    const int32_t *place;      /* [terms], in floats */
    const float *b;
    int64_t b_step;            /* floats from term to term */
    const float *start;        /* pixel tiles: one number for each b, or NULL: go on from what `out` holds */
    int64_t out_stride;        /* pixel tiles: floats from pixel to pixel of `out`; of sums, `out` holds [numbers b][lanes] of each vector */
    const float *ahead;        /* what is copied soon: the second half of the terms asks memory for it, the first for the next outputs */
    int64_t ahead_step, out_step;   /* floats from term to term */
} conv_lanes;

/* `a` and `out` of each vector */
typedef void (*conv_lanes_fn)(const conv_lanes *t, const float *const *a, float *const *out);

/* [vectors][numbers b] */
extern const conv_lanes_fn K(conv_lanes_pixels)[LANES_VECS + 1][LANES_MOST + 1];
extern const conv_lanes_fn K(conv_lanes_sums)[LANES_VECS + 1][LANES_MOST + 1];

/* The pieces that `count` numbers b are cut into, all but the last one as long: whole fours, for fours are turned at a time. */
static inline int64_t lanes_piece(int64_t count)
{
    int64_t pieces = ceil_div(count, LANES_MOST), even = ceil_div(count, pieces), fours = ceil_div(even, 4) * 4;
    return fours <= LANES_MOST ? fours : even;
}

/* Planes instead of slots: a channel has one float for each place where the block reads. Rows are padded so that the first pixel of an
 * image begins a cache line, and planes to an odd number of lines, so that they lie in different sets. */
typedef struct conv_planes {
    conv_slots slots;          /* of one float; `floats` from plane to plane, `width` with the padding */
    int64_t lead, width;       /* where a row begins, and how many places it has */
} conv_planes;

static inline conv_planes conv_planes_of(const conv_view *v, int64_t block_rows)
{
    conv_slots s = conv_slots_of(v, block_rows);
    conv_planes p = { .slots = s, .lead = v->axis[2].first & 15, .width = s.width };
    p.slots.spread = 1;
    p.slots.width = ceil_div(p.lead + s.width, 16) * 16;
    p.slots.floats = (v->axis[0].taps * s.rows * s.parts * p.slots.width / 16 | 1) * 16;
    return p;
}

/* As K(conv_fill_rows). */
void K(conv_fill_planes)(const conv_view *v, const conv_planes *l, const float *source, int64_t row, int64_t channel, int64_t length,
                         float *planes);

#endif

/*
 * conv_fill.h - from tensors to what the tiles read: source pixels into slots, weights into panels.
 *
 * A slot holds up to SLOT channels of one source pixel (zeros on the padding); the rest of it is never read. Copying costs little, for every
 * number is used many times, and buys borders without branches, a constant distance from pixel to pixel, and no two rows of
 * a wide image in the same cache set.
 */
#ifndef ADZE_OPS_KERNELS_CONV_FILL_H
#define ADZE_OPS_KERNELS_CONV_FILL_H

#include "ops/kernels/conv_tile.h"
#include "ops/kernels/conv_view.h"

/* Slots of all source rows that a block of output rows of one image reads: [taps of axis 0][rows][parts][width]. A source row is
 * dealt out to `parts` by the remainder of its position by the step, so that neighbouring outputs read neighbouring slots. */
typedef struct conv_slots {
    int64_t rows, parts, width;
    int64_t spread;                /* floats from place to place: SLOT, or 1 in planes (conv_lanes.h) */
    int64_t floats;
} conv_slots;

static inline conv_slots conv_slots_of(const conv_view *v, int64_t block_rows)
{
    const conv_axis *y = &v->axis[1], *x = &v->axis[2];
    int64_t reach = (x->taps - 1) * x->spread;
    conv_slots l = {
        .rows = (block_rows - 1) * y->step + (y->taps - 1) * y->spread + 1,
        .parts = reach + 1 < x->step ? reach + 1 : x->step,
        .width = x->count + reach / x->step,
        .spread = SLOT,
    };
    l.floats = v->axis[0].taps * l.rows * l.parts * l.width * SLOT;
    return l;
}

/* Where tap t of the first output of the block is, and how far the next output row is. */
static inline int64_t conv_slots_tap(const conv_view *v, const conv_slots *l, int64_t t)
{
    int64_t at[3];
    conv_tap_at(v, t, at);
    int64_t row = at[0] * l->rows + at[1] * v->axis[1].spread, shift = at[2] * v->axis[2].spread;
    return ((row * l->parts + shift % v->axis[2].step) * l->width + shift / v->axis[2].step) * l->spread;
}

static inline int64_t conv_slots_row(const conv_view *v, const conv_slots *l)
{
    return v->axis[1].step * l->parts * l->width * l->spread;
}

/* Channels `channel` .. + length of the source for the block that begins at output row `row`. */
void K(conv_fill_rows)(const conv_view *v, const conv_slots *l, const float *source, int64_t row, int64_t channel, int64_t length,
                       float *slots);

/* One slot a pixel, for output pixels first .. first + count - 1 counted through all rows and images: the channels of one
 * tap (`blocks` times as many: further slots behind the first), or columns of (tap, channel) where a group has few channels. */
void K(conv_fill_tap)(const conv_view *v, const float *source, int64_t first, int64_t count, int64_t tap, int64_t channel,
                      int64_t length, int64_t blocks, float *slots);
void K(conv_fill_columns)(const conv_view *v, const float *source, int64_t first, int64_t count, int64_t group, int64_t column,
                          int64_t length, float *slots);

/* Panels of the tiles tile_first .. tile_end-1 of so many columns, one behind the other: of each, [depth, columns of the tile]. */
typedef struct conv_panels {
    float *to;
    int64_t depth, columns;
    int64_t tile_first, tile_end;
} conv_panels;

static inline float *conv_panel(const conv_panels *p, int64_t tile, int64_t term)
{
    return p->to + (tile_column(tile) - tile_column(p->tile_first)) * p->depth + term * tile_vecs(p->columns, tile) * VL;
}

/* Fills terms first .. first + terms - 1 of every panel: with w[t * stride + column], or w[column * stride + t], t counted from the
 * first; columns past the last are zero. */
void K(conv_pack_rows)(const conv_panels *p, int64_t first, int64_t terms, const float *w, int64_t stride);
void K(conv_pack_columns)(const conv_panels *p, int64_t first, int64_t terms, const float *w, int64_t stride);

/* panel[t * width + j] = w[j * stride + t] for eight columns j, of which `columns` exist (the others are zero). */
void K(conv_pack_eight)(int64_t terms, const float *w, int64_t stride, int64_t columns, int64_t width, float *panel);

#endif

/*
 * conv_winograd_parts.h - what forward and by_input by Winograd are made of, for any stretch of image tiles, summed channels and output
 * channels: the transforms of windows and of weights, the 36 products, the transform back.
 *
 * Summed channels go by slots of SLOT, output channels by the tiles of conv_tile.h (here: panels). Each product lies `spread` floats behind
 * the one before it.
 */
#ifndef ADZE_OPS_KERNELS_CONV_WINOGRAD_PARTS_H
#define ADZE_OPS_KERNELS_CONV_WINOGRAD_PARTS_H

#include "ops/kernels/conv_winograd.h"
#include "ops/kernels/conv_tile.h"

/* A stretch of image tiles with the slots first .. end - 1 of their windows: [slots][36][tiles][SLOT], from slot `first` on. */
typedef struct wino_windows {
    int64_t tile, count;                 /* image tiles: first, number */
    int64_t first, end, spread;
    float *at;
} wino_windows;

/* One panel of the weights, of the same slots: [36][channels of the slots][columns of the panel]. */
typedef struct wino_panel {
    int64_t panel, spread;
    float *at;
} wino_panel;

/* Floats that K(wino_weights) needs. */
enum { WINO_WEIGHT_SCRATCH = 9 * SLOT * TILE_MOST_VECS * VL };

static inline int64_t wino_slots(const conv_view *v) { return ceil_div(v->sum, SLOT); }
static inline int64_t wino_slot_length(const conv_view *v, int64_t slot)
{
    return v->sum - slot * SLOT < SLOT ? v->sum - slot * SLOT : SLOT;
}

void K(wino_windows)(const conv_view *v, const float *source, const wino_windows *to);

/* The weights of slot first .. end - 1 (`by_input` says that the columns are the weights' input channels). */
void K(wino_weights)(const conv_view *v, int by_input, const float *w, int64_t first, int64_t end, float *scratch, const wino_panel *to);

/* sums[36][tiles][columns of the panel] = windows x weights, or += where these are not the first slots. Each number is one chain over
 * the channels, however many slots at a time. */
void K(wino_product)(const conv_view *v, int64_t k, const wino_windows *windows, const wino_panel *weights, float *sums);

/* From the 36 sums, `spread` floats apart, to the columns of the panel in the image, plus `bias` unless it is NULL. */
void K(wino_outputs)(const conv_view *v, const wino_windows *tiles, int64_t panel, const float *sums, int64_t spread, const float *bias,
                     float *out);

#endif

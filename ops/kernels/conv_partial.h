/*
 * conv_partial.h - the partial sums of by_weight: chunk 0 has its sums in the output, the others behind one another in the shared
 * scratch, and they are added pairwise in the order of conv_chunks.h.
 */
#ifndef ADZE_OPS_KERNELS_CONV_PARTIAL_H
#define ADZE_OPS_KERNELS_CONV_PARTIAL_H

#include "ops/kernels/conv_chunks.h"
#include "ops/kernels/variant.h"

enum { PARTIAL_FLOATS = 4096 };          /* added by a unit */

static inline int64_t partial_count(const ad_conv_shape *s) { return conv_taps(s) * (s->cin / s->groups) * s->cout; }

static inline int64_t partial_units(const ad_conv_shape *s) { return ceil_div(partial_count(s), PARTIAL_FLOATS); }

static inline float *partial_sum(const ad_conv_shape *s, const ad_args *args, int64_t chunk)
{
    return chunk == 0 ? args->out : (float *)args->shared + (chunk - 1) * partial_count(s);
}

/* Adds the chunks of one unit's elements: i takes i + 1 for even i, then i + 2 for every fourth, and so on. */
static inline void partial_add(const ad_conv_shape *s, const ad_args *args, int64_t chunks, int64_t unit)
{
    int64_t low = unit * PARTIAL_FLOATS, count = partial_count(s), high = low + PARTIAL_FLOATS < count ? low + PARTIAL_FLOATS : count;
    for (int64_t step = 1; step < chunks; step *= 2)
        for (int64_t c = 0; c + step < chunks; c += 2 * step) {
            float *into = partial_sum(s, args, c);
            const float *from = partial_sum(s, args, c + step);
            int64_t i = low;
            for (; i + VL <= high; i += VL)
                v_store(into + i, v_add(v_load(into + i), v_load(from + i)));
            if (i < high) v_store_n(into + i, v_add(v_load_n(into + i, high - i), v_load_n(from + i, high - i)), high - i);
        }
}

#endif

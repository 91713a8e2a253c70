/*
 * conv_fill.c - filling slots and panels (conv_fill.h).
 */
#include <string.h>

#include "ops/kernels/conv_fill.h"

static void zero_slots(float *slots, int64_t count)
{
    memset(slots, 0, (size_t)(count * SLOT) * sizeof *slots);
}

void K(conv_copy_slots)(float *slots, const float *source, int64_t count, int64_t stride, int64_t length)
{
    if (length == SLOT) {
        for (int64_t p = 0; p < count; p++, slots += SLOT, source += stride)
            for (int c = 0; c < SLOT; c += VL)
                v_store(slots + c, v_load(source + c));
        return;
    }
    int64_t whole = length / VL * VL;
    for (int64_t p = 0; p < count; p++, slots += SLOT, source += stride) {
        for (int64_t c = 0; c < whole; c += VL)
            v_store(slots + c, v_load(source + c));
        if (whole < length) v_store(slots + whole, v_load_n(source + whole, length - whole));
    }
}

/* Output pixels 0 .. count-1 of one source row (NULL: padding), the first at position `offset`. */
static void fill_run(float *slots, const float *row, const conv_axis *x, int64_t offset, int64_t count, int64_t channels, int64_t length)
{
    int64_t low = 0, high = 0;
    if (row) conv_inside(x->source, x->step, offset, count, &low, &high);
    zero_slots(slots, low);
    if (low < high)
        K(conv_copy_slots)(slots + low * SLOT, row + (low * x->step + offset) * channels, high - low, x->step * channels, length);
    zero_slots(slots + high * SLOT, count - high);
}

static const float *source_row(const conv_view *v, const float *source, int64_t n, int64_t i0, int64_t i1)
{
    if (i0 < 0 || i0 >= v->axis[0].source || i1 < 0 || i1 >= v->axis[1].source) return NULL;
    return source + ((n * v->axis[0].source + i0) * v->axis[1].source + i1) * v->axis[2].source * v->groups * v->sum;
}

void K(conv_fill_rows)(const conv_view *v, const conv_slots *l, const float *source, int64_t row, int64_t channel, int64_t length,
                       float *slots)
{
    int64_t at[3], channels = v->groups * v->sum;
    conv_row_at(v, row, at);
    for (int64_t t = 0; t < v->axis[0].taps; t++)
        for (int64_t r = 0; r < l->rows; r++) {
            const float *from = source_row(v, source, at[0], conv_source_at(&v->axis[0], at[1], t),
                                           conv_source_at(&v->axis[1], at[2], 0) + r);
            for (int64_t part = 0; part < l->parts; part++, slots += l->width * SLOT)
                fill_run(slots, from ? from + channel : NULL, &v->axis[2], v->axis[2].first + part, l->width, channels, length);
        }
}

void K(conv_fill_tap)(const conv_view *v, const float *source, int64_t first, int64_t count, int64_t tap, int64_t channel,
                      int64_t length, float *slots)
{
    const conv_axis *x = &v->axis[2];
    int64_t t[3], channels = v->groups * v->sum, end = first + count;
    conv_tap_at(v, tap, t);
    while (first < end) {
        int64_t at[3], o = first % x->count, run = x->count - o < end - first ? x->count - o : end - first;
        conv_row_at(v, first / x->count, at);
        const float *from = source_row(v, source, at[0], conv_source_at(&v->axis[0], at[1], t[0]),
                                       conv_source_at(&v->axis[1], at[2], t[1]));
        fill_run(slots, from ? from + channel : NULL, x, conv_source_at(x, o, t[2]), run, channels, length);
        slots += run * SLOT;
        first += run;
    }
}

/* One float of each slot of a run of outputs. */
static void fill_column(float *slots, const float *row, const conv_axis *x, int64_t offset, int64_t count, int64_t channels)
{
    int64_t low = 0, high = 0, p = 0;
    if (row) conv_inside(x->source, x->step, offset, count, &low, &high);
    for (; p < low; p++)
        slots[p * SLOT] = 0;
    for (; p < high; p++)
        slots[p * SLOT] = row[(p * x->step + offset) * channels];
    for (; p < count; p++)
        slots[p * SLOT] = 0;
}

void K(conv_fill_columns)(const conv_view *v, const float *source, int64_t first, int64_t count, int64_t group, int64_t column,
                          int64_t length, float *slots)
{
    const conv_axis *x = &v->axis[2];
    int64_t channels = v->groups * v->sum, end = first + count;
    while (first < end) {
        int64_t at[3], o = first % x->count, run = x->count - o < end - first ? x->count - o : end - first;
        conv_row_at(v, first / x->count, at);
        for (int64_t c = 0; c < length; c++) {
            int64_t t[3];
            conv_tap_at(v, (column + c) / v->sum, t);
            const float *from = source_row(v, source, at[0], conv_source_at(&v->axis[0], at[1], t[0]),
                                           conv_source_at(&v->axis[1], at[2], t[1]));
            fill_column(slots + c, from ? from + group * v->sum + (column + c) % v->sum : NULL, x, conv_source_at(x, o, t[2]),
                        run, channels);
        }
        slots += run * SLOT;
        first += run;
    }
}

void K(conv_pack_rows)(int64_t terms, const float *w, int64_t stride, int64_t columns, int vecs, float *panel)
{
    for (int64_t t = 0; t < terms; t++, w += stride)
        for (int v = 0; v < vecs; v++, panel += VL)
            v_store(panel, v_load_n(w + v * VL, columns - v * VL));
}

void K(conv_pack_columns)(int64_t terms, const float *w, int64_t stride, int64_t columns, int vecs, float *panel)
{
    int64_t width = vecs * VL;
    for (int64_t j = 0; j < width; j++)
        for (int64_t t = 0; t < terms; t++)
            panel[t * width + j] = j < columns ? w[j * stride + t] : 0;
}

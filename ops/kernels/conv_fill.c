/*
 * conv_fill.c - filling slots and panels (conv_fill.h).
 */
#include <string.h>

#include "ops/kernels/conv_fill.h"

static void zero_slots(float *slots, int64_t count, int64_t blocks, int64_t distance)
{
    for (int64_t b = 0; b < blocks && count > 0; b++)
        memset(slots + b * distance, 0, (size_t)(count * SLOT) * sizeof *slots);
}

static void copy_slot(float *slot, const float *source, int64_t length)
{
    int64_t whole = length / VL * VL;
    for (int64_t c = 0; c < whole; c += VL)
        v_store(slot + c, v_load(source + c));
    if (whole < length) v_store(slot + whole, v_load_n(source + whole, length - whole));
}

/* `count` pixels, `stride` apart, of `length` channels into slots; of `blocks` times `length` channels where blocks > 1, block i into the
 * slots that begin at i * distance. Pixel by pixel, so that memory is read in order. */
static void copy_slots(float *slots, const float *source, int64_t count, int64_t stride, int64_t length, int64_t blocks, int64_t distance)
{
    for (int64_t p = 0; p < count; p++, slots += SLOT, source += stride)
        for (int64_t b = 0; b < blocks; b++)
            if (length == SLOT) copy_slot(slots + b * distance, source + b * SLOT, SLOT);
            else copy_slot(slots + b * distance, source + b * length, length);
}

/* Output pixels 0 .. count-1 of one source row (NULL: padding), the first at position `offset`. */
static void fill_run(float *slots, const float *row, const conv_axis *x, int64_t offset, int64_t count, int64_t channels, int64_t length,
                     int64_t blocks, int64_t distance)
{
    int64_t low = 0, high = 0;
    if (row) conv_inside(x->source, x->step, offset, count, &low, &high);
    zero_slots(slots, low, blocks, distance);
    if (low < high)
        copy_slots(slots + low * SLOT, row + (low * x->step + offset) * channels, high - low, x->step * channels, length, blocks, distance);
    zero_slots(slots + high * SLOT, count - high, blocks, distance);
}

void K(conv_fill_rows)(const conv_view *v, const conv_slots *l, const float *source, int64_t row, int64_t channel, int64_t length,
                       float *slots)
{
    int64_t at[3], channels = v->groups * v->sum;
    conv_row_at(v, row, at);
    for (int64_t t = 0; t < v->axis[0].taps; t++)
        for (int64_t r = 0; r < l->rows; r++) {
            const float *from = conv_source_row(v, source, at[0], conv_source_at(&v->axis[0], at[1], t),
                                                conv_source_at(&v->axis[1], at[2], 0) + r);
            for (int64_t part = 0; part < l->parts; part++, slots += l->width * SLOT)
                fill_run(slots, from ? from + channel : NULL, &v->axis[2], v->axis[2].first + part, l->width, channels, length, 1, 0);
        }
}

void K(conv_fill_tap)(const conv_view *v, const float *source, int64_t first, int64_t count, int64_t tap, int64_t channel,
                      int64_t length, int64_t blocks, float *slots)
{
    const conv_axis *x = &v->axis[2];
    int64_t t[3], channels = v->groups * v->sum, end = first + count;
    conv_tap_at(v, tap, t);
    while (first < end) {
        int64_t at[3], o = first % x->count, run = x->count - o < end - first ? x->count - o : end - first;
        conv_row_at(v, first / x->count, at);
        const float *from = conv_source_row(v, source, at[0], conv_source_at(&v->axis[0], at[1], t[0]),
                                            conv_source_at(&v->axis[1], at[2], t[1]));
        fill_run(slots, from ? from + channel : NULL, x, conv_source_at(x, o, t[2]), run, channels, length, blocks,
                 count * SLOT);
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
            const float *from = conv_source_row(v, source, at[0], conv_source_at(&v->axis[0], at[1], t[0]),
                                                conv_source_at(&v->axis[1], at[2], t[1]));
            fill_column(slots + c, from ? from + group * v->sum + (column + c) % v->sum : NULL, x, conv_source_at(x, o, t[2]),
                        run, channels);
        }
        slots += run * SLOT;
        first += run;
    }
}

/* Rows of weights that are a row of memory apart come late unless they are asked for so many rows before. */
enum { PACK_AHEAD = 12 };

void K(conv_pack_rows)(const conv_panels *p, int64_t first, int64_t terms, const float *w, int64_t stride)
{
    for (int64_t t = 0; t < terms; t++, w += stride)
        for (int64_t tile = p->tile_first; tile < p->tile_end; tile++) {
            int64_t column = tile_column(tile), left = p->columns - column;
            int vecs = tile_vecs(p->columns, tile);
            float *panel = conv_panel(p, tile, first + t);
            if (t + PACK_AHEAD < terms)
                for (int v = 0; v < vecs * VL; v += 16)
                    __builtin_prefetch(w + PACK_AHEAD * stride + column + v);
            for (int v = 0; v < vecs; v++, left -= VL)
                v_store(panel + v * VL, left >= VL ? v_load(w + column + v * VL) : v_load_n(w + column + v * VL, left));
        }
}

/* Transposes eight rows of eight floats. */
static void transpose8(__m256 r[8])
{
    __m256 a[8], b[8];
    for (int i = 0; i < 4; i++) {
        a[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        a[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        b[4 * i] = _mm256_shuffle_ps(a[4 * i], a[4 * i + 2], 0x44);
        b[4 * i + 1] = _mm256_shuffle_ps(a[4 * i], a[4 * i + 2], 0xee);
        b[4 * i + 2] = _mm256_shuffle_ps(a[4 * i + 1], a[4 * i + 3], 0x44);
        b[4 * i + 3] = _mm256_shuffle_ps(a[4 * i + 1], a[4 * i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
        r[i + 4] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
    }
}

void K(conv_pack_eight)(int64_t terms, const float *w, int64_t stride, int64_t columns, int64_t width, float *panel)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    for (int64_t t = 0; t < terms; t += 8) {
        int count = terms - t < 8 ? (int)(terms - t) : 8;
        __m256i there = _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lane);
        __m256 r[8];
        if (t % 16 == 0)
            for (int j = 8; j < 16; j++)
                __builtin_prefetch(w + j * stride + t);
        for (int j = 0; j < 8; j++)
            r[j] = j < columns ? _mm256_maskload_ps(w + j * stride + t, there) : _mm256_setzero_ps();
        transpose8(r);
        for (int i = 0; i < count; i++)
            _mm256_storeu_ps(panel + (t + i) * width, r[i]);
    }
}

void K(conv_pack_columns)(const conv_panels *p, int64_t first, int64_t terms, const float *w, int64_t stride)
{
    for (int64_t tile = p->tile_first; tile < p->tile_end; tile++) {
        int64_t width = tile_vecs(p->columns, tile) * VL, column = tile_column(tile);
        for (int64_t j = 0; j < width; j += 8)
            K(conv_pack_eight)(terms, w + (column + j) * stride, stride, p->columns - column - j, width, conv_panel(p, tile, first) + j);
    }
}

/*
 * conv_winograd_parts.c - windows, weights, products and outputs of conv_winograd_parts.h.
 */
#include "ops/kernels/conv_winograd_parts.h"
#include "ops/kernels/conv_fill.h"
#include "ops/kernels/conv_winograd_transform.h"

void K(wino_windows)(const conv_view *v, const float *source, const wino_windows *to)
{
    const conv_axis *y = &v->axis[1], *x = &v->axis[2];
    int64_t end = to->end * SLOT < v->sum ? to->end * SLOT : v->sum;
    for (int64_t i = 0; i < to->count; i++) {
        wino_place at = wino_place_of(v, to->tile + i);
        const float *plane = source + at.plane * y->source * x->source * v->sum;
        for (int64_t c = to->first * SLOT; c < end; c += VL) {
            float patch[WINO_PRODUCTS * VL];
            int64_t row, column;
            const float *from = wino_window(WINO_IN, plane + c, y->source, x->source, v->sum, at.y + y->first, at.x + x->first,
                                            v->sum - c, patch, &row, &column);
            float *products = to->at + (c / SLOT - to->first) * WINO_PRODUCTS * to->spread + i * SLOT + c % SLOT;
            wino_ask(products + SLOT, to->spread);
            wino_to_products(WINO_IN, wino_source, from, row, column, products, to->spread);
        }
    }
}

/* Nine panels of one slot's weights side by side: [9][channels][columns]. */
static void slot_pack(const conv_view *v, int by_input, const float *w, int64_t slot, int64_t panel, float *to)
{
    int64_t channel = slot * SLOT, length = wino_slot_length(v, slot);
    conv_panels p = { .to = to, .depth = 9 * length, .columns = v->columns, .tile_first = panel, .tile_end = panel + 1 };
    for (int64_t t = 0; t < 9; t++) {
        int64_t at[3];
        conv_tap_at(v, t, at);
        int64_t k1 = v->axis[1].kernel_first + at[1] * v->axis[1].kernel_step, k2 = v->axis[2].kernel_first + at[2] * v->axis[2].kernel_step;
        const float *from = w + (k1 * 3 + k2) * v->sum * v->columns;
        if (by_input) K(conv_pack_columns)(&p, t * length, length, from + channel, v->sum);
        else K(conv_pack_rows)(&p, t * length, length, from + channel * v->columns, v->columns);
    }
}

void K(wino_weights)(const conv_view *v, int by_input, const float *w, int64_t first, int64_t end, float *scratch, const wino_panel *to)
{
    int64_t width = tile_vecs(v->columns, to->panel) * VL;
    for (int64_t slot = first; slot < end; slot++) {
        int64_t row = wino_slot_length(v, slot) * width;
        float *products = to->at + (slot - first) * SLOT * width;
        slot_pack(v, by_input, w, slot, to->panel, scratch);
        for (int64_t i = 0; i < row; i += VL) {
            wino_ask(products + i + 2 * VL, to->spread);
            wino_to_products(3, wino_weight, scratch + i, 3 * row, row, products + i, to->spread);
        }
    }
}

void K(wino_product)(const conv_view *v, int64_t k, const wino_windows *windows, const wino_panel *weights, float *sums)
{
    static const float zero[TILE_MOST_VECS * VL];
    int vecs = tile_vecs(v->columns, weights->panel);
    int64_t offset[TILE_MOST_RUNS], whole = v->sum / SLOT, step = WINO_PRODUCTS * windows->spread;
    conv_tile t = {
        .offset = offset, .start = windows->first == 0 ? zero : NULL, .out_stride = vecs * VL, .columns = vecs * VL,
        .w = weights->at + k * weights->spread,
    };
    for (int64_t i = 0; i < TILE_MOST_RUNS && i < windows->end - windows->first; i++)
        offset[i] = i * step;
    for (int64_t slot = windows->first, end; slot < windows->end; slot = end, t.start = NULL) {
        end = slot == whole ? slot + 1 : windows->end < whole ? windows->end : whole;
        if (end - slot > TILE_MOST_RUNS) end = slot + TILE_MOST_RUNS;
        t.runs = end - slot;
        t.length = wino_slot_length(v, slot);
        tile_rows_run(&t, K(conv_pixel_tiles)[vecs], vecs, windows->count, SLOT,
                      windows->at + (slot - windows->first) * step + k * windows->spread, sums);
        t.w += t.runs * t.length * vecs * VL;
    }
}

/* One vector of 4x4 outputs, those of them that exist. */
static void outputs_store(const conv_view *v, wino_place at, int64_t left, vec y[WINO_IN][WINO_IN], float *out)
{
    int64_t rows = v->axis[1].count - at.y, columns = v->axis[2].count - at.x;
    if (rows >= WINO_OUT && columns >= WINO_OUT && left >= VL) {
        WINO_UNROLLED for (int i = 0; i < WINO_OUT; i++)
            WINO_UNROLLED for (int j = 0; j < WINO_OUT; j++)
                v_store(out + (i * v->axis[2].count + j) * v->columns, y[i][j]);
        return;
    }
    for (int i = 0; i < WINO_OUT && i < rows; i++)
        for (int j = 0; j < WINO_OUT && j < columns; j++)
            v_store_n(out + (i * v->axis[2].count + j) * v->columns, y[i][j], left);
}

void K(wino_outputs)(const conv_view *v, const wino_windows *tiles, int64_t panel, const float *sums, int64_t spread, const float *bias,
                     float *out)
{
    int vecs = tile_vecs(v->columns, panel);
    for (int64_t i = 0; i < tiles->count; i++) {
        wino_place at = wino_place_of(v, tiles->tile + i);
        int64_t pixel = (at.plane * v->axis[1].count + at.y) * v->axis[2].count + at.x;
        for (int h = 0; h < vecs; h++) {
            int64_t column = tile_column(panel) + h * VL, left = v->columns - column;
            vec y[WINO_IN][WINO_IN], b = bias ? v_load_n(bias + column, left) : v_zero();
            wino_from_products(WINO_OUT, wino_output, sums + (i * vecs + h) * VL, spread, y);
            WINO_UNROLLED for (int r = 0; r < WINO_OUT; r++)
                WINO_UNROLLED for (int c = 0; c < WINO_OUT; c++)
                    y[r][c] = v_add(y[r][c], b);
            outputs_store(v, at, left, y, out + pixel * v->columns + column);
        }
    }
}

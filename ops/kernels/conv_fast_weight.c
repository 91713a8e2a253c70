/*
 * conv_fast_weight.c - by_weight in registers.
 *
 *   gw[k, ci, co] = sum over output pixels:  x[pixel's source at tap k, ci] gy[pixel, co]
 *
 * The rows of a tile are summed channels of x, its terms are pixels. A unit of stage 0 is one chunk of the output rows
 * (conv_chunks.h), one block of channels of x, and a share of the tiles. It copies the source pixels of a few rows into slots and
 * their gy into panels, and runs every tap and tile over them; the sums wait in the output (chunk 0) or in the shared
 * scratch. Stage 1 adds the chunks, pairwise. Where output channels would fill their vectors badly, stage 0 is that of conv_lanes_weight.c.
 */
#include "ops/kernels/conv_fill.h"
#include "ops/kernels/conv_lanes_weight.h"
#include "ops/kernels/conv_partial.h"

/* A block has at most so many floats in slots and in panels; a tile passes over about RUN_PIXELS of it at a time, so that what it
 * reads stays in first-level cache. */
enum { BLOCK_FLOATS = 48 * 1024, BLOCK_PIXELS = 512, RUN_PIXELS = 128, UNITS = 16, ROW_PIXELS = 8, FEW_CHANNELS = 4 };

typedef struct weight_layout {
    int flat, gathered;            /* as in conv_fast.c */
    int64_t parts;                 /* channel blocks of a group, or slots full of (tap, channel) pairs */
    int64_t taps;                  /* passes over a part: taps, or 1 where it is gathered */
    int64_t block;                 /* pixels, or rows, at most */
    int64_t chunks, tile_groups;
    int64_t slots, panels;         /* floats */
} weight_layout;

static void layout_of(const ad_conv_shape *s, const conv_view *v, weight_layout *l)
{
    int64_t taps = conv_view_taps(v), width = v->axis[2].count, tiles = tile_count(v->columns);
    *l = (weight_layout){ .gathered = v->sum <= FEW_CHANNELS && taps > 1, .chunks = conv_chunks(s) };
    l->flat = l->gathered || conv_view_disjoint(v) || width < ROW_PIXELS;
    l->taps = l->gathered ? 1 : taps;
    l->parts = ceil_div(l->gathered ? taps * v->sum : v->sum, SLOT);
    l->tile_groups = ceil_div(UNITS, l->chunks * v->groups * l->parts);
    if (l->tile_groups > tiles) l->tile_groups = tiles;
    int64_t panel_width = ceil_div(tiles, l->tile_groups) * 2 * VL + VL, pixels = BLOCK_FLOATS / panel_width;
    if (pixels > BLOCK_PIXELS) pixels = BLOCK_PIXELS;
    if (l->flat) {
        l->block = BLOCK_FLOATS / SLOT / l->taps;
        if (l->block > RUN_PIXELS) l->block = RUN_PIXELS;
        if (l->block > pixels) l->block = pixels;
        if (l->block < TILE_MOST_ROWS) l->block = TILE_MOST_ROWS;
        l->slots = l->taps * l->block * SLOT;
        l->panels = l->block * panel_width;
    } else {
        l->block = v->axis[1].count;
        while (l->block > 1 && (conv_slots_of(v, l->block).floats > BLOCK_FLOATS || l->block * width > pixels))
            l->block--;
        l->slots = conv_slots_of(v, l->block).floats;
        l->panels = l->block * width * panel_width;
    }
}

/* ---- one unit ---- */

typedef struct weight_unit {
    const conv_view *v;
    const weight_layout *l;
    int64_t group, part, length;   /* part of the channels and how many it has */
    int64_t tile_first, tile_end, cout;
    const float *x, *gy;
    float *sum, *slots, *panels;   /* sum: gw of this chunk */
    int started;                   /* blocks before this one have left their sums */
} weight_unit;

static conv_panels panels_of(const weight_unit *u, int64_t pixels)
{
    return (conv_panels){ .to = u->panels, .depth = pixels, .columns = u->v->columns, .tile_first = u->tile_first, .tile_end = u->tile_end };
}

static void panels_fill(const weight_unit *u, const conv_panels *p, int64_t pixel)
{
    K(conv_pack_rows)(p, 0, p->depth, u->gy + pixel * u->cout + u->group * u->v->columns, u->cout);
}

/* Adds the runs of `t` to the sums of one tap and tile; `slots` is where the runs' offsets count from. */
static void tap_run(const weight_unit *u, conv_tile *t, int64_t tap, int64_t tile, int from_zero, const float *slots)
{
    static const float zero[TILE_MOST_VECS * VL];
    int64_t column = tile_column(tile), left = u->v->columns - column;
    int vecs = tile_vecs(u->v->columns, tile);
    int64_t row = tap * u->v->sum + u->part * SLOT;
    t->out_stride = u->cout;
    t->columns = left < vecs * VL ? left : vecs * VL;
    t->start = from_zero ? zero : NULL;
    tile_rows_run(t, K(conv_channel_tiles)[vecs], vecs, u->length, 1, slots,
                  u->sum + row * u->cout + u->group * u->v->columns + column);
}

/* Lets the tiles ask memory for what the next block copies: first its gy, then, once, its source rows. `window` pixels from output row
 * `row` on are this run's share of it, of which the tap asks for those from `pixel` on. */
static void ask_ahead(const weight_unit *u, conv_tile *t, int64_t row, int64_t window, int64_t pixel, int64_t tile)
{
    const conv_axis *a = u->v->axis;
    int64_t width = a[2].count, at[3];
    t->ahead = NULL;
    if (row * width + window > conv_view_rows(u->v) * width) return;
    if (pixel < window) {
        t->ahead = u->gy + (row * width + pixel) * u->cout + u->group * u->v->columns + tile_column(tile);
        t->ahead_stride = u->cout;
        return;
    }
    pixel -= window;
    conv_row_at(u->v, row, at);
    int64_t i0 = conv_source_at(&a[0], at[1], 0), i1 = conv_source_at(&a[1], at[2] + pixel / width, a[1].taps - 1);
    if (pixel >= window || tile != u->tile_first || i0 < 0 || i0 >= a[0].source || i1 < 0 || i1 >= a[1].source) return;
    t->ahead_stride = u->v->groups * u->v->sum;
    t->ahead = u->x + (((at[0] * a[0].source + i0) * a[1].source + i1) * a[2].source + pixel % width) * t->ahead_stride
               + u->group * u->v->sum + u->part * SLOT;
}

static void block_rows(const weight_unit *u, int64_t row, int64_t rows)
{
    int64_t width = u->v->axis[2].count, some = RUN_PIXELS / width < 1 ? 1 : RUN_PIXELS / width, offset[TILE_MOST_RUNS];
    conv_slots slots = conv_slots_of(u->v, rows);
    conv_tile t = { .offset = offset, .length = width, .ahead_floats = SLOT };
    K(conv_fill_rows)(u->v, &slots, u->x, row, u->group * u->v->sum + u->part * SLOT, u->length, u->slots);
    conv_panels panels = panels_of(u, rows * width);
    panels_fill(u, &panels, row * width);
    for (int64_t r = 0; r < some; r++)
        offset[r] = r * conv_slots_row(u->v, &slots);
    for (int64_t tile = u->tile_first; tile < u->tile_end; tile++)
        for (int64_t r = 0; r < rows; r += some) {
            t.runs = rows - r < some ? rows - r : some;
            t.w = conv_panel(&panels, tile, r * width);
            for (int64_t tap = 0; tap < u->l->taps; tap++) {
                ask_ahead(u, &t, row + rows + r, some * width, tap * u->length, tile);
                tap_run(u, &t, tap, tile, !u->started && r == 0,
                        u->slots + conv_slots_tap(u->v, &slots, tap) + r * conv_slots_row(u->v, &slots));
            }
        }
}

static void block_pixels(const weight_unit *u, int64_t first, int64_t count)
{
    int64_t zero = 0;
    conv_tile t = { .runs = 1, .offset = &zero, .length = count };
    conv_panels panels = panels_of(u, count);
    panels_fill(u, &panels, first);
    for (int64_t tap = 0; tap < u->l->taps; tap++) {
        float *slots = u->slots + tap * count * SLOT;
        if (u->l->gathered)
            K(conv_fill_columns)(u->v, u->x, first, count, u->group, u->part * SLOT, u->length, slots);
        else
            K(conv_fill_tap)(u->v, u->x, first, count, tap, u->group * u->v->sum + u->part * SLOT, u->length, 1, slots);
    }
    for (int64_t tile = u->tile_first; tile < u->tile_end; tile++) {
        t.w = conv_panel(&panels, tile, 0);
        for (int64_t tap = 0; tap < u->l->taps; tap++)
            tap_run(u, &t, tap, tile, !u->started, u->slots + tap * count * SLOT);
    }
}

/* Output rows low .. high-1 in blocks: of rows within one plane, or of pixels. */
static void chunk_run(weight_unit *u, int64_t low, int64_t high)
{
    int64_t height = u->v->axis[1].count, width = u->v->axis[2].count, count;
    if (u->l->flat)
        for (int64_t p = low * width; p < high * width; p += count, u->started = 1) {
            count = high * width - p < u->l->block ? high * width - p : u->l->block;
            block_pixels(u, p, count);
        }
    else
        for (int64_t r = low; r < high; r += count, u->started = 1) {
            count = height - r % height < u->l->block ? height - r % height : u->l->block;
            if (count > high - r) count = high - r;
            block_rows(u, r, count);
        }
}

void K(conv_by_weight_plan)(const ad_conv_shape *s, ad_work *work)
{
    conv_view v;
    weight_layout l;
    ad__conv_view_forward(s, &v);
    layout_of(s, &v, &l);
    *work = (ad_work){
        .stages = l.chunks > 1 ? 2 : 1, .units = { l.chunks * v.groups * l.parts * l.tile_groups, partial_units(s) },
        .shared = (size_t)((l.chunks - 1) * partial_count(s)) * sizeof(float),
        .per_thread = (size_t)(l.slots + l.panels) * sizeof(float),
    };
    if (K(conv_lanes_weight_fits)(s)) K(conv_lanes_weight_plan)(s, work);
}

void K(conv_by_weight_run)(const ad_conv_shape *s, int stage, int64_t unit, const ad_args *args)
{
    conv_view v;
    weight_layout l;
    ad__conv_view_forward(s, &v);
    layout_of(s, &v, &l);
    if (stage == 1) {
        partial_add(s, args, l.chunks, unit);
        return;
    }
    if (K(conv_lanes_weight_fits)(s)) {
        K(conv_lanes_weight_run)(s, unit, args);
        return;
    }
    int64_t share = unit % l.tile_groups, part = unit / l.tile_groups % l.parts, group = unit / l.tile_groups / l.parts % v.groups;
    int64_t chunk = unit / l.tile_groups / l.parts / v.groups, rows = conv_rows(s), tiles = tile_count(v.columns);
    int64_t length = (l.gathered ? conv_view_taps(&v) * v.sum : v.sum) - part * SLOT;
    weight_unit u = {
        .v = &v, .l = &l, .group = group, .part = part, .length = length < SLOT ? length : SLOT,
        .tile_first = tiles * share / l.tile_groups, .tile_end = tiles * (share + 1) / l.tile_groups, .cout = s->cout,
        .x = args->a, .gy = args->b, .sum = partial_sum(s, args, chunk),
        .slots = args->scratch, .panels = (float *)args->scratch + l.slots,
    };
    chunk_run(&u, rows * chunk / l.chunks, rows * (chunk + 1) / l.chunks);
}

/*
 * conv_winograd.c - forward and by_input by Winograd (conv_winograd.h); what does not fit goes to the direct kernels.
 *
 * Both directions are views (conv_view.h), and a unit of stage 1 makes the outputs of one block of image tiles. What it reads twice must be
 * near, so there are two ways, and they give the same bits:
 *
 * - Many tiles: stage 0 transforms the weights, which are then smaller than the windows. A unit transforms the windows of its block, all
 *   channels, and makes all output channels of it.
 * - Few tiles, many channels: the transformed weights would be four times the weights, written to memory and read again by every unit.
 *   Stage 0 transforms the windows instead, and a unit makes one panel of output channels of its block, transforming the weights as it goes.
 */
#include "ops/kernels/conv_winograd_parts.h"

/* Many tiles: a unit has at most BLOCK_TILES of them: the weights that it reads are then used 28 times, and windows of 128 channels
 * take half a MiB. Few: MOST_TILES at most in all, and FEW_TILES in a unit, so that its sums and the transformed weights of DEPTH slots
 * stay in second-level cache. */
enum { BLOCK_TILES = 28, FEW_TILES = 64, MOST_TILES = 4 * FEW_TILES, MANY_WEIGHTS = 128 * 128, DEPTH = 4 };

/* Panels that share what they read of the windows, with many tiles. */
enum { PASS = 2 };

/* The 36 products lie an odd number of cache lines apart, or they would all fall into one cache set. */
enum { ODD_LINE = 16 };

typedef struct wino_layout {
    int few;                             /* which way */
    int64_t tiles, blocks;               /* of the view, of which a unit has a block */
    int64_t slots, depth;                /* of all summed channels; of those whose weights are there at one time */
    int64_t panels, passes;              /* of all output channels; stretches of them that are made together */
    int64_t window_spread, sum_spread;   /* floats between products */
    int64_t windows, sums;               /* floats: of a block, of a pass */
} wino_layout;

static wino_layout layout_of(const conv_view *v)
{
    wino_layout l = {
        .tiles = v->n * v->axis[0].count * wino_tiles(v->axis[1].count) * wino_tiles(v->axis[2].count),
        .slots = wino_slots(v), .panels = tile_count(v->columns),
    };
    l.few = l.tiles <= MOST_TILES && v->sum * v->columns >= MANY_WEIGHTS;
    l.blocks = l.few ? ceil_div(l.tiles, FEW_TILES) : 2 * ceil_div(l.tiles, 2 * BLOCK_TILES);
    int64_t block = ceil_div(l.tiles, l.blocks), pass = l.few ? 1 : PASS;
    l.depth = l.few ? ceil_div(l.slots, ceil_div(l.slots, DEPTH)) : l.slots;
    l.passes = ceil_div(l.panels, pass);
    l.window_spread = block * SLOT + ODD_LINE;
    l.sum_spread = block * TILE_MOST_VECS * VL + ODD_LINE;
    l.windows = l.slots * WINO_PRODUCTS * l.window_spread;
    l.sums = pass * WINO_PRODUCTS * l.sum_spread;
    return l;
}

static int64_t block_first(const wino_layout *l, int64_t i) { return l->tiles * i / l->blocks; }
static int64_t pass_first(const wino_layout *l, int64_t i) { return l->panels * i / l->passes; }

static wino_windows windows_of(const wino_layout *l, int64_t block, float *at)
{
    int64_t first = block_first(l, block);
    return (wino_windows){ .tile = first, .count = block_first(l, block + 1) - first, .end = l->slots, .spread = l->window_spread, .at = at };
}

/* The windows of some slots of them. */
static wino_windows windows_slots(const wino_windows *all, int64_t first, int64_t count)
{
    wino_windows w = *all;
    w.first = first;
    w.end = first + count < all->end ? first + count : all->end;
    w.at += (first - all->first) * WINO_PRODUCTS * all->spread;
    return w;
}

/* Channels whose weights are there at one time. */
static int64_t weight_terms(const conv_view *v, const wino_layout *l) { return l->depth * SLOT < v->sum ? l->depth * SLOT : v->sum; }

/* The weights of a panel, in `at` behind those of the panels from `first` on. */
static wino_panel panel_of(const conv_view *v, const wino_layout *l, int64_t first, int64_t panel, float *at)
{
    int64_t terms = weight_terms(v, l);
    return (wino_panel){
        .panel = panel, .spread = terms * tile_vecs(v->columns, panel) * VL + ODD_LINE,
        .at = at + WINO_PRODUCTS * ((tile_column(panel) - tile_column(first)) * terms + (panel - first) * ODD_LINE),
    };
}

static int64_t weight_floats(const conv_view *v, const wino_layout *l)
{
    int64_t panels = l->few ? 1 : l->panels, vecs = l->few ? TILE_MOST_VECS : tile_vecs_all(v->columns);
    return WINO_PRODUCTS * (vecs * VL * weight_terms(v, l) + panels * ODD_LINE);
}

/* ---- the units ---- */

typedef struct wino_unit {
    const conv_view *v;
    const wino_layout *l;
    int by_input;
    const float *w, *bias;
    float *out, *weights, *sums, *scratch;
} wino_unit;

/* The outputs of one pass; with few tiles this makes the weights too. */
static void pass_run(const wino_unit *u, const wino_windows *windows, int64_t pass)
{
    int64_t first = pass_first(u->l, pass), end = pass_first(u->l, pass + 1), step = WINO_PRODUCTS * u->l->sum_spread;
    for (int64_t slot = 0; slot < u->l->slots; slot += u->l->depth) {
        wino_windows some = windows_slots(windows, slot, u->l->depth);
        wino_panel panel[PASS];
        for (int64_t i = 0; i < end - first; i++) {
            panel[i] = panel_of(u->v, u->l, u->l->few ? first : 0, first + i, u->weights);
            if (u->l->few) K(wino_weights)(u->v, u->by_input, u->w, some.first, some.end, u->scratch, &panel[i]);
        }
        for (int64_t k = 0; k < WINO_PRODUCTS; k++)
            for (int64_t i = 0; i < end - first; i++)
                K(wino_product)(u->v, k, &some, &panel[i], u->sums + i * step + k * u->l->sum_spread);
    }
    for (int64_t i = first; i < end; i++)
        K(wino_outputs)(u->v, windows, i, u->sums + (i - first) * step, u->l->sum_spread, u->bias, u->out);
}

/* Stage 0 of few tiles: the slots of one block that are multiplied together. */
static void windows_run(const conv_view *v, const wino_layout *l, int64_t unit, const ad_args *args)
{
    int64_t block = unit % l->blocks;
    wino_windows all = windows_of(l, block, (float *)args->shared + block * l->windows);
    wino_windows some = windows_slots(&all, unit / l->blocks * l->depth, l->depth);
    K(wino_windows)(v, args->a, &some);
}

/* Stage 0 of many: one slot of one panel. */
static void weights_run(const conv_view *v, const wino_layout *l, int by_input, int64_t unit, const ad_args *args)
{
    int64_t slot = unit / l->panels;
    wino_panel panel = panel_of(v, l, 0, unit % l->panels, args->shared);
    panel.at += slot * SLOT * tile_vecs(v->columns, panel.panel) * VL;
    K(wino_weights)(v, by_input, args->b, slot, slot + 1, args->scratch, &panel);
}

static void plan(const conv_view *v, ad_work *work)
{
    wino_layout l = layout_of(v);
    int64_t weights = weight_floats(v, &l), many = l.sums + l.windows > WINO_WEIGHT_SCRATCH ? l.sums + l.windows : WINO_WEIGHT_SCRATCH;
    *work = (ad_work){
        .stages = 2,
        .units = { l.few ? l.blocks * ceil_div(l.slots, l.depth) : l.slots * l.panels, l.few ? l.blocks * l.passes : l.blocks },
        .shared = (size_t)(l.few ? l.blocks * l.windows : weights) * sizeof(float),
        .per_thread = (size_t)(l.few ? l.sums + weights + WINO_WEIGHT_SCRATCH : many) * sizeof(float),
    };
}

static void run(const conv_view *v, int by_input, int stage, int64_t unit, const ad_args *args)
{
    wino_layout l = layout_of(v);
    float *scratch = args->scratch, *shared = args->shared;
    wino_unit u = { .v = v, .l = &l, .by_input = by_input, .w = args->b, .bias = args->bias, .out = args->out, .sums = scratch };
    if (stage == 0) {
        if (l.few) windows_run(v, &l, unit, args);
        else weights_run(v, &l, by_input, unit, args);
    } else if (l.few) {
        wino_windows windows = windows_of(&l, unit % l.blocks, shared + unit % l.blocks * l.windows);
        u.weights = scratch + l.sums;
        u.scratch = u.weights + weight_floats(v, &l);
        pass_run(&u, &windows, unit / l.blocks);
    } else {
        wino_windows windows = windows_of(&l, unit, scratch + l.sums);
        u.weights = shared;
        K(wino_windows)(v, args->a, &windows);
        for (int64_t i = 0; i < l.passes; i++)
            pass_run(&u, &windows, i);
    }
}

/* ---- both directions ---- */

/* Four rows of each stretch of tiles side by side; stretches over whole rows are one piece with what they follow. Units of few tiles
 * share the channels of a pixel. */
static int pieces(const conv_view *v, int64_t unit, ad_piece *piece)
{
    wino_layout l = layout_of(v);
    if (l.few) return 0;
    int64_t height = v->axis[1].count, width = v->axis[2].count, wide = wino_tiles(width), end = block_first(&l, unit + 1);
    int n = 0;
    for (int64_t tile = block_first(&l, unit), next; tile < end; tile = next) {
        wino_place at = wino_place_of(v, tile);
        next = (tile / wide + 1) * wide < end ? (tile / wide + 1) * wide : end;
        int64_t right = at.x + (next - tile) * WINO_OUT, columns = (right < width ? right : width) - at.x;
        for (int64_t y = at.y; y < at.y + WINO_OUT && y < height; y++) {
            int64_t first = ((at.plane * height + y) * width + at.x) * v->columns, count = columns * v->columns;
            if (n > 0 && piece[n - 1][0] + piece[n - 1][1] == first) {
                piece[n - 1][1] += count;
                continue;
            }
            piece[n][0] = first;
            piece[n++][1] = count;
        }
    }
    return n;
}

void K(conv_winograd_forward_plan)(const ad_conv_shape *s, ad_work *work)
{
    conv_view v;
    ad__conv_view_forward(s, &v);
    if (ad__conv_winograd_fits(s, AD_CONV_FORWARD)) plan(&v, work);
    else K(conv_forward_plan)(s, work);
}

void K(conv_winograd_forward_run)(const ad_conv_shape *s, int stage, int64_t unit, const ad_args *args)
{
    conv_view v;
    ad__conv_view_forward(s, &v);
    if (ad__conv_winograd_fits(s, AD_CONV_FORWARD)) run(&v, 0, stage, unit, args);
    else K(conv_forward_run)(s, stage, unit, args);
}

int K(conv_winograd_forward_pieces)(const ad_conv_shape *s, int64_t unit, ad_piece *piece)
{
    conv_view v;
    ad__conv_view_forward(s, &v);
    return ad__conv_winograd_fits(s, AD_CONV_FORWARD) ? pieces(&v, unit, piece) : K(conv_forward_pieces)(s, unit, piece);
}

void K(conv_winograd_by_input_plan)(const ad_conv_shape *s, ad_work *work)
{
    conv_view v;
    ad__conv_view_by_input(s, 0, &v);
    if (ad__conv_winograd_fits(s, AD_CONV_BY_INPUT)) plan(&v, work);
    else K(conv_by_input_plan)(s, work);
}

void K(conv_winograd_by_input_run)(const ad_conv_shape *s, int stage, int64_t unit, const ad_args *args)
{
    conv_view v;
    ad__conv_view_by_input(s, 0, &v);
    if (ad__conv_winograd_fits(s, AD_CONV_BY_INPUT)) run(&v, 1, stage, unit, args);
    else K(conv_by_input_run)(s, stage, unit, args);
}

int K(conv_winograd_by_input_pieces)(const ad_conv_shape *s, int64_t unit, ad_piece *piece)
{
    conv_view v;
    ad__conv_view_by_input(s, 0, &v);
    return ad__conv_winograd_fits(s, AD_CONV_BY_INPUT) ? pieces(&v, unit, piece) : K(conv_by_input_pieces)(s, unit, piece);
}

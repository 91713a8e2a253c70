/*
 * conv_winograd.c - forward and by_input by Winograd (conv_winograd.h); what does not fit goes to the direct kernels.
 *
 * Both directions are views (conv_view.h). Stage 0 transforms the weights, a unit for each block of summed channels and tile of output
 * channels. Stage 1 has a unit for each block of image tiles: it transforms their windows, all channels, into scratch, and then, for
 * a few tiles of output channels at a time, forms the 36 products and transforms them back into the image.
 */
#include "ops/kernels/conv_fill.h"
#include "ops/kernels/conv_winograd_transform.h"

/* A unit has at most BLOCK_TILES image tiles: the weights that it reads are then used 28 times, and windows of 128 channels take half
 * a MiB; half as many where a whole block would be all there is. PASS tiles of output channels share what they read of the windows. */
enum { BLOCK_TILES = 28, PASS = 2 };

/* The 36 products lie an odd number of cache lines apart, or they would all fall into one cache set. */
enum { ODD_LINE = 16 };

typedef struct wino_layout {
    int64_t tiles, block, blocks;        /* of the view, of a unit at most, blocks */
    int64_t source_spread;               /* floats between products: [channel blocks][36][tiles of a block][SLOT] */
    int64_t sum_spread;                  /* [tiles of output channels][36][tiles of a block][columns of a tile] */
    int64_t source, sums;                /* floats: of a block */
} wino_layout;

static wino_layout layout_of(const conv_view *v)
{
    wino_layout l = { .tiles = v->n * v->axis[0].count * wino_tiles(v->axis[1].count) * wino_tiles(v->axis[2].count) };
    l.block = l.tiles > BLOCK_TILES ? BLOCK_TILES : ceil_div(l.tiles, 2);
    l.blocks = ceil_div(l.tiles, l.block);
    l.source_spread = l.block * SLOT + ODD_LINE;
    l.sum_spread = l.block * TILE_MOST_VECS * VL + ODD_LINE;
    l.source = ceil_div(v->sum, SLOT) * WINO_PRODUCTS * l.source_spread;
    l.sums = PASS * WINO_PRODUCTS * l.sum_spread;
    return l;
}

/* First tile of block i. */
static int64_t block_first(const wino_layout *l, int64_t i) { return l->tiles * i / l->blocks; }

/* ---- weights: of each tile of output channels [36][summed channels][columns of the tile] ---- */

static int64_t weight_spread(const conv_view *v, int vecs) { return v->sum * vecs * VL + ODD_LINE; }

static int64_t weight_offset(const conv_view *v, int64_t tile)
{
    return WINO_PRODUCTS * (tile_column(tile) * v->sum + tile * ODD_LINE);
}

static int64_t weight_floats(const conv_view *v)
{
    return WINO_PRODUCTS * (tile_vecs_all(v->columns) * VL * v->sum + tile_count(v->columns) * ODD_LINE);
}

static int64_t weight_units(const conv_view *v) { return ceil_div(v->sum, SLOT) * tile_count(v->columns); }

enum { WEIGHT_SCRATCH = 9 * SLOT * TILE_MOST_VECS * VL };

/* Nine panels of the block's weights (`by_input` says that the columns are the weights' input channels), then their transform. */
static void weights_transform(const conv_view *v, int by_input, int64_t unit, const float *w, float *scratch, float *to)
{
    int64_t tile = unit % tile_count(v->columns), channel = unit / tile_count(v->columns) * SLOT;
    int64_t length = v->sum - channel < SLOT ? v->sum - channel : SLOT, width = by_input ? v->sum : v->columns;
    int vecs = tile_vecs(v->columns, tile);
    int64_t spread = weight_spread(v, vecs), row = length * vecs * VL;
    conv_panels p = { .to = scratch, .depth = 9 * length, .columns = v->columns, .tile_first = tile, .tile_end = tile + 1 };
    for (int64_t t = 0; t < 9; t++) {
        int64_t at[3];
        conv_tap_at(v, t, at);
        int64_t k1 = v->axis[1].kernel_first + at[1] * v->axis[1].kernel_step, k2 = v->axis[2].kernel_first + at[2] * v->axis[2].kernel_step;
        const float *from = w + (k1 * 3 + k2) * v->sum * v->columns;
        if (by_input) K(conv_pack_columns)(&p, t * length, length, from + channel, width);
        else K(conv_pack_rows)(&p, t * length, length, from + channel * width, width);
    }
    to += weight_offset(v, tile) + channel * vecs * VL;
    for (int64_t i = 0; i < row; i += VL) {
        wino_ask(to + i + 2 * VL, spread);
        wino_to_products(3, wino_weight, scratch + i, 3 * row, row, to + i, spread);
    }
}

/* ---- one block of tiles ---- */

typedef struct wino_unit {
    const conv_view *v;
    const wino_layout *l;
    int64_t first, count;                /* tiles */
    const float *source, *weights, *bias;
    float *out, *windows, *sums;
} wino_unit;

static void windows_transform(const wino_unit *u)
{
    const conv_axis *y = &u->v->axis[1], *x = &u->v->axis[2];
    int64_t channels = u->v->sum;
    for (int64_t i = 0; i < u->count; i++) {
        wino_place at = wino_place_of(u->v, u->first + i);
        const float *plane = u->source + at.plane * y->source * x->source * channels;
        for (int64_t c = 0; c < channels; c += VL) {
            float patch[WINO_PRODUCTS * VL];
            int64_t row, column;
            const float *from = wino_window(WINO_IN, plane + c, y->source, x->source, channels, at.y + y->first, at.x + x->first,
                                            channels - c, patch, &row, &column);
            float *to = u->windows + c / SLOT * WINO_PRODUCTS * u->l->source_spread + i * SLOT + c % SLOT;
            wino_ask(to + SLOT, u->l->source_spread);
            wino_to_products(WINO_IN, wino_source, from, row, column, to, u->l->source_spread);
        }
    }
}

/* sums[tiles][columns of the tile] = windows x weights of product k: each one chain over the channels. */
static void product(const wino_unit *u, int64_t k, int64_t tile, float *sums)
{
    static const float zero[TILE_MOST_VECS * VL];
    const conv_view *v = u->v;
    int vecs = tile_vecs(v->columns, tile);
    int64_t offset[TILE_MOST_RUNS], whole = v->sum / SLOT, runs = ceil_div(v->sum, SLOT), step = WINO_PRODUCTS * u->l->source_spread;
    conv_tile t = { .offset = offset, .start = zero, .out_stride = vecs * VL, .columns = vecs * VL };
    t.w = u->weights + weight_offset(v, tile) + k * weight_spread(v, vecs);
    for (int64_t i = 0; i < TILE_MOST_RUNS && i < runs; i++)
        offset[i] = i * step;
    for (int64_t run = 0; run < runs; run += t.runs, t.start = NULL) {
        t.runs = run == whole ? 1 : whole - run < TILE_MOST_RUNS ? whole - run : TILE_MOST_RUNS;
        t.length = run == whole ? v->sum % SLOT : SLOT;
        tile_rows_run(&t, K(conv_pixel_tiles)[vecs], vecs, u->count, SLOT, u->windows + run * step + k * u->l->source_spread, sums);
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

static void outputs_transform(const wino_unit *u, int64_t tile, const float *sums)
{
    const conv_view *v = u->v;
    int vecs = tile_vecs(v->columns, tile);
    for (int64_t i = 0; i < u->count; i++) {
        wino_place at = wino_place_of(v, u->first + i);
        int64_t pixel = (at.plane * v->axis[1].count + at.y) * v->axis[2].count + at.x;
        for (int h = 0; h < vecs; h++) {
            int64_t column = tile_column(tile) + h * VL, left = v->columns - column;
            vec y[WINO_IN][WINO_IN], bias = u->bias ? v_load_n(u->bias + column, left) : v_zero();
            wino_from_products(WINO_OUT, wino_output, sums + (i * vecs + h) * VL, u->l->sum_spread, y);
            WINO_UNROLLED for (int a = 0; a < WINO_OUT; a++)
                WINO_UNROLLED for (int b = 0; b < WINO_OUT; b++)
                    y[a][b] = v_add(y[a][b], bias);
            outputs_store(v, at, left, y, u->out + pixel * v->columns + column);
        }
    }
}

static void unit_run(const wino_unit *u)
{
    int64_t tiles = tile_count(u->v->columns), step = WINO_PRODUCTS * u->l->sum_spread;
    for (int64_t first = 0, end; first < tiles; first = end) {
        end = first + PASS < tiles ? first + PASS : tiles;
        for (int64_t k = 0; k < WINO_PRODUCTS; k++)
            for (int64_t tile = first; tile < end; tile++)
                product(u, k, tile, u->sums + (tile - first) * step + k * u->l->sum_spread);
        for (int64_t tile = first; tile < end; tile++)
            outputs_transform(u, tile, u->sums + (tile - first) * step);
    }
}

/* ---- both directions ---- */

static void plan(const conv_view *v, ad_work *work)
{
    wino_layout l = layout_of(v);
    int64_t floats = l.sums + l.source > WEIGHT_SCRATCH ? l.sums + l.source : WEIGHT_SCRATCH;
    *work = (ad_work){
        .stages = 2, .units = { weight_units(v), l.blocks },
        .shared = (size_t)weight_floats(v) * sizeof(float),
        .per_thread = (size_t)floats * sizeof(float),
    };
}

static void run(const conv_view *v, int by_input, int stage, int64_t unit, const ad_args *args)
{
    if (stage == 0) {
        weights_transform(v, by_input, unit, args->b, args->scratch, args->shared);
        return;
    }
    wino_layout l = layout_of(v);
    wino_unit u = {
        .v = v, .l = &l, .first = block_first(&l, unit), .count = block_first(&l, unit + 1) - block_first(&l, unit),
        .source = args->a, .weights = args->shared, .bias = args->bias, .out = args->out, .sums = args->scratch,
        .windows = (float *)args->scratch + l.sums,
    };
    windows_transform(&u);
    unit_run(&u);
}

/* Four rows of each stretch of tiles side by side; stretches over whole rows are one piece with what they follow. */
static int pieces(const conv_view *v, int64_t unit, ad_piece *piece)
{
    wino_layout l = layout_of(v);
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

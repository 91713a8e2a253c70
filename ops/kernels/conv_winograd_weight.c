/*
 * conv_winograd_weight.c - by_weight by Winograd (conv_winograd.h); what does not fit goes to the direct kernel.
 *
 * A unit of stage 0 is one chunk of the image tiles and one block of input and of output channels. It transforms the windows of x and
 * the tiles of gy of a few tiles at a time, adds their 36 products to sums that stay in second-level cache, and transforms these
 * sums into the chunk's partial result. Stage 1 adds the chunks, pairwise. The number of chunks depends on the shape alone, and within a
 * chunk every sum is one chain over its tiles.
 */
#include "ops/kernels/conv_partial.h"
#include "ops/kernels/conv_tile.h"
#include "ops/kernels/conv_winograd_transform.h"

/* Blocks of at most 64 x 64 channels: their 36 sums take 590 KB. Two such amounts more for the transformed tiles, of which a pass has
 * MOST_TILES at most. About PIECES units in all, each with LEAST_TILES at least, to pay for the transform of the sums. */
enum { CHANNELS = 64, BLOCK_FLOATS = 160 * 1024, MOST_TILES = 64, PIECES = 32, LEAST_TILES = 64, ODD_LINE = 16 };

typedef struct weight_layout {
    int64_t tiles, chunks, block;        /* image tiles in all, their chunks, tiles of a pass */
    int64_t in_blocks, out_blocks;       /* blocks of channels */
    int64_t x_spread, gy_spread, sum_spread;     /* floats between products */
    int64_t x, gy, sums;                 /* floats: [slots][36][tiles][SLOT], [tiles of columns][36][tiles][columns], [36][in][out] */
} weight_layout;

/* Channels of block i of all: an even share, in whole sixteens so that no vector is cut. */
static int64_t block_first(int64_t channels, int64_t blocks, int64_t i)
{
    int64_t first = ceil_div(channels, 16) * i / blocks * 16;
    return first < channels ? first : channels;
}

static weight_layout layout_of(const ad_conv_shape *s, const conv_view *v)
{
    weight_layout l = { .tiles = v->n * v->axis[0].count * wino_tiles(v->axis[1].count) * wino_tiles(v->axis[2].count) };
    l.in_blocks = ceil_div(s->cin, CHANNELS);
    l.out_blocks = ceil_div(s->cout, CHANNELS);
    l.chunks = PIECES / (l.in_blocks * l.out_blocks);
    if (l.chunks > l.tiles / LEAST_TILES) l.chunks = l.tiles / LEAST_TILES;
    if (l.chunks < 1) l.chunks = 1;
    int64_t in = s->cin < CHANNELS ? s->cin : CHANNELS, out = s->cout < CHANNELS ? s->cout : CHANNELS;
    int64_t slots = ceil_div(in, SLOT), width = ceil_div(out, VL) * VL;
    l.block = BLOCK_FLOATS / (WINO_PRODUCTS * (slots * SLOT + width));
    if (l.block > MOST_TILES) l.block = MOST_TILES;
    l.x_spread = l.block * SLOT + ODD_LINE;
    l.gy_spread = l.block * TILE_MOST_VECS * VL + ODD_LINE;
    l.sum_spread = in * width + ODD_LINE;
    l.x = slots * WINO_PRODUCTS * l.x_spread;
    l.gy = tile_count(out) * WINO_PRODUCTS * l.gy_spread;
    l.sums = WINO_PRODUCTS * l.sum_spread;
    return l;
}

typedef struct weight_unit {
    const ad_conv_shape *s;
    const conv_view *v;
    const weight_layout *l;
    int64_t in_first, in, out_first, out;        /* channels */
    const float *x, *gy;                         /* operands, from these channels on */
    float *x_products, *gy_products, *sums;
} weight_unit;

/* Floats from one row of the sums to the next. */
static int64_t sum_width(const weight_unit *u) { return ceil_div(u->out, VL) * VL; }

static void x_transform(const weight_unit *u, int64_t tile, wino_place at)
{
    const conv_axis *y = &u->v->axis[1], *x = &u->v->axis[2];
    const float *plane = u->x + at.plane * y->source * x->source * u->s->cin;
    for (int64_t c = 0; c < u->in; c += VL) {
        float patch[WINO_PRODUCTS * VL];
        int64_t row, column;
        const float *from = wino_window(WINO_IN, plane + c, y->source, x->source, u->s->cin, at.y + y->first, at.x + x->first, u->in - c,
                                        patch, &row, &column);
        float *to = u->x_products + c / SLOT * WINO_PRODUCTS * u->l->x_spread + tile * SLOT + c % SLOT;
        wino_ask(to + SLOT, u->l->x_spread);
        wino_to_products(WINO_IN, wino_source, from, row, column, to, u->l->x_spread);
    }
}

static void gy_transform(const weight_unit *u, int64_t tile, wino_place at)
{
    const conv_axis *y = &u->v->axis[1], *x = &u->v->axis[2];
    const float *plane = u->gy + at.plane * y->count * x->count * u->s->cout;
    for (int64_t p = 0; p < tile_count(u->out); p++)
        for (int h = 0, vecs = tile_vecs(u->out, p); h < vecs; h++) {
            float patch[WINO_OUT * WINO_OUT * VL];
            int64_t row, column, c = tile_column(p) + h * VL;
            const float *from = wino_window(WINO_OUT, plane + c, y->count, x->count, u->s->cout, at.y, at.x, u->out - c, patch, &row, &column);
            float *to = u->gy_products + p * WINO_PRODUCTS * u->l->gy_spread + (tile * vecs + h) * VL;
            wino_ask(to + vecs * VL, u->l->gy_spread);
            wino_to_products(WINO_OUT, wino_output_adjoint, from, row, column, to, u->l->gy_spread);
        }
}

/* sums[36][in][out] += x' gy over the tiles of this pass, or = for the first. */
static void products(const weight_unit *u, int64_t count, int started)
{
    static const float zero[TILE_MOST_VECS * VL];
    int64_t none = 0;
    for (int64_t k = 0; k < WINO_PRODUCTS; k++)
        for (int64_t p = 0; p < tile_count(u->out); p++)
            for (int64_t c = 0; c < u->in; c += SLOT) {
                int vecs = tile_vecs(u->out, p);
                conv_tile t = {
                    .runs = 1, .offset = &none, .length = count, .start = started ? NULL : zero, .out_stride = sum_width(u), .columns = vecs * VL,
                    .w = u->gy_products + p * WINO_PRODUCTS * u->l->gy_spread + k * u->l->gy_spread,
                };
                tile_rows_run(&t, K(conv_channel_tiles)[vecs], vecs, u->in - c < SLOT ? u->in - c : SLOT, 1,
                              u->x_products + c / SLOT * WINO_PRODUCTS * u->l->x_spread + k * u->l->x_spread,
                              u->sums + k * u->l->sum_spread + c * sum_width(u) + tile_column(p));
            }
}

static void sums_transform(const weight_unit *u, float *gw)
{
    for (int64_t i = 0; i < u->in; i++)
        for (int64_t o = 0; o < u->out; o += VL) {
            vec g[WINO_IN][WINO_IN];
            wino_from_products(3, wino_weight_adjoint, u->sums + i * sum_width(u) + o, u->l->sum_spread, g);
            for (int k = 0; k < 9; k++)
                v_store_n(gw + (k * u->s->cin + u->in_first + i) * u->s->cout + u->out_first + o, g[k / 3][k % 3], u->out - o);
        }
}

static void chunk_run(const weight_unit *u, int64_t first, int64_t end, float *gw)
{
    for (int64_t tile = first, count; tile < end; tile += count) {
        count = end - tile < u->l->block ? end - tile : u->l->block;
        for (int64_t i = 0; i < count; i++) {
            wino_place at = wino_place_of(u->v, tile + i);
            x_transform(u, i, at);
            gy_transform(u, i, at);
        }
        products(u, count, tile > first);
    }
    sums_transform(u, gw);
}

void K(conv_winograd_by_weight_plan)(const ad_conv_shape *s, ad_work *work)
{
    conv_view v;
    if (!ad__conv_winograd_fits(s, AD_CONV_BY_WEIGHT)) {
        K(conv_by_weight_plan)(s, work);
        return;
    }
    ad__conv_view_forward(s, &v);
    weight_layout l = layout_of(s, &v);
    *work = (ad_work){
        .stages = l.chunks > 1 ? 2 : 1, .units = { l.chunks * l.in_blocks * l.out_blocks, partial_units(s) },
        .shared = (size_t)((l.chunks - 1) * partial_count(s)) * sizeof(float),
        .per_thread = (size_t)(l.x + l.gy + l.sums) * sizeof(float),
    };
}

void K(conv_winograd_by_weight_run)(const ad_conv_shape *s, int stage, int64_t unit, const ad_args *args)
{
    conv_view v;
    if (!ad__conv_winograd_fits(s, AD_CONV_BY_WEIGHT)) {
        K(conv_by_weight_run)(s, stage, unit, args);
        return;
    }
    ad__conv_view_forward(s, &v);
    weight_layout l = layout_of(s, &v);
    if (stage == 1) {
        partial_add(s, args, l.chunks, unit);
        return;
    }
    int64_t out_block = unit % l.out_blocks, in_block = unit / l.out_blocks % l.in_blocks, chunk = unit / l.out_blocks / l.in_blocks;
    weight_unit u = {
        .s = s, .v = &v, .l = &l,
        .in_first = block_first(s->cin, l.in_blocks, in_block), .out_first = block_first(s->cout, l.out_blocks, out_block),
        .x_products = args->scratch, .gy_products = (float *)args->scratch + l.x, .sums = (float *)args->scratch + l.x + l.gy,
    };
    u.in = block_first(s->cin, l.in_blocks, in_block + 1) - u.in_first;
    u.out = block_first(s->cout, l.out_blocks, out_block + 1) - u.out_first;
    u.x = (const float *)args->a + u.in_first;
    u.gy = (const float *)args->b + u.out_first;
    chunk_run(&u, l.tiles * chunk / l.chunks, l.tiles * (chunk + 1) / l.chunks, partial_sum(s, args, chunk));
}

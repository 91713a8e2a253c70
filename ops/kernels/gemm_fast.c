/*
 * gemm_fast.c - the matrix product in registers, with the tiles of the convolutions.
 *
 * Stage 0 packs b into panels, one for each tile of columns, a unit for every PACK_TERMS rows. Stage 1 has a unit for each block of rows of c (and share of the tiles):
 * it copies k-blocks of a into slots, PASS of them at a time, and runs every tile over them; between passes the partial
 * sums wait in c. A transposed a is copied with its rows side by side in a slot, and channel tiles read it.
 */
#include "ops/kernels/conv_fill.h"

/* Blocks of at least LEAST_ROWS rows pay for the panels that they read; then the tiles are shared out. */
enum { BLOCK_ROWS = 224, LEAST_ROWS = 56, PASS = 6, PACK_TERMS = 64, UNITS = 16 };

typedef struct gemm_layout {
    int64_t block, blocks;         /* rows of a block; blocks of an item */
    int64_t tile_groups;
    int64_t panels;                /* floats of one b */
    int64_t items_b, packs;        /* matrices b, units of packing each */
} gemm_layout;

static void layout_of(const ad_gemm_shape *s, gemm_layout *l)
{
    int64_t tiles = tile_count(s->n);
    *l = (gemm_layout){ .block = BLOCK_ROWS, .panels = s->k * tile_vecs_all(s->n) * VL, .items_b = s->shared_b ? 1 : s->batch,
                        .packs = ceil_div(s->k, PACK_TERMS) };
    while (l->block > LEAST_ROWS && s->batch * ceil_div(s->m, l->block) < UNITS)
        l->block /= 2;
    l->blocks = ceil_div(s->m, l->block);
    l->tile_groups = ceil_div(UNITS, s->batch * l->blocks);
    if (l->tile_groups > tiles) l->tile_groups = tiles;
}

/* Slots of one pass of a block: one slot a row and k-block, or, transposed, one slot a term and 32 rows. */
static int64_t slot_floats(const gemm_layout *l)
{
    return ceil_div(l->block, SLOT) * SLOT * PASS * SLOT;
}

void K(conv_gemm_plan)(const ad_gemm_shape *s, ad_work *work)
{
    gemm_layout l;
    layout_of(s, &l);
    *work = (ad_work){
        .stages = 2, .units = { l.items_b * l.packs, s->batch * l.blocks * l.tile_groups },
        .shared = (size_t)(l.items_b * l.panels) * sizeof(float), .per_thread = (size_t)slot_floats(&l) * sizeof(float),
    };
}

/* Block `unit` of PACK_TERMS terms of b, counted through the items. */
static void pack_b(const ad_gemm_shape *s, const gemm_layout *l, int64_t unit, const ad_args *args)
{
    int64_t item = unit / l->packs, first = unit % l->packs * PACK_TERMS, terms = s->k - first < PACK_TERMS ? s->k - first : PACK_TERMS;
    const float *b = (const float *)args->b + item * s->k * s->n;
    conv_panels p = { .to = (float *)args->shared + item * l->panels, .depth = s->k, .columns = s->n, .tile_end = tile_count(s->n) };
    if (s->transposed_b) K(conv_pack_columns)(&p, first, terms, b + first, s->k);
    else K(conv_pack_rows)(&p, first, terms, b + first * s->n, s->n);
}

typedef struct gemm_unit {
    const ad_gemm_shape *s;
    int64_t row, rows, tile_first, tile_end;
    const float *a, *panels, *bias;
    float *c, *slots;
} gemm_unit;

/* The tile of terms k .. of one pass. */
static void tile_set(const gemm_unit *u, int64_t tile, int64_t k, conv_tile *t, float *start)
{
    int64_t column = tile_column(tile), left = u->s->n - column;
    int vecs = tile_vecs(u->s->n, tile);
    t->w = u->panels + column * u->s->k + k * vecs * VL;
    t->columns = left < vecs * VL ? left : vecs * VL;
    t->out_stride = u->s->n;
    t->start = k == 0 ? start : NULL;
    for (int i = 0; i < vecs; i++)
        v_store(start + i * VL, u->bias ? v_load_n(u->bias + column + i * VL, left - i * VL) : v_zero());
}

/* Terms k .. k + runs * length - 1, a as it lies: a run is a k-block. */
static void pass_rows(const gemm_unit *u, int64_t k, int64_t runs, int64_t length)
{
    int64_t offset[PASS];
    conv_tile t = { .runs = runs, .offset = offset, .length = length };
    for (int64_t i = 0; i < runs; i++)
        offset[i] = i * u->rows * SLOT;
    K(conv_copy_slots)(u->slots, u->a + u->row * u->s->k + k, u->rows, u->s->k, length, runs, u->rows * SLOT);
    for (int64_t tile = u->tile_first; tile < u->tile_end; tile++) {
        float start[TILE_MOST_VECS * VL];
        int vecs = tile_vecs(u->s->n, tile);
        tile_set(u, tile, k, &t, start);
        tile_rows_run(&t, K(conv_pixel_tiles)[vecs], vecs, u->rows, SLOT, u->slots, u->c + u->row * u->s->n + tile_column(tile));
    }
}

/* The same with a transposed: the one run has all the terms, and a slot has up to 32 rows. */
static void pass_columns(const gemm_unit *u, int64_t k, int64_t terms)
{
    int64_t zero = 0;
    conv_tile t = { .runs = 1, .offset = &zero, .length = terms };
    for (int64_t r = 0; r < u->rows; r += SLOT)
        K(conv_copy_slots)(u->slots + r * terms, u->a + k * u->s->m + u->row + r, terms, u->s->m, u->rows - r < SLOT ? u->rows - r : SLOT,
                           1, 0);
    for (int64_t tile = u->tile_first; tile < u->tile_end; tile++) {
        float start[TILE_MOST_VECS * VL];
        int vecs = tile_vecs(u->s->n, tile);
        tile_set(u, tile, k, &t, start);
        for (int64_t r = 0; r < u->rows; r += SLOT)
            tile_rows_run(&t, K(conv_channel_tiles)[vecs], vecs, u->rows - r < SLOT ? u->rows - r : SLOT, 1, u->slots + r * terms,
                          u->c + (u->row + r) * u->s->n + tile_column(tile));
    }
}

static void unit_run(const gemm_unit *u)
{
    int64_t k = 0;
    do {
        int64_t left = u->s->k - k, runs = left / SLOT < PASS ? left / SLOT : PASS, length = SLOT;
        if (u->s->transposed_a) {
            int64_t terms = left < PASS * SLOT ? left : PASS * SLOT;
            pass_columns(u, k, terms);
            k += terms;
            continue;
        }
        if (runs == 0) {
            runs = 1;
            length = left;
        }
        pass_rows(u, k, runs, length);
        k += runs * length;
    } while (k < u->s->k);
}

void K(conv_gemm_run)(const ad_gemm_shape *s, int stage, int64_t unit, const ad_args *args)
{
    gemm_layout l;
    layout_of(s, &l);
    if (stage == 0) {
        pack_b(s, &l, unit, args);
        return;
    }
    int64_t share = unit % l.tile_groups, block = unit / l.tile_groups % l.blocks, item = unit / l.tile_groups / l.blocks;
    int64_t tiles = tile_count(s->n), row = block * l.block;
    gemm_unit u = {
        .s = s, .row = row, .rows = s->m - row < l.block ? s->m - row : l.block,
        .tile_first = tiles * share / l.tile_groups, .tile_end = tiles * (share + 1) / l.tile_groups,
        .a = (const float *)args->a + (s->shared_a ? 0 : item * s->m * s->k),
        .panels = (const float *)args->shared + (s->shared_b ? 0 : item * l.panels), .bias = args->bias,
        .c = (float *)args->out + item * s->m * s->n, .slots = args->scratch,
    };
    unit_run(&u);
}

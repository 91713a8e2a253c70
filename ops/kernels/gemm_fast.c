/*
 * gemm_fast.c - the matrix product in registers, with the tiles of gemm_tile.h.
 *
 * A unit makes a block of c: some rows, some tiles of columns, one chunk of the summed axis. It goes over blocks of rows and passes
 * of terms, in a block over the tiles; between passes the partial sums wait in c. The tiles read a where it lies, but for a transposed
 * a with long rows: its terms are far apart and come late, so a block of it is copied into groups. They read b in panels: where a is
 * tall, stage 0 packs them for all units; where it is not, a unit packs the panel of a tile before it is used, from lines that the pass
 * before asked for, or reads short rows where they lie. The last stage adds the chunks, where there are several.
 */
#include <stdbool.h>

#include "ops/kernels/conv_fill.h"
#include "ops/kernels/gemm_tile.h"

/* Measured on a server Xeon: a pass is long, for a tile takes a while to get in and out of registers; where b is not packed for all, or the
 * terms of a are far apart, what a pass reads has to stay in first-level cache. A block of rows, the panels or sums of a unit and what comes
 * next fit the second; panels of more than FAR floats do not, so more rows share a pass over them. A rest of up to LAST terms joins the pass
 * before it. Rows of more than SHORT floats are long. */
enum { PASS_PACKED = 384, PASS = 192, LAST = 64, SHORT = 512, FAR = 1 << 18, TALL = 448, MOST_ROWS = 448, BLOCK_ROWS = 28, BLOCK_ROWS_FAR = 56,
       LEAST_TILES = 4, LEAST_TILES_WEIGHT = 6, MOST_TILES = 9, UNITS = 16, PACK_TERMS = 64, SUM_FLOATS = 4096 };

/* A c of at least AROUND floats is gone from the caches before anybody reads it; written past them, it is not read first. That pays
 * for gradients of weights and where so few terms are summed that memory is the limit. */
enum { AROUND = 1 << 18, AROUND_TERMS = 64 };

typedef struct gemm_layout {
    int64_t chunks;                /* of the summed axis */
    int64_t rows, row_units;       /* rows of a unit; units over the rows of an item */
    int64_t tile_groups;
    int packed;                    /* stage 0 packs b */
    int64_t panels;                /* floats of one packed b, or of the panel of one pass */
    int64_t items_b, packs;        /* matrices b, units of packing each */
    int64_t block_rows;
    int64_t groups;                /* floats of the copy of a block of a; 0: it is read where it lies */
} gemm_layout;

static void layout_of(const ad_gemm_shape *s, gemm_layout *l)
{
    int64_t tiles = tile_count(s->n), groups = tiles / (s->transposed_a ? LEAST_TILES_WEIGHT : LEAST_TILES);
    int64_t block = s->k * s->n > FAR ? BLOCK_ROWS_FAR : BLOCK_ROWS;
    *l = (gemm_layout){ .chunks = gemm_chunks(s), .packed = s->m >= TALL && !s->transposed_a, .rows = s->m };
    while (l->rows > MOST_ROWS || (l->packed && l->rows > block && s->batch * ceil_div(s->m, l->rows) < UNITS))
        l->rows = ceil_div(ceil_div(l->rows, 2), 14) * 14;
    l->row_units = ceil_div(s->m, l->rows);
    l->tile_groups = ceil_div(UNITS, s->batch * l->chunks * l->row_units);
    if (l->tile_groups > groups) l->tile_groups = groups ? groups : 1;
    if (!l->packed && l->tile_groups * MOST_TILES < tiles) l->tile_groups = ceil_div(tiles, MOST_TILES);
    if (l->packed) {
        l->panels = s->k * tile_vecs_all(s->n) * VL;
        l->items_b = s->shared_b ? 1 : s->batch;
        l->packs = ceil_div(s->k, PACK_TERMS);
    } else {
        l->panels = (PASS + LAST) * TILE_MOST_VECS * VL;
    }
    l->block_rows = l->packed && l->rows > block ? block : l->rows;
    l->groups = s->transposed_a && s->m > SHORT ? (PASS + LAST) * ceil_div(l->block_rows, GEMM_GROUP_ROWS) * GEMM_GROUP : 0;
}

static int64_t c_count(const ad_gemm_shape *s)
{
    return s->batch * s->m * s->n;
}

static int64_t units_of(const ad_gemm_shape *s, const gemm_layout *l)
{
    return s->batch * l->chunks * l->row_units * l->tile_groups;
}

static int64_t shared_panels(const gemm_layout *l)
{
    return l->packed ? l->items_b * l->panels : 0;
}

void K(conv_gemm_plan)(const ad_gemm_shape *s, ad_work *work)
{
    gemm_layout l;
    layout_of(s, &l);
    *work = (ad_work){
        .shared = (size_t)(shared_panels(&l) + (l.chunks - 1) * c_count(s)) * sizeof(float),
        .per_thread = (size_t)(l.groups + (l.packed ? 0 : l.panels)) * sizeof(float),
    };
    if (l.packed) work->units[work->stages++] = l.items_b * l.packs;
    work->units[work->stages++] = units_of(s, &l);
    if (l.chunks > 1) work->units[work->stages++] = ceil_div(c_count(s), SUM_FLOATS);
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
    int64_t row, row_end, block_rows, tile_first, tile_end, k_first, k_end, pass;
    const float *a, *b, *bias;
    float *c, *groups, *panel;     /* groups: the copy of a block, or NULL; panel: where that of each tile is made; NULL: they are all there */
    conv_panels panels;
    int around;
    gemm_ahead ahead[2];
} gemm_unit;

/* Rows `row` .. of terms `k` .. */
typedef struct gemm_block {
    int64_t row, rows, k, terms;
} gemm_block;

static gemm_block block_at(const gemm_unit *u, int64_t row, int64_t k)
{
    gemm_block b = { .row = row, .rows = u->block_rows, .k = k, .terms = u->pass };
    int64_t rows = (row < u->row_end ? u->row_end : u->s->m) - row, terms = (k < u->k_end ? u->k_end : u->s->k) - k;
    if (b.rows > rows) b.rows = rows;
    if (terms < u->pass + LAST) b.terms = terms;
    return b;
}

/* All passes of some rows come before the next rows, so that their sums stay near. */
static gemm_block block_next(const gemm_unit *u, const gemm_block *b)
{
    int64_t k = b->k + b->terms;
    return k < u->k_end ? block_at(u, b->row, k) : block_at(u, b->row + b->rows, u->k_first);
}

static const float *a_at(const gemm_unit *u, const gemm_block *b)
{
    return u->a + (u->s->transposed_a ? b->k * u->s->m + b->row : b->row * u->s->k + b->k);
}

static int64_t groups_of(const gemm_block *b)
{
    return ceil_div(b->rows, GEMM_GROUP_ROWS);
}

static void copy_groups(const gemm_unit *u, const gemm_block *b)
{
    int64_t m = u->s->m, groups = groups_of(b);
    float *to = u->groups;
    for (int64_t g = 0; g < groups; g++) {
        int64_t first = b->rows * g / groups, left = m - b->row - first;
        const float *from = a_at(u, b) + first;
        for (int64_t i = 0; i < b->terms; i++, from += m, to += GEMM_GROUP) {
            __builtin_prefetch(from + 16 * m);
            v_store(to, left >= VL ? v_load(from) : v_load_n(from, left));
        }
    }
}

/* What the block after this one reads: of b, where its panels are not there, and of a. Past a unit's last block comes the next
 * unit's. */
static void ask_ahead(gemm_unit *u, const gemm_block *b)
{
    const ad_gemm_shape *s = u->s;
    gemm_block n = block_next(u, b);
    int64_t column = tile_column(u->tile_first), end = u->tile_end < tile_count(s->n) ? tile_column(u->tile_end) : s->n;
    int64_t columns = end - column;
    if (u->panel && n.row >= u->row_end && u->tile_end < tile_count(s->n)) {
        n = block_at(u, u->row, u->k_first);
        column = end;
        columns = s->n - column < columns ? s->n - column : columns;
    } else if (u->panel && n.row >= u->row_end) {
        n = block_at(u, u->row, u->k_end);
    }
    u->ahead[0] = u->ahead[1] = (gemm_ahead){ 0 };
    if (n.rows <= 0 || n.terms <= 0) return;
    if (u->panel && s->transposed_b) u->ahead[0] = (gemm_ahead){ u->b + column * s->k + n.k, 0, n.terms, s->k, columns };
    else if (u->panel) u->ahead[0] = (gemm_ahead){ u->b + n.k * s->n + column, 0, columns, s->n, n.terms };
    if (s->transposed_a) u->ahead[1] = (gemm_ahead){ a_at(u, &n), 0, n.rows, s->m, n.terms };
    else u->ahead[1] = (gemm_ahead){ a_at(u, &n), 0, n.terms, s->k, n.rows };
}

static int64_t lines_of(const gemm_ahead *h)
{
    return h->rows * (h->columns / 16 + 1);
}

/* Two vectors of each term; the rows are a row of memory apart and come late unless they are asked for. */
static void pack_two(float *panel, int64_t terms, const float *b, int64_t stride)
{
    for (int64_t i = 0; i < terms; i++, b += stride, panel += 2 * VL) {
        __builtin_prefetch(b + 16 * stride);
        __builtin_prefetch(b + 16 * stride + VL);
        v_store(panel, v_load(b));
        v_store(panel + VL, v_load(b + VL));
    }
}

static void pack_panel(gemm_unit *u, const gemm_block *b, int64_t tile)
{
    const ad_gemm_shape *s = u->s;
    conv_panels p = { .to = u->panel, .depth = b->terms, .columns = s->n, .tile_first = tile, .tile_end = tile + 1 };
    if (s->transposed_b) K(conv_pack_columns)(&p, 0, b->terms, u->b + b->k, s->k);
    else if (tile_column(tile) + 2 * VL <= s->n && tile_vecs(s->n, tile) == 2)
        pack_two(u->panel, b->terms, u->b + b->k * s->n + tile_column(tile), s->n);
    else K(conv_pack_rows)(&p, 0, b->terms, u->b + b->k * s->n, s->n);
}

/* The columns of a tile: where the rows of b are short and the tile is whole, they are read where they lie. */
static void columns_of(gemm_unit *u, const gemm_block *b, int64_t tile, int vecs, gemm_tile *t)
{
    const ad_gemm_shape *s = u->s;
    int64_t column = tile_column(tile), left = s->n - column;
    bool lies = u->panel && !s->transposed_b && s->n <= SHORT && left >= vecs * VL;
    if (u->panel && !lies) pack_panel(u, b, tile);
    t->b = lies ? u->b + b->k * s->n + column : u->panel ? u->panel : conv_panel(&u->panels, tile, b->k);
    t->b_stride = lies ? s->n : vecs * VL;
    t->columns = left < vecs * VL ? left : vecs * VL;
}

static void block_run(gemm_unit *u, const gemm_block *b)
{
    const ad_gemm_shape *s = u->s;
    const gemm_tile_fn (*tiles)[TILE_MOST_ROWS + 1] = s->transposed_a ? K(gemm_channel_tiles) : K(gemm_pixel_tiles);
    int64_t runs = ceil_div(b->terms, RUN), groups = u->groups ? groups_of(b) : 1, a_row = s->transposed_a ? 1 : s->k;
    gemm_tile t = { .terms = b->terms, .a_stride = u->groups ? GEMM_GROUP : s->transposed_a ? s->m : s->k, .out_stride = s->n,
                    .around = u->around && b->k == u->k_first && b->k + b->terms == u->k_end };
    ask_ahead(u, b);
    t.lines = ceil_div(lines_of(&u->ahead[0]) + lines_of(&u->ahead[1]),
                       (runs ? runs : 1) * ceil_div(b->rows, tile_rows(2)) * (u->tile_end - u->tile_first));
    for (int64_t tile = u->tile_first; tile < u->tile_end; tile++) {
        int64_t column = tile_column(tile);
        int vecs = tile_vecs(s->n, tile);
        float start[TILE_MOST_VECS * VL], *out = u->c + b->row * s->n + column;
        columns_of(u, b, tile, vecs, &t);
        t.start = b->k == u->k_first ? start : NULL;
        for (int i = 0; i < vecs; i++)
            v_store(start + i * VL, u->bias ? v_load_n(u->bias + column + i * VL, t.columns - i * VL) : v_zero());
        for (int64_t g = 0; g < groups; g++) {
            int64_t first = b->rows * g / groups, rows = b->rows * (g + 1) / groups - first;
            const float *a = u->groups ? u->groups + g * b->terms * GEMM_GROUP : a_at(u, b);
            t.ahead = &u->ahead[u->ahead[0].rows == 0];
            gemm_rows_run(&t, tiles[vecs], vecs, rows, a_row, a, out + first * s->n);
        }
    }
}

static void unit_run(gemm_unit *u)
{
    for (gemm_block b = block_at(u, u->row, u->k_first); b.row < u->row_end; b = block_next(u, &b)) {
        if (u->groups) copy_groups(u, &b);
        block_run(u, &b);
    }
}

/* Where chunk i of c goes: the first into c itself, the others into the shared scratch. */
static float *chunk_of(const ad_gemm_shape *s, const gemm_layout *l, const ad_args *args, int64_t i)
{
    return i == 0 ? args->out : (float *)args->shared + shared_panels(l) + (i - 1) * c_count(s);
}

/* Adds the chunks of elements low .. high-1: i takes i + 1 for even i, then i + 2 for every fourth, and so on. */
static void chunks_add(const ad_gemm_shape *s, const gemm_layout *l, const ad_args *args, int64_t low, int64_t high)
{
    for (int64_t step = 1; step < l->chunks; step *= 2)
        for (int64_t c = 0; c + step < l->chunks; c += 2 * step) {
            float *into = chunk_of(s, l, args, c);
            const float *from = chunk_of(s, l, args, c + step);
            for (int64_t i = low; i < high; i += VL)
                v_store_n(into + i, v_add(v_load_n(into + i, high - i), v_load_n(from + i, high - i)), high - i);
        }
}

void K(conv_gemm_run)(const ad_gemm_shape *s, int stage, int64_t unit, const ad_args *args)
{
    gemm_layout l;
    layout_of(s, &l);
    if (l.packed && stage-- == 0) {
        pack_b(s, &l, unit, args);
        return;
    }
    if (stage == 1) {
        int64_t low = unit * SUM_FLOATS, high = low + SUM_FLOATS;
        chunks_add(s, &l, args, low, high < c_count(s) ? high : c_count(s));
        return;
    }
    int64_t share = unit % l.tile_groups, row = unit / l.tile_groups % l.row_units * l.rows;
    int64_t chunk = unit / l.tile_groups / l.row_units % l.chunks, item = unit / l.tile_groups / l.row_units / l.chunks;
    int64_t tiles = tile_count(s->n);
    gemm_unit u = {
        .s = s, .row = row, .row_end = row + l.rows < s->m ? row + l.rows : s->m,
        .tile_first = tiles * share / l.tile_groups, .tile_end = tiles * (share + 1) / l.tile_groups,
        .k_first = s->k * chunk / l.chunks, .k_end = s->k * (chunk + 1) / l.chunks,
        .a = (const float *)args->a + (s->shared_a ? 0 : item * s->m * s->k),
        .b = (const float *)args->b + (s->shared_b ? 0 : item * s->k * s->n),
        .bias = chunk == 0 ? args->bias : NULL, .c = chunk_of(s, &l, args, chunk) + item * s->m * s->n,
        .groups = l.groups ? args->scratch : NULL, .block_rows = l.block_rows, .pass = l.packed ? PASS_PACKED : PASS,
    };
    if (l.packed)
        u.panels = (conv_panels){ .to = (float *)args->shared + (s->shared_b ? 0 : item * l.panels), .depth = s->k, .columns = s->n,
                                  .tile_end = tiles };
    else u.panel = (float *)args->scratch + l.groups;
    u.around = (s->transposed_a || s->k <= AROUND_TERMS) && l.chunks == 1 && s->n % VL == 0 && c_count(s) >= AROUND &&
               (uintptr_t)u.c % sizeof(vec) == 0;
    unit_run(&u);
}

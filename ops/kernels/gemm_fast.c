/*
 * gemm_fast.c - the matrix product in registers, with the tiles of the convolutions.
 *
 * A unit makes a block of c: some rows, some tiles of columns, one chunk of the summed axis. It goes over passes of terms, in a pass
 * over blocks of rows, in a block over the tiles; between passes the partial sums wait in c. A block of a is copied into slots (a
 * transposed a with its rows side by side in a slot, which channel tiles read): strided rows of a would come late and fall into few
 * sets of the first-level cache. The tiles read b in panels: where a is tall, stage 0 packs them for all units; where it is not, a
 * unit packs those of its own pass, for panels that went to memory and back would cost more than they save. The last stage adds the
 * chunks, where there are several.
 */
#include "ops/kernels/conv_fill.h"

/* Measured on a 4th-generation Xeon: the panel of a pass (24 KiB for two vectors) fits first-level cache beside the rows of a tile, a
 * block of rows and the panels of a unit fit the second. */
enum { PASS = 192, TALL = 448, MOST_ROWS = 448, BLOCK_ROWS = 112, LEAST_TILES = 4, MOST_TILES = 9, UNITS = 16,
       PACK_TERMS = 64, SUM_FLOATS = 4096 };

typedef struct gemm_layout {
    int64_t chunks;                /* of the summed axis */
    int64_t rows, row_units;       /* rows of a unit; units over the rows of an item */
    int64_t tile_groups;
    int packed;                    /* stage 0 packs b */
    int64_t panels;                /* floats of one packed b, or of the panels of one pass of a unit */
    int64_t items_b, packs;        /* matrices b, units of packing each */
} gemm_layout;

static void layout_of(const ad_gemm_shape *s, gemm_layout *l)
{
    int64_t tiles = tile_count(s->n), groups = tiles / LEAST_TILES;
    *l = (gemm_layout){ .chunks = gemm_chunks(s), .packed = s->m >= TALL, .rows = s->m };
    while (l->rows > MOST_ROWS || (l->packed && l->rows > BLOCK_ROWS && s->batch * ceil_div(s->m, l->rows) < UNITS))
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
        l->panels = PASS * (ceil_div(tiles, l->tile_groups) * 2 + 1) * VL;
    }
}

static int64_t c_count(const ad_gemm_shape *s)
{
    return s->batch * s->m * s->n;
}

static int64_t units_of(const ad_gemm_shape *s, const gemm_layout *l)
{
    return s->batch * l->chunks * l->row_units * l->tile_groups;
}

/* Slots of a block, then the panels of a unit. */
enum { SLOT_FLOATS = (BLOCK_ROWS + SLOT - 1) / SLOT * SLOT * PASS };

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
        .per_thread = (size_t)(SLOT_FLOATS + (l.packed ? 0 : l.panels)) * sizeof(float),
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
    int64_t row, row_end, tile_first, tile_end, k_first, k_end;
    const float *a, *b, *bias;
    float *c, *slots;
    conv_panels panels;
    int pack;                      /* the panels are made pass by pass */
} gemm_unit;

/* Rows `row` .. of terms `k` .. */
typedef struct gemm_block {
    int64_t row, rows, k, terms;
} gemm_block;

/* Passes are whole runs of SLOT terms; the rest is a pass of its own. */
static int64_t pass_terms(const gemm_unit *u, int64_t k)
{
    int64_t left = u->k_end - k;
    return left >= PASS ? PASS : left < SLOT ? left : left / SLOT * SLOT;
}

static int64_t block_rows(int64_t left)
{
    return left < BLOCK_ROWS ? left : BLOCK_ROWS;
}

/* The block after this one. Where the panels are there, all passes of some rows come first, so that their sums stay near; where they
 * are made, all rows of a pass, so that they are made once. Rows past the unit's last, the end, belong to the next unit: they are
 * asked for ahead of time all the same. */
static gemm_block block_next(const gemm_unit *u, const gemm_block *b)
{
    gemm_block n = { .row = b->row, .k = b->k };
    int more = b->k + b->terms < u->k_end;
    if (!u->pack && more) {
        n.k += b->terms;
    } else {
        n.row += b->rows;
        if (!u->pack) n.k = u->k_first;
        if (n.row >= u->row_end && more) n = (gemm_block){ .row = u->row, .k = b->k + b->terms };
    }
    n.rows = block_rows(n.row < u->row_end ? u->row_end - n.row : u->s->m - n.row);
    n.terms = pass_terms(u, n.k);
    return n;
}

static const float *a_at(const gemm_unit *u, const gemm_block *b)
{
    return u->a + (u->s->transposed_a ? b->k * u->s->m + b->row : b->row * u->s->k + b->k);
}

static void copy_slots(const gemm_unit *u, const gemm_block *b)
{
    int64_t blocks = u->s->transposed_a ? b->rows / SLOT : b->terms / SLOT, m = u->s->m, k = u->s->k;
    if (!u->s->transposed_a) {
        K(conv_copy_slots)(u->slots, a_at(u, b), b->rows, k, blocks ? SLOT : b->terms, blocks ? blocks : 1, b->rows * SLOT);
        return;
    }
    if (blocks) K(conv_copy_slots)(u->slots, a_at(u, b), b->terms, m, SLOT, blocks, b->terms * SLOT);
    if (b->rows % SLOT)
        K(conv_copy_slots)(u->slots + blocks * b->terms * SLOT, a_at(u, b) + blocks * SLOT, b->terms, m, b->rows % SLOT, 1, 0);
}

/* Memory answers late and takes few requests at a time, so the tiles ask for the next block of a while they work: for output row
 * number q, counted through the tiles, some lines of row q % (rows of the next block). */
typedef struct ahead {
    const float *at;
    int64_t rows, stride, floats, some;
} ahead;

static ahead ahead_of(const gemm_unit *u, const gemm_block *b)
{
    gemm_block n = block_next(u, b);
    int64_t outputs = b->rows * (u->tile_end - u->tile_first);
    ahead h = { .at = n.rows > 0 ? a_at(u, &n) : NULL, .rows = n.rows, .stride = u->s->k, .floats = n.terms };
    if (u->s->transposed_a) {
        h.rows = n.terms;
        h.floats = n.rows;
        h.stride = u->s->m;
    }
    h.some = ceil_div(h.rows * ceil_div(h.floats, 16), outputs) * 16;
    return h;
}

static void ahead_set(const ahead *h, int64_t q, conv_tile *t)
{
    t->ahead = NULL;
    if (!h->at || h->rows <= 0 || q / h->rows * h->some >= h->floats) return;
    t->ahead = h->at + q % h->rows * h->stride + q / h->rows * h->some;
    t->ahead_stride = h->stride;
    t->ahead_floats = h->some;
}

static void block_run(const gemm_unit *u, const gemm_block *b)
{
    const ad_gemm_shape *s = u->s;
    int64_t offset[PASS / SLOT], length = b->terms < SLOT ? b->terms : SLOT, q = 0;
    conv_tile t = { .offset = offset, .runs = length ? b->terms / length : 0, .length = length, .out_stride = s->n };
    ahead h = ahead_of(u, b);
    for (int64_t i = 0; i < t.runs; i++)
        offset[i] = i * SLOT * (s->transposed_a ? length : b->rows);
    for (int64_t tile = u->tile_first; tile < u->tile_end; tile++) {
        float start[TILE_MOST_VECS * VL], *out = u->c + b->row * s->n + tile_column(tile);
        int64_t column = tile_column(tile), left = s->n - column;
        int vecs = tile_vecs(s->n, tile);
        t.w = conv_panel(&u->panels, tile, u->pack ? 0 : b->k);
        t.columns = left < vecs * VL ? left : vecs * VL;
        t.start = b->k == u->k_first ? start : NULL;
        for (int i = 0; i < vecs; i++)
            v_store(start + i * VL, u->bias ? v_load_n(u->bias + column + i * VL, left - i * VL) : v_zero());
        int64_t some = s->transposed_a ? SLOT : b->rows, rows;
        for (int64_t r = 0; r < b->rows; r += rows, q += rows) {
            rows = b->rows - r < some ? b->rows - r : some;
            ahead_set(&h, q, &t);
            if (s->transposed_a) tile_rows_run(&t, K(conv_channel_tiles)[vecs], vecs, rows, 1, u->slots + r * b->terms, out + r * s->n);
            else tile_rows_run(&t, K(conv_pixel_tiles)[vecs], vecs, rows, SLOT, u->slots, out);
        }
    }
}

static void panels_pack(gemm_unit *u, int64_t k, int64_t terms)
{
    const ad_gemm_shape *s = u->s;
    u->panels.depth = terms;
    if (s->transposed_b) K(conv_pack_columns)(&u->panels, 0, terms, u->b + k, s->k);
    else K(conv_pack_rows)(&u->panels, 0, terms, u->b + k * s->n, s->n);
}

static void unit_run(gemm_unit *u)
{
    gemm_block b = { .row = u->row, .rows = block_rows(u->row_end - u->row), .k = u->k_first, .terms = pass_terms(u, u->k_first) };
    for (; b.row < u->row_end; b = block_next(u, &b)) {
        if (u->pack && b.row == u->row) panels_pack(u, b.k, b.terms);
        copy_slots(u, &b);
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
        .slots = args->scratch, .pack = !l.packed,
    };
    u.panels = (conv_panels){ .columns = s->n };
    if (l.packed) {
        u.panels.to = (float *)args->shared + (s->shared_b ? 0 : item * l.panels);
        u.panels.depth = s->k;
        u.panels.tile_end = tiles;
    } else {
        u.panels.to = (float *)args->scratch + SLOT_FLOATS;
        u.panels.tile_first = u.tile_first;
        u.panels.tile_end = u.tile_end;
    }
    unit_run(&u);
}

/*
 * conv_fast.c - forward and by_input in registers: both are views (conv_view.h), and a view is run in tiles (conv_tile.h, conv_lanes.h).
 *
 * Stage 0 packs the weights into panels, one for each tile of output channels, a unit for each block of summed channels. Stage 1 has a unit for each block of output pixels
 * (and group, and share of the tiles): it copies the source pixels that the block reads into slots, one block of channels at a
 * time, and runs every tile over them; between channel blocks the partial sums wait in the output.
 *
 * Images are cut into blocks of whole rows, and tiles lie within a row. Three kinds of shape go by flat blocks of pixels instead, one slot a
 * pixel and tap: rows of fewer than eight pixels (a tile then spans rows and images), taps that share no source pixel (1x1
 * kernels, kernels not larger than their stride), and groups of at most four summed channels (where (tap, channel) pairs fill one slot).
 * Where output channels would fill their vectors badly (12 of 16, 24 of 32), the lanes are pixels (conv_lanes.h); then the source goes into planes.
 */
#include "ops/kernels/conv_lanes.h"

/* Scratch of a block: half of a 1 MiB second-level cache at most. Fewer than 16 units would leave threads idle. */
enum { BLOCK_FLOATS = 48 * 1024, BLOCK_PIXELS = 224, LEAST_PIXELS = 56, UNITS = 16, ROW_PIXELS = 8, FEW_CHANNELS = 4, TURN = 5 };

typedef struct conv_layout {
    int lanes;                     /* pixels in the lanes */
    int flat, gathered;            /* pixels instead of rows; (tap, channel) pairs in one slot */
    int64_t block, blocks;         /* rows or pixels of a block, blocks of the view */
    int64_t pass;                  /* flat: runs of one pass */
    int64_t tile_groups;           /* shares of the tiles */
    int64_t units, scratch;        /* floats */
} conv_layout;

/* Terms of an output come in runs of equal length: (channel block, tap), or slots full of (tap, channel) pairs. */
static int64_t run_count(const conv_view *v, int gathered)
{
    int64_t taps = conv_view_taps(v);
    return gathered ? ceil_div(taps * v->sum, SLOT) : taps * ceil_div(v->sum, SLOT);
}

static int64_t run_length(const conv_view *v, int gathered, int64_t run)
{
    int64_t taps = conv_view_taps(v), total = gathered ? taps * v->sum : v->sum;
    int64_t left = total - (gathered ? run : run / taps) * SLOT;
    return left < SLOT ? left : SLOT;
}

/* Blocks of at least LEAST_PIXELS pay for the weights that they read; then the tiles are shared out. */
static void layout_flat(const conv_view *v, conv_layout *l)
{
    int64_t pixels = conv_view_rows(v) * v->axis[2].count, taps = conv_view_taps(v);
    l->pass = taps < 4 ? 6 : taps < 32 ? taps : 32;
    if (l->pass > run_count(v, l->gathered)) l->pass = run_count(v, l->gathered);
    l->block = BLOCK_FLOATS / SLOT / (l->pass ? l->pass : 1);
    if (l->block > BLOCK_PIXELS) l->block = BLOCK_PIXELS;
    while (l->block > LEAST_PIXELS && ceil_div(pixels, l->block) * v->groups < UNITS)
        l->block /= 2;
    l->blocks = ceil_div(pixels, l->block);
    l->scratch = l->pass * l->block * SLOT;
}

/* The block that cuts `height` into one piece more, evenly; at least one row less. */
static int64_t shorter(int64_t height, int64_t block)
{
    int64_t even = ceil_div(height, ceil_div(height, block) + 1);
    return even < block ? even : block - 1;
}

/* Scratch of so many rows. */
static int64_t rows_scratch(const conv_view *v, const conv_layout *l, int64_t rows)
{
    return l->lanes ? conv_planes_of(v, rows).slots.floats * (v->sum < SLOT ? v->sum : SLOT) : conv_slots_of(v, rows).floats;
}

static void layout_rows(const conv_view *v, conv_layout *l)
{
    int64_t planes = v->n * v->axis[0].count, height = v->axis[1].count;
    l->block = height;
    while (l->block > 1 && (rows_scratch(v, l, l->block) > BLOCK_FLOATS
                            || (l->block > 4 && planes * ceil_div(height, l->block) * v->groups * tile_count(v->columns) < UNITS)))
        l->block = shorter(height, l->block);
    l->blocks = planes * ceil_div(height, l->block);
    l->scratch = rows_scratch(v, l, l->block);
}

/* Whether pixels in the lanes (conv_lanes.h) are the cheaper way. It counts vector multiply-adds: outputs fill whole vectors of
 * channels one way, whole vectors of pixels the other, where turning a number between pixels and planes costs as much as TURN of them. A row that is no
 * whole number of vectors ends in a vector that overlaps the one before, so its sums must not go on from what is stored. */
static int lanes_fit(const conv_view *v)
{
    int64_t taps = conv_view_taps(v), terms = taps * v->sum, width = v->axis[2].count, vectors = ceil_div(width, VL);
    if (terms == 0 || width < VL || (width % VL && (v->sum > SLOT || taps > LANES_MOST_TERMS / SLOT))) return 0;
    if (conv_planes_of(v, 1).slots.floats > INT32_MAX / SLOT) return 0;
    int64_t by_channels = terms * tile_vecs_all(v->columns) * width;
    int64_t by_pixels = (terms * v->columns + TURN * (v->sum + v->columns)) * vectors;
    return 10 * by_pixels < 9 * by_channels;
}

static void layout_of(const conv_view *v, conv_layout *l)
{
    int64_t taps = conv_view_taps(v), tiles = tile_count(v->columns);
    *l = (conv_layout){ 0 };
    if (v->n * v->axis[0].count * v->axis[1].count * v->axis[2].count == 0) return;
    l->lanes = lanes_fit(v);
    l->gathered = !l->lanes && v->sum <= FEW_CHANNELS && taps > 1;
    l->flat = !l->lanes && (l->gathered || conv_view_disjoint(v) || v->axis[2].count < ROW_PIXELS);
    if (l->flat) layout_flat(v, l);
    else layout_rows(v, l);
    l->tile_groups = ceil_div(UNITS, l->blocks * v->groups);
    if (l->tile_groups > tiles) l->tile_groups = tiles;
    l->units = v->groups * l->blocks * l->tile_groups;
}

static int64_t panel_floats(const conv_view *v)
{
    return conv_view_taps(v) * v->sum * tile_vecs_all(v->columns) * VL;
}

/* ---- one unit ---- */

typedef struct conv_unit {
    const conv_view *v;
    const conv_layout *l;
    int64_t group, block, tile_first, tile_end;
    const float *source, *panels, *bias;   /* panels of the group; bias of the group or NULL */
    float *out, *scratch;
    const ad_conv_shape *together;         /* by_input whose phases this unit runs all (phases_together), NULL */
} conv_unit;

static float *output_at(const conv_unit *u, int64_t row, int64_t o2)
{
    const conv_axis *a = u->v->axis;
    int64_t at[3];
    conv_row_at(u->v, row, at);
    int64_t i0 = a[0].out_first + at[1] * a[0].out_step, i1 = a[1].out_first + at[2] * a[1].out_step;
    int64_t pixel = ((at[0] * a[0].out_size + i0) * a[1].out_size + i1) * a[2].out_size + a[2].out_first + o2 * a[2].out_step;
    return u->out + pixel * u->v->groups * u->v->columns + u->group * u->v->columns;
}

/* The tile of one range of terms: `t` has the runs; `before` terms came in earlier passes. */
static void tile_set(const conv_unit *u, int64_t tile, int64_t before, conv_tile *t, float *start)
{
    const conv_view *v = u->v;
    int64_t column = tile_column(tile), left = v->columns - column;
    int vecs = tile_vecs(v->columns, tile);
    t->w = u->panels + column * conv_view_taps(v) * v->sum + before * vecs * VL;
    t->columns = left < vecs * VL ? left : vecs * VL;
    t->start = before ? NULL : start;
    for (int i = 0; i < vecs; i++)
        v_store(start + i * VL, u->bias ? v_load_n(u->bias + column + i * VL, left - i * VL) : v_zero());
}

/* Where the block after this one begins to read for its row `row`: the next channels, or the rows below; NULL past the image. Memory is slow to
 * answer, so the tiles ask for it while they work. */
static const float *row_ahead(const conv_unit *u, int64_t row, int64_t rows, int64_t channel)
{
    const conv_view *v = u->v;
    int64_t at[3], more = channel + SLOT < v->sum;
    conv_row_at(v, row, at);
    int64_t i0 = conv_source_at(&v->axis[0], at[1], 0), i1 = conv_source_at(&v->axis[1], at[2] + (more ? 0 : rows), v->axis[1].taps - 1);
    if (i0 < 0 || i0 >= v->axis[0].source || i1 < 0 || i1 >= v->axis[1].source || v->axis[2].count > v->axis[2].source) return NULL;
    return u->source + ((at[0] * v->axis[0].source + i0) * v->axis[1].source + i1) * v->axis[2].source * v->groups * v->sum
           + u->group * v->sum + (more ? channel + SLOT : 0);
}

static void unit_rows(const conv_unit *u)
{
    const conv_view *v = u->v;
    int64_t height = v->axis[1].count, per_plane = ceil_div(height, u->l->block);
    int64_t low = u->block % per_plane * u->l->block, rows = height - low < u->l->block ? height - low : u->l->block;
    int64_t row = u->block / per_plane * height + low, taps = conv_view_taps(v), offset[TILE_MOST_RUNS];
    conv_slots slots = conv_slots_of(v, rows);
    conv_tile t = { .offset = offset, .out_stride = v->axis[2].out_step * v->groups * v->columns, .ahead_floats = SLOT };
    for (int64_t channel = 0; channel < v->sum; channel += SLOT) {
        t.length = v->sum - channel < SLOT ? v->sum - channel : SLOT;
        K(conv_fill_rows)(v, &slots, u->source, row, u->group * v->sum + channel, t.length, u->scratch);
        for (int64_t tap = 0; tap < taps; tap += t.runs) {
            t.runs = taps - tap < TILE_MOST_RUNS ? taps - tap : TILE_MOST_RUNS;
            for (int64_t i = 0; i < t.runs; i++)
                offset[i] = conv_slots_tap(v, &slots, tap + i);
            for (int64_t tile = u->tile_first; tile < u->tile_end; tile++) {
                float start[TILE_MOST_VECS * VL];
                int vecs = tile_vecs(v->columns, tile);
                tile_set(u, tile, taps * channel + tap * t.length, &t, start);
                t.ahead_stride = v->groups * v->sum;
                for (int64_t r = 0; r < rows; r++) {
                    t.ahead = tile == u->tile_first ? row_ahead(u, row + r, rows, channel) : NULL;
                    tile_rows_run(&t, K(conv_pixel_tiles)[vecs], vecs, v->axis[2].count, SLOT,
                                  u->scratch + r * conv_slots_row(v, &slots), output_at(u, row + r, 0) + tile_column(tile));
                }
            }
        }
    }
}

/* The rows of a block through `t`, two vectors of pixels at a time for `count` columns from `column` on. */
static void rows_lanes(const conv_unit *u, conv_lanes *t, const conv_planes *planes, int64_t row, int64_t rows, int64_t channel, int64_t count,
                       int64_t column)
{
    const conv_view *v = u->v;
    int64_t width = v->axis[2].count, channels = v->groups * v->sum, have = 0;
    const float *a[LANES_VECS];
    float *out[LANES_VECS];
    t->out_step = ceil_div(LANES_VECS * VL * t->out_stride, t->terms / 2 + 1);
    for (int64_t r = 0; r < rows; r++) {
        const float *from = u->scratch + planes->lead + r * conv_slots_row(v, &planes->slots);
        const float *ahead = column == 0 ? row_ahead(u, row + r, rows, channel) : NULL;
        float *to = output_at(u, row + r, 0) + column;
        t->ahead_step = ahead ? ceil_div(LANES_VECS * VL * channels, t->terms / 2 + 1) : 0;
        for (int64_t x = 0; x < width; x += VL) {
            int64_t first = x + VL <= width ? x : width - VL;
            a[have] = from + first;
            out[have++] = to + first * t->out_stride;
            if (have < LANES_VECS && (x + VL < width || r + 1 < rows)) continue;
            t->ahead = ahead ? ahead + first * channels : out[0];
            K(conv_lanes_pixels)[have][count](t, a, out);
            have = 0;
        }
    }
}

/* unit_rows with pixels in the lanes. */
static void unit_lanes(const conv_unit *u)
{
    const conv_view *v = u->v;
    int64_t height = v->axis[1].count, per_plane = ceil_div(height, u->l->block);
    int64_t low = u->block % per_plane * u->l->block, rows = height - low < u->l->block ? height - low : u->l->block;
    int64_t row = u->block / per_plane * height + low, taps = conv_view_taps(v), runs;
    int32_t place[LANES_MOST_TERMS];
    conv_planes planes = conv_planes_of(v, rows);
    for (int64_t channel = 0; channel < v->sum; channel += SLOT) {
        int64_t length = v->sum - channel < SLOT ? v->sum - channel : SLOT;
        K(conv_fill_planes)(v, &planes, u->source, row, u->group * v->sum + channel, length, u->scratch);
        for (int64_t tap = 0; tap < taps; tap += runs) {
            runs = taps - tap < LANES_MOST_TERMS / SLOT ? taps - tap : LANES_MOST_TERMS / SLOT;
            for (int64_t i = 0; i < runs * length; i++)
                place[i] = (int32_t)(conv_slots_tap(v, &planes.slots, tap + i / length) + i % length * planes.slots.floats);
            for (int64_t tile = u->tile_first; tile < u->tile_end; tile++) {
                float start[TILE_MOST_VECS * VL];
                conv_tile t;
                tile_set(u, tile, taps * channel + tap * length, &t, start);
                int64_t piece = lanes_piece(t.columns);
                for (int64_t q = 0; q < t.columns; q += piece) {
                    conv_lanes l = {
                        .terms = runs * length, .place = place, .b = t.w + q, .b_step = tile_vecs(v->columns, tile) * VL,
                        .start = t.start ? t.start + q : NULL, .out_stride = v->axis[2].out_step * v->groups * v->columns,
                    };
                    rows_lanes(u, &l, &planes, row, rows, channel, t.columns - q < piece ? t.columns - q : piece, tile_column(tile) + q);
                }
            }
        }
    }
}

/* Flat pixels first .. first + count - 1: in one go where the view covers the whole output, else row by row. */
static void flat_run(const conv_unit *u, conv_tile *t, int vecs, int64_t tile, int64_t first, int64_t count)
{
    const conv_axis *a = u->v->axis;
    int64_t width = a[2].count, dense = a[0].out_step == 1 && a[1].out_step == 1 && a[2].out_step == 1;
    for (int64_t p = first, run; p < first + count; p += run) {
        int64_t left = first + count - p;
        run = dense || width - p % width > left ? left : width - p % width;
        tile_rows_run(t, K(conv_pixel_tiles)[vecs], vecs, run, SLOT, u->scratch + (p - first) * SLOT,
                      output_at(u, p / width, p % width) + tile_column(tile));
    }
}

/* The slots of runs run .. of one pass; the channel blocks of a single tap are copied together. */
static void fill_flat(const conv_unit *u, int64_t first, int64_t count, int64_t run, const conv_tile *t)
{
    const conv_view *v = u->v;
    int64_t taps = conv_view_taps(v), blocks = taps == 1 ? t->runs : 1;
    for (int64_t i = 0; i < t->runs; i += blocks)
        if (u->l->gathered)
            K(conv_fill_columns)(v, u->source, first, count, u->group, (run + i) * SLOT, t->length, u->scratch + t->offset[i]);
        else
            K(conv_fill_tap)(v, u->source, first, count, (run + i) % taps, u->group * v->sum + (run + i) / taps * SLOT, t->length, blocks,
                             u->scratch + t->offset[i]);
}

/* All tiles of the pixels that are in the slots, of one phase. */
static void flat_tiles(const conv_unit *u, int64_t phase, int64_t before, conv_tile *t, int64_t first, int64_t count)
{
    conv_unit one = *u;
    conv_view v;
    if (u->together) {
        ad__conv_view_by_input(u->together, phase, &v);
        one.v = &v;
        one.panels += phase * v.groups * panel_floats(&v);
    }
    for (int64_t tile = u->tile_first; tile < u->tile_end; tile++) {
        float start[TILE_MOST_VECS * VL];
        tile_set(&one, tile, before, t, start);
        flat_run(&one, t, tile_vecs(one.v->columns, tile), tile, first, count);
    }
}

static void unit_flat(const conv_unit *u)
{
    const conv_view *v = u->v;
    int64_t pixels = conv_view_rows(v) * v->axis[2].count, runs = run_count(v, u->l->gathered), before = 0;
    int64_t first = u->block * u->l->block, count = pixels - first < u->l->block ? pixels - first : u->l->block;
    int64_t offset[TILE_MOST_RUNS], run = 0;
    conv_tile t = { .offset = offset, .out_stride = v->axis[2].out_step * v->groups * v->columns };
    do {
        t.length = runs ? run_length(v, u->l->gathered, run) : 0;
        for (t.runs = 0; t.runs < u->l->pass && run + t.runs < runs; t.runs++) {
            if (run_length(v, u->l->gathered, run + t.runs) != t.length) break;
            offset[t.runs] = t.runs * count * SLOT;
        }
        fill_flat(u, first, count, run, &t);
        for (int64_t phase = 0; phase < (u->together ? ad__conv_phases(u->together) : 1); phase++)
            flat_tiles(u, phase, before, &t, first, count);
        before += t.runs * t.length;
        run += t.runs;
    } while (run < runs);
}

/* Runs unit `unit` of a view whose panels begin at `panels`; of all phases of `together`, unless it is NULL. */
static void view_run(const conv_view *v, const conv_layout *l, int64_t unit, const float *panels, const ad_args *args,
                     const ad_conv_shape *together)
{
    int64_t tiles = tile_count(v->columns), share = unit % l->tile_groups, group = unit / l->tile_groups % v->groups;
    conv_unit u = {
        .v = v, .l = l, .group = group, .block = unit / l->tile_groups / v->groups,
        .tile_first = tiles * share / l->tile_groups, .tile_end = tiles * (share + 1) / l->tile_groups,
        .source = args->a, .panels = panels + group * panel_floats(v),
        .bias = args->bias ? (const float *)args->bias + group * v->columns : NULL, .out = args->out, .scratch = args->scratch,
        .together = together,
    };
    if (l->lanes) unit_lanes(&u);
    else if (l->flat) unit_flat(&u);
    else unit_rows(&u);
}

/* The pixels of a unit, where it makes all of their channels and the view is the whole output. */
static int view_pieces(const conv_view *v, int64_t unit, ad_piece *piece)
{
    conv_layout l;
    layout_of(v, &l);
    if (l.tile_groups > 1 || v->groups > 1) return 0;
    int64_t height = v->axis[1].count, width = v->axis[2].count, per_plane = ceil_div(height, l.block), low = unit % per_plane * l.block;
    int64_t first = l.flat ? unit * l.block : (unit / per_plane * height + low) * width;
    int64_t left = l.flat ? conv_view_rows(v) * width - first : (height - low) * width, most = l.flat ? l.block : l.block * width;
    piece[0][0] = first * v->columns;
    piece[0][1] = (left < most ? left : most) * v->columns;
    return 1;
}

/* Units of packing: the channel blocks of each group. */
static int64_t pack_units(const conv_view *v)
{
    return v->groups * ceil_div(v->sum, SLOT);
}

/* Packs one of them; `by_input` says that the columns are the weights' input channels. */
static void panels_pack(const conv_view *v, int by_input, int64_t unit, const float *w, float *panels)
{
    int64_t taps = conv_view_taps(v), group = unit % v->groups, channel = unit / v->groups * SLOT;
    int64_t width = v->groups * (by_input ? v->sum : v->columns), in = by_input ? v->columns : v->sum;
    int64_t length = v->sum - channel < SLOT ? v->sum - channel : SLOT;
    conv_panels p = {
        .to = panels + group * panel_floats(v), .depth = taps * v->sum, .columns = v->columns, .tile_end = tile_count(v->columns),
    };
    for (int64_t t = 0; t < taps; t++) {
        int64_t at[3], k = 0, first = taps * channel + t * length;
        conv_tap_at(v, t, at);
        for (int i = 0; i < 3; i++)
            k = k * v->axis[i].kernel_size + v->axis[i].kernel_first + at[i] * v->axis[i].kernel_step;
        if (by_input)
            K(conv_pack_columns)(&p, first, length, w + k * in * width + group * v->sum + channel, width);
        else
            K(conv_pack_rows)(&p, first, length, w + (k * in + channel) * width + group * v->columns, width);
    }
}

/* ---- forward ---- */

void K(conv_forward_plan)(const ad_conv_shape *s, ad_work *work)
{
    conv_view v;
    conv_layout l;
    ad__conv_view_forward(s, &v);
    layout_of(&v, &l);
    *work = (ad_work){
        .stages = 2, .units = { pack_units(&v), l.units },
        .shared = (size_t)(v.groups * panel_floats(&v)) * sizeof(float), .per_thread = (size_t)l.scratch * sizeof(float),
    };
}

void K(conv_forward_run)(const ad_conv_shape *s, int stage, int64_t unit, const ad_args *args)
{
    conv_view v;
    conv_layout l;
    ad__conv_view_forward(s, &v);
    if (stage == 0) {
        panels_pack(&v, 0, unit, args->b, args->shared);
        return;
    }
    layout_of(&v, &l);
    view_run(&v, &l, unit, args->shared, args, NULL);
}

int K(conv_forward_pieces)(const ad_conv_shape *s, int64_t unit, ad_piece *piece)
{
    conv_view v;
    ad__conv_view_forward(s, &v);
    return view_pieces(&v, unit, piece);
}

/* ---- by_input ---- */

/* Phases that all read the same source pixels, one each, as those of a kernel as large as its stride do: the slots that a unit fills
 * serve all of them. */
static int phases_together(const ad_conv_shape *s)
{
    for (int i = 0; i < 3; i++)
        if (s->kernel[i] != s->stride[i] || s->dilation[i] != 1 || s->pad[i] != 0 || s->in[i] != s->out[i] * s->stride[i]) return 0;
    conv_view v;
    conv_layout l;
    ad__conv_view_by_input(s, 0, &v);
    layout_of(&v, &l);
    return ad__conv_phases(s) > 1 && l.flat;
}

void K(conv_by_input_plan)(const ad_conv_shape *s, ad_work *work)
{
    int64_t floats = 0, together = phases_together(s);
    *work = (ad_work){ .stages = 2 };
    for (int64_t phase = 0; phase < ad__conv_phases(s); phase++) {
        conv_view v;
        conv_layout l;
        ad__conv_view_by_input(s, phase, &v);
        layout_of(&v, &l);
        floats += v.groups * panel_floats(&v);
        work->units[0] += pack_units(&v);
        if (phase == 0 || !together) work->units[1] += l.units;
        if (work->per_thread < (size_t)l.scratch * sizeof(float)) work->per_thread = (size_t)l.scratch * sizeof(float);
    }
    work->shared = (size_t)floats * sizeof(float);
}

void K(conv_by_input_run)(const ad_conv_shape *s, int stage, int64_t unit, const ad_args *args)
{
    float *panels = args->shared;
    int together = phases_together(s);
    for (int64_t phase = 0; phase < ad__conv_phases(s); phase++) {
        conv_view v;
        conv_layout l;
        ad__conv_view_by_input(s, phase, &v);
        layout_of(&v, &l);
        int64_t units = stage == 0 ? pack_units(&v) : l.units;
        if (unit < units) {
            if (stage == 0) panels_pack(&v, 1, unit, args->b, panels);
            else view_run(&v, &l, unit, panels, args, together ? s : NULL);
            return;
        }
        unit -= units;
        panels += v.groups * panel_floats(&v);
    }
}

int K(conv_by_input_pieces)(const ad_conv_shape *s, int64_t unit, ad_piece *piece)
{
    conv_view v;
    if (ad__conv_phases(s) > 1) return 0;
    ad__conv_view_by_input(s, 0, &v);
    return view_pieces(&v, unit, piece);
}

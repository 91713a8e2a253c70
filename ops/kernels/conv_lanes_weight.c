/*
 * conv_lanes_weight.c - by_weight where output channels would fill their vectors badly (conv_lanes.h): the lanes are weights.
 *
 *   gw[k, ci, co] = sum over output pixels:  x[pixel's source at tap k, ci] gy[pixel, co]
 *
 * All that the pixels of an output row read lies in columns, one for each source position of axis 2, each with the channels of all taps of the other
 * axes: [position][k0][k1][channel]. So what one pixel reads, every (k2, k0, k1, channel), is one run of floats, and the next
 * pixel's begins a column later. Those floats are the lanes, pixels are the terms, gy is broadcast. The sums of a unit, a chunk of the output rows
 * (conv_chunks.h) and a block of channels of x, stay in its scratch, [vector][co][lane], until its last row.
 */
#include <string.h>

#include "ops/kernels/conv_lanes.h"
#include "ops/kernels/conv_lanes_weight.h"
#include "ops/kernels/conv_partial.h"

/* Pixels at a time: so many that their columns stay in first-level cache. Fewer units than UNITS would leave threads idle. */
enum { RUN_FLOATS = 12 * 1024, UNITS = 16, COPY = 3, ROW = 8 };

typedef struct weight_lanes {
    int64_t chunks, parts, shares;       /* of the rows, of the channels of x, of the vectors */
    int64_t vecs;                        /* at most, of a part */
    int64_t columns, sums;               /* floats of scratch */
} weight_lanes;

static int64_t column_floats(const conv_view *v, int64_t length) { return v->axis[0].taps * v->axis[1].taps * length; }
static int64_t part_length(const conv_view *v, int64_t part) { return v->sum - part * SLOT < SLOT ? v->sum - part * SLOT : SLOT; }

static weight_lanes lanes_of(const ad_conv_shape *s, const conv_view *v)
{
    int64_t length = part_length(v, 0), column = column_floats(v, length);
    weight_lanes l = { .chunks = conv_chunks(s), .parts = ceil_div(v->sum, SLOT), .vecs = ceil_div(v->axis[2].taps * column, VL) };
    l.shares = ceil_div(UNITS, l.chunks * v->groups * l.parts);
    if (l.shares > ceil_div(l.vecs, 2 * LANES_VECS)) l.shares = ceil_div(l.vecs, 2 * LANES_VECS);
    l.columns = ceil_div((v->axis[2].count + v->axis[2].taps - 1) * column + VL, 16) * 16;
    l.sums = l.vecs * v->columns * VL;
    return l;
}

/* Whether it is the cheaper way, counting vector multiply-adds for a pixel: to copy a vector costs as much as COPY of them, to go on with a
 * sum in the next row as much as ROW. Those of a channel tile of one vector count half as much again, for each of them loads a number of its own. */
int K(conv_lanes_weight_fits)(const ad_conv_shape *s)
{
    conv_view v;
    ad__conv_view_forward(s, &v);
    const conv_axis *x = &v.axis[2];
    int64_t length = part_length(&v, 0), taps = conv_view_taps(&v), column = column_floats(&v, length);
    if (x->step != 1 || (x->spread != 1 && x->taps > 1) || x->count < VL || conv_view_rows(&v) == 0 || taps * v.sum == 0) return 0;
    if ((x->count + x->taps) * column > INT32_MAX) return 0;
    int64_t by_channels = taps * length * (v.columns <= VL ? 3 : 2 * tile_vecs_all(v.columns)) / 2;
    int64_t sums = ceil_div(taps * length, VL) * v.columns;
    int64_t by_weights = sums + sums * ROW / x->count + COPY * (column / length) * ceil_div(length, VL);
    return 10 * by_weights < 9 * by_channels;
}

/* ---- one unit ---- */

typedef struct weight_unit {
    const conv_view *v;
    int64_t group, part, length, column;      /* part of the channels, how many it has, floats of a column */
    int64_t vec_first, vec_end, cout;
    const float *x, *gy;
    float *columns, *sums;
} weight_unit;

/* `length` floats of each of `count` pixels, or zeros. */
static void copy_run(float *to, int64_t step, const float *from, int64_t count, int64_t stride, int64_t length)
{
    for (int64_t c = 0; c < length; c += VL) {
        int64_t some = length - c < VL ? length - c : VL;
        for (int64_t i = 0; i < count; i++)
            v_store_n(to + i * step + c, from ? v_load_n(from + i * stride + c, some) : v_zero(), some);
    }
}

/* The columns that output row `row` reads. */
static void columns_fill(const weight_unit *u, int64_t row)
{
    const conv_view *v = u->v;
    const conv_axis *x = &v->axis[2];
    int64_t at[3], channels = v->groups * v->sum, width = x->count + x->taps - 1, low, high;
    float *to = u->columns;
    conv_row_at(v, row, at);
    for (int64_t k0 = 0; k0 < v->axis[0].taps; k0++)
        for (int64_t k1 = 0; k1 < v->axis[1].taps; k1++, to += u->length) {
            const float *from = conv_source_row(v, u->x, at[0], conv_source_at(&v->axis[0], at[1], k0), conv_source_at(&v->axis[1], at[2], k1));
            low = high = 0;
            if (from) {
                conv_inside(x->source, 1, x->first, width, &low, &high);
                from += (low + x->first) * channels + u->group * v->sum + u->part * SLOT;
            }
            copy_run(to, u->column, NULL, low, 0, u->length);
            copy_run(to + low * u->column, u->column, from, high - low, channels, u->length);
            copy_run(to + high * u->column, u->column, NULL, width - high, 0, u->length);
        }
}

/* Adds pixels first .. first + t->terms - 1 of a row to every sum. The first passes ask memory for what the next row reads: gy, then x. */
static void pixels_add(const weight_unit *u, conv_lanes *t, int64_t row, int64_t first)
{
    const conv_view *v = u->v;
    int64_t width = v->axis[2].count, channels = v->groups * v->sum, piece = lanes_piece(v->columns), asked = 0;
    int64_t of_gy = t->terms * u->cout, of_x = t->terms * channels, at[3];
    const float *b = u->gy + (row * width + first) * u->cout + u->group * v->columns;
    conv_row_at(v, row, at);
    const float *next_x = conv_source_row(v, u->x, at[0], at[1], conv_source_at(&v->axis[1], at[2] + 1, v->axis[1].taps - 1));
    for (int64_t i = u->vec_first; i < u->vec_end; i += LANES_VECS)
        for (int64_t q = 0; q < v->columns; q += piece) {
            int64_t vecs = u->vec_end - i < LANES_VECS ? u->vec_end - i : LANES_VECS;
            const float *a[LANES_VECS];
            float *out[LANES_VECS];
            for (int64_t p = 0; p < vecs; p++) {
                a[p] = u->columns + first * u->column + (i + p) * VL;
                out[p] = u->sums + ((i + p) * v->columns + q) * VL;
            }
            t->b = b + q;
            t->ahead_step = 16;
            if (asked < of_gy) t->ahead = b + width * u->cout + asked;
            else if (next_x && asked - of_gy < of_x) t->ahead = next_x + first * channels + asked - of_gy;
            else t->ahead = a[0], t->ahead_step = 0;
            asked += 16 * t->terms;
            K(conv_lanes_sums)[vecs][v->columns - q < piece ? v->columns - q : piece](t, a, out);
        }
}

/* The sums of the unit's vectors to their weights. */
static void sums_store(const weight_unit *u, float *gw)
{
    const conv_view *v = u->v;
    int64_t lanes = v->axis[2].taps * u->column;
    for (int64_t i = u->vec_first * VL; i < u->vec_end * VL && i < lanes; i++) {
        int64_t tap = i % u->column / u->length * v->axis[2].taps + i / u->column, channel = u->part * SLOT + i % u->length;
        float *to = gw + (tap * v->sum + channel) * u->cout + u->group * v->columns;
        for (int64_t q = 0; q < v->columns; q++)
            to[q] = u->sums[(i / VL * v->columns + q) * VL + i % VL];
    }
}

static void rows_add(const weight_unit *u, int64_t low, int64_t high)
{
    int64_t width = u->v->axis[2].count, most = RUN_FLOATS / u->column < VL ? VL : RUN_FLOATS / u->column;
    int32_t place[LANES_MOST_TERMS];
    if (most > LANES_MOST_TERMS) most = LANES_MOST_TERMS;
    int64_t runs = ceil_div(width, most);
    for (int64_t i = 0; i < most && i < width; i++)
        place[i] = (int32_t)(i * u->column);
    for (int64_t row = low; row < high; row++) {
        columns_fill(u, row);
        for (int64_t run = 0; run < runs; run++) {
            int64_t first = width * run / runs;
            conv_lanes t = { .terms = width * (run + 1) / runs - first, .place = place, .b_step = u->cout };
            pixels_add(u, &t, row, first);
        }
    }
}

void K(conv_lanes_weight_plan)(const ad_conv_shape *s, ad_work *work)
{
    conv_view v;
    ad__conv_view_forward(s, &v);
    weight_lanes l = lanes_of(s, &v);
    work->units[0] = l.chunks * v.groups * l.parts * l.shares;
    work->per_thread = (size_t)(l.columns + l.sums) * sizeof(float);
}

void K(conv_lanes_weight_run)(const ad_conv_shape *s, int64_t unit, const ad_args *args)
{
    conv_view v;
    ad__conv_view_forward(s, &v);
    weight_lanes l = lanes_of(s, &v);
    int64_t share = unit % l.shares, part = unit / l.shares % l.parts, group = unit / l.shares / l.parts % v.groups;
    int64_t chunk = unit / l.shares / l.parts / v.groups, rows = conv_rows(s), length = part_length(&v, part);
    int64_t vecs = ceil_div(v.axis[2].taps * column_floats(&v, length), VL);
    weight_unit u = {
        .v = &v, .group = group, .part = part, .length = length, .column = column_floats(&v, length), .cout = s->cout,
        .vec_first = vecs * share / l.shares, .vec_end = vecs * (share + 1) / l.shares, .x = args->a, .gy = args->b,
        .columns = args->scratch, .sums = (float *)args->scratch + l.columns,
    };
    memset(u.sums, 0, (size_t)l.sums * sizeof *u.sums);
    rows_add(&u, rows * chunk / l.chunks, rows * (chunk + 1) / l.chunks);
    sums_store(&u, partial_sum(s, args, chunk));
}

/*
 * conv_plain.c - convolution as plain loops: the one to read, the one for double, and what the fast kernels are tested against.
 *
 *   forward    y[n,o,co]  = bias[co] + sum over taps k, ci:  x[n, o s + k d - p, ci] w[k,ci,co]
 *   by_input   gx[n,i,ci] = bias[ci] + sum over taps k, co with o s + k d - p = i:  gy[n,o,co] w[k,ci,co]
 *   by_weight  gw[k,ci,co] = sum over n, o:  x[n, o s + k d - p, ci] gy[n,o,co]
 *
 * o, i, k are triples; x outside its range is zero. The order of the sums is in conv_chunks.h.
 */
#include "ops/kernels/conv_chunks.h"
#include "ops/kernels/variant.h"

/* Position of tap k for output o along one axis; outside 0 .. size-1 it reads padding. */
static int64_t input_at(const ad_conv_shape *s, int axis, int64_t o, int64_t k)
{
    return o * s->stride[axis] + k * s->dilation[axis] - s->pad[axis];
}

/* The output that reads position i through tap k, or -1 if there is none. */
static int64_t output_at(const ad_conv_shape *s, int axis, int64_t i, int64_t k)
{
    int64_t o = i + s->pad[axis] - k * s->dilation[axis];
    if (o < 0 || o % s->stride[axis] != 0 || o / s->stride[axis] >= s->out[axis]) return -1;
    return o / s->stride[axis];
}

/* Splits a flat row index into image, axis 0 and axis 1. */
static void row_split(int64_t row, const int64_t *size, int64_t at[3])
{
    at[2] = row % size[1];
    at[1] = row / size[1] % size[0];
    at[0] = row / size[1] / size[0];
}

static const real *pixel(const void *base, const int64_t *size, int64_t channels, int64_t n, int64_t i0, int64_t i1, int64_t i2)
{
    return (const real *)base + (((n * size[0] + i0) * size[1] + i1) * size[2] + i2) * channels;
}

static void init(int64_t n, const real *bias, real *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = bias ? bias[i] : 0;
}

static void plan_rows(int64_t rows, ad_work *work)
{
    *work = (ad_work){ .stages = 1, .units = { rows } };
}

/* ---- forward: a unit is one output row ---- */

void K(conv_forward_plan)(const ad_conv_shape *s, ad_work *work)
{
    plan_rows(conv_rows(s), work);
}

/* y[co] += sum over c of x[c] w[c, co], for one tap and the summed channels c0 .. c1-1 of a group. */
static void tap_forward(const ad_conv_shape *s, int64_t group, int64_t c0, int64_t c1, const real *x, const real *w, real *y)
{
    int64_t cin = s->cin / s->groups, cout = s->cout / s->groups;
    for (int64_t c = c0; c < c1; c++) {
        real a = x[group * cin + c];
        const real *b = w + c * s->cout + group * cout;
        for (int64_t o = 0; o < cout; o++)
            y[group * cout + o] = r_fma(a, b[o], y[group * cout + o]);
    }
}

static void pixel_forward(const ad_conv_shape *s, const ad_args *args, const int64_t row[3], int64_t o2, int64_t group, real *y)
{
    int64_t cin = s->cin / s->groups;
    for (int64_t c0 = 0; c0 < cin; c0 += CONV_BLOCK)
        for (int64_t k = 0; k < conv_taps(s); k++) {
            int64_t i0 = input_at(s, 0, row[1], k / s->kernel[2] / s->kernel[1]);
            int64_t i1 = input_at(s, 1, row[2], k / s->kernel[2] % s->kernel[1]);
            int64_t i2 = input_at(s, 2, o2, k % s->kernel[2]);
            if (i0 < 0 || i0 >= s->in[0] || i1 < 0 || i1 >= s->in[1] || i2 < 0 || i2 >= s->in[2]) continue;
            tap_forward(s, group, c0, c0 + CONV_BLOCK < cin ? c0 + CONV_BLOCK : cin,
                        pixel(args->a, s->in, s->cin, row[0], i0, i1, i2), (const real *)args->b + k * cin * s->cout, y);
        }
}

void K(conv_forward_run)(const ad_conv_shape *s, int stage, int64_t unit, const ad_args *args)
{
    int64_t row[3];
    row_split(unit, s->out, row);
    for (int64_t o2 = 0; o2 < s->out[2]; o2++) {
        real *y = (real *)args->out + (unit * s->out[2] + o2) * s->cout;
        init(s->cout, args->bias, y);
        for (int64_t g = 0; g < s->groups; g++)
            pixel_forward(s, args, row, o2, g, y);
    }
}

int K(conv_forward_pieces)(const ad_conv_shape *s, int64_t unit, ad_piece *piece)
{
    piece[0][1] = s->out[2] * s->cout;
    piece[0][0] = unit * piece[0][1];
    return 1;
}

/* ---- by_input: a unit is one row of gx ---- */

void K(conv_by_input_plan)(const ad_conv_shape *s, ad_work *work)
{
    plan_rows(s->n * s->in[0] * s->in[1], work);
}

static void tap_by_input(const ad_conv_shape *s, int64_t group, int64_t c0, int64_t c1, const real *gy, const real *w, real *gx)
{
    int64_t cin = s->cin / s->groups, cout = s->cout / s->groups;
    for (int64_t c = group * cout + c0; c < group * cout + c1; c++)
        for (int64_t i = 0; i < cin; i++)
            gx[group * cin + i] = r_fma(gy[c], w[i * s->cout + c], gx[group * cin + i]);
}

/* Rising position in gy is falling tap index. */
static void pixel_by_input(const ad_conv_shape *s, const ad_args *args, const int64_t row[3], int64_t i2, int64_t group, real *gx)
{
    int64_t cin = s->cin / s->groups, cout = s->cout / s->groups;
    for (int64_t c0 = 0; c0 < cout; c0 += CONV_BLOCK)
        for (int64_t k = conv_taps(s) - 1; k >= 0; k--) {
            int64_t o0 = output_at(s, 0, row[1], k / s->kernel[2] / s->kernel[1]);
            int64_t o1 = output_at(s, 1, row[2], k / s->kernel[2] % s->kernel[1]);
            int64_t o2 = output_at(s, 2, i2, k % s->kernel[2]);
            if (o0 < 0 || o1 < 0 || o2 < 0) continue;
            tap_by_input(s, group, c0, c0 + CONV_BLOCK < cout ? c0 + CONV_BLOCK : cout,
                         pixel(args->a, s->out, s->cout, row[0], o0, o1, o2), (const real *)args->b + k * cin * s->cout, gx);
        }
}

void K(conv_by_input_run)(const ad_conv_shape *s, int stage, int64_t unit, const ad_args *args)
{
    int64_t row[3];
    row_split(unit, s->in, row);
    for (int64_t i2 = 0; i2 < s->in[2]; i2++) {
        real *gx = (real *)args->out + (unit * s->in[2] + i2) * s->cin;
        init(s->cin, args->bias, gx);
        for (int64_t g = 0; g < s->groups; g++)
            pixel_by_input(s, args, row, i2, g, gx);
    }
}

int K(conv_by_input_pieces)(const ad_conv_shape *s, int64_t unit, ad_piece *piece)
{
    piece[0][1] = s->in[2] * s->cin;
    piece[0][0] = unit * piece[0][1];
    return 1;
}

/* ---- by_weight: a unit is one row gw[k, ci, :]; scratch [chunks, cout] ---- */

void K(conv_by_weight_plan)(const ad_conv_shape *s, ad_work *work)
{
    plan_rows(conv_taps(s) * (s->cin / s->groups), work);
    work->per_thread = (size_t)(conv_chunks(s) * s->cout) * sizeof(real);
}

/* part[co] += sum over the pixels of one output row. */
static void row_by_weight(const ad_conv_shape *s, const ad_args *args, int64_t row, const int64_t k[3], int64_t ci, real *part)
{
    int64_t cin = s->cin / s->groups, cout = s->cout / s->groups, at[3];
    row_split(row, s->out, at);
    int64_t i0 = input_at(s, 0, at[1], k[0]), i1 = input_at(s, 1, at[2], k[1]);
    if (i0 < 0 || i0 >= s->in[0] || i1 < 0 || i1 >= s->in[1]) return;
    for (int64_t o2 = 0; o2 < s->out[2]; o2++) {
        int64_t i2 = input_at(s, 2, o2, k[2]);
        if (i2 < 0 || i2 >= s->in[2]) continue;
        const real *x = pixel(args->a, s->in, s->cin, at[0], i0, i1, i2);
        const real *gy = (const real *)args->b + (row * s->out[2] + o2) * s->cout;
        for (int64_t g = 0; g < s->groups; g++)
            for (int64_t o = g * cout; o < (g + 1) * cout; o++)
                part[o] = r_fma(x[g * cin + ci], gy[o], part[o]);
    }
}

void K(conv_by_weight_run)(const ad_conv_shape *s, int stage, int64_t unit, const ad_args *args)
{
    int64_t cin = s->cin / s->groups, tap = unit / cin, chunks = conv_chunks(s), rows = conv_rows(s);
    int64_t k[3] = { tap / s->kernel[2] / s->kernel[1], tap / s->kernel[2] % s->kernel[1], tap % s->kernel[2] };
    real *part = args->scratch, *gw = (real *)args->out + unit * s->cout;
    init(chunks * s->cout, NULL, part);
    for (int64_t c = 0; c < chunks; c++)
        for (int64_t r = rows * c / chunks; r < rows * (c + 1) / chunks; r++)
            row_by_weight(s, args, r, k, unit % cin, part + c * s->cout);
    for (int64_t step = 1; step < chunks; step *= 2)
        for (int64_t c = 0; c + step < chunks; c += 2 * step)
            for (int64_t o = 0; o < s->cout; o++)
                part[c * s->cout + o] += part[(c + step) * s->cout + o];
    for (int64_t o = 0; o < s->cout; o++)
        gw[o] = part[o];
}

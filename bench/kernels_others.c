/*
 * kernels_others.c - rows of attention, norms and elementwise functions: what moves more than it computes.
 *
 * Operations are nominal: two for each multiply-add of attention's matrix products (two forward, five in its adjoint, which makes the
 * scores again), one for each addition, multiplication, division and root of the others.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench/kernels.h"
#include "ops/kernels/select.h"

enum { LENGTH = 49, DEPTH = 32, HEADS = 3, CHANNELS = HEADS * DEPTH, WINDOWS = 256, STRIPE = 1024, EVERY = 1 << 13 };

/* ---- attention: windows of 7x7 of Swin-Unet at 224x224, batch 4 ---- */

static int64_t head_at(int64_t u)
{
    return u / HEADS * LENGTH * CHANNELS + u % HEADS * DEPTH;
}

static ad_attention_shape window_shape(int64_t u)
{
    ad_attention_shape s = { .lq = LENGTH, .lk = LENGTH, .d = DEPTH, .scale = 0.17 };
    s.row.q = s.row.k = s.row.v = s.row.out = s.row.gq = s.row.gk = s.row.gv = CHANNELS;
    if (u + 1 < WINDOWS * HEADS) s.next_columns = head_at(u + 1) - head_at(u);
    return s;
}

static void attention(const bench_job *j, int stage, int64_t u, const ad_args *args)
{
    const ad_attention_shape s = window_shape(u);
    int64_t at = head_at(u);
    j->kernels->norm.attention(&s, j->in[0] + at, j->in[1] + at, j->in[2] + at, NULL, NULL, j->out[0] + at, args->scratch);
}

static void attention_gradient(const bench_job *j, int stage, int64_t u, const ad_args *args)
{
    const ad_attention_shape s = window_shape(u);
    int64_t at = head_at(u);
    j->kernels->norm.attention_gradient(&s, j->in[0] + at, j->in[1] + at, j->in[2] + at, NULL, NULL, j->in[3] + at, j->out[0] + at, j->out[1] + at,
                                        j->out[2] + at, NULL, args->scratch);
}

/* ---- norms, stripe by stripe as the ops call them ---- */

static void moments(const bench_job *j, int stage, int64_t u, const ad_args *args)
{
    j->kernels->norm.column_moments(j->rows, j->columns, j->in[0] + u * j->rows * j->columns, j->out[0] + u * j->columns, j->out[1] + u * j->columns);
}

static void products(const bench_job *j, int stage, int64_t u, const ad_args *args)
{
    int64_t at = u * j->rows * j->columns;
    j->kernels->norm.column_products(j->rows, j->columns, j->in[0] + at, j->in[1] + at, j->in[2], j->out[0] + u * j->columns,
                                     j->out[1] + u * j->columns);
}

static void row_norm(const bench_job *j, int stage, int64_t u, const ad_args *args)
{
    int64_t at = u * j->rows * j->columns;
    j->kernels->norm.row_norm(j->rows, j->columns, j->in[0] + at, j->in[2], j->in[3], 1e-5, j->out[0] + at, j->out[1] + u * j->rows, j->out[2] + u * j->rows);
}

static void row_norm_gradient(const bench_job *j, int stage, int64_t u, const ad_args *args)
{
    int64_t at = u * j->rows * j->columns;
    j->kernels->norm.row_norm_gradient(j->rows, j->columns, j->in[0] + at, j->in[2], j->in[3] + u * j->rows, j->in[4] + u * j->rows, j->in[1] + at,
                                       j->out[0] + at, j->out[1] + u * j->columns, j->out[2] + u * j->columns);
}

/* ---- elementwise ---- */

static void add(const bench_job *j, int stage, int64_t u, const ad_args *args)
{
    const ad_lane in[] = { { j->in[0] + u * EVERY, 1 }, { j->in[1] + u * EVERY, 1 } };
    j->kernels->element.add(EVERY, in, j->out[0] + u * EVERY, NULL);
}

static void relu(const bench_job *j, int stage, int64_t u, const ad_args *args)
{
    const ad_lane in[] = { { j->in[0] + u * EVERY, 1 } };
    j->kernels->element.relu(EVERY, in, j->out[0] + u * EVERY, NULL);
}

static void adam(const bench_job *j, int stage, int64_t u, const ad_args *args)
{
    /* rate, decay, direction, beta1, 1 - beta1, beta2, 1 - beta2, eps, what it divides v by, what it multiplies p by */
    static const double k[] = { 1e-3, 0, 1, 0.9, 0.1, 0.999, 1e-3, 1e-8, 1, 1 };
    const void *const in[] = { j->in[0] + u * EVERY, j->in[1] + u * EVERY, j->in[2] + u * EVERY, j->in[3] + u * EVERY, NULL };
    void *const out[] = { j->out[0] + u * EVERY, j->out[1] + u * EVERY, j->out[2] + u * EVERY, NULL };
    j->kernels->element.adam_update(EVERY, k, in, out);
}

/* ---- rows ---- */

typedef void unit_of(const bench_job *j, int stage, int64_t u, const ad_args *args);

/* `elements` is the size of the large operands, of which `large` bytes an element are read and written; `flop` is for each element. */
typedef struct row {
    const char *text, *kind, *what;
    unit_of *unit;
    int64_t units, rows, columns;
    double flop, large;
} row;

#define ELEMENTS ((int64_t)EVERY * 1024)

static const row rows[] = {
    { "attention 7x7, 3x32", "attention", "forward", attention, WINDOWS * HEADS, 0, 0, 4.0 * LENGTH, 16 },
    { "attention 7x7, 3x32", "attention", "gradient", attention_gradient, WINDOWS * HEADS, 0, 0, 10.0 * LENGTH, 28 },
    { "batch norm 12 @128 32", "norm", "moments", moments, 192, STRIPE, 32, 5, 4 },
    { "batch norm 12 @128 32", "norm", "products", products, 192, STRIPE, 32, 4, 8 },
    { "layer norm 50176x96", "norm", "forward", row_norm, 196, 256, 96, 8, 8 },
    { "layer norm 50176x96", "norm", "gradient", row_norm_gradient, 196, 256, 96, 13, 12 },
    { "add", "elementwise", "forward", add, 1024, 0, 0, 1, 12 },
    { "relu", "elementwise", "forward", relu, 1024, 0, 0, 1, 8 },
    { "adam", "elementwise", "update", adam, 1024, 0, 0, 14, 28 },
};

/* Roots are taken of what a sum of squares would hold. */
static void positive(float *p, int64_t n)
{
    for (int64_t i = 0; i < n; i++) p[i] = p[i] * p[i] + 1e-3f;
}

void bench_others(const bench_options *o)
{
    float *in[BENCH_INPUTS], *out[BENCH_OUTPUTS];
    for (int i = 0; i < BENCH_INPUTS; i++) in[i] = bench_block(ELEMENTS * sizeof **in);
    for (int i = 0; i < BENCH_OUTPUTS; i++) out[i] = bench_block(ELEMENTS * sizeof **out);
    positive(in[3], ELEMENTS);
    positive(in[4], ELEMENTS);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const row *r = &rows[i];
        char text[96];
        int64_t each = r->rows ? r->rows * r->columns : r->unit == attention || r->unit == attention_gradient ? (int64_t)LENGTH * DEPTH : EVERY;
        bench_job j = { .kind = r->kind, .what = r->what, .unit = r->unit, .kernels = ad__kernels(o->isa, 0), .rows = r->rows, .columns = r->columns,
                        .flop = r->flop * (double)(each * r->units), .bytes = r->large * (double)(each * r->units),
                        .work = { .stages = 1, .units = { r->units }, .per_thread = AD_ATTENTION_SCRATCH(LENGTH, DEPTH) * sizeof(float) } };
        for (int k = 0; k < BENCH_INPUTS; k++) j.in[k] = in[k];
        for (int k = 0; k < BENCH_OUTPUTS; k++) j.out[k] = out[k];
        snprintf(text, sizeof text, "%s, %s", r->text, r->what);
        bench_measure(text, &j, 1, o, 1);
    }
    for (int i = 0; i < BENCH_INPUTS; i++) free(in[i]);
    for (int i = 0; i < BENCH_OUTPUTS; i++) free(out[i]);
}

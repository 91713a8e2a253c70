/*
 * kernels.c - how fast convolutions, products, attention, norms and elementwise functions are, beside the limits of the same moment.
 *
 *   bench/kernels [--isa=avx2|avx512] [--threads=N] [--rounds=N] [--json=FILE] [PATTERN]
 *
 * For each shape it prints GFLOP/s (two operations a multiply-add; nominal, padding counted) and the share of the multiply-add peak, medians over
 * rounds: of the direct kernels, and behind them of Winograd where the shape goes by it (effective: the multiply-adds that it saves are
 * counted, so a share may exceed 100 %). Of what moves more than it computes it prints GB/s and the share of the memory's. A round measures the
 * limits, then every direction once, so that a machine that slows down slows all of them. One thread is timed
 * by its processor time, several by the clock. PATTERN picks the rows whose text contains it. The JSON has both limits of every row
 * (bench/roofline.py draws it).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/kernels.h"
#include "ops/kernels/conv_winograd.h"
#include "ops/kernels/select.h"

enum { KINDS = 3, MOST_JOBS = 2 * KINDS, MOST_ROUNDS = 99 };

static const char *const directions[KINDS] = { "forward", "by_input", "by_weight" };

static void conv_unit(const bench_job *j, int stage, int64_t u, const ad_args *args)
{
    ((const ad_conv_kernel *)j->kernel)->run(j->shape, stage, u, args);
}

static void gemm_unit(const bench_job *j, int stage, int64_t u, const ad_args *args)
{
    ((const ad_gemm_kernel *)j->kernel)->run(j->shape, stage, u, args);
}

/* ---- rows ---- */

typedef struct conv_row {
    int n, cin, cout, size, kernel, stride;
} conv_row;

static const conv_row conv_rows[] = {
    { 12, 1, 32, 128, 3, 1 }, { 12, 32, 32, 128, 3, 1 }, { 12, 96, 32, 128, 3, 1 }, { 12, 64, 64, 64, 3, 1 }, { 12, 128, 128, 32, 3, 1 },
    { 4, 128, 128, 128, 3, 1 },
    { 12, 192, 192, 16, 3, 1 }, { 12, 384, 192, 16, 3, 1 }, { 12, 192, 192, 8, 3, 1 }, { 12, 192, 192, 4, 3, 1 }, { 12, 192, 192, 2, 3, 1 },
    { 12, 12, 12, 128, 3, 1 }, { 12, 24, 24, 128, 3, 1 }, { 12, 48, 48, 64, 3, 1 }, { 12, 96, 96, 32, 3, 1 },
    { 16, 8, 8, 64, 3, 1 }, { 16, 16, 16, 32, 3, 1 }, { 16, 24, 24, 16, 3, 1 }, { 16, 48, 48, 8, 3, 1 }, { 16, 1, 8, 64, 3, 1 },
    { 4, 64, 64, 224, 3, 1 }, { 4, 256, 256, 56, 3, 1 }, { 4, 512, 512, 28, 3, 1 },
    { 12, 64, 64, 64, 1, 1 }, { 12, 192, 192, 16, 1, 1 }, { 12, 32, 2, 128, 1, 1 },
    { 12, 64, 32, 64, 2, 2 }, { 12, 192, 96, 16, 2, 2 }, { 4, 3, 96, 224, 4, 4 }, { 12, 32, 64, 64, 3, 2 },
};

/* Rows, inputs, outputs of linear layers: those of Swin-Unet at 224x224, batch 4, and square ones. */
static const int gemm_rows[][3] = {
    { 12544, 96, 288 }, { 12544, 96, 96 }, { 12544, 96, 384 }, { 12544, 384, 96 }, { 3136, 192, 576 }, { 3136, 192, 768 }, { 3136, 768, 192 },
    { 784, 384, 1152 }, { 784, 1536, 384 }, { 196, 768, 2304 }, { 196, 768, 3072 }, { 196, 3072, 768 }, { 49152, 32, 32 },
    { 512, 512, 512 }, { 1024, 1024, 1024 },
};

static void conv_measure(const conv_row *r, const bench_options *o)
{
    const ad_conv_kernels *k = &ad__kernels(o->isa, 0)->conv, *winograd = &ad__kernels_winograd(o->isa)->conv;
    int pad = r->stride == 1 ? r->kernel / 2 : r->kernel == 3, out = (r->size + 2 * pad - r->kernel) / r->stride + 1;
    ad_conv_shape s = {
        .n = r->n, .in = { 1, r->size, r->size }, .out = { 1, out, out }, .kernel = { 1, r->kernel, r->kernel },
        .stride = { 1, r->stride, r->stride }, .pad = { 0, pad, pad }, .dilation = { 1, 1, 1 }, .cin = r->cin, .cout = r->cout, .groups = 1,
    };
    size_t x = (size_t)r->n * r->size * r->size * r->cin * 4, y = (size_t)r->n * out * out * r->cout * 4;
    size_t w = (size_t)r->kernel * r->kernel * r->cin * r->cout * 4;
    char text[96];
    snprintf(text, sizeof text, "conv %dx%d/%d %d %d->%d @%d", r->kernel, r->kernel, r->stride, r->n, r->cin, r->cout, r->size);
    void *in = bench_block(x), *weight = bench_block(w), *gy = bench_block(y), *out_x = bench_block(x), *out_w = bench_block(w), *out_y = bench_block(y);
    const ad_args args[KINDS] = {
        [AD_CONV_FORWARD] = { .a = in, .b = weight, .out = out_y },
        [AD_CONV_BY_INPUT] = { .a = gy, .b = weight, .out = out_x },
        [AD_CONV_BY_WEIGHT] = { .a = in, .b = gy, .out = out_w },
    };
    const ad_conv_kernel *kernels[MOST_JOBS] = { &k->forward, &k->by_input, &k->by_weight, &winograd->forward, &winograd->by_input, &winograd->by_weight };
    bench_job jobs[MOST_JOBS];
    int n = 0;
    for (int i = 0; i < MOST_JOBS; i++) {
        if (i >= KINDS && !ad__conv_winograd_fits(&s, (ad_conv_direction)(i % KINDS))) continue;
        jobs[n] = (bench_job){ .kind = i < KINDS ? "direct" : "winograd", .what = directions[i % KINDS], .unit = conv_unit, .kernel = kernels[i], .shape = &s,
                               .args = args[i % KINDS], .flop = 2.0 * (double)(y / 4) * r->kernel * r->kernel * r->cin, .bytes = (double)(x + y + w) };
        kernels[i]->plan(&s, &jobs[n].work);
        n++;
    }
    bench_measure(text, jobs, n, o, 0);
    void *all[] = { in, weight, gy, out_x, out_w, out_y };
    for (int i = 0; i < 6; i++)
        free(all[i]);
}

/* y = x w, gx = gy w^T, gw = x^T gy. */
static void gemm_measure(const int *r, const ad_kernels *k, const bench_options *o)
{
    char text[96];
    snprintf(text, sizeof text, "linear %d rows %d -> %d", r[0], r[1], r[2]);
    size_t rows = (size_t)r[0], in = (size_t)r[1], out = (size_t)r[2];
    void *x = bench_block(rows * in * 4), *w = bench_block(in * out * 4), *y = bench_block(rows * out * 4);
    void *to_x = bench_block(rows * in * 4), *to_w = bench_block(in * out * 4), *to_y = bench_block(rows * out * 4);
    const ad_gemm_kernel *gemm = &k->conv.gemm;
    const ad_gemm_shape shapes[KINDS] = {
        { .batch = 1, .m = r[0], .n = r[2], .k = r[1] },
        { .batch = 1, .m = r[0], .n = r[1], .k = r[2], .transposed_b = 1 },
        { .batch = 1, .m = r[1], .n = r[2], .k = r[0], .transposed_a = 1 },
    };
    const ad_args args[KINDS] = { { .a = x, .b = w, .out = to_y }, { .a = y, .b = w, .out = to_x }, { .a = x, .b = y, .out = to_w } };
    bench_job jobs[KINDS];
    for (int i = 0; i < KINDS; i++) {
        jobs[i] = (bench_job){ .kind = "linear", .what = directions[i], .unit = gemm_unit, .kernel = gemm, .shape = &shapes[i], .args = args[i],
                               .flop = 2.0 * r[0] * r[1] * r[2], .bytes = 4.0 * (double)(rows * in + in * out + rows * out) };
        gemm->plan(&shapes[i], &jobs[i].work);
    }
    bench_measure(text, jobs, KINDS, o, 0);
    void *all[] = { x, w, y, to_x, to_w, to_y };
    for (int i = 0; i < 6; i++)
        free(all[i]);
}

int main(int argc, char **argv)
{
    ad_json_writer json = { .indent = 1 };
    const char *file = NULL;
    bench_options o = { .isa = ad__kernels_isa(), .threads = 1, .rounds = 5 };
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--isa=avx2")) o.isa = 1;
        else if (!strcmp(argv[i], "--isa=avx512")) o.isa = 2;
        else if (!strncmp(argv[i], "--threads=", 10)) o.threads = atoi(argv[i] + 10);
        else if (!strncmp(argv[i], "--rounds=", 9)) o.rounds = atoi(argv[i] + 9);
        else if (!strncmp(argv[i], "--json=", 7)) file = argv[i] + 7;
        else o.pattern = argv[i];
    }
    if (o.isa > ad__kernels_isa() || o.isa < 1 || o.threads < 1 || o.rounds < 1 || o.rounds > MOST_ROUNDS) {
        fprintf(stderr, "usage: kernels [--isa=avx2|avx512] [--threads=N] [--rounds=1..%d] [--json=FILE] [PATTERN]; this processor has %s\n", MOST_ROUNDS,
                ad__kernels(2, 0)->name);
        return 2;
    }
    const ad_kernels *k = ad__kernels(o.isa, 0);
    ad_error e = { 0 };
    if (file) o.json = &json;
    ad_json_open_array(&json, NULL);
    printf("%s, %d thread%s; GFLOP/s and share of the peak\n", k->name, o.threads, o.threads > 1 ? "s" : "");
    printf("%-30s  %12s  %12s  %12s  (winograd)\n", "convolution, square images", "forward", "by_input", "by_weight");
    for (size_t i = 0; i < sizeof conv_rows / sizeof *conv_rows; i++)
        conv_measure(&conv_rows[i], &o);
    printf("%-30s  %12s  %12s  %12s\n", "linear layers", "forward", "by_input", "by_weight");
    for (size_t i = 0; i < sizeof gemm_rows / sizeof *gemm_rows; i++)
        gemm_measure(gemm_rows[i], k, &o);
    printf("%-30s  GB/s and share of the memory's\n", "what moves more than it computes");
    bench_others(&o);
    ad_json_close(&json);
    ad_json_end(&json);
    ad_status written = file ? ad_text_write(&e, file, &json.text) : AD_OK;
    ad_text_free(&json.text);
    if (written != AD_OK) fprintf(stderr, "kernels: %s\n", e.message);
    return ad_status_exit(written);
}

/*
 * kernels.c - how fast convolutions and products are, beside the multiply-add peak of the same moment.
 *
 *   bench/kernels [--isa=avx2|avx512] [--threads=N] [--rounds=N] [PATTERN]
 *
 * For each shape it prints GFLOP/s (two operations a multiply-add; nominal, padding counted) and the share of the peak, medians over
 * rounds: of the direct kernels, and behind them of Winograd where the shape goes by it (effective: the multiply-adds that it saves are
 * counted, so a share may exceed 100 %). A round measures the peak, then every direction once, so that a machine that slows down slows all of them. One thread is timed
 * by its processor time, several by the clock. PATTERN picks the rows whose text contains it.
 */
#define _DEFAULT_SOURCE

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "ops/kernels/conv_winograd.h"
#include "ops/kernels/limits.h"
#include "ops/kernels/select.h"

enum { MOST_ROUNDS = 99, KINDS = 3, MOST_JOBS = 2 * KINDS, HUGE = 2 << 20 };

typedef struct options {
    int isa, threads, rounds;
    const char *pattern;
} options;

static double seconds(const options *o)
{
    struct timespec t;
    clock_gettime(o->threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_value);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

enum { PEAK_STEPS = 200000 };

/* GFLOP/s of all threads together. */
static double peak(const options *o)
{
    double begin = seconds(o), done = 0;
#pragma omp parallel num_threads(o->threads) reduction(+ : done)
    done += ad__limit_fma(o->isa, PEAK_STEPS);
    return 2e-9 * done / (seconds(o) - begin);
}

/* ---- one kernel ---- */

typedef struct job {
    const ad_conv_kernel *conv;          /* or gemm */
    ad_conv_shape conv_shape;
    const ad_gemm_kernel *gemm;
    ad_gemm_shape gemm_shape;
    ad_work work;
    ad_args args;
    char *scratch;                       /* per thread */
    double flop;
} job;

/* On large pages, as the arena's are. */
static void *block(size_t bytes)
{
    size_t whole = (bytes + HUGE - 1) / HUGE * HUGE;
    float *p = aligned_alloc(HUGE, whole ? whole : HUGE);
    if (!p) exit(1);
    madvise(p, whole, MADV_HUGEPAGE);
    for (size_t i = 0; i < whole / sizeof *p; i++)
        p[i] = (float)(i * 2654435761u % 2001) / 1000 - 1;
    return p;
}

static void job_run(const job *j, const options *o)
{
    size_t per_thread = (j->work.per_thread + 63) / 64 * 64;
    for (int stage = 0; stage < j->work.stages; stage++) {
#pragma omp parallel for schedule(dynamic) num_threads(o->threads)
        for (int64_t u = 0; u < j->work.units[stage]; u++) {
            ad_args a = j->args;
            a.scratch = j->scratch + per_thread * (size_t)omp_get_thread_num();
            if (j->conv) j->conv->run(&j->conv_shape, stage, u, &a);
            else j->gemm->run(&j->gemm_shape, stage, u, &a);
        }
    }
}

/* GFLOP/s over at least 10 ms. */
static double job_speed(const job *j, const options *o)
{
    double begin = seconds(o), passed;
    int times = 0;
    do {
        job_run(j, o);
        times++;
        passed = seconds(o) - begin;
    } while (passed < 0.01);
    return 1e-9 * j->flop * times / passed;
}

static void measure(const char *text, job *jobs, int n, const options *o)
{
    double speed[MOST_JOBS][MOST_ROUNDS], share[MOST_JOBS][MOST_ROUNDS], peaks[MOST_ROUNDS];
    if (o->pattern && !strstr(text, o->pattern)) return;
    for (int i = 0; i < n; i++) {
        jobs[i].args.shared = block(jobs[i].work.shared);
        jobs[i].scratch = block((jobs[i].work.per_thread + 64) * (size_t)o->threads);
        job_run(&jobs[i], o);
    }
    for (int r = 0; r < o->rounds; r++) {
        peaks[r] = peak(o);
        for (int i = 0; i < n; i++) {
            speed[i][r] = job_speed(&jobs[i], o);
            share[i][r] = speed[i][r] / peaks[r];
        }
    }
    printf("%-30s", text);
    for (int i = 0; i < n; i++)
        printf("  %6.1f %4.0f%%", median(speed[i], o->rounds), 100 * median(share[i], o->rounds));
    printf("   peak %.0f\n", median(peaks, o->rounds));
    fflush(stdout);
    for (int i = 0; i < n; i++) {
        free(jobs[i].args.shared);
        free(jobs[i].scratch);
    }
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

static void conv_measure(const conv_row *r, const options *o)
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
    void *in = block(x), *weight = block(w), *gy = block(y), *out_x = block(x), *out_w = block(w), *out_y = block(y);
    const ad_args args[KINDS] = {
        [AD_CONV_FORWARD] = { .a = in, .b = weight, .out = out_y },
        [AD_CONV_BY_INPUT] = { .a = gy, .b = weight, .out = out_x },
        [AD_CONV_BY_WEIGHT] = { .a = in, .b = gy, .out = out_w },
    };
    const ad_conv_kernel *kernels[MOST_JOBS] = { &k->forward, &k->by_input, &k->by_weight, &winograd->forward, &winograd->by_input, &winograd->by_weight };
    job jobs[MOST_JOBS];
    int n = 0;
    for (int i = 0; i < MOST_JOBS; i++) {
        if (i >= KINDS && !ad__conv_winograd_fits(&s, (ad_conv_direction)(i % KINDS))) continue;
        jobs[n] = (job){ .conv = kernels[i], .args = args[i % KINDS], .conv_shape = s, .flop = 2.0 * (double)(y / 4) * r->kernel * r->kernel * r->cin };
        jobs[n].conv->plan(&s, &jobs[n].work);
        n++;
    }
    measure(text, jobs, n, o);
    void *all[] = { in, weight, gy, out_x, out_w, out_y };
    for (int i = 0; i < 6; i++)
        free(all[i]);
}

/* y = x w, gx = gy w^T, gw = x^T gy. */
static void gemm_measure(const int *r, const ad_kernels *k, const options *o)
{
    char text[96];
    snprintf(text, sizeof text, "linear %d rows %d -> %d", r[0], r[1], r[2]);
    size_t rows = (size_t)r[0], in = (size_t)r[1], out = (size_t)r[2];
    void *x = block(rows * in * 4), *w = block(in * out * 4), *y = block(rows * out * 4);
    void *to_x = block(rows * in * 4), *to_w = block(in * out * 4), *to_y = block(rows * out * 4);
    job jobs[KINDS] = {
        { .args = { .a = x, .b = w, .out = to_y }, .gemm_shape = { .m = r[0], .n = r[2], .k = r[1] } },
        { .args = { .a = y, .b = w, .out = to_x }, .gemm_shape = { .m = r[0], .n = r[1], .k = r[2], .transposed_b = 1 } },
        { .args = { .a = x, .b = y, .out = to_w }, .gemm_shape = { .m = r[1], .n = r[2], .k = r[0], .transposed_a = 1 } },
    };
    for (int i = 0; i < KINDS; i++) {
        jobs[i].gemm = &k->conv.gemm;
        jobs[i].gemm_shape.batch = 1;
        jobs[i].flop = 2.0 * r[0] * r[1] * r[2];
        jobs[i].gemm->plan(&jobs[i].gemm_shape, &jobs[i].work);
    }
    measure(text, jobs, KINDS, o);
    void *all[] = { x, w, y, to_x, to_w, to_y };
    for (int i = 0; i < 6; i++)
        free(all[i]);
}

int main(int argc, char **argv)
{
    options o = { .isa = ad__kernels_isa(), .threads = 1, .rounds = 5 };
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--isa=avx2")) o.isa = 1;
        else if (!strcmp(argv[i], "--isa=avx512")) o.isa = 2;
        else if (!strncmp(argv[i], "--threads=", 10)) o.threads = atoi(argv[i] + 10);
        else if (!strncmp(argv[i], "--rounds=", 9)) o.rounds = atoi(argv[i] + 9);
        else o.pattern = argv[i];
    }
    if (o.isa > ad__kernels_isa() || o.isa < 1 || o.threads < 1 || o.rounds < 1 || o.rounds > MOST_ROUNDS) {
        fprintf(stderr, "usage: kernels [--isa=avx2|avx512] [--threads=N] [--rounds=1..%d] [PATTERN]; this processor has %s\n", MOST_ROUNDS,
                ad__kernels(2, 0)->name);
        return 2;
    }
    const ad_kernels *k = ad__kernels(o.isa, 0);
    printf("%s, %d thread%s; GFLOP/s and share of the peak\n", k->name, o.threads, o.threads > 1 ? "s" : "");
    printf("%-30s  %12s  %12s  %12s  (winograd)\n", "convolution, square images", "forward", "by_input", "by_weight");
    for (size_t i = 0; i < sizeof conv_rows / sizeof *conv_rows; i++)
        conv_measure(&conv_rows[i], &o);
    printf("%-30s  %12s  %12s  %12s\n", "linear layers", "forward", "by_input", "by_weight");
    for (size_t i = 0; i < sizeof gemm_rows / sizeof *gemm_rows; i++)
        gemm_measure(gemm_rows[i], k, &o);
    return 0;
}

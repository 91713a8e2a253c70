/* kernels_measure.c - times jobs beside the limits of the machine in the same moment, and prints what came out. */
#define _DEFAULT_SOURCE

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "bench/kernels.h"
#include "ops/kernels/limits.h"

enum { MOST_ROUNDS = 99, MOST_JOBS = 6, HUGE_PAGE = 2 << 20, PEAK_STEPS = 200000, MOVED = 1 << 20, PARTS = 8 };

typedef struct speeds {
    double flops[MOST_ROUNDS], bytes[MOST_ROUNDS], of_peak[MOST_ROUNDS], of_memory[MOST_ROUNDS];
} speeds;

static double seconds(const bench_options *o)
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

void *bench_block(size_t bytes)
{
    size_t whole = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    float *p = aligned_alloc(HUGE_PAGE, whole ? whole : HUGE_PAGE);
    if (!p) exit(1);
    madvise(p, whole, MADV_HUGEPAGE);        /* as the arena's are */
    for (size_t i = 0; i < whole / sizeof *p; i++) p[i] = (float)(i * 2654435761u % 2001) / 1000 - 1;
    return p;
}

/* Operations a second of all threads together. */
static double peak(const bench_options *o)
{
    double begin = seconds(o), done = 0;
#pragma omp parallel num_threads(o->threads) reduction(+ : done)
    done += ad__limit_fma(o->isa, PEAK_STEPS);
    return 2 * done / (seconds(o) - begin);
}

/* Bytes a second, over arrays that no cache holds. */
static double memory(const bench_options *o, float *const arrays[3])
{
    double begin = seconds(o), done = 0;
#pragma omp parallel for num_threads(o->threads) schedule(static) reduction(+ : done)
    for (int k = 0; k < PARTS; k++)
        done += ad__limit_move(MOVED, arrays[0] + k * MOVED, arrays[1] + k * MOVED, arrays[2] + k * MOVED);
    return done / (seconds(o) - begin);
}

static void job_run(const bench_job *j, const bench_options *o)
{
    size_t per_thread = (j->work.per_thread + 63) / 64 * 64;
    for (int stage = 0; stage < j->work.stages; stage++) {
#pragma omp parallel for schedule(dynamic) num_threads(o->threads)
        for (int64_t u = 0; u < j->work.units[stage]; u++) {
            ad_args a = j->args;
            a.scratch = j->scratch + per_thread * (size_t)omp_get_thread_num();
            j->unit(j, stage, u, &a);
        }
    }
}

/* Seconds of one run, over at least 10 ms. */
static double job_seconds(const bench_job *j, const bench_options *o)
{
    double begin = seconds(o), passed;
    int times = 0;
    do {
        job_run(j, o);
        times++;
        passed = seconds(o) - begin;
    } while (passed < 0.01);
    return passed / times;
}

static void put_job(const char *text, const bench_job *j, speeds *v, double peaks, double moves, const bench_options *o)
{
    ad_json_writer *w = o->json;
    ad_json_open_object(w, NULL);
    ad_json_put_text(w, "row", text);
    ad_json_put_text(w, "kind", j->kind);
    ad_json_put_text(w, "what", j->what);
    ad_json_put_number(w, "flop", j->flop);
    ad_json_put_number(w, "bytes", j->bytes);
    ad_json_put_number(w, "flops", median(v->flops, o->rounds));
    ad_json_put_number(w, "of_peak", median(v->of_peak, o->rounds));
    ad_json_put_number(w, "of_memory", median(v->of_memory, o->rounds));
    ad_json_put_number(w, "limit_flops", peaks);
    ad_json_put_number(w, "limit_bytes", moves);
    ad_json_close(w);
}

void bench_measure(const char *text, bench_job *jobs, int n, const bench_options *o, int moving)
{
    speeds v[MOST_JOBS];
    double peaks[MOST_ROUNDS], moves[MOST_ROUNDS] = { 0 };
    float *arrays[3] = { NULL, NULL, NULL };
    bool all = moving || o->json;             /* both limits are wanted */
    if (o->pattern && !strstr(text, o->pattern)) return;
    for (int k = 0; k < 3 && all; k++) arrays[k] = bench_block(PARTS * MOVED * sizeof **arrays);
    for (int i = 0; i < n; i++) {
        jobs[i].args.shared = bench_block(jobs[i].work.shared);
        jobs[i].scratch = bench_block((jobs[i].work.per_thread + 64) * (size_t)o->threads);
        job_run(&jobs[i], o);
    }
    for (int r = 0; r < o->rounds; r++) {
        peaks[r] = peak(o);
        if (all) moves[r] = memory(o, arrays);
        for (int i = 0; i < n; i++) {
            double passed = job_seconds(&jobs[i], o);
            v[i].flops[r] = jobs[i].flop / passed;
            v[i].bytes[r] = jobs[i].bytes / passed;
            v[i].of_peak[r] = v[i].flops[r] / peaks[r];
            v[i].of_memory[r] = all ? v[i].bytes[r] / moves[r] : 0;
        }
    }
    double top = median(peaks, o->rounds), rate = median(moves, o->rounds);
    printf("%-30s", text);
    for (int i = 0; i < n; i++)
        printf("  %6.1f %4.0f%%", 1e-9 * median(moving ? v[i].bytes : v[i].flops, o->rounds), 100 * median(moving ? v[i].of_memory : v[i].of_peak, o->rounds));
    if (moving) printf("   memory %.1f\n", 1e-9 * rate);
    else printf("   peak %.0f\n", 1e-9 * top);
    fflush(stdout);
    for (int i = 0; i < n; i++) {
        if (o->json) put_job(text, &jobs[i], &v[i], top, rate, o);
        free(jobs[i].args.shared);
        free(jobs[i].scratch);
    }
    for (int k = 0; k < 3; k++) free(arrays[k]);
}

/*
 * kernels.h - what the rows of bench/kernels share: options, a job (one kernel on one shape), and its measurement.
 */
#ifndef ADZE_BENCH_KERNELS_H
#define ADZE_BENCH_KERNELS_H

#include "formats/formats.h"
#include "ops/kernels/kernels.h"

typedef struct bench_options {
    int isa, threads, rounds;
    const char *pattern;
    ad_json_writer *json;          /* NULL: the table alone */
} bench_options;

enum { BENCH_INPUTS = 5, BENCH_OUTPUTS = 5 };

/* One kernel on one shape: `work` units in stages, each done by `unit` with scratch of its thread. */
typedef struct bench_job {
    const char *kind;              /* "direct", "winograd", "linear", "attention", "norm", "elementwise" */
    const char *what;              /* "forward" */
    void (*unit)(const struct bench_job *j, int stage, int64_t unit, const ad_args *args);
    const ad_kernels *kernels;
    const void *kernel, *shape;    /* of staged kernels */
    ad_work work;
    ad_args args;
    char *scratch;                 /* per thread */
    float *in[BENCH_INPUTS], *out[BENCH_OUTPUTS];
    int64_t rows, columns;         /* of one unit */
    double flop, bytes;            /* bytes: every operand and result once */
} bench_job;

/* Pages and values of an operand; ends the program when memory is out. */
void *bench_block(size_t bytes);
/* Prints a row of the table: speed and share of the multiply-add peak, or (`moving`) bytes a second and share of the memory's. */
void bench_measure(const char *text, bench_job *jobs, int n, const bench_options *o, int moving);

/* Attention, norms, elementwise functions. */
void bench_others(const bench_options *o);

#endif

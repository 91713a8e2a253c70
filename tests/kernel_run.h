/*
 * kernel_run.h - runs a staged kernel in the tests: scratch of exactly the planned size with guard bytes behind everything that is
 * written, all of it a NaN as a float, so that reading before writing shows; units in falling order to show that the order does not
 * matter.
 */
#ifndef ADZE_TESTS_KERNEL_RUN_H
#define ADZE_TESTS_KERNEL_RUN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ops/kernels/select.h"

enum { GUARD = 256, GUARD_BYTE = 0xff };

static inline void *guarded_new(size_t bytes)
{
    unsigned char *p = aligned_alloc(64, (bytes + GUARD + 63) / 64 * 64);
    assert_non_null(p);
    memset(p, GUARD_BYTE, bytes + GUARD);
    return p;
}

static inline void guarded_free(void *block, size_t bytes)
{
    unsigned char *p = block;
    for (int i = 0; i < GUARD; i++)
        if (p[bytes + (size_t)i] != GUARD_BYTE) fail_msg("byte %d past the end was written", i);
    free(p);
}

typedef void (*unit_fn)(const void *shape, int stage, int64_t unit, const ad_args *args);

/* `run` gets each unit of each stage; args->out must be a guarded block that the caller checks. */
static inline void kernel_run(const ad_work *work, const void *shape, unit_fn run, ad_args args)
{
    args.shared = guarded_new(work->shared);
    args.scratch = guarded_new(work->per_thread);
    for (int stage = 0; stage < work->stages; stage++)
        for (int64_t u = work->units[stage] - 1; u >= 0; u--)
            run(shape, stage, u, &args);
    guarded_free(args.shared, work->shared);
    guarded_free(args.scratch, work->per_thread);
}

/* Numbers in [-1, 1), the same everywhere. */
static inline double number(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (double)(int32_t)*state / 2147483648.0;
}

static inline float *numbers_new(int64_t n, uint32_t seed)
{
    float *p = guarded_new((size_t)n * sizeof *p);
    for (int64_t i = 0; i < n; i++)
        p[i] = (float)number(&seed);
    return p;
}

static inline double *widened_new(int64_t n, const float *x)
{
    double *p = guarded_new((size_t)n * sizeof *p);
    for (int64_t i = 0; i < n; i++)
        p[i] = x[i];
    return p;
}

#endif

/* op_samples.h - tests over the op table: one test for every sample of every op, and a context for them. */
#ifndef ADZE_TESTS_OP_SAMPLES_H
#define ADZE_TESTS_OP_SAMPLES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ops/ops.h"

/* Of one thread, between the two. */
extern ad_ctx *ctx;
int open_ctx(void **state);
int close_ctx(void **state);

/* What `check` finds in *state. */
typedef struct op_sample {
    const ad_op *op;
    const ad_sample *sample;
} op_sample;

/* Runs n_first tests, then `check` as the test OP/SAMPLE of every sample that is wanted (wanted NULL: all); of one op if `only` names it.
 * Gives how many failed, 1 where there is no memory. */
int run_op_samples(const char *group, size_t n_first, const struct CMUnitTest *first, CMUnitTestFunction check,
                   bool (*wanted)(const ad_op *op, const ad_sample *s), const char *only, CMFixtureFunction start, CMFixtureFunction stop);

#endif

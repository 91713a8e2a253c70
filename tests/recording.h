/* recording.h - a model in a text, its weights, and one of its programs recorded in double: what tests of recordings are made of. */
#ifndef ADZE_TESTS_RECORDING_H
#define ADZE_TESTS_RECORDING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/models.h"
#include "ops/ops.h"

/* The first lines of a model with one input x [B,2]. */
#define HEAD "adze: 1\nmodel: a\ninputs:\n  x: {shape: [B, 2]}\n"

typedef struct bench {
    ad_ctx *ctx;
    ad_model *m;
    ad_params *params;
    ad_tape *t;
    ad_recorded *r;
} bench;

/* A context of one thread as *state. */
int set_up(void **state);
int tear_down(void **state);

void begin(bench *b, ad_ctx *ctx, const char *text);
void record(bench *b, const char *program, const ad_record_options *o);
void end(bench *b);

void set_weight(bench *b, const char *path, const double *values);
void give(bench *b, const char *input, const double *values);
double value(bench *b, const char *expression, int64_t i);
void near(double got, double want);

#endif

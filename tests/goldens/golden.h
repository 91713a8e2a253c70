/*
 * golden.h - what the parts of the golden runner share: cases, verdicts, and the border where layouts change.
 *
 * A case is one safetensors file with inputs, results and gradients of an independent implementation, N,C,H,W and in PyTorch's order
 * of weights. Everything that is known about foreign names stands in tables: op_rows.c (a row per kind of op), optim.c, metrics.c,
 * data.c, and the `map:` section of a model.
 */
#ifndef ADZE_TESTS_GOLDENS_H
#define ADZE_TESTS_GOLDENS_H

#include "autograd/autograd.h"
#include "formats/formats.h"
#include "models/models.h"

typedef enum verdict { PASSED, FAILED, SKIPPED } verdict;

typedef struct golden {
    ad_ctx *ctx;
    ad_error error;              /* of files */
    int n_models;
    ad_model **models;           /* the zoo, opened when the first model case comes; their maps say which case is theirs */
} golden;

/* One case while it runs. The tensor that misses its tolerance by the largest factor is remembered. */
typedef struct kase {
    golden *g;
    const char *name;            /* "conv2d_03" */
    const ad_safetensors *st;
    ad_precision precision;
    int moved;                   /* how often the weights were moved by rounding (models.c) */
    char reason[1024];           /* why it failed or was skipped */
    char worst[160];             /* tensor */
    double error, limit;         /* of the worst */
    int compared;                /* tensors */
} kase;

verdict run_op(kase *k);         /* ops.c */
verdict run_resampling(kase *k); /* ops.c: several ops in one file */
verdict run_optimiser(kase *k);  /* optim.c */
verdict run_schedule(kase *k);   /* optim.c */
verdict run_metric(kase *k);     /* metrics.c */
verdict run_data(kase *k);       /* data.c */
verdict run_model(kase *k);      /* models.c */
verdict run_training(kase *k);   /* training.c */
/* config.c: the JSON of the configuration and `shape_NAME` of every input, malloc'ed; NULL if there is none or no memory. */
char *config_of(const kase *k);

/* Sets the reason and returns FAILED or SKIPPED. */
verdict give_up(kase *k, verdict v, const char *format, ...) AD_PRINTF(3, 4);
/* The message of an error, which is cleared. */
verdict failed_with(kase *k, ad_error *e);
/* PASSED unless a tensor missed its tolerance. */
verdict judged(kase *k);

/* ---- the border ---- */

/* How an operand lies in files: memory is channels-last, weights have their inputs and outputs last. */
typedef enum order {
    PLAIN = '-',
    IMAGE = 'i',                 /* file [N,C,..], memory [N,..,C] */
    CONV = 'c',                  /* file [O,I,..], memory [..,I,O] */
    TRANSPOSED = 't',            /* file [I,O,..], memory [..,I,O] */
    LINEAR = 'l',                /* file [O,I], memory [I,O] */
    LAST = 'a',                  /* one axis, given, becomes the last */
    INTEGER = 'n'                /* plain, of I32 */
} order;

/* perm[i]: the file axis that memory axis i is. */
void order_axes(order o, int rank, int axis, int perm[AD_ARRAY_RANK]);
/* Shape in memory. */
void memory_shape(const ad_array *a, const int *perm, ad_dtype dtype, ad_shape *s);
/* Values in memory order as doubles, malloc'ed; NULL and a reason when that fails. */
double *memory_values(kase *k, const ad_array *a, const int *perm);
/* An input of the tape set to an array; NULL and a reason when that fails. */
ad_tensor *given_input(kase *k, ad_tape *t, const char *name, const ad_array *a, order o, int axis);
/* Doubles into memory of the tape's precision or dtype, malloc'ed. */
void *as_stored(const double *values, int64_t n, ad_dtype dtype, ad_precision p);
double stored_at(const void *data, int64_t i, ad_dtype dtype, ad_precision p);

/* Compares values in memory order with an array of the file: max |a-b| <= tolerance * max(max|b|, floor); NaN and infinities must agree. */
void compare(kase *k, const ad_array *want, const int *perm, const double *got, double tolerance, double floor);
/* The same with an absolute tolerance. */
void compare_absolute(kase *k, const ad_array *want, const double *got, double tolerance);
double array_max(const ad_array *a);             /* largest finite magnitude */

const ad_array *find(const kase *k, const char *prefix, const char *name);
double metadata_number(const kase *k, const char *key, double otherwise);

#endif

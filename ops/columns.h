/*
 * columns.h - statistics by column of rows [n, c], in chunks of rows whose number depends on the shape alone. Private to ops/.
 *
 * Each chunk leaves `parts` vectors of c numbers in the shared scratch; they are folded in double precision in the order of the chunks.
 */
#ifndef ADZE_OPS_COLUMNS_H
#define ADZE_OPS_COLUMNS_H

#include "ops/kernels/kernels.h"
#include "ops/ops.h"

typedef struct ad__columns {
    int64_t n, c;               /* all but the last axis, and the last */
    int64_t rows, chunks;       /* rows of a chunk, number of chunks */
    int parts;                  /* vectors a chunk leaves */
} ad__columns;

ad__columns ad__columns_of(const ad_shape *x, int parts);
/* Scratch for the chunks' parts and `vectors` more of c numbers. */
size_t ad__columns_bytes(const ad__columns *s, int vectors, ad_precision p);

/* Row `row` of `rows` [.., c], and vector `part` of chunk `i` in the shared scratch. */
void *ad__row(const ad_call *c, const void *rows, int64_t row, int64_t width);
void *ad__columns_part(const ad_call *c, const ad__columns *s, int64_t i, int part);
/* Number i of an array of the call's precision, and setting it. */
double ad__get(const ad_call *c, const void *array, int64_t i);
void ad__put(const ad_call *c, void *array, int64_t i, double value);
size_t ad__real_size(ad_precision p);

/* Calls f once for each chunk, on the call's threads, with its first row, its rows and its vectors. */
typedef void ad__chunk(const ad__columns *s, int64_t row, int64_t rows, const ad_kernels *k, void *const *part, void *arg);
void ad__columns_run(const ad_call *c, const ad__columns *s, ad__chunk *f, void *arg);
/* Calls f for each chunk without vectors: the pass that writes. */
void ad__columns_apply(const ad_call *c, const ad__columns *s, ad__chunk *f, void *arg);

/* Calls f(j, arg) for every column, on the call's threads: where the chunks' numbers are folded. */
void ad__columns_fold(const ad_call *c, const ad__columns *s, void (*f)(int64_t j, void *arg), void *arg);
/* Sum over the chunks of number j of a part; mean and squared distances of column j from the chunks' own (parts 0 and 1). */
double ad__columns_sum(const ad_call *c, const ad__columns *s, int part, int64_t j);
void ad__columns_moments(const ad_call *c, const ad__columns *s, int64_t j, double *mean, double *m2);
/* Vector i of c numbers behind the chunks' parts in the shared scratch; bytes for `n` of them are asked for by ad__columns_bytes. */
void *ad__columns_vector(const ad_call *c, const ad__columns *s, int i);

#endif

/*
 * rows.h - ops that work on the last axis: the parallel loop over rows.
 */
#ifndef ADZE_OPS_ROWS_H
#define ADZE_OPS_ROWS_H

#include "ops/elementwise.h"

/* Calls body(c, row, rows) for runs of rows of `n` numbers that cover `rows`. */
void ad__each_rows(const ad_call *c, int64_t rows, int64_t n, void (*body)(const ad_call *c, int64_t row, int64_t rows));

/* Input k, or output 0, from a row of n numbers on. */
const void *ad__row_in(const ad_call *c, int k, int64_t row, int64_t n);
void *ad__row_out(const ad_call *c, int64_t row, int64_t n);

/* Last axis and number of rows of a shape; a number is one row of one. */
int64_t ad__last(const ad_shape *s);
int64_t ad__rows(const ad_shape *s);

#endif

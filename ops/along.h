/*
 * along.h - ops that go along one axis: the lines of a tensor, and the parallel loop over them.
 */
#ifndef ADZE_OPS_ALONG_H
#define ADZE_OPS_ALONG_H

#include "ops/move.h"

/* A shape seen from one of its axes: [outer, size, inner]. Line l is element (l / inner, k, l % inner) for k in 0..size-1. */
typedef struct ad__lines {
    int64_t outer, size, inner;
} ad__lines;

/* The axis was accepted by a shape rule; negative ones count from the end. */
ad__lines ad__lines_of(const ad_shape *s, int64_t axis);
/* Index of element 0 of a line; the others follow `inner` apart. */
int64_t ad__line_start(const ad__lines *l, int64_t line);
/* Calls body(line, scratch, arg) for every line; `work` is about the number of operations on one line. */
void ad__each_line(const ad_call *c, const ad__lines *l, int64_t work, void (*body)(int64_t line, void *scratch, void *arg), void *arg);

/* Element i of real data in the precision of the call. A sum of two floats is rounded alike in float and by way of double. */
static inline double ad__number(const ad_call *c, const void *data, int64_t i)
{
    return c->precision == AD_F64 ? ((const double *)data)[i] : (double)((const float *)data)[i];
}

static inline void ad__store(const ad_call *c, void *data, int64_t i, double value)
{
    if (c->precision == AD_F64) ((double *)data)[i] = value;
    else ((float *)data)[i] = (float)value;
}

/* Shape rule of ops whose result is shaped like x and that take one axis. */
ad_status ad__shape_along(ad_error *e, const char *op, int64_t axis, const ad_shape *x, ad_shape *out);
/* Refuses an index (input 1) that leaves 0..size-1. */
ad_status ad__index_within(const ad_call *c, const char *op, int64_t size);

/* Sorting. The forward of sort and topk: each line of input 0, in order, as far as output 0 goes, and the places to output 1.
 * Equal numbers stay in the order of their places; NaNs come last. */
ad_status ad__order(const ad_call *c, int64_t axis, bool descending);
void ad__order_scratch(const ad_shape *x, int64_t axis, ad_scratch *s);

#endif

/*
 * reduce.h - sums and extremes over any set of axes, in an order that depends on the shape alone.
 */
#ifndef ADZE_OPS_REDUCE_H
#define ADZE_OPS_REDUCE_H

#include "ops/elementwise.h"

/* One pass takes [outer, size, inner] to [outer, inner]; several groups of axes take several passes, the last group first. */
typedef struct ad__reduction {
    int n;
    struct {
        int64_t outer, size, inner;
    } pass[AD_MAX_RANK];
    int64_t partial, between;      /* elements of scratch: partial results of a pass, and what lies between two passes (twice) */
} ad__reduction;

/* How two numbers are folded: a row, columns, and two lanes into one. */
typedef struct ad__fold {
    void (*row)(int64_t n, const void *x, void *y);
    void (*columns)(int64_t rows, int64_t n, int64_t stride, const void *x, void *y);
    ad_map_kernel *join;
} ad__fold;

/* Marks the axes of a list (all if it is empty); refuses unknown and repeated ones. */
ad_status ad__axes(ad_error *e, const char *op, const ad_ints *axes, const ad_shape *x, bool *reduced);
/* Shape rule of the reductions: `attr` is an ad_reduce_attr. */
ad_status ad__shape_reduce(ad_error *e, const char *op, const ad_reduce_attr *attr, const ad_shape *x, ad_shape *out);
/* The shape of the result with its reduced axes kept as 1. */
ad_shape ad__shape_kept(const ad_shape *x, const ad_ints *axes);
/* Elements of x for each of the result. */
int64_t ad__reduced_count(const ad_shape *x, const ad_ints *axes);

void ad__reduction_plan(const ad_shape *x, const bool *reduced, ad__reduction *r);
void ad__reduction_scratch(const ad__reduction *r, ad_precision p, ad_scratch *s);
/* Input 0 of the call to output 0. */
ad_status ad__reduce(const ad_call *c, const ad__reduction *r, const ad__fold *fold);

/* The same for ops whose attributes are an ad_reduce_attr: the `scratch` of such an op, and its forward. */
void ad__scratch_reduce(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                        ad_scratch *s);
ad_status ad__reduce_axes(const ad_call *c, const ad__fold *fold);

/* A reduced value, or its adjoint, spread over the axes it was reduced over. */
ad_tensor *ad__spread(ad_tape *t, ad_tensor *g, ad_tensor *x, const ad_ints *axes);

extern const ad_attr ad__reduce_attrs[];

#endif

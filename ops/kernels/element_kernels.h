/*
 * element_kernels.h - elementwise functions, sums, softmax.
 *
 * One row a kernel: type, name, arguments. The struct of pointers, the prototypes (variant.h) and the table (table.c) are made from
 * this list; the kernel itself is K(element_NAME) in some element*.c. Numbers are `real` behind the void pointers.
 */
#ifndef ADZE_OPS_KERNELS_ELEMENT_KERNELS_H
#define ADZE_OPS_KERNELS_ELEMENT_KERNELS_H

#include "ops/kernels/staged.h"

/* An operand of an elementwise kernel: element i is data[i * step], where the step is 1 or 0. */
typedef struct ad_lane {
    const void *data;
    int64_t step;
} ad_lane;

/* y[i] = f(in[0][i], ...), with the op's attributes in p in the order of its attribute struct. y may be one of the operands. */
#define AD_MAP (int64_t n, const ad_lane *in, void *y, const double *p)

#define AD_FOLD (int64_t n, const void *x, void *y)
#define AD_FOLD_COLUMNS (int64_t rows, int64_t n, int64_t stride, const void *x, void *y)

#define AD_ELEMENT_KERNELS(X) \
    X(void, adagrad_update, (int64_t n, const double *k, const void *const *in, void *const *out)) \
    X(void, adam_update, (int64_t n, const double *k, const void *const *in, void *const *out)) \
    X(void, adamax_update, (int64_t n, const double *k, const void *const *in, void *const *out)) \
    X(void, nadam_update, (int64_t n, const double *k, const void *const *in, void *const *out)) \
    X(void, radam_update, (int64_t n, const double *k, const void *const *in, void *const *out)) \
    X(void, rmsprop_update, (int64_t n, const double *k, const void *const *in, void *const *out)) \
    X(void, sgd_update, (int64_t n, const double *k, const void *const *in, void *const *out)) \
    X(void, fill, (int64_t n, double value, void *y))   /* y[i] = value */ \
    X(void, copy, AD_MAP) \
    X(void, copy_around, (int64_t n, const void *x, void *y))   /* y[i] = x[i], written past the caches */ \
    /* of x[0..n-1], to *y; and of each of n columns over rows that lie `stride` apart, to y[0..n-1], row after row */ \
    X(void, sum, AD_FOLD) X(void, largest, AD_FOLD) X(void, smallest, AD_FOLD) \
    X(void, sum_columns, AD_FOLD_COLUMNS) X(void, largest_columns, AD_FOLD_COLUMNS) X(void, smallest_columns, AD_FOLD_COLUMNS) \
    /* one operand */ \
    X(void, neg, AD_MAP) X(void, abs, AD_MAP) X(void, exp, AD_MAP) X(void, log, AD_MAP) \
    X(void, log1p, AD_MAP) X(void, expm1, AD_MAP) X(void, sqrt, AD_MAP) X(void, rsqrt, AD_MAP) \
    X(void, square, AD_MAP) X(void, reciprocal, AD_MAP) X(void, sin, AD_MAP) X(void, cos, AD_MAP) \
    X(void, atan, AD_MAP) X(void, sigmoid, AD_MAP) X(void, tanh, AD_MAP) X(void, relu, AD_MAP) \
    X(void, softplus, AD_MAP) X(void, gelu, AD_MAP) X(void, gelu_slope, AD_MAP) X(void, erf, AD_MAP) \
    X(void, sign, AD_MAP) X(void, is_positive, AD_MAP) X(void, floor, AD_MAP) X(void, round, AD_MAP) \
    X(void, scale, AD_MAP) X(void, shift, AD_MAP) X(void, power, AD_MAP) X(void, clamp, AD_MAP) \
    X(void, leaky_relu, AD_MAP) X(void, elu, AD_MAP) \
    /* two operands; where has three, affine four: (x - mean) * gain + shift */ \
    X(void, add, AD_MAP) X(void, sub, AD_MAP) X(void, mul, AD_MAP) X(void, div, AD_MAP) \
    X(void, pow, AD_MAP) X(void, atan2, AD_MAP) X(void, maximum, AD_MAP) X(void, minimum, AD_MAP) \
    X(void, greater, AD_MAP) X(void, greater_equal, AD_MAP) X(void, less, AD_MAP) X(void, less_equal, AD_MAP) \
    X(void, equal, AD_MAP) \
    X(void, where, AD_MAP) X(void, affine, AD_MAP) \
    /* over rows of n numbers: softmax, its logarithm, -sum t log softmax(x) and gy times the gradient of that by x */ \
    X(void, softmax, (int64_t rows, int64_t n, const void *x, void *y)) \
    X(void, log_softmax, (int64_t rows, int64_t n, const void *x, void *y)) \
    X(void, cross_entropy, (int64_t rows, int64_t n, const void *x, const void *t, void *y)) \
    X(void, cross_entropy_gradient, (int64_t rows, int64_t n, const void *gy, const void *x, const void *t, void *gx))

typedef struct ad_element_kernels {
#define X(type, name, arguments) type (*name) arguments;
    AD_ELEMENT_KERNELS(X)
#undef X
} ad_element_kernels;

#endif

/*
 * element_kernels.h - elementwise functions, sums, softmax.
 *
 * One row a kernel: type, name, arguments. The struct of pointers, the prototypes (variant.h) and the table (table.c) are made from
 * this list; the kernel itself is K(element_NAME) in some element*.c. Numbers are `real` behind the void pointers.
 */
#ifndef ADZE_OPS_KERNELS_ELEMENT_KERNELS_H
#define ADZE_OPS_KERNELS_ELEMENT_KERNELS_H

#include "ops/kernels/staged.h"

#define AD_ELEMENT_KERNELS(X) \
    X(void, adagrad_update, (int64_t n, const double *k, const void *const *in, void *const *out)) \
    X(void, adam_update, (int64_t n, const double *k, const void *const *in, void *const *out)) \
    X(void, adamax_update, (int64_t n, const double *k, const void *const *in, void *const *out)) \
    X(void, nadam_update, (int64_t n, const double *k, const void *const *in, void *const *out)) \
    X(void, radam_update, (int64_t n, const double *k, const void *const *in, void *const *out)) \
    X(void, rmsprop_update, (int64_t n, const double *k, const void *const *in, void *const *out)) \
    X(void, sgd_update, (int64_t n, const double *k, const void *const *in, void *const *out)) \
    X(void, fill, (int64_t n, double value, void *y))   /* y[i] = value */

typedef struct ad_element_kernels {
#define X(type, name, arguments) type (*name) arguments;
    AD_ELEMENT_KERNELS(X)
#undef X
} ad_element_kernels;

#endif

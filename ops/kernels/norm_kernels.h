/*
 * norm_kernels.h - batch and layer norm, pooling, resizing, attention.
 *
 * One row a kernel: type, name, arguments. The struct of pointers, the prototypes (variant.h) and the table (table.c) are made from
 * this list; the kernel itself is K(norm_NAME) in some norm*.c. Numbers are `real` behind the void pointers.
 */
#ifndef ADZE_OPS_KERNELS_NORM_KERNELS_H
#define ADZE_OPS_KERNELS_NORM_KERNELS_H

#include "ops/kernels/staged.h"

#define AD_NORM_KERNELS(X) 

typedef struct ad_norm_kernels {
    int none;
#define X(type, name, arguments) type (*name) arguments;
    AD_NORM_KERNELS(X)
#undef X
} ad_norm_kernels;

#endif

/*
 * norm_kernels.h - batch and layer norm, pooling, resizing, attention.
 */
#ifndef ADZE_OPS_KERNELS_NORM_KERNELS_H
#define ADZE_OPS_KERNELS_NORM_KERNELS_H

#include "ops/kernels/staged.h"

typedef struct ad_norm_kernels {
    int none;
} ad_norm_kernels;

#endif

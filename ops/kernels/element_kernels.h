/*
 * element_kernels.h - elementwise functions, sums, softmax.
 */
#ifndef ADZE_OPS_KERNELS_ELEMENT_KERNELS_H
#define ADZE_OPS_KERNELS_ELEMENT_KERNELS_H

#include "ops/kernels/staged.h"

typedef struct ad_element_kernels {
    int none;
} ad_element_kernels;

#endif

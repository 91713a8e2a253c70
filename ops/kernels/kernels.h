/*
 * kernels.h - the table of kernels. Kernels are serial, see pointers and sizes, never allocate, and know nothing of tapes.
 *
 * Every kernel source is compiled once per variant (plain in float, plain in double, AVX2, AVX-512): `real` is the element type and
 * K(name) the name of the variant. One table per variant; an op reads its kernels from the table it is given.
 * Each family has a header of its own with a struct of function pointers, gathered here.
 */
#ifndef ADZE_OPS_KERNELS_KERNELS_H
#define ADZE_OPS_KERNELS_KERNELS_H

#include "ops/kernels/conv_kernels.h"
#include "ops/kernels/element_kernels.h"
#include "ops/kernels/norm_kernels.h"

typedef struct ad_kernels {
    const char *name;              /* "base", "base64", "fma64", "avx2", "avx512" */
    ad_conv_kernels conv;          /* convolution in three directions, matrix product */
    ad_element_kernels element;    /* elementwise functions, sums, softmax */
    ad_norm_kernels norm;          /* batch and layer norm, pooling, resizing, attention */
} ad_kernels;

#endif

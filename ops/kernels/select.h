/*
 * select.h - which table of kernels to use.
 */
#ifndef ADZE_OPS_KERNELS_SELECT_H
#define ADZE_OPS_KERNELS_SELECT_H

#include "ops/kernels/kernels.h"

/* What this processor has: 0 nothing special, 1 AVX2 and FMA, 2 AVX-512 (the numbers of ad_isa). */
int ad__kernels_isa(void);

/* The table for at most that instruction set, and at most what the processor has; never NULL. */
const ad_kernels *ad__kernels(int isa, int is_double);

/* The table of floats with Winograd where it pays; the plain one has none. */
const ad_kernels *ad__kernels_winograd(int isa);

#endif

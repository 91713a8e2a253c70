/*
 * limits.h - what the machine could do at best, to compare kernels with: multiply-adds in registers, and bytes from and to memory.
 */
#ifndef ADZE_OPS_KERNELS_LIMITS_H
#define ADZE_OPS_KERNELS_LIMITS_H

#include <stddef.h>
#include <stdint.h>

/* Twelve independent chains of `steps` multiply-adds of whole vectors, on the calling thread. `isa`: 0 single numbers, 1 AVX2, 2 AVX-512,
 * which the processor must have. Returns the number of single multiply-adds. */
double ad__limit_fma(int isa, int64_t steps);
/* c = a + 3 b over n numbers: the bytes that are read and written. */
double ad__limit_move(int64_t n, const float *a, const float *b, float *c);

#endif

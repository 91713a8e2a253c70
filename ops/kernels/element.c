/*
 * element.c - elementwise kernels.
 */
#include "ops/kernels/variant.h"

void K(element_fill)(int64_t n, double value, void *out)
{
    real *y = out;
    for (int64_t i = 0; i < n; i += VL)
        v_store_n(y + i, v_set1((real)value), n - i);
}

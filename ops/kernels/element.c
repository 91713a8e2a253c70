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

void K(element_copy_around)(int64_t n, const void *x, void *y)
{
    const real *from = x;
    real *to = y;
    int64_t i = 0;
    for (; i < n && (uintptr_t)(to + i) % sizeof(vec) != 0; i++)
        to[i] = from[i];
    for (; i + VL <= n; i += VL)
        v_store_around(to + i, v_load(from + i));
    if (i < n) v_store_n(to + i, v_load_n(from + i, n - i), n - i);
}

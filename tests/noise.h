/*
 * noise.h - constants for tests of the planner: normal numbers of standard deviation `size`, the same for the same key.
 */
#ifndef ADZE_TESTS_NOISE_H
#define ADZE_TESTS_NOISE_H

#include <stdlib.h>

#include "adze.h"

static inline ad_tensor *noise(ad_tape *t, const ad_shape *s, uint64_t key, double size)
{
    float *values = malloc(ad_shape_bytes(s, AD_F32));
    for (int64_t i = 0; i < ad_count(s); i++) values[i] = (float)(size * ad_normal(key, 0, 0, (uint64_t)i));
    ad_tensor *x = ad_constant(t, s, values);
    free(values);
    return x;
}

#endif

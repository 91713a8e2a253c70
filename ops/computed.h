/*
 * computed.h - constants of a tape that an op works out itself: position codes, masks, coordinates.
 */
#ifndef ADZE_OPS_COMPUTED_H
#define ADZE_OPS_COMPUTED_H

#include "ops/ops.h"

/* A constant whose element i is value(i, arg), rounded to the tape's precision. NULL without memory, with an error that names the op. */
ad_tensor *ad__computed(ad_tape *t, const char *op, const ad_shape *shape, double (*value)(int64_t i, const void *arg), const void *arg);

#endif

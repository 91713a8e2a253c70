/*
 * move.h - copying boxes of numbers: what permutations, slices, paddings, joins and rolls come down to.
 */
#ifndef ADZE_OPS_MOVE_H
#define ADZE_OPS_MOVE_H

#include "ops/elementwise.h"

/* Element (i0, i1, ...) goes from `from` + sum of i * from_stride to `to` + sum of i * to_stride; all in numbers. */
typedef struct ad__box {
    int rank;
    int64_t dim[AD_MAX_RANK], from_stride[AD_MAX_RANK], to_stride[AD_MAX_RANK];
    int64_t from, to;
} ad__box;

void ad__copy_box(const ad_call *c, const void *x, void *y, ad__box box);

/* Row-major strides of a shape. */
void ad__strides(const ad_shape *s, int64_t *stride);
/* The box that takes a whole `part` out of, or into, tensors of the given shapes. */
ad__box ad__box_of(const ad_shape *part, const ad_shape *from, const ad_shape *to);
/* Axis `axis` of a rank; negative ones count from the end. */
static inline int ad__axis_at(int64_t axis, int rank) { return (int)(axis < 0 ? axis + rank : axis); }
/* The same where it may not exist: then -1 with an error that names the op. */
int ad__axis(ad_error *e, const char *op, int64_t axis, int rank);

#endif

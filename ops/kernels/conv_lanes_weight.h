/*
 * conv_lanes_weight.h - by_weight with weights in the lanes, in place of stage 0 of conv_fast_weight.c.
 */
#ifndef ADZE_OPS_KERNELS_CONV_LANES_WEIGHT_H
#define ADZE_OPS_KERNELS_CONV_LANES_WEIGHT_H

#include "ops/kernels/conv_kernels.h"
#include "ops/kernels/variant.h"

/* Whether it is the cheaper way for that shape. */
int K(conv_lanes_weight_fits)(const ad_conv_shape *s);

/* Sets units[0] and per_thread; runs one of the units, which leaves its sums where conv_partial.h wants them. */
void K(conv_lanes_weight_plan)(const ad_conv_shape *s, ad_work *work);
void K(conv_lanes_weight_run)(const ad_conv_shape *s, int64_t unit, const ad_args *args);

#endif

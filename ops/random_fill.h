/*
 * random_fill.h - ops that draw: element i of a call's stream, the same for every instruction set and number of threads.
 */
#ifndef ADZE_OPS_RANDOM_FILL_H
#define ADZE_OPS_RANDOM_FILL_H

#include "ops/elementwise.h"

/* Shape rule of ops whose attributes are an ad_shape_attr. */
ad_status ad__shape_given(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out);
/* out[i] = draw(key, step, draw, i), which is ad_normal or ad_uniform. */
ad_status ad__draw(const ad_call *c, double (*draw)(uint64_t key, uint64_t step, uint32_t draw, uint64_t i));
extern const ad_attr ad__draw_attrs[];

#endif

/*
 * update.h - what the update ops of optimisers share.
 *
 * Operands: p, its gradient g, the numbers of this step c [AD_UPDATE_NUMBERS] (c[0] the learning rate, the rest as each op says; optim/
 * computes them from the step), then the state. A state that the settings do not keep is missing, and its output is a scalar zero.
 */
#ifndef ADZE_OPS_UPDATE_H
#define ADZE_OPS_UPDATE_H

#include "ops/kernels/kernels.h"
#include "ops/ops.h"

#define AD_UPDATE_NUMBERS 4

/* The settings that every update has, first in its attribute struct. */
typedef struct ad_update_attr {
    double rate_factor;      /* of this parameter's group, times the learning rate */
    double weight_decay;
    bool maximize;
} ad_update_attr;

#define AD_UPDATE_ATTRS(type)                                                                                                   \
    { "rate_factor", AD_ATTR_FLOAT, offsetof(type, common.rate_factor), 1, 0, 1e30, "times the learning rate" },                \
    { "weight_decay", AD_ATTR_FLOAT, offsetof(type, common.weight_decay), 0, 0, 1e30, "times the parameter, added to the gradient" }, \
    { "maximize", AD_ATTR_BOOL, offsetof(type, common.maximize), 0, 0, 0, "climb instead of descend" }

typedef void ad_update_kernel(int64_t n, const double *k, const void *const *in, void *const *out);

/* Shape rule: `kept` has bit i set where state operand i must be there. */
ad_status ad__update_shape(ad_error *e, const char *op, int n_in, const ad_shape *in, unsigned kept, ad_shape *out);
/* Puts rate, decay and direction into k[0..2]; c[0..AD_UPDATE_NUMBERS-1] as doubles into c. */
void ad__update_numbers(const ad_call *call, double c[AD_UPDATE_NUMBERS], double *k);
ad_status ad__update_run(const ad_call *call, ad_update_kernel *kernel, const double *k);

#endif

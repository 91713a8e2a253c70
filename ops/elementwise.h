/*
 * elementwise.h - what the op files share: shape rules and the parallel loop of elementwise ops, small helpers of gradient rules.
 */
#ifndef ADZE_OPS_ELEMENTWISE_H
#define ADZE_OPS_ELEMENTWISE_H

#include "ops/kernels/kernels.h"
#include "ops/ops.h"

/* Element kernels of a call. */
static inline const ad_element_kernels *ad__element(const ad_call *c)
{
    return &((const ad_kernels *)c->kernels)->element;
}

/* Shape rule of ops with one operand: the output is shaped like it. */
ad_status ad__shape_same(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out);
/* Shape rule of ops that broadcast all their operands as NumPy does: trailing axes aligned, sizes equal or 1. */
ad_status ad__shape_broadcast(ad_error *e, const char *op, int n_in, const ad_shape *in, ad_shape *out);

typedef void ad_map_kernel(int64_t n, const ad_lane *in, void *out, const double *p);

/* Forward of elementwise ops: runs the kernel over the output, operands broadcast. `p` are the attributes, or NULL. */
ad_status ad__map(const ad_call *c, ad_map_kernel *kernel, const double *p);

/* The adjoint `g` of a broadcast operand: summed to the operand's shape where that differs. */
ad_tensor *ad__unbroadcast(ad_tape *t, ad_tensor *g, ad_tensor *operand);

/* Operand lists of the usual forms. */
extern const ad_operand ad__operand_x[], ad__operands_ab[];

#endif

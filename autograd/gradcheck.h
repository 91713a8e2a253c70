/*
 * gradcheck.h - what the gradient checks and the generated tests of ops share.
 */
#ifndef ADZE_AUTOGRAD_GRADCHECK_H
#define ADZE_AUTOGRAD_GRADCHECK_H

#include "autograd/autograd.h"

/* Values of input i of a sample: real ones of the precision, or whole numbers. The same for both precisions up to rounding. */
void ad__sample_fill(const ad_sample *s, int i, ad_precision p, void *values);

/* The attributes of a sample: the struct it gives, or `storage` (1024 bytes) filled from its text; NULL for ops without. */
AD_CHECKED ad_status ad__sample_attr(ad_error *e, const ad_op *op, const ad_sample *s, void *storage, const void **attr);

/* Records a sample on a tape: its inputs (NULL where missing) and the op's outputs. */
AD_CHECKED ad_status ad__sample_record(ad_tape *t, const ad_op *op, const ad_sample *s, ad_tensor **in, ad_tensor **out);

/* Fixed weight of element i of output or gradient k in the random projections, away from 0. */
double ad__projection(int k, int64_t i);

/* Worst relative error that a gradient rule may have in double. */
#define AD__GRADCHECK_TOLERANCE 1e-6

/* f along a line; sets *status when it cannot be computed. */
typedef struct ad__line {
    double (*f)(void *arg, double step, ad_status *status);
    void *arg;
} ad__line;

/* Compares a derivative with quotients at step h and h/10 and enters the result in *out. Derivatives below `floor` are compared
 * absolutely, in its units. */
AD_CHECKED ad_status ad__compare(const ad__line *l, double analytic, double h, double floor, double tolerance, int input, int64_t element,
                                 ad_check *out);

#endif

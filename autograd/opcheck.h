/*
 * opcheck.h - the checks that every op of a table must pass, sample by sample: tests/test_ops.c runs them on the standard table,
 * ad_ctx_load_ops on the ops of a user.
 */
#ifndef ADZE_AUTOGRAD_OPCHECK_H
#define ADZE_AUTOGRAD_OPCHECK_H

#include "autograd/internal.h"

enum { AD__PLAIN, AD__AVX2, AD__AVX2_THREE, AD__AVX512, AD__AVX512_TWO, AD__AVX512_THREE, AD__AVX512_SEVEN, AD__CHECK_CONTEXTS };

/* One sample of one op under check. */
typedef struct ad__opcheck {
    ad_ctx *ctx[AD__CHECK_CONTEXTS];
    ad_error *error;
    const ad_op *op;
    const ad_sample *sample;
} ad__opcheck;

/* A sample on a tape, with the gradients of a projection of its outputs. */
typedef struct ad__checked {
    ad_tape *tape;
    const ad_sample *sample;
    int n_out, n_wrt, wrt_index[AD_MAX_OPERANDS];
    ad_tensor *in[AD_MAX_OPERANDS], *out[AD_MAX_OUTPUTS], *wrt[AD_MAX_OPERANDS], *grad[AD_MAX_OPERANDS], *loss;
} ad__checked;

/* Contexts with the library and the added ops of `like`. */
ad_status ad__opcheck_start(ad__opcheck *k, const ad_ctx *like, ad_error *e);
void ad__opcheck_stop(ad__opcheck *k);
/* Has the op all that a table entry needs? */
ad_status ad__opcheck_entry(ad_error *e, const ad_op *op);
/* All checks of a sample; the first that fails is the error. */
ad_status ad__opcheck_sample(ad__opcheck *k, const ad_op *op, const ad_sample *s);

/* Fails with the names of op and sample before the message. */
ad_status ad__opcheck_fail(const ad__opcheck *k, const char *format, ...) AD_PRINTF(2, 3);
/* Records `s` (k->sample, or one like it) in a context; bit i of `subset` asks for the gradient of the i-th differentiable input.
 * ad_tape_free(b->tape) in any case. */
ad_status ad__opcheck_build(const ad__opcheck *k, ad__checked *b, int context, ad_precision p, const ad_sample *s, unsigned subset);
/* The sum over the real outputs of sum(output * weights), with other weights for each `first`; NULL if there are none. */
ad_tensor *ad__opcheck_projected(ad_tape *t, int n, ad_tensor *const *out, int first);
ad_status ad__opcheck_fill(const ad__opcheck *k, ad__checked *b);
bool ad__opcheck_draws(const ad_tape *t);

/* In opcheck_run.c: nothing is written where it must not be; the same bits in every way to run; fast kernels against plain ones. */
ad_status ad__opcheck_memory(const ad__opcheck *k, int context);
ad_status ad__opcheck_bits(const ad__opcheck *k);
ad_status ad__opcheck_plain(const ad__opcheck *k);

#endif

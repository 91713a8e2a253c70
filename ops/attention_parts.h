/*
 * attention_parts.h - sizes of an attention, and its pieces as ordinary records, for the adjoints that no kernel computes. Private.
 */
#ifndef ADZE_OPS_ATTENTION_PARTS_H
#define ADZE_OPS_ATTENTION_PARTS_H

#include "ops/kernels/kernels.h"
#include "ops/window.h"

typedef struct ad__attention_attr {
    int64_t heads;
} ad__attention_attr;

typedef struct ad__attention_sizes {
    int64_t batch, heads, lq, lk, d, windows;   /* windows: of the mask; 1 without */
    bool with_bias, with_mask;
} ad__attention_sizes;

/* Checks q [B,Lq,C], k and v [B,Lk,C], bias [heads,Lq,Lk] and mask [W,Lq,Lk], each of the last two with rank -1 where missing. */
ad_status ad__attention_check(ad_error *e, const char *op, int64_t heads, const ad_shape *q, const ad_shape *k, const ad_shape *v,
                              const ad_shape *bias, const ad_shape *mask, ad__attention_sizes *s);

/* [B,L,heads*d] as [B,heads,L,d], and back. */
ad_tensor *ad__split_heads(ad_tape *t, ad_tensor *x, int64_t heads);
ad_tensor *ad__merge_heads(ad_tape *t, ad_tensor *x);

/* Everything [B,heads,Lq,Lk]: probabilities p, their adjoint dp from gout, and the scores' adjoint ds = p (dp - sum p dp). */
typedef struct ad__attention_scores {
    double scale;
    ad_tensor *q, *k, *v, *gout;   /* split by heads */
    ad_tensor *p, *dp, *ds;
} ad__attention_scores;
ad__attention_scores ad__attention_record(ad_tape *t, const ad__attention_sizes *s, ad_tensor *q, ad_tensor *k, ad_tensor *v,
                                          ad_tensor *bias, ad_tensor *mask, ad_tensor *gout);
/* p (x - sum p x): the adjoint of a softmax. */
ad_tensor *ad__attention_softmax_adjoint(ad_tape *t, ad_tensor *p, ad_tensor *x);
/* Sums of scores [B,heads,Lq,Lk] to the shape of the bias, and of the mask. */
ad_tensor *ad__attention_to_bias(ad_tape *t, ad_tensor *scores);
ad_tensor *ad__attention_to_mask(ad_tape *t, const ad__attention_sizes *s, ad_tensor *scores);

/* Geometry for the kernels, but for the rows. */
ad_attention_shape ad__attention_geometry(const ad__attention_sizes *s);
/* A number of a buffer, counting rows of its last axis; of an operand, NULL if it is missing, counting all. */
void *ad__at(const ad_call *c, const ad_buffer *b, int64_t row, int64_t column);
const void *ad__operand_at(const ad_call *c, int operand, int64_t i);

ad_status ad__attention_gradient(ad_tape *t, int64_t heads, ad_tensor *q, ad_tensor *k, ad_tensor *v, ad_tensor *gout, ad_tensor *bias,
                                 ad_tensor *mask, ad_tensor **out);

#endif

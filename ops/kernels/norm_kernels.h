/*
 * norm_kernels.h - batch and layer norm, pooling, resizing, attention.
 *
 * One row a kernel: type, name, arguments. The struct of pointers, the prototypes (variant.h) and the table (table.c) are made from
 * this list; the kernel itself is K(norm_NAME) in norm.c, pool.c or attention.c. Numbers are `real` behind the void pointers.
 */
#ifndef ADZE_OPS_KERNELS_NORM_KERNELS_H
#define ADZE_OPS_KERNELS_NORM_KERNELS_H

#include "ops/kernels/staged.h"

/* One head of one batch item: row i of q is at q + i * row.q, and so for the others; gout has the rows of out. The head worked on after
 * it, whose operands are asked of memory meanwhile, begins `next_rows` rows and `next_columns` numbers on in each of them; 0 and 0 is none, as
 * where lq and lk differ. */
typedef struct ad_attention_shape {
    int64_t lq, lk, d;
    struct { int64_t q, k, v, out, gq, gk, gv; } row;
    double scale;
    int64_t next_rows, next_columns;
} ad_attention_shape;

/* Queries worked on at a time, and the scratch of both attention kernels, in numbers: k and v transposed, and for each query of a
 * block two rows of scores, all padded to sixteen keys. */
#define AD_ATTENTION_QUERIES 64
#define AD_ATTENTION_SCRATCH(lk, d) ((2 * (d) + 2 * AD_ATTENTION_QUERIES) * (((lk) + 15) / 16 * 16))

#define AD_NORM_KERNELS(X)                                                                                                      \
    /* Of rows x [rows, c]: the sum of each column. */                                                                          \
    X(void, column_sum, (int64_t rows, int64_t c, const void *x, void *sum))                                                    \
    /* Of each column: mean, and sum of squared distances from it. */                                                           \
    X(void, column_moments, (int64_t rows, int64_t c, const void *x, void *mean, void *m2))                                     \
    /* Of each column: sum of gy, and of gy * (x - mean). */                                                                    \
    X(void, column_products, (int64_t rows, int64_t c, const void *gy, const void *x, const void *mean, void *sum, void *product))  \
    /* y = (x - mean) * invstd * scale + shift with the moments of each row; scale and shift [c] may be NULL. */                \
    X(void, row_norm, (int64_t rows, int64_t c, const void *x, const void *scale, const void *shift, double eps, void *y,       \
                       void *mean, void *invstd))                                                                               \
    /* Its adjoint; gscale and gshift [c] get the sums over these rows. */                                                      \
    X(void, row_norm_gradient, (int64_t rows, int64_t c, const void *x, const void *scale, const void *mean,                    \
                                const void *invstd, const void *gy, void *gx, void *gscale, void *gshift))                      \
    /* y[c] = sum over k of weight[k] * x[offset[k] + c], added to what is there if `add` */                                    \
    X(void, taps, (int64_t n, const int64_t *offset, const void *weight, int64_t c, const void *x, void *y, int add))           \
    /* y[c] = largest of x[offset[k] + c], index[c] = position[k] of the first such k; a NaN wins. With `more`, y and index */                     \
    /* hold what earlier calls found. */                                                                                        \
    X(void, window_max, (int64_t n, const int64_t *offset, const int32_t *position, int64_t c, const void *x, void *y,          \
                         int32_t *index, int more))                                                                             \
    /* gx[j] = sum of gy[k, j] over the k < n with index[k, j] == position, added to what is there if `add` */        \
    X(void, window_select, (int64_t n, int32_t position, int64_t c, const void *gy, const int32_t *index, void *gx, int add))   \
    /* out = softmax(scale * q k^T + bias + mask) v for one head of one item; bias and mask [lq, lk] may be NULL. */            \
    X(void, attention, (const ad_attention_shape *s, const void *q, const void *k, const void *v, const void *bias,             \
                        const void *mask, void *out, void *scratch))                                                            \
    /* Its adjoint: sets gq, gk, gv; adds the gradient of the scores to gbias [lq, lk] unless that is NULL. */                  \
    X(void, attention_gradient, (const ad_attention_shape *s, const void *q, const void *k, const void *v, const void *bias,    \
                                 const void *mask, const void *gout, void *gq, void *gk, void *gv, void *gbias, void *scratch))

typedef struct ad_norm_kernels {
#define X(type, name, arguments) type (*name) arguments;
    AD_NORM_KERNELS(X)
#undef X
} ad_norm_kernels;

#endif

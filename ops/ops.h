/*
 * ops.h - the standard op table, and a typed function for each op that C code and gradient rules call.
 *
 * Every function records one op (or, for composite ops, the ops it consists of) on the tape and returns its output 0. It returns NULL
 * when the op refuses or the tape has failed before; check once, at the end. `attr` NULL means all defaults; a struct that is
 * given is taken as it is, zeros included. The reference of all ops, `docs/ops.md`, is printed from the table (`adze help ops`).
 */
#ifndef ADZE_OPS_OPS_H
#define ADZE_OPS_OPS_H

#include "autograd/autograd.h"

#ifdef __cplusplus
extern "C" {
#endif

AD_API extern const ad_op *const ad_ops[];          /* every op, ended by NULL; made from ops/local.mk */
AD_API extern const ad_library ad_standard;         /* ad_ops and the kernels of ops/kernels */
AD_API ad_ctx *ad_new(const ad_options *options);   /* ad_ctx_new with the standard library */

/* ---- elementwise, one operand ---- */

#define AD_UNARY_MAP(X)                                                                                      \
    X(neg) X(abs) X(exp) X(log) X(log1p) X(expm1) X(sqrt) X(rsqrt) X(square) X(reciprocal) X(sin) X(cos)     \
    X(atan) X(sigmoid) X(tanh) X(relu) X(softplus) X(gelu) X(gelu_slope) X(silu) X(erf) X(sign)              \
    X(is_positive) X(floor) X(round) X(stop_gradient)
#define X(name) AD_API ad_tensor *ad_##name(ad_tape *t, ad_tensor *x);
AD_UNARY_MAP(X)
#undef X

typedef struct ad_scale_attr { double factor; } ad_scale_attr;
typedef struct ad_shift_attr { double amount; } ad_shift_attr;
typedef struct ad_power_attr { double exponent; } ad_power_attr;
typedef struct ad_clamp_attr { double lo, hi; } ad_clamp_attr;
typedef struct ad_leaky_relu_attr { double slope; } ad_leaky_relu_attr;
typedef struct ad_elu_attr { double alpha; } ad_elu_attr;
typedef struct ad_scale_gradient_attr { double factor; } ad_scale_gradient_attr;
AD_API ad_tensor *ad_scale(ad_tape *t, ad_tensor *x, double factor);        /* factor * x */
AD_API ad_tensor *ad_shift(ad_tape *t, ad_tensor *x, double amount);        /* x + amount */
AD_API ad_tensor *ad_power(ad_tape *t, ad_tensor *x, double exponent);      /* x^exponent, a constant exponent */
AD_API ad_tensor *ad_clamp(ad_tape *t, ad_tensor *x, double lo, double hi);
AD_API ad_tensor *ad_leaky_relu(ad_tape *t, ad_tensor *x, double slope);
AD_API ad_tensor *ad_elu(ad_tape *t, ad_tensor *x, double alpha);
AD_API ad_tensor *ad_scale_gradient(ad_tape *t, ad_tensor *x, double factor);  /* x; its adjoint times factor */

/* ---- elementwise, two operands, broadcasting as in NumPy (trailing axes aligned, sizes equal or 1) ---- */

#define AD_BINARY_MAP(X)                                                                                     \
    X(add) X(sub) X(mul) X(div) X(pow) X(atan2) X(maximum) X(minimum)                                        \
    X(greater) X(greater_equal) X(less) X(less_equal) X(equal)
#define X(name) AD_API ad_tensor *ad_##name(ad_tape *t, ad_tensor *a, ad_tensor *b);
AD_BINARY_MAP(X)
#undef X
AD_API ad_tensor *ad_where(ad_tape *t, ad_tensor *condition, ad_tensor *a, ad_tensor *b);  /* condition > 0 ? a : b */
AD_API ad_tensor *ad_straight_through(ad_tape *t, ad_tensor *value, ad_tensor *source);    /* value; the adjoint goes to source */

/* ---- shapes and data movement; a negative axis counts from the end ---- */

typedef struct ad_fill_attr { ad_ints shape; double value; } ad_fill_attr;
typedef struct ad_shape_attr { ad_ints shape; } ad_shape_attr;              /* reshape, broadcast_to, sum_to */
typedef struct ad_axes_attr { ad_ints axes; } ad_axes_attr;                 /* permute, flip */
typedef struct ad_axis_attr { int64_t axis; } ad_axis_attr;                 /* concat, argmax, cumprod */
typedef struct ad_scan_attr { int64_t axis; bool reverse; } ad_scan_attr;   /* cumsum, recurrence */
typedef struct ad_along_attr { int64_t axis, size; } ad_along_attr;         /* gather_along, scatter_along (which reads size) */
typedef struct ad_order_attr { int64_t axis, k; bool descending; } ad_order_attr;   /* sort, topk (which reads k) */
typedef struct ad_tril_attr { int64_t diagonal; } ad_tril_attr;
typedef struct ad_slice_attr { int64_t axis, start, count, step; } ad_slice_attr;
typedef struct ad_pad_attr { int64_t axis, before, after, step; double value; } ad_pad_attr;
typedef struct ad_roll_attr { ad_ints shift, axes; } ad_roll_attr;
typedef struct ad_scatter_add_attr { int64_t rows; } ad_scatter_add_attr;
typedef struct ad_one_hot_attr { int64_t classes; ad_ints ignore; } ad_one_hot_attr;   /* labels of ignore become zeros */
typedef struct ad_rearrange_attr { char pattern[AD_ATTR_TEXT_SIZE], sizes[AD_ATTR_TEXT_SIZE]; } ad_rearrange_attr;
AD_API ad_tensor *ad_fill(ad_tape *t, const ad_shape *shape, double value);
AD_API ad_tensor *ad_reshape(ad_tape *t, ad_tensor *x, const ad_shape *shape);
AD_API ad_tensor *ad_permute(ad_tape *t, ad_tensor *x, const int *axes);              /* rank axes: out axis i is x axis axes[i] */
AD_API ad_tensor *ad_broadcast_to(ad_tape *t, ad_tensor *x, const ad_shape *shape);
AD_API ad_tensor *ad_sum_to(ad_tape *t, ad_tensor *x, const ad_shape *shape);         /* the adjoint of broadcast_to */
AD_API ad_tensor *ad_concat(ad_tape *t, int n, ad_tensor *const *x, int axis);
AD_API ad_tensor *ad_slice(ad_tape *t, ad_tensor *x, int axis, int64_t start, int64_t count);
AD_API ad_tensor *ad_slice_with(ad_tape *t, ad_tensor *x, const ad_slice_attr *attr);
AD_API ad_tensor *ad_pad(ad_tape *t, ad_tensor *x, int axis, int64_t before, int64_t after);  /* with zeros */
AD_API ad_tensor *ad_pad_with(ad_tape *t, ad_tensor *x, const ad_pad_attr *attr);
AD_API ad_tensor *ad_roll(ad_tape *t, ad_tensor *x, int axis, int64_t shift);
AD_API ad_tensor *ad_roll_with(ad_tape *t, ad_tensor *x, const ad_roll_attr *attr);
AD_API ad_tensor *ad_gather(ad_tape *t, ad_tensor *table, ad_tensor *index);          /* rows of [R, ...] by I32 [..] */
AD_API ad_tensor *ad_scatter_add(ad_tape *t, ad_tensor *rows, ad_tensor *index, int64_t n_rows);   /* its adjoint */
/* Elements of x along one axis by I32 places, each line by its own; and its adjoint, which adds. */
AD_API ad_tensor *ad_gather_along(ad_tape *t, ad_tensor *x, ad_tensor *index, int axis);
AD_API ad_tensor *ad_scatter_along(ad_tape *t, ad_tensor *x, ad_tensor *index, int axis, int64_t size);
/* Output 1, the places, by ad_record or ad_apply. */
AD_API ad_tensor *ad_sort(ad_tape *t, ad_tensor *x, int axis, bool descending);
AD_API ad_tensor *ad_topk(ad_tape *t, ad_tensor *x, int64_t k, int axis, bool largest);
AD_API ad_tensor *ad_flip(ad_tape *t, ad_tensor *x, const ad_ints *axes);             /* NULL: all */
AD_API ad_tensor *ad_tril(ad_tape *t, ad_tensor *x, int64_t diagonal);
AD_API ad_tensor *ad_cumsum(ad_tape *t, ad_tensor *x, int axis, bool reverse);
AD_API ad_tensor *ad_cumprod(ad_tape *t, ad_tensor *x, int axis);
/* y_i = a_i y_(i-1) + b_i along the axis, y_0 = b_0. */
AD_API ad_tensor *ad_recurrence(ad_tape *t, ad_tensor *a, ad_tensor *b, int axis, bool reverse);
AD_API ad_tensor *ad_one_hot(ad_tape *t, ad_tensor *labels, int64_t classes);         /* I32 [..] -> real [.., classes] */
AD_API ad_tensor *ad_argmax(ad_tape *t, ad_tensor *x, int axis);                      /* I32; ties go to the lower index */
AD_API ad_tensor *ad_tile_to(ad_tape *t, ad_tensor *x, ad_tensor *like);   /* [N,C] or [N,1..,C] over the inner axes of `like` */
/* rearrange(x, "b (y p x q) c -> b y x (p q c)", "y=4, p=2"): reshape, permute, reshape. */
AD_API ad_tensor *ad_rearrange(ad_tape *t, ad_tensor *x, const char *pattern, const char *sizes);

/* ---- reductions; axes NULL or empty: all; keep leaves size-1 axes ---- */

typedef struct ad_reduce_attr { ad_ints axes; bool keep, unbiased; } ad_reduce_attr;   /* unbiased: var only */
#define AD_REDUCE_MAP(X) X(sum) X(mean) X(max) X(min) X(logsumexp) X(prod)
#define X(name) AD_API ad_tensor *ad_##name(ad_tape *t, ad_tensor *x, const ad_ints *axes, bool keep);
AD_REDUCE_MAP(X)
#undef X
AD_API ad_tensor *ad_var(ad_tape *t, ad_tensor *x, const ad_ints *axes, bool keep, bool unbiased);
AD_API ad_tensor *ad_softmax(ad_tape *t, ad_tensor *x);            /* over the last axis */
AD_API ad_tensor *ad_log_softmax(ad_tape *t, ad_tensor *x);        /* over the last axis */

/* ---- losses. Which axes are summed is always said: over = every inner axis by its letter; then batch, then pixels ---- */

typedef enum ad_batch_reduction { AD_BATCH_MEAN, AD_BATCH_SUM } ad_batch_reduction;
typedef enum ad_pixel_reduction { AD_PIXELS_SUM, AD_PIXELS_MEAN } ad_pixel_reduction;
typedef struct ad_loss_attr {
    char over[AD_ATTR_TEXT_SIZE];        /* "HW": the axes between batch and channels, and C where the loss has channels */
    int batch, pixels;                   /* ad_batch_reduction, ad_pixel_reduction */
    double eps;                          /* kl_normal: added to both variances */
} ad_loss_attr;
/* Per pixel: logits, target [..,C] -> [..]; the target is one-hot or any distribution. */
AD_API ad_tensor *ad_softmax_cross_entropy(ad_tape *t, ad_tensor *logits, ad_tensor *target);
AD_API ad_tensor *ad_softmax_cross_entropy_gradient(ad_tape *t, ad_tensor *gy, ad_tensor *logits, ad_tensor *target);
AD_API ad_tensor *ad_cross_entropy(ad_tape *t, ad_tensor *logits, ad_tensor *target, const ad_loss_attr *attr);
AD_API ad_tensor *ad_bce_with_logits(ad_tape *t, ad_tensor *logits, ad_tensor *target, const ad_loss_attr *attr);
/* KL(q || p) of diagonal normals given by mean and standard deviation, or by mean and log variance. */
AD_API ad_tensor *ad_kl_normal(ad_tape *t, ad_tensor *mu_q, ad_tensor *sd_q, ad_tensor *mu_p, ad_tensor *sd_p,
                               const ad_loss_attr *attr);
AD_API ad_tensor *ad_kl_log_var(ad_tape *t, ad_tensor *mu_q, ad_tensor *v_q, ad_tensor *mu_p, ad_tensor *v_p,
                                const ad_loss_attr *attr);

typedef struct ad_dice_attr {
    double smooth;
    bool squared;                        /* denominator of squares */
    bool batch;                          /* sums run over the batch too, else each item has its own ratio */
    bool foreground;                     /* class 0 does not count */
} ad_dice_attr;
AD_API ad_tensor *ad_dice(ad_tape *t, ad_tensor *logits, ad_tensor *target, const ad_dice_attr *attr);

typedef struct ad_topk_attr {
    double frac;                         /* part of the pixels kept */
    int sampler;                         /* 0: the largest losses; 1: drawn in proportion to the loss (Gumbel) */
    char over[AD_ATTR_TEXT_SIZE];
} ad_topk_attr;                          /* topk_cross_entropy: three outputs, so by ad_record or ad_apply */
typedef struct ad_topk_mask_attr { int64_t k; } ad_topk_mask_attr;
AD_API ad_tensor *ad_topk_mask(ad_tape *t, ad_tensor *x, int64_t k);   /* 1 at the k largest numbers, 0 elsewhere */

/* ---- random numbers: a pure function of (seed, path; step, draw, element) ---- */

AD_API ad_tensor *ad_draw_normal(ad_tape *t, const ad_shape *shape);
AD_API ad_tensor *ad_draw_uniform(ad_tape *t, const ad_shape *shape);
typedef struct ad_dropout_attr { double rate; bool training; } ad_dropout_attr;      /* dropout, drop_path */
AD_API ad_tensor *ad_dropout(ad_tape *t, ad_tensor *x, ad_tensor *noise, const ad_dropout_attr *attr);
AD_API ad_tensor *ad_drop_path(ad_tape *t, ad_tensor *x, ad_tensor *noise, const ad_dropout_attr *attr);

/* ---- products ---- */

typedef struct ad_matmul_attr {
    bool transpose_a, transpose_b;
} ad_matmul_attr;
AD_API ad_tensor *ad_matmul(ad_tape *t, ad_tensor *a, ad_tensor *b, const ad_matmul_attr *attr);   /* [..,M,K] [..,K,N] */
typedef struct ad_einsum_attr { char equation[AD_ATTR_TEXT_SIZE]; } ad_einsum_attr;
AD_API ad_tensor *ad_einsum(ad_tape *t, const char *equation, int n, ad_tensor *const *x);         /* "bhid,bhjd->bhij" */
AD_API ad_tensor *ad_linear(ad_tape *t, ad_tensor *x, ad_tensor *w, ad_tensor *b);                 /* [..,I] [I,O] [O] or NULL */
AD_API ad_tensor *ad_channel_sum(ad_tape *t, ad_tensor *x);                                        /* [..,C] -> [C] */

/* ---- convolution over 1 to 3 axes (by the rank of x: [N,..,C]) ---- */

/* Lists hold one number per axis, or one for all. An empty stride or dilation means 1; an empty padding means "same": half of an odd
 * kernel, none where the kernel equals the stride. */
typedef struct ad_conv_attr {
    int64_t out;                /* output channels: read where the weights are made; otherwise w says it */
    ad_ints kernel;             /* read where the weights are made, and by conv_by_weight */
    ad_ints stride, padding, dilation;
    int64_t groups;             /* 0 is 1 */
    bool bias;                  /* read where the weights are made */
    ad_ints size;               /* conv_by_input: spatial sizes of its result */
    ad_ints output_padding;     /* conv_transpose */
} ad_conv_attr;
AD_API ad_tensor *ad_conv(ad_tape *t, ad_tensor *x, ad_tensor *w, ad_tensor *b, const ad_conv_attr *attr);  /* w [k..,I/groups,O]; b or NULL */
AD_API ad_tensor *ad_conv_by_input(ad_tape *t, ad_tensor *gy, ad_tensor *w, ad_tensor *b, const ad_conv_attr *attr);
AD_API ad_tensor *ad_conv_by_weight(ad_tape *t, ad_tensor *x, ad_tensor *gy, const ad_conv_attr *attr);
AD_API ad_tensor *ad_conv_transpose(ad_tape *t, ad_tensor *x, ad_tensor *w, ad_tensor *b, const ad_conv_attr *attr);  /* w [k..,I,O/groups] */

/* ---- normalisation ---- */

typedef struct ad_batch_norm_attr {
    double eps, decay;          /* new average = decay * old + (1 - decay) * of the batch */
    bool training;              /* statistics of the batch; else the running ones */
} ad_batch_norm_attr;
/* Normalises each channel. `mean` and `var` are the running statistics; where they are parameters, training commits the new ones. */
AD_API ad_tensor *ad_batch_norm(ad_tape *t, ad_tensor *x, ad_tensor *scale, ad_tensor *shift, ad_tensor *mean, ad_tensor *var,
                                const ad_batch_norm_attr *attr);
/* (x - mean) * gain + shift with one number for each channel; and its adjoints' sums over all rows: of gy, and *with_x of gy (x - mean). */
AD_API ad_tensor *ad_channel_affine(ad_tape *t, ad_tensor *x, ad_tensor *mean, ad_tensor *gain, ad_tensor *shift);
AD_API ad_tensor *ad_channel_products(ad_tape *t, ad_tensor *gy, ad_tensor *x, ad_tensor *mean, ad_tensor **with_x);

typedef struct ad_norm_attr {
    double eps;
    int64_t groups;             /* group_norm */
    bool affine;                /* read where the parameters are made */
} ad_norm_attr;
/* scale and shift [C], or both NULL. */
AD_API ad_tensor *ad_layer_norm(ad_tape *t, ad_tensor *x, ad_tensor *scale, ad_tensor *shift, const ad_norm_attr *attr);
AD_API ad_tensor *ad_group_norm(ad_tape *t, ad_tensor *x, ad_tensor *scale, ad_tensor *shift, const ad_norm_attr *attr);
AD_API ad_tensor *ad_instance_norm(ad_tape *t, ad_tensor *x, ad_tensor *scale, ad_tensor *shift, const ad_norm_attr *attr);

/* ---- pooling and resampling over 1 to 3 axes ---- */

typedef struct ad_pool_attr {
    ad_ints kernel, stride, padding, dilation;   /* stride empty: the kernel; dilation: max_pool only */
    bool ceil_mode;             /* a last window that is only partly inside counts */
    bool count_include_pad;     /* avg_pool: the divisor counts the padding */
    ad_ints size;               /* gradient ops: spatial sizes of the input; adaptive_max_pool: of the result */
} ad_pool_attr;
AD_API ad_tensor *ad_avg_pool(ad_tape *t, ad_tensor *x, const ad_pool_attr *attr);
AD_API ad_tensor *ad_max_pool(ad_tape *t, ad_tensor *x, const ad_pool_attr *attr);
AD_API ad_tensor *ad_adaptive_max_pool(ad_tape *t, ad_tensor *x, const ad_ints *size);   /* output 1, the places, by ad_record */
AD_API ad_tensor *ad_global_avg_pool(ad_tape *t, ad_tensor *x);     /* [N,..,C] -> [N,1..,C] */

typedef enum ad_resize_mode {
    AD_NEAREST, AD_BILINEAR_CORNERS, AD_BILINEAR_HALF_PIXEL, AD_BILINEAR_ASYMMETRIC,
    AD_NEAREST_EXACT, AD_BICUBIC_CORNERS, AD_BICUBIC_HALF_PIXEL, AD_AREA
} ad_resize_mode;
typedef struct ad_resize_attr {
    int64_t height, width;      /* of the result, two axes ... */
    int mode;                   /* ad_resize_mode */
    ad_ints size;               /* ... or its spatial sizes for any number of axes (height and width 0) */
    double factor;              /* above 0: the source step is 1 / factor instead of input / output size */
} ad_resize_attr;
AD_API ad_tensor *ad_resize(ad_tape *t, ad_tensor *x, const ad_resize_attr *attr);
AD_API ad_tensor *ad_upsample(ad_tape *t, ad_tensor *x, int64_t factor, ad_resize_mode mode);

/* ---- sampling at given places: ops/grid.h says how they are given ---- */

typedef struct ad_grid_attr {
    ad_ints size;               /* spatial sizes; grid_sample takes them from x */
    int mode;                   /* 0: linear between the corners of a cell; 1: the nearest pixel */
    int padding;                /* 0: zeros; 1: border; 2: reflect */
    bool corners;               /* -1 and 1 are centres of pixels, else outer edges */
} ad_grid_attr;
AD_API ad_tensor *ad_grid_sample(ad_tape *t, ad_tensor *x, ad_tensor *grid, const ad_grid_attr *attr);   /* [N,..,C] at [N,P..,axes] */
AD_API ad_tensor *ad_affine_grid(ad_tape *t, ad_tensor *theta, const ad_grid_attr *attr);                /* [N,axes,axes+1] */

/* ---- attention ---- */

/* softmax(q k^T / sqrt(d) + bias + mask) v per head: q, k, v [B,L,heads*d], bias [heads,L,L], mask [W,L,L] for batch item b % W. */
AD_API ad_tensor *ad_attention(ad_tape *t, ad_tensor *q, ad_tensor *k, ad_tensor *v, ad_tensor *bias, ad_tensor *mask, int64_t heads);

#ifdef __cplusplus
}
#endif
#endif

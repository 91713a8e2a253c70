/*
 * conv_kernels.h - convolution in three directions and the matrix product.
 */
#ifndef ADZE_OPS_KERNELS_CONV_KERNELS_H
#define ADZE_OPS_KERNELS_CONV_KERNELS_H

#include "ops/kernels/staged.h"

/* Cross-correlation over up to three axes; missing leading axes have size 1, kernel 1, stride 1, no padding.
 * x [n, in0, in1, in2, cin], w [k0, k1, k2, cin/groups, cout], y [n, out0, out1, out2, cout]. */
typedef struct ad_conv_shape {
    int64_t n, in[3], out[3], kernel[3], stride[3], pad[3], dilation[3];   /* pad: before the first element */
    int64_t cin, cout, groups;
} ad_conv_shape;

/* c [batch, m, n] = a [batch, m, k] b [batch, k, n] (+ bias [n]); a transposed operand lies as [batch, k, m] or [batch, n, k].
 * shared_a / shared_b: that operand has no batch axis and serves every batch. */
typedef struct ad_gemm_shape {
    int64_t batch, m, n, k;
    int transposed_a, transposed_b, shared_a, shared_b;
} ad_gemm_shape;

typedef struct ad_conv_kernel {
    void (*plan)(const ad_conv_shape *s, ad_work *work);
    void (*run)(const ad_conv_shape *s, int stage, int64_t unit, const ad_args *args);
    /* What the unit of the last stage completes, in whole pixels with all channels; their number. 0 where several units make a pixel, or it lies
     * between those of others: then for every unit of the shape. NULL: so for every shape. */
    int (*pieces)(const ad_conv_shape *s, int64_t unit, ad_piece *piece);
} ad_conv_kernel;

typedef struct ad_gemm_kernel {
    void (*plan)(const ad_gemm_shape *s, ad_work *work);
    void (*run)(const ad_gemm_shape *s, int stage, int64_t unit, const ad_args *args);
} ad_gemm_kernel;

/* Operands: forward a = x, b = w, bias [cout] or NULL, out = y; by_input a = gy, b = w, bias [cin] or NULL (so that it serves
 * transposed convolution too), out = gx; by_weight a = x, b = gy, out = gw; gemm as above. */
#define AD_CONV_KERNELS(X)         \
    X(forward, ad_conv_shape)      \
    X(by_input, ad_conv_shape)     \
    X(by_weight, ad_conv_shape)    \
    X(gemm, ad_gemm_shape)

/* The same by Winograd where that pays (conv_winograd.h), else direct: other roundings. Only the fast variants have them. */
#define AD_CONV_WINOGRAD_KERNELS(X)          \
    X(winograd_forward, ad_conv_shape)       \
    X(winograd_by_input, ad_conv_shape)      \
    X(winograd_by_weight, ad_conv_shape)

/* Those of them that make images. */
#define AD_CONV_IMAGE_KERNELS(X) X(forward) X(by_input) X(winograd_forward) X(winograd_by_input)

typedef struct ad_conv_kernels {
    ad_conv_kernel forward, by_input, by_weight;
    ad_gemm_kernel gemm;
} ad_conv_kernels;

#endif

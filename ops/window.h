/*
 * window.h - a window that slides over one to three axes: what convolution and pooling have in common. Private to ops/.
 */
#ifndef ADZE_OPS_WINDOW_H
#define ADZE_OPS_WINDOW_H

#include "ops/kernels/kernels.h"
#include "ops/ops.h"

/* Is operand i there? */
static inline bool ad__given(int n_in, const ad_shape *in, int i)
{
    return i < n_in && in[i].rank >= 0;
}

/* Spatial axes of an image [N,..,C]: 1 to 3, or a refusal that names the op. */
ad_status ad__spatial_axes(ad_error *e, const char *op, const char *operand, const ad_shape *x, int *axes);

/* One number per axis from a list of one, of `axes` or of none (then `standard`), each at least `least`; out[0 .. axes-1]. */
ad_status ad__per_axis(ad_error *e, const char *op, const char *name, const ad_ints *list, int axes, int64_t standard, int64_t least,
                       int64_t *out);

typedef struct ad_window_lists {
    const ad_ints *kernel, *stride, *padding, *dilation;
    bool stride_is_kernel;      /* what an empty stride means; else 1 */
    bool padding_is_same;       /* what an empty padding means; else 0 */
    bool ceil_mode;
} ad_window_lists;

/* Fills in, out, kernel, stride, pad and dilation of `s` (missing leading axes have size 1); refuses what does not fit. */
ad_status ad__window(ad_error *e, const char *op, const ad_window_lists *lists, int axes, const int64_t *in, ad_conv_shape *s);

/* The lists of `x` [N,..,C] as ad_ints, and an image of these sizes. */
ad_ints ad__spatial_sizes(const ad_shape *x);
ad_shape ad__image(int64_t n, int axes, const int64_t *size, int64_t c);

/* Of the three axes of ad_conv_shape the last `axes` are the image's. */
static inline int64_t *ad__last_axes(int64_t all[3], int axes)
{
    return all + 3 - axes;
}

/* What group_norm and instance_norm accept; groups 0: one for each channel. */
ad_status ad__group_norm_shape(ad_error *e, const char *op, int64_t groups, int n_in, const ad_shape *in, ad_shape *out);

/* ---- convolution ---- */

/* Geometry of a convolution of x [n, in.., cin] by kernels of these sizes; checks the groups. */
ad_status ad__conv_geometry(ad_error *e, const char *op, const ad_conv_attr *a, int axes, const int64_t *in, const ad_ints *kernel,
                            int64_t cin, int64_t cout, ad_conv_shape *s);
/* Kernel sizes of weights [k.., I, O]. */
ad_ints ad__kernel_sizes(const ad_shape *w);
/* The common half of the three cost rules: multiply-accumulates of any of the three directions. */
double ad__conv_macs(const ad_conv_shape *s);

/* Runs all stages of a kernel on the call's threads. `macs` sizes the job. */
void ad__run_conv(const ad_call *c, const ad_conv_kernel *kernel, const ad_conv_shape *s, const ad_args *args);
void ad__run_gemm(const ad_call *c, const ad_gemm_kernel *kernel, const ad_gemm_shape *s, const ad_args *args);
void ad__conv_scratch(const ad_conv_kernel *kernel, const ad_conv_shape *s, ad_scratch *out);
void ad__gemm_scratch(const ad_gemm_kernel *kernel, const ad_gemm_shape *s, ad_scratch *out);

/* What a gradient rule adds to attributes that it passes on. */
ad_conv_attr ad__conv_attr_for_input(const ad_conv_attr *a, const ad_shape *x);
ad_conv_attr ad__conv_attr_for_weight(const ad_conv_attr *a, const ad_shape *w);

/* The attributes that all directions share; the text says what an empty padding means. */
#define AD__SAME_PADDING "half of an odd kernel, none where kernel and stride are equal"
#define AD__CONV_ATTRS(empty_padding)                                                                                                           \
    { "stride", AD_ATTR_INTS, offsetof(ad_conv_attr, stride), 1, 1, 65536, .doc = "step of the window, one number or one per axis" },  \
    { "padding", AD_ATTR_INTS, offsetof(ad_conv_attr, padding), 0, 0, 65536, .empty = true,                                         \
      .doc = "zeros before and after; left out: " empty_padding },                                                                  \
    { "dilation", AD_ATTR_INTS, offsetof(ad_conv_attr, dilation), 1, 1, 65536, .doc = "distance of the kernel's elements" },          \
    { "groups", AD_ATTR_INT, offsetof(ad_conv_attr, groups), 1, 1, 1 << 20, .doc = "channel groups that do not mix" }
/* And those that only matter where the weights are made. */
#define AD__CONV_MAKER_ATTRS                                                                                                        \
    { "out", AD_ATTR_INT, offsetof(ad_conv_attr, out), 0, 0, 1 << 24, .doc = "output channels; left out: as w says" },               \
    { "kernel", AD_ATTR_INTS, offsetof(ad_conv_attr, kernel), 0, 1, 65536, .empty = true,                                           \
      .doc = "kernel sizes, one number or one per axis; left out: as w says" }
#define AD__CONV_BIAS_ATTR { "bias", AD_ATTR_BOOL, offsetof(ad_conv_attr, bias), 1, .doc = "with a number added to each output channel" }

/* Refuses weights that contradict `out` and `kernel`, or that have a wrong rank. */
ad_status ad__conv_weights(ad_error *e, const char *op, const ad_conv_attr *a, int axes, const ad_shape *w, int64_t outputs);
/* Sizes that the attributes ask for where weights are made. */
ad_status ad__conv_kernel_wanted(ad_error *e, const char *op, const ad_conv_attr *a, int axes, int64_t *kernel);

#endif

/*
 * unfolded.h - what unfold and fold share: the convolution that lays out windows. Private to ops/.
 */
#ifndef ADZE_OPS_UNFOLDED_H
#define ADZE_OPS_UNFOLDED_H

#include "ops/window.h"

typedef struct ad__unfold_attr {
    ad_ints kernel, stride, padding, dilation, size;
} ad__unfold_attr;

#define AD__UNFOLD_ATTRS                                                                                                            \
    { "kernel", AD_ATTR_INTS, offsetof(ad__unfold_attr, kernel), 0, 1, 1024, .required = true, .doc = "sizes of the window" },       \
    { "stride", AD_ATTR_INTS, offsetof(ad__unfold_attr, stride), 1, 1, 65536, .doc = "step of the window" },                        \
    { "padding", AD_ATTR_INTS, offsetof(ad__unfold_attr, padding), 0, 0, 65536, .doc = "zeros before and after" },                  \
    { "dilation", AD_ATTR_INTS, offsetof(ad__unfold_attr, dilation), 1, 1, 65536, .doc = "distance of the window's elements" }

ad_status ad__unfold_geometry(ad_error *e, const char *op, const ad__unfold_attr *a, int axes, const int64_t *in, int64_t channels,
                              ad_conv_shape *s);
ad_conv_attr ad__unfold_conv(const ad__unfold_attr *a);
/* [K.., C, C*K]: 1 where the output channel is that element of that channel. */
ad_tensor *ad__unfold_weights(ad_tape *t, const ad__unfold_attr *a, int axes, int64_t channels);

#endif

/*
 * conv_view.c - the views of conv_view.h.
 */
#include "ops/kernels/conv_view.h"

static conv_axis axis_forward(const ad_conv_shape *s, int i)
{
    return (conv_axis){
        .count = s->out[i], .source = s->in[i], .step = s->stride[i], .first = -s->pad[i], .spread = s->dilation[i],
        .taps = s->kernel[i], .kernel_size = s->kernel[i], .kernel_step = 1, .out_size = s->out[i], .out_step = 1,
    };
}

void ad__conv_view_forward(const ad_conv_shape *s, conv_view *v)
{
    *v = (conv_view){ .n = s->n, .groups = s->groups, .sum = s->cin / s->groups, .columns = s->cout / s->groups };
    for (int i = 0; i < 3; i++)
        v->axis[i] = axis_forward(s, i);
}

int64_t ad__conv_phases(const ad_conv_shape *s)
{
    return s->stride[0] * s->stride[1] * s->stride[2];
}

/* Positions i = phase + j stride. Tap k meets gy at (i + pad - k dilation) / stride where that is whole: for k = low, low + every, ...
 * Rising gy position is falling k, so tap 0 is the largest k. */
static conv_axis axis_by_input(const ad_conv_shape *s, int i, int64_t phase)
{
    int64_t stride = s->stride[i], dilation = s->dilation[i], every = 1, low = 0, taps;
    while (every * dilation % stride != 0)
        every++;
    while (low < every && (phase + s->pad[i] + low * (stride - 1) * dilation) % stride != 0)
        low++;
    taps = low == every || low >= s->kernel[i] ? 0 : 1 + (s->kernel[i] - 1 - low) / every;
    int64_t last = low + (taps - 1) * every;
    return (conv_axis){
        .count = phase < s->in[i] ? (s->in[i] - phase + stride - 1) / stride : 0, .source = s->out[i], .step = 1,
        .first = taps ? (phase + s->pad[i] - last * dilation) / stride : 0, .spread = every * dilation / stride, .taps = taps,
        .kernel_size = s->kernel[i], .kernel_first = taps ? last : 0, .kernel_step = -every,
        .out_size = s->in[i], .out_first = phase, .out_step = stride,
    };
}

void ad__conv_view_by_input(const ad_conv_shape *s, int64_t phase, conv_view *v)
{
    *v = (conv_view){ .n = s->n, .groups = s->groups, .sum = s->cout / s->groups, .columns = s->cin / s->groups };
    for (int i = 2; i >= 0; i--) {
        v->axis[i] = axis_by_input(s, i, phase % s->stride[i]);
        phase /= s->stride[i];
    }
}

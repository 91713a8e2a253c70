/*
 * conv_view.h - one description for both directions that make images, so that one fast kernel serves them.
 *
 * Along an axis, output number j reads source position  j * step + first + t * spread  in its tap t, t = 0 .. taps-1, of kernel index
 * kernel_first + t * kernel_step, and lies at  out_first + j * out_step  in the output.
 *
 * forward is one view. by_input with stride s is s views along an axis, one for each remainder of the output position by s: the taps
 * that meet such positions form a convolution of stride 1 of their own.
 */
#ifndef ADZE_OPS_KERNELS_CONV_VIEW_H
#define ADZE_OPS_KERNELS_CONV_VIEW_H

#include "ops/kernels/conv_kernels.h"

typedef struct conv_axis {
    int64_t count;                       /* outputs */
    int64_t source;                      /* size of the source */
    int64_t step, first, spread, taps;
    int64_t kernel_size, kernel_first, kernel_step;
    int64_t out_size, out_first, out_step;
} conv_axis;

typedef struct conv_view {
    conv_axis axis[3];
    int64_t n, groups;
    int64_t sum, columns;                /* channels of a group: of the source, of the output */
} conv_view;

void ad__conv_view_forward(const ad_conv_shape *s, conv_view *v);
int64_t ad__conv_phases(const ad_conv_shape *s);       /* views of by_input */
void ad__conv_view_by_input(const ad_conv_shape *s, int64_t phase, conv_view *v);

static inline int64_t conv_view_taps(const conv_view *v) { return v->axis[0].taps * v->axis[1].taps * v->axis[2].taps; }
static inline int64_t conv_view_rows(const conv_view *v) { return v->n * v->axis[0].count * v->axis[1].count; }

/* No source pixel is read in two taps. */
static inline int conv_view_disjoint(const conv_view *v)
{
    for (int i = 0; i < 3 && conv_view_taps(v) > 0; i++)
        if ((v->axis[i].taps - 1) * v->axis[i].spread >= v->axis[i].step) return 0;
    return 1;
}

/* Triple of tap number t, and of output row number (image, axis 0, axis 1). */
static inline void conv_tap_at(const conv_view *v, int64_t t, int64_t at[3])
{
    at[2] = t % v->axis[2].taps;
    at[1] = t / v->axis[2].taps % v->axis[1].taps;
    at[0] = t / v->axis[2].taps / v->axis[1].taps;
}

static inline void conv_row_at(const conv_view *v, int64_t row, int64_t at[3])
{
    at[2] = row % v->axis[1].count;
    at[1] = row / v->axis[1].count % v->axis[0].count;
    at[0] = row / v->axis[1].count / v->axis[0].count;
}

static inline int64_t conv_source_at(const conv_axis *a, int64_t output, int64_t tap)
{
    return output * a->step + a->first + tap * a->spread;
}

/* Row (i0, i1) of image n of the source, or NULL on the padding. */
static inline const float *conv_source_row(const conv_view *v, const float *source, int64_t n, int64_t i0, int64_t i1)
{
    if (i0 < 0 || i0 >= v->axis[0].source || i1 < 0 || i1 >= v->axis[1].source) return NULL;
    return source + ((n * v->axis[0].source + i0) * v->axis[1].source + i1) * v->axis[2].source * v->groups * v->sum;
}

/* The run of outputs low .. high-1 within 0 .. count-1 whose source position j * step + offset exists. */
static inline void conv_inside(int64_t source, int64_t step, int64_t offset, int64_t count, int64_t *low, int64_t *high)
{
    int64_t l = offset >= 0 ? 0 : (-offset + step - 1) / step;
    int64_t h = source - offset <= 0 ? 0 : (source - offset + step - 1) / step;
    *low = l < count ? l : count;
    *high = h < *low ? *low : h < count ? h : count;
}

#endif

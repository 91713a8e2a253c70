/*
 * unfolded.c - see unfolded.h.
 */
#include "ops/unfolded.h"

#include <stdlib.h>

/* Elements of a window. */
static int64_t elements_of(const ad__unfold_attr *a, int axes, int64_t *kernel)
{
    int64_t n = 1;
    for (int i = 0; i < axes; i++) {
        kernel[i] = a->kernel.v[a->kernel.n == 1 ? 0 : i];
        n *= kernel[i];
    }
    return n;
}

ad_conv_attr ad__unfold_conv(const ad__unfold_attr *a)
{
    ad_conv_attr c = { .stride = a->stride, .padding = a->padding, .dilation = a->dilation };
    if (c.padding.n == 0) c.padding = (ad_ints){ .n = 1 };
    return c;
}

ad_status ad__unfold_geometry(ad_error *e, const char *op, const ad__unfold_attr *a, int axes, const int64_t *in, int64_t channels,
                              ad_conv_shape *s)
{
    int64_t kernel[3];
    ad_conv_attr c = ad__unfold_conv(a);
    AD_TRY(ad__per_axis(e, op, "kernel", &a->kernel, axes, 1, 1, kernel));
    return ad__conv_geometry(e, op, &c, axes, in, &a->kernel, channels, channels * elements_of(a, axes, kernel), s);
}

ad_tensor *ad__unfold_weights(ad_tape *t, const ad__unfold_attr *a, int axes, int64_t channels)
{
    int64_t kernel[3], n = elements_of(a, axes, kernel), outputs = channels * n;
    bool wide = ad_tape_precision(t) == AD_F64;
    void *values = calloc((size_t)(outputs * outputs), wide ? sizeof(double) : sizeof(float));
    if (!values) {
        AD_FAIL(ad_ctx_error(ad_tape_ctx(t)), ENOMEM, "unfold: no memory for %lld weights", (long long)(outputs * outputs));
        return NULL;
    }
    for (int64_t k = 0; k < n; k++)
        for (int64_t c = 0; c < channels; c++) {
            int64_t at = (k * channels + c) * outputs + c * n + k;
            if (wide)
                ((double *)values)[at] = 1;
            else
                ((float *)values)[at] = 1;
        }
    ad_shape s = { .rank = axes + 2 };
    for (int i = 0; i < axes; i++)
        s.dim[i] = kernel[i];
    s.dim[axes] = channels;
    s.dim[axes + 1] = outputs;
    ad_tensor *w = ad_constant(t, &s, values);
    free(values);
    return w;
}

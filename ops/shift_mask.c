/*
 * shift_mask - what keeps apart, in the windows of a rolled image, positions that do not touch in the image: 0 inside a region, -100
 * between regions.
 *
 * An image of H x W, rolled by -shift, is cut into windows of w x w. Rows fall into three regions, [0, H - w), [H - w, H - shift) and
 * [H - shift, H), columns likewise; two positions of a window belong together if both their regions agree. Without shift nothing is
 * kept apart: a mask of a single window, zero, serves all. The mask is a constant of the tape.
 */
#include "ops/window.h"

#include <stdlib.h>

typedef struct mask_attr {
    ad_ints res;
    int64_t window, shift;
} mask_attr;

enum { APART = -100 };

static ad_status sizes(ad_error *e, const mask_attr *a, int64_t res[2], int64_t *windows)
{
    AD_TRY(ad__per_axis(e, "shift_mask", "res", &a->res, 2, 0, 1, res));
    if (res[0] % a->window || res[1] % a->window)
        return AD_FAIL(e, EATTR, "shift_mask: windows of %lld do not tile %lld x %lld", (long long)a->window, (long long)res[0], (long long)res[1]);
    if (a->shift >= a->window)
        return AD_FAIL(e, EATTR, "shift_mask: shift %lld; need less than the window %lld", (long long)a->shift, (long long)a->window);
    *windows = a->shift ? res[0] / a->window * (res[1] / a->window) : 1;
    return AD_OK;
}

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const mask_attr *a = attr;
    int64_t res[2], windows, positions = a->window * a->window;
    AD_TRY(sizes(e, a, res, &windows));
    *out = (ad_shape){ 3, { windows, positions, positions } };
    return AD_OK;
}

static int64_t region(const mask_attr *a, int64_t size, int64_t i)
{
    return i < size - a->window ? 0 : i < size - a->shift ? 1 : 2;
}

/* Region of position `i` of window `w`. */
static int64_t region_of(const mask_attr *a, const int64_t res[2], int64_t w, int64_t i)
{
    int64_t across = res[1] / a->window;
    int64_t y = w / across * a->window + i / a->window, x = w % across * a->window + i % a->window;
    return 3 * region(a, res[0], y) + region(a, res[1], x);
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    const mask_attr *a = attr;
    int64_t res[2], windows, n = a->window * a->window;
    if (sizes(NULL, a, res, &windows) != AD_OK) return;
    bool wide = ad_tape_precision(t) == AD_F64;
    void *values = calloc((size_t)(windows * n * n), wide ? sizeof(double) : sizeof(float));
    if (!values) {
        AD_FAIL(ad_ctx_error(ad_tape_ctx(t)), ENOMEM, "shift_mask: no memory for %lld numbers", (long long)(windows * n * n));
        return;
    }
    for (int64_t k = 0; a->shift && k < windows * n * n; k++) {
        int64_t w = k / (n * n);
        if (region_of(a, res, w, k / n % n) == region_of(a, res, w, k % n)) continue;
        if (wide)
            ((double *)values)[k] = APART;
        else
            ((float *)values)[k] = APART;
    }
    out[0] = ad_constant(t, &(ad_shape){ 3, { windows, n, n } }, values);
    free(values);
}

static const ad_attr attrs[] = {
    { "res", AD_ATTR_INTS, offsetof(mask_attr, res), 0, 1, 65536, .required = true, .doc = "height and width of the image, or one number" },
    { "window", AD_ATTR_INT, offsetof(mask_attr, window), 0, 1, 1024, .required = true, .doc = "side of a window" },
    { "shift", AD_ATTR_INT, offsetof(mask_attr, shift), 0, 0, 1024, .required = true, .doc = "by how much the image was rolled; 0: nothing is kept apart" },
    { 0 }
};

static const ad_operand operands[] = { { 0 } };

static const ad_sample samples[] = {
    { .name = "shifted", .attr_text = "res=4, window=2, shift=1" },
    { .name = "oblong", .attr_text = "res=[3,6], window=3, shift=1" },
    { .name = "without shift", .attr_text = "res=4, window=2, shift=0" },
    { .name = "refuses windows that do not tile", .attr_text = "res=5, window=2, shift=1", .want = AD_EATTR },
    { .name = "refuses a shift of a window", .attr_text = "res=4, window=2, shift=2", .want = AD_EATTR },
    { .name = "refuses to guess the shift", .attr_text = "res=4, window=2", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_shift_mask = {
    .name = "shift_mask", .doc = "attention mask for the windows of a rolled image",
    .operands = operands,
    .attr_size = sizeof(mask_attr), .attrs = attrs,
    .shape = shape, .expand = expand, .samples = samples,
};

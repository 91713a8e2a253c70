/*
 * shift_mask - what keeps apart, in the windows of a rolled image, positions that do not touch in the image: 0 inside a region, -100
 * between regions.
 *
 * An image of H x W, rolled by -shift, is cut into windows of w x w. Rows fall into three regions, [0, H - w), [H - w, H - shift) and
 * [H - shift, H), columns likewise; two positions of a window belong together if both their regions agree. Without shift nothing is
 * kept apart: a mask of a single window, zero, serves all. The mask is a constant of the tape.
 */
#include "ops/computed.h"
#include "ops/window.h"

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

typedef struct mask {
    const mask_attr *attr;
    int64_t res[2];
} mask;

/* Region of position `i` of window `w`. */
static int64_t region_of(const mask *m, int64_t w, int64_t i)
{
    int64_t side = m->attr->window, across = m->res[1] / side;
    return 3 * region(m->attr, m->res[0], w / across * side + i / side) + region(m->attr, m->res[1], w % across * side + i % side);
}

static double element(int64_t k, const void *arg)
{
    const mask *m = arg;
    int64_t n = m->attr->window * m->attr->window, w = k / (n * n);
    return m->attr->shift && region_of(m, w, k / n % n) != region_of(m, w, k % n) ? APART : 0;
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    mask m = { .attr = attr };
    int64_t windows, n = m.attr->window * m.attr->window;
    if (sizes(NULL, attr, m.res, &windows) != AD_OK) return;
    out[0] = ad__computed(t, "shift_mask", &(ad_shape){ 3, { windows, n, n } }, element, &m);
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

/*
 * avg_pool - the mean of each window; padding is outside of the mean unless count_include_pad says otherwise.
 *
 * It is linear: its adjoint is avg_pool_gradient, and that one's is avg_pool.
 */
#include "ops/resample.h"

static ad_status geometry(ad_error *e, const ad_pool_attr *a, const ad_shape *x, ad_conv_shape *s)
{
    int axes;
    AD_TRY(ad__spatial_axes(e, "avg_pool", "x", x, &axes));
    ad_ints in = ad__spatial_sizes(x);
    return ad__pool_geometry(e, "avg_pool", a, &in, x->dim[0], x->dim[axes + 1], s);
}

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    ad_conv_shape s;
    AD_TRY(geometry(e, attr, &in[0], &s));
    int axes = in[0].rank - 2;
    *out = ad__image(s.n, axes, ad__last_axes(s.out, axes), s.cout);
    return AD_OK;
}

static ad_status forward(const ad_call *c)
{
    const ad_pool_attr *a = c->attr;
    ad_conv_shape s;
    AD_TRY(geometry(c->error, a, &c->in[0].shape, &s));
    ad__map m = ad__average_map(&s, a->count_include_pad);
    ad__map_run(c, &m, false);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    ad_pool_attr a = *(const ad_pool_attr *)g->attr;
    a.size = ad__spatial_sizes(ad_tensor_shape(g->in[0]));
    if (g->wanted[0]) g->gin[0] = ad__avg_pool_gradient(g->tape, g->gout[0], &a);
}

static void scratch(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                    ad_scratch *need)
{
    const ad_pool_attr *a = attr;
    ad_conv_shape s;
    if (geometry(NULL, a, &in[0], &s) != AD_OK) return;
    ad__map m = ad__average_map(&s, a->count_include_pad);
    need->shared = ad__map_bytes(&m, false);
}

static const ad_attr attrs[] = {
    { "kernel", AD_ATTR_INTS, offsetof(ad_pool_attr, kernel), 0, 1, 65536, .required = true, .doc = "sizes of the window, one number or one per axis" },
    { "stride", AD_ATTR_INTS, offsetof(ad_pool_attr, stride), 0, 1, 65536, .empty = true, .doc = "step of the window; left out: the kernel" },
    { "padding", AD_ATTR_INTS, offsetof(ad_pool_attr, padding), 0, 0, 65536, .doc = "rows added before and after, at most half of the kernel" },
    { "ceil_mode", AD_ATTR_BOOL, offsetof(ad_pool_attr, ceil_mode), 0, .doc = "a last window that is only partly inside counts" },
    { "count_include_pad", AD_ATTR_BOOL, offsetof(ad_pool_attr, count_include_pad), 0, .doc = "the divisor counts padding too" },
    { 0 }
};

static const ad_operand operands[] = { { .name = "x", .doc = "[N,..,C], one to three axes" }, { 0 } };

static const ad_sample samples[] = {
    { .name = "halves", .n_in = 1, .in = { { 4, { 2, 4, 6, 3 } } }, .attr_text = "kernel=2" },
    { .name = "odd sizes are cut", .n_in = 1, .in = { { 4, { 1, 5, 3, 2 } } }, .attr_text = "kernel=2" },
    { .name = "ceil mode", .n_in = 1, .in = { { 4, { 1, 5, 3, 2 } } }, .attr_text = "kernel=2, ceil_mode=true" },
    { .name = "overlapping with padding", .n_in = 1, .in = { { 4, { 1, 7, 6, 2 } } }, .attr_text = "kernel=3, stride=2, padding=1" },
    { .name = "padding counted", .n_in = 1, .in = { { 4, { 1, 7, 6, 2 } } },
      .attr_text = "kernel=3, stride=2, padding=1, ceil_mode=true, count_include_pad=true" },
    { .name = "one axis", .n_in = 1, .in = { { 3, { 1, 7, 2 } } }, .attr_text = "kernel=3, stride=1" },
    { .name = "three axes", .n_in = 1, .in = { { 5, { 1, 2, 4, 4, 2 } } }, .attr_text = "kernel=[1,2,2]" },
    { .name = "refuses a window that does not fit", .n_in = 1, .in = { { 4, { 1, 2, 4, 2 } } }, .attr_text = "kernel=3", .want = AD_ESHAPE },
    { .name = "refuses padding above half", .n_in = 1, .in = { { 4, { 1, 4, 4, 2 } } }, .attr_text = "kernel=2, padding=2", .want = AD_EATTR },
    { .name = "refuses to guess the kernel", .n_in = 1, .in = { { 4, { 1, 4, 4, 2 } } }, .want = AD_EATTR },
    { .name = "refuses a matrix", .n_in = 1, .in = { { 2, { 4, 4 } } }, .attr_text = "kernel=2", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_avg_pool = {
    .name = "avg_pool", .doc = "mean of each window",
    .operands = operands,
    .attr_size = sizeof(ad_pool_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .scratch = scratch, .samples = samples,
};

ad_tensor *ad_avg_pool(ad_tape *t, ad_tensor *x, const ad_pool_attr *attr)
{
    return ad_record_one(t, &ad_op_avg_pool, attr, 1, &x);
}

/*
 * avg_pool_gradient - the adjoint of avg_pool: each input pixel collects its share of every window it is in.
 */
#include "ops/resample.h"

static ad_status geometry(ad_error *e, const ad_pool_attr *a, const ad_shape *gy, ad_conv_shape *s)
{
    char text[AD_SHAPE_TEXT], right[AD_SHAPE_TEXT];
    int axes;
    ad_ints size = { 0 };
    AD_TRY(ad__spatial_axes(e, "avg_pool_gradient", "gy", gy, &axes));
    if (a->size.n == 0) return AD_FAIL(e, EATTR, "avg_pool_gradient: needs size, the spatial sizes of its result");
    size.n = axes;
    AD_TRY(ad__per_axis(e, "avg_pool_gradient", "size", &a->size, axes, 0, 1, size.v));
    AD_TRY(ad__pool_geometry(e, "avg_pool_gradient", a, &size, gy->dim[0], gy->dim[axes + 1], s));
    ad_shape y = ad__image(s->n, axes, ad__last_axes(s->out, axes), s->cin);
    if (!ad_shape_equal(&y, gy))
        return AD_FAIL(e, ESHAPE, "avg_pool_gradient: gy %s; an input of that size gives %s", ad_shape_text(gy, text), ad_shape_text(&y, right));
    return AD_OK;
}

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    ad_conv_shape s;
    AD_TRY(geometry(e, attr, &in[0], &s));
    int axes = in[0].rank - 2;
    *out = ad__image(s.n, axes, ad__last_axes(s.in, axes), s.cin);
    return AD_OK;
}

static ad_status forward(const ad_call *c)
{
    const ad_pool_attr *a = c->attr;
    ad_conv_shape s;
    AD_TRY(geometry(c->error, a, &c->in[0].shape, &s));
    ad__map m = ad__average_map(&s, a->count_include_pad);
    ad__map_run(c, &m, true);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    ad_pool_attr a = *(const ad_pool_attr *)g->attr;
    a.size.n = 0;
    if (g->wanted[0]) g->gin[0] = ad_avg_pool(g->tape, g->gout[0], &a);
}

static void scratch(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                    ad_scratch *need)
{
    const ad_pool_attr *a = attr;
    ad_conv_shape s;
    if (geometry(NULL, a, &in[0], &s) != AD_OK) return;
    ad__map m = ad__average_map(&s, a->count_include_pad);
    need->shared = ad__map_bytes(&m, true);
}

static const ad_attr attrs[] = {
    { "size", AD_ATTR_INTS, offsetof(ad_pool_attr, size), 0, 1, 1 << 24, .required = true, .doc = "spatial sizes of the result: of what was pooled" },
    { "kernel", AD_ATTR_INTS, offsetof(ad_pool_attr, kernel), 0, 1, 65536, .required = true, .doc = "sizes of the window, one number or one per axis" },
    { "stride", AD_ATTR_INTS, offsetof(ad_pool_attr, stride), 0, 1, 65536, .empty = true, .doc = "step of the window; left out: the kernel" },
    { "padding", AD_ATTR_INTS, offsetof(ad_pool_attr, padding), 0, 0, 65536, .doc = "rows added before and after, at most half of the kernel" },
    { "ceil_mode", AD_ATTR_BOOL, offsetof(ad_pool_attr, ceil_mode), 0, .doc = "a last window that is only partly inside counts" },
    { "count_include_pad", AD_ATTR_BOOL, offsetof(ad_pool_attr, count_include_pad), 0, .doc = "the divisor counts padding too" },
    { 0 }
};

static const ad_operand operands[] = { { .name = "gy", .doc = "[N,..,C], adjoint of the pooled image" }, { 0 } };

static const ad_sample samples[] = {
    { .name = "halves", .n_in = 1, .in = { { 4, { 2, 2, 3, 3 } } }, .attr_text = "size=[4,6], kernel=2" },
    { .name = "overlapping with padding", .n_in = 1, .in = { { 4, { 1, 4, 3, 2 } } }, .attr_text = "size=[7,6], kernel=3, stride=2, padding=1" },
    { .name = "refuses a size that gives another image", .n_in = 1, .in = { { 4, { 1, 4, 3, 2 } } }, .attr_text = "size=[4,6], kernel=2",
      .want = AD_ESHAPE },
    { .name = "refuses to guess the size", .n_in = 1, .in = { { 4, { 1, 4, 3, 2 } } }, .attr_text = "kernel=2", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_avg_pool_gradient = {
    .name = "avg_pool_gradient", .doc = "adjoint of avg_pool",
    .operands = operands,
    .attr_size = sizeof(ad_pool_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .scratch = scratch, .samples = samples,
};

ad_tensor *ad__avg_pool_gradient(ad_tape *t, ad_tensor *gy, const ad_pool_attr *attr)
{
    return ad_record_one(t, &ad_op_avg_pool_gradient, attr, 1, &gy);
}

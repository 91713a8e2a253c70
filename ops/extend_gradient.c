/*
 * extend_gradient - the adjoint of extend: each pixel collects its copies. Its own adjoint is extend.
 */
#include "ops/resample.h"

static ad_status map_of(ad_error *e, const ad__extend_attr *a, const ad_shape *gy, ad__map *m)
{
    char text[AD_SHAPE_TEXT], right[AD_SHAPE_TEXT];
    int axes;
    int64_t size[3];
    AD_TRY(ad__spatial_axes(e, "extend_gradient", "gy", gy, &axes));
    if (a->size.n == 0) return AD_FAIL(e, EATTR, "extend_gradient: needs size, the spatial sizes of its result");
    AD_TRY(ad__per_axis(e, "extend_gradient", "size", &a->size, axes, 0, 1, size));
    AD_TRY(ad__extend_map(e, "extend_gradient", a, gy->dim[0], gy->dim[axes + 1], axes, size, m));
    ad_shape y = ad__image(m->n, axes, ad__last_axes(m->out, axes), m->c);
    if (!ad_shape_equal(&y, gy))
        return AD_FAIL(e, ESHAPE, "extend_gradient: gy %s; an image of that size gives %s", ad_shape_text(gy, text), ad_shape_text(&y, right));
    return AD_OK;
}

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    ad__map m;
    AD_TRY(map_of(e, attr, &in[0], &m));
    *out = ad__image(m.n, in[0].rank - 2, ad__last_axes(m.in, in[0].rank - 2), m.c);
    return AD_OK;
}

static ad_status forward(const ad_call *c)
{
    ad__map m;
    AD_TRY(map_of(c->error, c->attr, &c->in[0].shape, &m));
    ad__map_run(c, &m, true);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    ad__extend_attr a = *(const ad__extend_attr *)g->attr;
    a.size.n = 0;
    if (g->wanted[0]) g->gin[0] = ad__extend(g->tape, g->gout[0], &a);
}

static void scratch(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                    ad_scratch *need)
{
    ad__map m;
    if (map_of(NULL, attr, &in[0], &m) == AD_OK) need->shared = ad__map_bytes(&m, true);
}

static const ad_attr attrs[] = {
    { "size", AD_ATTR_INTS, offsetof(ad__extend_attr, size), 0, 1, 1 << 24, .required = true, .doc = "spatial sizes of the result: of what was extended" },
    { "before", AD_ATTR_INTS, offsetof(ad__extend_attr, before), 0, 0, 1 << 24, .doc = "as given to extend" },
    { "after", AD_ATTR_INTS, offsetof(ad__extend_attr, after), 0, 0, 1 << 24, .doc = "as given to extend" },
    { "mode", AD_ATTR_ENUM, offsetof(ad__extend_attr, mode), .words = ad__extend_words, .required = true, .doc = "rule; no default" },
    { 0 }
};

static const ad_operand operands[] = { { .name = "gy", .doc = "[N,..,C], adjoint of the extended image" }, { 0 } };

static const ad_sample samples[] = {
    { .name = "reflect", .n_in = 1, .in = { { 4, { 1, 5, 4, 2 } } }, .attr_text = "size=[3,3], before=[2,0], after=[0,1], mode=reflect" },
    { .name = "circular", .n_in = 1, .in = { { 3, { 2, 5, 2 } } }, .attr_text = "size=2, before=1, after=2, mode=circular" },
    { .name = "refuses a size that gives another image", .n_in = 1, .in = { { 3, { 2, 5, 2 } } }, .attr_text = "size=3, before=1, mode=replicate",
      .want = AD_ESHAPE },
    { .name = "refuses to guess the size", .n_in = 1, .in = { { 3, { 2, 5, 2 } } }, .attr_text = "before=1, mode=replicate", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_extend_gradient = {
    .name = "extend_gradient", .doc = "adjoint of extend",
    .operands = operands,
    .attr_size = sizeof(ad__extend_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .scratch = scratch, .samples = samples,
};

ad_tensor *ad__extend_gradient(ad_tape *t, ad_tensor *gy, const ad__extend_attr *attr)
{
    return ad_record_one(t, &ad_op_extend_gradient, attr, 1, &gy);
}

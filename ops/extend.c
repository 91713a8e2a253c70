/*
 * extend - an image continued past its borders: mirrored without the border (reflect), by the border itself (replicate), or from the
 * other side (circular).
 *
 * Every number of the result is a copy of one of x; it is linear, its adjoint (extend_gradient) adds the copies up.
 */
#include "ops/resample.h"

#include <string.h>

const char *const ad__extend_words[] = { [AD__REFLECT] = "reflect", [AD__REPLICATE] = "replicate", [AD__CIRCULAR] = "circular", NULL };

static int copy(const ad__map *m, int axis, int64_t o, ad__tap *tap)
{
    int64_t n = m->in[axis], i = o - m->before[axis];
    if (m->mode == AD__REPLICATE)
        i = i < 0 ? 0 : i >= n ? n - 1 : i;
    else if (m->mode == AD__CIRCULAR)
        i = (i + n) % n;
    else
        i = i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i;
    *tap = (ad__tap){ i, 1 };
    return 1;
}

ad_status ad__extend_map(ad_error *e, const char *op, const ad__extend_attr *a, int64_t n, int64_t c, int axes, const int64_t *in, ad__map *m)
{
    int64_t before[3], after[3], *size;
    *m = (ad__map){ .n = n, .c = c, .in = { 1, 1, 1 }, .out = { 1, 1, 1 }, .most = { 1, 1, 1 }, .rule = copy, .mode = a->mode };
    AD_TRY(ad__per_axis(e, op, "before", &a->before, axes, 0, 0, before));
    AD_TRY(ad__per_axis(e, op, "after", &a->after, axes, 0, 0, after));
    memcpy(ad__last_axes(m->in, axes), in, (size_t)axes * sizeof *in);
    memcpy(ad__last_axes(m->before, axes), before, (size_t)axes * sizeof *before);
    size = ad__last_axes(m->out, axes);
    for (int i = 0; i < axes; i++) {
        int64_t most = a->mode == AD__REFLECT ? in[i] - 1 : a->mode == AD__CIRCULAR ? in[i] : INT32_MAX;
        if (before[i] > most || after[i] > most)
            return AD_FAIL(e, EATTR, "%s: %lld rows before and %lld after; %s has at most %lld for a size of %lld", op, (long long)before[i],
                           (long long)after[i], ad__extend_words[a->mode], (long long)most, (long long)in[i]);
        size[i] = before[i] + in[i] + after[i];
    }
    return AD_OK;
}

static ad_status map_of(ad_error *e, const ad__extend_attr *a, const ad_shape *x, ad__map *m)
{
    int axes;
    AD_TRY(ad__spatial_axes(e, "extend", "x", x, &axes));
    return ad__extend_map(e, "extend", a, x->dim[0], x->dim[axes + 1], axes, x->dim + 1, m);
}

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    ad__map m;
    AD_TRY(map_of(e, attr, &in[0], &m));
    *out = ad__image(m.n, in[0].rank - 2, ad__last_axes(m.out, in[0].rank - 2), m.c);
    return AD_OK;
}

static ad_status forward(const ad_call *c)
{
    ad__map m;
    AD_TRY(map_of(c->error, c->attr, &c->in[0].shape, &m));
    ad__map_run(c, &m, false);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    ad__extend_attr a = *(const ad__extend_attr *)g->attr;
    a.size = ad__spatial_sizes(ad_tensor_shape(g->in[0]));
    if (g->wanted[0]) g->gin[0] = ad__extend_gradient(g->tape, g->gout[0], &a);
}

static void scratch(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                    ad_scratch *need)
{
    ad__map m;
    if (map_of(NULL, attr, &in[0], &m) == AD_OK) need->shared = ad__map_bytes(&m, false);
}

static const ad_attr attrs[] = {
    { "before", AD_ATTR_INTS, offsetof(ad__extend_attr, before), 0, 0, 1 << 24, .doc = "rows before each spatial axis, one number or one per axis" },
    { "after", AD_ATTR_INTS, offsetof(ad__extend_attr, after), 0, 0, 1 << 24, .doc = "rows after" },
    { "mode", AD_ATTR_ENUM, offsetof(ad__extend_attr, mode), .words = ad__extend_words, .required = true, .doc = "rule; no default" },
    { 0 }
};

static const ad_operand operands[] = { { .name = "x", .doc = "[N,..,C], one to three axes" }, { 0 } };

static const ad_sample samples[] = {
    { .name = "reflect", .n_in = 1, .in = { { 4, { 1, 3, 4, 2 } } }, .attr_text = "before=[2,1], after=[1,3], mode=reflect" },
    { .name = "replicate", .n_in = 1, .in = { { 4, { 1, 2, 3, 2 } } }, .attr_text = "before=[3,0], after=1, mode=replicate" },
    { .name = "circular", .n_in = 1, .in = { { 3, { 2, 4, 2 } } }, .attr_text = "before=4, after=3, mode=circular" },
    { .name = "three axes", .n_in = 1, .in = { { 5, { 1, 2, 2, 3, 1 } } }, .attr_text = "before=1, mode=reflect" },
    { .name = "refuses a mirror of the whole image", .n_in = 1, .in = { { 3, { 1, 3, 2 } } }, .attr_text = "before=3, mode=reflect", .want = AD_EATTR },
    { .name = "refuses more than one turn", .n_in = 1, .in = { { 3, { 1, 3, 2 } } }, .attr_text = "after=4, mode=circular", .want = AD_EATTR },
    { .name = "refuses to guess the mode", .n_in = 1, .in = { { 3, { 1, 3, 2 } } }, .attr_text = "after=1", .want = AD_EATTR },
    { .name = "refuses a matrix", .n_in = 1, .in = { { 2, { 3, 2 } } }, .attr_text = "after=1, mode=replicate", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_extend = {
    .name = "extend", .doc = "an image continued past its borders",
    .operands = operands,
    .attr_size = sizeof(ad__extend_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .scratch = scratch, .samples = samples,
};

ad_tensor *ad__extend(ad_tape *t, ad_tensor *x, const ad__extend_attr *attr)
{
    return ad_record_one(t, &ad_op_extend, attr, 1, &x);
}

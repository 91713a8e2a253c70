/*
 * max_pool_gradient - the adjoint of max_pool: each input pixel collects the adjoints of the windows whose largest it was.
 *
 *   gx[p] = sum over the windows o that hold p, with index[o] = p, of gy[o]
 *
 * It is linear in gy: its own adjoint picks u at the indices (max_pool_gather).
 */
#include "ops/resample.h"

static ad_status geometry(ad_error *e, const ad_pool_attr *a, const ad_shape *gy, ad_conv_shape *s)
{
    char text[AD_SHAPE_TEXT], right[AD_SHAPE_TEXT];
    int axes;
    ad_ints size = { 0 };
    AD_TRY(ad__spatial_axes(e, "max_pool_gradient", "gy", gy, &axes));
    if (a->size.n == 0) return AD_FAIL(e, EATTR, "max_pool_gradient: needs size, the spatial sizes of its result");
    size.n = axes;
    AD_TRY(ad__per_axis(e, "max_pool_gradient", "size", &a->size, axes, 0, 1, size.v));
    AD_TRY(ad__pool_geometry(e, "max_pool_gradient", a, &size, gy->dim[0], gy->dim[axes + 1], s));
    ad_shape y = ad__image(s->n, axes, ad__last_axes(s->out, axes), s->cin);
    if (!ad_shape_equal(&y, gy))
        return AD_FAIL(e, ESHAPE, "max_pool_gradient: gy %s; an input of that size gives %s", ad_shape_text(gy, text), ad_shape_text(&y, right));
    return AD_OK;
}

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    char text[AD_SHAPE_TEXT], right[AD_SHAPE_TEXT];
    ad_conv_shape s;
    ad_shape index = in[0];
    index.dtype = AD_I32;
    AD_TRY(geometry(e, attr, &in[0], &s));
    if (!ad_shape_equal(&in[1], &index))
        return AD_FAIL(e, ESHAPE, "max_pool_gradient: gy %s, index %s; need the same", ad_shape_text(&in[0], text), ad_shape_text(&in[1], right));
    int axes = in[0].rank - 2;
    *out = ad__image(s.n, axes, ad__last_axes(s.in, axes), s.cin);
    return AD_OK;
}

typedef struct job {
    const ad_call *c;
    ad_conv_shape s;
} job;

/* Outputs whose window reaches over input i of an axis: from *first, how many. The kernel compares indices, so a dilated window
 * may leave i out. */
static int64_t windows(const ad_conv_shape *s, int axis, int64_t i, int64_t *first)
{
    int64_t reach = (s->kernel[axis] - 1) * s->dilation[axis], at = i + s->pad[axis], last = at / s->stride[axis];
    *first = at > reach ? (at - reach + s->stride[axis] - 1) / s->stride[axis] : 0;
    if (last >= s->out[axis]) last = s->out[axis] - 1;
    return last - *first + 1;
}

static void pixel(const job *j, int64_t item, const int64_t *i, int32_t position)
{
    const ad_call *c = j->c;
    const ad_kernels *k = c->kernels;
    const ad_conv_shape *s = &j->s;
    size_t real = c->precision == AD_F64 ? sizeof(double) : sizeof(float);
    int64_t first[3], n[3], total = item * s->in[0] * s->in[1] * s->in[2] + position;
    void *gx = (char *)c->out->data + (size_t)(total * s->cin) * real;
    for (int axis = 0; axis < 3; axis++)
        n[axis] = windows(s, axis, i[axis], &first[axis]);
    int add = 0;
    for (int64_t a = 0; a < n[0]; a++)
        for (int64_t b = 0; b < n[1]; b++, add = 1) {
            int64_t at = ((item * s->out[0] + first[0] + a) * s->out[1] + first[1] + b) * s->out[2] + first[2];
            k->norm.window_select(n[2], position, s->cin, (const char *)c->in[0].data + (size_t)(at * s->cin) * real,
                                  (const int32_t *)c->in[1].data + at * s->cin, gx, add);
        }
    if (!add) k->norm.window_select(0, position, s->cin, NULL, NULL, gx, 0);
}

static void row(int64_t r, void *scratch, void *arg)
{
    const job *j = arg;
    const ad_conv_shape *s = &j->s;
    int64_t i[3] = { r / s->in[1] % s->in[0], r % s->in[1], 0 }, item = r / s->in[1] / s->in[0];
    for (; i[2] < s->in[2]; i[2]++)
        pixel(j, item, i, (int32_t)((i[0] * s->in[1] + i[1]) * s->in[2] + i[2]));
}

static ad_status forward(const ad_call *c)
{
    job j = { .c = c };
    AD_TRY(geometry(c->error, c->attr, &c->in[0].shape, &j.s));
    ad_parallel(c, j.s.n * j.s.in[0] * j.s.in[1], ad_count(&c->out->shape) * 4, row, &j);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    if (g->wanted[0]) g->gin[0] = ad__max_pool_gather(g->tape, g->gout[0], g->in[1], g->attr);
}

static const ad_attr attrs[] = {
    { "size", AD_ATTR_INTS, offsetof(ad_pool_attr, size), 0, 1, 1 << 24, .required = true, .doc = "spatial sizes of the result: of what was pooled" },
    { "kernel", AD_ATTR_INTS, offsetof(ad_pool_attr, kernel), 0, 1, 65536, .required = true, .doc = "sizes of the window, one number or one per axis" },
    { "stride", AD_ATTR_INTS, offsetof(ad_pool_attr, stride), 0, 1, 65536, .empty = true, .doc = "step of the window; left out: the kernel" },
    { "padding", AD_ATTR_INTS, offsetof(ad_pool_attr, padding), 0, 0, 65536, .doc = "as given to max_pool" },
    { "dilation", AD_ATTR_INTS, offsetof(ad_pool_attr, dilation), 1, 1, 65536, .doc = "distance of the window's elements" },
    { "ceil_mode", AD_ATTR_BOOL, offsetof(ad_pool_attr, ceil_mode), 0, .doc = "as given to max_pool" },
    { 0 }
};

static const ad_operand operands[] = {
    { .name = "gy", .doc = "[N,..,C], adjoint of the pooled image" },
    { .name = "index", .doc = "[N,..,C], where each window's largest is", .integer = true },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "one window an image", .n_in = 2, .in = { { 4, { 2, 1, 1, 3 } }, { 4, { 2, 1, 1, 3 }, AD_I32 } }, .range = { [1] = { 0, 3 } },
      .attr_text = "size=[2,2], kernel=2" },
    { .name = "what two windows share", .n_in = 2, .in = { { 3, { 1, 2, 3 } }, { 3, { 1, 2, 3 }, AD_I32 } }, .range = { [1] = { 1, 3 } },
      .attr_text = "size=5, kernel=4, stride=1" },
    { .name = "rows that no window reaches", .n_in = 2, .in = { { 3, { 1, 1, 2 } }, { 3, { 1, 1, 2 }, AD_I32 } }, .range = { [1] = { 0, 1 } },
      .attr_text = "size=5, kernel=2, stride=4" },
    { .name = "refuses another index", .n_in = 2, .in = { { 3, { 1, 3, 2 } }, { 3, { 1, 2, 2 }, AD_I32 } }, .range = { [1] = { 0, 1 } },
      .attr_text = "size=5, kernel=3, stride=1", .want = AD_ESHAPE },
    { .name = "refuses a size that gives another image", .n_in = 2, .in = { { 3, { 1, 3, 2 } }, { 3, { 1, 3, 2 }, AD_I32 } }, .range = { [1] = { 0, 1 } },
      .attr_text = "size=9, kernel=3, stride=1", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_max_pool_gradient = {
    .name = "max_pool_gradient", .doc = "adjoint of max_pool",
    .operands = operands,
    .attr_size = sizeof(ad_pool_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad__max_pool_gradient(ad_tape *t, ad_tensor *gy, ad_tensor *index, const ad_pool_attr *attr)
{
    ad_tensor *in[] = { gy, index };
    return ad_record_one(t, &ad_op_max_pool_gradient, attr, 2, in);
}

/*
 * max_pool_gather - the values of an image at the positions that max_pool found: the adjoint of max_pool_gradient.
 *
 *   y[n, o, c] = u[n, index[n, o, c], c], positions counted row by row;  gu = max_pool_gradient(gy, index)
 */
#include "ops/resample.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    char text[AD_SHAPE_TEXT], right[AD_SHAPE_TEXT];
    ad_conv_shape s;
    int axes;
    AD_TRY(ad__spatial_axes(e, "max_pool_gather", "u", &in[0], &axes));
    ad_ints size = ad__spatial_sizes(&in[0]);
    AD_TRY(ad__pool_geometry(e, "max_pool_gather", attr, &size, in[0].dim[0], in[0].dim[axes + 1], &s));
    *out = ad__image(s.n, axes, ad__last_axes(s.out, axes), s.cout);
    ad_shape index = *out;
    index.dtype = AD_I32;
    if (!ad_shape_equal(&index, &in[1]))
        return AD_FAIL(e, ESHAPE, "max_pool_gather: index %s; need %s", ad_shape_text(&in[1], text), ad_shape_text(&index, right));
    return AD_OK;
}

typedef struct job {
    const ad_call *c;
    int64_t channels, positions, windows;
} job;

static void window(int64_t i, void *scratch, void *arg)
{
    const job *j = arg;
    const ad_call *c = j->c;
    const int32_t *index = (const int32_t *)c->in[1].data + i * j->channels;
    int64_t item = i / j->windows;
    for (int64_t k = 0; k < j->channels; k++) {
        int64_t from = (item * j->positions + index[k]) * j->channels + k, to = i * j->channels + k;
        if (c->precision == AD_F64)
            ((double *)c->out->data)[to] = ((const double *)c->in[0].data)[from];
        else
            ((float *)c->out->data)[to] = ((const float *)c->in[0].data)[from];
    }
}

static ad_status forward(const ad_call *c)
{
    const ad_shape *u = &c->in[0].shape, *y = &c->out->shape;
    job j = { .c = c, .channels = u->dim[u->rank - 1], .positions = 1, .windows = 1 };
    for (int i = 1; i + 1 < u->rank; i++) {
        j.positions *= u->dim[i];
        j.windows *= y->dim[i];
    }
    const int32_t *index = c->in[1].data;
    for (int64_t i = 0; i < ad_count(y); i++)
        if (index[i] < 0 || index[i] >= j.positions)
            return AD_FAIL(c->error, EUSAGE, "max_pool_gather: position %d of %lld", index[i], (long long)j.positions);
    ad_parallel(c, u->dim[0] * j.windows, ad_count(y), window, &j);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    ad_pool_attr a = *(const ad_pool_attr *)g->attr;
    a.size = ad__spatial_sizes(ad_tensor_shape(g->in[0]));
    if (g->wanted[0]) g->gin[0] = ad__max_pool_gradient(g->tape, g->gout[0], g->in[1], &a);
}

static const ad_attr attrs[] = {
    { "kernel", AD_ATTR_INTS, offsetof(ad_pool_attr, kernel), 0, 1, 65536, .required = true, .doc = "sizes of the window, one number or one per axis" },
    { "stride", AD_ATTR_INTS, offsetof(ad_pool_attr, stride), 0, 1, 65536, .empty = true, .doc = "step of the window; left out: the kernel" },
    { "padding", AD_ATTR_INTS, offsetof(ad_pool_attr, padding), 0, 0, 65536, .doc = "as given to max_pool" },
    { "dilation", AD_ATTR_INTS, offsetof(ad_pool_attr, dilation), 1, 1, 65536, .doc = "distance of the window's elements" },
    { "ceil_mode", AD_ATTR_BOOL, offsetof(ad_pool_attr, ceil_mode), 0, .doc = "as given to max_pool" },
    { 0 }
};

static const ad_operand operands[] = {
    { .name = "u", .doc = "[N,..,C], like the image that was pooled" },
    { .name = "index", .doc = "[N,..,C], where each window's largest is", .integer = true },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "one window an image", .n_in = 2, .in = { { 4, { 2, 2, 2, 3 } }, { 4, { 2, 1, 1, 3 }, AD_I32 } }, .range = { [1] = { 0, 3 } },
      .attr_text = "kernel=2" },
    { .name = "what two windows share", .n_in = 2, .in = { { 3, { 1, 5, 3 } }, { 3, { 1, 2, 3 }, AD_I32 } }, .range = { [1] = { 1, 3 } },
      .attr_text = "kernel=4, stride=1" },
    { .name = "refuses another index", .n_in = 2, .in = { { 3, { 1, 5, 3 } }, { 3, { 1, 3, 3 }, AD_I32 } }, .range = { [1] = { 0, 1 } },
      .attr_text = "kernel=4, stride=1", .want = AD_ESHAPE },
    { .name = "refuses a matrix", .n_in = 2, .in = { { 2, { 5, 3 } }, { 2, { 5, 3 }, AD_I32 } }, .range = { [1] = { 0, 1 } },
      .attr_text = "kernel=4", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_max_pool_gather = {
    .name = "max_pool_gather", .doc = "adjoint of max_pool_gradient",
    .operands = operands,
    .attr_size = sizeof(ad_pool_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad__max_pool_gather(ad_tape *t, ad_tensor *u, ad_tensor *index, const ad_pool_attr *attr)
{
    ad_tensor *in[] = { u, index };
    return ad_record_one(t, &ad_op_max_pool_gather, attr, 2, in);
}

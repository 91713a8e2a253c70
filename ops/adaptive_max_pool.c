/*
 * adaptive_max_pool - the largest of each of `size` windows that together cover the image: along an axis of n positions window i of m
 * goes from floor(i n / m) to ceil((i + 1) n / m). Windows may overlap, and are all alike where m divides n. (The mean of the same
 * windows is resize with mode=area.)
 *
 * `index` [N, windows, C] says where each largest is, positions and windows counted row by row. The adjoint goes there:
 * scatter_along. A NaN in a window is its largest.
 */
#include "ops/resample.h"

typedef struct job {
    const ad_call *c;
    int64_t channels, in[3], out[3];
} job;

static ad_status sizes(ad_error *e, const ad_pool_attr *a, const ad_shape *x, job *j, int *axes)
{
    AD_TRY(ad__spatial_axes(e, "adaptive_max_pool", "x", x, axes));
    *j = (job){ .channels = x->dim[*axes + 1], .in = { 1, 1, 1 }, .out = { 1, 1, 1 } };
    for (int i = 0; i < *axes; i++) {
        ad__last_axes(j->in, *axes)[i] = x->dim[i + 1];
        if (x->dim[i + 1] < 1) return AD_FAIL(e, ESHAPE, "adaptive_max_pool: spatial axis %d of x is empty", i);
    }
    return ad__per_axis(e, "adaptive_max_pool", "size", &a->size, *axes, 1, 1, ad__last_axes(j->out, *axes));
}

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    job j;
    int axes;
    AD_TRY(sizes(e, attr, &in[0], &j, &axes));
    if (j.in[0] * j.in[1] * j.in[2] > INT32_MAX) return AD_FAIL(e, ESHAPE, "adaptive_max_pool: more than 2^31 positions an image");
    out[0] = ad__image(in[0].dim[0], axes, ad__last_axes(j.out, axes), j.channels);
    out[1] = (ad_shape){ 3, { in[0].dim[0], j.out[0] * j.out[1] * j.out[2], j.channels }, AD_I32 };
    return AD_OK;
}

enum { TAPS = 64 };     /* positions given to the kernel at a time */

typedef struct gather {
    int n, more;
    int64_t offset[TAPS];
    int32_t position[TAPS];
} gather;

static void flush(const job *j, gather *g, int64_t at)
{
    const ad_kernels *k = j->c->kernels;
    size_t real = j->c->precision == AD_F64 ? sizeof(double) : sizeof(float);
    k->norm.window_max(g->n, g->offset, g->position, j->channels, j->c->in[0].data, (char *)j->c->out[0].data + (size_t)at * real,
                       (int32_t *)j->c->out[1].data + at, g->more);
    g->n = 0;
    g->more = 1;
}

static void window(int64_t w, void *scratch, void *arg)
{
    const job *j = arg;
    int64_t o[3] = { w / j->out[2] / j->out[1] % j->out[0], w / j->out[2] % j->out[1], w % j->out[2] }, from[3], to[3], p[3];
    int64_t image = w / j->out[2] / j->out[1] / j->out[0] * j->in[0] * j->in[1] * j->in[2];
    gather g = { 0 };
    for (int i = 0; i < 3; i++) {
        from[i] = o[i] * j->in[i] / j->out[i];
        to[i] = ((o[i] + 1) * j->in[i] + j->out[i] - 1) / j->out[i];
    }
    for (p[0] = from[0]; p[0] < to[0]; p[0]++)
        for (p[1] = from[1]; p[1] < to[1]; p[1]++)
            for (p[2] = from[2]; p[2] < to[2]; p[2]++) {
                int64_t position = (p[0] * j->in[1] + p[1]) * j->in[2] + p[2];
                if (g.n == TAPS) flush(j, &g, w * j->channels);
                g.offset[g.n] = (image + position) * j->channels;
                g.position[g.n++] = (int32_t)position;
            }
    flush(j, &g, w * j->channels);
}

static ad_status forward(const ad_call *c)
{
    job j;
    int axes;
    AD_TRY(sizes(c->error, c->attr, &c->in[0].shape, &j, &axes));
    j.c = c;
    ad_parallel(c, c->in[0].shape.dim[0] * j.out[0] * j.out[1] * j.out[2], ad_count(&c->in[0].shape), window, &j);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    const ad_shape *x = ad_tensor_shape(g->in[0]), *index = ad_tensor_shape(g->out[1]);
    if (!g->gout[0]) return;
    ad_shape lines = *index;
    lines.dtype = AD_REAL;
    ad_tensor *gy = ad_reshape(g->tape, g->gout[0], &lines);
    int64_t positions = 1;
    for (int i = 1; i + 1 < x->rank; i++)
        positions *= x->dim[i];
    g->gin[0] = ad_reshape(g->tape, ad_scatter_along(g->tape, gy, g->out[1], 1, positions), x);
}

static const ad_attr attrs[] = {
    { "size", AD_ATTR_INTS, offsetof(ad_pool_attr, size), 1, 1, 65536, .required = true, .doc = "windows along each axis, one number or one per axis" },
    { 0 }
};

static const ad_operand operands[] = { { .name = "x", .doc = "[N,..,C], one to three axes" }, { 0 } };

static const char *const outputs[] = { "y", "index" };

static const ad_sample samples[] = {
    { .name = "unequal windows", .n_in = 1, .in = { { 4, { 2, 5, 7, 3 } } }, .attr_text = "size=[3,4]", .distinct = true },
    { .name = "one window", .n_in = 1, .in = { { 4, { 1, 9, 9, 2 } } }, .attr_text = "size=1", .distinct = true },
    { .name = "more windows than positions", .n_in = 1, .in = { { 3, { 2, 3, 2 } } }, .attr_text = "size=5", .distinct = true },
    { .name = "volume", .n_in = 1, .in = { { 5, { 1, 2, 3, 4, 2 } } }, .attr_text = "size=[1,2,2]", .distinct = true },
    { .name = "refuses a matrix", .n_in = 1, .in = { { 2, { 4, 4 } } }, .attr_text = "size=2", .want = AD_ESHAPE },
    { .name = "refuses two sizes of three", .n_in = 1, .in = { { 5, { 1, 2, 3, 4, 2 } } }, .attr_text = "size=[1,2]", .want = AD_EATTR },
    { .name = "refuses to guess the size", .n_in = 1, .in = { { 4, { 1, 4, 4, 2 } } }, .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_adaptive_max_pool = {
    .name = "adaptive_max_pool", .doc = "largest of each of a given number of windows",
    .operands = operands, .n_out = 2, .outputs = outputs,
    .attr_size = sizeof(ad_pool_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_adaptive_max_pool(ad_tape *t, ad_tensor *x, const ad_ints *size)
{
    return ad_record_one(t, &ad_op_adaptive_max_pool, &(const ad_pool_attr){ .size = *size }, 1, &x);
}

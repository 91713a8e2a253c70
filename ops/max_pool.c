/*
 * max_pool - the largest of each window, and where it is: `index` counts the positions of the unpadded image row by row.
 *
 * The adjoint goes to the first largest of a window (max_pool_gradient). A NaN in a window is its largest. docs/derivations/selection.md has the
 * reasons, for ties as well.
 */
#include "ops/resample.h"

static ad_status geometry(ad_error *e, const ad_pool_attr *a, const ad_shape *x, ad_conv_shape *s)
{
    int axes;
    AD_TRY(ad__spatial_axes(e, "max_pool", "x", x, &axes));
    ad_ints in = ad__spatial_sizes(x);
    return ad__pool_geometry(e, "max_pool", a, &in, x->dim[0], x->dim[axes + 1], s);
}

/* Elements of the window of output o that are inside the image: the first, and how many; they are `dilation` apart. */
static int64_t inside(const ad_conv_shape *s, int axis, int64_t o, int64_t *first)
{
    int64_t begin = o * s->stride[axis] - s->pad[axis], n = 0;
    *first = 0;
    for (int64_t k = 0; k < s->kernel[axis]; k++) {
        int64_t i = begin + k * s->dilation[axis];
        if (i < 0 || i >= s->in[axis]) continue;
        if (n++ == 0) *first = i;
    }
    return n;
}

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    ad_conv_shape s;
    AD_TRY(geometry(e, attr, &in[0], &s));
    int axes = in[0].rank - 2;
    out[0] = out[1] = ad__image(s.n, axes, ad__last_axes(s.out, axes), s.cout);
    out[1].dtype = AD_I32;
    if (s.in[0] * s.in[1] * s.in[2] > INT32_MAX) return AD_FAIL(e, ESHAPE, "max_pool: more than 2^31 positions an image");
    int64_t first;
    for (int i = 0; i < 3; i++)
        for (int64_t o = 0; o < s.out[i]; o++)
            if (!inside(&s, i, o, &first))
                return AD_FAIL(e, EATTR, "max_pool: with dilation %lld a window has nothing but padding", (long long)s.dilation[i]);
    return AD_OK;
}

typedef struct job {
    const ad_call *c;
    ad_conv_shape s;
} job;

enum { TAPS = 64 };     /* elements given to the kernel at a time */

typedef struct gather {
    int n, more;
    int64_t offset[TAPS];
    int32_t position[TAPS];
} gather;

static void flush(const job *j, gather *g, int64_t at)
{
    const ad_call *c = j->c;
    const ad_kernels *k = c->kernels;
    size_t real = c->precision == AD_F64 ? sizeof(double) : sizeof(float);
    k->norm.window_max(g->n, g->offset, g->position, j->s.cin, c->in[0].data, (char *)c->out[0].data + (size_t)at * real,
                       (int32_t *)c->out[1].data + at, g->more);
    g->n = 0;
    g->more = 1;
}

static void pixel(const job *j, int64_t item, const int64_t *o, int64_t at)
{
    const ad_conv_shape *s = &j->s;
    int64_t first[3], n[3];
    gather g = { 0 };
    for (int i = 0; i < 3; i++)
        n[i] = inside(s, i, o[i], &first[i]);
    for (int64_t a = 0; a < n[0]; a++)
        for (int64_t b = 0; b < n[1]; b++)
            for (int64_t d = 0; d < n[2]; d++) {
                int64_t position = first[0] + a * s->dilation[0];
                position = position * s->in[1] + first[1] + b * s->dilation[1];
                position = position * s->in[2] + first[2] + d * s->dilation[2];
                if (g.n == TAPS) flush(j, &g, at);
                g.offset[g.n] = (item * s->in[0] * s->in[1] * s->in[2] + position) * s->cin;
                g.position[g.n++] = (int32_t)position;
            }
    flush(j, &g, at);
}

static void row(int64_t i, void *scratch, void *arg)
{
    const job *j = arg;
    const ad_conv_shape *s = &j->s;
    int64_t o[3] = { i / s->out[1] % s->out[0], i % s->out[1], 0 }, item = i / s->out[1] / s->out[0];
    for (; o[2] < s->out[2]; o[2]++)
        pixel(j, item, o, (i * s->out[2] + o[2]) * s->cin);
}

static ad_status forward(const ad_call *c)
{
    job j = { .c = c };
    AD_TRY(geometry(c->error, c->attr, &c->in[0].shape, &j.s));
    int64_t rows = j.s.n * j.s.out[0] * j.s.out[1];
    ad_parallel(c, rows, ad_count(&c->out->shape) * j.s.kernel[0] * j.s.kernel[1] * j.s.kernel[2], row, &j);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    ad_pool_attr a = *(const ad_pool_attr *)g->attr;
    a.size = ad__spatial_sizes(ad_tensor_shape(g->in[0]));
    if (g->wanted[0] && g->gout[0]) g->gin[0] = ad__max_pool_gradient(g->tape, g->gout[0], g->out[1], &a);
}

static const ad_attr attrs[] = {
    { "kernel", AD_ATTR_INTS, offsetof(ad_pool_attr, kernel), 0, 1, 65536, .required = true, .doc = "sizes of the window, one number or one per axis" },
    { "stride", AD_ATTR_INTS, offsetof(ad_pool_attr, stride), 0, 1, 65536, .empty = true, .doc = "step of the window; left out: the kernel" },
    { "padding", AD_ATTR_INTS, offsetof(ad_pool_attr, padding), 0, 0, 65536, .doc = "rows that never win, added before and after, at most half of the kernel" },
    { "dilation", AD_ATTR_INTS, offsetof(ad_pool_attr, dilation), 1, 1, 65536, .doc = "distance of the window's elements" },
    { "ceil_mode", AD_ATTR_BOOL, offsetof(ad_pool_attr, ceil_mode), 0, .doc = "a last window that is only partly inside counts" },
    { 0 }
};

static const ad_operand operands[] = { { .name = "x", .doc = "[N,..,C], one to three axes" }, { 0 } };

static const char *const outputs[] = { "y", "index" };

static const ad_sample samples[] = {
    { .name = "halves", .n_in = 1, .in = { { 4, { 2, 4, 6, 3 } } }, .attr_text = "kernel=2", .distinct = true },
    { .name = "overlapping with padding", .n_in = 1, .in = { { 4, { 1, 5, 7, 2 } } }, .attr_text = "kernel=3, stride=2, padding=1", .distinct = true },
    { .name = "ceil mode", .n_in = 1, .in = { { 4, { 1, 5, 5, 2 } } }, .attr_text = "kernel=2, ceil_mode=true", .distinct = true },
    { .name = "dilated", .n_in = 1, .in = { { 4, { 1, 6, 5, 2 } } }, .attr_text = "kernel=3, stride=1, padding=1, dilation=2", .distinct = true },
    { .name = "a window of many elements", .n_in = 1, .in = { { 4, { 1, 9, 9, 1 } } }, .attr_text = "kernel=9", .distinct = true },
    { .name = "one axis", .n_in = 1, .in = { { 3, { 1, 7, 2 } } }, .attr_text = "kernel=3, stride=1", .distinct = true },
    { .name = "three axes", .n_in = 1, .in = { { 5, { 1, 2, 4, 4, 2 } } }, .attr_text = "kernel=[1,2,2]", .distinct = true },
    { .name = "refuses a window that does not fit", .n_in = 1, .in = { { 4, { 1, 2, 4, 2 } } }, .attr_text = "kernel=3", .want = AD_ESHAPE },
    { .name = "refuses padding above half", .n_in = 1, .in = { { 4, { 1, 4, 4, 2 } } }, .attr_text = "kernel=2, padding=2", .want = AD_EATTR },
    { .name = "refuses a window of padding", .n_in = 1, .in = { { 3, { 1, 3, 2 } } }, .attr_text = "kernel=2, padding=1, dilation=4", .want = AD_EATTR },
    { .name = "refuses a matrix", .n_in = 1, .in = { { 2, { 4, 4 } } }, .attr_text = "kernel=2", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_max_pool = {
    .name = "max_pool", .doc = "largest of each window",
    .operands = operands, .n_out = 2, .outputs = outputs,
    .attr_size = sizeof(ad_pool_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_max_pool(ad_tape *t, ad_tensor *x, const ad_pool_attr *attr)
{
    return ad_record_one(t, &ad_op_max_pool, attr, 1, &x);
}

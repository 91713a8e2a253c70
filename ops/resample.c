/*
 * resample.c - the taps of each rule of resizing and of average pooling, and running a map.
 *
 * Position of output o in the input, for n_in to n_out:  s = n_in / n_out (or 1 / factor)
 *   corners aligned  o (n_in - 1) / (n_out - 1);   half pixel  (o + 1/2) s - 1/2;   asymmetric  o s
 * Linear rules weight the two neighbours by distance (positions before 0 count as 0), cubic ones four neighbours with a = -3/4
 * (indices are clamped); nearest is floor(o s), nearest_exact floor((o + 1/2) s); area averages [floor(o s), ceil((o + 1) s)).
 */
#include "ops/resample.h"

#include <math.h>
#include <string.h>

const char *const ad__resize_words[] = {
    [AD_NEAREST] = "nearest", [AD_BILINEAR_CORNERS] = "bilinear_corners", [AD_BILINEAR_HALF_PIXEL] = "bilinear_half_pixel",
    [AD_BILINEAR_ASYMMETRIC] = "bilinear_asymmetric", [AD_NEAREST_EXACT] = "nearest_exact", [AD_BICUBIC_CORNERS] = "bicubic_corners",
    [AD_BICUBIC_HALF_PIXEL] = "bicubic_half_pixel", [AD_AREA] = "area", NULL
};

/* ---- rules ---- */

static int add_tap(ad__tap *tap, int n, int64_t index, double weight)
{
    for (int i = 0; i < n; i++)
        if (tap[i].index == index) {
            tap[i].weight += weight;
            return n;
        }
    if (weight == 0) return n;
    tap[n] = (ad__tap){ index, weight };
    return n + 1;
}

static int64_t clamp(int64_t i, int64_t n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

/* floor(o * step); whole numbers are divided exactly where no factor was given (step of the sizes themselves). */
static int nearest(const ad__map *m, int axis, int64_t o, ad__tap *tap)
{
    bool exact = m->mode == AD_NEAREST_EXACT;
    int64_t in = m->in[axis], out = m->out[axis], i;
    if (m->step[axis] == (double)in / (double)out)
        i = exact ? (2 * o + 1) * in / (2 * out) : o * in / out;
    else
        i = (int64_t)floor(((double)o + (exact ? 0.5 : 0)) * m->step[axis]);
    return add_tap(tap, 0, clamp(i, in), 1);
}

static double position(const ad__map *m, int axis, int64_t o)
{
    switch (m->mode) {
    case AD_BILINEAR_HALF_PIXEL:
    case AD_BICUBIC_HALF_PIXEL: return ((double)o + 0.5) * m->step[axis] - 0.5;
    case AD_BILINEAR_ASYMMETRIC: return (double)o * m->step[axis];
    default: return m->out[axis] > 1 ? (double)o * (double)(m->in[axis] - 1) / (double)(m->out[axis] - 1) : 0;
    }
}

static int linear(const ad__map *m, int axis, int64_t o, ad__tap *tap)
{
    double at = position(m, axis, o);
    if (at < 0) at = 0;
    int64_t i = (int64_t)floor(at);
    double t = at - (double)i;
    int n = add_tap(tap, 0, clamp(i, m->in[axis]), 1 - t);
    return add_tap(tap, n, clamp(i + 1, m->in[axis]), t);
}

/* Cubic convolution weight at distance d. */
static double cubic_weight(double d)
{
    const double a = -0.75;
    d = fabs(d);
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
}

static int cubic(const ad__map *m, int axis, int64_t o, ad__tap *tap)
{
    double at = position(m, axis, o);
    int64_t i = (int64_t)floor(at);
    int n = 0;
    for (int64_t k = i - 1; k <= i + 2; k++)
        n = add_tap(tap, n, clamp(k, m->in[axis]), cubic_weight(at - (double)k));
    return n;
}

static int area(const ad__map *m, int axis, int64_t o, ad__tap *tap)
{
    int64_t in = m->in[axis], out = m->out[axis], first = o * in / out, end = ((o + 1) * in + out - 1) / out;
    for (int64_t i = first; i < end; i++)
        tap[i - first] = (ad__tap){ i, 1 / (double)(end - first) };
    return (int)(end - first);
}

static int average(const ad__map *m, int axis, int64_t o, ad__tap *tap)
{
    const ad_conv_shape *w = &m->window;
    int64_t in = w->in[axis], first = o * w->stride[axis] - w->pad[axis], end = first + w->kernel[axis];
    if (end > in + w->pad[axis]) end = in + w->pad[axis];
    int64_t padded = end - first;
    if (first < 0) first = 0;
    if (end > in) end = in;
    double weight = 1 / (double)(m->include_pad ? padded : end - first);
    for (int64_t i = first; i < end; i++)
        tap[i - first] = (ad__tap){ i, weight };
    return (int)(end - first);
}

/* ---- maps ---- */

typedef struct mode_rule {
    ad__tap_rule *rule;
    int taps;                   /* 0: as many as the ratio of the sizes asks for */
} mode_rule;

static const mode_rule rules[] = {
    [AD_NEAREST] = { nearest, 1 }, [AD_NEAREST_EXACT] = { nearest, 1 },
    [AD_BILINEAR_CORNERS] = { linear, 2 }, [AD_BILINEAR_HALF_PIXEL] = { linear, 2 }, [AD_BILINEAR_ASYMMETRIC] = { linear, 2 },
    [AD_BICUBIC_CORNERS] = { cubic, 4 }, [AD_BICUBIC_HALF_PIXEL] = { cubic, 4 }, [AD_AREA] = { area, 0 },
};

ad__map ad__resize_map(int mode, double factor, int64_t n, int64_t c, int axes, const int64_t *in, const int64_t *out)
{
    ad__map m = { .n = n, .c = c, .in = { 1, 1, 1 }, .out = { 1, 1, 1 }, .rule = rules[mode].rule, .mode = mode };
    memcpy(ad__last_axes(m.in, axes), in, (size_t)axes * sizeof *in);
    memcpy(ad__last_axes(m.out, axes), out, (size_t)axes * sizeof *out);
    for (int i = 0; i < 3; i++) {
        bool missing = i < 3 - axes;
        m.step[i] = factor > 0 && !missing ? 1 / factor : (double)m.in[i] / (double)m.out[i];
        m.most[i] = rules[mode].taps ? rules[mode].taps : m.in[i] / m.out[i] + 2;
    }
    return m;
}

ad__map ad__average_map(const ad_conv_shape *window, bool include_pad)
{
    ad__map m = { .n = window->n, .c = window->cin, .rule = average, .window = *window, .include_pad = include_pad };
    for (int i = 0; i < 3; i++) {
        m.in[i] = window->in[i];
        m.out[i] = window->out[i];
        m.most[i] = window->kernel[i];
    }
    return m;
}

ad_status ad__resize_sizes(ad_error *e, const ad_resize_attr *a, const ad_shape *x, ad_ints *size)
{
    int axes;
    AD_TRY(ad__spatial_axes(e, "resize", "x", x, &axes));
    *size = (ad_ints){ .n = axes };
    if (a->size.n) return ad__per_axis(e, "resize", "size", &a->size, axes, 0, 1, size->v);
    if (a->height > 0 && a->width > 0) {
        if (axes != 2) return AD_FAIL(e, EATTR, "resize: height and width are of two spatial axes, x has %d; give size", axes);
        size->v[0] = a->height;
        size->v[1] = a->width;
        return AD_OK;
    }
    if (!(a->factor > 0)) return AD_FAIL(e, EATTR, "resize: needs height and width, or size, or factor");
    for (int i = 0; i < axes; i++) {
        size->v[i] = (int64_t)floor((double)x->dim[i + 1] * a->factor);
        if (size->v[i] < 1) return AD_FAIL(e, EATTR, "resize: factor %g leaves nothing of a size of %lld", a->factor, (long long)x->dim[i + 1]);
    }
    return AD_OK;
}

ad_status ad__pool_geometry(ad_error *e, const char *op, const ad_pool_attr *a, const ad_ints *in, int64_t n, int64_t c, ad_conv_shape *s)
{
    ad_window_lists lists = {
        .kernel = &a->kernel, .stride = &a->stride, .padding = &a->padding, .dilation = &a->dilation, .stride_is_kernel = true,
        .ceil_mode = a->ceil_mode
    };
    if (a->kernel.n == 0) return AD_FAIL(e, EATTR, "%s: needs kernel", op);
    AD_TRY(ad__window(e, op, &lists, in->n, in->v, s));
    for (int i = 0; i < 3; i++)
        if (2 * s->pad[i] > s->kernel[i])
            return AD_FAIL(e, EATTR, "%s: padding %lld; need at most half of the kernel %lld", op, (long long)s->pad[i], (long long)s->kernel[i]);
    s->n = n;
    s->cin = s->cout = c;
    s->groups = 1;
    return AD_OK;
}

/* ---- running ---- */

/* Taps of one axis: those of index o are tap[start[o]] to tap[start[o + 1] - 1]. */
typedef struct axis_table {
    int64_t *start;
    ad__tap *tap;
} axis_table;

static size_t table_bytes(const ad__map *m, int axis, bool adjoint)
{
    int64_t indices = adjoint ? m->in[axis] : m->out[axis];
    return (size_t)(indices + 1) * sizeof(int64_t) + (size_t)((m->out[axis] + 1) * m->most[axis]) * sizeof(ad__tap);
}

size_t ad__map_bytes(const ad__map *m, bool adjoint)
{
    size_t bytes = 0;
    for (int i = 0; i < 3; i++)
        bytes += (table_bytes(m, i, adjoint) + 15) / 16 * 16;
    return bytes;
}

static axis_table table_at(const ad__map *m, int axis, bool adjoint, char **memory)
{
    int64_t indices = adjoint ? m->in[axis] : m->out[axis];
    axis_table t = { .tap = (ad__tap *)*memory };
    t.start = (int64_t *)(t.tap + (m->out[axis] + 1) * m->most[axis]);
    *memory += (table_bytes(m, axis, adjoint) + 15) / 16 * 16;
    memset(t.start, 0, (size_t)(indices + 1) * sizeof *t.start);
    return t;
}

static void fill_forward(const ad__map *m, int axis, axis_table *t)
{
    for (int64_t o = 0; o < m->out[axis]; o++)
        t->start[o + 1] = t->start[o] + m->rule(m, axis, o, t->tap + t->start[o]);
}

/* The room behind the table serves for the taps of one index. */
static void fill_adjoint(const ad__map *m, int axis, axis_table *t)
{
    ad__tap *one = t->tap + m->out[axis] * m->most[axis];
    for (int64_t o = 0; o < m->out[axis]; o++)
        for (int n = m->rule(m, axis, o, one), k = 0; k < n; k++)
            t->start[one[k].index + 1]++;
    for (int64_t i = 0; i < m->in[axis]; i++)
        t->start[i + 1] += t->start[i];
    for (int64_t o = m->out[axis] - 1; o >= 0; o--)
        for (int n = m->rule(m, axis, o, one), k = 0; k < n; k++)
            t->tap[--t->start[one[k].index + 1]] = (ad__tap){ o, one[k].weight };
    /* Each end was counted down to its beginning: start[i + 1] is now where i begins. */
    for (int64_t i = 0; i < m->in[axis]; i++)
        t->start[i] = t->start[i + 1];
    int64_t total = 0;
    for (int64_t o = 0; o < m->out[axis]; o++)
        total += m->rule(m, axis, o, one);
    t->start[m->in[axis]] = total;
}

typedef struct map_job {
    const ad_call *c;
    int64_t from[3], to[3], channels;
    axis_table table[3];
} map_job;

enum { TAPS = 64 };     /* taps given to the kernel at a time */

typedef struct gather {
    const map_job *job;
    const void *x;
    void *y;
    int n, add;
    int64_t offset[TAPS];
    double weight[TAPS];
} gather;

static void flush(gather *g)
{
    const ad_call *c = g->job->c;
    const ad_kernels *k = c->kernels;
    float single[TAPS];
    const void *weight = g->weight;
    if (c->precision == AD_F32) {
        for (int i = 0; i < g->n; i++)
            single[i] = (float)g->weight[i];
        weight = single;
    }
    k->norm.taps(g->n, g->offset, weight, g->job->channels, g->x, g->y, g->add);
    g->n = 0;
    g->add = 1;
}

/* One output pixel. */
static void pixel(gather *g, int64_t item, int64_t o0, int64_t o1, int64_t o2)
{
    const map_job *j = g->job;
    const axis_table *t = j->table;
    g->n = g->add = 0;
    for (int64_t a = t[0].start[o0]; a < t[0].start[o0 + 1]; a++)
        for (int64_t b = t[1].start[o1]; b < t[1].start[o1 + 1]; b++) {
            int64_t row = ((item * j->from[0] + t[0].tap[a].index) * j->from[1] + t[1].tap[b].index) * j->from[2];
            double weight = t[0].tap[a].weight * t[1].tap[b].weight;
            for (int64_t k = t[2].start[o2]; k < t[2].start[o2 + 1]; k++) {
                if (g->n == TAPS) flush(g);
                g->offset[g->n] = (row + t[2].tap[k].index) * j->channels;
                g->weight[g->n++] = weight * t[2].tap[k].weight;
            }
        }
    if (g->n || !g->add) flush(g);
}

static void row(int64_t i, void *scratch, void *arg)
{
    const map_job *j = arg;
    const ad_call *c = j->c;
    size_t real = c->precision == AD_F64 ? sizeof(double) : sizeof(float);
    int64_t o1 = i % j->to[1], o0 = i / j->to[1] % j->to[0], item = i / j->to[1] / j->to[0];
    gather g = { .job = j, .x = c->in[0].data };
    char *y = (char *)c->out->data + (size_t)(i * j->to[2] * j->channels) * real;
    for (int64_t o2 = 0; o2 < j->to[2]; o2++, y += (size_t)j->channels * real) {
        g.y = y;
        pixel(&g, item, o0, o1, o2);
    }
}

void ad__map_run(const ad_call *c, const ad__map *m, bool adjoint)
{
    map_job j = { .c = c, .channels = m->c };
    char *memory = c->scratch;
    for (int i = 0; i < 3; i++) {
        j.from[i] = adjoint ? m->out[i] : m->in[i];
        j.to[i] = adjoint ? m->in[i] : m->out[i];
        j.table[i] = table_at(m, i, adjoint, &memory);
        if (adjoint)
            fill_adjoint(m, i, &j.table[i]);
        else
            fill_forward(m, i, &j.table[i]);
    }
    int64_t rows = m->n * j.to[0] * j.to[1];
    ad_parallel(c, rows, rows * j.to[2] * m->c * 4, row, &j);
}

/*
 * recurrence - y_i = a_i y_(i-1) + b_i along one axis, y_0 = b_0; with `reverse` y_i = a_i y_(i+1) + b_i from the last place.
 *
 *   Linear recurrences are closed under differentiation. With s_i the adjoint of y_i by all ways,
 *   s_i = gy_i + a_(i+1) s_(i+1), a recurrence the other way round;  gb = s,  ga_i = s_i y_(i-1), and ga_0 = 0 (docs/derivations/recurrence.md).
 */
#include <math.h>

#include "ops/along.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    char text[2][AD_SHAPE_TEXT];
    if (!ad_shape_equal(&in[0], &in[1]))
        return AD_FAIL(e, ESHAPE, "recurrence: a %s, b %s; need the same", ad_shape_text(&in[0], text[0]), ad_shape_text(&in[1], text[1]));
    return ad__shape_along(e, "recurrence", ((const ad_scan_attr *)attr)->axis, &in[0], out);
}

typedef struct job {
    const ad_call *call;
    ad__lines lines;
} job;

static void line_f32(const float *a, const float *b, float *y, int64_t n, int64_t step)
{
    float last = *y = *b;
    for (int64_t k = 1; k < n; k++)
        y[k * step] = last = fmaf(a[k * step], last, b[k * step]);
}

static void line_f64(const double *a, const double *b, double *y, int64_t n, int64_t step)
{
    double last = *y = *b;
    for (int64_t k = 1; k < n; k++)
        y[k * step] = last = fma(a[k * step], last, b[k * step]);
}

static void line(int64_t i, void *scratch, void *arg)
{
    const job *j = arg;
    const ad_call *c = j->call;
    const ad_scan_attr *attr = c->attr;
    const void *a = c->in[0].data, *b = c->in[1].data;
    int64_t at = ad__line_start(&j->lines, i), n = j->lines.size, step = j->lines.inner;
    if (n == 0) return;
    if (attr->reverse) {
        at += (n - 1) * step;
        step = -step;
    }
    if (c->precision == AD_F64) line_f64((const double *)a + at, (const double *)b + at, (double *)c->out->data + at, n, step);
    else line_f32((const float *)a + at, (const float *)b + at, (float *)c->out->data + at, n, step);
}

static ad_status forward(const ad_call *c)
{
    job j = { c, ad__lines_of(&c->in[0].shape, ((const ad_scan_attr *)c->attr)->axis) };
    ad__each_line(c, &j.lines, 4 * j.lines.size, line, &j);
    return AD_OK;
}

/* x with every place moved one on along the axis (or one back), zero where nothing comes from. */
static ad_tensor *moved(ad_tape *t, ad_tensor *x, const ad_scan_attr *a, bool on)
{
    const ad_shape *s = ad_tensor_shape(x);
    int axis = ad__axis_at(a->axis, s->rank);
    return ad_pad(t, ad_slice(t, x, axis, on ? 0 : 1, s->dim[axis] - 1), axis, on, !on);
}

static void gradient(ad_grad *g)
{
    const ad_scan_attr *a = g->attr;
    ad_tape *t = g->tape;
    ad__lines l = ad__lines_of(ad_tensor_shape(g->in[0]), a->axis);
    ad_tensor *s = g->gout[0];
    if (l.size > 1) s = ad_recurrence(t, moved(t, g->in[0], a, a->reverse), s, (int)a->axis, !a->reverse);
    if (g->wanted[0] && l.size > 1) g->gin[0] = ad_mul(t, s, moved(t, g->out[0], a, !a->reverse));
    if (g->wanted[1]) g->gin[1] = s;
}

static void cost(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_cost *c)
{
    c->macs = (double)ad_count(&out[0]);
}

static const ad_operand operands[] = { { .name = "a", .doc = "factors of what came before" },
                                       { .name = "b", .doc = "what is added, same shape" }, { 0 } };

static const ad_attr attrs[] = {
    { "axis", AD_ATTR_INT, offsetof(ad_scan_attr, axis), -1, .lo = -AD_MAX_RANK, .hi = AD_MAX_RANK - 1, .doc = "the axis; negative ones count from the end" },
    { "reverse", AD_ATTR_BOOL, offsetof(ad_scan_attr, reverse), 0, .doc = "from the last place to the first" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "rows", .n_in = 2, .in = { { 2, { 3, 5 } }, { 2, { 3, 5 } } } },
    { .name = "columns", .n_in = 2, .in = { { 3, { 4, 2, 3 } }, { 3, { 4, 2, 3 } } }, .attr_text = "axis=0" },
    { .name = "reverse", .n_in = 2, .in = { { 3, { 2, 4, 3 } }, { 3, { 2, 4, 3 } } }, .attr_text = "axis=-2, reverse=true" },
    { .name = "one step", .n_in = 2, .in = { { 2, { 3, 1 } }, { 2, { 3, 1 } } }, .no_gradient = 1 },
    { .name = "unequal", .n_in = 2, .in = { { 2, { 3, 5 } }, { 2, { 3, 4 } } }, .want = AD_ESHAPE },
    { .name = "no such axis", .n_in = 2, .in = { { 2, { 3, 5 } }, { 2, { 3, 5 } } }, .attr_text = "axis=-3", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_recurrence = {
    .name = "recurrence", .doc = "y_i = a_i y_(i-1) + b_i along one axis", .operands = operands,
    .attr_size = sizeof(ad_scan_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .cost = cost, .samples = samples,
};

ad_tensor *ad_recurrence(ad_tape *t, ad_tensor *a, ad_tensor *b, int axis, bool reverse)
{
    return ad_record_one(t, &ad_op_recurrence, &(const ad_scan_attr){ axis, reverse }, 2, (ad_tensor *const[]){ a, b });
}

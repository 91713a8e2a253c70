/*
 * cumsum - running sums along one axis: y_i = x_0 + .. + x_i; with `reverse` from the other end.
 *
 *   The adjoint of x_k collects every sum that x_k is in: gx = running sums of gy from the other end. The sums are added one by one.
 */
#include "ops/along.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    return ad__shape_along(e, "cumsum", ((const ad_scan_attr *)attr)->axis, &in[0], out);
}

typedef struct job {
    const ad_call *call;
    ad__lines lines;
} job;

static void line(int64_t i, void *scratch, void *arg)
{
    const job *j = arg;
    const ad_call *c = j->call;
    const ad_scan_attr *a = c->attr;
    int64_t at = ad__line_start(&j->lines, i), step = j->lines.inner;
    if (a->reverse) at += (j->lines.size - 1) * step;
    for (int64_t k = 0, to = a->reverse ? -step : step; k < j->lines.size; k++, at += to) {
        double x = ad__number(c, c->in[0].data, at);
        ad__store(c, c->out->data, at, k ? ad__number(c, c->out->data, at - to) + x : x);
    }
}

static ad_status forward(const ad_call *c)
{
    job j = { c, ad__lines_of(&c->in[0].shape, ((const ad_scan_attr *)c->attr)->axis) };
    ad__each_line(c, &j.lines, j.lines.size, line, &j);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    const ad_scan_attr *a = g->attr;
    g->gin[0] = ad_cumsum(g->tape, g->gout[0], (int)a->axis, !a->reverse);
}

static const ad_attr attrs[] = {
    { "axis", AD_ATTR_INT, offsetof(ad_scan_attr, axis), -1, .lo = -AD_MAX_RANK, .hi = AD_MAX_RANK - 1, .doc = "the axis; negative ones count from the end" },
    { "reverse", AD_ATTR_BOOL, offsetof(ad_scan_attr, reverse), 0, .doc = "from the last place to the first" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "rows", .n_in = 1, .in = { { 2, { 3, 5 } } } },
    { .name = "columns", .n_in = 1, .in = { { 2, { 4, 3 } } }, .attr_text = "axis=0" },
    { .name = "middle", .n_in = 1, .in = { { 3, { 2, 3, 2 } } }, .attr_text = "axis=-2" },
    { .name = "reverse", .n_in = 1, .in = { { 3, { 2, 3, 2 } } }, .attr_text = "axis=1, reverse=true" },
    { .name = "no such axis", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axis=2", .want = AD_ESHAPE },
    { .name = "a number", .n_in = 1, .in = { { 0 } }, .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_cumsum = {
    .name = "cumsum", .doc = "running sums along one axis", .operands = ad__operand_x, .attr_size = sizeof(ad_scan_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_cumsum(ad_tape *t, ad_tensor *x, int axis, bool reverse)
{
    return ad_record_one(t, &ad_op_cumsum, &(const ad_scan_attr){ axis, reverse }, 1, &x);
}

/*
 * scatter_along - elements added into lines of zeros at their places along one axis:
 * y[.., index[.., k, ..], ..] += x[.., k, ..]; the adjoint of gather_along.
 *
 *   Elements with the same place are added in the order of k. A line belongs to one thread.
 */
#include "ops/along.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_along_attr *a = attr;
    int axis = ad__axis(e, "scatter_along", a->axis, in[0].rank);
    if (axis < 0) return AD_ESHAPE;
    bool fits = in[1].rank == in[0].rank;
    for (int i = 0; fits && i < in[0].rank; i++)
        fits = in[1].dim[i] == in[0].dim[i];
    if (!fits) {
        char text[2][AD_SHAPE_TEXT];
        return AD_FAIL(e, ESHAPE, "scatter_along: x %s, index %s; need the same", ad_shape_text(&in[0], text[0]),
                       ad_shape_text(&in[1], text[1]));
    }
    *out = in[0];
    out->dim[axis] = a->size;
    return AD_OK;
}

typedef struct job {
    const ad_call *call;
    ad__lines x, y;
} job;

static void line(int64_t i, void *scratch, void *arg)
{
    const job *j = arg;
    const ad_call *c = j->call;
    const int32_t *index = c->in[1].data;
    int64_t from = ad__line_start(&j->x, i), to = ad__line_start(&j->y, i), step = j->x.inner;
    for (int64_t k = 0; k < j->y.size; k++)
        ad__store(c, c->out->data, to + k * step, 0);
    for (int64_t k = 0; k < j->x.size; k++, from += step) {
        int64_t at = to + index[from] * step;
        ad__store(c, c->out->data, at, ad__number(c, c->out->data, at) + ad__number(c, c->in[0].data, from));
    }
}

static ad_status forward(const ad_call *c)
{
    const ad_along_attr *a = c->attr;
    job j = { c, ad__lines_of(&c->in[0].shape, a->axis), ad__lines_of(&c->out->shape, a->axis) };
    AD_TRY(ad__index_within(c, "scatter_along", a->size));
    ad__each_line(c, &j.y, j.y.size + 2 * j.x.size, line, &j);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    const ad_along_attr *a = g->attr;
    if (g->wanted[0]) g->gin[0] = ad_gather_along(g->tape, g->gout[0], g->in[1], (int)a->axis);
}

static const ad_operand operands[] = { { .name = "x" },
                                       { .name = "index", .doc = "places along the axis, shaped like x", .integer = true }, { 0 } };

static const ad_attr attrs[] = {
    { "axis", AD_ATTR_INT, offsetof(ad_along_attr, axis), -1, .lo = -AD_MAX_RANK, .hi = AD_MAX_RANK - 1, .doc = "the axis; negative ones count from the end" },
    { "size", AD_ATTR_INT, offsetof(ad_along_attr, size), .lo = 1, .hi = 1e12, .required = true, .doc = "size of the axis in the result" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "columns", .n_in = 2, .in = { { 2, { 4, 6 } }, { 2, { 4, 6 }, AD_I32 } }, .attr_text = "size=3",
      .range = { { 0 }, { 0, 2 } } },
    { .name = "rows", .n_in = 2, .in = { { 3, { 5, 2, 2 } }, { 3, { 5, 2, 2 }, AD_I32 } }, .attr_text = "axis=0, size=4",
      .range = { { 0 }, { 0, 3 } } },
    { .name = "unequal", .n_in = 2, .in = { { 2, { 4, 5 } }, { 2, { 4, 3 }, AD_I32 } }, .attr_text = "size=5",
      .range = { { 0 }, { 0, 2 } }, .want = AD_ESHAPE },
    { .name = "no such axis", .n_in = 2, .in = { { 2, { 4, 5 } }, { 2, { 4, 5 }, AD_I32 } }, .attr_text = "axis=-3, size=5",
      .range = { { 0 }, { 0, 2 } }, .want = AD_ESHAPE },
    { .name = "no size", .n_in = 2, .in = { { 2, { 4, 5 } }, { 2, { 4, 5 }, AD_I32 } }, .range = { { 0 }, { 0, 2 } }, .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_scatter_along = {
    .name = "scatter_along", .doc = "elements added at their places along one axis, for each line its own", .operands = operands,
    .attr_size = sizeof(ad_along_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_scatter_along(ad_tape *t, ad_tensor *x, ad_tensor *index, int axis, int64_t size)
{
    return ad_record_one(t, &ad_op_scatter_along, &(const ad_along_attr){ axis, size }, 2, (ad_tensor *const[]){ x, index });
}

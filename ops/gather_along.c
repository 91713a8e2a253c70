/*
 * gather_along - for each place of the result, the element of its own line of x whose number the index gives:
 * y[.., k, ..] = x[.., index[.., k, ..], ..] along one axis; the other axes of x and index agree.
 *
 *   The adjoint is scatter_along: an element that was taken several times gets the sum.
 */
#include "ops/along.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_along_attr *a = attr;
    int axis = ad__axis(e, "gather_along", a->axis, in[0].rank);
    if (axis < 0) return AD_ESHAPE;
    *out = in[0];
    if (in[1].rank == in[0].rank) out->dim[axis] = in[1].dim[axis];
    bool fits = in[1].rank == in[0].rank;
    for (int i = 0; fits && i < in[0].rank; i++)
        fits = in[1].dim[i] == out->dim[i];
    if (!fits) {
        char text[2][AD_SHAPE_TEXT];
        return AD_FAIL(e, ESHAPE, "gather_along: x %s, index %s; need the same sizes but for axis %d", ad_shape_text(&in[0], text[0]),
                       ad_shape_text(&in[1], text[1]), axis);
    }
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
    int64_t from = ad__line_start(&j->x, i), to = ad__line_start(&j->y, i), step = j->y.inner;
    for (int64_t k = 0; k < j->y.size; k++, to += step)
        ad__store(c, c->out->data, to, ad__number(c, c->in[0].data, from + index[to] * step));
}

static ad_status forward(const ad_call *c)
{
    int64_t axis = ((const ad_along_attr *)c->attr)->axis;
    job j = { c, ad__lines_of(&c->in[0].shape, axis), ad__lines_of(&c->in[1].shape, axis) };
    AD_TRY(ad__index_within(c, "gather_along", j.x.size));
    ad__each_line(c, &j.y, j.y.size, line, &j);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    const ad_along_attr *a = g->attr;
    int64_t size = ad__lines_of(ad_tensor_shape(g->in[0]), a->axis).size;
    if (g->wanted[0]) g->gin[0] = ad_scatter_along(g->tape, g->gout[0], g->in[1], (int)a->axis, size);
}

static const ad_operand operands[] = { { .name = "x" }, { .name = "index", .doc = "places along the axis", .integer = true }, { 0 } };

static const ad_attr attrs[] = {
    { "axis", AD_ATTR_INT, offsetof(ad_along_attr, axis), -1, .lo = -AD_MAX_RANK, .hi = AD_MAX_RANK - 1, .doc = "the axis; negative ones count from the end" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "columns", .n_in = 2, .in = { { 2, { 4, 5 } }, { 2, { 4, 3 }, AD_I32 } }, .range = { { 0 }, { 0, 4 } } },
    { .name = "rows", .n_in = 2, .in = { { 3, { 3, 2, 2 } }, { 3, { 5, 2, 2 }, AD_I32 } }, .attr_text = "axis=0",
      .range = { { 0 }, { 0, 2 } } },
    { .name = "middle", .n_in = 2, .in = { { 3, { 2, 6, 3 } }, { 3, { 2, 4, 3 }, AD_I32 } }, .attr_text = "axis=-2",
      .range = { { 0 }, { 0, 5 } } },
    { .name = "other sizes", .n_in = 2, .in = { { 2, { 4, 5 } }, { 2, { 3, 5 }, AD_I32 } }, .range = { { 0 }, { 0, 2 } },
      .want = AD_ESHAPE },
    { .name = "other rank", .n_in = 2, .in = { { 2, { 4, 5 } }, { 1, { 5 }, AD_I32 } }, .range = { { 0 }, { 0, 2 } },
      .want = AD_ESHAPE },
    { .name = "no such axis", .n_in = 2, .in = { { 2, { 4, 5 } }, { 2, { 4, 5 }, AD_I32 } }, .attr_text = "axis=2",
      .range = { { 0 }, { 0, 2 } }, .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_gather_along = {
    .name = "gather_along", .doc = "elements along one axis by their places, for each line its own", .operands = operands,
    .attr_size = sizeof(ad_along_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_gather_along(ad_tape *t, ad_tensor *x, ad_tensor *index, int axis)
{
    return ad_record_one(t, &ad_op_gather_along, &(const ad_along_attr){ .axis = axis }, 2, (ad_tensor *const[]){ x, index });
}

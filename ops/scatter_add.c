/*
 * scatter_add - rows added into a table of zeros at their numbers: rows [.., ...], index [..] -> [R, ...]; the adjoint of gather.
 *
 *   Rows with the same number are added in the order of the index, by any number of threads: each thread has columns of its own.
 */
#include "ops/elementwise.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_scatter_add_attr *a = attr;
    const ad_shape *rows = &in[0], *index = &in[1];
    bool fits = rows->rank >= index->rank && rows->rank - index->rank + 1 <= AD_MAX_RANK;
    for (int i = 0; fits && i < index->rank; i++)
        fits = rows->dim[i] == index->dim[i];
    if (!fits) {
        char text[2][AD_SHAPE_TEXT];
        return AD_FAIL(e, ESHAPE, "scatter_add: rows %s, index %s; the rows must begin with the shape of the index",
                       ad_shape_text(rows, text[0]), ad_shape_text(index, text[1]));
    }
    out->dtype = AD_REAL;
    out->rank = rows->rank - index->rank + 1;
    out->dim[0] = a->rows;
    for (int i = 1; i < out->rank; i++)
        out->dim[i] = rows->dim[index->rank + i - 1];
    return AD_OK;
}

#define COLUMNS 64

typedef struct job {
    const ad_call *call;
    int64_t n, width;
} job;

static void add_columns(int64_t block, void *scratch, void *arg)
{
    const job *j = arg;
    const ad_call *c = j->call;
    const int32_t *index = c->in[1].data;
    size_t size = c->precision == AD_F64 ? 8 : 4;
    int64_t from = block * COLUMNS, n = j->width - from < COLUMNS ? j->width - from : COLUMNS;
    for (int64_t i = 0; i < j->n; i++) {
        char *to = (char *)c->out->data + (size_t)(index[i] * j->width + from) * size;
        ad_lane in[2] = { { to, 1 }, { (const char *)c->in[0].data + (size_t)(i * j->width + from) * size, 1 } };
        ad__element(c)->add(n, in, to, NULL);
    }
}

static ad_status forward(const ad_call *c)
{
    int64_t rows = c->out->shape.dim[0], n = ad_count(&c->in[1].shape);
    const int32_t *index = c->in[1].data;
    for (int64_t i = 0; i < n; i++)
        if (index[i] < 0 || index[i] >= rows)
            return AD_FAIL(c->error, EDATA, "scatter_add: index %d at element %lld; the result has rows 0 to %lld", index[i],
                           (long long)i,
                           (long long)rows - 1);
    ad__element(c)->fill(ad_count(&c->out->shape), 0, c->out->data);
    job j = { c, n, n ? ad_count(&c->in[0].shape) / n : 0 };
    ad_parallel(c, (j.width + COLUMNS - 1) / COLUMNS, n * j.width, add_columns, &j);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    if (g->wanted[0]) g->gin[0] = ad_gather(g->tape, g->gout[0], g->in[1]);
}

static const ad_operand operands[] = { { .name = "rows" }, { .name = "index", .doc = "row numbers", .integer = true }, { 0 } };

static const ad_attr attrs[] = {
    { "rows", AD_ATTR_INT, offsetof(ad_scatter_add_attr, rows), .lo = 1, .hi = 1e12, .required = true,
      .doc = "rows of the result" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "rows", .n_in = 2, .in = { { 3, { 2, 4, 3 } }, { 2, { 2, 4 }, AD_I32 } }, .attr_text = "rows=5",
      .range = { { 0 }, { 0, 4 } } },
    { .name = "numbers", .n_in = 2, .in = { { 1, { 9 } }, { 1, { 9 }, AD_I32 } }, .attr_text = "rows=2",
      .range = { { 0 }, { 0, 1 } } },
    { .name = "unequal", .n_in = 2, .in = { { 2, { 3, 2 } }, { 1, { 4 }, AD_I32 } }, .attr_text = "rows=2", .want = AD_ESHAPE },
    { .name = "no rows", .n_in = 2, .in = { { 1, { 9 } }, { 1, { 9 }, AD_I32 } }, .attr_text = "rows=0", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_scatter_add = {
    .name = "scatter_add", .doc = "rows added into a table at their numbers", .operands = operands,
    .attr_size = sizeof(ad_scatter_add_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_scatter_add(ad_tape *t, ad_tensor *rows, ad_tensor *index, int64_t n_rows)
{
    return ad_record_one(t, &ad_op_scatter_add, &(const ad_scatter_add_attr){ n_rows }, 2, (ad_tensor *const[]){ rows, index });
}

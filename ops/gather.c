/*
 * gather - rows of a table by their numbers: table [R, ...], index [..] -> [.., ...].
 *
 *   The adjoint of the table is scatter_add: a row that was taken several times gets the sum.
 */
#include <string.h>

#include "ops/elementwise.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_shape *table = &in[0], *index = &in[1];
    int rank = index->rank + table->rank - 1;
    if (table->rank < 1 || rank > AD_MAX_RANK) {
        char text[2][AD_SHAPE_TEXT];
        return AD_FAIL(e, ESHAPE, "gather: table %s, index %s; need a table of rank 1 or more and a result of rank at most %d",
                       ad_shape_text(table, text[0]), ad_shape_text(index, text[1]), AD_MAX_RANK);
    }
    out->dtype = AD_REAL;
    out->rank = rank;
    for (int i = 0; i < rank; i++)
        out->dim[i] = i < index->rank ? index->dim[i] : table->dim[i - index->rank + 1];
    return AD_OK;
}

static ad_status forward(const ad_call *c)
{
    int64_t rows = c->in[0].shape.dim[0], n = ad_count(&c->in[1].shape), width = n ? ad_count(&c->out->shape) / n : 0;
    size_t bytes = (size_t)width * (c->precision == AD_F64 ? 8 : 4);
    const int32_t *index = c->in[1].data;
    for (int64_t i = 0; i < n; i++) {
        if (index[i] < 0 || index[i] >= rows)
            return AD_FAIL(c->error, EDATA, "gather: index %d at element %lld; the table has rows 0 to %lld", index[i],
                           (long long)i,
                           (long long)rows - 1);
        memcpy((char *)c->out->data + (size_t)i * bytes, (const char *)c->in[0].data + (size_t)index[i] * bytes, bytes);
    }
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    if (g->wanted[0]) g->gin[0] = ad_scatter_add(g->tape, g->gout[0], g->in[1], ad_tensor_shape(g->in[0])->dim[0]);
}

static const ad_operand operands[] = { { .name = "table", .doc = "[R, ...]" },
                                       { .name = "index", .doc = "row numbers", .integer = true }, { 0 } };

static const ad_sample samples[] = {
    { .name = "rows", .n_in = 2, .in = { { 2, { 7, 3 } }, { 2, { 2, 4 }, AD_I32 } }, .range = { { 0 }, { 0, 6 } } },
    { .name = "numbers", .n_in = 2, .in = { { 1, { 3 } }, { 1, { 8 }, AD_I32 } }, .range = { { 0 }, { 0, 2 } } },
    { .name = "no table", .n_in = 2, .in = { { 0 }, { 1, { 2 }, AD_I32 } }, .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_gather = {
    .name = "gather", .doc = "rows of a table by their numbers", .operands = operands,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_gather(ad_tape *t, ad_tensor *table, ad_tensor *index)
{
    return ad_record_one(t, &ad_op_gather, NULL, 2, (ad_tensor *const[]){ table, index });
}

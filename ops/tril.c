/*
 * tril - the lower triangle of matrices [.., R, C]: element (i, j) where j - i <= diagonal, zero above.
 *
 *   The adjoint is the lower triangle of gy.
 */
#include <string.h>

#include "ops/along.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    char text[AD_SHAPE_TEXT];
    if (in[0].rank < 2) return AD_FAIL(e, ESHAPE, "tril: x %s; need [.., R, C]", ad_shape_text(&in[0], text));
    *out = in[0];
    return AD_OK;
}

typedef struct job {
    const ad_call *call;
    int64_t rows, columns;
} job;

static void row(int64_t i, void *scratch, void *arg)
{
    const job *j = arg;
    const ad_call *c = j->call;
    size_t size = c->precision == AD_F64 ? 8 : 4, width = (size_t)j->columns * size;
    int64_t keep = i % j->rows + ((const ad_tril_attr *)c->attr)->diagonal + 1;
    size_t kept = (size_t)(keep < 0 ? 0 : keep > j->columns ? j->columns : keep) * size;
    char *y = (char *)c->out->data + (size_t)i * width;
    memcpy(y, (const char *)c->in[0].data + (size_t)i * width, kept);
    memset(y + kept, 0, width - kept);
}

static ad_status forward(const ad_call *c)
{
    const ad_shape *x = &c->in[0].shape;
    ad__lines l = ad__lines_of(x, -1);
    job j = { c, x->dim[x->rank - 2], l.size };
    ad__each_line(c, &l, l.size, row, &j);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    g->gin[0] = ad_tril(g->tape, g->gout[0], ((const ad_tril_attr *)g->attr)->diagonal);
}

static const ad_attr attrs[] = {
    { "diagonal", AD_ATTR_INT, offsetof(ad_tril_attr, diagonal), 0, -1e9, 1e9,
      .doc = "the last diagonal that is kept: 0 the main one, above it positive" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "square", .n_in = 1, .in = { { 2, { 4, 4 } } } },
    { .name = "above", .n_in = 1, .in = { { 3, { 2, 3, 5 } } }, .attr_text = "diagonal=1" },
    { .name = "below", .n_in = 1, .in = { { 3, { 2, 5, 3 } } }, .attr_text = "diagonal=-2" },
    { .name = "nothing", .n_in = 1, .in = { { 2, { 2, 3 } } }, .attr_text = "diagonal=-7" },
    { .name = "refuses a vector", .n_in = 1, .in = { { 1, { 4 } } }, .want = AD_ESHAPE },
    { .name = "refuses a diagonal of no matrix", .n_in = 1, .in = { { 2, { 4, 4 } } }, .attr_text = "diagonal=2000000000", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_tril = {
    .name = "tril", .doc = "lower triangle of matrices", .operands = ad__operand_x, .attr_size = sizeof(ad_tril_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_tril(ad_tape *t, ad_tensor *x, int64_t diagonal)
{
    return ad_record_one(t, &ad_op_tril, &(const ad_tril_attr){ diagonal }, 1, &x);
}

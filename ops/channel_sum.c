/*
 * channel_sum - the sum over everything but the last axis: the adjoint of a bias.
 *
 *   y[c] = sum over all rows r of x[r, c];  gx = gy, broadcast
 *
 * Chunks of rows are summed in parallel; their sums are added in double precision, in order, so threads do not change the bits.
 */
#include "ops/columns.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    char text[AD_SHAPE_TEXT];
    if (in[0].rank < 1 || in[0].dtype != AD_REAL)
        return AD_FAIL(e, ESHAPE, "channel_sum: x %s; need real numbers with at least one axis", ad_shape_text(&in[0], text));
    *out = (ad_shape){ .rank = 1, .dim = { in[0].dim[in[0].rank - 1] } };
    return AD_OK;
}

typedef struct job {
    const ad_call *c;
    const ad__columns *s;
} job;

static void chunk(const ad__columns *s, int64_t row, int64_t rows, const ad_kernels *k, void *const *part, void *arg)
{
    const ad_call *c = ((const job *)arg)->c;
    k->norm.column_sum(rows, s->c, ad__row(c, c->in[0].data, row, s->c), part[0]);
}

static void fold(int64_t j, void *arg)
{
    const job *b = arg;
    ad__put(b->c, b->c->out->data, j, ad__columns_sum(b->c, b->s, 0, j));
}

static ad_status forward(const ad_call *c)
{
    ad__columns s = ad__columns_of(&c->in[0].shape, 1);
    ad__columns_run(c, &s, chunk, &(job){ c, &s });
    ad__columns_fold(c, &s, fold, &(job){ c, &s });
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    if (g->wanted[0]) g->gin[0] = ad_broadcast_to(g->tape, g->gout[0], ad_tensor_shape(g->in[0]));
}

static void scratch(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                    ad_scratch *need)
{
    ad__columns s = ad__columns_of(&in[0], 1);
    need->shared = ad__columns_bytes(&s, 0, p);
}

static const ad_operand operands[] = { { .name = "x", .doc = "[..,C]" }, { 0 } };

static const ad_sample samples[] = {
    { .name = "image", .n_in = 1, .in = { { 4, { 2, 3, 5, 7 } } } },
    { .name = "vector", .n_in = 1, .in = { { 1, { 5 } } } },
    { .name = "one column", .n_in = 1, .in = { { 2, { 9, 1 } } } },
    { .name = "channels that fill no vector", .n_in = 1, .in = { { 2, { 5, 19 } } } },
    { .name = "refuses a scalar", .n_in = 1, .in = { { 0, { 0 } } }, .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_channel_sum = {
    .name = "channel_sum", .doc = "sum over everything but the last axis",
    .operands = operands,
    .shape = shape, .forward = forward, .gradient = gradient, .scratch = scratch, .samples = samples,
};

ad_tensor *ad_channel_sum(ad_tape *t, ad_tensor *x)
{
    return ad_record_one(t, &ad_op_channel_sum, NULL, 1, &x);
}

/*
 * channel_products - S = sum gy and T = sum gy (x - mean) over everything but the channels: what the adjoints of channel_affine need.
 *
 *   With u, v the adjoints of S and T:  to gy: u + v (x - mean);  to x: v gy;  to mean: -v S.
 *
 * Chunks of rows are summed in parallel and joined in double precision, in order, so threads do not change the bits.
 */
#include "ops/columns.h"

enum { GY, X, MEAN };                   /* operands */
enum { TOTAL, WITH_X };                 /* outputs */

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    char tx[AD_SHAPE_TEXT], tg[AD_SHAPE_TEXT], tm[AD_SHAPE_TEXT];
    if (in[X].rank < 1 || !ad_shape_equal(&in[X], &in[GY]) || in[MEAN].rank != 1 || in[MEAN].dim[0] != in[X].dim[in[X].rank - 1])
        return AD_FAIL(e, ESHAPE, "channel_products: gy %s, x %s, mean %s; need equal [..,C] and [C]", ad_shape_text(&in[GY], tg),
                       ad_shape_text(&in[X], tx), ad_shape_text(&in[MEAN], tm));
    out[TOTAL] = out[WITH_X] = in[MEAN];
    return AD_OK;
}

typedef struct job {
    const ad_call *c;
    const ad__columns *s;
} job;

static void products(const ad__columns *s, int64_t row, int64_t rows, const ad_kernels *k, void *const *part, void *arg)
{
    const ad_call *c = ((const job *)arg)->c;
    k->norm.column_products(rows, s->c, ad__row(c, c->in[GY].data, row, s->c), ad__row(c, c->in[X].data, row, s->c), c->in[MEAN].data,
                            part[0], part[1]);
}

static void fold(int64_t j, void *arg)
{
    const job *b = arg;
    ad__put(b->c, b->c->out[TOTAL].data, j, ad__columns_sum(b->c, b->s, 0, j));
    ad__put(b->c, b->c->out[WITH_X].data, j, ad__columns_sum(b->c, b->s, 1, j));
}

static ad_status forward(const ad_call *c)
{
    ad__columns s = ad__columns_of(&c->in[X].shape, 2);
    ad__columns_run(c, &s, products, &(job){ c, &s });
    ad__columns_fold(c, &s, fold, &(job){ c, &s });
    return AD_OK;
}

static void scratch(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                    ad_scratch *need)
{
    ad__columns s = ad__columns_of(&in[X], 2);
    need->shared = ad__columns_bytes(&s, 0, p);
}

static void gradient(ad_grad *g)
{
    ad_tape *t = g->tape;
    ad_tensor *gy = g->in[GY], *x = g->in[X], *mean = g->in[MEAN], *u = g->gout[TOTAL], *v = g->gout[WITH_X];
    if (g->wanted[GY] && v) g->gin[GY] = ad_channel_affine(t, x, mean, v, u ? u : ad_fill(t, ad_tensor_shape(mean), 0));
    if (g->wanted[GY] && !v) g->gin[GY] = ad_broadcast_to(t, u, ad_tensor_shape(gy));
    if (g->wanted[X] && v) g->gin[X] = ad_mul(t, gy, v);
    if (g->wanted[MEAN] && v) g->gin[MEAN] = ad_neg(t, ad_mul(t, v, g->out[TOTAL]));
}

static const ad_operand operands[] = {
    { .name = "gy", .doc = "[..,C]" }, { .name = "x", .doc = "[..,C]" }, { .name = "mean", .doc = "[C]" }, { 0 }
};

static const char *const outputs[] = { "total", "with_x" };

static const ad_sample samples[] = {
    { .name = "image", .n_in = 3, .in = { { 4, { 2, 3, 2, 5 } }, { 4, { 2, 3, 2, 5 } }, { 1, { 5 } } } },
    { .name = "channels that fill no vector", .n_in = 3, .in = { { 2, { 5, 19 } }, { 2, { 5, 19 } }, { 1, { 19 } } } },
    { .name = "one row", .n_in = 3, .in = { { 1, { 4 } }, { 1, { 4 } }, { 1, { 4 } } } },
    { .name = "refuses another gy", .n_in = 3, .in = { { 2, { 2, 4 } }, { 2, { 3, 4 } }, { 1, { 4 } } }, .want = AD_ESHAPE },
    { .name = "refuses other channels", .n_in = 3, .in = { { 2, { 2, 4 } }, { 2, { 2, 4 } }, { 1, { 3 } } }, .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_channel_products = {
    .name = "channel_products", .doc = "sums over everything but the last axis of gy and of gy (x - mean)",
    .operands = operands, .n_out = 2, .outputs = outputs,
    .shape = shape, .forward = forward, .gradient = gradient, .scratch = scratch, .samples = samples,
};

ad_tensor *ad_channel_products(ad_tape *t, ad_tensor *gy, ad_tensor *x, ad_tensor *mean, ad_tensor **with_x)
{
    ad_tensor *in[] = { gy, x, mean }, *out[AD_MAX_OUTPUTS] = { NULL };
    *with_x = NULL;
    if (ad_record(t, &ad_op_channel_products, NULL, 3, in, out) != AD_OK) {
        ad_tape_fail(t);
        return NULL;
    }
    *with_x = out[WITH_X];
    return out[TOTAL];
}

/*
 * batch_norm_gradient - the adjoint of batch_norm's y by x, scale and shift, with mean and 1/std as plain operands.
 *
 *   h = (x - mean) * invstd,  S = sum gy,  T = sum gy h  (over the n values of each channel)
 *   gx = scale * invstd * (gy - (S + h T) / n),  gscale = T,  gshift = S
 *
 * Its own adjoint, for u, v, w shaped like gx, gscale, gshift and k = scale * invstd:
 *   v' = v - sum(u k h) / n,  w' = w - sum(u k) / n
 *   to gy: u k + w' + v' h;  to h: v' gy - u k T / n;  to k: sum u (gy - (S + h T) / n)
 * and from h and k to x, mean, invstd and scale by the product rule.
 */
#include "ops/columns.h"

enum { X, SCALE, MEAN, INVSTD, GY };      /* operands */
enum { GX, GSCALE, GSHIFT };              /* outputs */

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    char tx[AD_SHAPE_TEXT], tg[AD_SHAPE_TEXT];
    if (in[X].rank < 2 || !ad_shape_equal(&in[X], &in[GY]))
        return AD_FAIL(e, ESHAPE, "batch_norm_gradient: x %s, gy %s; need equal [N,..,C]", ad_shape_text(&in[X], tx), ad_shape_text(&in[GY], tg));
    int64_t channels = in[X].dim[in[X].rank - 1];
    for (int i = SCALE; i <= INVSTD; i++)
        if (in[i].rank != 1 || in[i].dim[0] != channels)
            return AD_FAIL(e, ESHAPE, "batch_norm_gradient: x %s, operand %d %s; need [%lld]", ad_shape_text(&in[X], tx), i,
                           ad_shape_text(&in[i], tg), (long long)channels);
    out[GX] = in[X];
    out[GSCALE] = out[GSHIFT] = in[SCALE];
    return AD_OK;
}

/* gx = gy * by_gy + (x - mean) * by_x + constant, three vectors of C */
enum { BY_GY, BY_X, CONSTANT, VECTORS };

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
    const ad_call *c = b->c;
    double invstd = ad__get(c, c->in[INVSTD].data, j), k = invstd * ad__get(c, c->in[SCALE].data, j), n = (double)b->s->n;
    double total = ad__columns_sum(c, b->s, 0, j), with_h = invstd * ad__columns_sum(c, b->s, 1, j);
    ad__put(c, c->out[GSCALE].data, j, with_h);
    ad__put(c, c->out[GSHIFT].data, j, total);
    ad__put(c, ad__columns_vector(c, b->s, BY_GY), j, k);
    ad__put(c, ad__columns_vector(c, b->s, BY_X), j, -k * invstd * with_h / n);
    ad__put(c, ad__columns_vector(c, b->s, CONSTANT), j, -k * total / n);
}

static void apply(const ad__columns *s, int64_t row, int64_t rows, const ad_kernels *k, void *const *part, void *arg)
{
    const ad_call *c = ((const job *)arg)->c;
    k->norm.column_blend(rows, s->c, ad__row(c, c->in[GY].data, row, s->c), ad__row(c, c->in[X].data, row, s->c), c->in[MEAN].data,
                         ad__columns_vector(c, s, BY_GY), ad__columns_vector(c, s, BY_X), ad__columns_vector(c, s, CONSTANT),
                         ad__row(c, c->out[GX].data, row, s->c));
}

static ad_status forward(const ad_call *c)
{
    ad__columns s = ad__columns_of(&c->in[X].shape, 2);
    job b = { c, &s };
    ad__columns_run(c, &s, products, &b);
    ad__columns_fold(c, &s, fold, &b);
    ad__columns_apply(c, &s, apply, &b);
    return AD_OK;
}

static void scratch(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                    ad_scratch *need)
{
    ad__columns s = ad__columns_of(&in[X], 2);
    need->shared = ad__columns_bytes(&s, VECTORS, p);
}

static ad_tensor *zeros_like(ad_tape *t, ad_tensor *x)
{
    return ad_fill(t, ad_tensor_shape(x), 0);
}

static void gradient(ad_grad *g)
{
    ad_tape *t = g->tape;
    ad_tensor *x = g->in[X], *scale = g->in[SCALE], *mean = g->in[MEAN], *invstd = g->in[INVSTD], *gy = g->in[GY];
    ad_tensor *u = g->gout[GX] ? g->gout[GX] : zeros_like(t, x);
    ad_tensor *v = g->gout[GSCALE] ? g->gout[GSCALE] : zeros_like(t, scale);
    ad_tensor *w = g->gout[GSHIFT] ? g->gout[GSHIFT] : zeros_like(t, scale);
    const ad_shape *s = ad_tensor_shape(x);
    double n = (double)(ad_count(s) / s->dim[s->rank - 1]);
    ad_tensor *k = ad_mul(t, scale, invstd), *d = ad_sub(t, x, mean), *h = ad_mul(t, d, invstd), *uk = ad_mul(t, u, k);
    ad_tensor *total = g->out[GSHIFT], *with_h = g->out[GSCALE];
    ad_tensor *v1 = ad_sub(t, v, ad_scale(t, ad_channel_sum(t, ad_mul(t, uk, h)), 1 / n));
    ad_tensor *w1 = ad_sub(t, w, ad_scale(t, ad_channel_sum(t, uk), 1 / n));
    if (g->wanted[GY]) g->gin[GY] = ad_add(t, uk, ad_add(t, ad_mul(t, v1, h), w1));
    ad_tensor *gh = ad_sub(t, ad_mul(t, v1, gy), ad_mul(t, uk, ad_scale(t, with_h, 1 / n)));
    ad_tensor *inner = ad_sub(t, gy, ad_scale(t, ad_add(t, ad_mul(t, h, with_h), total), 1 / n));
    ad_tensor *gk = ad_channel_sum(t, ad_mul(t, u, inner));
    if (g->wanted[X]) g->gin[X] = ad_mul(t, gh, invstd);
    if (g->wanted[MEAN]) g->gin[MEAN] = ad_neg(t, ad_mul(t, ad_channel_sum(t, gh), invstd));
    if (g->wanted[INVSTD]) g->gin[INVSTD] = ad_add(t, ad_mul(t, gk, scale), ad_channel_sum(t, ad_mul(t, gh, d)));
    if (g->wanted[SCALE]) g->gin[SCALE] = ad_mul(t, gk, invstd);
}

static const ad_operand operands[] = {
    { .name = "x", .doc = "[N,..,C]" },
    { .name = "scale", .doc = "[C]" },
    { .name = "mean", .doc = "[C], as used for y" },
    { .name = "invstd", .doc = "[C], as used for y" },
    { .name = "gy", .doc = "[N,..,C], adjoint of y" },
    { 0 }
};

static const char *const outputs[] = { "gx", "gscale", "gshift" };

static const ad_sample samples[] = {
    { .name = "image", .n_in = 5, .in = { { 4, { 2, 3, 2, 3 } }, { 1, { 3 } }, { 1, { 3 } }, { 1, { 3 } }, { 4, { 2, 3, 2, 3 } } },
      .range = { [INVSTD] = { 0.5, 2 } } },
    { .name = "one value a channel", .n_in = 5, .in = { { 2, { 1, 4 } }, { 1, { 4 } }, { 1, { 4 } }, { 1, { 4 } }, { 2, { 1, 4 } } } },
    { .name = "refuses another gy", .n_in = 5, .in = { { 2, { 2, 4 } }, { 1, { 4 } }, { 1, { 4 } }, { 1, { 4 } }, { 2, { 1, 4 } } },
      .want = AD_ESHAPE },
    { .name = "refuses other channels", .n_in = 5, .in = { { 2, { 2, 4 } }, { 1, { 4 } }, { 1, { 3 } }, { 1, { 4 } }, { 2, { 2, 4 } } },
      .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_batch_norm_gradient = {
    .name = "batch_norm_gradient", .doc = "adjoint of batch_norm by x, scale and shift",
    .operands = operands, .n_out = 3, .outputs = outputs,
    .shape = shape, .forward = forward, .gradient = gradient, .scratch = scratch, .samples = samples,
};

/*
 * layer_norm_gradient - the adjoint of layer_norm's y by x, scale and shift, with mean and 1/std as plain operands.
 *
 *   h = (x - mean) * invstd,  d = gy * scale,  S = sum d / c,  T = sum d h / c  (over the c numbers of a row)
 *   gx = invstd * (d - S - h T),  gscale = sum gy h,  gshift = sum gy  (over the rows)
 *
 * Its own adjoint, for u, v, w shaped like gx, gscale, gshift, with p = u * invstd, P = sum p / c, Q = sum p h / c:
 *   to d: e = p - P - h Q;  to h: gy v - p T - d Q;  to gy: e * scale + h v + w;  to scale: sum over the rows of e gy
 *   to invstd: sum u (d - S - h T) + sum gh (x - mean);  to x: gh * invstd;  to mean: - sum gh * invstd
 */
#include "ops/columns.h"
#include "ops/window.h"

enum { X, MEAN, INVSTD, GY, SCALE };      /* operands */
enum { GX, GSCALE, GSHIFT };              /* outputs */

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    char tx[AD_SHAPE_TEXT], tg[AD_SHAPE_TEXT];
    if (in[X].rank < 1 || !ad_shape_equal(&in[X], &in[GY]))
        return AD_FAIL(e, ESHAPE, "layer_norm_gradient: x %s, gy %s; need equal [..,C]", ad_shape_text(&in[X], tx), ad_shape_text(&in[GY], tg));
    ad_shape moments = in[X];
    int64_t c = in[X].dim[in[X].rank - 1];
    moments.dim[in[X].rank - 1] = 1;
    if (!ad_shape_equal(&in[MEAN], &moments) || !ad_shape_equal(&in[INVSTD], &moments))
        return AD_FAIL(e, ESHAPE, "layer_norm_gradient: mean %s; need %s", ad_shape_text(&in[MEAN], tg), ad_shape_text(&moments, tx));
    out[GX] = in[X];
    out[GSCALE] = out[GSHIFT] = (ad_shape){ .rank = 1, .dim = { c } };
    if (ad__given(n_in, in, SCALE) && !ad_shape_equal(&in[SCALE], &out[GSCALE]))
        return AD_FAIL(e, ESHAPE, "layer_norm_gradient: scale %s; need [%lld]", ad_shape_text(&in[SCALE], tg), (long long)c);
    return AD_OK;
}

typedef struct job {
    const ad_call *c;
    const ad__columns *s;
} job;

static void rows_body(const ad__columns *s, int64_t row, int64_t rows, const ad_kernels *k, void *const *part, void *arg)
{
    const ad_call *c = ((const job *)arg)->c;
    k->norm.row_norm_gradient(rows, s->c, ad__row(c, c->in[X].data, row, s->c), c->n_in > SCALE ? c->in[SCALE].data : NULL,
                              ad__row(c, c->in[MEAN].data, row, 1), ad__row(c, c->in[INVSTD].data, row, 1),
                              ad__row(c, c->in[GY].data, row, s->c), ad__row(c, c->out[GX].data, row, s->c), part[0], part[1]);
}

static void fold(int64_t j, void *arg)
{
    const job *b = arg;
    ad__put(b->c, b->c->out[GSCALE].data, j, ad__columns_sum(b->c, b->s, 0, j));
    ad__put(b->c, b->c->out[GSHIFT].data, j, ad__columns_sum(b->c, b->s, 1, j));
}

static ad_status forward(const ad_call *c)
{
    ad__columns s = ad__columns_of(&c->in[X].shape, 2);
    job b = { c, &s };
    ad__columns_run(c, &s, rows_body, &b);
    ad__columns_fold(c, &s, fold, &b);
    return AD_OK;
}

static void scratch(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                    ad_scratch *need)
{
    ad__columns s = ad__columns_of(&in[X], 2);
    need->shared = ad__columns_bytes(&s, 0, p);
}

/* Mean over the last axis, kept as an axis of size 1. */
static ad_tensor *row_mean(ad_tape *t, ad_tensor *x)
{
    return ad_mean(t, x, &(ad_ints){ 1, { ad_tensor_shape(x)->rank - 1 } }, true);
}

static ad_tensor *or_zeros(ad_tape *t, ad_tensor *x, ad_tensor *like)
{
    return x ? x : ad_fill(t, ad_tensor_shape(like), 0);
}

static void gradient(ad_grad *g)
{
    ad_tape *t = g->tape;
    ad_tensor *x = g->in[X], *mean = g->in[MEAN], *invstd = g->in[INVSTD], *gy = g->in[GY], *scale = g->n_in > SCALE ? g->in[SCALE] : NULL;
    ad_tensor *u = or_zeros(t, g->gout[GX], x), *v = or_zeros(t, g->gout[GSCALE], g->out[GSCALE]);
    ad_tensor *w = or_zeros(t, g->gout[GSHIFT], g->out[GSHIFT]);
    double c = (double)ad_tensor_shape(v)->dim[0];
    ad_tensor *z = ad_sub(t, x, mean), *h = ad_mul(t, z, invstd), *d = scale ? ad_mul(t, gy, scale) : gy;
    ad_tensor *rt = row_mean(t, ad_mul(t, d, h)), *inner = ad_sub(t, ad_sub(t, d, row_mean(t, d)), ad_mul(t, h, rt));
    ad_tensor *p = ad_mul(t, u, invstd), *q = row_mean(t, ad_mul(t, p, h));
    ad_tensor *gd = ad_sub(t, ad_sub(t, p, row_mean(t, p)), ad_mul(t, h, q));
    ad_tensor *gh = ad_sub(t, ad_mul(t, gy, v), ad_add(t, ad_mul(t, p, rt), ad_mul(t, d, q)));
    if (g->wanted[GY]) g->gin[GY] = ad_add(t, scale ? ad_mul(t, gd, scale) : gd, ad_add(t, ad_mul(t, h, v), w));
    if (scale && g->wanted[SCALE]) g->gin[SCALE] = ad_channel_sum(t, ad_mul(t, gd, gy));
    if (g->wanted[X]) g->gin[X] = ad_mul(t, gh, invstd);
    if (g->wanted[MEAN]) g->gin[MEAN] = ad_scale(t, ad_mul(t, row_mean(t, gh), invstd), -c);
    if (g->wanted[INVSTD])
        g->gin[INVSTD] = ad_scale(t, row_mean(t, ad_add(t, ad_mul(t, u, inner), ad_mul(t, gh, z))), c);
}

static const ad_operand operands[] = {
    { .name = "x", .doc = "[..,C]" },
    { .name = "mean", .doc = "[..,1], of each row" },
    { .name = "invstd", .doc = "[..,1], of each row" },
    { .name = "gy", .doc = "[..,C], adjoint of y" },
    { .name = "scale", .doc = "[C]", .optional = true },
    { 0 }
};

static const char *const outputs[] = { "gx", "gscale", "gshift" };

static const ad_sample samples[] = {
    { .name = "tokens", .n_in = 5, .in = { { 3, { 2, 2, 5 } }, { 3, { 2, 2, 1 } }, { 3, { 2, 2, 1 } }, { 3, { 2, 2, 5 } }, { 1, { 5 } } },
      .range = { [INVSTD] = { 0.5, 2 } } },
    { .name = "without scale", .n_in = 4, .in = { { 2, { 2, 19 } }, { 2, { 2, 1 } }, { 2, { 2, 1 } }, { 2, { 2, 19 } } } },
    { .name = "refuses another gy", .n_in = 4, .in = { { 2, { 2, 9 } }, { 2, { 2, 1 } }, { 2, { 2, 1 } }, { 2, { 2, 8 } } }, .want = AD_ESHAPE },
    { .name = "refuses another mean", .n_in = 4, .in = { { 2, { 2, 9 } }, { 2, { 3, 1 } }, { 2, { 2, 1 } }, { 2, { 2, 9 } } }, .want = AD_ESHAPE },
    { .name = "refuses another scale", .n_in = 5, .in = { { 2, { 2, 9 } }, { 2, { 2, 1 } }, { 2, { 2, 1 } }, { 2, { 2, 9 } }, { 1, { 8 } } },
      .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_layer_norm_gradient = {
    .name = "layer_norm_gradient", .doc = "adjoint of layer_norm by x, scale and shift",
    .operands = operands, .n_out = 3, .outputs = outputs,
    .shape = shape, .forward = forward, .gradient = gradient, .scratch = scratch, .samples = samples,
};

/*
 * batch_norm - each channel is brought to mean 0 and variance 1 over everything else, then scaled and shifted.
 *
 *   y = (x - mean) * invstd * scale + shift,   invstd = 1 / sqrt(variance + eps)
 *
 * Training: mean and (biased) variance of the batch; the running averages become decay * old + (1 - decay) * new, the variance with
 * the unbiased estimate. Evaluation: the running averages, unchanged. eps keeps a channel of equal values at its shift.
 *
 * Moments are taken of chunks of rows in two passes over each and joined in double precision, so a large mean costs no digits.
 * With h = (x - mean) * invstd over n values a channel, the adjoint of y gives
 *   gshift = sum gy,  gscale = sum gy h,  gx = scale * invstd * (gy - (gshift + h gscale) / n)        (batch_norm_gradient)
 * and those of the other outputs follow from d mean / dx = 1 / n and d variance / dx = 2 (x - mean) / n.
 */
#include "ops/columns.h"

#include <math.h>

enum { X, SCALE, SHIFT, MEAN, VAR };                    /* operands */
enum { Y, BATCH_MEAN, INVSTD, NEW_MEAN, NEW_VAR };      /* outputs */

extern const ad_op ad_op_batch_norm_gradient;

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    char tx[AD_SHAPE_TEXT], tv[AD_SHAPE_TEXT];
    if (in[X].rank < 2) return AD_FAIL(e, ESHAPE, "batch_norm: x %s; need [N,..,C]", ad_shape_text(&in[X], tx));
    int64_t channels = in[X].dim[in[X].rank - 1];
    for (int i = SCALE; i <= VAR; i++)
        if (in[i].rank != 1 || in[i].dim[0] != channels)
            return AD_FAIL(e, ESHAPE, "batch_norm: x %s, operand %d %s; need [%lld], one per channel", ad_shape_text(&in[X], tx), i,
                           ad_shape_text(&in[i], tv), (long long)channels);
    out[Y] = in[X];
    for (int k = BATCH_MEAN; k <= NEW_VAR; k++)
        out[k] = in[MEAN];
    return AD_OK;
}

typedef struct job {
    const ad_call *c;
    const ad__columns *s;
    const ad_batch_norm_attr *attr;
    void *gain;                 /* [C]: scale * invstd */
} job;

static void moments(const ad__columns *s, int64_t row, int64_t rows, const ad_kernels *k, void *const *part, void *arg)
{
    const ad_call *c = ((const job *)arg)->c;
    k->norm.column_moments(rows, s->c, ad__row(c, c->in[X].data, row, s->c), part[0], part[1]);
}

static void fold(int64_t j, void *arg)
{
    const job *b = arg;
    const ad_call *c = b->c;
    double running = ad__get(c, c->in[MEAN].data, j), running_var = ad__get(c, c->in[VAR].data, j);
    double mean = running, var = running_var, decay = b->attr->decay, n = (double)b->s->n;
    if (b->attr->training) {
        double m2;
        ad__columns_moments(c, b->s, j, &mean, &m2);
        var = m2 / n;
        running = decay * running + (1 - decay) * mean;
        running_var = decay * running_var + (1 - decay) * (n > 1 ? m2 / (n - 1) : var);
    }
    double invstd = 1 / sqrt(var + b->attr->eps);
    ad__put(c, c->out[BATCH_MEAN].data, j, mean);
    ad__put(c, c->out[INVSTD].data, j, invstd);
    ad__put(c, c->out[NEW_MEAN].data, j, running);
    ad__put(c, c->out[NEW_VAR].data, j, running_var);
    ad__put(c, b->gain, j, invstd * ad__get(c, c->in[SCALE].data, j));
}

static void apply(const ad__columns *s, int64_t row, int64_t rows, const ad_kernels *k, void *const *part, void *arg)
{
    const job *b = arg;
    const ad_call *c = b->c;
    k->norm.column_affine(rows, s->c, ad__row(c, c->in[X].data, row, s->c), c->out[BATCH_MEAN].data, b->gain, c->in[SHIFT].data,
                          ad__row(c, c->out[Y].data, row, s->c));
}

static ad_status forward(const ad_call *c)
{
    const ad_batch_norm_attr *a = c->attr;
    ad__columns s = ad__columns_of(&c->in[X].shape, 2);
    job b = { c, &s, a, ad__columns_vector(c, &s, 0) };
    if (a->training) ad__columns_run(c, &s, moments, &b);
    ad__columns_fold(c, &s, fold, &b);
    ad__columns_apply(c, &s, apply, &b);
    return AD_OK;
}

static void scratch(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                    ad_scratch *need)
{
    ad__columns s = ad__columns_of(&in[X], 2);
    need->shared = ad__columns_bytes(&s, 1, p);
}

/* ---- gradient ---- */

/* a + b where either may be missing. */
static ad_tensor *plus(ad_tape *t, ad_tensor *a, ad_tensor *b)
{
    return a && b ? ad_add(t, a, b) : a ? a : b;
}

static ad_tensor *times(ad_tape *t, ad_tensor *a, double factor)
{
    return a ? ad_scale(t, a, factor) : NULL;
}

/* Adjoint of the variance from that of 1/std: d invstd / d var = -invstd^3 / 2. */
static ad_tensor *through_invstd(ad_grad *g, ad_tensor *ginvstd)
{
    ad_tape *t = g->tape;
    if (!ginvstd) return NULL;
    return ad_mul(t, ginvstd, ad_scale(t, ad_power(t, g->out[INVSTD], 3), -0.5));
}

static void gradient_training(ad_grad *g)
{
    const ad_batch_norm_attr *a = g->attr;
    ad_tape *t = g->tape;
    ad_tensor *x = g->in[X], *gx = NULL, *gy = g->gout[Y];
    const ad_shape *s = ad_tensor_shape(x);
    double n = (double)(ad_count(s) / s->dim[s->rank - 1]);
    if (gy) {
        ad_tensor *in[] = { x, g->in[SCALE], g->out[BATCH_MEAN], g->out[INVSTD], gy }, *out[AD_MAX_OUTPUTS] = { NULL };
        if (ad_record(t, &ad_op_batch_norm_gradient, NULL, 5, in, out) != AD_OK) {
            ad_tape_fail(t);
            return;
        }
        gx = out[0];
        g->gin[SCALE] = out[1];
        g->gin[SHIFT] = out[2];
    }
    if (g->wanted[X]) {
        ad_tensor *gmean = plus(t, g->gout[BATCH_MEAN], times(t, g->gout[NEW_MEAN], 1 - a->decay));
        ad_tensor *gvar = plus(t, through_invstd(g, g->gout[INVSTD]),
                               times(t, g->gout[NEW_VAR], (1 - a->decay) * (n > 1 ? n / (n - 1) : 1)));
        if (gmean) gx = plus(t, gx, ad_broadcast_to(t, ad_scale(t, gmean, 1 / n), s));
        if (gvar) gx = plus(t, gx, ad_mul(t, ad_sub(t, x, g->out[BATCH_MEAN]), ad_scale(t, gvar, 2 / n)));
        g->gin[X] = gx;
    }
    if (g->wanted[MEAN]) g->gin[MEAN] = times(t, g->gout[NEW_MEAN], a->decay);
    if (g->wanted[VAR]) g->gin[VAR] = times(t, g->gout[NEW_VAR], a->decay);
}

static void gradient_evaluation(ad_grad *g)
{
    ad_tape *t = g->tape;
    ad_tensor *gy = g->gout[Y], *scale = g->in[SCALE], *invstd = g->out[INVSTD], *gmean = NULL, *ginvstd = NULL;
    if (gy) {
        ad_tensor *gain = ad_mul(t, scale, invstd), *d = ad_sub(t, g->in[X], g->in[MEAN]);
        ad_tensor *gshift = ad_channel_sum(t, gy), *product = NULL;
        if (g->wanted[SCALE] || g->wanted[VAR]) product = ad_channel_sum(t, ad_mul(t, gy, d));
        if (g->wanted[X]) g->gin[X] = ad_mul(t, gy, gain);
        if (g->wanted[SHIFT]) g->gin[SHIFT] = gshift;
        if (g->wanted[SCALE]) g->gin[SCALE] = ad_mul(t, product, invstd);
        if (g->wanted[MEAN]) gmean = ad_neg(t, ad_mul(t, gshift, gain));
        if (g->wanted[VAR]) ginvstd = ad_mul(t, product, scale);
    }
    if (g->wanted[MEAN]) g->gin[MEAN] = plus(t, gmean, plus(t, g->gout[BATCH_MEAN], g->gout[NEW_MEAN]));
    if (g->wanted[VAR]) g->gin[VAR] = plus(t, through_invstd(g, plus(t, ginvstd, g->gout[INVSTD])), g->gout[NEW_VAR]);
}

static void gradient(ad_grad *g)
{
    const ad_batch_norm_attr *a = g->attr;
    if (a->training)
        gradient_training(g);
    else
        gradient_evaluation(g);
}

static ad_status parameter(ad_error *e, const void *attr, int n_in, const ad_shape *in, int i, ad_shape *out)
{
    char text[AD_SHAPE_TEXT];
    if (in[X].rank < 2) return AD_FAIL(e, ESHAPE, "batch_norm: x %s; need [N,..,C]", ad_shape_text(&in[X], text));
    *out = (ad_shape){ .rank = 1, .dim = { in[X].dim[in[X].rank - 1] } };
    return AD_OK;
}

static const ad_attr attrs[] = {
    { "eps", AD_ATTR_FLOAT, offsetof(ad_batch_norm_attr, eps), 1e-5, 0, 1, .doc = "added to the variance" },
    { "decay", AD_ATTR_FLOAT, offsetof(ad_batch_norm_attr, decay), 0.9, 0, 1, .doc = "of the running averages: how much of the old stays" },
    { "training", AD_ATTR_BOOL, offsetof(ad_batch_norm_attr, training), 1, .doc = "statistics of the batch; else the running averages" },
    { 0 }
};

static const ad_operand operands[] = {
    { .name = "x", .doc = "[N,..,C]" },
    { .name = "scale", .role = AD_PARAM, .doc = "[C]", .init = "constant(1)" },
    { .name = "shift", .role = AD_PARAM, .doc = "[C]", .init = "constant(0)" },
    { .name = "mean", .role = AD_STATE, .doc = "[C], running mean", .init = "constant(0)" },
    { .name = "var", .role = AD_STATE, .doc = "[C], running unbiased variance", .init = "constant(1)" },
    { 0 }
};

static const char *const outputs[] = { "y", "mean", "invstd", "new_mean", "new_var" };

#define CHANNELS(c) { 1, { c } }, { 1, { c } }, { 1, { c } }, { 1, { c } }
static const ad_sample samples[] = {
    { .name = "image", .n_in = 5, .in = { { 4, { 3, 4, 5, 3 } }, CHANNELS(3) }, .range = { [VAR] = { 0.5, 2 } } },
    { .name = "vectors", .n_in = 5, .in = { { 2, { 7, 5 } }, CHANNELS(5) }, .range = { [VAR] = { 0.5, 2 } }, .attr_text = "eps=1e-3, decay=0.99" },
    { .name = "volume", .n_in = 5, .in = { { 5, { 1, 2, 3, 2, 4 } }, CHANNELS(4) }, .range = { [VAR] = { 0.5, 2 } } },
    { .name = "channels that fill no vector", .n_in = 5, .in = { { 4, { 2, 2, 1, 17 } }, CHANNELS(17) }, .range = { [VAR] = { 0.5, 2 } } },
    /* With eps this large nothing is divided by a small number: the variance of a single value is 0. */
    { .name = "one value a channel", .n_in = 5, .in = { { 4, { 1, 1, 1, 3 } }, CHANNELS(3) }, .range = { [VAR] = { 0.5, 2 } }, .attr_text = "eps=0.5" },
    { .name = "evaluation", .n_in = 5, .in = { { 4, { 2, 3, 2, 3 } }, CHANNELS(3) }, .range = { [VAR] = { 0.5, 2 } }, .attr_text = "training=false" },
    { .name = "refuses a vector", .n_in = 5, .in = { { 1, { 3 } }, CHANNELS(3) }, .want = AD_ESHAPE },
    { .name = "refuses other channels", .n_in = 5, .in = { { 2, { 4, 3 } }, CHANNELS(4) }, .want = AD_ESHAPE },
    { .name = "refuses decay above 1", .n_in = 5, .in = { { 2, { 4, 3 } }, CHANNELS(3) }, .attr_text = "decay=1.5", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_batch_norm = {
    .name = "batch_norm", .doc = "normalisation of each channel by the statistics of the batch",
    .operands = operands, .n_out = 5, .outputs = outputs,
    .attr_size = sizeof(ad_batch_norm_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .parameter = parameter, .scratch = scratch, .samples = samples,
    .commits = { { NEW_MEAN + 1, MEAN }, { NEW_VAR + 1, VAR } },
};

ad_tensor *ad_batch_norm(ad_tape *t, ad_tensor *x, ad_tensor *scale, ad_tensor *shift, ad_tensor *mean, ad_tensor *var,
                         const ad_batch_norm_attr *attr)
{
    ad_tensor *in[] = { x, scale, shift, mean, var };
    return ad_record_one(t, &ad_op_batch_norm, attr, 5, in);
}

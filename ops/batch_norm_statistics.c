/*
 * batch_norm_statistics - what batch_norm needs to know of each channel.
 *
 *   Training: mean and (biased) variance of the batch over everything but the channels; the running averages become
 *   decay * old + (1 - decay) * new, the variance with the unbiased estimate. Evaluation: the running averages, unchanged.
 *   invstd = 1 / sqrt(variance + eps),  gain = scale * invstd
 *
 * Moments are taken of chunks of rows in two passes over each and joined in double precision, so a large mean costs no digits.
 *
 * Adjoints: d gain = invstd d scale + scale d invstd,  d invstd / d variance = -invstd^3 / 2,  d mean / dx = 1 / n,
 * d variance / dx = 2 (x - mean) / n, so all of them reach x by one channel_affine.
 */
#include "ops/batch_norm.h"
#include "ops/columns.h"

#include <math.h>

enum { X, SCALE, MEAN, VAR };                           /* operands */
enum { BATCH_MEAN, INVSTD, GAIN, NEW_MEAN, NEW_VAR };   /* outputs */

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    char tx[AD_SHAPE_TEXT], tv[AD_SHAPE_TEXT];
    if (in[X].rank < 2) return AD_FAIL(e, ESHAPE, "batch_norm_statistics: x %s; need [N,..,C]", ad_shape_text(&in[X], tx));
    int64_t channels = in[X].dim[in[X].rank - 1];
    for (int i = SCALE; i <= VAR; i++)
        if (in[i].rank != 1 || in[i].dim[0] != channels)
            return AD_FAIL(e, ESHAPE, "batch_norm_statistics: x %s, operand %d %s; need [%lld], one per channel", ad_shape_text(&in[X], tx), i,
                           ad_shape_text(&in[i], tv), (long long)channels);
    for (int k = BATCH_MEAN; k <= NEW_VAR; k++)
        out[k] = in[MEAN];
    return AD_OK;
}

typedef struct job {
    const ad_call *c;
    const ad__columns *s;
    const ad_batch_norm_attr *attr;
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
    ad__put(c, c->out[GAIN].data, j, invstd * ad__get(c, c->in[SCALE].data, j));
}

static ad_status forward(const ad_call *c)
{
    const ad_batch_norm_attr *a = c->attr;
    ad__columns s = ad__columns_of(&c->in[X].shape, 2);
    job b = { c, &s, a };
    if (a->training) ad__columns_run(c, &s, moments, &b);
    ad__columns_fold(c, &s, fold, &b);
    return AD_OK;
}

static void scratch(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                    ad_scratch *need)
{
    ad__columns s = ad__columns_of(&in[X], 2);
    need->shared = ad__columns_bytes(&s, 0, p);
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

/* Adjoint of the variance from those of 1/std and of the gain: d invstd / d var = -invstd^3 / 2. */
static ad_tensor *through_invstd(ad_grad *g)
{
    ad_tape *t = g->tape;
    ad_tensor *ginvstd = g->gout[GAIN] ? ad_mul(t, g->gout[GAIN], g->in[SCALE]) : NULL;
    ginvstd = plus(t, ginvstd, g->gout[INVSTD]);
    if (!ginvstd) return NULL;
    return ad_mul(t, ginvstd, ad_scale(t, ad_power(t, g->out[INVSTD], 3), -0.5));
}

static void gradient(ad_grad *g)
{
    const ad_batch_norm_attr *a = g->attr;
    ad_tape *t = g->tape;
    ad_tensor *x = g->in[X];
    const ad_shape *s = ad_tensor_shape(x);
    double n = (double)(ad_count(s) / s->dim[s->rank - 1]);
    if (g->wanted[SCALE] && g->gout[GAIN]) g->gin[SCALE] = ad_mul(t, g->gout[GAIN], g->out[INVSTD]);
    if (!a->training) {
        if (g->wanted[MEAN]) g->gin[MEAN] = plus(t, g->gout[BATCH_MEAN], g->gout[NEW_MEAN]);
        if (g->wanted[VAR]) g->gin[VAR] = plus(t, through_invstd(g), g->gout[NEW_VAR]);
        return;
    }
    if (g->wanted[X]) {
        ad_tensor *gmean = plus(t, g->gout[BATCH_MEAN], times(t, g->gout[NEW_MEAN], 1 - a->decay));
        ad_tensor *gvar = plus(t, through_invstd(g), times(t, g->gout[NEW_VAR], (1 - a->decay) * (n > 1 ? n / (n - 1) : 1)));
        ad_tensor *shift = times(t, gmean, 1 / n), *slope = times(t, gvar, 2 / n);
        if (!shift) shift = ad_fill(t, ad_tensor_shape(g->in[MEAN]), 0);
        g->gin[X] = slope ? ad_channel_affine(t, x, g->out[BATCH_MEAN], slope, shift) : ad_broadcast_to(t, shift, s);
    }
    if (g->wanted[MEAN]) g->gin[MEAN] = times(t, g->gout[NEW_MEAN], a->decay);
    if (g->wanted[VAR]) g->gin[VAR] = times(t, g->gout[NEW_VAR], a->decay);
}

const ad_attr ad__batch_norm_attrs[] = {
    { "eps", AD_ATTR_FLOAT, offsetof(ad_batch_norm_attr, eps), 1e-5, 0, 1, .doc = "added to the variance" },
    { "decay", AD_ATTR_FLOAT, offsetof(ad_batch_norm_attr, decay), 0.9, 0, 1, .doc = "of the running averages: how much of the old stays" },
    { "training", AD_ATTR_BOOL, offsetof(ad_batch_norm_attr, training), 1, .doc = "statistics of the batch; else the running averages" },
    { 0 }
};

static const ad_operand operands[] = {
    { .name = "x", .doc = "[N,..,C]" },
    { .name = "scale", .doc = "[C]" },
    { .name = "mean", .doc = "[C], running mean" },
    { .name = "var", .doc = "[C], running unbiased variance" },
    { 0 }
};

static const char *const outputs[] = { "mean", "invstd", "gain", "new_mean", "new_var" };

#define CHANNELS(c) { 1, { c } }, { 1, { c } }, { 1, { c } }
static const ad_sample samples[] = {
    { .name = "image", .n_in = 4, .in = { { 4, { 3, 4, 5, 3 } }, CHANNELS(3) }, .range = { [VAR] = { 0.5, 2 } } },
    { .name = "evaluation", .n_in = 4, .in = { { 4, { 2, 3, 2, 3 } }, CHANNELS(3) }, .range = { [VAR] = { 0.5, 2 } }, .attr_text = "training=false" },
    /* With eps this large nothing is divided by a small number: the variance of a single value is 0. */
    { .name = "one value a channel", .n_in = 4, .in = { { 2, { 1, 3 } }, CHANNELS(3) }, .range = { [VAR] = { 0.5, 2 } }, .attr_text = "eps=0.5" },
    { .name = "refuses a vector", .n_in = 4, .in = { { 1, { 3 } }, CHANNELS(3) }, .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_batch_norm_statistics = {
    .name = "batch_norm_statistics", .doc = "mean, 1/std and gain of each channel, and its running averages",
    .operands = operands, .n_out = 5, .outputs = outputs,
    .attr_size = sizeof(ad_batch_norm_attr), .attrs = ad__batch_norm_attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .scratch = scratch, .samples = samples,
    .commits = { { NEW_MEAN + 1, MEAN }, { NEW_VAR + 1, VAR } },
};

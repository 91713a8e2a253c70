/*
 * optim.c - records an optimiser's step: clip the gradients, one update op per weight, commit weights, state and running averages.
 */
#include "optim/settings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SLOTS = AD_MAX_OUTPUTS - 1 };

struct ad_optim {
    const ad_optimiser *kind;
    void *settings;
    ad_clip clip;
    double keep;                    /* of a running average of the weights; 0: none */
    ad_tensor *input, *norm, *mix;  /* mix: the newest weights' share of the average */
};

const ad_optimiser *ad_optimiser_find(const char *name)
{
    for (const ad_optimiser *const *o = ad_optimisers; *o; o++)
        if (!strcmp((*o)->name, name)) return *o;
    return NULL;
}

static ad_status unknown(ad_error *e, const char *name)
{
    char names[256] = "";
    for (const ad_optimiser *const *o = ad_optimisers; *o; o++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", (*o)->name);
    }
    return AD_FAIL(e, EUSAGE, "unknown optimiser '%s'; there are %s", name, names);
}

ad_status ad_optim_new(ad_error *e, const char *name, const char *settings, const ad_clip *clip, ad_optim **out)
{
    const ad_optimiser *kind = ad_optimiser_find(name);
    *out = NULL;
    if (!kind) return unknown(e, name);
    if (clip && !(clip->value >= 0 && clip->norm >= 0))
        return AD_FAIL(e, EUSAGE, "clip: value %g and norm %g must be at least 0", clip->value, clip->norm);
    ad_optim *o = calloc(1, sizeof *o);
    void *values = calloc(1, kind->settings_size);
    if (!o || !values) {
        free(o);
        free(values);
        return AD_FAIL(e, ENOMEM, "no memory for an optimiser");
    }
    *o = (ad_optim){ .kind = kind, .settings = values, .clip = clip ? *clip : (ad_clip){ 0 } };
    ad_status s = ad__settings_parse(e, name, kind->settings, kind->settings_size, settings, values);
    if (s != AD_OK) {
        ad_optim_free(o);
        return s;
    }
    *out = o;
    return AD_OK;
}

void ad_optim_free(ad_optim *o)
{
    if (!o) return;
    free(o->settings);
    free(o);
}

const ad_optimiser *ad_optim_kind(const ad_optim *o)
{
    return o->kind;
}

ad_tensor *ad_optim_input(const ad_optim *o)
{
    return o->input;
}

ad_tensor *ad_optim_norm(const ad_optim *o)
{
    return o->norm;
}

ad_status ad_optim_average(ad_error *e, ad_optim *o, double keep)
{
    if (!(keep > 0 && keep < 1)) return AD_FAIL(e, EUSAGE, "a running average keeps %g of itself; need a number between 0 and 1", keep);
    o->keep = keep;
    return AD_OK;
}

static const ad_attr *find_attr(const ad_attr *attrs, const char *name)
{
    for (; attrs->name; attrs++)
        if (!strcmp(attrs->name, name)) return attrs;
    return NULL;
}

/* The update op's attributes for a weight: the settings that both have, and the factors of the weight's group. */
static ad_status attributes(const ad_optim *o, ad_error *e, const ad_op *op, const ad_optim_weight *w, void *out)
{
    AD_TRY(ad_attr_build(e, op, 0, NULL, out, NULL));
    for (const ad_attr *a = op->attrs; a->name; a++) {
        const ad_attr *ours = find_attr(o->kind->settings, a->name);
        char *to = (char *)out + a->offset;
        if (ours) memcpy(to, (const char *)o->settings + ours->offset, a->kind == AD_ATTR_BOOL ? sizeof(bool) : sizeof(double));
        if (!strcmp(a->name, "rate_factor")) *(double *)(void *)to = w->rate;
        if (!strcmp(a->name, "weight_decay")) *(double *)(void *)to *= w->decay;
        if (o->kind->decoupled && !strcmp(a->name, o->kind->decoupled)) *(bool *)to = true;
    }
    return AD_OK;
}

/* The average of a weight follows the weight that the step has made. */
static ad_status follow(ad_optim *o, ad_tape *t, ad_params *params, const ad_entry *weight, ad_tensor *made)
{
    char name[1024];
    if (snprintf(name, sizeof name, "ema.%s", weight->path) >= (int)sizeof name)
        return AD_FAIL(ad_ctx_error(ad_tape_ctx(t)), EMODEL, "the path '%.80s...' is too long", weight->path);
    if (!ad_params_find(params, name)) AD_TRY(ad_params_add(params, name, &weight->shape, AD_SLOT_AVERAGE, weight->layout, NULL));
    ad_tensor *average = ad_parameter(t, params, name), *gap = ad_sub(t, made, average), *step = ad_mul(t, gap, o->mix);
    return ad_commit(average, ad_add(t, average, step));
}

static ad_status update(ad_optim *o, ad_tape *t, ad_params *params, const ad_op *op, void *attr, const ad_optim_weight *w, ad_tensor *g)
{
    ad_error *e = ad_ctx_error(ad_tape_ctx(t));
    const char *path = ad_tensor_name(w->leaf);
    ad_tensor *in[3 + MAX_SLOTS] = { w->leaf, g, o->input }, *out[1 + MAX_SLOTS] = { 0 };
    unsigned kept = o->kind->kept(o->settings);
    int n = 0;
    const ad_entry *weight = ad_params_find(params, path);
    if (!weight) return AD_FAIL(e, EUSAGE, "the store has no weight '%s'", path);
    AD_TRY(attributes(o, e, op, w, attr));
    for (; o->kind->slots[n]; n++) {
        char slot[1024];
        if (!(kept >> n & 1)) continue;
        if (snprintf(slot, sizeof slot, "%s/%s", o->kind->slots[n], path) >= (int)sizeof slot)
            return AD_FAIL(e, EMODEL, "the path '%.80s...' is too long", path);
        if (!ad_params_find(params, slot))
            AD_TRY(ad_params_add(params, slot, &weight->shape, AD_SLOT_OPTIM, weight->layout, NULL));
        in[3 + n] = ad_parameter(t, params, slot);
    }
    AD_TRY(ad_record(t, op, attr, 3 + n, in, out));
    AD_TRY(ad_commit(w->leaf, out[0]));
    for (int i = 0; i < n; i++)
        if (in[3 + i]) AD_TRY(ad_commit(in[3 + i], out[1 + i]));
    return o->keep > 0 && weight->slot == AD_SLOT_PARAM ? follow(o, t, params, weight, out[0]) : AD_OK;
}

/* g[] becomes the clipped gradients; entries may be NULL. Sums run in the order of the weights. */
static void clip(ad_optim *o, ad_tape *t, int n, ad_tensor **g)
{
    for (int i = 0; i < n; i++)
        if (g[i] && o->clip.value > 0) g[i] = ad_clamp(t, g[i], -o->clip.value, o->clip.value);
    if (o->clip.norm <= 0) return;
    ad_tensor *sum = NULL;
    for (int i = 0; i < n; i++) {
        if (!g[i]) continue;
        ad_tensor *squares = ad_square(t, g[i]), *s = ad_sum(t, squares, NULL, false);
        sum = sum ? ad_add(t, sum, s) : s;
    }
    if (!sum) return;
    o->norm = ad_sqrt(t, sum);
    ad_tensor *limit = ad_scalar(t, o->clip.norm), *one = ad_scalar(t, 1), *shifted = ad_shift(t, o->norm, 1e-6);
    ad_tensor *ratio = ad_div(t, limit, shifted), *factor = ad_minimum(t, ratio, one);
    for (int i = 0; i < n; i++)
        if (g[i]) g[i] = ad_mul(t, g[i], factor);
}

ad_status ad_optim_record(ad_optim *o, ad_tape *t, ad_params *params, int n, const ad_optim_weight *weights)
{
    ad_error *e = ad_ctx_error(ad_tape_ctx(t));
    const ad_op *op = ad_op_find(ad_tape_ctx(t), o->kind->op);
    const ad_shape numbers = { .rank = 1, .dim = { AD_OPTIM_NUMBERS } };
    if (!op) return AD_FAIL(e, EUSAGE, "%s: this context has no op '%s'", o->kind->name, o->kind->op);
    ad_tensor **g = calloc((size_t)n + 1, sizeof *g);
    void *attr = calloc(1, op->attr_size);
    ad_status s = AD_OK;
    if (!g || !attr) {
        s = AD_FAIL(e, ENOMEM, "no memory for the step of %d weights", n);
        goto done;
    }
    o->input = ad_input(t, "optim", &numbers);
    if (o->keep > 0) o->mix = ad_input(t, "average", &(ad_shape){ .rank = 0 });
    for (int i = 0; i < n; i++) g[i] = weights[i].gradient;
    clip(o, t, n, g);
    if (ad_tape_failed(t)) s = e->status;
    for (int i = 0; s == AD_OK && i < n; i++)
        if (g[i]) s = update(o, t, params, op, attr, &weights[i], g[i]);
done:
    free(g);
    free(attr);
    return s;
}

void ad_optim_numbers(const ad_optim *o, int64_t step, double rate, double c[AD_OPTIM_NUMBERS])
{
    c[0] = rate;
    for (int i = 1; i < AD_OPTIM_NUMBERS; i++) c[i] = 0;
    o->kind->numbers(o->settings, step + 1, c);
}

static void feed(ad_program *program, const ad_tensor *input, int n, const double *c)
{
    void *data = ad_program_data(program, input);
    for (int i = 0; data && i < n; i++) {
        if (ad_tape_precision(ad_tensor_tape(input)) == AD_F64) ((double *)data)[i] = c[i];
        else ((float *)data)[i] = (float)c[i];
    }
}

void ad_optim_set(const ad_optim *o, ad_program *program, int64_t step, double rate)
{
    double c[AD_OPTIM_NUMBERS];
    ad_optim_numbers(o, step, rate, c);
    feed(program, o->input, AD_OPTIM_NUMBERS, c);
    if (o->mix) feed(program, o->mix, 1, (double[]){ fmax(1 - o->keep, 1 / (double)(step + 1)) });
}

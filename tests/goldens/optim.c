/*
 * optim.c - cases of optimisers (ten steps on two tensors with given gradients) and of learning-rate schedules.
 *
 * Rows translate the foreign optimiser and its settings; the gradients are inputs of the tape, the rate of each step is in the file.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optim/optim.h"
#include "tests/goldens/rule.h"

#define STEPS 10

/* Of a double run. The reference keeps NAdam's product of momenta in float, which shows at 1e-10. */
#define TOLERANCE_DOUBLE 1e-9

typedef struct optimiser_row {
    const char *theirs, *ours;
    const char *settings;        /* a text for ad_optim_new, with $name as in rule.h */
} optimiser_row;

static const optimiser_row optimisers[] = {
    { "SGD", "sgd", "momentum=$momentum:0, dampening=$dampening:0, nesterov=$nesterov:false, weight_decay=$weight_decay:0, "
                    "maximize=$maximize:false" },
    { "Adam", "adam", "beta1=$beta1:0.9, beta2=$beta2:0.999, eps=$eps:1e-8, weight_decay=$weight_decay:0, amsgrad=$amsgrad:false" },
    { "AdamW", "adamw", "beta1=$beta1:0.9, beta2=$beta2:0.999, eps=$eps:1e-8, weight_decay=$weight_decay:0.01" },
    { "Adamax", "adamax", "" },
    { "NAdam", "nadam", "" },
    { "RAdam", "radam", "" },
    { "RMSprop", "rmsprop", "alpha=$alpha:0.99, momentum=$momentum:0, centered=$centered:false, weight_decay=$weight_decay:0" },
    { "Adagrad", "adagrad", "rate_decay=$lr_decay:0, weight_decay=$weight_decay:0" },
    { NULL, NULL, NULL }
};

/* Names of the parameters and of a group's settings. */
static const char *const names[] = { "a", "b" };

typedef struct optim_case {
    kase *k;
    const ad_json *attributes;
    ad_tape *tape;
    ad_params *params;
    ad_optim *optim;
    ad_program *program;
    ad_tensor *gradients[2], *leaves[2];
    double *rates;               /* of each step */
    double *given[2];            /* gradients of all steps */
    double *got[2];              /* parameters after each step */
    double *norms;               /* before clipping */
    int64_t size[2];
} optim_case;

/* The number behind "max" or the two ends of "[-x,x]" in the text of `clip`. */
static ad_clip clipping(const ad_json *attributes)
{
    ad_clip clip = { 0 };
    const ad_json *text = ad_json_get(attributes, "clip");
    const char *norm = text && text->text ? strstr(text->text, "max ") : NULL;
    const char *ends = text && text->text ? strchr(text->text, ',') : NULL;
    if (norm)
        clip.norm = strtod(norm + 4, NULL);
    else if (ends)
        clip.value = strtod(ends + 1, NULL);
    return clip;
}

/* A setting of a parameter's group ("groups": [{"params": "a", "lr": ..}, ..]). */
static double group_setting(const ad_json *attributes, const char *param, const char *setting, double otherwise)
{
    const ad_json *groups = ad_json_get(attributes, "groups");
    for (const ad_json *g = groups ? groups->first : NULL; g; g = g->next) {
        const ad_json *name = ad_json_get(g, "params"), *v = ad_json_get(g, setting);
        if (name && v && !strcmp(name->text, param))
            return v->number;
    }
    return otherwise;
}

static bool make_weights(optim_case *c, ad_optim_weight w[2])
{
    kase *k = c->k;
    for (int i = 0; i < 2; i++) {
        int perm[AD_ARRAY_RANK];
        char name[16];
        snprintf(name, sizeof name, "p0_%s", names[i]);
        const ad_array *start = find(k, "in/", name);
        snprintf(name, sizeof name, "g_%s", names[i]);
        const ad_array *steps = find(k, "in/", name);
        if (!start || !steps)
            return give_up(k, FAILED, "no in/p0_%s or in/g_%s", names[i], names[i]) == PASSED;
        ad_shape s;
        order_axes(PLAIN, steps->rank, 0, perm);
        memory_shape(start, perm, AD_REAL, &s);
        c->size[i] = ad_count(&s);
        c->given[i] = memory_values(k, steps, perm);
        c->got[i] = malloc((size_t)(STEPS * c->size[i]) * sizeof(double));
        double *values = memory_values(k, start, perm);
        void *stored = values ? as_stored(values, c->size[i], AD_REAL, k->precision) : NULL;
        bool ok = c->given[i] && c->got[i] && stored &&
                  ad_params_add(c->params, names[i], &s, AD_SLOT_PARAM, AD_LAYOUT_PLAIN, &(ad_init){ .name = "zeros" }) == AD_OK;
        if (ok)
            memcpy(ad_params_find(c->params, names[i])->data, stored, ad_shape_bytes(&s, k->precision));
        free(values);
        free(stored);
        if (!ok)
            return failed_with(k, ad_ctx_error(k->g->ctx)) == PASSED;
        c->leaves[i] = ad_parameter(c->tape, c->params, names[i]);
        c->gradients[i] = ad_input(c->tape, i ? "gradient b" : "gradient a", &s);
        w[i] = (ad_optim_weight){ .leaf = c->leaves[i], .gradient = c->gradients[i],
                                  .rate = group_setting(c->attributes, names[i], "lr", 1),
                                  .decay = group_setting(c->attributes, names[i], "weight_decay", 1) };
    }
    return true;
}

static bool run_steps(optim_case *c)
{
    kase *k = c->k;
    for (int t = 0; t < STEPS; t++) {
        for (int i = 0; i < 2; i++) {
            void *to = ad_program_data(c->program, c->gradients[i]);
            void *g = as_stored(c->given[i] + t * c->size[i], c->size[i], AD_REAL, k->precision);
            if (to && g)
                memcpy(to, g, (size_t)c->size[i] * (k->precision == AD_F64 ? sizeof(double) : sizeof(float)));
            free(g);
        }
        ad_optim_set(c->optim, c->program, t, c->rates[t]);
        if (ad_run(c->program, NULL) != AD_OK)
            return failed_with(k, ad_ctx_error(k->g->ctx)) == PASSED;
        for (int i = 0; i < 2; i++)
            for (int64_t j = 0; j < c->size[i]; j++)
                c->got[i][t * c->size[i] + j] = stored_at(ad_params_find(c->params, names[i])->data, j, AD_REAL, k->precision);
        if (ad_optim_norm(c->optim))
            c->norms[t] = stored_at(ad_program_data(c->program, ad_optim_norm(c->optim)), 0, AD_REAL, k->precision);
    }
    return true;
}

static void compare_steps(optim_case *c)
{
    kase *k = c->k;
    double tolerance = k->precision == AD_F64 ? TOLERANCE_DOUBLE : metadata_number(k, "tol_forward", 0);
    for (int i = 0; i < 2; i++) {
        int perm[AD_ARRAY_RANK];
        char name[16];
        snprintf(name, sizeof name, "p_%s", names[i]);
        const ad_array *want = find(k, "out/", name);
        if (want) {
            order_axes(PLAIN, want->rank, 0, perm);
            compare(k, want, perm, c->got[i], tolerance, 0);
        }
    }
    const ad_array *norm = find(k, "out/", "grad_norm");
    if (norm && ad_optim_norm(c->optim))
        compare(k, norm, (int[]){ 0 }, c->norms, tolerance, 0);
}

static bool run_case(optim_case *c, const optimiser_row *row)
{
    kase *k = c->k;
    ad_error *e = ad_ctx_error(k->g->ctx);
    rule r = { .k = k, .attributes = c->attributes };
    const ad_json *betas = ad_json_get(c->attributes, "betas");
    ad_text settings = { 0 };
    ad_text_add(&settings, "%s", row->settings);
    if (betas) {
        ad_text_free(&settings);
        ad_text_add(&settings, "beta1=$betas[0], beta2=$betas[1], eps=$eps:1e-8, weight_decay=$weight_decay:0");
    } else if (ad_json_get(c->attributes, "groups")) {
        ad_text_free(&settings);
        ad_text_add(&settings, "weight_decay=1");        /* each group's own is its factor */
    }
    ad_clip clip = clipping(c->attributes);
    bool ok = rule_prepare(&r, settings.data ? settings.data : "");
    ad_text_free(&settings);
    c->rates = memory_values(k, find(k, "in/", "lr"), (int[]){ 0 });
    c->norms = calloc(STEPS, sizeof *c->norms);
    c->tape = ad_tape_new(k->g->ctx, k->precision);
    c->params = ad_params_new(k->g->ctx, k->precision);
    ok = ok && c->rates && c->norms && c->tape && c->params;
    if (ok && ad_json_get(c->attributes, "groups"))
        for (int t = 0; t < STEPS; t++)
            c->rates[t] = 1;                             /* likewise */
    ad_optim_weight w[2];
    if (!ok || !make_weights(c, w))
        return false;
    if (ad_optim_new(e, row->ours, r.text, &clip, &c->optim) != AD_OK || ad_optim_record(c->optim, c->tape, c->params, 2, w) != AD_OK)
        return failed_with(k, e) == PASSED;
    ad_tensor *norm = ad_optim_norm(c->optim);
    if (ad_compile(c->tape, norm ? 1 : 0, &norm, NULL, &c->program) != AD_OK)
        return failed_with(k, e) == PASSED;
    if (!run_steps(c))
        return false;
    compare_steps(c);
    return true;
}

static ad_json *attributes_of(kase *k)
{
    const char *text = ad_safetensors_metadata(k->st, "attrs");
    ad_json *attributes = NULL;
    if (!text || ad_json_parse(&k->g->error, "attrs", text, strlen(text), AD_JSON_DEPTH, &attributes) != AD_OK)
        give_up(k, FAILED, "no attributes in the metadata");
    return attributes;
}

verdict run_optimiser(kase *k)
{
    ad_json *attributes = attributes_of(k);
    if (!attributes)
        return FAILED;
    const ad_json *kind = ad_json_get(attributes, "optimizer");
    const optimiser_row *row = optimisers;
    while (kind && row->theirs && strcmp(row->theirs, kind->text))
        row++;
    verdict v;
    if (!kind || !row->theirs || !ad_optimiser_find(row->ours)) {
        v = give_up(k, SKIPPED, "there is no optimiser '%s'", kind ? kind->text : "");
    } else {
        optim_case c = { .k = k, .attributes = attributes };
        v = run_case(&c, row) ? judged(k) : FAILED;
        ad_program_free(c.program);
        ad_optim_free(c.optim);
        ad_tape_free(c.tape);
        ad_params_free(c.params);
        free(c.rates);
        free(c.norms);
        for (int i = 0; i < 2; i++) {
            free(c.given[i]);
            free(c.got[i]);
        }
    }
    ad_json_free(attributes);
    return v;
}

/* ---- schedules ---- */

typedef struct schedule_row {
    const char *kind;            /* of the case */
    const char *ours;            /* factor of the base rate, as ad_schedule_parse reads it, with $name as in rule.h */
    const char *base;            /* attribute that is the base rate; NULL: in/base_lr */
} schedule_row;

static const schedule_row schedules[] = {
    { "StepLR", "step(size=$step, gamma=$gamma)", NULL },
    { "MultiStepLR", "multistep(at=$milestones, gamma=$gamma)", NULL },
    { "ExponentialLR", "exp(gamma=$gamma)", NULL },
    { "CosineAnnealingLR", "cosine(over=$T_max, end={$eta_min / base})", NULL },
    { "CosineAnnealingWarmRestarts", "restarts(over=$T_0, mult=$T_mult, end={$eta_min / base})", NULL },
    { "OneCycleLR", "onecycle(over=$total, part=$pct_start, div=$div, final_div=$final_div)", "max_lr" },
    { "PolynomialLR", "poly(over=$total, power=$power)", NULL },
    { "poly, lagged", "poly(over=$T, lagged=true)", NULL },
    { "poly per epoch", "poly(over=$T)", NULL },
    { "LinearLR", "linear(from=$start, to=$end, over=$iters)", NULL },
    { "lambda: (t+1)/5 for t<5 else 0.5*(1+cos(pi*(t-5)/15))", "cosine(over=15, warmup=5)", NULL },
    { NULL, NULL, NULL }
};

/* The rates of a schedule or, where the case is about one, of the plateau rule or the rule for batches. */
static bool rates(kase *k, const ad_json *attributes, const char *kind, double base, int64_t n, double *got)
{
    const ad_array *score = find(k, "in/", "metric"), *batch = find(k, "in/", "batch");
    double values[64];
    if (batch && ad_array_to_f64(&k->g->error, batch, values) == AD_OK) {
        for (int64_t t = 0; t < n; t++)
            got[t] = ad_rate_for_batch(base, (int64_t)values[t]);
        return true;
    }
    if (score && ad_array_to_f64(&k->g->error, score, values) == AD_OK) {
        ad_plateau p = ad_plateau_start(ad_json_get(attributes, "factor")->number, ad_json_get(attributes, "threshold")->number,
                                        (int)ad_json_get(attributes, "patience")->number);
        for (int64_t t = 0; t < n; t++) {
            got[t] = base * p.scale;
            ad_plateau_look(&p, values[t]);
        }
        return true;
    }
    const schedule_row *row = schedules;
    while (row->kind && strcmp(row->kind, kind))
        row++;
    if (!row->kind)
        return give_up(k, SKIPPED, "there is no schedule '%s'", kind) == PASSED;
    if (row->base)
        base = ad_json_get(attributes, row->base)->number;
    rule r = { .k = k, .attributes = attributes, .base = base };
    ad_schedule *s;
    if (!rule_prepare(&r, row->ours))
        return false;
    if (ad_schedule_parse(&k->g->error, r.text, &s) != AD_OK)
        return failed_with(k, &k->g->error) == PASSED;
    for (int64_t t = 0; t < n; t++)
        got[t] = base * ad_schedule_at(s, t);
    ad_schedule_free(s);
    return true;
}

verdict run_schedule(kase *k)
{
    ad_json *attributes = attributes_of(k);
    const ad_json *kind = attributes ? ad_json_get(attributes, "kind") : NULL;
    const ad_array *want = find(k, "out/", "lr"), *base = find(k, "in/", "base_lr");
    double start = 0, got[64];
    bool ok = kind && want && base && ad_array_count(want) <= 64 && ad_array_to_f64(&k->g->error, base, &start) == AD_OK;
    if (!ok)
        give_up(k, FAILED, "no kind, out/lr or in/base_lr");
    verdict v = FAILED;
    if (ok && rates(k, attributes, kind->text, start, ad_array_count(want), got)) {
        compare(k, want, (int[]){ 0 }, got, metadata_number(k, "tol_forward", 0), 0);
        v = judged(k);
    } else if (ok && strstr(k->reason, "there is no")) {
        v = SKIPPED;
    }
    ad_json_free(attributes);
    return v;
}

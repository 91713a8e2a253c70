/*
 * training.c - cases of whole trainings: a few steps of an optimiser on one batch; the loss before each step, and the weights and
 * running statistics after the last.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optim/optim.h"
#include "tests/goldens/case.h"

#define MAX_STEPS 64

/* A key of the case's optimiser, as text. */
static bool setting(model_case *c, const char *key, char *value, size_t size)
{
    const char *json = ad_safetensors_metadata(c->k->st, "optimizer");
    return json && (ad_model_map_eval(c->m, key, json, strlen(json), value, size) == AD_OK || case_wrong(c));
}

static bool make_optimiser(model_case *c, ad_optim **out)
{
    char kind[32], momentum[32], decay[32], nesterov[16], settings[128];
    if (!setting(c, "kind", kind, sizeof kind) || !setting(c, "momentum", momentum, sizeof momentum) ||
        !setting(c, "weight_decay", decay, sizeof decay) || !setting(c, "nesterov", nesterov, sizeof nesterov))
        return false;
    if (strcmp(kind, "SGD"))
        return give_up(c->k, FAILED, "the optimiser is '%s', not SGD", kind) == PASSED;
    snprintf(settings, sizeof settings, "momentum=%s, weight_decay=%s, nesterov=%s", momentum, decay, nesterov);
    return ad_optim_new(ad_ctx_error(c->k->g->ctx), "sgd", settings, NULL, out) == AD_OK || case_wrong(c);
}

static bool record_step(model_case *c, ad_tape *t, const ad_recorded *r, ad_optim *o, ad_program **step)
{
    int n = ad_recorded_wrt_count(r);
    ad_tensor **grads = calloc((size_t)n + 1, sizeof *grads), *loss = ad_recorded_loss(r);
    ad_optim_weight *weights = calloc((size_t)n + 1, sizeof *weights);
    bool ok = grads && weights && (ad_gradients(t, loss, n, ad_recorded_wrt(r), grads) == AD_OK || case_wrong(c));
    for (int i = 0; ok && i < n; i++)
        weights[i] = (ad_optim_weight){ ad_recorded_wrt(r)[i], grads[i], 1, 1 };
    ok = ok && (ad_optim_record(o, t, c->params, n, weights) == AD_OK || case_wrong(c)) &&
         (ad_compile(t, 1, &loss, NULL, step) == AD_OK || case_wrong(c));
    free(grads);
    free(weights);
    return ok;
}

static bool run_steps(model_case *c, const ad_recorded *r, ad_optim *o, ad_program *step)
{
    kase *k = c->k;
    const ad_array *rates = case_take(c, "in/", "lr"), *losses = case_take(c, "out/", "losses");
    double rate[MAX_STEPS], loss[MAX_STEPS];
    int64_t n = rates ? ad_array_count(rates) : 0;
    if (n < 1 || n > MAX_STEPS || !losses || ad_array_count(losses) != n)
        return give_up(k, FAILED, "needs in/lr and out/losses of 1 to %d steps", MAX_STEPS) == PASSED;
    if (ad_array_to_f64(&k->g->error, rates, rate) != AD_OK)
        return failed_with(k, &k->g->error) == PASSED;
    if (!case_fill(c, r, step))
        return false;
    for (int64_t i = 0; i < n; i++) {
        ad_optim_set(o, step, i, rate[i]);
        if (ad_run(step, &(ad_run_options){ .seed = 1, .step = (uint64_t)i }) != AD_OK)
            return case_wrong(c);
        loss[i] = stored_at(ad_program_data(step, ad_recorded_loss(r)), 0, AD_REAL, k->precision);
    }
    compare(k, losses, (int[]){ 0 }, loss, k->precision == AD_F64 ? TOLERANCE_DOUBLE_BASELINES : metadata_number(k, "tol_loss", 0), 0);
    return true;
}

static bool train(model_case *c)
{
    ad_recorded *r = NULL;
    ad_optim *o = NULL;
    ad_program *step = NULL;
    ad_tape *t = ad_tape_new(c->k->g->ctx, c->k->precision);
    ad_model_program info = { 0 };
    for (int i = 0; ad_model_program_at(c->m, i, &info) && !info.objective; i++)
        ;
    bool ok = t && (case_record(c, info.name, t, &r) == AD_OK || case_wrong(c)) && make_optimiser(c, &o) && record_step(c, t, r, o, &step) &&
              run_steps(c, r, o, step) && case_compare_states(c, "out/param_final/") && case_all_seen(c);
    ad_program_free(step);
    ad_optim_free(o);
    ad_recorded_free(r);
    ad_tape_free(t);
    return ok;
}

verdict run_training(kase *k)
{
    model_case c;
    verdict v = case_begin(&c, k);
    if (v == PASSED)
        v = train(&c) ? judged(k) : FAILED;
    case_end(&c);
    return v;
}

/*
 * training.c - one step of one run: model, data, weights, and the program that computes loss, gradients and new weights. Training runs it
 * over and over (trainer.c); profiles, traces and replays look at it.
 *
 * Everything random is a pure function of (seed, step). Nothing is committed by a step whose loss or gradients are not finite: the step is
 * repeated with every value checked, which names the op.
 */
#include "config.h"

#include "experiments/experiment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- setting up ---- */

static void add_term(ad__training *t, const char *name, ad_tensor *value)
{
    if (!value || t->n_terms == AD__TERMS || ad_count(ad_tensor_shape(value)) != 1) return;
    for (int i = 0; i < t->n_terms; i++)
        if (!strcmp(t->terms[i].name, name)) return;
    t->terms[t->n_terms].name = name;
    t->values[t->n_terms++] = value;
}

/* What is told and logged: the loss, what the program returns, every KL, the multiplier of geco, the norm of the gradient. */
static void choose_terms(ad__training *t)
{
    ad_bind out;
    ad_recorded_kl kl;
    bool geco = false;
    add_term(t, "loss", ad_recorded_loss(t->recorded));
    for (int i = 0; ad_recorded_output_at(t->recorded, i, &out); i++) add_term(t, out.name, out.value);
    for (int i = 0; ad_recorded_kl_at(t->recorded, i, &kl); i++) add_term(t, kl.name, kl.value);
    for (int i = 0; i < t->n_scalars; i++) {
        geco |= !strcmp(t->scalars[i].scalar.name, "kappa");
        add_term(t, t->scalars[i].scalar.name, t->scalars[i].scalar.input);
    }
    if (geco) add_term(t, "multiplier", ad_recorded_value(t->recorded, "objective.multiplier"));
    if (ad_optim_norm(t->optim)) add_term(t, "norm", ad_optim_norm(t->optim));
}

static ad_status add_schedules(ad__training *t)
{
    const ad__config *c = &t->plan->config;
    const struct { const char *name, *text; } given[] = { { "beta", c->beta_schedule }, { "kappa", c->kappa_schedule } };
    bool used[2] = { false };
    AD_TRY(ad__schedule_new(t->error, c->lr_schedule, c->steps, &t->rate));
    for (int i = 0; t->n_scalars < AD__SCALARS && ad_recorded_scalar_at(t->recorded, i, &t->scalars[t->n_scalars].scalar); i++) {
        for (int k = 0; k < 2; k++)
            if (*given[k].text && !strcmp(given[k].name, t->scalars[t->n_scalars].scalar.name)) {
                used[k] = true;
                AD_TRY(ad__schedule_new(t->error, given[k].text, c->steps, &t->scalars[t->n_scalars].schedule));
            }
        t->n_scalars++;
    }
    for (int k = 0; k < 2; k++)
        if (*given[k].text && !used[k])
            return AD_FAIL(t->error, EUSAGE, "train.schedule.%s: the objective of '%s' has no %s", given[k].name, ad_model_name(t->model),
                           given[k].name);
    return AD_OK;
}

const char *ad__objective_program(const ad_model *m)
{
    ad_model_program p;
    for (int i = 0; ad_model_program_at(m, i, &p); i++)
        if (p.objective) return p.name;
    return NULL;
}

static ad_status record_update(ad__training *t)
{
    int n = ad_recorded_wrt_count(t->recorded);
    ad_tensor *const *wrt = ad_recorded_wrt(t->recorded), **grads = calloc((size_t)n + 1, sizeof *grads);
    ad_optim_weight *weights = calloc((size_t)n + 1, sizeof *weights);
    ad_status s = grads && weights ? AD_OK : AD_FAIL(t->error, ENOMEM, "no memory for %d gradients", n);
    if (s == AD_OK) s = ad_gradients(t->tape, ad_recorded_loss(t->recorded), n, wrt, grads);
    for (int i = 0; s == AD_OK && i < n; i++) {
        const char *path = ad_tensor_name(wrt[i]);
        const ad_entry *entry = ad_params_find(t->params, path);
        ad_model_group g = ad_model_group_of(t->model, path);
        bool weight = entry && entry->slot == AD_SLOT_PARAM;
        weights[i] = (ad_optim_weight){ wrt[i], grads[i], weight ? g.rate : 1, weight ? g.decay : 0 };
    }
    if (s == AD_OK) s = ad_optim_record(t->optim, t->tape, t->params, n, weights);
    free(grads);
    free(weights);
    return s;
}

static ad_status build_program(ad__training *t)
{
    const ad__config *c = &t->plan->config;
    const ad_clip clip = { c->clip_value, c->clip_norm };
    const char *name = ad__objective_program(t->model);
    if (!name) return AD_FAIL(t->error, EUSAGE, "%s has no objective, so it cannot be trained", ad_model_name(t->model));
    t->tape = ad_tape_new(t->x->ctx, AD_F32);
    if (!t->tape) return AD_ENOMEM;
    AD_TRY(ad_model_record(t->model, name, t->tape, t->params, &(ad_record_options){ .batch = c->batch }, &t->recorded));
    AD_TRY(ad_optim_new(t->error, c->optim, c->optim_settings, &clip, &t->optim));
    if (c->average > 0) AD_TRY(ad_optim_average(t->error, t->optim, c->average));
    AD_TRY(add_schedules(t));
    AD_TRY(record_update(t));
    choose_terms(t);
    if (t->error->status != AD_OK) return t->error->status;
    if (*c->memory) AD_TRY(ad_bytes_parse(t->error, c->memory, &t->budget));
    return ad_compile(t->tape, t->n_terms, t->values, &(ad_plan_options){ .guard = t->values[0], .memory = t->budget }, &t->program);
}

ad_status ad__training_init(ad__training *t, ad_experiment *x, int i)
{
    uint64_t seed = (uint64_t)x->plans[i].config.seed;
    *t = (ad__training){ .x = x, .plan = &x->plans[i], .error = ad_ctx_error(x->ctx) };
    AD_TRY(ad__plan_model(x, i, NULL, &t->model));
    ad_model_hash(t->model, t->hash);
    AD_TRY(ad_model_params(t->model, AD_F32, &t->params));
    AD_TRY(ad_params_init(t->params, AD_SLOT_PARAM, seed));
    AD_TRY(ad_params_init(t->params, AD_SLOT_STATE, seed));
    return build_program(t);
}

void ad__training_fini(ad__training *t)
{
    for (int i = 0; i < t->n_scalars; i++) ad_schedule_free(t->scalars[i].schedule);
    ad_schedule_free(t->rate);
    ad_loader_free(t->loader);
    ad_program_free(t->program);
    ad_optim_free(t->optim);
    ad_recorded_free(t->recorded);
    ad_tape_free(t->tape);
    ad_params_free(t->params);
    ad_dataset_free(t->data);
    ad_model_free(t->model);
}

ad_status ad__training_open_data(ad__training *t)
{
    const ad__config *c = &t->plan->config;
    AD_TRY(ad__data_open(t->error, c, &t->data));
    return ad__frame_of(t->error, t->model, t->data, (ad_fit)c->data_fit, &t->frame);
}

ad_status ad__training_open_loader(ad__training *t)
{
    const ad__config *c = &t->plan->config;
    int reader;
    AD_TRY(ad__config_reader(t->error, c, &reader));
    const ad_loader_options o = {
        .split = AD_TRAIN, .batch = (int)c->batch, .height = t->frame.height, .width = t->frame.width, .fit = (ad_fit)c->data_fit,
        .reader = reader,
        .flips = c->data_flips, .turns = c->data_turns, .shift = (int)c->data_shift, .rotate = c->data_rotate,
        .zoom = c->data_zoom, .seed = (uint64_t)c->seed, .first_step = t->step,
    };
    return ad_loader_new(t->error, t->data, &o, &t->loader);
}

/* ---- checkpoints ---- */

ad_status ad__training_restore(ad__training *t, const char *directory)
{
    char folder[AD__PATH + 8], path[2 * AD__PATH];
    ad_checkpoint about;
    snprintf(folder, sizeof folder, "%s/ckpt", directory);
    ad_error none = { 0 };
    if (ad_checkpoint_latest(&none, folder, path, sizeof path) != AD_OK) {
        /* A run that was stopped before its first checkpoint begins again; one whose checkpoints are all damaged must not. */
        if (strstr(none.message, "no checkpoint yet")) return AD_OK;
        return AD_FAIL(t->error, ECHECKPOINT, "%s", none.message);
    }
    AD_TRY(ad_checkpoint_load(t->error, path, t->params, true, t->hash, &about));
    if (about.seed != (uint64_t)t->plan->config.seed)
        return AD_FAIL(t->error, EUSAGE, "%s: was trained with seed %llu, not %lld", path, (unsigned long long)about.seed,
                       (long long)t->plan->config.seed);
    t->step = about.step;
    t->seconds_before = about.seconds;
    return AD_OK;
}

ad_status ad__training_save(ad__training *t, const char *directory, double seconds, char *path, size_t size)
{
    char folder[AD__PATH + 8];
    ad_checkpoint about = { .step = t->step, .seed = (uint64_t)t->plan->config.seed, .seconds = seconds };
    snprintf(folder, sizeof folder, "%s/ckpt", directory);
    snprintf(about.model, sizeof about.model, "%s", ad_model_name(t->model));
    memcpy(about.model_hash, t->hash, sizeof t->hash);
    ad_checkpoint_path(folder, t->step, path, size);
    AD_TRY(ad_checkpoint_save(t->error, path, t->params, &about));
    return ad_checkpoint_publish(t->error, folder, t->step, (int)t->plan->config.keep);
}

/* ---- the step ---- */

static void feed_scalars(ad__training *t)
{
    for (int i = 0; i < t->n_scalars; i++) {
        float *to = ad_program_data(t->program, t->scalars[i].scalar.input);
        const ad_schedule *s = t->scalars[i].schedule;
        if (to) *to = (float)(s ? ad_schedule_at(s, t->step) : t->scalars[i].scalar.standard);
    }
}

ad_status ad__training_look(ad__training *t)
{
    const ad_run_options careful = { .seed = (uint64_t)t->plan->config.seed, .step = (uint64_t)t->step, .check = true, .found = &t->finding };
    ad_error_clear(t->error);
    ad_status s = ad_run(t->program, &careful);
    if (s == AD_OK) return AD_FAIL(t->error, ENUMERIC, "the loss or a gradient of step %lld is not finite", (long long)t->step);
    return s == AD_ENUMERIC ? ad_error_prefix(t->error, "step %lld", (long long)t->step) : s;
}

/* Names of the images and readers of the batch behind the message. */
static ad_status name_items(ad__training *t)
{
    char items[1024] = "", message[sizeof t->error->message];
    for (int i = 0; i < t->batch.size; i++) {
        size_t used = strlen(items);
        snprintf(items + used, sizeof items - used, "%s%s", i ? ", " : "", t->batch.names[i]);
        used = strlen(items);
        if (t->batch.reader[i] == AD_READER_MEAN) snprintf(items + used, sizeof items - used, "/mean");
        else snprintf(items + used, sizeof items - used, "/%d", t->batch.reader[i]);
    }
    memcpy(message, t->error->message, sizeof message);
    ad_error_clear(t->error);
    return AD_FAIL(t->error, ENUMERIC, "%.2900s\n  items     %s (image/reader)", message, items);
}

ad_status ad__training_feed(ad__training *t)
{
    const ad__config *c = &t->plan->config;
    AD_TRY(ad_loader_next(t->error, t->loader, &t->batch));
    AD_TRY(ad__feed(t->error, t->model, t->recorded, t->program, &t->batch));
    feed_scalars(t);
    t->lr = c->lr * ad_schedule_at(t->rate, t->step);
    ad_optim_set(t->optim, t->program, t->step, t->lr);
    return AD_OK;
}

ad_status ad__training_step(ad__training *t)
{
    AD_TRY(ad__training_feed(t));
    ad_status s = ad_run(t->program, &(ad_run_options){ .seed = (uint64_t)t->plan->config.seed, .step = (uint64_t)t->step });
    if (s == AD_ENUMERIC) s = ad__training_look(t);
    if (s == AD_ENUMERIC) s = name_items(t);
    AD_TRY(s);
    for (int i = 0; i < t->n_terms; i++) {
        const float *v = ad_program_data(t->program, t->values[i]);
        t->terms[i].value = v ? (double)*v : NAN;
    }
    t->step++;
    return AD_OK;
}

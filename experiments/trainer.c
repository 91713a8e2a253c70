/*
 * trainer.c - one training run: forward, backward and update are one program, run once a step.
 *
 * Everything random is a pure function of (seed, step), so a run that is stopped at a checkpoint and goes on is the unbroken run, bit
 * for bit. Nothing is committed by a step whose loss is not finite: the step is repeated with every value checked, which names the op.
 */
#include "config.h"

#include "experiments/experiment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TERMS = 64, TIMED = 4096 };

typedef struct trainer {
    ad_experiment *x;
    const ad__plan *plan;
    const ad_train_options *options;
    ad_error *error;
    const char *directory;
    ad_model *model;
    ad_dataset *data;
    ad_params *params;
    ad_tape *tape;
    ad_recorded *recorded;
    ad_optim *optim;
    ad_program *program;
    size_t budget;                     /* of its arena; 0: any */
    ad_loader *loader;
    ad_schedule *rate;
    struct { ad_schedule *schedule; ad_recorded_scalar scalar; } scalars[8];
    int n_scalars, n_terms, unsaved;
    ad_tensor *values[MAX_TERMS];      /* of the terms; NULL: a scalar that is fed */
    ad_term terms[MAX_TERMS];
    char hash[65];                     /* of the model */
    int64_t step;
    double seconds, seconds_before;    /* of this process, and of those before */
    double times[TIMED];               /* seconds of the latest steps */
    int64_t n_times;
    ad__log log;
} trainer;

static void fini(trainer *t)
{
    ad__log_close(&t->log);
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

static void tell(trainer *t, ad_event *event)
{
    const ad_watch *w = &t->options->watch;
    event->run = t->plan->name;
    event->directory = t->directory;
    event->step = t->step;
    event->steps = t->plan->config.steps;
    if (w->tell) w->tell(w->arg, event);
}

static bool asked_to_stop(const trainer *t)
{
    return (t->options->watch.stop && *t->options->watch.stop) || (t->options->stop_after > 0 && t->step >= t->options->stop_after);
}

/* ---- setting up ---- */

static void add_term(trainer *t, const char *name, ad_tensor *value)
{
    if (!value || t->n_terms == MAX_TERMS || ad_count(ad_tensor_shape(value)) != 1) return;
    for (int i = 0; i < t->n_terms; i++)
        if (!strcmp(t->terms[i].name, name)) return;
    t->terms[t->n_terms].name = name;
    t->values[t->n_terms++] = value;
}

/* What is told and logged: the loss, what the program returns, every KL, the multiplier of geco, the norm of the gradient. */
static void choose_terms(trainer *t)
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

static ad_status add_schedules(trainer *t)
{
    const ad__config *c = &t->plan->config;
    const struct { const char *name, *text; } given[] = { { "beta", c->beta_schedule }, { "kappa", c->kappa_schedule } };
    bool used[2] = { false };
    AD_TRY(ad__schedule_new(t->error, c->lr_schedule, c->steps, &t->rate));
    for (int i = 0; t->n_scalars < 8 && ad_recorded_scalar_at(t->recorded, i, &t->scalars[t->n_scalars].scalar); i++) {
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

static const char *objective_program(const ad_model *m)
{
    ad_model_program p;
    for (int i = 0; ad_model_program_at(m, i, &p); i++)
        if (p.objective) return p.name;
    return NULL;
}

static ad_status record_update(trainer *t)
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

static ad_status build_program(trainer *t)
{
    const ad__config *c = &t->plan->config;
    const ad_clip clip = { c->clip_value, c->clip_norm };
    const char *name = objective_program(t->model);
    if (!name) return AD_FAIL(t->error, EUSAGE, "%s has no objective, so it cannot be trained", ad_model_name(t->model));
    t->tape = ad_tape_new(t->x->ctx, AD_F32);
    if (!t->tape) return AD_ENOMEM;
    AD_TRY(ad_model_record(t->model, name, t->tape, t->params, &(ad_record_options){ .batch = c->batch }, &t->recorded));
    AD_TRY(ad_optim_new(t->error, c->optim, c->optim_settings, &clip, &t->optim));
    AD_TRY(add_schedules(t));
    AD_TRY(record_update(t));
    choose_terms(t);
    if (t->error->status != AD_OK) return t->error->status;
    if (*c->memory) AD_TRY(ad_bytes_parse(t->error, c->memory, &t->budget));
    return ad_compile(t->tape, t->n_terms, t->values, &(ad_plan_options){ .guard = t->values[0], .memory = t->budget }, &t->program);
}

/* Before anything is written: a run whose data are missing or do not fit leaves no folder. */
static ad_status open_data(trainer *t, ad__frame *frame)
{
    const ad__config *c = &t->plan->config;
    AD_TRY(ad__data_open(t->error, c, &t->data));
    return ad__frame_of(t->error, t->model, t->data, (ad_fit)c->data_fit, frame);
}

static ad_status open_loader(trainer *t, const ad__frame *frame)
{
    const ad__config *c = &t->plan->config;
    const ad_loader_options o = {
        .split = AD_TRAIN, .batch = (int)c->batch, .height = frame->height, .width = frame->width, .fit = (ad_fit)c->data_fit,
        .reader = strcmp(c->data_reader, "random") ? atoi(c->data_reader) : AD_READER_RANDOM,
        .flips = c->data_flips, .turns = c->data_turns, .seed = (uint64_t)c->seed, .first_step = t->step,
    };
    return ad_loader_new(t->error, t->data, &o, &t->loader);
}

static ad_status restore(trainer *t)
{
    char folder[AD__PATH + 8], path[2 * AD__PATH];
    ad_checkpoint about;
    snprintf(folder, sizeof folder, "%s/ckpt", t->directory);
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

/* ---- steps ---- */

static void feed_scalars(trainer *t)
{
    for (int i = 0; i < t->n_scalars; i++) {
        float *to = ad_program_data(t->program, t->scalars[i].scalar.input);
        const ad_schedule *s = t->scalars[i].schedule;
        if (to) *to = (float)(s ? ad_schedule_at(s, t->step) : t->scalars[i].scalar.standard);
    }
}

/* The step again, looking at every value; then the names of the images and readers of its batch. */
static ad_status not_finite(trainer *t, const ad_run_options *run, const ad_batch *b)
{
    ad_run_options careful = *run;
    char items[1024] = "";
    careful.check = true;
    ad_error_clear(t->error);
    ad_status s = ad_run(t->program, &careful);
    if (s == AD_OK) return AD_FAIL(t->error, ENUMERIC, "the loss of step %lld is not finite", (long long)t->step);
    if (s != AD_ENUMERIC) return s;
    for (int i = 0; i < b->size; i++) {
        size_t used = strlen(items);
        snprintf(items + used, sizeof items - used, "%s%s/%d", i ? ", " : "", b->names[i], b->reader[i]);
    }
    char message[sizeof t->error->message];
    memcpy(message, t->error->message, sizeof message);
    ad_error_clear(t->error);
    return AD_FAIL(t->error, ENUMERIC, "step %lld: %.2900s\n  items     %s (image/reader)", (long long)t->step, message, items);
}

static ad_status one_step(trainer *t)
{
    const ad__config *c = &t->plan->config;
    double from = ad__clock();
    ad_batch batch;
    AD_TRY(ad_loader_next(t->error, t->loader, &batch));
    AD_TRY(ad__feed(t->error, t->model, t->recorded, t->program, &batch));
    feed_scalars(t);
    double rate = c->lr * ad_schedule_at(t->rate, t->step);
    ad_optim_set(t->optim, t->program, t->step, rate);
    const ad_run_options run = { .seed = (uint64_t)c->seed, .step = (uint64_t)t->step };
    ad_status s = ad_run(t->program, &run);
    if (s == AD_ENUMERIC) return not_finite(t, &run, &batch);
    AD_TRY(s);
    for (int i = 0; i < t->n_terms; i++) {
        const float *v = ad_program_data(t->program, t->values[i]);
        t->terms[i].value = v ? (double)*v : NAN;
    }
    double took = ad__clock() - from;
    t->times[t->n_times++ % TIMED] = took;
    t->seconds += took;
    t->step++;
    ad_event event = {
        .kind = AD_EVENT_STEP, .n_terms = t->n_terms, .terms = t->terms, .rate = rate, .seconds = t->seconds,
        .items_a_second = (double)(c->batch * t->n_times) / t->seconds,
        .seconds_left = (double)(c->steps - t->step) * t->seconds / (double)t->n_times,
    };
    tell(t, &event);
    if (t->step % c->log_every == 0 || t->step == c->steps || t->step == 1)
        return ad__log_terms(&t->log, t->step, t->n_terms, t->terms, rate, t->seconds_before + t->seconds);
    return AD_OK;
}

static ad_status write_checkpoint(trainer *t, char *path, size_t size)
{
    char folder[AD__PATH + 8];
    ad_checkpoint about = { .step = t->step, .seed = (uint64_t)t->plan->config.seed, .seconds = t->seconds_before + t->seconds };
    snprintf(folder, sizeof folder, "%s/ckpt", t->directory);
    snprintf(about.model, sizeof about.model, "%s", ad_model_name(t->model));
    memcpy(about.model_hash, t->hash, sizeof t->hash);
    ad_checkpoint_path(folder, t->step, path, size);
    AD_TRY(ad_checkpoint_save(t->error, path, t->params, &about));
    return ad_checkpoint_publish(t->error, folder, t->step, (int)t->plan->config.keep);
}

/* One failure is told and training goes on with the older checkpoint in place; the second in a row ends the run. */
static ad_status save(trainer *t, bool last)
{
    char path[2 * AD__PATH];
    ad_status s = write_checkpoint(t, path, sizeof path);
    if (s == AD_OK) {
        t->unsaved = 0;
        tell(t, &(ad_event){ .kind = AD_EVENT_SAVED, .path = path });
        return AD_OK;
    }
    if (last || ++t->unsaved > 1 || s != AD_EIO) return s;
    tell(t, &(ad_event){ .kind = AD_EVENT_WARNING, .text = t->error->message });
    ad_error_clear(t->error);
    return AD_OK;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static size_t stored(const trainer *t)
{
    size_t bytes = 0;
    for (int i = 0; i < ad_params_count(t->params); i++) bytes += ad_shape_bytes(&ad_params_at(t->params, i)->shape, AD_F32);
    return bytes;
}

static void summarise(trainer *t, ad_trained_info *info)
{
    char folder[AD__PATH + 8];
    int n = (int)(t->n_times < TIMED ? t->n_times : TIMED);
    *info = (ad_trained_info){ .step = t->step, .complete = t->step >= t->plan->config.steps, .memory = ad_program_arena(t->program) + stored(t),
                               .seconds = t->seconds_before + t->seconds, .loss = t->n_times ? t->terms[0].value : NAN };
    if (n) {
        qsort(t->times, (size_t)n, sizeof *t->times, by_value);
        info->seconds_a_step = t->times[n / 2];
    } else {
        ad__log_last_trained(t->directory, info);
    }
    info->stopped = !info->complete;
    ad_params_hash(t->params, info->hash);
    snprintf(folder, sizeof folder, "%s/ckpt", t->directory);
    ad_checkpoint_path(folder, t->step, info->checkpoint, sizeof info->checkpoint);
}

static ad_status log_trained(trainer *t, const ad_trained_info *info)
{
    char members[512];
    snprintf(members, sizeof members,
             "\"step\":%lld,\"complete\":%s,\"loss\":%.9g,\"seconds\":%.3f,\"seconds_a_step\":%.6g,\"memory\":%zu,\"sha256\":\"%s\"",
             (long long)info->step, info->complete ? "true" : "false", info->loss, info->seconds, info->seconds_a_step, info->memory,
             info->hash);
    return ad__log_event(&t->log, "trained", members);
}

static ad_status train(trainer *t, ad_trained_info *info)
{
    const ad__config *c = &t->plan->config;
    char members[64];
    int64_t saved = t->step;
    snprintf(members, sizeof members, "\"step\":%lld", (long long)t->step);
    AD_TRY(ad__log_event(&t->log, t->step ? "resumed" : "started", members));
    while (t->step < c->steps && !asked_to_stop(t)) {
        AD_TRY(one_step(t));
        if (t->step % c->save_every == 0 && t->step < c->steps) {
            AD_TRY(save(t, false));
            saved = t->step;
        }
    }
    if (saved != t->step || t->step == 0) AD_TRY(save(t, true));
    summarise(t, info);
    if (t->n_times) AD_TRY(log_trained(t, info));
    return AD_OK;
}

/* The run directory as it must be before anything is trained. */
static ad_status prepare_folder(trainer *t, int i)
{
    const ad_train_options *o = t->options;
    bool used = ad__folder_used(t->directory);
    if (used && !o->resume && !o->force)
        return AD_FAIL(t->error, EUSAGE, "%s: holds a run already; give --resume to go on with it, or --force to remove it", t->directory);
    if (used && o->force && !o->resume) AD_TRY(ad__folder_remove(t->error, t->directory));
    return ad__folder_begin(t->x, i, t->directory, t->data, &o->origin);
}

static ad_status set_up(trainer *t, int i)
{
    const ad__config *c = &t->plan->config;
    ad__frame frame;
    AD_TRY(ad__plan_model(t->x, i, NULL, &t->model));
    ad_model_hash(t->model, t->hash);
    AD_TRY(ad_model_params(t->model, AD_F32, &t->params));
    AD_TRY(ad_params_init(t->params, AD_SLOT_PARAM, (uint64_t)c->seed));
    AD_TRY(ad_params_init(t->params, AD_SLOT_STATE, (uint64_t)c->seed));
    AD_TRY(build_program(t));
    AD_TRY(open_data(t, &frame));
    AD_TRY(prepare_folder(t, i));
    AD_TRY(restore(t));
    AD_TRY(open_loader(t, &frame));
    AD_TRY(ad__log_open(t->error, t->directory, t->step, &t->log));
    tell(t, &(ad_event){ .kind = AD_EVENT_RUN, .model = t->model, .data = t->data, .records = ad_program_records(t->program),
                         .arena = ad_program_arena(t->program), .macs = ad_program_macs(t->program), .batch = c->batch,
                         .budget = t->budget, .again = ad_program_again(t->program), .stored = stored(t),
                         .seed = (uint64_t)c->seed, .resumed = t->step > 0 });
    return AD_OK;
}

ad_status ad_train(ad_experiment *x, int i, const char *directory, const ad_train_options *options, ad_trained_info *out)
{
    static const ad_train_options none;
    if (i < 0 || i >= x->n) return AD_FAIL(ad_ctx_error(x->ctx), EUSAGE, "the experiment has %d runs, there is no run %d", x->n, i);
    trainer *t = calloc(1, sizeof *t);
    if (!t) return AD_FAIL(ad_ctx_error(x->ctx), ENOMEM, "no memory for a training run");
    *t = (trainer){ .x = x, .plan = &x->plans[i], .options = options ? options : &none, .error = ad_ctx_error(x->ctx),
                    .directory = directory };
    ad_status s = set_up(t, i);
    if (s == AD_OK) s = train(t, out);
    if (s == AD_OK)
        tell(t, &(ad_event){ .kind = AD_EVENT_TRAINED, .stopped = out->stopped, .seconds = out->seconds, .n_terms = t->n_terms,
                             .terms = t->terms, .path = out->checkpoint });
    fini(t);
    free(t);
    return s;
}

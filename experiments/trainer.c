/*
 * trainer.c - one training run: the step of training.c over and over, with its folder, checkpoints and logs. A run that is stopped at a
 * checkpoint and goes on is the unbroken run, bit for bit.
 */
#include "config.h"

#include "experiments/experiment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMED = 4096 };

typedef struct trainer {
    ad__training s;
    const ad_train_options *options;
    const char *directory;
    int unsaved;
    double seconds;                    /* of this process */
    double times[TIMED];               /* seconds of the latest steps */
    int64_t n_times;
    ad__log log;
} trainer;

static void tell(trainer *t, ad_event *event)
{
    const ad_watch *w = &t->options->watch;
    event->run = t->s.plan->name;
    event->directory = t->directory;
    event->step = t->s.step;
    event->steps = t->s.plan->config.steps;
    if (w->tell) w->tell(w->arg, event);
}

static bool asked_to_stop(const trainer *t)
{
    return (t->options->watch.stop && *t->options->watch.stop) || (t->options->stop_after > 0 && t->s.step >= t->options->stop_after);
}

/* ---- steps ---- */

/* The step that failed is kept, with what it takes to run it again. */
static ad_status keep_failure(trainer *t)
{
    char path[2 * AD__PATH], message[sizeof t->s.error->message];
    memcpy(message, t->s.error->message, sizeof message);
    ad_error_clear(t->s.error);
    if (ad__failure_save(&t->s, t->directory, message, &t->options->origin, path, sizeof path) == AD_OK)
        return AD_FAIL(t->s.error, ENUMERIC, "%s\n  saved     adze replay %s", message, path);
    ad_error why = *t->s.error;
    ad_error_clear(t->s.error);
    return AD_FAIL(t->s.error, ENUMERIC, "%.3000s\n  not saved: %.800s", message, why.message);
}

static ad_status one_step(trainer *t)
{
    const ad__config *c = &t->s.plan->config;
    double from = ad__clock();
    ad_status s = ad__training_step(&t->s);
    if (s == AD_ENUMERIC) return keep_failure(t);
    AD_TRY(s);
    double took = ad__clock() - from;
    t->times[t->n_times++ % TIMED] = took;
    t->seconds += took;
    ad_event event = {
        .kind = AD_EVENT_STEP, .n_terms = t->s.n_terms, .terms = t->s.terms, .rate = t->s.lr, .seconds = t->seconds,
        .items_a_second = (double)(c->batch * t->n_times) / t->seconds,
        .seconds_left = (double)(c->steps - t->s.step) * t->seconds / (double)t->n_times,
    };
    tell(t, &event);
    if (t->s.step % c->log_every == 0 || t->s.step == c->steps || t->s.step == 1)
        return ad__log_terms(&t->log, t->s.step, t->s.n_terms, t->s.terms, t->s.lr, t->s.seconds_before + t->seconds);
    return AD_OK;
}

/* One failure is told and training goes on with the older checkpoint in place; the second in a row ends the run. */
static ad_status save(trainer *t, bool last)
{
    char path[2 * AD__PATH];
    ad_status s = ad__training_save(&t->s, t->directory, t->s.seconds_before + t->seconds, path, sizeof path);
    if (s == AD_OK) {
        t->unsaved = 0;
        tell(t, &(ad_event){ .kind = AD_EVENT_SAVED, .path = path });
        return AD_OK;
    }
    if (last || ++t->unsaved > 1 || s != AD_EIO) return s;
    tell(t, &(ad_event){ .kind = AD_EVENT_WARNING, .text = t->s.error->message });
    ad_error_clear(t->s.error);
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
    for (int i = 0; i < ad_params_count(t->s.params); i++) bytes += ad_shape_bytes(&ad_params_at(t->s.params, i)->shape, AD_F32);
    return bytes;
}

static void summarise(trainer *t, ad_trained_info *info)
{
    char folder[AD__PATH + 8];
    int n = (int)(t->n_times < TIMED ? t->n_times : TIMED);
    *info = (ad_trained_info){ .step = t->s.step, .complete = t->s.step >= t->s.plan->config.steps, .memory = ad_program_arena(t->s.program) + stored(t),
                               .seconds = t->s.seconds_before + t->seconds, .loss = t->n_times ? t->s.terms[0].value : NAN };
    if (n) {
        qsort(t->times, (size_t)n, sizeof *t->times, by_value);
        info->seconds_a_step = t->times[n / 2];
    } else {
        ad__log_last_trained(t->directory, info);
    }
    info->stopped = !info->complete;
    ad_params_hash(t->s.params, info->hash);
    snprintf(folder, sizeof folder, "%s/ckpt", t->directory);
    ad_checkpoint_path(folder, t->s.step, info->checkpoint, sizeof info->checkpoint);
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
    const ad__config *c = &t->s.plan->config;
    char members[64];
    int64_t saved = t->s.step;
    snprintf(members, sizeof members, "\"step\":%lld", (long long)t->s.step);
    AD_TRY(ad__log_event(&t->log, t->s.step ? "resumed" : "started", members));
    while (t->s.step < c->steps && !asked_to_stop(t)) {
        AD_TRY(one_step(t));
        if (t->s.step % c->save_every == 0 && t->s.step < c->steps) {
            AD_TRY(save(t, false));
            saved = t->s.step;
        }
    }
    if (saved != t->s.step || t->s.step == 0) AD_TRY(save(t, true));
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
        return AD_FAIL(t->s.error, EUSAGE, "%s: holds a run already; give --resume to go on with it, or --force to remove it", t->directory);
    if (used && o->force && !o->resume) AD_TRY(ad__folder_remove(t->s.error, t->directory));
    return ad__folder_begin(t->s.x, i, t->directory, t->s.data, &o->origin);
}

/* Data that are missing or do not fit leave no folder. */
static ad_status set_up(trainer *t, ad_experiment *x, int i)
{
    const ad__config *c = &x->plans[i].config;
    AD_TRY(ad__training_init(&t->s, x, i));
    AD_TRY(ad__training_open_data(&t->s));
    AD_TRY(prepare_folder(t, i));
    AD_TRY(ad__training_restore(&t->s, t->directory));
    AD_TRY(ad__training_open_loader(&t->s));
    AD_TRY(ad__log_open(t->s.error, t->directory, t->s.step, &t->log));
    tell(t, &(ad_event){ .kind = AD_EVENT_RUN, .model = t->s.model, .data = t->s.data, .records = ad_program_records(t->s.program),
                         .arena = ad_program_arena(t->s.program), .macs = ad_program_macs(t->s.program), .batch = c->batch,
                         .budget = t->s.budget, .again = ad_program_again(t->s.program), .stored = stored(t),
                         .seed = (uint64_t)c->seed, .resumed = t->s.step > 0 });
    return AD_OK;
}

ad_status ad_train(ad_experiment *x, int i, const char *directory, const ad_train_options *options, ad_trained_info *out)
{
    static const ad_train_options none;
    if (i < 0 || i >= x->n) return AD_FAIL(ad_ctx_error(x->ctx), EUSAGE, "the experiment has %d runs, there is no run %d", x->n, i);
    trainer *t = calloc(1, sizeof *t);
    if (!t) return AD_FAIL(ad_ctx_error(x->ctx), ENOMEM, "no memory for a training run");
    t->options = options ? options : &none;
    t->directory = directory;
    ad_status s = set_up(t, x, i);
    if (s == AD_OK) s = train(t, out);
    if (s == AD_OK)
        tell(t, &(ad_event){ .kind = AD_EVENT_TRAINED, .stopped = out->stopped, .seconds = out->seconds, .n_terms = t->s.n_terms,
                             .terms = t->s.terms, .path = out->checkpoint });
    ad__log_close(&t->log);
    ad__training_fini(&t->s);
    free(t);
    return s;
}

/*
 * optim.h - optimisers as records on the tape, gradient clipping, and schedules as pure functions of the step.
 *
 *   ad_optim *o;   ad_optim_new(&err, "adam", "beta1=0.5, weight_decay=1e-4", NULL, &o);
 *   ad_optim_record(o, tape, params, n, weights);     clip, one update op per weight, state and weights committed to the store
 *   ad_compile(tape, ...);
 *   ad_optim_set(o, program, step, rate);             before every run
 */
#ifndef ADZE_OPTIM_OPTIM_H
#define ADZE_OPTIM_OPTIM_H

#include "ops/ops.h"

#ifdef __cplusplus
extern "C" {
#endif

#define AD_OPTIM_NUMBERS 4

/* One optimiser: optim/NAME.c holds the descriptor ad_optimiser_NAME, optim/local.mk the list. The update itself is an op; the
 * settings that op and optimiser have in common are handed on by name. */
typedef struct ad_optimiser {
    const char *name, *doc;
    const char *op;                  /* update op */
    const char *const *slots;        /* prefix of each state of the op in the store: "m" keeps m/PATH; ended by NULL */
    const char *decoupled;           /* a yes/no attribute of the op that this optimiser sets, or NULL */
    const ad_attr *settings;         /* ended by an entry without name */
    size_t settings_size;
    /* Bit i: slot i is kept with these settings. */
    unsigned (*kept)(const void *settings);
    /* c[1..3] of update number t, counted from 1; c[0] is the rate. */
    void (*numbers)(const void *settings, int64_t t, double c[AD_OPTIM_NUMBERS]);
} ad_optimiser;

AD_API extern const ad_optimiser *const ad_optimisers[];             /* ended by NULL; made from optim/local.mk */
AD_API const ad_optimiser *ad_optimiser_find(const char *name);      /* NULL if there is none */

/* Both may be 0: no clipping. Values first, then the norm over all gradients together: g * min(1, norm / (|g| + 1e-6)). */
typedef struct ad_clip {
    double value, norm;
} ad_clip;

typedef struct ad_optim ad_optim;

/* `settings` is a text such as "momentum=0.9, nesterov=true"; NULL or "" for the defaults. `clip` may be NULL. */
AD_API AD_CHECKED ad_status ad_optim_new(ad_error *e, const char *name, const char *settings, const ad_clip *clip, ad_optim **out);
AD_API void ad_optim_free(ad_optim *o);
AD_API const ad_optimiser *ad_optim_kind(const ad_optim *o);

/* Asks for a running average of every weight beside it in the store, "ema.PATH": of the t-th weights w it becomes a + (w - a) max(1 - keep, 1/t),
 * the plain mean at first and of the last 1 / (1 - keep) steps or so later (Polyak and Juditsky 1992). 0 < keep < 1; before
 * ad_optim_record. */
AD_API AD_CHECKED ad_status ad_optim_average(ad_error *e, ad_optim *o, double keep);

/* A weight to update. Leaves of state (a multiplier that is learnt) are updated like weights. */
typedef struct ad_optim_weight {
    ad_tensor *leaf;                 /* an ad_parameter */
    ad_tensor *gradient;             /* NULL: the loss does not depend on it; it stays as it is */
    double rate, decay;              /* factors of its group */
} ad_optim_weight;

/* Records the step and adds its state to the store. Once per ad_optim and tape. */
AD_API AD_CHECKED ad_status ad_optim_record(ad_optim *o, ad_tape *t, ad_params *params, int n, const ad_optim_weight *weights);
AD_API ad_tensor *ad_optim_input(const ad_optim *o);     /* numbers of the step [AD_OPTIM_NUMBERS], an input of the tape */
AD_API ad_tensor *ad_optim_norm(const ad_optim *o);      /* norm of all gradients before it is clipped; NULL unless clip.norm is set */
/* Numbers for step `step` (from 0) with this rate: into c, or straight into a program's input. */
AD_API void ad_optim_numbers(const ad_optim *o, int64_t step, double rate, double c[AD_OPTIM_NUMBERS]);
AD_API void ad_optim_set(const ad_optim *o, ad_program *program, int64_t step, double rate);

/* ---- schedules ---- */

/* A factor that depends on the step: "constant", "poly(40000, lagged=true)", "cosine(over=1000, warmup=100)", "linear(0, 0.1, over=5000)".
 * Arguments may be given by place or by name; ad_schedule_at(i) lists them. */
typedef struct ad_schedule ad_schedule;
AD_API AD_CHECKED ad_status ad_schedule_parse(ad_error *e, const char *text, ad_schedule **out);
AD_API void ad_schedule_free(ad_schedule *s);
AD_API double ad_schedule_at(const ad_schedule *s, int64_t step);
/* Name, settings and doc line of schedule i; false past the end. */
AD_API bool ad_schedule_kind(int i, const char **name, const ad_attr **settings, const char **doc);

/* The one schedule with a memory: the factor falls when a score has not become better for more than `patience` looks. */
typedef struct ad_plateau {
    double factor, threshold;        /* new factor = old * factor; better means below best * (1 - threshold) */
    int patience;
    double scale, best;              /* the factor now; the best score so far. Start with 1 and INFINITY */
    int bad;                         /* looks since then */
} ad_plateau;
AD_API ad_plateau ad_plateau_start(double factor, double threshold, int patience);
AD_API double ad_plateau_look(ad_plateau *p, double score);          /* the factor from now on */

/* The rule of the TransUNet family: a rate that was tuned for batches of 24 is scaled to other multiples of 6. */
AD_API double ad_rate_for_batch(double rate, int64_t batch);

#ifdef __cplusplus
}
#endif
#endif

/*
 * experiments.h - from a file that says what (models, data, training, scores) to trained runs, samples and a table that compares them.
 *
 *   ad_experiment_open(ctx, "lidc.yaml", &options, diagnostics, &x);      or ad_experiment_single: one model, defaults for the rest
 *   ad_train(x, 0, "runs/a", &options, &result);                          train one of its runs, or go on with it
 *   ad_trained_open(ctx, "runs/a", NULL, &run);                           a trained model with the data it was trained for
 *   ad_evaluate(run, &options, &scores);   ad_draw(run, ...);
 *   ad_compare(x, "runs/cmp", &options, &table);                          all of it for every model of the file
 *
 * A run directory holds config.yaml (the bytes that were given), config.resolved.yaml (with every default), manifest.json, metrics.csv,
 * log.jsonl and ckpt/. Nothing here prints: what happens is told to a callback.
 */
#ifndef ADZE_EXPERIMENTS_EXPERIMENTS_H
#define ADZE_EXPERIMENTS_EXPERIMENTS_H

#include "datasets/datasets.h"
#include "metrics/metrics.h"
#include "models/models.h"
#include "optim/optim.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what happens, told while it happens ---- */

typedef enum ad_event_kind {
    AD_EVENT_RUN,          /* a run begins or goes on: model, data, plan */
    AD_EVENT_STEP,         /* one training step is done: called after every step; the callback decides what to show */
    AD_EVENT_SAVED,        /* path: a checkpoint was written */
    AD_EVENT_WARNING,      /* text: something went wrong that does not stop the run (a checkpoint could not be saved) */
    AD_EVENT_TRAINED,      /* the run is complete, or was stopped */
    AD_EVENT_SCORING,      /* done of total images are scored */
    AD_EVENT_SCORED,       /* scores are complete */
    AD_EVENT_WRITTEN       /* path: a result file was written */
} ad_event_kind;

typedef struct ad_term {
    const char *name;      /* "loss", "rec", "kl", "kl[2]", "beta", "norm" */
    double value;
} ad_term;

typedef struct ad_event {
    ad_event_kind kind;
    const char *run;               /* name of the run: "phiseg L=1" */
    const char *directory;
    int index, count;              /* which run of how many */
    /* RUN */
    const ad_model *model;
    const ad_dataset *data;
    int records;                   /* of the training program */
    size_t arena;                  /* its memory, bytes */
    double macs;                   /* its multiply-accumulates for one batch */
    size_t budget;                 /* train.memory, bytes; 0: any ... */
    ad_again again;                /* ... and what keeping it costs */
    size_t stored;                 /* weights, state and optimiser, bytes: in memory beside the arena */
    int64_t batch;
    uint64_t seed;
    bool resumed;                  /* from step `step` */
    /* STEP, TRAINED */
    int64_t step, steps;           /* steps done, steps in all */
    int n_terms;                   /* terms[0] is the loss */
    const ad_term *terms;
    double rate;                   /* learning rate of the step */
    double seconds;                /* of training so far, in this process */
    double items_a_second, seconds_left;
    bool stopped;                  /* TRAINED: on request, before the last step */
    /* SAVED, WRITTEN, WARNING */
    const char *path, *text;
    /* SCORING */
    int64_t done, total;
} ad_event;

typedef struct ad_watch {
    void (*tell)(void *arg, const ad_event *event);        /* may be NULL */
    void *arg;
    const volatile int *stop;      /* may be NULL; as soon as it is not 0: finish the step, save, return with `stopped` */
} ad_watch;

/* ---- experiments ---- */

typedef struct ad_experiment ad_experiment;

typedef struct ad_experiment_options {
    const char *zoo;               /* as in ad_model_options */
    const char *profile;           /* single: of the model */
    int n_set;
    /* "train.steps=100", "data.set=lidc", "evaluate.samples=4" set keys of the experiment (ad_config_at lists them); any other
     * "NAME=VALUE" sets a parameter of the model (of every model of the file). */
    const char *const *set;
    bool lenient;
} ad_experiment_options;

/* Reads a file and checks all of it, models included. Messages as ad_model_open. */
AD_API AD_CHECKED ad_status ad_experiment_open(ad_ctx *borrowed, const char *path, const ad_experiment_options *options, ad_diagnostics *d,
                                               ad_experiment **out);
/* One model ("zoo:NAME" or a model file) and defaults. */
AD_API AD_CHECKED ad_status ad_experiment_single(ad_ctx *borrowed, const char *model, const ad_experiment_options *options,
                                                 ad_diagnostics *d, ad_experiment **out);
AD_API void ad_experiment_free(ad_experiment *x);
AD_API const char *ad_experiment_name(const ad_experiment *x);
/* True if the file is an experiment (its top has the key `experiment`), false for anything else. */
AD_API bool ad_is_experiment(const char *path);

/* One run: a model with its parameters and a seed. */
typedef struct ad_plan {
    const char *name;              /* unique in the experiment, usable as a folder: "phiseg-L=1", "hpu_net" */
    const char *model;             /* reference: "zoo:phiseg" */
    uint64_t seed;
    int64_t steps, batch;
} ad_plan;
AD_API bool ad_experiment_at(const ad_experiment *x, int i, ad_plan *out);          /* false past the end */

/* "600MiB", "1.5GiB", "4096KiB", "100000B": a positive number with one of these units. */
AD_API AD_CHECKED ad_status ad_bytes_parse(ad_error *e, const char *text, size_t *bytes);

/* Key i of the configuration: "train.steps", its type, default, doc; false past the end. */
typedef struct ad_config_key {
    char name[64];
    const ad_attr *attr;
} ad_config_key;
AD_API bool ad_config_at(int i, ad_config_key *out);

/* Who asks for a run, for its manifest; each may be NULL. */
typedef struct ad_origin {
    const char *program;           /* "adze 0.1.0 (git 2a2c1bd)" */
    const char *libraries;
    const char *command;           /* the command line */
} ad_origin;

/* ---- training ---- */

typedef struct ad_train_options {
    bool resume;                   /* go on with what is there; without it and without force an existing run is refused (AD_EUSAGE) */
    bool force;                    /* remove what is there */
    int64_t stop_after;            /* stop (and save) after that many steps in all; 0: at the end */
    ad_origin origin;
    ad_watch watch;
} ad_train_options;

typedef struct ad_trained_info {
    int64_t step;                  /* steps done */
    bool complete, stopped;
    double loss;                   /* of the last step */
    double seconds, seconds_a_step;    /* training time over all processes, and the median step of this one (of the log otherwise) */
    size_t memory;                 /* peak: arena, weights, state of the optimiser */
    char hash[65];                 /* over parameters, state and optimiser (ad_params_hash) */
    char checkpoint[1024];         /* the last one */
} ad_trained_info;

/* Trains run i into `directory`. A loss that is not finite ends it with AD_ENUMERIC and a message that names op, model line and items;
 * the step is kept in directory/nan-STEP. */
AD_API AD_CHECKED ad_status ad_train(ad_experiment *x, int i, const char *directory, const ad_train_options *options, ad_trained_info *out);

/* ---- ops of a user that a run was trained with ---- */

/* manifest.json names the shared objects of ops (ad_ctx_load_ops) by path and SHA-256. Opening a run never loads them: a folder that came
 * from somewhere must not bring code. A program that wants them calls this first. */
typedef struct ad_run_ops_options {
    bool instead;                  /* what the context has loaded stands in for what the run names: nothing is loaded */
    /* Before an object is loaded; with `instead`, of each that none of the loaded ones is equal to. May be NULL. */
    void (*tell)(void *arg, const char *path, const char *sha256);
    void *arg;
} ad_run_ops_options;
/* Loads what the run at `ref` (a directory, or a checkpoint in one) names and the context has not. Refused (AD_EUSAGE, AD_EIO; nothing is
 * loaded): an object that is not there or has another SHA-256, that lies in the run itself, or that, like the manifest, belongs to
 * somebody else than this process or root, or may be written by everybody. A run without such ops, and a folder that is no run, are fine. */
AD_API AD_CHECKED ad_status ad_run_load_ops(ad_ctx *ctx, const char *ref, const ad_run_ops_options *options);

/* ---- a step that failed, again ---- */

typedef struct ad_replayed {
    int64_t step;
    bool same;                     /* it failed as it did when it was saved, in every bit of the value that is not finite */
    char message[4096], saved[4096];   /* what it says now ("" if every value is finite), and what it said */
    ad_finding finding, saved_finding;
} ad_replayed;

/* Runs the step that a training run left in nan-STEP once more: same weights, inputs and random numbers. Nothing is written. */
AD_API AD_CHECKED ad_status ad_replay(ad_ctx *borrowed, const char *directory, const ad_experiment_options *options, ad_replayed *out);

/* ---- looking closely at one training step ---- */

/* What the machine can do at best with the context's threads and instructions, measured now. */
typedef struct ad_limits {
    double flops, bytes;           /* a second: multiply-adds in registers count two; bytes read and written in memory */
} ad_limits;
AD_API AD_CHECKED ad_status ad_limits_measure(ad_ctx *ctx, ad_limits *out);

/* Where the time of training steps goes. */
typedef struct ad_profile {
    int64_t steps, batch;          /* steps measured */
    int records;                   /* of the plan */
    double seconds;                /* of one step in the program, a mean; the rows have those of all steps */
    ad_limits limits;              /* the best of those measured between the steps */
    int n_ops, n_lines;
    ad_profile_row *ops, *lines;   /* slowest first */
    void *owner;                   /* of the places in the rows */
} ad_profile;
/* Trains run i for a few steps (0: 5), after one that is not measured; nothing is written. `directory` (may be NULL) is a run whose latest
 * checkpoint gives the weights. */
AD_API AD_CHECKED ad_status ad_profile_step(ad_experiment *x, int i, const char *directory, int64_t steps, ad_profile *out);
AD_API void ad_profile_fini(ad_profile *p);

/* What a row does in a second, and its shares: of the step, of it in the backward part, of what the machine does at best (bytes that come
 * from caches are faster than memory, so that of_memory may exceed 1). */
typedef struct ad_profile_rates {
    double seconds, share, backward;   /* seconds: of one step */
    double flops, bytes, of_peak, of_memory;
} ad_profile_rates;
AD_API ad_profile_rates ad_profile_rates_of(const ad_profile *p, const ad_profile_row *row);
/* "conv", "phiseg.yaml:43", "(no line)". Returns text. */
AD_API const char *ad_profile_name(const ad_profile_row *row, char text[256]);
/* The profile as an SVG picture: time by op and by line, and the shares of both limits. malloc'ed; NULL if memory was out. */
AD_API char *ad_profile_svg(const ad_profile *p, const char *title);

/* An adjoint, as far as it is shown. */
#define AD_SHOWN 4
typedef struct ad_seen {
    const char *operand;           /* its name in the op; of an output "out", or the output's own */
    const ad_tensor *of;           /* the value whose adjoint it is */
    bool wanted;                   /* there is one: a weight depends on it and the loss on it */
    bool added;                    /* to an adjoint that came from a later record */
    double least, largest, mean;
    int64_t bad;                   /* elements that are not finite; the three above are of the others */
    double first[AD_SHOWN];        /* elements */
} ad_seen;

/* One record walked back over. */
typedef struct ad_traced {
    int record, first, last;       /* it, and the records that its rule appended: first to last - 1 */
    ad_record_info info;
    const ad_seen *out, *in;       /* adjoints coming in and going out: info.n_out and info.n_in of them */
} ad_traced;

typedef struct ad_trace_options {
    const char *directory;         /* a run whose latest checkpoint gives the weights; NULL: as initialised */
    int from, to;                  /* records from `from` back to `to`; from 0: from the loss */
    const char *only;              /* records of this op, or with this text in their path; NULL: all */
    bool (*show)(void *arg, const ad_traced *r);   /* false ends the walk */
    void *arg;
} ad_trace_options;
/* The reverse walk of one training step over the next batch of the run's data, one record at a time, with values. */
AD_API AD_CHECKED ad_status ad_trace(ad_experiment *x, int i, const ad_trace_options *options);

/* ---- trained models ---- */

typedef struct ad_trained ad_trained;

/* `ref` is a run directory or a checkpoint in one. `checkpoint` (may be NULL) names another file than the latest. */
AD_API AD_CHECKED ad_status ad_trained_open(ad_ctx *borrowed, const char *ref, const char *checkpoint, const ad_experiment_options *options,
                                            ad_trained **out);
AD_API void ad_trained_free(ad_trained *r);
AD_API const ad_model *ad_trained_model(const ad_trained *r);
AD_API ad_params *ad_trained_params(ad_trained *r);
AD_API ad_experiment *ad_trained_experiment(ad_trained *r);
AD_API int64_t ad_trained_step(const ad_trained *r);
AD_API const char *ad_trained_checkpoint(const ad_trained *r);
/* The data set of the run, opened when first asked for. */
AD_API AD_CHECKED ad_status ad_trained_data(ad_trained *r, ad_dataset **out);

/* Draws n segmentations of an image on its own grid: labels [n, height, width] and, unless NULL, probabilities [n, height, width, classes].
 * Draw k of an item is a pure function of (seed of the run, item, k). `item` is any number that names the image. */
AD_API AD_CHECKED ad_status ad_draw(ad_trained *r, const ad_item *image, uint64_t item, int n, uint8_t *labels, float *probabilities);
AD_API int ad_trained_classes(const ad_trained *r);

typedef struct ad_sample_options {
    int samples;                   /* 0: 16 */
    ad_watch watch;
} ad_sample_options;
/* Each of `images` is a PNG file, or SPLIT:NUMBER of the run's data ("test:12"). Writes for each into `directory` NAME-sheet.png (image,
 * readers' outlines, samples, mean, uncertainty) and the parts NAME-sample-K.png, NAME-mean.png, NAME-uncertainty.png. */
AD_API AD_CHECKED ad_status ad_sample_images(ad_trained *r, int n, const char *const *images, const char *directory,
                                             const ad_sample_options *options);

/* ---- scores ---- */

typedef struct ad_evaluate_options {
    ad_split split;
    bool split_set;                /* else the split of the experiment */
    int samples;                   /* 0: as the experiment says */
    int64_t limit;                 /* images at most; 0: all */
    const char *save;              /* path of a JSON file for all scores, images included; may be NULL */
    ad_watch watch;
} ad_evaluate_options;

#define AD_MAX_METRICS 16
typedef struct ad_scores {
    ad_split split;
    int samples, n_metrics;
    int64_t images, patients;
    const ad_metric *metric[AD_MAX_METRICS];
    ad_summary summary[AD_MAX_METRICS];
    double seconds;                /* of drawing and scoring */
    int64_t step;                  /* of the checkpoint that was scored */
} ad_scores;
AD_API AD_CHECKED ad_status ad_evaluate(ad_trained *r, const ad_evaluate_options *options, ad_scores *out);
/* As a table for people, and as JSON (malloc'ed; NULL: out of memory). */
AD_API char *ad_scores_text(const ad_scores *s, const char *title);
AD_API char *ad_scores_json(const ad_scores *s, const char *title);

/* ---- comparison ---- */

typedef struct ad_compare_options {
    bool resume;                   /* as in ad_train_options; scores that exist are taken */
    bool force;
    ad_origin origin;
    ad_watch watch;
} ad_compare_options;

typedef struct ad_row {
    char name[96], model[256], directory[1024];
    uint64_t seed;
    int64_t trainable, sample;     /* weights; of those, needed to sample */
    double macs;                   /* of drawing one segmentation of one image */
    ad_trained_info training;
    ad_scores scores;
} ad_row;

typedef struct ad_table {
    int n;
    ad_row *rows;
    bool stopped;                  /* on request: rows of the models that are complete */
    char sheet[1024];              /* path of the picture sheet, "" if there is none */
} ad_table;

/* Trains what is missing, scores it, and writes DIR/compare.{txt,csv,json,md} and DIR/sheet.png. Each run is DIR/NAME. */
AD_API AD_CHECKED ad_status ad_compare(ad_experiment *x, const char *directory, const ad_compare_options *options, ad_table *out);
/* The same table over runs that exist already, called by their directories. `directory` may be NULL: then nothing is written. */
AD_API AD_CHECKED ad_status ad_compare_runs(ad_ctx *borrowed, int n, const char *const *directories, const char *directory,
                                            const ad_compare_options *options, ad_table *out);
AD_API void ad_table_free(ad_table *t);
typedef enum ad_table_format { AD_TABLE_TEXT, AD_TABLE_CSV, AD_TABLE_JSON, AD_TABLE_MARKDOWN } ad_table_format;
AD_API char *ad_table_print(const ad_table *t, ad_table_format format);        /* malloc'ed; NULL: out of memory */

#ifdef __cplusplus
}
#endif
#endif

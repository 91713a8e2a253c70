/*
 * experiment.h - what the files of this folder share: the configuration, the runs of an experiment, run directories, feeding.
 */
#ifndef ADZE_EXPERIMENTS_EXPERIMENT_H
#define ADZE_EXPERIMENTS_EXPERIMENT_H

#include "experiments/experiments.h"
#include "formats/formats.h"

#define AD__PATH 1024

/* ---- configuration: one struct, described by the table in keys.c ---- */

typedef struct ad__config {
    int64_t seed, seeds;
    char data_set[AD_ATTR_TEXT_SIZE], data_folder[AD_ATTR_TEXT_SIZE], data_options[AD_ATTR_TEXT_SIZE], data_reader[AD_ATTR_TEXT_SIZE];
    int data_fit;                  /* ad_fit */
    bool data_flips, data_turns;
    int64_t data_shift;
    double data_rotate, data_zoom;
    char optim[AD_ATTR_TEXT_SIZE], optim_settings[AD_ATTR_TEXT_SIZE], memory[AD_ATTR_TEXT_SIZE];
    double lr, clip_norm, clip_value, average;
    int64_t steps, batch, save_every, keep, log_every;
    char lr_schedule[AD_ATTR_TEXT_SIZE], beta_schedule[AD_ATTR_TEXT_SIZE], kappa_schedule[AD_ATTR_TEXT_SIZE];
    int split;                     /* ad_split */
    int64_t samples, limit;
    char metrics[AD_ATTR_TEXT_SIZE];
} ad__config;

void ad__config_defaults(ad__config *c);
/* Sets the key from a text. AD_EUSAGE with the keys that there are, or what the value must be. */
ad_status ad__config_set(ad_error *e, ad__config *c, const char *key, const char *value);
/* What needs more than one key to check: optimiser, schedules, metrics, reader. */
ad_status ad__config_check(ad_error *e, const ad__config *c);
/* data.reader as the loader wants it. */
ad_status ad__config_reader(ad_error *e, const ad__config *c, int *out);
/* The keys as YAML, every one of them. */
void ad__config_print(const ad__config *c, ad_text *t);
/* ad_schedule_parse, where a plain number means a constant, and the word "steps" the number of training steps. */
ad_status ad__schedule_new(ad_error *e, const char *text, int64_t steps, ad_schedule **out);
/* True for a name that is a key or begins like one ("train.x"), so that it cannot be meant as a parameter of the model. */
bool ad__config_is_key(const char *name);

/* ---- experiments ---- */

typedef struct ad__plan {
    char name[96], use[AD__PATH], profile[64];
    int n_set;
    char **set;                    /* "L=1" */
    ad__config config;
} ad__plan;

struct ad_experiment {
    ad_ctx *ctx;
    char name[96], file[AD__PATH], zoo[AD__PATH];
    bool has_zoo, lenient;
    char *text;                    /* the bytes that were given */
    size_t size;
    int n;
    ad__plan *plans;
};

ad_status ad__plan_model(ad_experiment *x, int i, ad_diagnostics *d, ad_model **out);
/* config.resolved.yaml of one run. */
void ad__plan_print(const ad_experiment *x, int i, ad_text *t);
/* A parameter of the plan's model; a value given before is replaced. */
ad_status ad__plan_set(ad_error *e, ad__plan *p, const char *name, const char *value);
/* A new plan at the end, a copy of `like` (or with defaults); NULL when memory is out. */
ad__plan *ad__plan_push(ad_error *e, ad_experiment *x, const ad__plan *like);
void ad__plan_fini(ad__plan *p);
/* The name that comes from the reference: "phiseg" of "zoo:phiseg". */
void ad__plan_name(ad__plan *p);
/* The members of an experiment file into x->plans. */
ad_status ad__experiment_read(ad_experiment *x, const ad_document *doc, ad_diagnostics *d);

ad_status ad__data_open(ad_error *e, const ad__config *c, ad_dataset **out);

/* ---- run directories ---- */

typedef struct ad__log {
    ad_error *error;
    void *metrics, *events;        /* FILE */
    char directory[AD__PATH];
} ad__log;

/* The run directory of a reference that may be a checkpoint in it. */
void ad__folder_of(const char *ref, char *directory, size_t size);
/* Makes directory/ckpt and parents. */
ad_status ad__folder_make(ad_error *e, const char *path);
bool ad__folder_used(const char *directory);
/* Removes a run directory: only what we write there. */
ad_status ad__folder_remove(ad_error *e, const char *directory);
ad_status ad__folder_begin(ad_experiment *x, int i, const char *directory, const ad_dataset *data, const ad_origin *origin);
/* "ops": the shared objects of ops that are loaded, unless there are none. */
void ad__ops_put(ad_json_writer *w, const ad_ctx *ctx);
/* Opens the logs for appending; rows of metrics.csv beyond `step` are dropped. */
ad_status ad__log_open(ad_error *e, const char *directory, int64_t step, ad__log *log);
ad_status ad__log_terms(ad__log *log, int64_t step, int n, const ad_term *terms, double rate, double seconds);
/* One line {"time":..,"event":..,<text>}; text is JSON members or "". */
ad_status ad__log_event(ad__log *log, const char *event, const char *members);
void ad__log_close(ad__log *log);
/* The members of the last "trained" line of log.jsonl; false if there is none. */
bool ad__log_last_trained(const char *directory, ad_trained_info *info);

double ad__clock(void);            /* monotonic seconds */

/* ---- between batches and inputs of a program ---- */

/* Height, width and classes of the model's inputs; checks that all agree and that the data set fits them. */
typedef struct ad__frame {
    int height, width, classes;    /* classes of the data; the model may fold two into one channel */
} ad__frame;
ad_status ad__frame_of(ad_error *e, const ad_model *m, const ad_dataset *d, ad_fit fit, ad__frame *f);
/* Fills every input of the recorded program that the model declares. */
ad_status ad__feed(ad_error *e, const ad_model *m, const ad_recorded *r, ad_program *p, const ad_batch *b);
/* The same from one image x [height, width] for all rows; inputs that are targets are refused. */
ad_status ad__feed_image(ad_error *e, const ad_model *m, const ad_recorded *r, ad_program *p, const ad__frame *f, const float *x);

/* ---- one training step ---- */

enum { AD__TERMS = 64, AD__SCALARS = 8 };

/* Model, weights, data and the program of one step of a run. */
typedef struct ad__training {
    ad_experiment *x;
    const ad__plan *plan;
    ad_error *error;
    ad_model *model;
    ad_dataset *data;
    ad_params *params;
    ad_tape *tape;
    ad_recorded *recorded;
    ad_optim *optim;
    ad_program *program;
    size_t budget;                     /* of its arena, bytes; 0: any */
    ad_loader *loader;
    ad_schedule *rate;
    struct { ad_schedule *schedule; ad_recorded_scalar scalar; } scalars[AD__SCALARS];
    int n_scalars, n_terms;
    ad_tensor *values[AD__TERMS];      /* of the terms; NULL: a scalar that is fed */
    ad_term terms[AD__TERMS];
    char hash[65];                     /* of the model */
    ad__frame frame;
    ad_batch batch;                    /* of the latest step */
    int64_t step;                      /* steps done */
    double lr;                         /* of the latest step */
    double seconds_before;             /* of training, as the checkpoint says */
    ad_finding finding;                /* of the step that failed */
} ad__training;

/* Model, initial weights and program of run i. After a failure too, ad__training_fini. */
ad_status ad__training_init(ad__training *t, ad_experiment *x, int i);
void ad__training_fini(ad__training *t);
/* The data set, which must fit the model; then, once the step is known, what gives its batches. */
ad_status ad__training_open_data(ad__training *t);
ad_status ad__training_open_loader(ad__training *t);
/* From and to directory/ckpt; without a checkpoint there the weights stay as they are. */
ad_status ad__training_restore(ad__training *t, const char *directory);
ad_status ad__training_save(ad__training *t, const char *directory, double seconds, char *path, size_t size);
/* The next batch, forward, backward, update. AD_ENUMERIC: nothing was committed, the message names op, model line and items. */
ad_status ad__training_step(ad__training *t);
/* The next batch into the program's inputs, with the numbers of the step. */
ad_status ad__training_feed(ad__training *t);
const char *ad__objective_program(const ad_model *m);      /* NULL if there is none */
/* The step in hand with every value checked: fails with the first that is not finite, and sets t->finding. */
ad_status ad__training_look(ad__training *t);

/* The step that failed, into directory/nan-STEP: a run directory at that step, with inputs.safetensors and failure.json. */
ad_status ad__failure_save(ad__training *t, const char *directory, const char *message, const ad_origin *origin, char *path, size_t size);

/* ---- pictures ---- */

/* Draws the image (grey, 8 bit) and everything known about it into one sheet. Any part may be NULL. */
typedef struct ad__sheet_row {
    const char *title;
    const ad_item *item;
    int n;                         /* samples */
    const uint8_t *labels;         /* [n, h, w] */
    const double *mean;            /* [h, w]: mean foreground probability */
    const double *uncertainty;     /* [h, w], largest 1 */
} ad__sheet_row;
/* Samples of one image and what is made of them. */
typedef struct ad__drawn {
    int n;
    uint8_t *labels;               /* [n, h, w] */
    float *probabilities;          /* [n, h, w, classes] */
    double *mean, *uncertainty;    /* [h, w] */
} ad__drawn;
ad_status ad__drawn_init(ad_error *e, ad__drawn *d, ad_trained *r, const ad_item *item, uint64_t id, int n);
void ad__drawn_fini(ad__drawn *d);
ad_status ad__sheet_write(ad_error *e, const char *path, int n, const ad__sheet_row *rows, int columns);
ad_status ad__grey_write(ad_error *e, const char *path, int height, int width, const uint8_t *grey);
ad_status ad__magma_write(ad_error *e, const char *path, int height, int width, const double *v);

/* ---- scores and tables ---- */

/* Scores that were saved for this step, split, number of samples and set of metrics; false if there are none. */
bool ad__scores_read(const char *path, const ad__config *c, int64_t step, ad_scores *out);
/* One sheet over all models: images of the split on whose outlines the readers agree least. */
ad_status ad__compare_sheet(ad_error *e, const char *path, int n, ad_trained *const *runs, const char *const *names);
ad_status ad__table_write(ad_error *e, const ad_table *t, const char *directory, const ad_watch *watch);

#endif

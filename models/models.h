/*
 * models.h - the model language: from a text file to a checked model, and from a model to records on a tape.
 *
 *   ad_diagnostics *d = ad_diagnostics_new();
 *   ad_model *m;      ad_model_open(ctx, "zoo:phiseg", &(ad_model_options){ .profile = "tiny" }, d, &m);
 *   ad_params *p;     ad_model_params(m, AD_F32, &p);            every weight and state, by path; then ad_params_init
 *   ad_recorded *r;   ad_model_record(m, "train", tape, p, &(ad_record_options){ .batch = 12 }, &r);
 *   ad_gradients(tape, ad_recorded_loss(r), ad_recorded_wrt_count(r), ad_recorded_wrt(r), grads);
 *
 * A model is checked whole when it is opened: every program is elaborated once, so that recording it later cannot find new mistakes
 * in it. All mistakes of a file are reported in one go. docs/language.md is the reference of the language.
 */
#ifndef ADZE_MODELS_MODELS_H
#define ADZE_MODELS_MODELS_H

#include "autograd/autograd.h"
#include "models/checkpoint.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- diagnostics: mistakes in text files, with their place ---- */

typedef enum ad_severity { AD_SEVERITY_ERROR, AD_SEVERITY_WARNING } ad_severity;

typedef struct ad_diagnostic {
    ad_severity severity;
    const char *code;          /* stable word, "unknown-name": docs/errors.md */
    const char *file;
    int line, column, length;  /* 1-based, in characters; line 0: the file as a whole */
    const char *message;
    const char *hint;          /* printed after the caret; "" if none */
    int n_notes;
    const char *const *notes;  /* "in net 'prior', called at line 44; loop l = 1 at line 28" */
    const char *source;        /* the line of the file, "" if unknown */
} ad_diagnostic;

typedef struct ad_diagnostics ad_diagnostics;

AD_API ad_diagnostics *ad_diagnostics_new(void);
AD_API void ad_diagnostics_free(ad_diagnostics *d);
AD_API int ad_diagnostics_count(const ad_diagnostics *d);
AD_API int ad_diagnostics_errors(const ad_diagnostics *d);
AD_API const ad_diagnostic *ad_diagnostics_at(const ad_diagnostics *d, int i);  /* by file, line and column; NULL past the end */
/* The layout of docs/cli.md: place, source line, caret and hint, notes; at most 20 errors, then how many more. Malloc'ed. */
AD_API char *ad_diagnostics_text(const ad_diagnostics *d, bool color);
AD_API char *ad_diagnostics_json(const ad_diagnostics *d);
/* Adds one; returns it so that hint and notes can follow. `source` is copied, as are the others. Never NULL. */
typedef struct ad_span {
    const char *file;
    int line, column, length;
    const char *source;
} ad_span;
AD_API void ad_report(ad_diagnostics *d, ad_severity severity, const char *code, const ad_span *at, const char *format, ...)
    AD_PRINTF(5, 6);
AD_API void ad_report_hint(ad_diagnostics *d, const char *format, ...) AD_PRINTF(2, 3);  /* of the last one */
AD_API void ad_report_note(ad_diagnostics *d, const char *format, ...) AD_PRINTF(2, 3);  /* of the last one */
/* The candidate nearest to `name` (edit distance at most 2, or a third of its length); NULL if none is near. */
AD_API const char *ad_nearest(const char *name, int n, const char *const *candidates);

/* ---- YAML documents with exact places: models, experiments ---- */

typedef enum ad_node_kind { AD_NODE_SCALAR, AD_NODE_LIST, AD_NODE_MAP } ad_node_kind;

typedef struct ad_node ad_node;
struct ad_node {
    ad_node_kind kind;
    int line, column, length;    /* of the scalar, or of the start of the collection; 1-based characters */
    const char *text;            /* SCALAR */
    bool plain;                  /* SCALAR: not quoted */
    char quote;                  /* SCALAR: '"' or '\'', 0 if plain, '|' for a block scalar */
    bool multiline;              /* SCALAR: written over several lines */
    bool flow;                   /* LIST, MAP: written with brackets */
    int n;                       /* LIST, MAP */
    const ad_node *const *keys;  /* MAP: scalars, none twice */
    const ad_node *const *items; /* LIST: items; MAP: values */
};

typedef struct ad_document ad_document;

/* NULL after reporting: missing file, syntax, anchors, aliases, tags, several documents, duplicate keys, tabs, depth over 64. */
AD_API ad_document *ad_document_open(const char *path, ad_diagnostics *d);
AD_API ad_document *ad_document_parse(const char *name, const char *text, size_t size, ad_diagnostics *d);
AD_API void ad_document_free(ad_document *doc);
AD_API const ad_node *ad_document_root(const ad_document *doc);
AD_API const char *ad_document_file(const ad_document *doc);
AD_API ad_span ad_document_span(const ad_document *doc, const ad_node *node);
AD_API const ad_node *ad_node_find(const ad_node *map, const char *key);       /* value, NULL if absent */

/* Types of plain scalars: YAML 1.2 core, strict (no leading zeros, no underscores). An int does where a float is expected. */
typedef enum ad_scalar_kind { AD_SCALAR_NULL, AD_SCALAR_BOOL, AD_SCALAR_INT, AD_SCALAR_FLOAT, AD_SCALAR_TEXT } ad_scalar_kind;
AD_API ad_scalar_kind ad_node_scalar_kind(const ad_node *node);
/* Each reports "expected an int, found ..." with what would be right, and returns false, when the node is something else. */
AD_API bool ad_node_int(const ad_document *doc, const ad_node *node, ad_diagnostics *d, int64_t *out);
AD_API bool ad_node_float(const ad_document *doc, const ad_node *node, ad_diagnostics *d, double *out);
AD_API bool ad_node_bool(const ad_document *doc, const ad_node *node, ad_diagnostics *d, bool *out);
AD_API bool ad_node_text(const ad_document *doc, const ad_node *node, ad_diagnostics *d, const char **out);
/* Reports every key of `map` that is not among `known` (with the nearest one); false if there was one. */
AD_API bool ad_node_known_keys(const ad_document *doc, const ad_node *map, ad_diagnostics *d, const char *what, int n,
                               const char *const *known);

/* ---- models ---- */

typedef struct ad_model ad_model;

typedef struct ad_model_options {
    const char *zoo;         /* folder of "zoo:NAME"; NULL: ADZE_ZOO, else the installed one */
    const char *profile;     /* of the file's `profiles:`; NULL: the defaults */
    int n_set;
    const char *const *set;  /* "L=1", "zd=[1,1]": after the profile */
    bool lenient;            /* unused names, unknown keys and the like are warnings */
} ad_model_options;

/* `ref` is "zoo:NAME" or a path. `d` may be NULL. On failure the context's error holds the rendered text: AD_EMODEL for mistakes in
 * the file, AD_EUSAGE for those in profile and set, AD_EIO for a file that cannot be read. Warnings are in `d` after a success. */
AD_API AD_CHECKED ad_status ad_model_open(ad_ctx *borrowed, const char *ref, const ad_model_options *options, ad_diagnostics *d,
                                          ad_model **out);
/* The same from text, `name` standing for the file in messages. */
AD_API AD_CHECKED ad_status ad_model_parse(ad_ctx *borrowed, const char *name, const char *text, size_t size,
                                           const ad_model_options *options, ad_diagnostics *d, ad_model **out);
AD_API void ad_model_free(ad_model *m);

/* Name (without ".yaml") of zoo file i in alphabetical order, into name[64]; false past the end. `zoo` as in ad_model_options. */
AD_API bool ad_zoo_at(const char *zoo, int i, char name[64]);
AD_API const char *ad_zoo_folder(const char *zoo);   /* the folder that `zoo` stands for */

AD_API const char *ad_model_name(const ad_model *m);
AD_API const char *ad_model_doc(const ad_model *m);
AD_API const char *ad_model_file(const ad_model *m);
AD_API const char *ad_model_profile(const ad_model *m, int i);   /* names of the file's profiles; NULL past the end */

typedef struct ad_model_param {
    const char *name, *type, *value, *standard, *doc;   /* value and default as text: "5", "[1, 1]" */
    int line;
} ad_model_param;
AD_API bool ad_model_param_at(const ad_model *m, int i, ad_model_param *out);
/* Value of an int or float parameter, or of a name of `let:`; false if there is none of that kind. */
AD_API bool ad_model_number(const ad_model *m, const char *name, double *out);

typedef enum ad_input_kind {
    AD_INPUT_IMAGE,    /* real values as the data set gives them (the default) */
    AD_INPUT_ONEHOT,   /* 0/1 per class on the last axis */
    AD_INPUT_LABELS,   /* I32 class numbers, no channel axis */
    AD_INPUT_SCALED,   /* class number / (classes - 1) as one real channel */
    AD_INPUT_MASK      /* 1 where a pixel counts, 0 where it does not; all ones unless the data set says otherwise */
} ad_input_kind;

typedef struct ad_model_input {
    const char *name;
    ad_shape shape;          /* dim[0] is -1 where the file says B */
    ad_input_kind kind;
    bool target;             /* role: target */
    int line;
} ad_model_input;
AD_API bool ad_model_input_at(const ad_model *m, int i, ad_model_input *out);

typedef struct ad_model_program {
    const char *name;
    bool training;           /* recorded in training mode unless the options say otherwise */
    bool objective;          /* the one that is minimised */
    int n_outputs;
    const char *const *outputs;
    double macs;             /* multiply-accumulates for one item */
    int records;
    int line;
} ad_model_program;
AD_API bool ad_model_program_at(const ad_model *m, int i, ad_model_program *out);
AD_API bool ad_model_has_program(const ad_model *m, const char *name);

typedef struct ad_model_counts {
    int64_t trainable;       /* elements of weights, in all programs */
    int64_t sample;          /* of those, read by the program `sample` (or, without one, `predict`); 0 if there is neither */
    int64_t state;           /* running statistics and the objective's own values */
    int64_t dead;            /* of trainable: without gradient in the training program, and declared under dead_ok */
} ad_model_counts;
AD_API void ad_model_count(const ad_model *m, ad_model_counts *out);
AD_API bool ad_model_net_at(const ad_model *m, int i, const char **name, int64_t *trainable);

/* One row of a model's table: records of the training program (or the first one) that own weights, and its inputs. */
typedef struct ad_model_row {
    const char *path, *op;
    ad_shape shape;          /* of the output; dim[0] is -1 for the batch */
    int64_t trainable;
    double macs;             /* for one item */
    int line;
} ad_model_row;
AD_API bool ad_model_row_at(const ad_model *m, int i, ad_model_row *out);

/* ---- weights ---- */

/* A store with every weight (AD_SLOT_PARAM) and state of all programs, with initialisers resolved through `init:`; nothing filled yet. */
AD_API AD_CHECKED ad_status ad_model_params(const ad_model *m, ad_precision p, ad_params **out);

/* What `groups:` says of a weight; factors multiply what the optimiser is told. Both are 1 where no pattern matches. */
typedef struct ad_model_group {
    double rate;             /* learning-rate factor */
    double decay;            /* weight-decay factor */
} ad_model_group;
AD_API ad_model_group ad_model_group_of(const ad_model *m, const char *path);

/* Patterns match the last parts of a path: "conv.w", "cbr/conv.w", "mu[0]/conv.b"; a `*` stands for any text inside one part. A pattern
 * that begins with the name of a net and ends with "/" or a block matches everything below ("posterior/h[3]/stage"). */
AD_API bool ad_path_matches(const char *pattern, const char *path);

/* ---- recording ---- */

typedef enum ad_mode { AD_MODE_MODEL, AD_MODE_TRAIN, AD_MODE_EVAL } ad_mode;   /* MODEL: as the file says */

/* How a site gets its value in this recording, where the program itself draws it. */
typedef enum ad_choice_kind {
    AD_CHOICE_DRAW, /* fresh noise, the default */
    AD_CHOICE_MEAN,
    AD_CHOICE_NOISE, /* standard noise from `tensor`, or from an input "eps/SITE" that is made; also for other random ops */
    AD_CHOICE_VALUE /* the value itself from `tensor`, or from an input "z/SITE" that is made */
} ad_choice_kind;
typedef struct ad_choice {
    const char *site;        /* path, "prior/z[2]"; or a pattern ("z[*]", "*"); the last one that matches wins */
    ad_choice_kind kind;
    ad_tensor *tensor;       /* borrowed, of the tape; may be NULL */
} ad_choice;

typedef struct ad_bind {
    const char *name;
    ad_tensor *value;
} ad_bind;

typedef struct ad_record_options {
    int64_t batch;           /* 0: 1 */
    int64_t draws; /* more than 1, with batch 1: every site draws so many rows of one item, and what does not depend on a
                              * site is computed once; outputs have `draws` rows, or one if nothing was drawn */
    ad_mode mode;
    int n_choices;
    const ad_choice *choices;     /* sites, and other random ops by their path (uniforms of a Gumbel sampler, masks of dropout) */
    int n_inputs;
    const ad_bind *inputs;   /* tensors to use instead of making an input of that name */
    bool no_commits;         /* leave running statistics and averages alone */
} ad_record_options;

typedef struct ad_recorded ad_recorded;

/* Records `program` on the tape. Every record carries the place in the model file. The names and bindings live until ad_recorded_free,
 * the tensors as long as the tape. */
AD_API AD_CHECKED ad_status ad_model_record(const ad_model *m, const char *program, ad_tape *t, ad_params *params,
                                            const ad_record_options *options, ad_recorded **out);
AD_API void ad_recorded_free(ad_recorded *r);

AD_API ad_tensor *ad_recorded_loss(const ad_recorded *r);                   /* the objective's scalar; NULL in other programs */
AD_API ad_tensor *ad_recorded_output(const ad_recorded *r, const char *name);   /* of `return:`; NULL if there is none */
AD_API bool ad_recorded_output_at(const ad_recorded *r, int i, ad_bind *out);
AD_API ad_tensor *ad_recorded_input(const ad_recorded *r, const char *name);    /* also "eps/SITE" and "z/SITE" */
AD_API bool ad_recorded_input_at(const ad_recorded *r, int i, ad_bind *out);

/* Scalars of the objective that an experiment may schedule: inputs of rank 0, to be filled before every run. */
typedef struct ad_recorded_scalar {
    const char *name;        /* "beta", "kappa" */
    double standard;         /* the model's value */
    ad_tensor *input;
} ad_recorded_scalar;
AD_API bool ad_recorded_scalar_at(const ad_recorded *r, int i, ad_recorded_scalar *out);

/* What to differentiate by and update: the weights that the program reads, in order of first use, then the multiplier of `geco` (a state,
 * whose gradient is already turned round and scaled; its path is "objective/multiplier"). */
AD_API int ad_recorded_wrt_count(const ad_recorded *r);
AD_API ad_tensor *const *ad_recorded_wrt(const ad_recorded *r);

/* GIVEN: noise or value come from outside. */
typedef enum ad_site_origin { AD_SITE_DRAWN, AD_SITE_REPLAYED, AD_SITE_MEAN, AD_SITE_GIVEN } ad_site_origin;
typedef struct ad_recorded_site {
    const char *path;        /* "prior/z[2]"; the second call of a net in a program is "prior#2/z[2]" */
    const char *family;      /* "normal" */
    ad_site_origin origin;
    ad_tensor *value, *mean, *scale,
        *log_variance; /* scale is the standard deviation; log_variance NULL unless the site gave it */
    ad_tensor *noise;        /* NULL unless drawn */
    int line;
} ad_recorded_site;
AD_API bool ad_recorded_site_at(const ad_recorded *r, int i, ad_recorded_site *out);

/* Every KL term: what to log per level. */
typedef struct ad_recorded_kl {
    const char *name;        /* of its statement: "kl[2]" */
    const char *q, *p;       /* paths of the sites */
    ad_tensor *value;        /* after its reductions, before any weight */
    bool sampled;            /* no closed form: estimated from the draw */
} ad_recorded_kl;
AD_API bool ad_recorded_kl_at(const ad_recorded *r, int i, ad_recorded_kl *out);

/* Any value: an expression in the names of the program ("q.z[0].mu", "g.s[1]", "kl[2]"; a site has the fields mu, sd, logvar, value, eps), or
 * the path of a statement inside a net ("prior/mu[2]"). Records what the expression adds. NULL and a message in the error if there is none. */
AD_API ad_tensor *ad_recorded_value(ad_recorded *r, const char *expression);

/* ---- the expanded form ---- */

/* The model as pure data: inputs, ops with attributes, shapes, weights by path, places; one line each. Malloc'ed; NULL: out of memory. */
AD_API char *ad_model_expand(const ad_model *m);
/* SHA-256 of that text without the places, for provenance. */
AD_API void ad_model_hash(const ad_model *m, char hex[65]);

/* ---- map: foreign names, translated by rules that stand in the model file ---- */

/*   map:
 *     reference:                                    a family of foreign names
 *       doc: what it is
 *       when: model == "phiseg"                     over the keys of a foreign configuration (JSON)
 *       config:                                     our parameters, as expressions over those keys
 *         height: size[0]
 *       profile: '"tiny"'                           optional, likewise
 *       words: {w: weight, b: bias}                 translation of captured words
 *       weights:                                    pattern of our path -> foreign name
 *         "{net}/mu[{l}]/conv.{p}": "{net}.m.z{l}_mu.conv.{p}"
 *       train:                                      pattern of a foreign name -> our expression
 *         "posterior_mu_l{l}": "q.z[{l}].mu"
 * In a pattern {name} captures digits or a word (none of "/.[],#"); a name that occurs twice must capture the same. In a template {name} is
 * the capture, translated by `words`, and any other {expression} is evaluated over the captures and the model's parameters, so that {L-1-l}
 * reverses levels. The first rule that matches wins. In an expression over a configuration, a key that is null or absent is "". */
AD_API const char *ad_model_map_at(const ad_model *m, int i);                   /* names of the families; NULL past the end */
/* Name of the first family whose `when` holds for the configuration; NULL if none does. */
AD_API const char *ad_model_map_family(const ad_model *m, const char *json, size_t size);
/* Calls f("L=3") for each entry of `config`, in order. */
AD_API AD_CHECKED ad_status ad_model_map_config(const ad_model *m, const char *family, const char *json, size_t size,
                                                ad_status (*f)(void *arg, const char *setting), void *arg);
/* Value of an expression over a configuration, as text. */
AD_API AD_CHECKED ad_status ad_model_map_eval(const ad_model *m, const char *expression, const char *json, size_t json_size,
                                              char *out, size_t size);
/* The same of an entry of the family (`profile`, or any other plain one); AD_EUSAGE if it is absent. */
AD_API AD_CHECKED ad_status ad_model_map_entry(const ad_model *m, const char *family, const char *entry, const char *json,
                                               size_t size, char *out, size_t out_size);
AD_API bool ad_model_map_has(const ad_model *m, const char *family, const char *table);
/* Translates `name` through a table; false if no rule matches, or the result does not fit. */
AD_API bool ad_model_map(const ad_model *m, const char *family, const char *table, const char *name, char *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif

/*
 * elaborate.h - values of the language, and the state of an elaboration: expressions and statements to records on a tape.
 *
 * A mistake is reported where it is and gives a poisoned value; whatever meets poison is silently poisoned, so that one run finds all
 * mistakes and each is told once.
 */
#ifndef ADZE_MODELS_ELABORATE_H
#define ADZE_MODELS_ELABORATE_H

#include "models/model.h"

/* ---- values ---- */

typedef enum ad__val_kind {
    V_POISON,
    V_BOOL,
    V_INT,
    V_FLOAT,
    V_TEXT,
    V_LIST,
    V_RECORD,
    V_TENSOR,
    V_SITE,
    V_INDEXED
} ad__val_kind;

typedef struct ad__family ad__family;
typedef struct ad__site {
    const char *path;
    const ad__family *family;
    ad_site_origin origin;
    ad_tensor *value, *mean, *scale, *log_variance, *noise;
    const ad_document *in;
    int line, column, length;
    bool has_partner;            /* a kl() has named it */
} ad__site;

/* The elements of an indexed name, by rising index. */
typedef struct ad__element {
    int64_t index;
    const ad__val *value;
    int line;
} ad__element;
typedef struct ad__indexed {
    const char *name;
    int n;
    ad__element *list;
} ad__indexed;

struct ad__val {
    ad__val_kind kind;
    int64_t i;                   /* INT, BOOL */
    double f;                    /* FLOAT */
    const char *text;            /* TEXT */
    int n;                       /* LIST, RECORD: items; TENSOR: outputs of the op, where there are several */
    const ad__val *const *items;
    const char *const *names;    /* RECORD */
    ad_tensor *tensor;
    ad_tensor *const *outputs;
    ad__site *site;
    const ad__indexed *indexed;
};

/* ---- frames: one per block being expanded ---- */

typedef struct ad__local {
    const char *name;
    const ad__val *value;
    int line;
    int scope;                   /* depth of `for` bodies when it was defined */
    int only_in;                 /* line of the `if` of which only one branch defines it; 0: defined */
} ad__local;

typedef struct ad__binding {     /* of `with` */
    const ad__with *with;
    bool has_index, used;
    int64_t index;
    const ad__val *value;        /* NULL: the mean */
} ad__binding;

typedef struct ad__count {
    const char *name;
    int n;
} ad__count;

typedef struct ad__frame ad__frame;
struct ad__frame {
    ad__frame *up;
    const ad__expr *call;        /* in the frame above */
    const ad__block_def *block;  /* NULL in a program */
    const char *what;            /* "net 'prior'", "block 'cbr'", "program 'train'" */
    const char *weights, *path;  /* of this call: where weights are filed, and what values and draws are called */
    ad__local *locals;
    int n_locals, cap_locals;
    ad__local *loops;            /* running `for` variables, outermost first */
    int n_loops;
    ad__indexed **indexed;
    int n_indexed;
    ad__net *nets;               /* of `net` statements: block, and in `name` ... */
    const char **net_paths;      /* ... and where its weights are filed */
    int n_nets;
    ad__binding *bindings;
    int n_bindings;
    const ad__stmt *stmt;
    const char *stmt_weights, *stmt_path;
    ad__count *counts;           /* of calls by target and name */
    int n_counts;
    const ad__val *result;
    bool returned;
    bool broken;                 /* a statement could not be parsed: names may be missing for that reason */
    int scope, depth;
};

/* ---- an elaboration ---- */

typedef struct ad__kl {
    const char *name;
    const ad__site *q, *p;
    ad_tensor *value;
    bool sampled;
} ad__kl;

typedef struct ad__named {
    const char *name;
    ad_tensor *value;
} ad__named;

typedef struct ad__names {
    int n;
    ad__named *list;
} ad__names;

typedef struct ad__elab {
    const ad_model *m;
    ad_model *declare;           /* checking a model: weights met are added to it; NULL when recording */
    ad__pool *pool;
    ad_diagnostics *d;
    ad_tape *t;                  /* NULL: only static values (let, check, templates) */
    ad_params *params;
    ad_error *error;             /* of the context */
    int64_t batch;
    const ad__prog *prog;
    bool training;
    const ad_record_options *options;
    ad_tensor **leaves;          /* of the weights read so far, by index of the model's weight; NULL: not read */
    int n_leaves;
    ad_tensor **wrt;             /* those that are trained, in order of first use */
    int n_wrt;
    const ad__val **inputs;      /* by index of the model's input */
    ad__names made;              /* inputs of the tape */
    ad__names values;            /* of statements, by path */
    ad__site **sites;
    int n_sites;
    ad__kl *kls;
    int n_kls;
    ad__count *net_calls;
    int n_net_calls;
    ad__frame *frame;            /* of the program */
    ad_recorded_scalar *scalars;
    int n_scalars;
    ad_tensor *loss, *constraint, *average, *multiplier;
    const ad__expr *reduction;   /* first loss term of the program that names what it does with pixels, and the word */
    int reduction_word;
    int64_t statements;
    bool limit_reported;
    int n_names;                 /* further integer names: ad__model_eval */
    const char *const *int_names;
    const int64_t *int_values;
} ad__elab;

/* ---- values (value.c) ---- */

extern const ad__val ad__poison;
const ad__val *ad__int(ad__elab *x, int64_t i);
const ad__val *ad__float(ad__elab *x, double f);
const ad__val *ad__bool(ad__elab *x, bool b);
const ad__val *ad__text(ad__elab *x, const char *text);
const ad__val *ad__list(ad__elab *x, int n, const ad__val *const *items);
const ad__val *ad__tensor(ad__elab *x, ad_tensor *t);       /* poison if t is NULL */
/* LIST and INDEXED: number of elements, and element k in rising order of index. */
int ad__length(const ad__val *v);
const ad__val *ad__item(const ad__val *v, int k);
/* The tensor of a TENSOR or SITE, NULL of anything else. */
ad_tensor *ad__tensor_of(const ad__val *v);
bool ad__number(const ad__val *v, double *out);             /* INT, FLOAT, BOOL */
bool ad__equal(const ad__val *a, const ad__val *b);         /* static values */
/* "an int", "a tensor [B,64,64,2]", "a list of 3". */
const char *ad__describe(ad__elab *x, const ad__val *v);
const char *ad__val_text(ad__pool *pool, const ad__val *v); /* "3", "[1, 2]", "true" */
const char *ad__shape(ad__elab *x, const ad_shape *s);      /* with B for the batch */
/* The axis that a letter names in a channels-last tensor of that rank; -1 if it names none. */
int ad__axis_named(int rank, char letter);
/* Writes B for the batch in a message of the engine. */
const char *ad__with_b(ad__elab *x, const char *message);

/* ---- reporting (trace.c): at an expression, with the way that led there as notes ---- */

const ad__val *ad__wrong(ad__elab *x, ad__frame *f, const ad__expr *at, const char *code, const char *format, ...)
    AD_PRINTF(5, 6);
void ad__wrong_at(ad__elab *x, ad__frame *f, const ad_document *doc, int line, int column, int length, const char *code,
                  const char *format, ...) AD_PRINTF(8, 9);
/* The engine's message, which is ours to tell; the context is clean afterwards. */
const char *ad__engine_message(ad__elab *x);
void ad__trace(ad__elab *x, ad__frame *f);                  /* adds the notes to the last report */
/* Says where the operands come from: "'up' is [B,64,64,64] (line 29)"; for the hint. */
const char *ad__provenance(ad__elab *x, ad__frame *f, int n, ad__expr *const *exprs, const ad__val *const *values);
/* The severity of what --lenient makes a warning. */
ad_severity ad__soft(const ad_model *m);

/* ---- evaluation ---- */

const ad__val *ad__eval(ad__elab *x, ad__frame *f, const ad__expr *e);
const ad__val *ad__binary(ad__elab *x, ad__frame *f, const ad__expr *e, ad__sign sign, const ad__val *a, const ad__val *b);
bool ad__eval_int(ad__elab *x, ad__frame *f, const ad__expr *e, const char *what, int64_t *out);
const ad__val *ad__call(ad__elab *x, ad__frame *f, const ad__expr *e);
/* A built-in function of that name (builtins.c); NULL if there is none. It leaves *first set and returns NULL to pass the call on to the
 * op of the same name. */
typedef const ad__val *(*ad__builtin)(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__val **first);
ad__builtin ad__find_builtin(const char *name);
const char *ad__builtin_name(int i);                        /* NULL past the end */
/* What of an op call is there already: the value of the first argument, or the first operands and from which argument on to read. */
typedef struct ad__preset {
    const ad__val *first;
    int n, skip;
    ad_tensor *const *in;
    const char *without[2];      /* keywords to pass over; may be NULL */
} ad__preset;
const ad__val *ad__op_call(ad__elab *x, ad__frame *f, const ad__expr *e, const ad_op *op, const ad__preset *preset);
/* Records an op of the table by name on given tensors; attributes as text. NULL after reporting at `e`. */
ad_tensor *ad__record(ad__elab *x, ad__frame *f, const ad__expr *e, const char *op, const char *attributes, int n,
                      ad_tensor *const *in);
/* The same under another part of the path than the op's name: "" for the draw of a site, whose path is its identity. */
ad_tensor *ad__record_as(ad__elab *x, ad__frame *f, const ad__expr *e, const char *part, const char *op, const char *attributes,
                         int n, ad_tensor *const *in);
/* "/conv", or "/conv#2" for the second call of that name under the same target in an expansion of the block. */
const char *ad__part(ad__elab *x, ad__frame *f, const char *name);
/* Makes the records that follow belong to `e`; `part` as from ad__part. */
void ad__place(ad__elab *x, ad__frame *f, const ad__expr *e, const char *part);
const ad__val *ad__expand(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__block_def *block, const ad__net *net,
                          const char *net_path);
/* "h[2,1]": a target with its own index, else the loop variables around it. */
const char *ad__target(ad__elab *x, ad__frame *f, const char *name, bool has_index, int64_t index);
void ad__run_body(ad__elab *x, ad__frame *f, const ad__body *body);
ad__local *ad__find_local(ad__frame *f, const char *name);
ad__indexed *ad__find_indexed(ad__frame *f, const char *name);
const ad__element *ad__find_element(const ad__indexed *n, int64_t index);

/* ---- weights (weights.c) ---- */

/* The leaf of a weight or state: declared in a check, looked up in a recording. NULL after reporting. */
ad_tensor *ad__weight_leaf(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__weight *want);
/* The initialiser of a weight: what `init:` says of its path, else `standard`. False after reporting. */
bool ad__resolve_init(ad__elab *x, ad__frame *f, const ad__expr *e, ad__weight *w, const char *standard);

/* ---- sites (sites.c) ---- */

/* z[l] ~ normal(mu, sd): the drawn, replayed or mean value. */
const ad__val *ad__site_statement(ad__elab *x, ad__frame *f, const ad__stmt *s, bool has_index, int64_t index);
const ad__val *ad__kl_call(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__val **first);
const ad__val *ad__site_field(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__site *site, const char *field);
const char *ad__family_name(const ad__family *family);
bool ad__is_family(const char *name);

/* ---- programs (program.c) ---- */

/* The choice of the recording's options for a site or random op; NULL if there is none. */
const ad_choice *ad__choice_for(const ad__elab *x, const char *path);
/* A further input of the tape, listed among those of the recording. */
ad_tensor *ad__made_input(ad__elab *x, const char *name, const ad_shape *shape);

void ad__elab_begin(ad__elab *x, const ad_model *m, ad__pool *pool, ad_diagnostics *d);
/* Elaborates a program and, if it is the objective's, its loss. */
void ad__run_program(ad__elab *x, const ad__prog *prog);
/* objective.c: the section read (its `if` decided by the parameters), its states declared, its loss recorded. */
void ad__read_objective(ad__elab *x, ad_model *m);
void ad__run_objective(ad__elab *x, ad__frame *f);
const ad__val *ad__read_input(ad__elab *x, ad__frame *f, const ad__expr *e, int i);
bool ad__input_given(const ad__elab *x, int i);

#endif

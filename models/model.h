/*
 * model.h - what the files of the model language share: pools, syntax trees, models. Values and elaboration are in elaborate.h.
 */
#ifndef ADZE_MODELS_MODEL_H
#define ADZE_MODELS_MODEL_H

#include <setjmp.h>
#include <stdio.h>

#include "autograd/arena.h"
#include "models/models.h"

/* ---- memory ---- */

/* An arena that never returns NULL: when memory is out it jumps to `out`, which the entry points of the library set. */
typedef struct ad__pool {
    ad__arena arena;
    jmp_buf *out;
} ad__pool;
void *ad__take(ad__pool *pool, size_t size);                          /* zeroed */
char *ad__take_text(ad__pool *pool, const char *text);
char *ad__take_span(ad__pool *pool, const char *text, size_t n);
char *ad__take_format(ad__pool *pool, const char *format, ...) AD_PRINTF(2, 3);
/* Room for one more element behind the `n` in use: `a = ad__more(pool, a, n, sizeof *a); a[n++] = ...`. */
void *ad__more(ad__pool *pool, void *array, int n, size_t size);

int ad__utf8(const char *s, uint32_t *c);                             /* one character: its bytes, and its code */
bool ad__parse_double(const char *text, double *out);                 /* whatever the locale */
char *ad__read_file(const char *path, size_t limit, size_t *size);    /* malloc'ed, ended by a zero; NULL and errno */
ad_span ad__document_span_at(const ad_document *doc, int line, int column, int length);

/* ---- expressions ---- */

typedef struct ad__expr ad__expr;

typedef enum ad__expr_kind {
    X_INT, X_FLOAT, X_BOOL, X_TEXT, X_NAME,
    X_LIST,                  /* args */
    X_NEGATE, X_NOT,         /* a */
    X_BINARY,                /* a sign b */
    X_IF,                    /* b if a else c */
    X_RANGE,                 /* a..b */
    X_CALL,                  /* text(args) with withs */
    X_FIELD,                 /* a.text */
    X_INDEX,                 /* a[b] */
    X_SLICE,                 /* a[b..c] */
    X_FOR                    /* a for text in b */
} ad__expr_kind;

typedef enum ad__sign {
    SIGN_ADD,
    SIGN_SUB,
    SIGN_MUL,
    SIGN_DIV,
    SIGN_FLOOR,
    SIGN_MOD,
    SIGN_EQ,
    SIGN_NE,
    SIGN_LT,
    SIGN_LE,
    SIGN_GT,
    SIGN_GE,
    SIGN_AND,
    SIGN_OR
} ad__sign;
const char *ad__sign_text(ad__sign sign);

typedef struct ad__arg {
    const char *name;        /* NULL: positional */
    int line, column, length;    /* of the name */
    ad__expr *value;
} ad__arg;

typedef struct ad__with {
    const char *site;
    ad__expr *index;         /* NULL: every element */
    ad__expr *value;         /* NULL: the mean */
    int line, column, length;
} ad__with;

struct ad__expr {
    ad__expr_kind kind;
    ad__sign sign;
    const ad_document *doc;
    int line, column, length;
    const char *text;
    int64_t i;
    double f;
    ad__expr *a, *b, *c;
    int n_args, n_withs;
    ad__arg *args;
    ad__with *withs;
};

/* ---- statements ---- */

typedef enum ad__stmt_kind { S_DEFINE, S_REBIND, S_SITE, S_NET, S_RETURN, S_RETURN_MAP, S_FOR, S_IF, S_BROKEN } ad__stmt_kind;

typedef struct ad__lhs {
    const char *name;
    ad__expr *index;         /* NULL: a plain name */
    int line, column, length;
} ad__lhs;

typedef struct ad__stmt ad__stmt;
typedef struct ad__body {
    int n;
    ad__stmt **list;
} ad__body;

struct ad__stmt {
    ad__stmt_kind kind;
    const ad_document *doc;
    int line, column, length;
    int n_lhs;
    ad__lhs *lhs;            /* DEFINE, REBIND, SITE, NET; RETURN_MAP: the keys; FOR: the variable */
    ad__expr *value;         /* of the right side; FOR: the range; IF: the condition; NET: a name */
    ad__expr **values;       /* RETURN_MAP */
    ad__body body, other;    /* FOR, IF */
};

/* ---- parsing ---- */

typedef struct ad__parse {
    ad__pool *pool;
    ad_diagnostics *d;
    const ad_document *doc;
    bool in_flow;            /* the node stands inside a YAML flow collection */
} ad__parse;

/* NULL after reporting. */
ad__expr *ad__parse_expr(const ad__parse *p, const ad_node *node);
/* From text alone (settings, templates, ad_recorded_value); places count from column 1 of line 0. */
ad__expr *ad__parse_text(const ad__parse *p, const char *text);
void ad__parse_body(const ad__parse *p, const ad_node *node, const char *what, ad__body *body);

typedef struct ad__formal {
    const char *name;
    ad__expr *standard;      /* NULL: must be given */
    int line, column, length;
} ad__formal;

/* "cbr(x, out, kernel=3)" of a block's key. False after reporting. */
bool ad__parse_signature(const ad__parse *p, const ad_node *key, const char **name, int *n, ad__formal **formals);

/* ---- tokens (lexer.c) ---- */

typedef enum ad__token_kind { T_END, T_NAME, T_INT, T_FLOAT, T_TEXT, T_SIGN, T_BAD } ad__token_kind;
typedef struct ad__token {
    ad__token_kind kind;
    const char *text;        /* NAME, SIGN: the word; TEXT: without quotes; BAD: what is wrong */
    const char *hint;        /* BAD */
    int64_t i;
    double f;
    int line, column, length;
} ad__token;

/* The tokens of a node's text, the last one T_END. */
ad__token *ad__lex(ad__pool *pool, const ad_node *node);

/* ---- the model ---- */

typedef struct ad__val ad__val;      /* elaborate.h */

typedef struct ad__param {
    const char *name, *type, *doc;   /* type NULL: the file gives none */
    const ad_document *in;
    const ad_node *key, *node;       /* of the file */
    const ad__val *standard, *value;
    const char *standard_text, *value_text;
    double lo, hi;
    bool has_lo, has_hi;
} ad__param;

typedef struct ad__let {
    const char *name;
    const ad_document *in;
    const ad_node *key;
    ad__expr *expr;
    ad__expr **list;                 /* a YAML list of expressions; expr is NULL then */
    int n;
    const ad__val *value;
} ad__let;

typedef struct ad__checkline {
    ad__expr *expr;
    const ad_node *node;
    const ad_document *in;
} ad__checkline;

typedef struct ad__input {
    const char *name;
    const ad_document *in;
    const ad_node *key;
    ad__expr **dims;                 /* NULL: the batch */
    int n_dims;
    ad_model_input info;
    bool optional;
} ad__input;

typedef struct ad__block_def {
    const char *name;
    const ad_document *in;
    const ad_node *key;
    int n_formals;
    ad__formal *formals;
    ad__body body;
    bool broken;                     /* the signature could not be parsed */
} ad__block_def;

typedef struct ad__net {
    const char *name;
    const ad_document *in;
    const ad_node *key, *node;
    const ad__block_def *block;      /* NULL after a mistake */
    int64_t trainable;
} ad__net;

typedef struct ad__prog {
    const char *name;
    const ad_document *in;
    const ad_node *key;
    ad__body body;
    ad_mode mode;                    /* MODEL unless the file says */
    ad_model_program info;
} ad__prog;

typedef struct ad__scalar {
    const char *name;
    double value;
} ad__scalar;

typedef enum ad__objective_kind { OBJECTIVE_NONE, OBJECTIVE_ELBO, OBJECTIVE_GECO, OBJECTIVE_EXPRESSION } ad__objective_kind;
typedef struct ad__objective {
    ad__objective_kind kind;
    const ad_document *in;
    const ad_node *node;
    const char *program;
    ad__expr *minimize, *constraint, *per;
    int n_scalars;
    ad__scalar *scalars;             /* may be scheduled: beta, kappa */
    double decay, rate;              /* geco */
} ad__objective;

/* A pattern with what it says: init, groups, dead_ok. */
typedef struct ad__rule {
    const char *pattern, *text;
    const ad_document *in;
    const ad_node *key, *node;
    ad__expr *expr;                  /* init: the text, parsed */
    ad_init init;
    ad_model_group group;
    bool used;
} ad__rule;

typedef struct ad__rules {
    int n;
    ad__rule *list;
} ad__rules;

typedef struct ad__weight {
    const char *path, *op, *operand; /* op NULL: state of the objective */
    ad_shape shape;
    ad_slot slot;
    ad_layout layout;
    ad_init init;
    const ad_document *in;
    int line, column, length;
    bool in_sample, has_gradient, reached;
} ad__weight;

struct ad_model {
    ad__pool pool;
    ad_ctx *ctx;
    ad_document **docs;              /* the file, then those it extends */
    int n_docs;
    bool lenient;
    const char *name, *doc, *file;
    ad__param *params;
    ad__let *lets;
    ad__checkline *checks;
    ad__input *inputs;
    ad__block_def *blocks;
    ad__net *nets;
    ad__prog *progs;
    int n_params, n_lets, n_checks, n_inputs, n_blocks, n_nets, n_progs;
    ad__objective objective;
    const ad_node *objective_root;   /* before its `if` is decided */
    ad__rules init, groups, dead_ok;
    const ad_node *profiles, *expect;
    const ad_document *profiles_in, *expect_in;
    ad__weight *weights;             /* in order of first use */
    int n_weights;
    ad_model_counts counts;
    ad_model_row *rows;
    int n_rows;
    struct {
        ad_tape *tape;               /* of the dry run in progress, else NULL */
        ad__pool pool;
    } dry;
    char *expanded;                  /* malloc'ed */
    char hash[65];
};

/* Section of the file's top level (of the file itself, else of the one it extends); NULL if absent. */
const ad_node *ad__model_section(const ad_model *m, const char *name, const ad_document **in);
/* Value of an expression over the model's parameters, `let` names and the given integers, as text. */
ad_status ad__model_eval(const ad_model *m, ad_error *e, const char *expression, int n, const char *const *names,
                         const int64_t *values, char *out, size_t size);

ad_error *ad__model_error(const ad_model *m);    /* the context's */

/* Reads the sections of a document into the model (sections.c); problems are reported. */
void ad__read_model(ad_model *m, ad_document *doc, ad_diagnostics *d);
const ad__block_def *ad__find_block(const ad_model *m, const char *name);
const ad__net *ad__find_net(const ad_model *m, const char *name);
ad__prog *ad__find_program(const ad_model *m, const char *name);
ad__weight *ad__find_weight(const ad_model *m, const char *path);

#endif

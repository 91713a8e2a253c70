/*
 * recipe.h - a random tape as data: what to record, which values to read, what to differentiate by what. It can be put onto any tape
 * of any context, cut down where something fails, and printed.
 */
#ifndef ADZE_TESTS_TAPES_RECIPE_H
#define ADZE_TESTS_TAPES_RECIPE_H

#include "adze.h"

enum { MAX_NODES = 160, MAX_VALUES = 400, MAX_WANTED = 8, MAX_OPS = 400, ATTR_BYTES = 1024 };

typedef enum leaf_kind { LEAF_NONE, LEAF_INPUT, LEAF_CONSTANT, LEAF_WEIGHT, LEAF_STATE } leaf_kind;

typedef struct node {
    const ad_op *op;              /* NULL: a leaf */
    leaf_kind leaf;
    int n_in, in[AD_MAX_INPUTS];  /* values; -1: a missing operand */
    int n_out, out;               /* its outputs are the values out .. out + n_out - 1 */
    _Alignas(16) char attr[ATTR_BYTES];
} node;

typedef struct tape_value {
    ad_shape shape;
    int node;
    double lo, hi;                /* range of its elements */
    void *elements;               /* when the recipe was made: float, int32_t */
} tape_value;

/* Loss terms, outputs to read and values to differentiate by, as indices of values. */
typedef struct tape_list {
    int n, at[MAX_WANTED];
} tape_list;

typedef struct recipe {
    uint64_t seed;
    int n_nodes, n_values;
    node nodes[MAX_NODES];
    tape_value values[MAX_VALUES];
    tape_list read, terms, wrt;
    bool second;                  /* the gradients of the squared gradients are read too */
    const char *optimiser;        /* updates the weights among wrt; NULL: none */
} recipe;

/* A recipe on a tape. */
typedef struct built {
    const recipe *recipe;
    ad_tape *tape;
    ad_params *params;
    ad_optim *optim;
    ad_tensor *value[MAX_VALUES]; /* NULL where nothing that is wanted needs it */
    ad_tensor *wanted[4 * MAX_WANTED + 1], *loss;
    const char *what[4 * MAX_WANTED + 1];
    int n_wanted;
} built;

recipe *recipe_copy(const recipe *r);
void recipe_free(recipe *r);
/* Marks the values that something wanted needs. */
void recipe_needed(const recipe *r, bool *needed);
/* Nodes that are needed and are no leaves. */
int recipe_size(const recipe *r);
/* Makes a leaf of every output of the node, with the values it has had. */
void recipe_cut(recipe *r, int at);
void recipe_print(const recipe *r);

/* Records what is wanted; false if it is refused (the context's error says why). Either way built_free. */
bool build(built *b, ad_ctx *ctx, const recipe *r);
/* Gives weights and state the values of the recipe, and the optimiser's state its zeros. */
void built_reset(built *b);
void built_free(built *b);
/* Records one node of a recipe whose operands are there; *out[] are its outputs. */
ad_status record_node(ad_tape *t, const node *n, int index, ad_tensor *const *values, ad_tensor **out);

#endif

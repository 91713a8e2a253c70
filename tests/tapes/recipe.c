/* recipe.c - a recipe on a tape, cut down, printed. */
#include "tests/tapes/recipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/gradcheck.h"

recipe *recipe_copy(const recipe *r)
{
    recipe *copy = malloc(sizeof *copy);
    *copy = *r;
    for (int i = 0; i < r->n_values; i++) {
        size_t bytes = ad_shape_bytes(&r->values[i].shape, AD_F32);
        copy->values[i].elements = memcpy(malloc(bytes + 1), r->values[i].elements, bytes);
    }
    return copy;
}

void recipe_free(recipe *r)
{
    for (int i = 0; r && i < r->n_values; i++) free(r->values[i].elements);
    free(r);
}

static void mark(const tape_list *l, bool *needed)
{
    for (int i = 0; i < l->n; i++) needed[l->at[i]] = true;
}

void recipe_needed(const recipe *r, bool *needed)
{
    memset(needed, 0, MAX_VALUES * sizeof *needed);
    mark(&r->read, needed);
    mark(&r->terms, needed);
    if (r->terms.n > 0) mark(&r->wrt, needed);
    for (int i = r->n_nodes - 1; i >= 0; i--) {
        const node *n = &r->nodes[i];
        bool any = false;
        for (int k = 0; k < n->n_out; k++) any = any || needed[n->out + k];
        for (int k = 0; any && k < n->n_out; k++) needed[n->out + k] = true;
        for (int k = 0; any && k < n->n_in; k++)
            if (n->in[k] >= 0) needed[n->in[k]] = true;
    }
}

int recipe_size(const recipe *r)
{
    bool needed[MAX_VALUES];
    int n = 0;
    recipe_needed(r, needed);
    for (int i = 0; i < r->n_nodes; i++) n += r->nodes[i].op && needed[r->nodes[i].out];
    return n;
}

void recipe_cut(recipe *r, int at)
{
    node *n = &r->nodes[at];
    int first = n->out, count = n->n_out;
    *n = (node){ .leaf = LEAF_INPUT, .n_out = 1, .out = first };
    /* Further outputs need nodes of their own; a leaf has no operands, so it may stand anywhere. */
    for (int k = 1; k < count && r->n_nodes < MAX_NODES; k++) {
        r->nodes[r->n_nodes] = (node){ .leaf = LEAF_INPUT, .n_out = 1, .out = first + k };
        r->values[first + k].node = r->n_nodes++;
    }
}

/* ---- onto a tape ---- */

static void path_of(int v, char *text)
{
    snprintf(text, 16, "v%d", v);
}

ad_status record_node(ad_tape *t, const node *n, int index, ad_tensor *const *values, ad_tensor **out)
{
    ad_tensor *in[AD_MAX_INPUTS];
    char path[16];
    snprintf(path, sizeof path, "node%d", index);
    ad_tape_at(t, &(ad_place){ .path = path });
    for (int i = 0; i < n->n_in; i++) in[i] = n->in[i] < 0 ? NULL : values[n->in[i]];
    return ad_record(t, n->op, n->op->attr_size ? n->attr : NULL, n->n_in, in, out);
}

static bool make_leaf(built *b, const node *n)
{
    const tape_value *v = &b->recipe->values[n->out];
    char path[16];
    path_of(n->out, path);
    ad_tensor *x = NULL;
    switch (n->leaf) {
    case LEAF_INPUT:
        x = ad_input(b->tape, path, &v->shape);
        if (x && ad_set(x, v->elements) != AD_OK) return false;
        break;
    case LEAF_CONSTANT: x = ad_constant(b->tape, &v->shape, v->elements); break;
    case LEAF_WEIGHT:
    case LEAF_STATE:
        if (ad_params_add(b->params, path, &v->shape, n->leaf == LEAF_WEIGHT ? AD_SLOT_PARAM : AD_SLOT_STATE, AD_LAYOUT_PLAIN, NULL) != AD_OK)
            return false;
        x = ad_parameter(b->tape, b->params, path);
        break;
    case LEAF_NONE: break;
    }
    b->value[n->out] = x;
    return x != NULL;
}

static ad_tensor *weighted_sum(ad_tape *t, ad_tensor *x, int k)
{
    const ad_shape *s = ad_tensor_shape(x);
    int64_t n = ad_count(s);
    float *w = malloc((size_t)n * sizeof *w + 1);
    for (int64_t i = 0; i < n; i++) w[i] = (float)(ad__projection(k, i) / (double)n);
    ad_tensor *c = ad_constant(t, s, w);
    free(w);
    return ad_sum(t, ad_mul(t, x, c), NULL, false);
}

static void want(built *b, ad_tensor *x, const char *what)
{
    if (!x) return;
    b->what[b->n_wanted] = what;
    b->wanted[b->n_wanted++] = x;
}

/* The gradients of the squared gradients. */
static bool differentiate_again(built *b, int n, ad_tensor *const *wrt, ad_tensor *const *grads)
{
    ad_tensor *penalty = NULL, *again[MAX_WANTED] = { NULL };
    for (int i = 0; i < n; i++) {
        if (!grads[i]) continue;
        ad_tensor *term = ad_sum(b->tape, ad_square(b->tape, grads[i]), NULL, false);
        penalty = penalty ? ad_add(b->tape, penalty, term) : term;
    }
    if (!penalty) return true;
    if (ad_tape_failed(b->tape) || ad_gradients(b->tape, penalty, n, wrt, again) != AD_OK) return false;
    for (int i = 0; i < n; i++) want(b, again[i], "second gradient");
    return true;
}

static bool update(built *b, ad_ctx *ctx, int n, ad_tensor *const *wrt, ad_tensor *const *grads)
{
    const recipe *r = b->recipe;
    ad_optim_weight weights[MAX_WANTED];
    int count = 0;
    for (int i = 0; i < n; i++)
        if (r->nodes[r->values[r->wrt.at[i]].node].leaf == LEAF_WEIGHT && grads[i])
            weights[count++] = (ad_optim_weight){ wrt[i], grads[i], 1, 0.01 };
    if (count == 0) return true;
    ad_error *e = ad_ctx_error(ctx);
    if (ad_optim_new(e, r->optimiser, NULL, &(ad_clip){ .norm = 1 }, &b->optim) != AD_OK) return false;
    return ad_optim_record(b->optim, b->tape, b->params, count, weights) == AD_OK;
}

static bool build_loss(built *b, ad_ctx *ctx)
{
    const recipe *r = b->recipe;
    ad_tensor *wrt[MAX_WANTED], *grads[MAX_WANTED] = { NULL };
    for (int i = 0; i < r->terms.n; i++) {
        ad_tensor *term = weighted_sum(b->tape, b->value[r->terms.at[i]], i);
        b->loss = b->loss ? ad_add(b->tape, b->loss, term) : term;
    }
    if (!b->loss) return true;
    want(b, b->loss, "loss");
    for (int i = 0; i < r->wrt.n; i++) wrt[i] = b->value[r->wrt.at[i]];
    if (ad_tape_failed(b->tape) || ad_gradients(b->tape, b->loss, r->wrt.n, wrt, grads) != AD_OK) return false;
    for (int i = 0; i < r->wrt.n; i++) want(b, grads[i], "gradient");
    if (r->second && !differentiate_again(b, r->wrt.n, wrt, grads)) return false;
    return !r->optimiser || update(b, ctx, r->wrt.n, wrt, grads);
}

bool build(built *b, ad_ctx *ctx, const recipe *r)
{
    bool needed[MAX_VALUES];
    recipe_needed(r, needed);
    ad_error_clear(ad_ctx_error(ctx));
    *b = (built){ .recipe = r, .tape = ad_tape_new(ctx, AD_F32), .params = ad_params_new(ctx, AD_F32) };
    for (int leaves = 1; leaves >= 0; leaves--)
        for (int i = 0; i < r->n_nodes; i++) {
            const node *n = &r->nodes[i];
            if (!n->op != (leaves == 1) || !needed[n->out]) continue;
            if (n->op ? record_node(b->tape, n, i, b->value, &b->value[n->out]) != AD_OK : !make_leaf(b, n)) return false;
        }
    for (int i = 0; i < r->read.n; i++) want(b, b->value[r->read.at[i]], "value");
    if (!build_loss(b, ctx)) return false;
    built_reset(b);
    return !ad_tape_failed(b->tape);
}

void built_reset(built *b)
{
    for (int i = 0; i < ad_params_count(b->params); i++) {
        ad_entry *e = ad_params_at(b->params, i);
        size_t bytes = ad_shape_bytes(&e->shape, AD_F32);
        if (e->slot == AD_SLOT_OPTIM) memset(e->data, 0, bytes);
        else memcpy(e->data, b->recipe->values[strtol(e->path + 1, NULL, 10)].elements, bytes);
    }
    /* Parameters are read where they lie; setting an input again makes define-by-run look anew. */
    if (b->optim) {
        float c[AD_OPTIM_NUMBERS];
        double numbers[AD_OPTIM_NUMBERS];
        ad_optim_numbers(b->optim, 0, 0.01, numbers);
        for (int i = 0; i < AD_OPTIM_NUMBERS; i++) c[i] = (float)numbers[i];
        if (ad_set(ad_optim_input(b->optim), c) != AD_OK) ad_tape_fail(b->tape);
    }
    ad_tape_random(b->tape, b->recipe->seed, 3, 1);
}

void built_free(built *b)
{
    ad_optim_free(b->optim);
    ad_tape_free(b->tape);
    ad_params_free(b->params);
}

/* ---- in words ---- */

static void print_list(const char *name, const tape_list *l)
{
    if (l->n == 0) return;
    printf("  %s", name);
    for (int i = 0; i < l->n; i++) printf(" v%d", l->at[i]);
    printf("\n");
}

void recipe_print(const recipe *r)
{
    static const char *const leaves[] = { "", "input", "constant", "weight", "state" };
    bool needed[MAX_VALUES];
    char shape[AD_SHAPE_TEXT], attr[512];
    recipe_needed(r, needed);
    for (int leaf = 1; leaf >= 0; leaf--)
        for (int i = 0; i < r->n_nodes; i++) {
            const node *n = &r->nodes[i];
            if (!n->op != (leaf == 1) || !needed[n->out]) continue;
            printf("  v%d", n->out);
            for (int k = 1; k < n->n_out; k++) printf(" v%d", n->out + k);
            if (n->op) {
                ad_attr_text(n->op, n->attr, attr, sizeof attr);
                printf(" = %s(", n->op->name);
                for (int k = 0; k < n->n_in; k++) n->in[k] < 0 ? printf(k ? ", -" : "-") : printf(k ? ", v%d" : "v%d", n->in[k]);
                printf("%s%s) node%d", n->op->attr_size && attr[0] ? "; " : "", n->op->attr_size ? attr : "", i);
            } else {
                printf(" = %s", leaves[n->leaf]);
            }
            printf("  %s, %.3g to %.3g\n", ad_shape_text(&r->values[n->out].shape, shape), r->values[n->out].lo, r->values[n->out].hi);
        }
    print_list("read", &r->read);
    print_list("loss of", &r->terms);
    if (r->terms.n > 0) print_list("by", &r->wrt);
    if (r->second) printf("  and the gradients of the squared gradients\n");
    if (r->optimiser) printf("  weights updated by %s\n", r->optimiser);
}

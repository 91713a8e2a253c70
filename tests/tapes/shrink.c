/* shrink.c - a smaller tape with a disagreement: every step is taken back unless something still disagrees. */
#include <stddef.h>

#include "tests/tapes/compare.h"

static bool keeps_failing(suite *s, recipe **r, recipe *smaller)
{
    if (tape_agrees(s, smaller)) {
        recipe_free(smaller);
        return false;
    }
    recipe_free(*r);
    *r = smaller;
    return true;
}

static void drop(tape_list *l, int i)
{
    for (l->n--; i < l->n; i++) l->at[i] = l->at[i + 1];
}

/* Without one of the outputs, loss terms or values that are differentiated by. */
static bool shorten(suite *s, recipe **r, size_t offset)
{
    bool any = false;
    for (int i = 0; i < ((tape_list *)(void *)((char *)*r + offset))->n; i++) {
        recipe *smaller = recipe_copy(*r);
        drop((tape_list *)(void *)((char *)smaller + offset), i);
        if (smaller->wrt.n == 0) smaller->terms.n = 0;
        if (smaller->terms.n == 0) {
            smaller->second = false;
            smaller->optimiser = NULL;
        }
        if (keeps_failing(s, r, smaller)) {
            any = true;
            i--;
        }
    }
    return any;
}

static bool simplify(suite *s, recipe **r)
{
    bool any = false;
    if ((*r)->second) {
        recipe *smaller = recipe_copy(*r);
        smaller->second = false;
        any = keeps_failing(s, r, smaller);
    }
    if ((*r)->optimiser) {
        recipe *smaller = recipe_copy(*r);
        smaller->optimiser = NULL;
        any = keeps_failing(s, r, smaller) || any;
    }
    return any;
}

/* What a node gives, read, instead of everything that was wanted. */
static bool look_earlier(suite *s, recipe **r)
{
    for (int i = 0, size = recipe_size(*r); i < (*r)->n_nodes; i++) {
        if (!(*r)->nodes[i].op) continue;
        recipe *smaller = recipe_copy(*r);
        smaller->terms.n = smaller->wrt.n = 0;
        smaller->second = false;
        smaller->optimiser = NULL;
        smaller->read = (tape_list){ 1, { smaller->nodes[i].out } };
        if (recipe_size(smaller) >= size) recipe_free(smaller);
        else if (keeps_failing(s, r, smaller)) return true;
    }
    return false;
}

/* With the values of a node for the node. */
static bool cut(suite *s, recipe **r)
{
    bool any = false;
    for (int i = (*r)->n_nodes - 1; i >= 0; i--) {
        if (!(*r)->nodes[i].op || (*r)->n_nodes + AD_MAX_OUTPUTS > MAX_NODES) continue;
        recipe *smaller = recipe_copy(*r);
        recipe_cut(smaller, i);
        if (recipe_size(smaller) == 0 || recipe_size(smaller) == recipe_size(*r)) recipe_free(smaller);
        else any = keeps_failing(s, r, smaller) || any;
    }
    return any;
}

void tape_shrink(suite *s, recipe **r)
{
    for (bool smaller = true; smaller;) {
        smaller = look_earlier(s, r);
        smaller = simplify(s, r) || smaller;
        smaller = shorten(s, r, offsetof(recipe, read)) || smaller;
        smaller = shorten(s, r, offsetof(recipe, terms)) || smaller;
        smaller = shorten(s, r, offsetof(recipe, wrt)) || smaller;
        smaller = cut(s, r) || smaller;
    }
    tape_agrees(s, *r);
}

/*
 * buffers.c - where values lie: parameters in their store, everything else in one arena, placed by lifetime. The largest value is
 * placed first, each at the lowest offset that is free while it lives; on the zoo this comes within a few percent of the largest
 * sum of values that live at once.
 */
#include <stdlib.h>

#include "autograd/internal.h"

#define ALIGN 64

int ad__base_of(const ad_program *p, int value)
{
    while (p->values[value].alias != value) value = p->values[value].alias;
    return value;
}

static void touch(ad_program *p, int value, int step)
{
    ad__value *v = &p->values[ad__base_of(p, value)];
    if (v->first < 0 || step < v->first) v->first = step;
    if (step > v->last) v->last = step;
}

/* What is read after the run must not lie in a parameter, which may have another value by then. */
static bool needs_copy(const ad_program *p, const ad__step *s)
{
    return p->values[s->out[0]].keep && p->values[ad__base_of(p, s->in[0])].tensor->leaf == AD__PARAMETER;
}

bool ad__moves_nothing(const ad_program *p, const ad__step *s)
{
    return !s->chain && (s->record->op->flags & AD_ALIAS) && p->values[s->out[0]].alias != s->out[0];
}

/* Reshapes lie in their operand, in-place updates in the parameter. */
void ad__find_aliases(ad_program *p)
{
    for (int i = 0; i < p->n_steps; i++) {
        const ad__step *s = &p->steps[i];
        bool alias = !s->chain && (s->record->op->flags & AD_ALIAS) && !needs_copy(p, s);
        if (s->in_place || alias) p->values[s->out[0]].alias = s->in[0];
    }
}

size_t ad__buffer_bytes(const ad_program *p, int value)
{
    return (ad_shape_bytes(&p->values[value].tensor->shape, p->precision) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

static void lifetimes(ad_program *p, bool reuse)
{
    for (int i = 0; i < p->n_values; i++) {
        p->values[i].first = p->values[i].last = -1;
        p->values[i].kind = AD__NOWHERE;
    }
    for (int i = 0; i < p->n_steps; i++) {
        const ad__step *s = &p->steps[i];
        if (ad__moves_nothing(p, s)) continue;
        for (int k = 0; k < s->n_in; k++)
            if (s->in[k] >= 0) touch(p, s->in[k], i);
        for (int k = 0; k < s->n_out; k++) touch(p, s->out[k], i);
        for (int k = 0; s->is_tail && k < s->n_out; k++) touch(p, s->out[k], i - 1);
    }
    for (int i = 0; i < p->n_values; i++) {
        ad__value *v = &p->values[i];
        if (v->keep && v->root == i) {
            touch(p, i, p->n_steps);
            if (v->tensor->leaf == AD__INPUT) touch(p, i, 0);
        }
    }
    for (int i = 0; i < p->n_values; i++) {
        ad__value *v = &p->values[i];
        if (v->first < 0 || v->in_chain || v->alias != i) continue;
        bool leaf = v->tensor->leaf == AD__PARAMETER || v->tensor->leaf == AD__CONSTANT;
        v->kind = leaf ? AD__EXTERNAL : AD__ARENA;
        v->bytes = ad__buffer_bytes(p, i);
        if (v->tensor->leaf == AD__INPUT || !reuse) {
            v->first = 0;
            v->last = p->n_steps;
        }
    }
}

static int by_size(const void *a, const void *b)
{
    const ad__lot *x = *(ad__lot *const *)a, *y = *(ad__lot *const *)b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x < y ? -1 : x > y;
}

static bool meet(const ad__lot *a, const ad__lot *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* `placed` is sorted by offset; the first gap wide enough between those that live at the same time is taken. */
static void put(ad__lot *v, ad__lot **placed, int n)
{
    size_t at = 0;
    int i = 0;
    for (; i < n; i++) {
        if (!meet(v, placed[i])) continue;
        if (placed[i]->offset >= at + v->bytes) break;
        if (placed[i]->offset + placed[i]->bytes > at) at = placed[i]->offset + placed[i]->bytes;
    }
    v->offset = at;
    i = n;
    while (i > 0 && placed[i - 1]->offset > at) {
        placed[i] = placed[i - 1];
        i--;
    }
    placed[i] = v;
}

bool ad__place_lots(int n, ad__lot *lots, size_t *total)
{
    ad__lot **order = malloc(2 * ((size_t)n + 1) * sizeof *order), **placed = order + n + 1;
    *total = 0;
    if (!order) return false;
    for (int i = 0; i < n; i++) order[i] = &lots[i];
    qsort(order, (size_t)n, sizeof *order, by_size);
    for (int i = 0; i < n; i++) {
        put(order[i], placed, i);
        if (order[i]->offset + order[i]->bytes > *total) *total = order[i]->offset + order[i]->bytes;
    }
    free(order);
    return true;
}

static ad_status place(ad_program *p)
{
    ad__lot *lots = malloc(((size_t)p->n_values + 1) * sizeof *lots);
    int n = 0;
    for (int i = 0; lots && i < p->n_values; i++) {
        const ad__value *v = &p->values[i];
        if (v->kind == AD__ARENA) lots[n++] = (ad__lot){ .first = v->first, .last = v->last, .bytes = v->bytes };
    }
    bool ok = lots && ad__place_lots(n, lots, &p->value_bytes);
    n = 0;
    for (int i = 0; ok && i < p->n_values; i++)
        if (p->values[i].kind == AD__ARENA) p->values[i].offset = lots[n++].offset;
    free(lots);
    return ok ? AD_OK : AD_FAIL(&p->ctx->error, ENOMEM, "plan: out of memory");
}

static ad_status list_leaves(ad_program *p)
{
    p->leaves = malloc(((size_t)p->n_values + 1) * sizeof *p->leaves);
    if (!p->leaves) return AD_FAIL(&p->ctx->error, ENOMEM, "plan: out of memory");
    for (int i = 0; i < p->n_values; i++)
        if (p->values[i].kind == AD__EXTERNAL) p->leaves[p->n_leaves++] = i;
    return AD_OK;
}

size_t ad__scratch_bytes(const ad_program *p)
{
    size_t most = 0;
    for (int i = 0; i < p->n_steps; i++) {
        size_t bytes = p->steps[i].scratch.shared + p->steps[i].scratch.per_thread * (size_t)p->ctx->threads;
        if (bytes > most) most = bytes;
    }
    return most;
}

ad_status ad__place_buffers(ad_program *p, bool reuse)
{
    ad__find_aliases(p);
    lifetimes(p, reuse);
    AD_TRY(place(p));
    p->arena_bytes = p->value_bytes + ad__scratch_bytes(p);
    return AD_OK;
}

ad_status ad__allocate_buffers(ad_program *p)
{
    AD_TRY(list_leaves(p));
    p->arena = ad__pages_alloc(p->arena_bytes);
    if (p->again.without == 0) p->again.without = p->arena_bytes;
    if (!p->arena) return AD_FAIL(&p->ctx->error, ENOMEM, "plan: out of memory (%zu bytes of arena)", p->arena_bytes);
    for (int i = 0; i < p->n_values; i++)
        if (p->values[i].kind == AD__ARENA) p->data[i] = p->arena + p->values[i].offset;
    for (int i = 0; i < p->n_values; i++)
        if (p->values[i].alias != i) p->data[i] = p->data[ad__base_of(p, i)];
    return AD_OK;
}

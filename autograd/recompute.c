/*
 * recompute.c - values of the forward part that the backward part computes again instead of keeping. An activation behind a norm is
 * a few cheap elementwise steps away from what the norm reads, and that is kept for the norm's own adjoint anyway: made again right
 * before its reader, the activation needs no memory in between, and a reader that is elementwise takes it from its own chain's block.
 *
 * The bits are those of the first time: the same records run on the same numbers.
 */
#include <stdlib.h>
#include <string.h>

#include "autograd/internal.h"

#define MAX_CLONES 4             /* steps made again for one use */

typedef struct walk {
    ad_program *p;
    int *writer;                 /* by value: step that makes it, -1 */
    int *last;                   /* by value: the last step that still reads it, so far */
    ad__step *reversed;          /* the new steps, last one first */
    int n, cap, n_tracked;
} walk;

static bool keep_step(walk *w, const ad__step *s)
{
    if (!ad__grow(&w->reversed, &w->cap, w->n + 1, sizeof *w->reversed)) return false;
    w->reversed[w->n++] = *s;
    return true;
}

static bool of_forward(const ad__step *s)
{
    return s->record->undoes < 0;
}

static bool alive(const walk *w, int value, int step)
{
    const ad__value *v = &w->p->values[value];
    return value >= w->n_tracked || w->writer[value] < 0 || v->keep || w->last[value] >= step;
}

static bool small(const walk *w, int value, int64_t count)
{
    return ad_count(&w->p->values[value].tensor->shape) < count;
}

/* Number of steps that make `value` again from what is alive at step j; more than MAX_CLONES if that cannot be. */
static int price(const walk *w, int value, int j)
{
    const ad_program *p = w->p;
    int steps = 1, maker = value < w->n_tracked ? w->writer[value] : -1;
    int64_t length;
    if (maker < 0) return MAX_CLONES + 1;
    const ad__step *s = &p->steps[maker];
    if (!(s->record->op->flags & AD_CHEAP) || !of_forward(s) || s->late || !ad__chainable(p, s, &length)) return MAX_CLONES + 1;
    int64_t count = ad_count(&p->values[value].tensor->shape);
    for (int k = 0; k < s->n_in && steps <= MAX_CLONES; k++)
        if (!small(w, s->in[k], count) && !alive(w, s->in[k], j)) steps += price(w, s->in[k], j);
    return steps;
}

/* The steps that make `value` again before step j; returns the value that stands for it there, -1 without memory. */
static int again(walk *w, int value, int j)
{
    ad_program *p = w->p;
    const ad__step *s = &p->steps[w->writer[value]];
    int64_t count = ad_count(&p->values[value].tensor->shape);
    int *ids = ad__arena_alloc(&p->memory, ((size_t)s->n_in + 1) * sizeof *ids), made = ad__value_again(p, value), at = w->n;
    ad__step clone = *s;
    if (!ids || made < 0 || !keep_step(w, &clone)) return -1;
    clone.in = ids;
    clone.out = ids + s->n_in;
    clone.out[0] = made;
    for (int k = 0; k < s->n_in; k++) {
        bool there = small(w, s->in[k], count) || alive(w, s->in[k], j);
        clone.in[k] = there ? s->in[k] : again(w, s->in[k], j);
        if (clone.in[k] < 0) return -1;
        if (there && w->last[s->in[k]] < j) w->last[s->in[k]] = j;
    }
    w->reversed[at] = clone;
    return made;
}

/* Step j, last ones first, so that what later steps read is known: every operand that is worth it is made again. */
static bool visit(walk *w, int j)
{
    ad_program *p = w->p;
    ad__step s = p->steps[j];
    int replace[AD_MAX_INPUTS], n = 0, at = w->n;
    for (int k = 0; k < s.n_in; k++) {
        int v = s.in[k];
        if (v < 0) continue;
        bool candidate = !s.late && !of_forward(&s) && w->writer[v] >= 0 && of_forward(&p->steps[w->writer[v]]) && !alive(w, v, j);
        if (candidate) replace[n++] = k;
        else if (w->last[v] < j) w->last[v] = j;
    }
    if (!keep_step(w, &s)) return false;
    if (n == 0) return true;
    int *ids = ad__arena_alloc(&p->memory, (size_t)(s.n_in + s.n_out) * sizeof *ids);
    if (!ids) return false;
    memcpy(ids, s.in, (size_t)s.n_in * sizeof *ids);
    memcpy(ids + s.n_in, s.out, (size_t)s.n_out * sizeof *ids);
    s.in = ids;
    s.out = ids + s.n_in;
    for (int i = 0; i < n; i++) {
        int v = s.in[replace[i]];
        if (!alive(w, v, j) && price(w, v, j) <= MAX_CLONES) s.in[replace[i]] = again(w, v, j);
        else if (w->last[v] < j) w->last[v] = j;
        if (s.in[replace[i]] < 0) return false;
    }
    w->reversed[at] = s;
    return true;
}

static bool start(walk *w)
{
    const ad_program *p = w->p;
    w->n_tracked = p->n_values;
    w->writer = malloc(((size_t)p->n_values + 1) * sizeof *w->writer);
    w->last = malloc(((size_t)p->n_values + 1) * sizeof *w->last);
    if (!w->writer || !w->last) return false;
    for (int i = 0; i < p->n_values; i++) w->writer[i] = w->last[i] = -1;
    for (int i = 0; i < p->n_steps; i++)
        for (int k = 0; k < p->steps[i].n_out; k++) w->writer[p->steps[i].out[k]] = i;
    return true;
}

ad_status ad__plan_recompute(ad_program *p)
{
    walk w = { .p = p };
    bool ok = start(&w);
    for (int j = p->n_steps - 1; ok && j >= 0; j--) ok = visit(&w, j);
    if (ok) {
        int added = w.n - p->n_steps;
        for (int i = 0; i < w.n / 2; i++) {
            ad__step s = w.reversed[i];
            w.reversed[i] = w.reversed[w.n - 1 - i];
            w.reversed[w.n - 1 - i] = s;
        }
        free(p->steps);
        p->steps = w.reversed;
        w.reversed = NULL;
        p->n_steps = w.n;
        p->first_late += added;
    }
    free(w.writer);
    free(w.last);
    free(w.reversed);
    return ok ? AD_OK : AD_FAIL(&p->ctx->error, ENOMEM, "plan: out of memory");
}

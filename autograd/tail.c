/*
 * tail.c - tails. A chain whose operand a convolution has just made runs on each piece of that result as soon as it is complete, on the
 * thread that made it, while it is still in the cache (ad_call.tail). Convolution and chain stay two steps, one behind the other: the first
 * runs both. The bits do not change: the chain computes the same elements, in pieces cut elsewhere.
 *
 * The chain moves up to behind the convolution; so everything else that it reads must be there before. Where nobody else reads the
 * convolution's result, it lies where a result of the chain lies, and is written over in the cache: it never goes to memory.
 */
#include <stdlib.h>
#include <string.h>

#include "autograd/internal.h"

static bool reads(const ad__step *s, int value)
{
    for (int k = 0; k < s->n_in; k++)
        if (s->in[k] == value) return true;
    return false;
}

bool ad__tailed(const ad__step *s)
{
    return s->record && !s->chain && (s->record->op->flags & AD_TAILED) && s->n_out == 1;
}

/* By value: the steps that have still to run before it is there. A concatenation may have several. */
static int *writers(const ad_program *p)
{
    int *left = calloc((size_t)p->n_values + 1, sizeof *left);
    for (int i = 0; left && i < p->n_steps; i++)
        for (int k = 0; k < p->steps[i].n_out; k++) left[p->steps[i].out[k]]++;
    return left;
}

/* Rows of the chain's row operands and windows must begin where a piece may begin. */
static bool fits(const ad_program *p, const ad__step *s, int value, const int *left)
{
    const ad__chain *ch = s->chain;
    const ad_shape *x = &p->values[value].tensor->shape;
    bool full = false;
    if (s->late || ch->count != ad_count(x)) return false;
    for (int k = 0; k < s->n_in; k++)
        if (s->in[k] != value && left[s->in[k]] > 0) return false;
    for (int i = 0; i < ch->n_slots; i++) {
        if (ch->slots[i].value == value) full = ch->slots[i].span == AD__FULL;
        if (ch->slots[i].span == AD__ROW && ad__row_of(x) % ch->slots[i].n_row != 0) return false;
    }
    for (int i = 0; i < ch->n_windows; i++)
        if (ad__row_of(x) % ad__row_of(&p->values[ch->slots[ch->windows[i].slot].value].tensor->shape) != 0) return false;
    return full;
}

/* The chain behind step i that may be its tail, -1. Only the first reader is looked at; *sole: there is no other. */
static int find(const ad_program *p, int i, const int *left, bool *sole)
{
    int value = p->steps[i].out[0], found = -1, readers = 0;
    for (int j = i + 1; j < p->n_steps; j++) {
        if (!reads(&p->steps[j], value)) continue;
        if (readers++ == 0 && p->steps[j].chain && fits(p, &p->steps[j], value, left)) found = j;
        if (readers > 1 || found < 0) break;
    }
    *sole = readers == 1 && !p->values[value].keep;
    return found;
}

/* A result of the chain that is written when no later link reads `value` any more may lie over it. */
static int slot_over(const ad__chain *ch, int value)
{
    int last = -1;
    for (int l = 0; l < ch->n_links; l++)
        for (int k = 0; k < ch->links[l].n_in; k++)
            if (ch->slots[ch->links[l].in[k]].value == value) last = l;
    for (int l = last; l < ch->n_links; l++)
        if (ch->slots[ch->links[l].out].buffer < 0) return ch->links[l].out;
    return -1;
}

static void move_up(ad_program *p, int from, int to)
{
    ad__step s = p->steps[from];
    memmove(&p->steps[to + 1], &p->steps[to], (size_t)(from - to) * sizeof s);
    p->steps[to] = s;
}

/* Makes the chain of step i + 1 the tail of step i. */
static void attach(ad_program *p, int i, int over)
{
    ad__step *s = &p->steps[i], *tail = &p->steps[i + 1];
    tail->is_tail = true;
    tail->chain->over = over;
    s->scratch.per_thread = ((s->scratch.per_thread + 63) & ~(size_t)63) + tail->scratch.per_thread;
    if (over >= 0) p->values[s->out[0]].alias = tail->chain->slots[over].value;
}

/* With `tight`, only where the arena needs no more for it: one result, over what it is made from. */
static void attach_all(ad_program *p, int *left, bool reuse, bool tight)
{
    for (int i = 0; i < p->first_late; i++) {
        bool sole = false;
        int j = ad__tailed(&p->steps[i]) ? find(p, i, left, &sole) : -1;
        int over = j >= 0 && sole && reuse ? slot_over(p->steps[j].chain, p->steps[i].out[0]) : -1;
        if (j >= 0 && (!tight || (over >= 0 && p->steps[j].n_out == 1))) {
            move_up(p, j, i + 1);
            attach(p, i, over);
        }
        for (int k = 0; k < p->steps[i].n_out; k++) left[p->steps[i].out[k]]--;
    }
}

/* Back to the steps of before. */
static void detach_all(ad_program *p, const ad__step *before)
{
    for (int i = 1; i < p->n_steps; i++)
        if (p->steps[i].is_tail && p->steps[i].chain->over >= 0) {
            p->steps[i].chain->over = -1;
            p->values[p->steps[i - 1].out[0]].alias = p->steps[i - 1].out[0];
        }
    if (p->n_steps > 0) memcpy(p->steps, before, (size_t)p->n_steps * sizeof *before);
}

static ad_status fit(ad_program *p, const ad__step *before, bool reuse, size_t memory, bool *fits)
{
    AD_TRY(ad__place_buffers(p, reuse));
    size_t bytes = p->value_bytes + ad__scratch_bytes(p);
    *fits = bytes <= memory;
    if (*fits) return AD_OK;
    if (p->again.without == 0) p->again.without = bytes;
    detach_all(p, before);
    return AD_OK;
}

ad_status ad__plan_tails(ad_program *p, bool reuse, bool tight, size_t memory, bool *fits)
{
    int *left = writers(p);
    ad__step *before = malloc(((size_t)p->n_steps + 1) * sizeof *before);
    ad_status s = left && before ? AD_OK : AD_FAIL(&p->ctx->error, ENOMEM, "plan: out of memory");
    *fits = true;
    if (s == AD_OK) {
        if (p->n_steps > 0) memcpy(before, p->steps, (size_t)p->n_steps * sizeof *before);
        attach_all(p, left, reuse, tight);
        if (memory) s = fit(p, before, reuse, memory, fits);
    }
    free(left);
    free(before);
    return s;
}

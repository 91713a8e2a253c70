/*
 * budget.c - a program whose arena fits into a given number of bytes. Orders of steps are tried whose buffers stay below one limit
 * after the other, each a little lower (schedule.c), and their buffers are placed; of those whose arena fits the cheapest becomes the
 * program. The limits do not depend on the budget, so what one search calls the smallest arena, another one finds.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/internal.h"

#define LOWER 0.97               /* a limit over the one before */
#define FAR_ENOUGH 0.85          /* of the budget: limits below it cost more than one that was found */

typedef struct search {
    ad_program *p;
    ad__flow flow;
    ad__schedule schedule, best;
    ad__lot *lots;
    int n_lots, cap_lots;
    int *latest;                 /* by value: lot, then value, that stands for it */
    size_t live, bytes;          /* of the latest schedule: most bytes at once; after placing */
} search;

/* ---- what an order of steps takes ---- */

/* A lot for each buffer, and behind those of the program's own values one for each result that is made again, as they are made. */
static bool make_lots(search *x)
{
    const ad__flow *f = &x->flow;
    int n = f->n_values, most = n, end = x->schedule.n;
    for (int t = 0; t < end; t++) most += f->p->steps[x->schedule.step[t]].n_out;
    if (!ad__grow(&x->lots, &x->cap_lots, most + 1, sizeof *x->lots)) return false;
    for (int v = 0; v < f->n_values; v++) {
        bool always = f->bytes[v] && f->writer[v] < 0;
        x->lots[v] = (ad__lot){ .first = always ? 0 : -1, .last = always || f->keep[v] ? end : -1, .bytes = f->bytes[v] };
        x->latest[v] = v;
    }
    for (int t = 0; t < end; t++) {
        int step = x->schedule.step[t];
        const ad__step *s = &f->p->steps[step];
        for (int k = f->in_at[step]; k < f->in_at[step + 1]; k++) {
            ad__lot *lot = &x->lots[x->latest[f->in[k]]];
            if (lot->last < t) lot->last = t;
        }
        for (int k = 0; k < s->n_out; k++) {
            int v = s->out[k], lot = v;
            if (f->bytes[v] == 0) continue;
            if (x->lots[v].first >= 0) {
                lot = n++;
                x->lots[lot] = (ad__lot){ .last = t, .bytes = f->bytes[v] };
                if (!f->fixed[v]) x->latest[v] = lot;
            }
            x->lots[lot].first = t;
            if (x->lots[lot].last < t) x->lots[lot].last = t;
        }
    }
    x->n_lots = 0;
    for (int i = 0; i < n; i++)
        if (x->lots[i].first >= 0) x->lots[x->n_lots++] = x->lots[i];
    return true;
}

/* Most bytes that live at once, and what they take when placed. */
static bool measure(search *x)
{
    int end = x->schedule.n;
    int64_t *change = calloc((size_t)end + 2, sizeof *change), live = 0, most = 0;
    if (!change || !make_lots(x)) {
        free(change);
        return false;
    }
    for (int i = 0; i < x->n_lots; i++) {
        change[x->lots[i].first] += (int64_t)x->lots[i].bytes;
        change[x->lots[i].last + 1] -= (int64_t)x->lots[i].bytes;
    }
    for (int t = 0; t <= end; t++) {
        live += change[t];
        if (live > most) most = live;
    }
    free(change);
    x->live = (size_t)most;
    return ad__place_lots(x->n_lots, x->lots, &x->bytes);
}

/* ---- a schedule becomes the program ---- */

/* The value that is read where step s of the program reads v. */
static int read_as(search *x, int v)
{
    ad_program *p = x->p;
    int base = v < 0 ? -1 : ad__base_of(p, v), now = base < 0 || base >= x->flow.n_values ? base : x->latest[base];
    if (now == base) return v;
    if (v == base) return now;
    int alias = ad__value_again(p, v);
    if (alias >= 0) p->values[alias].alias = now;
    return alias;
}

static bool rename_slots(ad_program *p, ad__step *s, const ad__step *from)
{
    ad__chain *c = ad__arena_alloc(&p->memory, sizeof *c);
    ad__slot *slots = c ? ad__arena_alloc(&p->memory, (size_t)s->chain->n_slots * sizeof *slots) : NULL;
    if (!slots) return false;
    *c = *s->chain;
    memcpy(slots, c->slots, (size_t)c->n_slots * sizeof *slots);
    for (int i = 0; i < c->n_slots; i++) {
        for (int k = 0; k < s->n_in; k++)
            if (c->slots[i].value == from->in[k]) slots[i].value = s->in[k];
        for (int k = 0; k < s->n_out; k++)
            if (c->slots[i].value == from->out[k]) slots[i].value = s->out[k];
    }
    c->slots = slots;
    s->chain = c;
    return true;
}

/* The step as it stands at its place in the schedule: `again` if it ran before. */
static bool put_step(search *x, const ad__step *from, bool again, ad__step *s)
{
    ad_program *p = x->p;
    *s = *from;
    if (ad__moves_nothing(p, from)) return true;
    int *ids = ad__arena_alloc(&p->memory, ((size_t)from->n_in + (size_t)from->n_out + 1) * sizeof *ids);
    bool renamed = again;
    if (!ids) return false;
    s->in = ids;
    s->out = ids + s->n_in;
    for (int k = 0; k < s->n_in; k++) {
        s->in[k] = read_as(x, from->in[k]);
        if (s->in[k] < 0 && from->in[k] >= 0) return false;
        renamed = renamed || s->in[k] != from->in[k];
    }
    for (int k = 0; k < s->n_out; k++) {
        s->out[k] = again ? ad__value_again(p, from->out[k]) : from->out[k];
        if (s->out[k] < 0) return false;
        if (again && !x->flow.fixed[from->out[k]]) x->latest[from->out[k]] = s->out[k];
    }
    if (again) {
        p->again.records += s->chain ? s->chain->n_links : 1;
        p->again.macs += s->cost.macs;
        p->again.bytes += s->cost.bytes;
    }
    return !s->chain || !renamed || rename_slots(p, s, from);
}

static bool apply(search *x)
{
    ad_program *p = x->p;
    ad__step *steps = malloc(((size_t)x->best.n + 1) * sizeof *steps);
    bool *ran = calloc((size_t)p->n_steps + 1, sizeof *ran), ok = steps && ran;
    int n = 0;
    for (int v = 0; v < x->flow.n_values; v++) x->latest[v] = v;
    for (; ok && n < x->best.n; n++) {
        int step = x->best.step[n];
        ok = put_step(x, &p->steps[step], ran[step], &steps[n]);
        ran[step] = true;
    }
    free(ran);
    if (!ok) {
        free(steps);
        return false;
    }
    free(p->steps);
    p->steps = steps;
    p->n_steps = p->first_late = n;
    for (int i = n - 1; i >= 0; i--)
        if (steps[i].late) p->first_late = i;
    return true;
}

/* ---- the search ---- */

static ad_status no_memory(const ad_program *p)
{
    return AD_FAIL(&p->ctx->error, ENOMEM, "plan: out of memory");
}

/* Tries the limits from `first` bytes down: the cheapest schedule that takes `enough` goes to x->best. Where none does, the limits are
 * tried until there is no schedule, and *least is the fewest bytes that any takes, the one that was measured before among them. */
static ad_status try_all(search *x, size_t first, size_t enough, size_t *least)
{
    bool any = true;
    *least = x->bytes;
    for (double limit = (double)first * LOWER; any && (x->best.n == 0 || limit > FAR_ENOUGH * (double)enough); limit *= LOWER) {
        any = false;
        for (ad__patience i = 0; i < AD__PATIENCES; i++) {
            bool found;
            AD_TRY(ad__schedule_make(&x->flow, (size_t)limit, i, &x->schedule, &found));
            if (!found) continue;
            any = true;
            if (!measure(x)) return no_memory(x->p);
            if (x->bytes < *least) *least = x->bytes;
            if (x->bytes > enough || (x->best.n > 0 && x->best.cost <= x->schedule.cost)) continue;
            ad__schedule swap = x->best;
            x->best = x->schedule;
            x->schedule = swap;
        }
    }
    return AD_OK;
}

/* Rounded up, so that what is called enough is. */
static const char *mib(size_t bytes, char text[32])
{
    snprintf(text, 32, "%.1f MiB", ceil((double)bytes / 104857.6) / 10);
    return text;
}

static ad_status refuse(const ad_program *p, size_t memory, size_t least)
{
    char asked[32], smallest_text[32], all[32];
    return AD_FAIL(&p->ctx->error, EUSAGE, "a memory budget of %s (%zu bytes) is too small: the smallest arena that can be reached takes %s "
                   "(%zu bytes); without a budget it takes %s", mib(memory, asked), memory, mib(least, smallest_text), least,
                   mib(p->again.without, all));
}

static ad_status find(search *x, size_t memory)
{
    ad_program *p = x->p;
    size_t scratch = ad__scratch_bytes(p), least, enough = memory > scratch ? memory - scratch : 0;
    bool found;
    AD_TRY(ad__schedule_make(&x->flow, SIZE_MAX, AD__LATER, &x->schedule, &found));
    AD_ASSERT(found);
    if (!measure(x)) return no_memory(p);
    if (p->again.without == 0) p->again.without = x->bytes + scratch;
    if (x->bytes <= enough) return AD_OK;
    AD_TRY(try_all(x, x->live, enough, &least));
    if (x->best.n == 0) return refuse(p, memory, least + scratch);
    return apply(x) ? AD_OK : no_memory(p);
}

ad_status ad__plan_budget(ad_program *p, size_t memory)
{
    search x = { .p = p };
    ad__find_aliases(p);
    AD_TRY(ad__flow_init(&x.flow, p));
    x.latest = malloc(((size_t)p->n_values + 1) * sizeof *x.latest);
    ad_status s = x.latest ? find(&x, memory) : no_memory(p);
    ad__flow_fini(&x.flow);
    free(x.schedule.step);
    free(x.best.step);
    free(x.lots);
    free(x.latest);
    return s;
}

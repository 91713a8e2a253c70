/*
 * chain.c - elementwise chains. Consecutive elementwise records over the same elements become one step that runs the whole chain on
 * a block of about a thousand elements at a time, so that what is between them never leaves first-level cache. The bits do not
 * change: each record's own forward runs on the block.
 *
 * A group of records runs where its last member stood. That is sound when no record outside the group reads a member's result
 * before that place; each time a record joins, this is checked for the whole group. A record alone is a chain if it has row operands:
 * repeated through a block they make one long loop of many short ones.
 */
#include <stdlib.h>
#include <string.h>

#include "autograd/internal.h"

/* Elements in a block: 4 KiB of floats, so that a dozen operands share a 48 KiB first-level cache. */
#define BLOCK 1024
#define MIN_COUNT 2048
#define MAX_ROW 4096

typedef struct group {
    int n, member[AD__MAX_LINKS];    /* steps in order */
    int64_t count, row;          /* elements; length of row operands, 0 if none yet */
} group;

typedef struct plan {
    ad_program *p;
    int *writer;                 /* by value: step that makes it, -1 for leaves */
    int *reader, *next;          /* by value: list of uses; by use: next one */
    int *use_step;
    int *group_of;               /* by step, -1 */
    group *groups;
    int n_groups, n_uses;
} plan;

/* ---- which records qualify ---- */

static bool full(const ad_shape *x, const ad_shape *y)
{
    return ad_count(x) == ad_count(y) && ad_count(x) > 1;
}

static bool row(const ad_shape *x, const ad_shape *y)
{
    return x->rank > 0 && y->rank > 0 && ad_count(x) == x->dim[x->rank - 1] && x->dim[x->rank - 1] == y->dim[y->rank - 1] &&
           ad_count(x) <= MAX_ROW;
}

static bool span_of(const ad_shape *x, const ad_shape *y, ad__span *span)
{
    if (x->dtype != AD_REAL) return false;
    if (full(x, y)) *span = AD__FULL;
    else if (ad_count(x) == 1) *span = AD__ONE;
    else if (row(x, y)) *span = AD__ROW;
    else return false;
    return true;
}

bool ad__chainable(const ad_program *p, const ad__step *s, int64_t *length)
{
    const ad_op *op = s->record->op;
    const ad_shape *y = &s->record->out[0]->shape;
    *length = 0;
    if (!(op->flags & AD_ELEMENTWISE) || s->n_out != 1 || s->n_in < 1 || s->n_in > AD_MAX_OPERANDS || s->in_place || op->scratch ||
        (op->flags & AD_DRAWS) || y->dtype != AD_REAL || ad_count(y) < MIN_COUNT)
        return false;
    for (int i = 0; i < s->n_in; i++) {
        ad__span span;
        if (s->in[i] < 0 || !span_of(&p->values[s->in[i]].tensor->shape, y, &span)) return false;
        if (span == AD__ROW) *length = y->dim[y->rank - 1];
    }
    return true;
}

/* ---- growing groups ---- */

static bool in_groups(const plan *c, int step, int a, int b)
{
    int g = c->group_of[step];
    return g >= 0 && (g == a || g == b);
}

/* May the members of groups a and b (b may be -1) run as late as step j? */
static bool may_wait(const plan *c, int a, int b, int j)
{
    for (int pass = 0; pass < 2; pass++) {
        int g = pass ? b : a;
        for (int m = 0; g >= 0 && m < c->groups[g].n; m++) {
            int value = c->p->steps[c->groups[g].member[m]].out[0];
            for (int u = c->reader[value]; u >= 0; u = c->next[u])
                if (c->use_step[u] < j && !in_groups(c, c->use_step[u], a, b)) return false;
        }
    }
    return true;
}

static bool rows_agree(int64_t a, int64_t b)
{
    return a == 0 || b == 0 || a == b;
}

static void insert(group *g, int step)
{
    int at = g->n++;
    while (at > 0 && g->member[at - 1] > step) {
        g->member[at] = g->member[at - 1];
        at--;
    }
    g->member[at] = step;
}

/* Step j joins the group of each operand that it can; groups that meet in it become one. */
static void join(plan *c, int j, int64_t length)
{
    const ad__step *s = &c->p->steps[j];
    int64_t count = ad_count(&s->record->out[0]->shape);
    int mine = -1;
    for (int i = 0; i < s->n_in; i++) {
        int writer = c->writer[s->in[i]], g = writer >= 0 ? c->group_of[writer] : -1;
        if (g < 0 || g == mine || c->groups[g].count != count || !rows_agree(c->groups[g].row, length)) continue;
        if (c->p->steps[writer].late != s->late || !may_wait(c, g, mine, j)) continue;
        if (mine >= 0 && !rows_agree(c->groups[g].row, c->groups[mine].row)) continue;
        if (c->groups[g].n + (mine >= 0 ? c->groups[mine].n : 0) + 1 > AD__MAX_LINKS) continue;
        if (mine < 0) {
            mine = g;
            continue;
        }
        for (int m = 0; m < c->groups[g].n; m++) {
            insert(&c->groups[mine], c->groups[g].member[m]);
            c->group_of[c->groups[g].member[m]] = mine;
        }
        if (c->groups[g].row) c->groups[mine].row = c->groups[g].row;
        c->groups[g].n = 0;
    }
    if (mine < 0) {
        mine = c->n_groups++;
        c->groups[mine] = (group){ .count = count };
    }
    insert(&c->groups[mine], j);
    if (length) c->groups[mine].row = length;
    c->group_of[j] = mine;
}

/* ---- a group becomes a chain ---- */

static bool read_outside(const plan *c, int value, int g)
{
    if (c->p->values[value].keep) return true;
    for (int u = c->reader[value]; u >= 0; u = c->next[u])
        if (c->group_of[c->use_step[u]] != g) return true;
    return false;
}

static int slot_of(ad__chain *ch, int value)
{
    for (int i = 0; i < ch->n_slots; i++)
        if (ch->slots[i].value == value) return i;
    ch->slots[ch->n_slots] = (ad__slot){ .value = value, .buffer = -1 };
    return ch->n_slots++;
}

static void add_link(const plan *c, ad__chain *ch, int g, int step)
{
    const ad__step *s = &c->p->steps[step];
    ad__link *l = &ch->links[ch->n_links++];
    *l = (ad__link){ .record = s->record, .n_in = s->n_in };
    for (int i = 0; i < s->n_in; i++) {
        const ad_shape *x = &c->p->values[s->in[i]].tensor->shape;
        l->in[i] = slot_of(ch, s->in[i]);
        ad__slot *slot = &ch->slots[l->in[i]];
        bool known = span_of(x, &s->record->out[0]->shape, &slot->span);
        AD_ASSERT(known);
        slot->n_row = slot->span == AD__ROW ? (int)ad_count(x) : 0;
    }
    l->out = slot_of(ch, s->out[0]);
    ch->slots[l->out].span = AD__FULL;
    ch->slots[l->out].local = !read_outside(c, s->out[0], g);
}

static int last_use(const ad__chain *ch, int slot)
{
    int last = -1;
    for (int l = 0; l < ch->n_links; l++)
        for (int i = 0; i < ch->links[l].n_in; i++)
            if (ch->links[l].in[i] == slot) last = l;
    return last;
}

/* Rows keep a buffer for the whole chain; locals share buffers as soon as one's last reader has run. */
static void give_buffers(ad__chain *ch)
{
    int free_after[2 * AD__MAX_LINKS * AD_MAX_OPERANDS];
    for (int i = 0; i < ch->n_slots; i++)
        if (ch->slots[i].span == AD__ROW) {
            free_after[ch->n_buffers] = ch->n_links;
            ch->slots[i].buffer = ch->n_buffers++;
        }
    for (int l = 0; l < ch->n_links; l++) {
        ad__slot *s = &ch->slots[ch->links[l].out];
        int b = 0;
        if (!s->local) continue;
        while (b < ch->n_buffers && free_after[b] >= l) b++;
        if (b == ch->n_buffers) ch->n_buffers++;
        free_after[b] = last_use(ch, ch->links[l].out);
        s->buffer = b;
    }
}

static void ends(ad_program *p, ad__step *s, const ad__chain *ch, int *ids)
{
    s->in = ids;
    s->n_in = s->n_out = 0;
    for (int i = 0; i < ch->n_slots; i++) {
        bool made = false;
        for (int l = 0; l < ch->n_links; l++) made = made || ch->links[l].out == i;
        if (!made) s->in[s->n_in++] = ch->slots[i].value;
    }
    s->out = ids + s->n_in;
    for (int l = 0; l < ch->n_links; l++) {
        const ad__slot *slot = &ch->slots[ch->links[l].out];
        if (slot->local) p->values[slot->value].in_chain = true;
        else s->out[s->n_out++] = slot->value;
    }
}

static ad_status make_chain(plan *c, int g)
{
    ad_program *p = c->p;
    const group *grp = &c->groups[g];
    ad__step *last = &p->steps[grp->member[grp->n - 1]];
    size_t n_slots = (size_t)grp->n * (AD_MAX_OPERANDS + 1);
    ad__chain *ch = ad__arena_alloc(&p->memory, sizeof *ch);
    int *ids = ad__arena_alloc(&p->memory, n_slots * sizeof *ids);
    if (!ch || !ids || !(ch->links = ad__arena_alloc(&p->memory, (size_t)grp->n * sizeof *ch->links)) ||
        !(ch->slots = ad__arena_alloc(&p->memory, n_slots * sizeof *ch->slots)))
        return AD_FAIL(&p->ctx->error, ENOMEM, "plan: out of memory");
    for (int m = 0; m < grp->n; m++) add_link(c, ch, g, grp->member[m]);
    give_buffers(ch);
    ch->count = grp->count;
    ch->over = -1;
    ch->block = grp->row ? grp->row * (BLOCK / grp->row > 0 ? BLOCK / grp->row : 1) : BLOCK;
    last->chain = ch;
    ends(p, last, ch, ids);
    for (int m = 0; m < grp->n - 1; m++) p->steps[grp->member[m]].record = NULL;
    return AD_OK;
}

void ad__drop_steps(ad_program *p)
{
    int n = 0, late = p->n_steps;
    for (int i = 0; i < p->n_steps; i++) {
        if (!p->steps[i].record) continue;
        if (p->steps[i].late && n < late) late = n;
        p->steps[n++] = p->steps[i];
    }
    p->n_steps = n;
    p->first_late = late < n ? late : n;
}

static bool uses(plan *c)
{
    const ad_program *p = c->p;
    int total = 0;
    for (int i = 0; i < p->n_steps; i++) total += p->steps[i].n_in;
    c->writer = malloc(((size_t)p->n_values + 1) * sizeof *c->writer);
    c->reader = malloc(((size_t)p->n_values + 1) * sizeof *c->reader);
    c->next = malloc(((size_t)total + 1) * sizeof *c->next);
    c->use_step = malloc(((size_t)total + 1) * sizeof *c->use_step);
    c->group_of = malloc(((size_t)p->n_steps + 1) * sizeof *c->group_of);
    c->groups = malloc(((size_t)p->n_steps + 1) * sizeof *c->groups);
    if (!c->writer || !c->reader || !c->next || !c->use_step || !c->group_of || !c->groups) return false;
    for (int i = 0; i < p->n_values; i++) c->writer[i] = c->reader[i] = -1;
    for (int i = 0; i < p->n_steps; i++) {
        c->group_of[i] = -1;
        for (int k = 0; k < p->steps[i].n_out; k++) c->writer[p->steps[i].out[k]] = i;
        for (int k = 0; k < p->steps[i].n_in; k++) {
            int v = p->steps[i].in[k];
            if (v < 0) continue;
            c->use_step[c->n_uses] = i;
            c->next[c->n_uses] = c->reader[v];
            c->reader[v] = c->n_uses++;
        }
    }
    return true;
}

/* The step's operand is the result of an op that may have it as its tail. */
static bool may_be_tail(const plan *c, const ad__step *s)
{
    for (int i = 0; i < s->n_in; i++)
        if (c->writer[s->in[i]] >= 0 && ad__tailed(&c->p->steps[c->writer[s->in[i]]])) return true;
    return false;
}

ad_status ad__plan_chains(ad_program *p, bool tails)
{
    plan c = { .p = p };
    ad_status s = uses(&c) ? AD_OK : AD_FAIL(&p->ctx->error, ENOMEM, "plan: out of memory");
    for (int j = 0; s == AD_OK && j < p->n_steps; j++) {
        int64_t length;
        if (ad__chainable(p, &p->steps[j], &length)) join(&c, j, length);
    }
    for (int g = 0; s == AD_OK && g < c.n_groups; g++) {
        const group *grp = &c.groups[g];
        if (grp->n > 1 || (grp->n == 1 && (grp->row || (tails && may_be_tail(&c, &p->steps[grp->member[0]]))))) s = make_chain(&c, g);
    }
    ad__drop_steps(p);
    free(c.writer);
    free(c.reader);
    free(c.next);
    free(c.use_step);
    free(c.group_of);
    free(c.groups);
    return s;
}

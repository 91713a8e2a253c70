/*
 * plan.c - a tape becomes a program: what no output needs is dropped, equal records are shared, steps that change parameters come
 * last, cheap values are computed again where they would have to be kept for long (recompute.c), elementwise chains are joined
 * (chain.c), take part in slices and concatenations (columns.c) and run where convolutions make what they read (tail.c), buffers are
 * placed by lifetime (buffers.c), and if they must fit into a budget, more is computed again (budget.c). This is done with and without
 * recomputing, and the faster program that fits is taken.
 */
#include <stdlib.h>
#include <string.h>

#include "autograd/internal.h"

int ad__value_of(const ad_program *p, const ad_tensor *x)
{
    return p->values[x->id].root;
}

/* ---- what is needed ---- */

static void mark(const ad_tensor *x, bool *needed)
{
    if (x->record) needed[x->record->index] = true;
}

static bool *find_needed(const ad_program *p, int n_out, ad_tensor *const *outs, const ad_plan_options *o)
{
    const ad_tape *t = p->tape;
    bool *needed = calloc((size_t)t->n_records + 1, sizeof *needed);
    if (!needed) return NULL;
    for (int i = 0; i < n_out; i++) mark(outs[i], needed);
    if (o->guard) mark(o->guard, needed);
    for (int i = 0; !o->no_commits && i < t->n_commits; i++) mark(t->commits[i].value, needed);
    for (int i = t->n_records - 1; i >= 0; i--) {
        const ad__record *r = t->records[i];
        for (int k = 0; needed[i] && k < r->n_in; k++)
            if (r->in[k]) mark(r->in[k], needed);
    }
    return needed;
}

/* ---- equal records are shared ---- */

static uint64_t hash_bytes(uint64_t h, const void *data, size_t n)
{
    const unsigned char *b = data;
    for (size_t i = 0; i < n; i++) h = (h ^ b[i]) * 0x100000001b3u;
    return h;
}

static bool shareable(const ad__record *r)
{
    return !(r->op->flags & (AD_DRAWS | AD_IN_PLACE)) && !r->op->commits[0].output_plus_1;
}

static uint64_t record_hash(const ad_program *p, const ad__record *r)
{
    uint64_t h = hash_bytes(0xcbf29ce484222325u, &r->op, sizeof r->op);
    for (int i = 0; i < r->n_in; i++) {
        int id = r->in[i] ? ad__value_of(p, r->in[i]) : -1;
        h = hash_bytes(h, &id, sizeof id);
    }
    return hash_bytes(h, r->attr, r->op->attr_size);
}

static bool record_equal(const ad_program *p, const ad__record *a, const ad__record *b)
{
    if (a->op != b->op || a->n_in != b->n_in || !ad_shape_equal(&a->out[0]->shape, &b->out[0]->shape)) return false;
    for (int i = 0; i < a->n_in; i++) {
        if (!a->in[i] || !b->in[i]) {
            if (a->in[i] != b->in[i]) return false;
        } else if (ad__value_of(p, a->in[i]) != ad__value_of(p, b->in[i])) {
            return false;
        }
    }
    return a->op->attr_size == 0 || memcmp(a->attr, b->attr, a->op->attr_size) == 0;
}

/* Records in order meet in a hash table; the later of two equal ones is no longer needed, its outputs stand for the earlier's. */
static ad_status share(ad_program *p, bool *needed)
{
    const ad_tape *t = p->tape;
    size_t size = 64;
    while (size < (size_t)t->n_records * 2) size *= 2;
    int *table = malloc(size * sizeof *table);
    if (!table) return AD_FAIL(&p->ctx->error, ENOMEM, "plan: out of memory");
    memset(table, -1, size * sizeof *table);
    for (int i = 0; i < t->n_records; i++) {
        const ad__record *r = t->records[i];
        if (!needed[i] || !shareable(r)) continue;
        size_t at = record_hash(p, r) & (size - 1);
        while (table[at] >= 0 && !record_equal(p, t->records[table[at]], r)) at = (at + 1) & (size - 1);
        if (table[at] < 0) {
            table[at] = i;
            continue;
        }
        needed[i] = false;
        for (int k = 0; k < r->n_out; k++) p->values[r->out[k]->id].root = t->records[table[at]]->out[k]->id;
    }
    free(table);
    return AD_OK;
}

/* ---- steps ---- */

static ad_status add_step(ad_program *p, const ad__record *r)
{
    ad__step *s = &p->steps[p->n_steps];
    int *ids = ad__arena_alloc(&p->memory, (size_t)(r->n_in + r->n_out) * sizeof *ids);
    if (!ids) return AD_FAIL(&p->ctx->error, ENOMEM, "plan: out of memory");
    *s = (ad__step){ .record = r, .n_in = r->n_in, .n_out = r->n_out, .in = ids, .out = ids + r->n_in };
    for (int i = 0; i < r->n_in; i++) s->in[i] = r->in[i] ? ad__value_of(p, r->in[i]) : -1;
    for (int k = 0; k < r->n_out; k++) s->out[k] = r->out[k]->id;
    p->n_steps++;
    return AD_OK;
}

static ad_status make_steps(ad_program *p, const bool *needed)
{
    const ad_tape *t = p->tape;
    p->steps = calloc((size_t)t->n_records + 1, sizeof *p->steps);
    if (!p->steps) return AD_FAIL(&p->ctx->error, ENOMEM, "plan: out of memory");
    for (int i = 0; i < t->n_records; i++)
        if (needed[i]) AD_TRY(add_step(p, t->records[i]));
    return AD_OK;
}

/* ---- commits ---- */

static bool reads(const ad__step *s, int value)
{
    for (int i = 0; i < s->n_in; i++)
        if (s->in[i] == value) return true;
    return false;
}

/* An update op may write its parameter where it lies if the step reads it as operand 0 and nothing reads it later (or through an alias). */
static bool may_write_in_place(const ad_program *p, const ad__commit *c, int step)
{
    if (step < 0) return false;
    const ad__step *s = &p->steps[step];
    int leaf = c->leaf->id;
    if (!(s->record->op->flags & AD_IN_PLACE) || s->out[0] != ad__value_of(p, c->value) || s->in[0] != leaf) return false;
    for (int i = 1; i < s->n_in; i++)
        if (s->in[i] == leaf) return false;
    for (int i = 0; i < p->n_steps; i++) {
        bool alias = p->steps[i].record->op->flags & AD_ALIAS;
        if ((alias || i > step) && reads(&p->steps[i], leaf)) return false;
    }
    return true;
}

/* Steps that write parameters in place, and what depends on them, go behind everything else: the guard is checked in between. */
static ad_status order_late(ad_program *p)
{
    bool *late = calloc((size_t)p->n_values + 1, sizeof *late);
    ad__step *sorted = malloc(((size_t)p->n_steps + 1) * sizeof *sorted);
    int n = 0;
    if (!late || !sorted) {
        free(late);
        free(sorted);
        return AD_FAIL(&p->ctx->error, ENOMEM, "plan: out of memory");
    }
    for (int i = 0; i < p->n_steps; i++) {
        ad__step *s = &p->steps[i];
        s->late = s->in_place;
        for (int k = 0; k < s->n_in; k++) s->late = s->late || (s->in[k] >= 0 && late[s->in[k]]);
        for (int k = 0; k < s->n_out; k++) late[s->out[k]] = s->late;
        if (!s->late) sorted[n++] = *s;
    }
    p->first_late = n;
    for (int i = 0; i < p->n_steps; i++)
        if (p->steps[i].late) sorted[n++] = p->steps[i];
    free(late);
    free(p->steps);
    p->steps = sorted;
    return AD_OK;
}

static ad_status plan_commits(ad_program *p)
{
    const ad_tape *t = p->tape;
    p->commits = ad__arena_alloc(&p->memory, ((size_t)t->n_commits + 1) * sizeof *p->commits);
    if (!p->commits) return AD_FAIL(&p->ctx->error, ENOMEM, "plan: out of memory");
    int *writer = malloc(((size_t)p->n_values + 1) * sizeof *writer);
    if (!writer) return AD_FAIL(&p->ctx->error, ENOMEM, "plan: out of memory");
    for (int i = 0; i < p->n_values; i++) writer[i] = -1;
    for (int i = 0; i < p->n_steps; i++)
        for (int k = 0; k < p->steps[i].n_out; k++) writer[p->steps[i].out[k]] = i;
    for (int i = 0; i < t->n_commits; i++) {
        const ad__commit *c = &t->commits[i];
        int step = writer[ad__value_of(p, c->value)];
        if (may_write_in_place(p, c, step)) p->steps[step].in_place = true;
        else p->commits[p->n_commits++] = *c;
    }
    free(writer);
    return order_late(p);
}

/* ---- what must be finite ---- */

static void watch(ad_program *p, int value, const ad_tensor *leaf)
{
    const ad_tensor *x = p->values[value].tensor;
    if (x->leaf == AD__COMPUTED && x->shape.dtype == AD_REAL) p->watched[p->n_watched++] = (ad__watch){ value, leaf };
}

/* Before a parameter is written: the guard, what the steps that write them where they lie read besides (the gradients), and the values to be
 * copied that are there by then. New values made from finite ones are taken to be finite. */
static ad_status list_watched(ad_program *p)
{
    if (p->guard < 0) return AD_OK;
    int most = 1 + p->n_commits;
    bool *late = calloc((size_t)p->n_values + 1, sizeof *late);
    for (int i = p->first_late; i < p->n_steps; i++) most += p->steps[i].n_in;
    p->watched = ad__arena_alloc(&p->memory, (size_t)most * sizeof *p->watched);
    if (!late || !p->watched) {
        free(late);
        return AD_FAIL(&p->ctx->error, ENOMEM, "plan: out of memory");
    }
    for (int i = p->first_late; i < p->n_steps; i++)
        for (int k = 0; k < p->steps[i].n_out; k++) late[p->steps[i].out[k]] = true;
    p->watched[p->n_watched++] = (ad__watch){ p->guard, NULL };
    for (int i = p->first_late; i < p->n_steps; i++) {
        const ad__step *s = &p->steps[i];
        for (int k = 1; s->in_place && k < s->n_in; k++)
            if (s->in[k] >= 0 && !late[s->in[k]]) watch(p, s->in[k], p->values[s->in[0]].tensor);
    }
    for (int i = 0; i < p->n_commits; i++) {
        int value = ad__value_of(p, p->commits[i].value);
        if (!late[value]) watch(p, value, p->commits[i].leaf);
    }
    free(late);
    return AD_OK;
}

/* ---- the program ---- */

int ad__value_again(ad_program *p, int value)
{
    ad__value *values = realloc(p->values, ((size_t)p->n_values + 2) * sizeof *values);
    if (values) p->values = values;
    void **data = realloc(p->data, ((size_t)p->n_values + 2) * sizeof *data);
    if (data) p->data = data;
    if (!values || !data) return -1;
    int id = p->n_values++;
    p->values[id] = (ad__value){ .tensor = p->values[value].tensor, .first = -1, .last = -1, .root = id, .alias = id };
    p->data[id] = NULL;
    return id;
}

static ad_status init(ad_program *p, int n_out, ad_tensor *const *outs)
{
    ad_error *e = &p->ctx->error;
    if (p->tape->failed) return e->status != AD_OK ? e->status : AD_FAIL(e, EUSAGE, "compile: the tape has failed");
    p->n_values = p->tape->n_tensors;
    p->values = calloc((size_t)p->n_values + 1, sizeof *p->values);
    p->data = calloc((size_t)p->n_values + 1, sizeof *p->data);
    if (!p->values || !p->data) return AD_FAIL(e, ENOMEM, "plan: out of memory");
    for (int i = 0; i < p->n_values; i++)
        p->values[i] = (ad__value){ .tensor = p->tape->tensors[i], .first = -1, .last = -1, .root = i, .alias = i };
    for (int i = 0; i < n_out; i++)
        if (!outs[i] || outs[i]->tape != p->tape) return AD_FAIL(e, EUSAGE, "compile: output %d is not of this tape", i);
    return AD_OK;
}

static void keep(ad_program *p, int n_out, ad_tensor *const *outs, const ad_plan_options *o)
{
    for (int i = 0; i < n_out; i++) p->values[ad__value_of(p, outs[i])].keep = true;
    p->guard = o->guard ? ad__value_of(p, o->guard) : -1;
    if (p->guard >= 0) p->values[p->guard].keep = true;
    for (int i = 0; i < p->n_commits; i++) p->values[ad__value_of(p, p->commits[i].value)].keep = true;
}

/* Of an end of a chain, or of the columns of it that the chain reads or writes. */
static double outside_bytes(const ad_program *p, const ad__step *s, int value)
{
    int windows = 0;
    for (int i = 0; i < s->chain->n_windows; i++) {
        const ad__window *w = &s->chain->windows[i];
        windows += w->value == value;
    }
    const ad_shape *x = windows ? &s->record->out[0]->shape : &p->values[value].tensor->shape;
    return (windows ? windows : 1) * (double)ad_shape_bytes(x, p->precision);
}

/* A chain reads and writes its ends alone, and multiplies nothing that counts. */
static void costs(ad_program *p)
{
    for (int i = 0; i < p->n_steps; i++) {
        ad__step *s = &p->steps[i];
        if (!s->chain) {
            ad__scratch(s->record, p->precision, p->ctx->kernels[p->precision], &s->scratch);
            s->cost = ad__record_cost(s->record, p->precision);
            continue;
        }
        s->scratch = (ad_scratch){ 0, ad__chain_thread_scratch(s->chain, p->precision) };
        for (int k = 0; k < s->n_in; k++) s->cost.bytes += outside_bytes(p, s, s->in[k]);
        for (int k = 0; k < s->n_out; k++) s->cost.bytes += outside_bytes(p, s, s->out[k]);
    }
}

/* Tails, and what a budget costs: where the arena does not fit with all of them, only those that need no memory. */
static ad_status fit(ad_program *p, bool tails, const ad_plan_options *o)
{
    bool fits = false;
    if (tails) AD_TRY(ad__plan_tails(p, !o->no_reuse, false, o->memory, &fits));
    if (!o->memory || fits) return AD_OK;
    AD_TRY(ad__plan_budget(p, o->memory));
    return tails ? ad__plan_tails(p, true, true, o->memory, &fits) : AD_OK;
}

static ad_status plan(ad_program *p, int n_out, ad_tensor *const *outs, const ad_plan_options *o)
{
    AD_TRY(init(p, n_out, outs));
    bool *needed = find_needed(p, n_out, outs, o);
    if (!needed) return AD_FAIL(&p->ctx->error, ENOMEM, "plan: out of memory");
    ad_status s = o->no_sharing ? AD_OK : share(p, needed);
    if (s == AD_OK) s = make_steps(p, needed);
    free(needed);
    AD_TRY(s);
    p->first_late = p->n_steps;
    if (!o->no_commits) AD_TRY(plan_commits(p));
    keep(p, n_out, outs, o);
    if (!o->no_recompute) AD_TRY(ad__plan_recompute(p));
    bool tails = !o->no_chains && !o->no_tails;
    if (!o->no_chains) AD_TRY(ad__plan_chains(p, tails));
    if (!o->no_chains && !o->memory) AD_TRY(ad__plan_columns(p));
    costs(p);
    if (o->memory && o->no_reuse) return AD_FAIL(&p->ctx->error, EUSAGE, "compile: a memory budget needs buffers that are reused");
    AD_TRY(fit(p, tails, o));
    AD_TRY(list_watched(p));
    return ad__place_buffers(p, !o->no_reuse);
}

/* One program by these options alone, without its arena. */
static ad_status attempt(ad_tape *t, int n_out, ad_tensor *const *outs, const ad_plan_options *o, ad_program **program)
{
    ad_program *p = calloc(1, sizeof *p);
    *program = NULL;
    if (!p) return AD_FAIL(&t->ctx->error, ENOMEM, "plan: out of memory");
    p->ctx = t->ctx;
    p->tape = t;
    p->precision = t->precision;
    p->guard = -1;
    ad_status s = plan(p, n_out, outs, o);
    if (s == AD_OK) *program = p;
    else ad_program_free(p);
    return s;
}

/* Making values again costs time and is there to save memory: a plan that keeps them is taken where it fits the budget, or, without a
 * budget, where it takes hardly more. */
#define HARDLY_MORE 1.02

/* The fastest of the programs that fit: with all values kept, with cheap ones made again, to the budget. */
static ad_status choose(ad_tape *t, int n_out, ad_tensor *const *outs, const ad_plan_options *o, ad_program **program)
{
    ad_plan_options without = *o, keeping;
    without.memory = 0;
    keeping = without;
    keeping.no_recompute = true;
    ad_program *kept, *again;
    AD_TRY(attempt(t, n_out, outs, &keeping, &kept));
    ad_status s = attempt(t, n_out, outs, &without, &again);
    if (s != AD_OK) {
        ad_program_free(kept);
        return s;
    }
    double most = o->memory ? (double)o->memory : HARDLY_MORE * (double)again->arena_bytes;
    *program = (double)kept->arena_bytes <= most ? kept : again;
    ad_program_free(*program == kept ? again : kept);
    if ((double)(*program)->arena_bytes <= most) return AD_OK;
    ad_program_free(*program);
    return attempt(t, n_out, outs, o, program);
}

ad_status ad_compile(ad_tape *t, int n_out, ad_tensor *const *outs, const ad_plan_options *options, ad_program **program)
{
    static const ad_plan_options none;
    const ad_plan_options *o = options ? options : &none;
    *program = NULL;
    if (o->no_recompute || o->no_reuse) AD_TRY(attempt(t, n_out, outs, o, program));
    else AD_TRY(choose(t, n_out, outs, o, program));
    ad_status s = ad__allocate_buffers(*program);
    if (s == AD_OK) return AD_OK;
    ad_program_free(*program);
    *program = NULL;
    return s;
}

void ad_program_free(ad_program *p)
{
    if (!p) return;
    free(p->values);
    free(p->steps);
    free(p->leaves);
    free(p->data);
    free(p->arena);
    ad__arena_free(&p->memory);
    free(p);
}

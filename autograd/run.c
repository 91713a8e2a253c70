/* run.c - executing a program: no allocation, as often as wanted. */
#include "config.h"

#include <string.h>
#include <time.h>

#include "autograd/internal.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Parameters may have moved since the last run: more of them may have been declared. */
static ad_status find_leaves(ad_program *p)
{
    for (int i = 0; i < p->n_leaves; i++) {
        ad_tensor *x = p->values[p->leaves[i]].tensor;
        p->data[p->leaves[i]] = x->value;
        if (x->leaf != AD__PARAMETER) continue;
        const ad_entry *entry = ad_params_find(x->params, x->name);
        if (!entry) return AD_FAIL(&p->ctx->error, EUSAGE, "parameter '%s' is gone", x->name);
        p->data[p->leaves[i]] = entry->data;
    }
    for (int i = 0; i < p->n_values; i++) {
        int base = p->values[i].alias;
        if (base != i) p->data[i] = p->data[base];
    }
    return AD_OK;
}

/* Nothing to do where the result lies in the operand. */
static ad_status run_alias(ad_program *p, const ad__step *s)
{
    void *to = p->data[s->out[0]];
    const void *from = p->data[s->in[0]];
    if (to != from) memcpy(to, from, ad_shape_bytes(&p->values[s->out[0]].tensor->shape, p->precision));
    return AD_OK;
}

static ad_status run_single(ad_program *p, const ad__step *s, ad_call *c, const ad_run_options *o)
{
    const ad__record *r = s->record;
    ad_buffer in[AD_MAX_INPUTS], out[AD_MAX_OUTPUTS];
    if (r->op->flags & AD_ALIAS) return run_alias(p, s);
    for (int i = 0; i < s->n_in; i++) {
        in[i] = (ad_buffer){ NULL, { .rank = -1 } };
        if (r->in[i]) in[i].shape = r->in[i]->shape;     /* without data if it lies in the result already (columns.c) */
        if (s->in[i] >= 0) in[i] = (ad_buffer){ p->data[s->in[i]], p->values[s->in[i]].tensor->shape };
    }
    for (int k = 0; k < s->n_out; k++) out[k] = (ad_buffer){ p->data[s->out[k]], p->values[s->out[k]].tensor->shape };
    for (int i = 0; i < s->n_parts; i++) {
        const ad__part *part = &s->parts[i];
        ad_buffer *b = part->at < s->n_in ? &in[part->at] : &out[part->at - s->n_in];
        b->row = ad__row_of(&b->shape);
        b->data = (char *)b->data + (size_t)part->first * (p->precision == AD_F64 ? sizeof(double) : sizeof(float));
        b->shape = part->at < s->n_in ? r->in[part->at]->shape : r->out[part->at - s->n_in]->shape;
    }
    c->attr = r->attr;
    c->n_in = s->n_in;
    c->n_out = s->n_out;
    c->in = in;
    c->out = out;
    c->around = s->n_out > 0 && ad_shape_bytes(&out[0].shape, p->precision) >= AD__AROUND;
    c->key = r->draw_path ? ad_key(o->seed, "site", r->draw_path) : 0;
    AD_TRY(r->op->forward(c));
    return o->check ? ad__look(c->error, r, c, o->found) : AD_OK;
}

/* The tail of a step, on one thread after another. */
typedef struct tail_run {
    ad_program *p;
    const ad__step *step;
    const ad_call *call;
    double seconds;              /* of all threads together */
} tail_run;

static void run_pieces(void *arg, int n, const int64_t (*piece)[2], void *scratch)
{
    tail_run *r = arg;
    double start = r->p->profile ? now() : 0;
    ad__chain_run_pieces(r->p, r->step, r->call, n, piece, scratch);
    if (!r->p->profile) return;
    double took = now() - start;
#pragma omp atomic
    r->seconds += took;
}

static ad_call call_of(ad_program *p, const ad__step *s, const ad_run_options *o)
{
    char *scratch = p->arena + p->value_bytes;
    return (ad_call){ .precision = p->precision, .kernels = p->ctx->kernels[p->precision], .threads = p->ctx->threads,
                  .scratch = s->scratch.shared ? scratch : NULL,
                  .thread_scratch = s->scratch.per_thread ? scratch + s->scratch.shared : NULL,
                  .thread_scratch_size = s->scratch.per_thread, .step = o->step, .draw = o->draw, .error = &p->ctx->error };
}

ad_status ad__run_again(ad_program *p, const ad__step *s, const ad_run_options *o)
{
    ad_run_options unchecked = *o;
    ad_call c = call_of(p, s, o);
    unchecked.check = false;
    return run_single(p, s, &c, &unchecked);
}

/* The tail of a step runs with it, but in a checked run, where every result is looked at before anything is made from it. */
static ad_status run_step(ad_program *p, ad__step *s, const ad_run_options *o)
{
    if (s->is_tail && !o->check) return AD_OK;
    double start = p->profile ? now() : 0;
    const ad_call plain = call_of(p, s, o);
    ad_call c = plain;
    tail_run r = { .p = p, .step = s + 1, .call = &plain };
    const ad_tail tail = { run_pieces, &r };
    if (!o->check && s + 1 < p->steps + p->n_steps && s[1].is_tail) {
        c.tail = &tail;
        c.tail_scratch = s->scratch.per_thread - s[1].scratch.per_thread;
    }
    ad_status status = s->chain ? ad__chain_run(p, s, &c, o) : run_single(p, s, &c, o);
    if (!p->profile) return status;
    s->seconds += now() - start - r.seconds / c.threads;
    if (c.tail) s[1].seconds += r.seconds / c.threads;
    return status;
}

static ad_status check_watched(const ad_program *p)
{
    for (int i = 0; i < p->n_watched; i++) {
        const ad__watch *w = &p->watched[i];
        const ad_buffer b = { p->data[w->value], p->values[w->value].tensor->shape };
        if (ad__finite(&b, p->precision, p->ctx->threads)) continue;
        if (!w->leaf) return AD_FAIL(&p->ctx->error, ENUMERIC, "the loss is not finite; nothing was committed");
        return AD_FAIL(&p->ctx->error, ENUMERIC, "what '%s' would be updated by is not finite; nothing was committed", w->leaf->name);
    }
    return AD_OK;
}

ad_status ad_run(ad_program *p, const ad_run_options *run)
{
    static const ad_run_options none;
    const ad_run_options *o = run ? run : &none;
    if (o->found) *o->found = (ad_finding){ .record = -1 };
    AD_TRY(find_leaves(p));
    for (int i = 0; i < p->first_late; i++) AD_TRY(run_step(p, &p->steps[i], o));
    AD_TRY(check_watched(p));
    for (int i = p->first_late; i < p->n_steps; i++) AD_TRY(run_step(p, &p->steps[i], o));
    for (int i = 0; i < p->n_commits; i++) {
        const ad__commit *c = &p->commits[i];
        const ad_entry *entry = ad_params_find(c->leaf->params, c->leaf->name);
        if (entry) memcpy(entry->data, p->data[ad__value_of(p, c->value)], ad_shape_bytes(&entry->shape, p->precision));
    }
    return AD_OK;
}

void *ad_program_data(ad_program *p, const ad_tensor *x)
{
    if (x->tape != p->tape || x->id >= p->n_values) return NULL;
    const ad__value *v = &p->values[ad__value_of(p, x)];
    if (x->leaf == AD__INPUT || v->keep) return p->data[ad__value_of(p, x)];
    return NULL;
}

size_t ad_program_arena(const ad_program *p)
{
    return p->arena_bytes;
}

int ad_program_records(const ad_program *p)
{
    return p->n_steps;
}

double ad_program_macs(const ad_program *p)
{
    double macs = 0;
    for (int i = 0; i < p->n_steps; i++) macs += p->steps[i].cost.macs;
    return macs;
}

ad_again ad_program_again(const ad_program *p)
{
    return p->again;
}

void ad_program_profile(ad_program *p, bool on)
{
    p->profile = on;
    for (int i = 0; i < p->n_steps; i++) p->steps[i].seconds = 0;
}

bool ad_program_step(const ad_program *p, int i, ad_step_info *info)
{
    if (i < 0 || i >= p->n_steps) return false;
    const ad__step *s = &p->steps[i];
    const ad__record *r = s->record;
    const ad__value *v = &p->values[s->n_out ? s->out[0] : r->out[0]->id];
    *info = (ad_step_info){ .op = s->chain ? "chain" : r->op->name, .path = r->place ? r->place->path : NULL, .place = r->place,
                            .shape = &r->out[0]->shape, .seconds = s->seconds, .cost = s->cost, .offset = v->offset,
                            .bytes = v->bytes, .first = v->first, .last = v->last, .record = r->index,
                            .records = s->chain ? s->chain->n_links : 1, .backward = ad__step_backward(p, s) };
    return true;
}

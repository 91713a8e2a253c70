/*
 * lifetimes.c - what a plan made of each tensor of the tape: which step computes it, where it lies, and between which steps. And the
 * largest sum of values that live at once, which no placement can be below.
 */
#include "autograd/internal.h"

bool ad__made_again(const ad_program *p, int value)
{
    return p->values[value].tensor->id != value;
}

bool ad__step_backward(const ad_program *p, const ad__step *s)
{
    return s->record->undoes >= 0 || (s->n_out > 0 && ad__made_again(p, s->out[0]));
}

ad_cost ad__record_cost(const ad__record *r, ad_precision p)
{
    ad_shape in[AD_MAX_INPUTS], out[AD_MAX_OUTPUTS];
    ad_cost cost = { 0, 0 };
    for (int i = 0; i < r->n_in; i++) {
        in[i] = (ad_shape){ .rank = -1 };
        if (!r->in[i]) continue;
        in[i] = r->in[i]->shape;
        cost.bytes += (double)ad_shape_bytes(&in[i], p);
    }
    for (int k = 0; k < r->n_out; k++) {
        out[k] = r->out[k]->shape;
        cost.bytes += (double)ad_shape_bytes(&out[k], p);
    }
    if (r->op->cost) r->op->cost(r->attr, r->n_in, in, out, &cost);
    return cost;
}

ad_cost ad_record_cost(const ad_tape *t, int i)
{
    return i >= 0 && i < t->n_records ? ad__record_cost(t->records[i], t->precision) : (ad_cost){ 0, 0 };
}

/* The value that the step makes of tensor x, -1 if it makes none. */
static int made_by(const ad_program *p, const ad__step *s, const ad_tensor *x)
{
    for (int k = 0; k < s->n_out; k++)
        if (p->values[s->out[k]].tensor == x) return s->out[k];
    for (int l = 0; s->chain && l < s->chain->n_links; l++) {
        int value = s->chain->slots[s->chain->links[l].out].value;
        if (p->values[value].tensor == x) return value;
    }
    for (int i = 0; s->chain && i < s->chain->n_windows; i++) {      /* a slice that is read where it lies */
        int value = s->chain->slots[s->chain->windows[i].slot].value;
        if (p->values[value].tensor == x) return value;
    }
    return -1;
}

static void find_steps(const ad_program *p, const ad_tensor *x, ad_lifetime *out)
{
    for (int i = 0; i < p->n_steps; i++) {
        int value = made_by(p, &p->steps[i], x);
        if (value < 0) continue;
        if (ad__made_again(p, value)) out->again++;
        else out->step = i;
    }
}

void ad_program_lifetime(const ad_program *p, const ad_tensor *x, ad_lifetime *out)
{
    *out = (ad_lifetime){ .fate = AD_DROPPED, .step = -1, .stands_in = -1, .first = -1, .last = -1 };
    if (x->tape != p->tape || x->id >= p->n_values || p->values[x->id].tensor != x) return;
    const ad__value *v = &p->values[x->id], *base = &p->values[ad__base_of(p, x->id)];
    if (v->root != x->id) {
        out->fate = AD_SHARED;
        out->stands_in = ad_tensor_record(p->values[v->root].tensor);
        return;
    }
    if (x->record) find_steps(p, x, out);
    if (x->record && out->step < 0) return;
    out->alias = base != v;
    out->first = base->first;
    out->last = base->last;
    if (v->in_chain) out->fate = AD_IN_BLOCK;
    else if (base->kind == AD__EXTERNAL) out->fate = AD_STORED;
    else if (base->kind == AD__ARENA) out->fate = AD_IN_ARENA;
    if (out->fate != AD_IN_ARENA) return;
    out->offset = base->offset;
    out->bytes = base->bytes;
}

size_t ad_program_peak(const ad_program *p, int *step)
{
    size_t peak = 0;
    *step = 0;
    for (int i = 0; i <= p->n_steps; i++) {
        size_t live = 0;
        for (int k = 0; k < p->n_values; k++) {
            const ad__value *v = &p->values[k];
            if (v->kind == AD__ARENA && v->first <= i && i <= v->last) live += v->bytes;
        }
        if (live <= peak) continue;
        peak = live;
        *step = i;
    }
    return peak;
}

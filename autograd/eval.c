/*
 * eval.c - running one record, and define-by-run: ad_data computes what is needed to answer, record by record, and keeps it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/internal.h"

void ad__scratch(const ad__record *r, ad_precision p, const void *kernels, ad_scratch *s)
{
    ad_shape in[AD_MAX_INPUTS], out[AD_MAX_OUTPUTS];
    *s = (ad_scratch){ 0, 0 };
    if (!r->op->scratch) return;
    for (int i = 0; i < r->n_in; i++) {
        if (r->in[i]) in[i] = r->in[i]->shape;
        else in[i] = (ad_shape){ .rank = -1 };
    }
    for (int k = 0; k < r->n_out; k++) out[k] = r->out[k]->shape;
    r->op->scratch(r->attr, r->n_in, in, out, p, kernels, s);
    s->shared = (s->shared + 63) & ~(size_t)63;
    s->per_thread = (s->per_thread + 63) & ~(size_t)63;
}

/* ---- define-by-run ---- */

void ad_tape_random(ad_tape *t, uint64_t seed, uint64_t step, uint32_t draw)
{
    t->seed = seed;
    t->step = step;
    t->draw = draw;
    t->generation++;
}

static void *own_memory(ad_tensor *x)
{
    size_t bytes = ad_shape_bytes(&x->shape, x->tape->precision);
    if (!x->value) x->value = aligned_alloc(64, ((bytes ? bytes : 1) + 63) & ~(size_t)63);
    if (!x->value) AD_FAIL(&x->tape->ctx->error, ENOMEM, "%s: out of memory (%zu bytes)", ad_tensor_name(x), bytes);
    return x->value;
}

ad_status ad_set(ad_tensor *input, const void *values)
{
    ad_tape *t = input->tape;
    if (input->leaf != AD__INPUT) return AD_FAIL(&t->ctx->error, EUSAGE, "'%s' is not an input", ad_tensor_name(input));
    if (!own_memory(input)) return t->ctx->error.status;
    memcpy(input->value, values, ad_shape_bytes(&input->shape, t->precision));
    t->generation++;
    return AD_OK;
}

static const void *leaf_data(ad_tensor *x)
{
    if (x->leaf != AD__PARAMETER) {
        if (!x->value) AD_FAIL(&x->tape->ctx->error, EUSAGE, "input '%s' has not been set", ad_tensor_name(x));
        return x->value;
    }
    const ad_entry *entry = ad_params_find(x->params, x->name);
    return entry ? entry->data : NULL;
}

static ad_status run_record(ad_tape *t, ad__record *r)
{
    ad_buffer in[AD_MAX_INPUTS], out[AD_MAX_OUTPUTS];
    ad_scratch s;
    for (int i = 0; i < r->n_in; i++) {
        ad_tensor *x = r->in[i];
        in[i] = (ad_buffer){ NULL, { .rank = -1 } };
        if (!x) continue;
        in[i].shape = x->shape;
        in[i].data = (void *)(x->leaf == AD__COMPUTED ? x->value : leaf_data(x));
        if (!in[i].data) return t->ctx->error.status;
    }
    for (int k = 0; k < r->n_out; k++) {
        out[k] = (ad_buffer){ own_memory(r->out[k]), r->out[k]->shape };
        if (!out[k].data) return t->ctx->error.status;
    }
    if (r->op->flags & AD_ALIAS) {
        memcpy(out[0].data, in[0].data, ad_shape_bytes(&out[0].shape, t->precision));
        return AD_OK;
    }
    ad__scratch(r, t->precision, t->ctx->kernels[t->precision], &s);
    size_t bytes = s.shared + s.per_thread * (size_t)t->ctx->threads;
    char *scratch = bytes ? aligned_alloc(64, bytes) : NULL;
    if (bytes && !scratch) return AD_FAIL(&t->ctx->error, ENOMEM, "%s: out of memory (%zu bytes of scratch)", r->op->name, bytes);
    ad_call c = { .attr = r->attr, .n_in = r->n_in, .n_out = r->n_out, .in = in, .out = out, .precision = t->precision,
                  .kernels = t->ctx->kernels[t->precision], .threads = t->ctx->threads, .scratch = scratch,
                  .thread_scratch = s.per_thread ? scratch + s.shared : NULL, .thread_scratch_size = s.per_thread,
                  .key = r->draw_path ? ad_key(t->seed, "site", r->draw_path) : 0, .step = t->step, .draw = t->draw,
                  .error = &t->ctx->error };
    ad_status status = r->op->forward(&c);
    free(scratch);
    return status;
}

/* Marks the records that x needs and that are not computed yet, then runs them in order. */
static ad_status compute(ad_tensor *x)
{
    ad_tape *t = x->tape;
    int last = x->record->index;
    bool *needed = calloc((size_t)last + 1, sizeof *needed);
    if (!needed) return AD_FAIL(&t->ctx->error, ENOMEM, "values: out of memory");
    needed[last] = true;
    for (int i = last; i >= 0; i--) {
        const ad__record *r = t->records[i];
        for (int k = 0; needed[i] && k < r->n_in; k++) {
            const ad_tensor *v = r->in[k];
            if (v && v->record && v->generation != t->generation) needed[v->record->index] = true;
        }
    }
    ad_status s = AD_OK;
    for (int i = 0; s == AD_OK && i <= last; i++) {
        if (!needed[i]) continue;
        s = run_record(t, t->records[i]);
        for (int k = 0; k < t->records[i]->n_out; k++) t->records[i]->out[k]->generation = t->generation;
    }
    free(needed);
    return s;
}

const void *ad_data(ad_tensor *x)
{
    if (!x || x->tape->failed) return NULL;
    if (x->leaf != AD__COMPUTED) return leaf_data(x);
    if (x->generation != x->tape->generation && compute(x) != AD_OK) {
        x->generation = 0;
        return NULL;
    }
    return x->value;
}

double ad_value(ad_tensor *x, int64_t i)
{
    const void *data = ad_data(x);
    if (!data || i < 0 || i >= ad_count(&x->shape)) return NAN;
    switch (x->shape.dtype) {
    case AD_I32: return ((const int32_t *)data)[i];
    case AD_U8: return ((const uint8_t *)data)[i];
    default: return x->tape->precision == AD_F64 ? ((const double *)data)[i] : (double)((const float *)data)[i];
    }
}

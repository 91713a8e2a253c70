/*
 * flow.c - what the steps and buffers of a program are to each other, as arrays of numbers: who writes a buffer, who reads it, what a
 * step costs. This is all that is asked when steps are run again for a memory budget.
 */
#include <stdlib.h>

#include "autograd/internal.h"

/* A byte read or written takes about as long as this many multiply-accumulates, when all cores want memory. */
#define MACS_A_BYTE 8
/* Buffers below this part of all are never given up: there are many of them, and together they are little. */
#define SMALL_PART 131072

/* The buffer of a value, -1 if it has none in the arena. */
static int buffer_of(const ad_program *p, int value)
{
    int base = value < 0 ? -1 : ad__base_of(p, value);
    if (base < 0 || p->values[base].in_chain) return -1;
    ad__leaf leaf = p->values[base].tensor->leaf;
    return leaf == AD__PARAMETER || leaf == AD__CONSTANT ? -1 : base;
}

static void read_step(ad__flow *f, int i, int *seen)
{
    const ad__step *s = &f->p->steps[i];
    int n = f->in_at[i];
    f->cost[i] = s->cost.macs + MACS_A_BYTE * s->cost.bytes;
    for (int k = 0; k < s->n_out; k++) {
        int b = buffer_of(f->p, s->out[k]);
        if (b != s->out[k]) continue;
        f->writer[b] = i;
        f->bytes[b] = ad__buffer_bytes(f->p, b);
        if (s->late) f->fixed[b] = true;
    }
    for (int k = 0; k < s->n_in; k++) {
        int b = buffer_of(f->p, s->in[k]);
        if (b < 0) continue;
        if (s->late) f->fixed[b] = true;
        if (seen[b] == i) continue;
        seen[b] = i;
        f->in[n++] = b;
        f->use_at[b + 1]++;
        if (f->writer[b] >= 0) continue;
        f->bytes[b] = ad__buffer_bytes(f->p, b);
        f->fixed[b] = true;
    }
    f->in_at[i + 1] = n;
}

/* Readers by buffer: use_at holds counts, behind each buffer's place, and becomes their running sum. */
static void list_uses(ad__flow *f, int *filled)
{
    for (int v = 0; v < f->n_values; v++) {
        f->use_at[v + 1] += f->use_at[v];
        filled[v] = 0;
    }
    for (int i = 0; i < f->n_steps; i++)
        for (int k = f->in_at[i]; k < f->in_at[i + 1]; k++) {
            int b = f->in[k];
            f->use[f->use_at[b] + filled[b]++] = i;
        }
}

static void fix(ad__flow *f)
{
    size_t all = 0;
    for (int v = 0; v < f->n_values; v++) {
        const ad__value *value = &f->p->values[v];
        int b = value->keep && value->root == v ? buffer_of(f->p, v) : -1;
        if (b >= 0) f->fixed[b] = f->keep[b] = true;
        if (b >= 0 && f->bytes[b] == 0) f->bytes[b] = ad__buffer_bytes(f->p, b);
        all += f->bytes[v];
    }
    for (int v = 0; v < f->n_values; v++)
        if (f->bytes[v] < all / SMALL_PART) f->fixed[v] = true;
}

ad_status ad__flow_init(ad__flow *f, const ad_program *p)
{
    size_t reads = 1, steps = (size_t)p->n_steps + 1, values = (size_t)p->n_values + 1;
    for (int i = 0; i < p->n_steps; i++) reads += (size_t)p->steps[i].n_in;
    *f = (ad__flow){ .p = p, .n_steps = p->n_steps, .n_values = p->n_values, .writer = malloc(values * sizeof *f->writer),
                     .in = malloc(reads * sizeof *f->in), .in_at = calloc(steps, sizeof *f->in_at), .use = malloc(reads * sizeof *f->use),
                     .use_at = calloc(values, sizeof *f->use_at), .bytes = calloc(values, sizeof *f->bytes),
                     .cost = calloc(steps, sizeof *f->cost), .fixed = calloc(values, sizeof *f->fixed),
                     .keep = calloc(values, sizeof *f->keep) };
    int *seen = malloc(values * sizeof *seen);
    bool ok = f->writer && f->in && f->in_at && f->use && f->use_at && f->bytes && f->cost && f->fixed && f->keep && seen;
    for (int v = 0; ok && v < p->n_values; v++) f->writer[v] = seen[v] = -1;
    for (int i = 0; ok && i < p->n_steps; i++) {
        f->in_at[i + 1] = f->in_at[i];
        if (!ad__moves_nothing(p, &p->steps[i])) read_step(f, i, seen);
    }
    if (ok) {
        list_uses(f, seen);
        fix(f);
    }
    free(seen);
    if (ok) return AD_OK;
    ad__flow_fini(f);
    return AD_FAIL(&p->ctx->error, ENOMEM, "plan: out of memory");
}

void ad__flow_fini(ad__flow *f)
{
    free(f->writer);
    free(f->in);
    free(f->in_at);
    free(f->use);
    free(f->use_at);
    free(f->bytes);
    free(f->cost);
    free(f->fixed);
    free(f->keep);
}

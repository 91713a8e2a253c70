/*
 * profile.c - where the time of a training step goes, beside what the machine could do at best in the same minutes: the multiply-adds of
 * registers, and memory by c = a + 3 b over arrays that no cache holds.
 */
#include "config.h"

#include "experiments/experiment.h"
#include "ops/kernels/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FMA_STEPS = 400000, MOVED = 1 << 20, STEPS = 5 };

static double fma_rate(int isa, int threads)
{
    double from = ad__clock(), done = 0;
#pragma omp parallel num_threads(threads) reduction(+ : done)
    done += ad__limit_fma(isa, FMA_STEPS);
    return 2 * done / (ad__clock() - from);
}

/* Each thread has its part of the arrays. */
static double move_rate(int threads, const float *a, const float *b, float *c)
{
    double from = ad__clock(), done = 0;
#pragma omp parallel for num_threads(threads) schedule(static) reduction(+ : done)
    for (int k = 0; k < 8; k++) done += ad__limit_move(MOVED, a + k * MOVED, b + k * MOVED, c + k * MOVED);
    return done / (ad__clock() - from);
}

ad_status ad_limits_measure(ad_ctx *ctx, ad_limits *out)
{
    size_t n = (size_t)8 * MOVED;
    int threads = ad_ctx_threads(ctx);
    float *all = calloc(3 * n, sizeof *all);
    if (!all) return AD_FAIL(ad_ctx_error(ctx), ENOMEM, "no memory for measuring (%zu bytes)", 3 * n * sizeof *all);
    *out = (ad_limits){ 0, 0 };
    for (int round = 0; round < 3; round++) {
        double flops = fma_rate((int)ad_ctx_isa(ctx), threads), bytes = move_rate(threads, all, all + n, all + 2 * n);
        if (flops > out->flops) out->flops = flops;
        if (round && bytes > out->bytes) out->bytes = bytes;     /* the first round meets the pages */
    }
    free(all);
    return AD_OK;
}

static ad_status measure(ad__training *t, ad_profile *p)
{
    for (int64_t k = -1; k < p->steps; k++) {
        ad_limits now;
        AD_TRY(ad_limits_measure(t->x->ctx, &now));
        if (now.flops > p->limits.flops) p->limits.flops = now.flops;
        if (now.bytes > p->limits.bytes) p->limits.bytes = now.bytes;
        if (k == 0) ad_program_profile(t->program, true);
        AD_TRY(ad__training_step(t));
    }
    AD_TRY(ad_program_sums(t->program, AD_BY_OP, &p->ops, &p->n_ops));
    AD_TRY(ad_program_sums(t->program, AD_BY_LINE, &p->lines, &p->n_lines));
    for (int k = 0; k < p->n_ops; k++) p->seconds += p->ops[k].seconds / (double)p->steps;
    p->records = ad_program_records(t->program);
    return AD_OK;
}

ad_status ad_profile_step(ad_experiment *x, int i, const char *directory, int64_t steps, ad_profile *out)
{
    ad__training *t = calloc(1, sizeof *t);
    *out = (ad_profile){ .steps = steps > 0 ? steps : STEPS, .batch = x->plans[i].config.batch, .owner = t };
    ad_status s = t ? ad__training_init(t, x, i) : AD_FAIL(ad_ctx_error(x->ctx), ENOMEM, "no memory for a training step");
    if (s == AD_OK && directory) s = ad__training_restore(t, directory);
    if (s == AD_OK) s = ad__training_open_data(t);
    if (s == AD_OK) s = ad__training_open_loader(t);
    if (s == AD_OK) s = measure(t, out);
    if (s != AD_OK) ad_profile_fini(out);
    return s;
}

void ad_profile_fini(ad_profile *p)
{
    free(p->ops);
    free(p->lines);
    if (p->owner) ad__training_fini(p->owner);
    free(p->owner);
    *p = (ad_profile){ 0 };
}

ad_profile_rates ad_profile_rates_of(const ad_profile *p, const ad_profile_row *row)
{
    ad_profile_rates r = { .seconds = row->seconds / (double)p->steps };
    if (row->seconds <= 0) return r;
    r.share = r.seconds / p->seconds;
    r.backward = row->backward / row->seconds;
    r.flops = 2 * row->cost.macs / r.seconds;
    r.bytes = row->cost.bytes / r.seconds;
    r.of_peak = r.flops / p->limits.flops;
    r.of_memory = r.bytes / p->limits.bytes;
    return r;
}

const char *ad_profile_name(const ad_profile_row *row, char text[256])
{
    const ad_place *at = row->place;
    const char *slash = at && at->file ? strrchr(at->file, '/') : NULL;
    if (row->op && *row->op) snprintf(text, 256, "%s", row->op);
    else if (at) snprintf(text, 256, "%s:%d", slash ? slash + 1 : at->file ? at->file : "", at->line);
    else snprintf(text, 256, "(no line)");
    return text;
}

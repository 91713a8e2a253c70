/*
 * compare.c - one tape in many ways: define-by-run, every plan, less memory, all threads and instruction sets, record by record with plain kernels.
 */
#include "tests/tapes/compare.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/internal.h"

static const struct { const char *name; ad_options options; } contexts[CONTEXTS] = {
    [FAST] = { "one thread", { .threads = 1, .isa = AD_ISA_AVX512, .isa_set = true } },
    [FAST_TWO] = { "two threads", { .threads = 2, .isa = AD_ISA_AVX512, .isa_set = true } },
    [FAST_THREE] = { "three threads", { .threads = 3, .isa = AD_ISA_AVX512, .isa_set = true } },
    [FAST_SEVEN] = { "seven threads", { .threads = 7, .isa = AD_ISA_AVX512, .isa_set = true } },
    [AVX2] = { "AVX2", { .threads = 1, .isa = AD_ISA_AVX2, .isa_set = true } },
    [AVX2_THREE] = { "AVX2, three threads", { .threads = 3, .isa = AD_ISA_AVX2, .isa_set = true } },
    [BASE] = { "base", { .threads = 1, .isa = AD_ISA_BASE, .isa_set = true } },
    [BASE_THREE] = { "base, three threads", { .threads = 3, .isa = AD_ISA_BASE, .isa_set = true } },
};

/* Every pass switched off by itself, every pass by itself, none, all. */
static const struct { const char *name; ad_plan_options plan; } plans[] = {
    { "no pass of the plan", { .no_sharing = true, .no_chains = true, .no_recompute = true, .no_reuse = true } },
    { "sharing alone", { .no_chains = true, .no_recompute = true, .no_reuse = true } },
    { "chains alone", { .no_sharing = true, .no_recompute = true, .no_reuse = true } },
    { "recomputing alone", { .no_sharing = true, .no_chains = true, .no_reuse = true } },
    { "reuse alone", { .no_sharing = true, .no_chains = true, .no_recompute = true } },
    { "no sharing", { .no_sharing = true } },
    { "no chains", { .no_chains = true } },
    { "no tails", { .no_tails = true } },
    { "no recomputing", { .no_recompute = true } },
    { "no reuse", { .no_reuse = true } },
    { "the whole plan", { 0 } },
};
enum { PLANS = sizeof plans / sizeof *plans, WHOLE_PLAN = PLANS - 1 };

bool suite_start(suite *s)
{
    *s = (suite){ .records = 0 };
    for (int i = 0; i < CONTEXTS; i++)
        if (!(s->ctx[i] = ad_new(&contexts[i].options))) return false;
    return true;
}

void suite_stop(suite *s)
{
    for (int i = 0; i < CONTEXTS; i++) ad_ctx_free(s->ctx[i]);
}

AD_PRINTF(2, 3) static bool disagree(suite *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(s->text, sizeof s->text, format, args);
    va_end(args);
    return false;
}

/* ---- the same bits ---- */

typedef struct bits {
    void *value[4 * MAX_WANTED + 1];
    char hash[65];                /* of weights, state and optimiser after the step */
} bits;

static void bits_free(bits *b)
{
    for (size_t i = 0; i < sizeof b->value / sizeof *b->value; i++) free(b->value[i]);
    *b = (bits){ .hash = "" };
}

/* NaNs are equal: no instruction set promises the sign or the payload of one. */
static bool same_number(const float *a, const float *b)
{
    return memcmp(a, b, sizeof *a) == 0 || (isnan(*a) && isnan(*b));
}

/* The first time the value is kept, later it is compared. */
static bool keep_or_compare(suite *s, const built *b, bits *first, int i, const void *data, const char *where, const char *how)
{
    const ad_shape *shape = ad_tensor_shape(b->wanted[i]);
    size_t bytes = ad_shape_bytes(shape, AD_F32);
    if (!data) return disagree(s, "%s, %s: %s %d cannot be read: %s", where, how, b->what[i], i, ad_ctx_message(ad_tape_ctx(b->tape)));
    if (!first->value[i]) {
        first->value[i] = memcpy(malloc(bytes + 1), data, bytes);
        return true;
    }
    if (memcmp(first->value[i], data, bytes) == 0) return true;
    if (shape->dtype != AD_REAL) return disagree(s, "%s, %s: %s %d, whole numbers, differs", where, how, b->what[i], i);
    const float *want = first->value[i], *is = data;
    for (int64_t k = 0; k < ad_count(shape); k++)
        if (!same_number(&want[k], &is[k]))
            return disagree(s, "%s, %s: %s %d, element %lld is %.9g, should be %.9g", where, how, b->what[i], i, (long long)k, (double)is[k],
                            (double)want[k]);
    return true;
}

static bool by_run(suite *s, built *b, bits *first, const char *where)
{
    for (int i = 0; i < b->n_wanted; i++)
        if (!keep_or_compare(s, b, first, i, ad_data(b->wanted[i]), where, "define-by-run")) return false;
    return true;
}

static void fill_inputs(built *b, ad_program *p)
{
    for (int i = 0; i < b->recipe->n_values; i++) {
        void *to = b->value[i] && b->recipe->nodes[b->recipe->values[i].node].leaf == LEAF_INPUT ? ad_program_data(p, b->value[i]) : NULL;
        if (to) memcpy(to, b->recipe->values[i].elements, ad_shape_bytes(&b->recipe->values[i].shape, AD_F32));
    }
    if (b->optim) ad_optim_set(b->optim, p, 0, 0.01);
}

static bool run_program(suite *s, built *b, ad_program *p, bits *first, const char *where, const char *how)
{
    built_reset(b);
    fill_inputs(b, p);
    if (ad_run(p, &(ad_run_options){ .seed = b->recipe->seed, .step = 3, .draw = 1 }) != AD_OK)
        return disagree(s, "%s, %s: %s", where, how, ad_ctx_message(ad_tape_ctx(b->tape)));
    for (int i = 0; i < b->n_wanted; i++)
        if (!keep_or_compare(s, b, first, i, ad_program_data(p, b->wanted[i]), where, how)) return false;
    char hash[65];
    ad_params_hash(b->params, hash);
    if (!first->hash[0]) memcpy(first->hash, hash, sizeof hash);
    return strcmp(hash, first->hash) == 0 || disagree(s, "%s, %s: weights, state or optimiser differ after the step", where, how);
}

/* Twice: a second run must not depend on what the first left in memory. *arena is what it takes. */
static bool by_plan(suite *s, built *b, bits *first, const char *where, int plan, size_t *arena)
{
    ad_program *p = NULL;
    ad_plan_options o = plans[plan].plan;
    o.guard = b->loss;
    if (ad_compile(b->tape, b->n_wanted, b->wanted, &o, &p) != AD_OK)
        return disagree(s, "%s, %s: not compiled: %s", where, plans[plan].name, ad_ctx_message(ad_tape_ctx(b->tape)));
    bool same = run_program(s, b, p, first, where, plans[plan].name) && run_program(s, b, p, first, where, plans[plan].name);
    *arena = ad_program_arena(p);
    ad_program_free(p);
    return same;
}

/* The same plan in less memory, where that can be. */
static bool in_less_memory(suite *s, built *b, bits *first, int plan, size_t arena)
{
    bool same = true;
    for (int tenths = 9; same && tenths > 4; tenths -= 2) {
        ad_program *p = NULL;
        ad_plan_options o = plans[plan].plan;
        char how[96];
        o.guard = b->loss;
        o.memory = arena / 10 * (size_t)tenths + 1;
        snprintf(how, sizeof how, "%s in %zu of %zu bytes", plans[plan].name, o.memory, arena);
        ad_status status = ad_compile(b->tape, b->n_wanted, b->wanted, &o, &p);
        ad_error_clear(ad_ctx_error(s->ctx[FAST]));
        if (status == AD_EUSAGE) break;
        s->budgets++;
        same = status == AD_OK || disagree(s, "%s: %s", how, ad_status_text(status));
        same = same && (ad_program_arena(p) <= o.memory || disagree(s, "%s: takes %zu", how, ad_program_arena(p)));
        same = same && run_program(s, b, p, first, how, "once") && run_program(s, b, p, first, how, "twice");
        ad_program_free(p);
    }
    return same;
}

/* ---- plain kernels ---- */

typedef struct numbers {
    ad_buffer in[AD_MAX_INPUTS], out[AD_MAX_OUTPUTS];
    void *scratch;
} numbers;

static void *converted(const void *data, const ad_shape *s, ad_precision p)
{
    int64_t n = ad_count(s);
    void *to = aligned_alloc(64, (ad_shape_bytes(s, AD_F64) + 127) & ~(size_t)63);
    if (s->dtype != AD_REAL || p == AD_F32) return memcpy(to, data, ad_shape_bytes(s, AD_F32));
    for (int64_t i = 0; i < n; i++) ((double *)to)[i] = (double)((const float *)data)[i];
    return to;
}

/* The record's op with the plain kernels of a precision, on the values that the fast ones gave its operands. */
static bool run_plainly(suite *s, const ad__record *r, ad_precision p, numbers *b)
{
    ad_scratch need;
    const void *kernels = ad_ctx_kernels(s->ctx[BASE], p);
    *b = (numbers){ .scratch = NULL };
    for (int i = 0; i < r->n_in; i++) {
        b->in[i].shape.rank = -1;
        if (r->in[i]) b->in[i] = (ad_buffer){ converted(ad_data(r->in[i]), &r->in[i]->shape, p), r->in[i]->shape };
    }
    for (int k = 0; k < r->n_out; k++)
        b->out[k] = (ad_buffer){ aligned_alloc(64, (ad_shape_bytes(&r->out[k]->shape, AD_F64) + 127) & ~(size_t)63), r->out[k]->shape };
    ad__scratch(r, p, kernels, &need);
    b->scratch = aligned_alloc(64, need.shared + need.per_thread + 64);
    ad_call c = { .attr = r->attr, .n_in = r->n_in, .n_out = r->n_out, .in = b->in, .out = b->out, .precision = p, .kernels = kernels,
                  .threads = 1, .scratch = b->scratch, .thread_scratch = (char *)b->scratch + need.shared,
                  .thread_scratch_size = need.per_thread, .error = ad_ctx_error(s->ctx[BASE]) };
    return r->op->forward(&c) == AD_OK;
}

static void numbers_free(numbers *b, const ad__record *r)
{
    for (int i = 0; i < r->n_in; i++) free(b->in[i].data);
    for (int k = 0; k < r->n_out; k++) free(b->out[k].data);
    free(b->scratch);
}

static double apart(double a, double b)
{
    return a == b || (isnan(a) && isnan(b)) ? 0 : isnan(a) || isnan(b) ? INFINITY : fabs(a - b);
}

/*
 * Two orders of a sum differ by roundings, whose size depends on what cancels; double precision is the referee. The fast kernel may be as
 * far from it as four times the worst element of the plain one, or 2e-5 of the largest number (Winograd: 2e-4), whichever is more.
 */
static bool close_to_plain(suite *s, const ad__record *r, int k, const numbers *plain, const numbers *exact, bool winograd)
{
    const ad_shape *shape = &r->out[k]->shape;
    if (shape->dtype != AD_REAL)
        return memcmp(r->out[k]->value, plain->out[k].data, ad_shape_bytes(shape, AD_F32)) == 0 ||
               disagree(s, "record %d, %s: fast and plain kernels give other whole numbers", r->index, r->op->name);
    const float *fast = r->out[k]->value, *slow = plain->out[k].data;
    const double *best = exact->out[k].data;
    double largest = 1e-3, worst = 0;
    for (int64_t i = 0; i < ad_count(shape); i++) {
        if (isfinite(best[i])) largest = fmax(largest, fabs(best[i]));
        if (isfinite(slow[i])) worst = fmax(worst, fabs((double)slow[i] - best[i]));
    }
    double limit = fmax(4 * worst, (winograd ? 2e-4 : 2e-5) * largest);
    for (int64_t i = 0; i < ad_count(shape); i++)
        if (apart((double)fast[i], (double)slow[i]) > limit)
            return disagree(s, "record %d, %s: output %d, element %lld is %.9g, by plain kernels %.9g, in double %.12g (largest %.3g)", r->index,
                            r->op->name, k, (long long)i, (double)fast[i], (double)slow[i], best[i], largest);
    return true;
}

static bool uses_winograd(const ad__record *r)
{
    return strncmp(r->op->name, "conv", 4) == 0;
}

/* Record by record, since a difference in the last digit grows in the records that follow. */
static bool by_plain_kernels(suite *s, built *b)
{
    bool same = true;
    for (int i = 0; same && i < b->tape->n_records; i++) {
        const ad__record *r = b->tape->records[i];
        if (r->out[0]->generation != b->tape->generation || (r->op->flags & (AD_ALIAS | AD_DRAWS))) continue;
        numbers plain, exact;
        same = run_plainly(s, r, AD_F32, &plain) || disagree(s, "record %d, %s: plain kernels fail", i, r->op->name);
        if (!run_plainly(s, r, AD_F64, &exact) && same) same = disagree(s, "record %d, %s: plain kernels fail in double", i, r->op->name);
        for (int k = 0; same && k < r->n_out; k++) same = close_to_plain(s, r, k, &plain, &exact, uses_winograd(r));
        numbers_free(&plain, r);
        numbers_free(&exact, r);
        s->compared++;
    }
    return same;
}

/* ---- all of it ---- */

static bool others_agree(suite *s, const recipe *r, int from, int to, bits *first)
{
    bool same = true;
    size_t arena;
    for (int i = from; same && i < to; i++) {
        built b;
        same = build(&b, s->ctx[i], r) || disagree(s, "%s: not recorded: %s", contexts[i].name, ad_ctx_message(s->ctx[i]));
        if (same && i == from && from == BASE) same = by_run(s, &b, first, contexts[i].name);
        same = same && by_plan(s, &b, first, contexts[i].name, WHOLE_PLAN, &arena);
        built_free(&b);
    }
    return same;
}

bool tape_agrees(suite *s, const recipe *r)
{
    bits first = { .hash = "" };
    built b;
    bool same = build(&b, s->ctx[FAST], r) || disagree(s, "not recorded: %s", ad_ctx_message(s->ctx[FAST]));
    if (same) s->records += ad_tape_count(b.tape);
    same = same && by_run(s, &b, &first, contexts[FAST].name) && by_plain_kernels(s, &b);
    for (int i = 0; same && i < PLANS; i++) {
        size_t arena;
        same = by_plan(s, &b, &first, contexts[FAST].name, i, &arena);
        if (same && !plans[i].plan.no_reuse) same = in_less_memory(s, &b, &first, i, arena);
    }
    built_free(&b);
    same = same && others_agree(s, r, FAST + 1, BASE, &first);
    bits_free(&first);
    same = same && others_agree(s, r, BASE, CONTEXTS, &first);
    bits_free(&first);
    return same;
}

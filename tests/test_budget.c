/*
 * test_budget - a program whose arena must fit into a budget: it does, it gives the bits of the program without one, what is made again
 * is counted, and a budget that cannot be kept is refused with the one that can.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adze.h"
#include "tests/noise.h"

enum { STEPS = 3 };

static void ok(ad_ctx *ctx, ad_status s)
{
    if (s != AD_OK) fail_msg("%s", ad_ctx_message(ctx));
}

/* The number in front of " bytes" behind the given words of the message. */
static size_t named_bytes(const char *message, const char *behind)
{
    const char *at = strstr(message, behind);
    assert_non_null(at);
    at = strchr(at, '(');
    assert_non_null(at);
    return (size_t)strtoull(at + 1, NULL, 10);
}

/* ---- a chain of layers ---- */

enum { DEPTH = 48, WANTED = 3 };

typedef struct chain {
    ad_ctx *ctx;
    ad_tape *t;
    ad_tensor *wanted[WANTED];
} chain;

/* tanh(conv(.)) with the same weights again and again: the adjoint of each layer needs what it read and what it gave. */
static chain chain_new(void)
{
    const ad_shape image = { 4, { 1, 64, 64, 8 } }, kernel = { 4, { 3, 3, 8, 8 } };
    chain c = { .ctx = ad_new(&(ad_options){ .threads = 2 }) };
    c.t = ad_tape_new(c.ctx, AD_F32);
    ad_tensor *x = noise(c.t, &image, 1, 1), *w = noise(c.t, &kernel, 2, 0.15), *h = x, *wrt[] = { x, w };
    for (int l = 0; l < DEPTH; l++) h = ad_tanh(c.t, ad_conv(c.t, h, w, NULL, NULL));
    c.wanted[0] = ad_sum(c.t, ad_mul(c.t, h, noise(c.t, &image, 3, 1)), NULL, false);
    ok(c.ctx, ad_gradients(c.t, c.wanted[0], 2, wrt, &c.wanted[1]));
    return c;
}

static void chain_free(chain *c)
{
    ad_tape_free(c->t);
    ad_ctx_free(c->ctx);
}

/* The smallest arena, as the refusal of a single byte names it. */
static size_t smallest(chain *c)
{
    ad_program *p;
    assert_int_equal(ad_compile(c->t, WANTED, c->wanted, &(ad_plan_options){ .memory = 1 }, &p), AD_EUSAGE);
    assert_null(p);
    size_t bytes = named_bytes(ad_ctx_message(c->ctx), "smallest arena");
    ad_error_clear(ad_ctx_error(c->ctx));
    return bytes;
}

static void refusals_name_the_smallest_arena(void **state)
{
    chain c = chain_new();
    ad_program *p;
    size_t least = smallest(&c);
    ok(c.ctx, ad_compile(c.t, WANTED, c.wanted, &(ad_plan_options){ .memory = least }, &p));
    assert_int_equal(ad_program_arena(p), least);
    ad_program_free(p);
    assert_int_equal(ad_compile(c.t, WANTED, c.wanted, &(ad_plan_options){ .memory = least - 1 }, &p), AD_EUSAGE);
    assert_int_equal(named_bytes(ad_ctx_message(c.ctx), "a memory budget of"), least - 1);
    assert_int_equal(named_bytes(ad_ctx_message(c.ctx), "smallest arena"), least);
    ad_error_clear(ad_ctx_error(c.ctx));
    assert_int_equal(ad_compile(c.t, WANTED, c.wanted, &(ad_plan_options){ .memory = SIZE_MAX, .no_reuse = true }, &p), AD_EUSAGE);
    assert_non_null(strstr(ad_ctx_message(c.ctx), "reused"));
    chain_free(&c);
}

/* Kept are a few layers some way apart, and what lies between is made from them: a third of the memory costs less than one more forward
 * pass, and far less than a third can be reached. */
static void a_deep_chain_is_kept_in_segments(void **state)
{
    chain c = chain_new();
    ad_program *p;
    ok(c.ctx, ad_compile(c.t, WANTED, c.wanted, NULL, &p));
    size_t all = ad_program_arena(p);
    double forward = ad_program_macs(p) / 3;             /* a layer is three convolutions: forward, by input, by weight */
    assert_int_equal(ad_program_again(p).records, 0);
    assert_int_equal(ad_program_again(p).without, all);
    ad_program_free(p);
    ok(c.ctx, ad_compile(c.t, WANTED, c.wanted, &(ad_plan_options){ .memory = all }, &p));
    assert_int_equal(ad_program_again(p).records, 0);
    ad_program_free(p);
    ok(c.ctx, ad_compile(c.t, WANTED, c.wanted, &(ad_plan_options){ .memory = all / 3 }, &p));
    ad_again third = ad_program_again(p);
    assert_true(ad_program_arena(p) <= all / 3);
    assert_int_equal(third.without, all);
    assert_true(third.records > 0 && third.macs > 0 && third.macs < forward);
    assert_true(ad_program_macs(p) > 3 * forward && ad_program_macs(p) < 4 * forward);
    ad_program_free(p);
    assert_true(smallest(&c) * 5 < all);
    chain_free(&c);
}

static void every_budget_gives_the_same_bits(void **state)
{
    chain c = chain_new();
    size_t least = smallest(&c), bytes[WANTED];
    void *first[WANTED];
    for (int k = 0; k < 6; k++) {
        ad_program *p;
        size_t budget = k ? least + least * (size_t)(k - 1) / 2 : 0;
        const ad_plan_options o = { .memory = budget, .no_chains = k == 4, .no_recompute = k == 5 };
        ok(c.ctx, ad_compile(c.t, WANTED, c.wanted, &o, &p));
        for (int run = 0; run < 2; run++) ok(c.ctx, ad_run(p, &(ad_run_options){ .check = run > 0 }));
        assert_true(budget == 0 || (ad_program_arena(p) <= budget && ad_program_again(p).records > 0));
        for (int i = 0; i < WANTED; i++) {
            bytes[i] = ad_shape_bytes(ad_tensor_shape(c.wanted[i]), AD_F32);
            if (k == 0) first[i] = memcpy(malloc(bytes[i]), ad_program_data(p, c.wanted[i]), bytes[i]);
            assert_memory_equal(first[i], ad_program_data(p, c.wanted[i]), bytes[i]);
        }
        ad_program_free(p);
    }
    for (int i = 0; i < WANTED; i++) free(first[i]);
    chain_free(&c);
}

/* A shift is a cheap function of what the adjoint of tanh needs anyway: kept where the budget has room for it, otherwise made again, and no
 * budget given means the smaller arena. */
static void cheap_values_are_kept_where_they_fit(void **state)
{
    const ad_shape image = { 4, { 4, 32, 32, 8 } }, kernel = { 4, { 3, 3, 8, 8 } };
    ad_ctx *ctx = ad_new(&(ad_options){ .threads = 2 });
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_tensor *w = noise(t, &kernel, 1, 0.2), *g, *h = noise(t, &image, 2, 1);
    for (int l = 0; l < 12; l++) h = ad_shift(t, ad_tanh(t, ad_conv(t, h, w, NULL, NULL)), 0.1);
    ad_tensor *loss = ad_sum(t, ad_mul(t, h, noise(t, &image, 3, 1)), NULL, false);
    ok(ctx, ad_gradients(t, loss, 1, &w, &g));
    size_t arena[4];
    float first[9 * 8 * 8];
    assert_int_equal(ad_shape_bytes(ad_tensor_shape(g), AD_F32), sizeof first);
    for (int k = 0; k < 4; k++) {
        /* any; as much as it takes with all kept; one byte less; all kept */
        const ad_plan_options o = { .memory = k == 1 ? arena[0] * 4 : k == 2 ? arena[1] - 1 : 0, .no_recompute = k == 3 };
        ad_program *p;
        ok(ctx, ad_compile(t, 1, &g, &o, &p));
        ok(ctx, ad_run(p, NULL));
        arena[k] = ad_program_arena(p);
        if (k == 0) memcpy(first, ad_program_data(p, g), sizeof first);
        assert_memory_equal(first, ad_program_data(p, g), sizeof first);
        assert_int_equal(ad_program_again(p).records, 0);
        ad_program_free(p);
    }
    assert_true(arena[0] * 5 < arena[1] * 4);
    assert_int_equal(arena[2], arena[0]);
    assert_int_equal(arena[3], arena[1]);
    ad_tape_free(t);
    ad_ctx_free(ctx);
}

/* ---- a training step with everything that is not a pure function of its operands ---- */

enum { LAYERS = 10, CHANNELS = 16 };

/* A batch norm whose statistics only the forward part reads; then layers with noise, dropout and reshapes, all with the same weights; at
 * the end a product of two large weights, whose gradients are the first to be there and each depend on the other weight; updates by
 * momentum. */
typedef struct bed {
    ad_ctx *ctx;
    ad_params *params;
    ad_tape *t;
    ad_optim *optim;
    ad_tensor *loss;
    ad_program *program;
} bed;

static ad_tensor *parameter(bed *b, const char *path, const ad_shape *s, ad_slot slot, double size)
{
    ok(b->ctx, ad_params_add(b->params, path, s, slot, AD_LAYOUT_PLAIN, NULL));
    float *data = ad_params_find(b->params, path)->data;
    for (int64_t i = 0; i < ad_count(s); i++) data[i] = (float)(slot == AD_SLOT_STATE ? size : size * ad_normal(77, 0, 0, (uint64_t)i));
    return ad_parameter(b->t, b->params, path);
}

static void bed_init(bed *b, int threads)
{
    const ad_shape image = { 4, { 2, 16, 16, CHANNELS } }, kernel = { 4, { 1, 1, CHANNELS, CHANNELS } }, channels = { 1, { CHANNELS } };
    const ad_shape tokens = { 3, { 2, 16 * 16, CHANNELS } };
    *b = (bed){ .ctx = ad_new(&(ad_options){ .threads = threads }) };
    b->params = ad_params_new(b->ctx, AD_F32);
    b->t = ad_tape_new(b->ctx, AD_F32);
    ad_tensor *one = ad_fill(b->t, &channels, 1), *zero = ad_fill(b->t, &channels, 0), *wrt[3], *g[3];
    ad_optim_weight weights[3];
    ad_tensor *mean = parameter(b, "mean", &channels, AD_SLOT_STATE, 0), *var = parameter(b, "var", &channels, AD_SLOT_STATE, 1);
    ad_tensor *w = wrt[0] = parameter(b, "w", &kernel, AD_SLOT_PARAM, 0.3);
    wrt[1] = parameter(b, "left", &image, AD_SLOT_PARAM, 1);
    wrt[2] = parameter(b, "right", &image, AD_SLOT_PARAM, 1);
    ad_tensor *h = ad_batch_norm(b->t, noise(b->t, &image, 1, 1), one, zero, mean, var, NULL);
    for (int l = 0; l < LAYERS; l++) {
        ad_tensor *y = ad_tanh(b->t, ad_conv(b->t, h, w, NULL, NULL));
        y = ad_add(b->t, y, ad_scale(b->t, ad_draw_normal(b->t, &image), 0.1));
        y = ad_dropout(b->t, y, NULL, &(ad_dropout_attr){ 0.25, true });
        h = ad_reshape(b->t, ad_exp(b->t, ad_scale(b->t, ad_reshape(b->t, y, &tokens), 0.3)), &image);
    }
    b->loss = ad_sum(b->t, ad_mul(b->t, h, noise(b->t, &image, 2, 1)), NULL, false);
    b->loss = ad_add(b->t, b->loss, ad_sum(b->t, ad_mul(b->t, ad_mul(b->t, wrt[1], wrt[2]), noise(b->t, &image, 3, 1)), NULL, false));
    ok(b->ctx, ad_gradients(b->t, b->loss, 3, wrt, g));
    for (int i = 0; i < 3; i++) weights[i] = (ad_optim_weight){ wrt[i], g[i], 1, 1 };
    ok(b->ctx, ad_optim_new(ad_ctx_error(b->ctx), "sgd", "momentum=0.9", NULL, &b->optim));
    ok(b->ctx, ad_optim_record(b->optim, b->t, b->params, 3, weights));
}

static void bed_fini(bed *b)
{
    ad_program_free(b->program);
    ad_optim_free(b->optim);
    ad_tape_free(b->t);
    ad_params_free(b->params);
    ad_ctx_free(b->ctx);
}

static int count(const ad_program *p, const char *op)
{
    ad_step_info info;
    int n = 0;
    for (int i = 0; ad_program_step(p, i, &info); i++) n += strcmp(info.op, op) == 0;
    return n;
}

typedef struct outcome {
    char hash[96];               /* of weights, state and momentum; behind it the last loss */
    size_t arena;
    int draws, statistics;       /* steps that draw, and that take the statistics of the batch norm */
} outcome;

/* Without the cheap values that are made again in any case, more is left to the budget. */
static outcome train(int threads, size_t memory, bool no_recompute)
{
    bed b;
    outcome o;
    bed_init(&b, threads);
    ok(b.ctx, ad_compile(b.t, 1, &b.loss, &(ad_plan_options){ .guard = b.loss, .memory = memory, .no_recompute = no_recompute }, &b.program));
    for (int i = 0; i < STEPS; i++) {
        ad_optim_set(b.optim, b.program, i, 0.01);
        ok(b.ctx, ad_run(b.program, &(ad_run_options){ .seed = 5, .step = (uint64_t)i }));
    }
    o.arena = ad_program_arena(b.program);
    o.draws = count(b.program, "normal") + count(b.program, "uniform");
    o.statistics = count(b.program, "batch_norm_statistics");
    ad_params_hash(b.params, o.hash);
    snprintf(o.hash + 64, sizeof o.hash - 64, " %a", (double)*(float *)ad_program_data(b.program, b.loss));
    bed_fini(&b);
    return o;
}

static size_t smallest_training(int threads)
{
    bed b;
    bed_init(&b, threads);
    assert_int_equal(ad_compile(b.t, 1, &b.loss, &(ad_plan_options){ .guard = b.loss, .memory = 1 }, &b.program), AD_EUSAGE);
    size_t bytes = named_bytes(ad_ctx_message(b.ctx), "smallest arena");
    bed_fini(&b);
    return bytes;
}

/* Noise is drawn again, statistics are taken again: the numbers are the same, and the running averages move once. */
static void noise_state_and_updates_are_those_of_one_run(void **state)
{
    const outcome want = train(1, 0, false);
    int draws = 0, statistics = 0;
    assert_int_equal(want.draws, 2 * LAYERS);
    assert_int_equal(want.statistics, 1);
    for (int threads = 1; threads <= 5; threads += 2) {
        size_t least = smallest_training(threads);
        for (int k = 0; k < 6; k++) {
            const outcome o = train(threads, least + least * (size_t)k / 6, k % 2 > 0);
            assert_true(o.arena <= least + least * (size_t)k / 6);
            assert_string_equal(o.hash, want.hash);
            if (o.draws > draws) draws = o.draws;
            if (o.statistics > statistics) statistics = o.statistics;
        }
    }
    assert_true(draws > 2 * LAYERS);
    assert_true(statistics > 1);
}

/* Where nothing can be given up, the arena without a budget is the smallest. */
static void a_program_that_cannot_do_with_less_is_named_so(void **state)
{
    const ad_shape s = { 1, { 5000 } };
    ad_ctx *ctx = ad_new(NULL);
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_tensor *y = ad_exp(t, noise(t, &s, 1, 1));
    ad_program *p;
    assert_int_equal(ad_compile(t, 1, &y, &(ad_plan_options){ .memory = 1 }, &p), AD_EUSAGE);
    size_t least = named_bytes(ad_ctx_message(ctx), "smallest arena");
    ad_error_clear(ad_ctx_error(ctx));
    ok(ctx, ad_compile(t, 1, &y, &(ad_plan_options){ .memory = least }, &p));
    assert_int_equal(ad_program_arena(p), least);
    assert_int_equal(ad_program_again(p).records, 0);
    ad_program_free(p);
    ad_tape_free(t);
    ad_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_name_the_smallest_arena), cmocka_unit_test(a_deep_chain_is_kept_in_segments),
        cmocka_unit_test(every_budget_gives_the_same_bits), cmocka_unit_test(cheap_values_are_kept_where_they_fit),
        cmocka_unit_test(noise_state_and_updates_are_those_of_one_run),
        cmocka_unit_test(a_program_that_cannot_do_with_less_is_named_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

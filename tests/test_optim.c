/*
 * Optimisers and schedules: every entry of the tables goes down a quadratic, state is kept and named, mistakes are refused; and, where
 * ADZE_SHARED has the recorded cases, ten steps of each agree with them.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/formats.h"
#include "optim/optim.h"

static ad_ctx *ctx;
static double keep;               /* of the running average that beds have; 0: none */

static int setup(void **state)
{
    ctx = ad_new(NULL);
    return ctx ? 0 : -1;
}

static int teardown(void **state)
{
    ad_ctx_free(ctx);
    return 0;
}

static void ok(ad_status s)
{
    if (s != AD_OK) fail_msg("%s", ad_ctx_message(ctx));
}

/* Two weights "a" and "b" whose gradients are inputs, and the program that updates them. */
typedef struct bed {
    ad_params *params;
    ad_tape *tape;
    ad_tensor *g[2];
    ad_optim *optim;
    ad_program *program;
} bed;

static void bed_init(bed *b, const ad_shape shapes[2], const char *optimiser, const char *settings, const ad_clip *clip, const double factors[4])
{
    static const char *const paths[] = { "a", "b" }, *const inputs[] = { "ga", "gb" };
    static const double ones[4] = { 1, 1, 1, 1 };
    ad_optim_weight w[2];
    b->params = ad_params_new(ctx, AD_F32);
    b->tape = ad_tape_new(ctx, AD_F32);
    if (!factors) factors = ones;
    for (int i = 0; i < 2; i++) {
        ok(ad_params_add(b->params, paths[i], &shapes[i], AD_SLOT_PARAM, AD_LAYOUT_PLAIN, NULL));
        b->g[i] = ad_input(b->tape, inputs[i], &shapes[i]);
        w[i] = (ad_optim_weight){ ad_parameter(b->tape, b->params, paths[i]), b->g[i], factors[2 * i], factors[2 * i + 1] };
    }
    ok(ad_optim_new(ad_ctx_error(ctx), optimiser, settings, clip, &b->optim));
    if (keep > 0) ok(ad_optim_average(ad_ctx_error(ctx), b->optim, keep));
    ok(ad_optim_record(b->optim, b->tape, b->params, 2, w));
    ad_tensor *outs[1] = { ad_optim_norm(b->optim) };
    ok(ad_compile(b->tape, outs[0] ? 1 : 0, outs, NULL, &b->program));
}

static void bed_fini(bed *b)
{
    ad_program_free(b->program);
    ad_optim_free(b->optim);
    ad_tape_free(b->tape);
    ad_params_free(b->params);
}

/* Loss p^2/2 of 40,000 weights from 1: after 200 steps of rate 0.05 every optimiser is much nearer to 0, and all weights are equal. */
static void all_descend(void **state)
{
    static const ad_shape shapes[2] = { { .rank = 1, .dim = { 40000 } }, { .rank = 0 } };
    for (const ad_optimiser *const *o = ad_optimisers; *o; o++) {
        bed b;
        bed_init(&b, shapes, (*o)->name, "", NULL, NULL);
        float *p = ad_params_find(b.params, "a")->data, *g = ad_program_data(b.program, b.g[0]);
        for (int i = 0; i < 40000; i++) p[i] = 1;
        for (int step = 0; step < 200; step++) {
            memcpy(g, p, 40000 * sizeof *p);
            memset(ad_program_data(b.program, b.g[1]), 0, sizeof(float));
            ad_optim_set(b.optim, b.program, step, 0.05);
            ok(ad_run(b.program, &(ad_run_options){ .step = (uint64_t)step }));
        }
        for (int i = 1; i < 40000; i++) assert_true(p[i] == p[0]);
        if (!(fabsf(p[0]) < 0.5)) fail_msg("%s: 1 became %g", (*o)->name, (double)p[0]);
        for (int i = 0; (*o)->slots[i]; i++) {
            char path[32];
            snprintf(path, sizeof path, "%s/a", (*o)->slots[i]);
            bool there = ad_params_find(b.params, path) != NULL;
            unsigned kept = strcmp((*o)->name, "sgd") == 0 ? 0 : strcmp((*o)->name, "rmsprop") == 0 || strcmp((*o)->name, "adagrad") == 0 ? 1 : 3;
            assert_int_equal(there, kept >> i & 1);
        }
        bed_fini(&b);
    }
}

/* Weights 1, 2, 3, ... by a constant gradient: their plain mean for the first 1 / (1 - keep) steps, then the recursion. */
static void averages_follow_the_weights(void **state)
{
    static const ad_shape shapes[2] = { { .rank = 1, .dim = { 3 } }, { .rank = 0 } };
    double want = 0;
    bed b;
    keep = 0.75;
    bed_init(&b, shapes, "sgd", "", NULL, NULL);
    keep = 0;
    float *g = ad_program_data(b.program, b.g[0]);
    memset(ad_program_data(b.program, b.g[1]), 0, sizeof(float));
    for (int i = 0; i < 3; i++) g[i] = -1;
    for (int step = 0; step < 9; step++) {
        ad_optim_set(b.optim, b.program, step, 1);
        ok(ad_run(b.program, &(ad_run_options){ .step = (uint64_t)step }));
        const float *p = ad_params_find(b.params, "a")->data, *a = ad_params_find(b.params, "ema.a")->data;
        assert_true(p[2] == (float)(step + 1));
        want = step < 4 ? 0.5 * (step + 2) : 0.75 * want + 0.25 * (step + 1);
        assert_true(fabs((double)a[2] - want) < 1e-5);
    }
    assert_true(ad_params_find(b.params, "ema.b") && ad_params_find(b.params, "ema.a")->slot == AD_SLOT_AVERAGE);
    bed_fini(&b);
    assert_int_equal(ad_optim_new(ad_ctx_error(ctx), "sgd", "", NULL, &b.optim), AD_OK);
    assert_int_equal(ad_optim_average(ad_ctx_error(ctx), b.optim, 1), AD_EUSAGE);
    assert_string_equal(ad_ctx_message(ctx), "a running average keeps 1 of itself; need a number between 0 and 1");
    ad_error_clear(ad_ctx_error(ctx));
    ad_optim_free(b.optim);
}

static void mistakes_are_refused(void **state)
{
    static const struct { const char *name, *settings, *message; } cases[] = {
        { "adan", "", "unknown optimiser 'adan'; there are adagrad, adam, adamax, adamw, nadam, radam, rmsprop, sgd" },
        { "sgd", "momentum=2", "sgd: momentum=2 is out of range; need 0 to 1" },
        { "sgd", "momentun=0.9", "sgd has no attribute 'momentun'; it has weight_decay, maximize, momentum, dampening, nesterov" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ad_error e = { 0 };
        ad_optim *o;
        assert_int_not_equal(ad_optim_new(&e, cases[i].name, cases[i].settings, NULL, &o), AD_OK);
        assert_null(o);
        assert_string_equal(e.message, cases[i].message);
    }
    static const char *const schedules[] = { "cosin(3)", "cosine", "cosine(over=0)", "cosine(10, 20, 30, 40, 50)", "step(5", "multistep(at=[1,2)" };
    for (size_t i = 0; i < sizeof schedules / sizeof *schedules; i++) {
        ad_error e = { 0 };
        ad_schedule *s;
        if (ad_schedule_parse(&e, schedules[i], &s) == AD_OK) fail_msg("%s was taken", schedules[i]);
        assert_true(*e.message);
    }
}

static void settings_by_place_and_name(void **state)
{
    ad_error e = { 0 };
    ad_schedule *s;
    assert_int_equal(ad_schedule_parse(&e, "linear(0, 0.1, over=5000)", &s), AD_OK);
    assert_true(ad_schedule_at(s, 0) == 0 && fabs(ad_schedule_at(s, 2500) - 0.05) < 1e-15 && ad_schedule_at(s, 9999) == 0.1);
    ad_schedule_free(s);
    assert_int_equal(ad_schedule_parse(&e, "multistep([10, 20], every=2)", &s), AD_OK);
    assert_true(ad_schedule_at(s, 19) == 1 && fabs(ad_schedule_at(s, 20) - 0.1) < 1e-15 && fabs(ad_schedule_at(s, 40) - 0.01) < 1e-15);
    ad_schedule_free(s);
    assert_int_equal(ad_schedule_parse(&e, "constant", &s), AD_OK);
    assert_true(ad_schedule_at(s, 5) == 1);
    ad_schedule_free(s);
}

/* ---- recorded cases ---- */

static ad_safetensors *open_case(const char *name)
{
    char path[1024];
    ad_safetensors *st = NULL;
    const char *shared = getenv("ADZE_SHARED");
    if (!shared) skip();
    snprintf(path, sizeof path, "%s/golden/optim/%s.safetensors", shared, name);
    ok(ad_safetensors_open(ad_ctx_error(ctx), path, &st));
    return st;
}

/* A malloc'ed copy as doubles. */
static double *values(const ad_safetensors *st, const char *name, int64_t *n)
{
    const ad_array *a = ad_safetensors_find(st, name);
    if (!a) fail_msg("no tensor %s", name);
    double *v = malloc(sizeof *v * (size_t)(ad_array_count(a) + 1));
    ok(ad_array_to_f64(ad_ctx_error(ctx), a, v));
    if (n) *n = ad_array_count(a);
    return v;
}

typedef struct trajectory {
    const char *name, *optimiser, *settings;
    ad_clip clip;
    double factors[4];      /* rate and decay of a, of b; all 0: ones */
} trajectory;

static void compare(const char *name, const char *what, int64_t n, const float *ours, const double *theirs)
{
    double worst = 0, scale = 1e-30;
    for (int64_t i = 0; i < n; i++) {
        worst = fmax(worst, fabs((double)ours[i] - theirs[i]));
        scale = fmax(scale, fabs(theirs[i]));
    }
    if (!(worst / scale < 5e-6)) fail_msg("%s: %s differs by %g of %g", name, what, worst, scale);
}

static void run_trajectory(const trajectory *c)
{
    static const ad_shape shapes[2] = { { .rank = 2, .dim = { 3, 4 } }, { .rank = 1, .dim = { 5 } } };
    static const char *const names[2] = { "a", "b" };
    ad_safetensors *st = open_case(c->name);
    double *rate = values(st, "in/lr", NULL), *start[2], *gradient[2], *after[2], *norm = NULL;
    bed b;
    bed_init(&b, shapes, c->optimiser, c->settings, &c->clip, c->factors[0] > 0 ? c->factors : NULL);
    for (int i = 0; i < 2; i++) {
        char name[32];
        start[i] = values(st, (snprintf(name, sizeof name, "in/p0_%s", names[i]), name), NULL);
        gradient[i] = values(st, (snprintf(name, sizeof name, "in/g_%s", names[i]), name), NULL);
        after[i] = values(st, (snprintf(name, sizeof name, "out/p_%s", names[i]), name), NULL);
        float *p = ad_params_find(b.params, names[i])->data;
        for (int64_t j = 0; j < ad_count(&shapes[i]); j++) p[j] = (float)start[i][j];
    }
    if (c->clip.norm > 0) norm = values(st, "out/grad_norm", NULL);
    for (int step = 0; step < 10; step++) {
        for (int i = 0; i < 2; i++) {
            float *g = ad_program_data(b.program, b.g[i]);
            for (int64_t j = 0, n = ad_count(&shapes[i]); j < n; j++) g[j] = (float)gradient[i][step * n + j];
        }
        ad_optim_set(b.optim, b.program, step, rate[step]);
        ok(ad_run(b.program, &(ad_run_options){ .step = (uint64_t)step }));
        for (int i = 0; i < 2; i++) {
            int64_t n = ad_count(&shapes[i]);
            compare(c->name, names[i], n, ad_params_find(b.params, names[i])->data, after[i] + step * n);
        }
        if (norm) compare(c->name, "norm", 1, ad_program_data(b.program, ad_optim_norm(b.optim)), norm + step);
    }
    for (int i = 0; i < 2; i++) {
        free(start[i]);
        free(gradient[i]);
        free(after[i]);
    }
    free(norm);
    free(rate);
    bed_fini(&b);
    ad_safetensors_free(st);
}

static void recorded_trajectories(void **state)
{
    static const trajectory cases[] = {
        { "opt_adagrad", "adagrad", "rate_decay=0.01, weight_decay=0.001" }, { "opt_adam", "adam", "" },
        { "opt_adam_amsgrad", "adam", "amsgrad=true" }, { "opt_adam_betas_eps", "adam", "beta1=0.5, beta2=0.9, eps=0.0001" },
        { "opt_adam_l2", "adam", "weight_decay=0.01" }, { "opt_adamax", "adamax", "" }, { "opt_adamw", "adamw", "" },
        { "opt_adamw_groups", "adamw", "weight_decay=0.2", { 0 }, { 1, 1, 10, 0 } }, { "opt_adamw_varlr", "adamw", "weight_decay=0.1" },
        { "opt_adamw_wd005", "adamw", "weight_decay=0.05" }, { "opt_nadam", "nadam", "" }, { "opt_radam", "radam", "" },
        { "opt_rmsprop", "rmsprop", "" }, { "opt_rmsprop_centered_wd", "rmsprop", "centered=true, weight_decay=0.01, alpha=0.9" },
        { "opt_rmsprop_momentum", "rmsprop", "momentum=0.9" }, { "opt_sgd_clip_norm", "sgd", "momentum=0.9", { .norm = 1 } },
        { "opt_sgd_clip_value", "sgd", "", { .value = 0.5 } }, { "opt_sgd_maximize", "sgd", "momentum=0.5, maximize=true" },
        { "opt_sgd_momentum", "sgd", "momentum=0.9" }, { "opt_sgd_momentum_dampening", "sgd", "momentum=0.8, dampening=0.5" },
        { "opt_sgd_momentum_wd", "sgd", "momentum=0.9, weight_decay=0.0001" },
        { "opt_sgd_nesterov_wd", "sgd", "momentum=0.99, nesterov=true, weight_decay=3e-05" }, { "opt_sgd_plain", "sgd", "" },
        { "opt_sgd_poly_lr", "sgd", "momentum=0.9, weight_decay=0.0001" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) run_trajectory(&cases[i]);
}

static void recorded_schedules(void **state)
{
    static const struct { const char *name, *text; double base; } cases[] = {
        { "lr_cosine", "cosine(10, end=0.01)" }, { "lr_cosine_restarts", "restarts(4, mult=2, end=0.001)" }, { "lr_exp", "exp(0.9)" },
        { "lr_linear", "linear(0.1, 1, over=6)" }, { "lr_multistep", "multistep([3, 8, 8, 12], gamma=0.3)" },
        { "lr_onecycle", "onecycle(20)", 0.1 }, { "lr_poly_nnunet", "poly(40)" }, { "lr_poly_swinunet", "poly(31, lagged=true)" },
        { "lr_poly_transunet", "poly(25, lagged=true)" }, { "lr_polynomial", "poly(10)" }, { "lr_step", "step(4, gamma=0.5)" },
        { "lr_warmup_cosine", "cosine(15, warmup=5)" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ad_safetensors *st = open_case(cases[i].name);
        ad_schedule *s;
        int64_t n;
        double *base = values(st, "in/base_lr", NULL), *rate = values(st, "out/lr", &n);
        ok(ad_schedule_parse(ad_ctx_error(ctx), cases[i].text, &s));
        for (int64_t t = 0; t < n; t++) {
            double ours = (cases[i].base > 0 ? cases[i].base : *base) * ad_schedule_at(s, t);
            if (!(fabs(ours - rate[t]) <= 1e-9 * *base)) fail_msg("%s: step %d: %.12g, expected %.12g", cases[i].name, (int)t, ours, rate[t]);
        }
        ad_schedule_free(s);
        free(base);
        free(rate);
        ad_safetensors_free(st);
    }
}

static void recorded_plateau_and_batches(void **state)
{
    ad_safetensors *st = open_case("lr_plateau");
    int64_t n;
    double *base = values(st, "in/base_lr", NULL), *rate = values(st, "out/lr", &n), *score = values(st, "in/metric", NULL), scale = 1;
    ad_plateau p = ad_plateau_start(0.5, 1e-4, 2);
    for (int64_t t = 0; t < n; t++) {
        assert_true(fabs(*base * scale - rate[t]) < 1e-9);
        scale = ad_plateau_look(&p, score[t]);
    }
    free(base);
    free(rate);
    free(score);
    ad_safetensors_free(st);
    st = open_case("lr_batchscale_transunet");
    double *batch = values(st, "in/batch", NULL);
    base = values(st, "in/base_lr", NULL);
    rate = values(st, "out/lr", &n);
    for (int64_t i = 0; i < n; i++) assert_true(fabs(ad_rate_for_batch(*base, (int64_t)batch[i]) - rate[i]) < 1e-12);
    assert_true(ad_rate_for_batch(0.01, 16) == 0.01);
    free(batch);
    free(base);
    free(rate);
    ad_safetensors_free(st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_descend), cmocka_unit_test(averages_follow_the_weights),
        cmocka_unit_test(mistakes_are_refused), cmocka_unit_test(settings_by_place_and_name),
        cmocka_unit_test(recorded_trajectories), cmocka_unit_test(recorded_schedules), cmocka_unit_test(recorded_plateau_and_batches),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

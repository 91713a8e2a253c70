/*
 * test_commits.c - the end of a step: parameters get their new values from those of before the step, and none at all where one of them would
 * not be a number.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "autograd/internal.h"
#include "optim/optim.h"

enum { N = 40 };

typedef struct bench {
    ad_ctx *ctx;
    ad_params *params;
    ad_tape *t;
    ad_tensor *leaf[3];
    ad_optim *optim;
} bench;

static const char *const names[] = { "a", "b", "c" };

static double start(int k, int i)
{
    static const double first[] = { 100, 1000, 10000 };
    return first[k] + i;
}

static void ok(const bench *b, ad_status s)
{
    if (s != AD_OK) fail_msg("%s", ad_ctx_message(b->ctx));
}

static float *data(bench *b, const char *path)
{
    return ad_params_find(b->params, path)->data;
}

/* Three parameters of N numbers. */
static void begin(bench *b)
{
    *b = (bench){ .ctx = ad_new(&(ad_options){ .threads = 2 }) };
    b->params = ad_params_new(b->ctx, AD_F32);
    b->t = ad_tape_new(b->ctx, AD_F32);
    for (int k = 0; k < 3; k++) {
        ok(b, ad_params_add(b->params, names[k], &(ad_shape){ 1, { N } }, AD_SLOT_PARAM, AD_LAYOUT_PLAIN, NULL));
        for (int i = 0; i < N; i++) data(b, names[k])[i] = (float)start(k, i);
        b->leaf[k] = ad_parameter(b->t, b->params, names[k]);
    }
}

static void end(bench *b)
{
    ad_optim_free(b->optim);
    ad_tape_free(b->t);
    ad_params_free(b->params);
    ad_ctx_free(b->ctx);
}

/* Plain descent of rate 0.5 on half the sum of squares of the parameters in `which`, by which they are halved; in place where it may be. */
static ad_tensor *descend(bench *b, int n, const int *which)
{
    ad_optim_weight w[3];
    ad_tensor *loss = NULL;
    for (int i = 0; i < n; i++) {
        ad_tensor *x = b->leaf[which[i]];
        w[i] = (ad_optim_weight){ x, ad_scale(b->t, x, 1), 1, 1 };
        ad_tensor *term = ad_scale(b->t, ad_sum(b->t, ad_square(b->t, x), NULL, false), 0.5);
        loss = loss ? ad_add(b->t, loss, term) : term;
    }
    ok(b, ad_optim_new(ad_ctx_error(b->ctx), "sgd", "", NULL, &b->optim));
    ok(b, ad_optim_record(b->optim, b->t, b->params, n, w));
    return loss;
}

/* Runs the tape once under every plan, each time from the start, and expects a, b and c to be factor[k] times the start of from[k]. */
static void expect(bench *b, ad_tensor *out, const int *from, const double *factor)
{
    static const ad_plan_options plans[] = { { 0 }, { .no_sharing = true }, { .no_chains = true }, { .no_reuse = true }, { .memory = 1 << 20 } };
    for (size_t p = 0; p < sizeof plans / sizeof *plans; p++) {
        ad_program *program;
        for (int k = 0; k < 3; k++)
            for (int i = 0; i < N; i++) data(b, names[k])[i] = (float)start(k, i);
        ok(b, ad_compile(b->t, out ? 1 : 0, &out, &plans[p], &program));
        if (b->optim) ad_optim_set(b->optim, program, 0, 0.5);
        ok(b, ad_run(program, NULL));
        for (int k = 0; k < 3; k++)
            for (int i = 0; i < N; i++)
                if (data(b, names[k])[i] != (float)(factor[k] * start(from[k], i)))
                    fail_msg("plan %d: %s[%d] is %g, want %g", (int)p, names[k], i, (double)data(b, names[k])[i], factor[k] * start(from[k], i));
        ad_program_free(program);
    }
}

/* a becomes b while an optimiser halves b where it lies. */
static void a_parameter_given_to_another_is_that_of_before_its_update(void **state)
{
    bench b;
    begin(&b);
    ad_tensor *loss = descend(&b, 1, (const int[]){ 1 });
    ok(&b, ad_commit(b.leaf[0], b.leaf[1]));
    expect(&b, loss, (const int[]){ 1, 1, 2 }, (const double[]){ 1, 0.5, 1 });
    end(&b);
}

/* The same through what only looks at b and was recorded before; what is recorded afterwards reads the new value. */
static void so_is_a_view_of_it(void **state)
{
    bench b;
    begin(&b);
    ad_tensor *view = ad_reshape(b.t, ad_reshape(b.t, b.leaf[1], &(ad_shape){ 2, { 4, N / 4 } }), &(ad_shape){ 1, { N } });
    ad_tensor *loss = descend(&b, 1, (const int[]){ 1 });
    ok(&b, ad_commit(b.leaf[0], view));
    ok(&b, ad_commit(b.leaf[2], ad_stop_gradient(b.t, b.leaf[1])));
    expect(&b, loss, (const int[]){ 1, 1, 1 }, (const double[]){ 1, 0.5, 0.5 });
    end(&b);
}

/* Without an optimiser: the values are copied at the end, in some order. */
static void parameters_can_be_swapped(void **state)
{
    bench b;
    begin(&b);
    ok(&b, ad_commit(b.leaf[0], b.leaf[1]));
    ok(&b, ad_commit(b.leaf[1], b.leaf[0]));
    ok(&b, ad_commit(b.leaf[2], b.leaf[2]));
    expect(&b, NULL, (const int[]){ 1, 0, 2 }, (const double[]){ 1, 1, 1 });
    end(&b);
}

static void and_handed_on(void **state)
{
    bench b;
    begin(&b);
    ok(&b, ad_commit(b.leaf[1], ad_scale(b.t, b.leaf[0], 2)));
    ok(&b, ad_commit(b.leaf[2], b.leaf[1]));
    ok(&b, ad_commit(b.leaf[0], b.leaf[2]));
    expect(&b, NULL, (const int[]){ 2, 0, 1 }, (const double[]){ 1, 2, 1 });
    end(&b);
}

/* The new value itself, made where b lies, is another matter: an average of the new weights. */
static void the_new_value_can_be_given_too(void **state)
{
    bench b;
    begin(&b);
    ad_tensor *loss = descend(&b, 1, (const int[]){ 1 });
    ad_record_info r;
    int last = ad_tape_count(b.t) - 1;
    assert_true(ad_tape_record(b.t, last, &r) && strcmp(r.op->name, "sgd_update") == 0);
    ok(&b, ad_commit(b.leaf[0], r.out[0]));
    ok(&b, ad_commit(b.leaf[2], ad_scale(b.t, r.out[0], 4)));
    expect(&b, loss, (const int[]){ 1, 1, 1 }, (const double[]){ 0.5, 0.5, 2 });
    end(&b);
}

/* The second norm's statistics are recorded before its shift is refused: the running mean is still that of the first. */
static void a_refused_record_takes_no_commit_away(void **state)
{
    bench b;
    begin(&b);
    ad_tensor *x = ad_constant(b.t, &(ad_shape){ 2, { 1, N } }, data(&b, "c")), *twice = ad_scale(b.t, x, 2), *out[AD_MAX_OUTPUTS];
    ad_tensor *scale = ad_fill(b.t, &(ad_shape){ 1, { N } }, 1), *wide = ad_fill(b.t, &(ad_shape){ 1, { N + 1 } }, 1);
    const ad_op *norm = ad_op_find(b.ctx, "batch_norm");
    const ad_batch_norm_attr attr = { .eps = 0.5, .decay = 0, .training = true };
    ok(&b, ad_record(b.t, norm, &attr, 5, (ad_tensor *[]){ x, scale, scale, b.leaf[0], b.leaf[1] }, out));
    assert_int_equal(ad_record(b.t, norm, &attr, 5, (ad_tensor *[]){ twice, scale, wide, b.leaf[0], b.leaf[1] }, out), AD_ESHAPE);
    ad_error_clear(ad_ctx_error(b.ctx));
    assert_non_null(ad_scale(b.t, twice, 3));
    expect(&b, NULL, (const int[]){ 2, 1, 2 }, (const double[]){ 1, 0, 1 });
    end(&b);
}

/* ---- what must not be committed ---- */

/* a is halved in place by an optimiser, and c gets the logarithm of b: with b = 0 that is minus infinity. */
static ad_tensor *with_logarithm(bench *b)
{
    ad_tensor *loss = descend(b, 1, (const int[]){ 0 });
    ok(b, ad_commit(b->leaf[2], ad_log(b->t, b->leaf[1])));
    return loss;
}

/* The loss, sum sqrt(a - 100), is finite where its slope is not. */
static ad_tensor *root(bench *b, const ad_clip *clip)
{
    ad_tensor *grad;
    ad_tape_at(b->t, &(ad_place){ .file = "root.yaml", .line = 7, .column = 3, .path = "train/root" });
    ad_tensor *loss = ad_sum(b->t, ad_sqrt(b->t, ad_shift(b->t, b->leaf[0], -100)), NULL, false);
    ok(b, ad_gradients(b->t, loss, 1, &b->leaf[0], &grad));
    ok(b, ad_optim_new(ad_ctx_error(b->ctx), "adam", "", clip, &b->optim));
    ok(b, ad_optim_record(b->optim, b->t, b->params, 2, (ad_optim_weight[]){ { b->leaf[0], grad, 1, 1 }, { b->leaf[1], b->leaf[2], 1, 1 } }));
    ok(b, ad_commit(b->leaf[2], ad_scale(b->t, b->leaf[2], 2)));
    return loss;
}

static ad_tensor *with_root(bench *b)
{
    return root(b, NULL);
}

/* A norm that is infinite scales everything by 0, and infinity to NaN. */
static ad_tensor *with_clipped_root(bench *b)
{
    return root(b, &(ad_clip){ .norm = 1 });
}

typedef struct refusal {
    ad_tensor *(*make)(bench *b);
    double zero;                 /* number 5 of this parameter ... */
    int of;
    const char *says, *looks;    /* without and with every value looked at */
} refusal;

static void nothing_changes(const refusal *r, const ad_plan_options *plan)
{
    bench b;
    ad_program *program;
    ad_finding found;
    char before[65], after[65];
    begin(&b);
    ad_tensor *loss = r->make(&b);
    ad_plan_options o = *plan;
    o.guard = loss;
    data(&b, names[r->of])[5] = (float)r->zero;
    ok(&b, ad_compile(b.t, 1, &loss, &o, &program));
    ad_optim_set(b.optim, program, 0, 0.5);
    ad_params_hash(b.params, before);
    for (int look = 0; look < 2; look++) {
        ad_status s = ad_run(program, &(ad_run_options){ .check = look, .found = &found });
        const char *want = look ? r->looks : r->says, *message = ad_ctx_message(b.ctx);
        if (s != AD_ENUMERIC || !strstr(message, want)) fail_msg("status %d, '%s'; want '%s'", (int)s, message, want);
        assert_true(isfinite(*(float *)ad_program_data(program, loss)) && (found.record >= 0) == look);
        ad_params_hash(b.params, after);
        assert_string_equal(before, after);
        ad_error_clear(ad_ctx_error(b.ctx));
    }
    /* It can go on from there. */
    data(&b, names[r->of])[5] = (float)start(r->of, 5);
    data(&b, "a")[0] = 101;
    ok(&b, ad_run(program, NULL));
    ad_params_hash(b.params, after);
    assert_string_not_equal(before, after);
    ad_program_free(program);
    end(&b);
}

static void what_is_not_finite_is_not_committed(void **state)
{
    static const ad_plan_options plans[] = { { 0 }, { .no_sharing = true, .no_chains = true }, { .no_reuse = true }, { .memory = 1 << 20 } };
    static const refusal refusals[] = {
        { with_root, 100, 0, "what 'a' would be updated by is not finite; nothing was committed", "op        gradient: " },
        { with_root, 100, 0, "'a'", "train/root" },
        { with_root, 100, 0, "'a'", "root.yaml:7:3" },
        { with_clipped_root, 100, 0, "'a'", "op        gradient: " },
        { with_logarithm, 0, 1, "what 'c' would be updated by is not finite", "op        log" },
    };
    for (size_t p = 0; p < sizeof plans / sizeof *plans; p++)
        for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) nothing_changes(&refusals[i], &plans[p]);
}

/* Wherever it stands: vectors, their rest, more than one part of a large value. */
static void every_element_is_looked_at(void **state)
{
    enum { LARGE = 3 * 65536 + 37 };
    static const float bad[] = { NAN, INFINITY, -INFINITY };
    static float x[LARGE];
    const int64_t at[] = { 0, 15, 16, 65535, 65536, 3 * 65536 - 1, 3 * 65536 + 31, 3 * 65536 + 32, LARGE - 1 };
    ad_buffer b = { x, { 1, { LARGE } } };
    for (int i = 0; i < LARGE; i++) x[i] = i % 2 ? 3e38f : -1e-45f;
    for (int threads = 1; threads <= 4; threads += 3) {
        assert_true(ad__finite(&b, AD_F32, threads));
        for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
            float kept = x[at[i]];
            x[at[i]] = bad[i % 3];
            assert_false(ad__finite(&b, AD_F32, threads));
            assert_int_equal(ad__not_finite(&b, AD_F32), at[i]);
            x[at[i]] = kept;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_parameter_given_to_another_is_that_of_before_its_update),
        cmocka_unit_test(so_is_a_view_of_it),
        cmocka_unit_test(parameters_can_be_swapped),
        cmocka_unit_test(and_handed_on),
        cmocka_unit_test(the_new_value_can_be_given_too),
        cmocka_unit_test(a_refused_record_takes_no_commit_away),
        cmocka_unit_test(what_is_not_finite_is_not_committed),
        cmocka_unit_test(every_element_is_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

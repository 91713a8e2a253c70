/*
 * test_looking - a trace's adjoints are the gradients by which a step of training changes the weights; a profile's rows are the whole step;
 * what a replay reads is checked.
 */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/experiment.h"

static ad_ctx *ctx;

static int setup(void **state)
{
    ctx = ad_new(&(ad_options){ .threads = 1 });
    return ctx ? 0 : -1;
}

static int teardown(void **state)
{
    ad_ctx_free(ctx);
    return 0;
}

static ad_experiment *experiment(const char *rate)
{
    const char *const set[] = { "train.steps=6", "train.batch=2", "data.options=train=40, test=20", "train.optim=sgd", rate };
    const char *source = getenv("srcdir");
    char model[1024];
    ad_experiment *x;
    snprintf(model, sizeof model, "%s/tests/data/tiny.yaml", source ? source : "..");
    ad_status s = ad_experiment_single(ctx, model, &(ad_experiment_options){ .n_set = 5, .set = set }, NULL, &x);
    if (s != AD_OK) fail_msg("%s", ad_ctx_message(ctx));
    return x;
}

/* First element of the last adjoint that the walk showed of each weight. */
typedef struct seen {
    int n, records, before;
    bool only, added;
    char path[64][128];
    double first[64];
} seen;

static bool note(void *arg, const ad_traced *r)
{
    seen *s = arg;
    s->records++;
    assert_true(s->before < 0 || r->record < s->before);
    s->before = r->record;
    assert_true(r->last >= r->first && (!s->only || strcmp(r->info.op->name, "conv") == 0));
    for (int k = 0; k < r->info.n_in; k++) {
        const ad_seen *a = &r->in[k];
        if (!a->of || !a->wanted) continue;
        assert_true(a->bad == 0 && a->least <= a->mean && a->mean <= a->largest && a->first[0] >= a->least && a->first[0] <= a->largest);
        s->added = s->added || a->added;
        if (ad_tensor_record(a->of) >= 0 || ad_tensor_name(a->of)[0] == '%') continue;
        int i = 0;
        while (i < s->n && strcmp(s->path[i], ad_tensor_name(a->of)) != 0) i++;
        if (i == s->n) snprintf(s->path[s->n++], sizeof s->path[0], "%s", ad_tensor_name(a->of));
        s->first[i] = a->first[0];
    }
    return true;
}

static void traced_adjoints_are_the_gradients(void **state)
{
    ad_experiment *x = experiment("train.lr=0.5");
    seen s = { .before = -1 };
    assert_int_equal(ad_trace(x, 0, &(ad_trace_options){ .show = note, .arg = &s }), AD_OK);
    assert_true(s.n > 8 && s.records > 20 && s.added);
    ad__training *t = calloc(1, sizeof *t);
    assert_int_equal(ad__training_init(t, x, 0), AD_OK);
    assert_int_equal(ad__training_open_data(t), AD_OK);
    assert_int_equal(ad__training_open_loader(t), AD_OK);
    double before[64];
    for (int i = 0; i < s.n; i++) before[i] = (double)*(float *)ad_params_find(t->params, s.path[i])->data;
    assert_int_equal(ad__training_step(t), AD_OK);
    int moved = 0;
    for (int i = 0; i < s.n; i++) {
        double after = (double)*(float *)ad_params_find(t->params, s.path[i])->data, want = before[i] - 0.5 * s.first[i];
        if (fabs(after - want) > 1e-6 * (1 + fabs(want))) fail_msg("%s: %.9g becomes %.9g, not %.9g", s.path[i], before[i], after, want);
        moved += after != before[i];
    }
    assert_true(moved > 8);
    ad__training_fini(t);
    free(t);
    s = (seen){ .before = -1, .only = true };
    assert_int_equal(ad_trace(x, 0, &(ad_trace_options){ .only = "conv", .from = 30, .to = 2, .show = note, .arg = &s }), AD_OK);
    assert_true(s.records > 0 && s.before >= 2);
    ad_experiment_free(x);
}

static void a_profile_is_the_whole_step(void **state)
{
    ad_experiment *x = experiment("train.lr=1e-4");
    ad_profile p;
    double ops = 0, lines = 0;
    bool conv = false, weights = false, line = false;
    assert_int_equal(ad_profile_step(x, 0, NULL, 2, &p), AD_OK);
    assert_true(p.steps == 2 && p.batch == 2 && p.records > 50 && p.limits.flops > 1e8 && p.limits.bytes > 1e7);
    for (int i = 0; i < p.n_ops; i++) {
        ops += p.ops[i].seconds;
        conv = conv || (strcmp(p.ops[i].op, "conv") == 0 && p.ops[i].cost.macs > 0);
    }
    for (int i = 0; i < p.n_lines; i++) {
        lines += p.lines[i].seconds;
        weights = weights || !p.lines[i].place;
        line = line || (p.lines[i].place && p.lines[i].place->line == 14 && p.lines[i].backward > 0);
    }
    assert_true(conv && weights && line && ops > 0);
    assert_true(fabs(ops - lines) <= 1e-9 * ops && fabs(ops - 2 * p.seconds) <= 1e-9 * ops);
    ad_profile_fini(&p);
    ad_experiment_free(x);
}

/* Two steps of 1 s on a machine of 100 FLOP/s and 10 bytes/s: the longest bar is 330 wide, a full track 104. */
static void a_picture_shows_times_and_limits(void **state)
{
    ad_place place = { .file = "models/a<b.yaml", .line = 7, .path = "net/conv" };
    ad_profile_row ops[16] = { { .op = "conv", .steps = 3, .seconds = 1.5, .backward = 0.3, .cost = { .macs = 7.5, .bytes = 15 } } };
    ad_profile_row lines[] = { { .op = "", .place = &place, .steps = 3, .seconds = 1.2 }, { .op = "", .seconds = 0.8, .cost = { .bytes = 1 } } };
    for (int i = 1; i < 16; i++) ops[i] = (ad_profile_row){ .op = "small", .steps = 1, .seconds = 0.5 / 15, .cost = { .macs = 1 } };
    const ad_profile p = { .steps = 2, .seconds = 1, .limits = { 100, 10 }, .n_ops = 16, .ops = ops, .n_lines = 2, .lines = lines };
    char *svg = ad_profile_svg(&p, "x & y");
    const char *const parts[] = {
        "x &amp; y", "width=\"264.0\" height=\"13\"", "x=\"636.0\" y=\"80\" width=\"66.0\" height=\"13\"", ">750.0 ms<", ">75.0 %<", "width=\"20.8\"", ">20 %</text>", "width=\"104.0\"",
        ">200 %</text>", ">3 other ops<", ">a&lt;b.yaml:7<", ">net/conv</tspan>", ">(no line)<", "prefers-color-scheme:dark", "</svg>",
    };
    assert_non_null(svg);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(svg, parts[i])) fail_msg("the picture lacks %s:\n%s", parts[i], svg);
    free(svg);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(traced_adjoints_are_the_gradients), cmocka_unit_test(a_profile_is_the_whole_step),
                                        cmocka_unit_test(a_picture_shows_times_and_limits) };
    return cmocka_run_group_tests(tests, setup, teardown);
}

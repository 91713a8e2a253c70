/* test_metrics_golden.c - every recorded value that metrics/ has a function for, in all five emptiness scenarios of both cases. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "formats/formats.h"
#include "metrics/metrics.h"

typedef struct golden {
    ad_safetensors *st;
    const char *scenario;
    ad_case c;
    float *probabilities;
} golden;

static const ad_array *tensor(const golden *g, const char *kind, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s/%s", kind, g->scenario, name);
    const ad_array *a = ad_safetensors_find(g->st, path);
    if (!a) fail_msg("no tensor %s", path);
    return a;
}

/* Equal within the recorded tolerance; NaN only where NaN is recorded. */
static void compare(const golden *g, const char *name, int64_t n, const double *got)
{
    const ad_array *a = tensor(g, "out", name);
    double want[4096];
    ad_error e = { 0 };
    assert_true(ad_array_count(a) == n && n <= 4096);
    assert_int_equal(ad_array_to_f64(&e, a, want), AD_OK);
    for (int64_t i = 0; i < n; i++)
        if (isnan(want[i]) ? !isnan(got[i]) : !(fabs(got[i] - want[i]) <= 1e-6))
            fail_msg("%s/%s[%lld]: %.9g, recorded %.9g", g->scenario, name, (long long)i, got[i], want[i]);
}

static void load(golden *g)
{
    const ad_array *s = tensor(g, "in", "sample_label"), *r = tensor(g, "in", "gt_label"), *p = tensor(g, "in", "sample_prob_NCHW");
    int64_t pixels = s->dim[1] * s->dim[2], classes = p->dim[1];
    g->probabilities = malloc(p->bytes);
    for (int64_t n = 0; n < s->dim[0]; n++)
        for (int64_t k = 0; k < classes; k++)
            for (int64_t i = 0; i < pixels; i++)
                g->probabilities[(n * pixels + i) * classes + k] = ((const float *)p->data)[(n * classes + k) * pixels + i];
    g->c = (ad_case){ .pixels = pixels, .classes = (int)classes, .n_samples = (int)s->dim[0], .n_readers = (int)r->dim[0],
                      .samples = s->data, .readers = r->data, .probabilities = g->probabilities };
}

static void compare_scores(const golden *g)
{
    static const struct { const char *metric, *recorded; } pairs[] = {
        { "ged2", "ged2" }, { "ged2_unbiased", "ged2_unbiased" }, { "ncc", "ncc_soft" }, { "iou_matched", "hungarian_iou" },
        { "diversity", "diversity_all_pairs" }, { "diversity_distinct", "diversity_distinct_pairs" },
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        double value;
        ad_error e = { 0 };
        if (ad_score(&e, ad_metric_find(pairs[i].metric), &g->c, &value) != AD_OK) fail_msg("%s", e.message);
        compare(g, pairs[i].recorded, 1, &value);
    }
}

static void compare_distances(const golden *g)
{
    const ad_case *c = &g->c;
    double d[64];
    ad_error e = { 0 };
    assert_int_equal(ad_distances(&e, c->pixels, c->classes, c->n_samples, c->samples, c->n_readers, c->readers, d), AD_OK);
    compare(g, "dist_sample_gt", c->n_samples * c->n_readers, d);
    assert_int_equal(ad_distances(&e, c->pixels, c->classes, c->n_samples, c->samples, c->n_samples, c->samples, d), AD_OK);
    compare(g, "dist_sample_sample", c->n_samples * c->n_samples, d);
    assert_int_equal(ad_distances(&e, c->pixels, c->classes, c->n_readers, c->readers, c->n_readers, c->readers, d), AD_OK);
    compare(g, "dist_gt_gt", c->n_readers * c->n_readers, d);
}

static void compare_dice(const golden *g)
{
    const ad_case *c = &g->c;
    double d[96], mean[4096], of_mean[4], labels_got[2048];
    uint8_t labels[2048];
    int n = 0;
    for (int s = 0; s < c->n_samples; s++)
        for (int r = 0; r < c->n_readers; r++)
            for (int k = 0; k < c->classes; k++)
                d[n++] = ad_dice_overlap(c->pixels, c->samples + s * c->pixels, c->readers + r * c->pixels, k, AD_DICE_OVERLAP);
    compare(g, "dice_sample_gt", n, d);
    ad_mean_map(c, mean);
    ad_mean_labels(c->pixels, c->classes, mean, labels);
    for (int64_t i = 0; i < c->pixels; i++) labels_got[i] = labels[i];
    compare(g, "mean_prob_argmax", c->pixels, labels_got);
    for (int k = 0; k < c->classes; k++) of_mean[k] = ad_dice_overlap(c->pixels, labels, c->readers, k, AD_DICE_OVERLAP);
    compare(g, "dice_mean_pred_gt0", c->classes, of_mean);
}

static void compare_uncertainty(const golden *g)
{
    double map[2048];
    ad_case labels_only = g->c;
    ad_error e = { 0 };
    assert_int_equal(ad_uncertainty_map(&e, &g->c, map), AD_OK);
    compare(g, "uncertainty_prob", g->c.pixels, map);
    labels_only.probabilities = NULL;
    assert_int_equal(ad_uncertainty_map(&e, &labels_only, map), AD_OK);
    compare(g, "uncertainty_label", g->c.pixels, map);
}

static void check(const char *file)
{
    static const char *const scenarios[] = { "plain", "some_empty", "gt_empty", "pred_empty", "all_empty" };
    const char *shared = getenv("ADZE_SHARED");
    char path[1024];
    ad_error e = { 0 };
    golden g = { 0 };
    if (!shared) skip();
    snprintf(path, sizeof path, "%s/golden/probabilistic/%s.safetensors", shared, file);
    if (ad_safetensors_open(&e, path, &g.st) != AD_OK) fail_msg("%s", e.message);
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        g.scenario = scenarios[i];
        load(&g);
        compare_scores(&g);
        compare_distances(&g);
        compare_dice(&g);
        compare_uncertainty(&g);
        free(g.probabilities);
    }
    ad_safetensors_free(g.st);
}

static void binary(void **state)
{
    (void)state;
    check("metrics_binary_a");
}

static void several_classes(void **state)
{
    (void)state;
    check("metrics_multiclass_a");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(binary), cmocka_unit_test(several_classes) };
    return cmocka_run_group_tests_name("metrics: recorded values", tests, NULL, NULL);
}

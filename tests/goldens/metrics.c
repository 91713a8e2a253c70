/*
 * metrics.c - cases of scores: sets of samples against sets of readers, in several scenarios of empty masks.
 *
 * Tensors are named SCENARIO/NAME. Rows say which function of metrics.h gives which result; results without a row (Hausdorff
 * distances, entropy, the variance of label numbers) have no metric yet and are left out.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/metrics.h"
#include "tests/goldens/golden.h"

#define TOLERANCE 1e-6

typedef struct scenario {
    kase *k;
    ad_case c;
    const char *name;
} scenario;

/* ---- what the rows call: out has as many values as the array of the file ---- */

static bool score(scenario *s, const char *metric, double *out)
{
    const ad_metric *m = ad_metric_find(metric);
    return m && ad_score(&s->k->g->error, m, &s->c, out) == AD_OK;
}

static bool distances(scenario *s, const char *pair, double *out)
{
    const ad_case *c = &s->c;
    bool a = pair[0] == 's', b = pair[1] == 's';
    return ad_distances(&s->k->g->error, c->pixels, c->classes, a ? c->n_samples : c->n_readers, a ? c->samples : c->readers,
                        b ? c->n_samples : c->n_readers, b ? c->samples : c->readers, out) == AD_OK;
}

static bool dice(scenario *s, const char *rule, double *out)
{
    const ad_case *c = &s->c;
    for (int i = 0; i < c->n_samples; i++)
        for (int j = 0; j < c->n_readers; j++)
            for (int label = 0; label < c->classes; label++)
                *out++ = ad_dice_overlap(c->pixels, c->samples + i * c->pixels, c->readers + j * c->pixels, label, AD_DICE_OVERLAP);
    return true;
}

static double *mean_map(scenario *s)
{
    double *mean = malloc((size_t)(s->c.pixels * s->c.classes) * sizeof *mean);
    if (mean)
        ad_mean_map(&s->c, mean);
    return mean;
}

static bool mean_labels(scenario *s, const char *against, double *out)
{
    const ad_case *c = &s->c;
    double *mean = mean_map(s);
    uint8_t *labels = malloc((size_t)c->pixels);
    bool ok = mean && labels;
    if (ok)
        ad_mean_labels(c->pixels, c->classes, mean, labels);
    for (int label = 0; ok && against[0] && label < c->classes; label++)
        out[label] = ad_dice_overlap(c->pixels, labels, c->readers, label, AD_DICE_OVERLAP);
    for (int64_t i = 0; ok && !against[0] && i < c->pixels; i++)
        out[i] = labels[i];
    free(mean);
    free(labels);
    return ok;
}

static bool uncertainty(scenario *s, const char *argument, double *out)
{
    return ad_uncertainty_map(&s->k->g->error, &s->c, out) == AD_OK;
}

static const struct {
    const char *name;                                            /* of the result */
    bool (*f)(scenario *s, const char *argument, double *out);
    const char *argument;
} rows[] = {
    { "ged2", score, "ged2" },
    { "ged2_unbiased", score, "ged2_unbiased" },
    { "ncc_soft", score, "ncc" },
    { "hungarian_iou", score, "iou_matched" },
    { "diversity_all_pairs", score, "diversity" },
    { "diversity_distinct_pairs", score, "diversity_distinct" },
    { "dist_sample_sample", distances, "ss" },
    { "dist_sample_gt", distances, "sg" },
    { "dist_gt_gt", distances, "gg" },
    { "dice_sample_gt", dice, "" },
    { "dice_mean_pred_gt0", mean_labels, "reader 0" },
    { "mean_prob_argmax", mean_labels, "" },
    { "uncertainty_prob", uncertainty, "" },
};

static const ad_array *part(const scenario *s, const char *prefix, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", s->name, name);
    return find(s->k, prefix, path);
}

/* Probabilities [N,C,H,W] to [N,pixels,C]. */
static float *channels_last(const ad_array *a)
{
    int64_t n = a->dim[0], classes = a->dim[1], pixels = a->dim[2] * a->dim[3];
    float *out = malloc((size_t)(n * classes * pixels) * sizeof *out);
    const float *in = a->data;
    for (int64_t i = 0; out && i < n; i++)
        for (int64_t c = 0; c < classes; c++)
            for (int64_t p = 0; p < pixels; p++)
                out[(i * pixels + p) * classes + c] = in[(i * classes + c) * pixels + p];
    return out;
}

static bool run_scenario(scenario *s)
{
    const ad_array *samples = part(s, "in/", "sample_label"), *readers = part(s, "in/", "gt_label");
    const ad_array *p = part(s, "in/", "sample_prob_NCHW");
    if (!samples || !readers || !p || p->rank != 4 || p->type != AD_ELEMENT_F32)
        return give_up(s->k, FAILED, "%s: no labels or probabilities", s->name) == PASSED;
    float *probabilities = channels_last(p);
    s->c = (ad_case){ .pixels = p->dim[2] * p->dim[3], .classes = (int)p->dim[1], .n_samples = (int)samples->dim[0],
                      .n_readers = (int)readers->dim[0], .samples = samples->data, .readers = readers->data,
                      .probabilities = probabilities };
    bool ok = probabilities;
    for (size_t i = 0; ok && i < sizeof rows / sizeof *rows; i++) {
        const ad_array *want = part(s, "out/", rows[i].name);
        double *out = want ? malloc((size_t)ad_array_count(want) * sizeof *out) : NULL;
        ok = out && rows[i].f(s, rows[i].argument, out);
        if (ok)
            compare_absolute(s->k, want, out, TOLERANCE);
        else
            failed_with(s->k, &s->k->g->error);
        free(out);
    }
    free(probabilities);
    return ok;
}

verdict run_metric(kase *k)
{
    bool any = false;
    for (int64_t i = 0; i < ad_safetensors_count(k->st); i++) {
        const char *name = ad_safetensors_at(k->st, i)->name, *end = strstr(name, "/gt_label");
        if (strncmp(name, "in/", 3) || !end)
            continue;
        char scene[64];
        snprintf(scene, sizeof scene, "%.*s", (int)(end - name - 3), name + 3);
        any = true;
        if (!run_scenario(&(scenario){ .k = k, .name = scene }))
            return FAILED;
    }
    return any ? judged(k) : give_up(k, SKIPPED, "there is no metric for '%s'", k->name);
}

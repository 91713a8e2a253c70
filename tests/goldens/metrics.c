/*
 * metrics.c - cases of scores: sets of samples against sets of readers, in several scenarios of empty masks, and pairs of label maps.
 *
 * Tensors of the first are named SCENARIO/NAME. Rows say which function of metrics.h gives which result; results without a row
 * (entropy, the variance of label numbers, maps inside of a score) have no metric and are left out.
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

/* The recorded anisotropic spacing is 0.7 by 1.5. */
static bool borders(scenario *s, const char *which, double *out)
{
    const ad_case *c = &s->c;
    ad_lattice g = c->lattice;
    ad_surface d;
    if (strstr(which, "aniso"))
        g.spacing[0] = 0.7, g.spacing[1] = 1.5;
    for (int i = 0; i < c->n_samples; i++)
        for (int j = 0; j < c->n_readers; j++)
            for (int label = 1; label < c->classes; label++) {
                if (ad_surface_distance(&s->k->g->error, &g, c->samples + i * c->pixels, c->readers + j * c->pixels, label, &d) != AD_OK)
                    return false;
                *out++ = strstr(which, "95") ? d.hd95 : d.hd;
            }
    return true;
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
    { "hd_iso", borders, "100 iso" },
    { "hd95_iso", borders, "95 iso" },
    { "hd_aniso", borders, "100 aniso" },
    { "hd95_aniso", borders, "95 aniso" },
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
                      .probabilities = probabilities,
                      .lattice = { 2, { p->dim[2], p->dim[3] }, { 1, 1 } } };
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

/* ---- a pair of label maps ---- */

typedef struct maps {
    kase *k;
    ad_case c;                   /* a sample and a reader */
    ad_surface surface;          /* of label 1 */
} maps;

static bool pair_overlap(maps *m, double *out, int what)
{
    const ad_case *c = &m->c;
    *out = what ? ad_iou(c->pixels, c->samples, c->readers, 1) : ad_dice_overlap(c->pixels, c->samples, c->readers, 1, AD_DICE_OVERLAP);
    return true;
}

static bool pair_surface(maps *m, double *out, int what)
{
    *out = (const double[]){ m->surface.hd, m->surface.hd95, m->surface.asd, m->surface.assd }[what];
    return true;
}

static bool pair_nearest(maps *m, double *out, int what)
{
    return ad_distance_map(&m->k->g->error, &m->c.lattice, m->c.samples, 1, out) == AD_OK;
}

static bool pair_by_class(maps *m, double *out, int what)
{
    ad_case c = m->c;
    for (int label = 1; label < m->c.classes; label++, out += 2) {
        ad_surface d;
        if (ad_surface_distance(&m->k->g->error, &c.lattice, c.samples, c.readers, label, &d) != AD_OK)
            return false;
        out[0] = ad_dice_overlap(c.pixels, c.samples, c.readers, label, AD_DICE_SYNAPSE);
        out[1] = isnan(d.hd95) ? 0 : d.hd95;
    }
    return true;
}

static bool pair_means(maps *m, double *out, int what)
{
    ad_error *e = &m->k->g->error;
    return ad_score(e, ad_metric_find("dice_synapse"), &m->c, &out[0]) == AD_OK &&
           ad_score(e, ad_metric_find("hd95_synapse"), &m->c, &out[1]) == AD_OK;
}

static const struct {
    const char *name;
    bool (*f)(maps *m, double *out, int what);
    int what;
} pair_rows[] = {
    { "dice", pair_overlap, 0 }, { "jaccard", pair_overlap, 1 }, { "hd", pair_surface, 0 }, { "hd95", pair_surface, 1 },
    { "asd", pair_surface, 2 }, { "assd", pair_surface, 3 }, { "edt_pred", pair_nearest, 0 }, { "per_class", pair_by_class, 0 },
    { "mean", pair_means, 0 },
};

static bool pair_compare(maps *m, double tolerance)
{
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof pair_rows / sizeof *pair_rows; i++) {
        const ad_array *want = find(m->k, "out/", pair_rows[i].name);
        double *out = want ? malloc((size_t)ad_array_count(want) * sizeof *out) : NULL;
        ok = !want || (out && pair_rows[i].f(m, out, pair_rows[i].what));
        if (want && ok)
            compare_absolute(m->k, want, out, tolerance);
        free(out);
    }
    return ok;
}

static verdict run_pair(kase *k, const ad_array *a, const ad_array *b)
{
    const char *text = ad_safetensors_metadata(k->st, "attrs");
    ad_json *attributes;
    if (!text || a->rank > 3 || ad_json_parse(&k->g->error, "attrs", text, strlen(text), AD_JSON_DEPTH, &attributes) != AD_OK)
        return give_up(k, FAILED, "no attributes in the metadata, or more than three axes");
    const ad_json *spacing = ad_json_get(attributes, "spacing"), *classes = ad_json_get(attributes, "classes");
    maps m = { .k = k, .c = { .pixels = ad_array_count(a), .classes = classes ? (int)classes->number : 2, .n_samples = 1, .n_readers = 1,
                              .samples = a->data, .readers = b->data, .lattice = { .rank = a->rank } } };
    const ad_json *s = spacing ? spacing->first : NULL;
    for (int i = 0; i < a->rank; i++, s = s ? s->next : NULL) {
        m.c.lattice.size[i] = a->dim[i];
        m.c.lattice.spacing[i] = s ? s->number : 1;
    }
    bool ok = ad_surface_distance(&k->g->error, &m.c.lattice, m.c.samples, m.c.readers, 1, &m.surface) == AD_OK &&
              pair_compare(&m, metadata_number(k, "tol_forward", 1e-9));
    ad_json_free(attributes);
    return ok ? judged(k) : failed_with(k, &k->g->error);
}

verdict run_metric(kase *k)
{
    const ad_array *prediction = find(k, "in/", "pred"), *truth = find(k, "in/", "gt");
    if (prediction && truth)
        return run_pair(k, prediction, truth);
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

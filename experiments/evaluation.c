/*
 * evaluation.c - scores of a trained model over a split: samples of every image against its readers, averaged over images, with
 * intervals over patients. Everything is scored on the grid of the data, whatever the size of the model.
 */
#include "config.h"

#include "experiments/experiment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RESAMPLES = 2000 };

typedef struct scoring {
    ad_trained *trained;
    ad_error *error;
    ad_dataset *data;
    ad_scores *out;
    ad_item item;
    uint8_t *labels;
    float *probabilities;          /* NULL unless a score needs them */
    double *value[AD_MAX_METRICS]; /* [images] */
    int64_t *patient;
    char (*name)[AD_ITEM_NAME];
} scoring;

static void fini(scoring *s)
{
    ad_item_fini(&s->item);
    for (int k = 0; k < AD_MAX_METRICS; k++) free(s->value[k]);
    free(s->labels);
    free(s->probabilities);
    free(s->patient);
    free(s->name);
}

static ad_status choose_metrics(ad_error *e, const char *names, ad_scores *out)
{
    char copy[AD_ATTR_TEXT_SIZE], *save = NULL;
    snprintf(copy, sizeof copy, "%s", names);
    for (char *name = strtok_r(copy, ", ", &save); name; name = strtok_r(NULL, ", ", &save)) {
        const ad_metric *m = ad_metric_find(name);
        if (!m || out->n_metrics == AD_MAX_METRICS) return AD_FAIL(e, EUSAGE, "evaluate.metrics: '%s' is unknown or one too many", name);
        out->metric[out->n_metrics++] = m;
    }
    return AD_OK;
}

static ad_status set_up(scoring *s, const ad__config *c, const ad_evaluate_options *o)
{
    int height, width, classes;
    bool probabilities = false;
    ad_scores *out = s->out;
    AD_TRY(ad_trained_data(s->trained, &s->data));
    ad_dataset_size(s->data, &height, &width, NULL, &classes);
    if (classes != ad_trained_classes(s->trained))
        return AD_FAIL(s->error, EUSAGE, "the model has %d classes, the data set %d", ad_trained_classes(s->trained), classes);
    *out = (ad_scores){ .split = o->split_set ? o->split : (ad_split)c->split, .samples = o->samples > 0 ? o->samples : (int)c->samples,
                        .step = ad_trained_step(s->trained) };
    AD_TRY(choose_metrics(s->error, c->metrics, out));
    int64_t n = ad_dataset_count(s->data, out->split), limit = o->limit > 0 ? o->limit : c->limit;
    out->images = limit > 0 && limit < n ? limit : n;
    if (out->images == 0) return AD_FAIL(s->error, EDATA, "the split '%s' of the data is empty", ad_split_name(out->split));
    size_t images = (size_t)out->images, values = (size_t)out->samples * (size_t)height * (size_t)width;
    for (int k = 0; k < out->n_metrics; k++) {
        probabilities |= out->metric[k]->probabilities;
        s->value[k] = malloc(images * sizeof(double));
        if (!s->value[k]) return AD_FAIL(s->error, ENOMEM, "no memory for the scores of %zu images", images);
    }
    s->labels = malloc(values);
    s->patient = malloc(images * sizeof *s->patient);
    s->name = malloc(images * sizeof *s->name);
    if (probabilities) s->probabilities = malloc(values * (size_t)classes * sizeof *s->probabilities);
    if (!s->labels || !s->patient || !s->name || (probabilities && !s->probabilities))
        return AD_FAIL(s->error, ENOMEM, "no memory for %d samples of %dx%d", out->samples, height, width);
    return ad_item_init(s->error, &s->item, s->data);
}

static ad_status score_image(scoring *s, int64_t i)
{
    ad_scores *out = s->out;
    AD_TRY(ad_dataset_read(s->error, s->data, out->split, i, &s->item));
    AD_TRY(ad_draw(s->trained, &s->item, (uint64_t)i, out->samples, s->labels, s->probabilities));
    const ad_case c = {
        .pixels = (int64_t)s->item.height * s->item.width, .classes = ad_trained_classes(s->trained), .n_samples = out->samples,
        .n_readers = s->item.readers, .samples = s->labels, .readers = s->item.masks, .probabilities = s->probabilities,
        .lattice = { 2, { s->item.height, s->item.width }, { 1, 1 } },
    };
    for (int k = 0; k < out->n_metrics; k++)
        if (ad_score(s->error, out->metric[k], &c, &s->value[k][i]) != AD_OK) return ad_error_prefix(s->error, "%s", s->item.name);
    s->patient[i] = s->item.patient;
    memcpy(s->name[i], s->item.name, sizeof *s->name);
    return AD_OK;
}

static void put_scores(ad_json_writer *w, const ad_scores *s, const char *title)
{
    ad_json_put_text(w, "title", title);
    ad_json_put_text(w, "split", ad_split_name(s->split));
    ad_json_put_int(w, "step", s->step);
    ad_json_put_int(w, "samples", s->samples);
    ad_json_put_int(w, "images", s->images);
    ad_json_put_int(w, "patients", s->patients);
    ad_json_put_number(w, "seconds", s->seconds);
    ad_json_open_object(w, "metrics");
    for (int k = 0; k < s->n_metrics; k++) {
        const ad_summary *m = &s->summary[k];
        ad_json_open_object(w, s->metric[k]->name);
        ad_json_put_number(w, "mean", m->mean);
        ad_json_put_number(w, "lo", m->lo);
        ad_json_put_number(w, "hi", m->hi);
        ad_json_put_int(w, "n", m->n);
        ad_json_put_int(w, "excluded", m->excluded);
        ad_json_close(w);
    }
    ad_json_close(w);
}

char *ad_scores_json(const ad_scores *s, const char *title)
{
    ad_json_writer w = { .indent = 2 };
    ad_json_open_object(&w, NULL);
    put_scores(&w, s, title);
    ad_json_close(&w);
    ad_json_end(&w);
    if (w.text.failed) ad_text_free(&w.text);
    return w.text.data;
}

/* All scores, the images' own included: what a paired test needs. */
static ad_status save(scoring *s, const char *path, const char *title)
{
    ad_json_writer w = { .indent = 1 };
    ad_json_open_object(&w, NULL);
    put_scores(&w, s->out, title);
    ad_json_open_array(&w, "cases");
    for (int64_t i = 0; i < s->out->images; i++) {
        ad_json_open_object(&w, NULL);
        ad_json_put_text(&w, "name", s->name[i]);
        ad_json_put_int(&w, "patient", s->patient[i]);
        for (int k = 0; k < s->out->n_metrics; k++) ad_json_put_number(&w, s->out->metric[k]->name, s->value[k][i]);
        ad_json_close(&w);
    }
    ad_json_close(&w);
    ad_json_close(&w);
    ad_json_end(&w);
    ad_status status = ad_text_write(s->error, path, &w.text);
    ad_text_free(&w.text);
    return status;
}

static ad_status run(scoring *s, const ad__plan *plan, const ad_evaluate_options *o)
{
    ad_scores *out = s->out;
    double from = ad__clock();
    AD_TRY(set_up(s, &plan->config, o));
    for (int64_t i = 0; i < out->images; i++) {
        if (o->watch.stop && *o->watch.stop) return AD_FAIL(s->error, EUSAGE, "stopped on request");
        AD_TRY(score_image(s, i));
        if (o->watch.tell)
            o->watch.tell(o->watch.arg, &(ad_event){ .kind = AD_EVENT_SCORING, .run = plan->name, .done = i + 1, .total = out->images });
    }
    for (int k = 0; k < out->n_metrics; k++) {
        AD_TRY(ad_summarise(s->error, out->images, s->value[k], s->patient, 0.95, RESAMPLES, (uint64_t)plan->config.seed,
                            &out->summary[k]));
        if (out->summary[k].patients > out->patients) out->patients = out->summary[k].patients;
    }
    out->seconds = ad__clock() - from;
    if (o->save) AD_TRY(save(s, o->save, plan->name));
    if (o->watch.tell)
        o->watch.tell(o->watch.arg, &(ad_event){ .kind = AD_EVENT_SCORED, .run = plan->name, .done = out->images, .total = out->images,
                                                 .path = o->save });
    return AD_OK;
}

ad_status ad_evaluate(ad_trained *r, const ad_evaluate_options *options, ad_scores *out)
{
    static const ad_evaluate_options none;
    ad_experiment *x = ad_trained_experiment(r);
    scoring s = { .trained = r, .error = ad_ctx_error(x->ctx), .out = out };
    ad_status status = run(&s, &x->plans[0], options ? options : &none);
    fini(&s);
    return status;
}

char *ad_scores_text(const ad_scores *s, const char *title)
{
    ad_text t = { 0 };
    ad_text_add(&t, "%s, %s: %lld images, %lld patients, %d samples an image, step %lld        95%% intervals: bootstrap over patients\n",
                title, ad_split_name(s->split), (long long)s->images, (long long)s->patients, s->samples, (long long)s->step);
    ad_text_add(&t, "%-20s %8s    %-18s %6s\n", "metric", "value", "interval", "n");
    for (int k = 0; k < s->n_metrics; k++) {
        const ad_summary *m = &s->summary[k];
        char interval[48];
        snprintf(interval, sizeof interval, "[%.3f, %.3f]", m->lo, m->hi);
        ad_text_add(&t, "%-20s %8.3f    %-18s %6lld", s->metric[k]->name, m->mean, interval, (long long)m->n);
        if (m->excluded) ad_text_add(&t, "   (%lld images where it is undefined are left out)", (long long)m->excluded);
        ad_text_add(&t, "\n");
    }
    if (t.failed) ad_text_free(&t);
    return t.data;
}

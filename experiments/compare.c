/*
 * compare.c - all models of an experiment: train what is missing, score it, one table and one picture sheet.
 */
#include "config.h"

#include "experiments/experiment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHEET_IMAGES = 4, SHEET_CANDIDATES = 48, SHEET_COLUMNS = 8 };

static const ad_compare_options no_options;

void ad_table_free(ad_table *t)
{
    free(t->rows);
    *t = (ad_table){ 0 };
}

/* Everything about a trained run that the table shows. */
static ad_status fill_row(ad_trained *r, const char *directory, const ad_compare_options *o, ad_row *row)
{
    const ad__plan *p = &ad_trained_experiment(r)->plans[0];
    const ad_model *m = ad_trained_model(r);
    char path[AD__PATH + 32];
    ad_model_counts counts;
    ad_model_program program;
    ad_model_count(m, &counts);
    snprintf(row->name, sizeof row->name, "%s", p->name);
    snprintf(row->model, sizeof row->model, "%.255s", p->use);
    snprintf(row->directory, sizeof row->directory, "%s", directory);
    row->seed = (uint64_t)p->config.seed;
    row->trainable = counts.trainable;
    row->sample = counts.sample;
    for (int i = 0; ad_model_program_at(m, i, &program); i++)
        if (!strcmp(program.name, "sample") || (!strcmp(program.name, "predict") && row->macs == 0)) row->macs = program.macs;
    snprintf(path, sizeof path, "%s/scores.json", directory);
    if (o->resume && ad__scores_read(path, &p->config, ad_trained_step(r), &row->scores)) return AD_OK;
    return ad_evaluate(r, &(ad_evaluate_options){ .save = path, .watch = o->watch }, &row->scores);
}

/* The runs as they stand, the sheet over them, and the table's files; nothing without a directory. */
static ad_status finish(ad_ctx *ctx, const char *directory, const ad_compare_options *o, int n, ad_trained **runs, ad_table *t)
{
    ad_error *e = ad_ctx_error(ctx);
    if (!directory) return AD_OK;
    AD_TRY(ad__folder_make(e, directory));
    const char **names = calloc((size_t)n + 1, sizeof *names);
    if (!names) return AD_FAIL(e, ENOMEM, "no memory for %d names", n);
    for (int i = 0; i < n; i++) names[i] = t->rows[i].name;
    snprintf(t->sheet, sizeof t->sheet, "%.1000s/sheet.png", directory);
    ad_status s = n > 0 ? ad__compare_sheet(e, t->sheet, n, runs, names) : AD_OK;
    if (s == AD_OK && n > 0 && o->watch.tell) o->watch.tell(o->watch.arg, &(ad_event){ .kind = AD_EVENT_WRITTEN, .path = t->sheet });
    if (n == 0) *t->sheet = '\0';
    if (s == AD_OK) s = ad__table_write(e, t, directory, &o->watch);
    free(names);
    return s;
}

static void free_runs(int n, ad_trained **runs)
{
    for (int i = 0; i < n; i++) ad_trained_free(runs[i]);
    free(runs);
}

/* Hands events on with the number of the run. */
typedef struct relay {
    const ad_watch *to;
    int index, count;
} relay;

static void pass_on(void *arg, const ad_event *event)
{
    const relay *r = arg;
    ad_event numbered = *event;
    numbered.index = r->index;
    numbered.count = r->count;
    r->to->tell(r->to->arg, &numbered);
}

static ad_status one_run(ad_experiment *x, int i, const char *directory, const ad_compare_options *options, ad_trained **run, ad_row *row)
{
    char folder[AD__PATH + 128];
    relay r = { &options->watch, i, x->n };
    ad_compare_options o = *options;
    if (o.watch.tell) o.watch = (ad_watch){ pass_on, &r, options->watch.stop };
    if (snprintf(folder, sizeof folder, "%s/%s", directory, x->plans[i].name) >= AD__PATH)
        return AD_FAIL(ad_ctx_error(x->ctx), EIO, "%.60s...: the path is too long", directory);
    const ad_train_options train = { .resume = o.resume, .force = o.force, .origin = o.origin, .watch = o.watch };
    AD_TRY(ad_train(x, i, folder, &train, &row->training));
    if (row->training.stopped) return AD_OK;
    const ad_experiment_options zoo = { .zoo = x->has_zoo ? x->zoo : NULL, .lenient = x->lenient };
    AD_TRY(ad_trained_open(x->ctx, folder, NULL, &zoo, run));
    return fill_row(*run, folder, &o, row);
}

ad_status ad_compare(ad_experiment *x, const char *directory, const ad_compare_options *options, ad_table *out)
{
    const ad_compare_options *o = options ? options : &no_options;
    *out = (ad_table){ .rows = calloc((size_t)x->n + 1, sizeof *out->rows) };
    ad_trained **runs = calloc((size_t)x->n + 1, sizeof *runs);
    ad_status s = out->rows && runs ? AD_OK : AD_FAIL(ad_ctx_error(x->ctx), ENOMEM, "no memory for %d runs", x->n);
    for (int i = 0; s == AD_OK && i < x->n && !out->stopped; i++) {
        s = one_run(x, i, directory, o, &runs[i], &out->rows[i]);
        if (s == AD_OK) out->n += runs[i] != NULL;
        out->stopped = s == AD_OK && !runs[i];
    }
    if (s == AD_OK) s = finish(x->ctx, directory, o, out->n, runs, out);
    if (runs) free_runs(x->n, runs);
    return s;
}

ad_status ad_compare_runs(ad_ctx *ctx, int n, const char *const *directories, const char *directory, const ad_compare_options *options,
                          ad_table *out)
{
    const ad_compare_options *o = options ? options : &no_options;
    *out = (ad_table){ .rows = calloc((size_t)n + 1, sizeof *out->rows) };
    ad_trained **runs = calloc((size_t)n + 1, sizeof *runs);
    ad_status s = out->rows && runs ? AD_OK : AD_FAIL(ad_ctx_error(ctx), ENOMEM, "no memory for %d runs", n);
    for (int i = 0; s == AD_OK && i < n; i++) {
        ad_row *row = &out->rows[i];
        relay r = { &o->watch, i, n };
        ad_compare_options numbered = *o;
        if (o->watch.tell) numbered.watch = (ad_watch){ pass_on, &r, o->watch.stop };
        s = ad_trained_open(ctx, directories[i], NULL, NULL, &runs[i]);
        if (s != AD_OK) break;
        ad__log_last_trained(directories[i], &row->training);
        row->training.step = ad_trained_step(runs[i]);
        s = fill_row(runs[i], directories[i], &numbered, row);
        /* Runs of one model have one name; their directories tell them apart. */
        snprintf(row->name, sizeof row->name, "%.95s", directories[i]);
        out->n += s == AD_OK;
    }
    if (s == AD_OK) s = finish(ctx, directory, o, n, runs, out);
    if (runs) free_runs(n, runs);
    return s;
}

/* ---- the picture sheet ---- */

typedef struct candidate {
    int64_t item, patient;
    double distance;
} candidate;

static int by_distance(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    return x->distance < y->distance ? 1 : x->distance > y->distance ? -1 : x->item < y->item ? -1 : 1;
}

/* Mean distance between readers, of images that all of them marked; 0 otherwise. */
static double disagreement(const ad_item *item, int classes)
{
    int64_t pixels = (int64_t)item->height * item->width;
    double d[64], sum = 0;
    for (int k = 0; k < item->readers; k++) {
        int64_t marked = 0;
        for (int64_t i = 0; i < pixels; i++) marked += item->masks[k * pixels + i] != 0;
        if (marked == 0) return 0;
    }
    if (item->readers > 8) return 0;
    if (ad_distances(NULL, pixels, classes, item->readers, item->masks, item->readers, item->masks, d) != AD_OK) return 0;
    for (int i = 0; i < item->readers * item->readers; i++) sum += d[i];
    return sum / (item->readers * item->readers);
}

/* Of evenly spread candidates those with the largest disagreement, one a patient; returns how many. */
static ad_status choose_images(ad_error *e, ad_dataset *data, ad_split split, int64_t chosen[SHEET_IMAGES], int *n)
{
    candidate c[SHEET_CANDIDATES];
    ad_item item;
    int classes, have = 0;
    int64_t count = ad_dataset_count(data, split);
    ad_dataset_size(data, NULL, NULL, NULL, &classes);
    AD_TRY(ad_item_init(e, &item, data));
    ad_status s = AD_OK;
    for (int k = 0; s == AD_OK && k < SHEET_CANDIDATES && k < count; k++) {
        int64_t i = count < SHEET_CANDIDATES ? k : k * count / SHEET_CANDIDATES;
        s = ad_dataset_read(e, data, split, i, &item);
        if (s == AD_OK) c[have++] = (candidate){ i, item.patient, disagreement(&item, classes) };
    }
    ad_item_fini(&item);
    AD_TRY(s);
    qsort(c, (size_t)have, sizeof *c, by_distance);
    *n = 0;
    for (int k = 0; k < have && *n < SHEET_IMAGES; k++) {
        bool seen = false;
        for (int j = 0; j < k; j++) seen |= c[j].patient == c[k].patient;
        if (!seen) chosen[(*n)++] = c[k].item;
    }
    return AD_OK;
}

ad_status ad__compare_sheet(ad_error *e, const char *path, int n, ad_trained *const *runs, const char *const *names)
{
    ad_dataset *data;
    int64_t chosen[SHEET_IMAGES];
    int images;
    AD_TRY(ad_trained_data(runs[0], &data));
    ad_split split = (ad_split)ad_trained_experiment(runs[0])->plans[0].config.split;
    AD_TRY(choose_images(e, data, split, chosen, &images));
    ad_item items[SHEET_IMAGES] = { 0 };
    ad__drawn *drawn = calloc((size_t)(n * SHEET_IMAGES), sizeof *drawn);
    ad__sheet_row *rows = calloc((size_t)(n * SHEET_IMAGES), sizeof *rows);
    char(*titles)[160] = calloc((size_t)(n * SHEET_IMAGES), sizeof *titles);
    ad_status s = drawn && rows && titles ? AD_OK : AD_FAIL(e, ENOMEM, "no memory for a sheet of %d rows", n * SHEET_IMAGES);
    for (int i = 0; s == AD_OK && i < images; i++) {
        s = ad_item_init(e, &items[i], data);
        if (s == AD_OK) s = ad_dataset_read(e, data, split, chosen[i], &items[i]);
        for (int k = 0; s == AD_OK && k < n; k++) {
            int at = i * n + k;
            s = ad__drawn_init(e, &drawn[at], runs[k], &items[i], (uint64_t)chosen[i], SHEET_COLUMNS);
            snprintf(titles[at], sizeof titles[at], "%s   %s", items[i].name, names[k]);
            rows[at] = (ad__sheet_row){ titles[at], &items[i], drawn[at].n, drawn[at].labels, drawn[at].mean, drawn[at].uncertainty };
        }
    }
    if (s == AD_OK) s = ad__sheet_write(e, path, n * images, rows, SHEET_COLUMNS);
    for (int i = 0; drawn && i < n * SHEET_IMAGES; i++) ad__drawn_fini(&drawn[i]);
    for (int i = 0; i < SHEET_IMAGES; i++) ad_item_fini(&items[i]);
    free(drawn);
    free(rows);
    free(titles);
    return s;
}

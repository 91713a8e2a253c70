/*
 * table.c - the table of a comparison as text, CSV, JSON and Markdown; saved scores read back.
 */
#include "config.h"

#include "experiments/experiment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- columns ---- */

static const ad_summary *score(const ad_row *r, const char *name)
{
    for (int k = 0; k < r->scores.n_metrics; k++)
        if (!strcmp(r->scores.metric[k]->name, name)) return &r->scores.summary[k];
    return NULL;
}

static void count_text(int64_t n, char text[32])
{
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)n), at = 0;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0) text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
}

/* One column: heading, and the text of a row's cell. */
typedef struct column {
    const char *heading, *metric;
    void (*cell)(const ad_row *r, char text[32]);
} column;

static void cell_trainable(const ad_row *r, char text[32])
{
    count_text(r->trainable, text);
}

static void cell_sample(const ad_row *r, char text[32])
{
    count_text(r->sample, text);
}

static void cell_macs(const ad_row *r, char text[32])
{
    if (r->macs >= 1e9) snprintf(text, 32, "%.2f G", 1e-9 * r->macs);
    else snprintf(text, 32, "%.1f M", 1e-6 * r->macs);
}

static void cell_steps(const ad_row *r, char text[32])
{
    count_text(r->training.step, text);
}

static void cell_step_time(const ad_row *r, char text[32])
{
    snprintf(text, 32, "%.4f", r->training.seconds_a_step);
}

static void cell_memory(const ad_row *r, char text[32])
{
    snprintf(text, 32, "%.1f", (double)r->training.memory / (1 << 20));
}

static const column columns[] = {
    { .heading = "GED2", .metric = "ged2" }, { .heading = "NCC", .metric = "ncc" }, { .heading = "Dice", .metric = "dice" },
    { .heading = "trainable", .cell = cell_trainable }, { .heading = "to sample", .cell = cell_sample },
    { .heading = "MAC/sample", .cell = cell_macs }, { .heading = "steps", .cell = cell_steps },
    { .heading = "s/step", .cell = cell_step_time }, { .heading = "peak MiB", .cell = cell_memory },
};
#define N_COLUMNS (int)(sizeof columns / sizeof *columns)

static void cell_of(const column *c, const ad_row *r, char text[32])
{
    if (c->cell) {
        c->cell(r, text);
        return;
    }
    const ad_summary *s = score(r, c->metric);
    if (s) snprintf(text, 32, "%.3f", s->mean);
    else snprintf(text, 32, "-");
}

/* ---- formats ---- */

static void print_text(const ad_table *t, ad_text *out)
{
    char cell[32];
    int width = 5, widths[N_COLUMNS];
    for (int i = 0; i < t->n; i++)
        if ((int)strlen(t->rows[i].name) > width) width = (int)strlen(t->rows[i].name);
    ad_text_add(out, "%-*s", width, "model");
    for (int c = 0; c < N_COLUMNS; c++) {
        widths[c] = (int)strlen(columns[c].heading);
        for (int i = 0; i < t->n; i++) {
            cell_of(&columns[c], &t->rows[i], cell);
            if ((int)strlen(cell) > widths[c]) widths[c] = (int)strlen(cell);
        }
        ad_text_add(out, "  %*s", widths[c], columns[c].heading);
    }
    ad_text_add(out, "\n");
    for (int i = 0; i < t->n; i++) {
        ad_text_add(out, "%-*s", width, t->rows[i].name);
        for (int c = 0; c < N_COLUMNS; c++) {
            cell_of(&columns[c], &t->rows[i], cell);
            ad_text_add(out, "  %*s", widths[c], cell);
        }
        ad_text_add(out, "\n");
    }
    if (t->n)
        ad_text_add(out, "%lld images (%s), %d samples each; lower GED2, higher NCC and Dice are better; peak MiB of a training step\n",
                    (long long)t->rows[0].scores.images, ad_split_name(t->rows[0].scores.split), t->rows[0].scores.samples);
}

static void print_markdown(const ad_table *t, ad_text *out)
{
    char cell[32];
    ad_text_add(out, "| model |");
    for (int c = 0; c < N_COLUMNS; c++) ad_text_add(out, " %s |", columns[c].heading);
    ad_text_add(out, "\n| --- |");
    for (int c = 0; c < N_COLUMNS; c++) ad_text_add(out, " ---: |");
    for (int i = 0; i < t->n; i++) {
        ad_text_add(out, "\n| %s |", t->rows[i].name);
        for (int c = 0; c < N_COLUMNS; c++) {
            cell_of(&columns[c], &t->rows[i], cell);
            ad_text_add(out, " %s |", cell);
        }
    }
    ad_text_add(out, "\n");
}

static void print_csv(const ad_table *t, ad_text *out)
{
    ad_text_add(out, "model,reference,seed,steps,trainable,sample,macs,seconds_a_step,training_seconds,peak_bytes,images,samples");
    for (int k = 0; t->n && k < t->rows[0].scores.n_metrics; k++) {
        const char *name = t->rows[0].scores.metric[k]->name;
        ad_text_add(out, ",%s,%s_lo,%s_hi", name, name, name);
    }
    ad_text_add(out, "\n");
    for (int i = 0; i < t->n; i++) {
        const ad_row *r = &t->rows[i];
        ad_text_add(out, "\"%s\",\"%s\",%llu,%lld,%lld,%lld,%.0f,%.6g,%.3f,%zu,%lld,%d", r->name, r->model, (unsigned long long)r->seed,
                    (long long)r->training.step, (long long)r->trainable, (long long)r->sample, r->macs, r->training.seconds_a_step,
                    r->training.seconds, r->training.memory, (long long)r->scores.images, r->scores.samples);
        for (int k = 0; k < t->rows[0].scores.n_metrics; k++) {
            const ad_summary *s = score(r, t->rows[0].scores.metric[k]->name);
            if (s) ad_text_add(out, ",%.9g,%.9g,%.9g", s->mean, s->lo, s->hi);
            else ad_text_add(out, ",,,");
        }
        ad_text_add(out, "\n");
    }
}

static void put_row(ad_json_writer *w, const ad_row *r)
{
    ad_json_open_object(w, NULL);
    ad_json_put_text(w, "model", r->name);
    ad_json_put_text(w, "reference", r->model);
    ad_json_put_text(w, "directory", r->directory);
    ad_json_put_int(w, "seed", (int64_t)r->seed);
    ad_json_put_int(w, "steps", r->training.step);
    ad_json_put_int(w, "trainable", r->trainable);
    ad_json_put_int(w, "sample", r->sample);
    ad_json_put_number(w, "macs", r->macs);
    ad_json_put_number(w, "seconds_a_step", r->training.seconds_a_step);
    ad_json_put_number(w, "training_seconds", r->training.seconds);
    ad_json_put_int(w, "peak_bytes", (int64_t)r->training.memory);
    ad_json_put_int(w, "images", r->scores.images);
    ad_json_put_int(w, "samples", r->scores.samples);
    ad_json_open_object(w, "metrics");
    for (int k = 0; k < r->scores.n_metrics; k++) {
        const ad_summary *m = &r->scores.summary[k];
        ad_json_open_object(w, r->scores.metric[k]->name);
        ad_json_put_number(w, "mean", m->mean);
        ad_json_put_number(w, "lo", m->lo);
        ad_json_put_number(w, "hi", m->hi);
        ad_json_put_int(w, "n", m->n);
        ad_json_close(w);
    }
    ad_json_close(w);
    ad_json_close(w);
}

static void print_json(const ad_table *t, ad_text *out)
{
    ad_json_writer w = { .indent = 2 };
    ad_json_open_object(&w, NULL);
    ad_json_open_array(&w, "rows");
    for (int i = 0; i < t->n; i++) put_row(&w, &t->rows[i]);
    ad_json_close(&w);
    ad_json_put_text(&w, "sheet", *t->sheet ? t->sheet : NULL);
    ad_json_close(&w);
    ad_json_end(&w);
    *out = w.text;
}

static const struct {
    const char *extension;
    void (*print)(const ad_table *t, ad_text *out);
} formats[] = {
    [AD_TABLE_TEXT] = { "txt", print_text }, [AD_TABLE_CSV] = { "csv", print_csv },
    [AD_TABLE_JSON] = { "json", print_json }, [AD_TABLE_MARKDOWN] = { "md", print_markdown },
};

char *ad_table_print(const ad_table *t, ad_table_format format)
{
    ad_text out = { 0 };
    formats[format].print(t, &out);
    if (out.failed) ad_text_free(&out);
    return out.data;
}

ad_status ad__table_write(ad_error *e, const ad_table *t, const char *directory, const ad_watch *watch)
{
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        char path[AD__PATH + 32];
        ad_text out = { 0 };
        formats[f].print(t, &out);
        snprintf(path, sizeof path, "%s/compare.%s", directory, formats[f].extension);
        ad_status s = ad_text_write(e, path, &out);
        ad_text_free(&out);
        AD_TRY(s);
        if (watch->tell) watch->tell(watch->arg, &(ad_event){ .kind = AD_EVENT_WRITTEN, .path = path });
    }
    return AD_OK;
}

/* ---- saved scores ---- */

static double member(const ad_json *object, const char *key)
{
    const ad_json *v = object ? ad_json_get(object, key) : NULL;
    return v && v->kind == AD_JSON_NUMBER ? v->number : NAN;
}

static bool same_text(const ad_json *object, const char *key, const char *text)
{
    const ad_json *v = ad_json_get(object, key);
    return v && v->kind == AD_JSON_TEXT && !strcmp(v->text, text);
}

/* The wanted metrics of a saved object into out; false if one is missing. */
static bool take_metrics(const ad_json *root, const ad__config *c, ad_scores *out)
{
    char copy[AD_ATTR_TEXT_SIZE], *save = NULL;
    const ad_json *metrics = ad_json_get(root, "metrics");
    memcpy(copy, c->metrics, sizeof copy);
    for (char *name = strtok_r(copy, ", ", &save); name; name = strtok_r(NULL, ", ", &save)) {
        const ad_json *m = metrics ? ad_json_get(metrics, name) : NULL;
        if (!m || out->n_metrics == AD_MAX_METRICS) return false;
        out->metric[out->n_metrics] = ad_metric_find(name);
        out->summary[out->n_metrics++] = (ad_summary){ member(m, "mean"), member(m, "lo"), member(m, "hi"), (int64_t)member(m, "n"),
                                                       (int64_t)member(m, "excluded"), out->patients };
    }
    return true;
}

bool ad__scores_read(const char *path, const ad__config *c, int64_t step, ad_scores *out)
{
    void *data;
    size_t size;
    ad_json *root;
    if (ad_file_read(NULL, path, (size_t)1 << 30, &data, &size) != AD_OK) return false;
    bool parsed = ad_json_parse(NULL, path, data, size, 8, &root) == AD_OK;
    free(data);
    if (!parsed) return false;
    double images = member(root, "images");
    bool fits = member(root, "step") == (double)step && member(root, "samples") == (double)c->samples &&
                same_text(root, "split", ad_split_name((ad_split)c->split)) && (c->limit == 0 || images == (double)c->limit);
    ad_scores s = { .split = (ad_split)c->split, .samples = (int)c->samples, .step = step };
    if (fits) {
        s.images = (int64_t)images;
        s.patients = (int64_t)member(root, "patients");
        s.seconds = member(root, "seconds");
        fits = take_metrics(root, c, &s);
    }
    ad_json_free(root);
    if (fits) *out = s;
    return fits;
}

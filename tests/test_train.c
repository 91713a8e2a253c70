/*
 * Training from end to end with a model of 478 weights on the procedural data: the same bits for any number of threads, either
 * instruction set, and a run that was stopped and went on; refusals; samples, scores and comparison as files.
 */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "experiments/experiment.h"

static char folder[64], model[1024];
static ad_ctx *ctx;

static int setup(void **state)
{
    const char *source = getenv("srcdir");
    snprintf(model, sizeof model, "%s/tests/data/tiny.yaml", source ? source : "..");
    ctx = ad_new(&(ad_options){ .threads = 1 });
    strcpy(folder, "test-train-XXXXXX");
    return ctx && mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    ad_ctx_free(ctx);
    return system(command);
}

static const char *in_folder(const char *name)
{
    static char path[4][400];
    static int k;
    k = (k + 1) % 4;
    snprintf(path[k], sizeof path[k], "%s/%.300s", folder, name);
    return path[k];
}

static void ok(ad_ctx *c, ad_status s)
{
    if (s != AD_OK) fail_msg("%s", ad_ctx_message(c));
}

static ad_experiment *experiment(ad_ctx *c, const char *ref, const char *more)
{
    const char *set[] = { "train.steps=6", "train.batch=2", "data.options=train=40, test=20", "evaluate.limit=3", "evaluate.samples=4", more };
    ad_experiment *x;
    ok(c, ad_experiment_single(c, ref, &(ad_experiment_options){ .n_set = more ? 6 : 5, .set = set }, NULL, &x));
    return x;
}

static void train(ad_ctx *c, const char *name, const char *more, ad_train_options o, ad_trained_info *info)
{
    ad_experiment *x = experiment(c, model, more);
    ok(c, ad_train(x, 0, in_folder(name), &o, info));
    ad_experiment_free(x);
}

/* ---- the same bits ---- */

static void same_bits(void **state)
{
    static const struct { int threads; ad_isa isa; } cases[] = { { 1, AD_ISA_AVX512 }, { 2, AD_ISA_AVX512 }, { 3, AD_ISA_AVX512 },
                                                                 { 7, AD_ISA_AVX512 }, { 2, AD_ISA_AVX2 } };
    ad_trained_info first, info;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[32];
        ad_ctx *c = ad_new(&(ad_options){ .threads = cases[i].threads, .isa = cases[i].isa, .isa_set = true });
        snprintf(name, sizeof name, "bits%d", (int)i);
        train(c, name, "train.clip.norm=10", (ad_train_options){ 0 }, i ? &info : &first);
        assert_true(first.complete && isfinite(first.loss));
        if (i && strcmp(first.hash, info.hash)) fail_msg("%d threads, %s: other bits", cases[i].threads, ad_isa_name(cases[i].isa));
        ad_ctx_free(c);
    }
    train(ctx, "other-seed", "seed=2", (ad_train_options){ 0 }, &info);
    assert_string_not_equal(first.hash, info.hash);
}

static char *content(const char *path)
{
    void *data = NULL;
    size_t size = 0;
    ok(ctx, ad_file_read(ad_ctx_error(ctx), path, 1 << 20, &data, &size));
    char *text = data;
    return text;
}

/* Columns but the last (seconds) of every row. */
static void without_seconds(char *csv)
{
    char *to = csv;
    for (char *line = csv, *end; *line && (end = strchr(line, '\n')); line = end + 1) {
        char *comma = end;
        while (*comma != ',') comma--;
        memmove(to, line, (size_t)(comma - line));
        to += comma - line;
        *to++ = '\n';
    }
    *to = '\0';
}

static void resumed_is_unbroken(void **state)
{
    ad_trained_info whole, part, rest;
    train(ctx, "whole", "train.log_every=1", (ad_train_options){ 0 }, &whole);
    train(ctx, "broken", "train.log_every=1", (ad_train_options){ .stop_after = 4 }, &part);
    assert_true(part.stopped && !part.complete && part.step == 4);
    /* A kill after a few more steps leaves rows that the checkpoint does not have. */
    FILE *f = fopen(in_folder("broken/metrics.csv"), "a");
    fputs("5,1,2,3,4,5,6\n6,1,2", f);
    fclose(f);
    train(ctx, "broken", "train.log_every=1", (ad_train_options){ .resume = true }, &rest);
    assert_true(rest.complete && rest.step == 6);
    assert_string_equal(whole.hash, rest.hash);
    char *a = content(in_folder("whole/metrics.csv")), *b = content(in_folder("broken/metrics.csv"));
    without_seconds(a);
    without_seconds(b);
    assert_string_equal(a, b);
    free(a);
    free(b);
    /* Going on with a complete run changes nothing, and knows its loss from the log. */
    train(ctx, "broken", "train.log_every=1", (ad_train_options){ .resume = true }, &rest);
    assert_true(rest.complete && rest.memory > 0 && rest.seconds_a_step > 0);
    assert_string_equal(whole.hash, rest.hash);
}

/* The average is kept over a stop, and is what a run draws with. */
static void averages_of_weights(void **state)
{
    ad_trained_info whole, part, rest, plain;
    ad_trained *r;
    train(ctx, "averaged", "train.average=0.5", (ad_train_options){ 0 }, &whole);
    train(ctx, "averaged-broken", "train.average=0.5", (ad_train_options){ .stop_after = 4 }, &part);
    train(ctx, "averaged-broken", "train.average=0.5", (ad_train_options){ .resume = true }, &rest);
    assert_string_equal(whole.hash, rest.hash);
    train(ctx, "not-averaged", NULL, (ad_train_options){ 0 }, &plain);
    assert_true(plain.loss == whole.loss);
    ok(ctx, ad_trained_open(ctx, in_folder("averaged"), NULL, NULL, &r));
    ad_safetensors *st;
    ok(ctx, ad_safetensors_open(ad_ctx_error(ctx), whole.checkpoint, &st));
    ad_params *params = ad_trained_params(r);
    int different = 0;
    for (int i = 0; i < ad_params_count(params); i++) {
        const ad_entry *entry = ad_params_at(params, i);
        char name[256];
        if (entry->slot != AD_SLOT_PARAM || entry->shape.rank != 1) continue;      /* vectors lie alike in memory and file */
        snprintf(name, sizeof name, "ema.%s", entry->path);
        const ad_array *average = ad_safetensors_find(st, name), *latest = ad_safetensors_find(st, entry->path);
        assert_memory_equal(entry->data, average->data, (size_t)ad_count(&entry->shape) * sizeof(float));
        different += memcmp(average->data, latest->data, (size_t)ad_count(&entry->shape) * sizeof(float)) != 0;
    }
    assert_true(different > 0);
    ad_safetensors_free(st);
    ad_trained_free(r);
}

typedef struct counts {
    int runs, steps, saved, trained, warnings;
    volatile int stop;
} counts;

static void count(void *arg, const ad_event *e)
{
    counts *n = arg;
    n->runs += e->kind == AD_EVENT_RUN;
    n->steps += e->kind == AD_EVENT_STEP;
    n->saved += e->kind == AD_EVENT_SAVED;
    n->trained += e->kind == AD_EVENT_TRAINED;
    n->warnings += e->kind == AD_EVENT_WARNING;
    if (e->kind == AD_EVENT_STEP && e->step == 3) n->stop = 1;
    if (e->kind == AD_EVENT_STEP) {
        assert_string_equal(e->terms[0].name, "loss");
        assert_true(e->n_terms == 4 && isfinite(e->terms[0].value));
    }
}

/* A request to stop is obeyed after the step in hand, with a checkpoint. */
static void stop_on_request(void **state)
{
    counts n = { 0 };
    ad_trained_info info;
    train(ctx, "stopped", NULL, (ad_train_options){ .watch = { count, &n, &n.stop } }, &info);
    assert_true(info.stopped && info.step == 3 && n.runs == 1 && n.steps == 3 && n.saved == 1 && n.trained == 1);
    assert_int_equal(access(info.checkpoint, F_OK), 0);
}

/* ---- refusals ---- */

static void refused(ad_status want, ad_status s, const char *part)
{
    if (s != want) fail_msg("status %d, expected %d: %s", s, want, ad_ctx_message(ctx));
    if (!strstr(ad_ctx_message(ctx), part)) fail_msg("expected '%s' in '%s'", part, ad_ctx_message(ctx));
    ad_error_clear(ad_ctx_error(ctx));
}

static void existing_run_is_refused(void **state)
{
    ad_trained_info info;
    train(ctx, "exists", NULL, (ad_train_options){ 0 }, &info);
    ad_experiment *x = experiment(ctx, model, NULL), *other = experiment(ctx, model, "zdim=3"), *seed = experiment(ctx, model, "seed=9");
    refused(AD_EUSAGE, ad_train(x, 0, in_folder("exists"), NULL, &info), "holds a run already; give --resume");
    refused(AD_ECHECKPOINT, ad_train(other, 0, in_folder("exists"), &(ad_train_options){ .resume = true }, &info), "written by another model");
    refused(AD_EUSAGE, ad_train(seed, 0, in_folder("exists"), &(ad_train_options){ .resume = true }, &info), "was trained with seed 1, not 9");
    ok(ctx, ad_train(other, 0, in_folder("exists"), &(ad_train_options){ .force = true }, &info));
    assert_true(info.complete);
    ad_experiment_free(x);
    ad_experiment_free(other);
    ad_experiment_free(seed);
}

typedef struct failing {
    const char *name, *term;         /* added to the reconstruction */
    const char *parts[8];            /* of the message */
    int64_t bad;
} failing;

/* The message has the op, the line of the model and the images; nothing was committed, nothing saved; the step can be run again. */
static void fails(const failing *f)
{
    char *text = content(model), path[400], run[64], kept[80];
    int at = (int)(strstr(text, "rec: cross_entropy") - text);
    snprintf(path, sizeof path, "%s", in_folder("broken.yaml"));
    snprintf(run, sizeof run, "%s/ckpt/LATEST", f->name);
    snprintf(kept, sizeof kept, "%s/nan-0", f->name);
    FILE *file = fopen(path, "w");
    fprintf(file, "%.*srec: %s + %s", at, text, f->term, text + at + 5);
    fclose(file);
    free(text);
    ad_experiment *x = experiment(ctx, path, NULL);
    ad_trained_info info;
    ad_status s = ad_train(x, 0, in_folder(f->name), NULL, &info);
    const char *message = ad_ctx_message(ctx);
    assert_int_equal(s, AD_ENUMERIC);
    for (int i = 0; f->parts[i]; i++)
        if (!strstr(message, f->parts[i])) fail_msg("expected '%s' in '%s'", f->parts[i], message);
    ad_error_clear(ad_ctx_error(ctx));
    assert_int_not_equal(access(in_folder(run), F_OK), 0);
    ad_experiment_free(x);
    ad_replayed again;
    assert_int_equal(ad_replay(ctx, in_folder(kept), NULL, &again), AD_OK);
    assert_true(again.same && again.step == 0 && again.finding.bad == f->bad && strlen(again.finding.sha256) == 64);
    assert_non_null(strstr(again.message, "broken.yaml:33"));
    assert_int_equal(ad_ctx_error(ctx)->status, AD_OK);
}

static void not_finite_is_named(void **state)
{
    fails(&(failing){ "nan", "log(sum(0 * s) - 1)",
                      { "step 0: ", "op        log", "broken.yaml:33", "\n  input     x: train/rec/shift [] by shift (record ", ": between -1 and -1",
                        "(image/reader)", "adze replay " }, 1 });
}

/* The root of zero is finite, its slope is not: named in the step whose loss is still good. */
static void a_gradient_that_is_not_finite_is_named_in_its_step(void **state)
{
    fails(&(failing){ "steep", "sqrt(sum(0 * s))",
                      { "step 0: ", "op        gradient: ", "train/rec/sqrt", "broken.yaml:33", "(image/reader)", "adze replay " }, 1 });
}

static void wrong_settings(void **state)
{
    static const struct { const char *set, *part; } cases[] = {
        { "train.stepz=3", "--set train.stepz=3: train.stepz: no such key; there are train.steps, train.batch" },
        { "train.stepz=3", "Did you mean 'train.steps'?" },
        { "train.steps=many", "train.steps: expected an integer, found 'many'" },
        { "train.steps=0", "out of range" },
        { "train.optim=adan", "unknown optimiser 'adan'" },
        { "train.schedule.lr=cosine", "train.schedule.lr: cosine needs over=" },
        { "evaluate.metrics=ged3", "unknown score 'ged3'" },
        { "data.reader=first", "expected random, mean or the number of a reader" },
        { "nothing", "expected NAME=VALUE" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ad_experiment *x;
        ad_experiment_options o = { .n_set = 1, .set = &cases[i].set };
        refused(AD_EUSAGE, ad_experiment_single(ctx, model, &o, NULL, &x), cases[i].part);
    }
    ad_trained_info info;
    ad_experiment *x = experiment(ctx, model, "train.schedule.kappa=0.1");
    refused(AD_EUSAGE, ad_train(x, 0, in_folder("kappa"), NULL, &info), "the objective of 'tiny' has no kappa");
    ad_experiment_free(x);
    x = experiment(ctx, model, "classes=3");
    refused(AD_EUSAGE, ad_train(x, 0, in_folder("classes"), NULL, &info), "has 3 classes, the data set 'synthetic' has 2; set classes=2");
    ad_experiment_free(x);
}

/* A checkpoint that cannot be written once is a warning; the second failure in a row ends the run, and what was there stays. The limit
 * on the size of files stands for a full disk: logs fit under it, checkpoints do not. */
static void failed_saves(void **state)
{
    const struct rlimit small = { 4096, RLIM_INFINITY }, none = { RLIM_INFINITY, RLIM_INFINITY };
    counts n = { 0 };
    ad_trained_info info;
    char latest[256];
    signal(SIGXFSZ, SIG_IGN);
    train(ctx, "full", NULL, (ad_train_options){ .stop_after = 2 }, &info);
    ad_experiment *x = experiment(ctx, model, "train.save_every=1");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    ad_status s = ad_train(x, 0, in_folder("full"), &(ad_train_options){ .resume = true, .watch = { count, &n, NULL } }, &info);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    refused(AD_EIO, s, "the file size limit is reached");
    assert_int_equal(n.warnings, 1);
    ok(ctx, ad_checkpoint_latest(ad_ctx_error(ctx), in_folder("full/ckpt"), latest, sizeof latest));
    assert_non_null(strstr(latest, "step-000000002"));
    ad_experiment_free(x);
}

/* ---- experiment files ---- */

static ad_status open_text(const char *text, ad_experiment **x)
{
    const char *path = in_folder("experiment.yaml");
    char *whole = realpath(model, NULL);
    FILE *f = fopen(path, "w");
    for (const char *p = text; *p; p++) {
        if (*p == '@') fputs(whole, f);
        else fputc(*p, f);
    }
    fclose(f);
    free(whole);
    return ad_experiment_open(ctx, path, NULL, NULL, x);
}

static void experiment_file(void **state)
{
    static const char *const names[] = { "tiny-zdim=1-size=16-seed4", "tiny-zdim=1-size=16-seed5", "tiny-zdim=2-size=16-seed4",
                                         "tiny-zdim=2-size=16-seed5", "second-seed4", "second-seed5" };
    ad_experiment *x;
    ok(ctx, open_text("adze: 1\nexperiment: both\nseed: 4\nseeds: 2\n"
                      "data: {set: synthetic, options: {train: 40, test: 20}}\n"
                      "train:\n  optim: {kind: sgd, lr: 0.5, momentum: 0.9, nesterov: true}\n  steps: 7\n  schedule: {lr: cosine(steps), beta: \"linear(0, 1, over=5)\"}\n"
                      "evaluate: {metrics: [ged2, ncc], samples: 4}\n"
                      "models:\n  - use: @\n    sweep:\n      zdim: [1, 2]\n      size: [16]\n"
                      "  - use: @\n    name: second\n    train: {steps: 9}\n", &x));
    ad_plan p;
    for (int i = 0; i < 6; i++) {
        assert_true(ad_experiment_at(x, i, &p));
        assert_string_equal(p.name, names[i]);
        assert_true(p.seed == 4 + (uint64_t)i % 2 && p.steps == (i < 4 ? 7 : 9));
    }
    assert_false(ad_experiment_at(x, 6, &p));
    const ad__config *c = &x->plans[0].config;
    assert_string_equal(c->optim, "sgd");
    assert_string_equal(c->optim_settings, "momentum=0.9, nesterov=true");
    assert_string_equal(c->metrics, "ged2, ncc");
    assert_string_equal(c->data_options, "train=40, test=20");
    assert_true(c->lr == 0.5);
    /* The resolved form of a run says the same. */
    ad_text t = { 0 };
    ad_experiment *again;
    ad__plan_print(x, 2, &t);
    ok(ctx, ad_text_write(ad_ctx_error(ctx), in_folder("resolved.yaml"), &t));
    ok(ctx, ad_experiment_open(ctx, in_folder("resolved.yaml"), NULL, NULL, &again));
    assert_int_equal(again->n, 1);
    assert_memory_equal(&again->plans[0].config, &x->plans[2].config, sizeof(ad__config));
    assert_string_equal(again->plans[0].set[0], x->plans[2].set[0]);
    ad_text_free(&t);
    ad_experiment_free(again);
    ad_experiment_free(x);
}

static void mistakes_in_files(void **state)
{
    static const struct { const char *text, *part; } cases[] = {
        { "adze: 1\nmodels: []\n", "experiment.yaml:1:1: error: an experiment is a mapping" },
        { "adze: 1\nexperiment: a\nmodels:\n  - use: @\ntrain: {stepz: 3}\n", "experiment.yaml:5:16: error: train.stepz: no such key" },
        { "adze: 1\nexperiment: a\nmodels:\n  - use: @\n    name: a/b\n", "experiment.yaml:5:11: error: a name is a folder's" },
        { "adze: 1\nexperiment: a\nmodels:\n  - name: b\n", "experiment.yaml:4:5: error: a model needs the key 'use'" },
        { "adze: 1\nexperiment: a\nmodels:\n  - use: @\nrepot: 1\n", "experiment.yaml:5:1: error: unknown key 'repot'" },
        { "adze: 2\nexperiment: a\nmodels:\n  - use: @\n", "experiment.yaml:1:7: error: the first key" },
        { "adze: 1\nexperiment: a\nmodels:\n  - use: @\n    sweep: {zdim: 3}\n", "experiment.yaml:5:19: error: expected a list of values to try" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ad_experiment *x;
        ad_status s = open_text(cases[i].text, &x);
        if (s == AD_OK) fail_msg("case %d was taken", (int)i);
        refused(s, s, cases[i].part);
    }
}

/* ---- samples, scores, comparison ---- */

static bool is_png(const char *path, int *width, int *height)
{
    ad_image image;
    if (ad_png_read(NULL, path, &image) != AD_OK) return false;
    *width = image.width;
    *height = image.height;
    ad_image_free(&image);
    return true;
}

static void draws_are_prefixes(void **state)
{
    ad_trained_info info;
    ad_trained *r;
    ad_dataset *data;
    ad_item item;
    train(ctx, "draws", NULL, (ad_train_options){ 0 }, &info);
    ok(ctx, ad_trained_open(ctx, in_folder("draws"), NULL, NULL, &r));
    ok(ctx, ad_trained_data(r, &data));
    ok(ctx, ad_item_init(ad_ctx_error(ctx), &item, data));
    ok(ctx, ad_dataset_read(ad_ctx_error(ctx), data, AD_TEST, 0, &item));
    size_t pixels = (size_t)item.height * (size_t)item.width;
    uint8_t *many = malloc(19 * pixels), *few = malloc(3 * pixels);
    float *p = malloc(3 * pixels * 2 * sizeof *p);
    ok(ctx, ad_draw(r, &item, 0, 19, many, NULL));
    ok(ctx, ad_draw(r, &item, 0, 3, few, p));
    assert_memory_equal(many, few, 3 * pixels);
    for (size_t i = 0; i < 3 * pixels; i++) {
        assert_true(fabsf(p[2 * i] + p[2 * i + 1] - 1) < 1e-5f);
        assert_int_equal(few[i], p[2 * i + 1] > p[2 * i]);
    }
    ok(ctx, ad_draw(r, &item, 1, 3, many, NULL));
    bool other = memcmp(many, few, 3 * pixels) != 0;
    assert_true(other);
    free(many);
    free(few);
    free(p);
    ad_item_fini(&item);
    ad_trained_free(r);
}

static void pictures_of_samples(void **state)
{
    static const char *const images[] = { "test:1" };
    ad_trained_info info;
    ad_trained *r;
    int width = 0, height = 0;
    train(ctx, "pictures", NULL, (ad_train_options){ 0 }, &info);
    ok(ctx, ad_trained_open(ctx, info.checkpoint, NULL, NULL, &r));
    ok(ctx, ad_sample_images(r, 1, images, in_folder("out"), &(ad_sample_options){ .samples = 3 }));
    ad_dataset *data;
    ad_item item;
    ok(ctx, ad_trained_data(r, &data));
    ok(ctx, ad_item_init(ad_ctx_error(ctx), &item, data));
    ok(ctx, ad_dataset_read(ad_ctx_error(ctx), data, AD_TEST, 1, &item));
    static const char *const parts[] = { "sample-00", "sample-02", "mean", "uncertainty", "sheet" };
    for (int i = 0; i < 5; i++) {
        char name[128];
        snprintf(name, sizeof name, "out/%s-%s.png", item.name, parts[i]);
        if (!is_png(in_folder(name), &width, &height)) fail_msg("%s is missing", name);
        if (i < 4) assert_true(width == item.width && height == item.height);
        else assert_true(width > 7 * item.width);
    }
    static const char *const missing[] = { "test:1000000" };
    refused(AD_EUSAGE, ad_sample_images(r, 1, missing, in_folder("out"), NULL), "there is no such image");
    ad_item_fini(&item);
    ad_trained_free(r);
}

static void comparison(void **state)
{
    ad_experiment *x;
    ad_table t;
    counts n = { 0 };
    ok(ctx, open_text("adze: 1\nexperiment: two\ndata: {options: {train: 40, test: 20}}\ntrain: {steps: 3, batch: 2}\n"
                      "evaluate: {limit: 3, samples: 4}\nmodels:\n  - use: @\n    sweep: {zdim: [1, 2]}\n", &x));
    ok(ctx, ad_compare(x, in_folder("two"), &(ad_compare_options){ .watch = { count, &n, NULL } }, &t));
    assert_true(t.n == 2 && !t.stopped && n.steps == 6);
    for (int i = 0; i < 2; i++) {
        const ad_row *r = &t.rows[i];
        assert_true(r->trainable > r->sample && r->sample > 0 && r->macs > 0 && r->training.memory > 0 && r->training.seconds_a_step > 0);
        assert_true(r->scores.images == 3 && r->scores.samples == 4 && r->scores.n_metrics == 7 && isfinite(r->scores.summary[0].mean));
    }
    assert_string_equal(t.rows[1].name, "tiny-zdim=2");
    static const char *const files[] = { "two/compare.txt", "two/compare.csv", "two/compare.json", "two/compare.md", "two/tiny-zdim=1/scores.json" };
    for (int i = 0; i < 5; i++) assert_int_equal(access(in_folder(files[i]), F_OK), 0);
    int width = 0, height = 0;
    assert_true(is_png(t.sheet, &width, &height));
    double first = t.rows[0].scores.summary[0].mean;
    ad_table_free(&t);
    /* Again: nothing is trained or scored, the figures are the same. */
    n = (counts){ 0 };
    ok(ctx, ad_compare(x, in_folder("two"), &(ad_compare_options){ .resume = true, .watch = { count, &n, NULL } }, &t));
    assert_true(n.steps == 0 && t.n == 2 && t.rows[0].scores.summary[0].mean == first && t.rows[0].training.seconds_a_step > 0);
    char *text = ad_table_print(&t, AD_TABLE_TEXT);
    assert_non_null(strstr(text, "tiny-zdim=1"));
    free(text);
    ad_table_free(&t);
    /* Finished runs by their directories give the same figures. */
    const char *runs[2] = { in_folder("two/tiny-zdim=2"), in_folder("two/tiny-zdim=1") };
    ok(ctx, ad_compare_runs(ctx, 2, runs, in_folder("again"), &(ad_compare_options){ .resume = true, .watch = { count, &n, NULL } }, &t));
    assert_true(n.steps == 0 && t.n == 2 && t.rows[1].scores.summary[0].mean == first && t.rows[1].training.step == 3);
    assert_int_equal(access(in_folder("again/compare.md"), F_OK), 0);
    ad_table_free(&t);
    ad_experiment_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits), cmocka_unit_test(resumed_is_unbroken), cmocka_unit_test(averages_of_weights),
        cmocka_unit_test(stop_on_request),
        cmocka_unit_test(existing_run_is_refused), cmocka_unit_test(not_finite_is_named),
        cmocka_unit_test(a_gradient_that_is_not_finite_is_named_in_its_step), cmocka_unit_test(wrong_settings),
        cmocka_unit_test(failed_saves), cmocka_unit_test(experiment_file), cmocka_unit_test(mistakes_in_files),
        cmocka_unit_test(draws_are_prefixes), cmocka_unit_test(pictures_of_samples), cmocka_unit_test(comparison),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

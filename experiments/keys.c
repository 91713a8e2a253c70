/*
 * keys.c - the keys of an experiment's configuration: one table from which files and --set are read, and the resolved file is written.
 */
#include "config.h"

#include "experiments/experiment.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const fits[] = { "crop", "resize", NULL };
static const char *const splits[] = { "train", "val", "test", NULL };

#define AT(field) offsetof(ad__config, field)
#define TEXT(name, field, standard, doc) { name, AD_ATTR_TEXT, AT(field), 0, 0, 0, doc, .standard_text = standard }
#define MANY 1e15
#define STANDARD_METRICS "ged2, ged2_unbiased, ncc, iou_matched, dice, dice_mean, diversity"

static const ad_attr keys[] = {
    { "seed", AD_ATTR_INT, AT(seed), 1, 0, MANY,
      "of initial values, noise, order and augmentation; of the first run, if `seeds` asks for several" },
    { "seeds", AD_ATTR_INT, AT(seeds), 1, 1, 1000, "runs of every model, with seeds one after the other" },
    TEXT("data.set", data_set, "synthetic", "name of the data set (adze help data)"),
    TEXT("data.folder", data_folder, "", "where it lies, if it is one of files"),
    TEXT("data.options", data_options, "", "settings of the data set: \"train=100, seed=3\""),
    { "data.fit", AD_ATTR_ENUM, AT(data_fit), 0, 0, 0, "how an image becomes as large as the model's input", fits },
    TEXT("data.reader", data_reader, "random", "whose mask is the label: random, the number of a reader from 0, or mean: shares of all readers"),
    { "data.flips", AD_ATTR_BOOL, AT(data_flips), 1, 0, 0, "mirror left and right at random in training" },
    { "data.turns", AD_ATTR_BOOL, AT(data_turns), 1, 0, 0, "turn by quarters at random in training" },
    { "data.shift", AD_ATTR_INT, AT(data_shift), 0, 0, 4096, "move by up to as many pixels of the image at random in training" },
    { "data.rotate", AD_ATTR_FLOAT, AT(data_rotate), 0, 0, 180, "turn by an angle of up to as many degrees at random in training" },
    { "data.zoom", AD_ATTR_FLOAT, AT(data_zoom), 1, 1, 16, "enlarge or make smaller by a factor of up to this at random in training" },
    { "train.steps", AD_ATTR_INT, AT(steps), 1000, 1, MANY, "training steps" },
    { "train.batch", AD_ATTR_INT, AT(batch), 16, 1, 65536, "images a step" },
    TEXT("train.optim", optim, "adam", "optimiser (adze help optim)"),
    { "train.lr", AD_ATTR_FLOAT, AT(lr), 1e-3, 0, 1e6, "learning rate" },
    TEXT("train.settings", optim_settings, "", "settings of the optimiser: \"momentum=0.9, nesterov=true\""),
    TEXT("train.schedule.lr", lr_schedule, "constant", "factor of the learning rate: \"cosine(steps, end=0.1)\"; the word steps is train.steps"),
    TEXT("train.schedule.beta", beta_schedule, "", "the objective's beta instead of the model's: \"linear(0, 1, over=500)\" or a number"),
    TEXT("train.schedule.kappa", kappa_schedule, "", "likewise its kappa"),
    { "train.clip.norm", AD_ATTR_FLOAT, AT(clip_norm), 0, 0, 1e30, "largest norm of all gradients together; 0: any" },
    { "train.clip.value", AD_ATTR_FLOAT, AT(clip_value), 0, 0, 1e30, "largest absolute value of a gradient; 0: any" },
    { "train.average", AD_ATTR_FLOAT, AT(average), 0, 0, 0.999999,
      "keep a running average of the weights, this share of it at each step (0.998), for evaluation and samples; 0: none" },
    TEXT("train.memory", memory, "", "largest arena of a step, such as 600MiB: values are given up and made again; none: any"),
    { "train.save_every", AD_ATTR_INT, AT(save_every), 500, 1, MANY, "steps between checkpoints" },
    { "train.keep", AD_ATTR_INT, AT(keep), 2, 1, MANY, "checkpoints that are kept" },
    { "train.log_every", AD_ATTR_INT, AT(log_every), 10, 1, MANY, "steps between rows of metrics.csv" },
    { "evaluate.split", AD_ATTR_ENUM, AT(split), AD_TEST, 0, 0, "part of the data that is scored", splits },
    { "evaluate.samples", AD_ATTR_INT, AT(samples), 16, 1, 1000, "segmentations drawn for each image" },
    { "evaluate.limit", AD_ATTR_INT, AT(limit), 0, 0, MANY, "images scored at most; 0: all" },
    TEXT("evaluate.metrics", metrics, STANDARD_METRICS, "scores (adze help metrics)"),
    { 0 }
};

/* Other ways to write a key: the forms in which `optim: {kind: adam, lr: 1e-3}` comes out of a file. */
static const char *const other_names[][2] = { { "train.optim.kind", "train.optim" }, { "train.optim.lr", "train.lr" } };

/* Mappings whose members are settings of something else, gathered as text in a key of their own. */
static const char *const gatherers[][2] = { { "train.optim.", "train.settings" }, { "data.options.", "data.options" } };

bool ad_config_at(int i, ad_config_key *out)
{
    if (i < 0 || i >= (int)(sizeof keys / sizeof *keys) - 1) return false;
    snprintf(out->name, sizeof out->name, "%s", keys[i].name);
    out->attr = &keys[i];
    return true;
}

static const ad_attr *find(const char *name)
{
    for (const ad_attr *k = keys; k->name; k++)
        if (!strcmp(k->name, name)) return k;
    return NULL;
}

/* Fills `out` with defaults, and with the given values. */
static ad_status build(ad_error *e, int n, const ad_attr_value *values, ad__config *out)
{
    const ad_op schema = { .name = "configuration", .attrs = keys, .attr_size = sizeof *out };
    return ad_attr_build(e, &schema, n, values, out, NULL);
}

void ad__config_defaults(ad__config *c)
{
    AD_ASSERT_EQ(build(NULL, 0, NULL, c), AD_OK);
}

static bool begins(const char *text, const char *with)
{
    return !strncmp(text, with, strlen(with));
}

bool ad__config_is_key(const char *name)
{
    return find(name) || begins(name, "data.") || begins(name, "train.") || begins(name, "evaluate.");
}

static ad_status unknown(ad_error *e, const char *key)
{
    const char *names[sizeof keys / sizeof *keys], *section = strchr(key, '.');
    char list[1024] = "";
    int n = 0;
    for (const ad_attr *k = keys; k->name; k++) {
        names[n++] = k->name;
        size_t used = strlen(list);
        if (!section || !strncmp(k->name, key, (size_t)(section - key) + 1))
            snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", k->name);
    }
    const char *near = ad_nearest(key, n, names);
    return AD_FAIL(e, EUSAGE, "%s: no such key; there are %s%s%s%s", key, list, near ? ". Did you mean '" : "", near ? near : "",
                   near ? "'?" : "");
}

static ad_status gather(ad_error *e, ad__config *c, const char *key, const char *name, const char *value)
{
    char text[2 * AD_ATTR_TEXT_SIZE];
    const char *so_far = (const char *)c + find(key)->offset;
    if (snprintf(text, sizeof text, "%s%s%s=%s", so_far, *so_far ? ", " : "", name, value) >= (int)sizeof text)
        return AD_FAIL(e, EUSAGE, "%s: too long", key);
    return ad__config_set(e, c, key, text);
}

/* The value that a text means for a key; false if it means none. */
static bool read_value(const ad_attr *k, const char *text, ad_attr_value *v)
{
    char *end = (char *)text;
    *v = (ad_attr_value){ .name = k->name };
    errno = 0;
    switch (k->kind) {
    case AD_ATTR_INT:
        v->kind = AD_VALUE_INT;
        v->number = (double)strtoll(text, &end, 10);
        break;
    case AD_ATTR_FLOAT:
        v->kind = AD_VALUE_FLOAT;
        v->number = strtod(text, &end);
        break;
    case AD_ATTR_BOOL:
        v->kind = AD_VALUE_BOOL;
        v->number = !strcmp(text, "true");
        return v->number != 0 || !strcmp(text, "false");
    default:
        v->kind = AD_VALUE_TEXT;
        v->text = text;
        return true;
    }
    return end != text && !*end && !errno;
}

ad_status ad__config_set(ad_error *e, ad__config *c, const char *key, const char *value)
{
    static const size_t sizes[] = { [AD_ATTR_INT] = sizeof(int64_t), [AD_ATTR_FLOAT] = sizeof(double), [AD_ATTR_BOOL] = sizeof(bool),
                                    [AD_ATTR_ENUM] = sizeof(int), [AD_ATTR_TEXT] = AD_ATTR_TEXT_SIZE };
    static const char *const kinds[] = { [AD_ATTR_INT] = "an integer", [AD_ATTR_FLOAT] = "a number", [AD_ATTR_BOOL] = "true or false" };
    for (size_t i = 0; i < sizeof other_names / sizeof *other_names; i++)
        if (!strcmp(key, other_names[i][0])) key = other_names[i][1];
    const ad_attr *k = find(key);
    if (!k)
        for (size_t i = 0; i < sizeof gatherers / sizeof *gatherers; i++)
            if (begins(key, gatherers[i][0])) return gather(e, c, gatherers[i][1], key + strlen(gatherers[i][0]), value);
    if (!k) return unknown(e, key);
    ad_attr_value v;
    ad_error inner = { 0 };
    ad__config all;
    if (!read_value(k, value, &v)) return AD_FAIL(e, EUSAGE, "%s: expected %s, found '%s'", key, kinds[k->kind], value);
    if (build(&inner, 1, &v, &all) != AD_OK) return AD_FAIL(e, EUSAGE, "%s", inner.message);
    memcpy((char *)c + k->offset, (const char *)&all + k->offset, sizes[k->kind]);
    return AD_OK;
}

ad_status ad__schedule_new(ad_error *e, const char *text, int64_t steps, ad_schedule **out)
{
    char with_steps[2 * AD_ATTR_TEXT_SIZE], constant[AD_ATTR_TEXT_SIZE + 16], *end;
    const char *word = strstr(text, "steps");
    strtod(text, &end);
    snprintf(constant, sizeof constant, "constant(%s)", text);
    if (end != text && !*end) return ad_schedule_parse(e, constant, out);
    if (!word) return ad_schedule_parse(e, text, out);
    snprintf(with_steps, sizeof with_steps, "%.*s%lld%s", (int)(word - text), text, (long long)steps, word + strlen("steps"));
    return ad_schedule_parse(e, with_steps, out);
}

static ad_status check_schedule(ad_error *e, const ad__config *c, const char *key, const char *text)
{
    ad_schedule *s;
    if (!*text) return AD_OK;
    if (ad__schedule_new(e, text, c->steps, &s) != AD_OK) {
        ad_error_prefix(e, "%s", key);
        return AD_EUSAGE;
    }
    ad_schedule_free(s);
    return AD_OK;
}

static ad_status check_metrics(ad_error *e, const char *text)
{
    char copy[AD_ATTR_TEXT_SIZE], names[512] = "", *save = NULL;
    int n = 0;
    snprintf(copy, sizeof copy, "%s", text);
    for (const ad_metric *const *m = ad_metrics; *m; m++) strcat(strcat(names, *names ? ", " : ""), (*m)->name);
    for (char *name = strtok_r(copy, ", ", &save); name; name = strtok_r(NULL, ", ", &save), n++)
        if (!ad_metric_find(name)) return AD_FAIL(e, EUSAGE, "evaluate.metrics: unknown score '%s'; there are %s", name, names);
    if (n == 0 || n > AD_MAX_METRICS) return AD_FAIL(e, EUSAGE, "evaluate.metrics: name 1 to %d of %s", AD_MAX_METRICS, names);
    return AD_OK;
}

ad_status ad_bytes_parse(ad_error *e, const char *text, size_t *bytes)
{
    static const struct { const char *name; double bytes; } units[] = { { "B", 1 }, { "KiB", 1024 }, { "MiB", 1048576 }, { "GiB", 1073741824 } };
    char *end;
    double v = isdigit((unsigned char)*text) ? strtod(text, &end) : 0;
    for (size_t i = 0; v > 0 && i < sizeof units / sizeof *units; i++)
        if (!strcmp(end, units[i].name) && v * units[i].bytes >= 1 && v * units[i].bytes < 1e18) {
            *bytes = (size_t)(v * units[i].bytes);
            return AD_OK;
        }
    return AD_FAIL(e, EUSAGE, "'%s' is not a size: give a positive number and B, KiB, MiB or GiB, such as 600MiB", text);
}

static ad_status check_memory(ad_error *e, const char *text)
{
    size_t bytes;
    return !*text || ad_bytes_parse(e, text, &bytes) == AD_OK ? AD_OK : ad_error_prefix(e, "train.memory");
}

ad_status ad__config_check(ad_error *e, const ad__config *c)
{
    const ad_clip clip = { c->clip_value, c->clip_norm };
    ad_optim *o;
    AD_TRY(ad_optim_new(e, c->optim, c->optim_settings, &clip, &o));
    ad_optim_free(o);
    AD_TRY(check_schedule(e, c, "train.schedule.lr", c->lr_schedule));
    AD_TRY(check_schedule(e, c, "train.schedule.beta", c->beta_schedule));
    AD_TRY(check_schedule(e, c, "train.schedule.kappa", c->kappa_schedule));
    AD_TRY(check_metrics(e, c->metrics));
    AD_TRY(check_memory(e, c->memory));
    int reader;
    return ad__config_reader(e, c, &reader);
}

ad_status ad__config_reader(ad_error *e, const ad__config *c, int *out)
{
    const char *text = c->data_reader;
    *out = !strcmp(text, "random") ? AD_READER_RANDOM : !strcmp(text, "mean") ? AD_READER_MEAN : atoi(text);
    if (*out < 0 || (*text && !text[strspn(text, "0123456789")])) return AD_OK;
    return AD_FAIL(e, EUSAGE, "data.reader: expected random, mean or the number of a reader, found '%s'", text);
}

static void print_value(const ad_attr *k, const ad__config *c, ad_text *t)
{
    const char *at = (const char *)c + k->offset;
    switch (k->kind) {
    case AD_ATTR_INT: ad_text_add(t, "%lld\n", (long long)*(const int64_t *)(const void *)at); break;
    case AD_ATTR_FLOAT: ad_text_add(t, "%.17g\n", *(const double *)(const void *)at); break;
    case AD_ATTR_BOOL: ad_text_add(t, "%s\n", *(const bool *)at ? "true" : "false"); break;
    case AD_ATTR_ENUM: ad_text_add(t, "%s\n", k->words[*(const int *)(const void *)at]); break;
    default:
        ad_text_add(t, "\"");
        for (; *at; at++) ad_text_add(t, *at == '"' || *at == '\\' ? "\\%c" : "%c", *at);
        ad_text_add(t, "\"\n");
    }
}

void ad__config_print(const ad__config *c, ad_text *t)
{
    const char *before = "";
    for (const ad_attr *k = keys; k->name; k++) {
        size_t same = 0;             /* length of the sections shared with the key before: "train." or "train.schedule." */
        for (size_t i = 0; k->name[i] && k->name[i] == before[i]; i++)
            if (k->name[i] == '.') same = i + 1;
        int depth = 0;
        for (size_t i = 0; i < same; i++) depth += k->name[i] == '.';
        const char *p = k->name + same;
        for (const char *dot; (dot = strchr(p, '.')); p = dot + 1) ad_text_add(t, "%*s%.*s:\n", 2 * depth++, "", (int)(dot - p), p);
        ad_text_add(t, "%*s%s: ", 2 * depth, "", p);
        print_value(k, c, t);
        before = k->name;
    }
}

/*
 * experiment_file.c - the YAML of an experiment: top keys, models with parameters and sweeps, configuration.
 *
 *   adze: 1
 *   experiment: NAME
 *   data: ..., train: ..., evaluate: ..., seed, seeds      the keys of keys.c; nested mappings make the dots
 *   models:
 *     - use: zoo:phiseg          or a file, relative to this one
 *       name, profile
 *       set: {L: 5}              parameters of the model
 *       sweep: {K: [1, 2, 4]}    one run for every combination
 *       train: {lr: 1e-4}        instead of the keys above, for this model (data, evaluate, seed, seeds likewise)
 */
#include "config.h"

#include "experiments/experiment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct reader {
    ad_experiment *x;
    const ad_document *doc;
    ad_diagnostics *d;
    ad_error *error;
} reader;

static void report(reader *r, const ad_node *at, const char *code, const char *message)
{
    ad_span span = ad_document_span(r->doc, at);
    ad_report(r->d, AD_SEVERITY_ERROR, code, &span, "%s", message);
}

/* A scalar as it is, a list as "[a, b]"; false after reporting anything else. */
static bool value_text(reader *r, const ad_node *node, char *out, size_t size)
{
    size_t used = 0;
    if (node->kind == AD_NODE_SCALAR) {
        if (snprintf(out, size, "%s", node->text) < (int)size) return true;
        report(r, node, "too-long", "this value is too long");
        return false;
    }
    for (int i = 0; node->kind == AD_NODE_LIST && i < node->n && used < size; i++) {
        if (node->items[i]->kind != AD_NODE_SCALAR) break;
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "[", node->items[i]->text);
        if (i == node->n - 1 && used + 1 < size) {
            strcpy(out + used, "]");
            return true;
        }
    }
    report(r, node, "wrong-kind", "expected a value or a list of values");
    return false;
}

/* Every leaf below `node` as a key with dots. */
static void read_keys(reader *r, const char *prefix, const ad_node *node, ad__config *c)
{
    char text[AD__PATH];
    if (node->kind == AD_NODE_MAP) {
        for (int i = 0; i < node->n; i++) {
            char key[256];
            snprintf(key, sizeof key, "%s.%s", prefix, node->keys[i]->text);
            read_keys(r, key, node->items[i], c);
        }
        return;
    }
    if (!value_text(r, node, text, sizeof text)) return;
    char *value = text;
    if (node->kind == AD_NODE_LIST && !strcmp(prefix, "evaluate.metrics")) {
        text[strlen(text) - 1] = '\0';
        value++;
    }
    ad_error e = { 0 };
    if (ad__config_set(&e, c, prefix, value) != AD_OK) report(r, node, "bad-value", e.message);
}

/* Paths in a file are relative to the file. */
static void resolve(const reader *r, const char *path, char *out, size_t size)
{
    char joined[2 * AD__PATH];
    const char *slash = strrchr(r->x->file, '/');
    if (slash && *path != '/') snprintf(joined, sizeof joined, "%.*s/%s", (int)(slash - r->x->file), r->x->file, path);
    else snprintf(joined, sizeof joined, "%s", path);
    char *whole = realpath(joined, NULL);
    snprintf(out, size, "%.*s", (int)size - 1, whole ? whole : joined);
    free(whole);
}

static const char *const config_sections[] = { "data", "train", "evaluate", "seed", "seeds" };
#define N_SECTIONS (int)(sizeof config_sections / sizeof *config_sections)

static void read_config(reader *r, const ad_node *map, ad__config *c)
{
    for (int i = 0; i < N_SECTIONS; i++) {
        const ad_node *node = ad_node_find(map, config_sections[i]);
        if (node) read_keys(r, config_sections[i], node, c);
    }
    const ad_node *data = ad_node_find(map, "data"), *folder = data && data->kind == AD_NODE_MAP ? ad_node_find(data, "folder") : NULL;
    if (folder && *c->data_folder) {
        char path[AD__PATH];
        resolve(r, c->data_folder, path, sizeof path);
        ad_error e = { 0 };
        if (ad__config_set(&e, c, "data.folder", path) != AD_OK) report(r, folder, "bad-value", e.message);
    }
}

static void read_set(reader *r, const ad_node *node, ad__plan *p)
{
    char value[AD__PATH];
    if (node->kind != AD_NODE_MAP) {
        report(r, node, "wrong-kind", "expected a mapping of parameters");
        return;
    }
    for (int i = 0; i < node->n; i++)
        if (value_text(r, node->items[i], value, sizeof value) && ad__plan_set(r->error, p, node->keys[i]->text, value) != AD_OK) return;
}

static void add_to_name(ad__plan *p, const char *name, const char *value)
{
    char *at = p->name + strlen(p->name);
    snprintf(at, sizeof p->name - (size_t)(at - p->name), "-%s=%s", name, value);
    for (; *at; at++)
        if (strchr("/[], ", *at)) *at = '_';
}

/* Every combination of the values of sweep keys k.. on top of `base`. */
static void sweep(reader *r, const ad_node *node, int k, const ad__plan *base)
{
    char value[AD__PATH];
    if (!node || k == node->n) {
        ad__plan_push(r->error, r->x, base);
        return;
    }
    const ad_node *values = node->items[k];
    if (values->kind != AD_NODE_LIST || values->n == 0) {
        report(r, values, "wrong-kind", "expected a list of values to try");
        return;
    }
    for (int i = 0; i < values->n; i++) {
        ad_experiment one = { 0 };
        if (!value_text(r, values->items[i], value, sizeof value)) return;
        ad__plan *p = ad__plan_push(r->error, &one, base);
        if (p && ad__plan_set(r->error, p, node->keys[k]->text, value) == AD_OK) {
            add_to_name(p, node->keys[k]->text, value);
            sweep(r, node, k + 1, p);
        }
        if (p) ad__plan_fini(p);
        free(one.plans);
    }
}

/* A text member of a mapping into out; false if it is not there. */
static bool member(reader *r, const ad_node *map, const char *key, char *out, size_t size)
{
    const ad_node *node = ad_node_find(map, key);
    const char *text;
    if (!node || !ad_node_text(r->doc, node, r->d, &text)) return false;
    snprintf(out, size, "%s", text);
    return true;
}

static void read_model(reader *r, const ad_node *node, const ad__config *common)
{
    static const char *const known[] = { "use", "name", "profile", "set", "sweep", "data", "train", "evaluate", "seed", "seeds" };
    ad__plan p = { .config = *common };
    char use[AD__PATH];
    if (node->kind != AD_NODE_MAP) {
        report(r, node, "wrong-kind", "expected a mapping with the key 'use'");
        return;
    }
    if (!ad_node_known_keys(r->doc, node, r->d, "a model of an experiment", sizeof known / sizeof *known, known)) return;
    if (!member(r, node, "use", use, sizeof use)) {
        report(r, node, "missing-key", "a model needs the key 'use': zoo:NAME or a file");
        return;
    }
    if (strncmp(use, "zoo:", 4)) resolve(r, use, p.use, sizeof p.use);
    else snprintf(p.use, sizeof p.use, "%s", use);
    read_config(r, node, &p.config);
    member(r, node, "profile", p.profile, sizeof p.profile);
    const ad_node *set = ad_node_find(node, "set"), *swept = ad_node_find(node, "sweep");
    if (set) read_set(r, set, &p);
    ad__plan_name(&p);
    if (!member(r, node, "name", p.name, sizeof p.name))
        for (int i = 0; i < p.n_set; i++) {
            char name[128];
            size_t n = strcspn(p.set[i], "=");
            snprintf(name, sizeof name, "%.*s", (int)n, p.set[i]);
            add_to_name(&p, name, p.set[i] + n + 1);
        }
    if (strchr(p.name, '/') || *p.name == '.')
        report(r, ad_node_find(node, "name"), "bad-value", "a name is a folder's: without '/', not beginning with '.'");
    else if (swept && swept->kind != AD_NODE_MAP) report(r, swept, "wrong-kind", "expected a mapping of parameters to lists");
    else sweep(r, swept, 0, &p);
    ad__plan_fini(&p);
}

ad_status ad__experiment_read(ad_experiment *x, const ad_document *doc, ad_diagnostics *d)
{
    static const char *const known[] = { "adze", "experiment", "doc", "models", "data", "train", "evaluate", "seed", "seeds" };
    const ad_node *root = ad_document_root(doc);
    reader r = { x, doc, d, ad_ctx_error(x->ctx) };
    ad__config common;
    int64_t version = 0;
    if (root->kind != AD_NODE_MAP || !ad_node_find(root, "experiment")) {
        report(&r, root, "not-an-experiment", "an experiment is a mapping with the keys 'experiment' and 'models'");
        return AD_EUSAGE;
    }
    ad_node_known_keys(doc, root, d, "an experiment", sizeof known / sizeof *known, known);
    const ad_node *format = ad_node_find(root, "adze"), *models = ad_node_find(root, "models");
    if (!format || !ad_node_int(doc, format, d, &version) || version != 1)
        report(&r, format ? format : root, "bad-version", "the first key of an experiment is 'adze: 1'");
    member(&r, root, "experiment", x->name, sizeof x->name);
    ad__config_defaults(&common);
    read_config(&r, root, &common);
    if (!models || models->kind != AD_NODE_LIST || models->n == 0)
        report(&r, models ? models : root, "missing-key", "'models' must be a list of at least one model");
    else
        for (int i = 0; i < models->n; i++) read_model(&r, models->items[i], &common);
    return r.error->status != AD_OK ? r.error->status : ad_diagnostics_errors(d) ? AD_EUSAGE : AD_OK;
}

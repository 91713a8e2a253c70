/*
 * experiment.c - experiments in memory: their runs ("plans"), the settings of the command line, and the resolved form.
 */
#include "config.h"

#include "experiments/experiment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ad__plan_fini(ad__plan *p)
{
    for (int i = 0; i < p->n_set; i++) free(p->set[i]);
    free(p->set);
}

void ad_experiment_free(ad_experiment *x)
{
    if (!x) return;
    for (int i = 0; i < x->n; i++) ad__plan_fini(&x->plans[i]);
    free(x->plans);
    free(x->text);
    free(x);
}

ad_status ad__plan_set(ad_error *e, ad__plan *p, const char *name, const char *value)
{
    size_t n = strlen(name), size = n + strlen(value) + 2;
    char *text = malloc(size), **more;
    if (!text) return AD_FAIL(e, ENOMEM, "no memory for a setting");
    snprintf(text, size, "%s=%s", name, value);
    for (int i = 0; i < p->n_set; i++)
        if (!strncmp(p->set[i], text, n + 1)) {
            free(p->set[i]);
            p->set[i] = text;
            return AD_OK;
        }
    more = realloc(p->set, sizeof *more * (size_t)(p->n_set + 1));
    if (!more) {
        free(text);
        return AD_FAIL(e, ENOMEM, "no memory for a setting");
    }
    p->set = more;
    p->set[p->n_set++] = text;
    return AD_OK;
}

ad__plan *ad__plan_push(ad_error *e, ad_experiment *x, const ad__plan *like)
{
    ad__plan copy = { 0 };
    if (like) copy = *like;
    else ad__config_defaults(&copy.config);
    copy.n_set = 0;
    copy.set = NULL;
    for (int i = 0; like && i < like->n_set; i++) {
        char name[256];
        size_t n = strcspn(like->set[i], "=");
        snprintf(name, sizeof name, "%.*s", (int)n, like->set[i]);
        if (ad__plan_set(e, &copy, name, like->set[i] + n + 1) != AD_OK) goto failed;
    }
    ad__plan *more = realloc(x->plans, sizeof *more * (size_t)(x->n + 1));
    if (!more) {
        AD_FAIL(e, ENOMEM, "no memory for a run");
        goto failed;
    }
    x->plans = more;
    x->plans[x->n] = copy;
    return &x->plans[x->n++];
failed:
    ad__plan_fini(&copy);
    return NULL;
}

/* "KEY=VALUE" of the command line, on every plan. */
static ad_status apply(ad_experiment *x, const char *setting)
{
    ad_error *e = ad_ctx_error(x->ctx);
    char name[256];
    size_t n = strcspn(setting, "=");
    if (!setting[n] || n == 0 || n >= sizeof name) return AD_FAIL(e, EUSAGE, "--set %s: expected NAME=VALUE", setting);
    snprintf(name, sizeof name, "%.*s", (int)n, setting);
    /* A folder is relative to where the command is given, and the run shall find it from anywhere. */
    char *whole = strcmp(name, "data.folder") ? NULL : realpath(setting + n + 1, NULL);
    const char *value = whole ? whole : setting + n + 1;
    ad_status s = AD_OK;
    for (int i = 0; i < x->n && s == AD_OK; i++)
        s = ad__config_is_key(name) ? ad__config_set(e, &x->plans[i].config, name, value) : ad__plan_set(e, &x->plans[i], name, value);
    free(whole);
    return s == AD_OK ? AD_OK : ad_error_prefix(e, "--set %s", setting);
}

/* Several seeds become several plans; the first keeps its place, the others follow it. */
static ad_status spread_seeds(ad_experiment *x)
{
    ad_experiment spread = { .ctx = x->ctx };
    ad_status s = AD_OK;
    for (int i = 0; s == AD_OK && i < x->n; i++)
        for (int64_t k = 0; s == AD_OK && k < x->plans[i].config.seeds; k++) {
            ad__plan *p = ad__plan_push(ad_ctx_error(x->ctx), &spread, &x->plans[i]);
            if (!p) {
                s = AD_ENOMEM;
                break;
            }
            p->config.seed += k;
            p->config.seeds = 1;
            if (x->plans[i].config.seeds > 1) {
                size_t used = strlen(p->name);
                snprintf(p->name + used, sizeof p->name - used, "-seed%lld", (long long)p->config.seed);
            }
        }
    ad__plan *old = x->plans;
    int n = x->n;
    x->plans = spread.plans;
    x->n = spread.n;
    for (int i = 0; i < n; i++) ad__plan_fini(&old[i]);
    free(old);
    return s;
}

/* Names are folders: a duplicate gets a number behind it. */
static void make_names_unique(ad_experiment *x)
{
    for (int i = 0; i < x->n; i++) {
        char *name = x->plans[i].name, base[sizeof x->plans[i].name - 8];
        snprintf(base, sizeof base, "%.80s", name);
        for (int k = 2, j = 0; j < i; j++)
            if (!strcmp(name, x->plans[j].name)) {
                snprintf(name, sizeof x->plans[i].name, "%.80s-%d", base, k++);
                j = -1;
            }
    }
}

/* Opens every model, so that a mistake in the last one shows before the first is trained. */
static ad_status check_plans(ad_experiment *x, ad_diagnostics *d)
{
    ad_error *e = ad_ctx_error(x->ctx);
    for (int i = 0; i < x->n; i++) {
        ad_model *m;
        AD_TRY(ad__config_check(e, &x->plans[i].config));
        AD_TRY(ad__plan_model(x, i, d, &m));
        ad_model_free(m);
    }
    return AD_OK;
}

static ad_status finish(ad_experiment *x, const ad_experiment_options *o, ad_diagnostics *d)
{
    for (int i = 0; i < o->n_set; i++) AD_TRY(apply(x, o->set[i]));
    AD_TRY(spread_seeds(x));
    make_names_unique(x);
    return check_plans(x, d);
}

static ad_experiment *experiment_new(ad_ctx *ctx, const ad_experiment_options *o)
{
    ad_experiment *x = calloc(1, sizeof *x);
    if (!x) {
        AD_FAIL(ad_ctx_error(ctx), ENOMEM, "no memory for an experiment");
        return NULL;
    }
    x->ctx = ctx;
    x->lenient = o->lenient;
    x->has_zoo = o->zoo != NULL;
    if (o->zoo) snprintf(x->zoo, sizeof x->zoo, "%s", o->zoo);
    return x;
}

static const ad_experiment_options no_options;

/* The rendered diagnostics as the context's error. */
static ad_status reported(ad_ctx *ctx, const ad_diagnostics *d)
{
    char *text = ad_diagnostics_text(d, false);
    ad_status s = AD_FAIL(ad_ctx_error(ctx), EUSAGE, "%s", text ? text : "the experiment has mistakes");
    free(text);
    return s;
}

ad_status ad_experiment_open(ad_ctx *ctx, const char *path, const ad_experiment_options *options, ad_diagnostics *d, ad_experiment **out)
{
    const ad_experiment_options *o = options ? options : &no_options;
    ad_error *e = ad_ctx_error(ctx);
    ad_diagnostics *own = d ? d : ad_diagnostics_new();
    ad_document *doc = NULL;
    void *text = NULL;
    ad_status s = AD_ENOMEM;
    *out = NULL;
    ad_experiment *x = own ? experiment_new(ctx, o) : NULL;
    if (!x) goto done;
    snprintf(x->file, sizeof x->file, "%s", path);
    s = ad_file_read(e, path, (size_t)16 << 20, &text, &x->size);
    if (s != AD_OK) goto done;
    x->text = text;
    doc = ad_document_parse(path, x->text, x->size, own);
    s = doc ? ad__experiment_read(x, doc, own) : AD_EUSAGE;
    if (e->status == AD_OK && ad_diagnostics_errors(own)) s = reported(ctx, own);
    if (s == AD_OK) s = finish(x, o, own);
done:
    ad_document_free(doc);
    if (own != d) ad_diagnostics_free(own);
    if (s == AD_OK) *out = x;
    else ad_experiment_free(x);
    return s;
}

/* "phiseg" of "zoo:phiseg" or "models/phiseg.yaml". */
static void base_name(const char *ref, char *name, size_t size)
{
    const char *slash = strrchr(ref, '/'), *colon = strrchr(ref, ':'), *from = slash ? slash + 1 : colon ? colon + 1 : ref;
    snprintf(name, size, "%.*s", (int)strcspn(from, "."), from);
}

void ad__plan_name(ad__plan *p)
{
    base_name(p->use, p->name, sizeof p->name);
}

ad_status ad_experiment_single(ad_ctx *ctx, const char *model, const ad_experiment_options *options, ad_diagnostics *d, ad_experiment **out)
{
    const ad_experiment_options *o = options ? options : &no_options;
    ad_error *e = ad_ctx_error(ctx);
    *out = NULL;
    ad_experiment *x = experiment_new(ctx, o);
    if (!x) return AD_ENOMEM;
    ad__plan *p = ad__plan_push(e, x, NULL);
    ad_status s = p ? AD_OK : AD_ENOMEM;
    if (s == AD_OK) {
        bool in_zoo = !strncmp(model, "zoo:", 4);
        char *whole = in_zoo ? NULL : realpath(model, NULL);
        snprintf(p->use, sizeof p->use, "%s", whole ? whole : model);
        free(whole);
        if (o->profile) snprintf(p->profile, sizeof p->profile, "%s", o->profile);
        ad__plan_name(p);
        snprintf(x->name, sizeof x->name, "%s", p->name);
        s = finish(x, o, d);
    }
    if (s == AD_OK) *out = x;
    else ad_experiment_free(x);
    return s;
}

const char *ad_experiment_name(const ad_experiment *x)
{
    return x->name;
}

bool ad_experiment_at(const ad_experiment *x, int i, ad_plan *out)
{
    if (i < 0 || i >= x->n) return false;
    const ad__plan *p = &x->plans[i];
    *out = (ad_plan){ p->name, p->use, (uint64_t)p->config.seed, p->config.steps, p->config.batch };
    return true;
}

ad_status ad__plan_model(ad_experiment *x, int i, ad_diagnostics *d, ad_model **out)
{
    const ad__plan *p = &x->plans[i];
    const ad_model_options o = {
        .zoo = x->has_zoo ? x->zoo : NULL, .profile = *p->profile ? p->profile : NULL,
        .n_set = p->n_set, .set = (const char *const *)p->set, .lenient = x->lenient,
    };
    return ad_model_open(x->ctx, p->use, &o, d, out);
}

void ad__plan_print(const ad_experiment *x, int i, ad_text *t)
{
    const ad__plan *p = &x->plans[i];
    ad_text_add(t, "adze: 1\nexperiment: \"%s\"\nmodels:\n  - use: \"%s\"\n    name: \"%s\"\n", x->name, p->use, p->name);
    if (*p->profile) ad_text_add(t, "    profile: \"%s\"\n", p->profile);
    if (p->n_set) ad_text_add(t, "    set:\n");
    for (int k = 0; k < p->n_set; k++) {
        const char *equals = strchr(p->set[k], '=');
        ad_text_add(t, "      %.*s: %s\n", (int)(equals - p->set[k]), p->set[k], equals + 1);
    }
    ad__config_print(&p->config, t);
}

bool ad_is_experiment(const char *path)
{
    ad_diagnostics *d = ad_diagnostics_new();
    ad_document *doc = d ? ad_document_open(path, d) : NULL;
    const ad_node *root = doc ? ad_document_root(doc) : NULL;
    bool is = root && root->kind == AD_NODE_MAP && ad_node_find(root, "experiment");
    ad_document_free(doc);
    ad_diagnostics_free(d);
    return is;
}

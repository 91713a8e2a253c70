/*
 * settings.c - values of parameters: the file's defaults, then `set:` of files that extend it, a profile, and --set; then `let` and `check`.
 */
#include <math.h>
#include <string.h>

#include "models/settings.h"

static ad__val *val_new(ad_model *m, ad__val_kind kind)
{
    ad__val *v = ad__take(&m->pool, sizeof *v);
    v->kind = kind;
    return v;
}

static const ad__val *scalar_value(ad_model *m, const ad_document *doc, const ad_node *node, ad_diagnostics *d, const char *type)
{
    ad__val *v;
    bool good, b;
    if (strcmp(type, "int") == 0) {
        v = val_new(m, V_INT);
        good = ad_node_int(doc, node, d, &v->i);
    } else if (strcmp(type, "float") == 0) {
        v = val_new(m, V_FLOAT);
        good = ad_node_float(doc, node, d, &v->f);
    } else if (strcmp(type, "bool") == 0) {
        v = val_new(m, V_BOOL);
        good = ad_node_bool(doc, node, d, &b);
        v->i = good && b;
    } else {
        v = val_new(m, V_TEXT);
        good = ad_node_text(doc, node, d, &v->text);
    }
    return good ? v : NULL;
}

static bool in_range(const ad_model *m, const ad_document *doc, const ad_node *node, ad_diagnostics *d, const ad__param *p,
                     const ad__val *v)
{
    double x;
    if (!ad__number(v, &x) || v->kind == V_BOOL || ((!p->has_lo || x >= p->lo) && (!p->has_hi || x <= p->hi))) return true;
    ad_span at = ad_document_span(doc, node);
    bool low = p->has_lo && x < p->lo;
    ad_report(d, AD_SEVERITY_ERROR, "range", &at, "'%s' is %s; it must be %s %g", p->name, node->text,
              low ? "at least" : "at most", low ? p->lo : p->hi);
    (void)m;
    return false;
}

static bool among_choices(const ad_model *m, const ad_document *doc, const ad_node *node, ad_diagnostics *d, const ad__param *p,
                          const ad__val *v)
{
    const ad_node *choices = ad_node_find(p->node, "choices");
    const char *words[64];
    int n = 0;
    if (!choices || choices->kind != AD_NODE_LIST || v->kind != V_TEXT) return true;
    for (; n < choices->n && n < 64; n++) {
        words[n] = choices->items[n]->text ? choices->items[n]->text : "";
        if (strcmp(words[n], v->text) == 0) return true;
    }
    ad_span at = ad_document_span(doc, node);
    const char *near = ad_nearest(v->text, n, words), *all = "";
    for (int i = 0; i < n; i++) all = ad__take_format((ad__pool *)&m->pool, "%s%s%s", all, i ? ", " : "", words[i]);
    ad_report(d, AD_SEVERITY_ERROR, "choice", &at, "'%s' cannot be '%s'", p->name, v->text);
    ad_report_hint(d, near ? "did you mean '%s'?" : "one of %s", near ? near : all);
    return false;
}

const ad__val *ad__param_value(ad_model *m, const ad__param *p, const ad_document *doc, const ad_node *node, ad_diagnostics *d)
{
    if (!p->type) return NULL;
    bool list = strncmp(p->type, "list of ", 8) == 0;
    const char *type = list ? p->type + 8 : p->type;
    if (!list || node->kind != AD_NODE_LIST) {
        if (list) {
            ad_span at = ad_document_span(doc, node);
            ad_report(d, AD_SEVERITY_ERROR, "type", &at, "'%s' needs a list", p->name);
            ad_report_hint(d, "such as [1, 2]");
            return NULL;
        }
        const ad__val *v = scalar_value(m, doc, node, d, type);
        return v && in_range(m, doc, node, d, p, v) && among_choices(m, doc, node, d, p, v) ? v : NULL;
    }
    const ad__val **items = ad__take(&m->pool, (size_t)node->n * sizeof *items);
    for (int i = 0; i < node->n; i++) {
        items[i] = scalar_value(m, doc, node->items[i], d, type);
        if (!items[i] || !in_range(m, doc, node->items[i], d, p, items[i])) return NULL;
    }
    ad__val *v = val_new(m, V_LIST);
    v->n = node->n;
    v->items = items;
    return v;
}

/* ---- where values come from ---- */

static ad__param *find_param(const ad_model *m, const char *name)
{
    for (int i = 0; i < m->n_params; i++)
        if (strcmp(m->params[i].name, name) == 0) return &m->params[i];
    return NULL;
}

static const char *nearest_param(const ad_model *m, const char *name, const char **all)
{
    const char *names[256];
    int n = 0;
    *all = "";
    for (; n < m->n_params && n < 256; n++) {
        names[n] = m->params[n].name;
        *all = ad__take_format((ad__pool *)&m->pool, "%s%s%s", *all, n ? ", " : "", names[n]);
    }
    return ad_nearest(name, n, names);
}

static void set_from_map(ad_model *m, const ad_document *doc, const ad_node *map, ad_diagnostics *d)
{
    for (int i = 0; map && i < map->n; i++) {
        ad__param *p = find_param(m, map->keys[i]->text);
        const ad__val *v = p ? ad__param_value(m, p, doc, map->items[i], d) : NULL;
        if (v) p->value = v;
        if (p) continue;
        const char *all, *near = nearest_param(m, map->keys[i]->text, &all);
        ad_span at = ad_document_span(doc, map->keys[i]);
        ad_report(d, AD_SEVERITY_ERROR, "unknown-parameter", &at, "there is no parameter '%s'", map->keys[i]->text);
        ad_report_hint(d, near ? "did you mean '%s'?" : "parameters are %s", near ? near : all);
    }
}

/* `set:` of the files that extend, the outermost last so that it wins. */
static void set_extended(ad_model *m, ad_diagnostics *d)
{
    for (int i = m->n_docs - 2; i >= 0; i--) {
        const ad_node *set = ad_node_find(ad_document_root(m->docs[i]), "set");
        if (set && set->kind == AD_NODE_MAP) set_from_map(m, m->docs[i], set, d);
    }
}

static const ad_node *find_profile(const ad_model *m, const char *name)
{
    return ad_node_find(m->profiles, name);
}

static ad_status unknown_profile(ad_model *m, ad_error *e, const char *name)
{
    const char *names[64] = { NULL }, *all = "";
    int n = 0;
    for (; m->profiles && n < m->profiles->n && n < 64; n++) {
        names[n] = m->profiles->keys[n]->text;
        all = ad__take_format(&m->pool, "%s%s%s", all, n ? ", " : "", names[n]);
    }
    const char *near = ad_nearest(name, n, names);
    if (n == 0) return AD_FAIL(e, EUSAGE, "--profile %s: model '%s' has no profiles", name, m->name);
    if (near)
        return AD_FAIL(e, EUSAGE, "--profile %s: no such profile; profiles of '%s': %s. Did you mean '%s'?", name, m->name, all,
                       near);
    return AD_FAIL(e, EUSAGE, "--profile %s: no such profile; profiles of '%s': %s", name, m->name, all);
}

void ad__check_profiles(ad_model *m, ad_diagnostics *d)
{
    static const char *const keys[] = { "set", "doc" };
    for (int i = 0; m->profiles && i < m->profiles->n; i++) {
        const ad_node *p = m->profiles->items[i], *set = ad_node_find(p, "set");
        if (!ad_node_known_keys(m->profiles_in, p, d, "a profile", 2, keys) || !set) continue;
        for (int k = 0; set->kind == AD_NODE_MAP && k < set->n; k++) {
            const ad__param *param = find_param(m, set->keys[k]->text);
            if (param) {
                ad__param_value(m, param, m->profiles_in, set->items[k], d);
                continue;
            }
            const char *all, *near = nearest_param(m, set->keys[k]->text, &all);
            ad_span at = ad_document_span(m->profiles_in, set->keys[k]);
            ad_report(d, AD_SEVERITY_ERROR, "unknown-parameter", &at, "there is no parameter '%s'", set->keys[k]->text);
            ad_report_hint(d, near ? "did you mean '%s'?" : "parameters are %s", near ? near : all);
        }
    }
}

ad_status ad__apply_setting(ad_model *m, ad_error *e, const char *setting)
{
    const char *equals = strchr(setting, '='), *all;
    if (!equals || equals == setting) return AD_FAIL(e, EUSAGE, "--set %s: write NAME=VALUE", setting);
    char *name = ad__take_span(&m->pool, setting, (size_t)(equals - setting));
    ad__param *p = find_param(m, name);
    const char *near = nearest_param(m, name, &all);
    if (!p && near)
        return AD_FAIL(e, EUSAGE, "--set %s: no such parameter; parameters of '%s': %s. Did you mean '%s'?", setting, m->name,
                       all, near);
    if (!p) return AD_FAIL(e, EUSAGE, "--set %s: no such parameter; parameters of '%s': %s", setting, m->name, all);
    ad_diagnostics *d = ad_diagnostics_new();
    ad_document *doc = d ? ad_document_parse("--set", equals[1] ? equals + 1 : "''", equals[1] ? strlen(equals + 1) : 2, d)
                         : NULL;
    const ad__val *v = doc ? ad__param_value(m, p, doc, ad_document_root(doc), d) : NULL;
    ad_status status = AD_OK;
    if (v) {
        p->value = ad__keep_value(m, v);
    } else {
        const ad_diagnostic *first = d ? ad_diagnostics_at(d, 0) : NULL;
        const char *hint = first ? first->hint : "";
        status = AD_FAIL(e, EUSAGE, "--set %s: %s%s%s", setting, first ? first->message : "out of memory", *hint ? "; " : "",
                         hint);
    }
    ad_document_free(doc);
    ad_diagnostics_free(d);
    return status;
}

/* A copy of a static value whose texts lie in the model; NULL of NULL. */
const ad__val *ad__keep_value(ad_model *m, const ad__val *v)
{
    if (!v) return NULL;
    ad__val *copy = val_new(m, v->kind);
    *copy = *v;
    if (v->kind == V_TEXT) copy->text = ad__take_text(&m->pool, v->text);
    if (v->kind == V_LIST) {
        const ad__val **items = ad__take(&m->pool, (size_t)v->n * sizeof *items);
        for (int i = 0; i < v->n; i++) items[i] = ad__keep_value(m, v->items[i]);
        copy->items = items;
    }
    return copy;
}

ad_status ad__apply_settings(ad_model *m, ad_error *e, const ad_model_options *o, ad_diagnostics *d)
{
    for (int i = 0; i < m->n_params; i++) {
        ad__param *p = &m->params[i];
        const ad_node *standard = ad_node_find(p->node, "default");
        if (p->type && standard) p->standard = p->value = ad__param_value(m, p, p->in, standard, d);
    }
    set_extended(m, d);
    if (o && o->profile) {
        const ad_node *profile = find_profile(m, o->profile);
        if (!profile) return unknown_profile(m, e, o->profile);
        set_from_map(m, m->profiles_in, ad_node_find(profile, "set"), d);
    }
    for (int i = 0; o && i < o->n_set; i++) AD_TRY(ad__apply_setting(m, e, o->set[i]));
    return AD_OK;
}

/* ---- let and check ---- */

void ad__eval_lets(ad__elab *x, ad_model *m)
{
    for (int i = 0; i < m->n_lets; i++) {
        ad__let *l = &m->lets[i];
        if (!l->list) {
            l->value = ad__eval(x, NULL, l->expr);
            continue;
        }
        const ad__val **items = ad__take(&m->pool, (size_t)l->n * sizeof *items);
        bool good = true;
        for (int k = 0; k < l->n; k++) {
            items[k] = ad__eval(x, NULL, l->list[k]);
            good = good && items[k]->kind != V_POISON;
        }
        l->value = good ? ad__list(x, l->n, items) : &ad__poison;
    }
}

typedef struct names {
    int n;
    const char *list[16];
} names;

/* Names of an expression, for "(height=100, R=7)". */
static void collect(const ad__expr *e, names *n)
{
    if (!e) return;
    bool known = e->kind != X_NAME || n->n == 16;
    for (int i = 0; !known && i < n->n; i++) known = strcmp(n->list[i], e->text) == 0;
    if (!known) n->list[n->n++] = e->text;
    collect(e->a, n);
    collect(e->b, n);
    collect(e->c, n);
    for (int i = 0; i < e->n_args; i++) collect(e->args[i].value, n);
}

static const char *values_text(ad__elab *x, const ad_model *m, const ad__expr *e)
{
    names n = { 0 };
    const char *all = "";
    collect(e, &n);
    for (int i = 0; i < n.n; i++) {
        const ad__val *v = NULL;
        for (int k = 0; k < m->n_params; k++)
            if (strcmp(m->params[k].name, n.list[i]) == 0) v = m->params[k].value;
        for (int k = 0; k < m->n_lets; k++)
            if (strcmp(m->lets[k].name, n.list[i]) == 0) v = m->lets[k].value;
        if (v && v->kind != V_POISON)
            all = ad__take_format(x->pool, "%s%s%s=%s", all, *all ? ", " : "", n.list[i], ad__val_text(x->pool, v));
    }
    return all;
}

bool ad__eval_checks(ad__elab *x, ad_model *m)
{
    int before = ad_diagnostics_errors(x->d);
    for (int i = 0; i < m->n_checks; i++) {
        const ad__checkline *l = &m->checks[i];
        const ad__val *v = ad__eval(x, NULL, l->expr);
        if (v->kind == V_POISON || (v->kind == V_BOOL && v->i)) continue;
        if (v->kind != V_BOOL) {
            ad__wrong(x, NULL, l->expr, "type", "a check must be a condition, not %s", ad__describe(x, v));
            continue;
        }
        const char *values = values_text(x, m, l->expr);
        ad_span at = ad_document_span(l->in, l->node);
        ad_report(x->d, AD_SEVERITY_ERROR, "check", &at, "check failed: %s%s%s%s", l->node->text, *values ? "  (" : "", values,
                  *values ? ")" : "");
    }
    return ad_diagnostics_errors(x->d) == before;
}

/*
 * lints.c - what is legal and yet most likely wrong. Dead weights and a target that reaches a sampling program are mistakes; the rest
 * are warnings.
 */
#include <stdio.h>
#include <string.h>

#include "models/check.h"

/* ---- one program ---- */

static void target_leak(ad__elab *x, const ad__reach *outputs)
{
    static const char *const samplers[] = { "sample", "predict", "mean" };
    bool sampler = false;
    for (size_t i = 0; i < sizeof samplers / sizeof *samplers; i++) sampler = sampler || strcmp(samplers[i], x->prog->name) == 0;
    for (int i = 0; sampler && i < x->m->n_inputs; i++) {
        const ad__input *in = &x->m->inputs[i];
        ad_tensor *t = x->inputs[i] ? ad__tensor_of(x->inputs[i]) : NULL;
        if (!in->info.target || !t || !ad__reach_leaf(x->t, outputs, t)) continue;
        ad_span at = ad_document_span(x->prog->in, x->prog->key);
        ad_report(x->d, AD_SEVERITY_ERROR, "label-leak", &at, "the target '%s' reaches what program '%s' returns", in->name,
                  x->prog->name);
        ad_report_hint(x->d, "at test time there is no target: use the prior, not the posterior");
    }
}

static void site_warning(ad__elab *x, const ad__site *s, const char *code, const char *format)
{
    ad_span at = ad__document_span_at(s->in, s->line, s->column, s->length);
    ad_report(x->d, AD_SEVERITY_WARNING, code, &at, format, s->path, x->prog->name);
}

static void lonely_sites(ad__elab *x)
{
    bool latent = x->loss && x->m->objective.kind != OBJECTIVE_EXPRESSION;
    for (int i = 0; latent && i < x->n_sites; i++)
        if (!x->sites[i]->has_partner) site_warning(x, x->sites[i], "site-without-kl", "no kl() names site '%s' in program '%s'");
}

static void skipped_levels(ad__elab *x, const ad__reach *outputs)
{
    bool sampler = strcmp(x->prog->name, "sample") == 0;
    for (int i = 0; sampler && i < x->n_sites; i++)
        if (!ad__reach_value(outputs, x->sites[i]->value))
            site_warning(x, x->sites[i], "skipped-level", "site '%s' does not reach what program '%s' returns");
}

/* Normalising one value gives zero: batch norm of a 1x1 map with a batch of 1, layer norm of one channel. */
static void norms_of_one(ad__elab *x)
{
    ad_record_info r;
    for (int i = 0; ad_tape_record(x->t, i, &r); i++) {
        bool batch = strcmp(r.op->name, "batch_norm_statistics") == 0, layer = strcmp(r.op->name, "layer_norm") == 0;
        if ((!batch && !layer) || !r.place || !r.in[0]) continue;
        const ad_shape *s = ad_tensor_shape(r.in[0]);
        int64_t n = batch ? 1 : s->dim[s->rank - 1];
        for (int k = 1; batch && k < s->rank - 1; k++) n *= s->dim[k];
        if (n > 1 || (batch && !x->training)) continue;
        ad_span at = { r.place->file, r.place->line, r.place->column, (int)strlen(batch ? "batch_norm" : "layer_norm"), "" };
        for (int k = 0; k < x->m->n_docs; k++)
            if (strcmp(ad_document_file(x->m->docs[k]), r.place->file) == 0)
                at = ad__document_span_at(x->m->docs[k], at.line, at.column, at.length);
        ad_report(x->d, AD_SEVERITY_WARNING, "norm-of-one", &at,
                  batch ? "batch_norm of %s: one value a channel when the batch is 1"
                        : "layer_norm of %s: one value to normalise",
                  ad__shape(x, s));
    }
}

static bool is_among(const char *name, const char *const *names)
{
    while (*names && strcmp(*names, name) != 0) names++;
    return *names;
}

/* The record that makes a value, seen through ops that only move numbers. */
static bool producer(const ad_tape *t, const ad_tensor *value, ad_record_info *r)
{
    static const char *const movers[] = { "slice", "reshape", "rearrange", "permute", "roll", "upsample", "resize", NULL };
    bool found = true;
    while (found) {
        found = false;
        for (int i = 0; !found && ad_tape_record(t, i, r); i++)
            for (int k = 0; !found && k < r->n_out; k++) found = r->out[k] == value;
        if (!found || !is_among(r->op->name, movers)) return found;
        value = r->in[0];
    }
    return false;
}

/* The scale of a distribution must be above 0: what comes straight from an affine map may have either sign. */
static void unbounded_scales(ad__elab *x)
{
    static const char *const any_sign[] = { "conv", "conv_transpose", "linear", "matmul", "batch_norm", "layer_norm", "group_norm",
                                            "instance_norm", "tanh", "sub", "neg", NULL };
    ad_record_info r;
    for (int i = 0; i < x->n_sites; i++) {
        const ad__site *s = x->sites[i];
        if (!s->scale || !producer(x->t, s->scale, &r) || !is_among(r.op->name, any_sign)) continue;
        ad_span at = ad__document_span_at(s->in, s->line, s->column, s->length);
        ad_report(x->d, AD_SEVERITY_WARNING, "unbounded-scale", &at, "the scale of site '%s' comes straight from '%s' and may be below 0",
                  s->path, r.op->name);
        ad_report_hint(x->d, "exp(..) or softplus(..) keeps it positive");
    }
}

void ad__lint_program(ad__elab *x, const ad__reach *outputs)
{
    unbounded_scales(x);
    target_leak(x, outputs);
    lonely_sites(x);
    skipped_levels(x, outputs);
    norms_of_one(x);
}

/* ---- the whole model ---- */

/* The first two parts of a path: what a person would name under dead_ok. */
static size_t stem(const char *path)
{
    const char *slash = strchr(path, '/');
    slash = slash ? strchr(slash + 1, '/') : NULL;
    return slash ? (size_t)(slash - path) : strlen(path);
}

static bool declared_dead(ad_model *m, const char *path)
{
    bool found = false;
    for (int i = 0; i < m->dead_ok.n; i++)
        if (ad_path_matches(m->dead_ok.list[i].pattern, path)) found = m->dead_ok.list[i].used = true;
    return found;
}

static void dead_weights(ad_model *m, ad_diagnostics *d)
{
    for (int i = 0; i < m->n_weights; i++) {
        ad__weight *w = &m->weights[i];
        bool alive = m->objective.program ? w->has_gradient : w->reached;
        size_t n = stem(w->path);
        int64_t elements = 0;
        bool told = false;
        if (alive || w->slot != AD_SLOT_PARAM || declared_dead(m, w->path)) continue;
        for (int k = 0; k < m->n_weights; k++) {
            ad__weight *o = &m->weights[k];
            bool dead = !(m->objective.program ? o->has_gradient : o->reached) && o->slot == AD_SLOT_PARAM;
            if (!dead || strncmp(o->path, w->path, n) != 0 || (o->path[n] != '/' && o->path[n] != '\0') ||
                declared_dead(m, o->path))
                continue;
            told = told || k < i;
            elements += ad_count(&o->shape);
        }
        if (told) continue;
        ad_span at = ad__document_span_at(w->in, w->line, w->column, w->length);
        const char *stem_text = ad__take_span(&m->pool, w->path, n);
        if (m->objective.program)
            ad_report(d, ad__soft(m), ad__take_format(&m->pool, "dead-weight"), &at,
                      "no gradient reaches the %lld weights of '%s' in program '%s'", (long long)elements, stem_text,
                      m->objective.program);
        else
            ad_report(d, ad__soft(m), "dead-weight", &at, "no program needs the %lld weights of '%s'", (long long)elements,
                      stem_text);
        ad_report_hint(d, "use them, remove them, or declare '%s' under 'dead_ok' with the reason", stem_text);
    }
}

static void unused_rules(ad_model *m, ad_diagnostics *d, const ad__rules *rules, const char *what)
{
    for (int i = 0; i < rules->n; i++) {
        const ad__rule *r = &rules->list[i];
        if (r->used) continue;
        ad_span at = ad_document_span(r->in, r->key);
        ad_report(d, AD_SEVERITY_WARNING, "unused-pattern", &at, "'%s' matches no %s", r->pattern, what);
    }
}

void ad__lint_model(ad_model *m, ad_diagnostics *d)
{
    dead_weights(m, d);
    for (int i = 0; i < m->groups.n; i++)
        for (int k = 0; k < m->n_weights; k++)
            if (ad_path_matches(m->groups.list[i].pattern, m->weights[k].path)) m->groups.list[i].used = true;
    unused_rules(m, d, &m->init, "weight");
    unused_rules(m, d, &m->groups, "weight");
    unused_rules(m, d, &m->dead_ok, "weight without gradient");
}

/*
 * check.c - a model is expanded once, every program of it, before anybody may use it: mistakes, weights, counts, costs.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/check.h"
#include "models/settings.h"

/* ---- reachability ---- */

void ad__reach_mark(ad_tape *t, ad__reach *r, const ad_tensor *from, bool gradient)
{
    int first = ad_tensor_record(from);
    ad_record_info info;
    if (first < 0) return;
    r->records[first] = true;
    for (int i = first; i >= 0; i--) {
        if (!r->records[i] || !ad_tape_record(t, i, &info)) continue;
        if (gradient && (info.op->flags & AD_STOPS_GRADIENT)) continue;
        for (int k = 0; k < info.n_in; k++) {
            int at = info.in[k] ? ad_tensor_record(info.in[k]) : -1;
            if (at >= 0) r->records[at] = true;
        }
    }
}

bool ad__reach_leaf(ad_tape *t, const ad__reach *r, const ad_tensor *leaf)
{
    ad_record_info info;
    for (int i = 0; i < r->n; i++) {
        if (!r->records[i] || !ad_tape_record(t, i, &info)) continue;
        for (int k = 0; k < info.n_in; k++)
            if (info.in[k] == leaf) return true;
    }
    return false;
}

bool ad__reach_value(const ad__reach *r, const ad_tensor *x)
{
    int at = ad_tensor_record(x);
    return at >= 0 && r->records[at];
}

static ad__reach reach_new(ad__elab *x)
{
    int n = ad_tape_count(x->t);
    return (ad__reach){ n, ad__take(x->pool, (size_t)n * sizeof(bool)) };
}

/* ---- before the programs ---- */

static void resolve_nets(ad_model *m, ad_diagnostics *d)
{
    for (int i = 0; i < m->n_nets; i++) {
        ad__net *n = &m->nets[i];
        const char *names[256];
        int k = 0;
        if (n->node->kind == AD_NODE_SCALAR && (n->block = ad__find_block(m, n->node->text))) continue;
        for (; k < m->n_blocks && k < 256; k++) names[k] = m->blocks[k].name;
        ad_span at = ad_document_span(n->in, n->node);
        const char *near = n->node->text ? ad_nearest(n->node->text, k, names) : NULL;
        ad_report(d, AD_SEVERITY_ERROR, "unknown-block", &at, "net '%s': no block '%s'", n->name,
                  n->node->text ? n->node->text : "");
        if (near) ad_report_hint(d, "did you mean '%s'?", near);
    }
}

static void input_shapes(ad__elab *x, ad_model *m)
{
    for (int i = 0; i < m->n_inputs; i++) {
        ad__input *in = &m->inputs[i];
        ad_shape *s = &in->info.shape;
        *s = (ad_shape){ .rank = in->n_dims, .dtype = in->info.kind == AD_INPUT_LABELS ? AD_I32 : AD_REAL };
        if (!in->dims) s->rank = -1;
        for (int k = 0; k < in->n_dims; k++) {
            s->dim[k] = -1;
            if (!in->dims[k]) continue;
            bool good = ad__eval_int(x, NULL, in->dims[k], "a size", &s->dim[k]);
            if (good && s->dim[k] < 1) ad__wrong(x, NULL, in->dims[k], "shape", "a size of %lld", (long long)s->dim[k]);
            if (!good || s->dim[k] < 1) {
                s->rank = -1;
                break;
            }
        }
    }
}

/* ---- one program ---- */

static bool is_sampler(const ad_model *m, const char *name)
{
    return strcmp(name, "sample") == 0 || (!ad__find_program(m, "sample") && strcmp(name, "predict") == 0);
}

static void mark_weights(ad__elab *x, const ad__reach *outputs, const ad__reach *loss)
{
    ad_model *m = x->declare;
    for (int i = 0; i < x->n_leaves; i++) {
        if (!x->leaves[i]) continue;
        ad__weight *w = &m->weights[i];
        bool out = ad__reach_leaf(x->t, outputs, x->leaves[i]);
        w->reached = w->reached || out || (loss && ad__reach_leaf(x->t, loss, x->leaves[i]));
        w->in_sample = w->in_sample || (out && is_sampler(m, x->prog->name));
        w->has_gradient = w->has_gradient || (loss && ad__reach_leaf(x->t, loss, x->leaves[i]));
    }
}

static double record_macs(const ad_record_info *r)
{
    ad_shape in[AD_MAX_INPUTS], out[AD_MAX_OUTPUTS];
    ad_cost cost = { 0 };
    if (!r->op->cost) return 0;
    for (int i = 0; i < r->n_in; i++) in[i] = r->in[i] ? *ad_tensor_shape(r->in[i]) : (ad_shape){ .rank = -1 };
    for (int i = 0; i < r->n_out; i++) out[i] = *ad_tensor_shape(r->out[i]);
    r->op->cost(r->attr, r->n_in, in, out, &cost);
    return cost.macs / AD__DRY_BATCH;
}

static ad_shape symbolic(const ad_shape *s)
{
    ad_shape out = *s;
    if (out.rank > 0 && out.dim[0] == AD__DRY_BATCH) out.dim[0] = -1;
    return out;
}

static int64_t new_weights(ad__elab *x, const ad_record_info *r, bool *seen)
{
    int64_t n = 0;
    for (int k = 0; k < r->n_in; k++)
        for (int i = 0; r->in[k] && ad_tensor_record(r->in[k]) < 0 && i < x->n_leaves; i++)
            if (x->leaves[i] == r->in[k] && !seen[i] && x->m->weights[i].slot == AD_SLOT_PARAM) {
                seen[i] = true;
                n += ad_count(&x->m->weights[i].shape);
            }
    return n;
}

/* Rows of the table: inputs, then every statement part that owns weights. */
static void make_rows(ad__elab *x)
{
    ad_model *m = x->declare;
    ad_record_info r;
    bool *seen = ad__take(x->pool, (size_t)x->n_leaves * sizeof *seen);
    for (int i = 0; i < x->made.n; i++) {
        m->rows = ad__more(&m->pool, m->rows, m->n_rows, sizeof *m->rows);
        m->rows[m->n_rows++] = (ad_model_row){
            ad__take_text(&m->pool, x->made.list[i].name), "input", symbolic(ad_tensor_shape(x->made.list[i].value)), 0, 0, 0
        };
    }
    for (int i = 0; ad_tape_record(x->t, i, &r); i++) {
        int64_t n = new_weights(x, &r, seen);
        double macs = record_macs(&r);
        const char *path = r.place && r.place->path ? r.place->path : "";
        ad_model_row *last = m->n_rows ? &m->rows[m->n_rows - 1] : NULL;
        if (n == 0 && macs == 0) continue;
        if (last && strcmp(last->path, path) == 0) {
            last->trainable += n;
            last->macs += macs;
            last->shape = symbolic(ad_tensor_shape(r.out[0]));
            continue;
        }
        m->rows = ad__more(&m->pool, m->rows, m->n_rows, sizeof *m->rows);
        m->rows[m->n_rows++] = (ad_model_row){
            ad__take_text(&m->pool, path), r.op->name, symbolic(ad_tensor_shape(r.out[0])), n, macs, r.place ? r.place->line : 0
        };
    }
}

static void keep_outputs(ad__elab *x, ad__prog *p)
{
    ad_model *m = x->declare;
    const ad__val *result = x->frame->result;
    if (!result || result->kind != V_RECORD) return;
    const char **names = ad__take(&m->pool, (size_t)result->n * sizeof *names);
    for (int i = 0; i < result->n; i++) names[i] = result->names[i];
    p->info.n_outputs = result->n;
    p->info.outputs = names;
}

static void finish_program(ad__elab *x, ad__prog *p, bool table)
{
    ad__reach outputs = reach_new(x), loss = reach_new(x);
    const ad__val *result = x->frame->result;
    ad_record_info r;
    for (int i = 0; result && result->kind == V_RECORD && i < result->n; i++)
        if (ad__tensor_of(result->items[i])) ad__reach_mark(x->t, &outputs, ad__tensor_of(result->items[i]), false);
    if (x->loss) ad__reach_mark(x->t, &loss, x->loss, true);
    p->info.records = ad_tape_count(x->t);
    p->info.training = x->training;
    p->info.objective = x->loss != NULL;
    for (int i = 0; ad_tape_record(x->t, i, &r); i++) p->info.macs += record_macs(&r);
    mark_weights(x, &outputs, x->loss ? &loss : NULL);
    keep_outputs(x, p);
    if (table) make_rows(x);
    if (ad_diagnostics_errors(x->d) == 0) ad__lint_program(x, &outputs);
    ad__expand_program(x, &x->declare->expanded);
}

bool ad__trains_in(const ad_model *m, const ad__prog *p, ad_mode asked)
{
    ad_mode mode = asked != AD_MODE_MODEL ? asked : p->mode;
    if (mode != AD_MODE_MODEL) return mode == AD_MODE_TRAIN;
    return m->objective.program && strcmp(m->objective.program, p->name) == 0;
}

/* The tape and the memory of the dry run in progress; in the model, so that running out of memory can give them back. */
static void dry_run(ad_model *m, ad_diagnostics *d, ad__prog *p, bool table)
{
    ad__elab x;
    m->dry.pool.out = m->pool.out;
    ad__elab_begin(&x, m, &m->dry.pool, d);
    x.declare = m;
    x.batch = AD__DRY_BATCH;
    x.training = ad__trains_in(m, p, AD_MODE_MODEL);
    x.t = m->dry.tape = ad_tape_new(m->ctx, AD_F32);
    if (!x.t) longjmp(*m->pool.out, 1);
    ad__run_program(&x, p);
    if (!ad_tape_failed(x.t)) finish_program(&x, p, table);
    ad_error_clear(x.error);
    ad_tape_free(x.t);
    m->dry.tape = NULL;
    ad__arena_free(&m->dry.pool.arena);
}

/* ---- after the programs ---- */

static void count(ad_model *m)
{
    for (int i = 0; i < m->n_weights; i++) {
        const ad__weight *w = &m->weights[i];
        int64_t n = ad_count(&w->shape);
        if (w->slot != AD_SLOT_PARAM) {
            m->counts.state += n;
            continue;
        }
        m->counts.trainable += n;
        if (w->in_sample) m->counts.sample += n;
        if (m->objective.program && !w->has_gradient) m->counts.dead += n;
        for (int k = 0; k < m->n_nets; k++) {
            size_t length = strlen(m->nets[k].name);
            if (strncmp(w->path, m->nets[k].name, length) == 0 && w->path[length] == '/') m->nets[k].trainable += n;
        }
    }
}

/* "17819186" or "18.7M": the number, and half a unit of its last digit. */
static bool expected(const ad_node *node, double *value, double *tolerance)
{
    static const char units[] = "kMG";
    char text[32], *unit;
    size_t n = node->text ? strlen(node->text) : 0;
    if (n == 0 || n >= sizeof text) return false;
    memcpy(text, node->text, n + 1);
    *tolerance = 0;
    double factor = 1;
    if ((unit = strchr(units, text[n - 1])) && *unit) {
        factor = pow(1000, (double)(unit - units) + 1);
        text[n - 1] = '\0';
        const char *dot = strchr(text, '.');
        *tolerance = factor * 0.5 * pow(10, dot ? -(double)strlen(dot + 1) : 0);
    }
    if (!ad__parse_double(text, value)) return false;
    *value *= factor;
    return true;
}

static void expect_one(ad_model *m, ad_diagnostics *d, const ad_node *node, const char *key, int64_t have)
{
    const ad_node *v = ad_node_find(node, key);
    double want, tolerance;
    if (!v) return;
    ad_span at = ad_document_span(m->expect_in, v);
    if (!expected(v, &want, &tolerance)) {
        ad_report(d, AD_SEVERITY_ERROR, "type", &at, "expected a count such as 17819186 or 17.8M");
    } else if (fabs((double)have - want) > tolerance) {
        ad_report(d, ad__soft(m), "expect", &at, "%s is %lld, not %s", key, (long long)have, v->text);
        ad_report_hint(d, "the model has changed, or the expectation is wrong");
    }
}

static void want_node(ad_model *m, ad_diagnostics *d, const char *name, const ad_document *in, const ad_node *node,
                      const ad__val **want)
{
    bool known = false;
    for (int k = 0; k < m->n_params; k++) {
        if (strcmp(m->params[k].name, name) != 0) continue;
        want[k] = ad__keep_value(m, ad__param_value(m, &m->params[k], in, node, d));
        known = true;
    }
    ad_span at = ad_document_span(in, node);
    if (!known) ad_report(d, AD_SEVERITY_ERROR, "unknown-parameter", &at, "expect: there is no parameter '%s'", name);
}

/* "L=1, zd=[1, 1]": commas inside brackets belong to the value. */
static void want_text(ad_model *m, ad_diagnostics *d, const char *text, const ad__val **want)
{
    while (*text) {
        const char *equals = strchr(text, '='), *end = equals;
        int depth = 0;
        if (!equals) return;
        for (end = equals + 1; *end && (*end != ',' || depth > 0); end++) depth += *end == '[' ? 1 : *end == ']' ? -1 : 0;
        text += strspn(text, " ");
        const char *name = ad__take_span(&m->pool, text, strcspn(text, " ="));
        ad_document *doc = ad_document_parse(ad_document_file(m->expect_in), equals + 1, (size_t)(end - equals - 1), d);
        if (doc) want_node(m, d, name, doc, ad_document_root(doc), want);
        ad_document_free(doc);
        text = *end ? end + 1 : end;
    }
}

static void want_map(ad_model *m, ad_diagnostics *d, const ad_document *in, const ad_node *map, const ad__val **want)
{
    for (int i = 0; map && map->kind == AD_NODE_MAP && i < map->n; i++)
        want_node(m, d, map->keys[i]->text, in, map->items[i], want);
}

/* Whether the parameters are the defaults but for what the entry's profile and settings say. */
static bool entry_applies(ad_model *m, ad_diagnostics *d, const ad_node *entry)
{
    const ad__val **want = ad__take(&m->pool, (size_t)m->n_params * sizeof *want);
    const ad_node *set = ad_node_find(entry, "set"), *profile = ad_node_find(entry, "profile");
    for (int k = 0; k < m->n_params; k++) want[k] = m->params[k].standard;
    const ad_node *chosen = profile && profile->text ? ad_node_find(m->profiles, profile->text) : NULL;
    if (profile && !chosen) {
        ad_span at = ad_document_span(m->expect_in, profile);
        ad_report(d, AD_SEVERITY_ERROR, "unknown-profile", &at, "expect: there is no such profile");
    }
    want_map(m, d, m->profiles_in, ad_node_find(chosen, "set"), want);
    if (set && set->kind == AD_NODE_SCALAR) want_text(m, d, set->text, want);
    else want_map(m, d, m->expect_in, set, want);
    for (int k = 0; k < m->n_params; k++)
        if (!want[k] || !m->params[k].value || !ad__equal(want[k], m->params[k].value)) return false;
    return true;
}

static void check_expectations(ad_model *m, ad_diagnostics *d)
{
    static const char *const keys[] = { "set", "profile", "trainable", "sample", "state", "dead" };
    bool list = m->expect && m->expect->kind == AD_NODE_LIST;
    for (int i = 0; m->expect && i < (list ? m->expect->n : 1); i++) {
        const ad_node *entry = list ? m->expect->items[i] : m->expect;
        if (!ad_node_known_keys(m->expect_in, entry, d, "expect", 6, keys) || !entry_applies(m, d, entry)) continue;
        expect_one(m, d, entry, "trainable", m->counts.trainable);
        expect_one(m, d, entry, "sample", m->counts.sample);
        expect_one(m, d, entry, "state", m->counts.state);
        expect_one(m, d, entry, "dead", m->counts.dead);
    }
}

/* Everything between reading the sections and the verdict. AD_EUSAGE for wrong options; mistakes of the file are reported. */
ad_status ad__check_model(ad_model *m, const ad_model_options *o, ad_diagnostics *d)
{
    ad__elab x;
    ad__elab_begin(&x, m, &m->pool, d);
    AD_TRY(ad__apply_settings(m, x.error, o, d));
    for (int i = 0; i < m->n_params; i++) {
        ad__param *p = &m->params[i];
        p->value_text = p->value ? ad__val_text(&m->pool, p->value) : "";
        p->standard_text = p->standard ? ad__val_text(&m->pool, p->standard) : "";
    }
    ad__eval_lets(&x, m);
    ad__eval_inits(&x, m);
    bool holds = ad__eval_checks(&x, m);
    ad__check_profiles(m, d);
    resolve_nets(m, d);
    input_shapes(&x, m);
    ad__read_objective(&x, m);
    ad__expand_head(m, &m->expanded);
    int table = 0;
    for (int i = 0; i < m->n_progs; i++)
        if (m->objective.program && strcmp(m->progs[i].name, m->objective.program) == 0) table = i;
    for (int i = 0; holds && i < m->n_progs; i++) dry_run(m, d, &m->progs[i], i == table);
    ad__check_names(m, d);
    count(m);
    if (ad_diagnostics_errors(d) > 0) return AD_OK;
    ad__lint_model(m, d);
    check_expectations(m, d);
    return AD_OK;
}

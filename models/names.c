/*
 * names.c - what can be seen without expanding: names and calls in branches that the present parameters do not take, and everything
 * that is defined and never used. A name counts as read where it appears in any expression, in whatever branch.
 */
#include <string.h>

#include "models/check.h"

typedef struct set {
    int n;
    const char **list;
} set;

typedef struct walk {
    ad_model *m;
    ad_diagnostics *d;
    set reads, calls;            /* of the whole model: for params, let, inputs, blocks, nets */
    set here;                    /* reads in the block or program at hand */
    set defined;                 /* names it may define, anywhere */
    set local_nets;
    bool broken;                 /* something in it could not be parsed ... */
    bool unknown;                /* a name or call in it is unknown: perhaps what seems unused is only misspelt ... */
    bool doubtful;               /* ... or any of this anywhere: what is unused cannot be told */
    bool program;
} walk;

static bool has(const set *s, const char *name)
{
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->list[i], name) == 0) return true;
    return false;
}

static void put(walk *w, set *s, const char *name)
{
    if (has(s, name)) return;
    s->list = ad__more(&w->m->pool, s->list, s->n, sizeof *s->list);
    s->list[s->n++] = name;
}

static void report(walk *w, ad_severity severity, const char *code, const ad_document *doc, int line, int column, int length,
                   const char *format, const char *name)
{
    ad_span at = ad__document_span_at(doc, line, column, length);
    ad_report(w->d, severity, code, &at, format, name);
}

/* ---- reads ---- */

static void read_expr(walk *w, const ad__expr *e);

static void check_name(walk *w, const ad__expr *e)
{
    const char *known[1024];
    int n = 0;
    put(w, &w->reads, e->text);
    put(w, &w->here, e->text);
    if (has(&w->defined, e->text) || w->broken) return;
    for (int i = 0; i < w->defined.n && n < 512; i++) known[n++] = w->defined.list[i];
    for (int i = 0; i < w->m->n_params && n < 700; i++) known[n++] = w->m->params[i].name;
    for (int i = 0; i < w->m->n_lets && n < 900; i++) known[n++] = w->m->lets[i].name;
    for (int i = 0; w->program && i < w->m->n_inputs && n < 1024; i++) known[n++] = w->m->inputs[i].name;
    for (int i = w->defined.n; i < n; i++)
        if (strcmp(known[i], e->text) == 0) return;
    w->unknown = true;
    report(w, AD_SEVERITY_ERROR, "unknown-name", e->doc, e->line, e->column, e->length, "unknown name '%s'", e->text);
    const char *near = ad_nearest(e->text, n, known);
    if (near) ad_report_hint(w->d, "did you mean '%s'?", near);
}

static void check_call(walk *w, const ad__expr *e)
{
    const char *known[1024];
    const ad_op *op;
    int n = 0;
    put(w, &w->calls, e->text);
    for (int i = 0; i < w->local_nets.n && n < 128; i++) known[n++] = w->local_nets.list[i];
    for (int i = 0; i < w->m->n_blocks && n < 512; i++) known[n++] = w->m->blocks[i].name;
    for (int i = 0; i < w->m->n_nets && n < 600; i++) known[n++] = w->m->nets[i].name;
    for (int i = 0; ad__builtin_name(i); i++) known[n++] = ad__builtin_name(i);
    for (int i = 0; (op = ad_op_at(w->m->ctx, i)) && n < 1024; i++) known[n++] = op->name;
    for (int i = 0; i < n; i++)
        if (strcmp(known[i], e->text) == 0) return;
    w->unknown = true;
    report(w, AD_SEVERITY_ERROR, "unknown-call", e->doc, e->line, e->column, e->length, "unknown op or block '%s'", e->text);
    const char *near = ad_nearest(e->text, n, known);
    if (near) ad_report_hint(w->d, "did you mean '%s'?", near);
}

static void read_expr(walk *w, const ad__expr *e)
{
    if (!e) return;
    if (e->kind == X_NAME) check_name(w, e);
    if (e->kind == X_CALL) check_call(w, e);
    if (e->kind == X_FOR) {
        read_expr(w, e->b);
        bool known = has(&w->defined, e->text);
        put(w, &w->defined, e->text);
        read_expr(w, e->a);
        if (!known) w->defined.n--;
        return;
    }
    read_expr(w, e->a);
    read_expr(w, e->b);
    read_expr(w, e->c);
    for (int i = 0; i < e->n_args; i++) read_expr(w, e->args[i].value);
    for (int i = 0; i < e->n_withs; i++) {
        read_expr(w, e->withs[i].index);
        read_expr(w, e->withs[i].value);
    }
}

static void collect_defined(walk *w, const ad__body *body)
{
    for (int i = 0; i < body->n; i++) {
        const ad__stmt *s = body->list[i];
        if (s->kind == S_BROKEN) w->broken = true;
        for (int k = 0; s->kind != S_RETURN_MAP && k < s->n_lhs; k++)
            put(w, s->kind == S_NET ? &w->local_nets : &w->defined, s->lhs[k].name);
        collect_defined(w, &s->body);
        collect_defined(w, &s->other);
    }
}

static void read_site(walk *w, const ad__expr *e)
{
    for (int i = 0; e && i < e->n_args; i++) read_expr(w, e->args[i].value);
    if (!e || ad__is_family(e->text)) return;
    report(w, AD_SEVERITY_ERROR, "unknown-family", e->doc, e->line, e->column, e->length, "unknown distribution '%s'", e->text);
}

static void read_body(walk *w, const ad__body *body)
{
    for (int i = 0; i < body->n; i++) {
        const ad__stmt *s = body->list[i];
        for (int k = 0; k < s->n_lhs; k++) read_expr(w, s->lhs[k].index);
        for (int k = 0; s->kind == S_RETURN_MAP && k < s->n_lhs; k++) read_expr(w, s->values[k]);
        if (s->kind == S_SITE) read_site(w, s->value);
        else if (s->kind == S_NET) put(w, &w->calls, s->value->text);
        else read_expr(w, s->value);
        read_body(w, &s->body);
        read_body(w, &s->other);
        if ((s->kind == S_RETURN || s->kind == S_RETURN_MAP) && i + 1 < body->n) {
            const ad__stmt *next = body->list[i + 1];
            report(w, ad__soft(w->m), "unreachable", next->doc, next->line, next->column, next->length,
                   "nothing after a 'return' is reached%s", "");
            return;
        }
    }
}

/* ---- unread ---- */

static void unread_in(walk *w, const ad__body *body)
{
    for (int i = 0; i < body->n; i++) {
        const ad__stmt *s = body->list[i];
        for (int k = 0; k < s->n_lhs && (s->kind == S_DEFINE || s->kind == S_SITE); k++) {
            const ad__lhs *l = &s->lhs[k];
            if (has(&w->here, l->name)) continue;
            report(w, ad__soft(w->m), "unread-name", s->doc, l->line, l->column, l->length, "'%s' is defined and never read",
                   l->name);
        }
        for (int k = 0; k < s->n_lhs && s->kind == S_NET; k++)
            if (!has(&w->calls, s->lhs[k].name))
                report(w, ad__soft(w->m), "unused-net", s->doc, s->lhs[k].line, s->lhs[k].column, s->lhs[k].length,
                       "net '%s' is never called", s->lhs[k].name);
        unread_in(w, &s->body);
        unread_in(w, &s->other);
    }
}

static void scope(walk *w, const ad__body *body, int n_formals, const ad__formal *formals, bool signature_broken)
{
    w->here = w->defined = w->local_nets = (set){ 0 };
    w->broken = body->n == 0 || signature_broken;
    for (int i = 0; i < n_formals; i++) put(w, &w->defined, formals[i].name);
    collect_defined(w, body);
    w->unknown = false;
    read_body(w, body);
    w->doubtful = w->doubtful || w->broken || w->unknown;
    if (w->broken || w->unknown) return;
    unread_in(w, body);
}

static void check_blocks(walk *w)
{
    for (int i = 0; i < w->m->n_blocks; i++) {
        const ad__block_def *b = &w->m->blocks[i];
        w->program = false;
        for (int k = 0; k < b->n_formals; k++) {
            w->defined = (set){ 0 };
            w->broken = false;
            read_expr(w, b->formals[k].standard);
        }
        scope(w, &b->body, b->n_formals, b->formals, b->broken);
        for (int k = 0; !w->broken && !w->unknown && k < b->n_formals; k++) {
            const ad__formal *a = &b->formals[k];
            if (!has(&w->here, a->name))
                report(w, ad__soft(w->m), "unused-argument", b->in, a->line, a->column, a->length, "argument '%s' is never read",
                       a->name);
        }
    }
}

static void static_reads(walk *w)
{
    const ad_model *m = w->m;
    w->broken = true;            /* these expressions have been evaluated: their unknown names are told already */
    for (int i = 0; i < m->n_lets; i++) {
        read_expr(w, m->lets[i].expr);
        for (int k = 0; k < m->lets[i].n; k++) read_expr(w, m->lets[i].list[k]);
    }
    for (int i = 0; i < m->n_checks; i++) read_expr(w, m->checks[i].expr);
    for (int i = 0; i < m->init.n; i++) read_expr(w, m->init.list[i].expr);
    for (int i = 0; i < m->n_inputs; i++)
        for (int k = 0; k < m->inputs[i].n_dims; k++) read_expr(w, m->inputs[i].dims[k]);
}

/* Names in the objective's texts, in whichever branch. */
static void objective_reads(walk *w, const ad_document *doc, const ad_node *node)
{
    if (!node) return;
    for (int i = 0; node->kind == AD_NODE_MAP && i < node->n; i++) objective_reads(w, doc, node->items[i]);
    if (node->kind != AD_NODE_SCALAR) return;
    ad_diagnostics *quiet = ad_diagnostics_new();
    if (!quiet) return;
    ad__parse parse = { &w->m->pool, quiet, doc, false };
    read_expr(w, ad__parse_expr(&parse, node));
    ad_diagnostics_free(quiet);
}

static void unused(walk *w, const ad_document *doc, const ad_node *key, const char *code, const char *format, const char *name)
{
    report(w, ad__soft(w->m), code, doc, key->line, key->column, key->length, format, name);
}

static void never_used(walk *w)
{
    const ad_model *m = w->m;
    for (int i = 0; i < m->n_params; i++)
        if (!has(&w->reads, m->params[i].name))
            unused(w, m->params[i].in, m->params[i].key, "unused-parameter", "parameter '%s' is never used", m->params[i].name);
    for (int i = 0; i < m->n_lets; i++)
        if (!has(&w->reads, m->lets[i].name))
            unused(w, m->lets[i].in, m->lets[i].key, "unread-name", "'%s' is defined and never read", m->lets[i].name);
    for (int i = 0; i < m->n_inputs; i++)
        if (!has(&w->reads, m->inputs[i].name))
            unused(w, m->inputs[i].in, m->inputs[i].key, "unused-input", "input '%s' is never used", m->inputs[i].name);
    for (int i = 0; i < m->n_blocks; i++)
        if (!has(&w->calls, m->blocks[i].name))
            unused(w, m->blocks[i].in, m->blocks[i].key, "unused-block", "block '%s' is never used", m->blocks[i].name);
    for (int i = 0; i < m->n_nets; i++)
        if (!has(&w->calls, m->nets[i].name))
            unused(w, m->nets[i].in, m->nets[i].key, "unused-net", "net '%s' is never called", m->nets[i].name);
}

void ad__check_names(ad_model *m, ad_diagnostics *d)
{
    walk w = { .m = m, .d = d };
    ad_diagnostics *quiet = ad_diagnostics_new();
    if (!quiet) longjmp(*m->pool.out, 1);
    w.d = quiet;
    static_reads(&w);
    objective_reads(&w, m->objective.in, m->objective_root);
    w.d = d;
    ad_diagnostics_free(quiet);
    check_blocks(&w);
    for (int i = 0; i < m->n_progs; i++) {
        w.program = true;
        scope(&w, &m->progs[i].body, 0, NULL, false);
    }
    for (int i = 0; i < m->n_nets; i++)
        if (m->nets[i].block) put(&w, &w.calls, m->nets[i].block->name);
    if (!w.doubtful) never_used(&w);
}

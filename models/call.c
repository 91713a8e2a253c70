/*
 * call.c - calls: a built-in, a block (fresh weights), a net (its own weights), or an op. Blocks are expanded in a frame of their own.
 */
#include <inttypes.h>
#include <string.h>

#include "models/elaborate.h"

#define DEEPEST 64

/* ---- paths ---- */

const char *ad__part(ad__elab *x, ad__frame *f, const char *name)
{
    const char *key = ad__take_format(x->pool, "%s/%s", f->stmt_path, name);
    for (int i = 0; i < f->n_counts; i++)
        if (strcmp(f->counts[i].name, key) == 0) return ad__take_format(x->pool, "/%s#%d", name, ++f->counts[i].n);
    f->counts = ad__more(x->pool, f->counts, f->n_counts, sizeof *f->counts);
    f->counts[f->n_counts++] = (ad__count){ key, 1 };
    return ad__take_format(x->pool, "/%s", name);
}

void ad__place(ad__elab *x, ad__frame *f, const ad__expr *e, const char *part)
{
    ad_place place = { ad_document_file(e->doc), e->line, e->column, ad__take_format(x->pool, "%s%s", f->stmt_path, part) };
    ad_tape_at(x->t, &place);
}

/* ---- arguments ---- */

static const ad__val *no_argument(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__block_def *b, const ad__arg *arg)
{
    const char *known[64];
    int n = 0;
    for (int i = 0; i < b->n_formals && n < 64; i++) known[n++] = b->formals[i].name;
    const char *near = ad_nearest(arg->name, n, known);
    ad__wrong_at(x, f, e->doc, arg->line, arg->column, arg->length, "unknown-argument", "block '%s' has no argument '%s'",
                 b->name, arg->name);
    if (near) ad_report_hint(x->d, "did you mean '%s'?", near);
    return NULL;
}

static void add_local(ad__elab *x, ad__frame *f, const char *name, const ad__val *value, int line)
{
    f->locals = ad__more(x->pool, f->locals, f->n_locals, sizeof *f->locals);
    f->locals[f->n_locals++] = (ad__local){ .name = name, .value = value, .line = line, .scope = 0 };
}

/* Binds the arguments of the call in the new frame; false if one of them is wrong. */
static bool bind(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__block_def *b, ad__frame *inner)
{
    const ad__val **values = ad__take(x->pool, (size_t)b->n_formals * sizeof *values);
    bool good = true;
    for (int i = 0; i < e->n_args; i++) {
        const ad__arg *arg = &e->args[i];
        int at = i;
        for (at = arg->name ? 0 : i; arg->name && at < b->n_formals && strcmp(b->formals[at].name, arg->name) != 0;) at++;
        const ad__val *v = ad__eval(x, f, arg->value);
        if (at >= b->n_formals && arg->name) {
            no_argument(x, f, e, b, arg);
            good = false;
        } else if (at >= b->n_formals) {
            ad__wrong(x, f, arg->value, "arguments", "block '%s' takes %d argument%s, not %d", b->name, b->n_formals,
                      b->n_formals == 1 ? "" : "s", e->n_args);
            return false;
        } else if (values[at]) {
            ad__wrong_at(x, f, e->doc, arg->line, arg->column, arg->length, "arguments", "argument '%s' is given twice",
                         b->formals[at].name);
            good = false;
        } else {
            values[at] = v;
        }
    }
    for (int i = 0; i < b->n_formals; i++) {
        if (!values[i] && b->formals[i].standard) values[i] = ad__eval(x, NULL, b->formals[i].standard);
        if (!values[i] && good) ad__wrong(x, f, e, "arguments", "block '%s' needs '%s'", b->name, b->formals[i].name);
        good = good && values[i];
        if (good) add_local(x, inner, b->formals[i].name, values[i], e->line);
    }
    return good;
}

static bool has_site(const ad__body *body, const char *name)
{
    for (int i = 0; i < body->n; i++) {
        const ad__stmt *s = body->list[i];
        if (s->kind == S_SITE && strcmp(s->lhs[0].name, name) == 0) return true;
        if (has_site(&s->body, name) || has_site(&s->other, name)) return true;
    }
    return false;
}

static bool has_broken(const ad__body *body)
{
    for (int i = 0; i < body->n; i++)
        if (body->list[i]->kind == S_BROKEN || has_broken(&body->list[i]->body) || has_broken(&body->list[i]->other)) return true;
    return false;
}

static bool bind_sites(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__block_def *b, ad__frame *inner)
{
    inner->bindings = ad__take(x->pool, (size_t)e->n_withs * sizeof *inner->bindings);
    for (int i = 0; i < e->n_withs; i++) {
        const ad__with *w = &e->withs[i];
        ad__binding *to = &inner->bindings[inner->n_bindings++];
        *to = (ad__binding){ .with = w, .has_index = w->index != NULL };
        if (!has_site(&b->body, w->site)) {
            if (inner->broken) return false;
            ad__wrong_at(x, f, e->doc, w->line, w->column, w->length, "unknown-site", "block '%s' has no site '%s'", b->name,
                         w->site);
            return false;
        }
        if (w->index && !ad__eval_int(x, f, w->index, "an index", &to->index)) return false;
        if (w->value && (to->value = ad__eval(x, f, w->value))->kind == V_POISON) return false;
    }
    return true;
}

/* ---- expansion ---- */

static bool calls_itself(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__block_def *b)
{
    for (ad__frame *g = f; g; g = g->up)
        if (g->block == b) {
            const char *way = b->name;
            for (ad__frame *h = f; h != g; h = h->up)
                way = ad__take_format(x->pool, "%s -> %s", h->block ? h->block->name : "?", way);
            ad__wrong(x, f, e, "recursion", "block '%s' calls itself: %s -> %s", b->name, b->name, way);
            return true;
        }
    if (f->depth < DEEPEST) return false;
    ad__wrong(x, f, e, "limit", "calls nested more than %d deep", DEEPEST);
    return true;
}

/* "prior" on the first call of a net in a recording, "prior#2" on the second: each call has noise of its own. */
static const char *net_call_path(ad__elab *x, const char *path)
{
    for (int i = 0; i < x->n_net_calls; i++)
        if (strcmp(x->net_calls[i].name, path) == 0) return ad__take_format(x->pool, "%s#%d", path, ++x->net_calls[i].n);
    x->net_calls = ad__more(x->pool, x->net_calls, x->n_net_calls, sizeof *x->net_calls);
    x->net_calls[x->n_net_calls++] = (ad__count){ path, 1 };
    return path;
}

const ad__val *ad__expand(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__block_def *b, const ad__net *net,
                          const char *net_path)
{
    ad__frame *inner = ad__take(x->pool, sizeof *inner);
    *inner = (ad__frame){ .up = f, .call = e, .block = b, .depth = f->depth + 1 };
    inner->what = ad__take_format(x->pool, net ? "net '%s'" : "block '%s'", net ? net->name : b->name);
    if (calls_itself(x, f, e, b)) return &ad__poison;
    inner->broken = b->broken || has_broken(&b->body);
    bool good = b->broken || bind(x, f, e, b, inner);
    if (!bind_sites(x, f, e, b, inner) || !good) return &ad__poison;
    const char *part = net && !f->block ? "" : ad__part(x, f, net ? net->name : b->name);
    if (net) {
        inner->weights = net_path;
        inner->path = f->block ? ad__take_format(x->pool, "%s%s", f->stmt_path, part) : net_call_path(x, net_path);
    } else {
        inner->weights = ad__take_format(x->pool, "%s%s", f->stmt_weights, part);
        inner->path = ad__take_format(x->pool, "%s%s", f->stmt_path, part);
    }
    ad__run_body(x, inner, &b->body);
    for (int i = 0; i < inner->n_bindings; i++) {
        const ad__binding *w = &inner->bindings[i];
        if (w->used || !inner->returned || inner->broken) continue;
        ad__wrong_at(x, f, e->doc, w->with->line, w->with->column, w->with->length, "unused-with",
                     "'with %s' changes nothing: %s", w->with->site,
                     w->has_index ? "that element is never drawn" : "the site is never drawn");
    }
    if (!inner->returned && !inner->result && !inner->broken)
        ad__wrong(x, f, e, "no-return", "block '%s' returns nothing", b->name);
    return inner->result ? inner->result : &ad__poison;
}

static const ad__net *local_net(ad__frame *f, const char *name, const char **path)
{
    for (int i = f->n_nets - 1; i >= 0; i--)
        if (strcmp(f->nets[i].name, name) == 0) {
            *path = f->net_paths[i];
            return &f->nets[i];
        }
    return NULL;
}

static const ad__val *unknown_call(ad__elab *x, ad__frame *f, const ad__expr *e)
{
    const char *known[1024];
    int n = 0;
    for (int i = 0; f && i < f->n_nets && n < 1024; i++) known[n++] = f->nets[i].name;
    for (int i = 0; i < x->m->n_blocks && n < 1024; i++) known[n++] = x->m->blocks[i].name;
    for (int i = 0; i < x->m->n_nets && n < 1024; i++) known[n++] = x->m->nets[i].name;
    for (int i = 0; ad__builtin_name(i) && n < 1024; i++) known[n++] = ad__builtin_name(i);
    const ad_op *op;
    for (int i = 0; (op = ad_op_at(x->m->ctx, i)) && n < 1024; i++) known[n++] = op->name;
    const char *near = ad_nearest(e->text, n, known);
    ad__wrong(x, f, e, "unknown-call", "unknown op or block '%s'", e->text);
    if (near) ad_report_hint(x->d, "did you mean '%s'?", near);
    return &ad__poison;
}

const ad__val *ad__call(ad__elab *x, ad__frame *f, const ad__expr *e)
{
    const char *path = NULL;
    const ad__net *net = f ? local_net(f, e->text, &path) : NULL;
    const ad__block_def *block = net ? net->block : x->t ? ad__find_block(x->m, e->text) : NULL;
    if (!net && !block && x->t && (net = ad__find_net(x->m, e->text))) {
        block = net->block;
        path = net->name;
    }
    if (net || block) {
        if (x->t && f && ad_tape_failed(x->t)) return &ad__poison;
        return block && f ? ad__expand(x, f, e, block, net, path) : &ad__poison;
    }
    if (e->n_withs) {
        const ad__with *w = &e->withs[0];
        ad__wrong_at(x, f, e->doc, w->line, w->column, w->length, "unknown-site",
                     "'%s' is not a net or block: it has no site '%s'", e->text, w->site);
        return &ad__poison;
    }
    ad__builtin builtin = ad__find_builtin(e->text);
    const ad_op *op = ad_op_find(x->m->ctx, e->text);
    ad__preset preset = { 0 };
    if (builtin) {
        const ad__val *v = builtin(x, f, e, &preset.first);
        if (v || !op) return v ? v : &ad__poison;
    }
    if (op && x->t && f && !(op->flags & AD_PLANNED)) return ad__op_call(x, f, e, op, &preset);
    if (op) return ad__wrong(x, f, e, "static", "'%s' works on tensors; here only numbers are known", e->text);
    return unknown_call(x, f, e);
}

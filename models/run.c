/*
 * run.c - statements: definitions, loops, conditions, returns. `for` bodies open a scope for plain names, `if` does not; indexed names
 * belong to the block.
 */
#include <inttypes.h>
#include <string.h>

#include "models/elaborate.h"

#define MOST_STATEMENTS 1000000

const char *ad__target(ad__elab *x, ad__frame *f, const char *name, bool has_index, int64_t index)
{
    if (has_index) return ad__take_format(x->pool, "%s[%" PRId64 "]", name, index);
    const char *text = name;
    for (int i = 0; i < f->n_loops; i++)
        text = ad__take_format(x->pool, "%s%s%s", text, i ? "," : "[", ad__val_text(x->pool, f->loops[i].value));
    return f->n_loops ? ad__take_format(x->pool, "%s]", text) : text;
}

/* The statement's part of the paths; "" for a return. */
static void begin(ad__elab *x, ad__frame *f, const ad__stmt *s, const char *target)
{
    f->stmt = s;
    f->stmt_weights = *target ? ad__take_format(x->pool, "%s/%s", f->weights, target) : f->weights;
    f->stmt_path = *target ? ad__take_format(x->pool, "%s/%s", f->path, target) : f->path;
}

static void remember(ad__elab *x, ad__frame *f, const char *target, const ad__val *v)
{
    ad_tensor *t = ad__tensor_of(v);
    if (!t) return;
    x->values.list = ad__more(x->pool, x->values.list, x->values.n, sizeof *x->values.list);
    x->values.list[x->values.n++] = (ad__named){ ad__take_format(x->pool, "%s/%s", f->path, target), t };
}

/* ---- definitions ---- */

static void twice(ad__elab *x, ad__frame *f, const ad__stmt *s, const ad__lhs *l, const char *name, int line)
{
    ad__wrong_at(x, f, s->doc, l->line, l->column, l->length, "defined-twice", "'%s' is defined twice", name);
    if (line == l->line) ad_report_hint(x->d, "the same line defines it again");
    else ad_report_hint(x->d, "first at line %d; a new value for it is given with ':='", line);
}

static const char *global_kind(const ad_model *m, const char *name)
{
    for (int i = 0; i < m->n_params; i++)
        if (strcmp(m->params[i].name, name) == 0) return "a parameter";
    for (int i = 0; i < m->n_lets; i++)
        if (strcmp(m->lets[i].name, name) == 0) return "a name of 'let'";
    return NULL;
}

static void define_plain(ad__elab *x, ad__frame *f, const ad__stmt *s, const ad__lhs *l, const ad__val *v)
{
    const ad__local *old = ad__find_local(f, l->name);
    const ad__indexed *n = ad__find_indexed(f, l->name);
    const char *kind = global_kind(x->m, l->name);
    for (int i = 0; !f->block && !kind && i < x->m->n_inputs; i++)
        if (strcmp(x->m->inputs[i].name, l->name) == 0) kind = "an input";
    if (old || n) {
        twice(x, f, s, l, l->name, old ? old->line : n->n ? n->list[0].line : s->line);
        return;
    }
    if (kind) {
        ad__wrong_at(x, f, s->doc, l->line, l->column, l->length, "defined-twice", "'%s' is %s already", l->name, kind);
        ad_report_hint(x->d, "choose another name");
    }
    f->locals = ad__more(x->pool, f->locals, f->n_locals, sizeof *f->locals);
    f->locals[f->n_locals++] = (ad__local){ .name = l->name, .value = v, .line = l->line, .scope = f->scope };
}

static void define_element(ad__elab *x, ad__frame *f, const ad__stmt *s, const ad__lhs *l, int64_t index, const ad__val *v)
{
    const ad__local *plain = ad__find_local(f, l->name);
    ad__indexed *n = ad__find_indexed(f, l->name);
    if (plain) {
        twice(x, f, s, l, l->name, plain->line);
        return;
    }
    if (!n) {
        n = ad__take(x->pool, sizeof *n);
        n->name = l->name;
        f->indexed = ad__more(x->pool, f->indexed, f->n_indexed, sizeof *f->indexed);
        f->indexed[f->n_indexed++] = n;
    }
    const ad__element *old = ad__find_element(n, index);
    if (old) {
        twice(x, f, s, l, ad__take_format(x->pool, "%s[%" PRId64 "]", l->name, index), old->line);
        return;
    }
    n->list = ad__more(x->pool, n->list, n->n, sizeof *n->list);
    int at = n->n++;
    for (; at > 0 && n->list[at - 1].index > index; at--) n->list[at] = n->list[at - 1];
    n->list[at] = (ad__element){ index, v, l->line };
}

static void define(ad__elab *x, ad__frame *f, const ad__stmt *s, int k, const int64_t *indexes, const ad__val *v)
{
    const ad__lhs *l = &s->lhs[k];
    remember(x, f, ad__target(x, f, l->name, l->index != NULL, indexes[k]), v);
    if (l->index) define_element(x, f, s, l, indexes[k], v);
    else define_plain(x, f, s, l, v);
}

/* The k-th of n values on the right side of "a, b = ..". */
static const ad__val *part_of(ad__elab *x, const ad__val *v, int k, int n)
{
    if (n == 1 || v->kind == V_POISON) return v;
    return v->kind == V_TENSOR ? ad__tensor(x, v->outputs[k]) : ad__item(v, k);
}

static const ad__val *check_parts(ad__elab *x, ad__frame *f, const ad__stmt *s, const ad__val *v)
{
    if (s->n_lhs == 1 || v->kind == V_POISON) return v;
    bool list = v->kind == V_LIST || v->kind == V_INDEXED;
    int have = list ? ad__length(v) : v->kind == V_TENSOR && v->n ? v->n : 1;
    if (list ? have == s->n_lhs : have >= s->n_lhs) return v;
    return ad__wrong(x, f, s->value, "unpack", "%d names for %d value%s", s->n_lhs, have, have == 1 ? "" : "s");
}

static void definition(ad__elab *x, ad__frame *f, const ad__stmt *s)
{
    int64_t *indexes = ad__take(x->pool, (size_t)s->n_lhs * sizeof *indexes);
    bool good = true;
    begin(x, f, s, "");
    for (int k = 0; k < s->n_lhs; k++)
        if (s->lhs[k].index) good = ad__eval_int(x, f, s->lhs[k].index, "an index", &indexes[k]) && good;
    begin(x, f, s, ad__target(x, f, s->lhs[0].name, s->lhs[0].index != NULL, indexes[0]));
    const ad__val *v = s->kind == S_SITE ? ad__site_statement(x, f, s, s->lhs[0].index != NULL, indexes[0])
                                         : check_parts(x, f, s, ad__eval(x, f, s->value));
    for (int k = 0; good && k < s->n_lhs; k++) define(x, f, s, k, indexes, part_of(x, v, k, s->n_lhs));
    if (!good) f->broken = true;
}

static void rebinding(ad__elab *x, ad__frame *f, const ad__stmt *s)
{
    const ad__lhs *l = &s->lhs[0];
    const char *target = ad__target(x, f, l->name, false, 0);
    begin(x, f, s, target);
    const ad__val *v = ad__eval(x, f, s->value);
    for (int i = 0; i < f->n_loops; i++)
        if (strcmp(f->loops[i].name, l->name) == 0) {
            ad__wrong_at(x, f, s->doc, l->line, l->column, l->length, "rebind", "'%s' is the variable of the loop at line %d",
                         l->name, f->loops[i].line);
            return;
        }
    ad__local *old = ad__find_local(f, l->name);
    if (!old && !f->broken) {
        ad__wrong_at(x, f, s->doc, l->line, l->column, l->length, "rebind", "':=' gives '%s' a new value, but it has none yet",
                     l->name);
        ad_report_hint(x->d, "define it with '='");
    }
    if (!old) {
        f->locals = ad__more(x->pool, f->locals, f->n_locals, sizeof *f->locals);
        old = &f->locals[f->n_locals++];
        *old = (ad__local){ .name = l->name, .scope = f->scope };
    }
    old->value = v;
    old->line = l->line;
    remember(x, f, target, v);
}

static void net_statement(ad__elab *x, ad__frame *f, const ad__stmt *s)
{
    const ad__block_def *b = ad__find_block(x->m, s->value->text);
    const char *target = ad__target(x, f, s->lhs[0].name, false, 0);
    if (!b) {
        ad__wrong(x, f, s->value, "unknown-block", "no block '%s'", s->value->text);
    }
    f->nets = ad__more(x->pool, f->nets, f->n_nets, sizeof *f->nets);
    f->net_paths = ad__more(x->pool, f->net_paths, f->n_nets, sizeof *f->net_paths);
    f->net_paths[f->n_nets] = ad__take_format(x->pool, "%s/%s", f->weights, target);
    f->nets[f->n_nets++] = (ad__net){ .name = s->lhs[0].name, .block = b };
}

/* ---- control ---- */

static void loop(ad__elab *x, ad__frame *f, const ad__stmt *s)
{
    begin(x, f, s, "");
    const ad__val *over = ad__eval(x, f, s->value);
    const char *name = s->lhs[0].name;
    if (over->kind == V_POISON) {
        f->broken = true;
        return;
    }
    if (over->kind != V_LIST) {
        ad__wrong(x, f, s->value, "type", "'for' needs a range or a list, not %s", ad__describe(x, over));
        f->broken = true;
        return;
    }
    if (ad__find_local(f, name)) {
        const ad__lhs *l = &s->lhs[0];
        ad__wrong_at(x, f, s->doc, l->line, l->column, l->length, "defined-twice", "'%s' is a name already", name);
        ad_report_hint(x->d, "first at line %d", ad__find_local(f, name)->line);
        return;
    }
    f->loops = ad__more(x->pool, f->loops, f->n_loops, sizeof *f->loops);
    int depth = f->n_loops++, nets = f->n_nets;
    f->scope++;
    for (int i = 0; i < over->n && !f->returned && !x->limit_reported; i++) {
        f->loops[depth] = (ad__local){ .name = name, .value = over->items[i], .line = s->line };
        ad__run_body(x, f, &s->body);
        while (f->n_locals && f->locals[f->n_locals - 1].scope == f->scope) f->n_locals--;
        f->n_nets = nets;
    }
    f->scope--;
    f->n_loops--;
}

static bool defines(const ad__body *body, const char *name)
{
    for (int i = 0; i < body->n; i++) {
        const ad__stmt *s = body->list[i];
        for (int k = 0; (s->kind == S_DEFINE || s->kind == S_SITE) && k < s->n_lhs; k++)
            if (!s->lhs[k].index && strcmp(s->lhs[k].name, name) == 0) return true;
        if (s->kind == S_IF && defines(&s->body, name) && defines(&s->other, name)) return true;
        if (s->kind == S_IF && (defines(&s->body, name) || defines(&s->other, name))) return true;
    }
    return false;
}

/* Names that only one branch defines: marked where they exist, put there as unreadable where they do not. */
static void mark_branches(ad__elab *x, ad__frame *f, const ad__stmt *s, const ad__body *taken, const ad__body *other, int before)
{
    for (int i = before; i < f->n_locals; i++) {
        ad__local *l = &f->locals[i];
        if (!l->only_in && l->value->kind != V_POISON && !defines(other, l->name)) l->only_in = s->line;
    }
    for (int i = 0; i < other->n; i++) {
        const ad__stmt *o = other->list[i];
        for (int k = 0; (o->kind == S_DEFINE || o->kind == S_SITE) && k < o->n_lhs; k++) {
            if (o->lhs[k].index || defines(taken, o->lhs[k].name) || ad__find_local(f, o->lhs[k].name)) continue;
            f->locals = ad__more(x->pool, f->locals, f->n_locals, sizeof *f->locals);
            f->locals[f->n_locals++] = (ad__local){
                .name = o->lhs[k].name, .value = &ad__poison, .line = o->line, .scope = f->scope, .only_in = s->line
            };
        }
    }
}

static void branch(ad__elab *x, ad__frame *f, const ad__stmt *s)
{
    begin(x, f, s, "");
    const ad__val *c = ad__eval(x, f, s->value);
    if (c->kind != V_BOOL) {
        if (c->kind != V_POISON) ad__wrong(x, f, s->value, "type", "expected a condition, found %s", ad__describe(x, c));
        if (ad__tensor_of(c))
            ad_report_hint(x->d, "conditions are decided when the model is built; for tensors use where(c, a, b)");
        f->broken = true;
        return;
    }
    int before = f->n_locals;
    const ad__body *taken = c->i ? &s->body : &s->other, *other = c->i ? &s->other : &s->body;
    ad__run_body(x, f, taken);
    mark_branches(x, f, s, taken, other, before);
}

static void returns(ad__elab *x, ad__frame *f, const ad__stmt *s)
{
    begin(x, f, s, "");
    f->returned = true;
    if (s->kind == S_RETURN) {
        f->result = ad__eval(x, f, s->value);
        if (f->block) return;
        ad__wrong(x, f, s->value, "return", "a program returns names with values");
        ad_report_hint(x->d, "write 'return:' and, below it, 'name: value'");
        f->result = &ad__poison;
        return;
    }
    ad__val *v = ad__take(x->pool, sizeof *v);
    const ad__val **items = ad__take(x->pool, (size_t)s->n_lhs * sizeof *items);
    const char **names = ad__take(x->pool, (size_t)s->n_lhs * sizeof *names);
    for (int i = 0; i < s->n_lhs; i++) {
        begin(x, f, s, s->values[i] && s->values[i]->kind != X_NAME ? s->lhs[i].name : "");
        items[i] = ad__eval(x, f, s->values[i]);
        names[i] = s->lhs[i].name;
    }
    *v = (ad__val){ .kind = V_RECORD, .n = s->n_lhs, .items = items, .names = names };
    f->result = v;
}

static void broken(ad__elab *x, ad__frame *f, const ad__stmt *s)
{
    (void)x;
    (void)s;
    f->broken = true;
}

void ad__run_body(ad__elab *x, ad__frame *f, const ad__body *body)
{
    static void (*const kinds[])(ad__elab *, ad__frame *, const ad__stmt *) = {
        [S_DEFINE] = definition, [S_REBIND] = rebinding, [S_SITE] = definition, [S_NET] = net_statement, [S_RETURN] = returns,
        [S_RETURN_MAP] = returns, [S_FOR] = loop, [S_IF] = branch, [S_BROKEN] = broken,
    };
    for (int i = 0; i < body->n && !f->returned && !x->limit_reported; i++) {
        const ad__stmt *s = body->list[i];
        if (++x->statements > MOST_STATEMENTS) {
            x->limit_reported = true;
            ad__wrong_at(x, f, s->doc, s->line, s->column, s->length, "limit", "the model expands to more than %d statements",
                         MOST_STATEMENTS);
            return;
        }
        kinds[s->kind](x, f, s);
    }
}

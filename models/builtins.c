/*
 * builtins.c - functions of the language that are no ops: on numbers and lists, static queries, and the few that make records of their
 * own kind. A name that is also an op (sum, max, exp) is passed on to the op when its argument is a tensor.
 */
#include <math.h>
#include <string.h>

#include "models/elaborate.h"

static const ad__val *wrong_count(ad__elab *x, ad__frame *f, const ad__expr *e, const char *usage)
{
    ad__wrong(x, f, e, "arguments", "%s: wrong arguments", e->text);
    ad_report_hint(x->d, "%s", usage);
    return &ad__poison;
}

static bool plain_args(const ad__expr *e, int lo, int hi)
{
    for (int i = 0; i < e->n_args; i++)
        if (e->args[i].name) return false;
    return e->n_args >= lo && e->n_args <= hi;
}

/* ---- lists ---- */

static const ad__val *add_up(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__val *list)
{
    const ad__val *total = ad__length(list) ? ad__item(list, 0) : ad__int(x, 0);
    for (int i = 1; i < ad__length(list); i++) total = ad__binary(x, f, e, SIGN_ADD, total, ad__item(list, i));
    return total;
}

/* The list that is the only argument; NULL to leave the call to the op. */
static const ad__val *only_list(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__val **first)
{
    if (e->n_args < 1 || e->args[0].name) return NULL;
    *first = ad__eval(x, f, e->args[0].value);
    if ((*first)->kind == V_POISON) return *first;
    return e->n_args == 1 && ((*first)->kind == V_LIST || (*first)->kind == V_INDEXED) ? *first : NULL;
}

static const ad__val *sum(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__val **first)
{
    const ad__val *list = only_list(x, f, e, first);
    return !list || list->kind == V_POISON ? list : add_up(x, f, e, list);
}

static const ad__val *mean(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__val **first)
{
    const ad__val *list = only_list(x, f, e, first);
    if (!list || list->kind == V_POISON) return list;
    if (ad__length(list) == 0) return ad__wrong(x, f, e, "arguments", "the mean of nothing");
    return ad__binary(x, f, e, SIGN_DIV, add_up(x, f, e, list), ad__int(x, ad__length(list)));
}

static const ad__val *len(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__val **first)
{
    (void)first;
    if (!plain_args(e, 1, 1)) return wrong_count(x, f, e, "len(list)");
    const ad__val *v = ad__eval(x, f, e->args[0].value);
    if (v->kind == V_POISON) return v;
    if (v->kind == V_LIST || v->kind == V_INDEXED) return ad__int(x, ad__length(v));
    return ad__wrong(x, f, e->args[0].value, "type", "len needs a list, not %s", ad__describe(x, v));
}

static const ad__val *rev(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__val **first)
{
    (void)first;
    if (!plain_args(e, 1, 1)) return wrong_count(x, f, e, "rev(a..b)");
    const ad__val *v = ad__eval(x, f, e->args[0].value);
    if (v->kind == V_POISON) return v;
    if (v->kind != V_LIST && v->kind != V_INDEXED)
        return ad__wrong(x, f, e->args[0].value, "type", "rev needs a range or list, not %s", ad__describe(x, v));
    int n = ad__length(v);
    const ad__val **items = ad__take(x->pool, (size_t)n * sizeof *items);
    for (int i = 0; i < n; i++) items[i] = ad__item(v, n - 1 - i);
    return ad__list(x, n, items);
}

/* ---- numbers ---- */

static const ad__val *power(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__val **first)
{
    (void)first;
    if (!plain_args(e, 2, 2)) return wrong_count(x, f, e, "pow(a, b)");
    const ad__val *a = ad__eval(x, f, e->args[0].value), *b = ad__eval(x, f, e->args[1].value);
    double p, q;
    if (a->kind == V_POISON || b->kind == V_POISON) return &ad__poison;
    if (ad__tensor_of(a) || ad__tensor_of(b)) {
        ad_tensor *in[2] = { ad__tensor_of(a), ad__tensor_of(b) };
        char attr[48];
        if (in[0] && ad__number(b, &q)) {
            snprintf(attr, sizeof attr, "exponent=%.17g", q);
            return ad__tensor(x, ad__record(x, f, e, "power", attr, 1, in));
        }
        if (!in[0] && ad__number(a, &p)) in[0] = ad_scalar(x->t, p);
        if (in[0] && in[1]) return ad__tensor(x, ad__record(x, f, e, "pow", "", 2, in));
    }
    if (!ad__number(a, &p) || !ad__number(b, &q))
        return ad__wrong(x, f, e, "type", "pow of %s and %s", ad__describe(x, a), ad__describe(x, b));
    if (a->kind == V_FLOAT || b->kind == V_FLOAT || b->i < 0) return ad__float(x, pow(p, q));
    int64_t r = 1;
    for (int64_t i = 0; i < b->i; i++)
        if (__builtin_mul_overflow(r, a->i, &r))
            return ad__wrong(x, f, e, "overflow", "pow(%s, %s) does not fit in 64 bits", ad__val_text(x->pool, a),
                             ad__val_text(x->pool, b));
        else if (r == 0 || (r == 1 && a->i == 1)) break;
    return ad__int(x, r);
}

/* min and max of numbers, or of one list of numbers; of two tensors by the ops minimum and maximum. */
static const ad__val *extreme(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__val **first, bool largest)
{
    const ad__val *best = NULL;
    if (e->n_args < 1 || e->args[0].name) return wrong_count(x, f, e, "min(a, b) or max(a, b)");
    *first = ad__eval(x, f, e->args[0].value);
    bool list = (*first)->kind == V_LIST && e->n_args == 1;
    if ((*first)->kind == V_POISON) return *first;
    if (ad__tensor_of(*first) && (e->n_args == 1 || e->args[1].name)) return NULL;
    int n = list ? (*first)->n : e->n_args;
    for (int i = 0; i < n; i++) {
        const ad__val *v = list ? (*first)->items[i] : i ? ad__eval(x, f, e->args[i].value) : *first;
        double a, b;
        if (v->kind == V_POISON) return v;
        if (best && (ad__tensor_of(v) || ad__tensor_of(best))) {
            ad_tensor *in[2] = { ad__tensor_of(best), ad__tensor_of(v) };
            for (int k = 0; k < 2; k++)
                if (!in[k] && ad__number(k ? v : best, &a)) in[k] = ad_scalar(x->t, a);
            if (!in[0] || !in[1])
                return ad__wrong(x, f, e, "type", "%s of %s and %s", e->text, ad__describe(x, best), ad__describe(x, v));
            best = ad__tensor(x, ad__record(x, f, e, largest ? "maximum" : "minimum", "", 2, in));
            if (best->kind == V_POISON) return best;
        } else if (!ad__tensor_of(v) && !ad__number(v, &b)) {
            return ad__wrong(x, f, e, "type", "%s of %s", e->text, ad__describe(x, v));
        } else if (!best || (ad__number(best, &a) && (largest ? b > a : b < a))) {
            best = v;
        }
    }
    return best ? best : ad__wrong(x, f, e, "arguments", "%s of nothing", e->text);
}

static const ad__val *smallest(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__val **first)
{
    return extreme(x, f, e, first, false);
}

static const ad__val *largest(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__val **first)
{
    return extreme(x, f, e, first, true);
}

static const struct { const char *name; double (*f)(double); bool whole; } unary[] = {
    { "abs", fabs, false }, { "exp", exp, false }, { "log", log, false }, { "sqrt", sqrt, false },
    { "floor", floor, true }, { "ceil", ceil, true }, { "round", rint, true }, { "int", trunc, true },
};

static const ad__val *numeric(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__val **first)
{
    double a;
    if (!plain_args(e, 1, 1)) return wrong_count(x, f, e, "one number or tensor");
    *first = ad__eval(x, f, e->args[0].value);
    if ((*first)->kind == V_POISON) return *first;
    if (ad__tensor_of(*first)) {
        if (ad_op_find(x->m->ctx, e->text)) return NULL;
        return ad__wrong(x, f, e, "type", "%s works on numbers, not on tensors", e->text);
    }
    if (!ad__number(*first, &a)) return ad__wrong(x, f, e, "type", "%s of %s", e->text, ad__describe(x, *first));
    for (size_t i = 0; i < sizeof unary / sizeof *unary; i++) {
        if (strcmp(unary[i].name, e->text) != 0) continue;
        double r = unary[i].f(a);
        if (!isfinite(r)) return ad__wrong(x, f, e, "type", "%s(%s) is not finite", e->text, ad__val_text(x->pool, *first));
        return unary[i].whole || (i == 0 && (*first)->kind == V_INT) ? ad__int(x, (int64_t)r) : ad__float(x, r);
    }
    return &ad__poison;
}

/* ---- static queries ---- */

static const ad__val *channels(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__val **first)
{
    (void)first;
    if (!plain_args(e, 1, 1)) return wrong_count(x, f, e, "channels(x)");
    const ad__val *v = ad__eval(x, f, e->args[0].value);
    ad_tensor *t = ad__tensor_of(v);
    if (v->kind == V_POISON) return v;
    if (!t || ad_tensor_shape(t)->rank == 0)
        return ad__wrong(x, f, e->args[0].value, "type", "channels needs a tensor, not %s", ad__describe(x, v));
    const ad_shape *s = ad_tensor_shape(t);
    return ad__int(x, s->dim[s->rank - 1]);
}

static const ad__val *size(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__val **first)
{
    (void)first;
    if (!plain_args(e, 2, 2)) return wrong_count(x, f, e, "size(x, axis), the axis as a number or a letter");
    const ad__val *v = ad__eval(x, f, e->args[0].value), *a = ad__eval(x, f, e->args[1].value);
    ad_tensor *t = ad__tensor_of(v);
    if (v->kind == V_POISON || a->kind == V_POISON) return &ad__poison;
    if (!t) return ad__wrong(x, f, e->args[0].value, "type", "size needs a tensor, not %s", ad__describe(x, v));
    const ad_shape *s = ad_tensor_shape(t);
    int64_t axis = a->kind == V_INT ? (a->i < 0 ? a->i + s->rank : a->i) : -1;
    if (a->kind == V_TEXT && strlen(a->text) == 1) axis = ad__axis_named(s->rank, *a->text);
    if (axis < 0 || axis >= s->rank)
        return ad__wrong(x, f, e->args[1].value, "index", "%s has no axis %s", ad__describe(x, v), ad__val_text(x->pool, a));
    return ad__int(x, s->dim[axis]);
}

static const ad__val *given(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__val **first)
{
    (void)first;
    if (!plain_args(e, 1, 1) || e->args[0].value->kind != X_NAME) return wrong_count(x, f, e, "given(input)");
    for (int i = 0; i < x->m->n_inputs; i++)
        if (strcmp(x->m->inputs[i].name, e->args[0].value->text) == 0) return ad__bool(x, ad__input_given(x, i));
    return ad__wrong(x, f, e->args[0].value, "unknown-name", "there is no input '%s'", e->args[0].value->text);
}

/* ---- records of their own kind ---- */

/* split(x, n) in n equal parts, split(x, [a, b]) in parts of these sizes, along an axis (the last). */
static const ad__val *split(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__val **first)
{
    (void)first;
    if (e->n_args < 2 || e->n_args > 3 || (e->n_args == 3 && e->args[2].name && strcmp(e->args[2].name, "axis") != 0))
        return wrong_count(x, f, e, "split(x, parts, axis=-1)");
    const ad__val *v = ad__eval(x, f, e->args[0].value), *n = ad__eval(x, f, e->args[1].value);
    ad_tensor *t = ad__tensor_of(v);
    int64_t axis = -1, at = 0;
    if (v->kind == V_POISON || n->kind == V_POISON ||
        (e->n_args == 3 && !ad__eval_int(x, f, e->args[2].value, "the axis", &axis)))
        return &ad__poison;
    if (!t || ad_tensor_shape(t)->rank == 0)
        return ad__wrong(x, f, e->args[0].value, "type", "split needs a tensor, not %s", ad__describe(x, v));
    const ad_shape *s = ad_tensor_shape(t);
    if (axis < 0) axis += s->rank;
    if (axis < 0 || axis >= s->rank) return ad__wrong(x, f, e, "index", "%s has no such axis", ad__describe(x, v));
    int parts = n->kind == V_INT && n->i > 0 && n->i <= 4096 ? (int)n->i : n->kind == V_LIST ? n->n : 0;
    int64_t total = 0;
    for (int i = 0; i < parts; i++)
        total += n->kind == V_INT                                   ? s->dim[axis] / parts
                 : n->items[i]->kind == V_INT && n->items[i]->i > 0 ? n->items[i]->i
                                                                    : INT32_MAX;
    if (parts == 0 || total != s->dim[axis]) {
        ad__wrong(x, f, e, "shape", "split: %lld cannot be split into %s", (long long)s->dim[axis], ad__val_text(x->pool, n));
        ad_report_hint(x->d, "%s", ad__provenance(x, f, 1, &e->args[0].value, &v));
        return &ad__poison;
    }
    const ad__val **items = ad__take(x->pool, (size_t)parts * sizeof *items);
    for (int i = 0; i < parts; i++) {
        char attr[96];
        int64_t count = n->kind == V_INT ? s->dim[axis] / parts : n->items[i]->i;
        snprintf(attr, sizeof attr, "axis=%d, start=%lld, count=%lld", (int)axis, (long long)at, (long long)count);
        items[i] = ad__tensor(x, ad__record(x, f, e, "slice", attr, 1, &t));
        if (items[i]->kind == V_POISON) return items[i];
        at += count;
    }
    return ad__list(x, parts, items);
}

/* param([1, g*g, d]): a plain tensor of weights. */
static const ad__val *param(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__val **first)
{
    (void)first;
    if (e->n_args < 1 || e->n_args > 2 || (e->n_args == 2 && (!e->args[1].name || strcmp(e->args[1].name, "init") != 0)))
        return wrong_count(x, f, e, "param([sizes], init=\"trunc_normal(std=0.02)\")");
    const ad__val *v = ad__eval(x, f, e->args[0].value),
                  *init = e->n_args == 2 ? ad__eval(x, f, e->args[1].value) : ad__text(x, "zeros");
    if (v->kind == V_POISON || init->kind == V_POISON) return &ad__poison;
    bool good = v->kind == V_LIST && v->n <= AD_MAX_RANK && init->kind == V_TEXT;
    ad__weight w = { .op = "param",
                     .operand = "w",
                     .slot = AD_SLOT_PARAM,
                     .in = e->doc,
                     .line = e->line,
                     .column = e->column,
                     .length = e->length };
    for (int i = 0; good && i < v->n; i++) {
        good = v->items[i]->kind == V_INT && v->items[i]->i > 0;
        w.shape.dim[w.shape.rank++] = v->items[i]->i;
    }
    if (!good) return wrong_count(x, f, e, "param([sizes], init=\"trunc_normal(std=0.02)\")");
    w.path = ad__take_format(x->pool, "%s%s.w", f->stmt_weights, ad__part(x, f, "param"));
    if (!ad__resolve_init(x, f, e, &w, init->text)) return &ad__poison;
    return ad__tensor(x, ad__weight_leaf(x, f, e, &w));
}

static bool matches_any(const ad__val *patterns, const char *path)
{
    if (patterns->kind == V_TEXT) return ad_path_matches(patterns->text, path);
    for (int i = 0; i < patterns->n; i++)
        if (patterns->items[i]->kind == V_TEXT && ad_path_matches(patterns->items[i]->text, path)) return true;
    return false;
}

static ad_tensor *penalty_of(ad__elab *x, ad__frame *f, const ad__expr *e, ad_tensor *w, const char *kind)
{
    ad_tensor *t = ad__record(x, f, e, "square", "", 1, &w);
    if (t) t = ad__record(x, f, e, "sum", "", 1, &t);
    if (t && strcmp(kind, "norm") == 0) t = ad__record(x, f, e, "sqrt", "", 1, &t);
    if (t && strcmp(kind, "half_square") == 0) t = ad__record(x, f, e, "scale", "factor=0.5", 1, &t);
    return t;
}

/* penalty("conv.w", .., except=, kind="square"): over the weights read so far. */
static const ad__val *penalty(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__val **first)
{
    static const char *const kinds[] = { "square", "half_square", "norm" };
    const ad__val **patterns = ad__take(x->pool, (size_t)e->n_args * sizeof *patterns), *except = NULL, *kind = NULL;
    int n = 0, known = -1;
    (void)first;
    for (int i = 0; i < e->n_args; i++) {
        const ad__val *v = ad__eval(x, f, e->args[i].value);
        if (v->kind == V_POISON) return v;
        if (!e->args[i].name) patterns[n++] = v;
        else if (strcmp(e->args[i].name, "except") == 0) except = v;
        else if (strcmp(e->args[i].name, "kind") == 0) kind = v;
        else n = -e->n_args;
    }
    for (int i = 0; kind && kind->kind == V_TEXT && i < 3; i++)
        if (strcmp(kind->text, kinds[i]) == 0) known = i;
    if (n < 1 || known < 0)
        return wrong_count(x, f, e, "penalty(\"conv.w\", .., except=\"..\", kind=\"square\"|\"half_square\"|\"norm\")");
    const ad__val *total = NULL;
    for (int i = 0; i < x->n_leaves; i++) {
        const ad__weight *w = &x->m->weights[i];
        bool match = false;
        for (int k = 0; k < n; k++) match = match || matches_any(patterns[k], w->path);
        if (!x->leaves[i] || w->slot != AD_SLOT_PARAM || !match || (except && matches_any(except, w->path))) continue;
        const ad__val *one = ad__tensor(x, penalty_of(x, f, e, x->leaves[i], kinds[known]));
        total = total ? ad__binary(x, f, e, SIGN_ADD, total, one) : one;
        if (total->kind == V_POISON) return total;
    }
    if (total) return total;
    ad__wrong(x, f, e, "pattern", "no weight read before this line matches");
    ad_report_hint(x->d, "call the nets first; patterns are the last or first parts of a path, as \"conv.w\" or \"prior\"");
    return &ad__poison;
}

static const struct { const char *name; ad__builtin f; } builtins[] = {
    { "sum", sum }, { "mean", mean }, { "len", len }, { "rev", rev }, { "pow", power }, { "min", smallest }, { "max", largest },
    { "abs", numeric }, { "exp", numeric }, { "log", numeric }, { "sqrt", numeric }, { "floor", numeric }, { "ceil", numeric },
    { "round", numeric }, { "int", numeric }, { "channels", channels }, { "size", size }, { "given", given }, { "split", split },
    { "param", param }, { "penalty", penalty }, { "kl", ad__kl_call },
};

ad__builtin ad__find_builtin(const char *name)
{
    for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++)
        if (strcmp(builtins[i].name, name) == 0) return builtins[i].f;
    return NULL;
}

const char *ad__builtin_name(int i)
{
    return i >= 0 && (size_t)i < sizeof builtins / sizeof *builtins ? builtins[i].name : NULL;
}

/*
 * eval.c - expressions: names, arithmetic on numbers and tensors, lists, fields, conditions, generators.
 *
 * Numbers are computed here and now; an expression with a tensor in it becomes records. Ints stay exact (overflow is a mistake); `/` of
 * two ints is a float, `//` and `%` round towards minus infinity.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "models/elaborate.h"

#define LONGEST_RANGE 100000

/* ---- names ---- */

ad__local *ad__find_local(ad__frame *f, const char *name)
{
    for (int i = f->n_loops - 1; i >= 0; i--)
        if (strcmp(f->loops[i].name, name) == 0) return &f->loops[i];
    for (int i = f->n_locals - 1; i >= 0; i--)
        if (strcmp(f->locals[i].name, name) == 0) return &f->locals[i];
    return NULL;
}

ad__indexed *ad__find_indexed(ad__frame *f, const char *name)
{
    for (int i = 0; i < f->n_indexed; i++)
        if (strcmp(f->indexed[i]->name, name) == 0) return f->indexed[i];
    return NULL;
}

const ad__element *ad__find_element(const ad__indexed *n, int64_t index)
{
    int lo = 0, hi = n->n;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (n->list[mid].index < index) lo = mid + 1;
        else hi = mid;
    }
    return lo < n->n && n->list[lo].index == index ? &n->list[lo] : NULL;
}

static const ad__val *unknown_name(ad__elab *x, ad__frame *f, const ad__expr *e)
{
    const char *known[512];
    int n = 0;
    if (f && f->broken) return &ad__poison;
    for (int i = 0; f && i < f->n_loops && n < 512; i++) known[n++] = f->loops[i].name;
    for (int i = 0; f && i < f->n_locals && n < 512; i++) known[n++] = f->locals[i].name;
    for (int i = 0; f && i < f->n_indexed && n < 512; i++) known[n++] = f->indexed[i]->name;
    for (int i = 0; f && !f->block && x->t && i < x->m->n_inputs && n < 512; i++) known[n++] = x->m->inputs[i].name;
    for (int i = 0; i < x->m->n_params && n < 512; i++) known[n++] = x->m->params[i].name;
    for (int i = 0; i < x->m->n_lets && n < 512; i++) known[n++] = x->m->lets[i].name;
    ad__wrong(x, f, e, "unknown-name", "unknown name '%s'", e->text);
    const char *near = ad_nearest(e->text, n, known);
    if (near) ad_report_hint(x->d, "did you mean '%s'?", near);
    return &ad__poison;
}

static const ad__val *name(ad__elab *x, ad__frame *f, const ad__expr *e)
{
    for (int i = 0; i < x->n_names; i++)
        if (strcmp(x->int_names[i], e->text) == 0) return ad__int(x, x->int_values[i]);
    ad__local *l = f ? ad__find_local(f, e->text) : NULL;
    if (l && l->only_in) {
        ad__wrong(x, f, e, "one-branch", "'%s' is defined in one branch of the 'if' at line %d only", e->text, l->only_in);
        ad_report_hint(x->d, "define it in both branches, or before the 'if'");
        l->only_in = 0;
        l->value = &ad__poison;
        return l->value;
    }
    if (l) return l->value;
    ad__indexed *n = f ? ad__find_indexed(f, e->text) : NULL;
    if (n) {
        ad__val *v = ad__take(x->pool, sizeof *v);
        *v = (ad__val){ .kind = V_INDEXED, .indexed = n };
        return v;
    }
    for (int i = 0; f && !f->block && x->t && i < x->m->n_inputs; i++)
        if (strcmp(x->m->inputs[i].name, e->text) == 0) return ad__read_input(x, f, e, i);
    for (int i = 0; i < x->m->n_params; i++)
        if (strcmp(x->m->params[i].name, e->text) == 0) return x->m->params[i].value ? x->m->params[i].value : &ad__poison;
    for (int i = 0; i < x->m->n_lets; i++)
        if (strcmp(x->m->lets[i].name, e->text) == 0 && x->m->lets[i].value) return x->m->lets[i].value;
    return unknown_name(x, f, e);
}

/* ---- arithmetic ---- */

static int64_t floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return q - (a % b != 0 && (a < 0) != (b < 0));
}

static const ad__val *ints(ad__elab *x, ad__frame *f, const ad__expr *e, ad__sign sign, int64_t a, int64_t b)
{
    int64_t r = 0;
    bool over = false;
    if ((sign == SIGN_FLOOR || sign == SIGN_MOD || sign == SIGN_DIV) && b == 0)
        return ad__wrong(x, f, e, "division", "division by zero");
    switch (sign) {
    case SIGN_ADD: over = __builtin_add_overflow(a, b, &r); break;
    case SIGN_SUB: over = __builtin_sub_overflow(a, b, &r); break;
    case SIGN_MUL: over = __builtin_mul_overflow(a, b, &r); break;
    case SIGN_DIV: return ad__float(x, (double)a / (double)b);
    case SIGN_FLOOR: over = a == INT64_MIN && b == -1; r = over ? 0 : floor_div(a, b); break;
    case SIGN_MOD: r = b == -1 ? 0 : a - b * floor_div(a, b); break;
    case SIGN_LT: return ad__bool(x, a < b);
    case SIGN_LE: return ad__bool(x, a <= b);
    case SIGN_GT: return ad__bool(x, a > b);
    default: return ad__bool(x, a >= b);
    }
    if (over)
        return ad__wrong(x, f, e, "overflow", "%" PRId64 " %s %" PRId64 " does not fit in 64 bits", a, ad__sign_text(sign), b);
    return ad__int(x, r);
}

static const ad__val *floats(ad__elab *x, ad__frame *f, const ad__expr *e, ad__sign sign, double a, double b)
{
    if ((sign == SIGN_FLOOR || sign == SIGN_MOD || sign == SIGN_DIV) && b == 0)
        return ad__wrong(x, f, e, "division", "division by zero");
    switch (sign) {
    case SIGN_ADD: return ad__float(x, a + b);
    case SIGN_SUB: return ad__float(x, a - b);
    case SIGN_MUL: return ad__float(x, a * b);
    case SIGN_DIV: return ad__float(x, a / b);
    case SIGN_FLOOR: return ad__float(x, floor(a / b));
    case SIGN_MOD: return ad__float(x, a - b * floor(a / b));
    case SIGN_LT: return ad__bool(x, a < b);
    case SIGN_LE: return ad__bool(x, a <= b);
    case SIGN_GT: return ad__bool(x, a > b);
    default: return ad__bool(x, a >= b);
    }
}

/* A tensor and a number: one record with the number as attribute. */
static const ad__val *with_number(ad__elab *x, ad__frame *f, const ad__expr *e, ad__sign sign, ad_tensor *t, double c,
                                  bool number_left)
{
    char attr[64];
    ad_tensor *in[1] = { t };
    if (sign == SIGN_DIV && number_left) {
        in[0] = ad__record(x, f, e, "reciprocal", "", 1, in);
        if (c == 1 || !in[0]) return ad__tensor(x, in[0]);
    }
    if (sign == SIGN_SUB && number_left) {
        in[0] = ad__record(x, f, e, "neg", "", 1, in);
        if (c == 0 || !in[0]) return ad__tensor(x, in[0]);
    }
    bool shift = sign == SIGN_ADD || sign == SIGN_SUB;
    double value = sign == SIGN_SUB && !number_left ? -c : sign == SIGN_DIV && !number_left ? 1 / c : c;
    if (sign == SIGN_DIV && !number_left && c == 0) return ad__wrong(x, f, e, "division", "division by zero");
    snprintf(attr, sizeof attr, "%s=%.17g", shift ? "amount" : "factor", value);
    return ad__tensor(x, ad__record(x, f, e, shift ? "shift" : "scale", attr, 1, in));
}

static const ad__val *tensors(ad__elab *x, ad__frame *f, const ad__expr *e, ad__sign sign, const ad__val *a, const ad__val *b)
{
    static const char *const ops[] = {
        [SIGN_ADD] = "add",       [SIGN_SUB] = "sub",    [SIGN_MUL] = "mul",          [SIGN_DIV] = "div", [SIGN_LT] = "less",
        [SIGN_LE] = "less_equal", [SIGN_GT] = "greater", [SIGN_GE] = "greater_equal", [SIGN_EQ] = "equal"
    };
    ad_tensor *in[2] = { ad__tensor_of(a), ad__tensor_of(b) };
    double c;
    if ((size_t)sign >= sizeof ops / sizeof *ops || !ops[sign])
        return ad__wrong(x, f, e, "type", "'%s' does not work on tensors", ad__sign_text(sign));
    for (int k = 0; k < 2; k++) {
        const ad__val *v = k ? b : a;
        if (in[k]) continue;
        if (!ad__number(v, &c) || v->kind == V_BOOL)
            return ad__wrong(x, f, e, "type", "'%s' between a tensor and %s", ad__sign_text(sign), ad__describe(x, v));
        if (sign <= SIGN_DIV) return with_number(x, f, e, sign, in[1 - k], c, k == 0);
        in[k] = ad_scalar(x->t, c);
    }
    ad__expr *exprs[2] = { e->a, e->b };
    const ad__val *values[2] = { a, b };
    int before = ad_diagnostics_errors(x->d);
    ad_tensor *r = ad__record(x, f, e, ops[sign], "", 2, in);
    if (!r && ad_diagnostics_errors(x->d) > before) ad_report_hint(x->d, "%s", ad__provenance(x, f, 2, exprs, values));
    return ad__tensor(x, r);
}

const ad__val *ad__binary(ad__elab *x, ad__frame *f, const ad__expr *e, ad__sign sign, const ad__val *a, const ad__val *b)
{
    double p, q;
    if (a->kind == V_POISON || b->kind == V_POISON) return &ad__poison;
    if (ad__tensor_of(a) || ad__tensor_of(b)) return tensors(x, f, e, sign, a, b);
    if (sign == SIGN_EQ || sign == SIGN_NE) return ad__bool(x, ad__equal(a, b) == (sign == SIGN_EQ));
    if (sign == SIGN_ADD && a->kind == V_LIST && b->kind == V_LIST) {
        const ad__val **all = ad__take(x->pool, (size_t)(a->n + b->n) * sizeof *all);
        for (int i = 0; i < a->n + b->n; i++) all[i] = i < a->n ? a->items[i] : b->items[i - a->n];
        return ad__list(x, a->n + b->n, all);
    }
    if (!ad__number(a, &p) || !ad__number(b, &q))
        return ad__wrong(x, f, e, "type", "'%s' between %s and %s", ad__sign_text(sign), ad__describe(x, a), ad__describe(x, b));
    if (a->kind != V_FLOAT && b->kind != V_FLOAT) return ints(x, f, e, sign, a->i, b->i);
    return floats(x, f, e, sign, p, q);
}

static bool condition(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__val **out)
{
    *out = ad__eval(x, f, e);
    if ((*out)->kind == V_BOOL) return true;
    if ((*out)->kind != V_POISON) {
        ad__wrong(x, f, e, "type", "expected a condition, found %s", ad__describe(x, *out));
        if (ad__tensor_of(*out))
            ad_report_hint(x->d, "conditions are decided when the model is built; for tensors use where(c, a, b)");
    }
    *out = &ad__poison;
    return false;
}

static const ad__val *logic(ad__elab *x, ad__frame *f, const ad__expr *e)
{
    const ad__val *a, *b;
    if (!condition(x, f, e->a, &a)) return a;
    if ((e->sign == SIGN_AND) != (a->i != 0)) return a;
    condition(x, f, e->b, &b);
    return b;
}

/* ---- lists ---- */

bool ad__eval_int(ad__elab *x, ad__frame *f, const ad__expr *e, const char *what, int64_t *out)
{
    const ad__val *v = ad__eval(x, f, e);
    if (v->kind == V_INT) {
        *out = v->i;
        return true;
    }
    if (v->kind != V_POISON) ad__wrong(x, f, e, "type", "%s must be an int, not %s", what, ad__describe(x, v));
    return false;
}

static const ad__val *range(ad__elab *x, ad__frame *f, const ad__expr *e)
{
    int64_t lo, hi;
    bool good = ad__eval_int(x, f, e->a, "the start of a range", &lo);
    if (!ad__eval_int(x, f, e->b, "the end of a range", &hi) || !good) return &ad__poison;
    int64_t n = hi >= lo ? hi - lo + 1 : 0;
    if (n > LONGEST_RANGE) return ad__wrong(x, f, e, "limit", "a range of %" PRId64 " numbers; at most %d", n, LONGEST_RANGE);
    const ad__val **items = ad__take(x->pool, (size_t)n * sizeof *items);
    for (int64_t i = 0; i < n; i++) items[i] = ad__int(x, lo + i);
    return ad__list(x, (int)n, items);
}

static const ad__val *list(ad__elab *x, ad__frame *f, const ad__expr *e)
{
    const ad__val **items = NULL;
    int n = 0;
    for (int i = 0; i < e->n_args; i++) {
        if (e->args[i].name) return ad__wrong(x, f, e, "syntax", "a list has no names");
        const ad__val *v = ad__eval(x, f, e->args[i].value);
        if (v->kind == V_POISON) return v;
        int parts = e->args[i].value->kind == X_FOR ? v->n : 1;
        for (int k = 0; k < parts; k++) {
            items = ad__more(x->pool, items, n, sizeof *items);
            items[n++] = e->args[i].value->kind == X_FOR ? v->items[k] : v;
        }
    }
    return ad__list(x, n, items);
}

static const ad__val *generator(ad__elab *x, ad__frame *f, const ad__expr *e)
{
    const ad__val *over = ad__eval(x, f, e->b);
    if (over->kind == V_POISON) return over;
    if (over->kind != V_LIST && over->kind != V_INDEXED)
        return ad__wrong(x, f, e->b, "type", "'for' needs a range or a list, not %s", ad__describe(x, over));
    ad__frame bare = { .what = "an expression" }, *in = f ? f : &bare;
    int n = ad__length(over);
    const ad__val **items = ad__take(x->pool, (size_t)n * sizeof *items);
    bool good = true;
    in->loops = ad__more(x->pool, in->loops, in->n_loops, sizeof *in->loops);
    int depth = in->n_loops++;
    for (int i = 0; i < n; i++) {
        in->loops[depth] = (ad__local){ .name = e->text, .value = ad__item(over, i), .line = e->line };
        items[i] = ad__eval(x, in, e->a);
        good = good && items[i]->kind != V_POISON;
    }
    in->n_loops--;
    return good ? ad__list(x, n, items) : &ad__poison;
}

static const ad__val *element(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__val *v, int64_t i)
{
    if (v->kind == V_INDEXED) {
        const ad__element *found = ad__find_element(v->indexed, i);
        if (found) return found->value;
        ad__wrong(x, f, e, "unknown-element", "'%s' has no element [%" PRId64 "]", v->indexed->name, i);
        if (v->indexed->n)
            ad_report_hint(x->d, "defined so far: [%" PRId64 "] to [%" PRId64 "]", v->indexed->list[0].index,
                           v->indexed->list[v->indexed->n - 1].index);
        return &ad__poison;
    }
    if (i >= 0 && i < v->n) return v->items[i];
    return ad__wrong(x, f, e, "index", "index %" PRId64 " is outside of a list of %d", i, v->n);
}

static const ad__val *index_of(ad__elab *x, ad__frame *f, const ad__expr *e)
{
    const ad__val *v = ad__eval(x, f, e->a);
    int64_t lo, hi;
    if (v->kind == V_POISON) return v;
    if (v->kind != V_LIST && v->kind != V_INDEXED) {
        ad__wrong(x, f, e, "type", "%s cannot be indexed", ad__describe(x, v));
        if (ad__tensor_of(v)) ad_report_hint(x->d, "parts of a tensor: slice(x, axis=.., start=.., count=..)");
        return &ad__poison;
    }
    if (!ad__eval_int(x, f, e->b, "an index", &lo)) return &ad__poison;
    if (e->kind == X_INDEX) return element(x, f, e, v, lo);
    if (!ad__eval_int(x, f, e->c, "an index", &hi)) return &ad__poison;
    int n = hi >= lo && hi - lo < LONGEST_RANGE ? (int)(hi - lo) + 1 : 0;
    const ad__val **items = ad__take(x->pool, (size_t)n * sizeof *items);
    for (int i = 0; i < n; i++) {
        items[i] = element(x, f, e, v, lo + i);
        if (items[i]->kind == V_POISON) return items[i];
    }
    return ad__list(x, n, items);
}

static const ad__val *field(ad__elab *x, ad__frame *f, const ad__expr *e)
{
    const ad__val *v = ad__eval(x, f, e->a);
    if (v->kind == V_POISON) return v;
    if (v->kind == V_SITE) return ad__site_field(x, f, e, v->site, e->text);
    if (v->kind != V_RECORD) return ad__wrong(x, f, e, "type", "%s has no field '%s'", ad__describe(x, v), e->text);
    for (int i = 0; i < v->n; i++)
        if (strcmp(v->names[i], e->text) == 0) return v->items[i];
    ad__wrong(x, f, e, "unknown-field", "the call returns no '%s'", e->text);
    const char *near = ad_nearest(e->text, v->n, v->names), *all = "";
    for (int i = 0; i < v->n; i++) all = ad__take_format(x->pool, "%s%s%s", all, i ? ", " : "", v->names[i]);
    if (near) ad_report_hint(x->d, "did you mean '%s'?", near);
    else ad_report_hint(x->d, "it returns %s", all);
    return &ad__poison;
}

static const ad__val *negate(ad__elab *x, ad__frame *f, const ad__expr *e)
{
    const ad__val *a = ad__eval(x, f, e->a);
    ad_tensor *t = ad__tensor_of(a);
    if (a->kind == V_POISON) return a;
    if (t) return ad__tensor(x, ad__record(x, f, e, "neg", "", 1, &t));
    if (a->kind == V_INT) return ints(x, f, e, SIGN_SUB, 0, a->i);
    if (a->kind == V_FLOAT) return ad__float(x, -a->f);
    return ad__wrong(x, f, e, "type", "'-' before %s", ad__describe(x, a));
}

const ad__val *ad__eval(ad__elab *x, ad__frame *f, const ad__expr *e)
{
    const ad__val *a, *b;
    if (!e) return &ad__poison;
    switch (e->kind) {
    case X_INT: return ad__int(x, e->i);
    case X_FLOAT: return ad__float(x, e->f);
    case X_BOOL: return ad__bool(x, e->i);
    case X_TEXT: return ad__text(x, e->text);
    case X_NAME: return name(x, f, e);
    case X_LIST: return list(x, f, e);
    case X_NEGATE: return negate(x, f, e);
    case X_NOT: return condition(x, f, e->a, &a) ? ad__bool(x, !a->i) : a;
    case X_IF: return condition(x, f, e->a, &a) ? ad__eval(x, f, a->i ? e->b : e->c) : a;
    case X_RANGE: return range(x, f, e);
    case X_CALL: return ad__call(x, f, e);
    case X_FIELD: return field(x, f, e);
    case X_INDEX:
    case X_SLICE: return index_of(x, f, e);
    case X_FOR: return generator(x, f, e);
    case X_BINARY:
        if (e->sign == SIGN_AND || e->sign == SIGN_OR) return logic(x, f, e);
        a = ad__eval(x, f, e->a);
        b = ad__eval(x, f, e->b);
        return ad__binary(x, f, e, e->sign, a, b);
    }
    return &ad__poison;
}

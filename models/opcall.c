/*
 * opcall.c - calls of ops: positional tensors are the data operands, keywords and other positional values the attributes; weights and
 * states are named here.
 */
#include <inttypes.h>
#include <string.h>

#include "models/elaborate.h"
#include "ops/ops.h"

#define MOST_ATTRS 32
#define LARGEST_ATTR 1024

typedef struct op_args {
    const ad_op *op;
    int n_operands;
    ad_tensor *in[AD_MAX_INPUTS];
    ad__expr *exprs[AD_MAX_INPUTS];
    const ad__val *values[AD_MAX_INPUTS];
    int n_in;
    ad_attr_value attrs[MOST_ATTRS];
    ad__expr *attr_exprs[MOST_ATTRS];
    int n_attrs;
    const char *sizes;                   /* "y=4, x=4": keywords of an op that takes named sizes */
    _Alignas(16) char attr[LARGEST_ATTR];
} op_args;

static const ad_attr *find_attr(const ad_op *op, const char *name)
{
    for (const ad_attr *a = op->attrs; a && a->name; a++)
        if (strcmp(a->name, name) == 0) return a;
    return NULL;
}

static int find_operand(const ad_op *op, const char *name)
{
    for (int i = 0; op->operands && op->operands[i].name; i++)
        if (op->operands[i].role == AD_DATA && strcmp(op->operands[i].name, name) == 0) return i;
    return -1;
}

static bool given_attr(const op_args *a, const char *name)
{
    for (int i = 0; i < a->n_attrs; i++)
        if (strcmp(a->attrs[i].name, name) == 0) return true;
    return false;
}

/* The next attribute, in the order of the schema, that a positional value can stand for. */
static const ad_attr *next_attr(const op_args *a)
{
    for (const ad_attr *s = a->op->attrs; s && s->name; s++)
        if (!given_attr(a, s->name) && strcmp(s->name, "training") != 0) return s;
    return NULL;
}

/* "HW" as axes of a tensor. */
static bool axes_of(const char *letters, int rank, ad_ints *out)
{
    for (out->n = 0; *letters; letters++) {
        int axis = ad__axis_named(rank, *letters);
        if (axis < 0 || out->n == AD_MAX_RANK) return false;
        out->v[out->n++] = axis;
    }
    return true;
}

static bool add_attr(ad__elab *x, ad__frame *f, op_args *a, const ad_attr *s, ad__expr *e, const ad__val *v)
{
    ad_attr_value out = { .name = s->name };
    if (v->kind == V_INT || v->kind == V_BOOL) {
        out.kind = v->kind == V_INT ? AD_VALUE_INT : AD_VALUE_BOOL;
        out.number = (double)v->i;
    } else if (v->kind == V_FLOAT) {
        out.kind = AD_VALUE_FLOAT;
        out.number = v->f;
    } else if (v->kind == V_TEXT && (strcmp(s->name, "axes") == 0 || strcmp(s->name, "axis") == 0) && s->kind != AD_ATTR_TEXT) {
        if (!a->in[0]) return ad__wrong(x, f, e, "type", "%s: axes are given before the tensor", a->op->name), false;
        int rank = ad_tensor_shape(a->in[0])->rank;
        if (!axes_of(v->text, rank, &out.ints) || (s->kind == AD_ATTR_INT && out.ints.n != 1)) {
            ad__wrong(x, f, e, "type", "%s: \"%s\" names no axes of a tensor of rank %d", a->op->name, v->text, rank);
            ad_report_hint(x->d, "letters by rank: BC, BLC, BHWC, BDHWC");
            return false;
        }
        out.kind = s->kind == AD_ATTR_INT ? AD_VALUE_INT : AD_VALUE_INTS;
        out.number = (double)out.ints.v[0];
    } else if (v->kind == V_TEXT) {
        out.kind = AD_VALUE_TEXT;
        out.text = v->text;
    } else if (v->kind == V_LIST && v->n <= AD_MAX_RANK) {
        out.kind = AD_VALUE_INTS;
        for (int i = 0; i < v->n; i++) {
            if (v->items[i]->kind != V_INT)
                return ad__wrong(x, f, e, "type", "%s: '%s' needs a list of ints", a->op->name, s->name), false;
            out.ints.v[out.ints.n++] = v->items[i]->i;
        }
    } else {
        ad__wrong(x, f, e, "type", "%s: '%s' cannot be %s", a->op->name, s->name, ad__describe(x, v));
        return false;
    }
    AD_ASSERT(a->n_attrs < MOST_ATTRS);
    a->attr_exprs[a->n_attrs] = e;
    a->attrs[a->n_attrs++] = out;
    return true;
}

static void unknown_attr(ad__elab *x, ad__frame *f, const ad__expr *e, const op_args *a, const ad__arg *arg)
{
    const char *known[64];
    int n = 0;
    for (const ad_attr *s = a->op->attrs; s && s->name && n < 48; s++) known[n++] = s->name;
    for (int i = 0; i < a->n_operands; i++)
        if (a->op->operands[i].role == AD_DATA) known[n++] = a->op->operands[i].name;
    const char *near = ad_nearest(arg->name, n, known), *all = "";
    for (int i = 0; i < n; i++) all = ad__take_format(x->pool, "%s%s%s", all, i ? ", " : "", known[i]);
    ad__wrong_at(x, f, e->doc, arg->line, arg->column, arg->length, "unknown-attribute", "%s has no attribute '%s'", a->op->name,
                 arg->name);
    if (near) ad_report_hint(x->d, "did you mean '%s'?", near);
    else ad_report_hint(x->d, n ? "it has %s" : "it has none", all);
}

static bool keyword(ad__elab *x, ad__frame *f, const ad__expr *e, op_args *a, const ad__arg *arg, const ad__val *v)
{
    const ad_attr *s = find_attr(a->op, arg->name);
    int operand = find_operand(a->op, arg->name);
    if (s) return add_attr(x, f, a, s, arg->value, v);
    if (find_attr(a->op, "sizes") && v->kind == V_INT) {
        a->sizes = ad__take_format(x->pool, "%s%s%s=%" PRId64, a->sizes ? a->sizes : "", a->sizes ? ", " : "", arg->name, v->i);
        return true;
    }
    if (operand < 0) {
        unknown_attr(x, f, e, a, arg);
        return false;
    }
    if (!ad__tensor_of(v)) {
        ad__wrong(x, f, arg->value, "type", "%s: '%s' needs a tensor, not %s", a->op->name, arg->name, ad__describe(x, v));
        return false;
    }
    a->in[operand] = ad__tensor_of(v);
    a->exprs[operand] = arg->value;
    a->values[operand] = v;
    if (operand >= a->n_in) a->n_in = operand + 1;
    return true;
}

/* The first data operand without a value; -1 if all have one. */
static int free_operand(const op_args *a, bool required)
{
    bool variadic = a->op->flags & AD_VARIADIC;
    for (int i = 0; i < a->n_operands; i++)
        if (a->op->operands[i].role == AD_DATA && !a->in[i] && !(required && a->op->operands[i].optional)) return i;
    return variadic && !required && a->n_in < AD_MAX_INPUTS ? (a->n_in > a->n_operands ? a->n_in : a->n_operands) : -1;
}

static bool give_operand(ad__elab *x, ad__frame *f, op_args *a, ad__expr *e, const ad__val *v, ad_tensor *t)
{
    int at = free_operand(a, false);
    if (at < 0) {
        int n = 0;
        for (int i = 0; i < a->n_operands; i++) n += a->op->operands[i].role == AD_DATA;
        ad__wrong(x, f, e, "arguments", "%s takes %d tensor%s; this is one more", a->op->name, n, n == 1 ? "" : "s");
        return false;
    }
    a->in[at] = t;
    a->exprs[at] = e;
    a->values[at] = v;
    if (at >= a->n_in) a->n_in = at + 1;
    return true;
}

static bool positional(ad__elab *x, ad__frame *f, op_args *a, ad__expr *e, const ad__val *v)
{
    ad_tensor *t = ad__tensor_of(v);
    double c;
    if (t) return give_operand(x, f, a, e, v, t);
    bool tensors = v->kind == V_INDEXED || (v->kind == V_LIST && v->n && ad__tensor_of(v->items[0]));
    if (tensors && (a->op->flags & AD_VARIADIC)) {
        for (int i = 0; i < ad__length(v); i++) {
            const ad__val *one = ad__item(v, i);
            if (!ad__tensor_of(one))
                return ad__wrong(x, f, e, "type", "%s: a list with %s in it", a->op->name, ad__describe(x, one)), false;
            if (!give_operand(x, f, a, e, one, ad__tensor_of(one))) return false;
        }
        return true;
    }
    const ad_attr *s = tensors ? NULL : next_attr(a);
    int wanted = free_operand(a, true);
    if (wanted >= 0 && (wanted == 0 || !s)) {
        if (!ad__number(v, &c) || v->kind == V_BOOL || (wanted == 0 && a->n_operands == 1)) {
            ad__wrong(x, f, e, "type", "%s: '%s' needs a tensor, not %s", a->op->name, a->op->operands[wanted].name,
                      ad__describe(x, v));
            return false;
        }
        return give_operand(x, f, a, e, v, ad_scalar(x->t, c));
    }
    if (s) return add_attr(x, f, a, s, e, v);
    ad__wrong(x, f, e, "arguments", "%s: one argument too many (%s)", a->op->name, ad__describe(x, v));
    return false;
}

static bool passed_over(const ad__preset *preset, const char *name)
{
    for (int k = 0; name && k < 2; k++)
        if (preset->without[k] && strcmp(name, preset->without[k]) == 0) return true;
    return false;
}

static bool take_args(ad__elab *x, ad__frame *f, const ad__expr *e, op_args *a, const ad__preset *preset)
{
    bool good = true;
    for (int i = 0; i < preset->n; i++) a->in[a->n_in++] = preset->in[i];
    for (int i = preset->skip; i < e->n_args; i++) {
        if (passed_over(preset, e->args[i].name)) continue;
        const ad__val *v = i == 0 && preset->first ? preset->first : ad__eval(x, f, e->args[i].value);
        if (v->kind == V_POISON) good = false;
        else if (e->args[i].name) good = good && keyword(x, f, e, a, &e->args[i], v);
        else good = good && positional(x, f, a, e->args[i].value, v);
    }
    if (!good) return false;
    int missing = free_operand(a, true);
    if (missing < 0) return true;
    ad__wrong(x, f, e, "arguments", "%s needs '%s'", a->op->name, a->op->operands[missing].name);
    if (a->op->operands[missing].doc) ad_report_hint(x->d, "%s: %s", a->op->operands[missing].name, a->op->operands[missing].doc);
    return false;
}

static bool build_attrs(ad__elab *x, ad__frame *f, const ad__expr *e, op_args *a)
{
    int bad = -1;
    if (find_attr(a->op, "training") && !given_attr(a, "training"))
        a->attrs[a->n_attrs++] = (ad_attr_value){ .name = "training", .kind = AD_VALUE_BOOL, .number = x->training };
    if (a->sizes) a->attrs[a->n_attrs++] = (ad_attr_value){ .name = "sizes", .kind = AD_VALUE_TEXT, .text = a->sizes };
    AD_ASSERT(a->op->attr_size <= LARGEST_ATTR);
    if (ad_attr_build(x->error, a->op, a->n_attrs, a->attrs, a->attr, &bad) == AD_OK) return true;
    ad__wrong(x, f, bad >= 0 && a->attr_exprs[bad] ? a->attr_exprs[bad] : e, "attribute", "%s", ad__engine_message(x));
    return false;
}

/* ---- weights ---- */

static bool make_weight(ad__elab *x, ad__frame *f, const ad__expr *e, op_args *a, const char *part, int i)
{
    const ad_operand *o = &a->op->operands[i];
    ad_shape shapes[AD_MAX_INPUTS];
    for (int k = 0; k < AD_MAX_INPUTS; k++)
        shapes[k] = k < a->n_in && a->in[k] ? *ad_tensor_shape(a->in[k]) : (ad_shape){ .rank = -1 };
    ad__weight w = { .op = a->op->name,
                     .operand = o->name,
                     .slot = o->role == AD_PARAM ? AD_SLOT_PARAM : AD_SLOT_STATE,
                     .layout = o->layout,
                     .in = e->doc,
                     .line = e->line,
                     .column = e->column,
                     .length = e->length };
    if (a->op->parameter(x->error, a->attr, a->n_operands, shapes, i, &w.shape) != AD_OK) {
        ad__wrong(x, f, e, "shape", "%s", ad__engine_message(x));
        ad_report_hint(x->d, "%s", ad__provenance(x, f, a->n_in, a->exprs, a->values));
        return false;
    }
    if (w.shape.rank < 0) return true;
    w.path = ad__take_format(x->pool, "%s%s.%s", f->stmt_weights, part, o->name);
    if (!ad__resolve_init(x, f, e, &w, o->init)) return false;
    a->in[i] = ad__weight_leaf(x, f, e, &w);
    if (i >= a->n_in) a->n_in = i + 1;
    return a->in[i] != NULL;
}

/* ---- recording ---- */

/* With several draws of one item, what no site has reached yet has one row and the rest `draws`. Elementwise ops broadcast by themselves;
 * these two join tensors of equal batches, so their single rows are repeated here. */
static void repeat_single_rows(ad__elab *x, const op_args *a, ad_tensor **in)
{
    int64_t draws = x->options ? x->options->draws : 0, rows = 1;
    memcpy(in, a->in, sizeof *in * (size_t)a->n_in);
    if (draws <= 1 || (strcmp(a->op->name, "concat") != 0 && strcmp(a->op->name, "tile_to") != 0)) return;
    for (int i = 0; i < a->n_in; i++)
        if (in[i] && ad_tensor_shape(in[i])->dim[0] == draws) rows = draws;
    for (int i = 0; i < a->n_in; i++) {
        if (!in[i] || rows == 1 || ad_tensor_shape(in[i])->dim[0] != 1) continue;
        ad_shape shape = *ad_tensor_shape(in[i]);
        shape.dim[0] = rows;
        in[i] = ad_broadcast_to(x->t, in[i], &shape);
    }
}

static ad_tensor *record(ad__elab *x, ad__frame *f, const ad__expr *e, const op_args *a, ad_tensor **out)
{
    ad_tensor *in[AD_MAX_INPUTS];
    if (ad_tape_failed(x->t)) return NULL;
    repeat_single_rows(x, a, in);
    if (ad_record(x->t, a->op, a->attr, a->n_in, in, out) == AD_OK) return out[0];
    bool limit = strstr(x->error->message, "records") != NULL && x->error->status == AD_EUSAGE;
    if (limit) ad_tape_fail(x->t);
    ad__wrong(x, f, e, limit ? "limit" : "shape", "%s", ad__engine_message(x));
    const char *from = ad__provenance(x, f, a->n_in < AD_MAX_INPUTS ? a->n_in : AD_MAX_INPUTS, a->exprs, a->values);
    if (*from && !limit) ad_report_hint(x->d, "%s", from);
    return NULL;
}

/* ---- noise from outside ---- */

static bool attr_is(const op_args *a, const char *name, double value)
{
    const ad_attr *s = find_attr(a->op, name);
    const char *at = a->attr;
    if (!s) return false;
    if (s->kind == AD_ATTR_BOOL) return *(const bool *)(at + s->offset) == (value != 0);
    return s->kind == AD_ATTR_FLOAT && *(const double *)(at + s->offset) == value;
}

/* Shape of the noise that a plain op takes: that of x, of its pixels, or one number an item; whichever the op accepts. */
static bool plain_noise_shape(const op_args *a, int at, ad_shape *out)
{
    ad_shape in[AD_MAX_INPUTS], result[AD_MAX_OUTPUTS], x = *ad_tensor_shape(a->in[0]);
    if (!(a->op->flags & AD_DRAWS) || attr_is(a, "training", 0) || attr_is(a, "rate", 0)) return false;
    for (int i = 0; i < AD_MAX_INPUTS; i++)
        in[i] = i < a->n_in && a->in[i] ? *ad_tensor_shape(a->in[i]) : (ad_shape){ .rank = -1 };
    for (int k = 0; k < 3; k++) {
        ad_error e = { 0 };
        in[at] = x;
        if (k == 1) in[at].rank--;
        for (int i = 1; k == 2 && i < x.rank; i++) in[at].dim[i] = 1;
        *out = in[at];
        if (a->op->shape(&e, a->attr, at + 1 > a->n_in ? at + 1 : a->n_in, in, result) == AD_OK) return true;
    }
    return false;
}

/* Of a composite op: what the random op among its records gives, found on a tape of its own. */
static bool composite_noise_shape(ad__elab *x, const op_args *a, ad_shape *out)
{
    ad_tape *t = ad_tape_new(x->m->ctx, ad_tape_precision(x->t));
    ad_tensor *in[AD_MAX_INPUTS] = { NULL }, *results[AD_MAX_OUTPUTS];
    bool found = false;
    for (int i = 0; t && i < a->n_in; i++)
        if (a->in[i]) in[i] = ad_input(t, "x", ad_tensor_shape(a->in[i]));
    if (t && ad_record(t, a->op, a->attr, a->n_in, in, results) == AD_OK) {
        ad_record_info r;
        for (int i = 0; !found && ad_tape_record(t, i, &r); i++) {
            found = r.op->flags & AD_DRAWS;
            if (found) *out = *ad_tensor_shape(r.out[0]);
        }
    }
    ad_error_clear(x->error);
    ad_tape_free(t);
    return found;
}

/* A random op may get its noise from outside, chosen by the path of the op. */
static void choose_noise(ad__elab *x, ad__frame *f, op_args *a, const char *part)
{
    int at = find_operand(a->op, "noise");
    ad_shape shape;
    if (at < 0 || a->in[at] || !x->options || x->options->n_choices == 0) return;
    const char *path = ad__take_format(x->pool, "%s%s", f->stmt_path, part);
    const ad_choice *c = ad__choice_for(x, path);
    if (!c || c->kind != AD_CHOICE_NOISE) return;
    if (!(a->op->expand ? composite_noise_shape(x, a, &shape) : plain_noise_shape(a, at, &shape))) return;
    a->in[at] = c->tensor ? c->tensor : ad__made_input(x, ad__take_format(x->pool, "eps/%s", path), &shape);
    if (at >= a->n_in) a->n_in = at + 1;
}

/* A cross-entropy of probabilities is a mistake that trains, badly: said at once. */
static bool check_logits(ad__elab *x, ad__frame *f, const op_args *a)
{
    static const char *const makers[] = { "softmax", "log_softmax", "sigmoid" };
    int at = find_operand(a->op, "logits");
    ad_record_info r;
    if (at < 0 || !a->in[at] || !a->exprs[at] || !ad_tape_record(x->t, ad_tensor_record(a->in[at]), &r)) return true;
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
        if (strcmp(r.op->name, makers[i]) == 0) {
            ad__wrong(x, f, a->exprs[at], "probabilities", "%s takes logits, but this is the output of %s", a->op->name,
                      makers[i]);
            ad_report_hint(x->d, "leave out the %s", makers[i]);
            return false;
        }
    return true;
}

/* One loss term that sums over pixels beside one that averages: a weight of height times width that nobody wrote. */
static void check_reduction(ad__elab *x, const ad__expr *e, const op_args *a)
{
    const ad_attr *s = find_attr(a->op, "pixels");
    if (!s || s->kind != AD_ATTR_ENUM || !x->declare || !x->m->objective.program ||
        strcmp(x->m->objective.program, x->prog->name) != 0)
        return;
    int now = *(const int *)(a->attr + s->offset);
    if (!x->reduction) {
        x->reduction = e;
        x->reduction_word = now;
    } else if (now != x->reduction_word) {
        ad_span at = ad__document_span_at(e->doc, e->line, e->column, e->length);
        ad_report(x->d, AD_SEVERITY_WARNING, "mixed-reductions", &at, "this term has pixels=\"%s\", the one at line %d \"%s\"",
                  s->words[now], x->reduction->line, s->words[x->reduction_word]);
    }
}

/* A running statistic that this recording must leave alone is read through a record, so that the op finds no leaf to commit to. */
static bool shield_states(ad__elab *x, ad__frame *f, const ad__expr *e, op_args *a)
{
    if (!x->options || !x->options->no_commits || !x->params) return true;
    for (int i = 0; i < a->n_operands; i++)
        if (a->op->operands[i].role == AD_STATE && i < a->n_in && a->in[i] &&
            !(a->in[i] = ad__record(x, f, e, "stop_gradient", "", 1, &a->in[i])))
            return false;
    return true;
}

const ad__val *ad__op_call(ad__elab *x, ad__frame *f, const ad__expr *e, const ad_op *op, const ad__preset *preset)
{
    op_args *a = ad__take(x->pool, sizeof *a);
    ad_tensor **out = ad__take(x->pool, AD_MAX_OUTPUTS * sizeof *out);
    a->op = op;
    while (op->operands && op->operands[a->n_operands].name) a->n_operands++;
    if (!take_args(x, f, e, a, preset) || !build_attrs(x, f, e, a)) return &ad__poison;
    const char *part = ad__part(x, f, op->name);
    choose_noise(x, f, a, part);
    if (!check_logits(x, f, a)) return &ad__poison;
    for (int i = 0; i < a->n_operands; i++)
        if (op->operands[i].role != AD_DATA && !make_weight(x, f, e, a, part, i)) return &ad__poison;
    if (!shield_states(x, f, e, a)) return &ad__poison;
    check_reduction(x, e, a);
    ad__place(x, f, e, part);
    ad__val *v = ad__take(x->pool, sizeof *v);
    *v = (ad__val){ .kind = V_TENSOR, .n = op->n_out > 1 ? op->n_out : 0, .outputs = out };
    v->tensor = record(x, f, e, a, out);
    return v->tensor ? v : &ad__poison;
}

ad_tensor *ad__record_as(ad__elab *x, ad__frame *f, const ad__expr *e, const char *part, const char *name, const char *attributes,
                         int n, ad_tensor *const *in)
{
    op_args *a = ad__take(x->pool, sizeof *a);
    ad_tensor *out[AD_MAX_OUTPUTS];
    a->op = ad_op_find(x->m->ctx, name);
    if (!a->op) return ad__wrong(x, f, e, "unknown-call", "this needs the op '%s', which the context does not have", name), NULL;
    if (ad_attr_parse(x->error, a->op, attributes, a->attr) != AD_OK)
        return ad__wrong(x, f, e, "attribute", "%s", ad__engine_message(x)), NULL;
    for (int i = 0; i < n; i++) a->in[a->n_in++] = in[i];
    ad__place(x, f, e, part);
    return record(x, f, e, a, out);
}

ad_tensor *ad__record(ad__elab *x, ad__frame *f, const ad__expr *e, const char *name, const char *attributes, int n,
                      ad_tensor *const *in)
{
    return ad__record_as(x, f, e, ad__part(x, f, name), name, attributes, n, in);
}

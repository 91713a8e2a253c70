/*
 * objective.c - what is minimised.
 *
 *   elbo, expression:  the expression `minimize` over what the program returns; numbers beside it (beta) are inputs that can be scheduled.
 *   geco:  minimise  lambda * C + `minimize`,  C = ma - kappa * per,  where
 *          ma = constraint on the first step, then decay * ma + (1 - decay) * constraint, read with the gradient of the constraint itself
 *          (straight-through: 1, not 1 - decay);
 *          lambda = softplus(l)^2, and the gradient that reaches l is multiplied by -rate: gradient ascent in the same optimiser.
 *          l begins where lambda is 1: l = ln(e - 1). Average and multiplier are states; the average is committed with the step.
 */
#include <math.h>
#include <string.h>

#include "models/elaborate.h"

static const struct { const char *path; double first; } states[] = {
    { "objective/average", 0 }, { "objective/started", 0 }, { "objective/multiplier", 0.54132485461291810 },
};

/* ---- reading the section ---- */

static void missing(ad__elab *x, const ad__objective *o, const char *key)
{
    ad_span at = ad_document_span(o->in, o->node);
    ad_report(x->d, AD_SEVERITY_ERROR, "missing-key", &at, "objective: '%s' is missing", key);
}

/* Follows `if`, `then`, `else` to the mapping that holds. */
static const ad_node *decide(ad__elab *x, ad__objective *o, const ad_node *node, const ad__parse *parse)
{
    static const char *const keys[] = { "if", "then", "else" };
    while (ad_node_find(node, "if")) {
        if (!ad_node_known_keys(o->in, node, x->d, "objective", 3, keys)) return NULL;
        ad__expr *e = ad__parse_expr(parse, ad_node_find(node, "if"));
        const ad__val *v = ad__eval(x, NULL, e);
        if (v->kind != V_BOOL && v->kind != V_POISON)
            ad__wrong(x, NULL, e, "type", "expected a condition, found %s", ad__describe(x, v));
        if (v->kind != V_BOOL) return NULL;
        const ad_node *next = ad_node_find(node, v->i ? "then" : "else");
        if (!next) return NULL;
        node = next;
    }
    return node;
}

static double number(ad__elab *x, const ad__parse *parse, const ad_node *node, const char *what)
{
    double value = NAN;
    ad__expr *e = ad__parse_expr(parse, node);
    const ad__val *v = ad__eval(x, NULL, e);
    if (v->kind != V_POISON && (v->kind == V_BOOL || !ad__number(v, &value)))
        ad__wrong(x, NULL, e, "type", "'%s' must be a number, not %s", what, ad__describe(x, v));
    return value;
}

static void take_keys(ad__elab *x, ad_model *m, const ad_node *node, const ad__parse *parse)
{
    static const char *const fixed[] = { "kind", "program", "minimize", "doc" }, *const geco[] = { "constraint", "per", "decay",
                                                                                                   "rate" };
    ad__objective *o = &m->objective;
    for (int i = 0; i < node->n; i++) {
        const char *key = node->keys[i]->text;
        bool known = false, of_geco = false;
        for (int k = 0; k < 4; k++) {
            known = known || strcmp(fixed[k], key) == 0;
            of_geco = of_geco || strcmp(geco[k], key) == 0;
        }
        if (known || (of_geco && o->kind == OBJECTIVE_GECO)) continue;
        if (of_geco) {
            ad_span at = ad_document_span(o->in, node->keys[i]);
            ad_report(x->d, AD_SEVERITY_ERROR, "unknown-key", &at, "'%s' belongs to the objective 'geco'", key);
            continue;
        }
        o->scalars = ad__more(&m->pool, o->scalars, o->n_scalars, sizeof *o->scalars);
        o->scalars[o->n_scalars++] = (ad__scalar){ key, number(x, parse, node->items[i], key) };
    }
}

static ad__expr *expression(ad__elab *x, const ad__objective *o, const ad_node *node, const ad__parse *parse, const char *key)
{
    const ad_node *v = ad_node_find(node, key);
    if (!v) missing(x, o, key);
    return v ? ad__parse_expr(parse, v) : NULL;
}

static void declare_states(ad_model *m)
{
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        m->weights = ad__more(&m->pool, m->weights, m->n_weights, sizeof *m->weights);
        m->weights[m->n_weights++] = (ad__weight){ .path = states[i].path,
                                                   .slot = AD_SLOT_STATE,
                                                   .in = m->objective.in,
                                                   .line = m->objective.node->line,
                                                   .column = m->objective.node->column,
                                                   .length = 1,
                                                   .reached = true,
                                                   .init = { "constant", { states[i].first, 0 } } };
    }
}

void ad__read_objective(ad__elab *x, ad_model *m)
{
    static const char *const kinds[] = { "elbo", "geco", "expression" };
    ad__objective *o = &m->objective;
    if (!o->node) return;
    ad__parse parse = { &m->pool, x->d, o->in, false };
    const ad_node *node = decide(x, o, o->node, &parse), *kind = node ? ad_node_find(node, "kind") : NULL, *program;
    if (!node || node->kind != AD_NODE_MAP) return;
    o->node = node;
    for (int i = 0; kind && kind->kind == AD_NODE_SCALAR && i < 3; i++)
        if (strcmp(kind->text, kinds[i]) == 0) o->kind = (ad__objective_kind)(i + OBJECTIVE_ELBO);
    if (o->kind == OBJECTIVE_NONE) {
        ad_span at = ad_document_span(o->in, kind ? kind : node);
        ad_report(x->d, AD_SEVERITY_ERROR, "word", &at,
                  kind ? "unknown kind of objective '%s'" : "objective: 'kind' is missing%s",
                  kind && kind->text ? kind->text : "");
        const char *near = kind && kind->text ? ad_nearest(kind->text, 3, kinds) : NULL;
        ad_report_hint(x->d, near ? "did you mean '%s'?" : "elbo, geco or expression%s", near ? near : "");
        return;
    }
    if (!(program = ad_node_find(node, "program"))) missing(x, o, "program");
    else if (program->kind == AD_NODE_SCALAR && ad__find_program(m, program->text)) o->program = program->text;
    else {
        ad_span at = ad_document_span(o->in, program);
        ad_report(x->d, AD_SEVERITY_ERROR, "unknown-program", &at, "there is no program '%s'",
                  program->text ? program->text : "");
    }
    o->minimize = expression(x, o, node, &parse, "minimize");
    take_keys(x, m, node, &parse);
    if (o->kind != OBJECTIVE_GECO) return;
    o->constraint = expression(x, o, node, &parse, "constraint");
    o->per = expression(x, o, node, &parse, "per");
    const ad_node *decay = ad_node_find(node, "decay"), *rate = ad_node_find(node, "rate");
    if (!decay) missing(x, o, "decay");
    if (!rate) missing(x, o, "rate");
    if (!ad_node_find(node, "kappa")) missing(x, o, "kappa");
    o->decay = decay ? number(x, &parse, decay, "decay") : 0;
    o->rate = rate ? number(x, &parse, rate, "rate") : 0;
    declare_states(m);
}

/* ---- recording it ---- */

static void add_local(ad__elab *x, ad__frame *f, const char *name, const ad__val *v)
{
    f->locals = ad__more(x->pool, f->locals, f->n_locals, sizeof *f->locals);
    f->locals[f->n_locals++] = (ad__local){ .name = name, .value = v, .line = x->m->objective.node->line };
}

static ad_tensor *scalar_of(ad__elab *x, ad__frame *f, const ad__expr *e, const char *what)
{
    const ad__val *v = ad__eval(x, f, e);
    ad_tensor *t = ad__tensor_of(v);
    double c;
    if (v->kind == V_POISON) return NULL;
    if (!t && v->kind != V_BOOL && ad__number(v, &c)) t = ad_scalar(x->t, c);
    if (t && ad_count(ad_tensor_shape(t)) == 1 && ad_tensor_shape(t)->rank == 0) return t;
    ad__wrong(x, f, e, "scalar", "'%s' must be one number, not %s", what, ad__describe(x, v));
    if (t) ad_report_hint(x->d, "name its reductions: sum(..) or mean(..)");
    return NULL;
}

static ad_tensor *state(ad__elab *x, ad__frame *f, int i)
{
    ad__weight w = { .path = states[i].path, .slot = AD_SLOT_STATE };
    return ad__weight_leaf(x, f, x->m->objective.minimize, &w);
}

static ad_tensor *one(ad__elab *x, ad__frame *f, const char *op, const char *attributes, ad_tensor *a)
{
    return a ? ad__record(x, f, x->m->objective.minimize, op, attributes, 1, &a) : NULL;
}

static ad_tensor *two(ad__elab *x, ad__frame *f, const char *op, ad_tensor *a, ad_tensor *b)
{
    ad_tensor *in[2] = { a, b };
    return a && b ? ad__record(x, f, x->m->objective.minimize, op, "", 2, in) : NULL;
}

/* The moving average of the constraint, and its commits. */
static ad_tensor *average(ad__elab *x, ad__frame *f, ad_tensor *constraint)
{
    const ad__objective *o = &x->m->objective;
    char keep[48], take[48];
    snprintf(keep, sizeof keep, "factor=%.17g", o->decay);
    snprintf(take, sizeof take, "factor=%.17g", 1 - o->decay);
    ad_tensor *old = state(x, f, 0), *started = state(x, f, 1), *now = one(x, f, "stop_gradient", "", constraint);
    ad_tensor *mixed = two(x, f, "add", one(x, f, "scale", keep, old), one(x, f, "scale", take, now));
    ad_tensor *in[3] = { started, mixed, now };
    ad_tensor *ma = started && mixed && now ? ad__record(x, f, o->minimize, "where", "", 3, in) : NULL;
    bool commits = x->params && x->training && !(x->options && x->options->no_commits);
    if (!ma || !commits) return ma;
    ad_tensor *yes = ad_scalar(x->t, 1);
    if (yes && ad_commit(old, ma) == AD_OK && ad_commit(started, yes) == AD_OK) return ma;
    return NULL;
}

static ad_tensor *geco(ad__elab *x, ad__frame *f, ad_tensor *minimize)
{
    const ad__objective *o = &x->m->objective;
    char rate[48];
    const ad__local *kappa = ad__find_local(f, "kappa");
    ad_tensor *rec = scalar_of(x, f, o->constraint, "constraint"), *per = scalar_of(x, f, o->per, "per"), *l = state(x, f, 2);
    if (!rec || !per || !l || !kappa) return NULL;
    x->average = average(x, f, rec);
    x->constraint = two(x, f, "sub", two(x, f, "straight_through", x->average, rec),
                        two(x, f, "mul", ad__tensor_of(kappa->value), per));
    snprintf(rate, sizeof rate, "factor=%.17g", -o->rate);
    x->multiplier = one(x, f, "square", "", one(x, f, "softplus", "", one(x, f, "scale_gradient", rate, l)));
    x->wrt = ad__more(x->pool, x->wrt, x->n_wrt, sizeof *x->wrt);
    x->wrt[x->n_wrt++] = l;
    return two(x, f, "add", two(x, f, "mul", x->multiplier, x->constraint), minimize);
}

void ad__run_objective(ad__elab *x, ad__frame *f)
{
    const ad__objective *o = &x->m->objective;
    ad__frame *inner = ad__take(x->pool, sizeof *inner);
    if (!o->minimize || !f->result || f->result->kind != V_RECORD || ad_tape_failed(x->t)) return;
    *inner = (ad__frame){ .what = "the objective",
                          .weights = "objective",
                          .path = "objective",
                          .stmt_weights = "objective",
                          .stmt_path = "objective" };
    for (int i = 0; i < f->result->n; i++) add_local(x, inner, f->result->names[i], f->result->items[i]);
    for (int i = 0; i < o->n_scalars; i++) {
        ad_tensor *t = ad_input(x->t, o->scalars[i].name, &(ad_shape){ 0 });
        x->scalars = ad__more(x->pool, x->scalars, x->n_scalars, sizeof *x->scalars);
        x->scalars[x->n_scalars++] = (ad_recorded_scalar){ o->scalars[i].name, o->scalars[i].value, t };
        add_local(x, inner, o->scalars[i].name, ad__tensor(x, t));
    }
    ad_tensor *loss = scalar_of(x, inner, o->minimize, "minimize");
    x->loss = loss && o->kind == OBJECTIVE_GECO ? geco(x, inner, loss) : loss;
}

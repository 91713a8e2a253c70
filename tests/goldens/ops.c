/*
 * ops.c - cases of single ops: operands and attributes translated by the rows of op_rows.c, values and gradients compared.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/goldens/op_rows.h"
#include "tests/goldens/rule.h"

/* Tolerances of a float64 implementation, by golden/index-baselines.md: operands are float32 values, results float64. */
#define TOLERANCE_DOUBLE 1e-11
#define MAX_WRT 16

typedef struct op_case {
    rule rule;
    const op_row *row;
    double tolerance_out, tolerance_grad;
} op_case;

/* "x:i" at *s: name, order; false at the end. */
static bool next_operand(const char **s, char name[32], order *o)
{
    *s += strspn(*s, " ");
    size_t n = strcspn(*s, ":");
    if (!**s || n >= 32)
        return false;
    memcpy(name, *s, n);
    name[n] = 0;
    *o = (order)(*s)[n + 1];
    *s += n + 2;
    return true;
}

static int attribute_axis(const ad_json *attributes)
{
    const ad_json *v = ad_json_get(attributes, "dim");
    return v ? (int)v->number : -1;
}

static bool make_operands(op_case *c)
{
    kase *k = c->rule.k;
    char name[32];
    order o;
    for (const char *s = c->row->operands; next_operand(&s, name, &o);) {
        const ad_array *a = find(k, "in/", name);
        ad_tensor *x = a ? given_input(k, c->rule.tape, name, a, o, attribute_axis(c->rule.attributes)) : NULL;
        if ((a && !x) || !rule_define(&c->rule, name, x))
            return false;
    }
    return true;
}

/* Compares one tensor of ours, computed now, with an array of the file. */
static bool compare_tensor(kase *k, ad_tensor *x, const ad_array *want, order o, int axis, double tolerance, double floor)
{
    const ad_shape *s = ad_tensor_shape(x);
    int64_t n = ad_count(s);
    if (n != ad_array_count(want)) {
        char ours[AD_SHAPE_TEXT], theirs[AD_ARRAY_TEXT];
        give_up(k, FAILED, "%s: %s, but the file has %s", want->name, ad_shape_text(s, ours), ad_array_text(want, theirs));
        return false;
    }
    const void *data = ad_data(x);
    double *values = malloc((size_t)(n + 1) * sizeof *values);
    if (data && values) {
        int perm[AD_ARRAY_RANK];
        for (int64_t i = 0; i < n; i++)
            values[i] = stored_at(data, i, s->dtype, k->precision);
        order_axes(o, want->rank, axis, perm);
        compare(k, want, perm, values, tolerance, floor);
    } else {
        failed_with(k, ad_ctx_error(k->g->ctx));
    }
    free(values);
    return data && values;
}

/* Sum over the outputs that have an upstream gradient of output times that gradient; compares the outputs on the way. */
static bool outputs(op_case *c, ad_tensor **loss)
{
    kase *k = c->rule.k;
    char name[32];
    order o;
    *loss = NULL;
    int axis = attribute_axis(c->rule.attributes);
    for (const char *s = c->row->outputs; next_operand(&s, name, &o);) {
        const ad_array *want = find(k, "out/", name), *up = find(k, "gout/", name);
        ad_tensor *y = rule_find(&c->rule, name);
        if (!want)
            continue;
        if (!y) {
            give_up(k, FAILED, "the rule gives no '%s'", name);
            return false;
        }
        /* A few results are stored as float, and no closer than that. */
        bool rounded = want->type == AD_ELEMENT_F32;
        if (!compare_tensor(k, y, want, o, axis, rounded ? metadata_number(k, "tol_forward", 0) : c->tolerance_out, 0))
            return false;
        if (up) {
            char upstream[48];
            snprintf(upstream, sizeof upstream, "gout/%s", name);
            ad_tensor *g = given_input(k, c->rule.tape, upstream, up, o, axis);
            ad_tensor *in[2] = { y, g };
            ad_tensor *part = g ? ad_apply(c->rule.tape, "mul", "", 2, in) : NULL;
            part = part ? ad_apply(c->rule.tape, "sum", "", 1, &part) : NULL;
            ad_tensor *both[2] = { *loss, part };
            *loss = *loss ? ad_apply(c->rule.tape, "add", "", 2, both) : part;
            if (!*loss)
                return failed_with(k, ad_ctx_error(k->g->ctx)) == PASSED;
        }
    }
    return true;
}

static bool gradients(op_case *c, ad_tensor *loss)
{
    kase *k = c->rule.k;
    ad_tensor *wrt[MAX_WRT], *grads[MAX_WRT];
    const ad_array *want[MAX_WRT];
    order orders[MAX_WRT];
    int n = 0, axis = attribute_axis(c->rule.attributes);
    double largest = 0;
    char name[32];
    order o;
    for (const char *s = c->row->operands; n < MAX_WRT && next_operand(&s, name, &o);) {
        if (!(want[n] = find(k, "grad/", name)))
            continue;
        largest = fmax(largest, array_max(want[n]));
        orders[n] = o;
        wrt[n++] = rule_find(&c->rule, name);
    }
    if (!n || !loss)
        return true;
    if (ad_gradients(c->rule.tape, loss, n, wrt, grads) != AD_OK)
        return failed_with(k, ad_ctx_error(k->g->ctx)) == PASSED;
    for (int i = 0; i < n; i++) {
        if (grads[i]) {
            if (!compare_tensor(k, grads[i], want[i], orders[i], axis, c->tolerance_grad, 1e-3 * largest))
                return false;
        } else if (array_max(want[i]) > 0) {
            give_up(k, FAILED, "%s: no gradient reaches it", want[i]->name);
            return false;
        }
    }
    return true;
}

static verdict run_row(kase *k, const ad_json *attributes, const op_row *row, double out, double grad)
{
    op_case c = { .row = row, .tolerance_out = out, .tolerance_grad = grad };
    c.rule = (rule){ .k = k, .attributes = attributes };
    char name[64];
    if (!rule_prepare(&c.rule, row->rule))
        return FAILED;
    const char *missing = rule_missing_op(&c.rule, name, sizeof name);
    if (missing)
        return give_up(k, SKIPPED, "there is no op '%s'", missing);
    c.rule.tape = ad_tape_new(k->g->ctx, k->precision);
    ad_tensor *loss;
    if (!c.rule.tape)
        return failed_with(k, ad_ctx_error(k->g->ctx));
    bool ok = make_operands(&c) && rule_record(&c.rule) && outputs(&c, &loss) && gradients(&c, loss);
    ad_tape_free(c.rule.tape);
    if (ok && !k->compared)
        return give_up(k, SKIPPED, "no op gives any of its results");
    return ok ? judged(k) : FAILED;
}

verdict run_op(kase *k)
{
    const char *kind = ad_safetensors_metadata(k->st, "op"), *text = ad_safetensors_metadata(k->st, "attrs");
    ad_json *attributes;
    if (!kind || !text || ad_json_parse(&k->g->error, "attrs", text, strlen(text), AD_JSON_DEPTH, &attributes) != AD_OK)
        return give_up(k, FAILED, "no op or no attributes in the metadata");
    verdict v = SKIPPED;
    const op_row *row = op_rows;
    while (row->kind && (strcmp(row->kind, kind) || !rule_holds(k, attributes, row->when)))
        row++;
    bool exact = k->precision == AD_F64;
    if (!row->kind)
        give_up(k, SKIPPED, "kind '%s' has no rule", kind);
    else
        v = run_row(k, attributes, row, exact ? TOLERANCE_DOUBLE : metadata_number(k, "tol_forward", 0),
                    exact ? TOLERANCE_DOUBLE : metadata_number(k, "tol_grad", 0));
    ad_json_free(attributes);
    return v;
}

/* ---- resampling: one input, a result and a vector-Jacobian product for each mode ---- */

verdict run_resampling(kase *k)
{
    double tolerance = k->precision == AD_F64 ? 1e-6 : metadata_number(k, "tol_out", 1e-5);
    const ad_array *x = find(k, "in/", "x");
    if (!x)
        return give_up(k, FAILED, "no in/x");
    for (const op_row *row = resampling_rows; row->kind; row++) {
        rule r = { .k = k };
        const ad_array *out = find(k, "out/", row->kind), *grad = find(k, "grad/", row->kind), *up = find(k, "in/cotangent/", row->kind);
        if (!out || !grad || !up || !rule_prepare(&r, row->rule))
            return give_up(k, FAILED, "%s: not in the file", row->kind);
        r.tape = ad_tape_new(k->g->ctx, k->precision);
        ad_tensor *in = given_input(k, r.tape, "x", x, IMAGE, 0), *g = given_input(k, r.tape, "cotangent", up, IMAGE, 0), *gx;
        bool ok = in && g && rule_define(&r, "x", in) && rule_record(&r);
        ad_tensor *y = ok ? rule_find(&r, "y") : NULL, *both[2] = { y, g };
        ad_tensor *loss = y ? ad_apply(r.tape, "mul", "", 2, both) : NULL;
        loss = loss ? ad_apply(r.tape, "sum", "", 1, &loss) : NULL;
        ok = loss && ad_gradients(r.tape, loss, 1, &in, &gx) == AD_OK && gx && compare_tensor(k, y, out, IMAGE, 0, tolerance, 0) &&
             compare_tensor(k, gx, grad, IMAGE, 0, tolerance, 0);
        if (!ok)
            failed_with(k, ad_ctx_error(k->g->ctx));
        ad_tape_free(r.tape);
        if (!ok)
            return FAILED;
    }
    return judged(k);
}

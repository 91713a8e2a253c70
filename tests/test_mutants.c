/*
 * test_mutants.c - the check of the check: every gradient rule of the table is broken in every standard way, for every operand, and the
 * gradient check must notice each of them on the op's own samples. A mutant that changes no number of any sample (two equal adjoints
 * swapped) is none.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/gradcheck.h"
#include "tests/mutants.h"
#include "tests/op_samples.h"

/* What the rule of the mutant at hand does; a rule has no argument of its own. */
static struct {
    const ad_op *op;
    int operand, way;
} mutant;

static void swap(ad_grad *g, int i)
{
    for (int j = i + 1; j < g->n_in; j++)
        if (g->gin[j] && ad_shape_equal(ad_tensor_shape(g->gin[i]), ad_tensor_shape(g->gin[j]))) {
            ad_tensor *kept = g->gin[i];
            g->gin[i] = g->gin[j];
            g->gin[j] = kept;
            return;
        }
}

static void broken(ad_grad *g)
{
    int i = mutant.operand;
    mutant.op->gradient(g);
    if (i >= g->n_in || !g->wanted[i] || !g->gin[i]) return;
    if (mutant_ways[mutant.way].f) g->gin[i] = mutant_ways[mutant.way].f(g->tape, g->gin[i]);
    else swap(g, i);
}

/* ---- does it change anything? ---- */

/* Gradients of a projection of the outputs by all inputs, one after the other, malloc'ed. */
static double *gradients(const ad_op *op, const ad_sample *s, int64_t *count)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *in[AD_MAX_OPERANDS], *out[AD_MAX_OUTPUTS], *wrt[AD_MAX_OPERANDS], *grad[AD_MAX_OPERANDS], *loss = NULL;
    int n = 0;
    *count = 0;
    assert_int_equal(ad__sample_record(t, op, s, in, out), AD_OK);
    for (int i = 0; i < s->n_in; i++) {
        if (!in[i]) continue;
        void *values = malloc((size_t)ad_count(&s->in[i]) * 8 + 8);
        ad__sample_fill(s, i, AD_F64, values);
        assert_int_equal(ad_set(in[i], values), AD_OK);
        free(values);
        if (s->in[i].dtype == AD_REAL && !(s->no_gradient & 1u << i)) wrt[n++] = in[i];
    }
    for (int k = 0; k < (op->n_out ? op->n_out : 1); k++) {
        const ad_shape *shape = ad_tensor_shape(out[k]);
        if (shape->dtype != AD_REAL) continue;
        double *weights = malloc((size_t)ad_count(shape) * 8 + 8);
        for (int64_t j = 0; j < ad_count(shape); j++) weights[j] = ad__projection(k, j);
        ad_tensor *term = ad_sum(t, ad_mul(t, out[k], ad_constant(t, shape, weights)), NULL, false);
        free(weights);
        loss = loss ? ad_add(t, loss, term) : term;
    }
    if (loss && n > 0) assert_int_equal(ad_gradients(t, loss, n, wrt, grad), AD_OK);
    for (int i = 0; i < n; i++) *count += ad_count(ad_tensor_shape(wrt[i]));
    double *values = calloc((size_t)*count + 1, sizeof *values), *at = values;
    for (int i = 0; loss && i < n; i++) {
        int64_t size = ad_count(ad_tensor_shape(wrt[i]));
        if (grad[i]) memcpy(at, ad_data(grad[i]), (size_t)size * sizeof *at);
        at += size;
    }
    ad_tape_free(t);
    return values;
}

static bool differs(const ad_op *op, const ad_sample *s, const ad_op *copy)
{
    int64_t n, m;
    double *right = gradients(op, s, &n), *wrong = gradients(copy, s, &m), most = 0, apart = 0;
    for (int64_t i = 0; i < n; i++) {
        most = fmax(most, fabs(right[i]));
        apart = fmax(apart, fabs(right[i] - wrong[i]));
    }
    free(right);
    free(wrong);
    /* Below this share the check's tolerance begins. */
    return apart > 1e-4 * most;
}

/* ---- the table ---- */

/* True if the mutant is one; it must then be noticed. */
static bool mutate(const ad_op *op, int *survivors)
{
    ad_op copy = *op;
    bool real = false, killed = false;
    copy.gradient = broken;
    for (const ad_sample *s = op->samples; s->name && !killed; s++) {
        if (s->want != AD_OK || !differs(op, s, &copy)) continue;
        ad_check c;
        real = true;
        killed = ad_gradcheck_sample(ctx, &copy, s, 1, &c) == AD_ECHECK;
        ad_error_clear(ad_ctx_error(ctx));
    }
    if (real && !killed) {
        print_error("%s: operand %d, %s: not noticed\n", op->name, mutant.operand, mutant_ways[mutant.way].name);
        ++*survivors;
    }
    return real;
}

/* The adjoints of some ops are no derivatives on purpose: no sample differentiates them, test_op_values.c has their values. */
static bool differentiated(const ad_op *op)
{
    for (const ad_sample *s = op->samples; s->name; s++)
        for (int i = 0; s->want == AD_OK && i < s->n_in; i++)
            if (s->in[i].rank >= 0 && s->in[i].dtype == AD_REAL && !(s->no_gradient & 1u << i)) return true;
    return false;
}

static void every_broken_rule_is_noticed(void **state)
{
    int mutants = 0, survivors = 0, untouched = 0;
    (void)state;
    for (const ad_op *const *op = ad_ops; *op; op++) {
        int of_op = 0, operands = 0;
        if (!(*op)->gradient || ((*op)->flags & AD_STOPS_GRADIENT) || !differentiated(*op)) continue;
        for (const ad_sample *s = (*op)->samples; s->name; s++)
            if (s->want == AD_OK && s->n_in > operands) operands = s->n_in;
        for (int i = 0; i < operands; i++)
            for (int way = 0; way < MUTANT_WAYS; way++) {
                mutant.op = *op;
                mutant.operand = i;
                mutant.way = way;
                of_op += mutate(*op, &survivors);
            }
        mutants += of_op;
        if (of_op == 0) {
            print_error("%s: nothing breaks it\n", (*op)->name);
            untouched++;
        }
    }
    print_message("mutants killed: %d of %d\n", mutants - survivors, mutants);
    assert_int_equal(survivors, 0);
    assert_int_equal(untouched, 0);
    assert_true(mutants > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_broken_rule_is_noticed) };
    return cmocka_run_group_tests_name("mutants", tests, open_ctx, close_ctx);
}

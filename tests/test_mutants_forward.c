/*
 * test_mutants_forward.c - what the ops compute, broken in every standard way: each output of each op, and its operands swapped.
 *
 * The gradient check notices most of it, since the rule is that of the right op. It cannot notice a function whose rule reads its own
 * output (exp made 1 % larger), nor an op that is made of others, nor one without a gradient. For these there are recorded values
 * (tests/op_values.expected): of each output of each sample one number, its projection on random weights, computed in double and recorded
 * when all reference cases passed. `test_mutants_forward --record` prints the file. An op without a line there is left out, unless --all.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/gradcheck.h"
#include "tests/mutants.h"
#include "tests/op_samples.h"

enum { MAX_LINES = 4000, NAME = 96 };

typedef struct line {
    char op[NAME], sample[NAME];
    int output;
    double value;
} line;

static line *lines;
static int n_lines;
static bool all;             /* --all: also ops that have no recorded values */

/* ---- the op, broken ---- */

/* A forward function has no argument of its own. */
static struct {
    const ad_op *op;
    int at, way;             /* output, or the first of two operands that are swapped */
} mutant;

static double get(const ad_buffer *b, int64_t i)
{
    return b->shape.dtype == AD_REAL ? ((const double *)b->data)[i] : ((const int32_t *)b->data)[i];
}

static void put(ad_buffer *b, int64_t i, double x)
{
    if (b->shape.dtype == AD_REAL) ((double *)b->data)[i] = x;
    else ((int32_t *)b->data)[i] = (int32_t)x;
}

/* The ways of mutants.c on a buffer: as a small tape of its own, which whole numbers go through as real ones. */
static void spoil(ad_buffer *b)
{
    int64_t n = ad_count(&b->shape);
    ad_shape real = b->shape;
    real.dtype = AD_REAL;
    double *x = malloc((size_t)n * sizeof *x + 1);
    for (int64_t i = 0; i < n; i++) x[i] = get(b, i);
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *y = mutant_ways[mutant.way].f(t, ad_constant(t, &real, x));
    const double *wrong = y ? ad_data(y) : NULL;
    for (int64_t i = 0; wrong && i < n; i++) put(b, i, b->shape.dtype == AD_REAL ? wrong[i] : ceil(wrong[i]));
    ad_tape_free(t);
    free(x);
}

static int partner(int n_in, const ad_shape *in)
{
    for (int j = mutant.at + 1; j < n_in; j++)
        if (mutant.at < n_in && in[mutant.at].rank >= 0 && in[mutant.at].dtype == in[j].dtype && ad_shape_equal(&in[mutant.at], &in[j])) return j;
    return -1;
}

static ad_status broken_forward(const ad_call *c)
{
    ad_call swapped = *c;
    ad_buffer in[AD_MAX_INPUTS];
    ad_shape shapes[AD_MAX_INPUTS];
    for (int i = 0; i < c->n_in; i++) {
        in[i] = c->in[i];
        shapes[i] = in[i].shape;
    }
    swapped.in = in;
    int other = mutant.way == MUTANT_SWAPPED ? partner(c->n_in, shapes) : -1;
    if (other >= 0) {
        in[mutant.at] = c->in[other];
        in[other] = c->in[mutant.at];
    }
    AD_TRY(mutant.op->forward(&swapped));
    if (mutant.way != MUTANT_SWAPPED && mutant.at < c->n_out && c->precision == AD_F64) spoil(&c->out[mutant.at]);
    return AD_OK;
}

static void broken_expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    ad_tensor *given[AD_MAX_INPUTS];
    ad_shape shapes[AD_MAX_INPUTS];
    for (int i = 0; i < n_in; i++) {
        given[i] = in[i];
        shapes[i] = in[i] ? *ad_tensor_shape(in[i]) : (ad_shape){ .rank = -1 };
    }
    int other = mutant.way == MUTANT_SWAPPED ? partner(n_in, shapes) : -1;
    if (other >= 0) {
        given[mutant.at] = in[other];
        given[other] = in[mutant.at];
    }
    mutant.op->expand(t, attr, n_in, given, out);
    bool real = mutant.way != MUTANT_SWAPPED && out[mutant.at] && ad_tensor_shape(out[mutant.at])->dtype == AD_REAL;
    if (real) out[mutant.at] = mutant_ways[mutant.way].f(t, out[mutant.at]);
}

/* ---- values ---- */

/* The projection of output k; *size gets the sum of its absolute terms. False if it cannot be computed. */
static bool project(const ad_op *op, const ad_sample *s, int k, double *sum, double *size)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *in[AD_MAX_OPERANDS], *out[AD_MAX_OUTPUTS] = { NULL };
    bool good = ad__sample_record(t, op, s, in, out) == AD_OK;
    *sum = *size = 0;
    for (int i = 0; good && i < s->n_in; i++) {
        if (!in[i]) continue;
        void *values = malloc((size_t)ad_count(&s->in[i]) * sizeof(double) + 1);
        ad__sample_fill(s, i, AD_F64, values);
        good = ad_set(in[i], values) == AD_OK;
        free(values);
    }
    good = good && ad_data(out[k]);
    for (int64_t i = 0; good && i < ad_count(ad_tensor_shape(out[k])); i++) {
        double x = ad_value(out[k], i), w = ad__projection(20 + k, i);
        if (!isfinite(x)) x = 1e3;
        *sum += w * x;
        *size += fabs(w * x);
    }
    ad_error_clear(ad_ctx_error(ctx));
    ad_tape_free(t);
    return good;
}

static bool near(double a, double b, double size)
{
    return fabs(a - b) <= 1e-9 * fmax(size, 1e-6);
}

static bool differs(const ad_op *right, const ad_op *wrong, const ad_sample *s)
{
    double a, b, size, other;
    for (int k = 0; k < (right->n_out ? right->n_out : 1); k++) {
        if (!project(right, s, k, &a, &size)) return false;
        /* What cannot be computed any more, such as a place outside a table, is noticed too. */
        if (!project(wrong, s, k, &b, &other) || fabs(a - b) > 1e-4 * fmax(size, 1e-6)) return true;
    }
    return false;
}

static bool recorded_notices(const ad_op *wrong, const ad_sample *s)
{
    double sum, size;
    for (int i = 0; i < n_lines; i++) {
        if (strcmp(lines[i].op, wrong->name) != 0 || strcmp(lines[i].sample, s->name) != 0) continue;
        if (!project(wrong, s, lines[i].output, &sum, &size) || !near(sum, lines[i].value, size)) return true;
    }
    return false;
}

static bool gradients_notice(const ad_op *wrong, const ad_sample *s)
{
    ad_check c;
    bool noticed = ad_gradcheck_sample(ctx, wrong, s, 1, &c) != AD_OK;
    ad_error_clear(ad_ctx_error(ctx));
    return noticed;
}

static bool has_lines(const ad_op *op)
{
    for (int i = 0; i < n_lines; i++)
        if (strcmp(lines[i].op, op->name) == 0) return true;
    return false;
}

/* ---- the tests ---- */

static void every_output_is_as_recorded(void **state)
{
    int wrong = 0;
    for (int i = 0; i < n_lines; i++) {
        const ad_op *op = ad_op_find(ctx, lines[i].op);
        const ad_sample *s = op ? op->samples : NULL;
        double sum, size;
        while (s && s->name && strcmp(s->name, lines[i].sample) != 0) s++;
        if (!s || !s->name) print_error("%s, sample '%s': recorded, but not in the table\n", lines[i].op, lines[i].sample);
        else if (!project(op, s, lines[i].output, &sum, &size)) print_error("%s, sample '%s': cannot be computed\n", op->name, s->name);
        else if (!near(sum, lines[i].value, size))
            print_error("%s, sample '%s', output %d: %.15g, recorded %.15g\n", op->name, s->name, lines[i].output, sum, lines[i].value);
        else continue;
        wrong++;
    }
    assert_int_equal(wrong, 0);
    assert_true(n_lines > 300);
}

typedef struct tally {
    int mutants, killed, by_gradients;
} tally;

static void mutate(const ad_op *op, tally *t)
{
    ad_op copy = *op;
    bool real = false, by_gradients = false, killed = false;
    mutant.op = op;
    if (op->expand) copy.expand = broken_expand;
    else copy.forward = broken_forward;
    for (const ad_sample *s = op->samples; s->name && !killed; s++) {
        if (s->want != AD_OK || !differs(op, &copy, s)) continue;
        real = true;
        by_gradients = gradients_notice(&copy, s);
        killed = by_gradients || recorded_notices(&copy, s);
    }
    t->mutants += real;
    t->killed += killed;
    t->by_gradients += by_gradients;
    if (real && !killed) print_error("%s: %s %d, %s: not noticed\n", op->name, mutant.way == MUTANT_SWAPPED ? "operand" : "output", mutant.at,
                                     mutant_ways[mutant.way].name);
}

static void every_broken_output_is_noticed(void **state)
{
    tally t = { 0 };
    int untouched = 0;
    for (const ad_op *const *op = ad_ops; *op; op++) {
        int before = t.mutants, n_out = (*op)->n_out ? (*op)->n_out : 1;
        if ((*op)->flags & AD_ALIAS) continue;
        if (!all && !has_lines(*op)) {
            print_message("%s: no recorded values (test_mutants_forward --record)\n", (*op)->name);
            continue;
        }
        for (mutant.way = 0; mutant.way < MUTANT_WAYS; mutant.way++)
            for (mutant.at = 0; mutant.at < (mutant.way == MUTANT_SWAPPED ? AD_MAX_OPERANDS : n_out); mutant.at++) mutate(*op, &t);
        if (t.mutants == before) print_error("%s: nothing breaks it\n", (*op)->name);
        untouched += t.mutants == before;
    }
    print_message("mutants killed: %d of %d, %d of them by the gradient check\n", t.killed, t.mutants, t.by_gradients);
    assert_int_equal(untouched, 0);
    assert_int_equal(t.killed, t.mutants);
    assert_true(t.mutants > 800);
}

/* ---- the file ---- */

static void record(void)
{
    double sum, size;
    for (const ad_op *const *op = ad_ops; *op; op++)
        for (const ad_sample *s = (*op)->samples; s->name; s++)
            for (int k = 0; s->want == AD_OK && k < ((*op)->n_out ? (*op)->n_out : 1); k++)
                if (project(*op, s, k, &sum, &size)) printf("%s\t%s\t%d\t%.15g\n", (*op)->name, s->name, k, sum);
}

static void read_lines(void)
{
    char path[4096];
    const char *source = getenv("srcdir");
    snprintf(path, sizeof path, "%s/tests/op_values.expected", source ? source : ".");
    FILE *f = fopen(path, "r");
    lines = calloc(MAX_LINES, sizeof *lines);
    if (!f) return;
    while (n_lines < MAX_LINES && fscanf(f, "%95[^\t]\t%95[^\t]\t%d\t%lf ", lines[n_lines].op, lines[n_lines].sample, &lines[n_lines].output,
                                         &lines[n_lines].value) == 4)
        n_lines++;
    fclose(f);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_output_is_as_recorded), cmocka_unit_test(every_broken_output_is_noticed) };
    if (open_ctx(NULL) != 0) return 1;
    int failed = 0;
    if (argc > 1 && strcmp(argv[1], "--record") == 0) record();
    else {
        all = argc > 1 && strcmp(argv[1], "--all") == 0;
        read_lines();
        failed = cmocka_run_group_tests_name("broken outputs", tests, NULL, NULL);
    }
    free(lines);
    close_ctx(NULL);
    return failed;
}

/*
 * test_directional.c - derivatives along a direction, J v and H v, against difference quotients in double: of every sample of every op,
 * and where the answer is known.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/gradcheck.h"
#include "tests/op_samples.h"

#define MOST (AD_MAX_OUTPUTS > AD_MAX_OPERANDS ? AD_MAX_OUTPUTS : AD_MAX_OPERANDS)

/* ---- every op ---- */

typedef struct line {
    const op_sample *p;
    ad_tape *tape;
    int n_wrt, n, wrt_index[AD_MAX_OPERANDS];
    ad_tensor *in[AD_MAX_OPERANDS], *wrt[AD_MAX_OPERANDS], *direction[AD_MAX_OPERANDS];
    ad_program *program;
    ad_tensor *value[MOST];      /* what is projected; NULL counts as 0 */
} line;

static ad_tensor *weights(ad_tape *t, const ad_shape *s, int k)
{
    int64_t n = ad_count(s);
    double *values = malloc(((size_t)n + 1) * sizeof *values);
    for (int64_t i = 0; i < n; i++) values[i] = ad__projection(k, i);
    ad_tensor *w = ad_constant(t, s, values);
    free(values);
    return w;
}

/* Runs the line's program with the inputs moved by `step` along the direction; the projection of its values. */
static double projected_at(void *arg, double step, ad_status *status)
{
    line *l = arg;
    double sum = 0;
    for (int i = 0; i < l->p->sample->n_in; i++) {
        void *to = l->in[i] ? ad_program_data(l->program, l->in[i]) : NULL;
        if (to) ad__sample_fill(l->p->sample, i, AD_F64, to);
        for (int k = 0; to && k < l->n_wrt; k++)
            for (int64_t j = 0; l->wrt_index[k] == i && j < ad_count(ad_tensor_shape(l->wrt[k])); j++)
                ((double *)to)[j] += step * ad__projection(40 + k, j);
    }
    if (*status == AD_OK) *status = ad_run(l->program, NULL);
    for (int k = 0; *status == AD_OK && k < l->n; k++) {
        const double *x = l->value[k] ? ad_program_data(l->program, l->value[k]) : NULL;
        for (int64_t j = 0; x && j < ad_count(ad_tensor_shape(l->value[k])); j++) sum += ad__projection(60 + k, j) * x[j];
    }
    return sum;
}

static void compile(line *l, int n, ad_tensor *const *value)
{
    ad_tensor *there[MOST];
    int count = 0;
    l->n = n;
    for (int k = 0; k < n; k++) {
        l->value[k] = value[k] && ad_tensor_shape(value[k])->dtype == AD_REAL ? value[k] : NULL;
        if (l->value[k]) there[count++] = value[k];
    }
    ad_program_free(l->program);
    l->program = NULL;
    if (count == 0) {
        l->n = 0;
        return;
    }
    if (ad_compile(l->tape, count, there, &(ad_plan_options){ .no_commits = true }, &l->program) != AD_OK)
        fail_msg("%s: %s", l->p->op->name, ad_ctx_message(ctx));
}

/* Projection of `product` against the quotient of the projection of `value`, both n tensors. */
static void compare(line *l, int n, ad_tensor *const *value, ad_tensor *const *product, const char *what)
{
    ad_check c = { 0 };
    ad_status s = AD_OK;
    double size = 0, tolerance = l->p->sample->tolerance > 0 ? l->p->sample->tolerance : AD__GRADCHECK_TOLERANCE;
    compile(l, n, product);
    double analytic = l->program ? projected_at(l, 0, &s) : 0;
    compile(l, n, value);
    if (!l->program) return;
    projected_at(l, 0, &s);
    for (int k = 0; s == AD_OK && k < l->n; k++) {
        const double *x = l->value[k] ? ad_program_data(l->program, l->value[k]) : NULL;
        for (int64_t j = 0; x && j < ad_count(ad_tensor_shape(l->value[k])); j++) size += fabs(x[j]);
    }
    if (s == AD_OK) s = ad__compare(&(ad__line){ projected_at, l }, analytic, 1e-4, fmax(1e-3, 1e-3 * size), tolerance, 0, 0, &c);
    if (s != AD_OK) fail_msg("%s: %s", l->p->op->name, ad_ctx_message(ctx));
    if (c.kinks) fail_msg("%s, sample '%s': the line crosses a kink", l->p->op->name, l->p->sample->name);
    if (c.worst > tolerance)
        fail_msg("%s, sample '%s': %s along a direction is %.12g, differences give %.12g", l->p->op->name, l->p->sample->name, what, c.analytic,
                 c.numeric);
}

static void record(line *l, ad_tensor **out)
{
    const ad_sample *s = l->p->sample;
    if (ad__sample_record(l->tape, l->p->op, s, l->in, out) != AD_OK) fail_msg("%s: %s", l->p->op->name, ad_ctx_message(ctx));
    for (int i = 0; i < s->n_in; i++) {
        if (!l->in[i] || s->in[i].dtype != AD_REAL || (s->no_gradient & 1u << i)) continue;
        l->wrt_index[l->n_wrt] = i;
        l->direction[l->n_wrt] = weights(l->tape, &s->in[i], 40 + l->n_wrt);
        l->wrt[l->n_wrt++] = l->in[i];
    }
}

static void along_a_direction(void **state)
{
    line l = { .p = *state, .tape = ad_tape_new(ctx, AD_F64) };
    int n_out = l.p->op->n_out ? l.p->op->n_out : 1;
    ad_tensor *out[AD_MAX_OUTPUTS], *jv[AD_MAX_OUTPUTS], *hv[AD_MAX_OPERANDS], *grad[AD_MAX_OPERANDS], *loss = NULL;
    ad_error_clear(ad_ctx_error(ctx));
    record(&l, out);
    if (ad_jvp(l.tape, n_out, out, l.n_wrt, l.wrt, l.direction, jv) != AD_OK) fail_msg("%s: jvp: %s", l.p->op->name, ad_ctx_message(ctx));
    compare(&l, n_out, out, jv, "J v");
    for (int k = 0; k < n_out; k++) {
        if (ad_tensor_shape(out[k])->dtype != AD_REAL) continue;
        ad_tensor *term = ad_sum(l.tape, ad_mul(l.tape, out[k], weights(l.tape, ad_tensor_shape(out[k]), 80 + k)), NULL, false);
        loss = loss ? ad_add(l.tape, loss, term) : term;
    }
    if (loss) {
        if (ad_gradients(l.tape, loss, l.n_wrt, l.wrt, grad) != AD_OK || ad_hvp(l.tape, loss, l.n_wrt, l.wrt, l.direction, hv) != AD_OK)
            fail_msg("%s: hvp: %s", l.p->op->name, ad_ctx_message(ctx));
        compare(&l, l.n_wrt, grad, hv, "H v");
    }
    ad_program_free(l.program);
    ad_tape_free(l.tape);
}

/* ---- by hand ---- */

static ad_tensor *vector(ad_tape *t, int n, const double *values)
{
    return ad_constant(t, &(ad_shape){ 1, { n } }, values);
}

static void expect(ad_tensor *x, int n, const double *want)
{
    assert_non_null(x);
    for (int i = 0; i < n; i++)
        if (!(fabs(ad_value(x, i) - want[i]) <= 1e-13 * fmax(1, fabs(want[i])))) fail_msg("element %d is %.17g, want %.17g", i, ad_value(x, i), want[i]);
}

/* y = (x0 x1, x1^2), f = x0^2 x1 + x1^3: J v and H v on paper; a direction that is left out is zero; what is known to be zero is NULL. */
static void products_on_paper(void **state)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *x = vector(t, 2, (const double[]){ 2, 3 }), *a = ad_slice(t, x, 0, 0, 1), *b = ad_slice(t, x, 0, 1, 1);
    ad_tensor *v = vector(t, 2, (const double[]){ 5, 7 }), *none = NULL, *lone = vector(t, 1, (const double[]){ 1 });
    ad_tensor *y[3] = { ad_mul(t, a, b), ad_square(t, b), lone }, *jv[3], *hv[1];
    assert_int_equal(ad_jvp(t, 3, y, 1, &x, &v, jv), AD_OK);
    expect(jv[0], 1, (const double[]){ 5 * 3 + 2 * 7 });
    expect(jv[1], 1, (const double[]){ 2 * 3 * 7 });
    assert_null(jv[2]);
    ad_tensor *f = ad_sum(t, ad_add(t, ad_mul(t, ad_square(t, a), b), ad_power(t, b, 3)), NULL, false);
    assert_int_equal(ad_hvp(t, f, 1, &x, &v, hv), AD_OK);
    expect(hv[0], 2, (const double[]){ 2 * 3 * 5 + 2 * 2 * 7, 2 * 2 * 5 + 6 * 3 * 7 });
    assert_int_equal(ad_hvp(t, f, 1, &x, &none, hv), AD_OK);
    assert_null(hv[0]);
    assert_int_equal(ad_hvp(t, ad_sum(t, x, NULL, false), 1, &x, &v, hv), AD_OK);
    assert_null(hv[0]);
    /* Products can be differentiated: d/dx of v . H v. */
    ad_tensor *slope, *third;
    assert_int_equal(ad_hvp(t, f, 1, &x, &v, hv), AD_OK);
    slope = ad_sum(t, ad_mul(t, hv[0], v), NULL, false);
    assert_int_equal(ad_gradients(t, slope, 1, &x, &third), AD_OK);
    expect(third, 2, (const double[]){ 4 * 5 * 7, 2 * 5 * 5 + 6 * 7 * 7 });
    ad_tape_free(t);
}

static void wrong_directions_are_refused(void **state)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *x = vector(t, 2, (const double[]){ 2, 3 }), *v = vector(t, 3, (const double[]){ 5, 7, 9 }), *out[1], *none = NULL;
    assert_int_equal(ad_jvp(t, 1, &x, 1, &x, &v, out), AD_ESHAPE);
    assert_non_null(strstr(ad_ctx_message(ctx), "direction 0 is [3], the input [2]"));
    ad_error_clear(ad_ctx_error(ctx));
    assert_int_equal(ad_jvp(t, 1, &none, 1, &x, &x, out), AD_EUSAGE);
    ad_error_clear(ad_ctx_error(ctx));
    assert_int_equal(ad_hvp(t, x, 1, &x, &x, out), AD_ESHAPE);
    ad_error_clear(ad_ctx_error(ctx));
    assert_false(ad_tape_failed(t));
    ad_tape_free(t);
}

static bool has_derivatives(const ad_op *op, const ad_sample *s)
{
    return s->want == AD_OK && !(op->flags & AD_STOPS_GRADIENT);
}

/* test_directional [OP]: all ops, or one. */
int main(int argc, char **argv)
{
    const struct CMUnitTest first[] = { cmocka_unit_test(products_on_paper), cmocka_unit_test(wrong_directions_are_refused) };
    return run_op_samples("derivatives along a direction", 2, first, along_a_direction, has_derivatives, argc > 1 ? argv[1] : NULL, open_ctx,
                          close_ctx);
}

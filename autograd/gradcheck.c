/*
 * gradcheck.c - gradient rules against difference quotients, in double.
 *
 * A derivative is compared with the fourth-order quotient
 *
 *   D(h) = (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h
 *
 * A random projection makes one number of all outputs, since a plain sum hides errors that cancel. Where D(h) differs from the
 * derivative, D(h/10) decides: it may agree (the function bends strongly); or the two quotients disagree with each other, then
 * the stencil crosses a kink, which is counted and reported, not compared; or they agree, then the derivative is wrong.
 */
#include "autograd/gradcheck.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/internal.h"

/* ---- one derivative ---- */

static double quotient(const ad__line *l, double h, ad_status *s)
{
    double near = l->f(l->arg, h, s) - l->f(l->arg, -h, s), far = l->f(l->arg, 2 * h, s) - l->f(l->arg, -2 * h, s);
    return (8 * near - far) / (12 * h);
}

static double relative(double a, double b, double floor)
{
    double size = fmax(fmax(fabs(a), fabs(b)), floor);
    return size > 0 ? fabs(a - b) / size : 0;
}

ad_status ad__compare(const ad__line *l, double analytic, double h, double floor, double tolerance, int input, int64_t element,
                      ad_check *out)
{
    ad_status s = AD_OK;
    double numeric = quotient(l, h, &s), error = relative(analytic, numeric, floor);
    if (error > tolerance) {
        double finer = quotient(l, h / 10, &s), finer_error = relative(analytic, finer, floor);
        if (finer_error > tolerance && relative(numeric, finer, floor) > tolerance / 2) {
            out->kinks++;
            return s;
        }
        if (finer_error < error) {
            error = finer_error;
            numeric = finer;
        }
    }
    out->checked++;
    if (isnan(error)) error = INFINITY;
    if (error > out->worst || out->checked == 1) {
        out->worst = error;
        out->input = input;
        out->element = element;
        out->analytic = analytic;
        out->numeric = numeric;
    }
    return s;
}

/* ---- samples ---- */

double ad__projection(int k, int64_t i)
{
    const uint64_t key = 0x70726f6a65637473;      /* any number will do */
    double u = ad_uniform(key, (uint64_t)k, 0, (uint64_t)i);
    return u < 0.5 ? -1.5 + 2 * u : 2 * u - 0.5;
}

static void sample_range(const ad_sample *s, int i, double *lo, double *hi)
{
    *lo = s->lo;
    *hi = s->hi;
    if (i < AD_MAX_OPERANDS && s->range[i].lo < s->range[i].hi) {
        *lo = s->range[i].lo;
        *hi = s->range[i].hi;
    } else if (*lo == 0 && *hi == 0) {
        *lo = -1;
        *hi = 1;
    }
}

/* A random order of 0..n-1: element i of it goes to where[i]. */
static void shuffle(uint64_t key, int64_t n, double *where)
{
    for (int64_t i = 0; i < n; i++)
        where[i] = (double)i;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = (int64_t)(ad_uniform(key, 1, 0, (uint64_t)i) * (double)(i + 1));
        double kept = where[i];
        where[i] = where[j];
        where[j] = kept;
    }
}

void ad__sample_fill(const ad_sample *s, int i, ad_precision p, void *values)
{
    char name[80];
    double lo, hi, *order = NULL;
    int64_t n = ad_count(&s->in[i]);
    snprintf(name, sizeof name, "%s/%d", s->name, i);
    uint64_t key = ad_key(0, "sample", name);
    sample_range(s, i, &lo, &hi);
    if (s->distinct && s->in[i].dtype == AD_REAL && (order = malloc((size_t)n * sizeof *order))) shuffle(key, n, order);
    for (int64_t k = 0; k < n; k++) {
        double u = order ? (order[k] + 0.5) / (double)n : ad_uniform(key, 0, 0, (uint64_t)k);
        if (s->in[i].dtype == AD_I32) ((int32_t *)values)[k] = (int32_t)(lo + floor(u * (hi - lo + 1)));
        else if (s->in[i].dtype == AD_U8) ((uint8_t *)values)[k] = (uint8_t)(lo + floor(u * (hi - lo + 1)));
        else if (p == AD_F64) ((double *)values)[k] = (double)(float)(lo + u * (hi - lo));
        else ((float *)values)[k] = (float)(lo + u * (hi - lo));
    }
    free(order);
}

ad_status ad__sample_attr(ad_error *e, const ad_op *op, const ad_sample *s, void *storage, const void **attr)
{
    *attr = s->attr;
    if (s->attr || !op->attr_size) return AD_OK;
    *attr = storage;
    return ad_attr_parse(e, op, s->attr_text, storage);
}

ad_status ad__sample_record(ad_tape *t, const ad_op *op, const ad_sample *s, ad_tensor **in, ad_tensor **out)
{
    _Alignas(16) char storage[1024];
    const void *attr;
    AD_TRY(ad__sample_attr(&t->ctx->error, op, s, storage, &attr));
    for (int i = 0; i < s->n_in; i++) {
        char name[16];
        snprintf(name, sizeof name, "x%d", i);
        in[i] = s->in[i].rank < 0 ? NULL : ad_input(t, name, &s->in[i]);
        if (s->in[i].rank >= 0 && !in[i]) return t->ctx->error.status;
    }
    return ad_record(t, op, attr, s->n_in, in, out);
}

/* ---- the check of a sample ---- */

#define MAX_TENSORS (AD_MAX_OUTPUTS > AD_MAX_OPERANDS ? AD_MAX_OUTPUTS : AD_MAX_OPERANDS)

typedef struct checker {
    ad_ctx *ctx;
    const ad_op *op;
    const ad_sample *sample;
    ad_tape *tape;
    ad_tensor *in[AD_MAX_OPERANDS], *out[AD_MAX_OUTPUTS];
    void *values[AD_MAX_OPERANDS];            /* of the inputs */
    int n_wrt, wrt_index[AD_MAX_OPERANDS];
    ad_tensor *wrt[AD_MAX_OPERANDS];
    /* what is projected at present, and where on the line */
    ad_program *program;
    int n;
    ad_tensor *value[MAX_TENSORS];            /* NULL counts as 0 */
    int input;
    int64_t element;
} checker;

static ad_status run(checker *k, ad_program *p)
{
    for (int i = 0; i < k->sample->n_in; i++) {
        void *to = k->in[i] ? ad_program_data(p, k->in[i]) : NULL;
        if (to) memcpy(to, k->values[i], ad_shape_bytes(&k->sample->in[i], AD_F64));
    }
    return ad_run(p, NULL);
}

/* Sum over tensors and elements of weight * value; *size gets the sum of the absolute terms. */
static double project(const checker *k, double *size)
{
    double sum = 0;
    *size = 0;
    for (int i = 0; i < k->n; i++) {
        const double *x = k->value[i] ? ad_program_data(k->program, k->value[i]) : NULL;
        for (int64_t j = 0, n = x ? ad_count(&k->value[i]->shape) : 0; j < n; j++) {
            sum += ad__projection(i, j) * x[j];
            *size += fabs(x[j]);
        }
    }
    return sum;
}

static double projected_at(void *arg, double step, ad_status *status)
{
    checker *k = arg;
    double *x = (double *)k->values[k->input] + k->element, kept = *x, size;
    *x = kept + step;
    if (*status == AD_OK) *status = run(k, k->program);
    *x = kept;
    return *status == AD_OK ? project(k, &size) : NAN;
}

/* The same projection as records: sum over k of sum(value[k] * weights). */
static ad_tensor *record_projection(checker *k)
{
    ad_tensor *total = NULL;
    for (int i = 0; i < k->n; i++) {
        if (!k->value[i]) continue;
        int64_t n = ad_count(&k->value[i]->shape);
        double *w = malloc((size_t)(n ? n : 1) * sizeof *w);
        if (!w) return NULL;
        for (int64_t j = 0; j < n; j++)
            w[j] = ad__projection(i, j);
        ad_tensor *weights = ad_constant(k->tape, &k->value[i]->shape, w);
        free(w);
        ad_tensor *term = ad_apply(k->tape, "mul", NULL, 2, (ad_tensor *[]){ k->value[i], weights });
        term = ad_apply(k->tape, "sum", NULL, 1, &term);
        total = total ? ad_apply(k->tape, "add", NULL, 2, (ad_tensor *[]){ total, term }) : term;
    }
    return total;
}

static ad_status compile(checker *k, int n, ad_tensor *const *values, ad_program **p)
{
    ad_tensor *outs[MAX_TENSORS];
    int there = 0;
    for (int i = 0; i < n; i++)
        if (values[i]) outs[there++] = values[i];
    return ad_compile(k->tape, there, outs, &(ad_plan_options){ .no_commits = true }, p);
}

/* Largest of |analytic| over all inputs, which sets the scale of the errors. */
static double largest(const checker *k, double *const *analytic)
{
    double most = 0;
    for (int i = 0; i < k->n_wrt; i++)
        for (int64_t j = 0, n = ad_count(&k->wrt[i]->shape); j < n; j++)
            most = fmax(most, fabs(analytic[i][j]));
    return most;
}

/* Compares the gradients of the projection of k->value with quotients, element by element. */
static ad_status compare_all(checker *k, double *const *analytic, ad_check *out)
{
    double size, tolerance = k->sample->tolerance > 0 ? k->sample->tolerance : AD__GRADCHECK_TOLERANCE;
    AD_TRY(compile(k, k->n, k->value, &k->program));
    ad_status s = run(k, k->program);
    if (s == AD_OK) {
        project(k, &size);
        double floor = fmax(1e-3 * largest(k, analytic), 1e-4 * size);
        for (int i = 0; s == AD_OK && i < k->n_wrt; i++)
            for (int64_t j = 0, n = ad_count(&k->wrt[i]->shape); s == AD_OK && j < n; j++) {
                k->input = k->wrt_index[i];
                k->element = j;
                double h = fmin(fmax(1e-4, 1e-3 * fabs(((double *)k->values[k->input])[j])), 1e-3);
                s = ad__compare(&(ad__line){ projected_at, k }, analytic[i][j], h, floor, tolerance, k->input, j, out);
            }
    }
    ad_program_free(k->program);
    k->program = NULL;
    return s;
}

/* Values of the gradients; zeros where there is none. */
static ad_status gradient_values(checker *k, ad_tensor *const *grads, double **analytic)
{
    ad_program *p = NULL;
    bool any = false;
    for (int i = 0; i < k->n_wrt; i++) {
        analytic[i] = calloc((size_t)ad_count(&k->wrt[i]->shape) + 1, sizeof **analytic);
        if (!analytic[i]) return AD_FAIL(&k->ctx->error, ENOMEM, "gradient check: out of memory");
        any = any || grads[i];
    }
    if (!any) return AD_OK;
    AD_TRY(compile(k, k->n_wrt, grads, &p));
    ad_status s = run(k, p);
    for (int i = 0; s == AD_OK && i < k->n_wrt; i++)
        if (grads[i]) memcpy(analytic[i], ad_program_data(p, grads[i]), ad_shape_bytes(&k->wrt[i]->shape, AD_F64));
    ad_program_free(p);
    return s;
}

/* Differentiates the projection of k->value, compares, and leaves the gradients in k->value for the next order. */
static ad_status check_order(checker *k, ad_check *out)
{
    ad_tensor *grads[AD_MAX_OPERANDS] = { NULL };
    double *analytic[AD_MAX_OPERANDS] = { NULL };
    ad_status s = AD_OK;
    ad_tensor *loss = record_projection(k);
    if (k->tape->failed) return k->ctx->error.status;
    if (loss) s = ad_gradients(k->tape, loss, k->n_wrt, k->wrt, grads);
    if (s == AD_OK) s = gradient_values(k, grads, analytic);
    if (s == AD_OK && loss) s = compare_all(k, analytic, out);
    for (int i = 0; i < k->n_wrt; i++)
        free(analytic[i]);
    k->n = k->n_wrt;
    memcpy(k->value, grads, sizeof grads);
    return s;
}

static ad_status check_sample(checker *k, int order, ad_check *out)
{
    AD_TRY(ad__sample_record(k->tape, k->op, k->sample, k->in, k->out));
    for (int i = 0; i < k->sample->n_in; i++) {
        if (!k->in[i]) continue;
        size_t bytes = ad_shape_bytes(&k->sample->in[i], AD_F64);
        if (!(k->values[i] = malloc(bytes ? bytes : 1))) return AD_FAIL(&k->ctx->error, ENOMEM, "gradient check: out of memory");
        ad__sample_fill(k->sample, i, AD_F64, k->values[i]);
        if (k->sample->in[i].dtype != AD_REAL || (k->sample->no_gradient & 1u << i)) continue;
        k->wrt_index[k->n_wrt] = i;
        k->wrt[k->n_wrt++] = k->in[i];
    }
    if (k->op->flags & AD_STOPS_GRADIENT) k->n_wrt = 0;
    for (int i = 0; i < (k->op->n_out ? k->op->n_out : 1); i++)
        if (k->out[i]->shape.dtype == AD_REAL) k->value[k->n++] = k->out[i];
    for (int i = 1; k->n_wrt > 0 && i <= order; i++)
        AD_TRY(check_order(k, out));
    return AD_OK;
}

ad_status ad_gradcheck_sample(ad_ctx *ctx, const ad_op *op, const ad_sample *s, int order, ad_check *out)
{
    checker k = { .ctx = ctx, .op = op, .sample = s, .tape = ad_tape_new(ctx, AD_F64) };
    double tolerance = s->tolerance > 0 ? s->tolerance : AD__GRADCHECK_TOLERANCE;
    *out = (ad_check){ .input = -1, .element = -1 };
    if (!k.tape) return ctx->error.status;
    ad_status status = check_sample(&k, order, out);
    for (int i = 0; i < AD_MAX_OPERANDS; i++)
        free(k.values[i]);
    ad_tape_free(k.tape);
    if (s->want != AD_OK) {
        if (status == AD_OK) return AD_FAIL(&ctx->error, ECHECK, "%s, sample '%s': was not refused", op->name, s->name);
        if (status == s->want) ad_error_clear(&ctx->error);
        return status == s->want ? AD_OK : status;
    }
    AD_TRY(status);
    if (out->worst > tolerance)
        return AD_FAIL(&ctx->error, ECHECK,
                       "%s, sample '%s': the gradient by input %d, element %lld is %.12g, differences give %.12g",
                       op->name, s->name, out->input, (long long)out->element, out->analytic, out->numeric);
    return AD_OK;
}

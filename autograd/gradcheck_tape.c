/*
 * gradcheck_tape.c - the gradient of a whole model against difference quotients, in double: along random directions through all
 * parameters at once, and by single weights. For second derivatives, the same of the loss's derivative along a fixed random direction.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/gradcheck.h"
#include "autograd/internal.h"

/* A step along a random direction moves every weight, and so brings many units near their kinks: it must be short. */
#define DIRECTION_STEP 1e-5
#define WEIGHT_STEP 1e-4
#define SLOPE 1000000       /* number of the direction whose slope is taken: none of those along which it is checked */

typedef struct model {
    ad_tensor *loss;
    ad_params *params;
    ad_run_options options;
    ad_program *program;         /* of the loss */
    int n;                       /* parameters */
    ad_entry **entry;
    double **gradient;           /* of each, NULL where the loss does not depend on it */
    int64_t elements;
    uint64_t key;
    /* the line: along direction `direction`, or by one weight of one parameter */
    int direction, index;
    int64_t element;
} model;

/* Copies what ad_set gave to the inputs that the program reads. */
static void set_inputs(const ad_tape *t, ad_program *p)
{
    for (int i = 0; i < t->n_tensors; i++) {
        const ad_tensor *x = t->tensors[i];
        void *to = x->leaf == AD__INPUT && x->value ? ad_program_data(p, x) : NULL;
        if (to) memcpy(to, x->value, ad_shape_bytes(&x->shape, t->precision));
    }
}

static ad_status run(const model *m, ad_program *p)
{
    set_inputs(m->loss->tape, p);
    return ad_run(p, &m->options);
}

static double component(const model *m, int direction, int64_t i)
{
    return ad_normal(m->key, (uint64_t)direction, 0, (uint64_t)i);
}

/* Moves the parameters by `step` along the line. */
static void move(const model *m, double step)
{
    if (m->direction < 0) {
        ((double *)m->entry[m->index]->data)[m->element] += step;
        return;
    }
    int64_t i = 0;
    for (int k = 0; k < m->n; k++)
        for (int64_t j = 0, n = ad_count(&m->entry[k]->shape); j < n; j++, i++)
            ((double *)m->entry[k]->data)[j] += step * component(m, m->direction, i);
}

static double *save(const model *m)
{
    double *kept = malloc(((size_t)m->elements + 1) * sizeof *kept), *at = kept;
    for (int k = 0; kept && k < m->n; k++) {
        memcpy(at, m->entry[k]->data, ad_shape_bytes(&m->entry[k]->shape, AD_F64));
        at += ad_count(&m->entry[k]->shape);
    }
    return kept;
}

static void restore(const model *m, const double *kept)
{
    for (int k = 0; k < m->n; k++) {
        memcpy(m->entry[k]->data, kept, ad_shape_bytes(&m->entry[k]->shape, AD_F64));
        kept += ad_count(&m->entry[k]->shape);
    }
}

typedef struct probe {
    const model *model;
    const double *kept;
} probe;

static double loss_at(void *arg, double step, ad_status *status)
{
    const probe *p = arg;
    if (*status != AD_OK) return NAN;
    move(p->model, step);
    *status = run(p->model, p->model->program);
    restore(p->model, p->kept);
    return *status == AD_OK ? *(const double *)ad_program_data(p->model->program, p->model->loss) : NAN;
}

static double along(const model *m, int direction)
{
    double sum = 0;
    int64_t i = 0;
    for (int k = 0; k < m->n; k++)
        for (int64_t j = 0, n = ad_count(&m->entry[k]->shape); j < n; j++, i++)
            if (m->gradient[k]) sum += m->gradient[k][j] * component(m, direction, i);
    return sum;
}

/* The parameters as tensors of the tape. */
static ad_status find_leaves(const model *m, ad_tensor **leaf)
{
    for (int k = 0; k < m->n; k++)
        if (!(leaf[k] = ad_parameter(m->loss->tape, m->params, m->entry[k]->path))) return m->loss->tape->ctx->error.status;
    return AD_OK;
}

/* Puts the loss's derivative along one direction in its place. */
static ad_status take_slope(model *m)
{
    ad_tape *t = m->loss->tape;
    ad_error *e = &t->ctx->error;
    ad_tensor **leaf = calloc((size_t)m->n + 1, sizeof *leaf), **direction = calloc((size_t)m->n + 1, sizeof *direction), *slope = NULL;
    double *values = malloc(((size_t)m->elements + 1) * sizeof *values);
    ad_status s = leaf && direction && values ? find_leaves(m, leaf) : AD_FAIL(e, ENOMEM, "gradient check: out of memory");
    int64_t at = 0;
    for (int k = 0; s == AD_OK && k < m->n; k++) {
        int64_t n = ad_count(&m->entry[k]->shape);
        for (int64_t j = 0; j < n; j++) values[j] = component(m, SLOPE, at + j);
        at += n;
        if (!(direction[k] = ad_constant(t, &m->entry[k]->shape, values))) s = e->status;
    }
    if (s == AD_OK) s = ad__slope(t, m->loss, m->n, leaf, direction, &slope);
    if (s == AD_OK && !slope) s = AD_FAIL(e, EUSAGE, "gradient check: the loss does not depend on the parameters");
    if (s == AD_OK) m->loss = slope;
    free(leaf);
    free(direction);
    free(values);
    return s;
}

static ad_status read_gradients(model *m)
{
    ad_tape *t = m->loss->tape;
    ad_error *e = &t->ctx->error;
    ad_tensor **leaf = calloc((size_t)m->n + 1, sizeof *leaf), **grad = calloc((size_t)m->n + 1, sizeof *grad);
    ad_tensor **there = calloc((size_t)m->n + 1, sizeof *there);
    ad_program *p = NULL;
    int n = 0;
    ad_status s = leaf && grad && there ? find_leaves(m, leaf) : AD_FAIL(e, ENOMEM, "gradient check: out of memory");
    if (s == AD_OK) s = ad_gradients(t, m->loss, m->n, leaf, grad);
    for (int k = 0; s == AD_OK && k < m->n; k++)
        if (grad[k]) there[n++] = grad[k];
    if (s == AD_OK && n > 0) s = ad_compile(t, n, there, &(ad_plan_options){ .no_commits = true }, &p);
    if (p) s = run(m, p);
    for (int k = 0; s == AD_OK && k < m->n; k++) {
        if (!grad[k]) continue;
        size_t bytes = ad_shape_bytes(&m->entry[k]->shape, AD_F64);
        m->gradient[k] = malloc(bytes ? bytes : 1);
        if (m->gradient[k]) memcpy(m->gradient[k], ad_program_data(p, grad[k]), bytes);
        else s = AD_FAIL(e, ENOMEM, "gradient check: out of memory");
    }
    ad_program_free(p);
    free(leaf);
    free(grad);
    free(there);
    return s;
}

/* Norm and largest element of the gradient. */
static void scale(const model *m, double *norm, double *most)
{
    double sum = 0;
    *most = 0;
    for (int k = 0; k < m->n; k++)
        for (int64_t j = 0, n = m->gradient[k] ? ad_count(&m->entry[k]->shape) : 0; j < n; j++) {
            sum += m->gradient[k][j] * m->gradient[k][j];
            *most = fmax(*most, fabs(m->gradient[k][j]));
        }
    *norm = sqrt(sum);
}

/* The quotient of a loss L carries an error of about 1e-15 L / h, which must stay below the tolerance times the floor. */
static double noise_floor(double loss, double h)
{
    return 1e-15 * fabs(loss) / h / AD__GRADCHECK_TOLERANCE;
}

static ad_status check_lines(model *m, int n_directions, int n_single, ad_check *out)
{
    double norm, most, *kept = save(m);
    if (!kept) return AD_FAIL(&m->loss->tape->ctx->error, ENOMEM, "gradient check: out of memory");
    ad_status s = run(m, m->program);
    double loss = s == AD_OK ? *(const double *)ad_program_data(m->program, m->loss) : 0;
    scale(m, &norm, &most);
    ad__line line = { loss_at, &(probe){ m, kept } };
    for (int i = 0; s == AD_OK && i < n_directions; i++) {
        m->direction = i;
        double floor = fmax(1e-2 * norm, noise_floor(loss, DIRECTION_STEP));
        s = ad__compare(&line, along(m, i), DIRECTION_STEP, floor, AD__GRADCHECK_TOLERANCE, -1, i, out);
    }
    m->direction = -1;
    for (int i = 0; s == AD_OK && i < n_single; i++) {
        int64_t at = (int64_t)(ad_uniform(m->key, 1, 1, (uint64_t)i) * (double)m->elements);
        for (m->index = 0; at >= ad_count(&m->entry[m->index]->shape); m->index++)
            at -= ad_count(&m->entry[m->index]->shape);
        m->element = at;
        double floor = fmax(1e-3 * most, noise_floor(loss, WEIGHT_STEP));
        double analytic = m->gradient[m->index] ? m->gradient[m->index][at] : 0;
        s = ad__compare(&line, analytic, WEIGHT_STEP, floor, AD__GRADCHECK_TOLERANCE, m->index, at, out);
    }
    free(kept);
    return s;
}

static ad_status report(const model *m, const ad_check *c)
{
    ad_error *e = &m->loss->tape->ctx->error;
    if (!(c->worst > AD__GRADCHECK_TOLERANCE)) return AD_OK;
    if (c->input < 0)
        return AD_FAIL(e, ECHECK, "the derivative along direction %lld is %.12g, differences give %.12g", (long long)c->element,
                       c->analytic,
                       c->numeric);
    return AD_FAIL(e, ECHECK, "the gradient by %s, element %lld is %.12g, differences give %.12g", m->entry[c->input]->path,
                   (long long)c->element, c->analytic, c->numeric);
}

static void forget(model *m)
{
    for (int k = 0; m->gradient && k < m->n; k++) {
        free(m->gradient[k]);
        m->gradient[k] = NULL;
    }
    ad_program_free(m->program);
    m->program = NULL;
}

static ad_status check_loss(model *m, int n_directions, int n_single, ad_check *out)
{
    forget(m);
    AD_TRY(read_gradients(m));
    AD_TRY(ad_compile(m->loss->tape, 1, &m->loss, &(ad_plan_options){ .no_commits = true }, &m->program));
    AD_TRY(check_lines(m, n_directions, n_single, out));
    return report(m, out);
}

ad_status ad_gradcheck_tape(ad_tensor *loss, ad_params *params, int order, int n_directions, int n_single, uint64_t seed, ad_check *out)
{
    ad_tape *t = loss->tape;
    ad_error *e = &t->ctx->error;
    *out = (ad_check){ .input = -1, .element = -1 };
    if (t->precision != AD_F64 || ad_params_precision(params) != AD_F64)
        return AD_FAIL(e, EUSAGE, "a gradient check needs a tape and parameters in double");
    model m = { .loss = loss, .params = params, .options = { .seed = t->seed, .step = t->step, .draw = t->draw },
                .key = ad_key(seed, "gradcheck", "") };
    int all = ad_params_count(params);
    m.entry = calloc((size_t)all + 1, sizeof(ad_entry *));
    m.gradient = calloc((size_t)all + 1, sizeof(double *));
    ad_status s = m.entry && m.gradient ? AD_OK : AD_FAIL(e, ENOMEM, "gradient check: out of memory");
    for (int i = 0; s == AD_OK && i < all; i++) {
        ad_entry *entry = ad_params_at(params, i);
        if (entry->slot != AD_SLOT_PARAM) continue;
        m.entry[m.n++] = entry;
        m.elements += ad_count(&entry->shape);
    }
    if (s == AD_OK && m.elements == 0) s = AD_FAIL(e, EUSAGE, "there are no parameters to check");
    if (s == AD_OK) s = check_loss(&m, n_directions, n_single, out);
    if (s == AD_OK && order == 2) s = take_slope(&m);
    if (s == AD_OK && order == 2) s = check_loss(&m, n_directions, n_single, out);
    forget(&m);
    free(m.gradient);
    free(m.entry);
    return s;
}

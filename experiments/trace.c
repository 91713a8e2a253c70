/*
 * trace.c - the reverse walk of one training step, one record at a time, with values. The tape is the forward part alone; the walk appends
 * the records of each gradient rule, and what is shown of an adjoint is computed when it is looked at, so what is passed over costs nothing.
 */
#include "config.h"

#include "experiments/experiment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct tracing {
    ad__training training;
    const ad_trace_options *options;
    ad_tape *tape;
    ad_recorded *recorded;
    ad_seen in[AD_MAX_INPUTS], out[AD_MAX_OUTPUTS];
} tracing;

/* The inputs of the second tape are those of the program: batch, schedules. */
static ad_status set_inputs(tracing *c)
{
    ad__training *t = &c->training;
    ad_recorded_scalar scalar;
    ad_bind in;
    for (int i = 0; ad_recorded_input_at(c->recorded, i, &in); i++) {
        const ad_tensor *from = ad_recorded_input(t->recorded, in.name);
        void *values = from ? ad_program_data(t->program, from) : NULL;
        void *zeros = values ? NULL : calloc(ad_shape_bytes(ad_tensor_shape(in.value), AD_F32) + 1, 1);
        ad_status s = values || zeros ? ad_set(in.value, values ? values : zeros) : AD_FAIL(t->error, ENOMEM, "no memory for '%s'", in.name);
        free(zeros);
        AD_TRY(s);
    }
    for (int i = 0; ad_recorded_scalar_at(c->recorded, i, &scalar); i++) {
        const float *value = ad_program_data(t->program, t->scalars[i].scalar.input);
        AD_TRY(ad_set(scalar.input, value ? value : &(float){ (float)scalar.standard }));
    }
    return AD_OK;
}

static ad_status look(tracing *c, ad_seen *seen, const char *operand, const ad_tensor *of)
{
    ad_tensor *adjoint = ad_gradient(c->tape, of);
    *seen = (ad_seen){ .operand = operand, .of = of, .wanted = adjoint != NULL };
    if (!adjoint) return AD_OK;
    const float *v = ad_data(adjoint);
    if (!v) return c->training.error->status;
    int64_t n = ad_count(ad_tensor_shape(adjoint));
    double sum = 0, least = INFINITY, largest = -INFINITY;
    for (int64_t k = 0; k < n; k++) {
        if (k < AD_SHOWN) seen->first[k] = (double)v[k];
        if (!isfinite(v[k])) {
            seen->bad++;
            continue;
        }
        sum += (double)v[k];
        if (v[k] < least) least = (double)v[k];
        if (v[k] > largest) largest = (double)v[k];
    }
    seen->least = least;
    seen->largest = largest;
    seen->mean = n > seen->bad ? sum / (double)(n - seen->bad) : NAN;
    return AD_OK;
}

static bool chosen(const ad_trace_options *o, int record, const ad_record_info *r)
{
    if (o->from && record > o->from) return false;
    return !o->only || !strcmp(r->op->name, o->only) || (r->place && r->place->path && strstr(r->place->path, o->only));
}

static const char *operand_name(const ad_op *op, int i)
{
    int k = 0;
    while (k < i && op->operands[k + 1].name) k++;
    return op->operands[k].name;
}

/* Adjoints going out are looked at after the step; whether there was one before it is known only before. */
static ad_status one(tracing *c, int record, bool *more)
{
    const ad_trace_options *o = c->options;
    bool had[AD_MAX_INPUTS];
    ad_traced traced = { .record = record, .first = ad_tape_count(c->tape), .in = c->in, .out = c->out };
    ad_tape_record(c->tape, record, &traced.info);
    const ad_record_info *r = &traced.info;
    bool shown = chosen(o, record, r);
    for (int k = 0; k < r->n_in; k++) had[k] = ad_gradient(c->tape, r->in[k]) != NULL;
    if (ad_gradients_step(c->tape) != record) return c->training.error->status;
    traced.last = ad_tape_count(c->tape);
    if (!shown) return AD_OK;
    for (int k = 0; k < r->n_out; k++) AD_TRY(look(c, &c->out[k], r->n_out > 1 && r->op->outputs ? r->op->outputs[k] : "out", r->out[k]));
    for (int k = 0; k < r->n_in; k++) {
        if (r->in[k]) AD_TRY(look(c, &c->in[k], operand_name(r->op, k), r->in[k]));
        else c->in[k] = (ad_seen){ .operand = operand_name(r->op, k) };
        c->in[k].added = had[k] && c->in[k].wanted;
    }
    *more = o->show(o->arg, &traced);
    return AD_OK;
}

static ad_status walk(tracing *c, ad_experiment *x, int i)
{
    ad__training *t = &c->training;
    bool more = true;
    AD_TRY(ad__training_init(t, x, i));
    if (c->options->directory) AD_TRY(ad__training_restore(t, c->options->directory));
    AD_TRY(ad__training_open_data(t));
    AD_TRY(ad__training_open_loader(t));
    AD_TRY(ad__training_feed(t));
    c->tape = ad_tape_new(x->ctx, AD_F32);
    if (!c->tape) return AD_FAIL(t->error, ENOMEM, "no memory for a tape");
    AD_TRY(ad_model_record(t->model, ad__objective_program(t->model), c->tape, t->params, &(ad_record_options){ .batch = t->plan->config.batch },
                           &c->recorded));
    AD_TRY(set_inputs(c));
    ad_tape_random(c->tape, (uint64_t)t->plan->config.seed, (uint64_t)t->step, 0);
    AD_TRY(ad_gradients_begin(c->tape, ad_recorded_loss(c->recorded), ad_recorded_wrt_count(c->recorded), ad_recorded_wrt(c->recorded)));
    for (int record; more && (record = ad_gradients_next(c->tape)) >= c->options->to;) AD_TRY(one(c, record, &more));
    return AD_OK;
}

ad_status ad_trace(ad_experiment *x, int i, const ad_trace_options *options)
{
    tracing *c = calloc(1, sizeof *c);
    if (!c) return AD_FAIL(ad_ctx_error(x->ctx), ENOMEM, "no memory for a trace");
    c->options = options;
    ad_status s = walk(c, x, i);
    ad_recorded_free(c->recorded);
    ad_tape_free(c->tape);
    ad__training_fini(&c->training);
    free(c);
    return s;
}

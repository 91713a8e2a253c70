/*
 * gradcheck.c - adze gradcheck: analytic against numeric derivatives, in double.
 *
 * Ops: the samples of the op table. Models: random directions through all weights and single weights of the training program.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "ops/ops.h"

#define LIMIT 1e-6
#define DIRECTIONS 32
#define WEIGHTS 200
#define SEED 1

typedef struct result {
    const ad_op *op;
    const ad_sample *sample;       /* the one with the worst error */
    ad_check check;                /* of that sample */
    double limit;
    int samples;
    int64_t checked, kinks;
    bool failed;
} result;

/* A check that was taken and failed becomes a row of the table; one that could not be taken ends the command. */
static ad_status measured(cli *c, ad_status s, const ad_check *k)
{
    if (s != AD_ECHECK || k->checked == 0) return s;
    ad_error_clear(ad_ctx_error(c->ctx));
    return AD_OK;
}

/* ---- ops ---- */

static double limit_of(const ad_sample *s)
{
    return s->tolerance > 0 ? s->tolerance : LIMIT;
}

static bool is_stop(const ad_op *op)
{
    return (op->flags & (AD_STOPS_GRADIENT | AD_PLANNED)) != 0;
}

/* "d/dw[3,0,2,1]" and the sample's name. */
static void where(const result *r, char *text, size_t size)
{
    if (!r->sample || r->checked == 0) {
        snprintf(text, size, "%s", "");
        return;
    }
    const char *operand = "?";
    for (int i = 0; r->op->operands && r->op->operands[i].name && i <= r->check.input; i++) operand = r->op->operands[i].name;
    int n = snprintf(text, size, "d/d%s[", operand);
    const ad_shape *s = &r->sample->in[r->check.input];
    int64_t rest = r->check.element, index[AD_MAX_RANK] = { 0 };
    for (int k = s->rank - 1; k >= 0; k--) {
        index[k] = s->dim[k] ? rest % s->dim[k] : 0;
        rest = s->dim[k] ? rest / s->dim[k] : 0;
    }
    for (int k = 0; k < s->rank; k++) n += snprintf(text + n, size - (size_t)n, k ? ",%lld" : "%lld", (long long)index[k]);
    snprintf(text + n, size - (size_t)n, "] %s", r->sample->name);
}

/* Adds a sample to a row that may stand for several. */
static ad_status add_sample(cli *c, const ad_op *op, const ad_sample *s, result *r)
{
    ad_check k = { 0 };
    AD_TRY(measured(c, ad_gradcheck_sample(c->ctx, op, s, c->asked.order ? (int)c->asked.order : 1, &k), &k));
    r->samples++;
    r->checked += k.checked;
    r->kinks += k.kinks;
    r->failed = r->failed || !(k.worst <= limit_of(s));
    if (!r->sample || !(k.worst / limit_of(s) <= r->check.worst / r->limit)) {
        r->sample = s;
        r->check = k;
        r->limit = limit_of(s);
    }
    return AD_OK;
}

static void table_head(cli_table *t)
{
    cli_table_row(t, "op\tcases>\tderivatives>\tworst rel. error>\twhere\tlimit>\t");
}

static void print_result(cli_table *t, ad_json_writer *w, const char *name, const result *r)
{
    char place[256];
    where(r, place, sizeof place);
    cli_table_row(t, "%s\t%d\t%lld\t%.1e\t%s\t%.0e\t%s", name, r->samples, (long long)r->checked, r->check.worst, place, r->limit,
                  r->failed ? "FAIL" : "ok");
    ad_json_open_object(w, NULL);
    ad_json_put_text(w, "op", r->op->name);
    ad_json_put_text(w, "sample", r->sample ? r->sample->name : NULL);
    ad_json_put_int(w, "cases", r->samples);
    ad_json_put_int(w, "derivatives", r->checked);
    ad_json_put_int(w, "kinks", r->kinks);
    ad_json_put_number(w, "worst", r->check.worst);
    ad_json_put_number(w, "limit", r->limit);
    ad_json_put_text(w, "where", place);
    ad_json_put_bool(w, "ok", !r->failed);
    ad_json_close(w);
}

/* Every op in one row each, or (one_op) every sample of one op. */
static ad_status check_ops(cli *c, const ad_op *one_op)
{
    cli_table t = { 0 };
    ad_json_writer w = { .indent = 2 };
    ad_status s = AD_OK;
    const ad_op *op;
    int rows = 0, failed = 0, stops = 0, total = 0;
    cli_progress *line = cli_progress_new(c);
    while (ad_op_at(c->ctx, total)) total++;
    table_head(&t);
    ad_json_open_array(&w, NULL);
    for (int i = 0; s == AD_OK && (op = ad_op_at(c->ctx, i)); i++) {
        if (one_op && op != one_op) continue;
        if (is_stop(op)) {
            stops++;
            continue;
        }
        result r = { .op = op, .limit = LIMIT };
        cli_progress_line(line, op->name, i + 1, total);
        for (const ad_sample *x = op->samples; s == AD_OK && x && x->name; x++) {
            if (x->want != AD_OK) continue;
            if (one_op) r = (result){ .op = op, .limit = LIMIT };
            s = add_sample(c, op, x, &r);
            if (!one_op || s != AD_OK) continue;
            print_result(&t, &w, x->name, &r);
            rows++;
            failed += r.failed;
        }
        if (one_op || s != AD_OK) continue;
        print_result(&t, &w, op->name, &r);
        rows++;
        failed += r.failed;
    }
    cli_progress_free(line);
    ad_json_close(&w);
    if (s == AD_OK && c->asked.json) cli_json_print(&w);
    else if (s == AD_OK) {
        cli_table_print(&t);
        printf("%d of %d %s failed", failed, rows, one_op ? "samples" : "operators");
        if (stops) printf("; %d end the gradient by definition", stops);
        printf("\n");
    }
    ad_text_free(&t.text);
    ad_text_free(&w.text);
    AD_TRY(s);
    return failed ? AD_FAIL(&c->error, ECHECK, "%d of %d %s failed", failed, rows, one_op ? "samples" : "operators") : AD_OK;
}

static ad_status check_op(cli *c, const char *name)
{
    const ad_op *op = ad_op_find(c->ctx, name);
    if (op && !is_stop(op)) return check_ops(c, op);
    if (op) return AD_FAIL(&c->error, EUSAGE, "the gradient ends at op '%s' by definition: there is nothing to compare", name);
    const char *names[512];
    int n = 0;
    for (const ad_op *o; n < 512 && (o = ad_op_at(c->ctx, n)); n++) names[n] = o->name;
    const char *near = ad_nearest(name, n, names);
    return AD_FAIL(&c->error, EUSAGE, "no op is called '%s'%s%s%s (adze help ops lists them)", name, near ? "; did you mean '" : "",
                   near ? near : "", near ? "'?" : "");
}

/* ---- models ---- */

/* Random values for an input, by its kind: numbers around 0, or one class per pixel. */
static ad_status fill_input(cli *c, const ad_model_input *in, ad_tensor *x, uint64_t seed)
{
    const ad_shape *s = ad_tensor_shape(x);
    int64_t n = ad_count(s), last = s->rank ? s->dim[s->rank - 1] : 1;
    uint64_t key = ad_key(seed, "gradcheck", in->name);
    double classes = 2;
    double *real = calloc((size_t)n + 1, sizeof *real);
    int32_t *label = calloc((size_t)n + 1, sizeof *label);
    if (!real || !label) {
        free(real);
        free(label);
        return AD_FAIL(&c->error, ENOMEM, "out of memory");
    }
    for (int64_t i = 0; i < n; i++) {
        double u = ad_uniform(key, 0, 0, (uint64_t)i);
        int64_t hot = (int64_t)(ad_uniform(key, 0, 0, (uint64_t)(i / last)) * (double)last);
        real[i] = in->kind == AD_INPUT_ONEHOT ? i % last == hot : in->kind == AD_INPUT_IMAGE ? u - 0.5 : in->kind == AD_INPUT_MASK ? 1 : u < 0.5;
        label[i] = (int32_t)(u * classes);
    }
    ad_status status = ad_set(x, s->dtype == AD_I32 ? (const void *)label : real);
    free(real);
    free(label);
    return status;
}

static ad_status fill_inputs(cli *c, const ad_model *m, const ad_recorded *r, uint64_t seed)
{
    ad_model_input in;
    for (int i = 0; ad_model_input_at(m, i, &in); i++) {
        ad_tensor *x = ad_recorded_input(r, in.name);
        if (x) AD_TRY(fill_input(c, &in, x, seed));
    }
    ad_recorded_scalar scalar;
    for (int i = 0; ad_recorded_scalar_at(r, i, &scalar); i++) AD_TRY(ad_set(scalar.input, &scalar.standard));
    return AD_OK;
}

static const char *training_program(const ad_model *m)
{
    ad_model_program p;
    for (int i = 0; ad_model_program_at(m, i, &p); i++)
        if (p.objective) return p.name;
    return NULL;
}

static ad_status check_recorded(cli *c, const ad_model *m, ad_tape *t, ad_params *params, ad_check *k)
{
    const char *program = training_program(m);
    uint64_t seed = c->asked.seed ? (uint64_t)c->asked.seed : SEED;
    ad_recorded *r = NULL;
    if (!program) return AD_FAIL(&c->error, EUSAGE, "%s has no objective to differentiate", ad_model_name(m));
    AD_TRY(ad_params_init(params, AD_SLOT_PARAM, seed));
    AD_TRY(ad_params_init(params, AD_SLOT_STATE, seed));
    ad_tape_random(t, seed, 0, 0);
    ad_record_options o = { .batch = c->asked.batch ? c->asked.batch : 2, .no_commits = true };
    ad_status s = ad_model_record(m, program, t, params, &o, &r);
    if (s == AD_OK) s = fill_inputs(c, m, r, seed);
    if (s == AD_OK) s = measured(c, ad_gradcheck_tape(ad_recorded_loss(r), params, c->asked.order ? (int)c->asked.order : 1,
                                                      c->asked.directions ? (int)c->asked.directions : DIRECTIONS,
                                                      c->asked.weights ? (int)c->asked.weights : WEIGHTS, seed, k), k);
    ad_recorded_free(r);
    return s;
}

/* Where the worst error was: the k->input-th weight, or along a direction. */
static const char *place_of(ad_params *params, const ad_check *k)
{
    int weight = 0;
    for (int i = 0; k->input >= 0 && i < ad_params_count(params); i++) {
        const ad_entry *e = ad_params_at(params, i);
        if (e->slot == AD_SLOT_PARAM && weight++ == k->input) return e->path;
    }
    return "a direction through all weights";
}

static void print_model(const cli *c, const ad_model *m, const char *profile, const char *path, const ad_check *k)
{
    bool failed = !(k->worst <= LIMIT);
    if (c->asked.json) {
        ad_json_writer w = { .indent = 2 };
        ad_json_open_object(&w, NULL);
        ad_json_put_text(&w, "model", ad_model_name(m));
        ad_json_put_text(&w, "profile", profile);
        ad_json_put_int(&w, "derivatives", k->checked);
        ad_json_put_int(&w, "kinks", k->kinks);
        ad_json_put_number(&w, "worst", k->worst);
        ad_json_put_number(&w, "limit", LIMIT);
        ad_json_put_text(&w, "where", path);
        ad_json_put_number(&w, "analytic", k->analytic);
        ad_json_put_number(&w, "numeric", k->numeric);
        ad_json_put_bool(&w, "ok", !failed);
        ad_json_close(&w);
        cli_json_print(&w);
        return;
    }
    cli_table t = { 0 };
    cli_table_row(&t, "model\tprofile\tderivatives>\tacross a kink>\tworst rel. error>\twhere\tanalytic>\tnumeric>\tlimit>\t");
    cli_table_row(&t, "%s\t%s\t%lld\t%lld\t%.1e\t%s\t%.9g\t%.9g\t%.0e\t%s", ad_model_name(m), profile ? profile : "-", (long long)k->checked,
                  (long long)k->kinks, k->worst, path, k->analytic, k->numeric, LIMIT, failed ? "FAIL" : "ok");
    cli_table_print(&t);
}

/* Small enough by default: the model's tiny profile, if it has one. */
static const char *small_profile(cli *c, const ad_model *m)
{
    const char *name;
    if (c->asked.profile) return c->asked.profile;
    for (int i = 0; (name = ad_model_profile(m, i)); i++)
        if (strcmp(name, "tiny") == 0) return "tiny";
    return NULL;
}

static ad_status check_model(cli *c, const char *ref)
{
    ad_model *m;
    AD_TRY(cli_open_model(c, ref, c->asked.profile, &m));
    const char *profile = small_profile(c, m);
    if (profile && !c->asked.profile) {
        ad_model_free(m);
        AD_TRY(cli_open_model(c, ref, profile, &m));
    }
    ad_params *params = NULL;
    ad_tape *t = ad_tape_new(c->ctx, AD_F64);
    ad_check k = { 0 };
    ad_status s = t ? ad_model_params(m, AD_F64, &params) : AD_FAIL(&c->error, ENOMEM, "out of memory");
    if (s == AD_OK) s = check_recorded(c, m, t, params, &k);
    if (s == AD_OK) print_model(c, m, profile, place_of(params, &k), &k);
    if (s == AD_OK && !(k.worst <= LIMIT)) s = AD_FAIL(&c->error, ECHECK, "%s: worst relative error %.1e is above %.0e", ref, k.worst, LIMIT);
    ad_tape_free(t);
    ad_params_free(params);
    ad_model_free(m);
    return s;
}

/* Options that would have no effect are refused. */
static ad_status check_options(cli *c, bool model)
{
    const cli_request *q = &c->asked;
    if (!model && (q->profile || q->set.n || q->zoo || q->lenient || q->batch || q->directions || q->weights || q->seed))
        return AD_FAIL(&c->error, EUSAGE, "ops take --order and --json only; profile, set, zoo, lenient, batch, directions, weights and seed are "
                       "for models");
    return AD_OK;
}

static ad_status run(cli *c)
{
    const cli_list *a = &c->asked.arguments;
    bool model = !c->asked.all && a->n == 1, op = !c->asked.all && a->n == 2 && strcmp(a->item[0], "op") == 0;
    if (model || op || c->asked.all) AD_TRY(check_options(c, model));
    if (c->asked.all && a->n == 0) return check_ops(c, NULL);
    if (model) return check_model(c, a->item[0]);
    if (op) return check_op(c, a->item[1]);
    return AD_FAIL(&c->error, EUSAGE, "gradcheck needs one of --all, op NAME, MODEL; usage: adze gradcheck %s", c->command->usage);
}

static const char *const options[] = { "all", "order", "profile", "set", "zoo", "ops", "lenient", "batch", "directions", "weights", "seed", "json", NULL };
static const char *const examples[] = { "adze gradcheck --all", "adze gradcheck --all --order 2", "adze gradcheck op conv", "adze gradcheck zoo:phiseg", NULL };

const cli_command cli_gradcheck = {
    .name = "gradcheck", .usage = "--all | op NAME | MODEL", .doc = "Compare derivatives with difference quotients, in double",
    .details = "Ops are checked on the samples of the op table: every element of every input, through a random projection of the outputs. "
               "A model is checked in its tiny profile unless --profile names another: along random directions through all weights, and for "
               "single weights. With --order 2 then the gradient of the gradient; for a model, of its derivative along one random direction. "
               "A sample that crosses a kink (of a relu, of a maximum) has no derivative; it is detected, left out and counted.",
    .options = options, .examples = examples, .least = 0, .most = 2, .run = run,
};

/*
 * test_language_record.c - programs of a model recorded and run: latent sites, KL terms, shared nets, objectives, values by name.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "models/models.h"
#include "ops/ops.h"

#define HEAD "adze: 1\nmodel: a\ninputs:\n  x: {shape: [B, 2]}\n"

typedef struct bench {
    ad_ctx *ctx;
    ad_model *m;
    ad_params *params;
    ad_tape *t;
    ad_recorded *r;
} bench;

static int set_up(void **state)
{
    *state = ad_new(&(ad_options){ .threads = 1 });
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    ad_ctx_free(*state);
    return 0;
}

static void begin(bench *b, ad_ctx *ctx, const char *text)
{
    *b = (bench){ .ctx = ctx };
    if (ad_model_parse(ctx, "a.yaml", text, strlen(text), NULL, NULL, &b->m) != AD_OK) fail_msg("%s", ad_ctx_message(ctx));
    if (ad_model_params(b->m, AD_F64, &b->params) != AD_OK) fail_msg("%s", ad_ctx_message(ctx));
    assert_int_equal(ad_params_init(b->params, AD_SLOT_PARAM, 1), AD_OK);
    assert_int_equal(ad_params_init(b->params, AD_SLOT_STATE, 1), AD_OK);
}

static void record(bench *b, const char *program, const ad_record_options *o)
{
    ad_recorded_free(b->r);
    ad_tape_free(b->t);
    b->r = NULL;
    b->t = ad_tape_new(b->ctx, AD_F64);
    if (ad_model_record(b->m, program, b->t, b->params, o, &b->r) != AD_OK) fail_msg("%s", ad_ctx_message(b->ctx));
}

static void end(bench *b)
{
    ad_recorded_free(b->r);
    ad_tape_free(b->t);
    ad_params_free(b->params);
    ad_model_free(b->m);
}

static void set_weight(bench *b, const char *path, const double *values)
{
    ad_entry *e = ad_params_find(b->params, path);
    if (!e) fail_msg("no weight %s", path);
    memcpy(e->data, values, (size_t)ad_count(&e->shape) * sizeof *values);
}

static void give(bench *b, const char *input, const double *values)
{
    ad_tensor *t = ad_recorded_input(b->r, input);
    if (!t) fail_msg("no input %s", input);
    assert_int_equal(ad_set(t, values), AD_OK);
}

static double value(bench *b, const char *expression, int64_t i)
{
    ad_tensor *t = ad_recorded_value(b->r, expression);
    if (!t) fail_msg("%s", ad_ctx_message(b->ctx));
    return ad_value(t, i);
}

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-12 * (1 + fabs(want)))) fail_msg("%.17g, expected %.17g", got, want);
}

/* ---- sites ---- */

/* q: mu = 2x, sd = softplus(x);  p: mu = 3x, sd the same. With x = (1, -1) and noise (0.5, 2). */
static const char sites[] = HEAD
    "blocks:\n"
    "  dist(x):\n"
    "    - mu = linear(x, out=2, bias=false)\n"
    "    - z ~ normal(mu, softplus(x))\n"
    "    - return:\n"
    "        z: z\n"
    "nets:\n"
    "  posterior: dist\n"
    "  prior: dist\n"
    "programs:\n"
    "  train:\n"
    "    - q = posterior(x)\n"
    "    - p = prior(x) with z = q.z\n"
    "    - kl = kl(q.z, p.z, over=\"C\", batch=\"mean\")\n"
    "    - return:\n"
    "        rec: sum(p.z * p.z)\n"
    "        kl: kl\n"
    "  sample:\n"
    "    - p = prior(x)\n"
    "    - return:\n"
    "        z: p.z\n"
    "  mean:\n"
    "    - p = prior(x) with z = mean\n"
    "    - return:\n"
    "        z: p.z\n"
    "objective:\n"
    "  kind: elbo\n"
    "  program: train\n"
    "  minimize: rec + beta * kl\n"
    "  beta: 0.5\n";

static void begin_sites(bench *b, ad_ctx *ctx)
{
    static const double two[] = { 2, 0, 0, 2 }, three[] = { 3, 0, 0, 3 };
    begin(b, ctx, sites);
    set_weight(b, "posterior/mu/linear.w", two);
    set_weight(b, "prior/mu/linear.w", three);
}

static void replayed_site(void **state)
{
    static const double x[] = { 1, -1 }, eps[] = { 0.5, 2 }, beta = 0.5;
    const ad_choice noise = { "posterior/z", AD_CHOICE_NOISE, NULL };
    const double sd[] = { log1p(exp(1.0)), log1p(exp(-1.0)) };
    bench b;
    ad_recorded_site site;
    ad_recorded_kl kl;
    ad_recorded_scalar scalar;
    begin_sites(&b, *state);
    record(&b, "train", &(ad_record_options){ .batch = 1, .n_choices = 1, .choices = &noise });
    give(&b, "x", x);
    give(&b, "eps/posterior/z", eps);
    assert_true(ad_recorded_scalar_at(b.r, 0, &scalar));
    assert_string_equal(scalar.name, "beta");
    assert_true(scalar.standard == 0.5);
    assert_int_equal(ad_set(scalar.input, &beta), AD_OK);
    double rec = 0, want_kl = 0;
    for (int i = 0; i < 2; i++) {
        double z = 2 * x[i] + sd[i] * eps[i];
        near(value(&b, "q.z", i), z);
        near(value(&b, "p.z", i), z);
        near(value(&b, "p.z.mu", i), 3 * x[i]);
        near(value(&b, "p.z.sd", i), sd[i]);
        near(value(&b, "prior/mu", i), 3 * x[i]);
        near(value(&b, "q.z.eps", i), eps[i]);
        near(value(&b, "2 * q.z - 1", i), 2 * z - 1);
        rec += z * z;
        want_kl += 0.5 * x[i] * x[i] / (sd[i] * sd[i]);
    }
    near(value(&b, "rec", 0), rec);
    near(value(&b, "kl", 0), want_kl);
    near(ad_value(ad_recorded_loss(b.r), 0), rec + 0.5 * want_kl);
    assert_true(ad_recorded_site_at(b.r, 0, &site) && site.origin == AD_SITE_GIVEN);
    assert_string_equal(site.path, "posterior/z");
    assert_true(ad_recorded_site_at(b.r, 1, &site) && site.origin == AD_SITE_REPLAYED);
    assert_string_equal(site.path, "prior/z");
    assert_true(ad_recorded_kl_at(b.r, 0, &kl));
    assert_string_equal(kl.name, "kl");
    assert_string_equal(kl.q, "posterior/z");
    assert_null(ad_recorded_value(b.r, "q.zz"));
    assert_string_equal(ad_ctx_message(*state), "value 'q.zz': the call returns no 'zz'");
    ad_error_clear(ad_ctx_error(*state));
    end(&b);
}

/* The estimate at one draw, and its average over many: the closed form. */
static void sampled_kl(void **state)
{
    static const char text[] = HEAD
        "programs:\n"
        "  sample:\n"
        "    - q ~ normal(x, x * 0 + 1)\n"
        "    - p ~ normal(x * 0, x * 0 + 2)\n"
        "    - return:\n"
        "        one: kl(q, p, over=\"C\", batch=\"mean\", sampled=true)\n"
        "        closed: kl(q, p, over=\"C\", batch=\"mean\")\n"
        "        z: q\n";
    enum { B = 4000 };
    static double x[2 * B];
    bench b;
    double sum = 0;
    ad_recorded_kl kl;
    begin(&b, *state, text);
    record(&b, "sample", &(ad_record_options){ .batch = B });
    for (int i = 0; i < 2 * B; i++) x[i] = i % 2 ? 1 : 0.5;
    give(&b, "x", x);
    for (int i = 0; i < 2 * B; i++) {
        double z = value(&b, "z", i);
        sum += 0.5 * (z * z / 4 - (z - x[i]) * (z - x[i])) + log(2);
    }
    near(value(&b, "one", 0), sum / B);
    near(value(&b, "closed", 0), 2 * (log(2) + 1 / 8.0 - 0.5) + (0.25 + 1) / 8);
    assert_true(fabs(value(&b, "one", 0) - value(&b, "closed", 0)) < 0.05);
    assert_true(ad_recorded_kl_at(b.r, 0, &kl) && kl.sampled);
    assert_true(ad_recorded_kl_at(b.r, 1, &kl) && !kl.sampled);
    end(&b);
}

static void choices_of_a_sampler(void **state)
{
    static const double x[] = { 1, -1 }, z[] = { 7, 8 };
    const ad_choice mean = { "z", AD_CHOICE_MEAN, NULL }, given = { "*", AD_CHOICE_VALUE, NULL };
    bench b;
    begin_sites(&b, *state);
    record(&b, "mean", NULL);
    give(&b, "x", x);
    near(value(&b, "z", 0), 3);
    record(&b, "sample", &(ad_record_options){ .n_choices = 1, .choices = &mean });
    give(&b, "x", x);
    near(value(&b, "z", 1), -3);
    record(&b, "sample", &(ad_record_options){ .n_choices = 1, .choices = &given });
    give(&b, "x", x);
    give(&b, "z/prior/z", z);
    near(value(&b, "z", 1), 8);
    end(&b);
}

/* What is drawn depends on seed, path of the site, step and draw, and on nothing else. */
static void draws(void **state)
{
    static const double x[] = { 0, 0, 0, 0 };
    bench b;
    double first[4];
    begin_sites(&b, *state);
    for (int k = 0; k < 3; k++) {
        record(&b, "sample", &(ad_record_options){ .batch = 2 });
        ad_tape_random(b.t, 5, 0, (uint32_t)(k / 2));
        give(&b, "x", x);
        for (int i = 0; i < 4; i++) {
            if (k == 0) near(value(&b, "z", i), log(2) * ad_normal(ad_key(5, "site", "prior/z"), 0, 0, (uint64_t)i));
            if (k == 0) first[i] = value(&b, "z", i);
            else if (k == 1) assert_true(value(&b, "z", i) == first[i]);
            else assert_true(value(&b, "z", i) != first[i]);
        }
    }
    end(&b);
}

/* Per-element bindings: level 0 is the mean, level 1 replays. */
static void bindings_per_level(void **state)
{
    static const char text[] = HEAD
        "blocks:\n"
        "  dist(x):\n"
        "    - for: l in 0..1\n"
        "      do:\n"
        "        - z[l] ~ normal_logvar(x * (l + 1), x * 0)\n"
        "    - return:\n"
        "        z: z\n"
        "nets:\n"
        "  a: dist\n"
        "  b: dist\n"
        "programs:\n"
        "  sample:\n"
        "    - p = a(x)\n"
        "    - q = b(x) with z[0] = mean, z[1] = p.z[1]\n"
        "    - return:\n"
        "        z: concat(q.z)\n"
        "        kl: kl(p.z[1], q.z[1], over=\"C\", batch=\"sum\")\n";
    static const double x[] = { 1, 2 }, eps[] = { 10, 20 };
    const ad_choice noise = { "z[*]", AD_CHOICE_NOISE, NULL };
    bench b;
    begin(&b, *state, text);
    record(&b, "sample", &(ad_record_options){ .n_choices = 1, .choices = &noise });
    give(&b, "x", x);
    give(&b, "eps/a/z[1]", eps);
    near(value(&b, "z", 0), 1);
    near(value(&b, "z", 1), 2);
    near(value(&b, "z", 2), 2 + 10);
    near(value(&b, "z", 3), 4 + 20);
    near(value(&b, "p.z[1].sd", 0), 1);
    near(value(&b, "kl", 0), 0);
    assert_null(ad_recorded_input(b.r, "eps/b/z[0]"));
    end(&b);
}

/* ---- nets ---- */

/* One net called twice has one set of weights, values of two names, and batch statistics that are updated in the order of the calls. */
static void shared_net(void **state)
{
    static const char text[] = HEAD
        "blocks:\n"
        "  norm(x):\n"
        "    - h = batch_norm(x, decay=0.5)\n"
        "    - return h\n"
        "nets:\n"
        "  n: norm\n"
        "programs:\n"
        "  train:\n"
        "    - a = n(x)\n"
        "    - b = n(3 * x)\n"
        "    - return:\n"
        "        loss: sum(a * b)\n"
        "objective:\n"
        "  kind: expression\n"
        "  program: train\n"
        "  minimize: loss\n";
    static const double x[] = { 1, 2, 3, 4 };
    bench b;
    ad_model_counts c;
    begin(&b, *state, text);
    ad_model_count(b.m, &c);
    assert_int_equal(c.trainable, 4);
    assert_int_equal(c.state, 4);
    record(&b, "train", &(ad_record_options){ .batch = 2 });
    give(&b, "x", x);
    near(value(&b, "n/h", 0), value(&b, "n#2/h", 0) * sqrt((1 + 1e-5 / 9) / (1 + 1e-5)));
    ad_program *p;
    ad_tensor *loss = ad_recorded_loss(b.r);
    assert_int_equal(ad_compile(b.t, 1, &loss, NULL, &p), AD_OK);
    memcpy(ad_program_data(p, ad_recorded_input(b.r, "x")), x, sizeof x);
    assert_int_equal(ad_run(p, &(ad_run_options){ 0 }), AD_OK);
    ad_program_free(p);
    const double *mean = ad_params_find(b.params, "n/h/batch_norm.mean")->data;
    near(mean[0], 0.5 * (0.5 * 0 + 0.5 * 2) + 0.5 * 6);
    near(mean[1], 0.5 * (0.5 * 0 + 0.5 * 3) + 0.5 * 9);
    end(&b);
}

/* `net` inside a block: one set of weights for all turns of the loop. */
static void local_net(void **state)
{
    static const char text[] = HEAD
        "blocks:\n"
        "  cell(x):\n"
        "    - return linear(x, out=2)\n"
        "  unrolled(x):\n"
        "    - net c = cell\n"
        "    - h = x\n"
        "    - for: i in 1..3\n"
        "      do:\n"
        "        - h := c(h)\n"
        "    - return h\n"
        "nets:\n"
        "  n: unrolled\n"
        "programs:\n"
        "  predict:\n"
        "    - return:\n"
        "        y: n(x)\n";
    static const double x[] = { 1, 1 }, w[] = { 2, 0, 0, 3 };
    bench b;
    ad_model_counts c;
    begin(&b, *state, text);
    ad_model_count(b.m, &c);
    assert_int_equal(c.trainable, 6);
    set_weight(&b, "n/c/linear.w", w);
    record(&b, "predict", NULL);
    give(&b, "x", x);
    near(value(&b, "y", 0), 8);
    near(value(&b, "y", 1), 27);
    end(&b);
}

static void optional_input(void **state)
{
    static const char text[] =
        "adze: 1\nmodel: a\ninputs:\n  x: {shape: [B, 2]}\n  m: {shape: [B, 2], role: mask, optional: true}\n"
        "programs:\n"
        "  predict:\n"
        "    - h = x\n"
        "    - if: given(m)\n"
        "      then:\n"
        "        - h := x * m\n"
        "    - return:\n"
        "        y: h\n";
    static const double x[] = { 1, 2 }, m[] = { 0, 1 };
    const ad_bind mask = { "m", NULL };
    bench b;
    begin(&b, *state, text);
    record(&b, "predict", NULL);
    assert_null(ad_recorded_input(b.r, "m"));
    record(&b, "predict", &(ad_record_options){ .n_inputs = 1, .inputs = &mask });
    give(&b, "x", x);
    give(&b, "m", m);
    near(value(&b, "y", 0), 0);
    near(value(&b, "y", 1), 2);
    end(&b);
}

/* ---- objectives ---- */

static const char geco[] = HEAD
    "nets: {}\n"
    "programs:\n"
    "  train:\n"
    "    - h = linear(x, out=1, bias=false)\n"
    "    - return:\n"
    "        rec: sum(h * h)\n"
    "        kept: 3\n"
    "        kl: 2 * sum(h)\n"
    "objective:\n"
    "  kind: geco\n"
    "  program: train\n"
    "  constraint: rec\n"
    "  per: kept\n"
    "  minimize: kl\n"
    "  kappa: 0.5\n"
    "  decay: 0.9\n"
    "  rate: 0.1\n";

/* Two steps: the first sets the average, the second moves it; the gradients are those of the specification. */
static void geco_steps(void **state)
{
    static const double x[] = { 1, 2 }, w[] = { 0.5, 0.25 }, kappa = 0.5;
    bench b;
    ad_program *p;
    ad_recorded_scalar scalar;
    begin(&b, *state, geco);
    set_weight(&b, "train/h/linear.w", w);
    record(&b, "train", &(ad_record_options){ .batch = 1 });
    assert_int_equal(ad_recorded_wrt_count(b.r), 2);
    assert_string_equal(ad_tensor_name(ad_recorded_wrt(b.r)[1]), "objective/multiplier");
    ad_tensor *grads[2], *outs[5] = { ad_recorded_loss(b.r) };
    assert_int_equal(ad_gradients(b.t, ad_recorded_loss(b.r), 2, ad_recorded_wrt(b.r), grads), AD_OK);
    outs[1] = grads[0];
    outs[2] = grads[1];
    outs[3] = ad_recorded_value(b.r, "objective.constraint");
    outs[4] = ad_recorded_value(b.r, "objective.multiplier");
    assert_int_equal(ad_compile(b.t, 5, outs, NULL, &p), AD_OK);
    assert_true(ad_recorded_scalar_at(b.r, 0, &scalar));
    double rec = 1, average = 1, h = 1;
    for (int step = 0; step < 2; step++) {
        memcpy(ad_program_data(p, ad_recorded_input(b.r, "x")), x, sizeof x);
        memcpy(ad_program_data(p, scalar.input), &kappa, sizeof kappa);
        if (step == 1) {
            static const double other[] = { 1, 0.5 };
            set_weight(&b, "train/h/linear.w", other);
            h = 2;
            rec = 4;
            average = 0.9 * 1 + 0.1 * 4;
        }
        assert_int_equal(ad_run(p, &(ad_run_options){ .step = (uint64_t)step }), AD_OK);
        double c = average - 0.5 * 3, l = log(exp(1) - 1), lambda = 1, d_lambda = 2 * 1 * (1 - exp(-1));
        near(*(double *)ad_program_data(p, outs[3]), c);
        near(*(double *)ad_program_data(p, outs[4]), lambda);
        near(*(double *)ad_program_data(p, outs[0]), lambda * c + 2 * h);
        near(((double *)ad_program_data(p, outs[1]))[0], lambda * 2 * h * x[0] + 2 * x[0]);
        near(((double *)ad_program_data(p, outs[1]))[1], lambda * 2 * h * x[1] + 2 * x[1]);
        near(*(double *)ad_program_data(p, outs[2]), -0.1 * c * d_lambda);
        near(*(double *)ad_params_find(b.params, "objective/average")->data, average);
        near(*(double *)ad_params_find(b.params, "objective/started")->data, 1);
        near(*(double *)ad_params_find(b.params, "objective/multiplier")->data, l);
        assert_true(rec > 0);
    }
    ad_program_free(p);
    end(&b);
}

static void objective_by_parameter(void **state)
{
    static const char text[] = HEAD
        "params:\n"
        "  how: {type: string, default: plain, choices: [plain, weighted]}\n"
        "  weight: {type: float, default: 2}\n"
        "programs:\n"
        "  train:\n"
        "    - return:\n"
        "        a: sum(linear(x, out=2))\n"
        "objective:\n"
        "  if: how == \"plain\"\n"
        "  then:\n"
        "    kind: expression\n"
        "    program: train\n"
        "    minimize: a\n"
        "  else:\n"
        "    kind: expression\n"
        "    program: train\n"
        "    minimize: factor * a\n"
        "    factor: 2 * weight\n";
    const char *set = "how=weighted";
    ad_model *m;
    ad_recorded_scalar s;
    bench b;
    begin(&b, *state, text);
    record(&b, "train", NULL);
    assert_false(ad_recorded_scalar_at(b.r, 0, &s));
    end(&b);
    assert_int_equal(
        ad_model_parse(*state, "a.yaml", text, strlen(text), &(ad_model_options){ .n_set = 1, .set = &set }, NULL, &m), AD_OK);
    b = (bench){ .ctx = *state, .m = m };
    assert_int_equal(ad_model_params(m, AD_F64, &b.params), AD_OK);
    record(&b, "train", NULL);
    assert_true(ad_recorded_scalar_at(b.r, 0, &s));
    assert_true(s.standard == 4);
    end(&b);
}

static void penalties_and_groups(void **state)
{
    static const char text[] = HEAD
        "programs:\n"
        "  train:\n"
        "    - a = linear(x, out=1)\n"
        "    - c = linear(a, out=1)\n"
        "    - return:\n"
        "        rec: sum(c)\n"
        "        square: penalty(\"linear.w\", kind=\"square\")\n"
        "        half: penalty(\"*.w\", except=\"train/c\", kind=\"half_square\")\n"
        "        norm: penalty(\"train\", kind=\"norm\")\n"
        "objective:\n"
        "  kind: expression\n"
        "  program: train\n"
        "  minimize: rec + square\n"
        "init:\n"
        "  \"b\": constant(0.5)\n"
        "  \"c/linear.b\": constant(2)\n"
        "groups:\n"
        "  \"b\": {decay: 0}\n"
        "  \"c/linear.w\": {rate: 10, decay: 0.5}\n";
    static const double wa[] = { 3, 4 }, wc[] = { 2 };
    bench b;
    begin(&b, *state, text);
    set_weight(&b, "train/a/linear.w", wa);
    set_weight(&b, "train/c/linear.w", wc);
    record(&b, "train", NULL);
    near(value(&b, "square", 0), 25 + 4);
    near(value(&b, "half", 0), 12.5);
    near(value(&b, "norm", 0), 5 + 0.5 + 2 + 2);
    near(ad_model_group_of(b.m, "train/a/linear.b").decay, 0);
    near(ad_model_group_of(b.m, "train/a/linear.w").decay, 1);
    near(ad_model_group_of(b.m, "train/c/linear.w").rate, 10);
    end(&b);
}

/* Records carry the line of the model. */
static void places(void **state)
{
    bench b;
    begin_sites(&b, *state);
    record(&b, "train", NULL);
    const ad_place *p = ad_tensor_place(ad_recorded_value(b.r, "prior/mu"));
    assert_string_equal(p->file, "a.yaml");
    assert_int_equal(p->line, 7);
    assert_int_equal(p->column, 12);
    assert_string_equal(p->path, "prior/mu/linear");
    end(&b);
}

static void wrong_recordings(void **state)
{
    bench b;
    ad_recorded *r;
    begin_sites(&b, *state);
    b.t = ad_tape_new(*state, AD_F64);
    assert_int_equal(ad_model_record(b.m, "trian", b.t, b.params, NULL, &r), AD_EUSAGE);
    assert_string_equal(ad_ctx_message(*state), "model 'a' has no program 'trian'");
    ad_error_clear(ad_ctx_error(*state));
    ad_tensor *wrong = ad_scalar(b.t, 1);
    const ad_choice choice = { "prior/z", AD_CHOICE_VALUE, wrong };
    assert_int_equal(
        ad_model_record(b.m, "sample", b.t, b.params, &(ad_record_options){ .n_choices = 1, .choices = &choice }, &r), AD_EMODEL);
    if (!strstr(ad_ctx_message(*state), "a.yaml:8:11: error: site 'prior/z' is [1,2], but the value it is given is []"))
        fail_msg("%s", ad_ctx_message(*state));
    assert_null(r);
    ad_error_clear(ad_ctx_error(*state));
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replayed_site), cmocka_unit_test(sampled_kl),
        cmocka_unit_test(choices_of_a_sampler),
        cmocka_unit_test(draws),
        cmocka_unit_test(bindings_per_level),
        cmocka_unit_test(shared_net),
        cmocka_unit_test(local_net),
        cmocka_unit_test(optional_input),
        cmocka_unit_test(geco_steps),
        cmocka_unit_test(objective_by_parameter),
        cmocka_unit_test(penalties_and_groups),
        cmocka_unit_test(places),
        cmocka_unit_test(wrong_recordings),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

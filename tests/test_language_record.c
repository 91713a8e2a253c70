/*
 * test_language_record.c - programs of a model recorded and run: shared nets, inputs that may be left out, objectives, penalties.
 */
#include <math.h>
#include <string.h>

#include "tests/recording.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_net), cmocka_unit_test(local_net),              cmocka_unit_test(optional_input),
        cmocka_unit_test(geco_steps), cmocka_unit_test(objective_by_parameter), cmocka_unit_test(penalties_and_groups),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

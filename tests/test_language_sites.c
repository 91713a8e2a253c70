/*
 * test_language_sites.c - latent sites of a recorded program: drawn, replayed, chosen from outside; KL terms; what is said of wrong choices.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/recording.h"

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
        cmocka_unit_test(replayed_site),      cmocka_unit_test(sampled_kl), cmocka_unit_test(choices_of_a_sampler), cmocka_unit_test(draws),
        cmocka_unit_test(bindings_per_level), cmocka_unit_test(places),     cmocka_unit_test(wrong_recordings),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

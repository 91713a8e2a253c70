/*
 * test_language.c - the model language from outside: complete texts with their published counts, a corpus of broken files whose exact
 * messages are asserted, settings, profiles, patterns, expressions.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "models/model.h"
#include "ops/ops.h"

static int set_up(void **state)
{
    const char *source = getenv("srcdir");
    *state = ad_new(&(ad_options){ .threads = 1 });
    if (source && chdir(source) != 0) return -1;
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    ad_ctx_free(*state);
    return 0;
}

static ad_model *open_text(ad_ctx *ctx, const char *file, const char *setting)
{
    ad_model *m = NULL;
    char path[128];
    snprintf(path, sizeof path, "tests/texts/%s.yaml", file);
    ad_model_options o = { .n_set = setting != NULL, .set = &setting };
    if (ad_model_open(ctx, path, &o, NULL, &m) != AD_OK) fail_msg("%s", ad_ctx_message(ctx));
    return m;
}

/* ---- complete texts ---- */

static void published_counts(void **state)
{
    static const struct { const char *file, *set; int64_t trainable, sample, dead; } rows[] = {
        { "phiseg", NULL, 17819186, 11836798, 0 },
        { "phiseg", "L=1", 8786314, 4425702, 0 },
        { "hpu_net", NULL, 21877230, 11184166, 1292928 },
        { "vae_unet_conditional", NULL, 6078110, 4904208, 0 },
        { "swin_unet", NULL, 27168900, 27168900, 0 },
        { "swin_unet", "last=1", 20076972, 20076972, 0 },
        { "att_unet", NULL, 34878573, 34878573, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ad_model *m = open_text(*state, rows[i].file, rows[i].set);
        ad_model_counts c;
        ad_model_count(m, &c);
        assert_int_equal(c.trainable, rows[i].trainable);
        assert_int_equal(c.sample, rows[i].sample);
        assert_int_equal(c.dead, rows[i].dead);
        ad_model_free(m);
    }
}

static void counts_of_nets(void **state)
{
    static const struct {
        const char *name;
        int64_t n;
    } want[] = { { "posterior", 10693064 }, { "prior", 10692800 }, { "comb", 491366 } };
    ad_model *m = open_text(*state, "hpu_net", NULL);
    const char *name;
    int64_t n;
    for (int i = 0; i < 3; i++) {
        assert_true(ad_model_net_at(m, i, &name, &n));
        assert_string_equal(name, want[i].name);
        assert_int_equal(n, want[i].n);
    }
    assert_false(ad_model_net_at(m, 3, &name, &n));
    ad_model_free(m);
}

static void zoo_opens(void **state)
{
    char name[64], ref[80];
    int n = 0;
    for (; ad_zoo_at("models/zoo", n, name); n++) {
        ad_model *m;
        snprintf(ref, sizeof ref, "zoo:%s", name);
        if (ad_model_open(*state, ref, &(ad_model_options){ .zoo = "models/zoo" }, NULL, &m) != AD_OK)
            fail_msg("%s", ad_ctx_message(*state));
        for (int k = 0; ad_model_profile(m, k); k++) {
            ad_model *p;
            ad_model_options o = { .zoo = "models/zoo", .profile = ad_model_profile(m, k) };
            if (ad_model_open(*state, ref, &o, NULL, &p) != AD_OK) fail_msg("%s", ad_ctx_message(*state));
            ad_model_free(p);
        }
        ad_model_free(m);
    }
    assert_true(n >= 5);
}

/* ---- the corpus of broken files ---- */

static char *slurp(const char *path)
{
    size_t size;
    char *text = ad__read_file(path, 1 << 20, &size);
    if (!text) fail_msg("%s cannot be read", path);
    return text;
}

static void one_broken(ad_ctx *ctx, const char *name, const char *codes)
{
    char expected[300];
    ad_model *m = NULL;
    ad_diagnostics *d = ad_diagnostics_new();
    snprintf(expected, sizeof expected, "%.*s.expected", (int)strlen(name) - 5, name);
    ad_status status = ad_model_open(ctx, name, NULL, d, &m);
    char *got = ad_diagnostics_text(d, false), *want = slurp(expected);
    if (status != AD_EMODEL) fail_msg("%s: status %d", name, status);
    for (int i = 0; i < ad_diagnostics_count(d); i++) {
        char code[64];
        snprintf(code, sizeof code, "`%s`", ad_diagnostics_at(d, i)->code);
        if (!strstr(codes, code)) fail_msg("docs/errors.md does not explain %s", code);
    }
    assert_string_equal(got, want);
    assert_string_equal(ad_ctx_message(ctx), want);
    assert_null(m);
    free(got);
    free(want);
    ad_diagnostics_free(d);
}

static void broken_files(void **state)
{
    DIR *folder = opendir("tests/broken");
    struct dirent *e;
    char *codes = slurp("docs/errors.md");
    int n = 0;
    assert_non_null(folder);
    assert_int_equal(chdir("tests/broken"), 0);
    while ((e = readdir(folder)))
        if (strlen(e->d_name) > 5 && strcmp(e->d_name + strlen(e->d_name) - 5, ".yaml") == 0 &&
            strcmp(e->d_name, "whole.yaml") != 0) {
            one_broken(*state, e->d_name, codes);
            n++;
        }
    closedir(folder);
    free(codes);
    assert_int_equal(chdir("../.."), 0);
    assert_true(n >= 50);
}

/* ---- settings ---- */

static void refused(ad_ctx *ctx, const ad_model_options *o, const char *message)
{
    ad_model *m = NULL;
    assert_int_equal(ad_model_open(ctx, "tests/broken/whole.yaml", o, NULL, &m), AD_EUSAGE);
    assert_string_equal(ad_ctx_message(ctx), message);
    assert_null(m);
}

static void wrong_settings(void **state)
{
    const char *no_such[] = { "nn=3" }, *no_value[] = { "n" }, *type[] = { "n=two" }, *range[] = { "n=0" };
    refused(*state, &(ad_model_options){ .n_set = 1, .set = no_such },
            "--set nn=3: no such parameter; parameters of 'small': n, levels, size. Did you mean 'n'?");
    refused(*state, &(ad_model_options){ .n_set = 1, .set = no_value }, "--set n: write NAME=VALUE");
    refused(*state, &(ad_model_options){ .n_set = 1, .set = type }, "--set n=two: expected an int, found the string \"two\"");
    refused(*state, &(ad_model_options){ .n_set = 1, .set = range }, "--set n=0: 'n' is 0; it must be at least 1");
    refused(*state, &(ad_model_options){ .profile = "tiny" }, "--profile tiny: model 'small' has no profiles");
}

static void missing_file(void **state)
{
    ad_model *m;
    assert_int_equal(ad_model_open(*state, "zoo:nothing", &(ad_model_options){ .zoo = "models/zoo" }, NULL, &m), AD_EIO);
    assert_string_equal(ad_ctx_message(*state), "models/zoo/nothing.yaml: cannot be read: No such file or directory");
}

static const char *const parent = "tests/broken/whole.yaml";

static ad_status parse(ad_ctx *ctx, const char *text, const ad_model_options *o, ad_diagnostics *d, ad_model **m)
{
    return ad_model_parse(ctx, "tests/broken/child.yaml", text, strlen(text), o, d, m);
}

static void extending(void **state)
{
    ad_model *whole, *child;
    ad_model_counts a, b;
    static const char text[] = "adze: 1\nmodel: child\nextends: whole.yaml\nset: {n: 8}\nreplace:\n"
                               "  unit(x, out, kernel=3):\n    - return x | conv(out=out, kernel=kernel, bias=false) | relu\n";
    assert_int_equal(ad_model_open(*state, parent, NULL, NULL, &whole), AD_OK);
    if (parse(*state, text, NULL, NULL, &child) != AD_OK) fail_msg("%s", ad_ctx_message(*state));
    ad_model_count(whole, &a);
    ad_model_count(child, &b);
    assert_int_equal(a.trainable, 1398);
    /* per net: 3x3 from 1 (or 3) to 8, to 16, to 8, no biases; heads as before with their biases */
    int64_t heads = 2 * (8 + 1) + 2 * (16 + 1), ladder = 9 * (8 * 16 + 16 * 8) + heads;
    assert_int_equal(b.trainable, 2 * ladder + 9 * 8 * (1 + 3) + (8 + 2) * 2 + 2);
    assert_string_equal(ad_model_name(child), "child");
    ad_model_free(child);
    const char *set[] = { "n=4" };
    assert_int_equal(parse(*state, "adze: 1\nmodel: child\nextends: whole.yaml\nset: {n: 8}\n",
                           &(ad_model_options){ .n_set = 1, .set = set }, NULL, &child),
                     AD_OK);
    ad_model_count(child, &b);
    assert_int_equal(b.trainable, a.trainable);
    ad_model_free(child);
    ad_model_free(whole);
}

static void lenient(void **state)
{
    ad_model *m;
    ad_diagnostics *d = ad_diagnostics_new();
    static const char text[] = "adze: 1\nmodel: a\nparams:\n  idle: {type: int, default: 3}\ninputs:\n  x: {shape: [B, 4]}\n"
                               "programs:\n  predict:\n    - return:\n        y: linear(x, out=2)\n";
    assert_int_equal(parse(*state, text, NULL, NULL, &m), AD_EMODEL);
    assert_int_equal(parse(*state, text, &(ad_model_options){ .lenient = true }, d, &m), AD_OK);
    assert_int_equal(ad_diagnostics_count(d), 1);
    assert_int_equal(ad_diagnostics_at(d, 0)->severity, AD_SEVERITY_WARNING);
    assert_string_equal(ad_diagnostics_at(d, 0)->code, "unused-parameter");
    char *json = ad_diagnostics_json(d);
    assert_string_equal(json, "[\n{\"severity\":\"warning\",\"line\":4,\"column\":3,\"length\":4,\"file\":\"tests/broken/child.yaml\","
                              "\"code\":\"unused-parameter\",\"message\":\"parameter 'idle' is never used\",\"hint\":\"\",\"notes\":[]}\n]\n");
    free(json);
    ad_diagnostics_free(d);
    ad_model_free(m);
}

static void questions(void **state)
{
    ad_model *m = open_text(*state, "phiseg", "R=6");
    ad_model_param p;
    ad_model_input in;
    ad_model_program prog;
    double d = 0;
    assert_true(ad_model_param_at(m, 1, &p));
    assert_string_equal(p.name, "R");
    assert_string_equal(p.value, "6");
    assert_string_equal(p.standard, "7");
    assert_string_equal(p.doc, "resolution levels");
    assert_true(ad_model_number(m, "D", &d));
    assert_true(d == 1);
    assert_true(ad_model_input_at(m, 1, &in));
    assert_true(in.target && in.kind == AD_INPUT_ONEHOT && in.shape.rank == 4 && in.shape.dim[0] == -1 && in.shape.dim[3] == 2);
    assert_true(ad_model_program_at(m, 0, &prog));
    assert_true(prog.training && prog.objective && prog.n_outputs == 2 && prog.macs > 1e9);
    assert_true(ad_model_program_at(m, 1, &prog));
    assert_true(!prog.training && !prog.objective);
    assert_string_equal(prog.outputs[0], "logits");
    ad_model_free(m);
}

static void expanded_form(void **state)
{
    ad_model *a, *b;
    char ha[65], hb[65];
    static const char text[] =
        "adze: 1\nmodel: a\ninputs:\n  x: {shape: [B, 4]}\nprograms:\n  predict:\n    - return:\n        y: linear(x, out=%d)\n";
    char one[256], two[300];
    snprintf(one, sizeof one, text, 2);
    snprintf(two, sizeof two, "# a comment moves every line\n%s", one);
    assert_int_equal(parse(*state, one, NULL, NULL, &a), AD_OK);
    assert_int_equal(parse(*state, two, NULL, NULL, &b), AD_OK);
    char *expanded = ad_model_expand(a);
    assert_string_equal(
        expanded,
        "adze 1 model a\nprogram predict\ninput x [B,4]\n"
        "%0 = linear(x, predict/y/linear.w, predict/y/linear.b) out=2 -> [B,2]  @ tests/broken/child.yaml:8:12 predict/y/linear\n"
        "output y = %0\nweight predict/y/linear.w [4,2] linear he_normal\nweight predict/y/linear.b [2] plain constant\n");
    free(expanded);
    ad_model_hash(a, ha);
    ad_model_hash(b, hb);
    assert_string_equal(ha, hb);
    ad_model_free(b);
    snprintf(one, sizeof one, text, 3);
    assert_int_equal(parse(*state, one, NULL, NULL, &b), AD_OK);
    ad_model_hash(b, hb);
    assert_string_not_equal(ha, hb);
    ad_model_free(a);
    ad_model_free(b);
}

/* ---- warnings ---- */

static void warned(ad_ctx *ctx, const char *statements, const char *code, int line, int column)
{
    char text[2048];
    ad_model *m = NULL;
    ad_diagnostics *d = ad_diagnostics_new();
    snprintf(text, sizeof text,
             "adze: 1\nmodel: a\ninputs:\n  x: {shape: [B, 4, 4, 2]}\n  y: {shape: [B, 4, 4, 2], role: target, kind: onehot}\n%s",
             statements);
    if (parse(ctx, text, NULL, d, &m) != AD_OK) fail_msg("%s", ad_ctx_message(ctx));
    assert_int_equal(ad_diagnostics_count(d), 1);
    assert_string_equal(ad_diagnostics_at(d, 0)->code, code);
    assert_int_equal(ad_diagnostics_at(d, 0)->line, line);
    assert_int_equal(ad_diagnostics_at(d, 0)->column, column);
    ad_diagnostics_free(d);
    ad_model_free(m);
}

#define TRAIN "programs:\n  train:\n"
#define OBJECTIVE "objective:\n  kind: elbo\n  program: train\n  minimize: loss\n"

static void warnings(void **state)
{
    warned(*state, TRAIN "    - a = cross_entropy(conv(x, out=2, kernel=1), y, over=\"HW\", batch=\"mean\")\n"
                         "    - b = cross_entropy(conv(x, out=2, kernel=1), y, over=\"HW\", batch=\"mean\", pixels=\"mean\")\n"
                         "    - return:\n        loss: a + b\n" OBJECTIVE, "mixed-reductions", 9, 11);
    warned(*state,
           TRAIN "    - z ~ normal(conv(x, out=2, kernel=1), softplus(x))\n"
                 "    - return:\n        loss: cross_entropy(z, y, over=\"HW\", batch=\"mean\")\n" OBJECTIVE,
           "site-without-kl", 8, 7);
    warned(*state,
           TRAIN "    - h = global_avg_pool(x) | batch_norm | conv(out=2, kernel=1)\n"
                 "    - return:\n        loss: cross_entropy(x + h, y, over=\"HW\", batch=\"mean\")\n" OBJECTIVE,
           "norm-of-one", 8, 32);
    warned(*state,
           TRAIN "    - m, s = conv(x, out=4, kernel=1) | split(2)\n    - z ~ normal(m, s)\n"
                 "    - return:\n        loss: cross_entropy(z, y, over=\"HW\", batch=\"mean\")\n"
                 "objective:\n  kind: expression\n  program: train\n  minimize: loss\n",
           "unbounded-scale", 9, 7);
    warned(*state,
           TRAIN
           "    - return:\n        loss: cross_entropy(conv(x, out=2, kernel=1), y, over=\"HW\", batch=\"mean\")\n" OBJECTIVE
           "init:\n  \"covn.w\": he_normal\n",
           "unused-pattern", 15, 3);
    warned(*state,
           "blocks:\n  f(x):\n    - z ~ normal(x, softplus(x))\n    - return:\n        z: z\n        h: conv(x, out=2, "
           "kernel=1)\nnets:\n  n: f\n"
           "programs:\n  train:\n    - q = n(x)\n    - return:\n        loss: cross_entropy(q.h, y, over=\"HW\", batch=\"mean\") "
           "+ sum(q.z)\n"
           "  sample:\n    - q = n(x)\n    - return:\n        logits: q.h\n"
           "objective:\n  kind: expression\n  program: train\n  minimize: loss\n",
           "skipped-level", 8, 7);
}

/* ---- paths and expressions ---- */

static void patterns(void **state)
{
    static const struct { const char *pattern, *path; bool match;
    } rows[] = {
        { "conv.w", "prior/h[2,1]/cbr/conv.w", true },
        { "cbr/conv.w", "prior/h[2,1]/cbr/conv.w", true },
        { "conv.w", "prior/mu[0]/conv#2.w", true },
        { "conv#2.w", "prior/mu[0]/conv.w", false },
        { "mu[0]/conv.w", "prior/mu[0]/conv.w", true },
        { "mu[1]/conv.w", "prior/mu[0]/conv.w", false },
        { "mu/conv.w", "prior/mu[0]/conv.w", true },
        { "conv.b", "prior/mu[0]/conv.w", false },
        { "posterior", "posterior/h[3]/stage/r/conv.w", true },
        { "posterior/h[3]/stage", "posterior/h[3]/stage/r/conv.w", true },
        { "posterior/h[3]/stage", "prior/h[3]/stage/r/conv.w", false },
        { "h[3]", "posterior/h[3]/stage/conv.w", false },
        { "z[*]", "prior/z[2]", true },
        { "*", "prior/z[2]", true },
        { "*/z[1]", "prior/z[2]", false },
        { "batch_norm.*", "a/batch_norm.scale", true },
        { "table", "m/relative_position_bias.table", true },
        { "able", "m/x.table", false },
        { "conv.w", "conv.w", true },
        { "a/conv.w", "conv.w", false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (ad_path_matches(rows[i].pattern, rows[i].path) != rows[i].match)
            fail_msg("%s against %s", rows[i].pattern, rows[i].path);
}

static void expressions(void **state)
{
    static const struct { const char *text, *value;
    } rows[] = {
        { "1 + 2 * 3", "7" },
        { "-7 // 2", "-4" },
        { "-7 % 3", "2" },
        { "7 / 2", "3.5" },
        { "pow(2, R-1)", "64" },
        { "2*i + (l > 0)", "7" },
        { "[32, 48][1]", "48" },
        { "len(ch)", "7" },
        { "ch[1..2]", "[64, 128]" },
        { "sum(l*k for k in 1..3)", "6" },
        { "4..0", "[]" },
        { "rev(0..2)", "[2, 1, 0]" },
        { "\"a\" if L > 3 else \"b\"", "a" },
        { "not (1 < 2 and 2 < 1)", "true" },
        { "max(1, 2.5)", "2.5" },
        { "min([4, 3])", "3" },
        { "1e-3", "0.001" },
        { "0.1 + 0.2", "0.30000000000000004" },
        { "\"x\" == 'x'", "true" },
        { "[1, 2] + [3]", "[1, 2, 3]" },
        { "1 | max(3)", "3" },
        { "mean([1, 2])", "1.5" },
        { "floor(2.7)", "2" },
        { "1.0", "1.0" },
    };
    static const char *const names[] = { "i", "l" };
    static const int64_t values[] = { 3, 1 };
    ad_model *m = open_text(*state, "phiseg", NULL);
    char out[256];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (ad__model_eval(m, ad_ctx_error(*state), rows[i].text, 2, names, values, out, sizeof out) != AD_OK)
            fail_msg("%s", ad_ctx_message(*state));
        assert_string_equal(out, rows[i].value);
    }
    assert_int_equal(ad__model_eval(m, ad_ctx_error(*state), "9223372036854775807 + 1", 0, NULL, NULL, out, sizeof out),
                     AD_EUSAGE);
    assert_string_equal(ad_ctx_message(*state), "'9223372036854775807 + 1': 9223372036854775807 + 1 does not fit in 64 bits");
    ad_error_clear(ad_ctx_error(*state));
    assert_int_equal(ad__model_eval(m, ad_ctx_error(*state), "conv(3)", 0, NULL, NULL, out, sizeof out), AD_EUSAGE);
    ad_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_counts), cmocka_unit_test(counts_of_nets), cmocka_unit_test(zoo_opens),
        cmocka_unit_test(broken_files),     cmocka_unit_test(wrong_settings), cmocka_unit_test(missing_file),
        cmocka_unit_test(extending),        cmocka_unit_test(lenient),        cmocka_unit_test(questions),
        cmocka_unit_test(expanded_form),    cmocka_unit_test(warnings),       cmocka_unit_test(patterns),
        cmocka_unit_test(expressions),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

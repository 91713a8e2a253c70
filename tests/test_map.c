/*
 * test_map.c - rules for foreign names: captures, arithmetic, words, the order of rules, and expressions over a configuration.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "models/models.h"
#include "ops/ops.h"

static const char text[] =
    "adze: 1\n"
    "model: mapped\n"
    "params:\n"
    "  L:      {type: int, default: 3, min: 1}\n"
    "  height: {type: int, default: 4}\n"
    "inputs:\n"
    "  x: {shape: [B, height, 4, 1]}\n"
    "blocks:\n"
    "  stack(x):\n"
    "    - h = x\n"
    "    - for: l in 0..L-1\n"
    "      do:\n"
    "        - h := conv(h, out=2, kernel=1)\n"
    "    - return h\n"
    "nets:\n"
    "  m: stack\n"
    "programs:\n"
    "  predict:\n"
    "    - return:\n"
    "        logits: m(x)\n"
    "map:\n"
    "  other:\n"
    "    when: model == \"other\"\n"
    "  theirs:\n"
    "    when: model == \"theirs\" and loss.kind != \"\"\n"
    "    profile: '\"big\" if deep else \"small\"'\n"
    "    config:\n"
    "      L: len(channels)\n"
    "      height: size[0] - 1\n"
    "    words: {w: weight, b: bias}\n"
    "    weights:\n"
    "      \"m/h[0]/conv.{v}\": \"first.{v}\"\n"
    "      \"m/h[{l}]/conv.{v}\": \"level.{L-1-l}.{2*l + (l > 1)}.{v}\"\n"
    "      \"{net}_{net}\": \"twice.{net}\"\n"
    "      \"{net}_l{l}\": \"{net}/{l}\"\n"
    "      \"bad {l}\": \"{l + nothing}\"\n";

static const char json[] = "{\"model\": \"theirs\", \"channels\": [8, 16], \"size\": [33, 48], \"deep\": false, \"loss\": {\"kind\": \"geco\", \"k\": null}}";

static ad_ctx *ctx;
static ad_model *m;

static int open_model(void **state)
{
    ctx = ad_new(NULL);
    if (ad_model_parse(ctx, "mapped.yaml", text, strlen(text), NULL, NULL, &m) == AD_OK)
        return 0;
    print_error("%s\n", ad_ctx_message(ctx));
    return 1;
}

static int close_model(void **state)
{
    ad_model_free(m);
    ad_ctx_free(ctx);
    return 0;
}

static void names_are_translated(void **state)
{
    static const struct {
        const char *name, *want;     /* NULL: no rule, or the rule cannot be worked out */
    } rows[] = {
        { "m/h[0]/conv.w", "first.weight" },      { "m/h[1]/conv.b", "level.1.2.bias" },  { "m/h[2]/conv.w", "level.0.5.weight" },
        { "m/h[2]/conv.other", "level.0.5.other" }, { "prior_l12", "prior/12" },          { "a_a", "twice.a" },
        { "a_b_l3", "a_b/3" },                    { "m/h[1,2]/conv.w", NULL },            { "bad 1", NULL },
        { "nothing", NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[64];
        bool found = ad_model_map(m, "theirs", "weights", rows[i].name, out, sizeof out);
        assert_int_equal(found, rows[i].want != NULL);
        if (found)
            assert_string_equal(out, rows[i].want);
    }
    char tiny[5];
    assert_false(ad_model_map(m, "theirs", "weights", "m/h[0]/conv.w", tiny, sizeof tiny));
    assert_false(ad_model_map(m, "theirs", "no table", "m/h[0]/conv.w", tiny, sizeof tiny));
    assert_true(ad_model_map_has(m, "theirs", "weights"));
    assert_false(ad_model_map_has(m, "theirs", "train"));
}

static ad_status collect(void *arg, const char *setting)
{
    strcat(strcat(arg, setting), ";");
    return AD_OK;
}

static void a_configuration_is_read(void **state)
{
    char settings[128] = "", out[64];
    assert_string_equal(ad_model_map_family(m, json, strlen(json)), "theirs");
    assert_null(ad_model_map_family(m, "{\"model\": \"theirs\"}", 19));
    assert_int_equal(ad_model_map_config(m, "theirs", json, strlen(json), collect, settings), AD_OK);
    assert_string_equal(settings, "L=2;height=32;");
    assert_int_equal(ad_model_map_entry(m, "theirs", "profile", json, strlen(json), out, sizeof out), AD_OK);
    assert_string_equal(out, "small");
    assert_int_equal(ad_model_map_eval(m, "loss.k == \"\" and missing == \"\"", json, strlen(json), out, sizeof out), AD_OK);
    assert_string_equal(out, "true");
}

static void what_cannot_be_read_is_an_error(void **state)
{
    char out[64];
    assert_int_equal(ad_model_map_entry(m, "theirs", "weights", json, strlen(json), out, sizeof out), AD_EUSAGE);
    assert_non_null(strstr(ad_ctx_message(ctx), "has no entry 'weights'"));
    ad_error_clear(ad_ctx_error(ctx));
    assert_int_not_equal(ad_model_map_eval(m, "size[7]", json, strlen(json), out, sizeof out), AD_OK);
    assert_non_null(strstr(ad_ctx_message(ctx), "size[7]"));
    ad_error_clear(ad_ctx_error(ctx));
    assert_int_not_equal(ad_model_map_eval(m, "size[0]", "{", 1, out, sizeof out), AD_OK);
    ad_error_clear(ad_ctx_error(ctx));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_translated),
        cmocka_unit_test(a_configuration_is_read),
        cmocka_unit_test(what_cannot_be_read_is_an_error),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}

/*
 * test_documents.c - YAML documents with exact places, and the mistakes told about them: scalars, whole numbers, columns, nesting, how many
 * are shown, what was meant.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "models/model.h"
#include "ops/ops.h"

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

static void scalar_types(void **state)
{
    static const struct { const char *text; ad_scalar_kind kind;
    } rows[] = {
        { "null", AD_SCALAR_NULL },  { "~", AD_SCALAR_NULL },          { "true", AD_SCALAR_BOOL },  { "no", AD_SCALAR_TEXT },
        { "12", AD_SCALAR_INT },     { "-3", AD_SCALAR_INT },          { "0x1F", AD_SCALAR_INT },   { "0o17", AD_SCALAR_INT },
        { "1_000", AD_SCALAR_TEXT }, { "1e-4", AD_SCALAR_FLOAT },      { "5.", AD_SCALAR_FLOAT },   { ".5", AD_SCALAR_FLOAT },
        { ".", AD_SCALAR_TEXT },     { "1e", AD_SCALAR_TEXT },         { ".inf", AD_SCALAR_FLOAT }, { "1:30", AD_SCALAR_TEXT },
        { "0b101", AD_SCALAR_TEXT }, { "2001-01-01", AD_SCALAR_TEXT }, { "'12'", AD_SCALAR_TEXT },  { "0x", AD_SCALAR_TEXT },
    };
    ad_diagnostics *d = ad_diagnostics_new();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ad_document *doc = ad_document_parse("t", rows[i].text, strlen(rows[i].text), d);
        assert_non_null(doc);
        if (ad_node_scalar_kind(ad_document_root(doc)) != rows[i].kind) fail_msg("%s", rows[i].text);
        ad_document_free(doc);
    }
    ad_diagnostics_free(d);
}

static void integers(void **state)
{
    static const struct { const char *text; bool good; int64_t value;
    } rows[] = {
        { "0x1F", true, 31 },
        { "0o17", true, 15 },
        { "-9223372036854775808", true, INT64_MIN },
        { "9223372036854775808", false, 0 },
        { "010", false, 0 },
        { "3.0", false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ad_diagnostics *d = ad_diagnostics_new();
        ad_document *doc = ad_document_parse("t", rows[i].text, strlen(rows[i].text), d);
        int64_t v = 0;
        assert_int_equal(ad_node_int(doc, ad_document_root(doc), d, &v), rows[i].good);
        if (rows[i].good) assert_true(v == rows[i].value);
        assert_int_equal(ad_diagnostics_errors(d), !rows[i].good);
        ad_document_free(doc);
        ad_diagnostics_free(d);
    }
}

/* A byte-order mark, CRLF, and a character of several bytes before the mistake: columns count characters. */
static void columns_count_characters(void **state)
{
    static const char text[] = "\xef\xbb\xbf"
                               "adze: 1\r\nmodel: \xc3\xa4\xc3\xb6 # \xe6\xbc\xa2\r\ninputs: {\"\xc3\xa4\": 1, x: 2}\r\n";
    ad_diagnostics *d = ad_diagnostics_new();
    ad_model *m;
    assert_int_equal(ad_model_parse(*state, "t.yaml", text, strlen(text), NULL, d, &m), AD_EMODEL);
    bool found = false;
    for (int i = 0; i < ad_diagnostics_count(d); i++) {
        const ad_diagnostic *o = ad_diagnostics_at(d, i);
        found = found || (o->line == 3 && o->column == 10 && strcmp(o->code, "name") == 0);
    }
    assert_true(found);
    ad_diagnostics_free(d);
}

static void deep_nesting(void **state)
{
    size_t n = 65536;
    char *text = malloc(n + 1);
    ad_diagnostics *d = ad_diagnostics_new();
    (void)state;
    memset(text, '[', n);
    text[n] = '\0';
    assert_null(ad_document_parse("deep", text, n, d));
    assert_string_equal(ad_diagnostics_at(d, 0)->code, "too-deep");
    free(text);
    ad_diagnostics_free(d);
}

static void at_most_twenty(void **state)
{
    char text[4096] = "adze: 1\nmodel: a\n";
    ad_diagnostics *d = ad_diagnostics_new();
    ad_model *m;
    for (int i = 0; i < 30; i++) snprintf(text + strlen(text), sizeof text - strlen(text), "key%d: 1\n", i);
    assert_int_equal(ad_model_parse(*state, "many.yaml", text, strlen(text), NULL, d, &m), AD_EMODEL);
    char *shown = ad_diagnostics_text(d, false), *at = shown;
    int n = 0;
    for (; (at = strstr(at, "error: ")); at++) n++;
    assert_int_equal(n, 20);
    assert_non_null(strstr(shown, "31 errors in many.yaml, the first 20 shown"));
    free(shown);
    ad_diagnostics_free(d);
}

static void did_you_mean(void **state)
{
    static const char *const words[] = { "conv", "concat", "cross_entropy", "relu" };
    (void)state;
    assert_string_equal(ad_nearest("cnov", 4, words), "conv");
    assert_string_equal(ad_nearest("cros_entropi", 4, words), "cross_entropy");
    assert_null(ad_nearest("transpose", 4, words));
    assert_null(ad_nearest("x", 4, words));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalar_types), cmocka_unit_test(integers),       cmocka_unit_test(columns_count_characters),
        cmocka_unit_test(deep_nesting), cmocka_unit_test(at_most_twenty), cmocka_unit_test(did_you_mean),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

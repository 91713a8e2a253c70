/* The parameter store and the initialisers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ops/ops.h"

static ad_ctx *ctx;

static int setup(void **state)
{
    ctx = ad_new(NULL);
    return ctx ? 0 : -1;
}

static int teardown(void **state)
{
    ad_ctx_free(ctx);
    return 0;
}

static ad_shape shape2(int64_t a, int64_t b)
{
    return (ad_shape){ .rank = 2, .dim = { a, b } };
}

static ad_status add(ad_params *p, const char *path, int64_t a, int64_t b, ad_slot slot, const char *init)
{
    ad_shape s = shape2(a, b);
    ad_init i;
    AD_TRY(ad_init_parse(ad_ctx_error(ctx), init, &i));
    return ad_params_add(p, path, &s, slot, AD_LAYOUT_LINEAR, &i);
}

static void order_and_alignment(void **state)
{
    static const char *const paths[] = { "b/w", "a/w", "c", "a" };
    ad_params *p = ad_params_new(ctx, AD_F32);
    for (int i = 0; i < 4; i++) assert_int_equal(add(p, paths[i], 3, i + 1, i % 3, "ones"), AD_OK);
    assert_int_equal(ad_params_count(p), 4);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(ad_params_at(p, i)->path, paths[i]);
        assert_int_equal((uintptr_t)ad_params_at(p, i)->data % 64, 0);
        assert_ptr_equal(ad_params_find(p, paths[i]), ad_params_at(p, i));
    }
    assert_string_equal(ad_params_sorted(p, 0)->path, "a");
    assert_string_equal(ad_params_sorted(p, 3)->path, "c");
    assert_null(ad_params_find(p, "b"));
    assert_int_equal(ad_params_elements(p, AD_SLOT_PARAM), 3 + 12);
    assert_int_equal(ad_params_elements(p, AD_SLOT_OPTIM), 9);
    assert_int_equal(add(p, "c", 1, 1, AD_SLOT_PARAM, "zeros"), AD_EMODEL);
    assert_string_equal(ad_ctx_message(ctx), "parameter 'c' is declared twice");
    ad_error_clear(ad_ctx_error(ctx));
    ad_params_free(p);
}

/* A value that was there first stays where it is when a slab is full; a value larger than a slab gets one of its own. */
static void values_do_not_move(void **state)
{
    ad_params *p = ad_params_new(ctx, AD_F64);
    assert_int_equal(add(p, "first", 2, 2, AD_SLOT_PARAM, "constant(4)"), AD_OK);
    double *first = ad_params_find(p, "first")->data;
    for (int i = 0; i < 200; i++) {
        char path[20];
        snprintf(path, sizeof path, "p%d", i);
        assert_int_equal(add(p, path, i == 100 ? 1000 : 33, 333, AD_SLOT_PARAM, "zeros"), AD_OK);
    }
    assert_int_equal(ad_params_init(p, AD_SLOT_PARAM, 1), AD_OK);
    assert_ptr_equal(ad_params_find(p, "first")->data, first);
    assert_true(first[0] == 4 && first[3] == 4);
    ad_params_free(p);
}

static void hash_of(const char *order, const char *init, uint64_t seed, char hex[65])
{
    ad_params *p = ad_params_new(ctx, AD_F32);
    for (const char *c = order; *c; c++) assert_int_equal(add(p, (char[]){ *c, 0 }, 5, 7, AD_SLOT_PARAM, init), AD_OK);
    assert_int_equal(ad_params_init(p, AD_SLOT_PARAM, seed), AD_OK);
    ad_params_hash(p, hex);
    ad_params_free(p);
}

/* Values depend on the path, not on the order of declaration. */
static void hash_is_by_path(void **state)
{
    char a[65], b[65];
    hash_of("xyz", "normal(0.5)", 1, a);
    hash_of("zxy", "normal(0.5)", 1, b);
    assert_string_equal(a, b);
    hash_of("xyz", "normal(0.5)", 2, b);
    assert_string_not_equal(a, b);
    hash_of("xyw", "normal(0.5)", 1, b);
    assert_string_not_equal(a, b);
    hash_of("q", "ones", 1, a);   /* sha256 of 35 times 00 00 80 3f */
    assert_string_equal(a, "321dc975767ac8cf04ece12769d71be587b16ee537131cf08e6b545555e3b51a");
}

static void copies_between_precisions(void **state)
{
    ad_params *f = ad_params_new(ctx, AD_F32), *d = ad_params_new(ctx, AD_F64);
    assert_int_equal(add(f, "w", 2, 3, AD_SLOT_PARAM, "normal"), AD_OK);
    assert_int_equal(add(f, "m/w", 2, 3, AD_SLOT_OPTIM, "ones"), AD_OK);
    assert_int_equal(add(d, "w", 2, 3, AD_SLOT_PARAM, "zeros"), AD_OK);
    assert_int_equal(ad_params_init(f, AD_SLOT_PARAM, 3), AD_OK);
    assert_int_equal(ad_params_copy(d, f), AD_OK);
    for (int i = 0; i < 6; i++)
        assert_true(((double *)ad_params_at(d, 0)->data)[i] == (double)((float *)ad_params_at(f, 0)->data)[i]);
    assert_int_equal(ad_params_copy(f, d), AD_EUSAGE);
    assert_string_equal(ad_ctx_message(ctx), "copy of parameters: the source has no 'm/w'");
    ad_error_clear(ad_ctx_error(ctx));
    ad_params_free(f);
    ad_params_free(d);
}

/* Standard deviation and largest value of each initialiser on a conv kernel [3,3,20,30]: fan_in 180, fan_out 270. */
static void widths(void **state)
{
    static const struct { const char *init; double std, max; } cases[] = {
        { "zeros", 0, 0 }, { "ones", 0, 1 }, { "constant(-2)", 0, 2 }, { "normal(std=0.5)", 0.5, 5 },
        { "trunc_normal(0.5)", 0.5 * 0.87962566, 1.0 }, { "trunc_normal(std=1, limit=0.5)", 0.2841, 0.5 }, { "uniform(0.3)", 0.3 / 1.7320508, 0.3 },
        { "he_normal", 0.1054093, 2 * 0.1054093 / 0.87962566 }, { "he_normal_untruncated", 0.1054093, 1 },
        { "he_uniform", 0.1054093, 0.1825742 }, { "fan_in_uniform", 0.0430331, 0.0745356 }, { "fan_in_uniform(fan=4)", 0.2886751, 0.5 },
        { "xavier_uniform", 0.0666667, 0.1154701 }, { "xavier_normal(gain=2)", 0.1333333, 2 }, { "orthogonal(gain=1.5)", 1.5 / 13.41641, 1.5 },
    };
    const ad_shape s = { .rank = 4, .dim = { 3, 3, 20, 30 } };
    enum { N = 3 * 3 * 20 * 30 };
    double *x = malloc(N * sizeof *x);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        ad_init init;
        double sum = 0, squares = 0, max = 0;
        assert_int_equal(ad_init_parse(ad_ctx_error(ctx), cases[c].init, &init), AD_OK);
        assert_int_equal(ad_init_fill(ad_ctx_error(ctx), &init, &s, AD_LAYOUT_CONV, AD_F64, 99, x), AD_OK);
        for (int i = 0; i < N; i++) {
            sum += x[i];
            squares += x[i] * x[i];
            max = fabs(x[i]) > max ? fabs(x[i]) : max;
        }
        double std = sqrt(fmax(0, squares / N - sum / N * sum / N));
        if (fabs(std - cases[c].std) > 0.04 * cases[c].std || max > cases[c].max * (1 + 1e-6))
            fail_msg("%s: std %g, expected %g; max %g, allowed %g", cases[c].init, std, cases[c].std, max, cases[c].max);
    }
    free(x);
}

static void fans_follow_the_layout(void **state)
{
    static const struct { ad_layout layout; double bound; } cases[] = {
        { AD_LAYOUT_CONV, 9 * 2 }, { AD_LAYOUT_CONV_TRANSPOSE, 9 * 50 }, { AD_LAYOUT_LINEAR, 2 },
    };
    const ad_shape s = { .rank = 4, .dim = { 3, 3, 2, 50 } };
    double x[900];
    for (int c = 0; c < 3; c++) {
        ad_init init = { "fan_in_uniform", { 0 } };
        double max = 0, bound = 1 / sqrt(cases[c].bound);
        assert_int_equal(ad_init_fill(ad_ctx_error(ctx), &init, &s, cases[c].layout, AD_F64, 5, x), AD_OK);
        for (int i = 0; i < 900; i++) max = fabs(x[i]) > max ? fabs(x[i]) : max;
        assert_true(max <= bound && max > 0.98 * bound);
    }
}

/* w^T w = gain^2 I for a tall matrix, w w^T for a wide one. */
static void orthogonal_is_orthogonal(void **state)
{
    static const ad_shape shapes[] = { { .rank = 4, .dim = { 3, 3, 4, 16 } }, { .rank = 2, .dim = { 5, 40 } }, { .rank = 2, .dim = { 30, 30 } } };
    for (int c = 0; c < 3; c++) {
        double x[36 * 30];
        ad_init init = { "orthogonal", { 2 } };
        int64_t cols = shapes[c].dim[shapes[c].rank - 1], rows = ad_count(&shapes[c]) / cols, n = rows < cols ? rows : cols;
        assert_int_equal(ad_init_fill(ad_ctx_error(ctx), &init, &shapes[c], AD_LAYOUT_CONV, AD_F64, 5, x), AD_OK);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++) {
                double d = 0;
                for (int64_t m = 0; m < rows + cols - n; m++)
                    d += rows < cols ? x[i * cols + m] * x[j * cols + m] : x[m * cols + i] * x[m * cols + j];
                assert_true(fabs(d - (i == j ? 4 : 0)) < 1e-10);
            }
    }
}

static void mistakes_are_named(void **state)
{
    static const struct { const char *text, *message; } cases[] = {
        { "normal(std=0)", "normal(std=0): std must be greater than 0" },
        { "normal(width=2)", "normal(width=2): normal takes std=1, not that" },
        { "zeros(1)", "zeros(1): zeros takes no arguments" },
        { "uniform(1,2)", "uniform(1,2): uniform takes bound=1" },
        { "uniform(a)", "uniform(a): expected a number at 'a)'" },
        { "uniform(1", "uniform(1: expected ',' or ')'" },
        { "ones x", "ones x: 'x' after the initialiser" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ad_init init;
        ad_error e = { 0 };
        assert_int_equal(ad_init_parse(&e, cases[i].text, &init), AD_EATTR);
        assert_string_equal(e.message, cases[i].message);
    }
    ad_init init;
    ad_error e = { 0 };
    assert_int_equal(ad_init_parse(&e, "he_norm", &init), AD_EATTR);
    assert_non_null(strstr(e.message, "unknown initialiser 'he_norm'; there are zeros, ones,"));
    assert_int_equal(ad_init_parse(&(ad_error){ 0 }, " trunc_normal ( limit = 3 , std = 0.02 ) ", &init), AD_OK);
    assert_true(init.arg[0] == 0.02 && init.arg[1] == 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_and_alignment), cmocka_unit_test(values_do_not_move), cmocka_unit_test(hash_is_by_path),
        cmocka_unit_test(copies_between_precisions), cmocka_unit_test(widths), cmocka_unit_test(fans_follow_the_layout),
        cmocka_unit_test(orthogonal_is_orthogonal), cmocka_unit_test(mistakes_are_named),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

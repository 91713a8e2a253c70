/* test_datasets_transform.c - what is done to images before a network sees them: identities, and values by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "datasets/datasets.h"

enum { H = 7, W = 5 };

static void noise(float *x, int n)
{
    for (int i = 0; i < n; i++) x[i] = (float)ad_normal(3, 0, 0, (uint64_t)i);
}

static void is_near(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance)) fail_msg("%.9g is not %.9g", a, b);
}

static void turns_go_to_the_left(void **state)
{
    static const float x[6] = { 1, 2, 3, 4, 5, 6 };
    static const struct { int turns, flip; float want[6]; } cases[] = {
        { 0, -1, { 1, 2, 3, 4, 5, 6 } }, { 1, -1, { 3, 6, 2, 5, 1, 4 } }, { 2, -1, { 6, 5, 4, 3, 2, 1 } }, { -1, -1, { 4, 1, 5, 2, 6, 3 } },
        { 0, 0, { 4, 5, 6, 1, 2, 3 } }, { 0, 1, { 3, 2, 1, 6, 5, 4 } }, { 1, 1, { 6, 3, 5, 2, 4, 1 } },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float y[6];
        ad_turn(2, 3, x, cases[i].turns, cases[i].flip, y);
        assert_memory_equal(y, cases[i].want, sizeof y);
    }
}

/* The grid of a square maps to itself under quarter turns, up to the rounding of cos 90. */
static void rotation_by_a_quarter_is_a_turn(void **state)
{
    float x[H * H], turned[H * H], rotated[H * H];
    (void)state;
    noise(x, H * H);
    ad_rotate(H, H, x, 0, rotated);
    assert_memory_equal(rotated, x, sizeof x);
    ad_turn(H, H, x, 1, -1, turned);
    ad_rotate(H, H, x, 90, rotated);
    int inner = 0;
    for (int i = 1; i < H - 1; i++)
        for (int j = 1; j < H - 1; j++) inner += rotated[i * H + j] == turned[i * H + j];
    assert_int_equal(inner, (H - 2) * (H - 2));
    ad_rotate(H, H, x, 45, rotated);
    assert_true(rotated[0] == 0 && rotated[H * H - 1] == 0 && rotated[H / 2 * H + H / 2] == x[H / 2 * H + H / 2]);
}

static void zooms_keep_what_they_pass(void **state)
{
    static const int orders[] = { 0, 1, 3 };
    float x[H * W], same[H * W], twice[(2 * H - 1) * (2 * W - 1)];
    (void)state;
    noise(x, H * W);
    for (int k = 0; k < 3; k++) {
        ad_error e = { 0 };
        assert_int_equal(ad_zoom(&e, H, W, x, orders[k], H, W, same), AD_OK);
        assert_int_equal(ad_zoom(&e, H, W, x, orders[k], 2 * H - 1, 2 * W - 1, twice), AD_OK);
        for (int i = 0; i < H * W; i++) {
            is_near(same[i], x[i], 1e-6);
            is_near(twice[i / W * 2 * (2 * W - 1) + i % W * 2], x[i], 1e-6);
        }
    }
}

/* Between pixels: half way for order 1, the right one for order 0; a spline follows a parabola far from its mirrored ends. */
static void zooms_between_pixels(void **state)
{
    enum { N = 41 };
    float x[N], y[2 * N - 1];
    ad_error e = { 0 };
    (void)state;
    for (int i = 0; i < N; i++) x[i] = (float)(0.1 * i * i);
    assert_int_equal(ad_zoom(&e, 1, N, x, 1, 1, 2 * N - 1, y), AD_OK);
    for (int i = 0; i + 1 < N; i++) is_near(y[2 * i + 1], (x[i] + x[i + 1]) / 2, 1e-4);
    assert_int_equal(ad_zoom(&e, 1, N, x, 0, 1, 2 * N - 1, y), AD_OK);
    assert_true(y[1] == x[1] && y[5] == x[3]);
    assert_int_equal(ad_zoom(&e, 1, N, x, 3, 1, 2 * N - 1, y), AD_OK);
    for (int i = 24; i < 2 * N - 25; i++) is_near(y[i], 0.1 * i * i / 4, 1e-4);
    assert_int_equal(ad_zoom(&e, 1, 1, x + 1, 3, 1, 3, y), AD_OK);
    for (int i = 0; i < 3; i++) is_near(y[i], x[1], 1e-7);
}

static void windows_are_held_at_their_ends(void **state)
{
    static const float x[4] = { -500, -125, 75, 1000 };
    float y[4];
    (void)state;
    ad_window(4, x, -125, 275, y);
    assert_true(y[0] == 0 && y[1] == 0 && y[2] == 0.5f && y[3] == 1);
}

static void wrong_zooms_are_refused(void **state)
{
    float x[4] = { 0 }, y[4];
    ad_error e = { 0 };
    (void)state;
    assert_int_equal(ad_zoom(&e, 2, 2, x, 2, 2, 2, y), AD_EUSAGE);
    assert_non_null(strstr(e.message, "order 2"));
    ad_error_clear(&e);
    assert_int_equal(ad_zoom(&e, 2, 2, x, 1, 0, 2, y), AD_EUSAGE);
    assert_non_null(strstr(e.message, "0x2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_go_to_the_left), cmocka_unit_test(rotation_by_a_quarter_is_a_turn), cmocka_unit_test(zooms_keep_what_they_pass),
        cmocka_unit_test(zooms_between_pixels), cmocka_unit_test(windows_are_held_at_their_ends), cmocka_unit_test(wrong_zooms_are_refused),
    };
    return cmocka_run_group_tests_name("datasets: transform", tests, NULL, NULL);
}

/*
 * erf, gelu and its slope against double arithmetic over the whole range, and bit for bit between the variants.
 */
#include <math.h>
#include <string.h>

#include "tests/kernel_run.h"

enum { BLOCK = 4096 };

typedef void (*map)(int64_t n, const ad_lane *in, void *y, const double *p);

/* Units of the last place of `exact` in float. */
static double units(float got, double exact)
{
    int e;
    frexp(exact, &e);
    return fabs((double)got - exact) / ldexp(1, e < -125 ? -149 : e - 24);
}

static ad_lane lane_of(const float *x)
{
    return (ad_lane){ .data = x, .step = 1 };
}

/* Next block of numbers: every `step`th float from bit pattern *from on, both signs; 0 at the end. */
static int64_t numbers(uint32_t *from, uint32_t step, uint32_t end, float *x)
{
    int64_t n = 0;
    for (; n < BLOCK && *from < end; n += 2, *from += step) {
        memcpy(&x[n], from, sizeof *x);
        x[n + 1] = -x[n];
    }
    return n;
}

/* From 2^-100 to 32, one number in 101. */
static void test_erf(void **state)
{
    static float x[BLOCK], y[BLOCK], first[BLOCK];
    uint32_t from = (127u - 100) << 23, end = (127u + 5) << 23;
    for (int64_t n; (n = numbers(&from, 101, end, x)) > 0;)
        for (int isa = 0; isa <= ad__kernels_isa(); isa++) {
            ad_lane in = lane_of(x);
            ad__kernels(isa, 0)->element.erf(n, &in, y, NULL);
            if (isa == 0) memcpy(first, y, sizeof y);
            if (memcmp(first, y, (size_t)n * sizeof *y) != 0) fail_msg("%s differs from base near %g", ad__kernels(isa, 0)->name, x[0]);
            for (int64_t i = 0; isa == 0 && i < n; i++)
                if (!(units(y[i], erf(x[i])) <= 3) || fabsf(y[i]) > 1)
                    fail_msg("erf(%.9g) is %.9g, not %.9g", x[i], y[i], erf(x[i]));
        }
}

static void test_erf_ends(void **state)
{
    const float x[] = { 0.0f, -0.0f, INFINITY, -INFINITY, NAN, 4, -4 };
    for (int isa = 0; isa <= ad__kernels_isa(); isa++) {
        float y[7];
        ad_lane in = lane_of(x);
        ad__kernels(isa, 0)->element.erf(7, &in, y, NULL);
        assert_true(y[0] == 0 && !signbit(y[0]) && y[1] == 0 && signbit(y[1]));
        assert_true(y[2] == 1 && y[3] == -1 && isnan(y[4]) && y[5] == 1 && y[6] == -1);
    }
}

static double gelu(double x) { return x * erfc(-x / sqrt(2)) / 2; }
static double gelu_slope(double x) { return erfc(-x / sqrt(2)) / 2 + x * exp(-x * x / 2) / sqrt(2 * acos(-1)); }

/* Where erf is near -1 gelu is a difference: the error counts in units of x (gelu) or of 1 (its slope). */
static void check_near(map f, double (*exact)(double), const char *name, int by_size)
{
    static float x[BLOCK], y[BLOCK];
    uint32_t from = (127u - 20) << 23, end = (127u + 4) << 23;
    for (int64_t n; (n = numbers(&from, 1009, end, x)) > 0;) {
        ad_lane in = lane_of(x);
        f(n, &in, y, NULL);
        for (int64_t i = 0; i < n; i++)
            if (!(fabs(y[i] - exact(x[i])) <= 4 * ldexp(1, -24) * (by_size ? fabs(x[i]) : 1)))
                fail_msg("%s(%.9g) is %.9g, not %.9g", name, x[i], y[i], exact(x[i]));
    }
}

static void test_gelu(void **state)
{
    for (int isa = 0; isa <= ad__kernels_isa(); isa++) {
        check_near(ad__kernels(isa, 0)->element.gelu, gelu, "gelu", 1);
        check_near(ad__kernels(isa, 0)->element.gelu_slope, gelu_slope, "gelu_slope", 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_erf), cmocka_unit_test(test_erf_ends), cmocka_unit_test(test_gelu) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Matrix product: the plain kernel against dot products in double, the fast ones bit for bit against the plain one in float.
 */
#include <math.h>

#include "tests/kernel_run.h"

static int64_t a_count(const ad_gemm_shape *s) { return (s->shared_a ? 1 : s->batch) * s->m * s->k; }
static int64_t b_count(const ad_gemm_shape *s) { return (s->shared_b ? 1 : s->batch) * s->k * s->n; }
static int64_t c_count(const ad_gemm_shape *s) { return s->batch * s->m * s->n; }

typedef struct run_shape {
    const ad_kernels *k;
    const ad_gemm_shape *shape;
} run_shape;

static void unit(const void *shape, int stage, int64_t u, const ad_args *args)
{
    const run_shape *r = shape;
    r->k->conv.gemm.run(r->shape, stage, u, args);
}

static void *run(const ad_kernels *k, const ad_gemm_shape *s, const void *a, const void *b, const void *bias, size_t size)
{
    ad_work work;
    run_shape r = { k, s };
    ad_args args = { .a = a, .b = b, .bias = bias, .out = guarded_new((size_t)c_count(s) * size) };
    k->conv.gemm.plan(s, &work);
    kernel_run(&work, &r, unit, args);
    return args.out;
}

static double dot(const ad_gemm_shape *s, int64_t item, int64_t i, int64_t j, const float *a, const float *b, const float *bias)
{
    double sum = bias ? bias[j] : 0;
    a += s->shared_a ? 0 : item * s->m * s->k;
    b += s->shared_b ? 0 : item * s->k * s->n;
    for (int64_t p = 0; p < s->k; p++)
        sum += (double)(s->transposed_a ? a[p * s->m + i] : a[i * s->k + p]) * (s->transposed_b ? b[j * s->k + p] : b[p * s->n + j]);
    return sum;
}

static void check(const ad_gemm_shape *s, int with_bias)
{
    float *a = numbers_new(a_count(s), 1), *b = numbers_new(b_count(s), 2), *biases = numbers_new(s->n, 3), *bias = with_bias ? biases : NULL;
    float *want = run(ad__kernels(0, 0), s, a, b, bias, sizeof *want);
    for (int64_t i = 0; i < c_count(s); i++) {
        double exact = dot(s, i / s->n / s->m, i / s->n % s->m, i % s->n, a, b, bias);
        if (fabs(want[i] - exact) > 1e-6 * (double)(s->k + 1)) fail_msg("plain: element %lld is %g, not %g", (long long)i, want[i], exact);
    }
    for (int isa = 1; isa <= ad__kernels_isa(); isa++) {
        float *got = run(ad__kernels(isa, 0), s, a, b, bias, sizeof *got);
        for (int64_t i = 0; i < c_count(s); i++)
            if (!(got[i] == want[i]))
                fail_msg("%s [%d] %dx%dx%d, transposed %d %d, shared %d %d: element %lld is %.9g, not %.9g", ad__kernels(isa, 0)->name,
                         (int)s->batch, (int)s->m, (int)s->n, (int)s->k, s->transposed_a, s->transposed_b, s->shared_a, s->shared_b,
                         (long long)i, got[i], want[i]);
        guarded_free(got, (size_t)c_count(s) * sizeof *got);
    }
    guarded_free(a, (size_t)a_count(s) * sizeof *a);
    guarded_free(b, (size_t)b_count(s) * sizeof *b);
    guarded_free(biases, (size_t)s->n * sizeof *biases);
    guarded_free(want, (size_t)c_count(s) * sizeof *want);
}

/* Each size through every combination of transposes, shared operands and bias. */
static void test_combinations(void **state)
{
    static const int sizes[][4] = {
        { 1, 1, 1, 1 }, { 2, 3, 5, 7 }, { 3, 49, 49, 32 }, { 2, 33, 17, 40 }, { 1, 15, 8, 100 }, { 2, 16, 33, 193 }, { 1, 70, 47, 225 },
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int bits = 0; bits < 32; bits++) {
            ad_gemm_shape s = {
                .batch = sizes[i][0], .m = sizes[i][1], .n = sizes[i][2], .k = sizes[i][3],
                .transposed_a = bits & 1, .transposed_b = bits >> 1 & 1, .shared_a = bits >> 2 & 1, .shared_b = bits >> 3 & 1,
            };
            check(&s, bits >> 4);
        }
}

/* Sizes around the vectors, tiles, k-blocks and blocks of rows. */
static void test_lengths(void **state)
{
    static const int m[] = { 1, 13, 14, 15, 31, 195, 197, 400 }, n[] = { 1, 7, 9, 15, 17, 31, 33, 48, 95 }, k[] = { 1, 31, 32, 33, 191, 192, 200 };
    for (int i = 0; i < 8 * 9 * 7; i += 5) {
        ad_gemm_shape s = { .batch = 1, .m = m[i % 8], .n = n[i / 8 % 9], .k = k[i / 72], .transposed_a = i / 2 % 2, .transposed_b = i / 3 % 2 };
        check(&s, i % 2);
    }
}

/* Tall products, whose b is packed once; products with so many terms that they come in chunks; columns shared among units; results so
 * large that they are written past the caches; passes of terms with a rest that joins the last one and with one that does not; rows so
 * long that they are copied before they are read. */
static void test_layouts(void **state)
{
    static const int sizes[][4] = { { 1, 2100, 40, 35 }, { 1, 3, 5, 2100 }, { 1, 70, 47, 4099 }, { 2, 34, 20, 2048 }, { 1, 500, 300, 40 },
                                   { 1, 300, 896, 40 }, { 1, 1200, 224, 33 }, { 1, 30, 64, 255 }, { 1, 30, 64, 257 }, { 1, 470, 80, 450 }, { 1, 470, 40, 850 },
                                   { 1, 530, 60, 270 }, { 1, 60, 530, 270 } };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int bits = 0; bits < 8; bits++) {
            ad_gemm_shape s = {
                .batch = sizes[i][0], .m = sizes[i][1], .n = sizes[i][2], .k = sizes[i][3], .transposed_a = bits & 1, .transposed_b = bits >> 1 & 1,
            };
            check(&s, bits >> 2);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_combinations), cmocka_unit_test(test_lengths), cmocka_unit_test(test_layouts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

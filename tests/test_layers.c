/*
 * test_layers.c - layers at sizes that the generated tests of ops do not reach: many chunks, many threads, both instruction sets;
 * and rules that are known by name.
 */
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

static ad_ctx *context(int threads, ad_isa isa, bool plain)
{
    ad_ctx *ctx = ad_new(&(ad_options){ .threads = threads, .isa = isa, .isa_set = true, .plain = plain });
    assert_non_null(ctx);
    assert_string_equal(ad_ctx_message(ctx), "");
    return ctx;
}

static ad_tensor *noise(ad_tape *t, const ad_shape *s, uint64_t key, double mean)
{
    int64_t n = ad_count(s);
    float *values = malloc((size_t)n * sizeof *values);
    assert_non_null(values);
    for (int64_t i = 0; i < n; i++)
        values[i] = (float)(mean + ad_normal(key, 0, 0, (uint64_t)i));
    ad_tensor *x = ad_constant(t, s, values);
    free(values);
    return x;
}

static ad_tensor *numbers(ad_tape *t, const ad_shape *s, const float *values)
{
    return ad_constant(t, s, values);
}

static const float *data_of(ad_tensor *x)
{
    const float *d = x ? ad_data(x) : NULL;
    assert_non_null(d);
    return d;
}

/* ---- statistics over many chunks ---- */

/* A mean of 1000 standard deviations costs a one-pass variance six digits; ours must lose none that matters. */
static void test_moments_of_many_chunks(void **state)
{
    enum { N = 5000, C = 5 };
    ad_ctx *ctx = context(2, AD_ISA_AVX512, false);
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_shape channels = { 1, { C } };
    ad_tensor *x = noise(t, &(ad_shape){ 2, { N, C } }, 1, 1000), *one = ad_fill(t, &channels, 1), *zero = ad_fill(t, &channels, 0);
    ad_tensor *in[] = { x, one, zero, zero, one }, *out[AD_MAX_OUTPUTS];
    assert_int_equal(ad_record(t, ad_op_find(ctx, "batch_norm"), &(ad_batch_norm_attr){ 1e-5, 0.75, true }, 5, in, out), AD_OK);
    const float *data = data_of(x), *mean = data_of(out[1]), *invstd = data_of(out[2]), *new_mean = data_of(out[3]);
    const float *new_var = data_of(out[4]);
    for (int c = 0; c < C; c++) {
        double sum = 0, squares = 0;
        for (int i = 0; i < N; i++)
            sum += data[i * C + c];
        double m = sum / N;
        for (int i = 0; i < N; i++)
            squares += (data[i * C + c] - m) * (data[i * C + c] - m);
        assert_true(fabs(mean[c] - m) < 1e-4);
        assert_true(fabs(invstd[c] * sqrt(squares / N + 1e-5) - 1) < 1e-5);
        assert_true(fabs(new_mean[c] / (0.25 * m) - 1) < 1e-6);
        assert_true(fabs(new_var[c] / (0.75 + 0.25 * squares / (N - 1)) - 1) < 1e-5);
    }
    ad_tape_free(t);
    ad_ctx_free(ctx);
}

static void test_channel_sum_of_many_chunks(void **state)
{
    static const int64_t sizes[][2] = { { 5000, 5 }, { 41, 2000 }, { 3000, 1 }, { 1, 7 } };
    ad_ctx *ctx = context(3, AD_ISA_AVX512, false);
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        int64_t n = sizes[k][0], c = sizes[k][1];
        ad_tape *t = ad_tape_new(ctx, AD_F32);
        ad_tensor *x = noise(t, &(ad_shape){ 2, { n, c } }, k + 1, 0.5);
        const float *data = data_of(x), *sums = data_of(ad_channel_sum(t, x));
        for (int64_t j = 0; j < c; j++) {
            double sum = 0, size = 0;
            for (int64_t i = 0; i < n; i++) {
                sum += data[i * c + j];
                size += fabs(data[i * c + j]);
            }
            assert_true(fabs(sums[j] - sum) <= 1e-6 * size);
        }
        ad_tape_free(t);
    }
    ad_ctx_free(ctx);
}

/* Equal values have no variance: eps keeps the result at the shift, and the gradient finite. */
static void test_no_variance_gives_the_shift(void **state)
{
    ad_ctx *ctx = context(1, AD_ISA_AVX512, false);
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_shape channels = { 1, { 2 } }, image = { 4, { 1, 1, 1, 2 } };
    ad_tensor *x = numbers(t, &image, (float[]){ 3, -7 }), *shift = numbers(t, &channels, (float[]){ 0.25f, 4 });
    ad_tensor *one = ad_fill(t, &channels, 1), *y = ad_batch_norm(t, x, one, shift, one, one, NULL), *gx;
    assert_int_equal(ad_gradients(t, ad_sum(t, y, NULL, false), 1, &x, &gx), AD_OK);
    const float *d = data_of(y), *g = data_of(gx);
    assert_true(d[0] == 0.25f && d[1] == 4);
    assert_true(g[0] == 0 && g[1] == 0);
    ad_tape_free(t);
    ad_ctx_free(ctx);
}

/* ---- the same bits ---- */

typedef struct layer {
    const char *op, *attributes;
    int n_in;
    ad_shape in[5];
} layer;

static const layer layers[] = {
    { "conv", "", 3, { { 4, { 3, 33, 35, 20 } }, { 4, { 3, 3, 20, 37 } }, { 1, { 37 } } } },
    { "conv", "stride=2", 2, { { 4, { 2, 31, 30, 3 } }, { 4, { 5, 5, 3, 16 } } } },
    { "conv_transpose", "stride=2", 3, { { 4, { 2, 17, 15, 24 } }, { 4, { 2, 2, 24, 12 } }, { 1, { 12 } } } },
    { "linear", "", 3, { { 3, { 4, 67, 96 } }, { 2, { 96, 130 } }, { 1, { 130 } } } },
    { "matmul", "transpose_b=true", 2, { { 3, { 6, 49, 40 } }, { 3, { 6, 51, 40 } } } },
    { "batch_norm", "", 5, { { 4, { 3, 41, 40, 12 } }, { 1, { 12 } }, { 1, { 12 } }, { 1, { 12 } }, { 1, { 12 } } } },
    { "batch_norm", "", 5, { { 4, { 3, 20, 20, 70 } }, { 1, { 70 } }, { 1, { 70 } }, { 1, { 70 } }, { 1, { 70 } } } },
    { "layer_norm", "", 3, { { 3, { 5, 301, 50 } }, { 1, { 50 } }, { 1, { 50 } } } },
    { "avg_pool", "kernel=2, ceil_mode=true", 1, { { 4, { 3, 41, 40, 20 } } } },
    { "max_pool", "kernel=3, stride=2, padding=1", 1, { { 4, { 3, 41, 40, 20 } } } },
    { "upsample", "factor=2, mode=bilinear_asymmetric", 1, { { 4, { 3, 21, 20, 20 } } } },
    { "resize", "height=50, width=31, mode=bicubic_half_pixel", 1, { { 4, { 3, 21, 40, 20 } } } },
    { "channel_sum", "", 1, { { 4, { 3, 41, 40, 20 } } } },
    { "attention", "heads=3", 5, { { 3, { 20, 49, 48 } }, { 3, { 20, 49, 48 } }, { 3, { 20, 49, 48 } }, { 3, { 3, 49, 49 } }, { 3, { 4, 49, 49 } } } },
};

enum { LAYERS = sizeof layers / sizeof *layers };

/* Output and gradients by all inputs, one after the other. */
static float *run_layer(const layer *l, ad_ctx *ctx, int64_t *n)
{
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_tensor *in[5], *grads[5], *parts[6];
    for (int i = 0; i < l->n_in; i++)
        in[i] = noise(t, &l->in[i], (uint64_t)i + 1, i == 4 ? 4 : 0);
    ad_tensor *y = ad_apply(t, l->op, l->attributes, l->n_in, in);
    if (!y) fail_msg("%s: %s", l->op, ad_ctx_message(ctx));
    ad_tensor *loss = ad_sum(t, ad_mul(t, y, noise(t, ad_tensor_shape(y), 99, 0)), NULL, false);
    assert_int_equal(ad_gradients(t, loss, l->n_in, in, grads), AD_OK);
    int n_parts = 0;
    parts[n_parts++] = y;
    for (int i = 0; i < l->n_in; i++)
        if (grads[i]) parts[n_parts++] = grads[i];
    *n = 0;
    for (int k = 0; k < n_parts; k++)
        *n += ad_count(ad_tensor_shape(parts[k]));
    float *all = malloc((size_t)*n * sizeof *all), *at = all;
    assert_non_null(all);
    for (int k = 0; k < n_parts; k++) {
        int64_t count = ad_count(ad_tensor_shape(parts[k]));
        memcpy(at, data_of(parts[k]), (size_t)count * sizeof *at);
        at += count;
    }
    ad_tape_free(t);
    return all;
}

static void test_bits_do_not_depend_on_threads_or_vectors(void **state)
{
    static const struct { int threads; ad_isa isa; } ways[] = { { 2, AD_ISA_AVX512 }, { 7, AD_ISA_AVX512 }, { 1, AD_ISA_AVX2 }, { 3, AD_ISA_AVX2 } };
    for (int i = 0; i < LAYERS; i++) {
        int64_t n, m;
        ad_ctx *one = context(1, AD_ISA_AVX512, false);
        float *want = run_layer(&layers[i], one, &n);
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
            ad_ctx *ctx = context(ways[w].threads, ways[w].isa, false);
            float *got = run_layer(&layers[i], ctx, &m);
            assert_int_equal(m, n);
            for (int64_t k = 0; k < n; k++)
                if (memcmp(&got[k], &want[k], sizeof *got))
                    fail_msg("%s %s: number %lld is %.9g with %d threads and %s, %.9g with one and avx512", layers[i].op, layers[i].attributes,
                             (long long)k, got[k], ways[w].threads, ad_isa_name(ways[w].isa), want[k]);
            free(got);
            ad_ctx_free(ctx);
        }
        free(want);
        ad_ctx_free(one);
    }
}

static void test_fast_kernels_agree_with_the_plain_ones(void **state)
{
    ad_ctx *plain = context(2, AD_ISA_AVX512, true), *fast = context(2, AD_ISA_AVX512, false);
    for (int i = 0; i < LAYERS; i++) {
        int64_t n, m;
        float *want = run_layer(&layers[i], plain, &n), *got = run_layer(&layers[i], fast, &m);
        double largest = 0, worst = 0;
        assert_int_equal(m, n);
        for (int64_t k = 0; k < n; k++) {
            largest = fmax(largest, fabs(want[k]));
            worst = fmax(worst, fabs((double)got[k] - want[k]));
        }
        if (!(worst <= 2e-6 * largest)) fail_msg("%s %s: differs by %g of %g", layers[i].op, layers[i].attributes, worst, largest);
        free(want);
        free(got);
    }
    ad_ctx_free(plain);
    ad_ctx_free(fast);
}

/* ---- rules known by name ---- */

static void expect_row(ad_tape *t, const ad_resize_attr *a, int n_in, const float *row, int n_out, const float *want)
{
    ad_tensor *y = ad_resize(t, numbers(t, &(ad_shape){ 3, { 1, n_in, 1 } }, row), a);
    const float *got = data_of(y);
    for (int i = 0; i < n_out; i++)
        if (fabsf(got[i] - want[i]) > 1e-6f) fail_msg("mode %d: number %d is %g, not %g", a->mode, i, (double)got[i], (double)want[i]);
}

static void test_rules_of_resizing(void **state)
{
    ad_ctx *ctx = context(1, AD_ISA_AVX512, false);
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    const float row[] = { 0, 4, 10 };
    const ad_ints six = { 1, { 6 } };
    expect_row(t, &(ad_resize_attr){ .mode = AD_NEAREST, .size = six }, 3, row, 6, (float[]){ 0, 0, 4, 4, 10, 10 });
    expect_row(t, &(ad_resize_attr){ .mode = AD_BILINEAR_ASYMMETRIC, .size = six }, 3, row, 6, (float[]){ 0, 2, 4, 7, 10, 10 });
    expect_row(t, &(ad_resize_attr){ .mode = AD_BILINEAR_HALF_PIXEL, .size = six }, 3, row, 6, (float[]){ 0, 1, 3, 5.5f, 8.5f, 10 });
    expect_row(t, &(ad_resize_attr){ .mode = AD_BILINEAR_CORNERS, .size = six }, 3, row, 6, (float[]){ 0, 1.6f, 3.2f, 5.2f, 7.6f, 10 });
    expect_row(t, &(ad_resize_attr){ .mode = AD_NEAREST, .size = { 1, { 2 } } }, 3, row, 2, (float[]){ 0, 4 });
    expect_row(t, &(ad_resize_attr){ .mode = AD_AREA, .size = { 1, { 2 } } }, 3, row, 2, (float[]){ 2, 7 });
    ad_tape_free(t);
    ad_ctx_free(ctx);
}

/* Ties go to the first; a NaN is never lost. */
static void test_max_pool_of_ties_and_nan(void **state)
{
    ad_ctx *ctx = context(1, AD_ISA_AVX512, false);
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_pool_attr two = { .kernel = { 1, { 2 } } };
    ad_tensor *x = numbers(t, &(ad_shape){ 3, { 1, 6, 1 } }, (float[]){ 5, 5, NAN, 9, 2, NAN }), *gx;
    ad_tensor *y = ad_max_pool(t, x, &two);
    assert_int_equal(ad_gradients(t, ad_sum(t, y, NULL, false), 1, &x, &gx), AD_OK);
    const float *d = data_of(y), *g = data_of(gx), want[] = { 1, 0, 1, 0, 0, 1 };
    assert_true(d[0] == 5 && isnan(d[1]) && isnan(d[2]));
    for (int i = 0; i < 6; i++)
        assert_true(g[i] == want[i]);
    ad_tape_free(t);
    ad_ctx_free(ctx);
}

/* Windows of 2 in an image of 4, rolled by 1: only the last window row and column mix regions. */
static void test_shift_mask_keeps_regions_apart(void **state)
{
    ad_ctx *ctx = context(1, AD_ISA_AVX512, false);
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    const float *m = data_of(ad_apply(t, "shift_mask", "res=4, window=2, shift=1", 0, NULL));
    for (int i = 0; i < 16; i++) {
        int a = i / 4, b = i % 4;
        assert_true(m[i] == 0);                                                     /* first window: one region */
        assert_true(m[16 + i] == (a % 2 == b % 2 ? 0 : -100));                      /* right: columns apart */
        assert_true(m[32 + i] == (a / 2 == b / 2 ? 0 : -100));                      /* below: rows apart */
        assert_true(m[48 + i] == (a == b ? 0 : -100));                              /* corner: all apart */
    }
    ad_tape_free(t);
    ad_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moments_of_many_chunks),
        cmocka_unit_test(test_channel_sum_of_many_chunks),
        cmocka_unit_test(test_no_variance_gives_the_shift),
        cmocka_unit_test(test_bits_do_not_depend_on_threads_or_vectors),
        cmocka_unit_test(test_fast_kernels_agree_with_the_plain_ones),
        cmocka_unit_test(test_rules_of_resizing),
        cmocka_unit_test(test_max_pool_of_ties_and_nan),
        cmocka_unit_test(test_shift_mask_keeps_regions_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

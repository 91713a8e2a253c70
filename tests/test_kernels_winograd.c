/*
 * Winograd convolution: against the plain kernels in double within a bound derived from its matrices, the same bits for both
 * instruction sets, any order of units and any number of threads, and the direct kernels where it does not fit.
 *
 * The bound. Along one axis the computed value is A' [ (G g) * (B' d) ], every operation rounded to u = 2^-24. A result that passes n
 * roundings has an error of at most n u (1 + n u) times the same expression of absolute values, which for data of at most 1 and C
 * summed channels is C k^2, k = max over i of  sum over k of |A'[i,k]| sum|G[k]| sum|B'[k]|. Roundings, both axes: 2 x 3 in B', 2 x 4 in G (its
 * constants are rounded), 2 x 3 in A', one a summed channel, one of the product, one of the bias. By the weights the same with G' outside:
 * there the sum is over tiles, and the chunks add up to six more.
 */
#define _POSIX_C_SOURCE 200809L

#include <math.h>

#include "ops/kernels/conv_winograd.h"
#include "ops/ops.h"
#include "tests/kernel_run.h"

enum { DIRECTIONS = 3 };
static const char *const names[DIRECTIONS] = { "forward", "by_input", "by_weight" };

typedef struct shape_row {
    int n, depth, cin, cout, high, wide, pad;
} shape_row;

/* Sizes of x. Whole tiles and tiles that stick out, all paddings, channels around the vector lengths and slots, one image and many, many tiles
 * in several chunks, volumes whose first axis the kernel does not join, few tiles of many channels. */
static const shape_row shapes[] = {
    { 1, 1, 32, 32, 8, 8, 1 }, { 2, 1, 33, 32, 8, 12, 1 }, { 1, 1, 32, 65, 14, 13, 1 }, { 3, 1, 37, 40, 10, 12, 1 }, { 1, 1, 48, 100, 12, 14, 0 },
    { 5, 1, 64, 64, 8, 8, 1 }, { 2, 1, 130, 48, 8, 8, 2 }, { 2, 1, 70, 33, 16, 9, 1 }, { 1, 3, 40, 36, 8, 8, 1 }, { 1, 1, 96, 96, 31, 30, 1 },
    { 4, 1, 32, 34, 40, 40, 1 }, { 2, 1, 16, 24, 28, 28, 1 }, { 3, 1, 17, 19, 8, 8, 1 }, { 3, 1, 40, 33, 4, 4, 1 },
    { 1, 1, 400, 16, 12, 12, 1 }, { 12, 1, 129, 64, 16, 16, 1 }, { 1, 1, 49, 63, 10, 10, 0 },
    { 1, 1, 131, 145, 8, 12, 1 }, { 11, 1, 161, 104, 12, 12, 1 }, { 1, 2, 520, 33, 8, 8, 1 },
};

static ad_conv_shape shape_of(const shape_row *r)
{
    return (ad_conv_shape){
        .n = r->n, .in = { r->depth, r->high, r->wide }, .out = { r->depth, r->high + 2 * r->pad - 2, r->wide + 2 * r->pad - 2 },
        .kernel = { 1, 3, 3 }, .stride = { 1, 1, 1 }, .pad = { 0, r->pad, r->pad }, .dilation = { 1, 1, 1 }, .cin = r->cin, .cout = r->cout,
        .groups = 1,
    };
}

static int64_t x_count(const ad_conv_shape *s) { return s->n * s->in[0] * s->in[1] * s->in[2] * s->cin; }
static int64_t y_count(const ad_conv_shape *s) { return s->n * s->out[0] * s->out[1] * s->out[2] * s->cout; }
static int64_t w_count(const ad_conv_shape *s) { return 9 * s->cin / s->groups * s->cout; }

static int64_t out_count(const ad_conv_shape *s, int d)
{
    return d == AD_CONV_FORWARD ? y_count(s) : d == AD_CONV_BY_INPUT ? x_count(s) : w_count(s);
}

static const char *text_of(const ad_conv_shape *s)
{
    static char text[128];
    snprintf(text, sizeof text, "n %d in %dx%dx%d c %d->%d/%d pad %d stride %d", (int)s->n, (int)s->in[0], (int)s->in[1], (int)s->in[2], (int)s->cin,
             (int)s->cout, (int)s->groups, (int)s->pad[1], (int)s->stride[1]);
    return text;
}

/* ---- running ---- */

typedef struct operands {
    float *x, *w, *y, *bias;
} operands;

static operands operands_new(const ad_conv_shape *s)
{
    return (operands){ numbers_new(x_count(s), 1), numbers_new(w_count(s), 2), numbers_new(y_count(s), 3), numbers_new(s->cin + s->cout, 4) };
}

static void operands_free(const ad_conv_shape *s, operands *o)
{
    guarded_free(o->x, (size_t)x_count(s) * sizeof(float));
    guarded_free(o->w, (size_t)w_count(s) * sizeof(float));
    guarded_free(o->y, (size_t)y_count(s) * sizeof(float));
    guarded_free(o->bias, (size_t)(s->cin + s->cout) * sizeof(float));
}

typedef struct run_shape {
    const ad_conv_kernel *kernel;
    const ad_conv_shape *shape;
} run_shape;

static void unit(const void *shape, int stage, int64_t u, const ad_args *args)
{
    const run_shape *r = shape;
    r->kernel->run(r->shape, stage, u, args);
}

static void *run(const ad_kernels *k, int d, const ad_conv_shape *s, const void *a, const void *b, const void *bias, size_t size)
{
    const ad_conv_kernel *const all[DIRECTIONS] = { &k->conv.forward, &k->conv.by_input, &k->conv.by_weight };
    ad_work work;
    run_shape r = { all[d], s };
    ad_args args = { .a = a, .b = b, .bias = bias, .out = guarded_new((size_t)out_count(s, d) * size) };
    all[d]->plan(s, &work);
    kernel_run(&work, &r, unit, args);
    return args.out;
}

static float *run_float(const ad_kernels *k, int d, const ad_conv_shape *s, const operands *o)
{
    const float *a = d == AD_CONV_BY_INPUT ? o->y : o->x, *b = d == AD_CONV_BY_WEIGHT ? o->y : o->w;
    return run(k, d, s, a, b, d == AD_CONV_BY_WEIGHT ? NULL : o->bias, sizeof(float));
}

static double *run_double(int d, const ad_conv_shape *s, const operands *o)
{
    double *x = widened_new(x_count(s), o->x), *w = widened_new(w_count(s), o->w), *y = widened_new(y_count(s), o->y);
    double *bias = widened_new(s->cin + s->cout, o->bias);
    double *out = run(ad__kernels(1, 1), d, s, d == AD_CONV_BY_INPUT ? y : x, d == AD_CONV_BY_WEIGHT ? y : w,
                      d == AD_CONV_BY_WEIGHT ? NULL : bias, sizeof *out);
    guarded_free(x, (size_t)x_count(s) * sizeof *x);
    guarded_free(w, (size_t)w_count(s) * sizeof *w);
    guarded_free(y, (size_t)y_count(s) * sizeof *y);
    guarded_free(bias, (size_t)(s->cin + s->cout) * sizeof *bias);
    return out;
}

/* ---- error ---- */

static double row_sum(int n, const double *row)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += fabs(row[i]);
    return sum;
}

/* k of the comment above: outside is A' (4x6) with G and B' inside, or G' (3x6) with A and B' inside. */
static double growth(int by_weight)
{
    const double a = 0.625, b = 1.5, p[5] = { 0, a, -a, b, -b }, most = a * a + b * b;
    double bt[6][6] = { { a * a * b * b, 0, -most, 0, 1, 0 }, { 0 }, { 0 }, { 0 }, { 0 }, { 0, a * a * b * b, 0, -most, 0, 1 } };
    double g[6][3] = { { 1 / (a * a * b * b) }, { 0 }, { 0 }, { 0 }, { 0 }, { 0, 0, 1 } }, at[6][4] = { { 1 }, { 0 }, { 0 }, { 0 }, { 0 }, { 0, 0, 0, 1 } };
    for (int i = 1; i < 5; i++) {
        double own = p[i] * p[i], other = most - own, n = 1 / (2 * own * (own - other));
        memcpy(bt[i], (const double[]){ 0, -p[i] * other, -other, p[i], 1, 0 }, sizeof bt[i]);
        memcpy(g[i], (const double[]){ n, n * p[i], n * own }, sizeof g[i]);
        memcpy(at[i], (const double[]){ 1, p[i], own, p[i] * own }, sizeof at[i]);
    }
    double largest = 0;
    for (int i = 0; i < (by_weight ? 3 : 4); i++) {
        double sum = 0;
        for (int k = 0; k < 6; k++)
            sum += fabs(by_weight ? g[k][i] : at[k][i]) * row_sum(6, bt[k]) * (by_weight ? row_sum(4, at[k]) : row_sum(3, g[k]));
        largest = sum > largest ? sum : largest;
    }
    return largest;
}

static double bound(const ad_conv_shape *s, int d)
{
    double tiles = (double)(s->n * s->in[0] * wino_tiles(s->out[1]) * wino_tiles(s->out[2])), u = ldexp(1, -24), k = growth(d == AD_CONV_BY_WEIGHT);
    double sum = d == AD_CONV_FORWARD ? (double)s->cin : d == AD_CONV_BY_INPUT ? (double)s->cout : tiles, roundings = sum + 2 * (3 + 4 + 3) + 2 + 6;
    return roundings * u * (1 + roundings * u) * sum * k * k;
}

static void test_error(void **state)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int d = 0; d < DIRECTIONS; d++) {
            ad_conv_shape s = shape_of(&shapes[i]);
            if (!ad__conv_winograd_fits(&s, (ad_conv_direction)d)) continue;
            operands o = operands_new(&s);
            double *want = run_double(d, &s, &o), worst = 0, squares = 0;
            int64_t n = out_count(&s, d);
            for (int isa = 1; isa <= ad__kernels_isa(); isa++) {
                float *got = run_float(ad__kernels_winograd(isa), d, &s, &o);
                for (int64_t k = 0; k < n; k++) {
                    double e = fabs(got[k] - want[k]);
                    squares += want[k] * want[k];
                    worst = e > worst ? e : worst;
                    if (!(e <= bound(&s, d)))
                        fail_msg("%s, %s: element %lld is %.9g, not %.9g", names[d], text_of(&s), (long long)k, got[k], want[k]);
                }
                guarded_free(got, (size_t)n * sizeof *got);
            }
            /* What docs/performance.md states, an order of magnitude below the bound. */
            double rms = sqrt(squares / (double)n / ad__kernels_isa());
            if (worst > 2e-5 * rms) fail_msg("%s, %s: largest error %.2g of the rms", names[d], text_of(&s), worst / rms);
            guarded_free(want, (size_t)n * sizeof *want);
            operands_free(&s, &o);
        }
}

/* ---- bits ---- */

static void expect_same(const ad_conv_shape *s, int d, const char *what, const float *want, const float *got)
{
    if (memcmp(want, got, (size_t)out_count(s, d) * sizeof *got)) fail_msg("%s, %s: %s gives other bits", names[d], text_of(s), what);
}

/* kernel_run's order of units is falling; ad_parallel's below is another. */
static void test_instruction_sets(void **state)
{
    if (ad__kernels_isa() < 2) skip();
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int d = 0; d < DIRECTIONS; d++) {
            ad_conv_shape s = shape_of(&shapes[i]);
            operands o = operands_new(&s);
            float *want = run_float(ad__kernels_winograd(2), d, &s, &o), *got = run_float(ad__kernels_winograd(1), d, &s, &o);
            expect_same(&s, d, "avx2", want, got);
            guarded_free(want, (size_t)out_count(&s, d) * sizeof *want);
            guarded_free(got, (size_t)out_count(&s, d) * sizeof *got);
            operands_free(&s, &o);
        }
}

static ad_tensor *direction_of(ad_tape *t, int d, const ad_conv_shape *s, const operands *o)
{
    ad_tensor *x = ad_constant(t, &(ad_shape){ 5, { s->n, s->in[0], s->in[1], s->in[2], s->cin } }, o->x);
    ad_tensor *y = ad_constant(t, &(ad_shape){ 5, { s->n, s->out[0], s->out[1], s->out[2], s->cout } }, o->y);
    ad_tensor *w = ad_constant(t, &(ad_shape){ 5, { 1, 3, 3, s->cin, s->cout } }, o->w);
    ad_conv_attr a = { .padding = { 3, { 0, s->pad[1], s->pad[2] } } };
    if (d == AD_CONV_FORWARD) return ad_conv(t, x, w, ad_constant(t, &(ad_shape){ 1, { s->cout } }, o->bias), &a);
    a.size = (ad_ints){ 3, { s->in[0], s->in[1], s->in[2] } };
    if (d == AD_CONV_BY_INPUT) return ad_conv_by_input(t, y, w, ad_constant(t, &(ad_shape){ 1, { s->cin } }, o->bias), &a);
    a.size.n = 0;
    a.kernel = (ad_ints){ 3, { 1, 3, 3 } };
    return ad_conv_by_weight(t, x, y, &a);
}

static void test_threads(void **state)
{
    static const int threads[] = { 1, 2, 3, 7 };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i += 3)
        for (int d = 0; d < DIRECTIONS; d++) {
            ad_conv_shape s = shape_of(&shapes[i]);
            operands o = operands_new(&s);
            float *want = run_float(ad__kernels_winograd(2), d, &s, &o), *direct = run_float(ad__kernels(2, 0), d, &s, &o);
            for (size_t k = 0; k < sizeof threads / sizeof *threads; k++)
                for (int off = 0; off < 2; off++) {
                    ad_ctx *ctx = ad_new(&(ad_options){ .threads = threads[k], .winograd = off ? AD_OFF : AD_ON });
                    assert_non_null(ctx);
                    assert_int_equal(ad_ctx_winograd(ctx), !off && ad_ctx_isa(ctx) != AD_ISA_BASE);
                    ad_tape *t = ad_tape_new(ctx, AD_F32);
                    const float *got = ad_data(direction_of(t, d, &s, &o));
                    if (!got) fail_msg("%s, %s: %s", names[d], text_of(&s), ad_ctx_message(ctx));
                    expect_same(&s, d, off ? "winograd off" : "another number of threads", off ? direct : want, got);
                    ad_tape_free(t);
                    ad_ctx_free(ctx);
                }
            guarded_free(want, (size_t)out_count(&s, d) * sizeof *want);
            guarded_free(direct, (size_t)out_count(&s, d) * sizeof *want);
            operands_free(&s, &o);
        }
}

/* ---- choice ---- */

/* One step away from what fits: the direct kernels, bit for bit. */
static void test_what_does_not_fit(void **state)
{
    const ad_conv_shape fits = shape_of(&(shape_row){ 2, 1, 32, 32, 8, 8, 1 });
    ad_conv_shape not[] = { fits, fits, fits, fits, fits, fits, fits };
    not[0].stride[1] = not[0].stride[2] = 2;
    not[0].out[1] = not[0].out[2] = 4;
    not[1].dilation[1] = not[1].dilation[2] = 2;
    not[1].out[1] = not[1].out[2] = 6;
    not[2].groups = 2;
    not[3].cin = 15;
    not[4].cout = 15;
    not[5].in[1] = not[5].out[1] = 3;
    for (int i = 1; i < 3; i++)
        not[6].in[i] = not[6].out[i] = 9;      /* tiles that stick out by three */
    for (int d = 0; d < DIRECTIONS; d++) {
        assert_true(ad__conv_winograd_fits(&fits, (ad_conv_direction)d));
        for (size_t i = 0; i < sizeof not / sizeof *not; i++) {
            operands o = operands_new(&not[i]);
            if (ad__conv_winograd_fits(&not[i], (ad_conv_direction)d)) fail_msg("%s, %s: fits", names[d], text_of(&not[i]));
            float *want = run_float(ad__kernels(2, 0), d, &not[i], &o), *got = run_float(ad__kernels_winograd(2), d, &not[i], &o);
            expect_same(&not[i], d, "the direct kernel", want, got);
            guarded_free(want, (size_t)out_count(&not[i], d) * sizeof *want);
            guarded_free(got, (size_t)out_count(&not[i], d) * sizeof *got);
            operands_free(&not[i], &o);
        }
    }
}

/* The batch must not choose: one image and many give each image the same bits. The second batch has too many tiles for the way of few. */
static void test_batch(void **state)
{
    const shape_row batches[] = { { 9, 1, 40, 48, 12, 12, 1 }, { 17, 1, 130, 131, 16, 16, 1 } };
    for (int i = 0; i < 2 * AD_CONV_BY_WEIGHT; i++) {
        int d = i / 2;
        ad_conv_shape many = shape_of(&batches[i % 2]), one = many;
        one.n = 1;
        operands o = operands_new(&many);
        float *all = run_float(ad__kernels_winograd(2), d, &many, &o), *first = run_float(ad__kernels_winograd(2), d, &one, &o);
        expect_same(&one, d, "a batch of many", first, all);
        guarded_free(all, (size_t)out_count(&many, d) * sizeof *all);
        guarded_free(first, (size_t)out_count(&one, d) * sizeof *first);
        operands_free(&many, &o);
    }
}

static void test_setting(void **state)
{
    assert_int_equal(setenv("ADZE_WINOGRAD", "off", 1), 0);
    ad_ctx *off = ad_new(NULL), *on = ad_new(&(ad_options){ .winograd = AD_ON }), *plain = ad_new(&(ad_options){ .winograd = AD_ON, .plain = true });
    assert_false(ad_ctx_winograd(off));
    assert_int_equal(ad_ctx_winograd(on), ad__kernels_isa() > 0);
    assert_false(ad_ctx_winograd(plain));
    assert_int_equal(setenv("ADZE_WINOGRAD", "maybe", 1), 0);
    ad_ctx *wrong = ad_new(NULL);
    assert_int_equal(ad_ctx_error(wrong)->status, AD_EUSAGE);
    unsetenv("ADZE_WINOGRAD");
    ad_ctx *all[] = { off, on, plain, wrong };
    for (int i = 0; i < 4; i++)
        ad_ctx_free(all[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error), cmocka_unit_test(test_instruction_sets), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_what_does_not_fit), cmocka_unit_test(test_batch), cmocka_unit_test(test_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

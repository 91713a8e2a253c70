/*
 * Convolution kernels: the plain one against a scatter loop in double, the fast ones bit for bit against the plain one in float.
 */
#include <math.h>

#include "tests/kernel_run.h"

enum { FORWARD, BY_INPUT, BY_WEIGHT, DIRECTIONS };
static const char *const names[DIRECTIONS] = { "forward", "by_input", "by_weight" };

static int64_t x_count(const ad_conv_shape *s) { return s->n * s->in[0] * s->in[1] * s->in[2] * s->cin; }
static int64_t y_count(const ad_conv_shape *s) { return s->n * s->out[0] * s->out[1] * s->out[2] * s->cout; }
static int64_t w_count(const ad_conv_shape *s)
{
    return s->kernel[0] * s->kernel[1] * s->kernel[2] * (s->cin / s->groups) * s->cout;
}

static int64_t out_count(const ad_conv_shape *s, int direction)
{
    return direction == FORWARD ? y_count(s) : direction == BY_INPUT ? x_count(s) : w_count(s);
}

static const ad_conv_kernel *kernel_of(const ad_kernels *k, int direction)
{
    const ad_conv_kernel *const all[DIRECTIONS] = { &k->conv.forward, &k->conv.by_input, &k->conv.by_weight };
    return all[direction];
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

/* Result of one direction, guarded; `size` of a number. */
static void *run(const ad_kernels *k, int direction, const ad_conv_shape *s, const void *a, const void *b, const void *bias, size_t size)
{
    ad_work work;
    run_shape r = { kernel_of(k, direction), s };
    ad_args args = { .a = a, .b = b, .bias = bias, .out = guarded_new((size_t)out_count(s, direction) * size) };
    r.kernel->plan(s, &work);
    kernel_run(&work, &r, unit, args);
    return args.out;
}

/* The definition: every pair of an input position and an output position that a tap joins, in no particular order. */
static void reference(const ad_conv_shape *s, int direction, const double *x, const double *w, const double *y, double *out)
{
    int64_t cin = s->cin / s->groups, cout = s->cout / s->groups, taps = s->kernel[0] * s->kernel[1] * s->kernel[2];
    int64_t pixels = s->out[0] * s->out[1] * s->out[2];
    for (int64_t n = 0; n < s->n; n++)
        for (int64_t p = 0; p < pixels; p++)
            for (int64_t t = 0; t < taps; t++) {
                int64_t o[3] = { p / s->out[2] / s->out[1], p / s->out[2] % s->out[1], p % s->out[2] }, at = n;
                int64_t k[3] = { t / s->kernel[2] / s->kernel[1], t / s->kernel[2] % s->kernel[1], t % s->kernel[2] };
                int inside = 1;
                for (int i = 0; i < 3; i++) {
                    int64_t position = o[i] * s->stride[i] + k[i] * s->dilation[i] - s->pad[i];
                    inside = inside && position >= 0 && position < s->in[i];
                    at = at * s->in[i] + position;
                }
                for (int64_t co = 0; inside && co < s->cout; co++)
                    for (int64_t c = 0; c < cin; c++) {
                        int64_t xi = at * s->cin + co / cout * cin + c, wi = (t * cin + c) * s->cout + co, yi = (n * pixels + p) * s->cout + co;
                        if (direction == FORWARD) out[yi] += x[xi] * w[wi];
                        else if (direction == BY_INPUT) out[xi] += y[yi] * w[wi];
                        else out[wi] += x[xi] * y[yi];
                    }
            }
}

static const char *text_of(const ad_conv_shape *s)
{
    static char text[256];
    snprintf(text, sizeof text, "n %d in %dx%dx%d c %d->%d/%d k %dx%dx%d s %d%d%d p %d%d%d d %d%d%d", (int)s->n, (int)s->in[0], (int)s->in[1],
             (int)s->in[2], (int)s->cin, (int)s->cout, (int)s->groups, (int)s->kernel[0], (int)s->kernel[1], (int)s->kernel[2],
             (int)s->stride[0], (int)s->stride[1], (int)s->stride[2], (int)s->pad[0], (int)s->pad[1], (int)s->pad[2],
             (int)s->dilation[0], (int)s->dilation[1], (int)s->dilation[2]);
    return text;
}

static void compare(const ad_conv_shape *s, const char *what, int direction, const float *want, const float *got)
{
    for (int64_t i = 0; i < out_count(s, direction); i++)
        if (!(got[i] == want[i]))
            fail_msg("%s %s, %s: element %lld is %.9g, not %.9g", what, names[direction], text_of(s), (long long)i, got[i], want[i]);
}

typedef struct operands {
    float *x, *w, *y, *bias;
} operands;

static operands operands_new(const ad_conv_shape *s)
{
    return (operands){ numbers_new(x_count(s), 1), numbers_new(w_count(s), 2), numbers_new(y_count(s), 3),
                       numbers_new(s->cin + s->cout, 4) };
}

static void operands_free(const ad_conv_shape *s, operands *o)
{
    guarded_free(o->x, (size_t)x_count(s) * sizeof(float));
    guarded_free(o->w, (size_t)w_count(s) * sizeof(float));
    guarded_free(o->y, (size_t)y_count(s) * sizeof(float));
    guarded_free(o->bias, (size_t)(s->cin + s->cout) * sizeof(float));
}

/* Every fast table that this processor has, against the plain one; with and without bias by turns. */
static void check_fast(const ad_conv_shape *s, int with_bias)
{
    operands o = operands_new(s);
    for (int d = 0; d < DIRECTIONS; d++) {
        const float *a = d == BY_INPUT ? o.y : o.x, *b = d == BY_WEIGHT ? o.y : o.w, *bias = with_bias && d != BY_WEIGHT ? o.bias : NULL;
        float *want = run(ad__kernels(0, 0), d, s, a, b, bias, sizeof *want);
        for (int isa = 1; isa <= ad__kernels_isa(); isa++) {
            float *got = run(ad__kernels(isa, 0), d, s, a, b, bias, sizeof *got);
            compare(s, ad__kernels(isa, 0)->name, d, want, got);
            guarded_free(got, (size_t)out_count(s, d) * sizeof *got);
        }
        guarded_free(want, (size_t)out_count(s, d) * sizeof *want);
    }
    operands_free(s, &o);
}

/* The plain kernels in double and in float against the definition. */
static void check_plain(const ad_conv_shape *s)
{
    operands o = operands_new(s);
    double *x = widened_new(x_count(s), o.x), *w = widened_new(w_count(s), o.w), *y = widened_new(y_count(s), o.y);
    for (int d = 0; d < DIRECTIONS; d++) {
        int64_t n = out_count(s, d);
        double *want = calloc((size_t)n, sizeof *want);
        reference(s, d, x, w, y, want);
        double *got = run(ad__kernels(0, 1), d, s, d == BY_INPUT ? y : x, d == BY_WEIGHT ? y : w, NULL, sizeof *got);
        double *fused = run(ad__kernels(1, 1), d, s, d == BY_INPUT ? y : x, d == BY_WEIGHT ? y : w, NULL, sizeof *got);
        float *single = run(ad__kernels(0, 0), d, s, d == BY_INPUT ? o.y : o.x, d == BY_WEIGHT ? o.y : o.w, NULL, sizeof *single);
        for (int64_t i = 0; i < n; i++) {
            if (fabs(got[i] - want[i]) > 1e-12 || fabs(single[i] - want[i]) > 1e-4)
                fail_msg("plain %s, %s: element %lld is %g and %g, not %g", names[d], text_of(s), (long long)i, got[i], single[i], want[i]);
            if (got[i] != fused[i]) fail_msg("fma64 %s, %s: element %lld differs from base64", names[d], text_of(s), (long long)i);
        }
        guarded_free(got, (size_t)n * sizeof *got);
        guarded_free(fused, (size_t)n * sizeof *got);
        guarded_free(single, (size_t)n * sizeof *single);
        free(want);
    }
    guarded_free(x, (size_t)x_count(s) * sizeof *x);
    guarded_free(w, (size_t)w_count(s) * sizeof *w);
    guarded_free(y, (size_t)y_count(s) * sizeof *y);
    operands_free(s, &o);
}

/* One axis: size, kernel, stride, padding, dilation. */
typedef struct axis {
    int size, kernel, stride, pad, dilation;
} axis;

static ad_conv_shape shape_of(int n, int cin, int cout, int groups, const axis a[3])
{
    ad_conv_shape s = { .n = n, .cin = cin, .cout = cout, .groups = groups };
    for (int i = 0; i < 3; i++) {
        s.in[i] = a[i].size;
        s.kernel[i] = a[i].kernel;
        s.stride[i] = a[i].stride;
        s.pad[i] = a[i].pad;
        s.dilation[i] = a[i].dilation;
        s.out[i] = (a[i].size + 2 * a[i].pad - a[i].dilation * (a[i].kernel - 1) - 1) / a[i].stride + 1;
    }
    return s;
}

#define ONE { 1, 1, 1, 0, 1 }

typedef struct shape_row {
    int n, cin, cout, groups;
    axis axes[3];
} shape_row;

/* Small ones: every feature, odd sizes. */
static const shape_row small[] = {
    { 1, 1, 1, 1, { ONE, ONE, { 1, 1, 1, 0, 1 } } },
    { 2, 3, 5, 1, { ONE, ONE, { 9, 3, 1, 1, 1 } } },
    { 2, 3, 4, 1, { ONE, { 5, 3, 1, 1, 1 }, { 6, 3, 1, 1, 1 } } },
    { 1, 6, 4, 2, { ONE, { 7, 3, 2, 1, 1 }, { 9, 3, 2, 1, 1 } } },
    { 2, 4, 6, 1, { ONE, { 9, 3, 1, 2, 2 }, { 11, 3, 1, 2, 2 } } },
    { 2, 5, 7, 1, { ONE, { 8, 2, 2, 0, 1 }, { 10, 2, 2, 0, 1 } } },
    { 1, 2, 3, 1, { ONE, { 12, 4, 4, 0, 1 }, { 11, 4, 4, 0, 1 } } },
    { 1, 5, 3, 1, { ONE, { 9, 1, 2, 0, 1 }, { 10, 1, 2, 0, 1 } } },
    { 1, 8, 8, 8, { ONE, { 6, 3, 1, 1, 1 }, { 9, 3, 1, 1, 1 } } },
    { 1, 5, 6, 1, { ONE, { 10, 3, 3, 1, 2 }, { 12, 3, 3, 2, 2 } } },
    { 1, 5, 6, 1, { ONE, { 13, 5, 2, 2, 2 }, { 17, 4, 3, 1, 3 } } },
    { 2, 5, 6, 1, { { 4, 3, 1, 1, 1 }, { 5, 3, 1, 1, 1 }, { 9, 3, 1, 1, 1 } } },
    { 1, 6, 5, 1, { { 5, 2, 2, 0, 1 }, { 6, 3, 2, 1, 1 }, { 7, 3, 2, 1, 1 } } },
    { 1, 7, 5, 1, { ONE, { 5, 3, 1, 3, 1 }, { 9, 3, 1, 4, 1 } } },
    { 3, 40, 37, 1, { ONE, { 3, 3, 1, 1, 1 }, { 2, 3, 1, 1, 1 } } },
};

/* Those of the models, shrunk: around the vector lengths, several channel blocks and tiles, maps down to 1x1, more than one block. */
static const shape_row models[] = {
    { 2, 1, 32, 1, { ONE, { 20, 3, 1, 1, 1 }, { 33, 3, 1, 1, 1 } } },
    { 1, 3, 24, 1, { ONE, { 32, 4, 4, 0, 1 }, { 40, 4, 4, 0, 1 } } },
    { 1, 3, 16, 1, { ONE, { 24, 7, 2, 3, 1 }, { 24, 7, 2, 3, 1 } } },
    { 2, 8, 8, 1, { ONE, { 64, 3, 1, 1, 1 }, { 64, 3, 1, 1, 1 } } },
    { 2, 12, 12, 1, { ONE, { 17, 3, 1, 1, 1 }, { 31, 3, 1, 1, 1 } } },
    { 2, 24, 48, 1, { ONE, { 16, 3, 1, 1, 1 }, { 16, 3, 1, 1, 1 } } },
    { 1, 48, 24, 1, { ONE, { 16, 3, 1, 1, 1 }, { 15, 3, 1, 1, 1 } } },
    { 1, 33, 65, 1, { ONE, { 14, 3, 1, 1, 1 }, { 14, 3, 1, 1, 1 } } },
    { 1, 64, 96, 1, { ONE, { 8, 3, 1, 1, 1 }, { 8, 3, 1, 1, 1 } } },
    { 3, 96, 80, 1, { ONE, { 4, 3, 1, 1, 1 }, { 4, 3, 1, 1, 1 } } },
    { 12, 70, 64, 1, { ONE, { 2, 3, 1, 1, 1 }, { 2, 3, 1, 1, 1 } } },
    { 5, 64, 70, 1, { ONE, { 1, 3, 1, 1, 1 }, { 1, 3, 1, 1, 1 } } },
    { 2, 100, 2, 1, { ONE, { 24, 1, 1, 0, 1 }, { 24, 1, 1, 0, 1 } } },
    { 2, 6, 200, 1, { ONE, { 9, 1, 1, 0, 1 }, { 7, 1, 1, 0, 1 } } },
    { 2, 40, 36, 1, { ONE, { 12, 2, 2, 0, 1 }, { 20, 2, 2, 0, 1 } } },
    { 2, 40, 36, 1, { ONE, { 4, 2, 2, 0, 1 }, { 4, 2, 2, 0, 1 } } },
    { 2, 40, 36, 2, { ONE, { 12, 2, 2, 0, 1 }, { 20, 2, 2, 0, 1 } } },
    { 1, 33, 230, 1, { ONE, { 10, 2, 2, 0, 1 }, { 36, 2, 2, 0, 1 } } },
    { 1, 20, 20, 1, { ONE, { 40, 3, 2, 1, 1 }, { 41, 3, 2, 1, 1 } } },
    { 1, 36, 40, 2, { ONE, { 12, 3, 1, 1, 1 }, { 12, 3, 1, 1, 1 } } },
    { 1, 16, 17, 1, { ONE, { 30, 3, 1, 6, 6 }, { 30, 3, 1, 6, 6 } } },
    { 1, 9, 10, 1, { ONE, { 20, 11, 1, 5, 1 }, { 20, 12, 1, 5, 1 } } },
    { 1, 12, 20, 1, { { 6, 3, 1, 1, 1 }, { 9, 3, 1, 1, 1 }, { 16, 3, 1, 1, 1 } } },
    { 1, 12, 20, 1, { { 8, 2, 2, 0, 1 }, { 8, 2, 2, 0, 1 }, { 8, 2, 2, 0, 1 } } },
    { 1, 34, 15, 1, { ONE, { 1, 1, 1, 0, 1 }, { 300, 3, 1, 1, 1 } } },
    { 1, 2, 40, 1, { ONE, { 66, 3, 1, 1, 1 }, { 70, 3, 1, 1, 1 } } },
    { 1, 72, 12, 1, { ONE, { 18, 3, 1, 1, 1 }, { 32, 3, 1, 1, 1 } } },
    { 2, 72, 12, 1, { ONE, { 5, 3, 1, 1, 1 }, { 33, 3, 1, 1, 1 } } },
    { 1, 12, 40, 1, { ONE, { 9, 7, 1, 3, 1 }, { 48, 7, 1, 3, 1 } } },
    { 1, 24, 13, 1, { ONE, { 40, 3, 2, 1, 1 }, { 96, 3, 2, 1, 1 } } },
    { 2, 20, 12, 2, { ONE, { 9, 3, 1, 1, 1 }, { 32, 3, 1, 1, 1 } } },
    { 1, 12, 12, 1, { { 5, 3, 1, 1, 1 }, { 9, 3, 1, 2, 2 }, { 40, 3, 1, 2, 2 } } },
    { 1, 12, 12, 1, { { 5, 3, 1, 1, 1 }, { 9, 3, 1, 2, 2 }, { 40, 3, 1, 1, 1 } } },
    { 1, 3, 5, 1, { ONE, { 2, 3, 1, 1, 1 }, { 1100, 3, 1, 1, 1 } } },
    { 12, 1, 8, 1, { ONE, { 64, 3, 1, 1, 1 }, { 64, 3, 1, 1, 1 } } },
};

static void test_plain(void **state)
{
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        ad_conv_shape s = shape_of(small[i].n, small[i].cin, small[i].cout, small[i].groups, small[i].axes);
        check_plain(&s);
    }
}

static void test_small(void **state)
{
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        ad_conv_shape s = shape_of(small[i].n, small[i].cin, small[i].cout, small[i].groups, small[i].axes);
        check_fast(&s, i % 2 == 0);
    }
}

static void test_models(void **state)
{
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        ad_conv_shape s = shape_of(models[i].n, models[i].cin, models[i].cout, models[i].groups, models[i].axes);
        check_fast(&s, i % 2 == 0);
    }
}

/* Channels and widths 1 .. 2 VL + 1 around the lengths of the vectors. */
static void test_lengths(void **state)
{
    static const int lengths[] = { 1, 7, 8, 9, 15, 16, 17, 31, 32, 33 };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (size_t j = 0; j < sizeof lengths / sizeof *lengths; j++) {
            const axis axes[3] = { ONE, { 3, 3, 1, 1, 1 }, { lengths[(i + j) % 10], 3, 1, 1, 1 } };
            ad_conv_shape s = shape_of(1, lengths[i], lengths[j], 1, axes);
            check_fast(&s, (i + j) % 2 == 0);
        }
}

/* Odd combinations that nobody thought of. */
static void test_random(void **state)
{
    uint32_t seed = 7;
    for (int i = 0; i < 300; i++) {
        int pick[24], k = 0;
        for (int j = 0; j < 24; j++)
            pick[j] = (int)((number(&seed) + 1) / 2 * 1000);
        axis axes[3];
        for (int a = 0; a < 3; a++) {
            axes[a] = (axis)ONE;
            if (a == 0 && pick[k++] % 3) continue;
            int kernel = 1 + pick[k++] % 4, dilation = 1 + pick[k++] % 3;
            axes[a] = (axis){ dilation * (kernel - 1) + 1 + pick[k++] % (a == 2 ? 20 : 6), kernel, 1 + pick[k++] % 4, pick[k++] % 4, dilation };
        }
        int groups = 1 + (pick[k++] % 4 == 0);
        ad_conv_shape s = shape_of(1 + pick[k] % 3, (1 + pick[k + 1] % 40) * groups, (1 + pick[k + 2] % 40) * groups, groups, axes);
        check_fast(&s, pick[k + 3] % 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

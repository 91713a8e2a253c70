/*
 * Attention of one head and its adjoint: the same bits by every variant of float, near to doubles; nothing written past the results.
 */
#include <math.h>
#include <string.h>

#include "tests/kernel_run.h"

enum { Q, KEYS, V, BIAS, HIDE, GOUT, INPUTS };
enum { OUT, GQ, GK, GV, GBIAS, OUTPUTS };
enum { FLOATS, DOUBLES };

typedef struct sizes {
    int64_t lq, lk, d, heads;
} sizes;

/* The windows of Swin and of the tiny models, one key, keys and channels around the vectors, more queries than a block. */
static const sizes shapes[] = {
    { 49, 49, 32, 3 }, { 16, 16, 8, 2 }, { 64, 64, 8, 1 }, { 1, 1, 1, 1 }, { 7, 7, 4, 2 }, { 8, 8, 16, 1 }, { 17, 17, 5, 2 }, { 33, 33, 12, 1 },
    { 2, 19, 3, 1 }, { 5, 40, 33, 2 }, { 9, 15, 7, 1 }, { 70, 70, 6, 2 }, { 130, 3, 20, 1 },
};

static int64_t input_size(const sizes *z, int i)
{
    return i == BIAS || i == HIDE ? z->lq * z->lk : (i == Q || i == GOUT ? z->lq : z->lk) * z->d * z->heads;
}

static int64_t output_size(const sizes *z, int i)
{
    return i == GBIAS ? z->lq * z->lk : (i == OUT || i == GQ ? z->lq : z->lk) * z->d * z->heads;
}

/* The inputs in both precisions; a third of the mask is the -100 of hidden positions, but never a whole row. */
typedef struct inputs {
    float *f[INPUTS];
    double *r[INPUTS];
} inputs;

static inputs inputs_new(const sizes *z)
{
    inputs in;
    for (int i = 0; i < INPUTS; i++) {
        int64_t n = input_size(z, i);
        in.f[i] = numbers_new(n, (uint32_t)i + 7);
        for (int64_t k = 0; k < n; k++) {
            if (i == HIDE) in.f[i][k] = k % z->lk && k % 3 == 0 ? -100 : 0;
            if (i == Q) in.f[i][k] *= 3;
        }
        in.r[i] = widened_new(n, in.f[i]);
    }
    return in;
}

static void inputs_free(inputs *in)
{
    for (int i = 0; i < INPUTS; i++) {
        free(in->f[i]);
        free(in->r[i]);
    }
}

typedef struct results {
    void *of[OUTPUTS];
    size_t bytes[OUTPUTS];
} results;

static void results_free(results *r)
{
    for (int i = 0; i < OUTPUTS; i++)
        guarded_free(r->of[i], r->bytes[i]);
}

/* All heads of one item; `with` counts how many of bias and mask there are. */
static results attend(const ad_kernels *k, int precision, const sizes *z, const inputs *in, int with, int ahead)
{
    size_t real = precision == DOUBLES ? sizeof(double) : sizeof(float), scratch = (size_t)AD_ATTENTION_SCRATCH(z->lk, z->d) * real;
    void *work = guarded_new(scratch);
    results r;
    for (int i = 0; i < OUTPUTS; i++) {
        r.bytes[i] = (size_t)output_size(z, i) * real;
        r.of[i] = guarded_new(r.bytes[i]);
    }
    memset(r.of[GBIAS], 0, r.bytes[GBIAS]);
    for (int64_t h = 0; h < z->heads; h++) {
        int64_t row = z->d * z->heads;
        ad_attention_shape s = { .lq = z->lq, .lk = z->lk, .d = z->d, .row = { row, row, row, row, row, row, row }, .scale = 0.37 };
        if (ahead && h + 1 < z->heads) s.next_columns = z->d;
        const void *from[INPUTS];
        char *to[OUTPUTS];
        for (int i = 0; i < INPUTS; i++) {
            int64_t at = i == BIAS || i == HIDE ? 0 : h * z->d;
            from[i] = precision == DOUBLES ? (const void *)(in->r[i] + at) : in->f[i] + at;
        }
        for (int i = 0; i < OUTPUTS; i++)
            to[i] = (char *)r.of[i] + (i == GBIAS ? 0 : (size_t)(h * z->d) * real);
        const void *bias = with > 0 ? from[BIAS] : NULL, *hide = with > 1 ? from[HIDE] : NULL;
        k->norm.attention(&s, from[Q], from[KEYS], from[V], bias, hide, to[OUT], work);
        k->norm.attention_gradient(&s, from[Q], from[KEYS], from[V], bias, hide, from[GOUT], to[GQ], to[GK], to[GV], with ? to[GBIAS] : NULL, work);
    }
    guarded_free(work, scratch);
    return r;
}

static void check_near(const sizes *z, const results *got, const results *want)
{
    for (int i = 0; i < OUTPUTS; i++)
        for (int64_t k = 0; k < output_size(z, i); k++) {
            double g = (double)((const float *)got->of[i])[k], w = ((const double *)want->of[i])[k];
            if (!(fabs(g - w) <= 1e-5 * (1 + fabs(w))))
                fail_msg("%d queries, %d keys, %d channels: number %d of result %d is %.9g, not %.9g", (int)z->lq, (int)z->lk, (int)z->d, (int)k, i, g, w);
        }
}

static void check_bits(const char *name, const sizes *z, const results *got, const results *want)
{
    for (int i = 0; i < OUTPUTS; i++)
        if (memcmp(got->of[i], want->of[i], want->bytes[i]) != 0)
            fail_msg("%s: result %d of %d queries, %d keys, %d channels has other bits", name, i, (int)z->lq, (int)z->lk, (int)z->d);
}

static void test_variants(void **state)
{
    for (size_t n = 0; n < sizeof shapes / sizeof *shapes; n++)
        for (int with = 0; with <= 2; with++) {
            const sizes *z = &shapes[n];
            inputs in = inputs_new(z);
            results plain = attend(ad__kernels(0, 0), FLOATS, z, &in, with, 0), exact = attend(ad__kernels(0, 1), DOUBLES, z, &in, with, 0);
            check_near(z, &plain, &exact);
            for (int isa = 1; isa <= ad__kernels_isa(); isa++) {
                results fast = attend(ad__kernels(isa, 0), FLOATS, z, &in, with, z->lq == z->lk);
                check_bits(ad__kernels(isa, 0)->name, z, &fast, &plain);
                results_free(&fast);
            }
            results_free(&plain);
            results_free(&exact);
            inputs_free(&in);
        }
}

/* A query that is not a number has an output that is none, whatever its bits; the other rows have theirs. */
static void test_nan(void **state)
{
    const sizes z = { 20, 20, 8, 1 };
    inputs in = inputs_new(&z);
    const uint32_t bits = 0x7f8001ff;
    memcpy(&in.f[Q][3 * z.d], &bits, sizeof bits);
    for (int isa = 0; isa <= ad__kernels_isa(); isa++) {
        results r = attend(ad__kernels(isa, 0), FLOATS, &z, &in, 1, 0);
        for (int64_t k = 0; k < output_size(&z, OUT); k++)
            assert_true(!isnan(((const float *)r.of[OUT])[k]) == (k / z.d != 3));
        results_free(&r);
    }
    inputs_free(&in);
}

/* A hidden key does not count at all, rather than as a subnormal number. */
static void test_hidden(void **state)
{
    const sizes z = { 18, 18, 4, 1 };
    inputs in = inputs_new(&z);
    for (int64_t i = 0; i < z.lq * z.lk; i++)
        in.f[HIDE][i] = i % z.lk == 17 ? -100 : 0;
    for (int isa = 0; isa <= ad__kernels_isa(); isa++) {
        results r = attend(ad__kernels(isa, 0), FLOATS, &z, &in, 2, 0);
        for (int64_t c = 0; c < z.d; c++)
            assert_true(((const float *)r.of[GV])[17 * z.d + c] == 0);
        results_free(&r);
    }
    inputs_free(&in);
}

/* Two keys with scores 0 and x weigh the second e^x / (1 + e^x), for x from 0 down to where it counts as nothing. */
static void test_exponentials(void **state)
{
    enum { QUERIES = 4096 };
    static float q[QUERIES], y[QUERIES];
    const float k[] = { 0, 1 }, v[] = { 0, 1 };
    const ad_attention_shape s = { .lq = QUERIES, .lk = 2, .d = 1, .row = { .q = 1, .k = 1, .v = 1, .out = 1 }, .scale = 1 };
    float scratch[AD_ATTENTION_SCRATCH(2, 1)];
    for (int i = 0; i < QUERIES; i++) q[i] = -79.9f * (float)i / QUERIES;
    for (int isa = 0; isa <= ad__kernels_isa(); isa++) {
        ad__kernels(isa, 0)->norm.attention(&s, q, k, v, NULL, NULL, y, scratch);
        for (int i = 0; i < QUERIES; i++) {
            double e = exp((double)q[i]), want = e / (1 + e);
            if (!(fabs((double)y[i] - want) <= 3 * ldexp(want, -23))) fail_msg("weight of %.9g is %.9g, not %.9g", (double)q[i], (double)y[i], want);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_exponentials), cmocka_unit_test(test_variants), cmocka_unit_test(test_nan), cmocka_unit_test(test_hidden) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

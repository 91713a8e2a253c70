/*
 * test_op_values.c - values of ops that the generated checks cannot know: where the adjoint is not a derivative on purpose,
 * ties, NaNs, drawn numbers, values worked out by hand; and that the gradient check itself sees what is wrong.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ops/ops.h"

static ad_ctx *ctx;

static int start(void **state)
{
    ctx = ad_new(&(ad_options){ .threads = 2 });
    return ctx ? 0 : -1;
}

static int stop(void **state)
{
    ad_ctx_free(ctx);
    return 0;
}

static ad_tensor *vector(ad_tape *t, int n, const double *values)
{
    return ad_constant(t, &(ad_shape){ 1, { n } }, values);
}

static void expect(ad_tensor *x, int n, const double *want)
{
    if (!x) fail_msg("%s", ad_ctx_message(ctx));
    assert_int_equal(ad_count(ad_tensor_shape(x)), n);
    for (int i = 0; i < n; i++)
        if (!(fabs(ad_value(x, i) - want[i]) <= 1e-12 * fmax(1, fabs(want[i])))) fail_msg("element %d is %.15g, want %.15g", i,
                ad_value(x, i), want[i]);
}

/* ---- adjoints that are not derivatives ---- */

static void adjoints_are_scaled_moved_and_stopped(void **state)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    const double a_values[] = { 1, -2, 3 }, b_values[] = { 5, 6, 7 };
    ad_tensor *a = ad_input(t, "a", &(ad_shape){ 1, { 3 } }), *b = ad_input(t, "b", &(ad_shape){ 1, { 3 } }), *g[2] = { NULL };
    assert_int_equal(ad_set(a, a_values), AD_OK);
    assert_int_equal(ad_set(b, b_values), AD_OK);

    ad_tensor *scaled = ad_scale_gradient(t, a, -0.25);
    expect(scaled, 3, a_values);
    assert_int_equal(ad_gradients(t, ad_sum(t, ad_square(t, scaled), NULL, false), 1, &a, g), AD_OK);
    expect(g[0], 3, (const double[]){ -0.5, 1, -1.5 });

    ad_tensor *through = ad_straight_through(t, a, b), *both[2] = { a, b };
    expect(through, 3, a_values);
    assert_int_equal(ad_gradients(t, ad_sum(t, ad_square(t, through), NULL, false), 2, both, g), AD_OK);
    assert_null(g[0]);
    expect(g[1], 3, (const double[]){ 2, -4, 6 });

    assert_int_equal(ad_gradients(t, ad_sum(t, ad_mul(t, ad_stop_gradient(t, a), b), NULL, false), 2, both, g), AD_OK);
    assert_null(g[0]);
    expect(g[1], 3, a_values);
    ad_tape_free(t);
}

static int records_of(const ad_tape *t, const char *op)
{
    ad_record_info r;
    int n = 0;
    for (int i = 0; ad_tape_record(t, i, &r); i++) n += strcmp(r.op->name, op) == 0;
    return n;
}

/* The adjoint of x by the sum of w times slices of its columns, of which slice k has column counts[k] on from starts[k]. */
static ad_tensor *slices_adjoint(ad_tape *t, int n, const int *starts, const int *counts)
{
    static const double columns[] = { 1, 2, 3, 4, 5, 6 };
    ad_tensor *x = ad_fill(t, &(ad_shape){ 2, { 2, 6 } }, 0.5), *w = vector(t, 6, columns), *loss = NULL, *g = NULL;
    for (int k = 0; k < n; k++) {
        ad_tensor *term = ad_mul(t, ad_slice(t, w, 0, starts[k], counts[k]), ad_slice(t, x, k % 2 ? -1 : 1, starts[k], counts[k]));
        term = ad_sum(t, term, NULL, false);
        loss = loss ? ad_add(t, loss, term) : term;
    }
    assert_int_equal(ad_gradients(t, loss, 1, &x, &g), AD_OK);
    return g;
}

static void adjoints_of_slices_are_joined(void **state)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *all = slices_adjoint(t, 3, (const int[]){ 0, 2, 3 }, (const int[]){ 2, 1, 3 });
    expect(all, 12, (const double[]){ 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6 });
    ad_record_info r;
    assert_true(ad_tape_record(t, ad_tensor_record(all), &r));
    assert_string_equal(r.op->name, "concat");
    assert_int_equal(r.n_in, 3);
    ad_tape_free(t);

    t = ad_tape_new(ctx, AD_F64);
    expect(slices_adjoint(t, 2, (const int[]){ 3, 1 }, (const int[]){ 2, 2 }), 12, (const double[]){ 0, 2, 3, 4, 5, 0, 0, 2, 3, 4, 5, 0 });
    assert_int_equal(records_of(t, "concat"), 1);
    ad_tape_free(t);

    /* Apart, and over each other: nothing to join. */
    t = ad_tape_new(ctx, AD_F64);
    expect(slices_adjoint(t, 2, (const int[]){ 0, 4 }, (const int[]){ 1, 2 }), 12, (const double[]){ 1, 0, 0, 0, 5, 6, 1, 0, 0, 0, 5, 6 });
    expect(slices_adjoint(t, 2, (const int[]){ 0, 1 }, (const int[]){ 3, 2 }), 12, (const double[]){ 1, 4, 6, 0, 0, 0, 1, 4, 6, 0, 0, 0 });
    assert_int_equal(records_of(t, "concat"), 0);
    ad_tape_free(t);
}

/* ---- ties and NaNs ---- */

static void ties_go_to_the_first(void **state)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *x = vector(t, 6, (const double[]){ 1, 3, 2, 3, 3, -1 });
    expect(ad_argmax(t, x, 0), 1, (const double[]){ 1 });
    expect(ad_topk_mask(t, x, 2), 6, (const double[]){ 0, 1, 0, 1, 0, 0 });
    expect(ad_topk_mask(t, x, 5), 6, (const double[]){ 1, 1, 1, 1, 1, 0 });
    expect(ad_topk_mask(t, vector(t, 3, (const double[]){ -1, NAN, -5 }), 2), 3, (const double[]){ 1, 0, 1 });
    ad_tape_free(t);
}

/* The largest of equal numbers shares the adjoint; so do two equal operands of maximum. */
static void ties_share_the_adjoint(void **state)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *x = ad_input(t, "x", &(ad_shape){ 1, { 3 } }), *y = ad_input(t, "y", &(ad_shape){ 0 }), *g[2] = { NULL };
    assert_int_equal(ad_set(x, (const double[]){ 2, 1, 2 }), AD_OK);
    assert_int_equal(ad_set(y, (const double[]){ 2 }), AD_OK);
    assert_int_equal(ad_gradients(t, ad_max(t, x, NULL, false), 1, &x, g), AD_OK);
    expect(g[0], 3, (const double[]){ 0.5, 0, 0.5 });
    assert_int_equal(ad_gradients(t, ad_sum(t, ad_maximum(t, x, y), NULL, false), 2, (ad_tensor *[]){ x, y }, g), AD_OK);
    expect(g[0], 3, (const double[]){ 0.5, 0, 0.5 });
    expect(g[1], 1, (const double[]){ 2 });
    ad_tape_free(t);
}

/* A NaN must never be lost: a run that went wrong has to show it. Lengths on both sides of a vector. */
static void nans_stay(void **state)
{
    for (int n = 1; n <= 37; n += 4) {
        float x[37];
        ad_tape *t = ad_tape_new(ctx, AD_F32);
        for (int i = 0; i < n; i++)
            x[i] = (float)i - 5;
        x[n / 2] = NAN;
        ad_tensor *v = ad_constant(t, &(ad_shape){ 1, { n } }, x), *zero = ad_scalar(t, 0);
        ad_tensor *elementwise[] = { ad_relu(t, v), ad_clamp(t, v, -1, 1), ad_maximum(t, v, zero), ad_maximum(t, zero, v),
                                     ad_minimum(t, v, zero),
                                     ad_minimum(t, zero, v), ad_sign(t, v), ad_abs(t, v), ad_round(t, v) };
        for (size_t k = 0; k < sizeof elementwise / sizeof *elementwise; k++)
            if (!isnan(ad_value(elementwise[k], n / 2))) fail_msg("function %zu loses the NaN of %d numbers", k, n);
        ad_tensor *folded[] = { ad_max(t, v, NULL, false), ad_min(t, v, NULL, false), ad_sum(t, v, NULL, false) };
        for (size_t k = 0; k < sizeof folded / sizeof *folded; k++)
            if (!isnan(ad_value(folded[k], 0))) fail_msg("fold %zu loses the NaN of %d numbers", k, n);
        ad_tape_free(t);
    }
}

static ad_tensor *numbered(ad_tape *t, const char *op, const char *attributes, ad_tensor *x)
{
    _Alignas(16) char attr[1024];
    const ad_op *o = ad_op_find(ctx, op);
    ad_tensor *out[AD_MAX_OUTPUTS] = { NULL };
    assert_int_equal(ad_attr_parse(ad_ctx_error(ctx), o, attributes, attr), AD_OK);
    assert_int_equal(ad_record(t, o, attr, 1, &x, out), AD_OK);
    return out[1];
}

/* Equal numbers stay in their order, either way; NaNs come last, either way. The adjoint of a chosen one is not shared. */
static void sorting_is_stable(void **state)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *x = ad_input(t, "x", &(ad_shape){ 1, { 6 } }), *g = NULL;
    assert_int_equal(ad_set(x, (const double[]){ 2, NAN, 1, 2, -INFINITY, 1 }), AD_OK);
    expect(numbered(t, "sort", "", x), 6, (const double[]){ 4, 2, 5, 0, 3, 1 });
    expect(numbered(t, "sort", "descending=true", x), 6, (const double[]){ 0, 3, 2, 5, 4, 1 });
    expect(numbered(t, "topk", "k=3", x), 3, (const double[]){ 0, 3, 2 });
    expect(numbered(t, "topk", "k=2, largest=false", x), 2, (const double[]){ 4, 2 });
    assert_true(isnan(ad_value(ad_sort(t, x, 0, false), 5)));
    assert_int_equal(ad_gradients(t, ad_sum(t, ad_topk(t, x, 1, 0, true), NULL, false), 1, &x, &g), AD_OK);
    expect(g, 6, (const double[]){ 1, 0, 0, 0, 0, 0 });
    ad_tape_free(t);
}

/* One zero: the derivative by it is the product of the others; two zeros: all are zero. A rule that divides gives NaNs. */
static void products_with_zeros_have_gradients(void **state)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *x = ad_input(t, "x", &(ad_shape){ 2, { 2, 3 } }), *g = NULL;
    const ad_ints rows = { 1, { 1 } };
    assert_int_equal(ad_set(x, (const double[]){ 2, 0, 3, 0, 5, 0 }), AD_OK);
    ad_tensor *y = ad_prod(t, x, &rows, false);
    expect(y, 2, (const double[]){ 0, 0 });
    assert_int_equal(ad_gradients(t, ad_sum(t, y, NULL, false), 1, &x, &g), AD_OK);
    expect(g, 6, (const double[]){ 0, 6, 0, 0, 0, 0 });
    assert_int_equal(ad_gradients(t, ad_sum(t, ad_cumprod(t, x, 1), NULL, false), 1, &x, &g), AD_OK);
    expect(g, 6, (const double[]){ 1, 8, 0, 6, 0, 0 });
    expect(ad_prod(t, ad_fill(t, &(ad_shape){ 2, { 2, 0 } }, 7), &rows, false), 2, (const double[]){ 1, 1 });
    ad_tape_free(t);
}

static void ignored_labels_are_no_class(void **state)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *labels = ad_input(t, "labels", &(ad_shape){ 1, { 3 }, AD_I32 });
    assert_int_equal(ad_set(labels, (const int32_t[]){ 1, 255, 0 }), AD_OK);
    const ad_one_hot_attr attr = { .classes = 2, .ignore = { 1, { 255 } } };
    expect(ad_record_one(t, ad_op_find(ctx, "one_hot"), &attr, 1, &labels), 6, (const double[]){ 0, 1, 0, 0, 1, 0 });
    ad_tape_free(t);
}

/* ---- by hand ---- */

static void losses_by_hand(void **state)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_shape rows = { 2, { 2, 2 } };
    ad_tensor *logits = ad_constant(t, &rows, (const double[]){ 0, log(3), 2, 2 });
    ad_tensor *target = ad_constant(t, &rows, (const double[]){ 1, 0, 0.5, 0.5 });
    expect(ad_softmax_cross_entropy(t, logits, target), 2, (const double[]){ log(4), log(2) });
    expect(ad_cross_entropy(t, logits, target, &(ad_loss_attr){ .over = "", .batch = AD_BATCH_MEAN }), 1,
           (const double[]){ log(8) / 2 });
    expect(ad_softmax(t, logits), 4, (const double[]){ 0.25, 0.75, 0.5, 0.5 });

    ad_tensor *zero = ad_fill(t, &rows, 0), *one = ad_fill(t, &rows, 1), *two = ad_fill(t, &rows, 2);
    const ad_loss_attr mean = { .over = "C", .batch = AD_BATCH_MEAN };
    /* (1 + 1) / 2 + 0 - 0 - 1 = 0, so only the halves of the squared distance stay: two channels of 1/2 each. */
    expect(ad_kl_normal(t, one, one, zero, one, &mean), 1, (const double[]){ 1 });
    expect(ad_kl_normal(t, zero, two, zero, one, &mean), 1, (const double[]){ 4 - 1 - log(4) });
    expect(ad_kl_log_var(t, zero, ad_fill(t, &rows, log(4)), zero, zero, &mean), 1, (const double[]){ 4 - 1 - log(4) });
    ad_tape_free(t);
}

static void rearranges_by_hand(void **state)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    double x[8];
    for (int i = 0; i < 8; i++)
        x[i] = i;
    /* A map of 2 x 4 pixels in patches of 2 x 2; within a patch the column runs before the row. */
    ad_tensor *map = ad_constant(t, &(ad_shape){ 3, { 1, 8, 1 } }, x);
    expect(ad_rearrange(t, map, "b (y p x q) c -> b (y x) (q p c)", "y=1, p=2, x=2, q=2"), 8,
           (const double[]){ 0, 4, 1, 5, 2, 6, 3, 7 });
    expect(ad_roll(t, vector(t, 5, x), 0, 2), 5, (const double[]){ 3, 4, 0, 1, 2 });
    expect(ad_tile_to(t, ad_constant(t, &(ad_shape){ 2, { 1, 2 } }, x), ad_fill(t, &(ad_shape){ 3, { 1, 3, 5 } }, 0)), 6,
           (const double[]){ 0, 1, 0, 1, 0, 1 });
    ad_tape_free(t);
}

static void einsum_by_hand(void **state)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    double a[6], b[24], c[20], want[20] = { 0 };
    for (int i = 0; i < 24; i++) {
        b[i] = ad_normal(1, 0, 0, (uint64_t)i);
        if (i < 6) a[i] = ad_normal(2, 0, 0, (uint64_t)i);
        if (i < 20) c[i] = ad_normal(3, 0, 0, (uint64_t)i);
    }
    for (int e = 0; e < 5; e++)
        for (int d = 0; d < 2; d++)
            for (int i = 0; i < 2; i++)
                for (int j = 0; j < 3; j++)
                    for (int k = 0; k < 4; k++)
                        want[(e * 2 + d) * 2 + i] += a[i * 3 + j] * b[(j * 4 + k) * 2 + d] * c[k * 5 + e];
    ad_tensor *x[3] = { ad_constant(t, &(ad_shape){ 2, { 2, 3 } }, a), ad_constant(t, &(ad_shape){ 3, { 3, 4, 2 } }, b),
                        ad_constant(t, &(ad_shape){ 2, { 4, 5 } }, c) };
    expect(ad_einsum(t, "ij,jkd,ke->edi", 3, x), 20, want);
    const double m[] = { 1, 2, 3, 4 };
    ad_tensor *y[2] = { ad_constant(t, &(ad_shape){ 2, { 2, 2 } }, m), ad_constant(t, &(ad_shape){ 2, { 2, 2 } }, m) };
    expect(ad_einsum(t, "ab,ba->ab", 2, y), 4, (const double[]){ 1, 6, 6, 16 });
    expect(ad_einsum(t, "ab->b", 1, y), 2, (const double[]){ 4, 6 });
    expect(ad_einsum(t, "ka,kb->ba", 2, y), 4, (const double[]){ 10, 14, 14, 20 });
    expect(ad_einsum(t, "ab,cb->ac", 2, y), 4, (const double[]){ 5, 11, 11, 25 });
    ad_tape_free(t);
}

/* Ten million additions of 0.1 one after the other give 1087937 in float. Equal numbers are the worst case: every rounding goes the same
 * way, so that a chunk of a column (4096 rows) may lose three of its seven digits; the tree above the chunks loses nothing
 * more. */
static void long_sums_keep_their_digits(void **state)
{
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_shape shape = { 2, { 5000000, 2 } };
    const ad_ints columns = { 1, { 0 } };
    ad_tensor *x = ad_fill(t, &shape, 0.1), *all = ad_sum(t, x, NULL, false), *each = ad_sum(t, x, &columns, false);
    if (!(fabs(ad_value(all, 0) / 1e6 - 1) < 1e-5)) fail_msg("the sum is %.9g", ad_value(all, 0));
    if (!(fabs(ad_value(each, 1) / 5e5 - 1) < 1e-4)) fail_msg("the sum of a column is %.9g", ad_value(each, 1));
    ad_tape_free(t);
}

static void wrong_indexes_are_refused_at_run_time(void **state)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *index = ad_input(t, "index", &(ad_shape){ 1, { 2 }, AD_I32 }), *table = vector(t, 3, (const double[]){ 1, 2, 3 });
    const struct { int32_t index[2]; bool fine; } cases[] = { { { 0, 2 }, true }, { { 0, 3 }, false }, { { -1, 0 }, false } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ad_error_clear(ad_ctx_error(ctx));
        assert_int_equal(ad_set(index, cases[i].index), AD_OK);
        assert_int_equal(ad_data(ad_gather(t, table, index)) != NULL, cases[i].fine);
        assert_int_equal(ad_data(ad_one_hot(t, index, 3)) != NULL, cases[i].fine);
        assert_int_equal(ad_data(ad_gather_along(t, table, index, 0)) != NULL, cases[i].fine);
        assert_int_equal(ad_data(ad_scatter_along(t, vector(t, 2, (const double[]){ 1, 2 }), index, 0, 3)) != NULL, cases[i].fine);
        assert_int_equal(ad_ctx_error(ctx)->status, cases[i].fine ? AD_OK : AD_EDATA);
    }
    ad_error_clear(ad_ctx_error(ctx));
    ad_tape_free(t);
}

/* ---- drawn numbers ---- */

static void draws_are_the_stream_of_their_site(void **state)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_shape shape = { 2, { 300, 400 } };
    ad_tape_at(t, &(ad_place){ .path = "prior/z[0]" });
    ad_tensor *normal = ad_draw_normal(t, &shape), *uniform = ad_draw_uniform(t, &shape);
    ad_tape_random(t, 11, 22, 33);
    uint64_t key = ad_key(11, "site", "prior/z[0]"), second = ad_key(11, "site", "prior/z[0]#2");
    double mean = 0, square = 0, low = 0;
    for (int64_t i = 0; i < 120000; i++) {
        if (ad_value(normal, i) != ad_normal(key, 22, 33, (uint64_t)i)) fail_msg("normal %lld", (long long)i);
        if (ad_value(uniform, i) != ad_uniform(second, 22, 33, (uint64_t)i)) fail_msg("uniform %lld", (long long)i);
        mean += ad_value(normal, i) / 120000;
        square += ad_value(normal, i) * ad_value(normal, i) / 120000;
        low += ad_value(uniform, i) < 0.3;
    }
    assert_true(fabs(mean) < 0.01 && fabs(square - 1) < 0.02 && fabs(low / 120000 - 0.3) < 0.01);
    ad_tape_free(t);
}

static void dropout_keeps_the_mean_and_its_mask(void **state)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_shape shape = { 2, { 200, 100 } };
    ad_tensor *x = ad_input(t, "x", &shape), *g = NULL;
    double *ones = malloc(20000 * sizeof *ones), dropped = 0;
    for (int i = 0; i < 20000; i++)
        ones[i] = 1;
    assert_int_equal(ad_set(x, ones), AD_OK);
    ad_tensor *y = ad_dropout(t, x, NULL, &(ad_dropout_attr){ .rate = 0.25, .training = true });
    assert_int_equal(ad_gradients(t, ad_sum(t, y, NULL, false), 1, &x, &g), AD_OK);
    for (int64_t i = 0; i < 20000; i++) {
        double v = ad_value(y, i);
        if (v != 0 && fabs(v - 1 / 0.75) > 1e-12) fail_msg("element %lld is %g", (long long)i, v);
        if (v != ad_value(g, i)) fail_msg("the gradient has another mask at %lld", (long long)i);
        dropped += v == 0;
    }
    assert_true(fabs(dropped / 20000 - 0.25) < 0.02);
    ad_tensor *paths = ad_drop_path(t, x, NULL, &(ad_dropout_attr){ .rate = 0.5, .training = true });
    int kept = 0;
    for (int64_t i = 0; i < 200; i++) {
        for (int64_t j = 1; j < 100; j++)
            if (ad_value(paths, i * 100 + j) != ad_value(paths, i * 100)) fail_msg("item %lld is dropped in part", (long long)i);
        kept += ad_value(paths, i * 100) != 0;
    }
    assert_true(kept > 70 && kept < 130);
    free(ones);
    ad_tape_free(t);
}

/* ---- the gradient check sees what is wrong ---- */

/* y = x^3 with one of several derivatives. */
static ad_status cube_shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    *out = in[0];
    return AD_OK;
}

static ad_status cube_forward(const ad_call *c)
{
    const double *x = c->in[0].data;
    for (int64_t i = 0; i < ad_count(&c->out->shape); i++)
        ((double *)c->out->data)[i] = x[i] * x[i] * x[i];
    return AD_OK;
}

static ad_tensor *slope(ad_grad *g)
{
    return ad_scale(g->tape, ad_mul(g->tape, g->gout[0], ad_square(g->tape, g->in[0])), 3);
}

static void right(ad_grad *g) { g->gin[0] = slope(g); }
static void wrong_sign(ad_grad *g) { g->gin[0] = ad_neg(g->tape, slope(g)); }
static void one_percent(ad_grad *g) { g->gin[0] = ad_scale(g->tape, slope(g), 1.01); }
static void a_millionth(ad_grad *g) { g->gin[0] = ad_scale(g->tape, slope(g), 1 + 3e-6); }
static void dropped(ad_grad *g) { (void)g; }
static void constant_slope(ad_grad *g) { g->gin[0] = ad_stop_gradient(g->tape, slope(g)); }

static void wrong_gradients_are_found(void **state)
{
    const struct { void (*rule)(ad_grad *g); int order; ad_status want; } cases[] = {
        { right, 2, AD_OK }, { wrong_sign, 1, AD_ECHECK }, { one_percent, 1, AD_ECHECK }, { a_millionth, 1, AD_ECHECK },
        { dropped, 1, AD_ECHECK }, { constant_slope, 1, AD_OK }, { constant_slope, 2, AD_ECHECK },
    };
    const ad_operand operands[] = { { .name = "x" }, { 0 } };
    const ad_sample sample = { .name = "numbers", .n_in = 1, .in = { { 1, { 9 } } } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const ad_op cube = { .name = "cube", .operands = operands, .shape = cube_shape, .forward = cube_forward,
                             .gradient = cases[i].rule };
        ad_check c;
        ad_error_clear(ad_ctx_error(ctx));
        ad_status s = ad_gradcheck_sample(ctx, &cube, &sample, cases[i].order, &c);
        if (s != cases[i].want || c.kinks != 0) fail_msg("case %zu: status \"%s\", %lld kinks", i, ad_status_text(s),
                                                         (long long)c.kinks);
    }
    ad_error_clear(ad_ctx_error(ctx));
}

/* A sample that crosses the kink of relu is counted, and neither passed nor failed. */
static void kinks_are_counted(void **state)
{
    const ad_sample sample = { .name = "at the kink", .n_in = 1, .in = { { 1, { 20 } } }, .lo = -1.5e-4, .hi = 1.5e-4 };
    ad_check c;
    assert_int_equal(ad_gradcheck_sample(ctx, ad_op_find(ctx, "relu"), &sample, 1, &c), AD_OK);
    assert_true(c.kinks > 0 && c.kinks + c.checked == 20);
}

static ad_tensor *small_net(ad_tape *t, ad_params *p, ad_tensor *x)
{
    ad_tensor *h = ad_relu(t, ad_linear(t, x, ad_parameter(t, p, "w1"), ad_parameter(t, p, "b1")));
    return ad_sum(t, ad_square(t, ad_linear(t, h, ad_parameter(t, p, "w2"), NULL)), NULL, false);
}

static void whole_tapes_are_checked(void **state)
{
    ad_params *p = ad_params_new(ctx, AD_F64);
    const ad_init init = { "normal", { 0, 0.5 } };
    const struct { const char *path; ad_shape shape; } entries[] = { { "w1", { 2, { 3, 20 } } }, { "b1", { 1, { 20 } } },
                                                                     { "w2", { 2, { 20, 2 } } } };
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(ad_params_add(p, entries[i].path, &entries[i].shape, AD_SLOT_PARAM, AD_LAYOUT_PLAIN, &init), AD_OK);
    assert_int_equal(ad_params_init(p, AD_SLOT_PARAM, 5), AD_OK);
    for (int broken = 0; broken < 2; broken++) {
        ad_tape *t = ad_tape_new(ctx, AD_F64);
        ad_tensor *x = ad_input(t, "x", &(ad_shape){ 2, { 4, 3 } }), *loss = small_net(t, p, x);
        double values[12];
        for (int i = 0; i < 12; i++)
            values[i] = ad_normal(1, 2, 3, (uint64_t)i);
        assert_int_equal(ad_set(x, values), AD_OK);
        if (broken) loss = ad_add(t, loss, ad_scale(t, ad_scale_gradient(t, ad_square(t, loss), 1.001), 0.1));
        for (int order = 1; order <= 2; order++) {
            ad_check c;
            ad_error_clear(ad_ctx_error(ctx));
            ad_status s = ad_gradcheck_tape(loss, p, order, 8, 40, 3, &c);
            assert_int_equal(s, broken ? AD_ECHECK : AD_OK);
            assert_int_equal(c.checked + c.kinks, broken ? 48 : 48 * order);
            assert_true(c.kinks < 5 * order);
        }
        ad_tape_free(t);
    }
    ad_error_clear(ad_ctx_error(ctx));
    ad_params_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adjoints_are_scaled_moved_and_stopped), cmocka_unit_test(ties_go_to_the_first),
        cmocka_unit_test(adjoints_of_slices_are_joined),
        cmocka_unit_test(ties_share_the_adjoint), cmocka_unit_test(sorting_is_stable),
        cmocka_unit_test(products_with_zeros_have_gradients), cmocka_unit_test(ignored_labels_are_no_class),
        cmocka_unit_test(nans_stay), cmocka_unit_test(losses_by_hand),
        cmocka_unit_test(rearranges_by_hand), cmocka_unit_test(einsum_by_hand),
        cmocka_unit_test(long_sums_keep_their_digits),
        cmocka_unit_test(wrong_indexes_are_refused_at_run_time), cmocka_unit_test(draws_are_the_stream_of_their_site),
        cmocka_unit_test(dropout_keeps_the_mean_and_its_mask), cmocka_unit_test(wrong_gradients_are_found),
        cmocka_unit_test(kinks_are_counted), cmocka_unit_test(whole_tapes_are_checked),
    };
    return cmocka_run_group_tests(tests, start, stop);
}

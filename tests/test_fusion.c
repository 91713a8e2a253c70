/*
 * test_fusion - what the planner joins, delays and computes again gives the bits of the records run one by one, and saves memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adze.h"
#include "tests/noise.h"

enum { LAYERS = 5, CHANNELS = 8, WANTED = 2 + 3 * LAYERS };

typedef struct net {
    ad_tensor *wanted[WANTED];
    int n;
} net;

/* Convolution, batch norm and an activation, some times over with a skip connection; then the loss, the new averages, all gradients. */
static net build(ad_tape *t)
{
    const ad_shape image = { 4, { 2, 24, 20, CHANNELS } }, kernel = { 4, { 3, 3, CHANNELS, CHANNELS } }, channels = { 1, { CHANNELS } };
    net n = { .n = 0 };
    ad_tensor *x = noise(t, &image, 1, 1), *h = x, *wrt[3 * LAYERS + 1], *grads[3 * LAYERS + 1];
    for (int l = 0; l < LAYERS; l++) {
        ad_tensor **w = &wrt[3 * l], *zero = ad_fill(t, &channels, 0), *one = ad_fill(t, &channels, 1);
        w[0] = noise(t, &kernel, (uint64_t)(10 + l), 0.2);
        w[1] = noise(t, &channels, (uint64_t)(20 + l), 1);
        w[2] = noise(t, &channels, (uint64_t)(30 + l), 1);
        ad_tensor *y = ad_relu(t, ad_batch_norm(t, ad_conv(t, h, w[0], NULL, NULL), w[1], w[2], zero, one, NULL));
        h = l == 2 ? ad_add(t, y, h) : l == 3 ? ad_leaky_relu(t, ad_add(t, h, y), 0.1) : y;
    }
    wrt[3 * LAYERS] = x;
    ad_tensor *loss = ad_sum(t, ad_mul(t, h, noise(t, &image, 2, 1)), NULL, false);
    n.wanted[n.n++] = loss;
    assert_int_equal(ad_gradients(t, loss, 3 * LAYERS + 1, wrt, grads), AD_OK);
    for (int i = 0; i <= 3 * LAYERS; i++) n.wanted[n.n++] = grads[i];
    return n;
}

static void every_plan_gives_the_same_bits(void **state)
{
    static const ad_plan_options plans[] = {
        { .no_sharing = true, .no_recompute = true, .no_chains = true, .no_reuse = true },
        { .no_recompute = true, .no_chains = true }, { .no_recompute = true }, { .no_chains = true }, { 0 }
    };
    enum { PLANS = sizeof plans / sizeof *plans };
    size_t arena[PLANS];
    int records[PLANS];
    ad_ctx *ctx = ad_new(&(ad_options){ .threads = 2 });
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    net n = build(t);
    void *first[WANTED];
    for (int k = 0; k < PLANS; k++) {
        ad_program *p;
        assert_int_equal(ad_compile(t, n.n, n.wanted, &plans[k], &p), AD_OK);
        for (int run = 0; run < 2; run++) assert_int_equal(ad_run(p, &(ad_run_options){ .check = run > 0 }), AD_OK);
        for (int i = 0; i < n.n; i++) {
            size_t bytes = ad_shape_bytes(ad_tensor_shape(n.wanted[i]), AD_F32);
            if (k == 0) first[i] = memcpy(malloc(bytes), ad_program_data(p, n.wanted[i]), bytes);
            assert_memory_equal(first[i], ad_program_data(p, n.wanted[i]), bytes);
        }
        arena[k] = ad_program_arena(p);
        records[k] = ad_program_records(p);
        ad_program_free(p);
    }
    assert_true(records[2] < records[1]);
    assert_true(arena[4] * 5 < arena[2] * 4);
    for (int i = 0; i < n.n; i++) free(first[i]);
    ad_tape_free(t);
    ad_ctx_free(ctx);
}

/* A reshaped weight lies where the weight lies; read after a step, it was the weight of after the step. */
static void a_reshaped_weight_is_read_as_it_was_before_the_step(void **state)
{
    const float start[] = { 1, 2, 3, 4 };
    const ad_shape matrix = { 2, { 2, 2 } };
    ad_ctx *ctx = ad_new(NULL);
    ad_params *params = ad_params_new(ctx, AD_F32);
    assert_int_equal(ad_params_add(params, "w", &matrix, AD_SLOT_PARAM, AD_LAYOUT_PLAIN, NULL), AD_OK);
    memcpy(ad_params_find(params, "w")->data, start, sizeof start);
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_tensor *w = ad_parameter(t, params, "w"), *flat = ad_reshape(t, w, &(ad_shape){ 1, { 4 } }), *twice = ad_scale(t, w, 2);
    assert_int_equal(ad_commit(w, twice), AD_OK);
    ad_program *p;
    assert_int_equal(ad_compile(t, 1, &flat, NULL, &p), AD_OK);
    assert_int_equal(ad_run(p, NULL), AD_OK);
    assert_memory_equal(ad_program_data(p, flat), start, sizeof start);
    assert_float_equal(((float *)ad_params_find(params, "w")->data)[3], 8, 0);
    ad_program_free(p);
    ad_tape_free(t);
    ad_params_free(params);
    ad_ctx_free(ctx);
}

/* Results of 4 MiB and more are written past the caches: alone, from a chain, moved, normed. By two threads as by one. */
static void large_results_are_those_of_single_records(void **state)
{
    enum { RESULTS = 5 };
    const ad_shape shape = { 3, { 800, 32, 48 } };
    ad_ctx *ctx = ad_new(&(ad_options){ .threads = 2 });
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_tensor *x = noise(t, &shape, 1, 1), *turned = ad_permute(t, x, (const int[]){ 1, 0, 2 }), *both[] = { x, x };
    ad_tensor *wanted[RESULTS] = { ad_gelu(t, x), ad_relu(t, ad_scale(t, ad_add(t, x, noise(t, &shape, 2, 1)), 3)), turned,
                                   ad_concat(t, 2, both, -1), ad_layer_norm(t, x, NULL, NULL, NULL) };
    ad_program *p;
    assert_int_equal(ad_compile(t, RESULTS, wanted, NULL, &p), AD_OK);
    assert_int_equal(ad_run(p, NULL), AD_OK);
    for (int i = 0; i < RESULTS; i++)
        assert_memory_equal(ad_program_data(p, wanted[i]), ad_data(wanted[i]), ad_shape_bytes(ad_tensor_shape(wanted[i]), AD_F32));
    ad_program_free(p);
    ad_tape_free(t);
    ad_ctx_free(ctx);
}

static int steps_named(const ad_program *p, const char *op)
{
    int n = 0;
    ad_step_info info;
    for (int i = 0; ad_program_step(p, i, &info); i++) n += !strcmp(info.op, op);
    return n;
}

/* Channels joined and cut: by chains alone, by a chain and a convolution, the same twice, along another axis, and wanted or read by
 * something else besides. What chains make or read is not copied, and the bits are those of the copies. */
static void columns_of_chains_are_not_copied(void **state)
{
    enum { RESULTS = 12 };
    static const int64_t sizes[][4] = { { 2, 20, 8, 24 }, { 1, 45, 12, 7 }, { 2, 160, 32, 16 } };     /* n, side, channels; the last: past the caches */
    for (int c = 0; c < 3; c++) {
        const int64_t n = sizes[c][0], side = sizes[c][1], A = sizes[c][2], B = sizes[c][3];
        const ad_shape wide = { 4, { n, side, side, A } }, narrow = { 4, { n, side, side, B } }, kernel = { 4, { 1, 1, A, B } };
        ad_ctx *ctx = ad_new(&(ad_options){ .threads = 2 });
        ad_tape *t = ad_tape_new(ctx, AD_F32);
        ad_tensor *x = noise(t, &wide, 1, 1), *y = noise(t, &narrow, 2, 1), *w = noise(t, &kernel, 3, 1);
        ad_tensor *a = ad_relu(t, ad_scale(t, x, 2)), *b = ad_tanh(t, ad_scale(t, y, 3)), *other = ad_conv(t, x, w, NULL, NULL);
        ad_tensor *chains = ad_concat(t, 2, (ad_tensor *[]){ a, b }, -1), *half = ad_concat(t, 2, (ad_tensor *[]){ other, a }, -1);
        ad_tensor *twice = ad_concat(t, 2, (ad_tensor *[]){ b, b }, 3), *rows = ad_concat(t, 2, (ad_tensor *[]){ a, a }, 1);
        ad_tensor *cut = ad_slice(t, chains, -1, 3, 4), *shared = ad_slice(t, half, -1, 1, 5), *kept = ad_slice(t, half, 3, 2, 4);
        ad_tensor *grads[3], *joined = ad_square(t, ad_scale(t, chains, 0.5));
        assert_int_equal(ad_gradients(t, ad_sum(t, joined, NULL, false), 3, (ad_tensor *[]){ x, y, chains }, grads), AD_OK);
        ad_tensor *wanted[RESULTS] = { chains, half, ad_global_avg_pool(t, twice), rows, ad_relu(t, ad_scale(t, cut, 3)), kept,
                                       ad_relu(t, ad_scale(t, shared, 3)), ad_sum(t, shared, NULL, false), ad_tanh(t, ad_neg(t, kept)),
                                       ad_global_avg_pool(t, a), grads[0], grads[1] };
        ad_program *plain, *p;
        assert_int_equal(ad_compile(t, RESULTS, wanted, &(ad_plan_options){ .no_chains = true }, &plain), AD_OK);
        assert_int_equal(ad_compile(t, RESULTS, wanted, NULL, &p), AD_OK);
        assert_int_equal(steps_named(plain, "concat"), 4);
        assert_int_equal(steps_named(p, "concat"), 2);          /* half of one, and the one along the rows */
        assert_int_equal(steps_named(plain, "slice"), 5);
        assert_int_equal(steps_named(p, "slice"), 2);           /* the one that a sum reads, and the one that is wanted */
        assert_int_equal(ad_run(plain, NULL), AD_OK);
        for (int run = 0; run < 2; run++) {
            assert_int_equal(ad_run(p, &(ad_run_options){ .check = run > 0 }), AD_OK);
            for (int i = 0; i < RESULTS; i++)
                assert_memory_equal(ad_program_data(plain, wanted[i]), ad_program_data(p, wanted[i]), ad_shape_bytes(ad_tensor_shape(wanted[i]), AD_F32));
        }
        ad_program_free(plain);
        ad_program_free(p);
        ad_tape_free(t);
        ad_ctx_free(ctx);
    }
}

/* Attention takes q, k and v out of one product, and its adjoint puts theirs side by side; what is wanted besides is cut all the same. A
 * checked run finds in columns what it finds in copies. */
static void columns_of_attention_are_not_copied(void **state)
{
    enum { RESULTS = 4, C = 24 };
    const ad_shape tokens = { 3, { 5, 19, C } }, weight = { 2, { C, 3 * C } };
    for (int c = 0; c < 4; c++) {
        bool wanted_besides = c % 2, overflow = c / 2;
        ad_ctx *ctx = ad_new(&(ad_options){ .threads = 2 });
        ad_tape *t = ad_tape_new(ctx, AD_F32);
        ad_tensor *x = noise(t, &tokens, 1, overflow ? 1e20 : 1), *w = noise(t, &weight, 2, 0.2), *qkv = ad_matmul(t, x, w, NULL), *part[3], *grads[2];
        for (int i = 0; i < 3; i++) part[i] = ad_slice(t, qkv, -1, (int64_t)i * C, C);
        ad_tensor *y = ad_attention(t, part[0], part[1], part[2], NULL, NULL, 3);
        ad_tensor *loss = ad_sum(t, ad_mul(t, y, noise(t, &tokens, 3, 1)), NULL, false);
        assert_int_equal(ad_gradients(t, loss, 2, (ad_tensor *[]){ x, w }, grads), AD_OK);
        ad_tensor *wanted[RESULTS] = { y, grads[0], grads[1], part[2] };
        int n = wanted_besides ? RESULTS : RESULTS - 1;
        ad_program *program[2];
        ad_finding found[2];
        for (int i = 0; i < 2; i++) {
            assert_int_equal(ad_compile(t, n, wanted, &(ad_plan_options){ .no_chains = i == 0 }, &program[i]), AD_OK);
            assert_int_equal(steps_named(program[i], "slice"), i == 0 ? 3 : wanted_besides);
            assert_int_equal(steps_named(program[i], "concat"), i == 0);
            assert_int_equal(ad_run(program[i], &(ad_run_options){ .check = true, .found = &found[i] }), overflow ? AD_ENUMERIC : AD_OK);
            assert_int_equal(found[i].record >= 0, overflow);
            ad_error_clear(ad_ctx_error(ctx));
            assert_int_equal(ad_run(program[i], NULL), AD_OK);
        }
        assert_int_equal(found[0].record, found[1].record);
        assert_int_equal(found[0].element, found[1].element);
        if (overflow) assert_string_equal(found[0].sha256, found[1].sha256);
        for (int i = 0; i < n; i++)
            assert_memory_equal(ad_program_data(program[0], wanted[i]), ad_program_data(program[1], wanted[i]),
                                ad_shape_bytes(ad_tensor_shape(wanted[i]), AD_F32));
        ad_program_free(program[0]);
        ad_program_free(program[1]);
        ad_tape_free(t);
        ad_ctx_free(ctx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_plan_gives_the_same_bits), cmocka_unit_test(a_reshaped_weight_is_read_as_it_was_before_the_step),
        cmocka_unit_test(large_results_are_those_of_single_records), cmocka_unit_test(columns_of_chains_are_not_copied),
        cmocka_unit_test(columns_of_attention_are_not_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_tails - a chain that runs on the pieces of a convolution's result gives the bits of the two steps one after the other: forward and backward,
 * for shapes whose units complete pieces and for those whose do not, for any number of threads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adze.h"
#include "autograd/internal.h"
#include "ops/kernels/kernels.h"
#include "tests/noise.h"

typedef struct shape {
    const char *name;
    ad_shape x, w;
    int stride, groups;
    int by_unit;                   /* forward and by_input: units complete pieces */
} shape;

static const shape shapes[] = {
    { "Winograd, rows of many tiles", { 4, { 2, 24, 128, 32 } }, { 4, { 3, 3, 32, 16 } }, 1, 1, 3 },
    { "Winograd, tiles that stick out", { 4, { 3, 30, 22, 16 } }, { 4, { 3, 3, 16, 48 } }, 1, 1, 3 },
    { "Winograd, small maps", { 4, { 5, 8, 8, 64 } }, { 4, { 3, 3, 64, 80 } }, 1, 1, 3 },
    { "pixels in the lanes", { 4, { 2, 40, 24, 12 } }, { 4, { 3, 3, 12, 12 } }, 1, 1, 3 },
    { "rows", { 4, { 16, 12, 14, 32 } }, { 4, { 5, 5, 32, 16 } }, 1, 1, 3 },
    { "single taps", { 4, { 3, 40, 24, 32 } }, { 4, { 1, 1, 32, 48 } }, 1, 1, 3 },
    { "few channels", { 4, { 2, 60, 40, 3 } }, { 4, { 3, 3, 3, 16 } }, 1, 1, 3 },
    { "one axis", { 3, { 2, 999, 20 } }, { 3, { 5, 20, 24 } }, 1, 1, 3 },
    { "three axes", { 5, { 2, 6, 10, 12, 8 } }, { 5, { 3, 3, 3, 8, 16 } }, 1, 1, 3 },
    { "stride 2", { 4, { 2, 64, 64, 16 } }, { 4, { 3, 3, 16, 16 } }, 2, 1, 1 },
    { "tiles shared out", { 4, { 1, 4, 4, 192 } }, { 4, { 3, 3, 192, 192 } }, 1, 1, 0 },
    { "groups", { 4, { 2, 30, 20, 32 } }, { 4, { 3, 3, 8, 32 } }, 1, 4, 0 },
};
enum { SHAPES = sizeof shapes / sizeof *shapes, MOST = 8 };

/* An activation behind a convolution with a bias, one more convolution with a norm's affine and a residual behind it, joined with a copy of
 * the first; loss and gradients. With `look`, the convolutions' results are wanted too, so that nothing may lie over them. */
static int build(ad_tape *t, const shape *s, bool look, ad_tensor **wanted)
{
    const int64_t out = s->w.dim[s->w.rank - 1];
    const ad_shape channels = { 1, { out } };
    ad_shape square = { s->w.rank, { 0 } };
    for (int i = 0; i < s->w.rank - 2; i++) square.dim[i] = 1;
    square.dim[s->w.rank - 2] = square.dim[s->w.rank - 1] = out;
    const ad_conv_attr attr = { .stride = { 1, { s->stride } }, .groups = s->groups };
    ad_tensor *wrt[4] = { noise(t, &s->x, 1, 1), noise(t, &s->w, 2, 0.2), noise(t, &channels, 3, 1), noise(t, &square, 4, 0.2) }, *grads[4];
    ad_tensor *before = ad_leaky_relu(t, wrt[0], 0.5), *y = ad_conv(t, before, wrt[1], wrt[2], &attr);
    ad_tensor *a = ad_relu(t, y), *z = ad_conv(t, a, wrt[3], NULL, NULL);
    ad_tensor *affine = ad_channel_affine(t, z, noise(t, &channels, 5, 1), noise(t, &channels, 6, 1), noise(t, &channels, 7, 1));
    ad_tensor *h = ad_concat(t, 2, (ad_tensor *[]){ ad_tanh(t, ad_add(t, affine, a)), ad_leaky_relu(t, a, 0.5) }, -1);
    int n = 0;
    wanted[n++] = ad_sum(t, ad_mul(t, h, noise(t, ad_tensor_shape(h), 8, 1)), NULL, false);
    assert_int_equal(ad_gradients(t, wanted[0], 4, wrt, grads), AD_OK);
    for (int i = 0; i < 4; i++) wanted[n++] = grads[i];
    if (look) wanted[n++] = y;
    if (look) wanted[n++] = z;
    return n;
}

/* Tails of the program, those with columns of a wider value, and how many of them lie over what they are made from. */
static int count_tails(const ad_program *p, int *windows, int *over)
{
    int n = 0;
    *over = *windows = 0;
    for (int i = 0; i < p->n_steps; i++) {
        if (!p->steps[i].is_tail) continue;
        n++;
        *over += p->steps[i].chain->over >= 0;
        *windows += p->steps[i].chain->n_windows > 0;
    }
    return n;
}

/* Runs the tape of a shape with these options; the values one after the other. */
static char *run(const shape *s, const ad_options *machine, bool look, const ad_plan_options *plan, bool check, size_t *bytes, int *tails,
                 int *windows, int *over)
{
    ad_ctx *ctx = ad_new(machine);
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_tensor *wanted[MOST];
    ad_program *p;
    int n = build(t, s, look, wanted);
    assert_int_equal(ad_compile(t, n, wanted, plan, &p), AD_OK);
    *tails = count_tails(p, windows, over);
    for (int k = 0; k < 2; k++) assert_int_equal(ad_run(p, &(ad_run_options){ .check = check }), AD_OK);
    *bytes = 0;
    for (int i = 0; i < n; i++) *bytes += ad_shape_bytes(ad_tensor_shape(wanted[i]), AD_F32);
    char *all = malloc(*bytes), *to = all;
    for (int i = 0; i < n; i++) {
        size_t size = ad_shape_bytes(ad_tensor_shape(wanted[i]), AD_F32);
        memcpy(to, ad_program_data(p, wanted[i]), size);
        to += size;
    }
    ad_program_free(p);
    ad_tape_free(t);
    ad_ctx_free(ctx);
    return all;
}

static void tails_give_the_bits_of_separate_steps(void **state)
{
    static const ad_options machines[] = { { .threads = 1 }, { .threads = 2 }, { .threads = 3 }, { .threads = 3, .isa = AD_ISA_AVX2, .isa_set = true },
                                           { .threads = 2, .winograd = AD_OFF }, { .threads = 2, .plain = true } };
    for (int i = 0; i < SHAPES; i++)
        for (size_t m = 0; m < sizeof machines / sizeof *machines; m++)
            for (int look = 0; look < 2; look++) {
                size_t bytes, same;
                int tails, windows, over, none;
                char *want = run(&shapes[i], &machines[m], look, &(ad_plan_options){ .no_tails = true }, false, &bytes, &none, &windows, &over);
                assert_int_equal(none, 0);
                for (int check = 0; check < 2; check++) {
                    char *is = run(&shapes[i], &machines[m], look, NULL, check, &same, &tails, &windows, &over);
                    if (same != bytes || memcmp(is, want, bytes) != 0) fail_msg("%s: machine %zu, other bits", shapes[i].name, m);
                    if (tails < 4 || windows < 1 || (look ? over >= tails : over < 2))
                        fail_msg("%s: %d tails, %d of them with windows, %d over", shapes[i].name, tails, windows, over);
                    free(is);
                }
                free(want);
            }
}

/* Marks the pieces of all units; true if there are any. */
static bool mark(const ad_conv_kernel *k, const ad_conv_shape *s, char *seen, int64_t count, const char *name)
{
    ad_work work;
    ad_piece piece[AD_MOST_PIECES];
    k->plan(s, &work);
    int64_t units = work.units[work.stages - 1];
    bool any = k->pieces(s, 0, piece) > 0;
    memset(seen, 0, (size_t)count);
    for (int64_t u = 0; u < units; u++) {
        int n = k->pieces(s, u, piece);
        if ((n > 0) != any || n > AD_MOST_PIECES) fail_msg("%s: unit %lld has %d pieces", name, (long long)u, n);
        for (int i = 0; i < n; i++)
            for (int64_t e = piece[i][0]; e < piece[i][0] + piece[i][1]; e++)
                if (e < 0 || e >= count || seen[e]++)
                    fail_msg("%s: unit %lld gives element %lld, out of %lld, again", name, (long long)u, (long long)e, (long long)count);
    }
    for (int64_t e = 0; any && e < count; e++)
        if (!seen[e]) fail_msg("%s: nobody gives element %lld", name, (long long)e);
    return any;
}

static ad_conv_shape conv_shape(const shape *s)
{
    ad_conv_shape c = { .n = s->x.dim[0], .cin = s->x.dim[s->x.rank - 1], .cout = s->w.dim[s->w.rank - 1], .groups = s->groups };
    for (int i = 0; i < 3; i++) {
        int axis = i - (5 - s->x.rank);
        c.in[i] = axis < 0 ? 1 : s->x.dim[axis + 1];
        c.kernel[i] = axis < 0 ? 1 : s->w.dim[axis];
        c.stride[i] = axis < 0 ? 1 : s->stride;
        c.dilation[i] = 1;
        c.pad[i] = c.kernel[i] / 2;
        c.out[i] = (c.in[i] + 2 * c.pad[i] - c.kernel[i]) / c.stride[i] + 1;
    }
    return c;
}

/* Every element is given once, or none is, as the shape says for the fast kernels; the plain ones give rows. */
static void units_give_every_element_once(void **state)
{
    for (ad_isa isa = AD_ISA_BASE; isa <= AD_ISA_AVX512; isa++) {
        ad_ctx *ctx = ad_new(&(ad_options){ .isa = isa, .isa_set = true });
        const ad_kernels *k = ad_ctx_kernels(ctx, AD_F32);
        for (int i = 0; i < SHAPES; i++) {
            const ad_conv_shape s = conv_shape(&shapes[i]);
            const int64_t y = s.n * s.out[0] * s.out[1] * s.out[2] * s.cout, x = s.n * s.in[0] * s.in[1] * s.in[2] * s.cin;
            char *seen = malloc((size_t)(x > y ? x : y));
            bool forward = mark(&k->conv.forward, &s, seen, y, shapes[i].name), by_input = mark(&k->conv.by_input, &s, seen, x, shapes[i].name);
            free(seen);
            if (ad_ctx_isa(ctx) == AD_ISA_BASE) assert_true(forward && by_input);
            else if (forward + 2 * by_input != shapes[i].by_unit) fail_msg("%s: pieces forward %d, by input %d", shapes[i].name, forward, by_input);
        }
        ad_ctx_free(ctx);
    }
}

/* What is said of a value that is not finite is the same, though the tail has written over what it was made from. */
static void a_finding_is_described_as_without_tails(void **state)
{
    const ad_shape image = { 4, { 2, 16, 16, 16 } }, kernel = { 4, { 3, 3, 16, 16 } };
    char said[2][1024];
    for (int plain = 0; plain < 2; plain++) {
        ad_ctx *ctx = ad_new(&(ad_options){ .threads = 2 });
        ad_tape *t = ad_tape_new(ctx, AD_F32);
        ad_tensor *y = ad_scale(t, ad_log(t, ad_conv(t, noise(t, &image, 1, 1), noise(t, &kernel, 2, 1), NULL, NULL)), 2);
        ad_finding found;
        ad_program *p;
        int windows, over;
        assert_int_equal(ad_compile(t, 1, &y, &(ad_plan_options){ .no_tails = plain }, &p), AD_OK);
        assert_int_equal(count_tails(p, &windows, &over), plain ? 0 : 1);
        assert_int_equal(over, plain ? 0 : 1);
        assert_int_equal(ad_run(p, &(ad_run_options){ .check = true, .found = &found }), AD_ENUMERIC);
        snprintf(said[plain], sizeof said[plain], "%s", ad_ctx_message(ctx));
        ad_program_free(p);
        ad_tape_free(t);
        ad_ctx_free(ctx);
    }
    assert_string_equal(said[0], said[1]);
    assert_non_null(strstr(said[0], "log"));
}

/* A chain of two results, the first of which is there before the convolution's result is read for the last time: it must not lie over that. */
static void what_is_still_read_is_not_written_over(void **state)
{
    const ad_shape image = { 4, { 2, 16, 16, 16 } }, kernel = { 4, { 3, 3, 16, 16 } };
    size_t bytes = ad_shape_bytes(&image, AD_F32);
    ad_ctx *ctx = ad_new(&(ad_options){ .threads = 2 });
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_tensor *y = ad_conv(t, noise(t, &image, 1, 1), noise(t, &kernel, 2, 1), NULL, NULL), *a = ad_relu(t, y);
    ad_tensor *wanted[] = { a, ad_mul(t, a, ad_add(t, y, a)) };
    ad_program *p;
    int windows, over;
    assert_int_equal(ad_compile(t, 2, wanted, NULL, &p), AD_OK);
    assert_int_equal(count_tails(p, &windows, &over), 1);
    assert_int_equal(over, 1);
    assert_int_equal(ad_run(p, NULL), AD_OK);
    for (int i = 0; i < 2; i++) assert_memory_equal(ad_program_data(p, wanted[i]), ad_data(wanted[i]), bytes);
    ad_program_free(p);
    ad_tape_free(t);
    ad_ctx_free(ctx);
}

/* A program with tails needs no more memory than it is given. */
static void tails_keep_to_a_budget(void **state)
{
    size_t bytes, same, free_arena, limit;
    for (int tight = 0; tight < 20; tight++) {
        ad_ctx *ctx = ad_new(&(ad_options){ .threads = 2 });
        ad_tape *t = ad_tape_new(ctx, AD_F32);
        ad_tensor *wanted[MOST];
        ad_program *p;
        int n = build(t, &shapes[0], false, wanted);
        assert_int_equal(ad_compile(t, n, wanted, NULL, &p), AD_OK);
        free_arena = ad_program_arena(p);
        ad_program_free(p);
        limit = free_arena - (size_t)tight * (free_arena / 100);
        if (ad_compile(t, n, wanted, &(ad_plan_options){ .memory = limit }, &p) == AD_OK) {
            assert_true(ad_program_arena(p) <= limit);
            assert_int_equal(ad_program_again(p).without, free_arena);
            ad_program_free(p);
            int tails, windows, over;
            char *want = run(&shapes[0], &(ad_options){ .threads = 2 }, false, &(ad_plan_options){ .no_tails = true }, false, &bytes, &tails, &windows, &over);
            char *is = run(&shapes[0], &(ad_options){ .threads = 2 }, false, &(ad_plan_options){ .memory = limit }, false, &same, &tails, &windows, &over);
            assert_int_equal(bytes, same);
            assert_memory_equal(is, want, bytes);
            free(is);
            free(want);
        } else {
            assert_true(tight > 0);
        }
        ad_tape_free(t);
        ad_ctx_free(ctx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tails_give_the_bits_of_separate_steps), cmocka_unit_test(units_give_every_element_once),
        cmocka_unit_test(a_finding_is_described_as_without_tails), cmocka_unit_test(what_is_still_read_is_not_written_over),
        cmocka_unit_test(tails_keep_to_a_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

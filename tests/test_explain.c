/*
 * test_explain - what the engine says of itself: lifetimes that agree with the arena, times that add up, the reverse walk foretold, and
 * the first value that is not finite with what it was made from.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adze.h"

enum { N = 4096 };

/* A product, a chain with a row operand, an equal pair, a record that nothing needs; and its gradients. */
typedef struct net {
    ad_tensor *x, *w, *row, *h, *joined, *twin, *unused, *loss, *grads[2];
} net;

static net build(ad_tape *t)
{
    net n;
    const ad_shape image = { 4, { 2, 32, 32, 2 } }, kernel = { 4, { 3, 3, 2, 2 } }, channels = { 1, { 2 } };
    n.x = ad_input(t, "x", &image);
    n.w = ad_input(t, "w", &kernel);
    n.row = ad_input(t, "row", &channels);
    ad_tape_at(t, &(ad_place){ "net.yaml", 3, 1, "net/conv" });
    n.h = ad_conv(t, n.x, n.w, NULL, NULL);
    ad_tape_at(t, &(ad_place){ "net.yaml", 4, 1, "net/joined" });
    n.joined = ad_add(t, ad_exp(t, n.h), n.row);
    n.twin = ad_add(t, ad_exp(t, n.h), n.row);
    n.unused = ad_mul(t, n.h, n.h);
    ad_tape_at(t, &(ad_place){ "net.yaml", 5, 1, "net/loss" });
    n.loss = ad_sum(t, ad_mul(t, n.joined, n.twin), NULL, false);
    assert_int_equal(ad_gradients(t, n.loss, 2, (ad_tensor *[]){ n.w, n.row }, n.grads), AD_OK);
    return n;
}

static ad_program *plan(ad_tape *t, const net *n, const ad_plan_options *o)
{
    ad_program *p;
    assert_int_equal(ad_compile(t, 3, (ad_tensor *[]){ n->loss, n->grads[0], n->grads[1] }, o, &p), AD_OK);
    return p;
}

static void fill(ad_program *p, const net *n, double size)
{
    float *x = ad_program_data(p, n->x), *w = ad_program_data(p, n->w), *row = ad_program_data(p, n->row);
    for (int i = 0; i < N; i++) x[i] = (float)(size * ad_normal(1, 0, 0, (uint64_t)i));
    for (int i = 0; i < 36; i++) w[i] = (float)(0.1 * ad_normal(2, 0, 0, (uint64_t)i));
    row[0] = -2;
    row[1] = 3;
}

static bool meet(const ad_lifetime *a, const ad_lifetime *b)
{
    bool in_time = a->first <= b->last && b->first <= a->last;
    return in_time && a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

/* No two buffers lie in the same place at the same time, and each is there when its step runs and when it is read. */
static void lifetimes_agree_with_the_arena(void **state)
{
    ad_ctx *ctx = ad_new(NULL);
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    net n = build(t);
    ad_program *p = plan(t, &n, NULL);
    ad_record_info r, other;
    ad_lifetime a, b;
    int blocks = 0, arena = 0;
    for (int i = 0; ad_tape_record(t, i, &r); i++) {
        ad_program_lifetime(p, r.out[0], &a);
        blocks += a.fate == AD_IN_BLOCK;
        if (a.fate != AD_IN_ARENA || a.alias) continue;
        arena++;
        assert_true(a.first <= a.step && a.step <= a.last && a.bytes > 0 && a.offset + a.bytes <= ad_program_arena(p));
        for (int k = 0; k < i && ad_tape_record(t, k, &other); k++) {
            ad_program_lifetime(p, other.out[0], &b);
            if (b.fate == AD_IN_ARENA && !b.alias) assert_false(meet(&a, &b));
        }
        for (int k = 0; k < r.n_in; k++) {
            ad_program_lifetime(p, r.in[k], &b);
            if (b.fate == AD_IN_ARENA && b.again == 0) assert_true(b.first <= a.step && a.step <= b.last);
        }
    }
    assert_true(blocks > 0 && arena > 4);
    ad_program_lifetime(p, n.unused, &a);
    assert_int_equal(a.fate, AD_DROPPED);
    ad_program_lifetime(p, n.twin, &a);
    assert_true(a.fate == AD_SHARED && a.stands_in == ad_tensor_record(n.joined));
    ad_program_lifetime(p, n.loss, &a);
    assert_true(a.fate == AD_IN_ARENA && a.last == ad_program_records(p));
    assert_true(ad_record_cost(t, ad_tensor_record(n.h)).macs == 2.0 * 32 * 32 * 2 * 2 * 9);
    int step;
    size_t peak = ad_program_peak(p, &step);
    assert_true(peak > 0 && peak <= ad_program_arena(p) && step >= 0 && step <= ad_program_records(p));
    char *svg = ad_program_svg(p, "a < b & c");
    assert_non_null(svg);
    assert_true(strstr(svg, "a &lt; b &amp; c") && strstr(svg, ">forward</text>") && strstr(svg, "net.yaml") && strstr(svg, "peak "));
    free(svg);
    ad_program_free(p);
    ad_tape_free(t);
    ad_ctx_free(ctx);
}

/* By op and by line the seconds, multiply-adds and bytes are those of all steps. */
static void sums_are_whole(void **state)
{
    ad_ctx *ctx = ad_new(NULL);
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    net n = build(t);
    ad_program *p = plan(t, &n, NULL);
    double seconds = 0, macs = 0, bytes = 0;
    ad_step_info s;
    fill(p, &n, 1);
    ad_program_profile(p, true);
    for (int i = 0; i < 3; i++) assert_int_equal(ad_run(p, NULL), AD_OK);
    for (int i = 0; ad_program_step(p, i, &s); i++) {
        seconds += s.seconds;
        macs += s.cost.macs;
        bytes += s.cost.bytes;
        assert_true(s.records >= 1 && (s.records > 1) <= (strcmp(s.op, "chain") == 0));
    }
    for (int by = AD_BY_OP; by <= AD_BY_LINE; by++) {
        ad_profile_row *rows;
        int m;
        double back = 0, all[3] = { 0 };
        assert_int_equal(ad_program_sums(p, (ad_profile_by)by, &rows, &m), AD_OK);
        for (int i = 0; i < m; i++) {
            all[0] += rows[i].seconds;
            all[1] += rows[i].cost.macs;
            all[2] += rows[i].cost.bytes;
            back += rows[i].backward;
            assert_true(i == 0 || rows[i].seconds <= rows[i - 1].seconds);
            assert_true(rows[i].backward <= rows[i].seconds * (1 + 1e-9));
            if (by == AD_BY_LINE) assert_true(rows[i].place->line >= 3 && rows[i].place->line <= 5);
        }
        assert_true(m == (by == AD_BY_LINE ? 3 : m) && back > 0 && back < seconds);
        assert_true(fabs(all[0] - seconds) <= 1e-9 * seconds && fabs(all[1] - macs) <= 1e-9 * macs && fabs(all[2] - bytes) <= 1e-9 * bytes);
        free(rows);
    }
    ad_program_free(p);
    ad_tape_free(t);
    ad_ctx_free(ctx);
}

static void the_walk_is_foretold(void **state)
{
    ad_ctx *ctx = ad_new(NULL);
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_tensor *x = ad_input(t, "x", &(ad_shape){ 1, { 3 } }), *y = ad_exp(t, x), *stop = ad_stop_gradient(t, y);
    ad_tensor *loss = ad_sum(t, ad_mul(t, y, stop), NULL, false);
    int steps = 0;
    assert_int_equal(ad_gradients_begin(t, loss, 1, &x), AD_OK);
    for (int next; (next = ad_gradients_next(t)) >= 0; steps++) {
        assert_int_not_equal(next, ad_tensor_record(stop));
        assert_int_equal(ad_gradients_step(t), next);
    }
    assert_int_equal(ad_gradients_step(t), -1);
    assert_true(steps >= 3 && ad_gradient(t, x));
    ad_tape_free(t);
    ad_ctx_free(ctx);
}

/* exp overflows inside a chain: every plan, and any number of threads, finds the same element of the same value. */
static void the_first_bad_value_is_described(void **state)
{
    static const ad_plan_options plans[] = { { 0 }, { .no_chains = true }, { .no_chains = true, .no_recompute = true, .no_reuse = true } };
    ad_finding first = { 0 };
    for (int k = 0; k < 6; k++) {
        ad_ctx *ctx = ad_new(&(ad_options){ .threads = 1 + k / 3 * 2 });
        ad_tape *t = ad_tape_new(ctx, AD_F32);
        net n = build(t);
        ad_program *p = plan(t, &n, &plans[k % 3]);
        ad_finding found;
        fill(p, &n, 1);
        assert_int_equal(ad_run(p, &(ad_run_options){ .check = true, .found = &found }), AD_OK);
        assert_int_equal(found.record, -1);
        fill(p, &n, 1000);
        assert_int_equal(ad_run(p, &(ad_run_options){ .check = true, .found = &found }), AD_ENUMERIC);
        const char *message = ad_ctx_message(ctx);
        static const char *const parts[] = {
            "value became infinite\n  op        exp (record 1, net/joined)\n  at        net.yaml:4:1\n  output    [2,32,32,2], element ", " of 4096 not finite, ",
            "\n  input     x: net/conv [2,32,32,2] by conv (record 0, net.yaml:3:1): between -"
        };
        for (int i = 0; i < 3; i++)
            if (!strstr(message, parts[i])) fail_msg("no '%s' in '%s'", parts[i], message);
        if (k == 0) first = found;
        assert_memory_equal(&found.element, &first.element, 3 * sizeof found.element + 2 * sizeof found.least);
        assert_string_equal(found.sha256, first.sha256);
        assert_true(found.record == 1 && found.bad > 100 && found.count == N && found.least >= 0 && found.largest > 1e30);
        ad_program_free(p);
        ad_tape_free(t);
        ad_ctx_free(ctx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lifetimes_agree_with_the_arena), cmocka_unit_test(sums_are_whole), cmocka_unit_test(the_walk_is_foretold),
        cmocka_unit_test(the_first_bad_value_is_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

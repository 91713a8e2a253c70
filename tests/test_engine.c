/*
 * test_engine.c - the engine with four ops of its own: what a tape, a gradient, a plan and a run promise, without the standard table.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "autograd/autograd.h"

/* ---- four small ops ---- */

static double get(const ad_buffer *b, int64_t i, ad_precision p)
{
    if (ad_count(&b->shape) == 1) i = 0;
    return p == AD_F64 ? ((const double *)b->data)[i] : (double)((const float *)b->data)[i];
}

static void set(const ad_buffer *b, int64_t i, ad_precision p, double v)
{
    if (p == AD_F64) ((double *)b->data)[i] = v;
    else ((float *)b->data)[i] = (float)v;
}

static ad_status same_shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    for (int i = 1; i < n_in; i++)
        if (!ad_shape_equal(&in[0], &in[i])) return AD_FAIL(e, ESHAPE, "shapes of operands 0 and %d differ", i);
    out[0] = in[0];
    return AD_OK;
}

static ad_status add_forward(const ad_call *c)
{
    for (int64_t i = 0; i < ad_count(&c->out->shape); i++) set(c->out, i, c->precision, get(&c->in[0], i, c->precision) + get(&c->in[1], i, c->precision));
    return AD_OK;
}

static void add_gradient(ad_grad *g)
{
    for (int i = 0; i < 2; i++) g->gin[i] = g->gout[0];
}

static ad_status mul_forward(const ad_call *c)
{
    for (int64_t i = 0; i < ad_count(&c->out->shape); i++) set(c->out, i, c->precision, get(&c->in[0], i, c->precision) * get(&c->in[1], i, c->precision));
    return AD_OK;
}

static void mul_gradient(ad_grad *g)
{
    for (int i = 0; i < 2; i++)
        if (g->wanted[i]) g->gin[i] = ad_apply(g->tape, "mul", NULL, 2, (ad_tensor *[]){ g->gout[0], g->in[1 - i] });
}

static ad_status first_forward(const ad_call *c)
{
    set(c->out, 0, c->precision, get(&c->in[0], 0, c->precision));
    return AD_OK;
}

static ad_status first_shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    out[0] = (ad_shape){ 0 };
    return AD_OK;
}

typedef struct step_attr {
    double rate;
    int64_t times;
    ad_ints list;
    bool flag;
    int word;
} step_attr;

/* p - rate * g, in place. */
static ad_status step_forward(const ad_call *c)
{
    const step_attr *a = c->attr;
    for (int64_t i = 0; i < ad_count(&c->out->shape); i++)
        set(c->out, i, c->precision, get(&c->in[0], i, c->precision) - a->rate * get(&c->in[1], i, c->precision));
    return AD_OK;
}

static ad_status noise_forward(const ad_call *c)
{
    for (int64_t i = 0; i < ad_count(&c->out->shape); i++) set(c->out, i, c->precision, ad_uniform(c->key, c->step, c->draw, (uint64_t)i));
    return AD_OK;
}

static const ad_operand two[] = { { .name = "a" }, { .name = "b" }, { 0 } };
static const ad_operand single[] = { { .name = "x" }, { 0 } };
static const char *const words[] = { "near", "far", NULL };
static const ad_attr step_attrs[] = {
    { "rate", AD_ATTR_FLOAT, offsetof(step_attr, rate), 0.5, 0, 1, "step size" },
    { "times", AD_ATTR_INT, offsetof(step_attr, times), 3, 1, 9, "count" },
    { "list", AD_ATTR_INTS, offsetof(step_attr, list), 0, 0, 0, "numbers", .empty = true },
    { "flag", AD_ATTR_BOOL, offsetof(step_attr, flag), 0, 0, 0, "switch" },
    { "word", AD_ATTR_ENUM, offsetof(step_attr, word), 0, 0, 0, "which", .words = words },
    { 0 }
};
static const ad_op op_add = { .name = "add", .operands = two, .flags = AD_ELEMENTWISE, .shape = same_shape, .forward = add_forward, .gradient = add_gradient };
static const ad_op op_mul = { .name = "mul", .operands = two, .flags = AD_ELEMENTWISE, .shape = same_shape, .forward = mul_forward, .gradient = mul_gradient };
static const ad_op op_first = { .name = "first", .operands = single, .flags = AD_STOPS_GRADIENT, .shape = first_shape, .forward = first_forward };
static const ad_op op_step = { .name = "step", .operands = two, .flags = AD_IN_PLACE | AD_STOPS_GRADIENT, .attr_size = sizeof(step_attr),
                               .attrs = step_attrs, .shape = same_shape, .forward = step_forward };
static const ad_op op_noise = { .name = "noise", .operands = single, .flags = AD_DRAWS | AD_STOPS_GRADIENT, .shape = same_shape, .forward = noise_forward };
static const ad_op *const ops[] = { &op_add, &op_mul, &op_first, &op_step, &op_noise, NULL };

static const void *no_kernels(ad_isa isa, ad_precision p, bool winograd)
{
    return words;
}

static const ad_library library = { ops, no_kernels };

/* ---- help ---- */

static ad_tensor *call(ad_tape *t, const char *op, ad_tensor *a, ad_tensor *b)
{
    return ad_apply(t, op, NULL, b ? 2 : 1, (ad_tensor *[]){ a, b });
}

static const ad_shape scalar = { 0 };
#define VECTOR 5000
static const ad_shape vector = { 1, { VECTOR } };

static float *ramp(void)
{
    static float x[VECTOR];
    for (int i = 0; i < VECTOR; i++) x[i] = 0.001f * (float)(i - 2000);
    return x;
}

/* ---- gradients ---- */

/* loss = (x * y + x) * x has d/dx = 2xy + 2x and d/dy = x^2: three uses of x must add up. */
static void adjoints_of_all_uses_add_up(void **state)
{
    ad_ctx *ctx = ad_ctx_new(&library, NULL);
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *x = ad_input(t, "x", &scalar), *y = ad_input(t, "y", &scalar), *g[2], *gg[1];
    ad_tensor *loss = call(t, "mul", call(t, "add", call(t, "mul", x, y), x), x);
    assert_int_equal(ad_gradients(t, loss, 2, (ad_tensor *[]){ x, y }, g), AD_OK);
    assert_int_equal(ad_set(x, &(double){ 3 }), AD_OK);
    assert_int_equal(ad_set(y, &(double){ 5 }), AD_OK);
    assert_true(ad_value(g[0], 0) == 2 * 3 * 5 + 2 * 3);
    assert_true(ad_value(g[1], 0) == 9);
    assert_int_equal(ad_gradients(t, g[0], 1, (ad_tensor *[]){ x }, gg), AD_OK);
    assert_true(ad_value(gg[0], 0) == 2 * 5 + 2);
    assert_int_equal(ad_set(x, &(double){ 7 }), AD_OK);
    assert_true(ad_value(g[1], 0) == 49);
    ad_tape_free(t);
    ad_ctx_free(ctx);
}

static void the_walk_goes_one_record_at_a_time(void **state)
{
    ad_ctx *ctx = ad_ctx_new(&library, NULL);
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *x = ad_input(t, "x", &scalar), *unrelated = ad_input(t, "u", &scalar), *g[1];
    ad_tensor *a = call(t, "mul", x, x);
    call(t, "add", unrelated, unrelated);
    ad_tensor *loss = call(t, "mul", a, a);
    assert_int_equal(ad_gradients_begin(t, loss, 1, &x), AD_OK);
    assert_null(ad_gradient(t, a));
    assert_int_equal(ad_gradients_step(t), 2);
    assert_non_null(ad_gradient(t, a));
    assert_int_equal(ad_gradients_step(t), 0);
    assert_int_equal(ad_gradients_step(t), -1);
    assert_non_null(ad_gradient(t, x));
    assert_int_equal(ad_gradients(t, loss, 1, &unrelated, g), AD_OK);
    assert_null(g[0]);
    char *text = ad_tape_text(t), *dot = ad_tape_dot(t);
    assert_non_null(strstr(text, "    0  mul x x  -> %2 []"));
    assert_non_null(strstr(text, "back over 2"));
    assert_non_null(strstr(dot, "r0 -> r2"));
    free(text);
    free(dot);
    ad_tape_free(t);
    ad_ctx_free(ctx);
}

/* ---- plans ---- */

/* A polynomial by Horner's rule over a vector, with a repeated subexpression and a dead record. */
static ad_tensor *polynomial(ad_tape *t, ad_tensor *x)
{
    ad_tensor *y = x;
    for (int i = 0; i < 30; i++) y = call(t, "add", call(t, "mul", y, x), call(t, "mul", x, x));
    call(t, "mul", y, y);
    return y;
}

static void plans_agree_and_save_memory(void **state)
{
    ad_ctx *ctx = ad_ctx_new(&library, &(ad_options){ .threads = 3 });
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_tensor *x = ad_input(t, "x", &vector), *y = polynomial(t, x);
    const ad_plan_options variant[] = { { .no_sharing = true, .no_chains = true, .no_reuse = true }, { .no_sharing = true, .no_chains = true },
                                        { .no_chains = true }, { .no_sharing = true }, { 0 } };
    float first[VECTOR];
    size_t arena[5];
    int records[5];
    for (int v = 0; v < 5; v++) {
        ad_program *p;
        assert_int_equal(ad_compile(t, 1, &y, &variant[v], &p), AD_OK);
        memcpy(ad_program_data(p, x), ramp(), sizeof first);
        for (int run = 0; run < 2; run++) assert_int_equal(ad_run(p, NULL), AD_OK);
        if (v == 0) memcpy(first, ad_program_data(p, y), sizeof first);
        assert_memory_equal(first, ad_program_data(p, y), sizeof first);
        arena[v] = ad_program_arena(p);
        records[v] = ad_program_records(p);
        ad_program_free(p);
    }
    assert_int_equal(records[0], 90);
    assert_int_equal(records[2], 60);
    assert_true(records[4] <= 4);
    assert_true(arena[1] * 10 < arena[0]);
    assert_int_equal(ad_set(x, ramp()), AD_OK);
    assert_memory_equal(first, ad_data(y), sizeof first);
    ad_tape_free(t);
    ad_ctx_free(ctx);
}

/* A value inside a chain that something outside reads in between must not be delayed past its reader. */
static void chains_wait_for_nobody(void **state)
{
    ad_ctx *ctx = ad_ctx_new(&library, NULL);
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_tensor *x = ad_input(t, "x", &vector);
    ad_tensor *a = call(t, "mul", x, x), *b = call(t, "first", a, NULL);
    ad_tensor *c = call(t, "add", a, x), *d = call(t, "first", c, NULL), *e = call(t, "mul", c, a);
    ad_tensor *outs[] = { b, d, e };
    ad_program *p;
    assert_int_equal(ad_compile(t, 3, outs, NULL, &p), AD_OK);
    memcpy(ad_program_data(p, x), ramp(), sizeof(float) * VECTOR);
    assert_int_equal(ad_run(p, NULL), AD_OK);
    assert_int_equal(ad_set(x, ramp()), AD_OK);
    assert_float_equal(*(float *)ad_program_data(p, b), 4, 1e-6);
    assert_float_equal(*(float *)ad_program_data(p, d), 2, 1e-6);
    assert_memory_equal(ad_program_data(p, e), ad_data(e), sizeof(float) * VECTOR);
    ad_program_free(p);
    ad_tape_free(t);
    ad_ctx_free(ctx);
}

/* ---- parameters ---- */

static ad_params *one_parameter(ad_ctx *ctx, double value)
{
    ad_params *params = ad_params_new(ctx, AD_F64);
    assert_int_equal(ad_params_add(params, "w", &scalar, AD_SLOT_PARAM, AD_LAYOUT_PLAIN, &(ad_init){ "zeros", { 0 } }), AD_OK);
    *(double *)ad_params_find(params, "w")->data = value;
    return params;
}

/* Minimises w^2 in steps of half the gradient 2w times 0.5: w becomes 0 at once; the loss of the step is the old one. */
static void steps_update_parameters_in_place(void **state)
{
    ad_ctx *ctx = ad_ctx_new(&library, NULL);
    ad_params *params = one_parameter(ctx, 4);
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *w = ad_parameter(t, params, "w"), *loss = call(t, "mul", w, w), *g[1];
    assert_int_equal(ad_gradients(t, loss, 1, &w, g), AD_OK);
    assert_int_equal(ad_commit(w, ad_apply(t, "step", "rate=0.25", 2, (ad_tensor *[]){ w, g[0] })), AD_OK);
    ad_program *p;
    assert_int_equal(ad_compile(t, 1, &loss, &(ad_plan_options){ .guard = loss }, &p), AD_OK);
    assert_int_equal(ad_run(p, NULL), AD_OK);
    assert_true(*(double *)ad_program_data(p, loss) == 16);
    assert_true(*(double *)ad_params_find(params, "w")->data == 2);
    assert_int_equal(ad_run(p, NULL), AD_OK);
    assert_true(*(double *)ad_params_find(params, "w")->data == 1);
    *(double *)ad_params_find(params, "w")->data = NAN;
    assert_int_equal(ad_run(p, NULL), AD_ENUMERIC);
    ad_error_clear(ad_ctx_error(ctx));
    *(double *)ad_params_find(params, "w")->data = 1e200;
    assert_int_equal(ad_run(p, NULL), AD_ENUMERIC);
    assert_true(*(double *)ad_params_find(params, "w")->data == 1e200);
    ad_error_clear(ad_ctx_error(ctx));
    assert_int_equal(ad_run(p, &(ad_run_options){ .check = true }), AD_ENUMERIC);
    assert_non_null(strstr(ad_ctx_message(ctx), "value became infinite"));
    assert_non_null(strstr(ad_ctx_message(ctx), "mul"));
    ad_program_free(p);
    ad_tape_free(t);
    ad_params_free(params);
    ad_ctx_free(ctx);
}

/* The old value is read after the update record: the update must not write in place before that. */
static void late_readers_see_the_old_value(void **state)
{
    ad_ctx *ctx = ad_ctx_new(&library, NULL);
    ad_params *params = one_parameter(ctx, 4);
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *w = ad_parameter(t, params, "w");
    ad_tensor *next = ad_apply(t, "step", "rate=0.5", 2, (ad_tensor *[]){ w, w });
    ad_tensor *both = call(t, "mul", next, w);
    assert_int_equal(ad_commit(w, next), AD_OK);
    ad_program *p;
    assert_int_equal(ad_compile(t, 1, &both, NULL, &p), AD_OK);
    assert_int_equal(ad_run(p, NULL), AD_OK);
    assert_true(*(double *)ad_program_data(p, both) == 8);
    assert_true(*(double *)ad_params_find(params, "w")->data == 2);
    ad_program_free(p);
    ad_tape_free(t);
    ad_params_free(params);
    ad_ctx_free(ctx);
}

/* ---- random numbers ---- */

static void draws_are_known_by_path(void **state)
{
    ad_ctx *ctx = ad_ctx_new(&library, NULL);
    ad_tape *t = ad_tape_new(ctx, AD_F64), *u = ad_tape_new(ctx, AD_F64);
    ad_tensor *x = ad_input(t, "x", &scalar), *y = ad_input(u, "y", &scalar);
    assert_int_equal(ad_set(x, &(double){ 0 }), AD_OK);
    assert_int_equal(ad_set(y, &(double){ 0 }), AD_OK);
    ad_tape_at(t, &(ad_place){ .path = "a" });
    ad_tensor *a = call(t, "noise", x, NULL), *again = call(t, "noise", x, NULL);
    ad_tape_at(t, &(ad_place){ .path = "b" });
    ad_tensor *b = call(t, "noise", x, NULL);
    ad_tape_at(u, &(ad_place){ .path = "b" });
    ad_tensor *same = call(u, "noise", y, NULL);
    assert_true(ad_value(a, 0) != ad_value(again, 0));
    assert_true(ad_value(a, 0) != ad_value(b, 0));
    assert_true(ad_value(same, 0) == ad_value(b, 0));
    double before = ad_value(b, 0);
    ad_tape_random(t, 1, 0, 0);
    assert_true(ad_value(b, 0) != before);
    ad_tape_random(t, 0, 0, 0);
    assert_true(ad_value(b, 0) == before);
    ad_tape_free(t);
    ad_tape_free(u);
    ad_ctx_free(ctx);
}

/* ---- refusals ---- */

static void a_failed_tape_is_quiet(void **state)
{
    ad_ctx *ctx = ad_ctx_new(&library, NULL);
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_tensor *x = ad_input(t, "x", &scalar), *y = ad_input(t, "y", &vector), *g[1];
    ad_tensor *bad = call(t, "add", x, y);
    assert_null(bad);
    assert_null(call(t, "mul", bad, x));
    assert_string_equal(ad_ctx_message(ctx), "shapes of operands 0 and 1 differ");
    assert_int_equal(ad_gradients(t, bad, 1, &x, g), AD_ESHAPE);
    ad_tape_free(t);
    ad_ctx_free(ctx);
}

static void refuse(const char *attributes, const char *message)
{
    ad_error e = { 0 };
    step_attr a;
    assert_int_equal(ad_attr_parse(&e, &op_step, attributes, &a), AD_EATTR);
    assert_string_equal(e.message, message);
}

static void attributes_are_checked(void **state)
{
    step_attr a;
    char text[200];
    assert_int_equal(ad_attr_parse(NULL, &op_step, "times=0x", &a), AD_EATTR);
    assert_int_equal(ad_attr_parse(NULL, &op_step, "rate=0, list=[1, -2,3], flag=true, word=far", &a), AD_OK);
    assert_true(a.rate == 0 && a.times == 3 && a.list.n == 3 && a.list.v[1] == -2 && a.flag && a.word == 1);
    ad_attr_text(&op_step, &a, text, sizeof text);
    assert_string_equal(text, "rate=0, list=[1,-2,3], flag=true, word=far");
    refuse("rat=1", "step has no attribute 'rat'; it has rate, times, list, flag, word");
    refuse("times=2.5", "step: times must be an integer");
    refuse("times=10", "step: times=10 is out of range; need 1 to 9");
    refuse("times=2, times=3", "step: times is given twice");
    refuse("word=middle", "step: word=\"middle\" is unknown; need one of near, far");
    refuse("flag=1", "step: flag must be true or false");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adjoints_of_all_uses_add_up),
        cmocka_unit_test(the_walk_goes_one_record_at_a_time),
        cmocka_unit_test(plans_agree_and_save_memory),
        cmocka_unit_test(chains_wait_for_nobody),
        cmocka_unit_test(steps_update_parameters_in_place),
        cmocka_unit_test(late_readers_see_the_old_value),
        cmocka_unit_test(draws_are_known_by_path),
        cmocka_unit_test(a_failed_tape_is_quiet),
        cmocka_unit_test(attributes_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

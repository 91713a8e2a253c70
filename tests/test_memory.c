/*
 * Out of memory at every allocation in turn: once, and from there on for good. Each time the library gives a status and a message, or
 * does without; nothing is leaked. The linker puts the functions below in place of the allocator's for the library's own objects.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "models/checkpoint.h"
#include "models/models.h"
#include "ops/ops.h"
#include "optim/optim.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t alignment, size_t n);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t alignment, size_t n);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);
void __wrap_free(void *p);

/* ---- an allocator that fails when told ---- */

#define SLOTS (1 << 16)

static struct {
    long count, fail_at;             /* allocations so far; which of them fails, 0 for none */
    bool sticky;                     /* and all after it */
    long failed;
    void *live[SLOTS];               /* open addressing; a tomb is the table's own address */
    long n_live;
} heap;

static bool refuse(void)
{
    heap.count++;
    bool no = heap.fail_at && (heap.count == heap.fail_at || (heap.sticky && heap.count > heap.fail_at));
    heap.failed += no;
    return no;
}

static size_t slot_of(const void *p)
{
    return (size_t)((uintptr_t)p >> 4) * 0x9e3779b97f4a7c15u >> 48;
}

static void *keep(void *p)
{
    if (!p) return NULL;
    size_t i = slot_of(p);
    while (heap.live[i] && heap.live[i] != (void *)&heap) i = (i + 1) % SLOTS;
    heap.live[i] = p;
    heap.n_live++;
    return p;
}

static void forget(void *p)
{
    if (!p) return;
    for (size_t i = slot_of(p); heap.live[i]; i = (i + 1) % SLOTS)
        if (heap.live[i] == p) {
            heap.live[i] = &heap;
            heap.n_live--;
            return;
        }
}

void *__wrap_malloc(size_t n)
{
    return refuse() ? NULL : keep(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return refuse() ? NULL : keep(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t n)
{
    if (refuse()) return NULL;
    forget(p);
    return keep(__real_realloc(p, n));
}

void *__wrap_aligned_alloc(size_t alignment, size_t n)
{
    return refuse() ? NULL : keep(__real_aligned_alloc(alignment, n));
}

char *__wrap_strdup(const char *s)
{
    return refuse() ? NULL : keep(__real_strdup(s));
}

char *__wrap_strndup(const char *s, size_t n)
{
    return refuse() ? NULL : keep(__real_strndup(s, n));
}

void __wrap_free(void *p)
{
    forget(p);
    __real_free(p);
}

/* ---- what is done under it ---- */

/* Each scenario gives the status, and on failure what the context or the error says. */
typedef ad_status scenario(char *message, size_t size);

static ad_status told(const ad_ctx *ctx, ad_status s, char *message, size_t size)
{
    snprintf(message, size, "%s", s == AD_OK ? "" : ad_ctx_message(ctx));
    return s;
}

/* The inputs are all the same number: an arena holds what was there before. */
static ad_status train_steps(ad_ctx *ctx, ad_tape *t, ad_params *p, ad_tensor *loss, int n, ad_tensor *const *w, int n_inputs,
                             ad_tensor *const *inputs)
{
    ad_tensor *g[16];
    ad_optim_weight update[16];
    ad_optim *o = NULL;
    ad_program *step = NULL;
    if (n > 16) return AD_FAIL(ad_ctx_error(ctx), EUSAGE, "%d weights; the test has room for 16", n);
    ad_status s = ad_gradients(t, loss, n, w, g);
    if (s == AD_OK) s = ad_optim_new(ad_ctx_error(ctx), "adam", "", NULL, &o);
    for (int i = 0; s == AD_OK && i < n; i++) update[i] = (ad_optim_weight){ w[i], g[i], 1, 1 };
    if (s == AD_OK) s = ad_optim_record(o, t, p, n, update);
    if (s == AD_OK) s = ad_compile(t, 1, &loss, &(ad_plan_options){ .guard = loss }, &step);
    for (int i = 0; s == AD_OK && i < n_inputs; i++)
        for (int64_t e = 0; e < ad_count(ad_tensor_shape(inputs[i])); e++) ((float *)ad_program_data(step, inputs[i]))[e] = 0.5f;
    for (int i = 0; s == AD_OK && i < 2; i++) {
        ad_optim_set(o, step, i, 1e-3);
        s = ad_run(step, &(ad_run_options){ .seed = 1, .step = (uint64_t)i });
    }
    ad_optim_free(o);
    ad_program_free(step);
    return s;
}

static ad_status net_by_hand(char *message, size_t size)
{
    ad_ctx *ctx = ad_new(NULL);
    if (!ctx) return snprintf(message, size, "no context"), AD_ENOMEM;
    static const char *const path[] = { "w", "b", "last b" };
    const ad_shape shape[] = { { 2, { 3, 5 } }, { 1, { 5 } }, { 1, { 5 } } };
    const ad_init init = { .name = "xavier_uniform" }, zeros = { .name = "zeros" };
    ad_params *p = ad_params_new(ctx, AD_F32);
    ad_tape *t = p ? ad_tape_new(ctx, AD_F32) : NULL;
    ad_status s = t ? AD_OK : ad_ctx_error(ctx)->status;
    for (int i = 0; s == AD_OK && i < 3; i++)
        s = ad_params_add(p, path[i], &shape[i], AD_SLOT_PARAM, AD_LAYOUT_PLAIN, i ? &zeros : &init);
    if (s == AD_OK) s = ad_params_init(p, AD_SLOT_PARAM, 7);
    if (s == AD_OK) {
        ad_tensor *w[2] = { ad_parameter(t, p, "w"), ad_parameter(t, p, "b") }, *x = ad_input(t, "x", &(ad_shape){ 2, { 4, 3 } });
        ad_tensor *loss = ad_mean(t, ad_square(t, ad_tanh(t, ad_linear(t, x, w[0], w[1]))), NULL, false);
        ad_tensor *last = loss ? ad_parameter(t, p, "last b") : NULL;
        s = last ? ad_commit(last, w[1]) : ad_ctx_error(ctx)->status;
        if (s == AD_OK) s = train_steps(ctx, t, p, loss, 2, w, 1, &x);
    }
    s = told(ctx, s, message, size);
    ad_tape_free(t);
    ad_params_free(p);
    ad_ctx_free(ctx);
    return s;
}

static const char model_text[] =
    "adze: 1\nmodel: small\n"
    "inputs: {x: {shape: [B, 8, 8, 1]}, y: {shape: [B, 8, 8, 2], role: target, kind: onehot}}\n"
    "blocks:\n"
    "  latent(x): [\"h = x | conv(out=4, kernel=3) | batch_norm | relu\", \"mu, ls = conv(h, out=4, kernel=1) | split(2)\", "
    "\"z ~ normal(mu, exp(ls))\", {return: {z: z}}]\n"
    "nets: {posterior: latent, prior: latent}\n"
    "programs:\n"
    "  train: [\"q = posterior(concat(x, y))\", \"p = prior(x) with z = q.z\", "
    "{return: {z: q.z, kl: 'kl(q.z, p.z, over=\"CHW\", batch=\"mean\")'}}]\n"
    "  sample: [\"p = prior(x)\", {return: {logits: p.z}}]\n"
    "objective: {kind: elbo, program: train, minimize: 'cross_entropy(z, y, over=\"HW\", batch=\"mean\") + kl'}\n";

static ad_status model_of_text(char *message, size_t size)
{
    ad_ctx *ctx = ad_new(NULL);
    if (!ctx) return snprintf(message, size, "no context"), AD_ENOMEM;
    ad_model *m = NULL;
    ad_params *p = NULL;
    ad_recorded *r = NULL;
    ad_tape *t = NULL;
    ad_status s = ad_model_parse(ctx, "small.yaml", model_text, strlen(model_text), NULL, NULL, &m);
    if (s == AD_OK) s = ad_model_params(m, AD_F32, &p);
    if (s == AD_OK) s = ad_params_init(p, AD_SLOT_PARAM, 1);
    if (s == AD_OK) s = ad_params_init(p, AD_SLOT_STATE, 1);
    if (s == AD_OK && !(t = ad_tape_new(ctx, AD_F32))) s = ad_ctx_error(ctx)->status;
    if (s == AD_OK) s = ad_model_record(m, "train", t, p, &(ad_record_options){ .batch = 2 }, &r);
    ad_tensor *inputs[8];
    int n_inputs = 0;
    for (ad_bind b; s == AD_OK && ad_recorded_input_at(r, n_inputs, &b); n_inputs++) {
        assert_in_range(n_inputs, 0, 7);
        inputs[n_inputs] = b.value;
    }
    if (s == AD_OK) s = train_steps(ctx, t, p, ad_recorded_loss(r), ad_recorded_wrt_count(r), ad_recorded_wrt(r), n_inputs, inputs);
    if (s == AD_OK) s = ad_checkpoint_save(ad_ctx_error(ctx), "memory.safetensors", p, &(ad_checkpoint){ .seed = 1 });
    ad_checkpoint about;
    if (s == AD_OK) s = ad_checkpoint_load(ad_ctx_error(ctx), "memory.safetensors", p, true, NULL, &about);
    s = told(ctx, s, message, size);
    ad_recorded_free(r);
    ad_tape_free(t);
    ad_params_free(p);
    ad_model_free(m);
    ad_ctx_free(ctx);
    unlink("memory.safetensors");
    return s;
}

/* A deep net whose arena must do with three quarters of what it would take: values are given up and made again. */
static ad_status within_a_budget(char *message, size_t size)
{
    ad_ctx *ctx = ad_new(NULL);
    if (!ctx) return snprintf(message, size, "no context"), AD_ENOMEM;
    enum { DEPTH = 24 };
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_tensor *x = t ? ad_input(t, "x", &(ad_shape){ 2, { 128, 16 } }) : NULL, *w = x ? ad_input(t, "w", &(ad_shape){ 2, { 16, 16 } }) : NULL, *g = NULL;
    ad_program *whole = NULL, *less = NULL;
    for (int i = 0; x && i < DEPTH; i++) x = ad_tanh(t, ad_matmul(t, x, w, NULL));
    ad_tensor *loss = x ? ad_mean(t, ad_square(t, x), NULL, false) : NULL;
    ad_status s = loss ? ad_gradients(t, loss, 1, &w, &g) : ad_ctx_error(ctx)->status;
    if (s == AD_OK) s = ad_compile(t, 1, &g, NULL, &whole);
    if (s == AD_OK) s = ad_compile(t, 1, &g, &(ad_plan_options){ .memory = ad_program_arena(whole) / 4 * 3 }, &less);
    if (s == AD_OK) s = ad_run(less, NULL);
    if (s == AD_OK && ad_program_again(less).records == 0) s = AD_FAIL(ad_ctx_error(ctx), ECHECK, "nothing was made again");
    s = told(ctx, s, message, size);
    ad_program_free(less);
    ad_program_free(whole);
    ad_tape_free(t);
    ad_ctx_free(ctx);
    return s;
}

/* Products of J and of H with a direction, recorded and read. */
static ad_status along_a_direction(char *message, size_t size)
{
    ad_ctx *ctx = ad_new(NULL);
    if (!ctx) return snprintf(message, size, "no context"), AD_ENOMEM;
    static const double values[] = { 1, -2, 3, 0.5 };
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *x = t ? ad_constant(t, &(ad_shape){ 1, { 4 } }, values) : NULL, *v = x ? ad_cos(t, x) : NULL, *jv = NULL, *hv = NULL;
    ad_tensor *y = v ? ad_tanh(t, x) : NULL, *f = y ? ad_sum(t, ad_square(t, y), NULL, false) : NULL;
    ad_status s = f ? ad_jvp(t, 1, &y, 1, &x, &v, &jv) : ad_ctx_error(ctx)->status;
    if (s == AD_OK) s = ad_hvp(t, f, 1, &x, &v, &hv);
    if (s == AD_OK && (!ad_data(jv) || !ad_data(hv))) s = ad_ctx_error(ctx)->status;
    s = told(ctx, s, message, size);
    ad_tape_free(t);
    ad_ctx_free(ctx);
    return s;
}

/* The example's op from its shared object, with all checks that it must pass. */
static ad_status ops_of_a_user(char *message, size_t size)
{
    char path[4096];
    const char *build = getenv("abs_top_builddir");
    snprintf(path, sizeof path, "%s/examples/snake.so", build ? build : ".");
    ad_ctx *ctx = ad_new(&(ad_options){ .threads = 1 });
    if (!ctx) return snprintf(message, size, "no context"), AD_ENOMEM;
    ad_status s = ad_ctx_load_ops(ctx, path);
    if (s == AD_OK && !ad_op_find(ctx, "snake")) s = AD_FAIL(ad_ctx_error(ctx), ECHECK, "the op is not there");
    if (s != AD_OK && ad_op_find(ctx, "snake")) fail_msg("refused, but the op is there");
    s = told(ctx, s, message, size);
    ad_ctx_free(ctx);
    return s;
}

/* ---- every allocation in turn ---- */

static void one_failure(scenario *f, long at, bool sticky)
{
    char message[512] = "";
    heap.count = heap.failed = 0;
    heap.fail_at = at;
    heap.sticky = sticky;
    ad_status s = f(message, sizeof message);
    heap.fail_at = 0;
    if (heap.failed == 0) fail_msg("allocation %ld was not reached", at);
    if (s != AD_OK && !*message) fail_msg("allocation %ld%s: status %d without a message", at, sticky ? " and all after" : "", (int)s);
    if (s == AD_OK && sticky) fail_msg("no memory from allocation %ld on, and yet all went well", at);
    if (heap.n_live != 0) fail_msg("allocation %ld%s: %ld blocks leaked (%s)", at, sticky ? " and all after" : "", heap.n_live, message);
    if (access("memory.safetensors.tmp", F_OK) == 0) fail_msg("allocation %ld: a temporary file was left", at);
}

static bool all;             /* --all: leave none out */

/* Of many allocations those up to `dense`, and then one of 41. */
static void every_failure(scenario *f, long dense)
{
    char message[512];
    heap.count = heap.fail_at = 0;
    if (f(message, sizeof message) != AD_OK) fail_msg("%s", message);
    assert_int_equal(heap.n_live, 0);
    long n = heap.count, tried = 0;
    assert_true(n > 20);
    for (long at = 1; at <= n; at++) {
        if (!all && at > dense && at % 41 != 0) continue;
        one_failure(f, at, false);
        one_failure(f, at, true);
        tried++;
    }
    print_message("%ld of %ld allocations failed in turn, one by one and for good\n", tried, n);
}

static void a_net_by_hand(void **state)
{
    every_failure(net_by_hand, LONG_MAX);
}

static void a_model_file(void **state)
{
    every_failure(model_of_text, LONG_MAX);
}

static void a_budget(void **state)
{
    every_failure(within_a_budget, LONG_MAX);
}

static void directions(void **state)
{
    every_failure(along_a_direction, LONG_MAX);
}

static void a_shared_object(void **state)
{
    every_failure(ops_of_a_user, 40);
}

int main(int argc, char **argv)
{
    all = argc > 1 && strcmp(argv[1], "--all") == 0;
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_net_by_hand), cmocka_unit_test(a_model_file), cmocka_unit_test(a_budget),
                                        cmocka_unit_test(directions), cmocka_unit_test(a_shared_object) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

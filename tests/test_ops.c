/*
 * test_ops.c - what every op promises, for every sample of every op of the table. Nothing here knows any op: a new op is tested
 * because it is in the list, with the samples that it brings.
 *
 *   1  gradients agree with difference quotients, element by element     2  an input used twice gets the sum of its adjoints
 *   3  any subset of the gradients has the same values                   4  so have gradients of gradients (with 1)
 *   5  a run leaves its inputs alone                                     6  nothing is written outside outputs and scratch
 *   7  the same bits: threads, AVX2 and AVX-512, define-by-run, plans    8  fast kernels agree with the plain ones
 *   9  what must be refused is refused, with the declared status and a message that names the op
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

#include "autograd/gradcheck.h"
#include "ops/ops.h"

/* ---- contexts ---- */

enum { PLAIN, AVX2, AVX2_THREE, AVX512, AVX512_TWO, AVX512_THREE, AVX512_SEVEN, CONTEXTS };
static const ad_options options[CONTEXTS] = {
    [PLAIN] = { .threads = 1, .plain = true },
    [AVX2] = { .threads = 1, .isa = AD_ISA_AVX2, .isa_set = true },
    [AVX2_THREE] = { .threads = 3, .isa = AD_ISA_AVX2, .isa_set = true },
    [AVX512] = { .threads = 1, .isa = AD_ISA_AVX512, .isa_set = true },
    [AVX512_TWO] = { .threads = 2, .isa = AD_ISA_AVX512, .isa_set = true },
    [AVX512_THREE] = { .threads = 3, .isa = AD_ISA_AVX512, .isa_set = true },
    [AVX512_SEVEN] = { .threads = 7, .isa = AD_ISA_AVX512, .isa_set = true },
};
static ad_ctx *contexts[CONTEXTS];

static int start(void **state)
{
    for (int i = 0; i < CONTEXTS; i++)
        if (!(contexts[i] = ad_new(&options[i]))) return -1;
    return 0;
}

static int stop(void **state)
{
    for (int i = 0; i < CONTEXTS; i++)
        ad_ctx_free(contexts[i]);
    return 0;
}

/* ---- a sample on a tape, with gradients of a projection of its outputs ---- */

typedef struct pair {
    const ad_op *op;
    const ad_sample *sample;
} pair;

typedef struct built {
    ad_tape *tape;
    const ad_sample *sample;
    int n_out, n_wrt, wrt_index[AD_MAX_OPERANDS];
    ad_tensor *in[AD_MAX_OPERANDS], *out[AD_MAX_OUTPUTS], *wrt[AD_MAX_OPERANDS], *grad[AD_MAX_OPERANDS], *loss;
} built;

AD_PRINTF(2, 3) static void fail_at(const pair *p, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fail_msg("%s, sample '%s': %s", p->op->name, p->sample->name, text);
}

static ad_tensor *constant(ad_tape *t, const ad_shape *shape, int k)
{
    int64_t n = ad_count(shape);
    bool wide = ad_tape_precision(t) == AD_F64;
    void *values = malloc((size_t)(n ? n : 1) * 8);
    for (int64_t i = 0; i < n; i++) {
        if (wide) ((double *)values)[i] = ad__projection(k, i);
        else ((float *)values)[i] = (float)ad__projection(k, i);
    }
    ad_tensor *c = ad_constant(t, shape, values);
    free(values);
    return c;
}

/* Sum over the real outputs of sum(output * weights `k`). */
static ad_tensor *projected(ad_tape *t, int n, ad_tensor *const *out, int k)
{
    ad_tensor *total = NULL;
    for (int i = 0; i < n; i++) {
        const ad_shape *s = ad_tensor_shape(out[i]);
        if (s->dtype != AD_REAL) continue;
        ad_tensor *term = ad_sum(t, ad_mul(t, out[i], constant(t, s, k + i)), NULL, false);
        total = total ? ad_add(t, total, term) : term;
    }
    return total;
}

static void set_inputs(built *b)
{
    for (int i = 0; i < b->sample->n_in; i++) {
        if (!b->in[i]) continue;
        void *values = malloc((size_t)ad_count(&b->sample->in[i]) * 8 + 8);
        ad__sample_fill(b->sample, i, ad_tape_precision(b->tape), values);
        assert_int_equal(ad_set(b->in[i], values), AD_OK);
        free(values);
    }
}

/* False if the op refuses. `subset`: bit i asks for the gradient of the i-th differentiable input. */
static bool build(built *b, int context, ad_precision p, const ad_op *op, const ad_sample *s, unsigned subset)
{
    ad_ctx *ctx = contexts[context];
    *b = (built){ .tape = ad_tape_new(ctx, p), .sample = s, .n_out = op->n_out ? op->n_out : 1 };
    int candidate = 0;
    ad_error_clear(ad_ctx_error(ctx));
    if (ad__sample_record(b->tape, op, s, b->in, b->out) != AD_OK) {
        ad_tape_free(b->tape);
        return false;
    }
    for (int i = 0; i < s->n_in; i++)
        if (b->in[i] && s->in[i].dtype == AD_REAL && !(s->no_gradient & 1u << i) && (subset & 1u << candidate++)) {
            b->wrt_index[b->n_wrt] = i;
            b->wrt[b->n_wrt++] = b->in[i];
        }
    b->loss = projected(b->tape, b->n_out, b->out, 0);
    if (b->loss && b->n_wrt > 0 && ad_gradients(b->tape, b->loss, b->n_wrt, b->wrt, b->grad) != AD_OK)
        fail_msg("%s: %s", op->name, ad_ctx_message(ctx));
    set_inputs(b);
    return true;
}

static void drop(built *b)
{
    ad_tape_free(b->tape);
}

static bool draws(const ad_tape *t)
{
    ad_record_info r;
    for (int i = 0; ad_tape_record(t, i, &r); i++)
        if (r.op->flags & AD_DRAWS) return true;
    return false;
}

/* ---- values ---- */

typedef struct values {
    size_t size;
    int n;
    size_t at[AD_MAX_OUTPUTS + AD_MAX_OPERANDS + 1];
    const ad_tensor *tensor[AD_MAX_OUTPUTS + AD_MAX_OPERANDS];
    char *bytes;
} values;

enum { BY_RUN, PLANNED, PLAINLY_PLANNED };

static ad_program *run_program(built *b, int n, ad_tensor *const *wanted, int how)
{
    ad_program *p = NULL;
    bool off = how == PLAINLY_PLANNED;
    const ad_plan_options o = { .no_commits = true, .no_chains = off, .no_sharing = off, .no_recompute = off, .no_reuse = off };
    if (ad_compile(b->tape, n, wanted, &o, &p) != AD_OK) fail_msg("compile: %s", ad_ctx_message(ad_tape_ctx(b->tape)));
    for (int i = 0; i < b->sample->n_in; i++) {
        void *to = b->in[i] ? ad_program_data(p, b->in[i]) : NULL;
        if (to) ad__sample_fill(b->sample, i, ad_tape_precision(b->tape), to);
    }
    if (ad_run(p, NULL) != AD_OK) fail_msg("run: %s", ad_ctx_message(ad_tape_ctx(b->tape)));
    return p;
}

/* Outputs and gradients, computed define-by-run or by a program. */
static values evaluate(built *b, int how)
{
    values v = { 0 };
    ad_tensor *wanted[AD_MAX_OUTPUTS + AD_MAX_OPERANDS];
    for (int i = 0; i < b->n_out; i++)
        wanted[v.n++] = b->out[i];
    for (int i = 0; i < b->n_wrt; i++)
        if (b->grad[i]) wanted[v.n++] = b->grad[i];
    for (int i = 0; i < v.n; i++) {
        v.tensor[i] = wanted[i];
        v.at[i] = v.size;
        v.size += ad_shape_bytes(ad_tensor_shape(wanted[i]), ad_tape_precision(b->tape));
    }
    v.at[v.n] = v.size;
    v.bytes = malloc(v.size + 1);
    ad_program *p = how == BY_RUN ? NULL : run_program(b, v.n, wanted, how);
    for (int i = 0; i < v.n; i++) {
        const void *data = p ? ad_program_data(p, wanted[i]) : ad_data(wanted[i]);
        if (!data) fail_msg("no data: %s", ad_ctx_message(ad_tape_ctx(b->tape)));
        memcpy(v.bytes + v.at[i], data, v.at[i + 1] - v.at[i]);
    }
    ad_program_free(p);
    return v;
}

static void expect_same_bits(const pair *p, const values *a, values b, const char *what)
{
    assert_int_equal(a->size, b.size);
    for (int i = 0; i < a->n; i++)
        for (size_t k = a->at[i]; k < a->at[i + 1]; k++)
            if (a->bytes[k] != b.bytes[k])
                fail_at(p, "%s: value %d (of outputs, then gradients) differs at byte %zu", what, i, k - a->at[i]);
    free(b.bytes);
}

/* Real values to within `tolerance` of the largest of their tensor, whole numbers exactly. */
static void expect_close(const pair *p, const values *a, const values *b, double tolerance, const char *what)
{
    assert_int_equal(a->size, b->size);
    for (int i = 0; i < a->n; i++) {
        const ad_shape *s = ad_tensor_shape(a->tensor[i]);
        if (s->dtype != AD_REAL) {
            if (memcmp(a->bytes + a->at[i], b->bytes + b->at[i], a->at[i + 1] - a->at[i]) != 0) fail_at(p,
                    "%s: integers of value %d differ", what, i);
            continue;
        }
        const float *x = (const void *)(a->bytes + a->at[i]), *y = (const void *)(b->bytes + b->at[i]);
        double most = 1e-3;
        for (int64_t k = 0; k < ad_count(s); k++)
            most = fmax(most, fabs((double)y[k]));
        for (int64_t k = 0; k < ad_count(s); k++)
            if (!(fabs((double)x[k] - (double)y[k]) <= tolerance * most) && !(isnan(x[k]) && isnan(y[k])) && x[k] != y[k])
                fail_at(p, "%s: value %d, element %lld is %.9g, plain %.9g (largest %.3g)", what, i, (long long)k, (double)x[k],
                        (double)y[k], most);
    }
}

/* ---- the checks ---- */

static void check_gradients(const pair *p)
{
    ad_check c;
    ad_ctx *ctx = contexts[AVX512];
    ad_error_clear(ad_ctx_error(ctx));
    if (ad_gradcheck_sample(ctx, p->op, p->sample, 2, &c) != AD_OK) fail_at(p, "%s", ad_ctx_message(ctx));
    if (c.kinks) fail_at(p, "%lld of %lld difference quotients cross a kink: move the sample away from it", (long long)c.kinks,
                         (long long)(c.kinks + c.checked));
    built b;
    assert_true(build(&b, AVX512, AD_F64, p->op, p->sample, ~0u));
    if (b.loss && b.n_wrt > 0 && !(p->op->flags & AD_STOPS_GRADIENT)) assert_true(c.checked > 0);
    drop(&b);
}

static void check_refusal(const pair *p)
{
    ad_ctx *ctx = contexts[AVX512];
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_tensor *in[AD_MAX_OPERANDS], *out[AD_MAX_OUTPUTS] = { NULL };
    ad_error_clear(ad_ctx_error(ctx));
    ad_status s = ad__sample_record(t, p->op, p->sample, in, out);
    if (s != p->sample->want) fail_at(p, "status \"%s\", want \"%s\": %s", ad_status_text(s), ad_status_text(p->sample->want),
                                      ad_ctx_message(ctx));
    if (!strstr(ad_ctx_message(ctx), p->op->name)) fail_at(p, "the message does not name the op: %s", ad_ctx_message(ctx));
    if (ad_tape_failed(t)) fail_at(p, "the tape is not usable after a refusal");
    ad_error_clear(ad_ctx_error(ctx));
    ad_tape_free(t);
}

static void expect_sum(const pair *p, ad_tensor *both, ad_tensor *first, ad_tensor *second, const char *what)
{
    if (!both && !first && !second) return;
    const ad_shape *s = ad_tensor_shape(both ? both : first ? first : second);
    double most = 0;
    for (int64_t i = 0; i < ad_count(s); i++)
        most = fmax(most, fabs((first ? ad_value(first, i) : 0)) + fabs(second ? ad_value(second, i) : 0));
    for (int64_t i = 0; i < ad_count(s); i++) {
        double want = (first ? ad_value(first, i) : 0) + (second ? ad_value(second, i) : 0), is = both ? ad_value(both, i) : 0;
        if (!(fabs(want - is) <= 1e-12 * most)) fail_at(p, "%s: element %lld is %.15g, want %.15g", what, (long long)i, is, want);
    }
}

/* The op twice on the same inputs, projected in two ways: the gradients are the sums of both. */
static void check_two_records(const pair *p)
{
    built b;
    assert_true(build(&b, AVX512, AD_F64, p->op, p->sample, ~0u));
    if (b.loss && b.n_wrt > 0 && !draws(b.tape)) {
        ad_tensor *again[AD_MAX_OUTPUTS], *second[AD_MAX_OPERANDS] = { NULL }, *both[AD_MAX_OPERANDS] = { NULL };
        _Alignas(16) char storage[1024];
        const void *attr;
        assert_int_equal(ad__sample_attr(ad_ctx_error(contexts[AVX512]), p->op, p->sample, storage, &attr), AD_OK);
        assert_int_equal(ad_record(b.tape, p->op, attr, p->sample->n_in, b.in, again), AD_OK);
        ad_tensor *other = projected(b.tape, b.n_out, again, 100), *total = ad_add(b.tape, b.loss, other);
        assert_int_equal(ad_gradients(b.tape, other, b.n_wrt, b.wrt, second), AD_OK);
        assert_int_equal(ad_gradients(b.tape, total, b.n_wrt, b.wrt, both), AD_OK);
        for (int i = 0; i < b.n_wrt; i++)
            expect_sum(p, both[i], b.grad[i], second[i], "two records on one input");
    }
    drop(&b);
}

/* One tensor as two operands: its gradient is the sum of the gradients of two equal tensors. */
static void check_one_as_two(const pair *p, int i, int j)
{
    const ad_sample *s = p->sample;
    ad_ctx *ctx = contexts[AVX512];
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *in[AD_MAX_OPERANDS], *out[AD_MAX_OUTPUTS], *grads[2] = { NULL }, *one = NULL;
    _Alignas(16) char storage[1024];
    const void *attr;
    assert_int_equal(ad__sample_record(t, p->op, s, in, out), AD_OK);
    assert_int_equal(ad__sample_attr(ad_ctx_error(ctx), p->op, s, storage, &attr), AD_OK);
    built b = { .tape = t, .sample = s };
    memcpy(b.in, in, sizeof in);
    set_inputs(&b);
    assert_int_equal(ad_set(in[j], ad_data(in[i])), AD_OK);
    int n_out = p->op->n_out ? p->op->n_out : 1;
    ad_tensor *loss = projected(t, n_out, out, 0), *pair_of[2] = { in[i], in[j] };
    if (loss && !draws(t)) {
        assert_int_equal(ad_gradients(t, loss, 2, pair_of, grads), AD_OK);
        in[j] = in[i];
        assert_int_equal(ad_record(t, p->op, attr, s->n_in, in, out), AD_OK);
        assert_int_equal(ad_gradients(t, projected(t, n_out, out, 0), 1, &in[i], &one), AD_OK);
        expect_sum(p, one, grads[0], grads[1], "one tensor as two operands");
    }
    ad_tape_free(t);
}

/* Operands of one kind: one shape, one range (a variance cannot stand for a mean), both differentiable. */
static bool interchangeable(const ad_sample *s, int i, int j)
{
    return s->in[i].rank >= 0 && s->in[i].dtype == AD_REAL && ad_shape_equal(&s->in[i], &s->in[j]) &&
           s->range[i].lo == s->range[j].lo && s->range[i].hi == s->range[j].hi && !(s->no_gradient & (1u << i | 1u << j));
}

static void check_used_twice(const pair *p)
{
    const ad_sample *s = p->sample;
    check_two_records(p);
    for (int i = 0; i < s->n_in; i++)
        for (int j = i + 1; j < s->n_in; j++)
            if (interchangeable(s, i, j)) check_one_as_two(p, i, j);
}

static void check_subsets(const pair *p)
{
    built all, some;
    assert_true(build(&all, AVX512, AD_F32, p->op, p->sample, ~0u));
    values v = evaluate(&all, BY_RUN);
    for (unsigned subset = 1; all.n_wrt > 1 && all.n_wrt <= 4 && subset + 1 < 1u << all.n_wrt; subset++) {
        assert_true(build(&some, AVX512, AD_F32, p->op, p->sample, subset));
        if (ad_tape_count(some.tape) > ad_tape_count(all.tape))
            fail_at(p, "subset %u of the gradients records more than all of them", subset);
        for (int i = 0, k = 0; i < all.n_wrt; i++) {
            if (!(subset & 1u << i)) continue;
            ad_tensor *g = some.grad[k++];
            if (!g != !all.grad[i]) fail_at(p, "subset %u: gradient %d is there in one case only", subset, i);
            if (g && memcmp(ad_data(g), ad_data(all.grad[i]), ad_shape_bytes(ad_tensor_shape(g), AD_F32)) != 0)
                fail_at(p, "subset %u: gradient %d differs", subset, i);
        }
        drop(&some);
    }
    free(v.bytes);
    drop(&all);
}

#define GUARD 256

/* `bytes` usable bytes between two guards. */
static char *guarded(size_t bytes)
{
    size_t room = (bytes + 63) & ~(size_t)63;
    char *p = aligned_alloc(64, room + 2 * GUARD);
    memset(p, 0x5a, GUARD);
    memset(p + GUARD, 0xff, bytes);
    memset(p + GUARD + bytes, 0x5a, room - bytes + GUARD);
    return p + GUARD;
}

static bool release(char *p, size_t bytes)
{
    bool whole = true;
    for (size_t i = 0; i < GUARD; i++)
        whole = whole && p[-1 - (ptrdiff_t)i] == 0x5a && p[bytes + i] == 0x5a;
    free(p - GUARD);
    return whole;
}

/* One record, run by hand on guarded copies: inputs stay, guards stay, outputs are what define-by-run computed. */
static void check_record(const pair *p, ad_ctx *ctx, const ad_record_info *r)
{
    ad_buffer in[AD_MAX_INPUTS], out[AD_MAX_OUTPUTS];
    ad_shape in_shape[AD_MAX_INPUTS], out_shape[AD_MAX_OUTPUTS];
    for (int i = 0; i < r->n_in; i++) {
        in[i] = (ad_buffer){ NULL, { .rank = -1 } };
        if (r->in[i]) {
            size_t bytes = ad_shape_bytes(ad_tensor_shape(r->in[i]), AD_F32);
            in[i] = (ad_buffer){ guarded(bytes), *ad_tensor_shape(r->in[i]) };
            memcpy(in[i].data, ad_data(r->in[i]), bytes);
        }
        in_shape[i] = in[i].shape;
    }
    for (int k = 0; k < r->n_out; k++) {
        out_shape[k] = *ad_tensor_shape(r->out[k]);
        out[k] = (ad_buffer){ guarded(ad_shape_bytes(&out_shape[k], AD_F32)), out_shape[k] };
    }
    ad_scratch need = { 0, 0 };
    const void *kernels = ad_ctx_kernels(ctx, AD_F32);
    if (r->op->scratch) r->op->scratch(r->attr, r->n_in, in_shape, out_shape, AD_F32, kernels, &need);
    char *shared = guarded(need.shared), *own = guarded(need.per_thread);
    ad_call c = { .attr = r->attr, .n_in = r->n_in, .n_out = r->n_out, .in = in, .out = out, .precision = AD_F32,
                  .kernels = kernels,
                  .threads = 1, .scratch = shared, .thread_scratch = own, .thread_scratch_size = need.per_thread,
                  .error = ad_ctx_error(ctx) };
    if (r->op->forward(&c) != AD_OK) fail_at(p, "%s: %s", r->op->name, ad_ctx_message(ctx));
    for (int i = 0; i < r->n_in; i++) {
        if (!r->in[i]) continue;
        size_t bytes = ad_shape_bytes(&in_shape[i], AD_F32);
        if (memcmp(in[i].data, ad_data(r->in[i]), bytes) != 0) fail_at(p, "%s writes to its input %d", r->op->name, i);
        if (!release(in[i].data, bytes)) fail_at(p, "%s writes outside its input %d", r->op->name, i);
    }
    for (int k = 0; k < r->n_out; k++) {
        size_t bytes = ad_shape_bytes(&out_shape[k], AD_F32);
        if (!(r->op->flags & AD_DRAWS) && memcmp(out[k].data, ad_data(r->out[k]), bytes) != 0)
            fail_at(p, "%s: output %d depends on what was in its memory", r->op->name, k);
        if (!release(out[k].data, bytes)) fail_at(p, "%s writes outside its output %d", r->op->name, k);
    }
    if (!release(shared, need.shared) || !release(own, need.per_thread)) fail_at(p, "%s writes outside its scratch", r->op->name);
}

static void check_memory(const pair *p, int context)
{
    built b;
    ad_record_info r;
    assert_true(build(&b, context, AD_F32, p->op, p->sample, ~0u));
    for (int i = 0; ad_tape_record(b.tape, i, &r); i++)
        if (!(r.op->flags & AD_ALIAS)) check_record(p, contexts[context], &r);
    drop(&b);
}

/* The sample with its leading axis (and those of equal size in other data operands) long enough for several threads. */
static ad_sample enlarged(const ad_op *op, const ad_sample *s)
{
    ad_sample big = *s;
    int operands = 0;
    while (op->operands[operands].name) operands++;
    int64_t count = s->n_in > 0 && s->in[0].rank > 0 ? ad_count(&s->in[0]) : 0, times = count > 0 ? 50000 / count + 1 : 1;
    for (int i = 0; i < s->n_in; i++) {
        bool data = op->operands[i < operands ? i : operands - 1].role == AD_DATA;
        if (data && count > 0 && s->in[i].rank > 0 && s->in[i].dim[0] == s->in[0].dim[0]) big.in[i].dim[0] *= times;
    }
    return big;
}

static void check_bits(const pair *p)
{
    static const struct { int context; const char *name; } others[] = {
        { AVX2, "AVX2 against AVX-512" }, { AVX2_THREE, "AVX2, three threads" }, { AVX512_TWO, "two threads" },
        { AVX512_THREE, "three threads" }, { AVX512_SEVEN, "seven threads" },
    };
    built b;
    assert_true(build(&b, AVX512, AD_F32, p->op, p->sample, ~0u));
    values small = evaluate(&b, BY_RUN);
    expect_same_bits(p, &small, evaluate(&b, PLANNED), "planned against define-by-run");
    expect_same_bits(p, &small, evaluate(&b, PLAINLY_PLANNED), "planned without chains, sharing and reuse against define-by-run");
    free(small.bytes);
    drop(&b);
    ad_sample big = enlarged(p->op, p->sample);
    const ad_sample *s = build(&b, AVX512, AD_F32, p->op, &big, ~0u) ? &big : p->sample;
    if (s == p->sample) assert_true(build(&b, AVX512, AD_F32, p->op, s, ~0u));
    values one = evaluate(&b, PLANNED);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        built other;
        assert_true(build(&other, others[i].context, AD_F32, p->op, s, ~0u));
        expect_same_bits(p, &one, evaluate(&other, PLANNED), others[i].name);
        drop(&other);
    }
    free(one.bytes);
    drop(&b);
}

static void compare_with_plain(const pair *p, const ad_sample *s, const char *what)
{
    built plain, fast;
    assert_true(build(&plain, PLAIN, AD_F32, p->op, s, ~0u));
    values want = evaluate(&plain, BY_RUN);
    for (int context = AVX2; context <= AVX512; context += AVX512 - AVX2) {
        assert_true(build(&fast, context, AD_F32, p->op, s, ~0u));
        values is = evaluate(&fast, BY_RUN);
        /* Sums of some hundred products in another order differ by a few units in the sixth digit. */
        expect_close(p, &is, &want, 2e-5, what);
        free(is.bytes);
        drop(&fast);
    }
    free(want.bytes);
    drop(&plain);
}

static void check_against_plain(const pair *p)
{
    static const int64_t lengths[] = { 1, 7, 8, 9, 15, 16, 17, 31, 33, 67 };
    compare_with_plain(p, p->sample, "fast against plain");
    if (!(p->op->flags & AD_ELEMENTWISE)) return;
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        ad_sample s = *p->sample;
        for (int i = 0; i < s.n_in; i++)
            if (s.in[i].rank > 0) s.in[i] = (ad_shape){ 1, { lengths[k] } };
        compare_with_plain(p, &s, "fast against plain, another length");
    }
}

static void check(void **state)
{
    const pair *p = *state;
    if (p->sample->want != AD_OK) {
        check_refusal(p);
        return;
    }
    check_gradients(p);
    check_used_twice(p);
    check_subsets(p);
    check_memory(p, AVX512);
    check_memory(p, AVX2);
    check_bits(p);
    check_against_plain(p);
}

/* ---- the table ---- */

/* Refusals among the samples. */
static int refusals(const ad_op *o)
{
    int n = 0;
    for (const ad_sample *s = o->samples; s && s->name; s++) n += s->want != AD_OK;
    return n;
}

static void every_op_says_what_it_does(void **state)
{
    for (const ad_op *const *op = ad_ops; *op; op++) {
        const ad_op *o = *op;
        bool stops = o->flags & AD_STOPS_GRADIENT;
        if (!o->doc || !*o->doc || !o->operands || !o->samples || !o->samples->name)
            fail_msg("%s lacks doc, operands or samples", o->name);
        if (o->expand ? o->forward || o->gradient : (!o->forward && !(o->flags & AD_ALIAS)) || (!o->gradient && !stops))
            fail_msg("%s needs forward and gradient (or AD_STOPS_GRADIENT), or expand", o->name);
        /* Only a function of one operand without attributes may take everything. */
        bool anything = o->operands[0].name && !o->operands[1].name && !o->attrs;
        if (refusals(o) == 0 && !anything) fail_msg("%s refuses nothing", o->name);
        for (const ad_attr *a = o->attrs; a && a->name; a++) {
            if ((a->kind == AD_ATTR_INT || a->kind == AD_ATTR_INTS) && !(a->lo < a->hi)) fail_msg("%s: %s lacks a range", o->name, a->name);
            if (!a->doc || !*a->doc || (a->kind == AD_ATTR_ENUM && !a->words)) fail_msg("%s: %s lacks doc or words", o->name, a->name);
        }
        if (ad_op_find(contexts[PLAIN], o->name) != o) fail_msg("%s is there twice", o->name);
    }
}

/* test_ops [OP]: all ops, or one. */
int main(int argc, char **argv)
{
    size_t n = 1, max = 1;
    for (const ad_op *const *op = ad_ops; *op; op++)
        for (const ad_sample *s = (*op)->samples; s && s->name; s++)
            max++;
    struct CMUnitTest *tests = calloc(max, sizeof *tests);
    pair *pairs = calloc(max, sizeof *pairs);
    char (*names)[96] = calloc(max, sizeof *names);
    if (!tests || !pairs || !names) return 1;
    tests[0] = (struct CMUnitTest)cmocka_unit_test(every_op_says_what_it_does);
    for (const ad_op *const *op = ad_ops; *op; op++)
        for (const ad_sample *s = (*op)->samples; s && s->name; s++) {
            if (argc > 1 && strcmp(argv[1], (*op)->name) != 0) continue;
            pairs[n] = (pair){ *op, s };
            snprintf(names[n], sizeof names[n], "%s/%s", (*op)->name, s->name);
            tests[n] = (struct CMUnitTest){ names[n], check, NULL, NULL, &pairs[n] };
            n++;
        }
    int failed = _cmocka_run_group_tests("ops", tests, n, start, stop);
    free(tests);
    free(pairs);
    free(names);
    return failed;
}

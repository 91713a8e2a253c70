/*
 * opcheck.c - what every op promises, for every sample that it brings:
 *
 *   1  gradients agree with difference quotients, element by element     2  an input used twice gets the sum of its adjoints
 *   3  any subset of the gradients has the same values                   4  so have gradients of gradients (with 1)
 *   5  a run leaves its inputs alone                                     6  nothing is written outside outputs and scratch
 *   7  the same bits: threads, AVX2 and AVX-512, define-by-run, plans    8  fast kernels agree with the plain ones
 *   9  what must be refused is refused, with the declared status and a message that names the op
 *
 * Here are all but 5 to 8, which are in opcheck_run.c.
 */
#include "autograd/opcheck.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/gradcheck.h"

static const ad_options contexts[AD__CHECK_CONTEXTS] = {
    [AD__PLAIN] = { .threads = 1, .plain = true },
    [AD__AVX2] = { .threads = 1, .isa = AD_ISA_AVX2, .isa_set = true },
    [AD__AVX2_THREE] = { .threads = 3, .isa = AD_ISA_AVX2, .isa_set = true },
    [AD__AVX512] = { .threads = 1, .isa = AD_ISA_AVX512, .isa_set = true },
    [AD__AVX512_TWO] = { .threads = 2, .isa = AD_ISA_AVX512, .isa_set = true },
    [AD__AVX512_THREE] = { .threads = 3, .isa = AD_ISA_AVX512, .isa_set = true },
    [AD__AVX512_SEVEN] = { .threads = 7, .isa = AD_ISA_AVX512, .isa_set = true },
};

ad_status ad__opcheck_start(ad__opcheck *k, const ad_ctx *like, ad_error *e)
{
    *k = (ad__opcheck){ .error = e };
    for (int i = 0; i < AD__CHECK_CONTEXTS; i++) {
        if (!(k->ctx[i] = ad_ctx_new(like->library, &contexts[i]))) return AD_FAIL(e, ENOMEM, "checks of ops: out of memory");
        memcpy(k->ctx[i]->user_ops, like->user_ops, sizeof like->user_ops);
        k->ctx[i]->n_user_ops = like->n_user_ops;
    }
    return AD_OK;
}

void ad__opcheck_stop(ad__opcheck *k)
{
    for (int i = 0; i < AD__CHECK_CONTEXTS; i++) ad_ctx_free(k->ctx[i]);
}

ad_status ad__opcheck_fail(const ad__opcheck *k, const char *format, ...)
{
    char text[3072];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return AD_FAIL(k->error, ECHECK, "%s, sample '%s': %s", k->op->name, k->sample->name, text);
}

/* ---- a sample on a tape ---- */

static ad_tensor *weights(ad_tape *t, const ad_shape *shape, int k)
{
    int64_t n = ad_count(shape);
    void *values = malloc((size_t)(n ? n : 1) * sizeof(double));
    if (!values) {
        AD_FAIL(&t->ctx->error, ENOMEM, "checks of ops: out of memory");
        t->failed = true;
        return NULL;
    }
    for (int64_t i = 0; i < n; i++) {
        if (t->precision == AD_F64) ((double *)values)[i] = ad__projection(k, i);
        else ((float *)values)[i] = (float)ad__projection(k, i);
    }
    ad_tensor *c = ad_constant(t, shape, values);
    free(values);
    return c;
}

static ad_tensor *add(ad_tape *t, ad_tensor *a, ad_tensor *b)
{
    return ad_apply(t, "add", NULL, 2, (ad_tensor *[]){ a, b });
}

ad_tensor *ad__opcheck_projected(ad_tape *t, int n, ad_tensor *const *out, int first)
{
    ad_tensor *total = NULL;
    for (int i = 0; i < n; i++) {
        const ad_shape *s = ad_tensor_shape(out[i]);
        if (s->dtype != AD_REAL) continue;
        ad_tensor *term = ad_apply(t, "mul", NULL, 2, (ad_tensor *[]){ out[i], weights(t, s, first + i) });
        term = ad_apply(t, "sum", NULL, 1, &term);
        total = total ? add(t, total, term) : term;
    }
    return total;
}

ad_status ad__opcheck_fill(const ad__opcheck *k, ad__checked *b)
{
    for (int i = 0; i < b->sample->n_in; i++) {
        if (!b->in[i]) continue;
        void *values = malloc((size_t)ad_count(&b->sample->in[i]) * sizeof(double) + 1);
        if (!values) return AD_FAIL(k->error, ENOMEM, "checks of ops: out of memory");
        ad__sample_fill(b->sample, i, b->tape->precision, values);
        ad_status s = ad_set(b->in[i], values);
        free(values);
        if (s != AD_OK) return ad__opcheck_fail(k, "%s", ad_ctx_message(b->tape->ctx));
    }
    return AD_OK;
}

static bool differentiable(const ad_sample *s, int i)
{
    return s->in[i].rank >= 0 && s->in[i].dtype == AD_REAL && !(s->no_gradient & 1u << i);
}

ad_status ad__opcheck_build(const ad__opcheck *k, ad__checked *b, int context, ad_precision p, const ad_sample *s, unsigned subset)
{
    ad_ctx *ctx = k->ctx[context];
    *b = (ad__checked){ .tape = ad_tape_new(ctx, p), .sample = s, .n_out = k->op->n_out ? k->op->n_out : 1 };
    int candidate = 0;
    ad_error_clear(&ctx->error);
    if (!b->tape) return AD_FAIL(k->error, ENOMEM, "checks of ops: out of memory");
    if (ad__sample_record(b->tape, k->op, s, b->in, b->out) != AD_OK) return ad__opcheck_fail(k, "is refused: %s", ad_ctx_message(ctx));
    for (int i = 0; i < s->n_in; i++)
        if (differentiable(s, i) && (subset & 1u << candidate++)) {
            b->wrt_index[b->n_wrt] = i;
            b->wrt[b->n_wrt++] = b->in[i];
        }
    b->loss = ad__opcheck_projected(b->tape, b->n_out, b->out, 0);
    if (b->loss && b->n_wrt > 0 && ad_gradients(b->tape, b->loss, b->n_wrt, b->wrt, b->grad) != AD_OK)
        return ad__opcheck_fail(k, "the gradient cannot be recorded: %s", ad_ctx_message(ctx));
    return ad__opcheck_fill(k, b);
}

bool ad__opcheck_draws(const ad_tape *t)
{
    for (int i = 0; i < t->n_records; i++)
        if (t->records[i]->op->flags & AD_DRAWS) return true;
    return false;
}

/* ---- gradients ---- */

static ad_status check_gradients(const ad__opcheck *k)
{
    ad_check c;
    ad_ctx *ctx = k->ctx[AD__AVX512];
    ad__checked b;
    ad_error_clear(&ctx->error);
    if (ad_gradcheck_sample(ctx, k->op, k->sample, 2, &c) != AD_OK) return AD_FAIL(k->error, ECHECK, "%s", ad_ctx_message(ctx));
    if (c.kinks) return ad__opcheck_fail(k, "%lld of %lld difference quotients cross a kink: move the sample away from it", (long long)c.kinks,
                                         (long long)(c.kinks + c.checked));
    ad_status s = ad__opcheck_build(k, &b, AD__AVX512, AD_F64, k->sample, ~0u);
    bool should = b.loss && b.n_wrt > 0 && !(k->op->flags & AD_STOPS_GRADIENT);
    ad_tape_free(b.tape);
    if (s == AD_OK && should && c.checked == 0) return ad__opcheck_fail(k, "no derivative was compared");
    return s;
}

/* ---- an input used twice ---- */

static ad_status expect_sum(const ad__opcheck *k, ad_tensor *both, ad_tensor *first, ad_tensor *second, const char *what)
{
    if (!both && !first && !second) return AD_OK;
    const ad_shape *s = ad_tensor_shape(both ? both : first ? first : second);
    double most = 0;
    for (int64_t i = 0; i < ad_count(s); i++)
        most = fmax(most, fabs((first ? ad_value(first, i) : 0)) + fabs(second ? ad_value(second, i) : 0));
    for (int64_t i = 0; i < ad_count(s); i++) {
        double want = (first ? ad_value(first, i) : 0) + (second ? ad_value(second, i) : 0), is = both ? ad_value(both, i) : 0;
        if (!(fabs(want - is) <= 1e-12 * most))
            return ad__opcheck_fail(k, "%s: element %lld is %.15g, want %.15g", what, (long long)i, is, want);
    }
    return AD_OK;
}

static ad_status recorded_again(const ad__opcheck *k, ad_tape *t, ad_tensor *const *in, ad_tensor **out)
{
    _Alignas(16) char storage[1024];
    const void *attr;
    AD_TRY(ad__sample_attr(&t->ctx->error, k->op, k->sample, storage, &attr));
    return ad_record(t, k->op, attr, k->sample->n_in, in, out);
}

/* The op twice on the same inputs, projected in two ways: the gradients are the sums of both. */
static ad_status two_records(const ad__opcheck *k, ad__checked *b)
{
    ad_tensor *again[AD_MAX_OUTPUTS], *second[AD_MAX_OPERANDS] = { NULL }, *both[AD_MAX_OPERANDS] = { NULL };
    ad_status s = recorded_again(k, b->tape, b->in, again);
    ad_tensor *other = s == AD_OK ? ad__opcheck_projected(b->tape, b->n_out, again, 100) : NULL;
    ad_tensor *total = other ? add(b->tape, b->loss, other) : NULL;
    if (!total || ad_gradients(b->tape, other, b->n_wrt, b->wrt, second) != AD_OK || ad_gradients(b->tape, total, b->n_wrt, b->wrt, both) != AD_OK)
        return ad__opcheck_fail(k, "recorded twice: %s", ad_ctx_message(b->tape->ctx));
    for (int i = 0; i < b->n_wrt; i++) AD_TRY(expect_sum(k, both[i], b->grad[i], second[i], "two records on one input"));
    return AD_OK;
}

static ad_status check_two_records(const ad__opcheck *k)
{
    ad__checked b;
    ad_status s = ad__opcheck_build(k, &b, AD__AVX512, AD_F64, k->sample, ~0u);
    if (s == AD_OK && b.loss && b.n_wrt > 0 && !ad__opcheck_draws(b.tape)) s = two_records(k, &b);
    ad_tape_free(b.tape);
    return s;
}

/* One tensor as operands i and j: its gradient is the sum of the gradients of two equal tensors. */
static ad_status one_as_two(const ad__opcheck *k, ad__checked *b, int i, int j)
{
    ad_tensor *grads[2] = { NULL }, *one = NULL, *pair[2] = { b->in[i], b->in[j] }, *out[AD_MAX_OUTPUTS];
    ad_status s = ad_set(b->in[j], ad_data(b->in[i]));
    if (s == AD_OK) s = ad_gradients(b->tape, b->loss, 2, pair, grads);
    b->in[j] = b->in[i];
    if (s == AD_OK) s = recorded_again(k, b->tape, b->in, out);
    ad_tensor *loss = s == AD_OK ? ad__opcheck_projected(b->tape, b->n_out, out, 0) : NULL;
    if (!loss || ad_gradients(b->tape, loss, 1, &b->in[i], &one) != AD_OK)
        return ad__opcheck_fail(k, "one tensor as two operands: %s", ad_ctx_message(b->tape->ctx));
    return expect_sum(k, one, grads[0], grads[1], "one tensor as two operands");
}

/* Operands of one kind: one shape, one range (a variance cannot stand for a mean), both differentiable. */
static bool interchangeable(const ad_sample *s, int i, int j)
{
    return differentiable(s, i) && differentiable(s, j) && ad_shape_equal(&s->in[i], &s->in[j]) && s->range[i].lo == s->range[j].lo &&
           s->range[i].hi == s->range[j].hi;
}

static ad_status check_one_as_two(const ad__opcheck *k, int i, int j)
{
    ad__checked b;
    ad_status s = ad__opcheck_build(k, &b, AD__AVX512, AD_F64, k->sample, 0);
    if (s == AD_OK && b.loss && !ad__opcheck_draws(b.tape)) s = one_as_two(k, &b, i, j);
    ad_tape_free(b.tape);
    return s;
}

static ad_status check_used_twice(const ad__opcheck *k)
{
    AD_TRY(check_two_records(k));
    for (int i = 0; i < k->sample->n_in; i++)
        for (int j = i + 1; j < k->sample->n_in; j++)
            if (interchangeable(k->sample, i, j)) AD_TRY(check_one_as_two(k, i, j));
    return AD_OK;
}

/* ---- subsets of the gradients ---- */

static ad_status compare_subset(const ad__opcheck *k, const ad__checked *all, const ad__checked *some, unsigned subset)
{
    if (ad_tape_count(some->tape) > ad_tape_count(all->tape))
        return ad__opcheck_fail(k, "subset %u of the gradients records more than all of them", subset);
    for (int i = 0, j = 0; i < all->n_wrt; i++) {
        if (!(subset & 1u << i)) continue;
        ad_tensor *g = some->grad[j++];
        if (!g != !all->grad[i]) return ad__opcheck_fail(k, "subset %u: gradient %d is there in one case only", subset, i);
        const void *is = g ? ad_data(g) : NULL, *want = g ? ad_data(all->grad[i]) : NULL;
        if (g && (!is || !want || memcmp(is, want, ad_shape_bytes(&g->shape, AD_F32)) != 0))
            return ad__opcheck_fail(k, "subset %u: gradient %d differs", subset, i);
    }
    return AD_OK;
}

static ad_status check_subsets(const ad__opcheck *k)
{
    ad__checked all, some;
    ad_status s = ad__opcheck_build(k, &all, AD__AVX512, AD_F32, k->sample, ~0u);
    for (unsigned subset = 1; s == AD_OK && all.n_wrt > 1 && all.n_wrt <= 4 && subset + 1 < 1u << all.n_wrt; subset++) {
        s = ad__opcheck_build(k, &some, AD__AVX512, AD_F32, k->sample, subset);
        if (s == AD_OK) s = compare_subset(k, &all, &some, subset);
        ad_tape_free(some.tape);
    }
    ad_tape_free(all.tape);
    return s;
}

/* ---- refusals ---- */

static ad_status check_refusal(const ad__opcheck *k)
{
    ad_ctx *ctx = k->ctx[AD__AVX512];
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_tensor *in[AD_MAX_OPERANDS], *out[AD_MAX_OUTPUTS] = { NULL };
    if (!t) return AD_FAIL(k->error, ENOMEM, "checks of ops: out of memory");
    ad_error_clear(&ctx->error);
    ad_status is = ad__sample_record(t, k->op, k->sample, in, out), s = AD_OK;
    if (is != k->sample->want)
        s = ad__opcheck_fail(k, "status \"%s\", want \"%s\": %s", ad_status_text(is), ad_status_text(k->sample->want), ad_ctx_message(ctx));
    else if (!strstr(ad_ctx_message(ctx), k->op->name)) s = ad__opcheck_fail(k, "the message does not name the op: %s", ad_ctx_message(ctx));
    else if (t->failed) s = ad__opcheck_fail(k, "the tape is not usable after a refusal");
    ad_error_clear(&ctx->error);
    ad_tape_free(t);
    return s;
}

/* ---- all of it ---- */

ad_status ad__opcheck_sample(ad__opcheck *k, const ad_op *op, const ad_sample *s)
{
    k->op = op;
    k->sample = s;
    if (s->want != AD_OK) return check_refusal(k);
    AD_TRY(check_gradients(k));
    AD_TRY(check_used_twice(k));
    AD_TRY(check_subsets(k));
    AD_TRY(ad__opcheck_memory(k, AD__AVX512));
    AD_TRY(ad__opcheck_memory(k, AD__AVX2));
    AD_TRY(ad__opcheck_bits(k));
    return ad__opcheck_plain(k);
}

static ad_status check_attributes(ad_error *e, const ad_op *op)
{
    for (const ad_attr *a = op->attrs; a && a->name; a++) {
        bool number = a->kind == AD_ATTR_INT || a->kind == AD_ATTR_INTS;
        if (number && !(a->lo < a->hi)) return AD_FAIL(e, ECHECK, "op '%s': attribute %s lacks a range", op->name, a->name);
        if (!a->doc || !*a->doc) return AD_FAIL(e, ECHECK, "op '%s': attribute %s lacks its doc line", op->name, a->name);
        if (a->kind == AD_ATTR_ENUM && !a->words) return AD_FAIL(e, ECHECK, "op '%s': attribute %s lacks its words", op->name, a->name);
        if (a->offset >= op->attr_size)
            return AD_FAIL(e, ECHECK, "op '%s': attribute %s lies outside the attribute struct (attr_size)", op->name, a->name);
    }
    return AD_OK;
}

ad_status ad__opcheck_entry(ad_error *e, const ad_op *op)
{
    bool stops = op->flags & AD_STOPS_GRADIENT, alias = op->flags & AD_ALIAS, good = false;
    int refusals = 0;
    if (!op->name || !*op->name || !op->doc || !*op->doc || !op->operands)
        return AD_FAIL(e, ECHECK, "op '%s' lacks name, doc line or operands", op->name ? op->name : "");
    if (op->expand ? op->forward || op->gradient : !op->shape || (!op->forward && !alias) || (!op->gradient && !stops))
        return AD_FAIL(e, ECHECK, "op '%s' needs shape, forward and gradient (or AD_STOPS_GRADIENT), or expand alone", op->name);
    for (const ad_sample *s = op->samples; s && s->name; s++) {
        refusals += s->want != AD_OK;
        good = good || s->want == AD_OK;
    }
    if (!good) return AD_FAIL(e, ECHECK, "op '%s' has no sample to check it with", op->name);
    /* Only a function of one operand without attributes may take everything. */
    bool anything = op->operands[0].name && !op->operands[1].name && !op->attrs;
    if (refusals == 0 && !anything) return AD_FAIL(e, ECHECK, "op '%s' refuses nothing: a sample must say what it refuses (.want)", op->name);
    return check_attributes(e, op);
}

ad_status ad_check_op(ad_ctx *ctx, const ad_op *op)
{
    ad__opcheck k;
    AD_TRY(ad__opcheck_entry(&ctx->error, op));
    ad_status s = ad__opcheck_start(&k, ctx, &ctx->error);
    for (const ad_sample *sample = op->samples; s == AD_OK && sample->name; sample++) s = ad__opcheck_sample(&k, op, sample);
    ad__opcheck_stop(&k);
    return s;
}

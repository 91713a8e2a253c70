/*
 * notice.c - ops that are wrong on purpose: their numbers depend on the threads, on how a chain is cut into blocks, on what was in memory.
 */
#include "tests/tapes/notice.h"

#include <stdio.h>
#include <string.h>

#include "tests/tapes/compare.h"
#include "tests/tapes/make.h"

static ad_status same_shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    *out = in[0];
    return AD_OK;
}

/* y = x, and something more in element 0. */
static void copy_and_add(const ad_call *c, float more)
{
    memcpy(c->out[0].data, c->in[0].data, ad_shape_bytes(&c->in[0].shape, c->precision));
    if (c->precision == AD_F64) *(double *)c->out[0].data += (double)more;
    else *(float *)c->out[0].data += more;
}

static ad_status by_threads(const ad_call *c)
{
    copy_and_add(c, c->threads == 7 ? 1e-3f : 0);
    return AD_OK;
}

static ad_status by_block(const ad_call *c)
{
    copy_and_add(c, 1e-3f);
    return AD_OK;
}

/* The address sanitizer, which asks this, fills new memory; wrong_by_memory must find it as the system gives it. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "max_malloc_fill_size=0";
}

static ad_status by_memory(const ad_call *c)
{
    copy_and_add(c, c->precision == AD_F32 && *(const float *)c->out[0].data != 0 ? 1e-3f : 0);
    return AD_OK;
}

static void as_it_is(ad_grad *g)
{
    g->gin[0] = g->gout[0];
}

static const ad_operand operands[] = { { .name = "x" }, { 0 } };
static const ad_sample samples[] = { { .name = "matrix", .n_in = 1, .in = { { 2, { 5, 7 } } } }, { 0 } };

static const ad_op wrong[] = {
    { .name = "wrong_by_threads", .operands = operands, .shape = same_shape, .forward = by_threads, .gradient = as_it_is, .samples = samples },
    { .name = "wrong_by_block", .flags = AD_ELEMENTWISE, .operands = operands, .shape = same_shape, .forward = by_block, .gradient = as_it_is,
      .samples = samples },
    { .name = "wrong_by_memory", .operands = operands, .shape = same_shape, .forward = by_memory, .gradient = as_it_is, .samples = samples },
};
enum { WRONG = sizeof wrong / sizeof *wrong, TAPES = 60, MOST_LEFT = 3 };

static bool noticed(suite *s, const ad_op *op)
{
    for (int i = 0; i < CONTEXTS; i++)
        if (ad_ctx_add_op(s->ctx[i], op) != AD_OK) return false;
    for (uint64_t seed = 1; seed <= TAPES; seed++) {
        recipe *r = recipe_make(s->ctx[FAST], seed, op);
        bool good = tape_agrees(s, r);
        if (!good) tape_shrink(s, &r);
        int left = recipe_size(r);
        recipe_free(r);
        if (good) continue;
        if (left > MOST_LEFT) printf("%s: %d ops are left of tape %llu: %s\n", op->name, left, (unsigned long long)seed, s->text);
        return left <= MOST_LEFT;
    }
    printf("%s is not noticed on %d tapes\n", op->name, TAPES);
    return false;
}

bool wrong_ops_are_noticed(void)
{
    bool good = true;
    for (int k = 0; good && k < WRONG; k++) {
        suite s;
        good = suite_start(&s) && noticed(&s, &wrong[k]);
        suite_stop(&s);
    }
    return good;
}

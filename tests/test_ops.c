/*
 * test_ops.c - what every op promises (autograd/opcheck.c has the list), for every sample of every op of the table. Nothing here knows
 * any op: a new op is tested because it is in the list, with the samples that it brings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "autograd/opcheck.h"
#include "ops/ops.h"

static ad_ctx *ctx;
static ad__opcheck checks;

static int start(void **state)
{
    ctx = ad_new(NULL);
    return ctx && ad__opcheck_start(&checks, ctx, ad_ctx_error(ctx)) == AD_OK ? 0 : -1;
}

static int stop(void **state)
{
    ad__opcheck_stop(&checks);
    ad_ctx_free(ctx);
    return 0;
}

typedef struct pair {
    const ad_op *op;
    const ad_sample *sample;
} pair;

static void check(void **state)
{
    const pair *p = *state;
    ad_error_clear(ad_ctx_error(ctx));
    if (ad__opcheck_sample(&checks, p->op, p->sample) != AD_OK) fail_msg("%s", ad_ctx_message(ctx));
}

static void every_op_says_what_it_does(void **state)
{
    for (const ad_op *const *op = ad_ops; *op; op++) {
        ad_error_clear(ad_ctx_error(ctx));
        if (ad__opcheck_entry(ad_ctx_error(ctx), *op) != AD_OK) fail_msg("%s", ad_ctx_message(ctx));
        if (ad_op_find(ctx, (*op)->name) != *op) fail_msg("%s is there twice", (*op)->name);
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

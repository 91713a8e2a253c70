/*
 * test_ops.c - what every op promises (autograd/opcheck.c has the list), for every sample of every op of the table. Nothing here knows
 * any op: a new op is tested because it is in the list, with the samples that it brings.
 */
#include "autograd/opcheck.h"
#include "tests/op_samples.h"

static ad__opcheck checks;

static int start(void **state)
{
    ctx = ad_new(NULL);
    return ctx && ad__opcheck_start(&checks, ctx, ad_ctx_error(ctx)) == AD_OK ? 0 : -1;
}

static int stop(void **state)
{
    ad__opcheck_stop(&checks);
    return close_ctx(state);
}

static void check(void **state)
{
    const op_sample *p = *state;
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
    const struct CMUnitTest first = cmocka_unit_test(every_op_says_what_it_does);
    return run_op_samples("ops", 1, &first, check, NULL, argc > 1 ? argv[1] : NULL, start, stop);
}

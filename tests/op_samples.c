/* op_samples.c - the list of tests, as long as the op table makes it. */
#include "tests/op_samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ad_ctx *ctx;

int open_ctx(void **state)
{
    ctx = ad_new(&(ad_options){ .threads = 1 });
    return ctx ? 0 : -1;
}

int close_ctx(void **state)
{
    ad_ctx_free(ctx);
    return 0;
}

int run_op_samples(const char *group, size_t n_first, const struct CMUnitTest *first, CMUnitTestFunction check,
                   bool (*wanted)(const ad_op *op, const ad_sample *s), const char *only, CMFixtureFunction start, CMFixtureFunction stop)
{
    size_t n = n_first, max = n_first;
    for (const ad_op *const *op = ad_ops; *op; op++)
        for (const ad_sample *s = (*op)->samples; s && s->name; s++) max++;
    struct CMUnitTest *tests = calloc(max + 1, sizeof *tests);
    op_sample *pairs = calloc(max + 1, sizeof *pairs);
    char (*names)[96] = calloc(max + 1, sizeof *names);
    int failed = 1;
    if (!tests || !pairs || !names) goto done;
    if (n_first) memcpy(tests, first, n_first * sizeof *tests);
    for (const ad_op *const *op = ad_ops; *op; op++)
        for (const ad_sample *s = (*op)->samples; s && s->name; s++) {
            if ((only && strcmp(only, (*op)->name) != 0) || (wanted && !wanted(*op, s))) continue;
            pairs[n] = (op_sample){ *op, s };
            snprintf(names[n], sizeof names[n], "%s/%s", (*op)->name, s->name);
            tests[n] = (struct CMUnitTest){ names[n], check, NULL, NULL, &pairs[n] };
            n++;
        }
    failed = _cmocka_run_group_tests(group, tests, n, start, stop);
done:
    free(tests);
    free(pairs);
    free(names);
    return failed;
}

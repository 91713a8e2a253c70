/*
 * random_tapes - thousands of tapes that nobody thought of: define-by-run, every plan, all threads and instruction sets must give the
 * same bits, and plain kernels the same numbers up to rounding.
 *
 *   random_tapes [--count N] [--seed SEED] [--op NAME] [--show]
 *
 * N tapes from SEED on; with --op every second op is that one; --show prints them. A tape that fails is cut down and printed. From 300
 * tapes on, ops that are wrong on purpose must be noticed; from 1500 on, every op of the table must have been on one.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/tapes/compare.h"
#include "tests/tapes/make.h"
#include "tests/tapes/notice.h"

enum { COUNT = 300, MOST_FAILURES = 10 };

typedef struct asked {
    uint64_t seed;
    long count;
    const ad_op *op;
    bool show;
} asked;

/* For the message of a crash; written before each tape. */
static char now[64];

static void crashed(int signal_number)
{
    ssize_t ignored = write(STDERR_FILENO, now, strlen(now));
    (void)ignored;
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static bool parse(asked *a, int argc, char **argv, ad_ctx *ctx)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--show") == 0) a->show = true;
        else if (!value) return false;
        else if (strcmp(argv[i], "--count") == 0) a->count = strtol(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0) a->seed = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--op") != 0 || !(a->op = ad_op_find(ctx, argv[++i]))) return false;
    }
    return a->count > 0;
}

static void note_ops(suite *s, const recipe *r)
{
    bool needed[MAX_VALUES];
    const ad_op *op;
    recipe_needed(r, needed);
    for (int i = 0; i < r->n_nodes; i++)
        for (int k = 0; r->nodes[i].op && needed[r->nodes[i].out] && (op = ad_op_at(s->ctx[FAST], k)); k++)
            if (op == r->nodes[i].op) s->seen[k] = true;
}

/* True if all ops of the table have been on some tape. */
static bool all_seen(const suite *s)
{
    const ad_op *op;
    int seen = 0, ops = 0;
    for (int k = 0; (op = ad_op_at(s->ctx[FAST], k)); k++) {
        if (!recipe_uses(op)) continue;
        ops++;
        seen += s->seen[k];
        if (!s->seen[k]) printf("on no tape: %s\n", op->name);
    }
    printf("ops on these tapes: %d of %d\n", seen, ops);
    return seen == ops;
}

static bool check(suite *s, const asked *a, uint64_t seed)
{
    recipe *r = recipe_make(s->ctx[FAST], seed, a->op);
    if (a->show) {
        printf("tape of seed %llu\n", (unsigned long long)seed);
        recipe_print(r);
    }
    note_ops(s, r);
    bool good = tape_agrees(s, r);
    if (!good) {
        printf("random tape %llu, %d ops: %s\n", (unsigned long long)seed, recipe_size(r), s->text);
        tape_shrink(s, &r);
        printf("the smallest part that fails, %d ops: %s\n", recipe_size(r), s->text);
        recipe_print(r);
        printf("again: tests/random_tapes --seed %llu --count 1%s%s\n\n", (unsigned long long)seed, a->op ? " --op " : "", a->op ? a->op->name : "");
    }
    recipe_free(r);
    return good;
}

int main(int argc, char **argv)
{
    suite s;
    asked a = { .seed = 1, .count = COUNT };
    if (!suite_start(&s)) return 1;
    if (!parse(&a, argc, argv, s.ctx[FAST])) {
        fprintf(stderr, "usage: random_tapes [--count N] [--seed SEED] [--op NAME] [--show]\n");
        return 2;
    }
    signal(SIGSEGV, crashed);
    signal(SIGABRT, crashed);
    signal(SIGFPE, crashed);
    long failures = 0, done = 0;
    for (; done < a.count && failures < MOST_FAILURES; done++) {
        snprintf(now, sizeof now, "random tape %llu crashed\n", (unsigned long long)(a.seed + (uint64_t)done));
        failures += !check(&s, &a, a.seed + (uint64_t)done);
        fflush(stdout);
    }
    printf("random tapes: %ld of %ld agree (%lld records, %lld compared with plain kernels, %lld plans in less memory)\n", done - failures, done,
           (long long)s.records, (long long)s.compared, (long long)s.budgets);
    bool whole = a.op || a.count < COUNT || wrong_ops_are_noticed();
    whole = whole && (a.op || done < 5 * COUNT || all_seen(&s));
    suite_stop(&s);
    return failures || !whole ? 1 : 0;
}

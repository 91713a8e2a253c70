/* compare.h - what must agree on every tape, and what is left of a tape on which it does not. */
#ifndef ADZE_TESTS_TAPES_COMPARE_H
#define ADZE_TESTS_TAPES_COMPARE_H

#include "tests/tapes/recipe.h"

/* The first is the one with which recipes are made and with which the others of the same instruction sets must agree. */
enum { FAST, FAST_TWO, FAST_THREE, FAST_SEVEN, AVX2, AVX2_THREE, BASE, BASE_THREE, CONTEXTS };

typedef struct suite {
    ad_ctx *ctx[CONTEXTS];
    char text[4608];              /* what disagrees */
    int64_t records, compared, budgets;   /* of tapes; against plain kernels; plans in less memory */
    bool seen[MAX_OPS];           /* ops of the table that were on some tape */
} suite;

bool suite_start(suite *s);
void suite_stop(suite *s);
/* Says in s->text what disagrees. */
bool tape_agrees(suite *s, const recipe *r);
/* The same disagreement on fewer records: outputs, then whole parts of the tape are left out as long as something disagrees. */
void tape_shrink(suite *s, recipe **r);

#endif

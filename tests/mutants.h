/* mutants.h - the standard ways to break an op, on its adjoints and on its outputs. */
#ifndef ADZE_TESTS_MUTANTS_H
#define ADZE_TESTS_MUTANTS_H

#include "ops/ops.h"

typedef struct mutant_way {
    const char *name;
    ad_tensor *(*f)(ad_tape *t, ad_tensor *x);   /* NULL: two operands of the same shape are swapped */
} mutant_way;

enum { MUTANT_WAYS = 7, MUTANT_SWAPPED = 6 };
extern const mutant_way mutant_ways[MUTANT_WAYS];

#endif

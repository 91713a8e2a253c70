/* make.h - the recipe of a seed. */
#ifndef ADZE_TESTS_TAPES_MAKE_H
#define ADZE_TESTS_TAPES_MAKE_H

#include "tests/tapes/recipe.h"

/* A pure function of the seed and the op table. Every eighth tape is large enough for several threads. Where `only` is given, every
 * other op of the tape is that one. */
recipe *recipe_make(ad_ctx *ctx, uint64_t seed, const ad_op *only);
/* Ops that are put onto tapes: all but those that only the planner makes. */
bool recipe_uses(const ad_op *op);

#endif

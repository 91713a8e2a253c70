/* table.c - all optimisers; optim.def is written by make from the list in optim/local.mk: OPTIMISER(adam) OPTIMISER(sgd) ... */
#include "optim/optim.h"

#define OPTIMISER(name) extern const ad_optimiser ad_optimiser_##name;
#include "optim/optim.def"
#undef OPTIMISER

const ad_optimiser *const ad_optimisers[] = {
#define OPTIMISER(name) &ad_optimiser_##name,
#include "optim/optim.def"
#undef OPTIMISER
    NULL
};

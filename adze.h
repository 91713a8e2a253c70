/* adze.h - the umbrella: every public header of the library. */
#ifndef ADZE_ADZE_H
#define ADZE_ADZE_H
#include "autograd/autograd.h"
#include "ops/ops.h"
#include "experiments/experiments.h"
#include "optim/optim.h"
#endif

/* adze.h - the umbrella: every public header of the library. */
#ifndef ADZE_ADZE_H
#define ADZE_ADZE_H
#include "autograd/autograd.h"
#include "ops/ops.h"
#include "optim/optim.h"
#include "models/models.h"
#include "formats/formats.h"
#include "datasets/datasets.h"
#include "metrics/metrics.h"
#include "experiments/experiments.h"
#endif

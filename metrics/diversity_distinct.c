/* diversity_distinct.c - mean d(s,s') over distinct pairs of samples: does not depend on their number. */
#include <math.h>

#include "metrics/parts.h"

static ad_status score(ad_error *e, const ad_case *c, double *value)
{
    double sum, n = c->n_samples;
    AD_TRY(ad__distance_sum(e, c->pixels, c->classes, c->n_samples, c->samples, c->n_samples, c->samples, &sum));
    *value = n > 1 ? sum / (n * (n - 1)) : NAN;
    return AD_OK;
}

const ad_metric ad_metric_diversity_distinct = {
    .name = "diversity_distinct", .title = "diversity distinct",
    .doc = "mean d(s,s') over distinct pairs of samples; undefined for one sample",
    .score = score,
};

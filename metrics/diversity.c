/* diversity.c - mean d(s,s') over all ordered pairs of samples, self pairs included: the term of GED^2. A collapsed model has 0. */
#include "metrics/parts.h"

static ad_status score(ad_error *e, const ad_case *c, double *value)
{
    double sum, n = c->n_samples;
    AD_TRY(ad__distance_sum(e, c->pixels, c->classes, c->n_samples, c->samples, c->n_samples, c->samples, &sum));
    *value = sum / (n * n);
    return AD_OK;
}

const ad_metric ad_metric_diversity = {
    .name = "diversity", .title = "diversity",
    .doc = "mean d(s,s') over all ordered pairs of samples, self pairs included",
    .score = score,
};

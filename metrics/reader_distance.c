/* reader_distance.c - mean d(g,g') over all ordered pairs of readers: how much they disagree, and what `diversity` should come to. */
#include "metrics/parts.h"

static ad_status score(ad_error *e, const ad_case *c, double *value)
{
    double sum, m = c->n_readers;
    AD_TRY(ad__distance_sum(e, c->pixels, c->classes, c->n_readers, c->readers, c->n_readers, c->readers, &sum));
    *value = sum / (m * m);
    return AD_OK;
}

const ad_metric ad_metric_reader_distance = {
    .name = "reader_distance", .title = "readers' distance",
    .doc = "mean d(g,g') over all ordered pairs of readers, self pairs included: a property of the data",
    .score = score,
};

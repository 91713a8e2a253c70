/*
 * ged2_unbiased.c - GED^2 without self pairs.
 *
 *   2/(NM) sum d(s_i,g_j) - 1/(N(N-1)) sum_{i != k} d(s_i,s_k) - 1/(M(M-1)) sum_{j != l} d(g_j,g_l)
 *
 * Its expectation does not depend on N or M and is 0 for a sampler that draws from the readers' law; single images may be negative.
 */
#include <math.h>

#include "metrics/parts.h"

static ad_status score(ad_error *e, const ad_case *c, double *value)
{
    ad__sums d;
    *value = NAN;
    if (c->n_samples < 2 || c->n_readers < 2) return AD_OK;
    AD_TRY(ad__case_sums(e, c, &d));
    double n = c->n_samples, m = c->n_readers;
    *value = 2 * d.sample_reader / (n * m) - d.sample_sample / (n * (n - 1)) - d.reader_reader / (m * (m - 1));
    return AD_OK;
}

const ad_metric ad_metric_ged2_unbiased = {
    .name = "ged2_unbiased", .title = "GED² unbiased",
    .doc = "GED² over distinct pairs only: expectation 0 for a perfect sampler; undefined for one sample or one reader",
    .better = -1, .score = score,
};

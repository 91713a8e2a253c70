/*
 * ged2.c - squared generalised energy distance between the samples' and the readers' distributions, as published.
 *
 *   GED^2 = 2/(NM) sum d(s_i,g_j) - 1/N^2 sum d(s_i,s_k) - 1/M^2 sum d(g_j,g_l)
 *
 * The last two sums include the pairs i = k and j = l, whose distance is 0 (a V-statistic). For a sampler that draws from the readers'
 * law, with mu the expected distance of two independent readers, the expectation is 2 mu - (1-1/N) mu - (1-1/M) mu = mu (1/N + 1/M):
 * not zero, and falling with N, so figures compare at equal N only.
 */
#include "metrics/parts.h"

static ad_status score(ad_error *e, const ad_case *c, double *value)
{
    ad__sums d;
    AD_TRY(ad__case_sums(e, c, &d));
    double n = c->n_samples, m = c->n_readers;
    *value = 2 * d.sample_reader / (n * m) - d.sample_sample / (n * n) - d.reader_reader / (m * m);
    return AD_OK;
}

const ad_metric ad_metric_ged2 = {
    .name = "ged2", .title = "GED²",
    .doc = "2 mean d(s,g) - mean d(s,s') - mean d(g,g'), self pairs included, d = 1 - foreground IoU (as published)",
    .better = -1, .score = score,
};

/*
 * iou_matched.c - Hungarian-matched IoU: both sets are repeated to lcm(N,M) members, samples and readers are assigned one to one so that
 * the mean foreground IoU is largest, and that mean is the score. It punishes wrong proportions as well as missing shapes.
 */
#include <stdlib.h>

#include "metrics/parts.h"

enum { MOST_MEMBERS = 2000 };   /* the assignment takes O(n^3): seconds at this size */

static int64_t common_multiple(int64_t a, int64_t b)
{
    int64_t x = a, y = b;
    while (y) {
        int64_t rest = x % y;
        x = y;
        y = rest;
    }
    return a / x * b;
}

static ad_status score(ad_error *e, const ad_case *c, double *value)
{
    int64_t n = common_multiple(c->n_samples, c->n_readers), pairs = (int64_t)c->n_samples * c->n_readers;
    if (n > MOST_MEMBERS)
        return AD_FAIL(e, EUSAGE, "iou_matched: %d samples and %d readers have the common multiple %lld; need at most %d, so take a multiple of %d samples",
                       c->n_samples, c->n_readers, (long long)n, MOST_MEMBERS, c->n_readers);
    double *d = malloc((size_t)pairs * sizeof *d), *gain = malloc((size_t)(n * n) * sizeof *gain), sum = 0;
    ad_status s = d && gain ? AD_OK : AD_FAIL(e, ENOMEM, "iou_matched: no memory for %lld members", (long long)n);
    if (s == AD_OK) s = ad_distances(e, c->pixels, c->classes, c->n_samples, c->samples, c->n_readers, c->readers, d);
    if (s == AD_OK) {
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++) gain[i * n + j] = 1 - d[i % c->n_samples * c->n_readers + j % c->n_readers];
        s = ad_assign(e, (int)n, gain, NULL, &sum);
    }
    if (s == AD_OK) *value = sum / (double)n;
    free(d);
    free(gain);
    return s;
}

const ad_metric ad_metric_iou_matched = {
    .name = "iou_matched", .title = "IoU matched",
    .doc = "mean foreground IoU of the best one-to-one assignment of samples to readers, both repeated to lcm(N,M) members",
    .better = 1, .score = score,
};

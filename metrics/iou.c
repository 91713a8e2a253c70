/* iou.c - mean over samples, readers and foreground labels of IoU; both masks empty: 1, one empty: 0. This is 1 - mean d(s,g). */
#include "metrics/parts.h"

static ad_status score(ad_error *e, const ad_case *c, double *value)
{
    double sum;
    AD_TRY(ad__distance_sum(e, c->pixels, c->classes, c->n_samples, c->samples, c->n_readers, c->readers, &sum));
    *value = 1 - sum / ((double)c->n_samples * c->n_readers);
    return AD_OK;
}

const ad_metric ad_metric_iou = {
    .name = "iou", .title = "IoU",
    .doc = "mean over samples, readers and foreground labels of |a and b| / |a or b|; both empty 1, one empty 0",
    .better = 1, .score = score,
};

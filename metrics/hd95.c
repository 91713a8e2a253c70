/* hd95.c - 95th percentile of the distances between borders, mean over samples, readers and foreground labels. */
#include "metrics/parts.h"

static ad_status score(ad_error *e, const ad_case *c, double *value)
{
    return ad__mean_hd95(e, c, false, value);
}

const ad_metric ad_metric_hd95 = {
    .name = "hd95", .title = "HD95",
    .doc = "95th percentile of both lists of border distances joined, in pixels or the lattice's unit, mean over samples, readers and "
           "foreground labels; pairs with an empty mask are left out",
    .better = -1, .lattice = true, .score = score,
};

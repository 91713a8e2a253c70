/* dice.c - mean over samples, readers and foreground labels of Dice; both masks empty: 1, one empty: 0. */
#include "metrics/parts.h"

static ad_status score(ad_error *e, const ad_case *c, double *value)
{
    *value = ad__mean_dice(c, AD_DICE_OVERLAP);
    return AD_OK;
}

const ad_metric ad_metric_dice = {
    .name = "dice", .title = "Dice",
    .doc = "mean over samples, readers and foreground labels of 2|a and b| / (|a|+|b|); both empty 1, one empty 0",
    .better = 1, .score = score,
};

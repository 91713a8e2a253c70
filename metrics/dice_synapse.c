/* dice_synapse.c - Dice by the rule of the Synapse tables: an empty sample has 0, a sample where the reader's mask is empty 1. */
#include "metrics/parts.h"

static ad_status score(ad_error *e, const ad_case *c, double *value)
{
    *value = ad__mean_dice(c, AD_DICE_SYNAPSE);
    return AD_OK;
}

const ad_metric ad_metric_dice_synapse = {
    .name = "dice_synapse", .title = "Dice (Synapse)",
    .doc = "Dice by the rule of the Swin-Unet evaluation: sample empty 0 (also when the reader's is), only the reader's empty 1",
    .better = 1, .score = score,
};

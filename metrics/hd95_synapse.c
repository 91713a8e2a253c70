/* hd95_synapse.c - HD95 by the rule of the Synapse tables: pairs with an empty mask count as 0. */
#include "metrics/parts.h"

static ad_status score(ad_error *e, const ad_case *c, double *value)
{
    return ad__mean_hd95(e, c, true, value);
}

const ad_metric ad_metric_hd95_synapse = {
    .name = "hd95_synapse", .title = "HD95 (Synapse)",
    .doc = "HD95 by the rule of the Swin-Unet evaluation: 0 where either mask is empty, so a missed organ looks perfect",
    .better = -1, .lattice = true, .score = score,
};

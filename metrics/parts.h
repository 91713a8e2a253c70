/* parts.h - what the metric files share. */
#ifndef ADZE_METRICS_PARTS_H
#define ADZE_METRICS_PARTS_H

#include "metrics/metrics.h"

/* Sum of d(a_i, b_j) over all i, j. Of one set with itself the self pairs add nothing. */
AD_CHECKED ad_status ad__distance_sum(ad_error *e, int64_t pixels, int classes, int n_a, const uint8_t *a, int n_b, const uint8_t *b,
                                      double *sum);

/* The three sums that GED and diversity are made of. */
typedef struct ad__sums {
    double sample_reader, sample_sample, reader_reader;
} ad__sums;
AD_CHECKED ad_status ad__case_sums(ad_error *e, const ad_case *c, ad__sums *sums);

/* Mean over samples, readers and foreground labels of the Dice coefficient. */
double ad__mean_dice(const ad_case *c, ad_dice_rule rule);

/* Mean over samples, readers and foreground labels of the 95th percentile of the border distances. Pairs with an empty mask count as
 * 0, or are left out (all of them: NAN). */
AD_CHECKED ad_status ad__mean_hd95(ad_error *e, const ad_case *c, bool empty_is_0, double *value);

#endif

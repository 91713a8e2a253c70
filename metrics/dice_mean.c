/*
 * dice_mean.c - Dice of the one segmentation that the samples amount to: the label of largest mean probability in every pixel, against
 * each reader, mean over readers and over all labels with background (the PHiSeg code reports it against one reader at random, of
 * which this is the expectation).
 */
#include <stdlib.h>

#include "metrics/parts.h"

static ad_status score(ad_error *e, const ad_case *c, double *value)
{
    double *mean = malloc((size_t)c->pixels * (size_t)c->classes * sizeof *mean);
    uint8_t *labels = malloc((size_t)c->pixels);
    ad_status s = mean && labels ? AD_OK : AD_FAIL(e, ENOMEM, "dice_mean: no memory for %lld pixels", (long long)c->pixels);
    if (s == AD_OK) {
        ad_mean_map(c, mean);
        ad_mean_labels(c->pixels, c->classes, mean, labels);
        double sum = 0;
        for (int g = 0; g < c->n_readers; g++)
            for (int label = 0; label < c->classes; label++)
                sum += ad_dice_overlap(c->pixels, labels, c->readers + g * c->pixels, label, AD_DICE_OVERLAP);
        *value = sum / ((double)c->n_readers * c->classes);
    }
    free(mean);
    free(labels);
    return s;
}

const ad_metric ad_metric_dice_mean = {
    .name = "dice_mean", .title = "Dice of mean",
    .doc = "Dice of the most probable label under the mean map against each reader, mean over readers and all labels with background",
    .better = 1, .score = score,
};

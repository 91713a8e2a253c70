/*
 * overlap.c - IoU and Dice of one label of two maps, with the rules for empty masks.
 *
 *   IoU = |a and b| / |a or b|          both empty: 1 (so one empty gives 0)
 *   Dice = 2 |a and b| / (|a| + |b|)    both empty: 1 (so one empty gives 0)
 *
 * The rule of the Synapse tables (the evaluation of the Swin-Unet code) asks first whether the prediction is empty: then 0 whatever
 * the reference; a prediction where the reference is empty gets 1.
 */
#include "metrics/parts.h"

typedef struct counts {
    int64_t a, b, both;
} counts;

static counts count(int64_t pixels, const uint8_t *a, const uint8_t *b, int label)
{
    counts n = { 0, 0, 0 };
    for (int64_t i = 0; i < pixels; i++) {
        int in_a = a[i] == label, in_b = b[i] == label;
        n.a += in_a;
        n.b += in_b;
        n.both += in_a & in_b;
    }
    return n;
}

double ad_iou(int64_t pixels, const uint8_t *a, const uint8_t *b, int label)
{
    counts n = count(pixels, a, b, label);
    int64_t either = n.a + n.b - n.both;
    return either ? (double)n.both / (double)either : 1;
}

double ad_dice_overlap(int64_t pixels, const uint8_t *a, const uint8_t *b, int label, ad_dice_rule rule)
{
    counts n = count(pixels, a, b, label);
    if (rule == AD_DICE_SYNAPSE && (!n.a || !n.b)) return n.a ? 1 : 0;
    return n.a + n.b ? 2 * (double)n.both / (double)(n.a + n.b) : 1;
}

double ad__mean_dice(const ad_case *c, ad_dice_rule rule)
{
    double sum = 0;
    for (int s = 0; s < c->n_samples; s++)
        for (int g = 0; g < c->n_readers; g++)
            for (int label = 1; label < c->classes; label++)
                sum += ad_dice_overlap(c->pixels, c->samples + s * c->pixels, c->readers + g * c->pixels, label, rule);
    return sum / ((double)c->n_samples * c->n_readers * (c->classes - 1));
}

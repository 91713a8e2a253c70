/* maps.c - maps over the image made from all samples: mean, its labels, uncertainty; and the correlation of two maps. */
#include <math.h>
#include <stdlib.h>

#include "metrics/parts.h"

/* Probability of a class in a pixel of a sample; of a label map 0 or 1. */
static double probability(const ad_case *c, int sample, int64_t pixel, int label)
{
    int64_t i = sample * c->pixels + pixel;
    return c->probabilities ? c->probabilities[i * c->classes + label] : c->samples[i] == label;
}

void ad_mean_map(const ad_case *c, double *mean)
{
    int64_t n = c->pixels * c->classes;
    for (int64_t i = 0; i < n; i++) mean[i] = 0;
    for (int s = 0; s < c->n_samples; s++)
        for (int64_t p = 0; p < c->pixels; p++)
            for (int k = 0; k < c->classes; k++) mean[p * c->classes + k] += probability(c, s, p, k);
    for (int64_t i = 0; i < n; i++) mean[i] /= c->n_samples;
}

void ad_mean_labels(int64_t pixels, int classes, const double *mean, uint8_t *labels)
{
    for (int64_t p = 0; p < pixels; p++) {
        const double *m = mean + p * classes;
        int best = 0;
        for (int k = 1; k < classes; k++)
            if (m[k] > m[best]) best = k;
        labels[p] = (uint8_t)best;
    }
}

/* Population variance over the samples: of the label number; of the probabilities, summed over the classes. */
static double label_variance(const ad_case *c, int64_t pixel)
{
    double mean = 0, squares = 0;
    for (int s = 0; s < c->n_samples; s++) mean += c->samples[s * c->pixels + pixel];
    mean /= c->n_samples;
    for (int s = 0; s < c->n_samples; s++) {
        double d = c->samples[s * c->pixels + pixel] - mean;
        squares += d * d;
    }
    return squares / c->n_samples;
}

static double probability_variance(const ad_case *c, int64_t pixel)
{
    double sum = 0;
    for (int k = 0; k < c->classes; k++) {
        double mean = 0, squares = 0;
        for (int s = 0; s < c->n_samples; s++) mean += probability(c, s, pixel, k);
        mean /= c->n_samples;
        for (int s = 0; s < c->n_samples; s++) {
            double d = probability(c, s, pixel, k) - mean;
            squares += d * d;
        }
        sum += squares / c->n_samples;
    }
    return sum;
}

ad_status ad_uncertainty_map(ad_error *e, const ad_case *c, double *map)
{
    double largest = 0;
    if (c->n_samples < 1) return AD_FAIL(e, EUSAGE, "uncertainty: %d samples; need at least one", c->n_samples);
    for (int64_t p = 0; p < c->pixels; p++) {
        map[p] = c->probabilities ? probability_variance(c, p) : label_variance(c, p);
        if (map[p] > largest) largest = map[p];
    }
    for (int64_t p = 0; largest > 0 && p < c->pixels; p++) map[p] /= largest;
    return AD_OK;
}

static bool constant(int64_t n, const double *v)
{
    for (int64_t i = 1; i < n; i++)
        if (v[i] != v[0]) return false;
    return true;
}

double ad_correlation(int64_t n, const double *a, const double *b)
{
    if (n < 1 || constant(n, a) || constant(n, b)) return NAN;
    double ma = 0, mb = 0, aa = 0, bb = 0, ab = 0;
    for (int64_t i = 0; i < n; i++) {
        ma += a[i];
        mb += b[i];
    }
    ma /= (double)n;
    mb /= (double)n;
    for (int64_t i = 0; i < n; i++) {
        double da = a[i] - ma, db = b[i] - mb;
        aa += da * da;
        bb += db * db;
        ab += da * db;
    }
    return ab / (sqrt(aa) * sqrt(bb));
}

/*
 * metrics.h - scores of sets of segmentations against sets of readers' masks, and how they are averaged.
 *
 * Labels are 0..classes-1 with background 0; foreground labels F are 1..classes-1. Notation: samples s_1..s_N, readers g_1..g_M,
 *   IoU(a,b) of a label = |a and b| / |a or b|; both empty: 1; exactly one empty: 0
 *   d(a,b)  = 1 - mean over F of IoU(a,b)
 * Sums run over doubles in a fixed order. A score that is undefined for an image is NAN; averages leave it out and count it.
 */
#ifndef ADZE_METRICS_METRICS_H
#define ADZE_METRICS_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "autograd/autograd.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where pixels lie, the last axis running fastest: an image or a volume. */
typedef struct ad_lattice {
    int rank;                     /* 1 to 3; 0: not known */
    int64_t size[3];
    double spacing[3];            /* from one pixel to the next along an axis */
} ad_lattice;

/* One image: what was sampled for it and what the readers drew. */
typedef struct ad_case {
    int64_t pixels;
    int classes;
    int n_samples, n_readers;
    const uint8_t *samples;       /* [n_samples, pixels]: arg-max maps */
    const uint8_t *readers;       /* [n_readers, pixels] */
    const float *probabilities;   /* [n_samples, pixels, classes]: softmax maps, or NULL */
    ad_lattice lattice;           /* of the pixels; needed by scores of borders */
} ad_case;

/* One score: metrics/NAME.c holds the descriptor ad_metric_NAME, metrics/local.mk the list. */
typedef struct ad_metric {
    const char *name;
    const char *title;            /* for tables: "GED²" */
    const char *doc;              /* formula, rules and source, one line */
    int better;                   /* 1: higher is better, -1: lower is, 0: neither (how much samples differ) */
    bool probabilities;           /* needs c->probabilities */
    bool lattice;                 /* needs c->lattice */
    ad_status (*score)(ad_error *e, const ad_case *c, double *value);
} ad_metric;

/*
 *   ged2               2 mean d(s,g) - mean d(s,s') - mean d(g,g'), all ordered pairs with the self pairs: as published (V-statistic;
 *                      a perfect sampler has expectation mu (1/M + 1/N), so compare at equal N)
 *   ged2_unbiased      the same with the last two sums over distinct pairs (divided by N(N-1), M(M-1)): a perfect sampler has 0;
 *                      NAN for fewer than two samples or readers
 *   ncc                S_NCC: mean over readers of the correlation over pixels of E_ss = -sum_c pbar_c mean_i log(p_ic + 1e-8) and
 *                      E_j = -mean_i log(p_i,g_j + 1e-8), pbar = mean_i p_i; NAN where a map is constant (PHiSeg code)
 *   iou                mean over samples, readers and F of IoU
 *   iou_matched        both sets repeated to lcm(N,M) members and assigned one to one so that the mean IoU over F is largest
 *   dice               mean over samples, readers and F of 2|a and b| / (|a|+|b|); both empty: 1, one empty: 0
 *   dice_synapse       the same by the rule of the Synapse tables: sample non-empty and reader empty: 1; sample empty: 0
 *   dice_mean          the label of largest mean probability (or vote, without probabilities) against each reader, mean over
 *                      readers and over all classes with background
 *   hd95               95th percentile of the distances between the borders, both directions joined, mean over samples, readers and F;
 *                      pairs with an empty mask are left out, NAN if all are
 *   hd95_synapse       the same by the rule of the Synapse tables: pairs with an empty mask count as 0
 *   diversity          mean d(s,s') over all ordered pairs
 *   diversity_distinct mean d(s,s') over distinct pairs; NAN for one sample
 *   reader_distance    mean d(g,g') over all ordered pairs: what `diversity` should come to
 */
AD_API extern const ad_metric *const ad_metrics[];                 /* ended by NULL */
AD_API const ad_metric *ad_metric_find(const char *name);          /* NULL if there is none */
/* Checks the case (labels below classes, counts, probabilities where needed: AD_EUSAGE) and takes the score. */
AD_API AD_CHECKED ad_status ad_score(ad_error *e, const ad_metric *m, const ad_case *c, double *value);

/* ---- the parts, for those who need them alone ---- */

typedef enum ad_dice_rule { AD_DICE_OVERLAP, AD_DICE_SYNAPSE } ad_dice_rule;

/* IoU and Dice of one label of two maps: a is the prediction, b the reference. */
AD_API double ad_iou(int64_t pixels, const uint8_t *a, const uint8_t *b, int label);
AD_API double ad_dice_overlap(int64_t pixels, const uint8_t *a, const uint8_t *b, int label, ad_dice_rule rule);
/* Distances between the borders of one label of two maps, in the lattice's unit: a border pixel has a neighbour along an axis that is
 * not of the label, or lies at the edge of the image. All NAN if either map lacks the label. */
typedef struct ad_surface {
    double hd, hd95;              /* largest and 95th percentile of both directed lists joined */
    double asd, assd;             /* mean from a to b; mean of both lists joined */
} ad_surface;
AD_API AD_CHECKED ad_status ad_surface_distance(ad_error *e, const ad_lattice *g, const uint8_t *a, const uint8_t *b, int label, ad_surface *out);
/* out[pixels]: distance of each pixel to the nearest one of the label, INFINITY if there is none. */
AD_API AD_CHECKED ad_status ad_distance_map(ad_error *e, const ad_lattice *g, const uint8_t *map, int label, double *out);
/* out[n_a, n_b] = d(a_i, b_j). Labels as bit masks and population counts: 100 samples of 128x128 against each other in milliseconds. */
AD_API AD_CHECKED ad_status ad_distances(ad_error *e, int64_t pixels, int classes, int n_a, const uint8_t *a, int n_b, const uint8_t *b,
                                         double *out);
/* Correlation over n values, population moments; NAN if either is constant. */
AD_API double ad_correlation(int64_t n, const double *a, const double *b);
/* One-to-one assignment of n rows to n columns with the largest sum; column[row] (may be NULL) and the sum. */
AD_API AD_CHECKED ad_status ad_assign(ad_error *e, int n, const double *gain, int *column, double *sum);

/* mean [pixels, classes] over the case's probabilities, or of one-hot samples without them. */
AD_API void ad_mean_map(const ad_case *c, double *mean);
/* The label of largest mean (the first of equals). */
AD_API void ad_mean_labels(int64_t pixels, int classes, const double *mean, uint8_t *labels);
/* Population variance over samples divided by its maximum over the image; all zero stays zero. Of the probabilities, summed over the
 * classes; without them of the label number, which for two classes is the same map as that of one-hot labels. */
AD_API AD_CHECKED ad_status ad_uncertainty_map(ad_error *e, const ad_case *c, double *map);

/* ---- averages ---- */

typedef struct ad_summary {
    double mean;             /* over the images where the score is defined; NAN if there is none */
    double lo, hi;           /* percentile bootstrap interval */
    int64_t n, excluded;     /* images averaged, and left out because undefined */
    int64_t patients;        /* of the images averaged */
} ad_summary;

/* Mean of value[n] with a percentile interval of the given level (0.95) over `resamples` bootstrap samples of whole patients: images
 * of one patient are not independent. patient[n] is any number per patient. Resample r is a pure function of (seed, r). */
AD_API AD_CHECKED ad_status ad_summarise(ad_error *e, int64_t n, const double *value, const int64_t *patient, double level, int resamples,
                                         uint64_t seed, ad_summary *out);

#ifdef __cplusplus
}
#endif
#endif

/*
 * ncc.c - S_NCC, the agreement between where the samples vary and where they miss a reader (PHiSeg code).
 *
 *   l_c(x)  = mean_i log(p_ic(x) + 1e-8)             mean log probability of class c over the samples' softmax maps
 *   E_ss(x) = -sum_c pbar_c(x) l_c(x)                cross entropy of the samples with their mean pbar
 *   E_j(x)  = -l_{g_j(x)}(x)                         cross entropy of the samples with reader j
 *   S_NCC   = mean_j corr(E_ss, E_j)                 correlation over the pixels
 *
 * Both maps need only l and pbar, so the logarithms are taken once. A constant map has no correlation: the image's score is NAN.
 */
#include <math.h>
#include <stdlib.h>

#include "metrics/parts.h"

/* mean and l [pixels, classes], then E_ss [pixels]. */
static void entropy(const ad_case *c, double *mean, double *l, double *e_ss)
{
    int64_t n = c->pixels * c->classes;
    for (int64_t i = 0; i < n; i++) mean[i] = l[i] = 0;
    for (int s = 0; s < c->n_samples; s++) {
        const float *q = c->probabilities + s * n;
        for (int64_t i = 0; i < n; i++) {
            mean[i] += q[i];
            l[i] += log(q[i] + 1e-8);
        }
    }
    for (int64_t p = 0; p < c->pixels; p++) {
        e_ss[p] = 0;
        for (int64_t i = p * c->classes; i < (p + 1) * c->classes; i++) {
            l[i] /= c->n_samples;
            e_ss[p] -= mean[i] / c->n_samples * l[i];
        }
    }
}

static ad_status score(ad_error *e, const ad_case *c, double *value)
{
    size_t n = (size_t)c->pixels, m = n * (size_t)c->classes;
    double *mean = malloc(m * sizeof *mean), *l = malloc(m * sizeof *l);
    double *e_ss = malloc(n * sizeof *e_ss), *e_j = malloc(n * sizeof *e_j);
    ad_status s = mean && l && e_ss && e_j ? AD_OK : AD_FAIL(e, ENOMEM, "ncc: no memory for %zu pixels", n);
    if (s == AD_OK) {
        entropy(c, mean, l, e_ss);
        double sum = 0;
        for (int j = 0; j < c->n_readers; j++) {
            const uint8_t *g = c->readers + j * c->pixels;
            for (int64_t p = 0; p < c->pixels; p++) e_j[p] = -l[p * c->classes + g[p]];
            sum += ad_correlation(c->pixels, e_ss, e_j);
        }
        *value = sum / c->n_readers;
    }
    free(mean);
    free(l);
    free(e_ss);
    free(e_j);
    return s;
}

const ad_metric ad_metric_ncc = {
    .name = "ncc", .title = "NCC",
    .doc = "S_NCC: mean over readers of the correlation of E_ss and E_j over the pixels (PHiSeg code); undefined where a map is constant",
    .better = 1, .probabilities = true, .score = score,
};

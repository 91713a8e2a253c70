/*
 * summary.c - the mean over images and its percentile bootstrap interval by patient.
 *
 * Images of one patient are alike, so whole patients are drawn: with P patients, resample r takes P of them with replacement and
 * averages all their images, patient u_k = floor(P * uniform(seed, r, k)). The interval's ends are the (1 -+ level)/2 quantiles of the
 * resampled means, interpolated linearly between order statistics.
 */
#include "metrics/parts.h"

#include <math.h>
#include <stdlib.h>

typedef struct group {
    int64_t patient;
    double sum;
    int64_t n;
} group;

typedef struct scored {
    int64_t patient, index;
    double value;
} scored;

/* By patient, then in the order given: the groups' sums do not depend on how the sort breaks ties. */
static int by_patient(const void *a, const void *b)
{
    const scored *x = a, *y = b;
    if (x->patient != y->patient) return x->patient < y->patient ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sums and counts per patient of the m values that are defined; returns the number of patients. */
static int64_t collect(int64_t n, const double *value, const int64_t *patient, scored *rows, group *groups)
{
    int64_t m = 0, count = 0;
    for (int64_t i = 0; i < n; i++)
        if (!isnan(value[i])) rows[m++] = (scored){ .patient = patient[i], .index = i, .value = value[i] };
    qsort(rows, (size_t)m, sizeof *rows, by_patient);
    for (int64_t i = 0; i < m; i++) {
        if (!i || rows[i].patient != rows[i - 1].patient) groups[count++] = (group){ .patient = rows[i].patient };
        groups[count - 1].sum += rows[i].value;
        groups[count - 1].n++;
    }
    return count;
}

static double resampled_mean(const group *groups, int64_t count, uint64_t key, int r)
{
    double sum = 0, n = 0;
    for (int64_t k = 0; k < count; k++) {
        int64_t i = (int64_t)(ad_uniform(key, (uint64_t)r, 0, (uint64_t)k) * (double)count);
        const group *g = &groups[i < count ? i : count - 1];
        sum += g->sum;
        n += (double)g->n;
    }
    return sum / n;
}

static double quantile(const double *sorted, int n, double q)
{
    double at = q * (n - 1);
    int i = (int)at;
    return i + 1 < n ? sorted[i] + (at - i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

ad_status ad_summarise(ad_error *e, int64_t n, const double *value, const int64_t *patient, double level, int resamples, uint64_t seed,
                       ad_summary *out)
{
    if (!(level > 0 && level < 1) || resamples < 1)
        return AD_FAIL(e, EUSAGE, "bootstrap: level %g, %d resamples; need a level between 0 and 1 and at least one", level, resamples);
    *out = (ad_summary){ .mean = NAN, .lo = NAN, .hi = NAN };
    scored *rows = malloc((size_t)(n + 1) * sizeof *rows);
    group *groups = malloc((size_t)(n + 1) * sizeof *groups);
    double *means = malloc((size_t)resamples * sizeof *means);
    ad_status s = rows && groups && means ? AD_OK : AD_FAIL(e, ENOMEM, "bootstrap: no memory for %lld values", (long long)n);
    if (s == AD_OK) {
        double sum = 0;
        out->patients = collect(n, value, patient, rows, groups);
        for (int64_t i = 0; i < out->patients; i++) {
            sum += groups[i].sum;
            out->n += groups[i].n;
        }
        out->excluded = n - out->n;
        if (out->n) {
            uint64_t key = ad_key(seed, "bootstrap", "");
            out->mean = sum / (double)out->n;
            for (int r = 0; r < resamples; r++) means[r] = resampled_mean(groups, out->patients, key, r);
            qsort(means, (size_t)resamples, sizeof *means, by_size);
            out->lo = quantile(means, resamples, (1 - level) / 2);
            out->hi = quantile(means, resamples, (1 + level) / 2);
        }
    }
    free(rows);
    free(groups);
    free(means);
    return s;
}

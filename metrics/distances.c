/*
 * distances.c - d(a,b) = 1 - mean over foreground labels of IoU(a,b), for all pairs of two sets of maps.
 *
 * Every map becomes one bit mask per foreground label; |a and b| is then a population count over 64 pixels at a time, and
 * |a or b| = |a| + |b| - |a and b|. Counts are integers, so the order of pixels means nothing; sums over labels and pairs run in order.
 */
#include "metrics/parts.h"

#include <stdlib.h>

typedef struct masks {
    int n, labels;            /* maps; foreground labels */
    int64_t words;            /* of one mask */
    uint64_t *bit;            /* [n, labels, words] */
    int64_t *area;            /* [n, labels] */
} masks;

static void masks_fini(masks *m)
{
    free(m->bit);
    free(m->area);
}

static ad_status masks_init(ad_error *e, masks *m, int64_t pixels, int classes, int n, const uint8_t *maps)
{
    *m = (masks){ .n = n, .labels = classes - 1, .words = (pixels + 63) / 64 };
    size_t rows = (size_t)n * (size_t)m->labels;
    m->bit = calloc(rows * (size_t)m->words, sizeof *m->bit);
    m->area = calloc(rows, sizeof *m->area);
    if (!m->bit || !m->area) {
        masks_fini(m);
        return AD_FAIL(e, ENOMEM, "distances: no memory for %d maps of %lld pixels", n, (long long)pixels);
    }
    for (int i = 0; i < n; i++)
        for (int64_t p = 0; p < pixels; p++) {
            int label = maps[i * pixels + p];
            if (label < 1 || label >= classes) continue;
            size_t row = (size_t)i * (size_t)m->labels + (size_t)(label - 1);
            m->bit[row * (size_t)m->words + (size_t)(p / 64)] |= UINT64_C(1) << (p % 64);
            m->area[row]++;
        }
    return AD_OK;
}

static double distance(const masks *a, int i, const masks *b, int j)
{
    double iou = 0;
    for (int f = 0; f < a->labels; f++) {
        int64_t row_a = (int64_t)i * a->labels + f, row_b = (int64_t)j * b->labels + f, both = 0;
        const uint64_t *p = a->bit + row_a * a->words, *q = b->bit + row_b * b->words;
        if (a->area[row_a] && b->area[row_b])
            for (int64_t w = 0; w < a->words; w++) both += __builtin_popcountll(p[w] & q[w]);
        int64_t either = a->area[row_a] + b->area[row_b] - both;
        iou += either ? (double)both / (double)either : 1;
    }
    return 1 - iou / a->labels;
}

ad_status ad_distances(ad_error *e, int64_t pixels, int classes, int n_a, const uint8_t *a, int n_b, const uint8_t *b, double *out)
{
    masks ma, mb;
    AD_TRY(masks_init(e, &ma, pixels, classes, n_a, a));
    ad_status s = masks_init(e, &mb, pixels, classes, n_b, b);
    if (s == AD_OK) {
        for (int i = 0; i < n_a; i++)
            for (int j = 0; j < n_b; j++) {
                bool known = a == b && n_a == n_b && j < i;   /* one set with itself: d is symmetric, bit for bit */
                out[(int64_t)i * n_b + j] = known ? out[(int64_t)j * n_b + i] : distance(&ma, i, &mb, j);
            }
        masks_fini(&mb);
    }
    masks_fini(&ma);
    return s;
}

ad_status ad__distance_sum(ad_error *e, int64_t pixels, int classes, int n_a, const uint8_t *a, int n_b, const uint8_t *b, double *sum)
{
    int64_t n = (int64_t)n_a * n_b;
    double *d = malloc((size_t)n * sizeof *d);
    if (!d) return AD_FAIL(e, ENOMEM, "distances: no memory for %lld pairs", (long long)n);
    ad_status s = ad_distances(e, pixels, classes, n_a, a, n_b, b, d);
    *sum = 0;
    for (int64_t i = 0; s == AD_OK && i < n; i++) *sum += d[i];
    free(d);
    return s;
}

ad_status ad__case_sums(ad_error *e, const ad_case *c, ad__sums *sums)
{
    AD_TRY(ad__distance_sum(e, c->pixels, c->classes, c->n_samples, c->samples, c->n_readers, c->readers, &sums->sample_reader));
    AD_TRY(ad__distance_sum(e, c->pixels, c->classes, c->n_samples, c->samples, c->n_samples, c->samples, &sums->sample_sample));
    return ad__distance_sum(e, c->pixels, c->classes, c->n_readers, c->readers, c->n_readers, c->readers, &sums->reader_reader);
}

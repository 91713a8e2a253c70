/* test_metrics.c - scores against hand-made answers, exact identities and plain re-implementations. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "metrics/metrics.h"

static void is_near(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance)) fail_msg("%.17g is not %.17g (tolerance %g)", a, b, tolerance);
}

static double score(const char *name, const ad_case *c)
{
    ad_error e = { 0 };
    double value = -99;
    const ad_metric *m = ad_metric_find(name);
    assert_non_null(m);
    if (ad_score(&e, m, c, &value) != AD_OK) fail_msg("%s", e.message);
    return value;
}

/* Random label maps; about a third of them without foreground. */
static void random_maps(uint64_t key, int n, int64_t pixels, int classes, uint8_t *maps)
{
    for (int i = 0; i < n; i++) {
        double share = ad_uniform(key, 1, 0, (uint64_t)i) < 0.33 ? 0 : 0.5;
        for (int64_t p = 0; p < pixels; p++) {
            double u = ad_uniform(key, 2 + (uint64_t)i, 0, (uint64_t)p);
            maps[i * pixels + p] = u < share ? (uint8_t)(1 + u / share * (classes - 1)) : 0;
        }
    }
}

static void empty_masks_follow_the_rules(void **state)
{
    static const uint8_t none[4] = { 0, 0, 0, 0 }, one[4] = { 1, 0, 0, 0 }, two[4] = { 1, 1, 0, 0 };
    (void)state;
    assert_true(ad_iou(4, none, none, 1) == 1);
    assert_true(ad_iou(4, none, one, 1) == 0);
    assert_true(ad_iou(4, one, none, 1) == 0);
    assert_true(ad_iou(4, one, two, 1) == 0.5);
    assert_true(ad_dice_overlap(4, none, none, 1, AD_DICE_OVERLAP) == 1);
    assert_true(ad_dice_overlap(4, one, none, 1, AD_DICE_OVERLAP) == 0);
    assert_true(ad_dice_overlap(4, none, one, 1, AD_DICE_OVERLAP) == 0);
    is_near(ad_dice_overlap(4, one, two, 1, AD_DICE_OVERLAP), 2.0 / 3, 1e-15);
    assert_true(ad_dice_overlap(4, none, none, 1, AD_DICE_SYNAPSE) == 0);
    assert_true(ad_dice_overlap(4, none, one, 1, AD_DICE_SYNAPSE) == 0);
    assert_true(ad_dice_overlap(4, one, none, 1, AD_DICE_SYNAPSE) == 1);
    is_near(ad_dice_overlap(4, two, one, 1, AD_DICE_SYNAPSE), 2.0 / 3, 1e-15);
}

/* The bit masks against IoU pixel by pixel, at sizes around a multiple of 64. */
static void distances_are_those_of_the_pixels(void **state)
{
    static const int64_t sizes[] = { 1, 63, 64, 65, 200 };
    (void)state;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        for (int classes = 2; classes <= 4; classes++) {
            int64_t pixels = sizes[k];
            uint8_t a[5 * 200], b[3 * 200];
            double d[15];
            ad_error e = { 0 };
            random_maps(ad_key(1, "test", "a"), 5, pixels, classes, a);
            random_maps(ad_key(1, "test", "b"), 3, pixels, classes, b);
            assert_int_equal(ad_distances(&e, pixels, classes, 5, a, 3, b, d), AD_OK);
            for (int i = 0; i < 5; i++)
                for (int j = 0; j < 3; j++) {
                    double iou = 0;
                    for (int label = 1; label < classes; label++) iou += ad_iou(pixels, a + i * pixels, b + j * pixels, label);
                    is_near(d[i * 3 + j], 1 - iou / (classes - 1), 1e-15);
                }
        }
}

/* Samples that are the readers: the published form is 0, the unbiased one -2 mu/(M-1) of the mean distance mu over ordered pairs. */
static void readers_as_samples(void **state)
{
    uint8_t maps[4 * 100];
    (void)state;
    random_maps(ad_key(7, "test", "same"), 4, 100, 3, maps);
    ad_case c = { .pixels = 100, .classes = 3, .n_samples = 4, .n_readers = 4, .samples = maps, .readers = maps };
    double mu = score("reader_distance", &c);
    assert_true(mu > 0.1);
    is_near(score("ged2", &c), 0, 1e-15);
    is_near(score("ged2_unbiased", &c), -2 * mu / 3, 1e-15);
    is_near(score("diversity", &c), mu, 1e-15);
    is_near(score("diversity_distinct", &c), mu * 4 / 3, 1e-15);
    is_near(score("iou", &c), 1 - mu, 1e-15);
    is_near(score("iou_matched", &c), 1, 1e-15);
}

/* Two samples against one reader, worked by hand: d(s1,g) = 0.5, d(s2,g) = 1, d(s1,s2) = 1. */
static void small_case_by_hand(void **state)
{
    static const uint8_t samples[8] = { 1, 0, 0, 0, 0, 0, 1, 1 }, reader[4] = { 1, 1, 0, 0 };
    (void)state;
    ad_case c = { .pixels = 4, .classes = 2, .n_samples = 2, .n_readers = 1, .samples = samples, .readers = reader };
    is_near(score("ged2", &c), 2 * 0.75 - 2 * 1.0 / 4 - 0, 1e-15);
    assert_true(isnan(score("ged2_unbiased", &c)));
    is_near(score("iou", &c), 0.25, 1e-15);
    is_near(score("iou_matched", &c), 0.25, 1e-15);
    is_near(score("dice", &c), (2.0 / 3 + 0) / 2, 1e-15);
    /* Votes 1/2, 0, 1/2, 1/2: ties go to the lower label, so all is background. */
    is_near(score("dice_mean", &c), (2 * 2.0 / (4 + 2) + 0) / 2, 1e-15);
    c.n_samples = 1;
    assert_true(isnan(score("diversity_distinct", &c)));
    assert_true(score("diversity", &c) == 0);
}

/* One sample, p = foreground probability. E_ss = H(p), E_j = -log of the probability of the reader's label: worked in the test. */
static void ncc_of_a_single_sample(void **state)
{
    static const float p[6] = { 0.9f, 0.1f, 0.5f, 0.5f, 0.2f, 0.8f };   /* [3 pixels, 2 classes] */
    static const uint8_t labels[3] = { 0, 0, 1 }, reader[3] = { 0, 1, 1 };
    static const float flat[6] = { 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f };
    (void)state;
    ad_case c = { .pixels = 3, .classes = 2, .n_samples = 1, .n_readers = 1, .samples = labels, .readers = reader, .probabilities = p };
    double a[3], b[3], ma = 0, mb = 0, aa = 0, bb = 0, ab = 0;
    for (int i = 0; i < 3; i++) {
        a[i] = -p[2 * i] * log(p[2 * i] + 1e-8) - p[2 * i + 1] * log(p[2 * i + 1] + 1e-8);
        b[i] = -log(p[2 * i + reader[i]] + 1e-8);
        ma += a[i] / 3;
        mb += b[i] / 3;
    }
    for (int i = 0; i < 3; i++) {
        aa += (a[i] - ma) * (a[i] - ma) / 3;
        bb += (b[i] - mb) * (b[i] - mb) / 3;
        ab += (a[i] - ma) * (b[i] - mb) / 3;
    }
    is_near(score("ncc", &c), ab / sqrt(aa * bb), 1e-12);
    c.probabilities = flat;
    assert_true(isnan(score("ncc", &c)));
}

static double best_by_trying(int n, const double *gain, int row, unsigned used)
{
    double best = row == n ? 0 : -1e9;
    for (int j = 0; row < n && j < n; j++)
        if (!(used >> j & 1)) {
            double sum = gain[row * n + j] + best_by_trying(n, gain, row + 1, used | 1u << j);
            if (sum > best) best = sum;
        }
    return best;
}

static void assignment_is_the_best_of_all(void **state)
{
    (void)state;
    for (int trial = 0; trial < 60; trial++) {
        int n = 1 + trial % 6, column[6];
        double gain[36], sum, check = 0;
        unsigned used = 0;
        ad_error e = { 0 };
        for (int i = 0; i < n * n; i++) {
            gain[i] = ad_uniform(ad_key(3, "test", "gain"), (uint64_t)trial, 0, (uint64_t)i) - 0.3;
            if (trial % 2) gain[i] = floor(gain[i] * 4) / 4;   /* many ties */
        }
        assert_int_equal(ad_assign(&e, n, gain, column, &sum), AD_OK);
        for (int i = 0; i < n; i++) {
            used |= 1u << column[i];
            check += gain[i * n + column[i]];
        }
        assert_int_equal(used, (1u << n) - 1);
        is_near(sum, check, 1e-12);
        is_near(sum, best_by_trying(n, gain, 0, 0), 1e-12);
    }
}

static void uncertainty_is_the_variance_over_its_maximum(void **state)
{
    /* Four samples of three pixels, set in 0, 2 and 3 of them: variances 0, 1/4 and 3/16 in each of the two classes. */
    static const uint8_t samples[12] = { 0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 0, 1 };
    static const double want[3] = { 0, 1, 0.75 };
    double map[3];
    ad_error e = { 0 };
    (void)state;
    ad_case c = { .pixels = 3, .classes = 2, .n_samples = 4, .samples = samples };
    assert_int_equal(ad_uncertainty_map(&e, &c, map), AD_OK);
    for (int i = 0; i < 3; i++) is_near(map[i], want[i], 1e-15);
    c.n_samples = 1;
    assert_int_equal(ad_uncertainty_map(&e, &c, map), AD_OK);
    for (int i = 0; i < 3; i++) assert_true(map[i] == 0);
}

static void summary_leaves_out_and_counts(void **state)
{
    static const double value[6] = { 1, NAN, 3, 5, NAN, 7 };
    static const int64_t patient[6] = { 4, 4, 9, 9, 12, 9 };
    ad_summary s;
    ad_error e = { 0 };
    (void)state;
    assert_int_equal(ad_summarise(&e, 6, value, patient, 0.95, 500, 1, &s), AD_OK);
    is_near(s.mean, 4, 1e-15);
    assert_int_equal(s.n, 4);
    assert_int_equal(s.excluded, 2);
    assert_int_equal(s.patients, 2);
    /* Two patients: a resample has one of three means: 1 (twice the first), 4, 5 (twice the second). */
    is_near(s.lo, 1, 1e-15);
    is_near(s.hi, 5, 1e-15);
    assert_int_equal(ad_summarise(&e, 2, (const double[]){ NAN, NAN }, patient, 0.95, 10, 1, &s), AD_OK);
    assert_true(isnan(s.mean) && isnan(s.lo) && s.n == 0 && s.excluded == 2);
    assert_int_equal(ad_summarise(&e, 6, value, patient, 1.5, 10, 1, &s), AD_EUSAGE);
}

/* 200 patients of one image, standard normal: the interval is close to +-1.96/sqrt(200), and the same whatever the order of rows. */
static void summary_interval_is_that_of_the_mean(void **state)
{
    double value[200], turned[200];
    int64_t patient[200], turned_patient[200];
    ad_summary s, t;
    ad_error e = { 0 };
    (void)state;
    for (int i = 0; i < 200; i++) {
        value[i] = turned[199 - i] = ad_normal(ad_key(5, "test", "normal"), 0, 0, (uint64_t)i);
        patient[i] = turned_patient[199 - i] = 1000 - 3 * i;
    }
    assert_int_equal(ad_summarise(&e, 200, value, patient, 0.95, 2000, 1, &s), AD_OK);
    assert_int_equal(ad_summarise(&e, 200, turned, turned_patient, 0.95, 2000, 1, &t), AD_OK);
    is_near((s.hi - s.lo) / 2, 1.96 / sqrt(200), 0.02);
    assert_true(s.lo == t.lo && s.hi == t.hi && s.mean == t.mean);
    assert_int_equal(ad_summarise(&e, 200, value, patient, 0.95, 2000, 2, &t), AD_OK);
    assert_true(s.lo != t.lo);
}

static void bad_cases_are_refused(void **state)
{
    uint8_t labels[4] = { 0, 1, 2, 0 };
    double value;
    (void)state;
    ad_case c = { .pixels = 4, .classes = 2, .n_samples = 1, .n_readers = 1, .samples = labels, .readers = labels };
    ad_error e = { 0 };
    assert_int_equal(ad_score(&e, ad_metric_find("ged2"), &c, &value), AD_EUSAGE);
    assert_string_equal(e.message, "ged2: samples 0 has label 2 at pixel 2; labels are 0..1");
    ad_error_clear(&e);
    labels[2] = 1;
    assert_int_equal(ad_score(&e, ad_metric_find("ncc"), &c, &value), AD_EUSAGE);
    assert_string_equal(e.message, "ncc: needs the samples' probabilities, not only labels");
    ad_error_clear(&e);
    c.n_readers = 0;
    assert_int_equal(ad_score(&e, ad_metric_find("dice"), &c, &value), AD_EUSAGE);
    assert_string_equal(e.message, "dice: 0 readers; need at least one");
    assert_null(ad_metric_find("gde2"));
}

/* Borders and distances by their definitions, pair by pair. */
static int64_t brute_border(const ad_lattice *g, const uint8_t *map, double (*at)[3])
{
    int64_t count = 0, size[3] = { 1, 1, 1 }, p[3];
    for (int k = 0; k < g->rank; k++) size[3 - g->rank + k] = g->size[k];
    for (p[0] = 0; p[0] < size[0]; p[0]++)
        for (p[1] = 0; p[1] < size[1]; p[1]++)
            for (p[2] = 0; p[2] < size[2]; p[2]++) {
                bool border = false;
                for (int k = 3 - g->rank; k < 3; k++)
                    for (int d = -1; d <= 1; d += 2) {
                        int64_t q[3] = { p[0], p[1], p[2] };
                        q[k] += d;
                        border = border || q[k] < 0 || q[k] >= size[k] || map[(q[0] * size[1] + q[1]) * size[2] + q[2]] != 1;
                    }
                if (map[(p[0] * size[1] + p[1]) * size[2] + p[2]] != 1 || !border) continue;
                for (int k = 0; k < 3; k++) at[count][k] = k < 3 - g->rank ? 0 : (double)p[k] * g->spacing[k - 3 + g->rank];
                count++;
            }
    return count;
}

static double brute_nearest(const double *p, int64_t n, double (*at)[3])
{
    double least = INFINITY;
    for (int64_t i = 0; i < n; i++) {
        double x = p[0] - at[i][0], y = p[1] - at[i][1], z = p[2] - at[i][2];
        least = fmin(least, sqrt(x * x + y * y + z * z));
    }
    return least;
}

static int by_size(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static void borders_are_as_far_as_they_are(void **state)
{
    static const ad_lattice lattices[] = { { 1, { 40 }, { 1 } }, { 2, { 11, 13 }, { 1, 1 } }, { 2, { 13, 7 }, { 0.7, 2.3 } },
                                           { 3, { 5, 6, 7 }, { 2.5, 1, 0.6 } } };
    static double a_at[300][3], b_at[300][3];
    for (int k = 0; k < 4 * 8; k++) {
        const ad_lattice *g = &lattices[k / 8];
        uint8_t a[300], b[300];
        double list[600], sum = 0, from_a = 0;
        int64_t pixels = 1, n = 0;
        ad_surface d;
        ad_error e = { 0 };
        for (int i = 0; i < g->rank; i++) pixels *= g->size[i];
        for (int64_t i = 0; i < pixels; i++) {
            a[i] = ad_uniform(7, (uint64_t)k, 0, (uint64_t)i) < (k % 3 ? 0.8 : 0.05);
            b[i] = ad_uniform(7, (uint64_t)k, 1, (uint64_t)i) < 0.3;
        }
        int64_t in_a = brute_border(g, a, a_at), in_b = brute_border(g, b, b_at);
        for (int64_t i = 0; i < in_a; i++) sum += list[n++] = brute_nearest(a_at[i], in_b, b_at);
        from_a = sum;
        for (int64_t i = 0; i < in_b; i++) sum += list[n++] = brute_nearest(b_at[i], in_a, a_at);
        assert_int_equal(ad_surface_distance(&e, g, a, b, 1, &d), AD_OK);
        if (in_a == 0 || in_b == 0) {
            assert_true(isnan(d.hd) && isnan(d.hd95) && isnan(d.asd) && isnan(d.assd));
            continue;
        }
        qsort(list, (size_t)n, sizeof *list, by_size);
        double place = 0.95 * (double)(n - 1), part = place - floor(place), low = list[(int64_t)place];
        is_near(d.hd, list[n - 1], 1e-12);
        is_near(d.hd95, part > 0 ? low + part * (list[(int64_t)place + 1] - low) : low, 1e-12);
        is_near(d.asd, from_a / (double)in_a, 1e-12);
        is_near(d.assd, sum / (double)n, 1e-12);
    }
}

/* Two pixels three apart; a reader without a mask. */
static void border_scores_follow_their_rules_for_empty_masks(void **state)
{
    static const uint8_t sample[5] = { 1, 0, 0, 0, 0 }, readers[10] = { 0, 0, 0, 1, 0, 0, 0, 0, 0, 0 };
    ad_case c = { .pixels = 5, .classes = 2, .n_samples = 1, .n_readers = 2, .samples = sample, .readers = readers,
                  .lattice = { 1, { 5 }, { 0.5 } } };
    is_near(score("hd95", &c), 1.5, 1e-15);
    is_near(score("hd95_synapse", &c), 0.75, 1e-15);
    c.n_readers = 1;
    c.readers = readers + 5;
    assert_true(isnan(score("hd95", &c)));
    assert_true(score("hd95_synapse", &c) == 0);
    double map[5], value;
    ad_error e = { 0 };
    assert_int_equal(ad_distance_map(&e, &c.lattice, sample, 1, map), AD_OK);
    for (int i = 0; i < 5; i++) is_near(map[i], 0.5 * i, 1e-15);
    assert_int_equal(ad_distance_map(&e, &c.lattice, readers + 5, 1, map), AD_OK);
    assert_true(map[0] == INFINITY);
    c.lattice.size[0] = 4;
    assert_int_equal(ad_score(&e, ad_metric_find("hd95"), &c, &value), AD_EUSAGE);
    c.lattice = (ad_lattice){ 1, { 5 }, { 0 } };
    ad_error_clear(&e);
    assert_int_equal(ad_score(&e, ad_metric_find("hd95"), &c, &value), AD_EUSAGE);
    assert_non_null(strstr(e.message, "spacing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_masks_follow_the_rules), cmocka_unit_test(distances_are_those_of_the_pixels),
        cmocka_unit_test(readers_as_samples), cmocka_unit_test(small_case_by_hand),
        cmocka_unit_test(ncc_of_a_single_sample), cmocka_unit_test(assignment_is_the_best_of_all),
        cmocka_unit_test(uncertainty_is_the_variance_over_its_maximum), cmocka_unit_test(summary_leaves_out_and_counts),
        cmocka_unit_test(summary_interval_is_that_of_the_mean), cmocka_unit_test(bad_cases_are_refused), cmocka_unit_test(borders_are_as_far_as_they_are),
        cmocka_unit_test(border_scores_follow_their_rules_for_empty_masks),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}

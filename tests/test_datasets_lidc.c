/* test_datasets_lidc.c - the LIDC reader: what it gives, what it refuses, and the reference scores of the test crops. */
#include <config.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "datasets/datasets.h"
#include "formats/formats.h"
#include "metrics/metrics.h"

/* ---- small files ---- */

enum { N = 6, READERS = 3, H = 4, W = 5, PIXELS = H * W };

/* What goes into one npz; tests spoil one thing of it. */
typedef struct small {
    uint8_t image[N * PIXELS], masks[N * READERS * PIXELS];
    int32_t patient[N], nodule[N], slice[N];
    ad_array array[5];
} small;

static void small_init(small *s, int first_patient)
{
    for (int i = 0; i < N * PIXELS; i++) s->image[i] = (uint8_t)(i * 3 + first_patient);
    for (int i = 0; i < N * READERS * PIXELS; i++) s->masks[i] = i * 7 % 5 == 0;
    for (int i = 0; i < N; i++) {
        s->patient[i] = first_patient + i / 2;
        s->nodule[i] = i % 2;
        s->slice[i] = 10 + i;
    }
    const ad_array arrays[5] = {
        { .name = "image", .type = AD_ELEMENT_U8, .rank = 3, .dim = { N, H, W }, .data = s->image, .bytes = sizeof s->image },
        { .name = "masks", .type = AD_ELEMENT_U8, .rank = 4, .dim = { N, READERS, H, W }, .data = s->masks, .bytes = sizeof s->masks },
        { .name = "patient", .type = AD_ELEMENT_I32, .rank = 1, .dim = { N }, .data = s->patient, .bytes = sizeof s->patient },
        { .name = "nodule", .type = AD_ELEMENT_I32, .rank = 1, .dim = { N }, .data = s->nodule, .bytes = sizeof s->nodule },
        { .name = "slice", .type = AD_ELEMENT_I32, .rank = 1, .dim = { N }, .data = s->slice, .bytes = sizeof s->slice },
    };
    memcpy(s->array, arrays, sizeof arrays);
}

static char folder[64];

static const char *path_of(const char *split)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/lidc_%s.npz", folder, split);
    return path;
}

static void small_write(const small *s, const char *split, int members)
{
    ad_error e = { 0 };
    if (ad_npz_write(&e, path_of(split), members, s->array, true) != AD_OK) fail_msg("%s", e.message);
}

static int write_all(void **state)
{
    static const char *const splits[] = { "train", "val", "test" };
    for (int i = 0; i < 3; i++) {
        small s;
        small_init(&s, 100 * (i + 1));
        small_write(&s, splits[i], 5);
    }
    return 0;
}

static int make_folder(void **state)
{
    strcpy(folder, "/tmp/adze-lidc-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const splits[] = { "train", "val", "test" };
    for (int i = 0; i < 3; i++) unlink(path_of(splits[i]));
    return rmdir(folder);
}

/* Opening must fail with `want`; the message begins with the file's path and goes on with `message`. */
static void refuse(const char *file, ad_status want, const char *message)
{
    char whole[512];
    ad_error e = { 0 };
    ad_dataset *d = NULL;
    assert_int_equal(ad_dataset_open(&e, "lidc", folder, 0, NULL, &d), want);
    assert_null(d);
    snprintf(whole, sizeof whole, "%s%s", file, message);
    assert_string_equal(e.message, whole);
}

static void good_files_are_read(void **state)
{
    small s;
    ad_error e = { 0 };
    ad_dataset *d = NULL;
    ad_item item;
    int height, width, readers, classes;
    (void)state;
    small_init(&s, 200);
    if (ad_dataset_open(&e, "lidc", folder, 0, NULL, &d) != AD_OK) fail_msg("%s", e.message);
    ad_dataset_size(d, &height, &width, &readers, &classes);
    assert_true(height == H && width == W && readers == READERS && classes == 2);
    assert_int_equal(ad_dataset_count(d, AD_VAL), N);
    assert_int_equal(ad_item_init(&e, &item, d), AD_OK);
    for (int i = 0; i < N; i++) {
        assert_int_equal(ad_dataset_read(&e, d, AD_VAL, i, &item), AD_OK);
        assert_memory_equal(item.image, s.image + i * PIXELS, PIXELS);
        assert_memory_equal(item.masks, s.masks + i * READERS * PIXELS, READERS * PIXELS);
        assert_int_equal(item.patient, s.patient[i]);
    }
    assert_string_equal(item.name, "lidc_0202_n1_s15");
    assert_int_equal(ad_dataset_draw(&e, d, AD_VAL, 0, 0, 1, item.masks), AD_EUSAGE);
    ad_item_fini(&item);
    ad_dataset_free(d);
}

static void one_file_is_split_by_patient(void **state)
{
    ad_error e = { 0 };
    ad_dataset *d = NULL;
    ad_item item;
    int64_t all = 0;
    ad_attr_value half[] = { { .name = "val", .kind = AD_VALUE_FLOAT, .number = 0.3 }, { .name = "test", .kind = AD_VALUE_FLOAT, .number = 0.4 } };
    (void)state;
    if (ad_dataset_open(&e, "lidc", path_of("train"), 2, half, &d) != AD_OK) fail_msg("%s", e.message);
    assert_int_equal(ad_item_init(&e, &item, d), AD_OK);
    for (int split = 0; split < AD_SPLIT_COUNT; split++) {
        all += ad_dataset_count(d, (ad_split)split);
        for (int64_t i = 0; i < ad_dataset_count(d, (ad_split)split); i++) {
            assert_int_equal(ad_dataset_read(&e, d, (ad_split)split, i, &item), AD_OK);
            assert_int_equal(ad_split_of_patient(0, item.patient, 0.3, 0.4), split);
        }
    }
    assert_int_equal(all, N);
    ad_item_fini(&item);
    ad_dataset_free(d);
    half[1].number = 0.8;
    d = NULL;
    assert_int_equal(ad_dataset_open(&e, "lidc", path_of("train"), 2, half, &d), AD_EATTR);
    assert_string_equal(e.message, "lidc: val 0.3 and test 0.8 leave nothing to train on; need a sum below 1");
    assert_null(d);
}

/* Dealt channels are the same masks in another order, the same order for all slices of a nodule. */
static void shuffle_deals_the_channels(void **state)
{
    ad_attr_value shuffle[] = { { .name = "shuffle", .kind = AD_VALUE_BOOL, .number = 1 }, { .name = "seed", .kind = AD_VALUE_INT } };
    small s;
    ad_error e = { 0 };
    ad_item item;
    int moved = 0;
    (void)state;
    small_init(&s, 100);
    for (int seed = 0; seed < 10; seed++) {
        ad_dataset *d = NULL;
        shuffle[1].number = seed;
        if (ad_dataset_open(&e, "lidc", folder, 2, shuffle, &d) != AD_OK) fail_msg("%s", e.message);
        assert_int_equal(ad_item_init(&e, &item, d), AD_OK);
        for (int i = 0; i < N; i++) {
            int used = 0;
            assert_int_equal(ad_dataset_read(&e, d, AD_TRAIN, i, &item), AD_OK);
            for (int k = 0; k < READERS; k++)
                for (int j = 0; j < READERS; j++)
                    if (!memcmp(item.masks + k * PIXELS, s.masks + (i * READERS + j) * PIXELS, PIXELS)) {
                        used |= 1 << j;
                        moved += j != k;
                    }
            assert_int_equal(used, (1 << READERS) - 1);
        }
        ad_item_fini(&item);
        ad_dataset_free(d);
    }
    assert_true(moved > N * 10 / 2);
}

/* ---- spoilt files ---- */

static void missing_file(void **state)
{
    ad_error e = { 0 };
    ad_dataset *d = NULL;
    (void)state;
    unlink(path_of("val"));
    assert_int_equal(ad_dataset_open(&e, "lidc", folder, 0, NULL, &d), AD_EIO);
    assert_non_null(strstr(e.message, path_of("val")));
    assert_null(d);
}

static void truncated_file(void **state)
{
    ad_error e = { 0 };
    ad_dataset *d = NULL;
    (void)state;
    assert_int_equal(truncate(path_of("test"), 700), 0);
    assert_int_equal(ad_dataset_open(&e, "lidc", folder, 0, NULL, &d), AD_EDATA);
    assert_non_null(strstr(e.message, path_of("test")));
    assert_null(d);
}

static void missing_member(void **state)
{
    small s;
    ad_error e = { 0 };
    ad_dataset *d = NULL;
    (void)state;
    small_init(&s, 300);
    small_write(&s, "test", 4);
    assert_int_equal(ad_dataset_open(&e, "lidc", folder, 0, NULL, &d), AD_EDATA);
    assert_non_null(strstr(e.message, path_of("test")));
    assert_non_null(strstr(e.message, "slice"));
    assert_null(d);
}

static void wrong_label(void **state)
{
    small s;
    (void)state;
    small_init(&s, 200);
    s.masks[(2 * READERS + 1) * PIXELS + 3 * W + 4] = 7;
    small_write(&s, "val", 5);
    refuse(path_of("val"), AD_EDATA, ": member 'masks' has the value 7 at [2,1,3,4]; a mask holds 0 and 1");
}

static void wrong_shapes(void **state)
{
    small s;
    (void)state;
    small_init(&s, 200);
    s.array[1].dim[2] = W;
    s.array[1].dim[3] = H;
    small_write(&s, "val", 5);
    refuse(path_of("val"), AD_EDATA, ": member 'masks' is U8 [6,3,5,4]; need [6,M,4,5] as 'image' has it, with 1 to 8 readers M");
    small_init(&s, 200);
    s.array[0].rank = 2;
    s.array[0].dim[0] = N * H;
    s.array[0].dim[1] = W;
    small_write(&s, "val", 5);
    refuse(path_of("val"), AD_EDATA, ": member 'image' is U8 [24,5]; need uint8 [N,H,W]");
    small_init(&s, 200);
    s.array[2].dim[0] = N - 1;
    s.array[2].bytes = (N - 1) * sizeof *s.patient;
    small_write(&s, "val", 5);
    refuse(path_of("val"), AD_EDATA, ": member 'patient' has 5 numbers for 6 images");
}

static void wrong_type(void **state)
{
    static const float image[N * PIXELS];
    small s;
    (void)state;
    small_init(&s, 200);
    s.array[0].type = AD_ELEMENT_F32;
    s.array[0].data = image;
    s.array[0].bytes = sizeof image;
    small_write(&s, "val", 5);
    refuse(path_of("val"), AD_EDATA, ": member 'image' is F32 [6,4,5]; need uint8 [N,H,W]");
}

static void sizes_differ_between_files(void **state)
{
    small s;
    (void)state;
    small_init(&s, 300);
    for (int k = 0; k < 2; k++) {
        s.array[k].dim[1 + k] = W;
        s.array[k].dim[2 + k] = H;
    }
    small_write(&s, "test", 5);
    refuse(path_of("test"), AD_EDATA, ": images of 5x4; the files before it have 4x5");
}

static void patient_in_two_splits(void **state)
{
    small s;
    (void)state;
    small_init(&s, 300);
    s.patient[3] = 102;
    small_write(&s, "test", 5);
    refuse(folder, AD_EDATA, ": patient 102 is in both lidc_train.npz and lidc_test.npz; splits must be disjoint by patient");
    s.patient[3] = -1;
    small_write(&s, "test", 5);
    refuse(path_of("test"), AD_EDATA, ": member 'patient' has -1 at [3]; need numbers from 0");
}

/* ---- the real crops ---- */

typedef struct sums {
    double n, empty, single, readers, majority, all_of_them;
} sums;

static double ged2(int n_samples, const uint8_t *samples, int n_readers, const uint8_t *readers, int64_t pixels)
{
    ad_case c = { .pixels = pixels, .classes = 2, .n_samples = n_samples, .n_readers = n_readers, .samples = samples, .readers = readers };
    ad_error e = { 0 };
    double v = 0;
    if (ad_score(&e, ad_metric_find("ged2"), &c, &v) != AD_OK) fail_msg("%s", e.message);
    return v;
}

/* Reader k against the other three, mean over k. */
static double single_reader(const ad_item *item, int64_t pixels)
{
    uint8_t *others = malloc((size_t)(3 * pixels));
    double sum = 0;
    for (int k = 0; k < 4; k++) {
        for (int j = 0, m = 0; j < 4; j++)
            if (j != k) memcpy(others + m++ * pixels, item->masks + j * pixels, (size_t)pixels);
        sum += ged2(1, item->masks + k * pixels, 3, others, pixels);
    }
    free(others);
    return sum / 4;
}

static void add(sums *s, const sums *v)
{
    s->n++;
    s->empty += v->empty;
    s->single += v->single;
    s->readers += v->readers;
    s->majority += v->majority;
    s->all_of_them += v->all_of_them;
}

static void is(double sum, double n, double want)
{
    if (!(fabs(sum / n - want) < 0.00051)) fail_msg("%.5f, stated %.3f", sum / n, want);
}

/* Figures that are stated for these files, over the 625 crops that somebody marked (one test crop has no mask), and over those whose
 * four masks are all non-empty. */
static void reference_scores(void **state)
{
    enum { P = 128 * 128 };
    const char *shared = getenv("ADZE_SHARED");
    char path[1024];
    ad_error e = { 0 };
    ad_dataset *d = NULL;
    ad_item item;
    sums all = { 0 }, four = { 0 };
    uint8_t *map = malloc((size_t)3 * P), *none = map, *two = map + P, *any = map + 2 * P;
    (void)state;
    if (!shared) {
        free(map);
        skip();
    }
    snprintf(path, sizeof path, "%s/data/lidc-crops", shared);
    if (ad_dataset_open(&e, "lidc", path, 0, NULL, &d) != AD_OK) fail_msg("%s", e.message);
    assert_int_equal(ad_dataset_count(d, AD_TRAIN), 1658);
    assert_int_equal(ad_dataset_count(d, AD_VAL), 305);
    assert_int_equal(ad_dataset_count(d, AD_TEST), 626);
    assert_int_equal(ad_item_init(&e, &item, d), AD_OK);
    memset(none, 0, P);
    for (int64_t i = 0; i < 626; i++) {
        int marked = 0;
        assert_int_equal(ad_dataset_read(&e, d, AD_TEST, i, &item), AD_OK);
        for (int g = 0; g < 4; g++) marked += memchr(item.masks + g * P, 1, P) != NULL;
        for (int p = 0; p < P; p++) {
            int votes = item.masks[p] + item.masks[P + p] + item.masks[2 * P + p] + item.masks[3 * P + p];
            two[p] = votes >= 2;
            any[p] = votes >= 1;
        }
        ad_case c = { .pixels = P, .classes = 2, .n_samples = 1, .n_readers = 4, .samples = none, .readers = item.masks };
        sums v = { .empty = ged2(1, none, 4, item.masks, P), .majority = ged2(1, two, 4, item.masks, P),
                   .all_of_them = ged2(1, any, 4, item.masks, P), .single = single_reader(&item, P) };
        assert_int_equal(ad_score(&e, ad_metric_find("reader_distance"), &c, &v.readers), AD_OK);
        if (marked > 0) add(&all, &v);
        if (marked == 4) add(&four, &v);
    }
    assert_int_equal((int)all.n, 625);
    assert_int_equal((int)four.n, 260);
    is(all.empty, all.n, 1.035);
    is(four.empty, four.n, 1.761);
    is(all.single, all.n, 0.667);
    is(four.single, four.n, 0.425);
    is(all.readers, all.n, 0.375);
    is(four.readers, four.n, 0.239);
    is(all.majority, all.n, 0.252);
    is(four.majority, four.n, 0.157);
    is(all.all_of_them, all.n, 0.565);
    is(four.all_of_them, four.n, 0.308);
    free(map);
    ad_item_fini(&item);
    ad_dataset_free(d);
}

int main(void)
{
#define WITH_FILES(test) cmocka_unit_test_setup(test, write_all)
    const struct CMUnitTest tests[] = {
        WITH_FILES(good_files_are_read), WITH_FILES(one_file_is_split_by_patient), WITH_FILES(shuffle_deals_the_channels),
        WITH_FILES(missing_file), WITH_FILES(truncated_file), WITH_FILES(missing_member), WITH_FILES(wrong_label),
        WITH_FILES(wrong_shapes), WITH_FILES(wrong_type), WITH_FILES(sizes_differ_between_files), WITH_FILES(patient_in_two_splits),
        cmocka_unit_test(reference_scores),
    };
    return cmocka_run_group_tests_name("datasets: lidc", tests, make_folder, remove_folder);
}

/* test_datasets_scene.c - the procedural data set against recorded output, its exact law, and the scores that its definition states. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "datasets/datasets.h"
#include "datasets/scene.h"
#include "formats/formats.h"
#include "metrics/metrics.h"

static void is_near(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance)) fail_msg("%.12g is not %.12g (tolerance %g)", a, b, tolerance);
}

static void stream_starts_as_defined(void **state)
{
    (void)state;
    ad__stream s = ad__stream_new(2024, 0, 0);
    assert_true(ad__stream_next(&s) == UINT64_C(0x9b07fd51bac886bc));
    assert_true(ad__stream_next(&s) == UINT64_C(0x8cf1d79c1795fbe1));
    assert_true(ad__stream_next(&s) == UINT64_C(0x862da3ae4a6906f5));
}

/* ---- recorded output of another implementation ---- */

static ad_npz *golden_open(void)
{
    const char *shared = getenv("ADZE_SHARED");
    char path[1024];
    ad_error e = { 0 };
    ad_npz *npz = NULL;
    if (!shared) return NULL;
    snprintf(path, sizeof path, "%s/data/synthetic-golden/golden.npz", shared);
    if (ad_npz_open(&e, path, &npz) != AD_OK) fail_msg("%s", e.message);
    return npz;
}

static const ad_array *golden(ad_npz *npz, const char *name)
{
    const ad_array *a = NULL;
    ad_error e = { 0 };
    if (ad_npz_find(&e, npz, name, &a) != AD_OK) fail_msg("%s", e.message);
    return a;
}

static double number(const ad_array *a, int64_t i)
{
    switch (a->type) {
    case AD_ELEMENT_F64: return ((const double *)a->data)[i];
    case AD_ELEMENT_F32: return ((const float *)a->data)[i];
    case AD_ELEMENT_I64: return (double)((const int64_t *)a->data)[i];
    case AD_ELEMENT_I32: return ((const int32_t *)a->data)[i];
    default: return ((const uint8_t *)a->data)[i];
    }
}

static void golden_numbers(void **state)
{
    ad_npz *npz = golden_open();
    (void)state;
    if (!npz) skip();
    ad__stream raw = ad__stream_new(2024, 0, 0), uniform = raw, normal = raw;
    for (int i = 0; i < 8; i++) {
        assert_true(ad__stream_next(&raw) == ((const uint64_t *)golden(npz, "raw")->data)[i]);
        assert_true(ad__stream_uniform(&uniform) == number(golden(npz, "uniform"), i));
    }
    for (int i = 0; i < 4; i++) is_near(ad__stream_normal(&normal), number(golden(npz, "normal"), i), 1e-12);
    ad_npz_free(npz);
}

static void golden_scenes(void **state)
{
    ad_npz *npz = golden_open();
    (void)state;
    if (!npz) skip();
    for (int i = 0; i < 12; i++) {
        ad__scene c;
        ad__scene_init(&c, &ad__presets[0], 2024, (uint64_t)i);
        is_near(c.p, number(golden(npz, "p"), i), 1e-12);
        is_near(c.radius, number(golden(npz, "R"), i), 1e-12);
        is_near(c.cx, number(golden(npz, "cx"), i), 1e-12);
        is_near(c.cy, number(golden(npz, "cy"), i), 1e-12);
        assert_int_equal(c.component, (int)number(golden(npz, "comp"), i));
        is_near(c.psi, number(golden(npz, "psi"), i), 1e-12);
        is_near(c.kappa, number(golden(npz, "kap"), i), 1e-12);
        is_near(c.q, number(golden(npz, "q"), i), 1e-12);
        is_near(c.gap, number(golden(npz, "gap"), i), 1e-12);
        for (int k = 2; k <= AD__HARMONICS; k++) {
            is_near(c.a[k], number(golden(npz, "a"), i * 9 + k), 1e-12);
            is_near(c.b[k], number(golden(npz, "b"), i * 9 + k), 1e-12);
        }
    }
    ad_npz_free(npz);
}

static void golden_readers_and_masks(void **state)
{
    ad_npz *npz = golden_open();
    uint8_t mask[AD__SCENE_PIXELS];
    (void)state;
    if (!npz) skip();
    for (int i = 0; i < 48; i++) {
        ad__scene c;
        ad__reader g;
        ad__scene_init(&c, &ad__presets[0], 2024, (uint64_t)(i / 4));
        ad__scene_reader(&c, i % 4, &g);
        assert_int_equal(g.mark, (int)number(golden(npz, "mark"), i));
        assert_int_equal(g.include, (int)number(golden(npz, "inc"), i));
        is_near(g.s, number(golden(npz, "s"), i), 1e-12);
        is_near(g.a[1], number(golden(npz, "a1"), i), 1e-12);
        is_near(g.b[1], number(golden(npz, "b1"), i), 1e-12);
        for (int k = 2; k <= AD__HARMONICS; k++) {
            is_near(g.a[k], number(golden(npz, "ga"), i * 9 + k), 1e-12);
            is_near(g.b[k], number(golden(npz, "gb"), i * 9 + k), 1e-12);
        }
        int other = 0, set = 0;
        ad__scene_mask(&c, &g, mask);
        for (int p = 0; p < AD__SCENE_PIXELS; p++) {
            other += mask[p] != number(golden(npz, "masks"), (int64_t)i * AD__SCENE_PIXELS + p);
            set += mask[p];
        }
        if (other > 1) fail_msg("scene %d reader %d: %d pixels differ", i / 4, i % 4, other);
        assert_int_equal(ad__scene_mask_empty(&c, &g), !set);
    }
    ad_npz_free(npz);
}

static void golden_images(void **state)
{
    ad_npz *npz = golden_open();
    double hu[AD__SCENE_PIXELS];
    uint8_t image[AD__SCENE_PIXELS];
    (void)state;
    if (!npz) skip();
    const ad_array *want = golden(npz, "hu"), *grey = golden(npz, "image");
    for (int i = 0; i < 12; i++) {
        ad__scene c;
        ad__scene_init(&c, &ad__presets[0], 2024, (uint64_t)i);
        ad__scene_hu(&c, false, hu);
        ad__scene_grey(hu, image);
        for (int p = 0; p < AD__SCENE_PIXELS; p++) {
            is_near(hu[p], number(want, (int64_t)i * AD__SCENE_PIXELS + p), 1e-3);
            is_near(image[p], number(grey, (int64_t)i * AD__SCENE_PIXELS + p), 1);
        }
    }
    ad_npz_free(npz);
}

/* ---- the law ---- */

/* Readers of preset "modes" have one of three masks, with probabilities 1-p, p(1-q), pq: compared with 4 standard deviations. */
static void modes_have_their_probabilities(void **state)
{
    enum { SCENES = 60, READERS = 60 };
    double none = 0, side = 0, want_none = 0, want_side = 0, var_none = 0, var_side = 0;
    uint8_t mask[AD__SCENE_PIXELS], body[AD__SCENE_PIXELS], both[AD__SCENE_PIXELS];
    (void)state;
    for (int i = 0; i < SCENES; i++) {
        ad__scene c;
        ad__scene_init(&c, &ad__presets[2], 7, (uint64_t)i);
        assert_true(c.component && c.kappa == 0.9);
        ad__scene_mask(&c, &(ad__reader){ .mark = true }, body);
        ad__scene_mask(&c, &(ad__reader){ .mark = true, .include = true }, both);
        for (int g = 0; g < READERS; g++) {
            ad__reader r;
            ad__scene_reader(&c, 1000 + g, &r);
            ad__scene_mask(&c, &r, mask);
            if (r.mark) assert_memory_equal(mask, r.include ? both : body, sizeof mask);
            none += !r.mark;
            side += r.mark && r.include;
        }
        want_none += READERS * (1 - c.p);
        want_side += READERS * c.p * c.q;
        var_none += READERS * c.p * (1 - c.p);
        var_side += READERS * c.p * c.q * (1 - c.p * c.q);
    }
    is_near(none, want_none, 4 * sqrt(var_none));
    is_near(side, want_side, 4 * sqrt(var_side));
}

static void presets_differ_as_they_should(void **state)
{
    (void)state;
    assert_string_equal(ad__presets[1].name, "easy");
    assert_string_equal(ad__presets[3].name, "styles");
    for (int i = 0; ad__presets[i].name; i++) assert_string_equal(ad__presets[i].name, ad__preset_names[i]);
    for (uint64_t i = 0; i < 50; i++) {
        ad__scene plain, easy, styles;
        ad__reader a, b;
        ad__scene_init(&plain, &ad__presets[0], 1, i);
        ad__scene_init(&easy, &ad__presets[1], 1, i);
        ad__scene_init(&styles, &ad__presets[3], 1, i);
        assert_true(easy.p == 1 && !easy.component && easy.radius >= 5 && easy.radius <= 18);
        for (int g = 0; g < 4; g++) {
            ad__scene_reader(&plain, g, &a);
            ad__scene_reader(&styles, g, &b);
            is_near(b.s - a.s, (g - 1.5) * 0.15, 1e-12);
        }
    }
}

/* Many readers of small lesions: their sizes reach both limits and never pass them. */
static void sizes_stay_within_limits(void **state)
{
    double lo = 0, hi = 0;
    (void)state;
    for (int i = 0; i < 40000; i++) {
        ad__scene c = { .preset = &ad__presets[0], .seed = 5, .index = (uint64_t)(i / 90), .p = 1, .radius = 1.5 };
        ad__reader r;
        ad__scene_reader(&c, i % 90, &r);
        lo = fmin(lo, r.s);
        hi = fmax(hi, r.s);
    }
    assert_true(lo == -1.2 && hi == 0.8);
}

/* ---- scores stated by the definition ---- */

typedef struct scores {
    double perfect, empty, readers, n;
} scores;

static double score(const char *name, const ad_case *c)
{
    ad_error e = { 0 };
    double v = 0;
    if (ad_score(&e, ad_metric_find(name), c, &v) != AD_OK) fail_msg("%s", e.message);
    return v;
}

static void add(scores *s, double perfect, double empty, double readers)
{
    s->perfect += perfect;
    s->empty += empty;
    s->readers += readers;
    s->n++;
}

/* The first 400 curated scenes of seed 2024: the readers are given, so "always empty" and the readers' own distance are numbers and
 * not estimates; the perfect sampler's score has a standard error of about 0.006. */
static void reference_scores(void **state)
{
    enum { SCENES = 400, SAMPLES = 16, P = AD__SCENE_PIXELS };
    static const uint8_t nothing[P];
    ad_attr_value few[] = { { .name = "train", .kind = AD_VALUE_INT, .number = SCENES }, { .name = "val", .kind = AD_VALUE_INT },
                            { .name = "test", .kind = AD_VALUE_INT } };
    scores all = { 0 }, four = { 0 };
    ad_error e = { 0 };
    ad_dataset *d = NULL;
    uint8_t *readers = malloc((size_t)4 * P), *samples = malloc((size_t)SAMPLES * P);
    (void)state;
    if (ad_dataset_open(&e, "synthetic", NULL, 3, few, &d) != AD_OK) fail_msg("%s", e.message);
    assert_int_equal(ad_dataset_count(d, AD_TRAIN), SCENES);
    assert_int_equal(ad_dataset_count(d, AD_TEST), 0);
    for (int i = 0; i < SCENES; i++) {
        assert_int_equal(ad_dataset_draw(&e, d, AD_TRAIN, i, 0, 4, readers), AD_OK);
        assert_int_equal(ad_dataset_draw(&e, d, AD_TRAIN, i, 1000, SAMPLES, samples), AD_OK);
        int marked = 0;
        for (int g = 0; g < 4; g++) marked += memchr(readers + g * P, 1, P) != NULL;
        assert_true(marked > 0);
        ad_case c = { .pixels = P, .classes = 2, .n_samples = SAMPLES, .n_readers = 4, .samples = samples, .readers = readers };
        double perfect = score("ged2", &c), disagree = score("reader_distance", &c);
        c.samples = nothing;
        c.n_samples = 1;
        double empty = score("ged2", &c);
        add(&all, perfect, empty, disagree);
        if (marked == 4) add(&four, perfect, empty, disagree);
    }
    is_near(all.perfect / all.n, 0.129, 0.012);
    is_near(all.empty / all.n, 0.919, 0.0006);
    is_near(all.readers / all.n, 0.379, 0.0006);
    is_near(four.perfect / four.n, 0.129, 0.012);
    is_near(four.empty / four.n, 1.778, 0.0006);
    is_near(four.readers / four.n, 0.222, 0.0006);
    free(readers);
    free(samples);
    ad_dataset_free(d);
}

/* Without curation the perfect sampler's unbiased GED is 0 and its published form mu (1/4 + 1/16), for every scene in expectation. */
static void perfect_sampler_without_curation(void **state)
{
    enum { SCENES = 300, SAMPLES = 16, P = AD__SCENE_PIXELS };
    double unbiased = 0, squares = 0, published = 0, mu = 0;
    uint8_t *maps = malloc((size_t)(SAMPLES + 4) * P);
    (void)state;
    for (uint64_t i = 0; i < SCENES; i++) {
        ad__scene s;
        ad__scene_init(&s, &ad__presets[0], 99, i);
        for (int g = 0; g < SAMPLES + 4; g++) {
            ad__reader r;
            ad__scene_reader(&s, g < SAMPLES ? 1000 + g : g - SAMPLES, &r);
            ad__scene_mask(&s, &r, maps + (size_t)g * P);
        }
        ad_case c = { .pixels = P, .classes = 2, .n_samples = SAMPLES, .n_readers = 4, .samples = maps, .readers = maps + (size_t)SAMPLES * P };
        double u = score("ged2_unbiased", &c);
        unbiased += u / SCENES;
        squares += u * u / SCENES;
        published += score("ged2", &c) / SCENES;
        mu += score("diversity_distinct", &c) / SCENES;
    }
    double error = sqrt(squares / SCENES);
    is_near(unbiased, 0, 4 * error);
    is_near(published, mu * (1.0 / 4 + 1.0 / SAMPLES), 4 * error);
    free(maps);
}

/* ---- as a data set ---- */

static void items_say_what_they_are(void **state)
{
    ad_attr_value few[] = { { .name = "train", .kind = AD_VALUE_INT, .number = 5 }, { .name = "val", .kind = AD_VALUE_INT, .number = 5 },
                            { .name = "test", .kind = AD_VALUE_INT, .number = 5 }, { .name = "abnormal", .kind = AD_VALUE_BOOL, .number = 1 } };
    ad_error e = { 0 };
    ad_dataset *d = NULL, *odd = NULL;
    ad_item a, b;
    int height, width, readers, classes, other = 0;
    (void)state;
    assert_int_equal(ad_dataset_open(&e, "synthetic", NULL, 3, few, &d), AD_OK);
    assert_int_equal(ad_dataset_open(&e, "synthetic", NULL, 4, few, &odd), AD_OK);
    ad_dataset_size(d, &height, &width, &readers, &classes);
    assert_true(height == 128 && width == 128 && readers == 4 && classes == 2);
    assert_int_equal(ad_item_init(&e, &a, d), AD_OK);
    assert_int_equal(ad_item_init(&e, &b, d), AD_OK);
    assert_int_equal(ad_dataset_read(&e, d, AD_TEST, 0, &a), AD_OK);
    assert_int_equal(ad_dataset_read(&e, odd, AD_TEST, 0, &b), AD_OK);
    assert_true(a.patient >= 1 << 29);
    assert_memory_equal(a.name, "synthetic_test_", 15);
    assert_memory_equal(a.masks, b.masks, 4 * AD__SCENE_PIXELS);
    for (int p = 0; p < AD__SCENE_PIXELS; p++) other += a.image[p] != b.image[p];
    assert_true(other > 100);
    assert_int_equal(ad_dataset_read(&e, d, AD_TEST, 5, &a), AD_EUSAGE);
    assert_string_equal(e.message, "synthetic: no item 5 in split 'test', which has 5");
    ad_item_fini(&a);
    ad_item_fini(&b);
    ad_dataset_free(d);
    ad_dataset_free(odd);
}

static void wrong_options_are_refused(void **state)
{
    ad_attr_value wrong = { .name = "preset", .kind = AD_VALUE_TEXT, .text = "lodc" }, unknown = { .name = "sead", .kind = AD_VALUE_INT };
    ad_error e = { 0 };
    ad_dataset *d = NULL;
    (void)state;
    assert_int_equal(ad_dataset_open(&e, "synthetic", NULL, 1, &wrong, &d), AD_EATTR);
    assert_non_null(strstr(e.message, "lodc"));
    ad_error_clear(&e);
    assert_int_equal(ad_dataset_open(&e, "synthetic", NULL, 1, &unknown, &d), AD_EATTR);
    assert_non_null(strstr(e.message, "sead"));
    ad_error_clear(&e);
    assert_int_equal(ad_dataset_open(&e, "synthetic", "here", 0, NULL, &d), AD_EUSAGE);
    ad_error_clear(&e);
    assert_int_equal(ad_dataset_open(&e, "lidk", "here", 0, NULL, &d), AD_EUSAGE);
    assert_string_equal(e.message, "no data set 'lidk'; there are: synthetic, lidc");
    assert_null(d);
}

/* About 28 % of the scenes are marked by none of the four training readers. */
static void keep_empty_keeps_them(void **state)
{
    ad_attr_value keep[] = { { .name = "keep_empty", .kind = AD_VALUE_BOOL, .number = 1 }, { .name = "train", .kind = AD_VALUE_INT, .number = 500 } };
    ad_error e = { 0 };
    ad_dataset *d = NULL;
    uint8_t *masks = malloc((size_t)4 * AD__SCENE_PIXELS);
    int empty = 0;
    (void)state;
    assert_int_equal(ad_dataset_open(&e, "synthetic", NULL, 2, keep, &d), AD_OK);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(ad_dataset_draw(&e, d, AD_TRAIN, i, 0, 4, masks), AD_OK);
        empty += !memchr(masks, 1, (size_t)4 * AD__SCENE_PIXELS);
    }
    is_near(empty / 500.0, 0.28, 0.08);
    free(masks);
    ad_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_starts_as_defined), cmocka_unit_test(golden_numbers), cmocka_unit_test(golden_scenes),
        cmocka_unit_test(golden_readers_and_masks), cmocka_unit_test(golden_images), cmocka_unit_test(modes_have_their_probabilities),
        cmocka_unit_test(presets_differ_as_they_should), cmocka_unit_test(sizes_stay_within_limits),
        cmocka_unit_test(reference_scores), cmocka_unit_test(perfect_sampler_without_curation), cmocka_unit_test(items_say_what_they_are),
        cmocka_unit_test(wrong_options_are_refused), cmocka_unit_test(keep_empty_keeps_them),
    };
    return cmocka_run_group_tests_name("datasets: scenes", tests, NULL, NULL);
}

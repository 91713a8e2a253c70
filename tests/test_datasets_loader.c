/* test_datasets_loader.c - batches: every item once an epoch, the same for any timing and after a resume, views that fit their masks. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "datasets/datasets.h"

static ad_dataset *scenes(int train)
{
    ad_attr_value few[] = { { .name = "train", .kind = AD_VALUE_INT, .number = train }, { .name = "val", .kind = AD_VALUE_INT, .number = 1 },
                            { .name = "test", .kind = AD_VALUE_INT } };
    ad_error e = { 0 };
    ad_dataset *d = NULL;
    if (ad_dataset_open(&e, "synthetic", NULL, 3, few, &d) != AD_OK) fail_msg("%s", e.message);
    return d;
}

static ad_loader *loader(ad_dataset *d, const ad_loader_options *o)
{
    ad_error e = { 0 };
    ad_loader *l = NULL;
    if (ad_loader_new(&e, d, o, &l) != AD_OK) fail_msg("%s", e.message);
    return l;
}

static ad_batch next(ad_loader *l)
{
    ad_error e = { 0 };
    ad_batch b;
    if (ad_loader_next(&e, l, &b) != AD_OK) fail_msg("%s", e.message);
    return b;
}

static void every_epoch_shows_every_item_once(void **state)
{
    ad_dataset *d = scenes(10);
    ad_loader *l = loader(d, &(ad_loader_options){ .batch = 4, .height = 8, .width = 8, .reader = AD_READER_RANDOM, .seed = 3 });
    char names[20][AD_ITEM_NAME];
    bool same_order = true;
    (void)state;
    for (int s = 0; s < 5; s++) {
        ad_batch b = next(l);
        assert_int_equal(b.step, s);
        for (int i = 0; i < 4; i++) memcpy(names[s * 4 + i], b.names[i], AD_ITEM_NAME);
    }
    for (int epoch = 0; epoch < 2; epoch++)
        for (int i = 0; i < 10; i++) {
            same_order = same_order && !strcmp(names[i], names[10 + i]);
            for (int j = 0; j < i; j++) assert_string_not_equal(names[epoch * 10 + i], names[epoch * 10 + j]);
        }
    assert_false(same_order);
    ad_loader_free(l);
    ad_dataset_free(d);
}

static void pause_milliseconds(int ms)
{
    nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000L }, NULL);
}

static void same_batch(const ad_batch *a, const ad_batch *b)
{
    size_t n = (size_t)a->size * (size_t)a->height * (size_t)a->width;
    assert_int_equal(a->step, b->step);
    assert_memory_equal(a->x, b->x, n * sizeof *a->x);
    assert_memory_equal(a->labels, b->labels, n * sizeof *a->labels);
    assert_memory_equal(a->onehot, b->onehot, n * (size_t)a->classes * sizeof *a->onehot);
    assert_memory_equal(a->names, b->names, (size_t)a->size * AD_ITEM_NAME);
    assert_memory_equal(a->reader, b->reader, (size_t)a->size * sizeof *a->reader);
}

/* An unbroken run, one that begins at step 3, and single batches made in this thread; with and without waiting between calls. */
static void batches_are_functions_of_seed_and_step(void **state)
{
    ad_dataset *d = scenes(7);
    ad_loader_options o = { .batch = 3, .height = 64, .width = 64, .reader = AD_READER_RANDOM, .flips = true, .turns = true, .shift = 9, .rotate = 20,
                            .zoom = 1.2, .seed = 11 };
    ad_loader *whole = loader(d, &o), *look = loader(d, &o);
    o.first_step = 3;
    ad_loader *resumed = loader(d, &o);
    o.seed = 12;
    ad_loader *other = loader(d, &o);
    (void)state;
    for (int s = 0; s < 8; s++) {
        ad_batch a = next(whole), b, c;
        ad_error e = { 0 };
        if (s % 3 == 1) pause_milliseconds(20);
        assert_int_equal(ad_loader_at(&e, look, s, &b), AD_OK);
        same_batch(&a, &b);
        if (s < 3) continue;
        c = next(resumed);
        same_batch(&a, &c);
        c = next(other);
        assert_memory_not_equal(a.x, c.x, (size_t)3 * 64 * 64 * sizeof *a.x);
    }
    ad_loader_free(whole);
    ad_loader_free(look);
    ad_loader_free(resumed);
    ad_loader_free(other);
    ad_dataset_free(d);
}

static void values_are_those_of_the_item(void **state)
{
    ad_dataset *d = scenes(3);
    ad_loader *l = loader(d, &(ad_loader_options){ .batch = 3, .height = 64, .width = 32, .reader = 2, .no_shuffle = true });
    ad_batch b = next(l);
    ad_item item;
    ad_error e = { 0 };
    (void)state;
    assert_true(b.size == 3 && b.height == 64 && b.width == 32 && b.classes == 2);
    assert_int_equal(ad_item_init(&e, &item, d), AD_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ad_dataset_read(&e, d, AD_TRAIN, i, &item), AD_OK);
        assert_string_equal(b.names[i], item.name);
        assert_int_equal(b.reader[i], 2);
        for (int r = 0; r < 64; r++)
            for (int c = 0; c < 32; c++) {
                int from = (r + 32) * 128 + c + 48, to = (i * 64 + r) * 32 + c;
                assert_true(fabs(b.x[to] - (item.image[from] / 255.0 - 0.5)) < 1e-6);
                assert_int_equal(b.labels[to], item.masks[2 * 128 * 128 + from]);
                assert_true(b.onehot[2 * to + 1] == (float)b.labels[to] && b.onehot[2 * to] == 1 - (float)b.labels[to]);
            }
    }
    ad_item_fini(&item);
    ad_loader_free(l);
    ad_dataset_free(d);
}

/* Element k of the eight symmetries of the square: transposed if k >= 4, then mirrored in either axis. */
static int symmetry(int k, int n, int r, int c)
{
    int row = k & 1 ? n - 1 - r : r, column = k & 2 ? n - 1 - c : c;
    return k & 4 ? column * n + row : row * n + column;
}

static bool is_view(const ad_batch *b, int i, const float *image, const uint8_t *mask, int k)
{
    int n = b->height;
    for (int r = 0; r < n; r++)
        for (int c = 0; c < n; c++) {
            int from = symmetry(k, n, r, c), to = (i * n + r) * n + c;
            if (b->x[to] != image[from] || b->labels[to] != mask[from] || b->onehot[2 * to + 1] != mask[from]) return false;
        }
    return true;
}

/* All readers mark the lesions of preset "easy". */
static ad_dataset *marked_scene(void)
{
    ad_attr_value easy[] = { { .name = "preset", .kind = AD_VALUE_TEXT, .text = "easy" }, { .name = "train", .kind = AD_VALUE_INT, .number = 1 },
                             { .name = "val", .kind = AD_VALUE_INT }, { .name = "test", .kind = AD_VALUE_INT } };
    ad_error e = { 0 };
    ad_dataset *d = NULL;
    if (ad_dataset_open(&e, "synthetic", NULL, 4, easy, &d) != AD_OK) fail_msg("%s", e.message);
    return d;
}

/* Image and mask of one item: which of the eight symmetries is shown? All come up, about equally often, and each fits the mask. */
static void flips_and_turns_are_the_symmetries_of_the_square(void **state)
{
    enum { N = 32, STEPS = 60, BATCH = 8 };
    ad_dataset *d = marked_scene();
    ad_loader *l = loader(d, &(ad_loader_options){ .batch = BATCH, .height = N, .width = N, .reader = 1, .flips = true, .turns = true });
    ad_item item;
    ad_error e = { 0 };
    float image[N * N];
    uint8_t mask[N * N];
    int seen[8] = { 0 };
    (void)state;
    assert_int_equal(ad_item_init(&e, &item, d), AD_OK);
    assert_int_equal(ad_dataset_read(&e, d, AD_TRAIN, 0, &item), AD_OK);
    ad_fit_image(AD_CROP, &item, N, N, image);
    ad_fit_mask(AD_CROP, &item, 1, N, N, mask);
    for (int k = 1; k < 8; k++) {   /* a symmetric mask would fit more views than its own */
        int other = 0;
        for (int i = 0; i < N * N; i++) other += mask[i] != mask[symmetry(k, N, i / N, i % N)];
        assert_true(other > 0);
    }
    for (int s = 0; s < STEPS; s++) {
        ad_batch b = next(l);
        for (int i = 0; i < BATCH; i++) {
            int k = 0;
            while (k < 8 && !is_view(&b, i, image, mask, k)) k++;
            assert_true(k < 8);
            seen[k]++;
        }
    }
    for (int k = 0; k < 8; k++)   /* five standard deviations */
        if (abs(seen[k] - STEPS * BATCH / 8) > 36) fail_msg("symmetry %d came up %d times", k, seen[k]);
    ad_item_fini(&item);
    ad_loader_free(l);
    ad_dataset_free(d);
}

/* Image and mask are one window of the item, off the middle by at most the shift; every place comes up. */
static void shifted_windows(void **state)
{
    enum { H = 16, W = 24, SHIFT = 2, SIDE = 2 * SHIFT + 1, STEPS = 60, BATCH = 8 };
    ad_dataset *d = marked_scene();
    ad_loader *l = loader(d, &(ad_loader_options){ .batch = BATCH, .height = H, .width = W, .reader = 1, .shift = SHIFT });
    ad_item item;
    ad_error e = { 0 };
    int seen[SIDE * SIDE] = { 0 }, places = 0;
    (void)state;
    assert_int_equal(ad_item_init(&e, &item, d), AD_OK);
    assert_int_equal(ad_dataset_read(&e, d, AD_TRAIN, 0, &item), AD_OK);
    for (int s = 0; s < STEPS; s++) {
        ad_batch b = next(l);
        for (int i = 0; i < BATCH; i++) {
            int fits = 0;
            for (int k = 0; k < SIDE * SIDE; k++) {
                int row = 56 + k / SIDE - SHIFT, column = 52 + k % SIDE - SHIFT, same = 0;
                for (int p = 0; p < H * W; p++) {
                    int from = (row + p / W) * 128 + column + p % W, to = i * H * W + p;
                    same += fabs(b.x[to] - (item.image[from] / 255.0 - 0.5)) < 1e-6 && b.labels[to] == item.masks[128 * 128 + from];
                }
                if (same < H * W) continue;
                seen[k]++;
                fits++;
            }
            assert_int_equal(fits, 1);
        }
    }
    for (int k = 0; k < SIDE * SIDE; k++) places += seen[k] > 0;
    assert_int_equal(places, SIDE * SIDE);
    ad_item_fini(&item);
    ad_loader_free(l);
    ad_dataset_free(d);
}

/* The image and the only reader's mask of an item, seen on a square. */
static void view(ad_fit fit, const ad_item *item, const ad_view *how, int side, float *x, uint8_t *y)
{
    ad_view_image(fit, item, how, side, side, x);
    ad_view_mask(fit, item, 0, how, side, side, y);
}

/* A quarter turn to the left, a zoom by two and a step to the side, of either grid. */
static void views_by_hand(void **state)
{
    enum { N = 8 };
    static const uint8_t mask[N * N] = { [3 * N + 4] = 3, [3 * N + 5] = 3 };
    uint8_t image[N * N], y[N * N];
    float x[N * N];
    ad_item item = { .height = N, .width = N, .image = image, .masks = (uint8_t *)mask };
    (void)state;
    for (int i = 0; i < N * N; i++) image[i] = (uint8_t)(i * 3);
    for (int fit = AD_CROP; fit <= AD_RESIZE; fit++) {
        view((ad_fit)fit, &item, &(ad_view){ .degrees = 90, .zoom = 1 }, N, x, y);
        for (int r = 0; r < N; r++)       /* what was on the right is on top */
            for (int c = 0; c < N; c++) {
                int from = c * N + N - 1 - r;
                assert_true(fabs(x[r * N + c] - (image[from] / 255.0 - 0.5)) < 1e-6);
                assert_int_equal(y[r * N + c], mask[from]);
            }
        view((ad_fit)fit, &item, &(ad_view){ .moved = { 1, -2 }, .zoom = 1 }, N, x, y);
        for (int r = 0; r < N; r++)
            for (int c = 0; c < N; c++) {
                int row = r + 1 < N ? r + 1 : N - 1, column = c > 2 ? c - 2 : 0;
                assert_true(fabs(x[r * N + c] - (image[row * N + column] / 255.0 - 0.5)) < 1e-6);
                assert_int_equal(y[r * N + c], r + 1 < N && c >= 2 ? mask[row * N + column] : 0);
            }
    }
    view(AD_CROP, &item, &(ad_view){ .zoom = 2 }, 4, x, y);      /* pixel (r, c) lies at (2.75 + r / 2, 2.75 + c / 2) */
    for (int r = 0; r < 4; r++)
        for (int c = 0; c < 4; c++) {
            assert_true(fabs(x[r * 4 + c] - (3 * ((2.75 + 0.5 * r) * N + 2.75 + 0.5 * c) / 255 - 0.5)) < 1e-6);
            assert_int_equal(y[r * 4 + c], r <= 1 && c >= 2 ? 3 : 0);
        }
}

static void random_readers_are_drawn_evenly(void **state)
{
    ad_dataset *d = scenes(2);
    ad_loader *l = loader(d, &(ad_loader_options){ .batch = 100, .height = 4, .width = 4, .reader = AD_READER_RANDOM });
    int seen[4] = { 0 };
    (void)state;
    for (int s = 0; s < 8; s++) {
        ad_batch b = next(l);
        for (int i = 0; i < 100; i++) seen[b.reader[i]]++;
    }
    for (int k = 0; k < 4; k++)
        if (abs(seen[k] - 200) > 60) fail_msg("reader %d came up %d times of 800", k, seen[k]);
    ad_loader_free(l);
    ad_dataset_free(d);
}

/* The mean of all readers has the share of each class; its labels are what most drew, the smaller class where they are even. */
static void all_readers_at_once(void **state)
{
    enum { N = 64, PIXELS = N * N };
    ad_dataset *d = scenes(2);
    ad_loader_options o = { .batch = 2, .height = N, .width = N, .turns = true, .flips = true, .zoom = 1.5, .reader = AD_READER_MEAN };
    ad_loader *mean = loader(d, &o);
    ad_batch m = next(mean);
    float sum[2 * PIXELS * 2] = { 0 };
    (void)state;
    for (o.reader = 0; o.reader < 4; o.reader++) {
        ad_loader *one = loader(d, &o);
        ad_batch b = next(one);
        assert_memory_equal(m.x, b.x, 2 * PIXELS * sizeof *m.x);
        for (int i = 0; i < 2 * PIXELS * 2; i++) sum[i] += b.onehot[i] / 4;
        ad_loader_free(one);
    }
    int between = 0;
    for (int i = 0; i < 2 * PIXELS; i++) {
        assert_true(m.onehot[2 * i] == sum[2 * i] && m.onehot[2 * i + 1] == sum[2 * i + 1]);
        assert_int_equal(m.labels[i], sum[2 * i + 1] > 0.5f);
        between += sum[2 * i] > 0 && sum[2 * i] < 1;
    }
    assert_true(between > 0 && m.reader[0] == AD_READER_MEAN);
    ad_loader_free(mean);
    ad_dataset_free(d);
}

static void refuse(ad_dataset *d, ad_loader_options o, ad_status want, const char *message)
{
    ad_error e = { 0 };
    ad_loader *l = NULL;
    assert_int_equal(ad_loader_new(&e, d, &o, &l), want);
    assert_string_equal(e.message, message);
    assert_null(l);
}

static void wrong_options_are_refused(void **state)
{
    ad_dataset *d = scenes(2);
    (void)state;
    refuse(d, (ad_loader_options){ .batch = 0 }, AD_EUSAGE, "loader: batch 0; need at least 1");
    refuse(d, (ad_loader_options){ .batch = 1, .reader = 4 }, AD_EUSAGE, "loader: reader 4; need one of 0..3, -1 for a random one or -2 for the mean of all");
    refuse(d, (ad_loader_options){ .batch = 1, .split = AD_TEST }, AD_EDATA, "loader: split 'test' of 'synthetic' has no items");
    refuse(d, (ad_loader_options){ .batch = 1, .first_step = -2 }, AD_EUSAGE, "loader: first step -2; steps begin at 0");
    refuse(d, (ad_loader_options){ .batch = 1, .height = 224, .width = 224 }, AD_EUSAGE,
           "a crop of 224x224 does not fit into images of 128x128; take a smaller input or fit 'resize'");
    refuse(d, (ad_loader_options){ .batch = 1, .zoom = 0.5 }, AD_EUSAGE,
           "loader: shift 0, rotate 0, zoom 0.5; need a shift of at least 0, an angle of 0..180 degrees and a zoom of 1..16");
    ad_dataset_free(d);
}

/* ---- grids ---- */

static void crop_and_back(void **state)
{
    float p[2 * 2 * 2] = { 0.9f, 0.1f, 0.2f, 0.8f, 0.5f, 0.5f, 0.3f, 0.7f }, back[4 * 5 * 2];
    static const uint8_t labels[4] = { 1, 2, 3, 4 };
    uint8_t out[20];
    (void)state;
    ad_unfit_labels(AD_CROP, 2, 2, labels, 4, 5, out);
    static const uint8_t want[20] = { 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0, 0 };
    assert_memory_equal(out, want, 20);
    ad_unfit_probabilities(AD_CROP, 2, 2, 2, p, 4, 5, back);
    for (int i = 0; i < 20; i++) {
        bool in = want[i] > 0;
        assert_true(back[2 * i] == (in ? p[2 * (want[i] - 1)] : 1) && back[2 * i + 1] == (in ? p[2 * (want[i] - 1) + 1] : 0));
    }
}

/* A linear ramp stays linear under bilinear scaling except where the edge repeats; equal sizes change nothing. */
static void resize_is_bilinear(void **state)
{
    uint8_t image[16], mask[16] = { 0 };
    float x[16 * 16], probabilities[4 * 4 * 2], back[8 * 8 * 2];
    (void)state;
    for (int i = 0; i < 16; i++) image[i] = (uint8_t)(i % 4 * 40 + i / 4 * 10);
    ad_item item = { .height = 4, .width = 4, .readers = 1, .image = image, .masks = mask };
    ad_fit_image(AD_RESIZE, &item, 4, 4, x);
    for (int i = 0; i < 16; i++) assert_true(fabs(x[i] - (image[i] / 255.0 - 0.5)) < 1e-6);
    ad_fit_image(AD_RESIZE, &item, 16, 16, x);
    for (int r = 0; r < 16; r++)
        for (int c = 0; c < 16; c++) {
            double row = fmin(fmax((r + 0.5) / 4 - 0.5, 0), 3), column = fmin(fmax((c + 0.5) / 4 - 0.5, 0), 3);
            assert_true(fabs(x[r * 16 + c] - ((column * 40 + row * 10) / 255.0 - 0.5)) < 1e-6);
        }
    for (int i = 0; i < 16; i++) {
        probabilities[2 * i + 1] = (float)(i % 4) / 4;
        probabilities[2 * i] = 1 - probabilities[2 * i + 1];
    }
    ad_unfit_probabilities(AD_RESIZE, 4, 4, 2, probabilities, 8, 8, back);
    for (int i = 0; i < 64; i++) {
        double column = fmin(fmax((i % 8 + 0.5) / 2 - 0.5, 0), 3);
        assert_true(fabs(back[2 * i + 1] - column / 4) < 1e-6 && fabs(back[2 * i] + back[2 * i + 1] - 1) < 1e-6);
    }
}

/* Labels up by a whole factor and back are the same; down they take the pixel at the centre. */
static void labels_resize_by_the_nearest_pixel(void **state)
{
    uint8_t mask[16], up[144], back[16];
    (void)state;
    for (int i = 0; i < 16; i++) mask[i] = (uint8_t)(i * 7 % 3);
    ad_item item = { .height = 4, .width = 4, .readers = 1, .masks = mask };
    ad_fit_mask(AD_RESIZE, &item, 0, 12, 12, up);
    for (int r = 0; r < 12; r++)
        for (int c = 0; c < 12; c++) assert_int_equal(up[r * 12 + c], mask[r / 3 * 4 + c / 3]);
    ad_unfit_labels(AD_RESIZE, 12, 12, up, 4, 4, back);
    assert_memory_equal(back, mask, 16);
}

/* ---- splits ---- */

static void patients_are_split_by_hash(void **state)
{
    int count[AD_SPLIT_COUNT] = { 0 }, moved = 0;
    ad_split s;
    ad_error e = { 0 };
    (void)state;
    for (int64_t p = 0; p < 3000; p++) {
        count[ad_split_of_patient(1, p, 0.16, 0.2)]++;
        moved += ad_split_of_patient(1, p, 0.16, 0.2) != ad_split_of_patient(2, p, 0.16, 0.2);
    }
    assert_true(abs(count[AD_TEST] - 600) < 4 * 22 && abs(count[AD_VAL] - 480) < 4 * 20 && moved > 500);
    assert_int_equal(ad_split_parse(&e, "val", &s), AD_OK);
    assert_int_equal(s, AD_VAL);
    assert_int_equal(ad_split_parse(&e, "valid", &s), AD_EUSAGE);
    assert_string_equal(e.message, "no split 'valid'; splits are train, val and test");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_epoch_shows_every_item_once), cmocka_unit_test(batches_are_functions_of_seed_and_step),
        cmocka_unit_test(values_are_those_of_the_item), cmocka_unit_test(flips_and_turns_are_the_symmetries_of_the_square),
        cmocka_unit_test(shifted_windows), cmocka_unit_test(views_by_hand), cmocka_unit_test(all_readers_at_once),
        cmocka_unit_test(random_readers_are_drawn_evenly), cmocka_unit_test(wrong_options_are_refused), cmocka_unit_test(crop_and_back),
        cmocka_unit_test(resize_is_bilinear), cmocka_unit_test(labels_resize_by_the_nearest_pixel),
        cmocka_unit_test(patients_are_split_by_hash),
    };
    return cmocka_run_group_tests_name("datasets: loader", tests, NULL, NULL);
}

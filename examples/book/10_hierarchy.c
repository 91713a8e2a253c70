/*
 * 10_hierarchy - trains a model file from C and asks it who drew the outline: MODEL.yaml RUN STEPS [SHEET.png].
 *
 * The scenes come from a known law: a reader marks the lesion with one probability, and of those who do, some include a side
 * lobe. So the model's distribution can be held against the true one, pixel by pixel: how often is a pixel marked by fifty
 * readers, and by fifty samples?
 */
#include <adze/adze.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 50, SIZE = 32, ZOOM = 5, GAP = 4, TILES = 11, FULL = 128, BACK = (FULL - SIZE) / 2 };

/* Prints the terms of the loss at steps 1, 3, 9, 27, .. and at the end. */
static void tell(void *arg, const ad_event *e)
{
    int64_t *next = arg;
    if (e->kind != AD_EVENT_STEP || (e->step < *next && e->step != e->steps)) return;
    printf("step %4lld:", (long long)e->step);
    for (int i = 0; i < e->n_terms; i++)
        if (strncmp(e->terms[i].name, "rec", 3) == 0 || strncmp(e->terms[i].name, "kl", 2) == 0 || strcmp(e->terms[i].name, "multiplier") == 0)
            printf("  %s %.*f", e->terms[i].name, strcmp(e->terms[i].name, "multiplier") == 0 ? 2 : 1, e->terms[i].value);
    printf("\n");
    *next *= 3;
}

/* In how many of the masks each pixel of the central window is marked. */
static void count(const uint8_t *masks, int *marked)
{
    for (int i = 0; i < SIZE * SIZE; i++) {
        marked[i] = 0;
        for (int k = 0; k < DRAWS; k++) marked[i] += masks[(k * FULL + BACK + i / SIZE) * FULL + BACK + i % SIZE] == 1;
    }
}

static double correlation(const int *a, const int *b)
{
    double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < SIZE * SIZE; i++) ma += (double)a[i] / (SIZE * SIZE), mb += (double)b[i] / (SIZE * SIZE);
    for (int i = 0; i < SIZE * SIZE; i++) ab += (a[i] - ma) * (b[i] - mb), aa += (a[i] - ma) * (a[i] - ma), bb += (b[i] - mb) * (b[i] - mb);
    return ab / sqrt(aa * bb);
}

static char sign(int marked) { return 20 * marked < DRAWS ? '.' : 20 * marked > 19 * DRAWS ? '#' : (char)('0' + 10 * marked / DRAWS); }

static void print_maps(const int *readers, const int *samples)
{
    for (int y = 6; y < SIZE - 6; y++) {
        for (int x = 4; x < SIZE - 4; x++) printf("%c", sign(readers[y * SIZE + x]));
        printf("    ");
        for (int x = 4; x < SIZE - 4; x++) printf("%c", sign(samples[y * SIZE + x]));
        printf("\n");
    }
}

/* One tile of the sheet: grey(i) of each pixel, enlarged. */
static void tile(ad_image *sheet, int place, const uint8_t *grey)
{
    for (int y = 0; y < SIZE * ZOOM; y++)
        for (int x = 0; x < SIZE * ZOOM; x++)
            sheet->data[y * sheet->width + place * (SIZE * ZOOM + GAP) + x] = grey[y / ZOOM * SIZE + x / ZOOM];
}

/* The image, how often readers and samples mark each pixel, then eight samples. */
static ad_status write_sheet(ad_error *e, const char *path, const ad_item *item, const int *readers, const int *samples, const uint8_t *masks)
{
    enum { WIDTH = TILES * (SIZE * ZOOM + GAP) - GAP, HEIGHT = SIZE * ZOOM };
    static uint8_t pixels[WIDTH * HEIGHT];
    uint8_t grey[SIZE * SIZE];
    memset(pixels, 255, sizeof pixels);
    ad_image sheet = { .height = HEIGHT, .width = WIDTH, .channels = 1, .data = pixels };
    for (int t = 0; t < TILES; t++) {
        for (int i = 0; i < SIZE * SIZE; i++) {
            int at = (BACK + i / SIZE) * FULL + BACK + i % SIZE;
            grey[i] = t == 0 ? item->image[at] : (uint8_t)(t == 1 ? readers[i] * 255 / DRAWS : t == 2 ? samples[i] * 255 / DRAWS
                                                                                    : masks[(size_t)(t - 3) * FULL * FULL + (size_t)at] * 255);
        }
        tile(&sheet, t, grey);
    }
    return ad_png_write(e, path, &sheet);
}

/* How well the two maps agree over the first scenes of the test set; of scene `shown` the maps themselves. */
static ad_status look(ad_ctx *ctx, const char *run, int scenes, int shown, const char *sheet)
{
    static uint8_t drawn[DRAWS * FULL * FULL], true_law[DRAWS * FULL * FULL];
    int readers[SIZE * SIZE], samples[SIZE * SIZE];
    double sum = 0;
    ad_error *e = ad_ctx_error(ctx);
    ad_trained *r;
    ad_dataset *data;
    ad_item item;
    AD_TRY(ad_trained_open(ctx, run, NULL, NULL, &r));
    AD_TRY(ad_trained_data(r, &data));
    AD_TRY(ad_item_init(e, &item, data));
    for (int n = 0; n <= scenes; n++) {
        int i = n < scenes ? n : shown;
        AD_TRY(ad_dataset_read(e, data, AD_TEST, i, &item));
        AD_TRY(ad_dataset_draw(e, data, AD_TEST, i, 1000, DRAWS, true_law));
        AD_TRY(ad_draw(r, &item, (uint64_t)i, DRAWS, drawn, NULL));
        count(true_law, readers);
        count(drawn, samples);
        if (n < scenes) sum += correlation(readers, samples) / scenes;
        if (i != shown) continue;
        printf("\nscene %d: tenths of fifty readers (left) and of fifty samples (right) that mark a pixel; # all, . none:\n", i);
        print_maps(readers, samples);
        if (sheet) AD_TRY(write_sheet(e, sheet, &item, readers, samples, drawn));
    }
    printf("\ncorrelation of the two maps, mean of the first %d scenes: %.1f\n", scenes, sum);
    ad_item_fini(&item);
    ad_trained_free(r);
    return AD_OK;
}

static ad_status train(ad_ctx *ctx, const char *model, const char *run, const char *steps)
{
    char set_steps[48];
    snprintf(set_steps, sizeof set_steps, "train.steps=%s", steps);
    const char *const set[] = { "data.set=synthetic", "data.options=preset=modes", "train.lr=3e-3", "train.schedule.lr=cosine(steps, end=0.05)", set_steps };
    const ad_experiment_options options = { .n_set = 5, .set = set };
    int64_t next = 1;
    ad_diagnostics *d = ad_diagnostics_new();
    ad_experiment *x;
    ad_trained_info info;
    ad_status s = ad_experiment_single(ctx, model, &options, d, &x);
    if (s != AD_OK) fprintf(stderr, "%s", ad_diagnostics_text(d, false));
    AD_TRY(s);
    AD_TRY(ad_train(x, 0, run, &(ad_train_options){ .watch = { .tell = tell, .arg = &next } }, &info));
    ad_experiment_free(x);
    ad_diagnostics_free(d);
    return AD_OK;
}

int main(int argc, char **argv)
{
    if (argc < 4) return fprintf(stderr, "usage: 10_hierarchy MODEL.yaml RUN STEPS [SHEET.png]\n"), 2;
    ad_ctx *ctx = ad_new(NULL);
    ad_status s = train(ctx, argv[1], argv[2], argv[3]);
    if (s == AD_OK) s = look(ctx, argv[2], 8, 63, argc > 4 ? argv[4] : NULL);
    if (s != AD_OK) fprintf(stderr, "%s\n", ad_ctx_message(ctx));
    ad_ctx_free(ctx);
    return s != AD_OK;
}

/*
 * make_crops.c - a small folder of crops for tests/runs.sh: make_crops DIR [label | shape]. Three files of four 64x64 crops with a disc
 * that four readers outline by different radii; the words spoil one label, or the shape of the masks, of the test file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/formats.h"

#define N 4
#define READERS 4
#define SIDE 64

static uint8_t image[N][SIDE][SIDE], masks[N][READERS][SIDE][SIDE];
static int32_t patient[N], nodule[N], slice[N];

static void draw(int first)
{
    for (int n = 0; n < N; n++) {
        patient[n] = first + n / 2;
        slice[n] = n;
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                int d = (y - 30) * (y - 30) + (x - 28 - n) * (x - 28 - n);
                image[n][y][x] = (uint8_t)(d < 144 ? 200 : 40 + (x * y + n) % 17);
                for (int r = 0; r < READERS; r++) masks[n][r][y][x] = d < 90 + 30 * r;
            }
    }
}

static ad_status write_split(ad_error *e, const char *dir, const char *split, const char *spoil)
{
    char path[1024];
    ad_array a[] = {
        { .name = "image", .type = AD_ELEMENT_U8, .rank = 3, .dim = { N, SIDE, SIDE }, .data = image, .bytes = sizeof image },
        { .name = "masks", .type = AD_ELEMENT_U8, .rank = 4, .dim = { N, READERS, SIDE, SIDE }, .data = masks, .bytes = sizeof masks },
        { .name = "patient", .type = AD_ELEMENT_I32, .rank = 1, .dim = { N }, .data = patient, .bytes = sizeof patient },
        { .name = "nodule", .type = AD_ELEMENT_I32, .rank = 1, .dim = { N }, .data = nodule, .bytes = sizeof nodule },
        { .name = "slice", .type = AD_ELEMENT_I32, .rank = 1, .dim = { N }, .data = slice, .bytes = sizeof slice },
    };
    if (strcmp(spoil, "label") == 0) masks[1][2][3][4] = 7;
    if (strcmp(spoil, "shape") == 0) {
        a[1].dim[2] = 2 * SIDE;
        a[1].dim[3] = SIDE / 2;
    }
    snprintf(path, sizeof path, "%s/lidc_%s.npz", dir, split);
    return ad_npz_write(e, path, 5, a, true);
}

int main(int argc, char **argv)
{
    static const char *const splits[] = { "train", "val", "test" };
    ad_error e = { 0 };
    for (int i = 0; argc > 1 && i < 3 && e.status == AD_OK; i++) {
        draw(10 * (i + 1));
        if (write_split(&e, argv[1], splits[i], i == 2 && argc > 2 ? argv[2] : "") != AD_OK) fprintf(stderr, "%s\n", e.message);
    }
    return argc < 2 || e.status != AD_OK;
}

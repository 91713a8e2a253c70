/*
 * synthetic.c - the default data set: procedural scenes, four readers each, a known distribution of masks.
 *
 * Splits are ranges of scene indices: train from 0, val from 2^28, test from 2^29. As crops exist only where somebody marked something,
 * scenes whose four masks are all empty are skipped unless `keep_empty`; the indices that remain are found at opening.
 */
#include <stdio.h>
#include <stdlib.h>

#include "datasets/datasets.h"
#include "datasets/scene.h"

typedef struct options {
    int preset;
    int64_t seed, train, val, test;
    bool keep_empty, abnormal;
} options;

static const ad_attr schema[] = {
    { "preset", AD_ATTR_ENUM, offsetof(options, preset), 0, 0, 0,
      "lidc: like LIDC; easy: outline noise only; modes: at most three masks a scene; styles: readers with a bias in size", ad__preset_names },
    { "seed", AD_ATTR_INT, offsetof(options, seed), 2024, 0, 9007199254740991.0, "every scene is a function of it and of its index" },
    { "train", AD_ATTR_INT, offsetof(options, train), 1600, 0, 16777216, "scenes to train on" },
    { "val", AD_ATTR_INT, offsetof(options, val), 300, 0, 16777216, "scenes to validate on" },
    { "test", AD_ATTR_INT, offsetof(options, test), 600, 0, 16777216, "scenes to test on" },
    { "keep_empty", AD_ATTR_BOOL, offsetof(options, keep_empty), 0, 0, 0, "keep scenes that none of the four readers marks" },
    { "abnormal", AD_ATTR_BOOL, offsetof(options, abnormal), 0, 0, 0, "add a bright disc that nobody outlines (out-of-distribution tests)" },
    { 0 }
};

typedef struct state {
    options o;
    uint32_t *index[AD_SPLIT_COUNT];    /* scene index of each item, counted from the start of the split's range */
    int64_t count[AD_SPLIT_COUNT];
} state;

static const uint64_t first_index[AD_SPLIT_COUNT] = { 0, UINT64_C(1) << 28, UINT64_C(1) << 29 };

static void close(void *p)
{
    state *s = p;
    for (int i = 0; i < AD_SPLIT_COUNT; i++) free(s->index[i]);
    free(s);
}

static bool somebody_marks(const ad__scene *c)
{
    for (int g = 0; g < AD__SCENE_READERS; g++) {
        ad__reader reader;
        ad__scene_reader(c, g, &reader);
        if (!ad__scene_mask_empty(c, &reader)) return true;
    }
    return false;
}

static ad_status choose(ad_error *e, state *s, ad_split split)
{
    int64_t n = s->count[split];
    uint32_t *index = s->index[split] = malloc((size_t)(n + 1) * sizeof *index);
    if (!index) return AD_FAIL(e, ENOMEM, "synthetic: no memory for %lld scenes", (long long)n);
    uint32_t scene = 0;
    for (int64_t i = 0; i < n; scene++) {
        ad__scene c;
        ad__scene_init(&c, &ad__presets[s->o.preset], (uint64_t)s->o.seed, first_index[split] + scene);
        if (s->o.keep_empty || somebody_marks(&c)) index[i++] = scene;
    }
    return AD_OK;
}

static ad_status open(ad_error *e, const char *folder, const void *given, void **out)
{
    state *s = calloc(1, sizeof *s);
    if (!s) return AD_FAIL(e, ENOMEM, "synthetic: no memory");
    s->o = *(const options *)given;
    s->count[AD_TRAIN] = s->o.train;
    s->count[AD_VAL] = s->o.val;
    s->count[AD_TEST] = s->o.test;
    for (int i = 0; i < AD_SPLIT_COUNT; i++) {
        ad_status status = choose(e, s, (ad_split)i);
        if (status == AD_OK) continue;
        close(s);
        return status;
    }
    *out = s;
    return AD_OK;
}

static void size(const void *p, int *height, int *width, int *readers, int *classes)
{
    *height = *width = AD__SCENE_SIZE;
    *readers = AD__SCENE_READERS;
    *classes = 2;
}

static int64_t count(const void *p, ad_split split)
{
    return ((const state *)p)->count[split];
}

static void scene_of(const state *s, ad_split split, int64_t i, ad__scene *c)
{
    ad__scene_init(c, &ad__presets[s->o.preset], (uint64_t)s->o.seed, first_index[split] + s->index[split][i]);
}

static void masks_of(const ad__scene *c, int first, int n, uint8_t *masks)
{
    for (int k = 0; k < n; k++) {
        ad__reader reader;
        ad__scene_reader(c, first + k, &reader);
        ad__scene_mask(c, &reader, masks + (size_t)k * AD__SCENE_PIXELS);
    }
}

static ad_status read(ad_error *e, void *p, ad_split split, int64_t i, ad_item *item)
{
    const state *s = p;
    double hu[AD__SCENE_PIXELS];
    ad__scene c;
    scene_of(s, split, i, &c);
    ad__scene_hu(&c, s->o.abnormal, hu);
    ad__scene_grey(hu, item->image);
    masks_of(&c, 0, AD__SCENE_READERS, item->masks);
    item->patient = (int64_t)c.index;
    snprintf(item->name, sizeof item->name, "synthetic_%s_%lu", ad_split_name(split), (unsigned long)s->index[split][i]);
    return AD_OK;
}

static ad_status draw(ad_error *e, void *p, ad_split split, int64_t i, int first, int n, uint8_t *masks)
{
    ad__scene c;
    if (first < 0 || n < 0) return AD_FAIL(e, EUSAGE, "synthetic: readers %d.. (%d of them); need numbers from 0", first, n);
    scene_of(p, split, i, &c);
    masks_of(&c, first, n, masks);
    return AD_OK;
}

const ad_source ad_source_synthetic = {
    .name = "synthetic", .doc = "procedural lung-CT-like scenes with a known distribution of masks, calibrated to LIDC",
    .options = schema, .options_size = sizeof(options),
    .open = open, .close = close, .size = size, .count = count, .read = read, .draw = draw,
};

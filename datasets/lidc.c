/*
 * lidc.c - LIDC-IDRI crops with the masks of several readers, from npz files.
 *
 * A folder with lidc_train.npz, lidc_val.npz and lidc_test.npz, disjoint by patient; or one file NAME.npz, which is split here by a hash
 * of the patient. Members: image uint8 [N,H,W]; masks uint8 [N,M,H,W] of 0 and 1; patient, nodule, slice: integers [N]. Everything
 * is read and checked at opening, so that a run cannot meet a bad crop after hours. A pixel's masks are kept as bits of one byte.
 *
 * Channel k of the masks is the k-th reading of a nodule, not a fixed radiologist, and where fewer than M readers marked it the last
 * channels are empty: channel 0 looks like somebody who nearly always marks something. `shuffle` deals the channels anew for every
 * nodule; training on one fixed reader needs it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/datasets.h"
#include "formats/formats.h"

enum { MOST_READERS = 8 };   /* bits of a byte */

typedef struct options {
    bool shuffle;
    int64_t seed;
    double val, test;
} options;

static const ad_attr schema[] = {
    { "shuffle", AD_ATTR_BOOL, offsetof(options, shuffle), 0, 0, 0, "deal the masks' channels anew for every nodule" },
    { "seed", AD_ATTR_INT, offsetof(options, seed), 0, 0, 9007199254740991.0, "of the shuffle, and of the split of a single file" },
    { "val", AD_ATTR_FLOAT, offsetof(options, val), 0.16, 0, 1, "of a single file: share of the patients to validate on" },
    { "test", AD_ATTR_FLOAT, offsetof(options, test), 0.2, 0, 1, "of a single file: share of the patients to test on" },
    { 0 }
};

/* One file: `count` crops. */
typedef struct part {
    int64_t count;
    uint8_t *image;                      /* [count, height, width] */
    uint8_t *masks;                      /* [count, height, width]: bit k is reader k */
    int64_t *patient, *nodule, *slice;   /* [count] */
} part;

typedef struct state {
    options o;
    int height, width, readers;          /* 0 until the first file is read */
    int parts;
    part part[AD_SPLIT_COUNT];
    int64_t *item[AD_SPLIT_COUNT];       /* of a single file: the split's crops; NULL: all of part[split] */
    int64_t count[AD_SPLIT_COUNT];
} state;

static void close(void *p)
{
    state *s = p;
    for (int i = 0; i < AD_SPLIT_COUNT; i++) {
        part *f = &s->part[i];
        free(f->image);
        free(f->masks);
        free(f->patient);
        free(f->nodule);
        free(f->slice);
        free(s->item[i]);
    }
    free(s);
}

/* ---- reading and checking one file ---- */

static ad_status find(ad_error *e, const char *path, ad_npz *npz, const char *name, int rank, const char *want, const ad_array **out)
{
    char text[AD_ARRAY_TEXT];
    AD_TRY(ad_npz_find(e, npz, name, out));
    const ad_array *a = *out;
    bool bytes = a->type == AD_ELEMENT_U8 || a->type == AD_ELEMENT_BOOL;
    if (a->rank == rank && (rank == 1 || bytes)) return AD_OK;
    return AD_FAIL(e, EDATA, "%s: member '%s' is %s; need %s", path, name, ad_array_text(a, text), want);
}

static ad_status read_image(ad_error *e, const char *path, ad_npz *npz, state *s, part *f)
{
    const ad_array *a;
    AD_TRY(find(e, path, npz, "image", 3, "uint8 [N,H,W]", &a));
    if (a->dim[1] < 1 || a->dim[2] < 1 || a->dim[1] > 4096 || a->dim[2] > 4096)
        return AD_FAIL(e, EDATA, "%s: member 'image' has images of %lldx%lld; need 1x1 to 4096x4096", path, (long long)a->dim[1],
                       (long long)a->dim[2]);
    if (s->height && (a->dim[1] != s->height || a->dim[2] != s->width))
        return AD_FAIL(e, EDATA, "%s: images of %lldx%lld; the files before it have %dx%d", path, (long long)a->dim[1], (long long)a->dim[2],
                       s->height, s->width);
    s->height = (int)a->dim[1];
    s->width = (int)a->dim[2];
    f->count = a->dim[0];
    f->image = malloc(a->bytes + 1);
    if (!f->image) return AD_FAIL(e, ENOMEM, "%s: no memory for %lld images", path, (long long)f->count);
    memcpy(f->image, a->data, a->bytes);
    ad_npz_drop(npz, "image");
    return AD_OK;
}

static ad_status pack_masks(ad_error *e, const char *path, const state *s, const part *f, const uint8_t *v)
{
    int64_t pixels = (int64_t)s->height * s->width;
    for (int64_t i = 0; i < f->count; i++)
        for (int k = 0; k < s->readers; k++, v += pixels)
            for (int64_t p = 0; p < pixels; p++) {
                if (v[p] > 1)
                    return AD_FAIL(e, EDATA, "%s: member 'masks' has the value %d at [%lld,%d,%lld,%lld]; a mask holds 0 and 1", path, v[p],
                                   (long long)i, k, (long long)(p / s->width), (long long)(p % s->width));
                f->masks[i * pixels + p] |= (uint8_t)(v[p] << k);
            }
    return AD_OK;
}

static ad_status read_masks(ad_error *e, const char *path, ad_npz *npz, state *s, part *f)
{
    const ad_array *a;
    char text[AD_ARRAY_TEXT];
    AD_TRY(find(e, path, npz, "masks", 4, "uint8 [N,M,H,W]", &a));
    if (a->dim[0] != f->count || a->dim[2] != s->height || a->dim[3] != s->width || a->dim[1] < 1 || a->dim[1] > MOST_READERS)
        return AD_FAIL(e, EDATA, "%s: member 'masks' is %s; need [%lld,M,%d,%d] as 'image' has it, with 1 to %d readers M", path,
                       ad_array_text(a, text), (long long)f->count, s->height, s->width, MOST_READERS);
    if (s->readers && a->dim[1] != s->readers)
        return AD_FAIL(e, EDATA, "%s: member 'masks' has %lld readers; the files before it have %d", path, (long long)a->dim[1], s->readers);
    s->readers = (int)a->dim[1];
    f->masks = calloc((size_t)f->count + 1, (size_t)s->height * (size_t)s->width);
    if (!f->masks) return AD_FAIL(e, ENOMEM, "%s: no memory for %lld masks", path, (long long)f->count);
    AD_TRY(pack_masks(e, path, s, f, a->data));
    ad_npz_drop(npz, "masks");
    return AD_OK;
}

static ad_status read_numbers(ad_error *e, const char *path, ad_npz *npz, const char *name, int64_t n, int64_t **out)
{
    const ad_array *a;
    AD_TRY(find(e, path, npz, name, 1, "integers [N]", &a));
    if (a->dim[0] != n)
        return AD_FAIL(e, EDATA, "%s: member '%s' has %lld numbers for %lld images", path, name, (long long)a->dim[0], (long long)n);
    *out = malloc((size_t)(n + 1) * sizeof **out);
    if (!*out) return AD_FAIL(e, ENOMEM, "%s: no memory for %lld numbers", path, (long long)n);
    if (ad_array_to_i64(e, a, *out) != AD_OK) return ad_error_prefix(e, "%s: member '%s'", path, name);
    for (int64_t i = 0; i < n; i++)
        if ((*out)[i] < 0)
            return AD_FAIL(e, EDATA, "%s: member '%s' has %lld at [%lld]; need numbers from 0", path, name, (long long)(*out)[i], (long long)i);
    return AD_OK;
}

static ad_status read_part(ad_error *e, const char *path, state *s, part *f)
{
    ad_npz *npz;
    AD_TRY(ad_npz_open(e, path, &npz));
    ad_status status = read_image(e, path, npz, s, f);
    if (status == AD_OK) status = read_masks(e, path, npz, s, f);
    if (status == AD_OK) status = read_numbers(e, path, npz, "patient", f->count, &f->patient);
    if (status == AD_OK) status = read_numbers(e, path, npz, "nodule", f->count, &f->nodule);
    if (status == AD_OK) status = read_numbers(e, path, npz, "slice", f->count, &f->slice);
    ad_npz_free(npz);
    s->parts++;
    return status;
}

/* ---- splits ---- */

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static ad_status check_disjoint(ad_error *e, const char *folder, const state *s, int i, int j)
{
    const part *f = &s->part[i], *g = &s->part[j];
    int64_t *sorted = malloc((size_t)(f->count + 1) * sizeof *sorted);
    if (!sorted) return AD_FAIL(e, ENOMEM, "%s: no memory for %lld numbers", folder, (long long)f->count);
    ad_status status = AD_OK;
    memcpy(sorted, f->patient, (size_t)f->count * sizeof *sorted);
    qsort(sorted, (size_t)f->count, sizeof *sorted, by_number);
    for (int64_t k = 0; status == AD_OK && k < g->count; k++)
        if (bsearch(&g->patient[k], sorted, (size_t)f->count, sizeof *sorted, by_number))
            status = AD_FAIL(e, EDATA, "%s: patient %lld is in both lidc_%s.npz and lidc_%s.npz; splits must be disjoint by patient", folder,
                             (long long)g->patient[k], ad_split_name((ad_split)i), ad_split_name((ad_split)j));
    free(sorted);
    return status;
}

static ad_status open_folder(ad_error *e, const char *folder, state *s)
{
    for (int i = 0; i < AD_SPLIT_COUNT; i++) {
        size_t size = strlen(folder) + 32;
        char *path = malloc(size);
        if (!path) return AD_FAIL(e, ENOMEM, "lidc: no memory");
        snprintf(path, size, "%s/lidc_%s.npz", folder, ad_split_name((ad_split)i));
        ad_status status = read_part(e, path, s, &s->part[i]);
        free(path);
        AD_TRY(status);
        s->count[i] = s->part[i].count;
        for (int j = 0; j < i; j++) AD_TRY(check_disjoint(e, folder, s, j, i));
    }
    return AD_OK;
}

static ad_status open_file(ad_error *e, const char *path, state *s)
{
    part *f = &s->part[0];
    if (s->o.val + s->o.test >= 1)
        return AD_FAIL(e, EATTR, "lidc: val %g and test %g leave nothing to train on; need a sum below 1", s->o.val, s->o.test);
    AD_TRY(read_part(e, path, s, f));
    for (int i = 0; i < AD_SPLIT_COUNT; i++) {
        s->item[i] = malloc((size_t)(f->count + 1) * sizeof *s->item[i]);
        if (!s->item[i]) return AD_FAIL(e, ENOMEM, "%s: no memory for %lld numbers", path, (long long)f->count);
    }
    for (int64_t k = 0; k < f->count; k++) {
        ad_split i = ad_split_of_patient((uint64_t)s->o.seed, f->patient[k], s->o.val, s->o.test);
        s->item[i][s->count[i]++] = k;
    }
    return AD_OK;
}

static ad_status open(ad_error *e, const char *folder, const void *given, void **out)
{
    size_t n = strlen(folder);
    bool file = n > 4 && !strcmp(folder + n - 4, ".npz");
    state *s = calloc(1, sizeof *s);
    if (!s) return AD_FAIL(e, ENOMEM, "lidc: no memory");
    s->o = *(const options *)given;
    ad_status status = file ? open_file(e, folder, s) : open_folder(e, folder, s);
    if (status == AD_OK) *out = s;
    else close(s);
    return status;
}

/* ---- items ---- */

static void size(const void *p, int *height, int *width, int *readers, int *classes)
{
    const state *s = p;
    *height = s->height;
    *width = s->width;
    *readers = s->readers;
    *classes = 2;
}

static int64_t count(const void *p, ad_split split)
{
    return ((const state *)p)->count[split];
}

/* The channel that is shown as reader k: dealt per (seed, patient, nodule). */
static void deal(const state *s, int64_t patient, int64_t nodule, int *channel)
{
    uint64_t key = ad_key((uint64_t)s->o.seed, "readers", "");
    for (int k = 0; k < s->readers; k++) channel[k] = k;
    for (int k = s->readers - 1; k > 0 && s->o.shuffle; k--) {
        int j = (int)(ad_uniform(key, (uint64_t)patient, (uint32_t)nodule, (uint64_t)k) * (k + 1)), swap = channel[k];
        if (j > k) j = k;
        channel[k] = channel[j];
        channel[j] = swap;
    }
}

static ad_status read(ad_error *e, void *p, ad_split split, int64_t i, ad_item *item)
{
    const state *s = p;
    const part *f = &s->part[s->parts == 1 ? 0 : split];
    int64_t at = s->item[split] ? s->item[split][i] : i, pixels = (int64_t)s->height * s->width;
    const uint8_t *bits = f->masks + at * pixels;
    int channel[MOST_READERS];
    deal(s, f->patient[at], f->nodule[at], channel);
    memcpy(item->image, f->image + at * pixels, (size_t)pixels);
    for (int k = 0; k < s->readers; k++)
        for (int64_t q = 0; q < pixels; q++) item->masks[k * pixels + q] = bits[q] >> channel[k] & 1;
    item->patient = f->patient[at];
    snprintf(item->name, sizeof item->name, "lidc_%04lld_n%lld_s%lld", (long long)f->patient[at] % 1000000000,
             (long long)f->nodule[at] % 1000000000, (long long)f->slice[at] % 1000000000);
    return AD_OK;
}

static void digest(const void *p, ad_sha256 *sum)
{
    const state *s = p;
    int64_t pixels = (int64_t)s->height * s->width, sizes[] = { s->height, s->width, s->readers, s->parts };
    ad_sha256_add(sum, sizes, sizeof sizes);
    for (int i = 0; i < s->parts; i++) {
        const part *f = &s->part[i];
        size_t numbers = (size_t)f->count * sizeof *f->patient;
        ad_sha256_add(sum, &f->count, sizeof f->count);
        ad_sha256_add(sum, f->image, (size_t)(f->count * pixels));
        ad_sha256_add(sum, f->masks, (size_t)(f->count * pixels));
        ad_sha256_add(sum, f->patient, numbers);
        ad_sha256_add(sum, f->nodule, numbers);
        ad_sha256_add(sum, f->slice, numbers);
    }
}

const ad_source ad_source_lidc = {
    .name = "lidc", .doc = "LIDC-IDRI crops with four readers' masks: a folder of lidc_{train,val,test}.npz, or one npz file",
    .folder = true, .options = schema, .options_size = sizeof(options),
    .open = open, .close = close, .size = size, .count = count, .read = read, .digest = digest,
};

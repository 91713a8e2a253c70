/*
 * sampler.c - samples of images as pictures: of files, or of items of the run's data.
 */
#include "config.h"

#include "experiments/experiment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHEET_COLUMNS = 8 };

void ad__drawn_fini(ad__drawn *d)
{
    free(d->labels);
    free(d->probabilities);
    free(d->mean);
    free(d->uncertainty);
}

ad_status ad__drawn_init(ad_error *e, ad__drawn *d, ad_trained *r, const ad_item *item, uint64_t id, int n)
{
    size_t pixels = (size_t)item->height * (size_t)item->width;
    int classes = ad_trained_classes(r);
    *d = (ad__drawn){ .n = n, .labels = malloc(pixels * (size_t)n),
                      .probabilities = malloc(pixels * (size_t)n * (size_t)classes * sizeof(float)),
                      .mean = malloc(pixels * (size_t)classes * sizeof(double)), .uncertainty = malloc(pixels * sizeof(double)) };
    ad_status s = AD_OK;
    if (!d->labels || !d->probabilities || !d->mean || !d->uncertainty)
        s = AD_FAIL(e, ENOMEM, "no memory for %d samples of %dx%d", n, item->height, item->width);
    if (s == AD_OK) s = ad_draw(r, item, id, n, d->labels, d->probabilities);
    const ad_case c = { .pixels = (int64_t)pixels, .classes = classes, .n_samples = n, .n_readers = 0, .samples = d->labels,
                        .probabilities = d->probabilities };
    if (s == AD_OK) s = ad_uncertainty_map(e, &c, d->uncertainty);
    if (s == AD_OK) {
        /* The mean of every class, then in place that of all foreground: what background leaves of 1. */
        ad_mean_map(&c, d->mean);
        for (size_t i = 0; i < pixels; i++) d->mean[i] = 1 - d->mean[i * (size_t)classes];
    } else {
        ad__drawn_fini(d);
        *d = (ad__drawn){ 0 };
    }
    return s;
}

/* A PNG file as an item without readers. */
static ad_status read_picture(ad_error *e, const char *path, ad_item *item)
{
    ad_image image;
    AD_TRY(ad_png_read(e, path, &image));
    size_t pixels = (size_t)image.width * (size_t)image.height;
    *item = (ad_item){ .height = image.height, .width = image.width, .image = malloc(pixels + 1) };
    for (size_t i = 0; item->image && i < pixels; i++) {
        const uint8_t *p = image.data + i * (size_t)image.channels;
        item->image[i] = image.channels == 1 ? p[0] : (uint8_t)((p[0] + p[1] + p[2]) / 3);
    }
    ad_image_free(&image);
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    snprintf(item->name, sizeof item->name, "%.*s", (int)strcspn(name, "."), name);
    return item->image ? AD_OK : AD_FAIL(e, ENOMEM, "%s: no memory for %zu pixels", path, pixels);
}

/* "test:12" is number 12 of the run's data; anything else is a file. *id names the image for its noise. */
static ad_status read_image(ad_error *e, ad_trained *r, const char *ref, ad_item *item, uint64_t *id)
{
    const char *colon = strchr(ref, ':');
    char split_name[16] = "", *end = NULL;
    ad_split split;
    if (colon && colon - ref < 16) snprintf(split_name, sizeof split_name, "%.*s", (int)(colon - ref), ref);
    if (!*split_name || ad_split_parse(NULL, split_name, &split) != AD_OK) {
        *id = ad_key(0, "image", ref);
        return read_picture(e, ref, item);
    }
    ad_dataset *data;
    AD_TRY(ad_trained_data(r, &data));
    int64_t i = strtoll(colon + 1, &end, 10), n = ad_dataset_count(data, split);
    if (end == colon + 1 || *end || i < 0 || i >= n)
        return AD_FAIL(e, EUSAGE, "%s: there is no such image; the split has %lld, counted from 0", ref, (long long)n);
    *id = (uint64_t)i;
    AD_TRY(ad_item_init(e, item, data));
    return ad_dataset_read(e, data, split, i, item);
}

static ad_status told(ad_status s, const ad_watch *w, const char *path)
{
    if (s == AD_OK && w->tell) w->tell(w->arg, &(ad_event){ .kind = AD_EVENT_WRITTEN, .path = path });
    return s;
}

static ad_status write_parts(ad_error *e, const char *directory, const ad_item *item, const ad__drawn *d, int classes, const ad_watch *w)
{
    char path[AD__PATH + 128];
    int h = item->height, width = item->width, pixels = h * width;
    uint8_t *grey = malloc((size_t)pixels);
    if (!grey) return AD_FAIL(e, ENOMEM, "no memory for a picture");
    ad_status s = AD_OK;
    for (int k = 0; s == AD_OK && k < d->n; k++) {
        for (int i = 0; i < pixels; i++) grey[i] = (uint8_t)(255 * d->labels[k * pixels + i] / (classes - 1));
        snprintf(path, sizeof path, "%s/%s-sample-%02d.png", directory, item->name, k);
        s = told(ad__grey_write(e, path, h, width, grey), w, path);
    }
    for (int i = 0; i < pixels; i++) grey[i] = (uint8_t)(255 * d->mean[i] + 0.5);
    snprintf(path, sizeof path, "%s/%s-mean.png", directory, item->name);
    if (s == AD_OK) s = told(ad__grey_write(e, path, h, width, grey), w, path);
    snprintf(path, sizeof path, "%s/%s-uncertainty.png", directory, item->name);
    if (s == AD_OK) s = told(ad__magma_write(e, path, h, width, d->uncertainty), w, path);
    free(grey);
    return s;
}

static ad_status sample_one(ad_error *e, ad_trained *r, const char *ref, const char *directory, int samples, const ad_watch *w)
{
    ad_item item = { 0 };
    ad__drawn d = { 0 };
    uint64_t id = 0;
    char path[AD__PATH + 128];
    ad_status s = read_image(e, r, ref, &item, &id);
    if (s == AD_OK) s = ad__drawn_init(e, &d, r, &item, id, samples);
    if (s == AD_OK) s = write_parts(e, directory, &item, &d, ad_trained_classes(r), w);
    if (s == AD_OK) {
        const ad__sheet_row row = { item.name, &item, d.n, d.labels, d.mean, d.uncertainty };
        snprintf(path, sizeof path, "%s/%s-sheet.png", directory, item.name);
        s = told(ad__sheet_write(e, path, 1, &row, samples < SHEET_COLUMNS ? samples : SHEET_COLUMNS), w, path);
    }
    ad__drawn_fini(&d);
    ad_item_fini(&item);
    return s;
}

ad_status ad_sample_images(ad_trained *r, int n, const char *const *images, const char *directory, const ad_sample_options *options)
{
    static const ad_sample_options none;
    const ad_sample_options *o = options ? options : &none;
    ad_error *e = ad_ctx_error(ad_trained_experiment(r)->ctx);
    AD_TRY(ad__folder_make(e, directory));
    for (int i = 0; i < n; i++) {
        if (o->watch.stop && *o->watch.stop) break;
        AD_TRY(sample_one(e, r, images[i], directory, o->samples > 0 ? o->samples : 16, &o->watch));
    }
    return AD_OK;
}

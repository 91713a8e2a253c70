/* dataset.c - the table of sources, made from the list in datasets/local.mk; opening by name; items; splits. */
#include "datasets/datasets.h"

#include <stdlib.h>
#include <string.h>

#define SOURCE(name) extern const ad_source ad_source_##name;
#include "datasets/datasets.def"
#undef SOURCE
const ad_source *const ad_sources[] = {
#define SOURCE(name) &ad_source_##name,
#include "datasets/datasets.def"
#undef SOURCE
    NULL
};

const ad_source *ad_source_find(const char *name)
{
    for (const ad_source *const *s = ad_sources; *s; s++)
        if (!strcmp((*s)->name, name)) return *s;
    return NULL;
}

/* ---- splits ---- */

static const char *const split_names[AD_SPLIT_COUNT] = { "train", "val", "test" };

const char *ad_split_name(ad_split s)
{
    return (unsigned)s < AD_SPLIT_COUNT ? split_names[s] : "unknown split";
}

ad_status ad_split_parse(ad_error *e, const char *name, ad_split *out)
{
    for (int i = 0; i < AD_SPLIT_COUNT; i++)
        if (!strcmp(name, split_names[i])) {
            *out = (ad_split)i;
            return AD_OK;
        }
    return AD_FAIL(e, EUSAGE, "no split '%s'; splits are train, val and test", name);
}

ad_split ad_split_of_patient(uint64_t seed, int64_t patient, double val_fraction, double test_fraction)
{
    double u = ad_uniform(ad_key(seed, "split", ""), (uint64_t)patient, 0, 0);
    return u < test_fraction ? AD_TEST : u < test_fraction + val_fraction ? AD_VAL : AD_TRAIN;
}

/* ---- data sets ---- */

struct ad_dataset {
    const ad_source *source;
    char *folder;
    void *state;
    int height, width, readers, classes;
    int64_t count[AD_SPLIT_COUNT];
};

static ad_status unknown_source(ad_error *e, const char *name)
{
    char list[512] = "";
    for (const ad_source *const *s = ad_sources; *s; s++) {
        strncat(list, s == ad_sources ? "" : ", ", sizeof list - strlen(list) - 1);
        strncat(list, (*s)->name, sizeof list - strlen(list) - 1);
    }
    return AD_FAIL(e, EUSAGE, "no data set '%s'; there are: %s", name, list);
}

/* Options go through the checker of op attributes: one schema language for everything that takes options. */
static ad_status open_state(ad_error *e, ad_dataset *d, int n_options, const ad_attr_value *values)
{
    const ad_op schema = { .name = d->source->name, .attrs = d->source->options, .attr_size = d->source->options_size };
    void *options = calloc(1, d->source->options_size + 1);
    if (!options) return AD_FAIL(e, ENOMEM, "%s: no memory for options", d->source->name);
    ad_status s = ad_attr_build(e, &schema, n_options, values, options, NULL);
    if (s == AD_OK) s = d->source->open(e, d->folder, options, &d->state);
    free(options);
    return s;
}

ad_status ad_dataset_open(ad_error *e, const char *source, const char *folder, int n_options, const ad_attr_value *options,
                          ad_dataset **out)
{
    const ad_source *found = ad_source_find(source);
    if (!found) return unknown_source(e, source);
    if (found->folder && !folder) return AD_FAIL(e, EUSAGE, "%s: needs the folder where the data lie", source);
    if (!found->folder && folder) return AD_FAIL(e, EUSAGE, "%s: takes no folder ('%s' was given): it is made, not read", source, folder);
    ad_dataset *d = calloc(1, sizeof *d);
    if (!d) return AD_FAIL(e, ENOMEM, "%s: no memory", source);
    d->source = found;
    ad_status s = AD_OK;
    if (folder) {
        d->folder = malloc(strlen(folder) + 1);
        if (d->folder) strcpy(d->folder, folder);
        else s = AD_FAIL(e, ENOMEM, "%s: no memory", source);
    }
    if (s == AD_OK) s = open_state(e, d, n_options, options);
    if (s != AD_OK) {
        ad_dataset_free(d);
        return s;
    }
    found->size(d->state, &d->height, &d->width, &d->readers, &d->classes);
    for (int i = 0; i < AD_SPLIT_COUNT; i++) d->count[i] = found->count(d->state, (ad_split)i);
    *out = d;
    return AD_OK;
}

void ad_dataset_free(ad_dataset *d)
{
    if (!d) return;
    if (d->state) d->source->close(d->state);
    free(d->folder);
    free(d);
}

bool ad_dataset_digest(const ad_dataset *d, char hex[65])
{
    ad_sha256 sum;
    if (!d->source->digest) return false;
    ad_sha256_init(&sum);
    d->source->digest(d->state, &sum);
    ad_sha256_end(&sum, hex);
    return true;
}

const ad_source *ad_dataset_source(const ad_dataset *d)
{
    return d->source;
}

const char *ad_dataset_folder(const ad_dataset *d)
{
    return d->folder;
}

void ad_dataset_size(const ad_dataset *d, int *height, int *width, int *readers, int *classes)
{
    if (height) *height = d->height;
    if (width) *width = d->width;
    if (readers) *readers = d->readers;
    if (classes) *classes = d->classes;
}

int64_t ad_dataset_count(const ad_dataset *d, ad_split split)
{
    return d->count[split];
}

/* ---- items ---- */

ad_status ad_item_init(ad_error *e, ad_item *item, const ad_dataset *d)
{
    size_t pixels = (size_t)d->height * (size_t)d->width;
    *item = (ad_item){ .height = d->height, .width = d->width, .readers = d->readers };
    item->image = malloc(pixels);
    item->masks = malloc(pixels * (size_t)d->readers);
    if (item->image && item->masks) return AD_OK;
    ad_item_fini(item);
    return AD_FAIL(e, ENOMEM, "%s: no memory for an item", d->source->name);
}

void ad_item_fini(ad_item *item)
{
    free(item->image);
    free(item->masks);
    item->image = item->masks = NULL;
}

static ad_status check_index(ad_error *e, const ad_dataset *d, ad_split split, int64_t i)
{
    if (i >= 0 && i < d->count[split]) return AD_OK;
    return AD_FAIL(e, EUSAGE, "%s: no item %lld in split '%s', which has %lld", d->source->name, (long long)i, ad_split_name(split),
                   (long long)d->count[split]);
}

ad_status ad_dataset_read(ad_error *e, ad_dataset *d, ad_split split, int64_t i, ad_item *item)
{
    AD_TRY(check_index(e, d, split, i));
    return d->source->read(e, d->state, split, i, item);
}

ad_status ad_dataset_draw(ad_error *e, ad_dataset *d, ad_split split, int64_t i, int first, int n, uint8_t *masks)
{
    if (!d->source->draw) return AD_FAIL(e, EUSAGE, "%s: the law of the readers is not known, so no further ones can be drawn", d->source->name);
    AD_TRY(check_index(e, d, split, i));
    return d->source->draw(e, d->state, split, i, first, n, masks);
}

/*
 * safetensors_write.c - writing named tensors one by one, canonically and atomically.
 *
 * The order of the data (wide elements first, then by name) aligns every tensor to its own size. All lengths are known from the
 * shapes, and checksums have a fixed width, so data go to their final place first and the header, with the checksums, last: a file
 * that was cut short has header length 0 and can never be mistaken for a whole one.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "formats/bytes.h"

typedef struct slot {
    char *name;
    ad_array array;            /* name, type, shape, bytes */
    uint64_t begin;
    uint32_t crc;
    bool written;
} slot;

struct ad_safetensors_writer {
    ad_error *error;
    char *path;
    int64_t n;
    slot *slot;                /* as the caller counts them */
    slot **order;              /* as they lie in the file */
    int n_metadata;
    ad_metadata *metadata;     /* sorted by key, without the two that are added */
    ad_writer *file;
    size_t header;             /* bytes of the length and the padded JSON */
};

static int by_place(const void *a, const void *b)
{
    const slot *x = *(slot *const *)a, *y = *(slot *const *)b;
    if (x->array.type != y->array.type) return x->array.type > y->array.type ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(slot *const *)a)->name, (*(slot *const *)b)->name);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const ad_metadata *)a)->key, ((const ad_metadata *)b)->key);
}

static void metadata_member(ad_text *t, const char *key, const char *value)
{
    if (t->data[t->size - 1] != '{') ad_text_add(t, ",");
    ad__json_quote(t, key);
    ad_text_add(t, ":");
    ad__json_quote(t, value);
}

/* Checksums as JSON text, in data order; the same length whatever their values. */
static void checksums(const ad_safetensors_writer *w, ad_text *t)
{
    ad_text_add(t, "{");
    for (int64_t i = 0; i < w->n; i++) {
        if (i) ad_text_add(t, ",");
        ad__json_quote(t, w->order[i]->name);
        ad_text_add(t, ":\"%08x\"", w->order[i]->crc);
    }
    ad_text_add(t, "}");
}

static void metadata(const ad_safetensors_writer *w, const char *sums, ad_text *t)
{
    const ad_metadata added[] = { { "crc32c", sums }, { "format", "pt" } };
    int k = 0;
    ad_text_add(t, "\"__metadata__\":{");
    for (int i = 0; i < w->n_metadata; i++) {
        for (; k < 2 && strcmp(added[k].key, w->metadata[i].key) < 0; k++) metadata_member(t, added[k].key, added[k].value);
        metadata_member(t, w->metadata[i].key, w->metadata[i].value);
    }
    for (; k < 2; k++) metadata_member(t, added[k].key, added[k].value);
    ad_text_add(t, "}");
}

/* Length, JSON, and spaces up to a multiple of 8. */
static ad_status header(const ad_safetensors_writer *w, ad_text *t)
{
    ad_text sums = { 0 };
    checksums(w, &sums);
    if (sums.failed) goto failed;
    ad_text_bytes(t, "\0\0\0\0\0\0\0\0", 8);
    ad_text_add(t, "{");
    if (t->failed) goto failed;
    metadata(w, sums.data, t);
    for (int64_t i = 0; i < w->n; i++) {
        const slot *s = w->order[i];
        ad_text_add(t, ",");
        ad__json_quote(t, s->name);
        ad_text_add(t, ":{\"dtype\":\"%s\",\"shape\":[", ad_element_name(s->array.type));
        for (int k = 0; k < s->array.rank; k++) ad_text_add(t, k ? ",%lld" : "%lld", (long long)s->array.dim[k]);
        ad_text_add(t, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)s->begin, (unsigned long long)(s->begin + s->array.bytes));
    }
    ad_text_add(t, "}");
    ad_text_add(t, "%*s", (int)((8 - t->size % 8) % 8), "");
    if (t->failed) goto failed;
    ad_text_free(&sums);
    ad__store((uint8_t *)t->data, 8, t->size - 8);
    return AD_OK;
failed:
    ad_text_free(&sums);
    return AD_FAIL(w->error, ENOMEM, "%s: out of memory for the header", w->path);
}

static ad_status add_slot(ad_safetensors_writer *w, int64_t i, const ad_array *a)
{
    slot *s = &w->slot[i];
    if (!a->name || !ad__name_valid(a->name, strlen(a->name)) || strcmp(a->name, "__metadata__") == 0)
        return AD_FAIL(w->error, EUSAGE, "%s: tensor %lld needs a name of 1 to 1024 bytes of UTF-8 without control characters", w->path,
                       (long long)i);
    *s = (slot){ .array = *a, .name = strdup(a->name) };
    w->order[i] = s;
    if (!s->name) return AD_FAIL(w->error, ENOMEM, "%s: out of memory", w->path);
    if (!ad__element_loaded(a->type) || !ad__shape_bytes(a->type, a->rank, a->dim, &s->array.bytes) || (a->bytes && a->bytes != s->array.bytes)) {
        char text[AD_ARRAY_TEXT];
        return AD_FAIL(w->error, EUSAGE, "%s: tensor '%s' cannot be %s of %zu bytes", w->path, a->name, ad_array_text(a, text), a->bytes);
    }
    return AD_OK;
}

static ad_status add_metadata(ad_safetensors_writer *w, int n, const ad_metadata *m)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(m[i].key, "crc32c") == 0 || strcmp(m[i].key, "format") == 0) continue;
        ad_metadata *copy = &w->metadata[w->n_metadata++];
        *copy = (ad_metadata){ strdup(m[i].key), strdup(m[i].value) };
        if (!copy->key || !copy->value) return AD_FAIL(w->error, ENOMEM, "%s: out of memory", w->path);
        if (!ad__utf8_valid(copy->key, strlen(copy->key), NULL) || !ad__utf8_valid(copy->value, strlen(copy->value), NULL))
            return AD_FAIL(w->error, EUSAGE, "%s: metadata '%s' is not valid UTF-8", w->path, m[i].key);
    }
    qsort(w->metadata, (size_t)w->n_metadata, sizeof *w->metadata, by_key);
    for (int i = 1; i < w->n_metadata; i++)
        if (strcmp(w->metadata[i - 1].key, w->metadata[i].key) == 0)
            return AD_FAIL(w->error, EUSAGE, "%s: metadata '%s' is given twice", w->path, w->metadata[i].key);
    return AD_OK;
}

/* Names are told apart, places given, the header measured, and the file reserved at its full size. */
static ad_status lay_out(ad_safetensors_writer *w)
{
    qsort(w->order, (size_t)w->n, sizeof *w->order, by_name);
    for (int64_t i = 1; i < w->n; i++)
        if (strcmp(w->order[i - 1]->name, w->order[i]->name) == 0)
            return AD_FAIL(w->error, EUSAGE, "%s: two tensors are called '%s'", w->path, w->order[i]->name);
    qsort(w->order, (size_t)w->n, sizeof *w->order, by_place);
    uint64_t at = 0;
    for (int64_t i = 0; i < w->n; i++) {
        w->order[i]->begin = at;
        at += w->order[i]->array.bytes;
    }
    ad_text t = { 0 };
    ad_status s = header(w, &t);
    w->header = t.size;
    ad_text_free(&t);
    return s == AD_OK ? ad_writer_new(w->error, w->path, w->header + at, &w->file) : s;
}

ad_status ad_safetensors_begin(ad_error *e, const char *path, int64_t n, const ad_array *tensors, int n_metadata,
                               const ad_metadata *m, ad_safetensors_writer **writer)
{
    *writer = NULL;
    ad_safetensors_writer *w = calloc(1, sizeof *w);
    if (!w) return AD_FAIL(e, ENOMEM, "%s: out of memory", path);
    *w = (ad_safetensors_writer){ .error = e, .path = strdup(path), .slot = calloc((size_t)n + 1, sizeof *w->slot),
                                  .order = calloc((size_t)n + 1, sizeof *w->order),
                                  .metadata = calloc((size_t)n_metadata + 1, sizeof *w->metadata) };
    ad_status s = w->path && w->slot && w->order && w->metadata ? AD_OK : AD_FAIL(e, ENOMEM, "%s: out of memory", path);
    for (; w->n < n && s == AD_OK; w->n++) s = add_slot(w, w->n, &tensors[w->n]);
    if (s == AD_OK) s = add_metadata(w, n_metadata, m);
    if (s == AD_OK) s = lay_out(w);
    if (s == AD_OK) *writer = w;
    else ad_safetensors_cancel(w);
    return s;
}

ad_status ad_safetensors_put(ad_safetensors_writer *w, int64_t i, const void *data)
{
    if (i < 0 || i >= w->n || w->slot[i].written)
        return AD_FAIL(w->error, EUSAGE, "%s: tensor %lld was put before, or is not one of %lld", w->path, (long long)i, (long long)w->n);
    slot *s = &w->slot[i];
    s->written = true;
    s->crc = ad_crc32c(0, data, s->array.bytes);
    return ad_writer_put(w->file, w->header + s->begin, data, s->array.bytes);
}

ad_status ad_safetensors_end(ad_safetensors_writer *w)
{
    ad_status s = AD_OK;
    for (int64_t i = 0; i < w->n && s == AD_OK; i++)
        if (!w->slot[i].written) s = AD_FAIL(w->error, EUSAGE, "%s: tensor '%s' was never put", w->path, w->slot[i].name);
    ad_text t = { 0 };
    if (s == AD_OK) s = header(w, &t);
    if (s == AD_OK) s = ad_writer_put(w->file, 0, t.data, t.size);
    ad_text_free(&t);
    if (s == AD_OK) {
        s = ad_writer_commit(w->file);
        w->file = NULL;
    }
    ad_safetensors_cancel(w);
    return s;
}

void ad_safetensors_cancel(ad_safetensors_writer *w)
{
    if (!w) return;
    ad_writer_cancel(w->file);
    for (int64_t i = 0; i < w->n; i++) free(w->slot[i].name);
    for (int i = 0; i < w->n_metadata; i++) {
        free((void *)w->metadata[i].key);
        free((void *)w->metadata[i].value);
    }
    free(w->path);
    free(w->slot);
    free(w->order);
    free(w->metadata);
    free(w);
}

ad_status ad_safetensors_write(ad_error *e, const char *path, int64_t n, const ad_array *tensors, int n_metadata, const ad_metadata *m)
{
    ad_safetensors_writer *w;
    AD_TRY(ad_safetensors_begin(e, path, n, tensors, n_metadata, m, &w));
    for (int64_t i = 0; i < n; i++) {
        ad_status s = ad_safetensors_put(w, i, tensors[i].data);
        if (s == AD_OK) continue;
        ad_safetensors_cancel(w);
        return s;
    }
    return ad_safetensors_end(w);
}

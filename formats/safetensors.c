/*
 * safetensors.c - reading named tensors: u64 header length, JSON header, data one after the other without holes.
 *
 * Inside, every refusal is AD_EDATA with its byte offset in the file; the two entries restate it as AD_ECHECKPOINT.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/bytes.h"

#define HEADER_MAX 100000000
#define TENSORS_MAX 1000000
#define DEPTH 8
#define ALIGN 64

struct ad_safetensors {
    int64_t n, n_metadata;
    ad_json *header;           /* owns all names */
    ad_array *tensor;          /* in data order */
    const ad_array **by_name;
    const ad_json *metadata;   /* member "__metadata__", or NULL */
    char *block, *data;        /* all tensors, each on its own 64-byte line */
};

typedef struct reader {
    ad_error *error;
    const char *what;
    const uint8_t *bytes;
    size_t size, data;         /* of the file; where data starts */
    ad_safetensors *st;
} reader;

/* A tensor while its place is being checked. */
typedef struct entry {
    ad_array array;
    int64_t begin, end;
    size_t offset;             /* of its text in the file */
} entry;

static ad_status refuse(const reader *r, size_t at, const char *name, const char *rule)
{
    return AD_FAIL(r->error, EDATA, "%s: byte %zu: safetensors%s%.200s%s: %s", r->what, at, name ? ": tensor '" : "", name ? name : "",
                   name ? "'" : "", rule);
}

/* ---- header ---- */

static ad_status parse_type(const reader *r, const ad_json *v, entry *t)
{
    for (int k = 0; v->kind == AD_JSON_TEXT && k < AD_ELEMENT_COUNT; k++)
        if (strcmp(v->text, ad_element_name((ad_element_type)k)) == 0) {
            t->array.type = (ad_element_type)k;
            return AD_OK;
        }
    return refuse(r, v->offset, t->array.name, "dtype is not one of the format's element types");
}

static ad_status parse_shape(const reader *r, const ad_json *v, entry *t)
{
    if (v->kind != AD_JSON_ARRAY) return refuse(r, v->offset, t->array.name, "shape must be an array of integers");
    if (v->count > AD_ARRAY_RANK) return refuse(r, v->offset, t->array.name, "shape has more than 8 dimensions");
    for (const ad_json *d = v->first; d; d = d->next) {
        int64_t n;
        if (!ad_json_int(d, &n) || n < 0) return refuse(r, d->offset, t->array.name, "a dimension must be an integer from 0 to 2^53 - 1");
        t->array.dim[t->array.rank++] = n;
    }
    return AD_OK;
}

static ad_status parse_offsets(const reader *r, const ad_json *v, entry *t)
{
    if (v->kind != AD_JSON_ARRAY || v->count != 2) return refuse(r, v->offset, t->array.name, "data_offsets must be [BEGIN, END]");
    if (!ad_json_int(v->first, &t->begin) || !ad_json_int(v->first->next, &t->end) || t->begin < 0 || t->end < t->begin)
        return refuse(r, v->offset, t->array.name, "data_offsets must be integers from 0 to 2^53 - 1, BEGIN not above END");
    return AD_OK;
}

static ad_status parse_entry(const reader *r, const ad_json *v, entry *t)
{
    static const struct { const char *key; ad_status (*parse)(const reader *, const ad_json *, entry *); } fields[] = {
        { "dtype", parse_type }, { "shape", parse_shape }, { "data_offsets", parse_offsets },
    };
    *t = (entry){ .array.name = v->key, .offset = v->offset };
    if (!ad__name_valid(v->key, strlen(v->key)))
        return refuse(r, v->offset, NULL, "a tensor name must be 1 to 1024 bytes without control characters");
    if (v->kind != AD_JSON_OBJECT || v->count != 3)
        return refuse(r, v->offset, v->key, "need an object of exactly dtype, shape and data_offsets");
    for (int i = 0; i < 3; i++) {
        const ad_json *field = ad_json_get(v, fields[i].key);
        if (!field) return refuse(r, v->offset, v->key, "need an object of exactly dtype, shape and data_offsets");
        AD_TRY(fields[i].parse(r, field, t));
    }
    size_t bytes;
    if (!ad__shape_bytes(t->array.type, t->array.rank, t->array.dim, &bytes))
        return refuse(r, v->offset, v->key, "the shape has more than 2^40 elements, a dimension above 2^31 - 1, or a fraction of a byte");
    if ((uint64_t)(t->end - t->begin) != bytes) return refuse(r, v->offset, v->key, "END - BEGIN is not the size that dtype and shape give");
    t->array.bytes = bytes;
    return AD_OK;
}

static ad_status parse_metadata(reader *r, const ad_json *v)
{
    if (v->kind != AD_JSON_OBJECT) return refuse(r, v->offset, NULL, "__metadata__ must be an object of strings");
    for (const ad_json *m = v->first; m; m = m->next)
        if (m->kind != AD_JSON_TEXT) return refuse(r, m->offset, NULL, "__metadata__ must be an object of strings");
    r->st->metadata = v;
    r->st->n_metadata = v->count;
    return AD_OK;
}

/* The JSON text: starts with '{' at byte 8, may end in spaces. */
static ad_status parse_header(reader *r)
{
    if (r->size < 8) return refuse(r, r->size, NULL, "the file ends within the header length");
    uint64_t n = ad__load(r->bytes, 8);
    if (n > HEADER_MAX) return refuse(r, 0, NULL, "the header is longer than 100000000 bytes; is this a safetensors file?");
    if (n > r->size - 8) return refuse(r, 0, NULL, "the header reaches beyond the end of the file; is the file truncated?");
    if (n == 0 || r->bytes[8] != '{') return refuse(r, 8, NULL, "the header must start with '{'");
    r->data = 8 + (size_t)n;
    while (r->bytes[8 + n - 1] == ' ') n--;
    if (r->bytes[8 + n - 1] != '}') return refuse(r, 8 + n - 1, NULL, "the header must end with '}' and spaces");
    AD_TRY(ad__json_parse(r->error, r->what, 8, (const char *)r->bytes + 8, n, DEPTH, &r->st->header));
    if (r->st->header->count > TENSORS_MAX) return refuse(r, 8, NULL, "more than 1000000 tensors");
    return AD_OK;
}

/* ---- places ---- */

static int by_place(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    return x->begin != y->begin ? (x->begin > y->begin) - (x->begin < y->begin) : (x->end > y->end) - (x->end < y->end);
}

/* No hole, no overlap, no byte behind the last tensor: what the header describes is the whole file. */
static ad_status check_places(const reader *r, const entry *t)
{
    int64_t at = 0;
    for (int64_t i = 0; i < r->st->n; at = t[i++].end) {
        if (t[i].begin > at) return refuse(r, t[i].offset, t[i].array.name, "a hole before its data");
        if (t[i].begin < at) return refuse(r, t[i].offset, t[i].array.name, "its data overlap those of another tensor");
    }
    if ((uint64_t)at > r->size - r->data) return refuse(r, r->size, NULL, "the file ends before the last tensor does; is it truncated?");
    if ((uint64_t)at < r->size - r->data) return refuse(r, r->data + (size_t)at, NULL, "bytes behind the last tensor");
    return AD_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const ad_array *const *)a)->name, (*(const ad_array *const *)b)->name);
}

static ad_status copy_data(const reader *r, const entry *t)
{
    ad_safetensors *st = r->st;
    size_t total = ALIGN, at = 0;
    for (int64_t i = 0; i < st->n; i++) total += (t[i].array.bytes + ALIGN - 1) / ALIGN * ALIGN;
    st->block = malloc(total);
    st->tensor = calloc((size_t)st->n + 1, sizeof *st->tensor);
    st->by_name = calloc((size_t)st->n + 1, sizeof *st->by_name);
    if (!st->block || !st->tensor || !st->by_name) return AD_FAIL(r->error, ENOMEM, "%s: out of memory for %zu bytes", r->what, total);
    st->data = st->block + (ALIGN - (uintptr_t)st->block % ALIGN) % ALIGN;
    for (int64_t i = 0; i < st->n; i++) {
        st->tensor[i] = t[i].array;
        st->tensor[i].data = memcpy(st->data + at, r->bytes + r->data + t[i].begin, t[i].array.bytes);
        st->by_name[i] = &st->tensor[i];
        at += (t[i].array.bytes + ALIGN - 1) / ALIGN * ALIGN;
    }
    qsort(st->by_name, (size_t)st->n, sizeof *st->by_name, by_name);
    return AD_OK;
}

/* ---- checksums ---- */

static ad_status check_sum(const reader *r, const ad_json *want)
{
    const ad_array *a = ad_safetensors_find(r->st, want->key);
    if (!a || want->kind != AD_JSON_TEXT || strlen(want->text) != 8)
        return AD_FAIL(r->error, EDATA, "%s: safetensors: the metadata's crc32c has an entry '%.200s' that is not a tensor with 8 digits",
                       r->what, want->key);
    char have[16];
    snprintf(have, sizeof have, "%08x", ad_crc32c(0, a->data, a->bytes));
    if (strcmp(have, want->text) == 0) return AD_OK;
    return AD_FAIL(r->error, EDATA, "%s: tensor '%.200s' is corrupt (CRC-32C %s, expected %s)", r->what, a->name, have, want->text);
}

static ad_status check_sums(const reader *r)
{
    const char *text = ad_safetensors_metadata(r->st, "crc32c");
    if (!text) return AD_OK;
    ad_json *sums;
    AD_TRY(ad_json_parse(r->error, r->what, text, strlen(text), 1, &sums));
    ad_status s = sums->kind == AD_JSON_OBJECT ? AD_OK : refuse(r, 8, NULL, "the metadata's crc32c must be a JSON object");
    for (const ad_json *m = sums->first; m && s == AD_OK; m = m->next) s = check_sum(r, m);
    ad_json_free(sums);
    return s;
}

/* ---- the file ---- */

static ad_status parse_entries(reader *r)
{
    ad_safetensors *st = r->st;
    AD_TRY(parse_header(r));
    entry *t = calloc((size_t)st->header->count + 1, sizeof *t);
    if (!t) return AD_FAIL(r->error, ENOMEM, "%s: out of memory", r->what);
    ad_status s = AD_OK;
    for (const ad_json *m = st->header->first; m && s == AD_OK; m = m->next)
        s = strcmp(m->key, "__metadata__") == 0 ? parse_metadata(r, m) : parse_entry(r, m, &t[st->n++]);
    if (s == AD_OK) {
        qsort(t, (size_t)st->n, sizeof *t, by_place);
        s = check_places(r, t);
    }
    if (s == AD_OK) s = copy_data(r, t);
    free(t);
    return s;
}

ad_status ad_safetensors_parse(ad_error *e, const char *what, const void *data, size_t size, ad_safetensors **out)
{
    bool clean = !e || e->status == AD_OK;
    ad_safetensors *st = *out = calloc(1, sizeof *st);
    if (!st) return AD_FAIL(e, ENOMEM, "%s: out of memory", what);
    reader r = { .error = e, .what = what, .bytes = data, .size = size, .st = st };
    ad_status s = parse_entries(&r);
    if (s == AD_OK) s = check_sums(&r);
    if (s == AD_OK) return AD_OK;
    ad_safetensors_free(st);
    *out = NULL;
    if (s != AD_EDATA) return s;
    if (e && clean) e->status = AD_ECHECKPOINT;
    return AD_ECHECKPOINT;
}

ad_status ad_safetensors_open(ad_error *e, const char *path, ad_safetensors **st)
{
    void *data;
    size_t size;
    *st = NULL;
    AD_TRY(ad_file_read(e, path, SIZE_MAX / 4, &data, &size));
    ad_status s = ad_safetensors_parse(e, path, data, size, st);
    free(data);
    return s;
}

void ad_safetensors_free(ad_safetensors *st)
{
    if (!st) return;
    ad_json_free(st->header);
    free(st->block);
    free(st->tensor);
    free(st->by_name);
    free(st);
}

int64_t ad_safetensors_count(const ad_safetensors *st)
{
    return st->n;
}

const ad_array *ad_safetensors_at(const ad_safetensors *st, int64_t i)
{
    return i >= 0 && i < st->n ? &st->tensor[i] : NULL;
}

const ad_array *ad_safetensors_find(const ad_safetensors *st, const char *name)
{
    const ad_array key = { .name = name }, *p = &key;
    const ad_array **found = st->n ? bsearch(&p, st->by_name, (size_t)st->n, sizeof *st->by_name, by_name) : NULL;
    return found ? *found : NULL;
}

const char *ad_safetensors_metadata(const ad_safetensors *st, const char *key)
{
    const ad_json *v = ad_json_get(st->metadata, key);
    return v ? v->text : NULL;
}

bool ad_safetensors_metadata_at(const ad_safetensors *st, int64_t i, ad_metadata *m)
{
    const ad_json *v = st->metadata && i >= 0 ? st->metadata->first : NULL;
    while (v && i-- > 0) v = v->next;
    if (v) *m = (ad_metadata){ v->key, v->text };
    return v != NULL;
}

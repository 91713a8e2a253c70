/*
 * params.c - the parameter store: named values that outlive tapes.
 *
 * Values of one kind lie together in slabs, each value on a 64-byte boundary; neither values nor entries ever move. The entries are
 * kept twice, in order of declaration and sorted by path: the sorted order is the order of files and of the hash.
 */
#include "autograd/autograd.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = AD_SLOT_AVERAGE + 1, ALIGN = 64, SLAB = 1 << 20 };

typedef struct slab {
    struct slab *next;
    size_t used, size;       /* bytes after `base` */
    char *base;
} slab;

struct ad_params {
    ad_ctx *ctx;
    ad_precision precision;
    int n, capacity;
    ad_entry **entries, **sorted;
    slab *slabs[SLOTS];      /* newest first */
};

ad_params *ad_params_new(ad_ctx *ctx, ad_precision p)
{
    ad_params *s = calloc(1, sizeof *s);
    if (!s) {
        AD_FAIL(ad_ctx_error(ctx), ENOMEM, "no memory for a parameter store");
        return NULL;
    }
    s->ctx = ctx;
    s->precision = p;
    return s;
}

void ad_params_free(ad_params *params)
{
    if (!params) return;
    for (int i = 0; i < params->n; i++) free(params->entries[i]);
    for (int i = 0; i < SLOTS; i++)
        for (slab *s = params->slabs[i], *next; s; s = next) {
            next = s->next;
            free(s);
        }
    free(params->entries);
    free(params->sorted);
    free(params);
}

ad_precision ad_params_precision(const ad_params *params)
{
    return params->precision;
}

/* Zeroed memory from the slot's slab; NULL when memory is out. calloc leaves pages that nobody writes to the system. */
static void *place(ad_params *params, ad_slot slot, size_t bytes)
{
    bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    slab *s = params->slabs[slot];
    if (!s || s->size - s->used < bytes) {
        size_t size = bytes > SLAB ? bytes : SLAB;
        s = calloc(1, sizeof *s + ALIGN + size);
        if (!s) return NULL;
        s->size = size;
        s->base = (char *)(s + 1) + (ALIGN - (uintptr_t)(s + 1) % ALIGN) % ALIGN;
        s->next = params->slabs[slot];
        params->slabs[slot] = s;
    }
    void *data = s->base + s->used;
    s->used += bytes;
    return data;
}

/* Index of the first sorted entry whose path is not below `path`. */
static int lower_bound(const ad_params *params, const char *path)
{
    int lo = 0, hi = params->n;
    while (lo < hi) {
        int mid = lo + (hi - lo) / 2;
        if (strcmp(params->sorted[mid]->path, path) < 0) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

static bool grow(ad_params *params)
{
    if (params->n < params->capacity) return true;
    int capacity = params->capacity ? 2 * params->capacity : 64;
    ad_entry **entries = realloc(params->entries, sizeof *entries * (size_t)capacity);
    if (!entries) return false;
    params->entries = entries;
    ad_entry **sorted = realloc(params->sorted, sizeof *sorted * (size_t)capacity);
    if (!sorted) return false;
    params->sorted = sorted;
    params->capacity = capacity;
    return true;
}

ad_status ad_params_add(ad_params *params, const char *path, const ad_shape *shape, ad_slot slot, ad_layout layout, const ad_init *init)
{
    ad_error *e = ad_ctx_error(params->ctx);
    int at = lower_bound(params, path);
    if (at < params->n && !strcmp(params->sorted[at]->path, path))
        return AD_FAIL(e, EMODEL, "parameter '%s' is declared twice", path);
    if (shape->dtype != AD_REAL) return AD_FAIL(e, ESHAPE, "parameter '%s' must have real values", path);
    size_t length = strlen(path) + 1;
    ad_entry *entry = calloc(1, sizeof *entry + length);
    void *data = entry && grow(params) ? place(params, slot, ad_shape_bytes(shape, params->precision)) : NULL;
    if (!data) {
        char text[AD_SHAPE_TEXT];
        free(entry);
        return AD_FAIL(e, ENOMEM, "no memory for parameter '%s' %s", path, ad_shape_text(shape, text));
    }
    entry->path = memcpy(entry + 1, path, length);
    entry->shape = *shape;
    entry->slot = slot;
    entry->layout = layout;
    if (init) entry->init = *init;
    entry->data = data;
    memmove(params->sorted + at + 1, params->sorted + at, sizeof *params->sorted * (size_t)(params->n - at));
    params->sorted[at] = entry;
    params->entries[params->n++] = entry;
    return AD_OK;
}

int ad_params_count(const ad_params *params)
{
    return params->n;
}

ad_entry *ad_params_at(ad_params *params, int i)
{
    return i >= 0 && i < params->n ? params->entries[i] : NULL;
}

ad_entry *ad_params_sorted(ad_params *params, int i)
{
    return i >= 0 && i < params->n ? params->sorted[i] : NULL;
}

ad_entry *ad_params_find(ad_params *params, const char *path)
{
    int at = lower_bound(params, path);
    return at < params->n && !strcmp(params->sorted[at]->path, path) ? params->sorted[at] : NULL;
}

int64_t ad_params_elements(const ad_params *params, ad_slot slot)
{
    int64_t n = 0;
    for (int i = 0; i < params->n; i++)
        if (params->entries[i]->slot == slot) n += ad_count(&params->entries[i]->shape);
    return n;
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Two paths of one key would start with the same values. */
static ad_status check_keys(ad_params *params, uint64_t seed)
{
    ad_error *e = ad_ctx_error(params->ctx);
    uint64_t *keys = malloc(sizeof *keys * (size_t)(params->n + 1));
    if (!keys) return AD_FAIL(e, ENOMEM, "no memory for the keys of %d parameters", params->n);
    for (int i = 0; i < params->n; i++) keys[i] = ad_key(seed, "init", params->entries[i]->path);
    qsort(keys, (size_t)params->n, sizeof *keys, by_key);
    ad_status s = AD_OK;
    for (int i = 1; s == AD_OK && i < params->n; i++)
        if (keys[i] == keys[i - 1])
            s = AD_FAIL(e, EMODEL, "two parameters have the same random key with seed %llu; use another seed", (unsigned long long)seed);
    free(keys);
    return s;
}

ad_status ad_params_init(ad_params *params, ad_slot slot, uint64_t seed)
{
    ad_error *e = ad_ctx_error(params->ctx);
    AD_TRY(check_keys(params, seed));
    for (int i = 0; i < params->n; i++) {
        const ad_entry *p = params->entries[i];
        if (p->slot != slot) continue;
        uint64_t key = ad_key(seed, "init", p->path);
        if (ad_init_fill(e, &p->init, &p->shape, p->layout, params->precision, key, p->data) != AD_OK)
            return ad_error_prefix(e, "parameter '%s'", p->path);
    }
    return AD_OK;
}

void ad_params_hash(ad_params *params, char hex[65])
{
    size_t size = params->precision == AD_F64 ? 8 : 4;
    uint8_t bytes[1024];
    ad_sha256 s;
    ad_sha256_init(&s);
    for (int i = 0; i < params->n; i++) {
        const uint8_t *data = params->sorted[i]->data;
        size_t n = ad_shape_bytes(&params->sorted[i]->shape, params->precision);
        const uint16_t probe = 1;
        if (*(const uint8_t *)&probe == 1) {
            ad_sha256_add(&s, data, n);
            continue;
        }
        for (size_t at = 0, chunk; at < n; at += chunk) {
            chunk = n - at < sizeof bytes ? n - at : sizeof bytes;
            for (size_t j = 0; j < chunk; j++) bytes[j] = data[at + j / size * size + (size - 1 - j % size)];
            ad_sha256_add(&s, bytes, chunk);
        }
    }
    ad_sha256_end(&s, hex);
}

static void convert(int64_t n, ad_precision from_precision, const void *from, ad_precision to_precision, void *to)
{
    for (int64_t i = 0; i < n; i++) {
        double v = from_precision == AD_F64 ? ((const double *)from)[i] : (double)((const float *)from)[i];
        if (to_precision == AD_F64) ((double *)to)[i] = v;
        else ((float *)to)[i] = (float)v;
    }
}

ad_status ad_params_copy(ad_params *to, ad_params *from)
{
    ad_error *e = ad_ctx_error(to->ctx);
    for (int i = 0; i < to->n; i++) {
        const ad_entry *t = to->entries[i], *f = ad_params_find(from, t->path);
        char ours[AD_SHAPE_TEXT], theirs[AD_SHAPE_TEXT];
        if (!f) return AD_FAIL(e, EUSAGE, "copy of parameters: the source has no '%s'", t->path);
        if (!ad_shape_equal(&t->shape, &f->shape))
            return AD_FAIL(e, ESHAPE, "copy of parameters: '%s' is %s here and %s in the source", t->path,
                           ad_shape_text(&t->shape, ours), ad_shape_text(&f->shape, theirs));
        convert(ad_count(&t->shape), from->precision, f->data, to->precision, t->data);
    }
    return AD_OK;
}

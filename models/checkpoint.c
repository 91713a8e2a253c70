/*
 * checkpoint.c - a parameter store to a safetensors file and back.
 *
 * A file is checked whole (names, shapes, checksums) before the first value is taken over, so that a refused one leaves the store alone.
 */
#include "models/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/formats.h"

#define SCHEMA "1"
#define OPTIM_PREFIX "optim."
#define AVERAGE_PREFIX "ema."
#define NAME_SIZE 1024

void ad_layout_axes(ad_layout layout, int rank, int *axes)
{
    for (int i = 0; i < rank; i++) axes[i] = i;
    if (layout == AD_LAYOUT_PLAIN || rank < 2) return;
    bool transpose = layout == AD_LAYOUT_CONV_TRANSPOSE;
    axes[0] = transpose ? rank - 2 : rank - 1;
    axes[1] = transpose ? rank - 1 : rank - 2;
    for (int i = 2; i < rank; i++) axes[i] = i - 2;
}

void ad_layout_copy(const ad_shape *memory, ad_layout layout, size_t element, bool to_file, const void *from, void *to)
{
    int axes[AD_MAX_RANK], r = memory->rank;
    int64_t stride[AD_MAX_RANK], step[AD_MAX_RANK], size[AD_MAX_RANK], index[AD_MAX_RANK] = { 0 };
    ad_layout_axes(layout, r, axes);
    for (int64_t i = r - 1, s = 1; i >= 0; s *= memory->dim[i--]) stride[i] = s;
    for (int i = 0; i < r; i++) {
        step[i] = stride[axes[i]];
        size[i] = memory->dim[axes[i]];
    }
    int64_t at = 0;                 /* in memory; `i` runs in the order of the file */
    for (int64_t i = 0, n = ad_count(memory); i < n; i++) {
        const char *source = (const char *)from + (size_t)(to_file ? at : i) * element;
        memcpy((char *)to + (size_t)(to_file ? i : at) * element, source, element);
        for (int a = r - 1; a >= 0; a--) {
            at += step[a];
            if (++index[a] < size[a]) break;
            at -= step[a] * size[a];
            index[a] = 0;
        }
    }
}

/* The array of an entry as it lies in a file, without data. */
static void describe(const ad_entry *entry, ad_precision p, const char *name, ad_array *a)
{
    int axes[AD_MAX_RANK];
    ad_layout_axes(entry->layout, entry->shape.rank, axes);
    *a = (ad_array){ .name = name, .type = p == AD_F64 ? AD_ELEMENT_F64 : AD_ELEMENT_F32, .rank = entry->shape.rank };
    for (int i = 0; i < a->rank; i++) a->dim[i] = entry->shape.dim[axes[i]];
}

static void file_name(const ad_entry *entry, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "%s%s", entry->slot == AD_SLOT_OPTIM ? OPTIM_PREFIX : "", entry->path);
}

/* Serves training alone: a model that is only used neither needs nor reads it. */
static bool of_training(const ad_entry *entry)
{
    return entry->slot == AD_SLOT_OPTIM || entry->slot == AD_SLOT_AVERAGE;
}

/* What the file has for an entry, and its name: of a weight that is only used, the running average before the weight itself. */
static const ad_array *source(const ad_safetensors *st, const ad_entry *entry, bool training, char name[NAME_SIZE])
{
    if (!training && entry->slot == AD_SLOT_PARAM && snprintf(name, NAME_SIZE, AVERAGE_PREFIX "%s", entry->path) < NAME_SIZE) {
        const ad_array *average = ad_safetensors_find(st, name);
        if (average) return average;
    }
    file_name(entry, name);
    return ad_safetensors_find(st, name);
}

/* Puts every tensor through one buffer. */
static ad_status put_all(ad_error *e, ad_safetensors_writer *w, ad_params *params)
{
    ad_precision p = ad_params_precision(params);
    size_t largest = 0;
    for (int i = 0; i < ad_params_count(params); i++) {
        size_t bytes = ad_shape_bytes(&ad_params_sorted(params, i)->shape, p);
        if (bytes > largest) largest = bytes;
    }
    void *buffer = malloc(largest + 1);
    if (!buffer) return AD_FAIL(e, ENOMEM, "no memory for a tensor of %zu bytes", largest);
    ad_status s = AD_OK;
    for (int i = 0; s == AD_OK && i < ad_params_count(params); i++) {
        const ad_entry *entry = ad_params_sorted(params, i);
        ad_layout_copy(&entry->shape, entry->layout, p == AD_F64 ? 8 : 4, true, entry->data, buffer);
        s = ad_safetensors_put(w, i, buffer);
    }
    free(buffer);
    return s;
}

ad_status ad_checkpoint_save(ad_error *e, const char *path, ad_params *params, const ad_checkpoint *about)
{
    int n = ad_params_count(params);
    ad_array *arrays = calloc((size_t)n + 1, sizeof *arrays);
    char(*names)[NAME_SIZE] = calloc((size_t)n + 1, sizeof *names), step[32], seed[32], seconds[40];
    ad_safetensors_writer *w = NULL;
    ad_status s = AD_OK;
    if (!arrays || !names) {
        s = AD_FAIL(e, ENOMEM, "%s: no memory for the names of %d tensors", path, n);
        goto done;
    }
    for (int i = 0; i < n; i++) {
        file_name(ad_params_sorted(params, i), names[i]);
        describe(ad_params_sorted(params, i), ad_params_precision(params), names[i], &arrays[i]);
    }
    snprintf(step, sizeof step, "%" PRId64, about->step);
    snprintf(seed, sizeof seed, "%" PRIu64, about->seed);
    snprintf(seconds, sizeof seconds, "%a", about->seconds);
    const ad_metadata metadata[] = {
        { "adze.schema", SCHEMA }, { "adze.step", step }, { "adze.seed", seed }, { "adze.seconds", seconds },
        { "adze.model", about->model }, { "adze.model_sha256", about->model_hash },
    };
    s = ad_safetensors_begin(e, path, n, arrays, sizeof metadata / sizeof *metadata, metadata, &w);
    if (s != AD_OK) goto done;
    s = put_all(e, w, params);
    if (s == AD_OK) s = ad_safetensors_end(w);
    else ad_safetensors_cancel(w);
done:
    free(arrays);
    free(names);
    return s;
}

/* What does not fit, collected so that one message names all of it. */
typedef struct faults {
    ad_text text;
    int n;
} faults;

static void fault(faults *f, const char *kind, const char *name, const char *detail)
{
    enum { SHOWN = 12 };
    if (f->n++ < SHOWN) ad_text_add(&f->text, "\n  %s '%s'%s%s", kind, name, *detail ? ": " : "", detail);
    else if (f->n == SHOWN + 1) ad_text_add(&f->text, "\n  ...");
}

static void check_entry(faults *f, const ad_safetensors *st, const ad_entry *entry, bool training)
{
    char name[NAME_SIZE], detail[2 * AD_ARRAY_TEXT + 40], ours[AD_ARRAY_TEXT], theirs[AD_ARRAY_TEXT];
    if (of_training(entry) && !training) return;
    const ad_array *a = source(st, entry, training, name);
    ad_array want;
    describe(entry, AD_F32, name, &want);
    if (!a) {
        fault(f, "missing", name, "");
        return;
    }
    bool same = a->rank == want.rank && !memcmp(a->dim, want.dim, sizeof *a->dim * (size_t)a->rank);
    if (same && (a->type == AD_ELEMENT_F32 || a->type == AD_ELEMENT_F64)) return;
    snprintf(detail, sizeof detail, "%s in the file, the model needs %s", ad_array_text(a, theirs), ad_array_text(&want, ours));
    fault(f, "unfitting", name, detail);
}

static void check_extra(faults *f, ad_params *params, const char *name, bool training)
{
    size_t n = strlen(OPTIM_PREFIX), m = strlen(AVERAGE_PREFIX);
    bool of_optim = !strncmp(name, OPTIM_PREFIX, n), average = !strncmp(name, AVERAGE_PREFIX, m) && ad_params_find(params, name + m);
    if ((of_optim || average) && !training) return;
    const ad_entry *entry = ad_params_find(params, of_optim ? name + n : name);
    if (!entry || (entry->slot == AD_SLOT_OPTIM) != of_optim) fault(f, "unknown", name, "");
}

static ad_status check(ad_error *e, const char *path, const ad_safetensors *st, ad_params *params, bool training)
{
    faults f = { 0 };
    for (int i = 0; i < ad_params_count(params); i++) check_entry(&f, st, ad_params_sorted(params, i), training);
    for (int64_t i = 0; i < ad_safetensors_count(st); i++) check_extra(&f, params, ad_safetensors_at(st, i)->name, training);
    ad_status s = AD_OK;
    if (f.n)
        s = AD_FAIL(e, ECHECKPOINT, "%s: does not fit the model: %d tensor%s%s", path, f.n, f.n == 1 ? "" : "s",
                    f.text.failed ? "" : f.text.data);
    ad_text_free(&f.text);
    return s;
}

static ad_status take(ad_error *e, const ad_safetensors *st, ad_params *params, bool training)
{
    ad_precision p = ad_params_precision(params);
    for (int i = 0; i < ad_params_count(params); i++) {
        ad_entry *entry = ad_params_sorted(params, i);
        char name[NAME_SIZE];
        if (of_training(entry) && !training) continue;
        const ad_array *a = source(st, entry, training, name);
        void *values = malloc(ad_shape_bytes(&entry->shape, p) + 1);
        if (!values) return AD_FAIL(e, ENOMEM, "no memory for tensor '%s'", name);
        ad_status s = p == AD_F64 ? ad_array_to_f64(e, a, values) : ad_array_to_f32(e, a, values);
        if (s == AD_OK) ad_layout_copy(&entry->shape, entry->layout, p == AD_F64 ? 8 : 4, false, values, entry->data);
        free(values);
        AD_TRY(s);
    }
    return AD_OK;
}

/* A whole number of the metadata. */
static ad_status number(ad_error *e, const char *path, const ad_safetensors *st, const char *key, uint64_t *out)
{
    const char *text = ad_safetensors_metadata(st, key);
    char *end = NULL;
    if (!text) return AD_FAIL(e, ECHECKPOINT, "%s: not a checkpoint of this program: the metadata has no '%s'", path, key);
    *out = strtoull(text, &end, 10);
    if (end == text || *end || *text == '-') return AD_FAIL(e, ECHECKPOINT, "%s: '%s' is '%s', not a number", path, key, text);
    return AD_OK;
}

static ad_status read_about(ad_error *e, const char *path, const ad_safetensors *st, const char *model_hash, ad_checkpoint *about)
{
    const char *schema = ad_safetensors_metadata(st, "adze.schema"), *model = ad_safetensors_metadata(st, "adze.model");
    const char *hash = ad_safetensors_metadata(st, "adze.model_sha256"), *seconds = ad_safetensors_metadata(st, "adze.seconds");
    uint64_t step;
    memset(about, 0, sizeof *about);
    AD_TRY(number(e, path, st, "adze.step", &step));
    AD_TRY(number(e, path, st, "adze.seed", &about->seed));
    if (!schema || strcmp(schema, SCHEMA))
        return AD_FAIL(e, ECHECKPOINT, "%s: schema '%s' is unknown; this program reads '%s'", path, schema ? schema : "", SCHEMA);
    about->step = (int64_t)step;
    snprintf(about->model, sizeof about->model, "%s", model ? model : "");
    snprintf(about->model_hash, sizeof about->model_hash, "%s", hash ? hash : "");
    about->seconds = seconds ? strtod(seconds, NULL) : 0;
    if (model_hash && *model_hash && *about->model_hash && strcmp(model_hash, about->model_hash))
        return AD_FAIL(e, ECHECKPOINT, "%s: written by another model ('%s', %.12s), not by this one (%.12s); was its text or a parameter changed?",
                       path, about->model, about->model_hash, model_hash);
    return AD_OK;
}

ad_status ad_checkpoint_load(ad_error *e, const char *path, ad_params *params, bool training, const char *model_hash, ad_checkpoint *about)
{
    ad_safetensors *st;
    ad_checkpoint unused;
    AD_TRY(ad_safetensors_open(e, path, &st));
    ad_status s = read_about(e, path, st, model_hash, about ? about : &unused);
    if (s == AD_OK) s = check(e, path, st, params, training);
    if (s == AD_OK) s = take(e, st, params, training);
    ad_safetensors_free(st);
    return s;
}

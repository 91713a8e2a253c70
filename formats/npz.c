/* npz.c - named arrays: a zip archive of NAME.npy members, as numpy.savez and savez_compressed write it. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "formats/zip.h"

struct ad_npz {
    ad__zip zip;
    char *what;
    void *file;                /* our own copy of the file, or NULL where it was borrowed */
    int n;
    struct entry {
        char *name, *label;    /* without ".npy"; "FILE: NAME", for messages */
        int64_t member;
        ad_array array;
        bool loaded;
    } *entry;
};

/* The key of a member: its name without ".npy"; NULL for members that are no arrays. */
static char *key_of(const char *member)
{
    size_t n = strlen(member);
    return n > 4 && strcmp(member + n - 4, ".npy") == 0 ? strndup(member, n - 4) : NULL;
}

static ad_status list(ad_error *e, ad_npz *z)
{
    z->entry = calloc((size_t)z->zip.n + 1, sizeof *z->entry);
    if (!z->entry) return AD_FAIL(e, ENOMEM, "%s: out of memory", z->what);
    for (int64_t i = 0; i < z->zip.n; i++) {
        struct entry *m = &z->entry[z->n];
        m->name = key_of(z->zip.member[i].name);
        if (!m->name) continue;
        z->n++;
        m->member = i;
        ad_text label = { 0 };
        ad_text_add(&label, "%s: %s", z->what, z->zip.member[i].name);
        m->label = label.data;
        if (label.failed) return AD_FAIL(e, ENOMEM, "%s: out of memory", z->what);
    }
    if (z->n == 0) return AD_FAIL(e, EDATA, "%s: byte 0: npz: the archive has no member NAME.npy", z->what);
    return AD_OK;
}

static ad_status open_bytes(ad_error *e, const char *what, const void *data, size_t size, void *taken, ad_npz **npz)
{
    *npz = NULL;
    ad_npz *z = calloc(1, sizeof *z);
    if (z) z->what = strdup(what);
    if (!z || !z->what) {
        free(z);
        free(taken);
        return AD_FAIL(e, ENOMEM, "%s: out of memory", what);
    }
    z->file = taken;
    ad_status s = ad__zip_parse(e, z->what, data, size, &z->zip);
    if (s == AD_OK) s = list(e, z);
    if (s == AD_OK) *npz = z;
    else ad_npz_free(z);
    return s;
}

ad_status ad_npz_open(ad_error *e, const char *path, ad_npz **npz)
{
    void *data;
    size_t size;
    *npz = NULL;
    AD_TRY(ad_file_read(e, path, SIZE_MAX / 4, &data, &size));
    return open_bytes(e, path, data, size, data, npz);
}

ad_status ad_npz_parse(ad_error *e, const char *what, const void *borrowed, size_t size, ad_npz **npz)
{
    return open_bytes(e, what, borrowed, size, NULL, npz);
}

void ad_npz_free(ad_npz *z)
{
    if (!z) return;
    for (int i = 0; i < z->n; i++) {
        free((void *)z->entry[i].array.data);
        free(z->entry[i].name);
        free(z->entry[i].label);
    }
    ad__zip_fini(&z->zip);
    free(z->entry);
    free(z->file);
    free(z->what);
    free(z);
}

int ad_npz_count(const ad_npz *z)
{
    return z->n;
}

const char *ad_npz_name(const ad_npz *z, int i)
{
    return i >= 0 && i < z->n ? z->entry[i].name : NULL;
}

static struct entry *find(ad_npz *z, const char *name)
{
    for (int i = 0; i < z->n; i++)
        if (strcmp(z->entry[i].name, name) == 0) return &z->entry[i];
    return NULL;
}

static ad_status missing(ad_error *e, const ad_npz *z, const char *name)
{
    ad_text names = { 0 };
    for (int i = 0; i < z->n && names.size < 1000; i++) ad_text_add(&names, i ? ", %s" : "%s", z->entry[i].name);
    ad_status s = AD_FAIL(e, EDATA, "%s: npz: no array '%s'; there are: %s", z->what, name, names.data ? names.data : "");
    ad_text_free(&names);
    return s;
}

ad_status ad_npz_find(ad_error *e, ad_npz *z, const char *name, const ad_array **array)
{
    struct entry *m = find(z, name);
    *array = NULL;
    if (!m) return missing(e, z, name);
    if (!m->loaded) {
        void *data;
        AD_TRY(ad__zip_unpack(e, &z->zip, m->member, &data));
        AD_TRY(ad__npy_load(e, m->label, data, z->zip.member[m->member].usize, &m->array));
        m->array.name = m->name;
        m->loaded = true;
    }
    *array = &m->array;
    return AD_OK;
}

void ad_npz_drop(ad_npz *z, const char *name)
{
    struct entry *m = find(z, name);
    if (!m) return;
    free((void *)m->array.data);
    m->array = (ad_array){ 0 };
    m->loaded = false;
}

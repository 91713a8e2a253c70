/*
 * checkpoint_folder.c - the checkpoints of a run: which is the latest, which are removed.
 *
 * LATEST is one line, the file's name and its SHA-256. It is replaced only after the file is complete, and older files go only after
 * that, so that at any moment a kill leaves a folder from which the run can go on.
 */
#include "config.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "formats/formats.h"
#include "models/checkpoint.h"

#define PATH_SIZE 2048
#define LARGEST ((size_t)1 << 40)

void ad_checkpoint_path(const char *folder, int64_t step, char *path, size_t size)
{
    snprintf(path, size, "%s/step-%09" PRId64 ".safetensors", folder, step);
}

/* The step in a name "step-000000012.safetensors", or -1. */
static int64_t step_of(const char *name)
{
    int64_t step;
    int end = 0;
    return sscanf(name, "step-%" SCNd64 ".safetensors%n", &step, &end) == 1 && end && !name[end] && step >= 0 ? step : -1;
}

static ad_status hash_file(ad_error *e, const char *path, char hex[65])
{
    void *data;
    size_t size;
    ad_sha256 s;
    AD_TRY(ad_file_read(e, path, LARGEST, &data, &size));
    ad_sha256_init(&s);
    ad_sha256_add(&s, data, size);
    ad_sha256_end(&s, hex);
    free(data);
    return AD_OK;
}

static int descending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* The steps of the folder's files, highest first, malloc'ed; with `tidy` also removes temporaries of writers that died. */
static ad_status list(ad_error *e, const char *folder, bool tidy, int64_t **steps, int *n)
{
    DIR *d = opendir(folder);
    int capacity = 0;
    *steps = NULL;
    *n = 0;
    if (!d) return AD_FAIL(e, ECHECKPOINT, "%s: there is no such folder of checkpoints", folder);
    ad_status s = AD_OK;
    for (const struct dirent *entry; s == AD_OK && (entry = readdir(d));) {
        size_t length = strlen(entry->d_name);
        int64_t step = step_of(entry->d_name);
        if (tidy && !strncmp(entry->d_name, ".step-", 6) && length > 4 && !strcmp(entry->d_name + length - 4, ".tmp"))
            unlinkat(dirfd(d), entry->d_name, 0);
        if (step < 0) continue;
        if (*n == capacity) {
            capacity = capacity ? 2 * capacity : 16;
            int64_t *more = realloc(*steps, sizeof *more * (size_t)capacity);
            if (!more) {
                s = AD_FAIL(e, ENOMEM, "%s: no memory for a list of checkpoints", folder);
                break;
            }
            *steps = more;
        }
        (*steps)[(*n)++] = step;
    }
    closedir(d);
    if (*n) qsort(*steps, (size_t)*n, sizeof **steps, descending);
    return s;
}

ad_status ad_checkpoint_publish(ad_error *e, const char *folder, int64_t step, int keep)
{
    char path[PATH_SIZE], latest[PATH_SIZE], hex[65], line[256];
    int64_t *steps;
    int n;
    ad_checkpoint_path(folder, step, path, sizeof path);
    snprintf(latest, sizeof latest, "%s/LATEST", folder);
    AD_TRY(hash_file(e, path, hex));
    int length = snprintf(line, sizeof line, "%s %s\n", strrchr(path, '/') + 1, hex);
    AD_TRY(ad_file_write(e, latest, line, (size_t)length));
    ad_status s = list(e, folder, true, &steps, &n);
    for (int i = 0, kept = 0; s == AD_OK && keep > 0 && i < n; i++) {
        if (steps[i] == step || kept < keep - 1) {
            kept += steps[i] != step;
            continue;
        }
        ad_checkpoint_path(folder, steps[i], path, sizeof path);
        if (unlink(path) != 0) s = AD_FAIL(e, EIO, "%s: cannot be removed", path);
    }
    free(steps);
    return s;
}

/* The file of LATEST, if it is there and has the SHA-256 that LATEST says. */
static bool named_by_latest(const char *folder, char *path, size_t size)
{
    char latest[PATH_SIZE], name[128], hex[65], found[65];
    void *data;
    size_t n;
    snprintf(latest, sizeof latest, "%s/LATEST", folder);
    if (ad_file_read(NULL, latest, 4096, &data, &n) != AD_OK) return false;
    bool whole = sscanf(data, "%127s %64s", name, hex) == 2 && step_of(name) >= 0;
    free(data);
    if (!whole || snprintf(path, size, "%s/%s", folder, name) >= (int)size) return false;
    return hash_file(NULL, path, found) == AD_OK && !strcmp(hex, found);
}

ad_status ad_checkpoint_latest(ad_error *e, const char *folder, char *path, size_t size)
{
    int64_t *steps;
    int n;
    if (named_by_latest(folder, path, size)) return AD_OK;
    AD_TRY(list(e, folder, false, &steps, &n));
    ad_status s = AD_ECHECKPOINT;
    ad_error newest = { .status = AD_OK };
    for (int i = 0; s != AD_OK && i < n; i++) {
        ad_safetensors *st;
        ad_checkpoint_path(folder, steps[i], path, size);
        s = ad_safetensors_open(&newest, path, &st);
        if (s == AD_OK) ad_safetensors_free(st);
    }
    free(steps);
    if (s == AD_OK) return AD_OK;
    return n ? AD_FAIL(e, ECHECKPOINT, "no checkpoint in %s can be read; the newest: %.3000s", folder, newest.message)
             : AD_FAIL(e, ECHECKPOINT, "%s: there is no checkpoint yet", folder);
}

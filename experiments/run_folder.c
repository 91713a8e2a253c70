/*
 * run_folder.c - run directories: configuration, manifest, logs.
 *
 * metrics.csv and log.jsonl grow line by line and are flushed at every line; everything else is written whole or not at all. When a
 * run goes on from step n, rows of metrics.csv beyond n are dropped first, so that a killed and resumed run leaves the same rows.
 */
#include "config.h"

#include "experiments/experiment.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

double ad__clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void ad__folder_of(const char *ref, char *directory, size_t size)
{
    size_t n = strlen(ref);
    const char *end = ref + n;
    if (n > 12 && !strcmp(end - 12, ".safetensors"))
        for (int up = 0; up < 2; up++)
            do end--;
            while (end > ref && *end != '/');
    while (end > ref + 1 && end[-1] == '/') end--;
    snprintf(directory, size, "%.*s", end > ref ? (int)(end - ref) : 1, end > ref ? ref : ".");
}

ad_status ad__folder_make(ad_error *e, const char *path)
{
    char part[AD__PATH];
    if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part) return AD_FAIL(e, EIO, "%.60s...: the path is too long", path);
    for (char *p = part + 1;; p++) {
        char c = *p;
        if (c && c != '/') continue;
        *p = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST) return AD_FAIL(e, EIO, "%s: cannot be made: %s", part, strerror(errno));
        if (!c) break;
        *p = c;
    }
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) return AD_FAIL(e, EIO, "%s: is there and is not a folder", path);
    return AD_OK;
}

static const char *const our_files[] = { "config.yaml", "config.resolved.yaml", "manifest.json", "metrics.csv", "log.jsonl",
                                         "scores.json", "inputs.safetensors", "failure.json" };
#define N_FILES (sizeof our_files / sizeof *our_files)

bool ad__folder_used(const char *directory)
{
    char path[AD__PATH + 32];
    snprintf(path, sizeof path, "%s/config.resolved.yaml", directory);
    return access(path, F_OK) == 0;
}

static ad_status remove_files(ad_error *e, const char *directory)
{
    char path[2 * AD__PATH], folder[AD__PATH + 8];
    for (size_t i = 0; i < N_FILES; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, our_files[i]);
        if (unlink(path) != 0 && errno != ENOENT && errno != ENOTDIR)
            return AD_FAIL(e, EIO, "%s: cannot be removed: %s", path, strerror(errno));
    }
    snprintf(folder, sizeof folder, "%s/ckpt", directory);
    DIR *d = opendir(folder);
    for (const struct dirent *entry; d && (entry = readdir(d));)
        if (!strncmp(entry->d_name, "step-", 5) || !strcmp(entry->d_name, "LATEST")) unlinkat(dirfd(d), entry->d_name, 0);
    if (d) closedir(d);
    return AD_OK;
}

/* Steps that failed lie in folders nan-STEP, which hold what a run directory holds. */
ad_status ad__folder_remove(ad_error *e, const char *directory)
{
    char path[2 * AD__PATH];
    ad_status s = remove_files(e, directory);
    DIR *d = opendir(directory);
    for (const struct dirent *entry; s == AD_OK && d && (entry = readdir(d));) {
        if (strncmp(entry->d_name, "nan-", 4) || entry->d_name[4 + strspn(entry->d_name + 4, "0123456789")]) continue;
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        s = remove_files(e, path);
        snprintf(path, sizeof path, "%s/%s/ckpt", directory, entry->d_name);
        rmdir(path);
        path[strlen(path) - strlen("/ckpt")] = '\0';
        rmdir(path);
    }
    if (d) closedir(d);
    return s;
}

static void utc(char text[32])
{
    struct tm tm;
    time_t now = time(NULL);
    gmtime_r(&now, &tm);
    strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* The processor's name, as the system tells it. */
static void processor(char *text, size_t size)
{
    char line[256];
    snprintf(text, size, "unknown");
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && fgets(line, sizeof line, f)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) || !colon) continue;
        snprintf(text, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    if (f) fclose(f);
}

static void put_data(ad_json_writer *w, const ad_dataset *data)
{
    char sum[65];
    ad_json_open_object(w, "data");
    ad_json_put_text(w, "set", ad_dataset_source(data)->name);
    ad_json_put_text(w, "folder", ad_dataset_folder(data));
    ad_json_put_text(w, "sha256", ad_dataset_digest(data, sum) ? sum : NULL);
    ad_json_close(w);
}

static ad_status write_manifest(ad_experiment *x, int i, const char *directory, const ad_dataset *data, const ad_origin *origin)
{
    const ad__plan *p = &x->plans[i];
    ad_json_writer w = { .indent = 2 };
    char path[AD__PATH + 32], now[32], cpu[128];
    utc(now);
    processor(cpu, sizeof cpu);
    ad_json_open_object(&w, NULL);
    ad_json_put_text(&w, "library", PACKAGE_STRING);
    ad_json_put_text(&w, "program", origin->program);
    ad_json_put_text(&w, "libraries", origin->libraries);
    ad_json_put_text(&w, "compiler", __VERSION__);
    ad_json_put_text(&w, "processor", cpu);
    ad_json_put_text(&w, "instructions", ad_isa_name(ad_ctx_isa(x->ctx)));
    ad_json_put_text(&w, "winograd", ad_ctx_winograd(x->ctx) ? "on" : "off");
    ad_json_put_int(&w, "threads", ad_ctx_threads(x->ctx));
    ad_json_put_text(&w, "determinism", "same bits for any number of threads, AVX2 and AVX-512");
    ad_json_put_text(&w, "model", p->use);
    ad_json_put_int(&w, "seed", p->config.seed);
    ad_json_put_text(&w, "started", now);
    ad_json_put_text(&w, "command", origin->command);
    put_data(&w, data);
    ad__ops_put(&w, x->ctx);
    ad_json_close(&w);
    ad_json_end(&w);
    snprintf(path, sizeof path, "%s/manifest.json", directory);
    ad_status s = ad_text_write(ad_ctx_error(x->ctx), path, &w.text);
    ad_text_free(&w.text);
    return s;
}

ad_status ad__folder_begin(ad_experiment *x, int i, const char *directory, const ad_dataset *data, const ad_origin *origin)
{
    ad_error *e = ad_ctx_error(x->ctx);
    char path[AD__PATH + 32];
    ad_text resolved = { 0 };
    snprintf(path, sizeof path, "%s/ckpt", directory);
    AD_TRY(ad__folder_make(e, path));
    ad__plan_print(x, i, &resolved);
    snprintf(path, sizeof path, "%s/config.yaml", directory);
    ad_status s = x->text ? ad_file_write(e, path, x->text, x->size) : ad_text_write(e, path, &resolved);
    if (s == AD_OK) s = write_manifest(x, i, directory, data, origin);
    snprintf(path, sizeof path, "%s/config.resolved.yaml", directory);
    if (s == AD_OK) s = ad_text_write(e, path, &resolved);
    ad_text_free(&resolved);
    return s;
}

/* ---- logs ---- */

/* Drops the rows of metrics.csv whose step is larger than `step`. */
static ad_status cut_metrics(ad_error *e, const char *path, int64_t step)
{
    void *data;
    size_t size, kept = 0;
    if (access(path, F_OK) != 0) return AD_OK;
    AD_TRY(ad_file_read(e, path, (size_t)1 << 30, &data, &size));
    const char *text = data;
    while (kept < size) {
        const char *end = memchr(text + kept, '\n', size - kept);
        if (!end || (kept && strtoll(text + kept, NULL, 10) > step)) break;
        kept = (size_t)(end - text) + 1;
    }
    ad_status s = kept < size ? ad_file_write(e, path, data, kept) : AD_OK;
    free(data);
    return s;
}

static ad_status open_log(ad_error *e, const char *directory, const char *name, void **file)
{
    char path[AD__PATH + 32];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    *file = fopen(path, "a");
    return *file ? AD_OK : AD_FAIL(e, EIO, "%s: cannot be opened: %s", path, strerror(errno));
}

ad_status ad__log_open(ad_error *e, const char *directory, int64_t step, ad__log *log)
{
    char path[AD__PATH + 32];
    *log = (ad__log){ .error = e };
    snprintf(log->directory, sizeof log->directory, "%s", directory);
    snprintf(path, sizeof path, "%s/metrics.csv", directory);
    AD_TRY(cut_metrics(e, path, step));
    AD_TRY(open_log(e, directory, "metrics.csv", &log->metrics));
    return open_log(e, directory, "log.jsonl", &log->events);
}

static ad_status written(ad__log *log, FILE *f, const char *name)
{
    if (fflush(f) == 0 && !ferror(f)) return AD_OK;
    return AD_FAIL(log->error, EIO, "%s/%s: cannot be written: %s", log->directory, name, strerror(errno));
}

ad_status ad__log_terms(ad__log *log, int64_t step, int n, const ad_term *terms, double rate, double seconds)
{
    FILE *f = log->metrics;
    if (ftell(f) == 0) {
        fputs("step", f);
        for (int i = 0; i < n; i++) fprintf(f, ",%s", terms[i].name);
        fputs(",lr,seconds\n", f);
    }
    fprintf(f, "%lld", (long long)step);
    for (int i = 0; i < n; i++) fprintf(f, ",%.9g", terms[i].value);
    fprintf(f, ",%.9g,%.3f\n", rate, seconds);
    return written(log, f, "metrics.csv");
}

ad_status ad__log_event(ad__log *log, const char *event, const char *members)
{
    char now[32];
    utc(now);
    fprintf(log->events, "{\"time\":\"%s\",\"event\":\"%s\"%s%s}\n", now, event, *members ? "," : "", members);
    return written(log, log->events, "log.jsonl");
}

void ad__log_close(ad__log *log)
{
    if (log->metrics) fclose(log->metrics);
    if (log->events) fclose(log->events);
    log->metrics = log->events = NULL;
}

static double number(const ad_json *object, const char *key)
{
    const ad_json *v = ad_json_get(object, key);
    return v && v->kind == AD_JSON_NUMBER ? v->number : NAN;
}

bool ad__log_last_trained(const char *directory, ad_trained_info *info)
{
    char path[AD__PATH + 32];
    void *data;
    size_t size;
    bool found = false;
    snprintf(path, sizeof path, "%s/log.jsonl", directory);
    if (ad_file_read(NULL, path, (size_t)1 << 30, &data, &size) != AD_OK) return false;
    for (char *line = data, *end; *line && (end = strchr(line, '\n')); line = end + 1) {
        ad_json *root;
        if (!strstr(line, "\"event\":\"trained\"") || strstr(line, "\"event\":\"trained\"") > end) continue;
        if (ad_json_parse(NULL, path, line, (size_t)(end - line), 4, &root) != AD_OK) continue;
        double a_step = number(root, "seconds_a_step"), memory = number(root, "memory");
        info->loss = number(root, "loss");
        if (a_step > 0) info->seconds_a_step = a_step;
        if (memory > 0) info->memory = (size_t)memory;
        found = true;
        ad_json_free(root);
    }
    free(data);
    return found;
}

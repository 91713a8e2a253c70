/*
 * main.c - golden FILE-OR-DIR...: runs golden cases in double and in float and says which fail.
 *
 * A line for every failing case with its worst tensor, with -v one for every case; the last line is "N passed, N failed, N skipped".
 * A case is skipped only where the op, optimiser, schedule, metric or model it is about does not exist. Exit status 1 if any failed.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ops/ops.h"
#include "tests/goldens/golden.h"

typedef struct totals {
    int count[3];
    bool verbose;
} totals;

/* Which runner a case belongs to: by `kind` of the metadata, else by what its configuration holds. */
static const struct {
    const char *kind;
    verdict (*run)(kase *k);
    bool once;                   /* no tensors of ours are involved: precision makes no difference */
} runners[] = {
    { "op", run_op, false },
    { "optim", run_optimiser, false },
    { "lr_schedule", run_schedule, true },
    { "metric", run_metric, true },
    { "data", run_data, true },
    { "ged", run_metric, true },
    { "resampling", run_resampling, false },
    { "model", run_model, false },
    { "training", run_training, false },
};

static const char *kind_of(const ad_safetensors *st)
{
    const char *kind = ad_safetensors_metadata(st, "kind");
    const char *config = ad_safetensors_metadata(st, "config");
    if (kind || !config)
        return kind;
    return strstr(config, "\"model\"") ? "model" : strstr(config, "\"modes\"") ? "resampling" : "ged";
}

static verdict run_case(golden *g, const char *name, const ad_safetensors *st, char *line, size_t size)
{
    static const char *const words[] = { "double", "float" };
    const char *kind = kind_of(st);
    snprintf(line, size, "%s: ", name);
    for (size_t i = 0; i < sizeof runners / sizeof *runners; i++) {
        if (!kind || strcmp(runners[i].kind, kind))
            continue;
        for (int p = 0; p < (runners[i].once ? 1 : 2); p++) {
            kase k = { .g = g, .name = name, .st = st, .precision = p ? AD_F32 : AD_F64 };
            verdict v = runners[i].run(&k);
            size_t used = strlen(line);
            if (v != PASSED) {
                snprintf(line + used, size - used, "%s%s%s", v == FAILED ? words[p] : "", v == FAILED ? ": " : "", k.reason);
                return v;
            }
            snprintf(line + used, size - used, "%s%s %d tensors, worst %s at %.2g of its tolerance%s", p ? "; " : "", words[p], k.compared,
                     k.worst, k.limit > 0 ? k.error / k.limit : 0, k.moved ? ", weights moved past a switch" : "");
        }
        return PASSED;
    }
    snprintf(line + strlen(line), size - strlen(line), "cases of kind '%s' are not known", kind ? kind : "");
    return SKIPPED;
}

static void run_file(golden *g, const char *path, totals *t)
{
    static const char *const words[] = { "passed", "FAILED", "skipped" };
    const char *slash = strrchr(path, '/');
    char name[256], line[6000];
    snprintf(name, sizeof name, "%s", slash ? slash + 1 : path);
    char *dot = strstr(name, ".safetensors");
    if (dot)
        *dot = 0;
    ad_safetensors *st = NULL;
    verdict v = FAILED;
    if (ad_safetensors_open(&g->error, path, &st) == AD_OK)
        v = run_case(g, name, st, line, sizeof line);
    else
        snprintf(line, sizeof line, "%s", g->error.message);
    ad_error_clear(&g->error);
    ad_error_clear(ad_ctx_error(g->ctx));
    ad_safetensors_free(st);
    t->count[v]++;
    if (v == FAILED || t->verbose)
        printf("%s  %s\n", words[v], line);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void run_path(golden *g, const char *path, totals *t)
{
    DIR *dir = opendir(path);
    if (!dir) {
        run_file(g, path, t);
        return;
    }
    char **names = NULL;
    int n = 0;
    for (struct dirent *d; (d = readdir(dir));) {
        size_t size = strlen(d->d_name);
        if (size < 12 || strcmp(d->d_name + size - 12, ".safetensors"))
            continue;
        char **more = realloc(names, (size_t)(n + 1) * sizeof *names), *full = malloc(strlen(path) + size + 2);
        if (!more || !full) {
            fprintf(stderr, "golden: out of memory\n");
            exit(7);
        }
        names = more;
        sprintf(full, "%s/%s", path, d->d_name);
        names[n++] = full;
    }
    closedir(dir);
    if (!n) {
        printf("FAILED  %s: no .safetensors files here\n", path);
        t->count[FAILED]++;
    } else {
        qsort(names, (size_t)n, sizeof *names, by_name);
    }
    for (int i = 0; i < n; i++) {
        run_file(g, names[i], t);
        free(names[i]);
    }
    free(names);
}

int main(int argc, char **argv)
{
    totals t = { .verbose = argc > 1 && !strcmp(argv[1], "-v") };
    golden g = { .ctx = ad_new(NULL) };
    if (argc < 2 + t.verbose || !g.ctx || ad_ctx_error(g.ctx)->status != AD_OK) {
        bool failed = g.ctx && ad_ctx_error(g.ctx)->status != AD_OK;
        fprintf(stderr, "%s\n", failed ? ad_ctx_message(g.ctx) : "usage: golden [-v] FILE-OR-DIR...");
        return 2;
    }
    for (int i = 1 + t.verbose; i < argc; i++)
        run_path(&g, argv[i], &t);
    for (int i = 0; i < g.n_models; i++)
        ad_model_free(g.models[i]);
    free(g.models);
    ad_ctx_free(g.ctx);
    printf("%d passed, %d failed, %d skipped\n", t.count[PASSED], t.count[FAILED], t.count[SKIPPED]);
    return t.count[FAILED] ? 1 : 0;
}

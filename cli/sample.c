/* sample.c - adze sample: draws segmentations of pictures and writes them beside image, readers, mean and uncertainty. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

#define SAMPLES_MOST 10000

/* The paths that are written, for stdout; everything else goes to the progress line. */
typedef struct collector {
    ad_watch shown;
    ad_text paths;             /* one a line */
} collector;

static void collect(void *arg, const ad_event *e)
{
    collector *k = arg;
    if (e->kind == AD_EVENT_WRITTEN) ad_text_add(&k->paths, "%s\n", e->path);
    if (k->shown.tell) k->shown.tell(k->shown.arg, e);
}

static void print_paths(const cli *c, ad_text *paths)
{
    if (!c->asked.json) {
        if (paths->data) fwrite(paths->data, 1, paths->size, stdout);
        return;
    }
    ad_json_writer w = { .indent = 2 };
    ad_json_open_array(&w, NULL);
    for (char *line = paths->data ? strtok(paths->data, "\n") : NULL; line; line = strtok(NULL, "\n")) ad_json_put_text(&w, NULL, line);
    ad_json_close(&w);
    cli_json_print(&w);
}

static ad_status one_count(cli *c, int *n)
{
    *n = 0;
    if (c->asked.samples.n == 0) return AD_OK;
    const char *text = c->asked.samples.item[c->asked.samples.n - 1];
    char *end;
    long v = strtol(text, &end, 10);
    if (*end || v < 1 || v > SAMPLES_MOST) return AD_FAIL(&c->error, EUSAGE, "--samples: '%s' is not an integer from 1 to %d", text, SAMPLES_MOST);
    *n = (int)v;
    return AD_OK;
}

static ad_status run(cli *c)
{
    const cli_list *a = &c->asked.arguments;
    int n;
    if (!c->asked.output) return AD_FAIL(&c->error, EUSAGE, "sample needs a folder: adze sample %s %s -o DIR", a->item[0], a->item[1]);
    AD_TRY(one_count(c, &n));
    ad_trained *r;
    const ad_experiment_options o = cli_experiment_options(c);
    AD_TRY(cli_run_ops(c, a->item[0]));
    AD_TRY(ad_trained_open(c->ctx, a->item[0], c->asked.checkpoint, &o, &r));
    cli_progress *p = cli_progress_new(c);
    collector k = { .shown = cli_progress_watch(p) };
    const ad_sample_options how = { .samples = n, .watch = { .tell = collect, .arg = &k, .stop = cli_stop_flag() } };
    cli_catch_signals();
    ad_status s = ad_sample_images(r, a->n - 1, a->item + 1, c->asked.output, &how);
    cli_progress_free(p);
    print_paths(c, &k.paths);
    ad_text_free(&k.paths);
    ad_trained_free(r);
    return s;
}

static const char *const options[] = { "output", "samples", "checkpoint", "set", "zoo", "ops", "lenient", "json", NULL };
static const char *const examples[] = { "adze sample runs/a test:0 test:7 -n 16 -o pictures", "adze sample runs/a crop.png -o pictures", NULL };

const cli_command cli_sample = {
    .name = "sample", .usage = "RUN IMAGE... -o DIR", .doc = "Draw segmentations of pictures",
    .details = "An IMAGE is a PNG file, or SPLIT:NUMBER of the data that the run was trained for. For each, DIR gets NAME-sheet.png (image, "
               "readers' outlines, samples, mean, uncertainty) and its parts. Prints the paths.",
    .options = options, .examples = examples, .least = 2, .most = -1, .run = run,
};

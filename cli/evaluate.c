/* evaluate.c - adze evaluate: scores of a trained model, with intervals. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

#define COUNTS_MOST 16
#define SAMPLES_MOST 10000

typedef struct counts {
    int n, value[COUNTS_MOST];
} counts;

/* "--samples 1,4,16", also given several times; nothing given: one entry 0, the experiment's own number. */
static ad_status parse_counts(cli *c, counts *out)
{
    *out = (counts){ 0 };
    for (int i = 0; i < c->asked.samples.n; i++)
        for (const char *p = c->asked.samples.item[i];;) {
            char *end;
            long v = strtol(p, &end, 10);
            if (end == p || (*end && *end != ',') || v < 1 || v > SAMPLES_MOST || out->n == COUNTS_MOST)
                return AD_FAIL(&c->error, EUSAGE, "--samples: '%s' is not a list of at most %d integers from 1 to %d, such as 1,4,16",
                               c->asked.samples.item[i], COUNTS_MOST, SAMPLES_MOST);
            out->value[out->n++] = (int)v;
            if (!*end) break;
            p = end + 1;
        }
    if (out->n == 0) out->n = 1;
    return AD_OK;
}

static ad_status print_scores(cli *c, const ad_scores *s, const char *title, bool first)
{
    if (!first && !c->asked.json) printf("\n");
    if (!first && c->asked.json) printf(",\n");
    return cli_print_text(c, c->asked.json ? ad_scores_json(s, title) : ad_scores_text(s, title));
}

static ad_status score(cli *c, ad_trained *r, const counts *n)
{
    ad_evaluate_options o = { .limit = c->asked.limit, .save = c->asked.save };
    if (c->asked.split) {
        AD_TRY(ad_split_parse(&c->error, c->asked.split, &o.split));
        o.split_set = true;
    }
    if (n->n > 1 && o.save) return AD_FAIL(&c->error, EUSAGE, "--save takes the scores of one number of samples; --samples gives %d", n->n);
    cli_progress *p = cli_progress_new(c);
    o.watch = cli_progress_watch(p);
    cli_catch_signals();
    ad_status s = AD_OK;
    bool list = c->asked.json && n->n > 1;
    if (list) printf("[\n");
    for (int i = 0; i < n->n && s == AD_OK && !*cli_stop_flag(); i++) {
        ad_scores scores;
        o.samples = n->value[i];
        s = ad_evaluate(r, &o, &scores);
        if (s == AD_OK) s = print_scores(c, &scores, ad_model_name(ad_trained_model(r)), i == 0);
    }
    if (list) printf("]\n");
    cli_progress_free(p);
    return s;
}

static ad_status run(cli *c)
{
    counts n;
    ad_trained *r;
    char folder[2048];
    AD_TRY(parse_counts(c, &n));
    if (c->asked.data) {
        snprintf(folder, sizeof folder, "data.folder=%s", c->asked.data);
        cli_list_add(&c->asked.set, folder);
    }
    const ad_experiment_options o = cli_experiment_options(c);
    AD_TRY(cli_run_ops(c, c->asked.arguments.item[0]));
    AD_TRY(ad_trained_open(c->ctx, c->asked.arguments.item[0], c->asked.checkpoint, &o, &r));
    ad_status s = score(c, r, &n);
    ad_trained_free(r);
    return s;
}

static const char *const options[] = { "split", "samples", "limit", "data", "checkpoint", "save", "set", "zoo", "ops", "lenient", "json", NULL };
static const char *const examples[] = { "adze evaluate runs/a", "adze evaluate runs/a --split val --samples 1,4,16 --json", NULL };

const cli_command cli_evaluate = {
    .name = "evaluate", .usage = "RUN", .doc = "Score a trained model, with intervals",
    .details = "Draws segmentations of every image of a split and compares them with all its readers. The intervals are 95% bootstrap "
               "intervals over patients. An image for which a score is undefined is left out of its average, and counted.",
    .options = options, .examples = examples, .least = 1, .most = 1, .run = run,
};

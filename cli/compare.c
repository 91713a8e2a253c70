/* compare.c - adze compare: trains and scores what an experiment names, or takes finished runs, and makes one table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"

/* ---- assertions: METRIC OP NUMBER ---- */

typedef enum relation { LESS_EQUAL, GREATER_EQUAL, LESS, GREATER } relation;
static const char *const relations[] = { [LESS_EQUAL] = "<=", [GREATER_EQUAL] = ">=", [LESS] = "<", [GREATER] = ">" };

typedef struct assertion {
    const char *text;
    const ad_metric *metric;
    relation relation;
    double bound;
} assertion;

static ad_status unknown_metric(cli *c, const char *text, const char *name)
{
    const char *names[64];
    int n = 0;
    while (n < 64 && ad_metrics[n]) {
        names[n] = ad_metrics[n]->name;
        n++;
    }
    const char *near = ad_nearest(name, n, names);
    return AD_FAIL(&c->error, EUSAGE, "--assert '%s': no score is called '%s'%s%s%s", text, name, near ? "; did you mean '" : "", near ? near : "",
                   near ? "'?" : "");
}

static ad_status parse_assertion(cli *c, const char *text, assertion *a)
{
    char name[64], *end;
    size_t n = strcspn(text, "<>= ");
    snprintf(name, sizeof name, "%.*s", (int)n, text);
    const char *p = text + n + strspn(text + n, " ");
    int k = 0;
    while (k < 4 && strncmp(p, relations[k], strlen(relations[k])) != 0) k++;
    *a = (assertion){ .text = text, .metric = ad_metric_find(name), .relation = (relation)k };
    if (k < 4) a->bound = strtod(p + strlen(relations[k]), &end);
    if (k == 4 || end == p + strlen(relations[k]) || *end)
        return AD_FAIL(&c->error, EUSAGE, "--assert '%s' is not SCORE<=NUMBER (or >=, <, >), such as ged2<=0.30", text);
    return a->metric ? AD_OK : unknown_metric(c, text, name);
}

static bool holds(const assertion *a, double v)
{
    switch (a->relation) {
    case LESS_EQUAL: return v <= a->bound;
    case GREATER_EQUAL: return v >= a->bound;
    case LESS: return v < a->bound;
    default: return v > a->bound;
    }
}

static ad_status check_row(cli *c, const ad_row *row, const assertion *a)
{
    for (int i = 0; i < row->scores.n_metrics; i++) {
        if (row->scores.metric[i] != a->metric) continue;
        double v = row->scores.summary[i].mean;
        return holds(a, v) ? AD_OK : AD_FAIL(&c->error, ECHECK, "--assert '%s' does not hold: %s has %s %.4g", a->text, row->name, a->metric->name, v);
    }
    return AD_FAIL(&c->error, EUSAGE, "--assert '%s': %s was not scored by %s; add it to evaluate.metrics", a->text, row->name, a->metric->name);
}

static ad_status check_assertions(cli *c, const ad_table *t)
{
    for (int k = 0; k < c->asked.asserts.n; k++) {
        assertion a;
        AD_TRY(parse_assertion(c, c->asked.asserts.item[k], &a));
        for (int i = 0; t && i < t->n; i++) AD_TRY(check_row(c, &t->rows[i], &a));
    }
    return AD_OK;
}

/* ---- the table ---- */

static ad_status print_table(cli *c, const ad_table *t)
{
    static const ad_table_format formats[] = { AD_TABLE_TEXT, AD_TABLE_CSV, AD_TABLE_JSON, AD_TABLE_MARKDOWN };
    AD_TRY(cli_print_text(c, ad_table_print(t, c->asked.json ? AD_TABLE_JSON : formats[c->asked.format])));
    if (c->asked.quiet) return AD_OK;
    if (t->stopped) fprintf(stderr, "stopped; go on with --resume\n");
    if (c->asked.output) fprintf(stderr, "table   %s/compare.{txt,csv,json,md}\n", c->asked.output);
    if (t->sheet[0]) fprintf(stderr, "sheet   %s\n", t->sheet);
    return AD_OK;
}

static ad_status dry_run(cli *c, const ad_experiment *x)
{
    cli_table t = { 0 };
    ad_plan p;
    cli_table_row(&t, "run\tmodel\tsteps>\tbatch>\tseed>\tdirectory");
    for (int i = 0; ad_experiment_at(x, i, &p); i++)
        cli_table_row(&t, "%s\t%s\t%lld\t%lld\t%llu\t%s/%s", p.name, p.model, (long long)p.steps, (long long)p.batch, (unsigned long long)p.seed,
                      c->asked.output, p.name);
    cli_table_print(&t);
    return AD_OK;
}

static ad_status compare_experiment(cli *c, const char *path, const ad_compare_options *o, ad_table *t)
{
    ad_experiment *x = NULL;
    const ad_experiment_options how = cli_experiment_options(c);
    if (!c->asked.output) return AD_FAIL(&c->error, EUSAGE, "compare needs a folder for the runs: adze compare %s -o DIR", path);
    AD_TRY(ad_experiment_open(c->ctx, path, &how, c->diagnostics, &x));
    ad_status s = c->asked.dry_run ? dry_run(c, x) : ad_compare(x, c->asked.output, o, t);
    ad_experiment_free(x);
    return s;
}

static ad_status compare(cli *c, const ad_compare_options *o, ad_table *t)
{
    const cli_list *a = &c->asked.arguments;
    struct stat st;
    if (a->n == 1 && !(stat(a->item[0], &st) == 0 && S_ISDIR(st.st_mode))) return compare_experiment(c, a->item[0], o, t);
    if (c->asked.dry_run || c->asked.set.n || c->asked.lenient)
        return AD_FAIL(&c->error, EUSAGE, "--dry-run, --set, --memory and --lenient are for an experiment; finished runs are not trained again");
    for (int i = 0; i < a->n; i++) AD_TRY(cli_run_ops(c, a->item[i]));
    return ad_compare_runs(c->ctx, a->n, a->item, c->asked.output, o, t);
}

static ad_status run(cli *c)
{
    if (c->asked.resume && c->asked.force) return AD_FAIL(&c->error, EUSAGE, "--resume goes on with runs and --force removes them: give one of them");
    AD_TRY(check_assertions(c, NULL));
    AD_TRY(cli_set_memory(c));
    cli_progress *p = cli_progress_new(c);
    const ad_compare_options o = { .resume = c->asked.resume, .force = c->asked.force, .origin = cli_origin(c), .watch = cli_progress_watch(p) };
    ad_table t = { 0 };
    cli_catch_signals();
    if (c->asked.force) cli_note(c, "--force: removes the runs that are there");
    ad_status s = compare(c, &o, &t);
    cli_progress_free(p);
    if (s == AD_OK && !c->asked.dry_run) s = print_table(c, &t);
    if (s == AD_OK && !t.stopped) s = check_assertions(c, &t);
    ad_table_free(&t);
    return s;
}

static const char *const options[] = {
    "output", "set", "memory", "resume", "force", "dry-run", "assert", "format", "json", "zoo", "ops", "lenient", NULL
};
static const char *const examples[] = {
    "adze compare experiment.yaml -o runs/cmp --resume", "adze compare runs/a runs/b --format md", "adze compare runs/a --assert 'ged2<=0.30'", NULL
};

const cli_command cli_compare = {
    .name = "compare", .usage = "EXPERIMENT.yaml -o DIR | RUN...", .doc = "Train and score models, or take finished runs; one table",
    .details = "An experiment: trains every model that the file names into DIR/NAME (what is complete is kept with --resume), scores it, prints one "
               "table, and saves it as DIR/compare.txt, .csv, .json and .md with a sheet of pictures. Runs: scores what is not scored yet.",
    .options = options, .examples = examples, .least = 1, .most = -1, .run = run,
};

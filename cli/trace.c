/* trace.c - adze trace: the reverse walk of a training step, one record at a time, with the adjoints' values. */
#include <stdio.h>

#include "cli/cli.h"

/* "out  prior/h[0]/conv #12 [2,8,8,2]: between -0.1 and 0.2, mean 0.01; 0.02 0.03 -0.1 0.2 ..." */
static void print_seen(const char *word, const ad_seen *s)
{
    char shape[AD_SHAPE_TEXT], record[24] = "";
    const ad_place *at = ad_tensor_place(s->of);
    int made_by = ad_tensor_record(s->of);
    int64_t n = ad_count(ad_tensor_shape(s->of));
    if (made_by >= 0) snprintf(record, sizeof record, " #%d", made_by);
    printf("  %-4s %-8s %s%s %s", word, s->operand, made_by >= 0 && at && at->path ? at->path : ad_tensor_name(s->of), record,
           ad_shape_text(ad_tensor_shape(s->of), shape));
    if (!s->wanted) {
        printf(": none\n");
        return;
    }
    if (s->bad < n) printf(": between %g and %g, mean %g", s->least, s->largest, s->mean);
    if (s->bad) printf("%s %lld not finite", s->bad < n ? "," : ":", (long long)s->bad);
    printf(";");
    for (int k = 0; k < AD_SHOWN && k < n; k++) printf(" %g", s->first[k]);
    printf("%s%s\n", n > AD_SHOWN ? " ..." : "", s->added ? "  (added to)" : "");
}

/* With --step the walk waits for a line after each record; q ends it. */
static bool show(void *arg, const ad_traced *r)
{
    cli *c = arg;
    char line[64];
    const ad_place *at = r->info.place;
    printf("back over %d  %s", r->record, r->info.op->name);
    if (at && at->path) printf("  %s", at->path);
    if (at && at->line) printf("  %s:%d:%d", at->file ? at->file : "", at->line, at->column);
    if (r->last > r->first) printf("  appends %d..%d", r->first, r->last - 1);
    putchar('\n');
    for (int k = 0; k < r->info.n_out; k++) print_seen("in", &r->out[k]);
    for (int k = 0; k < r->info.n_in; k++)
        if (r->in[k].of) print_seen("to", &r->in[k]);
    c->shown++;
    if (!c->asked.step) return true;
    fflush(stdout);
    return fgets(line, sizeof line, stdin) && line[0] != 'q';
}

static ad_status run(cli *c)
{
    ad_experiment *x = NULL;
    const char *directory;
    int i;
    ad_plan plan = { 0 };
    ad_status s = cli_open_run(c, c->asked.arguments.item[0], &x, &i, &plan, &directory);
    const ad_trace_options o = { .directory = directory, .from = (int)c->asked.from, .to = (int)c->asked.to, .only = c->asked.only, .show = show, .arg = c };
    if (s == AD_OK) s = ad_trace(x, i, &o);
    if (s == AD_OK && c->shown == 0)
        s = AD_FAIL(&c->error, EUSAGE, "the walk meets no such record; adze inspect %s --tape lists them all", c->asked.arguments.item[0]);
    ad_experiment_free(x);
    return s;
}

static const char *const options[] = { "from", "to", "only", "step", "set", "profile", "run", "zoo", "ops", "lenient", NULL };
static const char *const examples[] = {
    "adze trace zoo:phiseg --profile tiny --set train.batch=1 --only kl_normal", "adze trace runs/a --from 380 --to 360", "adze trace my.yaml --step", NULL
};

const cli_command cli_trace = {
    .name = "trace", .usage = "zoo:NAME | MODEL.yaml | EXPERIMENT.yaml | RUN", .doc = "Walk back over a training step record by record, with values",
    .details = "The reverse walk over the next batch of the run's data: for each record the adjoint that comes in, and those that go out to its operands, with "
               "range, mean and first elements. (added to): a later record had given that operand an adjoint already. Everything random is that of the step.",
    .options = options, .examples = examples, .least = 1, .most = 1, .run = run,
};

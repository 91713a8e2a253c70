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

static void put_seen(ad_json_writer *w, const ad_seen *s)
{
    const ad_place *at = ad_tensor_place(s->of);
    int made_by = ad_tensor_record(s->of);
    int64_t n = ad_count(ad_tensor_shape(s->of));
    ad_json_open_object(w, NULL);
    ad_json_put_text(w, "operand", s->operand);
    ad_json_put_text(w, "of", made_by >= 0 && at && at->path ? at->path : ad_tensor_name(s->of));
    if (made_by >= 0) ad_json_put_int(w, "record", made_by);
    cli_json_shape(w, "shape", ad_tensor_shape(s->of));
    ad_json_put_bool(w, "adjoint", s->wanted);
    if (s->wanted) {
        ad_json_put_bool(w, "added", s->added);
        ad_json_put_number(w, "least", s->least);
        ad_json_put_number(w, "largest", s->largest);
        ad_json_put_number(w, "mean", s->mean);
        ad_json_put_int(w, "not_finite", s->bad);
        ad_json_open_array(w, "first");
        for (int k = 0; k < AD_SHOWN && k < n; k++) ad_json_put_number(w, NULL, s->first[k]);
        ad_json_close(w);
    }
    ad_json_close(w);
}

static void put_record(ad_json_writer *w, const ad_traced *r)
{
    ad_json_open_object(w, NULL);
    ad_json_put_int(w, "record", r->record);
    ad_json_put_text(w, "op", r->info.op->name);
    cli_json_place(w, r->info.place);
    if (r->last > r->first) {
        ad_json_put_int(w, "appends_first", r->first);
        ad_json_put_int(w, "appends_last", r->last - 1);
    }
    ad_json_open_array(w, "in");
    for (int k = 0; k < r->info.n_out; k++) put_seen(w, &r->out[k]);
    ad_json_close(w);
    ad_json_open_array(w, "to");
    for (int k = 0; k < r->info.n_in; k++)
        if (r->in[k].of) put_seen(w, &r->in[k]);
    ad_json_close(w);
    ad_json_close(w);
}

static void print_record(const ad_traced *r)
{
    const ad_place *at = r->info.place;
    printf("back over %d  %s", r->record, r->info.op->name);
    if (at && at->path) printf("  %s", at->path);
    if (at && at->line) printf("  %s:%d:%d", at->file ? at->file : "", at->line, at->column);
    if (r->last > r->first) printf("  appends %d..%d", r->first, r->last - 1);
    putchar('\n');
    for (int k = 0; k < r->info.n_out; k++) print_seen("in", &r->out[k]);
    for (int k = 0; k < r->info.n_in; k++)
        if (r->in[k].of) print_seen("to", &r->in[k]);
}

typedef struct walk {
    const cli *c;
    ad_json_writer json;           /* the document, open until the walk has ended */
    int shown;
} walk;

/* With --step the walk waits for a line after each record; q ends it. */
static bool show(void *arg, const ad_traced *r)
{
    walk *w = arg;
    char line[64];
    w->shown++;
    if (w->c->asked.json) put_record(&w->json, r);
    else print_record(r);
    if (!w->c->asked.step) return true;
    fflush(stdout);
    return fgets(line, sizeof line, stdin) && line[0] != 'q';
}

static ad_status run(cli *c)
{
    ad_experiment *x = NULL;
    const char *directory;
    int i;
    ad_plan plan = { 0 };
    walk w = { .c = c, .json = { .indent = 2 } };
    if (c->asked.json && c->asked.step) return AD_FAIL(&c->error, EUSAGE, "--step shows record by record and --json one document: give one of them");
    ad_status s = cli_open_run(c, c->asked.arguments.item[0], &x, &i, &plan, &directory);
    const ad_trace_options o = { .directory = directory, .from = (int)c->asked.from, .to = (int)c->asked.to, .only = c->asked.only, .show = show, .arg = &w };
    ad_json_open_object(&w.json, NULL);
    ad_json_put_text(&w.json, "run", plan.name);
    ad_json_open_array(&w.json, "records");
    if (s == AD_OK) s = ad_trace(x, i, &o);
    ad_json_close(&w.json);
    ad_json_close(&w.json);
    if (s == AD_OK && w.shown == 0)
        s = AD_FAIL(&c->error, EUSAGE, "the walk meets no such record; adze inspect %s --tape lists them all", c->asked.arguments.item[0]);
    if (s == AD_OK && c->asked.json) cli_json_print(&w.json);
    ad_text_free(&w.json.text);
    ad_experiment_free(x);
    return s;
}

static const char *const options[] = { "from", "to", "only", "step", "set", "profile", "run", "zoo", "ops", "lenient", "json", NULL };
static const char *const examples[] = {
    "adze trace zoo:phiseg --profile tiny --set train.batch=1 --only kl_normal", "adze trace runs/a --from 380 --to 360", "adze trace my.yaml --step", NULL
};

const cli_command cli_trace = {
    .name = "trace", .usage = "zoo:NAME | MODEL.yaml | EXPERIMENT.yaml | RUN", .doc = "Walk back over a training step record by record, with values",
    .details = "The reverse walk over the next batch of the run's data: for each record the adjoint that comes in, and those that go out to its operands, with "
               "range, mean and first elements. (added to): a later record had given that operand an adjoint already. Everything random is that of the step.",
    .options = options, .examples = examples, .least = 1, .most = 1, .run = run,
};

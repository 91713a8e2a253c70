/* profile.c - adze profile: time of a training step by op and by line of the model, beside the limits of the machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static void add_row(cli_table *t, const ad_profile *p, const ad_profile_row *row, const char *path)
{
    const ad_profile_rates r = ad_profile_rates_of(p, row);
    char name[256], flops[48] = "-\t-";
    if (r.flops > 0) snprintf(flops, sizeof flops, "%.1f\t%.0f %%", 1e-9 * r.flops, 100 * r.of_peak);
    cli_table_row(t, "%s\t%d\t%.3f\t%.1f %%\t%.0f %%\t%s\t%.1f\t%.0f %%%s%s", ad_profile_name(row, name), row->steps, 1e3 * r.seconds, 100 * r.share,
                  100 * r.backward, flops, 1e-9 * r.bytes, 100 * r.of_memory, *path ? "\t" : "", path);
}

static void print_tables(const cli *c, const ad_plan *plan, const ad_profile *p)
{
    cli_table ops = { 0 }, lines = { 0 };
    printf("%s: %lld steps of %lld items, %.2f ms a step in %d records\nlimits: %.1f GFLOP/s in registers, %.1f GB/s of memory (%s, %d threads)\n\n", plan->name,
           (long long)p->steps, (long long)p->batch, 1e3 * p->seconds, p->records, 1e-9 * p->limits.flops, 1e-9 * p->limits.bytes,
           ad_isa_name(ad_ctx_isa(c->ctx)), ad_ctx_threads(c->ctx));
    cli_table_row(&ops, "op\trecords>\tms>\tshare>\tbackward>\tGFLOP/s>\tof peak>\tGB/s>\tof memory>");
    for (int i = 0; i < p->n_ops; i++) add_row(&ops, p, &p->ops[i], "");
    cli_table_print(&ops);
    cli_table_row(&lines, "line\trecords>\tms>\tshare>\tbackward>\tGFLOP/s>\tof peak>\tGB/s>\tof memory>\tfirst used in");
    for (int i = 0; i < p->n_lines; i++) {
        const ad_place *at = p->lines[i].place;
        add_row(&lines, p, &p->lines[i], at && at->path ? at->path : "weights");
    }
    putchar('\n');
    cli_table_print(&lines);
    printf("\na chain is one record here; its time is divided evenly among the lines that it joins; more than 100 %% of memory: from the caches\n");
}

static void put_row(ad_json_writer *w, const ad_profile *p, const ad_profile_row *row)
{
    const ad_profile_rates r = ad_profile_rates_of(p, row);
    ad_json_open_object(w, NULL);
    if (row->op && *row->op) ad_json_put_text(w, "op", row->op);
    if (row->place) {
        ad_json_put_text(w, "file", row->place->file);
        ad_json_put_int(w, "line", row->place->line);
        ad_json_put_text(w, "path", row->place->path);
    }
    ad_json_put_int(w, "records", row->steps);
    ad_json_put_number(w, "ms", 1e3 * r.seconds);
    ad_json_put_number(w, "share", r.share);
    ad_json_put_number(w, "backward", r.backward);
    ad_json_put_number(w, "macs", row->cost.macs);
    ad_json_put_number(w, "bytes", row->cost.bytes);
    ad_json_put_number(w, "of_peak", r.of_peak);
    ad_json_put_number(w, "of_memory", r.of_memory);
    ad_json_close(w);
}

static void print_json(const ad_plan *plan, const ad_profile *p)
{
    ad_json_writer w = { .indent = 2 };
    ad_json_open_object(&w, NULL);
    ad_json_put_text(&w, "run", plan->name);
    ad_json_put_int(&w, "steps", p->steps);
    ad_json_put_int(&w, "batch", p->batch);
    ad_json_put_number(&w, "ms", 1e3 * p->seconds);
    ad_json_put_number(&w, "limit_flops", p->limits.flops);
    ad_json_put_number(&w, "limit_bytes", p->limits.bytes);
    ad_json_open_array(&w, "ops");
    for (int i = 0; i < p->n_ops; i++) put_row(&w, p, &p->ops[i]);
    ad_json_close(&w);
    ad_json_open_array(&w, "lines");
    for (int i = 0; i < p->n_lines; i++) put_row(&w, p, &p->lines[i]);
    ad_json_close(&w);
    ad_json_close(&w);
    cli_json_print(&w);
}

static ad_status write_picture(cli *c, const ad_plan *plan, const ad_profile *p)
{
    char title[512];
    snprintf(title, sizeof title, "%s: a training step of %lld items, %.1f ms (%s, threads: %d)", plan->name, (long long)p->batch, 1e3 * p->seconds,
             ad_isa_name(ad_ctx_isa(c->ctx)), ad_ctx_threads(c->ctx));
    char *text = ad_profile_svg(p, title);
    ad_status s = text ? ad_file_write(&c->error, c->asked.svg, text, strlen(text)) : AD_FAIL(&c->error, ENOMEM, "out of memory for the picture");
    free(text);
    return s;
}

static ad_status run(cli *c)
{
    ad_experiment *x = NULL;
    const char *directory;
    int i;
    ad_plan plan = { 0 };
    ad_profile p = { 0 };
    AD_TRY(cli_set_memory(c));
    ad_status s = cli_open_run(c, c->asked.arguments.item[0], &x, &i, &plan, &directory);
    if (s == AD_OK) s = ad_profile_step(x, i, directory, c->asked.repeat, &p);
    if (s == AD_OK && c->asked.svg) s = write_picture(c, &plan, &p);
    if (s == AD_OK && c->asked.json) print_json(&plan, &p);
    else if (s == AD_OK) print_tables(c, &plan, &p);
    ad_profile_fini(&p);
    ad_experiment_free(x);
    return s;
}

static const char *const options[] = { "repeat", "set", "profile", "run", "memory", "zoo", "ops", "lenient", "json", "svg", NULL };
static const char *const examples[] = { "adze profile zoo:phiseg --profile tiny", "adze profile runs/a --repeat 20 --threads 1", "adze profile zoo:hpu_net --svg profile.svg", NULL };

const cli_command cli_profile = {
    .name = "profile", .usage = "zoo:NAME | MODEL.yaml | EXPERIMENT.yaml | RUN", .doc = "Show where the time of a training step goes",
    .details = "Trains for a few steps, writing nothing, and sums the time by op and by line of the model: milliseconds a step, share, multiply-adds and bytes "
               "a second, and their shares of what the machine does at best, measured between the steps.",
    .options = options, .examples = examples, .least = 1, .most = 1, .run = run,
};

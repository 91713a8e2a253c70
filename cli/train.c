/* train.c - adze train: one model, or one run of an experiment, into a run directory. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"

ad_experiment_options cli_experiment_options(const cli *c)
{
    return (ad_experiment_options){ .zoo = c->asked.zoo, .profile = c->asked.profile, .n_set = c->asked.set.n, .set = c->asked.set.item,
                                    .lenient = c->asked.lenient };
}

ad_status cli_memory(cli *c, size_t *bytes)
{
    *bytes = 0;
    if (!c->asked.memory || !*c->asked.memory) return AD_OK;
    return ad_bytes_parse(&c->error, c->asked.memory, bytes) == AD_OK ? AD_OK : ad_error_prefix(&c->error, "--memory");
}

ad_status cli_set_memory(cli *c)
{
    size_t bytes;
    if (!c->asked.memory) return AD_OK;
    AD_TRY(cli_memory(c, &bytes));
    if (snprintf(c->memory, sizeof c->memory, "train.memory=%s", c->asked.memory) >= (int)sizeof c->memory)
        return AD_FAIL(&c->error, EUSAGE, "--memory: '%.40s...' is too long", c->asked.memory);
    cli_list_add(&c->asked.set, c->memory);
    return AD_OK;
}

static ad_status open_experiment(cli *c, const char *ref, ad_experiment **x)
{
    const ad_experiment_options o = cli_experiment_options(c);
    if (strncmp(ref, "zoo:", 4) == 0) AD_TRY(cli_check_zoo(c, ref));
    else if (ad_is_experiment(ref)) return ad_experiment_open(c->ctx, ref, &o, c->diagnostics, x);
    return ad_experiment_single(c->ctx, ref, &o, c->diagnostics, x);
}

/* The run that --run names; without it the only one. */
static ad_status choose(cli *c, const ad_experiment *x, int *chosen, ad_plan *plan)
{
    ad_text names = { 0 };
    ad_plan p;
    int n = 0;
    *chosen = -1;
    for (; ad_experiment_at(x, n, &p); n++) {
        ad_text_add(&names, n ? ", %s" : "%s", p.name);
        if (c->asked.run ? strcmp(p.name, c->asked.run) != 0 : n > 0) continue;
        *chosen = n;
        *plan = p;
    }
    ad_status s = AD_OK;
    if (c->asked.run && *chosen < 0) s = AD_FAIL(&c->error, EUSAGE, "--run %s: no such run; the experiment has: %s", c->asked.run, names.data);
    else if (n == 0) s = AD_FAIL(&c->error, EUSAGE, "the experiment names no model to train");
    else if (!c->asked.run && n > 1)
        s = AD_FAIL(&c->error, EUSAGE, "the experiment has %d runs; choose one with --run (%s), or train all with adze compare", n, names.data);
    ad_text_free(&names);
    return s;
}

ad_status cli_open_run(cli *c, const char *ref, ad_experiment **x, int *i, ad_plan *plan, const char **directory)
{
    struct stat st;
    const ad_experiment_options o = cli_experiment_options(c);
    char config[4096];
    *directory = strncmp(ref, "zoo:", 4) != 0 && stat(ref, &st) == 0 && S_ISDIR(st.st_mode) ? ref : NULL;
    snprintf(config, sizeof config, "%s/config.resolved.yaml", ref);
    if (*directory) AD_TRY(cli_run_ops(c, ref));
    if (*directory) AD_TRY(ad_experiment_open(c->ctx, config, &o, c->diagnostics, x));
    else AD_TRY(open_experiment(c, ref, x));
    return choose(c, *x, i, plan);
}

static void print_result(const cli *c, const char *ref, const ad_plan *plan, const ad_trained_info *r)
{
    char time_text[32];
    const char *out = c->asked.output;
    if (c->asked.json) {
        ad_json_writer w = { .indent = 2 };
        ad_json_open_object(&w, NULL);
        ad_json_put_text(&w, "run", plan->name);
        ad_json_put_text(&w, "directory", out);
        ad_json_put_int(&w, "step", r->step);
        ad_json_put_int(&w, "steps", plan->steps);
        ad_json_put_bool(&w, "complete", r->complete);
        ad_json_put_number(&w, "loss", r->loss);
        ad_json_put_number(&w, "seconds", r->seconds);
        ad_json_put_number(&w, "seconds_a_step", r->seconds_a_step);
        ad_json_put_int(&w, "memory", (int64_t)r->memory);
        ad_json_put_text(&w, "hash", r->hash);
        ad_json_put_text(&w, "checkpoint", r->checkpoint);
        ad_json_close(&w);
        cli_json_print(&w);
        return;
    }
    printf("%s    %lld steps, %s, loss %.5g (%s)\n", r->complete ? "done" : "part", (long long)r->step, cli_duration(r->seconds, time_text), r->loss,
           r->checkpoint);
    printf("sha256  %s (weights, state, optimiser)\n", r->hash);
    if (r->complete) printf("next    adze evaluate %s        adze sample %s test:0 -o %s/samples\n", out, out, out);
    else printf("next    adze train %s -o %s --resume        (with the options of before)\n", ref, out);
}

static ad_status train(cli *c, ad_experiment *x, const char *ref)
{
    int i;
    ad_plan plan = { 0 };
    AD_TRY(choose(c, x, &i, &plan));
    if (c->asked.dry_run) {
        printf("would train %s (%s): %lld steps of %lld items, seed %llu, into %s\n", plan.name, plan.model, (long long)plan.steps,
               (long long)plan.batch, (unsigned long long)plan.seed, c->asked.output);
        return AD_OK;
    }
    cli_progress *p = cli_progress_new(c);
    if (!c->asked.quiet) {
        fprintf(stderr, "%s   %s   %d threads   f32   deterministic: bitwise\n", cli_version_line(), ad_isa_name(ad_ctx_isa(c->ctx)),
                ad_ctx_threads(c->ctx));
        if (c->asked.force) cli_note(c, "--force: removes what is in %s", c->asked.output);
    }
    const ad_train_options o = { .resume = c->asked.resume, .force = c->asked.force, .stop_after = c->asked.stop_after,
                                 .origin = cli_origin(c), .watch = cli_progress_watch(p) };
    ad_trained_info result = { 0 };
    cli_catch_signals();
    ad_status s = ad_train(x, i, c->asked.output, &o, &result);
    cli_progress_free(p);
    if (s == AD_OK) print_result(c, ref, &plan, &result);
    return s;
}

static ad_status run(cli *c)
{
    const char *ref = c->asked.arguments.item[0];
    ad_experiment *x = NULL;
    if (!c->asked.output) return AD_FAIL(&c->error, EUSAGE, "train needs a run directory: adze train %s -o RUN", ref);
    if (c->asked.resume && c->asked.force) return AD_FAIL(&c->error, EUSAGE, "--resume goes on with a run and --force removes it: give one of them");
    AD_TRY(cli_set_memory(c));
    if (c->asked.resume) AD_TRY(cli_run_ops(c, c->asked.output));
    ad_status s = open_experiment(c, ref, &x);
    if (s == AD_OK) s = train(c, x, ref);
    ad_experiment_free(x);
    return s;
}

static const char *const options[] = { "output", "set", "profile", "run", "memory", "resume", "force", "stop-after", "dry-run", "zoo", "ops", "lenient", "json", NULL };
static const char *const examples[] = {
    "adze train zoo:phiseg --profile tiny -o runs/a", "adze train zoo:hpu_net -o runs/b --set train.steps=500 --set data.set=synthetic",
    "adze train experiment.yaml --run phiseg -o runs/c --resume", NULL
};

const cli_command cli_train = {
    .name = "train", .usage = "zoo:NAME | MODEL.yaml | EXPERIMENT.yaml -o RUN", .doc = "Train one model",
    .details = "The run directory gets the configuration, a manifest, metrics, a log and checkpoints. One that exists is refused unless --resume "
               "goes on with it or --force removes it. SIGINT or SIGTERM finishes the step, saves, and ends with status 0; a second one stops at once.",
    .options = options, .examples = examples, .least = 1, .most = 1, .run = run,
};

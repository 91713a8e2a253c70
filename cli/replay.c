/* replay.c - adze replay: a training step that failed, once more. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"

static void put_json(const ad_replayed *r)
{
    ad_json_writer w = { .indent = 2 };
    ad_json_open_object(&w, NULL);
    ad_json_put_int(&w, "step", r->step);
    ad_json_put_bool(&w, "same", r->same);
    ad_json_put_text(&w, "message", r->message);
    ad_json_put_text(&w, "saved", r->saved);
    ad_json_put_text(&w, "sha256", r->finding.sha256);
    ad_json_close(&w);
    cli_json_print(&w);
}

static ad_status run(cli *c)
{
    const char *directory = c->asked.arguments.item[0];
    const ad_experiment_options o = cli_experiment_options(c);
    AD_TRY(cli_run_ops(c, directory));
    ad_replayed *r = calloc(1, sizeof *r);
    if (!r) return AD_FAIL(&c->error, ENOMEM, "out of memory");
    ad_status s = ad_replay(c->ctx, directory, &o, r);
    if (s == AD_OK && c->asked.json) put_json(r);
    else if (s == AD_OK && r->same) printf("%s\nsame as when it was saved, in every bit: sha256 of the value and its inputs %s\n", r->saved, r->finding.sha256);
    else if (s == AD_OK) printf("saved   %s\n\nnow     %s\n", r->saved, *r->message ? r->message : "every value is finite");
    if (s == AD_OK && !r->same) s = AD_FAIL(&c->error, ECHECK, "%s: the step does not fail as it did; other instructions or a changed program?", directory);
    free(r);
    return s;
}

static const char *const options[] = { "zoo", "ops", "json", NULL };
static const char *const examples[] = { "adze replay runs/a/nan-5187", NULL };

const cli_command cli_replay = {
    .name = "replay", .usage = "RUN/nan-STEP", .doc = "Run a training step that failed once more",
    .details = "A training step whose loss is not finite leaves its inputs, weights and configuration in RUN/nan-STEP. Run again it must fail in the same "
               "way, in every bit of the first value that is not finite and of what it was made from; otherwise the status is 1. Run it under a debugger, or with --threads 1.",
    .options = options, .examples = examples, .least = 1, .most = 1, .run = run,
};

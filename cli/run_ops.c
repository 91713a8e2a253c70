/* run_ops.c - the ops that a run was trained with: loaded before it is opened, and never without a word. */
#include <stdio.h>

#include "cli/cli.h"

typedef struct run_of {
    const cli *c;
    const char *ref;
} run_of;

static void tell(void *arg, const char *path, const char *sha256)
{
    const run_of *r = arg;
    if (r->c->asked.ops.n) cli_note(r->c, "%s was trained with other ops than --ops gives: %s (sha256 %s)", r->ref, path, sha256);
    else cli_note(r->c, "%s: loading the ops it was trained with from %s (sha256 %s)", r->ref, path, sha256);
}

ad_status cli_run_ops(cli *c, const char *ref)
{
    run_of r = { c, ref };
    return ad_run_load_ops(c->ctx, ref, &(ad_run_ops_options){ .instead = c->asked.ops.n > 0, .tell = tell, .arg = &r });
}

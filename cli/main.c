/* main.c - the program: the list of commands, what happens before and after one, and the exit status. */
#include "config.h"

#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "ops/ops.h"

#define COMMAND(name) extern const cli_command cli_##name;
#include "cli/commands.def"
#undef COMMAND

const cli_command *const cli_commands[] = {
#define COMMAND(name) &cli_##name,
#include "cli/commands.def"
#undef COMMAND
    NULL
};

const cli_command *cli_command_find(const char *name)
{
    for (const cli_command *const *m = cli_commands; *m; m++)
        if (strcmp((*m)->name, name) == 0) return *m;
    return NULL;
}

const char *cli_command_nearest(const char *name)
{
    const char *names[32];
    int n = 0;
    for (const cli_command *const *m = cli_commands; *m && n < 32; m++) names[n++] = (*m)->name;
    return ad_nearest(name, n, names);
}

/* Colours on a terminal that has them, unless the person or NO_COLOR says otherwise. */
static bool wants_color(int when)
{
    const char *no = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE"), *term = getenv("TERM");
    if (when != CLI_AUTO) return when == CLI_ALWAYS;
    if (no && *no) return false;
    if (force && *force && strcmp(force, "0") != 0) return true;
    return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

static void say(const cli *c, const char *code, const char *word, const char *message)
{
    fflush(stdout);
    if (c->color) fprintf(stderr, "adze: \033[%sm%s:\033[0m %s\n", code, word, message);
    else fprintf(stderr, "adze: %s: %s\n", word, message);
}

/* Mistakes in text files are shown as they were laid out, everything else behind "adze: error:". */
static void report(const cli *c)
{
    const ad_error *e = c->error.status != AD_OK ? &c->error : c->ctx ? ad_ctx_error(c->ctx) : NULL;
    char *text = c->diagnostics && ad_diagnostics_count(c->diagnostics) ? ad_diagnostics_text(c->diagnostics, c->color) : NULL;
    bool failed = c->diagnostics && ad_diagnostics_errors(c->diagnostics) > 0;
    fflush(stdout);
    if (text && (failed || !c->asked.quiet)) fprintf(stderr, "%s%s", text, *text && text[strlen(text) - 1] == '\n' ? "" : "\n");
    free(text);
    if (!e || e->status == AD_OK || (failed && e->status != AD_ENOMEM)) return;     /* the list says it, with places */
    if (e->status == AD_EMODEL) fprintf(stderr, "%s%s", e->message, e->message[0] && e->message[strlen(e->message) - 1] == '\n' ? "" : "\n");
    else if (e->message[0]) say(c, "31", "error", e->message);
}

/* Where the zoo lies: as --zoo or ADZE_ZOO say, where it was installed, or beside the program (a moved installation, a build tree).
 * The environment carries it to every part of the library, also to those that reopen a run. */
static void find_zoo(const cli *c)
{
    static const char *const places[] = { "../share/adze/zoo", "../../models/zoo", "../../../models/zoo", "../models/zoo" };
    char self[2048];
    if (c->asked.zoo) setenv("ADZE_ZOO", c->asked.zoo, 1);
    if (getenv("ADZE_ZOO") || access(ad_zoo_folder(NULL), F_OK) == 0) return;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    while (n > 0 && self[n - 1] != '/') n--;
    if (n <= 0) return;
    self[n] = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s%s", self, places[i]);
        char *real = realpath(path, NULL);
        if (real) setenv("ADZE_ZOO", real, 1);
        free(real);
        if (real) return;
    }
}

/* The context takes its defaults from the environment; a wrong one is reported as what it is. */
static ad_status make_context(cli *c)
{
    ad_options o = { .threads = (int)c->asked.threads };
    if (c->asked.isa_plus_1) {
        o.isa_set = true;
        o.isa = (ad_isa)(c->asked.isa_plus_1 - 1);
    }
    o.winograd = (ad_switch)c->asked.winograd;
    c->ctx = ad_new(&o);
    c->diagnostics = ad_diagnostics_new();
    find_zoo(c);
    if (!c->ctx || !c->diagnostics) return AD_FAIL(&c->error, ENOMEM, "out of memory");
    for (int i = 0; i < c->asked.ops.n; i++) AD_TRY(ad_ctx_load_ops(c->ctx, c->asked.ops.item[i]));
    return ad_ctx_error(c->ctx)->status;
}

static ad_status dispatch(cli *c)
{
    if (c->asked.version || !c->command) {
        if (!c->asked.version) {
            cli_print_overview();
            return AD_OK;
        }
        AD_TRY(make_context(c));
        cli_print_version(c);
        return AD_OK;
    }
    if (c->asked.help) {
        cli_print_help(c->command);
        return AD_OK;
    }
    if (!c->command->plain) AD_TRY(make_context(c));
    return c->command->run(c);
}

/* A result that did not reach its reader is a failure: `adze zoo > /dev/full`. */
static ad_status finish_output(cli *c)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return AD_OK;
    return AD_FAIL(&c->error, EIO, "the output could not be written; is the disk full?");
}

int main(int argc, char **argv)
{
    cli c = { .words = { 0 } };
    setlocale(LC_CTYPE, "");                       /* for the progress bar; numbers stay as they are */
    signal(SIGXFSZ, SIG_IGN);                      /* a file size limit shall be an error, not a death */
    for (int i = 0; i < argc; i++) ad_text_add(&c.words, i ? " %s" : "%s", i ? argv[i] : "adze");
    ad_status s = cli_parse(&c, argc, argv);
    c.color = wants_color(c.asked.color);
    if (s == AD_OK) s = dispatch(&c);
    ad_status written = finish_output(&c);
    if (s == AD_OK) s = written;
    /* Asked to stop where there is nothing to save: scores that are not complete are no result. */
    int interrupted = s == AD_EUSAGE ? *cli_stop_flag() : 0;
    if (!interrupted) report(&c);
    ad_diagnostics_free(c.diagnostics);
    ad_ctx_free(c.ctx);
    ad_text_free(&c.words);
    free(c.asked.set.item);
    free(c.asked.asserts.item);
    free(c.asked.samples.item);
    free(c.asked.ops.item);
    free(c.asked.arguments.item);
    return interrupted ? 128 + interrupted : ad_status_exit(s);
}

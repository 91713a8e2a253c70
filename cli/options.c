/* options.c - the option table, and reading a command line by it. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

#define AT(field) offsetof(cli_request, field)

const cli_option cli_options[] = {
    { "output", 'o', CLI_TEXT, AT(output), "PATH", "where results go: a run directory, or a folder" },
    { "set", 's', CLI_LIST, AT(set), "KEY=VALUE", "a key of the configuration (adze help config) or a parameter of the model; may be repeated" },
    { "profile", 0, CLI_TEXT, AT(profile), "NAME", "a set of parameters from the model file, such as tiny" },
    { "zoo", 0, CLI_TEXT, AT(zoo), "DIR", "folder of the zoo:NAME models" },
    { "ops", 0, CLI_LIST, AT(ops), "FILE.so", "ops of your own from a shared object, checked before they are used (docs/add-an-op.md); may be repeated" },
    { "lenient", 0, CLI_FLAG, AT(lenient), NULL, "unknown keys and unused names in a model are warnings" },
    { "data", 0, CLI_TEXT, AT(data), "DIR", "folder of the data set, instead of the one that the configuration names" },
    { "run", 0, CLI_TEXT, AT(run), "NAME", "which run of an experiment that has several" },
    { "resume", 0, CLI_FLAG, AT(resume), NULL, "go on with what is there" },
    { "force", 0, CLI_FLAG, AT(force), NULL, "remove what is there, then start" },
    { "stop-after", 0, CLI_INT, AT(stop_after), "STEPS", "save and stop after that many steps in all", 1, INT64_MAX },
    { "dry-run", 0, CLI_FLAG, AT(dry_run), NULL, "check everything, say what would be done, write nothing" },
    { "checkpoint", 'c', CLI_TEXT, AT(checkpoint), "FILE", "another checkpoint than the latest" },
    { "samples", 'n', CLI_LIST, AT(samples), "N", "segmentations drawn for an image (evaluate: a list such as 1,4,16)" },
    { "split", 0, CLI_TEXT, AT(split), "SPLIT", "train, val or test" },
    { "limit", 0, CLI_INT, AT(limit), "N", "score at most that many images", 1, INT64_MAX },
    { "save", 0, CLI_TEXT, AT(save), "FILE", "write all scores, image by image, as JSON" },
    { "assert", 0, CLI_LIST, AT(asserts), "TEST", "such as 'ged2<=0.30': exit status 1 unless it holds for every row; may be repeated" },
    { "format", 0, CLI_WORD, AT(format), "text|csv|json|md", "of the table" },
    { "json", 0, CLI_FLAG, AT(json), NULL, "the result as one JSON document" },
    { "program", 0, CLI_TEXT, AT(program), "NAME", "which program of the model; the one that is trained, or the first" },
    { "batch", 0, CLI_INT, AT(batch), "N", "items in the batch", 1, 1 << 20 },
    { "repeat", 0, CLI_INT, AT(repeat), "N", "training steps to measure", 1, 1 << 20 },
    { "from", 0, CLI_INT, AT(from), "RECORD", "where the walk begins to be shown; without it, at the loss", 1, INT32_MAX },
    { "to", 0, CLI_INT, AT(to), "RECORD", "where the walk ends", 0, INT32_MAX },
    { "only", 0, CLI_TEXT, AT(only), "NAME", "records of this op, or with this text in their path" },
    { "step", 0, CLI_FLAG, AT(step), NULL, "wait for Enter after each record; q ends" },
    { "expand", 0, CLI_FLAG, AT(expand), NULL, "the model as pure data, one record a line" },
    { "tape", 0, CLI_FLAG, AT(tape), NULL, "the records of a program: model line, size, cost, lifetime" },
    { "dot", 0, CLI_FLAG, AT(dot), NULL, "the records of a program as a graph for dot" },
    { "memory", 0, CLI_TEXT, AT(memory), "SIZE", "largest arena of the planned program, such as 600MiB: values are given up and made again, with the same bits" },
    { "svg", 0, CLI_TEXT, AT(svg), "FILE", "the result as a picture too" },
    { "all", 0, CLI_FLAG, AT(all), NULL, "every op" },
    { "order", 0, CLI_INT, AT(order), "N", "1: derivatives, 2: of derivatives as well", 1, 2 },
    { "directions", 0, CLI_INT, AT(directions), "N", "random directions through all weights", 1, 1 << 20 },
    { "weights", 0, CLI_INT, AT(weights), "N", "single weights, drawn at random", 1, 1 << 20 },
    { "seed", 0, CLI_INT, AT(seed), "N", "of everything random", 1, INT64_MAX },
    { "threads", 't', CLI_INT, AT(threads), "N", "threads to compute with; the results do not depend on it", 1, 1024, true },
    { "isa", 0, CLI_WORD, AT(isa_plus_1), "|base|avx2|avx512", "highest instruction set to use; the results of avx2 and avx512 are the same", 0, 0, true },
    { "winograd", 0, CLI_WORD, AT(winograd), "|on|off", "3x3 convolutions by Winograd where that is faster; off: other roundings", 0, 0, true },
    { "progress", 0, CLI_WORD, AT(progress), "auto|bar|log|none", "a line that is redrawn, lines of a log, or nothing", 0, 0, true },
    { "color", 0, CLI_WORD, AT(color), "auto|always|never", "of messages", 0, 0, true },
    { "verbose", 'v', CLI_COUNT, AT(verbose), NULL, "say more", 0, 0, true },
    { "quiet", 'q', CLI_FLAG, AT(quiet), NULL, "errors only", 0, 0, true },
    { "help", 'h', CLI_FLAG, AT(help), NULL, "this help", 0, 0, true },
    { "version", 0, CLI_FLAG, AT(version), NULL, "version, compiler, processor", 0, 0, true },
    { 0 }
};

/* ---- lists ---- */

void cli_list_add(cli_list *l, const char *item)
{
    const char **more = realloc(l->item, (size_t)(l->n + 1) * sizeof *more);
    if (!more) return;
    l->item = more;
    l->item[l->n++] = item;
}

/* ---- finding ---- */

bool cli_takes(const cli_command *command, const cli_option *option)
{
    if (option->global) return true;
    for (int i = 0; command && command->options[i]; i++)
        if (strcmp(command->options[i], option->name) == 0) return true;
    return false;
}

static const cli_option *find(const char *name, size_t n, char letter)
{
    for (const cli_option *o = cli_options; o->name; o++)
        if (letter ? o->letter == letter : strlen(o->name) == n && strncmp(o->name, name, n) == 0) return o;
    return NULL;
}

/* The option's name as messages show it. */
static ad_status unknown(cli *c, const char *word, size_t n, char letter)
{
    const char *who = c->command ? c->command->name : "adze";
    if (letter) return AD_FAIL(&c->error, EUSAGE, "%s has no option '-%c'; see: adze help%s%s", who, letter, c->command ? " " : "", c->command ? who : "");
    const char *names[64];
    int count = 0;
    for (const cli_option *o = cli_options; o->name && count < 64; o++)
        if (cli_takes(c->command, o)) names[count++] = o->name;
    char typed[64];
    snprintf(typed, sizeof typed, "%.*s", (int)n, word);
    const char *near = ad_nearest(typed, count, names);
    return near ? AD_FAIL(&c->error, EUSAGE, "%s has no option '--%s'; did you mean '--%s'?", who, typed, near)
                : AD_FAIL(&c->error, EUSAGE, "%s has no option '--%s'; see: adze help%s%s", who, typed, c->command ? " " : "",
                          c->command ? who : "");
}

/* ---- values ---- */

static ad_status set_word(cli *c, const cli_option *o, const char *value, int *out)
{
    size_t n = strlen(value);
    int k = 0;
    for (const char *p = o->value; p; k++) {
        const char *bar = strchr(p, '|');
        size_t length = bar ? (size_t)(bar - p) : strlen(p);
        if (n > 0 && length == n && strncmp(p, value, n) == 0) {
            *out = k;
            return AD_OK;
        }
        p = bar ? bar + 1 : NULL;
    }
    return AD_FAIL(&c->error, EUSAGE, "--%s: '%s' is not one of %s", o->name, value, o->value + (o->value[0] == '|'));
}

static ad_status set_int(cli *c, const cli_option *o, const char *value, int64_t *out)
{
    char *end;
    errno = 0;
    long long v = strtoll(value, &end, 10);
    if (errno == 0 && end != value && !*end && v >= o->lo && v <= o->hi) {
        *out = v;
        return AD_OK;
    }
    return o->hi == INT64_MAX ? AD_FAIL(&c->error, EUSAGE, "--%s: '%s' is not an integer of at least %lld", o->name, value, (long long)o->lo)
                              : AD_FAIL(&c->error, EUSAGE, "--%s: '%s' is not an integer from %lld to %lld", o->name, value,
                                        (long long)o->lo, (long long)o->hi);
}

static bool wants_value(const cli_option *o)
{
    return o->kind != CLI_FLAG && o->kind != CLI_COUNT;
}

static ad_status store(cli *c, const cli_option *o, const char *value)
{
    void *at = (char *)&c->asked + o->offset;
    switch (o->kind) {
    case CLI_FLAG: *(bool *)at = true; return AD_OK;
    case CLI_COUNT: ++*(int64_t *)at; return AD_OK;
    case CLI_TEXT: *(const char **)at = value; return AD_OK;
    case CLI_LIST: cli_list_add(at, value); return AD_OK;
    case CLI_INT: return set_int(c, o, value, at);
    case CLI_WORD: return set_word(c, o, value, at);
    }
    return AD_OK;
}

/* ---- the command line ---- */

typedef struct line {
    cli *c;
    int argc, at;
    char **argv;
} line;

/* The value behind '=' or the next word. Where the option may stand bare, the next word is its value if it begins with a digit. */
static ad_status value_of(line *l, const cli_option *o, const char *attached, const char **value)
{
    const char *bare = l->c->command ? l->c->command->bare : NULL;
    *value = attached;
    if (!attached && bare && strcmp(o->name, bare) == 0 && (l->at + 1 >= l->argc || !isdigit((unsigned char)*l->argv[l->at + 1]))) {
        *value = "";
        return AD_OK;
    }
    if (!attached && l->at + 1 < l->argc) *value = l->argv[++l->at];
    if (*value && **value) return AD_OK;
    return AD_FAIL(&l->c->error, EUSAGE, "--%s needs a value: %s", o->name, o->value + (o->value[0] == '|'));
}

static ad_status long_option(line *l, const char *word)
{
    const char *equals = strchr(word, '='), *value = NULL;
    size_t n = equals ? (size_t)(equals - word) : strlen(word);
    const cli_option *o = find(word, n, '\0');
    if (!o || !cli_takes(l->c->command, o)) return unknown(l->c, word, n, '\0');
    if (equals && !wants_value(o)) return AD_FAIL(&l->c->error, EUSAGE, "--%s takes no value", o->name);
    if (wants_value(o)) AD_TRY(value_of(l, o, equals ? equals + 1 : NULL, &value));
    return store(l->c, o, value);
}

/* "-v", "-qv", "-n16", "-n 16". */
static ad_status short_options(line *l, const char *p)
{
    for (; *p; p++) {
        const cli_option *o = find(NULL, 0, *p);
        const char *value = NULL;
        if (!o || !cli_takes(l->c->command, o)) return unknown(l->c, NULL, 0, *p);
        if (wants_value(o)) AD_TRY(value_of(l, o, p[1] ? p + 1 : NULL, &value));
        AD_TRY(store(l->c, o, value));
        if (value) break;
    }
    return AD_OK;
}

static ad_status argument(cli *c, const char *word)
{
    if (c->command) {
        cli_list_add(&c->asked.arguments, word);
        return AD_OK;
    }
    c->command = cli_command_find(word);
    if (c->command) return AD_OK;
    const char *near = cli_command_nearest(word);
    return near ? AD_FAIL(&c->error, EUSAGE, "unknown command '%s'; did you mean '%s'?", word, near)
                : AD_FAIL(&c->error, EUSAGE, "unknown command '%s'; 'adze help' lists the commands", word);
}

static ad_status check_arguments(cli *c)
{
    const cli_command *m = c->command;
    int n = c->asked.arguments.n;
    if (c->asked.help || c->asked.version || !m) return AD_OK;
    if (n < m->least) return AD_FAIL(&c->error, EUSAGE, "%s needs more arguments; usage: adze %s %s", m->name, m->name, m->usage);
    if (m->most >= 0 && n > m->most)
        return AD_FAIL(&c->error, EUSAGE, "%s: unexpected argument '%s'; usage: adze %s %s", m->name, c->asked.arguments.item[m->most], m->name, m->usage);
    return AD_OK;
}

ad_status cli_parse(cli *c, int argc, char **argv)
{
    line l = { .c = c, .argc = argc, .at = 1, .argv = argv };
    for (bool plain = false; l.at < argc; l.at++) {
        const char *word = argv[l.at];
        if (!plain && strcmp(word, "--") == 0) plain = true;
        else if (!plain && word[0] == '-' && word[1] == '-') AD_TRY(long_option(&l, word + 2));
        else if (!plain && word[0] == '-' && word[1]) AD_TRY(short_options(&l, word + 1));
        else AD_TRY(argument(c, word));
    }
    return check_arguments(c);
}

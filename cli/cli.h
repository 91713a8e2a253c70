/*
 * cli.h - private to the program: what a command is, what an option is, and what was asked for.
 *
 * A command is one file with one cli_command; main.c has the list. An option is one row of the table in options.c, from which parsing,
 * messages and help are made; a command names the options it takes. Only this folder prints.
 */
#ifndef ADZE_CLI_CLI_H
#define ADZE_CLI_CLI_H

#include "experiments/experiments.h"
#include "formats/formats.h"

typedef struct cli_list {
    int n;
    const char **item;
} cli_list;

typedef enum cli_when { CLI_AUTO, CLI_ALWAYS, CLI_NEVER } cli_when;
typedef enum cli_progress_kind { CLI_PROGRESS_AUTO, CLI_PROGRESS_BAR, CLI_PROGRESS_LOG, CLI_PROGRESS_NONE } cli_progress_kind;

/* Values of all options of all commands; where an option was not given, its zero. */
typedef struct cli_request {
    bool quiet, help, version, json;
    int64_t verbose, threads;
    int color, progress, isa_plus_1, winograd;
    const char *output, *profile, *zoo, *checkpoint, *split, *save, *run, *program, *data, *svg, *only, *memory;
    cli_list set, asserts, samples, ops;
    bool resume, force, dry_run, lenient, all, expand, tape, step, dot;
    int64_t batch, repeat, from, to, limit, stop_after, directions, weights, seed, order;
    int format;
    cli_list arguments;
} cli_request;

typedef struct cli_command cli_command;

/* One invocation of the program. */
typedef struct cli {
    cli_request asked;
    const cli_command *command;
    ad_error error;                /* of the command line and of files; the engine's own is in the context */
    ad_ctx *ctx;                   /* made when a command that needs it starts */
    ad_diagnostics *diagnostics;
    bool color;                    /* of stderr */
    ad_text words;                 /* the command line, for manifests */
    char libraries[160];           /* made by cli_origin */
    char memory[AD_ATTR_TEXT_SIZE + 16];   /* --memory as a setting, made by cli_set_memory */
} cli;

struct cli_command {
    const char *name;
    const char *usage;             /* what follows "adze NAME" */
    const char *doc;               /* one line */
    const char *details;           /* paragraphs of its help; "" if there are none */
    const char *const *options;    /* long names, ended by NULL */
    const char *const *examples;   /* ended by NULL */
    int least, most;               /* arguments; most -1: any number */
    const char *bare;              /* an option that may stand without its value here, which then is ""; NULL: none */
    bool plain;                    /* needs no context */
    ad_status (*run)(cli *c);
};

extern const cli_command *const cli_commands[];    /* ended by NULL */
const cli_command *cli_command_find(const char *name);
/* The nearest command name, NULL if none is near. */
const char *cli_command_nearest(const char *name);

/* ---- options ---- */

typedef enum cli_kind { CLI_FLAG, CLI_COUNT, CLI_TEXT, CLI_LIST, CLI_INT, CLI_WORD } cli_kind;

typedef struct cli_option {
    const char *name;
    char letter;                   /* '\0': none */
    cli_kind kind;
    size_t offset;                 /* in cli_request */
    const char *value;             /* placeholder in help; WORD: the words, "auto|bar|log|none" */
    const char *doc;
    int64_t lo, hi;                /* INT */
    bool global;                   /* taken by every command */
} cli_option;

extern const cli_option cli_options[];             /* ended by an entry without name */
bool cli_takes(const cli_command *command, const cli_option *option);
/* Finds the command and fills c->asked; c->command stays NULL when none was named. */
ad_status cli_parse(cli *c, int argc, char **argv);
void cli_list_add(cli_list *l, const char *item);

/* ---- printing ---- */

/* A table of text: the heading and each row are cells with '\t' between them; a heading that ends in '>' aligns its column right. */
typedef struct cli_table {
    ad_text text;
    int rows;
} cli_table;

void cli_table_row(cli_table *t, const char *format, ...) AD_PRINTF(2, 3);
void cli_table_print(cli_table *t);                /* to stdout; frees it */
/* 1842115 as "1,842,115"; 1.93e9 as "1.93 G"; bytes as "1.1 GiB". Each returns text. */
const char *cli_grouped(int64_t n, char text[32]);
const char *cli_short(double v, char text[32]);
const char *cli_bytes(double bytes, char text[32]);
const char *cli_duration(double seconds, char text[32]);
/* What keeping a memory budget costs a program of so many multiply-accumulates. */
#define CLI_BUDGET 256
const char *cli_budget(size_t budget, const ad_again *a, double macs, char text[CLI_BUDGET]);
/* "note: ..." on stderr unless -q. */
void cli_note(const cli *c, const char *format, ...) AD_PRINTF(2, 3);
/* Ends a JSON document, prints it and frees it. */
void cli_json_print(ad_json_writer *w);
/* An array of sizes; of a place path, file, line and column, as far as it has them. */
void cli_json_shape(ad_json_writer *w, const char *key, const ad_shape *s);
void cli_json_place(ad_json_writer *w, const ad_place *at);
/* Prints a malloc'ed text and frees it; NULL is AD_ENOMEM. */
ad_status cli_print_text(cli *c, char *taken);
/* Paragraphs broken at `width` columns, each line behind `indent` spaces. */
void cli_print_wrapped(const char *text, int indent, int width);

void cli_print_overview(void);
void cli_print_help(const cli_command *command);
void cli_print_version(cli *c);
/* "adze 0.1.0 (git 1f2e3d4)". */
const char *cli_version_line(void);
ad_origin cli_origin(cli *c);            /* program, libraries and command line, for manifests */

/* ---- running ---- */

/* Made from --zoo, --profile, --set and --lenient. */
ad_experiment_options cli_experiment_options(const cli *c);
/* The bytes that --memory asks for; 0 if it was not given, or without a size. */
ad_status cli_memory(cli *c, size_t *bytes);
/* --memory as the key train.memory. */
ad_status cli_set_memory(cli *c);
/* Refuses "zoo:NAME" (or NAME) that is not in the zoo, with the nearest that is. */
ad_status cli_check_zoo(cli *c, const char *ref);
/* One run of zoo:NAME, a model file, an experiment (the one that --run names) or a run directory, which then is `*directory`, else NULL. */
ad_status cli_open_run(cli *c, const char *ref, ad_experiment **x, int *i, ad_plan *plan, const char **directory);
/* Loads the ops that the run at `ref` was trained with, telling so, unless --ops gives others. Before the run is opened. */
ad_status cli_run_ops(cli *c, const char *ref);
ad_status cli_open_model(cli *c, const char *ref, const char *profile, ad_model **m);
/* A callback that shows what happens (see progress.c), with the flag that SIGINT and SIGTERM set. */
typedef struct cli_progress cli_progress;
cli_progress *cli_progress_new(const cli *c);
ad_watch cli_progress_watch(cli_progress *p);
/* The redrawn line, for work of another kind; nothing where there is no terminal. */
void cli_progress_line(cli_progress *p, const char *text, int done, int total);
void cli_progress_free(cli_progress *p);           /* clears the line */
/* Set by a first SIGINT or SIGTERM; a second one ends the program at once. */
const volatile int *cli_stop_flag(void);
void cli_catch_signals(void);

#endif

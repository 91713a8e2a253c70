/* help.c - help of the program, of a command, of the ops and of the configuration, made from their tables. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "ops/ops.h"

#define WIDTH 110
#define ENDLESS 1e15              /* bounds beyond it are only there to keep integers exact */

static void option_row(cli_table *t, const cli_command *command, const cli_option *o)
{
    bool bare = command->bare && strcmp(o->name, command->bare) == 0;
    char letter[8] = "", value[128] = "";
    if (o->letter) snprintf(letter, sizeof letter, "-%c,", o->letter);
    if (o->value) snprintf(value, sizeof value, bare ? " [%s]" : " %s", o->value + (o->value[0] == '|'));
    cli_table_row(t, "  %s\t--%s%s\t%s", letter, o->name, value, o->doc);
}

static void print_options(const cli_command *command, bool global)
{
    cli_table t = { 0 };
    cli_table_row(&t, "%s", global ? "Options of every command:" : "Options:");
    printf("\n");
    cli_table_print(&t);
    for (const cli_option *o = cli_options; o->name; o++)
        if (o->global == global && cli_takes(command, o)) option_row(&t, command, o);
    cli_table_print(&t);
}

void cli_print_overview(void)
{
    printf("adze - hierarchical latent segmentation models as text files, trained and compared\n\n"
           "usage: adze COMMAND [options] [arguments]\n\n");
    cli_table t = { 0 };
    for (const cli_command *const *m = cli_commands; *m; m++) cli_table_row(&t, "  %s\t%s", (*m)->name, (*m)->doc);
    cli_table_print(&t);
    printf("\nTry:\n"
           "  adze zoo                                            what models there are\n"
           "  adze train zoo:phiseg --profile tiny -o runs/a      train one\n"
           "  adze inspect zoo:hpu_net --set N=6                  look at one without running it\n\n"
           "adze help COMMAND says more; adze help lists other topics.\n");
}

void cli_print_help(const cli_command *m)
{
    printf("usage: adze %s %s\n\n%s.\n", m->name, m->usage, m->doc);
    if (*m->details) {
        printf("\n");
        cli_print_wrapped(m->details, 0, WIDTH);
    }
    if (m->options[0]) print_options(m, false);
    print_options(m, true);
    if (m->examples[0]) printf("\nExamples:\n");
    for (const char *const *e = m->examples; *e; e++) printf("  %s\n", *e);
}

/* ---- topics ---- */

static ad_status help_status(cli *c, const char *detail)
{
    printf("The exit status says what happened:\n\n");
    cli_table t = { 0 };
    static const struct { ad_status status; const char *text; } rows[] = {
        { AD_OK, "success; also a run that was stopped by a first SIGINT or SIGTERM, and saved" },
        { AD_ECHECK, "a comparison or check failed (gradcheck, compare --assert)" },
        { AD_EUSAGE, "wrong use: options, configuration, model definition" },
        { AD_EDATA, "a data file is malformed" },
        { AD_ECHECKPOINT, "a checkpoint is unreadable or does not fit the model" },
        { AD_EIO, "input or output failed, the disk is full" },
        { AD_ENUMERIC, "a value became NaN or infinite" },
        { AD_ENOMEM, "out of memory" },
        { AD_EINTERNAL, "internal error: please report it" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) cli_table_row(&t, "  %d\t%s", ad_status_exit(rows[i].status), rows[i].text);
    cli_table_row(&t, "  130, 143\tstopped by a signal with nothing saved");
    cli_table_print(&t);
    return AD_OK;
}

/* "from 1 to 8", "at least 1", or what words there are. */
static void attr_range(const ad_attr *a, ad_text *t)
{
    if (a->kind == AD_ATTR_ENUM)
        for (int i = 0; a->words[i]; i++) ad_text_add(t, i ? "|%s" : "%s", a->words[i]);
    else if (a->lo < a->hi && a->hi < ENDLESS) ad_text_add(t, "%.10g..%.10g", a->lo, a->hi);
    else if (a->lo < a->hi && a->lo > -ENDLESS) ad_text_add(t, "from %.10g", a->lo);
}

static void attr_default(const ad_attr *a, ad_text *t)
{
    if (a->required) ad_text_add(t, "required");
    else if (a->kind == AD_ATTR_TEXT) ad_text_add(t, "\"%s\"", a->standard_text ? a->standard_text : "");
    else if (a->kind == AD_ATTR_ENUM) ad_text_add(t, "%s", a->words[(int)a->standard]);
    else if (a->kind == AD_ATTR_BOOL) ad_text_add(t, a->standard != 0 ? "true" : "false");
    else if (a->kind == AD_ATTR_INTS && a->empty) ad_text_add(t, "[]");
    else ad_text_add(t, "%.10g", a->standard);
}

static void attr_row(cli_table *t, const char *name, const ad_attr *a)
{
    static const char *const kinds[] = {
        [AD_ATTR_INT] = "int", [AD_ATTR_FLOAT] = "float", [AD_ATTR_BOOL] = "bool", [AD_ATTR_ENUM] = "word", [AD_ATTR_INTS] = "list of int",
        [AD_ATTR_TEXT] = "text",
    };
    ad_text standard = { 0 }, range = { 0 };
    attr_default(a, &standard);
    attr_range(a, &range);
    cli_table_row(t, "  %s\t%s\t%s\t%s\t%s", name, kinds[a->kind], standard.data ? standard.data : "", range.data ? range.data : "",
                  a->doc ? a->doc : "");
    ad_text_free(&standard);
    ad_text_free(&range);
}

static ad_status help_config(cli *c, const char *detail)
{
    cli_table t = { 0 };
    ad_config_key key;
    cli_table_row(&t, "  key\ttype\tdefault\trange\t");
    for (int i = 0; ad_config_at(i, &key); i++)
        if (!detail || strncmp(key.name, detail, strlen(detail)) == 0) attr_row(&t, key.name, key.attr);
    if (t.rows == 1) {
        ad_text_free(&t.text);
        return AD_FAIL(&c->error, EUSAGE, "no configuration key begins with '%s'; see: adze help config", detail);
    }
    cli_table_print(&t);
    return AD_OK;
}

static ad_status help_op(cli *c, const char *name)
{
    const ad_op *op = ad_op_find(c->ctx, name);
    const char *names[512];
    int n = 0;
    for (const ad_op *o; n < 512 && (o = ad_op_at(c->ctx, n)); n++) names[n] = o->name;
    if (!op) {
        const char *near = ad_nearest(name, n, names);
        return AD_FAIL(&c->error, EUSAGE, "no op is called '%s'%s%s%s (adze help ops lists them)", name, near ? "; did you mean '" : "",
                       near ? near : "", near ? "'?" : "");
    }
    printf("%s - %s\n", op->name, op->doc);
    cli_table t = { 0 };
    static const char *const roles[] = { [AD_DATA] = "data", [AD_PARAM] = "weight", [AD_STATE] = "state" };
    for (const ad_operand *o = op->operands; o && o->name; o++)
        cli_table_row(&t, "  %s\t%s%s\t%s", o->name, roles[o->role], o->optional ? ", optional" : "", o->doc ? o->doc : "");
    if (t.rows) printf("\nOperands:\n");
    cli_table_print(&t);
    for (int k = 0; op->outputs && k < op->n_out; k++) printf("%s%s%s", k ? ", " : "\nOutputs: ", op->outputs[k], k + 1 < op->n_out ? "" : "\n");
    for (const ad_attr *a = op->attrs; a && a->name; a++) attr_row(&t, a->name, a);
    if (t.rows) printf("\nAttributes (type, default, range):\n");
    cli_table_print(&t);
    return AD_OK;
}

static ad_status help_ops(cli *c, const char *detail)
{
    if (detail) return help_op(c, detail);
    cli_table t = { 0 };
    const ad_op *op;
    for (int i = 0; (op = ad_op_at(c->ctx, i)); i++) cli_table_row(&t, "%s\t%s", op->name, op->doc);
    cli_table_print(&t);
    return AD_OK;
}

/* A name, its line of doc, and its settings below. */
static void described(const char *name, const char *doc, const ad_attr *settings)
{
    cli_table t = { 0 };
    printf("%s - %s\n", name, doc ? doc : "");
    for (const ad_attr *a = settings; a && a->name; a++) attr_row(&t, a->name, a);
    cli_table_print(&t);
}

static ad_status help_data(cli *c, const char *detail)
{
    for (const ad_source *const *d = ad_sources; *d; d++) described((*d)->name, (*d)->doc, (*d)->options);
    return AD_OK;
}

static ad_status help_optim(cli *c, const char *detail)
{
    const char *name, *doc;
    const ad_attr *settings;
    for (const ad_optimiser *const *o = ad_optimisers; *o; o++) described((*o)->name, (*o)->doc, (*o)->settings);
    printf("\nSchedules (train.schedule.lr and others):\n");
    for (int i = 0; ad_schedule_kind(i, &name, &settings, &doc); i++) described(name, doc, settings);
    return AD_OK;
}

static ad_status help_metrics(cli *c, const char *detail)
{
    cli_table t = { 0 };
    for (const ad_metric *const *m = ad_metrics; *m; m++)
        cli_table_row(&t, "%s\t%s\t%s", (*m)->name, (*m)->better > 0 ? "higher is better" : (*m)->better < 0 ? "lower is better" : "", (*m)->doc);
    cli_table_print(&t);
    return AD_OK;
}

static ad_status help_init(cli *c, const char *detail)
{
    cli_table t = { 0 };
    const char *name, *arguments, *doc;
    for (int i = 0; ad_init_at(i, &name, &arguments, &doc); i++) cli_table_row(&t, *arguments ? "%s(%s)\t%s" : "%s%s\t%s", name, arguments, doc);
    cli_table_print(&t);
    return AD_OK;
}

static const struct {
    const char *name, *doc;
    ad_status (*print)(cli *c, const char *detail);
    bool detailed;             /* takes a second word */
} topics[] = {
    { "config", "keys of an experiment, for files and --set", help_config, true },
    { "data", "data sets and their options", help_data },
    { "init", "initial values of weights", help_init },
    { "metrics", "scores", help_metrics },
    { "ops", "operators of the model language", help_ops, true },
    { "optim", "optimisers and schedules", help_optim },
    { "status", "exit statuses", help_status },
};
#define N_TOPICS (sizeof topics / sizeof *topics)

static void print_topics(void)
{
    cli_table t = { 0 };
    printf("\nadze help TOPIC:\n");
    for (size_t i = 0; i < N_TOPICS; i++) cli_table_row(&t, "  %s%s\t%s", topics[i].name, topics[i].detailed ? " [NAME]" : "", topics[i].doc);
    cli_table_print(&t);
}

static ad_status run(cli *c)
{
    const cli_list *a = &c->asked.arguments;
    if (a->n == 0) {
        cli_print_overview();
        print_topics();
        return AD_OK;
    }
    for (size_t i = 0; i < N_TOPICS; i++)
        if (strcmp(topics[i].name, a->item[0]) == 0 && (a->n == 1 || topics[i].detailed)) return topics[i].print(c, a->n > 1 ? a->item[1] : NULL);
    const cli_command *m = cli_command_find(a->item[0]);
    if (m && a->n == 1) {
        cli_print_help(m);
        return AD_OK;
    }
    const char *near = cli_command_nearest(a->item[0]);
    return AD_FAIL(&c->error, EUSAGE, "no help on '%s%s%s'%s%s%s; adze help lists the topics", a->item[0],
                   a->n > 1 ? " " : "", a->n > 1 ? a->item[1] : "", near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static const char *const options[] = { "ops", NULL };
static const char *const examples[] = { "adze help train", "adze help config data", "adze help ops conv", NULL };

const cli_command cli_help = {
    .name = "help", .usage = "[COMMAND | TOPIC [NAME]]", .doc = "Help on a command, the configuration, the ops, data sets, scores",
    .details = "", .options = options, .examples = examples, .least = 0, .most = 2, .run = run,
};

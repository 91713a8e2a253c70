/*
 * progress.c - what happens during training and scoring, on stderr: on a terminal one line that is redrawn at most ten times a second,
 * elsewhere lines of a log, the first at once and then every half minute.
 */
#include "config.h"

#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

#define REDRAW_SECONDS 0.1
#define LOG_SECONDS 30
#define LOG_SECONDS_VERBOSE 5
#define BAR_LEAST 10
#define BAR_MOST 32

struct cli_progress {
    const cli *c;
    cli_progress_kind kind;
    bool utf8, drawn;
    double shown;              /* when the last line was drawn or logged */
    int index;                 /* run of that line */
    ad_event_kind last;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int terminal_width(void)
{
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : 80;
}

cli_progress *cli_progress_new(const cli *c)
{
    cli_progress *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    const char *term = getenv("TERM");
    bool terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    p->c = c;
    p->kind = (cli_progress_kind)c->asked.progress;
    if (p->kind == CLI_PROGRESS_AUTO) p->kind = terminal ? CLI_PROGRESS_BAR : CLI_PROGRESS_LOG;
    if (c->asked.quiet) p->kind = CLI_PROGRESS_NONE;
    p->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    p->index = -1;
    return p;
}

static void clear_line(cli_progress *p)
{
    if (p->drawn) fputs("\r\033[K", stderr);
    p->drawn = false;
}

void cli_progress_free(cli_progress *p)
{
    if (p) clear_line(p);
    free(p);
}

/* ---- the line that is redrawn ---- */

static void add_bar(const cli_progress *p, ad_text *t, int cells, double part)
{
    int halves = (int)(part * 2 * cells + 0.5);
    for (int i = 0; i < cells; i++) {
        bool full = halves >= 2 * i + 2, half = halves == 2 * i + 1;
        if (p->utf8) ad_text_add(t, "%s", full ? "\u2501" : half ? "\u2578" : "\u2500");
        else ad_text_add(t, "%c", full ? '#' : half ? '+' : '-');
    }
}

/* As much of `right` as fits (whole words), and a bar in what is left. */
static void draw(cli_progress *p, const char *left, double part, char *right)
{
    int room = terminal_width() - 1 - (int)strlen(left) - 2;
    char *cut;
    while ((int)strlen(right) + 1 > room - BAR_LEAST && (cut = strstr(right, "  ")) != NULL) {
        char *last = cut;
        while ((cut = strstr(last + 2, "  ")) != NULL) last = cut;
        *last = '\0';
    }
    int cells = room - (int)strlen(right) - 1;
    cells = cells > BAR_MOST ? BAR_MOST : cells < 0 ? 0 : cells;
    ad_text t = { 0 };
    ad_text_add(&t, "\r%s ", left);
    add_bar(p, &t, cells, part);
    ad_text_add(&t, " %s\033[K", right);
    if (!t.failed) fwrite(t.data, 1, t.size, stderr);
    fflush(stderr);
    p->drawn = true;
    ad_text_free(&t);
}

static const char *run_label(const ad_event *e, char text[128])
{
    if (e->count > 1) snprintf(text, 128, "[%d/%d] %.90s  ", e->index + 1, e->count, e->run ? e->run : "");
    else text[0] = '\0';
    return text;
}

/* Terms of levels ("kl[2]") only in the log. */
static void add_terms(ad_text *t, const ad_event *e, bool all, const char *format)
{
    for (int i = 0; i < e->n_terms; i++)
        if (all || !strchr(e->terms[i].name, '[')) ad_text_add(t, format, e->terms[i].name, e->terms[i].value);
}

static void draw_step(cli_progress *p, const ad_event *e)
{
    char label[128], left[256], eta[32];
    ad_text right = { 0 };
    snprintf(left, sizeof left, "%sstep %lld/%lld", run_label(e, label), (long long)e->step, (long long)e->steps);
    add_terms(&right, e, false, "%s %.4g  ");
    ad_text_add(&right, "%.1f img/s  eta %s", e->items_a_second, cli_duration(e->seconds_left, eta));
    if (!right.failed) draw(p, left, e->steps > 0 ? (double)e->step / (double)e->steps : 0, right.data);
    ad_text_free(&right);
}

static void draw_scoring(cli_progress *p, const ad_event *e)
{
    char label[128], left[256], right[8] = "";
    snprintf(left, sizeof left, "%sscored %lld/%lld images", run_label(e, label), (long long)e->done, (long long)e->total);
    draw(p, left, e->total > 0 ? (double)e->done / (double)e->total : 0, right);
}

void cli_progress_line(cli_progress *p, const char *text, int done, int total)
{
    char left[256], right[8] = "";
    if (!p || p->kind != CLI_PROGRESS_BAR) return;
    snprintf(left, sizeof left, "%d/%d %.200s", done, total, text);
    draw(p, left, total > 0 ? (double)done / total : 0, right);
}

/* ---- the log ---- */

static void stamp(void)
{
    char text[32];
    time_t t = time(NULL);
    struct tm utc;
    gmtime_r(&t, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    fprintf(stderr, "%s ", text);
}

static void log_step(const ad_event *e)
{
    ad_text t = { 0 };
    char eta[32];
    stamp();
    add_terms(&t, e, true, " %s=%.5g");
    fprintf(stderr, "run=%s step=%lld/%lld%s rate=%.3g img/s=%.1f eta=%s\n", e->run ? e->run : "-", (long long)e->step, (long long)e->steps,
            t.data ? t.data : "", e->rate, e->items_a_second, cli_duration(e->seconds_left, eta));
    ad_text_free(&t);
}

static void log_scoring(const ad_event *e)
{
    stamp();
    fprintf(stderr, "run=%s scored=%lld/%lld\n", e->run ? e->run : "-", (long long)e->done, (long long)e->total);
}

/* ---- events ---- */

/* Whether a line that repeats is due: at once when another run or kind begins or ends. */
static bool due(cli_progress *p, const ad_event *e, bool last)
{
    double t = now(), pause = p->kind == CLI_PROGRESS_BAR ? REDRAW_SECONDS : p->c->asked.verbose ? LOG_SECONDS_VERBOSE : LOG_SECONDS;
    if (!last && p->index == e->index && p->last == e->kind && t - p->shown < pause) return false;
    p->shown = t;
    p->index = e->index;
    p->last = e->kind;
    return true;
}

/* What the step will take, and what a budget for it costs, before the first step. */
static void on_memory(const ad_event *e)
{
    char arena[32], stored[32], costs[CLI_BUDGET];
    fprintf(stderr, "memory  %-18s and %s of weights, state, optimiser", cli_bytes((double)e->arena, arena),
            cli_bytes((double)e->stored, stored));
    fputc('\n', stderr);
    if (e->budget) fprintf(stderr, "budget  %s\n", cli_budget(e->budget, &e->again, e->macs, costs));
}

static void on_run(const cli_progress *p, const ad_event *e)
{
    char number[32], macs[32], arena[32];
    ad_model_counts n;
    ad_model_count(e->model, &n);
    if (e->count > 1) fprintf(stderr, "[%d/%d] %s\n", e->index + 1, e->count, e->run ? e->run : "");
    fprintf(stderr, "model   %-18s %s weights   %sMAC/step   %d records   %s (batch %lld)\n", ad_model_name(e->model),
            cli_grouped(n.trainable, number), cli_short(e->macs, macs), e->records, cli_bytes((double)e->arena, arena), (long long)e->batch);
    if (e->data) {
        int readers;
        ad_dataset_size(e->data, NULL, NULL, &readers, NULL);
        fprintf(stderr, "data    %-18s train %lld, val %lld, test %lld images   %d readers\n", ad_dataset_source(e->data)->name,
                (long long)ad_dataset_count(e->data, AD_TRAIN), (long long)ad_dataset_count(e->data, AD_VAL),
                (long long)ad_dataset_count(e->data, AD_TEST), readers);
    }
    on_memory(e);
    fprintf(stderr, "run     %-18s seed %llu", e->directory ? e->directory : "", (unsigned long long)e->seed);
    if (e->resumed) fprintf(stderr, "   goes on at step %lld", (long long)e->step);
    fputc('\n', stderr);
}

static void on_trained(const ad_event *e)
{
    char time_text[32];
    fprintf(stderr, "%s %lld of %lld steps in %s", e->stopped ? "stopped" : "trained", (long long)e->step, (long long)e->steps,
            cli_duration(e->seconds, time_text));
    if (e->n_terms) fprintf(stderr, ", loss %.5g", e->terms[0].value);
    fputc('\n', stderr);
}

static void tell(void *arg, const ad_event *e)
{
    cli_progress *p = arg;
    bool bar = p->kind == CLI_PROGRESS_BAR;
    if (e->kind == AD_EVENT_STEP || e->kind == AD_EVENT_SCORING) {
        bool step = e->kind == AD_EVENT_STEP, last = step ? e->step == e->steps : e->done == e->total;
        if (p->kind == CLI_PROGRESS_NONE || !due(p, e, last)) return;
        if (bar) step ? draw_step(p, e) : draw_scoring(p, e);
        else step ? log_step(e) : log_scoring(e);
        return;
    }
    if (p->c->asked.quiet) return;
    clear_line(p);
    switch (e->kind) {
    case AD_EVENT_RUN: on_run(p, e); break;
    case AD_EVENT_TRAINED: on_trained(e); break;
    case AD_EVENT_SAVED: if (p->c->asked.verbose) fprintf(stderr, "saved   %s\n", e->path); break;
    case AD_EVENT_WRITTEN: if (p->c->asked.verbose) fprintf(stderr, "wrote   %s\n", e->path); break;
    case AD_EVENT_WARNING: fprintf(stderr, "%s %s\n", p->c->color ? "\033[33mwarning:\033[0m" : "warning:", e->text); break;
    default: break;
    }
}

ad_watch cli_progress_watch(cli_progress *p)
{
    return (ad_watch){ .tell = p ? tell : NULL, .arg = p, .stop = cli_stop_flag() };
}

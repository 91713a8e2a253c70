/* print.c - tables, numbers and paragraphs for people. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

#define COLUMNS_MAX 16

/* ---- tables ---- */

void cli_table_row(cli_table *t, const char *format, ...)
{
    char row[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(row, sizeof row, format, args);
    va_end(args);
    ad_text_add(&t->text, "%s\n", row);
    t->rows++;
}

/* Columns on a terminal: characters, not bytes. */
static int width_of(const char *p, size_t n)
{
    int w = 0;
    for (size_t i = 0; i < n; i++) w += ((unsigned char)p[i] & 0xC0) != 0x80;
    return w;
}

/* Calls f for each cell of the table. */
static void each_cell(const cli_table *t, void (*f)(void *arg, int row, int column, bool last, const char *cell, size_t n), void *arg)
{
    const char *p = t->text.data;
    for (int row = 0; row < t->rows; row++)
        for (int column = 0;; column++) {
            size_t n = strcspn(p, "\t\n");
            bool last = p[n] == '\n';
            if (column < COLUMNS_MAX) f(arg, row, column, last, p, n);
            p += n + 1;
            if (last) break;
        }
}

typedef struct layout {
    int width[COLUMNS_MAX];
    bool right[COLUMNS_MAX];
} layout;

static void measure(void *arg, int row, int column, bool last, const char *cell, size_t n)
{
    layout *l = arg;
    if (row == 0 && n && cell[n - 1] == '>') {
        l->right[column] = true;
        n--;
    }
    int w = width_of(cell, n);
    if (w > l->width[column]) l->width[column] = w;
}

static void put_cell(void *arg, int row, int column, bool last, const char *cell, size_t n)
{
    const layout *l = arg;
    if (row == 0 && n && cell[n - 1] == '>') n--;
    int gap = l->width[column] - width_of(cell, n);
    if (l->right[column]) printf("%*s", gap, "");
    fwrite(cell, 1, n, stdout);
    if (last) putchar('\n');
    else printf("%*s", (l->right[column] ? 0 : gap) + 2, "");
}

void cli_table_print(cli_table *t)
{
    layout l = { 0 };
    if (t->text.data && !t->text.failed) {
        each_cell(t, measure, &l);
        each_cell(t, put_cell, &l);
    }
    ad_text_free(&t->text);
    t->rows = 0;
}

/* ---- numbers ---- */

const char *cli_grouped(int64_t n, char text[32])
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)n), k = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-') text[k++] = ',';
        text[k++] = digits[i];
    }
    text[k] = '\0';
    return text;
}

static const char *scaled(double v, double base, const char *const *units, int n, char text[32])
{
    int k = 0;
    while (k + 1 < n && fabs(v) >= 0.9995 * base) {
        v /= base;
        k++;
    }
    snprintf(text, 32, "%.*f %s", k == 0 || fabs(v) >= 99.95 ? 0 : fabs(v) >= 9.995 ? 1 : 2, v, units[k]);
    return text;
}

const char *cli_short(double v, char text[32])
{
    static const char *const units[] = { "", "k", "M", "G", "T", "P" };
    return scaled(v, 1000, units, 6, text);
}

const char *cli_bytes(double bytes, char text[32])
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    return scaled(bytes, 1024, units, 5, text);
}

const char *cli_budget(size_t budget, const ad_again *a, double macs, char text[CLI_BUDGET])
{
    char asked[32], without[32], more[32], moved[32];
    cli_bytes((double)budget, asked);
    cli_bytes((double)a->without, without);
    if (a->records == 0) snprintf(text, CLI_BUDGET, "%s: nothing is run again", asked);
    else snprintf(text, CLI_BUDGET, "%s, without %s: %d records run again, %sMAC more (%.1f %%), %s more read and written", asked, without,
                  a->records, cli_short(a->macs, more), 100 * a->macs / (macs - a->macs), cli_bytes(a->bytes, moved));
    return text;
}

const char *cli_duration(double seconds, char text[32])
{
    if (!(seconds >= 0 && seconds < 1e9)) snprintf(text, 32, "?");
    else if (seconds < 9.95) snprintf(text, 32, "%.1fs", seconds);
    else if (seconds < 59.5) snprintf(text, 32, "%.0fs", seconds);
    else if (seconds < 3599.5) snprintf(text, 32, "%dm%02ds", (int)(seconds + 0.5) / 60, (int)(seconds + 0.5) % 60);
    else snprintf(text, 32, "%dh%02dm", (int)(seconds / 60 + 0.5) / 60, (int)(seconds / 60 + 0.5) % 60);
    return text;
}

/* ---- text ---- */

void cli_note(const cli *c, const char *format, ...)
{
    if (c->asked.quiet) return;
    va_list args;
    va_start(args, format);
    fputs(c->color ? "\033[36mnote:\033[0m " : "note: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

void cli_json_print(ad_json_writer *w)
{
    ad_json_end(w);
    if (!w->text.failed) fwrite(w->text.data, 1, w->text.size, stdout);
    ad_text_free(&w->text);
}

void cli_json_shape(ad_json_writer *w, const char *key, const ad_shape *s)
{
    ad_json_open_array(w, key);
    for (int k = 0; k < s->rank; k++) ad_json_put_int(w, NULL, s->dim[k]);
    ad_json_close(w);
}

void cli_json_place(ad_json_writer *w, const ad_place *at)
{
    if (at && at->path) ad_json_put_text(w, "path", at->path);
    if (!at || !at->line) return;
    ad_json_put_text(w, "file", at->file);
    ad_json_put_int(w, "line", at->line);
    ad_json_put_int(w, "column", at->column);
}

ad_status cli_print_text(cli *c, char *taken)
{
    if (!taken) return AD_FAIL(&c->error, ENOMEM, "out of memory for the text");
    size_t n = strlen(taken);
    fwrite(taken, 1, n, stdout);
    if (n == 0 || taken[n - 1] != '\n') putchar('\n');
    free(taken);
    return AD_OK;
}

void cli_print_wrapped(const char *text, int indent, int width)
{
    int column = 0;
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, " \n");
        int w = width_of(p, n);
        if (column > 0 && column + 1 + w > width) {
            putchar('\n');
            column = 0;
        }
        column += printf("%*s%.*s", column ? 1 : indent, "", (int)n, p) - (int)n + w;
        p += n;
        if (*p == '\n') {
            putchar('\n');
            column = 0;
        }
        if (*p) p++;
    }
    if (column) putchar('\n');
}

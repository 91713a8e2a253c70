/*
 * diagnostics.c - mistakes in text files: collected in order of their place, printed with the source line and a caret.
 *
 * A mistake inside a block is met once for every expansion of the block; only the first one of a place and code is kept.
 * When memory is out a message is dropped, never the program: the count still grows.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/formats.h"
#include "models/model.h"

#define MOST_SHOWN 20
#define MOST_NOTES 8

typedef struct item {
    ad_diagnostic d;
    const char *notes[MOST_NOTES];
} item;

struct ad_diagnostics {
    ad__arena arena;
    item **items;            /* sorted by file, line, column; equal places in order of arrival */
    item *last;              /* gets hints and notes; NULL when the last report was a repetition */
    int n, cap, errors;
};

ad_diagnostics *ad_diagnostics_new(void)
{
    return calloc(1, sizeof(ad_diagnostics));
}

void ad_diagnostics_free(ad_diagnostics *d)
{
    if (!d) return;
    ad__arena_free(&d->arena);
    free(d->items);
    free(d);
}

int ad_diagnostics_count(const ad_diagnostics *d)
{
    return d->n;
}

int ad_diagnostics_errors(const ad_diagnostics *d)
{
    return d->errors;
}

const ad_diagnostic *ad_diagnostics_at(const ad_diagnostics *d, int i)
{
    return i >= 0 && i < d->n ? &d->items[i]->d : NULL;
}

static const char *keep(ad_diagnostics *d, const char *text)
{
    const char *copy = text && *text ? ad__arena_text(&d->arena, text) : NULL;
    return copy ? copy : "";
}

static const char *keep_format(ad_diagnostics *d, const char *format, va_list arguments)
{
    char text[2048];
    vsnprintf(text, sizeof text, format, arguments);
    return keep(d, text);
}

static int compare(const ad_diagnostic *a, const ad_diagnostic *b)
{
    int c = strcmp(a->file, b->file);
    if (c) return c;
    return a->line != b->line ? a->line - b->line : a->column - b->column;
}

static void insert(ad_diagnostics *d, item *it)
{
    if (!ad__grow(&d->items, &d->cap, d->n + 1, sizeof *d->items)) return;
    int at = d->n++;
    for (; at > 0 && compare(&d->items[at - 1]->d, &it->d) > 0; at--) d->items[at] = d->items[at - 1];
    d->items[at] = it;
}

static bool repeats(const ad_diagnostics *d, const ad_span *at, const char *code)
{
    for (int i = 0; i < d->n; i++) {
        const ad_diagnostic *o = &d->items[i]->d;
        if (at->line > 0 && o->line == at->line && o->column == at->column && strcmp(o->code, code) == 0 &&
            strcmp(o->file, at->file ? at->file : "") == 0)
            return true;
    }
    return false;
}

void ad_report(ad_diagnostics *d, ad_severity severity, const char *code, const ad_span *at, const char *format, ...)
{
    static const ad_span nowhere;
    if (!at) at = &nowhere;
    d->last = NULL;
    if (repeats(d, at, code)) return;
    if (severity == AD_SEVERITY_ERROR) d->errors++;
    item *it = ad__arena_alloc(&d->arena, sizeof *it);
    if (!it) return;
    va_list arguments;
    va_start(arguments, format);
    it->d = (ad_diagnostic){ .severity = severity,
                             .code = keep(d, code),
                             .file = keep(d, at->file),
                             .line = at->line,
                             .column = at->column,
                             .length = at->length,
                             .message = keep_format(d, format, arguments),
                             .hint = "",
                             .notes = it->notes,
                             .source = keep(d, at->source) };
    va_end(arguments);
    insert(d, it);
    d->last = it;
}

void ad_report_hint(ad_diagnostics *d, const char *format, ...)
{
    if (!d->last) return;
    va_list arguments;
    va_start(arguments, format);
    d->last->d.hint = keep_format(d, format, arguments);
    va_end(arguments);
}

void ad_report_note(ad_diagnostics *d, const char *format, ...)
{
    if (!d->last || d->last->d.n_notes == MOST_NOTES) return;
    va_list arguments;
    va_start(arguments, format);
    d->last->notes[d->last->d.n_notes++] = keep_format(d, format, arguments);
    va_end(arguments);
}

/* ---- did you mean ---- */

#define LONGEST_NAME 48

/* Edit distance with neighbours swapped counted once (optimal string alignment). */
static int distance(const char *a, const char *b)
{
    int n = (int)strlen(a), m = (int)strlen(b);
    int row[3][LONGEST_NAME + 1];
    if (n > LONGEST_NAME || m > LONGEST_NAME) return LONGEST_NAME;
    for (int j = 0; j <= m; j++) row[0][j] = j;
    for (int i = 1; i <= n; i++) {
        int *now = row[i % 3], *before = row[(i + 2) % 3], *older = row[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= m; j++) {
            int best = before[j - 1] + (a[i - 1] != b[j - 1]);
            if (before[j] + 1 < best) best = before[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && older[j - 2] + 1 < best)
                best = older[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[n % 3][m];
}

const char *ad_nearest(const char *name, int n, const char *const *candidates)
{
    const char *best = NULL;
    int length = (int)strlen(name), limit = length < 3 ? 1 : length / 3 > 2 ? length / 3 : 2;
    for (int i = 0; i < n; i++) {
        int d = distance(name, candidates[i]);
        if (d > limit || d >= length) continue;
        best = candidates[i];
        limit = d - 1;
    }
    return best;
}

/* ---- text ---- */

/* A malloc'ed text; NULL when memory is out. */
static char *finish(ad_text *t)
{
    ad_text_bytes(t, "", 0);
    if (t->failed) ad_text_free(t);
    return t->data;
}

/* Columns a character takes on a terminal: East Asian wide forms and emoji take two, combining marks none. */
static int width(uint32_t c)
{
    if (c >= 0x300 && c <= 0x36f) return 0;
    bool wide = (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) || (c >= 0xac00 && c <= 0xd7a3) ||
                (c >= 0xf900 && c <= 0xfaff) || (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
                (c >= 0x1f300 && c <= 0x1faff) || (c >= 0x20000 && c <= 0x3fffd);
    return wide ? 2 : 1;
}

/* Writes the source line with tabs as blanks; *start and *columns say where on the terminal the marked characters are. */
static void put_source(ad_text *t, const ad_diagnostic *d, int *start, int *columns)
{
    int at = 0, character = 1;
    *start = -1;
    *columns = 0;
    for (const char *s = d->source; *s;) {
        uint32_t c;
        int n = ad__utf8(s, &c), wide = c == '\t' ? 8 - at % 8 : width(c);
        if (character == d->column) *start = at;
        if (character >= d->column && character < d->column + d->length) *columns += wide;
        if (c == '\t') ad_text_add(t, "%*s", wide, "");
        else ad_text_bytes(t, s, (size_t)n);
        at += wide;
        s += n;
        character++;
    }
    if (*start < 0) *start = at;
    if (*columns < 1) *columns = 1;
}

static void put_one(ad_text *t, const ad_diagnostic *d, bool color)
{
    const char *bold = color ? "\033[1m" : "",
               *red = color ? (d->severity == AD_SEVERITY_ERROR ? "\033[1;31m" : "\033[1;35m") : "";
    const char *plain = color ? "\033[0m" : "", *kind = d->severity == AD_SEVERITY_ERROR ? "error" : "warning";
    if (d->line > 0) ad_text_add(t, "%s%s:%d:%d: %s%s:%s %s", bold, d->file, d->line, d->column, red, kind, plain, d->message);
    else ad_text_add(t, "%s%s%s%s%s:%s %s", bold, d->file, *d->file ? ": " : "", red, kind, plain, d->message);
    if (d->line > 0 && *d->source) {
        int start, columns;
        ad_text_add(t, "\n%5d | ", d->line);
        put_source(t, d, &start, &columns);
        ad_text_add(t, "\n      | %*s%s^", start, "", red);
        for (int i = 1; i < columns; i++) ad_text_bytes(t, "~", 1);
        ad_text_add(t, "%s%s%s", plain, *d->hint ? " " : "", d->hint);
    } else if (*d->hint) {
        ad_text_add(t, "; %s", d->hint);
    }
    ad_text_bytes(t, "\n", 1);
    for (int i = 0; i < d->n_notes; i++) ad_text_add(t, "      = note: %s\n", d->notes[i]);
}

char *ad_diagnostics_text(const ad_diagnostics *d, bool color)
{
    ad_text t = { 0 };
    int errors = 0;
    for (int i = 0; i < d->n; i++) {
        const ad_diagnostic *one = &d->items[i]->d;
        if (one->severity == AD_SEVERITY_ERROR && errors++ >= MOST_SHOWN) continue;
        put_one(&t, one, color);
    }
    const char *file = d->n ? d->items[0]->d.file : "";
    if (d->errors > MOST_SHOWN) ad_text_add(&t, "%d errors in %s, the first %d shown\n", d->errors, file, MOST_SHOWN);
    else if (d->errors > 0 && *file) ad_text_add(&t, "%d error%s in %s\n", d->errors, d->errors == 1 ? "" : "s", file);
    return finish(&t);
}

char *ad_diagnostics_json(const ad_diagnostics *d)
{
    ad_json_writer w = { 0 };
    ad_text_add(&w.text, "[");
    for (int i = 0; i < d->n; i++) {
        const ad_diagnostic *o = &d->items[i]->d;
        /* One object a line: the array around them is written here. */
        ad_text_add(&w.text, "%s\n", i ? "," : "");
        ad_json_open_object(&w, NULL);
        ad_json_put_text(&w, "severity", o->severity == AD_SEVERITY_ERROR ? "error" : "warning");
        ad_json_put_int(&w, "line", o->line);
        ad_json_put_int(&w, "column", o->column);
        ad_json_put_int(&w, "length", o->length);
        ad_json_put_text(&w, "file", o->file);
        ad_json_put_text(&w, "code", o->code);
        ad_json_put_text(&w, "message", o->message);
        ad_json_put_text(&w, "hint", o->hint);
        ad_json_open_array(&w, "notes");
        for (int k = 0; k < o->n_notes; k++) ad_json_put_text(&w, NULL, o->notes[k]);
        ad_json_close(&w);
        ad_json_close(&w);
    }
    ad_text_add(&w.text, "\n]\n");
    return finish(&w.text);
}

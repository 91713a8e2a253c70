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

typedef struct writer {
    char *text;
    size_t n, size;
    bool failed;
} writer;

static void put(writer *w, const char *text, size_t n)
{
    if (w->failed) return;
    if (w->n + n + 1 > w->size) {
        size_t size = (w->size + n + 1) * 2;
        char *more = realloc(w->text, size);
        if (!more) {
            w->failed = true;
            return;
        }
        w->text = more;
        w->size = size;
    }
    memcpy(w->text + w->n, text, n);
    w->text[w->n += n] = '\0';
}

static void print(writer *w, const char *format, ...) AD_PRINTF(2, 3);
static void print(writer *w, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    put(w, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}

static char *finish(writer *w)
{
    if (w->failed) {
        free(w->text);
        return NULL;
    }
    if (!w->text) put(w, "", 0);
    return w->text;
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
static void put_source(writer *w, const ad_diagnostic *d, int *start, int *columns)
{
    int at = 0, character = 1;
    *start = -1;
    *columns = 0;
    for (const char *s = d->source; *s;) {
        uint32_t c;
        int n = ad__utf8(s, &c), wide = c == '\t' ? 8 - at % 8 : width(c);
        if (character == d->column) *start = at;
        if (character >= d->column && character < d->column + d->length) *columns += wide;
        if (c == '\t') print(w, "%*s", wide, "");
        else put(w, s, (size_t)n);
        at += wide;
        s += n;
        character++;
    }
    if (*start < 0) *start = at;
    if (*columns < 1) *columns = 1;
}

static void put_one(writer *w, const ad_diagnostic *d, bool color)
{
    const char *bold = color ? "\033[1m" : "",
               *red = color ? (d->severity == AD_SEVERITY_ERROR ? "\033[1;31m" : "\033[1;35m") : "";
    const char *plain = color ? "\033[0m" : "", *kind = d->severity == AD_SEVERITY_ERROR ? "error" : "warning";
    if (d->line > 0) print(w, "%s%s:%d:%d: %s%s:%s %s", bold, d->file, d->line, d->column, red, kind, plain, d->message);
    else print(w, "%s%s%s%s%s:%s %s", bold, d->file, *d->file ? ": " : "", red, kind, plain, d->message);
    if (d->line > 0 && *d->source) {
        int start, columns;
        print(w, "\n%5d | ", d->line);
        put_source(w, d, &start, &columns);
        print(w, "\n      | %*s%s^", start, "", red);
        for (int i = 1; i < columns; i++) put(w, "~", 1);
        print(w, "%s%s%s", plain, *d->hint ? " " : "", d->hint);
    } else if (*d->hint) {
        print(w, "; %s", d->hint);
    }
    put(w, "\n", 1);
    for (int i = 0; i < d->n_notes; i++) print(w, "      = note: %s\n", d->notes[i]);
}

char *ad_diagnostics_text(const ad_diagnostics *d, bool color)
{
    writer w = { 0 };
    int errors = 0;
    for (int i = 0; i < d->n; i++) {
        const ad_diagnostic *one = &d->items[i]->d;
        if (one->severity == AD_SEVERITY_ERROR && errors++ >= MOST_SHOWN) continue;
        put_one(&w, one, color);
    }
    const char *file = d->n ? d->items[0]->d.file : "";
    if (d->errors > MOST_SHOWN) print(&w, "%d errors in %s, the first %d shown\n", d->errors, file, MOST_SHOWN);
    else if (d->errors > 0 && *file) print(&w, "%d error%s in %s\n", d->errors, d->errors == 1 ? "" : "s", file);
    return finish(&w);
}

static void put_quoted(writer *w, const char *before, const char *text)
{
    print(w, "%s\"", before);
    for (const char *s = text; *s; s++) {
        if (*s == '"' || *s == '\\') print(w, "\\%c", *s);
        else if ((unsigned char)*s < 0x20) print(w, "\\u%04x", *s);
        else put(w, s, 1);
    }
    put(w, "\"", 1);
}

char *ad_diagnostics_json(const ad_diagnostics *d)
{
    writer w = { 0 };
    put(&w, "[", 1);
    for (int i = 0; i < d->n; i++) {
        const ad_diagnostic *o = &d->items[i]->d;
        print(&w, "%s\n{\"severity\":\"%s\",\"line\":%d,\"column\":%d,\"length\":%d", i ? "," : "",
              o->severity == AD_SEVERITY_ERROR ? "error" : "warning", o->line, o->column, o->length);
        put_quoted(&w, ",\"file\":", o->file);
        put_quoted(&w, ",\"code\":", o->code);
        put_quoted(&w, ",\"message\":", o->message);
        put_quoted(&w, ",\"hint\":", o->hint);
        print(&w, ",\"notes\":[");
        for (int k = 0; k < o->n_notes; k++) put_quoted(&w, k ? "," : "", o->notes[k]);
        print(&w, "]}");
    }
    print(&w, "\n]\n");
    return finish(&w);
}

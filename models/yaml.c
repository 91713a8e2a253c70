/*
 * yaml.c - YAML documents with exact places, from libyaml's events.
 *
 * What would make a place or a meaning doubtful is refused: anchors and aliases (an alias carries the mark of its anchor), tags, merge
 * keys, several documents, duplicate keys (libyaml accepts them), tabs, nesting beyond 64 (libyaml is quadratic there). Marks of
 * libyaml are 0-based and count characters; ours are 1-based.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "models/model.h"

#define DEEPEST 64
#define LARGEST_FILE (16 << 20)

struct ad_document {
    ad__pool pool;
    const char *file;
    char *text;
    size_t size;
    const char **lines;          /* each without its end of line */
    int n_lines;
    const ad_node *root;
};

typedef struct reader {
    ad_document *doc;
    ad_diagnostics *d;
    yaml_parser_t parser;
    bool failed;                 /* the event stream cannot go on */
    bool refused;                /* an alias leaves a hole: the document is of no use */
} reader;

/* ---- source lines ---- */

static void split_lines(ad_document *doc)
{
    const char *s = doc->text, *end = doc->text + doc->size;
    if (doc->size >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0) s += 3;
    while (s < end) {
        const char *stop = memchr(s, '\n', (size_t)(end - s));
        size_t n = (size_t)((stop ? stop : end) - s);
        doc->lines = ad__more(&doc->pool, doc->lines, doc->n_lines, sizeof *doc->lines);
        doc->lines[doc->n_lines++] = ad__take_span(&doc->pool, s, n > 0 && s[n - 1] == '\r' ? n - 1 : n);
        s += n + 1;
    }
}

static const char *source_line(const ad_document *doc, int line)
{
    return line >= 1 && line <= doc->n_lines ? doc->lines[line - 1] : "";
}

static ad_span span_at(const ad_document *doc, int line, int column, int length)
{
    return (ad_span){ doc->file, line, column, length > 0 ? length : 1, source_line(doc, line) };
}

static ad_span span_of_mark(const ad_document *doc, yaml_mark_t m, int length)
{
    return span_at(doc, (int)m.line + 1, (int)m.column + 1, length);
}

static void check_tabs(reader *r)
{
    for (int i = 0; i < r->doc->n_lines; i++) {
        int column = 1;
        for (const char *s = r->doc->lines[i]; *s; column++) {
            if (*s == '\t') {
                ad_span at = span_at(r->doc, i + 1, column, 1);
                ad_report(r->d, AD_SEVERITY_ERROR, "tab", &at, "a tab: its width is anybody's guess");
                ad_report_hint(r->d, "use blanks");
                break;
            }
            uint32_t c;
            s += ad__utf8(s, &c);
        }
    }
}

/* ---- events to nodes ---- */

static void syntax_error(reader *r)
{
    const yaml_parser_t *p = &r->parser;
    r->failed = true;
    if (p->error == YAML_MEMORY_ERROR) longjmp(*r->doc->pool.out, 1);
    ad_span at = span_of_mark(r->doc, p->problem_mark, 1);
    if (p->error == YAML_READER_ERROR) {
        int line = 1;
        for (size_t i = 0; i < p->problem_offset && i < r->doc->size; i++) line += r->doc->text[i] == '\n';
        at = span_at(r->doc, line, 1, 1);
    }
    if (at.line > r->doc->n_lines)
        at = span_at(r->doc, r->doc->n_lines, (int)strlen(source_line(r->doc, r->doc->n_lines)) + 1, 1);
    ad_report(r->d, AD_SEVERITY_ERROR, "yaml-syntax", &at, "YAML: %s", p->problem ? p->problem : "cannot be read");
    bool flow = p->context && strstr(p->context, "flow");
    if (flow)
        ad_report_hint(r->d,
                       "inside [ ] or { }, text with brackets or commas must be quoted, or the list written in block style");
    if (p->context && p->context_mark.line + 1 <= (size_t)r->doc->n_lines)
        ad_report_note(r->d, "%s at line %d, column %d", p->context, (int)p->context_mark.line + 1,
                       (int)p->context_mark.column + 1);
}

static bool next_event(reader *r, yaml_event_t *e)
{
    if (r->failed) return false;
    if (yaml_parser_parse(&r->parser, e)) return true;
    syntax_error(r);
    return false;
}

static void refuse_decoration(reader *r, const yaml_event_t *e, const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor) {
        ad_span at = span_of_mark(r->doc, e->start_mark, (int)strlen((const char *)anchor) + 1);
        ad_report(r->d, AD_SEVERITY_ERROR, "anchor", &at, "anchor '&%s': anchors and aliases are not part of the language",
                  (const char *)anchor);
        ad_report_hint(r->d, "write the value out, or give it a name under 'let'");
    }
    if (tag) {
        ad_span at = span_of_mark(r->doc, e->start_mark, 1);
        ad_report(r->d, AD_SEVERITY_ERROR, "tag", &at, "tag '%s': tags are not part of the language", (const char *)tag);
        ad_report_hint(r->d, "remove it; types follow from the place");
    }
}

static ad_node *node_new(reader *r, ad_node_kind kind, const yaml_event_t *e)
{
    ad_node *n = ad__take(&r->doc->pool, sizeof *n);
    n->kind = kind;
    n->line = (int)e->start_mark.line + 1;
    n->column = (int)e->start_mark.column + 1;
    n->length = 1;
    n->text = "";
    return n;
}

static const ad_node *scalar(reader *r, const yaml_event_t *e)
{
    static const char quotes[] = { [YAML_SINGLE_QUOTED_SCALAR_STYLE] = '\'', [YAML_DOUBLE_QUOTED_SCALAR_STYLE] = '"',
                                   [YAML_LITERAL_SCALAR_STYLE] = '|', [YAML_FOLDED_SCALAR_STYLE] = '|' };
    ad_node *n = node_new(r, AD_NODE_SCALAR, e);
    int style = (int)e->data.scalar.style;
    refuse_decoration(r, e, e->data.scalar.anchor, e->data.scalar.tag);
    n->quote = style >= 0 && style < (int)sizeof quotes ? quotes[style] : '\0';
    n->plain = n->quote == '\0';
    n->multiline = e->end_mark.line != e->start_mark.line;
    n->length = n->multiline ? 1 : (int)(e->end_mark.column - e->start_mark.column);
    n->text = ad__take_span(&r->doc->pool, (const char *)e->data.scalar.value, e->data.scalar.length);
    if (strlen(n->text) != e->data.scalar.length) {
        ad_span at = span_at(r->doc, n->line, n->column, n->length);
        ad_report(r->d, AD_SEVERITY_ERROR, "yaml-syntax", &at, "a text with a zero character");
    }
    return n;
}

static const ad_node *node_of(reader *r, yaml_event_t *e, int depth);

static const ad_node *list(reader *r, const yaml_event_t *start, int depth)
{
    ad_node *n = node_new(r, AD_NODE_LIST, start);
    const ad_node **items = NULL;
    yaml_event_t e;
    n->flow = start->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
    refuse_decoration(r, start, start->data.sequence_start.anchor, start->data.sequence_start.tag);
    while (next_event(r, &e) && e.type != YAML_SEQUENCE_END_EVENT) {
        items = ad__more(&r->doc->pool, items, n->n, sizeof *items);
        items[n->n++] = node_of(r, &e, depth);
    }
    if (!r->failed) yaml_event_delete(&e);
    n->items = items;
    return n;
}

/* Says whether the key may be kept; a scalar that is new to the map. */
static bool check_key(reader *r, const ad_node *map, const ad_node *const *keys, const ad_node *key)
{
    ad_span at = span_at(r->doc, key->line, key->column, key->length);
    if (key->kind != AD_NODE_SCALAR) {
        ad_report(r->d, AD_SEVERITY_ERROR, "key", &at, "a key must be plain text, not a list or a mapping");
        return false;
    }
    if (key->plain && strcmp(key->text, "<<") == 0) {
        ad_report(r->d, AD_SEVERITY_ERROR, "merge-key", &at, "merge keys ('<<') are not part of the language");
        ad_report_hint(r->d, "write the keys out");
        return false;
    }
    for (int i = 0; i < map->n; i++)
        if (strcmp(keys[i]->text, key->text) == 0) {
            ad_report(r->d, AD_SEVERITY_ERROR, "duplicate-key", &at, "key '%s' is here twice", key->text);
            ad_report_hint(r->d, "the first one is at line %d, column %d", keys[i]->line, keys[i]->column);
            return false;
        }
    return true;
}

static const ad_node *map(reader *r, const yaml_event_t *start, int depth)
{
    ad_node *n = node_new(r, AD_NODE_MAP, start);
    const ad_node **keys = NULL, **items = NULL;
    yaml_event_t e;
    n->flow = start->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
    refuse_decoration(r, start, start->data.mapping_start.anchor, start->data.mapping_start.tag);
    while (next_event(r, &e) && e.type != YAML_MAPPING_END_EVENT) {
        const ad_node *key = node_of(r, &e, depth), *value = NULL;
        if (next_event(r, &e)) value = node_of(r, &e, depth);
        if (!key || !value || !check_key(r, n, keys, key)) continue;
        keys = ad__more(&r->doc->pool, keys, n->n, sizeof *keys);
        items = ad__more(&r->doc->pool, items, n->n, sizeof *items);
        keys[n->n] = key;
        items[n->n++] = value;
    }
    if (!r->failed) yaml_event_delete(&e);
    n->keys = keys;
    n->items = items;
    return n;
}

/* The node that begins with this event, which it consumes. Never NULL. */
static const ad_node *node_of(reader *r, yaml_event_t *e, int depth)
{
    const ad_node *n;
    if (depth >= DEEPEST && (e->type == YAML_SEQUENCE_START_EVENT || e->type == YAML_MAPPING_START_EVENT)) {
        ad_span at = span_of_mark(r->doc, e->start_mark, 1);
        ad_report(r->d, AD_SEVERITY_ERROR, "too-deep", &at, "nested more than %d deep", DEEPEST);
        r->failed = true;
        n = node_new(r, AD_NODE_SCALAR, e);
    } else if (e->type == YAML_SCALAR_EVENT) {
        n = scalar(r, e);
    } else if (e->type == YAML_SEQUENCE_START_EVENT) {
        n = list(r, e, depth + 1);
    } else if (e->type == YAML_MAPPING_START_EVENT) {
        n = map(r, e, depth + 1);
    } else {
        n = node_new(r, AD_NODE_SCALAR, e);
        if (e->type == YAML_ALIAS_EVENT) {
            ad_span at = span_of_mark(r->doc, e->start_mark, (int)strlen((const char *)e->data.alias.anchor) + 1);
            ad_report(r->d, AD_SEVERITY_ERROR, "alias", &at, "alias '*%s': anchors and aliases are not part of the language",
                      (const char *)e->data.alias.anchor);
            ad_report_hint(r->d, "write the value out, or give it a name under 'let'");
            r->refused = true;
        }
    }
    yaml_event_delete(e);
    return n;
}

static void read_stream(reader *r)
{
    yaml_event_t e;
    int documents = 0;
    while (next_event(r, &e)) {
        yaml_event_type_t type = e.type;
        if (type == YAML_STREAM_END_EVENT || (type == YAML_DOCUMENT_START_EVENT && ++documents > 1)) {
            if (documents > 1) {
                ad_span at = span_of_mark(r->doc, e.start_mark, 3);
                ad_report(r->d, AD_SEVERITY_ERROR, "several-documents", &at, "a second document begins here; a file holds one");
            }
            yaml_event_delete(&e);
            return;
        }
        if (type == YAML_SCALAR_EVENT || type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT ||
            type == YAML_ALIAS_EVENT)
            r->doc->root = node_of(r, &e, 0);
        else
            yaml_event_delete(&e);
    }
}

static ad_document *document_new(const char *name, const char *text, size_t size, ad_diagnostics *d)
{
    jmp_buf out;
    reader *volatile r = calloc(1, sizeof *r);
    ad_document *volatile doc = calloc(1, sizeof *doc);
    if (!r || !doc) {
        free(r);
        free(doc);
        return NULL;
    }
    r->doc = doc;
    r->d = d;
    doc->pool.out = &out;
    bool ready = yaml_parser_initialize(&r->parser);
    if (!ready || setjmp(out)) {
        ad_span at = { .file = name };
        ad_report(d, AD_SEVERITY_ERROR, "memory", &at, "out of memory");
        if (ready) yaml_parser_delete(&r->parser);
        free(r);
        ad_document_free(doc);
        return NULL;
    }
    doc->file = ad__take_text(&doc->pool, name);
    doc->text = ad__take_span(&doc->pool, text, size);
    doc->size = size;
    int before = ad_diagnostics_errors(d);
    split_lines(doc);
    check_tabs(r);
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)doc->text, doc->size);
    if (ad_diagnostics_errors(d) == before) read_stream(r);
    yaml_parser_delete(&r->parser);
    if (!doc->root && ad_diagnostics_errors(d) == before) {
        ad_span at = { .file = doc->file };
        ad_report(d, AD_SEVERITY_ERROR, "empty", &at, "the file is empty");
    }
    bool stopped = r->failed || r->refused || !doc->root;
    free(r);
    if (!stopped) return doc;
    ad_document_free(doc);
    return NULL;
}

ad_document *ad_document_parse(const char *name, const char *text, size_t size, ad_diagnostics *d)
{
    if (size <= LARGEST_FILE) return document_new(name, text, size, d);
    ad_span at = { .file = name };
    ad_report(d, AD_SEVERITY_ERROR, "too-large", &at, "%zu bytes; at most %d are read", size, LARGEST_FILE);
    return NULL;
}

ad_document *ad_document_open(const char *path, ad_diagnostics *d)
{
    size_t size;
    char *text = ad__read_file(path, LARGEST_FILE + 1, &size);
    if (!text) {
        ad_span at = { .file = path };
        ad_report(d, AD_SEVERITY_ERROR, "file", &at, "cannot be read: %s", strerror(errno));
        return NULL;
    }
    ad_document *doc = ad_document_parse(path, text, size, d);
    free(text);
    return doc;
}

char *ad__read_file(const char *path, size_t limit, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    char *text = NULL;
    size_t n = 0, room = 0;
    for (;;) {
        if (n + 1 >= room) {
            char *more = realloc(text, room = room ? 2 * room : 16384);
            if (!more) break;
            text = more;
        }
        size_t got = fread(text + n, 1, room - n - 1, f);
        n += got;
        if (got == 0 || n >= limit) break;
    }
    bool whole = text && !ferror(f);
    int reason = errno;
    fclose(f);
    if (!whole) {
        free(text);
        errno = reason;
        return NULL;
    }
    text[n] = '\0';
    *size = n;
    return text;
}

void ad_document_free(ad_document *doc)
{
    if (!doc) return;
    ad__arena_free(&doc->pool.arena);
    free(doc);
}

const ad_node *ad_document_root(const ad_document *doc)
{
    return doc->root;
}

const char *ad_document_file(const ad_document *doc)
{
    return doc->file;
}

ad_span ad_document_span(const ad_document *doc, const ad_node *node)
{
    return span_at(doc, node->line, node->column, node->length);
}

ad_span ad__document_span_at(const ad_document *doc, int line, int column, int length)
{
    return span_at(doc, line, column, length);
}

const ad_node *ad_node_find(const ad_node *map, const char *key)
{
    for (int i = 0; map && map->kind == AD_NODE_MAP && i < map->n; i++)
        if (strcmp(map->keys[i]->text, key) == 0) return map->items[i];
    return NULL;
}

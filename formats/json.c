/*
 * json.c - reading JSON (RFC 8259): one pass, bounded depth, no duplicate keys, numbers without the locale.
 *
 * Decoded strings never outgrow their source, so all of them lie in one block as long as the text; nodes lie in blocks of BLOCK.
 */
#include "config.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "formats/bytes.h"

#define BLOCK 256
#define VALUES_MAX ((int64_t)1 << 24)

typedef struct block {
    struct block *next;
    ad_json node[BLOCK];
} block;

/* The root is the first member, so that a pointer to it is a pointer to the document. */
typedef struct document {
    ad_json root;
    block *blocks;
    int used;              /* nodes in the newest block */
    int64_t values;
    char *strings;
} document;

typedef struct reader {
    ad_error *error;
    const char *what, *text;
    size_t base, at, size, string_at;
    int depth;
    locale_t plain;
    document *doc;
} reader;

static ad_status refuse(reader *r, size_t at, const char *rule)
{
    return AD_FAIL(r->error, EDATA, "%s: byte %zu: JSON: %s", r->what, r->base + at, rule);
}

static ad_json *node_new(document *d)
{
    if (!d->blocks || d->used == BLOCK) {
        block *b = malloc(sizeof *b);
        if (!b) return NULL;
        b->next = d->blocks;
        d->blocks = b;
        d->used = 0;
    }
    ad_json *v = &d->blocks->node[d->used++];
    *v = (ad_json){ .kind = AD_JSON_NULL };
    return v;
}

static int peek(reader *r)
{
    while (r->at < r->size && strchr(" \t\n\r", r->text[r->at]) && r->text[r->at]) r->at++;
    return r->at < r->size ? (unsigned char)r->text[r->at] : -1;
}

/* ---- strings ---- */

static bool hex4(reader *r, uint32_t *out)
{
    if (r->size - r->at < 4) return false;
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        char c = r->text[r->at + (size_t)i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0) return false;
        v = v << 4 | (uint32_t)digit;
    }
    r->at += 4;
    *out = v;
    return true;
}

static void put(reader *r, uint32_t byte)
{
    r->doc->strings[r->string_at++] = (char)byte;
}

static void put_code(reader *r, uint32_t c)
{
    if (c < 0x80) put(r, c);
    else if (c < 0x800) put(r, 0xC0 | c >> 6), put(r, 0x80 | (c & 63));
    else if (c < 0x10000) put(r, 0xE0 | c >> 12), put(r, 0x80 | (c >> 6 & 63)), put(r, 0x80 | (c & 63));
    else put(r, 0xF0 | c >> 18), put(r, 0x80 | (c >> 12 & 63)), put(r, 0x80 | (c >> 6 & 63)), put(r, 0x80 | (c & 63));
}

/* After "\u": one UTF-16 unit, or two that make a pair. */
static ad_status unicode_escape(reader *r, size_t start)
{
    uint32_t c, low;
    if (!hex4(r, &c)) return refuse(r, start, "\\u needs four hexadecimal digits");
    if (c == 0) return refuse(r, start, "a zero character in a string");
    if (c >= 0xDC00 && c <= 0xDFFF) return refuse(r, start, "a low surrogate without the high one before it");
    if (c >= 0xD800 && c <= 0xDBFF) {
        if (r->size - r->at < 6 || r->text[r->at] != '\\' || r->text[r->at + 1] != 'u')
            return refuse(r, start, "a high surrogate without the low one after it");
        r->at += 2;
        if (!hex4(r, &low) || low < 0xDC00 || low > 0xDFFF) return refuse(r, start, "a high surrogate without the low one after it");
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    put_code(r, c);
    return AD_OK;
}

static ad_status escape(reader *r)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    size_t start = r->at++;
    char c = r->at < r->size ? r->text[r->at++] : '\0';
    if (c == 'u') return unicode_escape(r, start);
    const char *known = c ? strchr(from, c) : NULL;
    if (!known) return refuse(r, start, "an unknown escape in a string");
    put(r, (unsigned char)to[known - from]);
    return AD_OK;
}

static ad_status string(reader *r, const char **out)
{
    size_t start = r->at++, first = r->string_at;
    for (;;) {
        if (r->at >= r->size) return refuse(r, start, "a string without its closing quote");
        unsigned char c = (unsigned char)r->text[r->at];
        if (c == '"') break;
        if (c < 0x20) return refuse(r, r->at, "a control character in a string; write it as an escape");
        if (c == '\\') AD_TRY(escape(r));
        else put(r, c), r->at++;
    }
    r->at++;
    put(r, 0);
    *out = r->doc->strings + first;
    return AD_OK;
}

/* ---- numbers ---- */

static bool digits(reader *r)
{
    size_t first = r->at;
    while (r->at < r->size && r->text[r->at] >= '0' && r->text[r->at] <= '9') r->at++;
    return r->at > first;
}

static ad_status number(reader *r, ad_json *v)
{
    size_t start = r->at;
    if (r->text[r->at] == '-') r->at++;
    size_t whole = r->at;
    if (!digits(r)) return refuse(r, start, "a number needs a digit");
    if (r->text[whole] == '0' && r->at > whole + 1) return refuse(r, start, "a number with a leading zero");
    if (r->at < r->size && r->text[r->at] == '.') {
        r->at++;
        if (!digits(r)) return refuse(r, start, "a number needs a digit after its point");
    }
    if (r->at < r->size && (r->text[r->at] == 'e' || r->text[r->at] == 'E')) {
        r->at++;
        if (r->at < r->size && (r->text[r->at] == '+' || r->text[r->at] == '-')) r->at++;
        if (!digits(r)) return refuse(r, start, "a number needs a digit in its exponent");
    }
    char *copy = r->doc->strings + r->string_at;
    memcpy(copy, r->text + start, r->at - start);
    r->string_at += r->at - start;
    put(r, 0);
    v->kind = AD_JSON_NUMBER;
    v->text = copy;
    v->number = strtod_l(copy, NULL, r->plain);
    return AD_OK;
}

/* ---- values ---- */

static int by_key(const void *a, const void *b)
{
    const ad_json *x = *(const ad_json *const *)a, *y = *(const ad_json *const *)b;
    int order = strcmp(x->key, y->key);
    return order ? order : (x->offset > y->offset) - (x->offset < y->offset);
}

/* Many libraries keep the last of two equal keys silently; here both places are named. */
static ad_status no_duplicates(reader *r, const ad_json *object)
{
    if (object->count < 2) return AD_OK;
    const ad_json **members = malloc((size_t)object->count * sizeof *members);
    if (!members) return AD_FAIL(r->error, ENOMEM, "%s: out of memory", r->what);
    int64_t n = 0;
    for (const ad_json *m = object->first; m; m = m->next) members[n++] = m;
    qsort(members, (size_t)n, sizeof *members, by_key);
    ad_status s = AD_OK;
    for (int64_t i = 1; i < n && s == AD_OK; i++)
        if (strcmp(members[i - 1]->key, members[i]->key) == 0)
            s = AD_FAIL(r->error, EDATA, "%s: byte %zu: JSON: duplicate key '%.200s', first at byte %zu", r->what, members[i]->offset,
                        members[i]->key, members[i - 1]->offset);
    free(members);
    return s;
}

static ad_status value(reader *r, ad_json *v);

static ad_status member(reader *r, bool object, ad_json **out)
{
    if (r->doc->values++ >= VALUES_MAX) return refuse(r, r->at, "more than 16777216 values");
    ad_json *m = *out = node_new(r->doc);
    if (!m) return AD_FAIL(r->error, ENOMEM, "%s: out of memory", r->what);
    if (object) {
        if (peek(r) != '"') return refuse(r, r->at, "an object needs a quoted key here");
        AD_TRY(string(r, &m->key));
        if (peek(r) != ':') return refuse(r, r->at, "a key needs ':' behind it");
        r->at++;
    }
    return value(r, m);
}

static ad_status members(reader *r, ad_json *v, bool object)
{
    char closer = object ? '}' : ']';
    if (r->depth-- == 0) return refuse(r, r->at, "nested too deeply");
    v->kind = object ? AD_JSON_OBJECT : AD_JSON_ARRAY;
    r->at++;
    const ad_json **tail = &v->first;
    for (int c = peek(r); c != closer; c = peek(r)) {
        if (v->count > 0) {
            if (c != ',') return refuse(r, r->at, object ? "an object needs ',' or '}' here" : "an array needs ',' or ']' here");
            r->at++;
        }
        ad_json *m = NULL;
        AD_TRY(member(r, object, &m));
        *tail = m;
        tail = &m->next;
        v->count++;
    }
    r->at++;
    r->depth++;
    return object ? no_duplicates(r, v) : AD_OK;
}

static ad_status word(reader *r, ad_json *v)
{
    static const struct { const char *text; ad_json_kind kind; double number; } words[] = {
        { "null", AD_JSON_NULL, 0 }, { "false", AD_JSON_BOOL, 0 }, { "true", AD_JSON_BOOL, 1 },
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i].text);
        if (r->size - r->at < n || memcmp(r->text + r->at, words[i].text, n) != 0) continue;
        r->at += n;
        v->kind = words[i].kind;
        v->number = words[i].number;
        return AD_OK;
    }
    return refuse(r, r->at, "a value must start here: an object, an array, a string, a number, true, false or null");
}

static ad_status value(reader *r, ad_json *v)
{
    int c = peek(r);
    v->offset = r->base + r->at;
    if (c == '{' || c == '[') return members(r, v, c == '{');
    if (c == '"') {
        v->kind = AD_JSON_TEXT;
        return string(r, &v->text);
    }
    return c == '-' || (c >= '0' && c <= '9') ? number(r, v) : word(r, v);
}

ad_status ad__json_parse(ad_error *e, const char *what, size_t base, const char *text, size_t size, int depth, ad_json **root)
{
    *root = NULL;
    size_t bad;
    if (!ad__utf8_valid(text, size, &bad)) return AD_FAIL(e, EDATA, "%s: byte %zu: JSON: not valid UTF-8", what, base + bad);
    document *d = calloc(1, sizeof *d);
    if (d) d->strings = malloc(size + 2);
    reader r = { .error = e, .what = what, .text = text, .base = base, .size = size, .doc = d,
                 .depth = depth < AD_JSON_DEPTH ? depth : AD_JSON_DEPTH, .plain = newlocale(LC_ALL_MASK, "C", (locale_t)0) };
    ad_status s = !d || !d->strings || !r.plain ? AD_FAIL(e, ENOMEM, "%s: out of memory", what) : value(&r, &d->root);
    if (s == AD_OK && peek(&r) != -1) s = refuse(&r, r.at, "more text behind the value; need exactly one value");
    if (r.plain) freelocale(r.plain);
    if (s == AD_OK) *root = &d->root;
    else if (d) ad_json_free(&d->root);
    return s;
}

ad_status ad_json_parse(ad_error *e, const char *what, const char *text, size_t size, int depth, ad_json **root)
{
    return ad__json_parse(e, what, 0, text, size, depth, root);
}

void ad_json_free(ad_json *root)
{
    document *d = (document *)root;
    if (!d) return;
    while (d->blocks) {
        block *next = d->blocks->next;
        free(d->blocks);
        d->blocks = next;
    }
    free(d->strings);
    free(d);
}

const ad_json *ad_json_get(const ad_json *object, const char *key)
{
    if (!object || object->kind != AD_JSON_OBJECT) return NULL;
    for (const ad_json *m = object->first; m; m = m->next)
        if (strcmp(m->key, key) == 0) return m;
    return NULL;
}

bool ad_json_int(const ad_json *v, int64_t *out)
{
    const int64_t limit = ((int64_t)1 << 53) - 1;
    if (!v || v->kind != AD_JSON_NUMBER || strpbrk(v->text, ".eE") || v->number < (double)-limit || v->number > (double)limit) return false;
    *out = (int64_t)v->number;
    return true;
}

/*
 * scalar.c - types of plain scalars: the YAML 1.2 core schema, made strict where two readers of YAML would disagree.
 *
 * `010` and `1_000`, `no` and `1:30` mean different things to different readers; here they are mistakes with the way to write it.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/model.h"

static const char *digits(const char *s)
{
    while (*s >= '0' && *s <= '9') s++;
    return s;
}

static bool is_word(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(text, *words) == 0) return true;
    return false;
}

static const char *const nulls[] = { "null", "Null", "NULL", "~", "", NULL };
static const char *const trues[] = { "true", "True", "TRUE", NULL };
static const char *const falses[] = { "false", "False", "FALSE", NULL };
static const char *const old_bools[] = { "yes", "no",  "on",  "off", "y",  "n",   "Yes", "No",
                                         "On",  "Off", "YES", "NO",  "ON", "OFF", NULL };

/* [-+]?[0-9]+, 0o[0-7]+, 0x[0-9a-fA-F]+ */
static bool is_int(const char *s)
{
    if (s[0] == '0' && (s[1] == 'o' || s[1] == 'x'))
        return s[2] && strspn(s + 2, s[1] == 'o' ? "01234567" : "0123456789abcdefABCDEF") == strlen(s + 2);
    if (*s == '-' || *s == '+') s++;
    return *s && *digits(s) == '\0';
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? and .inf, .nan */
static bool is_float(const char *s)
{
    static const char *const special[] = { ".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL };
    if (*s == '-' || *s == '+') s++;
    if (is_word(s, special)) return true;
    const char *whole = digits(s), *rest = whole;
    if (*rest == '.') rest = digits(rest + 1);
    if (whole == s && (*s != '.' || rest == s + 1)) return false;
    if (*rest == 'e' || *rest == 'E') {
        const char *e = rest + 1 + (rest[1] == '-' || rest[1] == '+');
        rest = digits(e);
        if (rest == e) return false;
    }
    return *rest == '\0';
}

ad_scalar_kind ad_node_scalar_kind(const ad_node *node)
{
    if (node->kind != AD_NODE_SCALAR || !node->plain) return AD_SCALAR_TEXT;
    if (is_word(node->text, nulls)) return AD_SCALAR_NULL;
    if (is_word(node->text, trues) || is_word(node->text, falses)) return AD_SCALAR_BOOL;
    if (is_int(node->text)) return AD_SCALAR_INT;
    return is_float(node->text) ? AD_SCALAR_FLOAT : AD_SCALAR_TEXT;
}

static const char *found(const ad_node *node, char *text, size_t size)
{
    static const char *const kinds[] = { "nothing", "the bool ", "the int ", "the float ", "the string " };
    if (node->kind != AD_NODE_SCALAR) return node->kind == AD_NODE_LIST ? "a list" : "a mapping";
    ad_scalar_kind k = ad_node_scalar_kind(node);
    const char *quote = k == AD_SCALAR_TEXT ? "\"" : "";
    if (k == AD_SCALAR_NULL) return kinds[k];
    snprintf(text, size, "%s%s%.60s%s", kinds[k], quote, node->text, quote);
    return text;
}

static const char *number_hint(const char *s)
{
    const char *d = s + (*s == '-' || *s == '+');
    if (*d >= '0' && *d <= '9' && strchr(s, '_')) return "remove the underscore";
    if (*d >= '0' && *d <= '9' && strchr(s, ':')) return "numbers to the base 60 are not known here";
    if (d[0] == '0' && d[1] == 'b') return "write it as a decimal number, or as 0x..";
    return "";
}

static bool refuse(const ad_document *doc, const ad_node *node, ad_diagnostics *d, const char *expected, const char *hint)
{
    char text[128];
    ad_span at = ad_document_span(doc, node);
    ad_report(d, AD_SEVERITY_ERROR, "type", &at, "expected %s, found %s", expected, found(node, text, sizeof text));
    if (*hint) ad_report_hint(d, "%s", hint);
    return false;
}

static bool leading_zero(const char *s)
{
    if (*s == '-' || *s == '+') s++;
    return s[0] == '0' && s[1] >= '0' && s[1] <= '9';
}

bool ad_node_int(const ad_document *doc, const ad_node *node, ad_diagnostics *d, int64_t *out)
{
    ad_scalar_kind k = ad_node_scalar_kind(node);
    if (k != AD_SCALAR_INT) return refuse(doc, node, d, "an int", k == AD_SCALAR_TEXT ? number_hint(node->text) : "");
    if (leading_zero(node->text)) return refuse(doc, node, d, "an int", "a leading zero is ambiguous: remove it");
    bool octal = node->text[0] == '0' && node->text[1] == 'o';
    errno = 0;
    *out = octal ? strtoll(node->text + 2, NULL, 8) : strtoll(node->text, NULL, 0);
    return errno == ERANGE ? refuse(doc, node, d, "an int of 64 bits", "") : true;
}

bool ad_node_float(const ad_document *doc, const ad_node *node, ad_diagnostics *d, double *out)
{
    ad_scalar_kind k = ad_node_scalar_kind(node);
    if (k == AD_SCALAR_INT) {
        int64_t i = 0;
        bool good = ad_node_int(doc, node, d, &i);
        *out = (double)i;
        return good;
    }
    if (k != AD_SCALAR_FLOAT) return refuse(doc, node, d, "a number", k == AD_SCALAR_TEXT ? number_hint(node->text) : "");
    if (!ad__parse_double(node->text, out) || !isfinite(*out)) return refuse(doc, node, d, "a finite number", "");
    return true;
}

bool ad_node_bool(const ad_document *doc, const ad_node *node, ad_diagnostics *d, bool *out)
{
    if (ad_node_scalar_kind(node) != AD_SCALAR_BOOL)
        return refuse(doc, node, d, "a bool",
                      node->kind == AD_NODE_SCALAR && is_word(node->text, old_bools) ? "write true or false" : "");
    *out = is_word(node->text, trues);
    return true;
}

bool ad_node_text(const ad_document *doc, const ad_node *node, ad_diagnostics *d, const char **out)
{
    if (node->kind != AD_NODE_SCALAR || (node->plain && is_word(node->text, nulls))) return refuse(doc, node, d, "a text", "");
    *out = node->text;
    return true;
}

bool ad_node_known_keys(const ad_document *doc, const ad_node *map, ad_diagnostics *d, const char *what, int n,
                        const char *const *known)
{
    bool good = true;
    if (map->kind != AD_NODE_MAP) {
        ad_span at = ad_document_span(doc, map);
        ad_report(d, AD_SEVERITY_ERROR, "type", &at, "%s: expected a mapping", what);
        return false;
    }
    for (int i = 0; i < map->n; i++) {
        bool found_it = false;
        for (int k = 0; k < n && !found_it; k++) found_it = strcmp(map->keys[i]->text, known[k]) == 0;
        if (found_it) continue;
        good = false;
        ad_span at = ad_document_span(doc, map->keys[i]);
        const char *near = ad_nearest(map->keys[i]->text, n, known);
        ad_report(d, AD_SEVERITY_ERROR, "unknown-key", &at, "unknown key '%s'%s%s", map->keys[i]->text, *what ? " in " : "",
                  what);
        if (near) ad_report_hint(d, "did you mean '%s'?", near);
    }
    return good;
}

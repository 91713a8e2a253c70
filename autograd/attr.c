/* attr.c - attribute structs made from defaults and given values, checked against the op's schema, and printed. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/internal.h"

#define MAX_VALUES 32

const ad_attr *ad__attr_find(const ad_op *op, const char *name)
{
    for (const ad_attr *a = op->attrs; a && a->name; a++)
        if (strcmp(a->name, name) == 0) return a;
    return NULL;
}

bool ad__trains(const ad_op *op, const void *attr)
{
    const ad_attr *a = ad__attr_find(op, "training");
    return !a || *(const bool *)((const char *)attr + a->offset);
}

static void set_standard(const ad_attr *a, char *at)
{
    switch (a->kind) {
    case AD_ATTR_INT: *(int64_t *)(void *)at = (int64_t)a->standard; break;
    case AD_ATTR_FLOAT: *(double *)(void *)at = a->standard; break;
    case AD_ATTR_BOOL: *(bool *)at = a->standard != 0; break;
    case AD_ATTR_ENUM: *(int *)(void *)at = (int)a->standard; break;
    case AD_ATTR_INTS: {
        ad_ints *v = (void *)at;
        memset(v, 0, sizeof *v);
        if (!a->empty) {
            v->n = 1;
            v->v[0] = (int64_t)a->standard;
        }
        break;
    }
    case AD_ATTR_TEXT: snprintf(at, AD_ATTR_TEXT_SIZE, "%s", a->standard_text ? a->standard_text : ""); break;
    }
}

static ad_status in_range(ad_error *e, const ad_op *op, const ad_attr *a, double x)
{
    if (a->lo < a->hi && !(x >= a->lo && x <= a->hi))
        return AD_FAIL(e, EATTR, "%s: %s=%g is out of range; need %g to %g", op->name, a->name, x, a->lo, a->hi);
    return AD_OK;
}

static ad_status wrong_kind(ad_error *e, const ad_op *op, const ad_attr *a, const char *need)
{
    return AD_FAIL(e, EATTR, "%s: %s must be %s", op->name, a->name, need);
}

static ad_status set_enum(ad_error *e, const ad_op *op, const ad_attr *a, const ad_attr_value *v, int *out)
{
    char words[256] = "";
    for (int i = 0; a->words[i]; i++) {
        if (v->kind == AD_VALUE_TEXT && strcmp(a->words[i], v->text) == 0) {
            *out = i;
            return AD_OK;
        }
        size_t used = strlen(words);
        snprintf(words + used, sizeof words - used, i ? ", %s" : "%s", a->words[i]);
    }
    return AD_FAIL(e, EATTR, "%s: %s=\"%s\" is unknown; need one of %s", op->name, a->name,
                   v->kind == AD_VALUE_TEXT ? v->text : "?", words);
}

static ad_status set_value(ad_error *e, const ad_op *op, const ad_attr *a, const ad_attr_value *v, char *at)
{
    bool number = v->kind == AD_VALUE_INT || v->kind == AD_VALUE_FLOAT;
    switch (a->kind) {
    case AD_ATTR_INT:
        if (v->kind != AD_VALUE_INT) return wrong_kind(e, op, a, "an integer");
        AD_TRY(in_range(e, op, a, v->number));
        *(int64_t *)(void *)at = (int64_t)v->number;
        return AD_OK;
    case AD_ATTR_FLOAT:
        if (!number) return wrong_kind(e, op, a, "a number");
        if (isnan(v->number)) return wrong_kind(e, op, a, "a number, not NaN");
        AD_TRY(in_range(e, op, a, v->number));
        *(double *)(void *)at = v->number;
        return AD_OK;
    case AD_ATTR_BOOL:
        if (v->kind != AD_VALUE_BOOL) return wrong_kind(e, op, a, "true or false");
        *(bool *)at = v->number != 0;
        return AD_OK;
    case AD_ATTR_ENUM: return set_enum(e, op, a, v, (int *)(void *)at);
    case AD_ATTR_INTS: {
        ad_ints list = { 1, { (int64_t)v->number } };
        if (v->kind == AD_VALUE_INTS) list = v->ints;
        else if (v->kind != AD_VALUE_INT) return wrong_kind(e, op, a, "an integer or a list of integers");
        for (int i = 0; i < list.n; i++) AD_TRY(in_range(e, op, a, (double)list.v[i]));
        *(ad_ints *)(void *)at = list;
        return AD_OK;
    }
    case AD_ATTR_TEXT:
        if (v->kind != AD_VALUE_TEXT) return wrong_kind(e, op, a, "a text in quotes");
        if (strlen(v->text) >= AD_ATTR_TEXT_SIZE)
            return AD_FAIL(e, EATTR, "%s: %s is longer than %d characters", op->name, a->name, AD_ATTR_TEXT_SIZE - 1);
        memset(at, 0, AD_ATTR_TEXT_SIZE);
        memcpy(at, v->text, strlen(v->text));
        return AD_OK;
    }
    return AD_FAIL(e, EINTERNAL, "%s: attribute %s has no kind", op->name, a->name);
}

static ad_status unknown(ad_error *e, const ad_op *op, const char *name)
{
    char names[512] = "";
    for (const ad_attr *a = op->attrs; a && a->name; a++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, used ? ", %s" : "%s", a->name);
    }
    return AD_FAIL(e, EATTR, "%s has no attribute '%s'; it has %s", op->name, name, *names ? names : "none");
}

ad_status ad_attr_build(ad_error *e, const ad_op *op, int n, const ad_attr_value *values, void *out, int *bad)
{
    uint64_t set = 0;
    int where = -1;
    if (bad) *bad = -1;
    memset(out, 0, op->attr_size);
    for (const ad_attr *a = op->attrs; a && a->name; a++) set_standard(a, (char *)out + a->offset);
    for (int i = 0; i < n; i++) {
        const ad_attr *a = ad__attr_find(op, values[i].name);
        where = i;
        if (bad) *bad = where;
        if (!a) return unknown(e, op, values[i].name);
        uint64_t bit = (uint64_t)1 << (a - op->attrs);
        if (set & bit) return AD_FAIL(e, EATTR, "%s: %s is given twice", op->name, a->name);
        set |= bit;
        AD_TRY(set_value(e, op, a, &values[i], (char *)out + a->offset));
    }
    if (bad) *bad = -1;
    for (const ad_attr *a = op->attrs; a && a->name; a++)
        if (a->required && !(set & ((uint64_t)1 << (a - op->attrs))))
            return AD_FAIL(e, EATTR, "%s needs %s=: %s", op->name, a->name, a->doc ? a->doc : "it has no default");
    return AD_OK;
}

/* ---- from a text ---- */

static void skip_blanks(const char **p)
{
    while (**p == ' ') ++*p;
}

static bool scan_ints(const char **p, ad_ints *list)
{
    memset(list, 0, sizeof *list);
    for (++*p;; ++*p) {
        skip_blanks(p);
        if (**p == ']') break;
        if (list->n == AD_MAX_RANK) return false;
        char *end;
        list->v[list->n++] = strtoll(*p, &end, 10);
        if (end == *p) return false;
        *p = end;
        skip_blanks(p);
        if (**p == ']') break;
        if (**p != ',') return false;
    }
    ++*p;
    return true;
}

/* One value up to ',' or the end: a list, a quoted or bare word, a number. */
static bool scan_value(const char **p, ad_attr_value *v, char *word)
{
    if (**p == '[') {
        v->kind = AD_VALUE_INTS;
        return scan_ints(p, &v->ints);
    }
    char quote = **p == '"' ? '"' : 0;
    if (quote) ++*p;
    int n = 0;
    while (**p && (quote ? **p != quote : **p != ',') && n < AD_ATTR_TEXT_SIZE - 1) word[n++] = *(*p)++;
    while (!quote && n > 0 && word[n - 1] == ' ') n--;
    word[n] = '\0';
    v->text = word;
    v->kind = AD_VALUE_TEXT;
    if (quote) return *(*p)++ == quote;
    char *end;
    v->number = strtod(word, &end);
    if (n && !*end) v->kind = strpbrk(word, ".eEnN") ? AD_VALUE_FLOAT : AD_VALUE_INT;
    if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0) {
        v->kind = AD_VALUE_BOOL;
        v->number = word[0] == 't';
    }
    return n > 0;
}

ad_status ad_attr_parse(ad_error *e, const ad_op *op, const char *text, void *out)
{
    ad_attr_value values[MAX_VALUES];
    char names[MAX_VALUES][64], words[MAX_VALUES][AD_ATTR_TEXT_SIZE];
    int n = 0;
    memset(values, 0, sizeof values);
    for (const char *p = text ? text : ""; skip_blanks(&p), *p;) {
        size_t length = strcspn(p, "= ,");
        if (n == MAX_VALUES || length == 0 || length >= sizeof names[0])
            return AD_FAIL(e, EATTR, "%s: attributes \"%s\": need name=value, ...", op->name, text);
        memcpy(names[n], p, length);
        names[n][length] = '\0';
        p += length;
        skip_blanks(&p);
        if (*p++ != '=') return AD_FAIL(e, EATTR, "%s: attributes \"%s\": need '=' after '%s'", op->name, text, names[n]);
        skip_blanks(&p);
        values[n].name = names[n];
        if (!scan_value(&p, &values[n], words[n]))
            return AD_FAIL(e, EATTR, "%s: attributes \"%s\": the value of '%s' cannot be read", op->name, text, names[n]);
        n++;
        skip_blanks(&p);
        if (*p && *p++ != ',') return AD_FAIL(e, EATTR, "%s: attributes \"%s\": need ',' between attributes", op->name, text);
    }
    return ad_attr_build(e, op, n, values, out, NULL);
}

/* ---- to a text ---- */

static int print_value(const ad_attr *a, const char *at, char *text, size_t size)
{
    switch (a->kind) {
    case AD_ATTR_INT: return snprintf(text, size, "%lld", (long long)*(const int64_t *)(const void *)at);
    case AD_ATTR_FLOAT: return snprintf(text, size, "%.9g", *(const double *)(const void *)at);
    case AD_ATTR_BOOL: return snprintf(text, size, "%s", *(const bool *)at ? "true" : "false");
    case AD_ATTR_ENUM: return snprintf(text, size, "%s", a->words[*(const int *)(const void *)at]);
    case AD_ATTR_TEXT: return snprintf(text, size, "\"%s\"", at);
    case AD_ATTR_INTS: break;
    }
    const ad_ints *v = (const void *)at;
    char list[200] = "";
    for (int i = 0; i < v->n; i++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, i ? ",%lld" : "%lld", (long long)v->v[i]);
    }
    return snprintf(text, size, v->n == 1 ? "%s" : "[%s]", list);
}

void ad_attr_text(const ad_op *op, const void *attr, char *text, size_t size)
{
    if (size) text[0] = '\0';
    for (const ad_attr *a = op->attrs; attr && a && a->name; a++) {
        _Alignas(16) char standard[sizeof(ad_ints) > AD_ATTR_TEXT_SIZE ? sizeof(ad_ints) : AD_ATTR_TEXT_SIZE] = "";
        char now[256], then[256];
        print_value(a, (const char *)attr + a->offset, now, sizeof now);
        set_standard(a, standard);
        print_value(a, standard, then, sizeof then);
        if (!a->required && strcmp(now, then) == 0) continue;
        size_t used = strlen(text);
        if (used < size) snprintf(text + used, size - used, used ? ", %s=%s" : "%s=%s", a->name, now);
    }
}

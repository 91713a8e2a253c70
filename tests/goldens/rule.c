/*
 * rule.c - the little language of the tables: substitution, then one call after the other.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/goldens/rule.h"

static bool name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static size_t name_size(const char *s)
{
    size_t n = 0;
    while (name_char(s[n]))
        n++;
    return n;
}

/* The name of a value may be that of an operand with dots in it. */
static size_t value_name_size(const char *s)
{
    size_t n = 0;
    while (name_char(s[n]) || s[n] == '.')
        n++;
    return n;
}

static void copy_name(char *to, size_t size, const char *from, size_t n)
{
    if (n >= size)
        n = size - 1;
    memcpy(to, from, n);
    to[n] = 0;
}

/* ---- substitution ---- */

static void put_json(ad_text *t, const ad_json *v)
{
    if (v->kind == AD_JSON_ARRAY) {
        ad_text_add(t, "[");
        for (const ad_json *i = v->first; i; i = i->next) {
            put_json(t, i);
            ad_text_add(t, i->next ? ", " : "");
        }
        ad_text_add(t, "]");
    } else if (v->kind == AD_JSON_BOOL) {
        ad_text_add(t, v->number != 0 ? "true" : "false");
    } else {
        ad_text_add(t, "%s", v->kind == AD_JSON_NULL ? "[]" : v->text);
    }
}

/* "$name", "$name[1]" or "$name:default" at *s. */
static bool put_attribute(rule *r, ad_text *t, const char **s)
{
    char name[64];
    size_t n = name_size(*s + 1);
    copy_name(name, sizeof name, *s + 1, n);
    *s += 1 + n;
    const ad_json *v = ad_json_get(r->attributes, name);
    if (**s == '[') {
        long i = strtol(*s + 1, (char **)s, 10);
        for (v = v ? v->first : NULL; v && i > 0; i--)
            v = v->next;
        ++*s;
    }
    if (**s == ':') {
        size_t size = strcspn(*s + 1, ",;|){}");
        if (!v)
            ad_text_add(t, "%.*s", (int)size, *s + 1);
        *s += 1 + size;
    } else if (!v) {
        give_up(r->k, FAILED, "the case has no attribute '%s'", name);
        return false;
    }
    if (v)
        put_json(t, v);
    return true;
}

typedef struct sum_reader {
    rule *r;
    const char *s;
    bool failed;
} sum_reader;

static double factor(sum_reader *p)
{
    p->s += strspn(p->s, " ");
    if (isdigit((unsigned char)*p->s))
        return strtod(p->s, (char **)&p->s);
    char name[64];
    size_t n = name_size(p->s);
    copy_name(name, sizeof name, p->s, n);
    if (!strcmp(name, "base")) {
        p->s += n;
        return p->r->base;
    }
    const ad_array *a = find(p->r->k, "in/", name);
    if (!a || p->s[n] != '.') {
        p->failed = true;
        return 0;
    }
    long axis = strtol(p->s + n + 1, (char **)&p->s, 10);
    return axis < a->rank ? (double)a->dim[axis] : 1;
}

/* Products and quotients, then sums, from the left. */
static double arithmetic(sum_reader *p)
{
    double total = 0, sign = 1;
    for (;;) {
        double product = factor(p);
        p->s += strspn(p->s, " ");
        while (!p->failed && (*p->s == '*' || *p->s == '/')) {
            char op = *p->s++;
            double f = factor(p);
            product = op == '*' ? product * f : product / f;
            p->s += strspn(p->s, " ");
        }
        total += sign * product;
        if (p->failed || (*p->s != '+' && *p->s != '-'))
            return total;
        sign = *p->s++ == '+' ? 1 : -1;
    }
}

static bool put_arithmetic(rule *r, ad_text *t)
{
    ad_text done = { 0 };
    for (const char *s = t->data; s && *s;) {
        if (*s != '{') {
            ad_text_bytes(&done, s++, 1);
            continue;
        }
        bool whole = !strncmp(s, "{int ", 5);
        sum_reader p = { r, s + (whole ? 5 : 1), false };
        double value = arithmetic(&p);
        if (p.failed || *p.s != '}') {
            give_up(r->k, FAILED, "cannot work out '%s'", s);
            ad_text_free(&done);
            return false;
        }
        ad_text_add(&done, "%.17g", whole ? floor(value + 1e-9) : value);
        s = p.s + 1;
    }
    ad_text_free(t);
    *t = done;
    return true;
}

/* What `over=` calls all spatial axes of operand x. */
static const char *spatial_letters(const rule *r)
{
    static const char *const letters[] = { "", "", "", "L", "HW", "DHW" };
    const ad_array *x = find(r->k, "in/", "x");
    x = x ? x : find(r->k, "in/", "mq");
    return x && x->rank < 6 ? letters[x->rank] : "";
}

bool rule_prepare(rule *r, const char *text)
{
    ad_text t = { 0 };
    bool ok = true;
    for (const char *s = text; ok && *s;) {
        if (*s == '$')
            ok = put_attribute(r, &t, &s);
        else if (*s == '@')
            ad_text_add(&t, "%s", spatial_letters(r)), s++;
        else
            ad_text_bytes(&t, s++, 1);
    }
    ok = ok && put_arithmetic(r, &t);
    if (ok && (t.failed || t.size >= sizeof r->text)) {
        give_up(r->k, FAILED, "the rule is too long");
        ok = false;
    }
    if (ok && t.data)
        memcpy(r->text, t.data, t.size + 1);
    ad_text_free(&t);
    return ok;
}

const char *rule_missing_op(const rule *r, char *name, size_t size)
{
    for (const char *s = r->text; *s;) {
        size_t n = name_size(s);
        if (!n) {
            s++;
            continue;
        }
        if (s[n] == '(') {
            copy_name(name, size, s, n);
            if (!ad_op_find(r->k->g->ctx, name))
                return name;
        }
        s += n;
    }
    return NULL;
}

/* ---- values ---- */

bool rule_define(rule *r, const char *name, ad_tensor *x)
{
    if (r->n == RULE_VALUES) {
        give_up(r->k, FAILED, "the rule has too many values");
        return false;
    }
    snprintf(r->values[r->n].name, sizeof r->values[r->n].name, "%.31s", name);
    r->values[r->n++].tensor = x;
    return true;
}

ad_tensor *rule_find(const rule *r, const char *name)
{
    for (int i = r->n - 1; i >= 0; i--)
        if (!strcmp(r->values[i].name, name))
            return r->values[i].tensor;
    return NULL;
}

/* ---- recording ---- */

static bool record_call(rule *r, const char **s, ad_tensor **out);

/* One operand: a call or a name. */
static bool operand(rule *r, const char **s, ad_tensor **x)
{
    *s += strspn(*s, " ");
    size_t n = name_size(*s);
    if ((*s)[n] == '(') {
        ad_tensor *out[AD_MAX_OUTPUTS] = { NULL };
        bool ok = record_call(r, s, out);
        *x = out[0];
        return ok;
    }
    char name[32];
    n = value_name_size(*s);
    copy_name(name, sizeof name, *s, n);
    *s += n;
    *x = rule_find(r, name);
    return n > 0;
}

static bool record_call(rule *r, const char **s, ad_tensor **out)
{
    char name[64], attributes[1024] = "";
    ad_tensor *in[AD_MAX_INPUTS];
    int n_in = 0;
    size_t n = name_size(*s);
    copy_name(name, sizeof name, *s, n);
    *s += n + 1;
    *s += strspn(*s, " ");
    while (**s && **s != ')' && **s != '|' && n_in < AD_MAX_INPUTS) {
        if (!operand(r, s, &in[n_in++])) {
            give_up(r->k, FAILED, "cannot read the rule at '%s'", *s);
            return false;
        }
        *s += strspn(*s, " ,");
    }
    if (**s == '|') {
        size_t size = 0;
        for (bool quoted = false; (*s)[1 + size] && (quoted || (*s)[1 + size] != ')'); size++)
            quoted = quoted != ((*s)[1 + size] == '"');
        copy_name(attributes, sizeof attributes, *s + 1, size);
        *s += 1 + size;
    }
    if (**s == ')')
        ++*s;
    while (n_in > 0 && !in[n_in - 1])
        n_in--;
    _Alignas(16) char attr[1024];
    ad_error *e = ad_ctx_error(r->k->g->ctx);
    const ad_op *op = ad_op_find(r->k->g->ctx, name);
    if (!op || ad_attr_parse(e, op, attributes, attr) != AD_OK || ad_record(r->tape, op, attr, n_in, in, out) != AD_OK) {
        failed_with(r->k, e);
        return false;
    }
    return true;
}

bool rule_record(rule *r)
{
    for (const char *s = r->text + strspn(r->text, " ;"); *s; s += strspn(s, " ;")) {
        char names[AD_MAX_OUTPUTS][32];
        int n = 0;
        while (*s && *s != '=') {
            size_t size = name_size(s);
            if (!size || n == AD_MAX_OUTPUTS) {
                give_up(r->k, FAILED, "cannot read the rule at '%s'", s);
                return false;
            }
            copy_name(names[n++], sizeof names[0], s, size);
            s += size;
            s += strspn(s, " ,");
        }
        s += strspn(s, "= ");
        ad_tensor *out[AD_MAX_OUTPUTS] = { NULL };
        bool call = s[name_size(s)] == '(';
        if (call ? !record_call(r, &s, out) : !operand(r, &s, out))
            return false;
        for (int i = 0; i < n; i++)
            if (strcmp(names[i], "_") && !rule_define(r, names[i], out[i]))
                return false;
    }
    return true;
}

bool rule_holds(const kase *k, const ad_json *attributes, const char *condition)
{
    while (condition && *condition) {
        char name[64], value[64];
        size_t n = name_size(condition);
        copy_name(name, sizeof name, condition, n);
        bool length = condition[n] == '#';
        const ad_array *a = condition[n] == '.' ? find(k, "in/", name) : NULL;
        long axis = a ? strtol(condition + n + 1, (char **)&condition, 10) : 0;
        condition += (a ? 0 : n) + (length ? 2 : 1);
        n = strcspn(condition, ";");
        copy_name(value, sizeof value, condition, n);
        condition += n + (condition[n] == ';');
        const ad_json *v = ad_json_get(attributes, name);
        ad_text t = { 0 };
        if (a && axis < a->rank)
            ad_text_add(&t, "%lld", (long long)a->dim[axis]);
        else if (v && length)
            ad_text_add(&t, "%lld", (long long)v->count);
        else if (v)
            put_json(&t, v);
        bool same = t.data && !strcmp(t.data, value);
        ad_text_free(&t);
        if (!same)
            return false;
    }
    return true;
}

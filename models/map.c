/*
 * map.c - the `map:` section of a model: rules that translate the names and the configuration of foreign files.
 *
 * A rule is `pattern: template`. In a pattern {name} captures a run of characters other than "/.[],#"; a name that occurs twice must
 * capture the same text. In a template {name} gives the captured text, a word translated through the family's `words:`, and any other
 * {expression} is evaluated over the captured numbers and the model's own parameters, so that {L-1-l} reverses levels.
 *
 * Expressions over a foreign configuration (JSON) are evaluated by putting the values in place of the keys: `size[0]` becomes
 * `[32, 48][0]`, `loss.kind == "elbo"` becomes `"geco" == "elbo"`. A key that is null or not there counts as "".
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "formats/formats.h"
#include "models/model.h"
#include "models/models.h"

#define MAX_CAPTURES 8
#define TEXT 512

typedef struct capture {
    char name[32];
    char text[64];
} capture;

typedef struct captures {
    int n;
    capture at[MAX_CAPTURES];
} captures;

/* ---- patterns ---- */

static bool word_char(char c)
{
    return c && !strchr("/.[],#", c);
}

static bool bind(captures *c, const char *name, size_t name_size, const char *text, size_t size)
{
    if (name_size >= sizeof c->at[0].name || size >= sizeof c->at[0].text)
        return false;
    for (int i = 0; i < c->n; i++)
        if (strlen(c->at[i].name) == name_size && !memcmp(c->at[i].name, name, name_size))
            return strlen(c->at[i].text) == size && !memcmp(c->at[i].text, text, size);
    if (c->n == MAX_CAPTURES)
        return false;
    capture *k = &c->at[c->n++];
    memcpy(k->name, name, name_size);
    k->name[name_size] = 0;
    memcpy(k->text, text, size);
    k->text[size] = 0;
    return true;
}

/* The shortest capture that lets the rest match wins, so "{net}_l{l}" splits "prior_l2" as one expects. */
static bool match(const char *pattern, const char *name, captures *c)
{
    while (*pattern && *pattern != '{') {
        if (*pattern++ != *name++)
            return false;
    }
    if (!*pattern)
        return !*name;
    const char *end = strchr(pattern, '}');
    if (!end)
        return false;
    for (size_t size = 1; word_char(name[size - 1]); size++) {
        captures here = *c;
        if (bind(&here, pattern + 1, (size_t)(end - pattern - 1), name, size) && match(end + 1, name + size, &here)) {
            *c = here;
            return true;
        }
    }
    return false;
}

static bool is_number(const char *text)
{
    if (!*text)
        return false;
    for (; *text; text++)
        if (!isdigit((unsigned char)*text))
            return false;
    return true;
}

/* ---- templates ---- */

static bool append(char *out, size_t size, size_t *used, const char *text, size_t n)
{
    if (*used + n >= size)
        return false;
    memcpy(out + *used, text, n);
    *used += n;
    out[*used] = 0;
    return true;
}

/* NULL where the node is missing or no scalar. */
static const char *scalar(const ad_node *node)
{
    return node && node->kind == AD_NODE_SCALAR ? node->text : NULL;
}

static const char *translated(const ad_node *words, const char *text)
{
    const char *to = words ? scalar(ad_node_find(words, text)) : NULL;
    return to ? to : text;
}

static bool expand_one(const ad_model *m, const ad_node *words, const captures *c, const char *expression, char *out, size_t size)
{
    const char *names[MAX_CAPTURES];
    int64_t values[MAX_CAPTURES];
    int n = 0;
    for (int i = 0; i < c->n; i++) {
        if (!strcmp(c->at[i].name, expression)) {
            const char *text = translated(words, c->at[i].text);
            size_t used = 0;
            return append(out, size, &used, text, strlen(text));
        }
        if (is_number(c->at[i].text)) {
            names[n] = c->at[i].name;
            values[n++] = strtoll(c->at[i].text, NULL, 10);
        }
    }
    return ad__model_eval(m, NULL, expression, n, names, values, out, size) == AD_OK;
}

static bool expand(const ad_model *m, const ad_node *words, const captures *c, const char *template, char *out, size_t size)
{
    size_t used = 0;
    out[0] = 0;
    while (*template) {
        const char *open = strchr(template, '{');
        size_t plain = open ? (size_t)(open - template) : strlen(template);
        if (!append(out, size, &used, template, plain))
            return false;
        if (!open)
            return true;
        const char *close = strchr(open, '}');
        char expression[128], value[128];
        if (!close || (size_t)(close - open) > sizeof expression)
            return false;
        memcpy(expression, open + 1, (size_t)(close - open - 1));
        expression[close - open - 1] = 0;
        if (!expand_one(m, words, c, expression, value, sizeof value) || !append(out, size, &used, value, strlen(value)))
            return false;
        template = close + 1;
    }
    return true;
}

/* ---- expressions over a configuration ---- */

static bool is_keyword(const char *word, size_t size)
{
    static const char *const keywords[] = { "if", "else", "and", "or", "not", "for", "in", "true", "false" };
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (strlen(keywords[i]) == size && !memcmp(keywords[i], word, size))
            return true;
    return false;
}

static void put_value(ad_text *t, const ad_json *v)
{
    switch (v ? v->kind : AD_JSON_NULL) {
    case AD_JSON_NUMBER: ad_text_add(t, "%s", v->text); break;
    case AD_JSON_BOOL:   ad_text_add(t, "%s", v->number != 0 ? "true" : "false"); break;
    case AD_JSON_TEXT:   ad_text_add(t, "\"%s\"", v->text); break;
    case AD_JSON_ARRAY:
        ad_text_add(t, "[");
        for (const ad_json *i = v->first; i; i = i->next) {
            put_value(t, i);
            ad_text_add(t, i->next ? ", " : "");
        }
        ad_text_add(t, "]");
        break;
    default: ad_text_add(t, "\"\""); break;
    }
}

/* One name with its dots, "loss.kind", from *expression on; leaves *expression behind it. */
static void put_name(ad_text *t, const ad_json *config, const char **expression)
{
    const char *s = *expression;
    const ad_json *v = config;
    for (;;) {
        size_t size = 0;
        while (isalnum((unsigned char)s[size]) || s[size] == '_')
            size++;
        char key[64] = "";
        if (size < sizeof key)
            memcpy(key, s, size);
        v = v && v->kind == AD_JSON_OBJECT ? ad_json_get(v, key) : NULL;
        s += size;
        if (s[0] != '.' || !(isalpha((unsigned char)s[1]) || s[1] == '_'))
            break;
        s++;
    }
    put_value(t, v);
    *expression = s;
}

static ad_status evaluate(const ad_model *m, const char *expression, const ad_json *config, char *out, size_t size)
{
    ad_error *e = ad_ctx_error(m->ctx);
    ad_text t = { 0 };
    for (const char *s = expression; *s;) {
        if (*s == '"') {
            const char *close = strchr(s + 1, '"');
            size_t n = close ? (size_t)(close - s) + 1 : strlen(s);
            ad_text_bytes(&t, s, n);
            s += n;
        } else if (isalpha((unsigned char)*s) || *s == '_') {
            size_t n = 0;
            while (isalnum((unsigned char)s[n]) || s[n] == '_')
                n++;
            if (s[n] == '(' || is_keyword(s, n)) {
                ad_text_bytes(&t, s, n);
                s += n;
            } else {
                put_name(&t, config, &s);
            }
        } else {
            ad_text_bytes(&t, s++, 1);
        }
    }
    ad_status status = t.failed ? AD_FAIL(e, ENOMEM, "map: %s", expression)
                                : ad__model_eval(m, e, t.data ? t.data : "", 0, NULL, NULL, out, size);
    if (status != AD_OK)
        status = ad_error_prefix(e, "%s: map: '%s'", ad_model_file(m), expression);
    ad_text_free(&t);
    return status;
}

/* ---- the section ---- */

static const ad_node *family_node(const ad_model *m, const char *family)
{
    const ad_node *map = ad__model_section(m, "map", NULL);
    return map ? ad_node_find(map, family) : NULL;
}

const char *ad_model_map_at(const ad_model *m, int i)
{
    const ad_node *map = ad__model_section(m, "map", NULL);
    return map && map->kind == AD_NODE_MAP && i >= 0 && i < map->n ? map->keys[i]->text : NULL;
}

ad_status ad_model_map_eval(const ad_model *m, const char *expression, const char *json, size_t json_size, char *out, size_t size)
{
    ad_json *config;
    AD_TRY(ad_json_parse(ad_ctx_error(m->ctx), "configuration", json, json_size, AD_JSON_DEPTH, &config));
    ad_status status = evaluate(m, expression, config, out, size);
    ad_json_free(config);
    return status;
}

const char *ad_model_map_family(const ad_model *m, const char *json, size_t size)
{
    const char *family, *found = NULL;
    for (int i = 0; !found && (family = ad_model_map_at(m, i)); i++) {
        const char *when = scalar(ad_node_find(family_node(m, family), "when"));
        char value[TEXT];
        if (when && ad_model_map_eval(m, when, json, size, value, sizeof value) == AD_OK && !strcmp(value, "true"))
            found = family;
    }
    return found;
}

ad_status ad_model_map_config(const ad_model *m, const char *family, const char *json, size_t size,
                              ad_status (*f)(void *arg, const char *setting), void *arg)
{
    const ad_node *node = family_node(m, family);
    const ad_node *config = node ? ad_node_find(node, "config") : NULL;
    for (int i = 0; config && config->kind == AD_NODE_MAP && i < config->n; i++) {
        char setting[TEXT];
        const char *name = config->keys[i]->text, *expression = scalar(config->items[i]);
        size_t used = 0;
        bool fits = append(setting, sizeof setting, &used, name, strlen(name)) && append(setting, sizeof setting, &used, "=", 1);
        if (!expression || !fits)
            return AD_FAIL(ad_ctx_error(m->ctx), EMODEL, "%s:%d: map: '%s' needs an expression", ad_model_file(m),
                           config->keys[i]->line, name);
        AD_TRY(ad_model_map_eval(m, expression, json, size, setting + used, sizeof setting - used));
        AD_TRY(f(arg, setting));
    }
    return AD_OK;
}

ad_status ad_model_map_entry(const ad_model *m, const char *family, const char *entry, const char *json, size_t size, char *out,
                             size_t out_size)
{
    const ad_node *node = family_node(m, family);
    const char *value = node ? scalar(ad_node_find(node, entry)) : NULL;
    if (!value)
        return AD_FAIL(ad_ctx_error(m->ctx), EUSAGE, "%s: map: family '%s' has no entry '%s'", ad_model_file(m), family, entry);
    return ad_model_map_eval(m, value, json, size, out, out_size);
}

bool ad_model_map_has(const ad_model *m, const char *family, const char *table)
{
    const ad_node *node = family_node(m, family);
    const ad_node *rules = node ? ad_node_find(node, table) : NULL;
    return rules && rules->kind == AD_NODE_MAP;
}

bool ad_model_map(const ad_model *m, const char *family, const char *table, const char *name, char *out, size_t size)
{
    const ad_node *node = family_node(m, family);
    const ad_node *rules = node ? ad_node_find(node, table) : NULL;
    if (!rules || rules->kind != AD_NODE_MAP)
        return false;
    for (int i = 0; i < rules->n; i++) {
        captures c = { 0 };
        const char *template = scalar(rules->items[i]);
        if (template && match(rules->keys[i]->text, name, &c))
            return expand(m, ad_node_find(node, "words"), &c, template, out, size);
    }
    return false;
}

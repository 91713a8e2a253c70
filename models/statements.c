/*
 * statements.c - statements: one scalar each, or the mappings for/do, if/then/else and return.
 *
 *   names '=' expr | name ':=' expr | site '~' dist | 'net' NAME '=' BLOCK | 'return' expr
 */
#include <string.h>

#include "models/parser.h"

static ad__stmt *stmt_new(const ad__parse *c, ad__stmt_kind kind, const ad_node *node)
{
    ad__stmt *s = ad__take(c->pool, sizeof *s);
    s->kind = kind;
    s->doc = c->doc;
    s->line = node->line;
    s->column = node->column;
    s->length = node->length;
    return s;
}

static void add_lhs(const ad__parse *c, ad__stmt *s, const ad__token *name, ad__expr *index)
{
    s->lhs = ad__more(c->pool, s->lhs, s->n_lhs, sizeof *s->lhs);
    s->lhs[s->n_lhs++] = (ad__lhs){ name->text, index, name->line, name->column, name->length };
}

static bool left_sides(ad__parser *p, ad__stmt *s)
{
    do {
        const ad__token *name;
        ad__expr *index = NULL;
        if (!ad__name(p, &name)) return false;
        if (ad__accept(p, "[") && (!(index = ad__expression(p)) || !ad__expect(p, "]"))) return false;
        add_lhs(p->c, s, name, index);
    } while (ad__accept(p, ","));
    return true;
}

static bool single(ad__parser *p, const ad__stmt *s, const char *what)
{
    if (s->n_lhs == 1) return true;
    return ad__syntax(p, ad__take_format(p->c->pool, "'=': %s takes one name", what));
}

static bool assignment(ad__parser *p, ad__stmt *s)
{
    if (!left_sides(p, s)) return false;
    if (ad__accept(p, "=")) {
        s->kind = S_DEFINE;
    } else if (ad__is(p, ":=")) {
        if (!single(p, s, "':='")) return false;
        p->t++;
        s->kind = S_REBIND;
    } else if (ad__is(p, "~")) {
        if (!single(p, s, "'~'")) return false;
        p->t++;
        s->kind = S_SITE;
    } else {
        return ad__syntax(p, "'=', ':=' or '~'");
    }
    s->value = ad__expression(p);
    if (s->kind == S_REBIND && s->lhs[0].index && s->value) {
        ad_span at = ad__document_span_at(p->c->doc, s->lhs[0].line, s->lhs[0].column, s->lhs[0].length);
        ad_report(p->c->d, AD_SEVERITY_ERROR, "syntax", &at, "':=' rebinds plain names; '%s' has an index", s->lhs[0].name);
        ad_report_hint(p->c->d, "define another element with '='");
        return false;
    }
    if (s->kind == S_SITE && s->value && s->value->kind != X_CALL) {
        ad_span at = ad__document_span_at(p->c->doc, s->value->line, s->value->column, s->value->length);
        ad_report(p->c->d, AD_SEVERITY_ERROR, "syntax", &at, "a site needs a distribution after '~'");
        ad_report_hint(p->c->d, "such as normal(mu, sd)");
        return false;
    }
    return s->value && ad__parser_end(p);
}

static bool net_statement(ad__parser *p, ad__stmt *s)
{
    const ad__token *name, *block;
    s->kind = S_NET;
    if (!ad__name(p, &name) || !ad__expect(p, "=") || !ad__name(p, &block)) return false;
    add_lhs(p->c, s, name, NULL);
    s->value = ad__take(p->c->pool, sizeof *s->value);
    *s->value = (ad__expr){ .kind = X_NAME,
                            .doc = p->c->doc,
                            .line = block->line,
                            .column = block->column,
                            .length = block->length,
                            .text = block->text };
    return ad__parser_end(p);
}

static ad__stmt *scalar_statement(const ad__parse *c, const ad_node *node)
{
    ad__parser p;
    ad__stmt *s = stmt_new(c, S_BROKEN, node);
    if (!ad__parser_begin(&p, c, node)) return s;
    bool good;
    if (ad__accept(&p, "return")) {
        s->kind = S_RETURN;
        s->value = ad__expression(&p);
        good = s->value && ad__parser_end(&p);
    } else if (ad__accept(&p, "net")) {
        good = net_statement(&p, s);
    } else {
        good = assignment(&p, s);
    }
    if (!good) s->kind = S_BROKEN;
    return s;
}

/* ---- statements that are mappings ---- */

static ad__stmt *for_statement(const ad__parse *c, const ad_node *node)
{
    static const char *const keys[] = { "for", "do" };
    ad__stmt *s = stmt_new(c, S_FOR, node->keys[0]);
    const ad_node *head = ad_node_find(node, "for"), *body = ad_node_find(node, "do");
    ad__parser p;
    const ad__token *variable;
    bool good = ad_node_known_keys(c->doc, node, c->d, "a loop", 2, keys) && ad__parser_begin(&p, c, head) &&
                ad__name(&p, &variable);
    if (good && !ad__accept(&p, "in")) good = ad__syntax(&p, "'in' (for: l in 0..3)");
    if (good) {
        add_lhs(c, s, variable, NULL);
        s->value = ad__expression(&p);
        good = s->value && ad__parser_end(&p);
    }
    if (body) ad__parse_body(c, body, "do", &s->body);
    if (!body) {
        ad_span at = ad_document_span(c->doc, node->keys[0]);
        ad_report(c->d, AD_SEVERITY_ERROR, "missing-key", &at, "a loop without 'do'");
    }
    if (!good || !body) s->kind = S_BROKEN;
    return s;
}

static ad__stmt *if_statement(const ad__parse *c, const ad_node *node)
{
    static const char *const keys[] = { "if", "then", "else" };
    ad__stmt *s = stmt_new(c, S_IF, node->keys[0]);
    const ad_node *then = ad_node_find(node, "then"), *other = ad_node_find(node, "else");
    bool good = ad_node_known_keys(c->doc, node, c->d, "an if", 3, keys);
    s->value = ad__parse_expr(c, ad_node_find(node, "if"));
    if (then) ad__parse_body(c, then, "then", &s->body);
    if (other) ad__parse_body(c, other, "else", &s->other);
    if (!then) {
        ad_span at = ad_document_span(c->doc, node->keys[0]);
        ad_report(c->d, AD_SEVERITY_ERROR, "missing-key", &at, "an if without 'then'");
    }
    if (!good || !then || !s->value) s->kind = S_BROKEN;
    return s;
}

static ad__stmt *return_statement(const ad__parse *c, const ad_node *node)
{
    ad__stmt *s = stmt_new(c, S_RETURN_MAP, node->keys[0]);
    const ad_node *map = node->items[0];
    static const char *const keys[] = { "return" };
    if (!ad_node_known_keys(c->doc, node, c->d, "a return", 1, keys)) return s->kind = S_BROKEN, s;
    if (map->kind == AD_NODE_SCALAR) {
        s->kind = S_RETURN;
        s->value = ad__parse_expr(c, map);
        if (!s->value) s->kind = S_BROKEN;
        return s;
    }
    if (map->kind != AD_NODE_MAP || map->n == 0) {
        ad_span at = ad_document_span(c->doc, node->keys[0]);
        ad_report(c->d, AD_SEVERITY_ERROR, "syntax", &at, "'return' needs names with values, one to a line");
        s->kind = S_BROKEN;
        return s;
    }
    for (int i = 0; i < map->n; i++) {
        const ad_node *key = map->keys[i];
        ad__token name = { .text = key->text, .line = key->line, .column = key->column, .length = key->length };
        s->values = ad__more(c->pool, s->values, i, sizeof *s->values);
        add_lhs(c, s, &name, NULL);
        s->values[i] = ad__parse_expr(c, map->items[i]);
    }
    return s;
}

static ad__stmt *statement(const ad__parse *c, const ad_node *node)
{
    if (node->kind == AD_NODE_SCALAR) return scalar_statement(c, node);
    if (node->kind == AD_NODE_MAP && ad_node_find(node, "for")) return for_statement(c, node);
    if (node->kind == AD_NODE_MAP && ad_node_find(node, "if")) return if_statement(c, node);
    if (node->kind == AD_NODE_MAP && node->n && strcmp(node->keys[0]->text, "return") == 0) return return_statement(c, node);
    ad_span at = ad_document_span(c->doc, node->kind == AD_NODE_MAP && node->n ? node->keys[0] : node);
    if (node->kind == AD_NODE_MAP && node->n) {
        static const char *const words[] = { "for", "if", "return" };
        const char *near = ad_nearest(node->keys[0]->text, 3, words);
        ad_report(c->d, AD_SEVERITY_ERROR, "statement", &at,
                  "'%s:' begins no statement; the mappings are for/do, if/then/else and return", node->keys[0]->text);
        if (near) ad_report_hint(c->d, "did you mean '%s'?", near);
        else ad_report_hint(c->d, "a statement that contains ': ' must be quoted");
    } else {
        ad_report(c->d, AD_SEVERITY_ERROR, "statement", &at, "expected a statement, found %s",
                  node->kind == AD_NODE_LIST ? "a list" : "an empty mapping");
    }
    return stmt_new(c, S_BROKEN, node);
}

void ad__parse_body(const ad__parse *c, const ad_node *node, const char *what, ad__body *body)
{
    if (node->kind != AD_NODE_LIST || node->n == 0) {
        ad_span at = ad_document_span(c->doc, node);
        ad_report(c->d, AD_SEVERITY_ERROR, "type", &at, "%s: expected a list of statements ('- ...')", what);
        return;
    }
    for (int i = 0; i < node->n; i++) {
        body->list = ad__more(c->pool, body->list, body->n, sizeof *body->list);
        body->list[body->n++] = statement(c, node->items[i]);
    }
}

/* ---- signatures of blocks ---- */

static bool formal(ad__parser *p, ad__formal **formals, int *n)
{
    const ad__token *name;
    if (!ad__name(p, &name)) return false;
    for (int i = 0; i < *n; i++)
        if (strcmp((*formals)[i].name, name->text) == 0) {
            ad_span at = ad__document_span_at(p->c->doc, name->line, name->column, name->length);
            ad_report(p->c->d, AD_SEVERITY_ERROR, "duplicate-name", &at, "argument '%s' is there twice", name->text);
            return false;
        }
    ad__formal f = { .name = name->text, .line = name->line, .column = name->column, .length = name->length };
    if (ad__accept(p, "=") && !(f.standard = ad__expression(p))) return false;
    *formals = ad__more(p->c->pool, *formals, *n, sizeof **formals);
    (*formals)[(*n)++] = f;
    return true;
}

bool ad__parse_signature(const ad__parse *c, const ad_node *key, const char **name, int *n, ad__formal **formals)
{
    ad__parser p;
    const ad__token *t;
    if (!ad__parser_begin(&p, c, key) || !ad__name(&p, &t)) return false;
    *name = t->text;
    if (!ad__accept(&p, "(")) return ad__syntax(&p, "'(' and the names of the arguments");
    while (!ad__is(&p, ")")) {
        if (!formal(&p, formals, n)) return false;
        if (!ad__accept(&p, ",") && !ad__is(&p, ")")) return ad__syntax(&p, "',' or ')'");
    }
    p.t++;
    return ad__parser_end(&p);
}

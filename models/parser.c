/*
 * parser.c - expressions: a Pratt parser over the tokens of one scalar.
 *
 * Binding, from loosest to tightest:  | pipeline   x if c else y   or   and   not   == != < <= > >=   ..   + -   * / // %   unary -
 * call, field, index. The first mistake of a scalar ends its parsing; the others of the file are still found.
 */
#include <string.h>

#include "models/parser.h"

#define DEEPEST 64

enum {
    BIND_PIPE = 1,
    BIND_IF,
    BIND_OR,
    BIND_AND,
    BIND_NOT,
    BIND_COMPARE,
    BIND_RANGE,
    BIND_SUM,
    BIND_PRODUCT,
    BIND_UNARY,
    BIND_POSTFIX
};

static const struct { const char *text; ad__sign sign; int bind;
} infix[] = {
    { "+", SIGN_ADD, BIND_SUM },     { "-", SIGN_SUB, BIND_SUM },        { "*", SIGN_MUL, BIND_PRODUCT },
    { "/", SIGN_DIV, BIND_PRODUCT }, { "//", SIGN_FLOOR, BIND_PRODUCT }, { "%", SIGN_MOD, BIND_PRODUCT },
    { "==", SIGN_EQ, BIND_COMPARE }, { "!=", SIGN_NE, BIND_COMPARE },    { "<", SIGN_LT, BIND_COMPARE },
    { "<=", SIGN_LE, BIND_COMPARE }, { ">", SIGN_GT, BIND_COMPARE },     { ">=", SIGN_GE, BIND_COMPARE },
    { "and", SIGN_AND, BIND_AND },   { "or", SIGN_OR, BIND_OR },
};

const char *ad__sign_text(ad__sign sign)
{
    for (size_t i = 0; i < sizeof infix / sizeof *infix; i++)
        if (infix[i].sign == sign) return infix[i].text;
    return "?";
}

/* ---- tokens ---- */

bool ad__is(const ad__parser *p, const char *text)
{
    return (p->t->kind == T_SIGN || p->t->kind == T_NAME) && strcmp(p->t->text, text) == 0;
}

bool ad__accept(ad__parser *p, const char *text)
{
    if (!ad__is(p, text)) return false;
    p->t++;
    return true;
}

static const char *shown(ad__parser *p, const ad__token *t)
{
    return t->kind == T_END ? "the end" : t->kind == T_TEXT ? ad__take_format(p->c->pool, "\"%s\"", t->text)
                                        : ad__take_format(p->c->pool, "'%s'", t->text);
}

bool ad__syntax(ad__parser *p, const char *expected)
{
    if (p->failed) return false;
    p->failed = true;
    ad_span at = ad__document_span_at(p->c->doc, p->t->line, p->t->column, p->t->length);
    if (p->t->kind == T_BAD) {
        ad_report(p->c->d, AD_SEVERITY_ERROR, "syntax", &at, "%s", p->t->text);
        if (p->t->hint && *p->t->hint) ad_report_hint(p->c->d, "%s", p->t->hint);
    } else {
        ad_report(p->c->d, AD_SEVERITY_ERROR, "syntax", &at, "expected %s, found %s", expected, shown(p, p->t));
    }
    if (p->in_flow)
        ad_report_note(p->c->d, "inside YAML's [ ] or { }, commas and brackets separate: quote the text, or use block style");
    return false;
}

bool ad__expect(ad__parser *p, const char *text)
{
    if (ad__accept(p, text)) return true;
    return ad__syntax(p, ad__take_format(p->c->pool, "'%s'", text));
}

static bool is_word(const ad__token *t)
{
    static const char *const reserved[] = { "and", "or",   "not",  "if",    "else", "for",
                                            "in",  "with", "true", "false", "net",  "return" };
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (t->kind == T_NAME && strcmp(t->text, reserved[i]) == 0) return true;
    return false;
}

bool ad__name(ad__parser *p, const ad__token **out)
{
    if (p->t->kind != T_NAME || is_word(p->t)) return ad__syntax(p, "a name");
    *out = p->t++;
    return true;
}

/* ---- nodes ---- */

static ad__expr *expr_new(ad__parser *p, ad__expr_kind kind, const ad__token *from)
{
    ad__expr *e = ad__take(p->c->pool, sizeof *e);
    e->kind = kind;
    e->doc = p->c->doc;
    e->line = from->line;
    e->column = from->column;
    e->length = from->length;
    e->text = from->text;
    return e;
}

/* An expression that begins where `a` begins and ends before the current token. */
static ad__expr *expr_over(ad__parser *p, ad__expr_kind kind, const ad__expr *a)
{
    const ad__token *last = p->t - 1;
    ad__expr *e = expr_new(p, kind, last);
    e->column = a->column;
    e->length = last->column + last->length - a->column;
    return e;
}

static ad__expr *parse(ad__parser *p, int bind);

static ad__expr *call(ad__parser *p, const ad__token *name, ad__expr *piped);

static void add_arg(ad__parser *p, ad__expr *e, ad__arg arg)
{
    e->args = ad__more(p->c->pool, e->args, e->n_args, sizeof *e->args);
    e->args[e->n_args++] = arg;
}

/* "e for l in r" after e, where a generator may stand. */
static ad__expr *maybe_for(ad__parser *p, ad__expr *e)
{
    if (!e || !ad__accept(p, "for")) return e;
    const ad__token *variable;
    if (!ad__name(p, &variable) || !ad__expect(p, "in")) return NULL;
    ad__expr *range = parse(p, BIND_OR);
    if (!range) return NULL;
    ad__expr *f = expr_over(p, X_FOR, e);
    f->a = e;
    f->b = range;
    f->text = variable->text;
    return f;
}

static bool one_arg(ad__parser *p, ad__expr *e)
{
    ad__arg arg = { .line = p->t->line, .column = p->t->column, .length = p->t->length };
    if (p->t->kind == T_NAME && p->t[1].kind == T_SIGN && strcmp(p->t[1].text, "=") == 0) {
        if (is_word(p->t)) return ad__syntax(p, "a name");
        arg.name = p->t->text;
        p->t += 2;
    }
    arg.value = maybe_for(p, parse(p, 0));
    if (!arg.value) return false;
    if (!arg.name && e->n_args && e->args[e->n_args - 1].name) {
        ad_span at = ad__document_span_at(p->c->doc, arg.line, arg.column, arg.value->length);
        ad_report(p->c->d, AD_SEVERITY_ERROR, "syntax", &at, "a positional argument after '%s='", e->args[e->n_args - 1].name);
        ad_report_hint(p->c->d, "give it by name too");
        p->failed = true;
        return false;
    }
    for (int i = 0; arg.name && i < e->n_args; i++)
        if (e->args[i].name && strcmp(e->args[i].name, arg.name) == 0) {
            ad_span at = ad__document_span_at(p->c->doc, arg.line, arg.column, arg.length);
            ad_report(p->c->d, AD_SEVERITY_ERROR, "syntax", &at, "'%s' is given twice", arg.name);
            p->failed = true;
            return false;
        }
    add_arg(p, e, arg);
    return true;
}

static bool args(ad__parser *p, ad__expr *e, const char *close)
{
    p->nested++;
    while (!ad__is(p, close)) {
        if (!one_arg(p, e)) return false;
        if (!ad__accept(p, ",") && !ad__is(p, close)) return ad__syntax(p, ad__take_format(p->c->pool, "',' or '%s'", close));
    }
    p->nested--;
    p->t++;
    return true;
}

/* NAME ('[' index ']')? '=' begins another binding. */
static bool another_with(const ad__token *t)
{
    if (t->kind != T_NAME) return false;
    t++;
    if (t->kind == T_SIGN && strcmp(t->text, "[") == 0)
        while (t->kind != T_END && !(t->kind == T_SIGN && strcmp(t->text, "]") == 0)) t++;
    if (t->kind == T_SIGN && strcmp(t->text, "]") == 0) t++;
    return t->kind == T_SIGN && strcmp(t->text, "=") == 0;
}

static bool withs(ad__parser *p, ad__expr *e)
{
    do {
        const ad__token *site;
        ad__with w = { 0 };
        if (!ad__name(p, &site)) return false;
        w = (ad__with){ .site = site->text, .line = site->line, .column = site->column, .length = site->length };
        if (ad__accept(p, "[") && (!(w.index = parse(p, BIND_IF)) || !ad__expect(p, "]"))) return false;
        if (!ad__expect(p, "=")) return false;
        if (ad__is(p, "mean") && !(p->t[1].kind == T_SIGN && strcmp(p->t[1].text, "(") == 0)) p->t++;
        else if (!(w.value = parse(p, BIND_IF))) return false;
        e->withs = ad__more(p->c->pool, e->withs, e->n_withs, sizeof *e->withs);
        e->withs[e->n_withs++] = w;
        if (!ad__is(p, ",") || p->nested || !another_with(p->t + 1)) return true;
        p->t++;
    } while (true);
}

/* The current token follows the name; `piped` becomes the first argument. */
static ad__expr *call(ad__parser *p, const ad__token *name, ad__expr *piped)
{
    ad__expr *e = expr_new(p, X_CALL, name);
    if (piped) add_arg(p, e, (ad__arg){ .line = piped->line, .column = piped->column, .length = piped->length, .value = piped });
    if (ad__accept(p, "(") && !args(p, e, ")")) return NULL;
    if (ad__accept(p, "with") && !withs(p, e)) return NULL;
    return e;
}

static ad__expr *prefix(ad__parser *p)
{
    const ad__token *t = p->t;
    ad__expr *e = NULL;
    if (t->kind == T_INT || t->kind == T_FLOAT || t->kind == T_TEXT) {
        p->t++;
        e = expr_new(p, t->kind == T_INT ? X_INT : t->kind == T_FLOAT ? X_FLOAT : X_TEXT, t);
        e->i = t->i;
        e->f = t->f;
        return e;
    }
    if (ad__is(p, "true") || ad__is(p, "false")) {
        p->t++;
        e = expr_new(p, X_BOOL, t);
        e->i = strcmp(t->text, "true") == 0;
        return e;
    }
    if (ad__accept(p, "-") || ad__accept(p, "not")) {
        bool negate = t->kind == T_SIGN;
        ad__expr *a = parse(p, negate ? BIND_UNARY : BIND_NOT);
        if (!a) return NULL;
        e = expr_new(p, negate ? X_NEGATE : X_NOT, t);
        e->length = a->column + a->length - t->column;
        e->a = a;
        return e;
    }
    if (ad__accept(p, "(")) {
        p->nested++;
        e = parse(p, 0);
        p->nested--;
        return e && ad__expect(p, ")") ? e : NULL;
    }
    if (ad__accept(p, "[")) {
        e = expr_new(p, X_LIST, t);
        if (!args(p, e, "]")) return NULL;
        e->length = p->t[-1].column + p->t[-1].length - t->column;
        return e;
    }
    if (!ad__name(p, &t)) {
        return NULL;
    }
    return ad__is(p, "(") ? call(p, t, NULL) : expr_new(p, X_NAME, t);
}

static ad__expr *subscript(ad__parser *p, ad__expr *a)
{
    ad__expr *b = parse(p, 0), *c = NULL, *e;
    if (!b || !ad__expect(p, "]")) return NULL;
    if (b->kind == X_RANGE) {
        c = b->b;
        b = b->a;
    }
    e = expr_over(p, c ? X_SLICE : X_INDEX, a);
    e->a = a;
    e->b = b;
    e->c = c;
    return e;
}

static ad__expr *postfix(ad__parser *p, ad__expr *a)
{
    while (a) {
        const ad__token *field;
        if (ad__accept(p, "[")) {
            a = subscript(p, a);
        } else if (ad__accept(p, ".")) {
            if (!ad__name(p, &field)) return NULL;
            ad__expr *e = expr_over(p, X_FIELD, a);
            e->a = a;
            e->text = field->text;
            a = e;
        } else {
            break;
        }
    }
    return a;
}

static ad__expr *binary(ad__parser *p, ad__expr *a, size_t k)
{
    ad__expr *b = parse(p, infix[k].bind + 1);
    if (!b) return NULL;
    ad__expr *e = expr_over(p, X_BINARY, a);
    e->sign = infix[k].sign;
    e->a = a;
    e->b = b;
    bool again = false;
    for (size_t i = 0; infix[k].bind == BIND_COMPARE && i < sizeof infix / sizeof *infix; i++)
        again = again || (infix[i].bind == BIND_COMPARE && ad__is(p, infix[i].text));
    if (again) {
        ad__syntax(p, "'and': comparisons are not chained");
        return NULL;
    }
    return e;
}

static ad__expr *conditional(ad__parser *p, ad__expr *a)
{
    ad__expr *condition = parse(p, BIND_OR), *other;
    if (!condition || !ad__expect(p, "else") || !(other = parse(p, BIND_IF))) return NULL;
    ad__expr *e = expr_over(p, X_IF, a);
    e->a = condition;
    e->b = a;
    e->c = other;
    return e;
}

/* What follows `a` and binds at least as tightly as `bind`; *again is false when nothing does. */
static ad__expr *continued(ad__parser *p, ad__expr *a, int bind, bool *again)
{
    const ad__token *stage;
    for (size_t k = 0; k < sizeof infix / sizeof *infix; k++)
        if (infix[k].bind >= bind && ad__accept(p, infix[k].text)) return binary(p, a, k);
    if (bind <= BIND_RANGE && ad__accept(p, "..")) {
        ad__expr *b = parse(p, BIND_SUM), *e;
        if (!b) return NULL;
        e = expr_over(p, X_RANGE, a);
        e->a = a;
        e->b = b;
        return e;
    }
    if (bind <= BIND_IF && ad__accept(p, "if")) return conditional(p, a);
    if (bind <= BIND_PIPE && ad__accept(p, "|")) return ad__name(p, &stage) ? postfix(p, call(p, stage, a)) : NULL;
    *again = false;
    return a;
}

static ad__expr *parse(ad__parser *p, int bind)
{
    if (++p->depth > DEEPEST) {
        p->failed = p->failed || (ad__syntax(p, ad__take_format(p->c->pool, "fewer than %d levels of nesting", DEEPEST)), true);
        return NULL;
    }
    bool again = true;
    ad__expr *a = postfix(p, prefix(p));
    while (a && again) a = continued(p, a, bind, &again);
    p->depth--;
    return a;
}

ad__expr *ad__expression(ad__parser *p)
{
    return parse(p, 0);
}

/* ---- entry points ---- */

bool ad__parser_begin(ad__parser *p, const ad__parse *c, const ad_node *node)
{
    *p = (ad__parser){ .c = c };
    ad_span at = ad_document_span(c->doc, node);
    if (node->kind != AD_NODE_SCALAR) {
        ad_report(c->d, AD_SEVERITY_ERROR, "syntax", &at, "expected an expression, found a %s",
                  node->kind == AD_NODE_LIST ? "list" : "mapping");
        return false;
    }
    if (node->multiline || node->quote == '|') {
        ad_report(c->d, AD_SEVERITY_ERROR, "multiline", &at, "a statement must be on one line");
        ad_report_hint(c->d, "split it into several statements");
        return false;
    }
    p->t = ad__lex(c->pool, node);
    return true;
}

bool ad__parser_end(ad__parser *p)
{
    return p->t->kind == T_END || ad__syntax(p, "the end of the statement");
}

ad__expr *ad__parse_expr(const ad__parse *c, const ad_node *node)
{
    ad__parser p;
    if (!ad__parser_begin(&p, c, node)) return NULL;
    p.in_flow = c->in_flow;
    ad__expr *e = ad__expression(&p);
    return e && ad__parser_end(&p) ? e : NULL;
}

ad__expr *ad__parse_text(const ad__parse *c, const char *text)
{
    ad_node node = { .kind = AD_NODE_SCALAR, .column = 1, .text = text, .plain = true };
    return ad__parse_expr(c, &node);
}

/*
 * lexer.c - tokens of one statement or expression, each with its exact line and column.
 *
 * YAML gives the place where the text begins; the column of a token is that plus the characters before it, and one more for every
 * character that had to be escaped in a quoted text.
 */
#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "models/model.h"

typedef struct lexer {
    ad__pool *pool;
    const ad_node *node;
    const char *at;
    int column;              /* of `at` */
    ad__token *tokens;
    int n;
} lexer;

/* Moves over n bytes of text. */
static void move(lexer *x, size_t n)
{
    const char *end = x->at + n;
    while (x->at < end) {
        uint32_t c;
        x->at += ad__utf8(x->at, &c);
        x->column++;
        if (x->node->quote == '"' && (c == '"' || c == '\\')) x->column++;
        if (x->node->quote == '\'' && c == '\'') x->column++;
    }
}

static ad__token *add(lexer *x, ad__token_kind kind, size_t n)
{
    x->tokens = ad__more(x->pool, x->tokens, x->n, sizeof *x->tokens);
    ad__token *t = &x->tokens[x->n++];
    *t = (ad__token){ .kind = kind, .line = x->node->line, .column = x->column };
    if (kind == T_NAME || kind == T_SIGN || kind == T_INT || kind == T_FLOAT) t->text = ad__take_span(x->pool, x->at, n);
    move(x, n);
    t->length = x->column > t->column ? x->column - t->column : 1;
    return t;
}

static void bad(lexer *x, size_t n, const char *text, const char *hint)
{
    ad__token *t = add(x, T_BAD, n);
    t->text = text;
    t->hint = hint;
}

bool ad__parse_double(const char *text, double *out)
{
    char copy[128], *end;
    size_t n = strlen(text);
    if (n == 0 || n >= sizeof copy - 8) return false;
    const char *point = localeconv()->decimal_point, *dot = strchr(text, '.');
    if (dot && strlen(point) < 8) snprintf(copy, sizeof copy, "%.*s%s%s", (int)(dot - text), text, point, dot + 1);
    else memcpy(copy, text, n + 1);
    *out = strtod(copy, &end);
    return *end == '\0';
}

/* digits [. digits] [e digits]; a dot before a second dot belongs to a range. */
static void number(lexer *x)
{
    const char *s = x->at;
    size_t n = strspn(s, "0123456789"), whole = n;
    bool real = false, hex = s[0] == '0' && s[1] == 'x' && isxdigit((unsigned char)s[2]);
    if (hex) n = 2 + strspn(s + 2, "0123456789abcdefABCDEF");
    if (!hex && s[n] == '.' && s[n + 1] != '.' && !isalpha((unsigned char)s[n + 1]) && s[n + 1] != '_') {
        real = true;
        n++;
        n += strspn(s + n, "0123456789");
    }
    if (!hex && (s[n] == 'e' || s[n] == 'E')) {
        size_t e = n + 1 + (s[n + 1] == '-' || s[n + 1] == '+'), d = strspn(s + e, "0123456789");
        if (d) {
            real = true;
            n = e + d;
        }
    }
    if (isalnum((unsigned char)s[n]) || s[n] == '_') {
        while (isalnum((unsigned char)s[n]) || s[n] == '_') n++;
        bad(x, n, "not a number", memchr(s, '_', n) ? "remove the underscore" : "a name cannot begin with a digit");
    } else if (!real && !hex && whole > 1 && s[0] == '0') {
        bad(x, n, "a number with a leading zero is ambiguous", "remove the zero");
    } else {
        ad__token *t = add(x, real ? T_FLOAT : T_INT, n);
        errno = 0;
        bool good = true;
        if (real) good = ad__parse_double(t->text, &t->f);
        else t->i = strtoll(t->text, NULL, hex ? 16 : 10);
        if (!good || errno == ERANGE) {
            t->kind = T_BAD;
            t->text = "a number out of range";
        }
    }
}

static void text(lexer *x)
{
    char quote = *x->at;
    const char *stop = strchr(x->at + 1, quote);
    if (!stop) {
        bad(x, strlen(x->at), "a text that does not end", quote == '"' ? "close it with \"" : "close it with '");
        return;
    }
    const char *start = x->at + 1;
    ad__token *t = add(x, T_TEXT, (size_t)(stop - x->at) + 1);
    t->text = ad__take_span(x->pool, start, (size_t)(stop - start));
}

static void sign(lexer *x)
{
    static const char *const signs[] = { ":=", "//", "..", "==", "!=", "<=", ">=", "<", ">", "=", "~", "|",
                                         "+",  "-",  "*",  "/",  "%",  "(",  ")",  "[", "]", ",", ".", NULL };
    for (const char *const *s = signs; *s; s++)
        if (strncmp(x->at, *s, strlen(*s)) == 0) {
            add(x, T_SIGN, strlen(*s));
            return;
        }
    uint32_t c;
    int n = ad__utf8(x->at, &c);
    const char *hint = *x->at == '^'   ? "powers are pow(a, b)"
                       : *x->at == '&' ? "write 'and'"
                       : *x->at == '!' ? "write 'not'"
                                       : "";
    bad(x, (size_t)n, ad__take_format(x->pool, "unexpected character '%.*s'", n, x->at), hint);
}

ad__token *ad__lex(ad__pool *pool, const ad_node *node)
{
    lexer x = {
        .pool = pool, .node = node, .at = node->text, .column = node->column + (node->quote == '"' || node->quote == '\'')
    };
    for (;;) {
        size_t blanks = strspn(x.at, " ");
        move(&x, blanks);
        unsigned char c = (unsigned char)*x.at;
        if (!c) break;
        if (isdigit(c) || (c == '.' && isdigit((unsigned char)x.at[1]))) number(&x);
        else if (isalpha(c) || c == '_') {
            size_t n = 0;
            while (isalnum((unsigned char)x.at[n]) || x.at[n] == '_') n++;
            add(&x, T_NAME, n);
        } else if (c == '"' || c == '\'') text(&x);
        else sign(&x);
        if (x.tokens[x.n - 1].kind == T_BAD) break;
    }
    add(&x, T_END, 0);
    return x.tokens;
}

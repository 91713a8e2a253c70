/*
 * parser.h - the state of a parse, shared by expressions (parser.c) and statements (statements.c).
 */
#ifndef ADZE_MODELS_PARSER_H
#define ADZE_MODELS_PARSER_H

#include "models/model.h"

typedef struct ad__parser {
    const ad__parse *c;
    const ad__token *t;      /* the current one */
    int depth, nested;       /* levels of expressions; of brackets */
    bool failed, in_flow;
} ad__parser;

bool ad__parser_begin(ad__parser *p, const ad__parse *c, const ad_node *node);
bool ad__parser_end(ad__parser *p);
ad__expr *ad__expression(ad__parser *p);                      /* NULL after reporting */
bool ad__is(const ad__parser *p, const char *text);
bool ad__accept(ad__parser *p, const char *text);
bool ad__expect(ad__parser *p, const char *text);
bool ad__name(ad__parser *p, const ad__token **out);
bool ad__syntax(ad__parser *p, const char *expected);         /* reports at the current token; false */

#endif

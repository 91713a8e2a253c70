/*
 * rule.h - the little language in which a row of a table says what a foreign op is in ours.
 *
 *   y, _ = conv(x, w, b | stride=$stride, padding=$padding); z = relu(y)
 *
 * Statements end with ';'. Names are operands or values defined before; a name that the case lacks is a missing operand. Behind '|'
 * stand attributes as in ad_apply. Before it is parsed, $name becomes the case's attribute (`$name:5` has a default, `$name[1]` is an
 * element), and {arithmetic} its value, where x.1 is the size of file axis 1 of operand x; {int arithmetic} is rounded down; @ is
 * what `over=` calls the spatial axes of the first operand ("HW").
 */
#ifndef ADZE_TESTS_GOLDENS_RULE_H
#define ADZE_TESTS_GOLDENS_RULE_H

#include "tests/goldens/golden.h"

#define RULE_VALUES 32

typedef struct rule_value {
    char name[32];
    ad_tensor *tensor;
} rule_value;

typedef struct rule {
    kase *k;
    ad_tape *tape;
    const ad_json *attributes;
    double base;                 /* what `base` is in arithmetic */
    char text[2048];             /* after substitution */
    int n;
    rule_value values[RULE_VALUES];
} rule;

/* Puts attributes and sizes into the text. False and a reason when something is missing. */
bool rule_prepare(rule *r, const char *text);
/* The first op of the text that the table lacks; NULL if all are there. */
const char *rule_missing_op(const rule *r, char *name, size_t size);
bool rule_define(rule *r, const char *name, ad_tensor *x);
/* NULL if there is no such value. */
ad_tensor *rule_find(const rule *r, const char *name);
/* Records the statements. False and a reason when an op refuses. */
bool rule_record(rule *r);
/* True if every "name=value" of the condition, separated by ';', holds for the attributes; "name#=4" compares the length of a list,
 * "x.1=48" the size of a file axis of an operand. */
bool rule_holds(const kase *k, const ad_json *attributes, const char *condition);

#endif

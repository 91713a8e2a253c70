/*
 * op_rows.h - the tables that say what foreign kinds of op are in ours.
 */
#ifndef ADZE_TESTS_GOLDENS_OP_ROWS_H
#define ADZE_TESTS_GOLDENS_OP_ROWS_H

typedef struct op_row {
    const char *kind;            /* of the case */
    const char *when;            /* attributes it must have, as in rule_holds; "" for any */
    const char *operands;        /* "x:i w:c": name and order (golden.h) */
    const char *rule;            /* rule.h */
    const char *outputs;         /* "y:i" */
} op_row;

extern const op_row op_rows[];           /* ended by a row without kind; the first that fits is taken */
extern const op_row resampling_rows[];

#endif

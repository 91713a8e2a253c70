/*
 * check.h - the stages of checking a model that has been read.
 */
#ifndef ADZE_MODELS_CHECK_H
#define ADZE_MODELS_CHECK_H

#include "models/elaborate.h"

/* Batch of the dry runs: a prime that no layer uses, so that shapes can be told with B for the batch. */
#define AD__DRY_BATCH 1009

/* What of a tape the outputs of a program need. */
typedef struct ad__reach {
    int n;
    bool *records;               /* by index */
} ad__reach;
/* Marks what `from` depends on; with `gradient` it stops at ops through which no gradient passes. */
void ad__reach_mark(ad_tape *t, ad__reach *r, const ad_tensor *from, bool gradient);
bool ad__reach_leaf(ad_tape *t, const ad__reach *r, const ad_tensor *leaf);
bool ad__reach_value(const ad__reach *r, const ad_tensor *x);

/* names.c: names, calls and arguments in code that no expansion has met, and everything that is never used. */
void ad__check_names(ad_model *m, ad_diagnostics *d);
/* lints.c: after a program has been expanded, and after all of them. */
void ad__lint_program(ad__elab *x, const ad__reach *outputs);
void ad__lint_model(ad_model *m, ad_diagnostics *d);
/* expand.c: adds a program to the expanded form. */
void ad__expand_program(ad__elab *x, char **text);
void ad__expand_head(ad_model *m, char **text);
void ad__expand_weights(ad_model *m, char **text);
void ad__hash_expanded(ad_model *m);
ad_status ad__check_model(ad_model *m, const ad_model_options *o, ad_diagnostics *d);
bool ad__trains_in(const ad_model *m, const ad__prog *p, ad_mode asked);
/* Appends to a malloc'ed text; frees it and leaves NULL when memory is out. */
void ad__append(char **text, const char *format, ...) AD_PRINTF(2, 3);

#endif

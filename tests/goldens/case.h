/* case.h - what runners of model cases share; each function that gives false has set the reason. */
#ifndef ADZE_TESTS_GOLDENS_CASE_H
#define ADZE_TESTS_GOLDENS_CASE_H

#include <string.h>

#include "tests/goldens/golden.h"

#define CASE_SETTINGS 64

/* Of a double run, by the two index files: weights and inputs are float32, results are stored as float32. */
#define TOLERANCE_DOUBLE 1e-6
#define TOLERANCE_DOUBLE_BASELINES 2e-6

typedef struct model_case {
    kase *k;
    char *config;
    const ad_model *known;       /* of the zoo, with its defaults: where the family was found */
    const char *family;
    ad_model *m;                 /* configured */
    ad_params *params;
    int n_settings;
    char *settings[CASE_SETTINGS];
    bool *seen;                  /* by position in the file */
    bool ran;
} model_case;

/* PASSED: the model is open and has the weights of the file. */
verdict case_begin(model_case *c, kase *k);
void case_end(model_case *c);

bool case_wrong(model_case *c);                      /* the reason is the context's error */
order case_order(ad_layout layout);

/* An array of the file under a prefix, which is then seen. One collection keeps running statistics apart from weights, the other does not. */
const ad_array *case_take(model_case *c, const char *prefix, const char *name);
const ad_array *case_take_either(model_case *c, const char *prefix, const char *other, const char *name);
const ad_array *case_input(const model_case *c, const char *name);
bool case_is_extra(const char *name);
bool case_all_seen(model_case *c);                   /* nothing in the file was left over */

ad_status case_record(model_case *c, const char *program, ad_tape *t, ad_recorded **r);
bool case_has_inputs(const model_case *c, const ad_recorded *r);
bool case_fill(model_case *c, const ad_recorded *r, ad_program *program);
/* Weights and running statistics that the file has under `after` or "bufout/". */
bool case_compare_states(model_case *c, const char *after);

static inline bool starts(const char *name, const char *prefix)
{
    return !strncmp(name, prefix, strlen(prefix));
}

#endif

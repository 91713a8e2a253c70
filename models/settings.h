/*
 * settings.h - values of parameters, `let`, `check`.
 */
#ifndef ADZE_MODELS_SETTINGS_H
#define ADZE_MODELS_SETTINGS_H

#include "models/elaborate.h"

/* The value of a node as the parameter's type; NULL after reporting. */
const ad__val *ad__param_value(ad_model *m, const ad__param *p, const ad_document *doc, const ad_node *node, ad_diagnostics *d);
const ad__val *ad__keep_value(ad_model *m, const ad__val *v);
/* Defaults, `set:` of extending files, profile, options. AD_EUSAGE for a wrong profile or setting; mistakes of the file are reported. */
ad_status ad__apply_settings(ad_model *m, ad_error *e, const ad_model_options *o, ad_diagnostics *d);
ad_status ad__apply_setting(ad_model *m, ad_error *e, const char *setting);      /* "L=1" */
void ad__check_profiles(ad_model *m, ad_diagnostics *d);
void ad__eval_lets(ad__elab *x, ad_model *m);
void ad__eval_inits(ad__elab *x, ad_model *m);
bool ad__eval_checks(ad__elab *x, ad_model *m);       /* whether all hold */

#endif

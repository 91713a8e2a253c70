/* recording.c - every step of it must go well. */
#include "tests/recording.h"

#include <math.h>
#include <string.h>

int set_up(void **state)
{
    *state = ad_new(&(ad_options){ .threads = 1 });
    return *state ? 0 : -1;
}

int tear_down(void **state)
{
    ad_ctx_free(*state);
    return 0;
}

void begin(bench *b, ad_ctx *ctx, const char *text)
{
    *b = (bench){ .ctx = ctx };
    if (ad_model_parse(ctx, "a.yaml", text, strlen(text), NULL, NULL, &b->m) != AD_OK) fail_msg("%s", ad_ctx_message(ctx));
    if (ad_model_params(b->m, AD_F64, &b->params) != AD_OK) fail_msg("%s", ad_ctx_message(ctx));
    assert_int_equal(ad_params_init(b->params, AD_SLOT_PARAM, 1), AD_OK);
    assert_int_equal(ad_params_init(b->params, AD_SLOT_STATE, 1), AD_OK);
}

void record(bench *b, const char *program, const ad_record_options *o)
{
    ad_recorded_free(b->r);
    ad_tape_free(b->t);
    b->r = NULL;
    b->t = ad_tape_new(b->ctx, AD_F64);
    if (ad_model_record(b->m, program, b->t, b->params, o, &b->r) != AD_OK) fail_msg("%s", ad_ctx_message(b->ctx));
}

void end(bench *b)
{
    ad_recorded_free(b->r);
    ad_tape_free(b->t);
    ad_params_free(b->params);
    ad_model_free(b->m);
}

void set_weight(bench *b, const char *path, const double *values)
{
    ad_entry *e = ad_params_find(b->params, path);
    if (!e) fail_msg("no weight %s", path);
    memcpy(e->data, values, (size_t)ad_count(&e->shape) * sizeof *values);
}

void give(bench *b, const char *input, const double *values)
{
    ad_tensor *t = ad_recorded_input(b->r, input);
    if (!t) fail_msg("no input %s", input);
    assert_int_equal(ad_set(t, values), AD_OK);
}

double value(bench *b, const char *expression, int64_t i)
{
    ad_tensor *t = ad_recorded_value(b->r, expression);
    if (!t) fail_msg("%s", ad_ctx_message(b->ctx));
    return ad_value(t, i);
}

void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-12 * (1 + fabs(want)))) fail_msg("%.17g, expected %.17g", got, want);
}

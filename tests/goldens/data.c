/*
 * data.c - cases of what is done to images and label maps before a network sees them.
 */
#include <stdlib.h>
#include <string.h>

#include "datasets/datasets.h"
#include "tests/goldens/golden.h"

/* A result of a case: `y` has as many numbers as the array of the file. */
typedef struct result {
    const char *op, *name, *from;                /* "data_zoom", "order3", "image" */
    ad_status (*f)(const ad_array *x, const ad_json *attributes, const int *argument, const ad_array *want, ad_error *e, void *y);
    int argument[2];
} result;

static ad_status window(const ad_array *x, const ad_json *attributes, const int *argument, const ad_array *want, ad_error *e, void *y)
{
    const ad_json *clip = ad_json_get(attributes, "clip");
    if (!clip || !clip->first || !clip->first->next) return AD_FAIL(e, EUSAGE, "no clip");
    ad_window(ad_array_count(x), x->data, clip->first->number, clip->first->next->number, y);
    return AD_OK;
}

static ad_status rotate(const ad_array *x, const ad_json *attributes, const int *argument, const ad_array *want, ad_error *e, void *y)
{
    const ad_json *angle = ad_json_get(attributes, "angle_deg");
    if (!angle) return AD_FAIL(e, EUSAGE, "no angle");
    ad_rotate((int)x->dim[0], (int)x->dim[1], x->data, angle->number, y);
    return AD_OK;
}

static ad_status turn(const ad_array *x, const ad_json *attributes, const int *argument, const ad_array *want, ad_error *e, void *y)
{
    ad_turn((int)x->dim[0], (int)x->dim[1], x->data, argument[0], argument[1], y);
    return AD_OK;
}

static ad_status zoom(const ad_array *x, const ad_json *attributes, const int *argument, const ad_array *want, ad_error *e, void *y)
{
    return ad_zoom(e, (int)x->dim[0], (int)x->dim[1], x->data, argument[0], (int)want->dim[0], (int)want->dim[1], y);
}

static const result rows[] = {
    { "data_ct_window", "y", "x", window, { 0 } },
    { "data_rotate", "image", "image", rotate, { 0 } },
    { "data_rotate", "label", "label", rotate, { 0 } },
    { "data_rot90_flip", "k0_axis0", "x", turn, { 0, 0 } },
    { "data_rot90_flip", "k0_axis1", "x", turn, { 0, 1 } },
    { "data_rot90_flip", "k1_axis0", "x", turn, { 1, 0 } },
    { "data_rot90_flip", "k1_axis1", "x", turn, { 1, 1 } },
    { "data_rot90_flip", "k2_axis0", "x", turn, { 2, 0 } },
    { "data_rot90_flip", "k2_axis1", "x", turn, { 2, 1 } },
    { "data_rot90_flip", "k3_axis0", "x", turn, { 3, 0 } },
    { "data_rot90_flip", "k3_axis1", "x", turn, { 3, 1 } },
    { "data_zoom", "order3", "image", zoom, { 3 } },
    { "data_zoom", "order1", "image", zoom, { 1 } },
    { "data_zoom", "order0_label", "label", zoom, { 0 } },
};

static bool compare_numbers(kase *k, const ad_array *want, const double *got)
{
    int perm[AD_ARRAY_RANK];
    order_axes(PLAIN, want->rank, 0, perm);
    compare(k, want, perm, got, metadata_number(k, "tol_forward", 0), 0);
    return true;
}

static bool run_result(kase *k, const result *r, const ad_json *attributes)
{
    const ad_array *x = find(k, "in/", r->from), *want = find(k, "out/", r->name);
    if (!x || !want || x->type != AD_ELEMENT_F32)
        return give_up(k, FAILED, "no in/%s or out/%s", r->from, r->name) == PASSED;
    size_t n = (size_t)ad_array_count(want);
    float *y = malloc((n + 1) * sizeof *y);
    double *got = malloc((n + 1) * sizeof *got);
    bool ok = y && got && r->f(x, attributes, r->argument, want, &k->g->error, y) == AD_OK;
    for (size_t i = 0; ok && i < n; i++)
        got[i] = y[i];
    ok = ok ? compare_numbers(k, want, got) : failed_with(k, &k->g->error) == PASSED;
    free(y);
    free(got);
    return ok;
}

static bool run_coefficients(kase *k)
{
    const ad_array *x = find(k, "in/", "image"), *want = find(k, "out/", "spline_coeffs");
    double *c = want ? malloc((size_t)(ad_array_count(want) + 1) * sizeof *c) : NULL;
    if (c) {
        ad_spline_coefficients((int)x->dim[0], (int)x->dim[1], x->data, c);
        compare_numbers(k, want, c);
    }
    free(c);
    return !want || c;
}

verdict run_data(kase *k)
{
    const char *op = ad_safetensors_metadata(k->st, "op"), *text = ad_safetensors_metadata(k->st, "attrs");
    ad_json *attributes;
    if (!op || !text || ad_json_parse(&k->g->error, "attrs", text, strlen(text), AD_JSON_DEPTH, &attributes) != AD_OK)
        return give_up(k, FAILED, "no op or no attributes in the metadata");
    bool ok = true, any = false;
    for (size_t i = 0; ok && i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(rows[i].op, op)) {
            any = true;
            ok = run_result(k, &rows[i], attributes);
        }
    ad_json_free(attributes);
    if (!any)
        return give_up(k, SKIPPED, "kind '%s' has no rule", op);
    return ok && run_coefficients(k) ? judged(k) : FAILED;
}

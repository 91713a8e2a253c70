/*
 * case.c - a case of a whole model, up to what is compared: which model of the zoo it is for and with which settings, its weights, its
 * inputs and noise, its programs on a tape. The `map:` section of the model says how everything is called.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/goldens/case.h"

/* By how much the weights are moved where a float run misses (models.c). */
#define MOVE 2e-7
#define MAX_CHOICES 32


bool case_wrong(model_case *c)
{
    failed_with(c->k, ad_ctx_error(c->k->g->ctx));
    return false;
}

/* ---- which model ---- */

static bool open_zoo(golden *g)
{
    char name[64];
    for (int i = 0; !g->n_models && ad_zoo_at(GOLDEN_ZOO, i, name); i++) {
        char ref[80];
        snprintf(ref, sizeof ref, "zoo:%s", name);
        ad_model **more = realloc(g->models, (size_t)(i + 1) * sizeof *more);
        if (!more)
            return false;
        g->models = more;
        if (ad_model_open(g->ctx, ref, &(ad_model_options){ .zoo = GOLDEN_ZOO }, NULL, &g->models[i]) != AD_OK)
            return false;
        if (!ad_zoo_at(GOLDEN_ZOO, i + 1, name))
            g->n_models = i + 1;
    }
    return g->n_models > 0;
}

static ad_status keep_setting(void *arg, const char *setting)
{
    model_case *c = arg;
    size_t size = strlen(setting) + 1;
    char *copy = c->n_settings < CASE_SETTINGS ? malloc(size) : NULL;
    if (!copy)
        return AD_FAIL(ad_ctx_error(c->k->g->ctx), ENOMEM, "setting %s", setting);
    c->settings[c->n_settings++] = memcpy(copy, setting, size);
    return AD_OK;
}

static bool configure(model_case *c)
{
    ad_ctx *ctx = c->k->g->ctx;
    char profile[64], ref[80];
    size_t size = strlen(c->config);
    bool has_profile = ad_model_map_entry(c->known, c->family, "profile", c->config, size, profile, sizeof profile) == AD_OK;
    ad_error_clear(ad_ctx_error(ctx));
    if (ad_model_map_config(c->known, c->family, c->config, size, keep_setting, c) != AD_OK)
        return case_wrong(c);
    snprintf(ref, sizeof ref, "zoo:%s", ad_model_name(c->known));
    ad_model_options options = { .zoo = GOLDEN_ZOO, .profile = has_profile ? profile : NULL, .n_set = c->n_settings,
                                 .set = (const char *const *)c->settings };
    if (ad_model_open(ctx, ref, &options, NULL, &c->m) != AD_OK || ad_model_params(c->m, c->k->precision, &c->params) != AD_OK)
        return case_wrong(c);
    return true;
}

/* ---- what the file has ---- */

const ad_array *case_take(model_case *c, const char *prefix, const char *name)
{
    const ad_array *a = find(c->k, prefix, name);
    for (int64_t i = 0; a && i < ad_safetensors_count(c->k->st); i++)
        if (ad_safetensors_at(c->k->st, i) == a)
            c->seen[i] = true;
    return a;
}

/* One collection of cases keeps running statistics apart from weights, the other does not. */
const ad_array *case_take_either(model_case *c, const char *prefix, const char *other, const char *name)
{
    const ad_array *a = case_take(c, prefix, name);
    return a ? a : case_take(c, other, name);
}

/* Diagnostics are not compared; masks of attention are constants of ours. */
bool case_is_extra(const char *name)
{
    return starts(name, "out/diag_") || starts(name, "in/aux/");
}

bool case_all_seen(model_case *c)
{
    for (int64_t i = 0; i < ad_safetensors_count(c->k->st); i++) {
        const char *name = ad_safetensors_at(c->k->st, i)->name;
        if (!c->seen[i] && !case_is_extra(name)) {
            give_up(c->k, FAILED, "%s finds no place in %s", name, ad_model_name(c->m));
            return false;
        }
    }
    return true;
}

order case_order(ad_layout layout)
{
    static const order orders[] = { [AD_LAYOUT_PLAIN] = PLAIN, [AD_LAYOUT_CONV] = CONV, [AD_LAYOUT_CONV_TRANSPOSE] = TRANSPOSED,
                                    [AD_LAYOUT_LINEAR] = LINEAR };
    return orders[layout];
}

/* ---- weights ---- */

/* Moves values by up to MOVE, relative. */
static void move(const model_case *c, const char *path, int64_t n, double *values)
{
    uint64_t key = ad_key((uint64_t)c->k->moved, "golden", path);
    for (int64_t i = 0; i < n; i++)
        values[i] *= 1 + MOVE * (2 * ad_uniform(key, 0, 0, (uint64_t)i) - 1);
}

static bool load_entry(model_case *c, ad_entry *entry, const ad_array *a)
{
    int perm[AD_ARRAY_RANK];
    ad_shape s;
    order_axes(case_order(entry->layout), a->rank, 0, perm);
    memory_shape(a, perm, AD_REAL, &s);
    if (ad_count(&s) != ad_count(&entry->shape) || (s.rank == entry->shape.rank && !ad_shape_equal(&s, &entry->shape))) {
        char ours[AD_SHAPE_TEXT], theirs[AD_SHAPE_TEXT];
        give_up(c->k, FAILED, "%s is %s, but %s is %s in our order", entry->path, ad_shape_text(&entry->shape, ours), a->name,
                ad_shape_text(&s, theirs));
        return false;
    }
    double *values = memory_values(c->k, a, perm);
    if (values && c->k->moved)
        move(c, entry->path, ad_count(&s), values);
    void *stored = values ? as_stored(values, ad_count(&s), AD_REAL, c->k->precision) : NULL;
    if (stored)
        memcpy(entry->data, stored, ad_shape_bytes(&s, c->k->precision));
    free(values);
    free(stored);
    return stored;
}

/* A state that no array gives: an expression over the configuration. */
static bool load_state(model_case *c, ad_entry *entry)
{
    char expression[256], value[64];
    if (!ad_model_map(c->m, c->family, "state", entry->path, expression, sizeof expression)) {
        give_up(c->k, FAILED, "%s: no rule of '%s' names it", entry->path, c->family);
        return false;
    }
    if (ad_model_map_eval(c->m, expression, c->config, strlen(c->config), value, sizeof value) != AD_OK)
        return case_wrong(c);
    void *stored = as_stored(&(double){ strtod(value, NULL) }, 1, AD_REAL, c->k->precision);
    if (stored)
        memcpy(entry->data, stored, ad_shape_bytes(&entry->shape, c->k->precision));
    free(stored);
    return stored;
}

static bool load_weights(model_case *c)
{
    for (int i = 0; i < ad_params_count(c->params); i++) {
        ad_entry *entry = ad_params_at(c->params, i);
        char foreign[256];
        if (!ad_model_map(c->m, c->family, "weights", entry->path, foreign, sizeof foreign)) {
            if (!load_state(c, entry))
                return false;
            continue;
        }
        const ad_array *a = case_take_either(c, "param/", "buf/", foreign);
        if (!a) {
            give_up(c->k, FAILED, "%s: the file has no param/%s", entry->path, foreign);
            return false;
        }
        if (!load_entry(c, entry, a))
            return false;
    }
    return true;
}

/* ---- inputs ---- */

/* Class numbers to ones and zeros where the input wants a channel per class; else the array in our order. */
static double *input_values(model_case *c, const ad_array *a, const ad_shape *s)
{
    int perm[AD_ARRAY_RANK];
    order_axes(IMAGE, a->rank == 4 ? 4 : 0, 0, perm);
    for (int i = 0; a->rank != 4 && i < a->rank; i++)
        perm[i] = i;
    double *values = memory_values(c->k, a, perm);
    int64_t n = ad_array_count(a), wanted = ad_count(s), classes = s->rank ? s->dim[s->rank - 1] : 1;
    if (!values || n == wanted)
        return values;
    double *onehot = n * classes == wanted ? calloc((size_t)wanted, sizeof *onehot) : NULL;
    if (!onehot) {
        char ours[AD_SHAPE_TEXT], theirs[AD_ARRAY_TEXT];
        give_up(c->k, FAILED, "%s: %s does not fill an input %s", a->name, ad_array_text(a, theirs), ad_shape_text(s, ours));
    }
    for (int64_t i = 0; onehot && i < n; i++)
        onehot[i * classes + (int64_t)values[i]] = 1;
    free(values);
    return onehot;
}

/* The array behind an input or behind noise; the rules may give several names, "image | x", for files that differ in that. */
const ad_array *case_input(const model_case *c, const char *name)
{
    char foreign[256];
    bool noise = starts(name, "eps/");
    if (!ad_model_map(c->m, c->family, noise ? "noise" : "inputs", noise ? name + 4 : name, foreign, sizeof foreign))
        return NULL;
    const ad_array *a = NULL;
    for (char *one = foreign, *next; one && !a; one = next) {
        if ((next = strstr(one, " | "))) {
            *next = 0;
            next += 3;
        }
        a = find(c->k, noise ? "eps/" : "in/", one);
    }
    return a;
}

static bool fill(model_case *c, ad_program *program, const ad_tensor *input, const double *values)
{
    const ad_shape *s = ad_tensor_shape(input);
    void *to = ad_program_data(program, input), *stored = values ? as_stored(values, ad_count(s), s->dtype, c->k->precision) : NULL;
    if (to && stored)
        memcpy(to, stored, ad_shape_bytes(s, c->k->precision));
    free(stored);
    return values && (!to || stored);
}

bool case_fill(model_case *c, const ad_recorded *r, ad_program *program)
{
    ad_bind input;
    for (int i = 0; ad_recorded_input_at(r, i, &input); i++) {
        const ad_array *a = case_input(c, input.name);
        double *values = a ? input_values(c, case_take(c, "", a->name), ad_tensor_shape(input.value)) : NULL;
        bool ok = !a || fill(c, program, input.value, values);
        free(values);
        if (!ok)
            return false;
    }
    ad_recorded_scalar scalar;
    for (int i = 0; ad_recorded_scalar_at(r, i, &scalar); i++)
        if (!fill(c, program, scalar.input, &scalar.standard))
            return false;
    return true;
}

/* ---- recording a program ---- */

/* Every random op takes its noise from the file, but the sites that the configuration sets to their mean. */
ad_status case_record(model_case *c, const char *program, ad_tape *t, ad_recorded **r)
{
    const char *given = ad_safetensors_metadata(c->k->st, "bn_mode");
    ad_mode mode = !given ? AD_MODE_MODEL : starts(given, "train") ? AD_MODE_TRAIN : AD_MODE_EVAL;
    ad_model_input input;
    const ad_array *image = ad_model_input_at(c->m, 0, &input) ? case_input(c, input.name) : NULL;
    if (!image)
        return AD_FAIL(ad_ctx_error(c->k->g->ctx), EDATA, "the file has no '%s'", input.name);
    ad_choice choices[MAX_CHOICES] = { { .site = "*", .kind = AD_CHOICE_NOISE } };
    ad_record_options options = { .batch = image->dim[0], .mode = mode, .n_choices = 1, .choices = choices };
    ad_tape *scratch = ad_tape_new(c->k->g->ctx, c->k->precision);
    ad_status status = scratch ? ad_model_record(c->m, program, scratch, c->params, &options, r) : AD_ENOMEM;
    ad_recorded_site site;
    ad_recorded *first = status == AD_OK ? *r : NULL;
    for (int i = 0; first && ad_recorded_site_at(first, i, &site); i++) {
        char expression[256], value[16];
        if (site.origin == AD_SITE_GIVEN && options.n_choices < MAX_CHOICES &&
            ad_model_map(c->m, c->family, "means", site.path, expression, sizeof expression) &&
            ad_model_map_eval(c->m, expression, c->config, strlen(c->config), value, sizeof value) == AD_OK && !strcmp(value, "true")) {
            choices[options.n_choices++] = (ad_choice){ .site = site.path, .kind = AD_CHOICE_MEAN };
            if (ad_model_map(c->m, c->family, "noise", site.path, expression, sizeof expression))
                case_take(c, "eps/", expression);
        }
    }
    ad_error_clear(ad_ctx_error(c->k->g->ctx));
    if (first)
        status = ad_model_record(c->m, program, t, c->params, &options, r);
    ad_recorded_free(first);
    ad_tape_free(scratch);
    return status;
}

/* Whether the file has all inputs and noise; noise that the configuration made useless is not there. */
bool case_has_inputs(const model_case *c, const ad_recorded *r)
{
    ad_bind input;
    for (int i = 0; ad_recorded_input_at(r, i, &input); i++)
        if (!case_input(c, input.name))
            return false;
    return true;
}

/* ---- what a run changed ---- */

/* What the index files allow for a state after a run, and for a weight after a training. */
static double state_tolerance(const kase *k)
{
    if (k->precision == AD_F64)
        return TOLERANCE_DOUBLE;
    return metadata_number(k, "tol_out", metadata_number(k, "tol_forward", metadata_number(k, "tol_param", 0)));
}

bool case_compare_states(model_case *c, const char *after)
{
    kase *k = c->k;
    for (int i = 0; i < ad_params_count(c->params); i++) {
        ad_entry *entry = ad_params_at(c->params, i);
        char foreign[256];
        bool named = ad_model_map(c->m, c->family, "weights", entry->path, foreign, sizeof foreign);
        const ad_array *want = named ? case_take_either(c, after, "bufout/", foreign) : NULL;
        if (!want)
            continue;
        int64_t n = ad_count(&entry->shape);
        double *values = malloc((size_t)(n + 1) * sizeof *values);
        if (!values)
            return false;
        for (int64_t j = 0; j < n; j++)
            values[j] = stored_at(entry->data, j, AD_REAL, k->precision);
        int perm[AD_ARRAY_RANK];
        order_axes(case_order(entry->layout), want->rank, 0, perm);
        compare(k, want, perm, values, state_tolerance(k), metadata_number(k, "param_floor", 1e-3));
        free(values);
    }
    return true;
}

/* ---- a case from start to end ---- */

verdict case_begin(model_case *c, kase *k)
{
    *c = (model_case){ .k = k, .config = config_of(k) };
    if (!open_zoo(k->g))
        return failed_with(k, ad_ctx_error(k->g->ctx));
    if (!c->config)
        return give_up(k, FAILED, "no configuration");
    for (int i = 0; !c->family && i < k->g->n_models; i++) {
        c->known = k->g->models[i];
        c->family = ad_model_map_family(c->known, c->config, strlen(c->config));
    }
    if (!c->family)
        return give_up(k, SKIPPED, "no model of the zoo is for %s", ad_safetensors_metadata(k->st, "config"));
    c->seen = calloc((size_t)ad_safetensors_count(k->st) + 1, sizeof *c->seen);
    return c->seen && configure(c) && load_weights(c) ? PASSED : FAILED;
}

void case_end(model_case *c)
{
    ad_model_free(c->m);
    ad_params_free(c->params);
    for (int i = 0; i < c->n_settings; i++)
        free(c->settings[i]);
    free(c->seen);
    free(c->config);
}

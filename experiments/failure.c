/*
 * failure.c - a training step that failed is kept and can be run again, bit for bit.
 *
 * RUN/nan-STEP is a run directory of its own: configuration, and a checkpoint of the weights, state and optimiser before the step. Beside
 * them inputs.safetensors has every input of the program (batch, schedules, numbers of the optimiser) and failure.json what was found.
 * Random numbers are a pure function of seed and step, so nothing of theirs is kept.
 */
#include "config.h"

#include "experiments/experiment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_INPUTS = 256 };

/* Input i of the program by its name in the file; false past the end. */
static bool input_at(const ad__training *t, int i, char name[256], ad_tensor **x)
{
    ad_bind in;
    int n = 0;
    while (ad_recorded_input_at(t->recorded, n, &in)) {
        if (n++ != i) continue;
        snprintf(name, 256, "%s", in.name);
        *x = in.value;
        return true;
    }
    i -= n;
    if (i < t->n_scalars) {
        snprintf(name, 256, "schedule/%s", t->scalars[i].scalar.name);
        *x = t->scalars[i].scalar.input;
        return true;
    }
    snprintf(name, 256, "optim/numbers");
    *x = ad_optim_input(t->optim);
    return i == t->n_scalars;
}

static ad_array array_of(ad__training *t, const char *name, const ad_tensor *x)
{
    static const ad_element_type types[] = { [AD_REAL] = AD_ELEMENT_F32, [AD_I32] = AD_ELEMENT_I32, [AD_U8] = AD_ELEMENT_U8 };
    const ad_shape *s = ad_tensor_shape(x);
    ad_array a = { .name = name, .type = types[s->dtype], .rank = s->rank, .bytes = ad_shape_bytes(s, AD_F32),
                   .data = ad_program_data(t->program, x) };
    for (int k = 0; k < s->rank; k++) a.dim[k] = s->dim[k];
    return a;
}

static ad_status save_inputs(ad__training *t, const char *path)
{
    ad_array arrays[MAX_INPUTS];
    char names[MAX_INPUTS][256];
    ad_tensor *x;
    int n = 0;
    for (int i = 0; n < MAX_INPUTS && input_at(t, i, names[n], &x); i++)
        if (ad_program_data(t->program, x)) {
            arrays[n] = array_of(t, names[n], x);
            n++;
        }
    return ad_safetensors_write(t->error, path, n, arrays, 0, NULL);
}

static ad_status save_finding(const ad__training *t, const char *path, const char *message)
{
    ad_json_writer w = { .indent = 2 };
    const ad_finding *f = &t->finding;
    ad_record_info r;
    ad_json_open_object(&w, NULL);
    ad_json_put_int(&w, "step", t->step);
    ad_json_put_int(&w, "seed", t->plan->config.seed);
    ad_json_put_text(&w, "message", message);
    ad_json_put_int(&w, "record", f->record);
    ad_json_put_text(&w, "op", ad_tape_record(t->tape, f->record, &r) ? r.op->name : NULL);
    ad_json_put_int(&w, "output", f->output);
    ad_json_put_int(&w, "element", f->element);
    ad_json_put_int(&w, "bad", f->bad);
    ad_json_put_int(&w, "count", f->count);
    ad_json_put_number(&w, "least", f->least);
    ad_json_put_number(&w, "largest", f->largest);
    ad_json_put_text(&w, "sha256", f->sha256);
    ad_json_close(&w);
    ad_json_end(&w);
    ad_status s = ad_text_write(t->error, path, &w.text);
    ad_text_free(&w.text);
    return s;
}

ad_status ad__failure_save(ad__training *t, const char *directory, const char *message, const ad_origin *origin, char *path, size_t size)
{
    char file[2 * AD__PATH + 32], checkpoint[2 * AD__PATH];
    if (snprintf(path, size, "%s/nan-%lld", directory, (long long)t->step) >= AD__PATH - 40)
        return AD_FAIL(t->error, EIO, "%.60s...: the path is too long", directory);
    AD_TRY(ad__folder_begin(t->x, (int)(t->plan - t->x->plans), path, t->data, origin));
    AD_TRY(ad__training_save(t, path, t->seconds_before, checkpoint, sizeof checkpoint));
    snprintf(file, sizeof file, "%s/inputs.safetensors", path);
    AD_TRY(save_inputs(t, file));
    snprintf(file, sizeof file, "%s/failure.json", path);
    return save_finding(t, file, message);
}

/* ---- again ---- */

static ad_status load_inputs(ad__training *t, const char *path)
{
    ad_safetensors *st;
    char name[256];
    ad_tensor *x;
    ad_status s = AD_OK;
    AD_TRY(ad_safetensors_open(t->error, path, &st));
    for (int i = 0; s == AD_OK && input_at(t, i, name, &x); i++) {
        if (!ad_program_data(t->program, x)) continue;
        ad_array want = array_of(t, name, x);
        const ad_array *a = ad_safetensors_find(st, name);
        bool fits = a && a->type == want.type && a->rank == want.rank && a->bytes == want.bytes;
        for (int k = 0; fits && k < a->rank; k++) fits = a->dim[k] == want.dim[k];
        if (fits) memcpy(ad_program_data(t->program, x), a->data, a->bytes);
        else s = AD_FAIL(t->error, EDATA, "%s: has no input '%s' of the shape that the program reads", path, name);
    }
    ad_safetensors_free(st);
    return s;
}

static double number(const ad_json *object, const char *key)
{
    const ad_json *v = ad_json_get(object, key);
    return v && v->kind == AD_JSON_NUMBER ? v->number : NAN;
}

static void text(const ad_json *object, const char *key, char *out, size_t size)
{
    const ad_json *v = ad_json_get(object, key);
    snprintf(out, size, "%s", v && v->kind == AD_JSON_TEXT ? v->text : "");
}

/* What no value finite had left as null reads as it was. */
static ad_status load_finding(ad_error *e, const char *path, ad_replayed *out)
{
    void *data;
    size_t size;
    ad_json *root;
    AD_TRY(ad_file_read(e, path, (size_t)1 << 20, &data, &size));
    ad_status s = ad_json_parse(e, path, data, size, 4, &root);
    free(data);
    AD_TRY(s);
    ad_finding *f = &out->saved_finding;
    *f = (ad_finding){ .record = (int)number(root, "record"), .output = (int)number(root, "output"), .element = (int64_t)number(root, "element"),
                       .bad = (int64_t)number(root, "bad"), .count = (int64_t)number(root, "count"), .least = number(root, "least"),
                       .largest = number(root, "largest") };
    if (isnan(f->least)) f->least = INFINITY;
    if (isnan(f->largest)) f->largest = -INFINITY;
    text(root, "sha256", f->sha256, sizeof f->sha256);
    text(root, "message", out->saved, sizeof out->saved);
    out->step = (int64_t)number(root, "step");
    ad_json_free(root);
    return AD_OK;
}

static bool same_finding(const ad_finding *a, const ad_finding *b)
{
    return a->record == b->record && a->output == b->output && a->element == b->element && a->bad == b->bad && a->count == b->count &&
           a->least == b->least && a->largest == b->largest && strcmp(a->sha256, b->sha256) == 0;
}

static ad_status again(ad__training *t, const char *directory, ad_replayed *out)
{
    char path[AD__PATH + 32];
    ad_status s;
    snprintf(path, sizeof path, "%s/failure.json", directory);
    AD_TRY(load_finding(t->error, path, out));
    AD_TRY(ad__training_restore(t, directory));
    if (t->step != out->step)
        return AD_FAIL(t->error, EDATA, "%s: step %lld, but the checkpoint is of step %lld", path, (long long)out->step, (long long)t->step);
    snprintf(path, sizeof path, "%s/inputs.safetensors", directory);
    AD_TRY(load_inputs(t, path));
    s = ad__training_look(t);
    if (s != AD_OK && s != AD_ENUMERIC) return s;
    out->finding = t->finding;
    snprintf(out->message, sizeof out->message, "%s", t->finding.record >= 0 ? t->error->message : "");
    ad_error_clear(t->error);
    /* The saved message goes on with the items of the batch, which the inputs do not name. */
    out->same = *out->message && strncmp(out->saved, out->message, strlen(out->message)) == 0 && same_finding(&out->finding, &out->saved_finding);
    return AD_OK;
}

ad_status ad_replay(ad_ctx *ctx, const char *directory, const ad_experiment_options *options, ad_replayed *out)
{
    char path[AD__PATH + 32];
    ad_experiment *x;
    *out = (ad_replayed){ .step = -1 };
    snprintf(path, sizeof path, "%s/failure.json", directory);
    void *data;
    size_t size;
    if (ad_file_read(NULL, path, (size_t)1 << 20, &data, &size) != AD_OK)
        return AD_FAIL(ad_ctx_error(ctx), EUSAGE, "%s: is not a step that failed (it has no failure.json); training leaves them in RUN/nan-STEP", directory);
    free(data);
    snprintf(path, sizeof path, "%s/config.resolved.yaml", directory);
    AD_TRY(ad_experiment_open(ctx, path, options, NULL, &x));
    ad__training *t = calloc(1, sizeof *t);
    ad_status s = t ? ad__training_init(t, x, 0) : AD_FAIL(ad_ctx_error(ctx), ENOMEM, "no memory for a training step");
    if (s == AD_OK) s = again(t, directory, out);
    if (t) ad__training_fini(t);
    free(t);
    ad_experiment_free(x);
    return s;
}

/*
 * trained.c - a run directory as a model that draws.
 *
 * The program draws a fixed number of times, DRAWS, and computes what does not depend on a draw once: draw k of an item is row k % DRAWS
 * of its run number k / DRAWS, so that it does not depend on how many draws are asked for. The noise is a pure function of
 * (seed, site, item, run, element).
 */
#include "config.h"

#include "experiments/experiment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 16 };

struct ad_trained {
    ad_ctx *ctx;
    ad_experiment *x;
    ad_model *model;
    ad_params *params;
    ad_dataset *data;
    ad_tape *tape;
    ad_recorded *recorded;
    ad_program *program;
    ad_tensor *probabilities;      /* [rows, H, W, C] */
    int rows;                      /* DRAWS, or 1 where nothing is drawn: all draws are alike */
    int channels;                  /* C: classes, or 1 for the probability of class 1 */
    ad__frame frame;
    ad_checkpoint about;
    char checkpoint[2 * AD__PATH];
    float *x_buffer, *p_buffer;    /* one image; probabilities of one draw */
    uint8_t *y_buffer;
};

void ad_trained_free(ad_trained *r)
{
    if (!r) return;
    ad_program_free(r->program);
    ad_recorded_free(r->recorded);
    ad_tape_free(r->tape);
    ad_dataset_free(r->data);
    ad_params_free(r->params);
    ad_model_free(r->model);
    ad_experiment_free(r->x);
    free(r->x_buffer);
    free(r->p_buffer);
    free(r->y_buffer);
    free(r);
}

static ad_status open_files(ad_trained *r, const char *ref, const char *checkpoint, const ad_experiment_options *options)
{
    ad_error *e = ad_ctx_error(r->ctx);
    char directory[AD__PATH], config[AD__PATH + 32], folder[AD__PATH + 8], hash[65];
    size_t n = strlen(ref);
    ad__folder_of(ref, directory, sizeof directory);
    snprintf(config, sizeof config, "%s/config.resolved.yaml", directory);
    snprintf(folder, sizeof folder, "%s/ckpt", directory);
    if (!ad__folder_used(directory)) return AD_FAIL(e, EUSAGE, "%s: is not a run (it has no config.resolved.yaml)", directory);
    AD_TRY(ad_experiment_open(r->ctx, config, options, NULL, &r->x));
    AD_TRY(ad__plan_model(r->x, 0, NULL, &r->model));
    if (checkpoint) snprintf(r->checkpoint, sizeof r->checkpoint, "%s", checkpoint);
    else if (n > 12 && !strcmp(ref + n - 12, ".safetensors")) snprintf(r->checkpoint, sizeof r->checkpoint, "%s", ref);
    else AD_TRY(ad_checkpoint_latest(e, folder, r->checkpoint, sizeof r->checkpoint));
    AD_TRY(ad_model_params(r->model, AD_F32, &r->params));
    ad_model_hash(r->model, hash);
    return ad_checkpoint_load(e, r->checkpoint, r->params, false, hash, &r->about);
}

/* The program `sample`, or `predict` of a model without latents, ended by the probabilities of the classes. */
static ad_status build_program(ad_trained *r)
{
    ad_error *e = ad_ctx_error(r->ctx);
    const char *name = ad_model_has_program(r->model, "sample") ? "sample" : "predict";
    if (!ad_model_has_program(r->model, name))
        return AD_FAIL(e, EUSAGE, "%s has neither a program 'sample' nor 'predict'", ad_model_name(r->model));
    r->tape = ad_tape_new(r->ctx, AD_F32);
    if (!r->tape) return AD_ENOMEM;
    const ad_record_options o = { .draws = DRAWS, .mode = AD_MODE_EVAL, .no_commits = true };
    AD_TRY(ad_model_record(r->model, name, r->tape, r->params, &o, &r->recorded));
    ad_tensor *logits = ad_recorded_output(r->recorded, "logits");
    if (!logits || ad_tensor_shape(logits)->rank != 4)
        return AD_FAIL(e, EUSAGE, "%s: program '%s' returns no 'logits' [B, height, width, classes]", ad_model_name(r->model), name);
    const ad_shape *s = ad_tensor_shape(logits);
    r->channels = (int)s->dim[3];
    r->rows = (int)s->dim[0];
    r->frame = (ad__frame){ (int)s->dim[1], (int)s->dim[2], r->channels == 1 ? 2 : r->channels };
    r->probabilities = r->channels == 1 ? ad_sigmoid(r->tape, logits) : ad_softmax(r->tape, logits);
    if (!r->probabilities) return e->status;
    AD_TRY(ad_compile(r->tape, 1, &r->probabilities, &(ad_plan_options){ .no_commits = true }, &r->program));
    size_t pixels = (size_t)r->frame.height * (size_t)r->frame.width;
    r->x_buffer = malloc(pixels * sizeof *r->x_buffer);
    r->p_buffer = malloc(pixels * (size_t)r->frame.classes * sizeof *r->p_buffer);
    r->y_buffer = malloc(pixels);
    return r->x_buffer && r->p_buffer && r->y_buffer ? AD_OK : AD_FAIL(e, ENOMEM, "no memory for %zu pixels", pixels);
}

ad_status ad_trained_open(ad_ctx *ctx, const char *ref, const char *checkpoint, const ad_experiment_options *options, ad_trained **out)
{
    *out = NULL;
    ad_trained *r = calloc(1, sizeof *r);
    if (!r) return AD_FAIL(ad_ctx_error(ctx), ENOMEM, "no memory for a trained model");
    r->ctx = ctx;
    ad_status s = open_files(r, ref, checkpoint, options);
    if (s == AD_OK) s = build_program(r);
    if (s == AD_OK) *out = r;
    else ad_trained_free(r);
    return s;
}

const ad_model *ad_trained_model(const ad_trained *r)
{
    return r->model;
}

ad_params *ad_trained_params(ad_trained *r)
{
    return r->params;
}

ad_experiment *ad_trained_experiment(ad_trained *r)
{
    return r->x;
}

int64_t ad_trained_step(const ad_trained *r)
{
    return r->about.step;
}

const char *ad_trained_checkpoint(const ad_trained *r)
{
    return r->checkpoint;
}

int ad_trained_classes(const ad_trained *r)
{
    return r->frame.classes;
}

ad_status ad_trained_data(ad_trained *r, ad_dataset **out)
{
    if (!r->data) AD_TRY(ad__data_open(ad_ctx_error(r->ctx), &r->x->plans[0].config, &r->data));
    *out = r->data;
    return AD_OK;
}

/* Probabilities and labels of one row of the program, on the model's grid. */
static void read_row(ad_trained *r, int row)
{
    int64_t pixels = (int64_t)r->frame.height * r->frame.width;
    int C = r->frame.classes;
    const float *p = (const float *)ad_program_data(r->program, r->probabilities) + row * pixels * r->channels;
    for (int64_t i = 0; i < pixels; i++) {
        float *q = r->p_buffer + i * C;
        if (r->channels == 1) {
            q[0] = 1 - p[i];
            q[1] = p[i];
        } else {
            memcpy(q, p + i * C, sizeof *q * (size_t)C);
        }
        int best = 0;
        for (int c = 1; c < C; c++)
            if (q[c] > q[best]) best = c;
        r->y_buffer[i] = (uint8_t)best;
    }
}

ad_status ad_draw(ad_trained *r, const ad_item *image, uint64_t item, int n, uint8_t *labels, float *probabilities)
{
    ad_error *e = ad_ctx_error(r->ctx);
    const ad__config *c = &r->x->plans[0].config;
    ad_fit fit = (ad_fit)c->data_fit;
    const ad__frame *f = &r->frame;
    int64_t pixels = (int64_t)image->height * image->width;
    AD_TRY(ad_fit_check(e, fit, image->height, image->width, f->height, f->width));
    ad_fit_image(fit, image, f->height, f->width, r->x_buffer);
    AD_TRY(ad__feed_image(e, r->model, r->recorded, r->program, f, r->x_buffer));
    for (int k = 0; k < n; k++) {
        if (k % r->rows == 0 && (k == 0 || r->rows > 1)) {
            const ad_run_options run = { .seed = (uint64_t)c->seed, .step = item, .draw = (uint32_t)(k / r->rows) };
            AD_TRY(ad_run(r->program, &run));
        }
        read_row(r, k % r->rows);
        ad_unfit_labels(fit, f->height, f->width, r->y_buffer, image->height, image->width, labels + k * pixels);
        if (probabilities)
            ad_unfit_probabilities(fit, f->height, f->width, f->classes, r->p_buffer, image->height, image->width,
                                   probabilities + k * pixels * f->classes);
    }
    return AD_OK;
}

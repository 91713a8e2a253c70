/*
 * feed.c - from batches and images to the inputs of a program, by the kind that the model gives each input.
 */
#include "experiments/experiment.h"

#include <string.h>

static const ad_model_input *declared(const ad_model *m, const char *name, ad_model_input *in)
{
    for (int i = 0; ad_model_input_at(m, i, in); i++)
        if (!strcmp(in->name, name)) return in;
    return NULL;
}

/* Classes that an input stands for: of a one-channel 0/1 mask two. 0 where the input does not tell. */
static int classes_of(const ad_model_input *in)
{
    if (in->kind != AD_INPUT_ONEHOT) return 0;
    int64_t c = in->shape.dim[in->shape.rank - 1];
    return c == 1 ? 2 : (int)c;
}

ad_status ad__frame_of(ad_error *e, const ad_model *m, const ad_dataset *d, ad_fit fit, ad__frame *f)
{
    ad_model_input in;
    int height, width, classes;
    ad_dataset_size(d, &height, &width, NULL, &classes);
    *f = (ad__frame){ .classes = classes };
    for (int i = 0; ad_model_input_at(m, i, &in); i++) {
        if (in.shape.rank < 3) return AD_FAIL(e, EUSAGE, "%s: input '%s' is not an image", ad_model_name(m), in.name);
        int h = (int)in.shape.dim[1], w = (int)in.shape.dim[2], c = classes_of(&in);
        if (i == 0) {
            f->height = h;
            f->width = w;
        }
        if (h != f->height || w != f->width)
            return AD_FAIL(e, EUSAGE, "%s: input '%s' is %dx%d, others are %dx%d", ad_model_name(m), in.name, h, w, f->height, f->width);
        if (c && c != classes)
            return AD_FAIL(e, EUSAGE, "%s has %d classes, the data set '%s' has %d; set classes=%d", ad_model_name(m), c,
                           ad_dataset_source(d)->name, classes, classes);
    }
    return ad_fit_check(e, fit, height, width, f->height, f->width);
}

/* Grey into every channel of an image. */
static void put_image(int64_t pixels, int64_t channels, const float *x, float *out)
{
    for (int64_t i = 0; i < pixels; i++)
        for (int64_t c = 0; c < channels; c++) out[i * channels + c] = x[i];
}

static void put_labels(const ad_model_input *in, int64_t pixels, int64_t channels, const ad_batch *b, void *out)
{
    float *real = out;
    switch (in->kind) {
    case AD_INPUT_LABELS: memcpy(out, b->labels, sizeof *b->labels * (size_t)pixels); break;
    case AD_INPUT_ONEHOT:
        if (channels > 1) memcpy(out, b->onehot, sizeof *b->onehot * (size_t)(pixels * channels));
        else
            for (int64_t i = 0; i < pixels; i++) real[i] = (float)b->labels[i];
        break;
    case AD_INPUT_SCALED:
        for (int64_t i = 0; i < pixels; i++) real[i] = (float)b->labels[i] / (float)(b->classes - 1);
        break;
    default:
        for (int64_t i = 0; i < pixels * channels; i++) real[i] = 1;
    }
}

ad_status ad__feed(ad_error *e, const ad_model *m, const ad_recorded *r, ad_program *p, const ad_batch *b)
{
    ad_bind bind;
    for (int i = 0; ad_recorded_input_at(r, i, &bind); i++) {
        ad_model_input in;
        void *out = ad_program_data(p, bind.value);
        if (!declared(m, bind.name, &in) || !out) continue;
        int64_t pixels = (int64_t)b->size * b->height * b->width, channels = ad_count(ad_tensor_shape(bind.value)) / pixels;
        if (in.kind == AD_INPUT_IMAGE) put_image(pixels, channels, b->x, out);
        else put_labels(&in, pixels, channels, b, out);
    }
    return AD_OK;
}

ad_status ad__feed_image(ad_error *e, const ad_model *m, const ad_recorded *r, ad_program *p, const ad__frame *f, const float *x)
{
    ad_bind bind;
    for (int i = 0; ad_recorded_input_at(r, i, &bind); i++) {
        ad_model_input in;
        float *out = ad_program_data(p, bind.value);
        if (!declared(m, bind.name, &in) || !out) continue;
        int64_t pixels = (int64_t)f->height * f->width, rows = ad_tensor_shape(bind.value)->dim[0];
        int64_t channels = ad_count(ad_tensor_shape(bind.value)) / (rows * pixels);
        if (in.target) return AD_FAIL(e, EUSAGE, "%s: a program that draws needs the target '%s'", ad_model_name(m), in.name);
        for (int64_t row = 0; row < rows; row++) {
            float *at = out + row * pixels * channels;
            if (in.kind == AD_INPUT_IMAGE) put_image(pixels, channels, x, at);
            else
                for (int64_t j = 0; j < pixels * channels; j++) at[j] = 1;
        }
    }
    return AD_OK;
}

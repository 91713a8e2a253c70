/*
 * step - adze's side of bench/compare.py: `step REF BATCH WEIGHTS BATCHFILE [PROFILE [MIB [NAME=VALUE...]]]` saves its starting weights, a batch and the
 * noise of every site (`-` for both files: saves nothing and knows step, profile, probe and limits alone), then answers each word that it
 * reads with one line of JSON:
 *
 *   loss    the training loss of the saved batch with the saved noise; before the first step or sample, which give its memory back
 *   step    one training step (forward, backward, Adam): seconds, peak memory
 *   mean    the size of the logits when every latent is its mean; likewise
 *   sample  sixteen draws of one image: seconds, peak memory
 *   profile the seconds of the steps since the last profile; the time by record and by op goes to the error stream
 *   probe   multiply-adds a second of one core, in GFLOP/s: how quiet the machine is
 *   limits  the same of all threads of adze, and of memory in GB/s
 */
#define _POSIX_C_SOURCE 200809L

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "adze.h"
#include "ops/kernels/limits.h"

#define DRAWS 16

typedef struct bench {
    ad_ctx *ctx;
    ad_model *model;
    ad_params *params;
    ad_recorded *fixed, *drawn, *means, *sampled;
    ad_program *loss, *step, *mean, *sample;
    ad_tensor *logits;             /* of `mean` */
    ad_optim *adam;
    int64_t batch, steps, profiled;          /* steps in all, and when the profile began */
    size_t memory;                 /* budget of a training step's arena; 0: none */
    const char *weights_file, *batch_file;
    bool step_alone;
} bench;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* On the calling thread; short enough to stand beside every measurement. */
static double probe(ad_isa isa)
{
    enum { STEPS = 400000 };
    double start = now(), done = ad__limit_fma((int)isa, STEPS);
    return 2e-9 * done / (now() - start);
}

/* A random class for every pixel of a one-hot target, normal numbers for images and the noise of latents ("eps/..z[..]"), uniform ones
 * for any other noise: it drops or chooses. */
static void fill_input(const ad_bind *in, float *data)
{
    const ad_shape *s = ad_tensor_shape(in->value);
    int64_t n = ad_count(s), classes = s->rank ? s->dim[s->rank - 1] : 1;
    uint64_t key = ad_key(1, "bench", in->name);
    if (strcmp(in->name, "y") != 0) {
        bool uniform = strncmp(in->name, "eps/", 4) == 0 && !strstr(in->name, "/z[");
        for (int64_t i = 0; i < n; i++) data[i] = (float)(uniform ? ad_uniform(key, 0, 0, (uint64_t)i) : ad_normal(key, 0, 0, (uint64_t)i));
        return;
    }
    memset(data, 0, (size_t)n * sizeof *data);
    for (int64_t i = 0; i < n; i += classes) data[i + (int64_t)(ad_uniform(key, 0, 0, (uint64_t)i) * (double)classes)] = 1;
}

static void fill(ad_recorded *r, ad_program *p)
{
    ad_bind in;
    ad_recorded_scalar scalar;
    for (int i = 0; ad_recorded_input_at(r, i, &in); i++)
        if (ad_program_data(p, in.value)) fill_input(&in, ad_program_data(p, in.value));
    for (int i = 0; ad_recorded_scalar_at(r, i, &scalar); i++)
        if (ad_program_data(p, scalar.input)) *(float *)ad_program_data(p, scalar.input) = (float)scalar.standard;
}

static ad_status save_batch(bench *b)
{
    ad_array arrays[64] = { 0 };
    ad_bind in;
    int n = 0;
    for (int i = 0; n < 64 && ad_recorded_input_at(b->fixed, i, &in); i++) {
        const ad_shape *s = ad_tensor_shape(in.value);
        void *data = ad_program_data(b->loss, in.value);
        if (!data || s->dtype != AD_REAL) continue;
        ad_array *a = &arrays[n++];
        a->name = in.name;
        a->type = AD_ELEMENT_F32;
        a->rank = s->rank;
        for (int k = 0; k < s->rank; k++) a->dim[k] = s->dim[k];
        a->bytes = ad_shape_bytes(s, AD_F32);
        a->data = data;
    }
    return ad_safetensors_write(ad_ctx_error(b->ctx), b->batch_file, n, arrays, 0, NULL);
}

static ad_status prepare_loss(bench *b)
{
    const ad_choice noise = { "*", AD_CHOICE_NOISE, NULL };
    ad_tape *t = ad_tape_new(b->ctx, AD_F32);
    AD_TRY(ad_model_record(b->model, "train", t, b->params, &(ad_record_options){ .batch = b->batch, .n_choices = 1, .choices = &noise, .no_commits = true },
                           &b->fixed));
    ad_tensor *loss = ad_recorded_loss(b->fixed);
    AD_TRY(ad_compile(t, 1, &loss, &(ad_plan_options){ .no_commits = true }, &b->loss));
    fill(b->fixed, b->loss);
    return save_batch(b);
}

static ad_status prepare_step(bench *b)
{
    ad_tape *t = ad_tape_new(b->ctx, AD_F32);
    AD_TRY(ad_model_record(b->model, "train", t, b->params, &(ad_record_options){ .batch = b->batch }, &b->drawn));
    int n = ad_recorded_wrt_count(b->drawn);
    ad_tensor *loss = ad_recorded_loss(b->drawn), *const *wrt = ad_recorded_wrt(b->drawn);
    ad_tensor **grads = calloc((size_t)n, sizeof *grads);
    ad_optim_weight *weights = calloc((size_t)n, sizeof *weights);
    if (!grads || !weights) return AD_FAIL(ad_ctx_error(b->ctx), ENOMEM, "step: out of memory");
    AD_TRY(ad_gradients(t, loss, n, wrt, grads));
    for (int i = 0; i < n; i++) weights[i] = (ad_optim_weight){ wrt[i], grads[i], 1, 1 };
    AD_TRY(ad_optim_new(ad_ctx_error(b->ctx), "adam", "", NULL, &b->adam));
    AD_TRY(ad_optim_record(b->adam, t, b->params, n, weights));
    AD_TRY(ad_compile(t, 1, &loss, &(ad_plan_options){ .guard = loss, .memory = b->memory }, &b->step));
    free(grads);
    free(weights);
    fill(b->drawn, b->step);
    return AD_OK;
}

/* The program `sample` in evaluation, for one image: with the latents' means, or with all draws at once. */
static ad_status prepare_sampling(bench *b, bool means, ad_recorded **recorded, ad_program **program)
{
    const ad_choice mean = { "*", AD_CHOICE_MEAN, NULL };
    const ad_record_options o = { .batch = 1, .draws = means ? 1 : DRAWS, .mode = AD_MODE_EVAL, .no_commits = true,
                                  .n_choices = means, .choices = &mean };
    ad_tape *t = ad_tape_new(b->ctx, AD_F32);
    AD_TRY(ad_model_record(b->model, "sample", t, b->params, &o, recorded));
    ad_tensor *out = ad_recorded_output(*recorded, "logits");
    if (means) b->logits = out;
    else out = ad_softmax(t, out);
    AD_TRY(ad_compile(t, 1, &out, &(ad_plan_options){ .no_commits = true }, program));
    fill(*recorded, *program);
    return AD_OK;
}

static ad_status prepare(bench *b, const char *ref, const ad_model_options *o)
{
    ad_error *e = ad_ctx_error(b->ctx);
    AD_TRY(ad_model_open(b->ctx, ref, o, NULL, &b->model));
    AD_TRY(ad_model_params(b->model, AD_F32, &b->params));
    AD_TRY(ad_params_init(b->params, AD_SLOT_PARAM, 1));
    AD_TRY(ad_params_init(b->params, AD_SLOT_STATE, 1));
    if (b->step_alone) return prepare_step(b);
    AD_TRY(ad_checkpoint_save(e, b->weights_file, b->params, &(ad_checkpoint){ .seed = 1 }));
    AD_TRY(prepare_loss(b));
    if (ad_model_has_program(b->model, "sample")) {
        AD_TRY(prepare_sampling(b, true, &b->means, &b->mean));
        AD_TRY(prepare_sampling(b, false, &b->sampled, &b->sample));
    }
    return prepare_step(b);
}

static void print_time(double seconds)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"seconds\": %.6f, \"rss_kib\": %ld}\n", seconds, usage.ru_maxrss);
}

/* Time by record (those above 0.4 %) and by op, of the steps since the last profile; the seconds in all. */
static ad_status profile(bench *b, double *total)
{
    ad_step_info s;
    ad_profile_row *rows;
    int n;
    double steps = b->steps > b->profiled ? (double)(b->steps - b->profiled) : 1;
    AD_TRY(ad_program_sums(b->step, AD_BY_OP, &rows, &n));
    *total = 0;
    for (int k = 0; k < n; k++) *total += rows[k].seconds;
    for (int i = 0; ad_program_step(b->step, i, &s); i++)
        if (s.seconds > 0.004 * *total) fprintf(stderr, "%6.2f%% %-28s %8.2f ms %8.1f GFLOP/s  %s\n", 100 * s.seconds / *total, s.op,
                                                1e3 * s.seconds / steps, 2e-9 * s.cost.macs * steps / s.seconds, s.path ? s.path : "");
    for (int k = 0; k < n; k++)
        fprintf(stderr, "%6.2f%% %-28s %8.2f ms %8.1f GFLOP/s %7.1f GB/s  %d records\n", 100 * rows[k].seconds / *total, rows[k].op,
                1e3 * rows[k].seconds / steps, 2e-9 * rows[k].cost.macs * steps / rows[k].seconds, 1e-9 * rows[k].cost.bytes * steps / rows[k].seconds,
                rows[k].steps);
    free(rows);
    b->profiled = b->steps;
    ad_program_profile(b->step, true);
    return AD_OK;
}

/* A program's memory counts in the process's peak once it has run, so those that are no longer asked for go. */
static void drop(ad_program **p)
{
    ad_program_free(*p);
    *p = NULL;
}

static ad_status answer(bench *b, const char *word)
{
    if ((strcmp(word, "loss") == 0 && !b->loss) || (strcmp(word, "mean") == 0 && !b->mean))
        return AD_FAIL(ad_ctx_error(b->ctx), EUSAGE, "step: %s is asked too late, or of a model that has none", word);
    if (strcmp(word, "probe") == 0) {
        printf("{\"gflops\": %.1f}\n", probe(ad_ctx_isa(b->ctx)));
    } else if (strcmp(word, "limits") == 0) {
        ad_limits l;
        AD_TRY(ad_limits_measure(b->ctx, &l));
        printf("{\"gflops\": %.1f, \"gbytes\": %.2f}\n", 1e-9 * l.flops, 1e-9 * l.bytes);
    } else if (strcmp(word, "loss") == 0) {
        AD_TRY(ad_run(b->loss, NULL));
        printf("{\"loss\": %.9g}\n", (double)*(float *)ad_program_data(b->loss, ad_recorded_loss(b->fixed)));
    } else if (strcmp(word, "profile") == 0) {
        double total;
        AD_TRY(profile(b, &total));
        printf("{\"seconds\": %.6f}\n", total);
    } else if (strcmp(word, "mean") == 0) {
        AD_TRY(ad_run(b->mean, NULL));
        const float *logits = ad_program_data(b->mean, b->logits);
        double size = 0;
        int64_t n = ad_count(ad_tensor_shape(b->logits));
        for (int64_t i = 0; i < n; i++) size += fabs((double)logits[i]);
        printf("{\"mean\": %.9g}\n", size / (double)n);
    } else if (strcmp(word, "sample") == 0 && b->sample) {
        drop(&b->loss);
        drop(&b->mean);
        double start = now();
        AD_TRY(ad_run(b->sample, &(ad_run_options){ .seed = 1, .step = (uint64_t)b->steps }));
        print_time(now() - start);
    } else {
        drop(&b->loss);
        drop(&b->mean);
        double start = now();
        ad_optim_set(b->adam, b->step, b->steps, 1e-3);
        AD_TRY(ad_run(b->step, &(ad_run_options){ .seed = 1, .step = (uint64_t)b->steps++ }));
        print_time(now() - start);
    }
    fflush(stdout);
    return AD_OK;
}

int main(int argc, char **argv)
{
    if (argc < 5) return fprintf(stderr, "usage: step REF BATCH WEIGHTS BATCHFILE [PROFILE [MIB [NAME=VALUE...]]]\n"), 2;
    bench b = { .ctx = ad_new(NULL), .batch = strtol(argv[2], NULL, 10), .weights_file = argv[3], .batch_file = argv[4] };
    char word[64];
    b.step_alone = strcmp(b.weights_file, "-") == 0;
    if (argc > 6) b.memory = (size_t)strtol(argv[6], NULL, 10) << 20;
    const ad_model_options o = { .profile = argc > 5 && *argv[5] ? argv[5] : NULL, .n_set = argc > 7 ? argc - 7 : 0,
                                 .set = argc > 7 ? (const char *const *)argv + 7 : NULL };
    ad_status s = prepare(&b, argv[1], &o);
    if (s == AD_OK) {
        ad_program_profile(b.step, true);
        printf("{\"parameters\": %lld, \"arena\": %zu, \"macs\": %.0f}\n", (long long)ad_params_elements(b.params, AD_SLOT_PARAM), ad_program_arena(b.step),
               ad_program_macs(b.step));
        fflush(stdout);
    }
    while (s == AD_OK && fgets(word, sizeof word, stdin)) {
        word[strcspn(word, "\n")] = '\0';
        s = answer(&b, word);
    }
    if (s != AD_OK) fprintf(stderr, "%s\n", ad_ctx_message(b.ctx));
    return ad_status_exit(s);
}

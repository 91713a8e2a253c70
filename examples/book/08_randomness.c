/*
 * 08_randomness - gradients through random numbers, and random numbers without a state.
 *
 * The derivative by m of the mean of z^2, z normal around m with deviation s, is 2 m. Two estimators of it from the same draws:
 * through the draw (z = m + s e, "reparameterised") and by the density ("score function"). Then what a draw is a function of, and
 * that a training run gives the same bits for any number of threads.
 */
#include <adze/adze.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Each of the N draws has its own copy of m, so the gradient by m shows what each contributes. */
static int estimators(ad_ctx *ctx, double s)
{
    enum { N = 4096 };
    const ad_shape draws = { 1, { N } };
    const double m = 1, by_hand[2] = { 4 * s * s, (1 + 18 * s * s + 15 * s * s * s * s) / (s * s) - 4 };
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tape_at(t, &(ad_place){ .path = "noise" });
    ad_tensor *mean = ad_broadcast_to(t, ad_scalar(t, m), &draws), *e = ad_draw_normal(t, &draws), *through, *score;
    ad_tensor *z = ad_add(t, mean, ad_scale(t, e, s)), *held = ad_stop_gradient(t, z);
    ad_tensor *log_density = ad_scale(t, ad_square(t, ad_sub(t, held, mean)), -0.5 / (s * s));
    ad_tensor *surrogate = ad_sum(t, ad_mul(t, ad_square(t, held), log_density), NULL, false);
    if (ad_gradients(t, ad_sum(t, ad_square(t, z), NULL, false), 1, &mean, &through) != AD_OK) return 1;
    if (ad_gradients(t, surrogate, 1, &mean, &score) != AD_OK) return 1;
    ad_tensor *const estimate[] = { through, score };
    for (int k = 0; k < 2; k++)
        printf("s = %.2f, %-16s mean %4.1f, variance of one draw %6.1f, by hand %6.1f\n", s, k == 0 ? "through the draw:" : "by the density:",
               ad_value(ad_mean(t, estimate[k], NULL, false), 0), ad_value(ad_var(t, estimate[k], NULL, false, false), 0), by_hand[k]);
    ad_tape_free(t);
    return 0;
}

/* Element 2 of the site `path` at a step, drawn on a tape that may have drawn other things before. */
static double element(ad_ctx *ctx, const char *path, uint64_t step, bool others_first)
{
    const ad_shape four = { 1, { 4 } };
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tape_random(t, 7, step, 0);
    if (others_first) {
        ad_tape_at(t, &(ad_place){ .path = "other" });
        ad_value(ad_draw_normal(t, &(ad_shape){ 1, { 1000 } }), 0);
    }
    ad_tape_at(t, &(ad_place){ .path = path });
    double v = ad_value(ad_draw_normal(t, &four), 2);
    ad_tape_free(t);
    return v;
}

/* Trains a net with dropout for 10 steps; its weights as a hash. */
static int train(const ad_options *options, char hex[65])
{
    enum { N = 64, WIDE = 48 };
    ad_ctx *ctx = ad_new(options);
    ad_params *p = ad_params_new(ctx, AD_F32);
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_tensor *w[2], *g[2], *x = ad_draw_normal(t, &(ad_shape){ 2, { N, WIDE } });
    const ad_shape square = { 2, { WIDE, WIDE } };
    ad_optim *adam;
    ad_program *step;
    for (int i = 0; i < 2; i++) {
        const char *path = i == 0 ? "a.w" : "b.w";
        if (ad_params_add(p, path, &square, AD_SLOT_PARAM, AD_LAYOUT_LINEAR, &(ad_init){ .name = "he_normal" }) != AD_OK) return 1;
        w[i] = ad_parameter(t, p, path);
    }
    ad_tape_at(t, &(ad_place){ .path = "dropout" });
    ad_tensor *h = ad_dropout(t, ad_tanh(t, ad_matmul(t, x, w[0], NULL)), NULL, &(ad_dropout_attr){ .rate = 0.2, .training = true });
    ad_tensor *loss = ad_mean(t, ad_square(t, ad_sub(t, ad_matmul(t, h, w[1], NULL), ad_sin(t, x))), NULL, false);
    if (ad_params_init(p, AD_SLOT_PARAM, 7) != AD_OK || ad_gradients(t, loss, 2, w, g) != AD_OK) return 1;
    if (ad_optim_new(ad_ctx_error(ctx), "adam", "", NULL, &adam) != AD_OK) return 1;
    if (ad_optim_record(adam, t, p, 2, (ad_optim_weight[]){ { w[0], g[0], 1, 1 }, { w[1], g[1], 1, 1 } }) != AD_OK) return 1;
    if (ad_compile(t, 1, &loss, NULL, &step) != AD_OK) return 1;
    for (int i = 0; i < 10; i++) {
        ad_optim_set(adam, step, i, 0.01);
        if (ad_run(step, &(ad_run_options){ .seed = 1, .step = (uint64_t)i }) != AD_OK) return 1;
    }
    ad_params_hash(p, hex);
    ad_optim_free(adam);
    ad_program_free(step);
    ad_tape_free(t);
    ad_params_free(p);
    ad_ctx_free(ctx);
    return 0;
}

int main(void)
{
    ad_ctx *ctx = ad_new(NULL);
    if (estimators(ctx, 0.5) || estimators(ctx, 0.1)) return fprintf(stderr, "%s\n", ad_ctx_message(ctx)), 1;
    double z = element(ctx, "z", 0, false);
    printf("\nelement 2 of site z %.6f; after a thousand other draws %.6f; at the next step %.6f; of site y %.6f\n", z, element(ctx, "z", 0, true),
           element(ctx, "z", 1, false), element(ctx, "y", 0, false));
    ad_ctx_free(ctx);

    char first[65], again[65];
    if (train(&(ad_options){ .threads = 1 }, first)) return 1;
    for (int threads = 2; threads <= 3; threads++) {
        if (train(&(ad_options){ .threads = threads }, again)) return 1;
        printf("10 training steps with dropout, %d threads and 1: %s bits\n", threads, strcmp(first, again) == 0 ? "the same" : "other");
    }
    return 0;
}

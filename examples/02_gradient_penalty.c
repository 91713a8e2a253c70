/*
 * 02_gradient_penalty - a loss that holds a gradient: how far are two clouds of points apart?
 *
 * Over all functions f whose slope is nowhere above 1, the largest difference of the means of f over the two clouds is their Wasserstein
 * distance. Here f is a net, and its slope by x is held at 1 by (|df/dx| - 1)^2 in the loss. The slope is recorded by ad_gradients as
 * ordinary records, so that the second call differentiates through it. The clouds are the same but for a shift by D = 2, which is their
 * distance. The penalty gives way a little: s D - 10 (s - 1)^2 is largest at slope s = 1 + D / 20 = 1.1. The quotient is the answer.
 */
#include <adze/adze.h>
#include <stdio.h>

enum { N = 128, HIDDEN = 32, STEPS = 600, WEIGHTS = 6 };

static ad_tensor *net(ad_tape *t, ad_tensor *const *w, ad_tensor *x)
{
    ad_tensor *h = ad_tanh(t, ad_linear(t, x, w[0], w[1]));
    return ad_linear(t, ad_tanh(t, ad_linear(t, h, w[2], w[3])), w[4], w[5]);
}

int main(void)
{
    ad_ctx *ctx = ad_new(NULL);
    ad_params *p = ad_params_new(ctx, AD_F32);
    const char *path[WEIGHTS] = { "a.w", "a.b", "b.w", "b.b", "c.w", "c.b" };
    const ad_shape shape[WEIGHTS] = { { 2, { 2, HIDDEN } }, { 1, { HIDDEN } }, { 2, { HIDDEN, HIDDEN } }, { 1, { HIDDEN } }, { 2, { HIDDEN, 1 } },
                                      { 1, { 1 } } };
    const ad_init init[] = { { .name = "xavier_uniform" }, { .name = "zeros" } };
    for (int i = 0; i < WEIGHTS; i++)
        if (ad_params_add(p, path[i], &shape[i], AD_SLOT_PARAM, i % 2 ? AD_LAYOUT_PLAIN : AD_LAYOUT_LINEAR, &init[i % 2]) != AD_OK) return 1;
    if (ad_params_init(p, AD_SLOT_PARAM, 5) != AD_OK) return 1;

    ad_tape *t = ad_tape_new(ctx, AD_F32);
    const ad_shape cloud = { 2, { N, 2 } };
    const ad_ints coordinates = { 1, { 1 } };
    ad_tensor *w[WEIGHTS], *g[WEIGHTS], *slope, *here = ad_input(t, "here", &cloud), *there = ad_input(t, "there", &cloud);
    ad_tensor *between = ad_input(t, "between", &cloud);
    for (int i = 0; i < WEIGHTS; i++) w[i] = ad_parameter(t, p, path[i]);
    ad_tensor *difference = ad_sub(t, ad_mean(t, net(t, w, there), NULL, false), ad_mean(t, net(t, w, here), NULL, false));
    if (ad_gradients(t, ad_sum(t, net(t, w, between), NULL, false), 1, &between, &slope) != AD_OK) return 1;
    ad_tensor *steepness = ad_sqrt(t, ad_shift(t, ad_sum(t, ad_square(t, slope), &coordinates, false), 1e-12));
    ad_tensor *penalty = ad_mean(t, ad_square(t, ad_shift(t, steepness, -1)), NULL, false), *mean = ad_mean(t, steepness, NULL, false);
    ad_tensor *loss = ad_sub(t, ad_scale(t, penalty, 10), difference), *shown[] = { difference, mean };

    ad_optim *adam;
    ad_optim_weight update[WEIGHTS];
    ad_program *step;
    if (ad_gradients(t, loss, WEIGHTS, w, g) != AD_OK || ad_optim_new(ad_ctx_error(ctx), "adam", "", NULL, &adam) != AD_OK) return 1;
    for (int i = 0; i < WEIGHTS; i++) update[i] = (ad_optim_weight){ w[i], g[i], 1, 1 };
    if (ad_optim_record(adam, t, p, WEIGHTS, update) != AD_OK || ad_compile(t, 2, shown, NULL, &step) != AD_OK) return 1;

    for (int i = 0; i < STEPS; i++) {
        float *a = ad_program_data(step, here), *b = ad_program_data(step, there), *m = ad_program_data(step, between);
        for (int k = 0; k < 2 * N; k++) {
            a[k] = (float)(0.3 * ad_normal(1, (uint64_t)i, 0, (uint64_t)k));
            b[k] = (float)(0.3 * ad_normal(1, (uint64_t)i, 1, (uint64_t)k)) + (k % 2 ? 0 : 2);
            m[k] = a[k] + (float)ad_uniform(1, (uint64_t)i, 2, (uint64_t)(k / 2)) * (b[k] - a[k]);
        }
        ad_optim_set(adam, step, i, 0.005);
        if (ad_run(step, NULL) != AD_OK) return fprintf(stderr, "%s\n", ad_ctx_message(ctx)), 1;
        double apart = *(float *)ad_program_data(step, difference), steep = *(float *)ad_program_data(step, mean);
        if (i % 150 == 149) printf("step %d: means %.1f apart, slope %.1f, distance %.1f\n", i + 1, apart, steep, apart / steep);
    }
    ad_optim_free(adam);
    ad_program_free(step);
    ad_tape_free(t);
    ad_params_free(p);
    ad_ctx_free(ctx);
    return 0;
}

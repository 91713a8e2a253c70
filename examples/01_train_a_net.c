/* 01_train_a_net - a net with one hidden layer learns whether a point lies inside a circle: record, differentiate, plan, run. */
#include <adze/adze.h>
#include <stdio.h>

int main(void)
{
    enum { N = 64, HIDDEN = 16, STEPS = 400 };
    ad_ctx *ctx = ad_new(NULL);
    ad_params *p = ad_params_new(ctx, AD_F32);
    const char *path[] = { "hidden.w", "hidden.b", "out.w", "out.b" };
    const ad_shape shape[] = { { 2, { 2, HIDDEN } }, { 1, { HIDDEN } }, { 2, { HIDDEN, 1 } }, { 1, { 1 } } };
    const ad_init init[] = { { .name = "xavier_uniform" }, { .name = "zeros" } };
    for (int i = 0; i < 4; i++)
        if (ad_params_add(p, path[i], &shape[i], AD_SLOT_PARAM, i % 2 ? AD_LAYOUT_PLAIN : AD_LAYOUT_LINEAR, &init[i % 2]) != AD_OK) return 1;
    if (ad_params_init(p, AD_SLOT_PARAM, 7) != AD_OK) return 1;

    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_tensor *w[4], *g[4], *x = ad_input(t, "x", &(ad_shape){ 2, { N, 2 } }), *y = ad_input(t, "y", &(ad_shape){ 2, { N, 1 } });
    for (int i = 0; i < 4; i++) w[i] = ad_parameter(t, p, path[i]);
    ad_tensor *h = ad_tanh(t, ad_linear(t, x, w[0], w[1]));
    ad_tensor *loss = ad_mean(t, ad_square(t, ad_sub(t, ad_sigmoid(t, ad_linear(t, h, w[2], w[3])), y)), NULL, false);
    ad_optim *sgd;
    ad_optim_weight update[4];
    ad_program *step;
    if (ad_gradients(t, loss, 4, w, g) != AD_OK || ad_optim_new(ad_ctx_error(ctx), "sgd", "momentum=0.9", NULL, &sgd) != AD_OK) return 1;
    for (int i = 0; i < 4; i++) update[i] = (ad_optim_weight){ w[i], g[i], 1, 1 };
    if (ad_optim_record(sgd, t, p, 4, update) != AD_OK || ad_compile(t, 1, &loss, NULL, &step) != AD_OK) return 1;

    for (int i = 0; i < STEPS; i++) {
        float *points = ad_program_data(step, x), *inside = ad_program_data(step, y);
        for (int k = 0; k < N; k++) {
            for (int c = 0; c < 2; c++) points[2 * k + c] = (float)(4 * ad_uniform(1, (uint64_t)i, 0, (uint64_t)(2 * k + c)) - 2);
            inside[k] = points[2 * k] * points[2 * k] + points[2 * k + 1] * points[2 * k + 1] < 1;
        }
        ad_optim_set(sgd, step, i, 0.5);
        if (ad_run(step, NULL) != AD_OK) return fprintf(stderr, "%s\n", ad_ctx_message(ctx)), 1;
        if (i % 100 == 99) printf("step %d: loss %.4f\n", i + 1, *(float *)ad_program_data(step, loss));
    }
    ad_optim_free(sgd);
    ad_program_free(step);
    ad_tape_free(t);
    ad_params_free(p);
    ad_ctx_free(ctx);
    return 0;
}

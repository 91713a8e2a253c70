/*
 * An op from a shared object of its own (snake.c): loaded by path, checked, then used like any other. Trains a net
 * with one hidden layer to follow a sine over several periods.
 */
#include <adze/adze.h>

#include <math.h>
#include <stdio.h>

#define STEPS 400

int main(int argc, char **argv)
{
    enum { N = 64, HIDDEN = 16 };
    float x[N], y[N];
    const ad_shape column = { 2, { N, 1 } }, w1 = { 2, { 1, HIDDEN } }, b1 = { 1, { HIDDEN } }, w2 = { 2, { HIDDEN, 1 } };
    const struct { const char *name; const ad_shape *shape; ad_init init; } weights[] = {
        { "w1", &w1, { "normal", { 1 } } }, { "b1", &b1, { "normal", { 1 } } }, { "w2", &w2, { "normal", { 0.1 } } },
    };
    ad_ctx *ctx = ad_new(NULL);
    ad_error *e = ad_ctx_error(ctx);
    ad_params *params = ad_params_new(ctx, AD_F32);
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_tensor *w[3], *grads[3];
    ad_optim_weight update[3];
    ad_optim *adam = NULL;
    ad_program *step = NULL;

    if (ad_ctx_load_ops(ctx, argc > 1 ? argv[1] : "examples/snake.so") != AD_OK) goto done;
    for (int i = 0; i < 3; i++) {
        if (ad_params_add(params, weights[i].name, weights[i].shape, AD_SLOT_PARAM, AD_LAYOUT_PLAIN, &weights[i].init) != AD_OK) goto done;
        w[i] = ad_parameter(t, params, weights[i].name);
    }
    if (ad_params_init(params, AD_SLOT_PARAM, 1) != AD_OK) goto done;
    for (int i = 0; i < N; i++) {
        x[i] = 6 * ((float)i / (N - 1) - 0.5f);
        y[i] = (float)sin(3 * (double)x[i]);
    }

    ad_tensor *hidden = ad_linear(t, ad_constant(t, &column, x), w[0], w[1]);
    hidden = ad_apply(t, "snake", "frequency=2", 1, &hidden);
    ad_tensor *miss = ad_sub(t, ad_linear(t, hidden, w[2], NULL), ad_constant(t, &column, y)), *loss = ad_mean(t, ad_square(t, miss), NULL, false);
    if (ad_gradients(t, loss, 3, w, grads) != AD_OK || ad_optim_new(e, "adam", NULL, NULL, &adam) != AD_OK) goto done;
    for (int i = 0; i < 3; i++) update[i] = (ad_optim_weight){ w[i], grads[i], 1, 1 };
    if (ad_optim_record(adam, t, params, 3, update) != AD_OK) goto done;
    if (ad_compile(t, 1, &loss, &(ad_plan_options){ .guard = loss }, &step) != AD_OK) goto done;
    for (int i = 0; i <= STEPS; i++) {
        ad_optim_set(adam, step, i, 0.02);
        if (ad_run(step, NULL) != AD_OK) goto done;
        if (i % 200 == 0) printf("step %3d  mean square %.2f\n", i, (double)*(const float *)ad_program_data(step, loss));
    }
    ad_tensor *refused = ad_apply(t, "snake", "frequency=0", 1, &hidden);
    printf("%s\n", refused ? "" : ad_ctx_message(ctx));
    ad_error_clear(e);
done:
    if (e->status != AD_OK) fprintf(stderr, "%s\n", ad_ctx_message(ctx));
    int failed = e->status != AD_OK;
    ad_program_free(step);
    ad_optim_free(adam);
    ad_tape_free(t);
    ad_params_free(params);
    ad_ctx_free(ctx);
    return failed;
}

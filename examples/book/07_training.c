/*
 * 07_training - why the loss goes down, when it does not, and where the weights should start.
 *
 * On f = (a^2 + 50 b^2) / 2 every method can be followed by hand: a step of size r multiplies a by 1 - r and b by 1 - 50 r. Then
 * the spread of the activations in a net of 20 layers, for weights that start too small, right and too large.
 */
#include <adze/adze.h>
#include <math.h>
#include <stdio.h>

/* The loss after `steps` steps from (1, 1) with an optimiser of the table. */
static double descend(ad_ctx *ctx, const char *optimiser, const char *settings, double rate, int steps)
{
    const ad_shape two = { 1, { 2 } };
    ad_params *p = ad_params_new(ctx, AD_F64);
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_optim *how;
    ad_program *step;
    if (ad_params_add(p, "w", &two, AD_SLOT_PARAM, AD_LAYOUT_PLAIN, &(ad_init){ .name = "ones" }) != AD_OK) return NAN;
    if (ad_params_init(p, AD_SLOT_PARAM, 1) != AD_OK) return NAN;
    ad_tensor *w = ad_parameter(t, p, "w"), *curvature = ad_constant(t, &two, (double[]){ 1, 50 }), *g;
    ad_tensor *loss = ad_scale(t, ad_sum(t, ad_mul(t, curvature, ad_square(t, w)), NULL, false), 0.5);
    if (ad_gradients(t, loss, 1, &w, &g) != AD_OK || ad_optim_new(ad_ctx_error(ctx), optimiser, settings, NULL, &how) != AD_OK) return NAN;
    if (ad_optim_record(how, t, p, 1, &(ad_optim_weight){ w, g, 1, 1 }) != AD_OK || ad_compile(t, 1, &loss, NULL, &step) != AD_OK) return NAN;
    double last = NAN;
    for (int i = 0; i <= steps; i++) {
        ad_optim_set(how, step, i, rate);
        if (ad_run(step, NULL) != AD_OK) return NAN;
        last = *(double *)ad_program_data(step, loss);
    }
    ad_optim_free(how);
    ad_program_free(step);
    ad_tape_free(t);
    ad_params_free(p);
    return last;
}

/* Root mean square of the activations after each fifth layer of relu(x w), w normal with variance gain / WIDTH. */
static int spread(ad_ctx *ctx, double gain)
{
    enum { ROWS = 64, WIDTH = 128, LAYERS = 20 };
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_tape_random(t, 3, 0, 0);
    ad_tensor *h = ad_draw_normal(t, &(ad_shape){ 2, { ROWS, WIDTH } });
    printf("variance %.0f/n:", gain);
    for (int l = 1; l <= LAYERS; l++) {
        char path[16];
        snprintf(path, sizeof path, "w%d", l);
        ad_tape_at(t, &(ad_place){ .path = path });
        ad_tensor *w = ad_scale(t, ad_draw_normal(t, &(ad_shape){ 2, { WIDTH, WIDTH } }), sqrt(gain / WIDTH));
        h = ad_relu(t, ad_matmul(t, h, w, NULL));
        if (l % 5 == 0) printf("  layer %2d %7.0e", l, ad_value(ad_sqrt(t, ad_mean(t, ad_square(t, h), NULL, false)), 0));
    }
    printf("\n");
    ad_tape_free(t);
    return *ad_ctx_message(ctx) != 0;
}

int main(void)
{
    ad_ctx *ctx = ad_new(NULL);
    enum { STEPS = 100 };
    printf("loss of (a^2 + 50 b^2) / 2 after %d steps from (1, 1), where it is 25.5:\n", STEPS);
    printf("sgd, rate 0.020     %9.1e    by hand %9.1e\n", descend(ctx, "sgd", "", 0.02, STEPS), 0.5 * pow(0.98, 2 * STEPS));
    printf("sgd, rate 2/51      %9.1e    by hand %9.1e\n", descend(ctx, "sgd", "", 2.0 / 51, STEPS), 25.5 * pow(49.0 / 51, 2 * STEPS));
    printf("sgd, rate 0.041     %9.1e    above 2/50: it climbs\n", descend(ctx, "sgd", "", 0.041, STEPS));
    printf("momentum 0.75       %9.1e    rate 0.06\n", descend(ctx, "sgd", "momentum=0.75", 0.06, STEPS));
    printf("adam, rate 0.1      %9.1e    the same in both directions\n", descend(ctx, "adam", "", 0.1, STEPS));
    int bad = *ad_ctx_message(ctx) != 0;
    printf("\nroot mean square of the activations of relu(x w):\n");
    for (double gain = 1; !bad && gain <= 4; gain *= 2) bad = spread(ctx, gain);
    if (bad) fprintf(stderr, "%s\n", ad_ctx_message(ctx));
    ad_ctx_free(ctx);
    return bad;
}

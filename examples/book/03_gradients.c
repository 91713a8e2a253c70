/*
 * 03_gradients - a gradient is a value like any other: it can be differentiated again.
 *
 * Derivatives one to four of exp(sin x) by calling ad_gradients on its own result; then products J v and H v with Rosenbrock's
 * function, compared with its matrix written by hand; then Newton's method, whose matrix comes column by column from H v.
 */
#include <adze/adze.h>
#include <math.h>
#include <stdio.h>

static void four_times(ad_ctx *ctx)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    double at = 0.7, s = sin(at), c = cos(at), f = exp(s);
    const double by_hand[] = { f, f * c, f * (c * c - s), f * c * (c * c - 3 * s - 1), f * (c * c * c * c - (6 * s + 4) * c * c + 3 * s * s + s) };
    ad_tensor *x = ad_input(t, "x", &(ad_shape){ 0 }), *d = ad_exp(t, ad_sin(t, x));
    if (ad_set(x, &at) != AD_OK) return;
    for (int order = 0; order <= 4; order++) {
        ad_program *p;
        if (order > 0 && ad_gradients(t, d, 1, &x, &d) != AD_OK) return;
        if (ad_compile(t, 1, &d, NULL, &p) != AD_OK) return;
        printf("derivative %d: %9.6f, by hand %9.6f; %3d records on the tape, %2d steps when planned\n", order, ad_value(d, 0), by_hand[order],
               ad_tape_count(t), ad_program_records(p));
        ad_program_free(p);
    }
    ad_tape_free(t);
}

/* f = (1 - a)^2 + 100 (b - a^2)^2: a bent valley whose lowest point is (1, 1). */
static ad_tensor *rosenbrock(ad_tape *t, ad_tensor *ab)
{
    ad_tensor *a = ad_slice(t, ab, 0, 0, 1), *b = ad_slice(t, ab, 0, 1, 1);
    ad_tensor *valley = ad_scale(t, ad_square(t, ad_sub(t, b, ad_square(t, a))), 100);
    return ad_add(t, ad_square(t, ad_shift(t, ad_neg(t, a), 1)), valley);
}

static void newton(ad_ctx *ctx)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    const ad_shape two = { 1, { 2 } };
    ad_tensor *x = ad_input(t, "x", &two), *v = ad_input(t, "v", &two), *f = rosenbrock(t, x), *g, *hv, *jv;
    ad_program *p;
    if (ad_gradients(t, f, 1, &x, &g) != AD_OK || ad_jvp(t, 1, &f, 1, &x, &v, &jv) != AD_OK || ad_hvp(t, f, 1, &x, &v, &hv) != AD_OK) return;
    if (ad_compile(t, 4, (ad_tensor *[]){ f, g, jv, hv }, NULL, &p) != AD_OK) return;
    double *at = ad_program_data(p, x), *direction = ad_program_data(p, v), h[2][2], along[2];
    const double *value = ad_program_data(p, f), *slope = ad_program_data(p, g), *product = ad_program_data(p, hv), *rate = ad_program_data(p, jv);
    at[0] = -1.2, at[1] = 1;
    for (int step = 0; step <= 5; step++) {
        for (int k = 0; k < 2; k++) {
            direction[0] = k == 0, direction[1] = k == 1;
            if (ad_run(p, NULL) != AD_OK) return;
            h[0][k] = product[0], h[1][k] = product[1], along[k] = *rate;
        }
        if (step == 0) {
            printf("H v by columns (%.1f %.1f) (%.1f %.1f), by hand (%.1f %.1f) (%.1f %.1f)\n", h[0][0], h[1][0], h[0][1], h[1][1],
                   2 - 400 * (at[1] - 3 * at[0] * at[0]), -400 * at[0], -400 * at[0], 200.0);
            printf("J v by columns (%.1f) (%.1f), gradient (%.1f %.1f)\n", along[0], along[1], slope[0], slope[1]);
        }
        printf("Newton %d: at (%.4f, %.4f), f = %.1e\n", step, at[0], at[1], *value);
        double det = h[0][0] * h[1][1] - h[0][1] * h[1][0], g0 = slope[0], g1 = slope[1];
        at[0] -= (h[1][1] * g0 - h[0][1] * g1) / det;
        at[1] -= (h[0][0] * g1 - h[1][0] * g0) / det;
    }
    ad_program_free(p);
    ad_tape_free(t);
}

int main(void)
{
    ad_ctx *ctx = ad_new(NULL);
    four_times(ctx);
    newton(ctx);
    int bad = *ad_ctx_message(ctx) != 0;
    if (bad) fprintf(stderr, "%s\n", ad_ctx_message(ctx));
    ad_ctx_free(ctx);
    return bad;
}

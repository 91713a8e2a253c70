/*
 * 03_laplace - how sure is a model of its weights? Logistic regression, fitted by Newton's method and then described by the normal
 * distribution that fits its posterior at the top (Laplace's approximation): mean w, covariance H^-1.
 *
 * The second derivative H of the loss comes column by column from products H v with unit vectors v (ad_hvp): one program, run three times.
 */
#include <adze/adze.h>
#include <math.h>
#include <stdio.h>

enum { N = 40, W = 3 };

/* Solves a x = b for a symmetric positive a by Cholesky; a becomes its factor L. */
static void solve(double a[W][W], const double *b, double *x)
{
    for (int j = 0; j < W; j++)
        for (int i = j; i < W; i++) {
            double s = a[i][j];
            for (int k = 0; k < j; k++) s -= a[i][k] * a[j][k];
            a[i][j] = i == j ? sqrt(s) : s / a[j][j];
        }
    for (int i = 0; i < W; i++) {
        x[i] = b[i];
        for (int k = 0; k < i; k++) x[i] -= a[i][k] * x[k];
        x[i] /= a[i][i];
    }
    for (int i = W - 1; i >= 0; i--) {
        for (int k = i + 1; k < W; k++) x[i] -= a[k][i] * x[k];
        x[i] /= a[i][i];
    }
}

int main(void)
{
    ad_ctx *ctx = ad_new(NULL);
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    double x[N][W], y[N], w[W] = { 0 }, h[W][W], step[W];
    for (int i = 0; i < N; i++) {
        x[i][0] = 1;
        for (int k = 1; k < W; k++) x[i][k] = ad_normal(1, 0, 0, (uint64_t)(W * i + k));
        y[i] = ad_uniform(2, 0, 0, (uint64_t)i) < 1 / (1 + exp(-(0.5 + 2 * x[i][1] - x[i][2])));
    }
    /* Minus the log of the posterior, with a standard normal prior on the weights. */
    ad_tensor *weights = ad_input(t, "w", &(ad_shape){ 2, { W, 1 } }), *v = ad_input(t, "v", &(ad_shape){ 2, { W, 1 } }), *gradient, *product;
    ad_tensor *logit = ad_matmul(t, ad_constant(t, &(ad_shape){ 2, { N, W } }, x), weights, NULL);
    ad_tensor *likelihood = ad_sum(t, ad_sub(t, ad_softplus(t, logit), ad_mul(t, logit, ad_constant(t, &(ad_shape){ 2, { N, 1 } }, y))), NULL, false);
    ad_tensor *loss = ad_add(t, likelihood, ad_scale(t, ad_sum(t, ad_square(t, weights), NULL, false), 0.5));
    ad_program *p;
    if (ad_gradients(t, loss, 1, &weights, &gradient) != AD_OK || ad_hvp(t, loss, 1, &weights, &v, &product) != AD_OK) return 1;
    if (ad_compile(t, 3, (ad_tensor *[]){ loss, gradient, product }, NULL, &p) != AD_OK) return 1;

    for (int newton = 0; newton <= 4; newton++) {
        for (int column = 0; column < W; column++) {
            for (int k = 0; k < W; k++) {
                ((double *)ad_program_data(p, weights))[k] = w[k];
                ((double *)ad_program_data(p, v))[k] = k == column;
            }
            if (ad_run(p, NULL) != AD_OK) return fprintf(stderr, "%s\n", ad_ctx_message(ctx)), 1;
            for (int k = 0; k < W; k++) h[k][column] = ((double *)ad_program_data(p, product))[k];
        }
        const double *g = ad_program_data(p, gradient);
        printf("Newton %d: loss %.6f, gradient %.0e\n", newton, *(double *)ad_program_data(p, loss), sqrt(g[0] * g[0] + g[1] * g[1] + g[2] * g[2]));
        if (newton == 4) break;
        solve(h, g, step);
        for (int k = 0; k < W; k++) w[k] -= step[k];
    }
    for (int k = 0; k < W; k++) {
        double a[W][W], unit[W] = { 0 }, column[W];
        for (int i = 0; i < W * W; i++) a[i / W][i % W] = h[i / W][i % W];
        unit[k] = 1;
        solve(a, unit, column);
        printf("w%d = %5.2f +- %.2f\n", k, w[k], sqrt(column[k]));
    }
    ad_program_free(p);
    ad_tape_free(t);
    ad_ctx_free(ctx);
    return 0;
}

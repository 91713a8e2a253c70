/*
 * 02_tape - a value that is read twice, and what a gradient costs.
 *
 * First u = x^2 feeds both sin(u) and u sin(u): its adjoint is a sum of two parts, and the walk prints it as it grows. Then the
 * derivative of a product x0 x1 .. x(n-1) by all n factors: the tape grows by a fixed multiple of its length, whatever n is. With
 * --dot the first tape is printed as a graph instead, gradient and all.
 */
#include <adze/adze.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void adjoint_that_grows(ad_ctx *ctx, bool dot)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    double at = 1.5, s = sin(at * at), c = cos(at * at);
    ad_tensor *x = ad_input(t, "x", &(ad_shape){ 0 });
    ad_tensor *u = ad_square(t, x);
    ad_tensor *v = ad_sin(t, u);
    ad_tensor *w = ad_mul(t, u, v);
    if (ad_set(x, &at) != AD_OK || ad_gradients_begin(t, w, 1, &x) != AD_OK) return;
    if (dot) {
        while (ad_gradients_step(t) >= 0) continue;
        char *graph = ad_tape_dot(t);
        printf("%s", graph);
        free(graph);
        ad_tape_free(t);
        return;
    }
    char *text = ad_tape_text(t);
    printf("%s", text);
    free(text);
    for (int record; (record = ad_gradients_step(t)) >= 0;) {
        ad_tensor *gv = ad_gradient(t, v), *gu = ad_gradient(t, u), *gx = ad_gradient(t, x);
        printf("back over record %d: adjoint of v %.6f, of u %.6f, of x %s", record, gv ? ad_value(gv, 0) : 0, gu ? ad_value(gu, 0) : 0,
               gx ? "" : "not yet\n");
        if (gx) printf("%.6f\n", ad_value(gx, 0));
    }
    printf("by hand: v = %.6f, v + u cos u = %.6f, times 2x = %.6f\n", s, s + at * at * c, 2 * at * (s + at * at * c));
    ad_tape_free(t);
}

/* Records of x0 x1 .. x(n-1), and of all its n derivatives; and the adjoint of x0, to be compared with the product of the others. */
static void cost_of_all(ad_ctx *ctx, int n)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *x[64], *g[64], *y = NULL;
    double others = 1;
    for (int i = 0; i < n; i++) {
        double value = 1 + 0.01 * i;
        char name[16];
        snprintf(name, sizeof name, "x%d", i);
        x[i] = ad_input(t, name, &(ad_shape){ 0 });
        if (ad_set(x[i], &value) != AD_OK) return;
        if (i > 0) others *= value;
        y = i == 0 ? x[0] : ad_mul(t, y, x[i]);
    }
    int forward = ad_tape_count(t);
    if (ad_gradients(t, y, n, x, g) != AD_OK) return;
    printf("%2d factors: %2d records, %3d with all %2d derivatives; the first is %s\n", n, forward, ad_tape_count(t), n,
           fabs(ad_value(g[0], 0) / others - 1) < 1e-12 ? "right" : "wrong");
    ad_tape_free(t);
}

int main(int argc, char **argv)
{
    ad_ctx *ctx = ad_new(NULL);
    bool dot = argc > 1 && strcmp(argv[1], "--dot") == 0;
    adjoint_that_grows(ctx, dot);
    if (!dot) printf("\n");
    for (int n = 4; !dot && n <= 64; n *= 4) cost_of_all(ctx, n);
    int bad = *ad_ctx_message(ctx) != 0;
    if (bad) fprintf(stderr, "%s\n", ad_ctx_message(ctx));
    ad_ctx_free(ctx);
    return bad;
}

/*
 * 05_convolution - a convolution is a matrix with few different numbers in it, and its adjoint by the input is that matrix turned
 * over.
 *
 * The matrix of a convolution over one axis with stride 2 is read off by convolving unit vectors; the matrix of conv_by_input
 * likewise. Then the three readings of one sum: <g, conv(x, w)> = <x, conv_by_input(g, w)> = <w, conv_by_weight(x, g)>.
 */
#include <adze/adze.h>
#include <stdio.h>
#include <string.h>

enum { IN = 7, OUT = 4, KERNEL = 3 };
static const ad_conv_attr how = { .stride = { 1, { 2 } }, .padding = { 1, { 1 } }, .kernel = { 1, { KERNEL } }, .size = { 1, { IN } } };

/* Column k of the matrix of `map` is its value at the unit vector k. */
static int print_matrix(ad_program *p, const ad_tensor *in, const ad_tensor *out, int n_in, int n_out)
{
    double matrix[IN][IN] = { { 0 } }, *x = ad_program_data(p, in);
    const double *y = ad_program_data(p, out);
    for (int k = 0; k < n_in; k++) {
        memset(x, 0, (size_t)n_in * sizeof *x);
        x[k] = 1;
        if (ad_run(p, NULL) != AD_OK) return 1;
        for (int i = 0; i < n_out; i++) matrix[i][k] = y[i];
    }
    for (int i = 0; i < n_out; i++)
        for (int k = 0; k < n_in; k++)
            if (matrix[i][k] != 0) printf("%3.0f%s", matrix[i][k], k + 1 < n_in ? "" : "\n");
            else printf("  .%s", k + 1 < n_in ? "" : "\n");
    return 0;
}

static double dot(ad_tape *t, ad_tensor *a, ad_tensor *b)
{
    return ad_value(ad_sum(t, ad_mul(t, a, b), NULL, false), 0);
}

int main(void)
{
    ad_ctx *ctx = ad_new(NULL);
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    const double weights[KERNEL] = { 1, 2, 3 };
    ad_tensor *w = ad_constant(t, &(ad_shape){ 3, { KERNEL, 1, 1 } }, weights);
    ad_tensor *x = ad_input(t, "x", &(ad_shape){ 3, { 1, IN, 1 } }), *g = ad_input(t, "g", &(ad_shape){ 3, { 1, OUT, 1 } });
    ad_tensor *y = ad_conv(t, x, w, NULL, &how), *gx = ad_conv_by_input(t, g, w, NULL, &how), *gw = ad_conv_by_weight(t, x, g, &how);
    ad_program *forward, *back;
    if (ad_compile(t, 1, &y, NULL, &forward) != AD_OK || ad_compile(t, 1, &gx, NULL, &back) != AD_OK) return 1;
    printf("conv, weights 1 2 3, stride 2, padding 1: y = A x with A =\n");
    if (print_matrix(forward, x, y, IN, OUT)) return 1;
    printf("conv_by_input: gx = A' g with A' =\n");
    if (print_matrix(back, g, gx, OUT, IN)) return 1;
    ad_program_free(forward);
    ad_program_free(back);

    double values[IN];
    for (int i = 0; i < IN; i++) values[i] = ad_normal(1, 0, 0, (uint64_t)i);
    if (ad_set(x, values) != AD_OK || ad_set(g, values) != AD_OK) return 1;
    printf("one sum, read three times: <g, y> = %.6f, <x, gx> = %.6f, <w, gw> = %.6f\n", dot(t, g, y), dot(t, x, gx), dot(t, w, gw));
    ad_tape_free(t);
    ad_ctx_free(ctx);
    return 0;
}

/*
 * 04_broadcasting - shapes, and the adjoint of copying.
 *
 * A bias [C] added to an image [N,H,W,C] is copied N H W times, so its adjoint is a sum over as many pixels: the tape shows it.
 * Then the dot-product test: for a linear map A, the numbers <A x, u> and <x, A' u> are equal for all x and u. A' u is the
 * gradient of <A x, u> by x, so the test asks every linear op whether its gradient rule is its transpose.
 */
#include <adze/adze.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void bias(ad_ctx *ctx)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *x = ad_input(t, "x", &(ad_shape){ 4, { 2, 3, 4, 5 } }), *b = ad_input(t, "b", &(ad_shape){ 1, { 5 } }), *g[2];
    ad_tensor *loss = ad_sum(t, ad_square(t, ad_add(t, x, b)), NULL, false);
    if (ad_gradients(t, loss, 2, (ad_tensor *[]){ x, b }, g) != AD_OK) return;
    char *text = ad_tape_text(t);
    printf("%s\n", text);
    free(text);
    ad_tape_free(t);
}

typedef struct linear_map {
    const char *op, *attributes;
    ad_shape in;
} linear_map;

static const linear_map maps[] = {
    { "broadcast_to", "shape=[4,3,5]", { 2, { 3, 1 } } }, { "sum", "axes=[0,2]", { 3, { 4, 3, 5 } } },
    { "mean", "axes=1",                { 3, { 4, 3, 5 } } }, { "permute", "axes=[2,0,1]", { 3, { 4, 3, 5 } } },
    { "slice", "axis=1, start=1, count=3, step=2", { 2, { 4, 7 } } }, { "pad", "axis=1, before=2, after=1", { 2, { 4, 7 } } },
    { "roll", "shift=2, axes=1", { 2, { 4, 7 } } }, { "cumsum", "axis=1", { 2, { 4, 7 } } },
    { "avg_pool", "kernel=2", { 4, { 2, 6, 6, 3 } } }, { "resize", "height=7, width=9, mode=bilinear_half_pixel", { 4, { 2, 4, 5, 3 } } },
};

static void dot_product(ad_ctx *ctx, const linear_map *m)
{
    double values[512];
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *x = ad_input(t, "x", &m->in), *y = ad_apply(t, m->op, m->attributes, 1, &x), *gx;
    if (!y) return;
    const ad_shape *out = ad_tensor_shape(y);
    for (int64_t i = 0; i < ad_count(out); i++) values[i] = ad_normal(2, 0, 0, (uint64_t)i);
    ad_tensor *u = ad_constant(t, out, values), *up = ad_sum(t, ad_mul(t, y, u), NULL, false);
    for (int64_t i = 0; i < ad_count(&m->in); i++) values[i] = ad_normal(1, 0, 0, (uint64_t)i);
    if (ad_gradients(t, up, 1, &x, &gx) != AD_OK || ad_set(x, values) != AD_OK) return;
    double down = ad_value(ad_sum(t, ad_mul(t, x, gx), NULL, false), 0);
    char in_text[AD_SHAPE_TEXT], out_text[AD_SHAPE_TEXT];
    printf("%-13s %-10s -> %-10s  <A x, u> = %9.4f  <x, A'u> = %9.4f\n", m->op, ad_shape_text(&m->in, in_text), ad_shape_text(out, out_text),
           ad_value(up, 0), down);
    ad_tape_free(t);
}

int main(void)
{
    ad_ctx *ctx = ad_new(NULL);
    bias(ctx);
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) dot_product(ctx, &maps[i]);
    int bad = *ad_ctx_message(ctx) != 0;
    if (bad) fprintf(stderr, "%s\n", ad_ctx_message(ctx));
    ad_ctx_free(ctx);
    return bad;
}

/*
 * 06_batch_norm - the adjoint of normalisation, derived by the tape and derived by hand, and a mean that eats the digits.
 *
 * Batch norm of one channel is first written with subtraction, mean and square root, so that the walk finds the adjoint from the
 * rules of these; then as the op, whose rule is the formula. Both adjoints are orthogonal to the two changes that the output does
 * not notice.
 */
#include <adze/adze.h>
#include <math.h>
#include <stdio.h>

enum { N = 64 };
static const double eps = 1e-5;

static ad_tensor *from_pieces(ad_tape *t, ad_tensor *x)
{
    ad_tensor *d = ad_sub(t, x, ad_mean(t, x, NULL, false)), *variance = ad_mean(t, ad_square(t, d), NULL, false);
    return ad_mul(t, d, ad_rsqrt(t, ad_shift(t, variance, eps)));
}

static ad_tensor *as_an_op(ad_tape *t, ad_tensor *x)
{
    const ad_shape one = { 1, { 1 } };
    const ad_batch_norm_attr attr = { .eps = eps, .decay = 0.9, .training = true };
    ad_tensor *unit = ad_fill(t, &one, 1), *zero = ad_fill(t, &one, 0);
    return ad_batch_norm(t, x, unit, zero, zero, unit, &attr);
}

static int adjoint_of(ad_ctx *ctx, const char *name, ad_tensor *(*norm)(ad_tape *, ad_tensor *), const double *x, const double *g)
{
    const ad_shape column = { 2, { N, 1 } };
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *in = ad_input(t, "x", &column), *h = norm(t, in), *gx;
    int forward = ad_tape_count(t);
    ad_tensor *loss = ad_sum(t, ad_mul(t, h, ad_constant(t, &column, g)), NULL, false);
    if (ad_gradients(t, loss, 1, &in, &gx) != AD_OK || ad_set(in, x) != AD_OK) return 1;
    const double *y = ad_data(h), *found = ad_data(gx);
    double S = 0, T = 0, mean = 0, variance = 0, worst = 0, sum = 0, along = 0;
    for (int i = 0; i < N; i++) S += g[i], T += g[i] * y[i], mean += x[i] / N;
    for (int i = 0; i < N; i++) variance += (x[i] - mean) * (x[i] - mean) / N;
    for (int i = 0; i < N; i++) {
        worst = fmax(worst, fabs(found[i] - (g[i] - (S + y[i] * T) / N) / sqrt(variance + eps)));
        sum += found[i], along += found[i] * y[i];
    }
    printf("%-11s %d records forward, %2d with the adjoint; off the formula by less than 1e-9: %s; sum %.4f, product with h %.4f\n", name, forward,
           ad_tape_count(t), worst < 1e-9 ? "yes" : "no", fabs(sum), fabs(along));
    ad_tape_free(t);
    return 0;
}

int main(void)
{
    ad_ctx *ctx = ad_new(NULL);
    double x[N], g[N];
    for (int i = 0; i < N; i++) x[i] = 3 + 2 * ad_normal(1, 0, 0, (uint64_t)i), g[i] = ad_normal(2, 0, 0, (uint64_t)i);
    if (adjoint_of(ctx, "from pieces", from_pieces, x, g) || adjoint_of(ctx, "as an op", as_an_op, x, g)) {
        fprintf(stderr, "%s\n", ad_ctx_message(ctx));
        return 1;
    }

    printf("\nthe variance of 64 numbers of variance 1 in single precision:\n");
    for (int k = 0; k <= 5; k++) {
        float offset = powf(10, (float)k), sum = 0, squares = 0, mean, second = 0;
        for (int i = 0; i < N; i++) {
            float v = offset + (i % 2 ? 1 : -1);
            sum += v, squares += v * v;
        }
        mean = sum / N;
        for (int i = 0; i < N; i++) second += (offset + (i % 2 ? 1 : -1) - mean) * (offset + (i % 2 ? 1 : -1) - mean);
        printf("mean %6.0f: mean of squares minus square of mean %10.3f, mean of squared differences %.3f\n", (double)offset,
               (double)(squares / N - mean * mean), (double)(second / N));
    }
    ad_ctx_free(ctx);
    return 0;
}

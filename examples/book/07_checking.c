/*
 * 07_checking - how to check a gradient with differences: which step, which error, and what a kink does.
 *
 * f = exp(sin 3x) in double. The error of (f(x + h) - f(x - h)) / 2h falls with h^2 until rounding, which grows like 1/h, takes
 * over; the error of (f(x + h) - f(x)) / h falls only with h. With --csv the table is printed for the picture.
 */
#include <adze/adze.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static double value(ad_program *p, ad_tensor *x, ad_tensor *f, double at)
{
    *(double *)ad_program_data(p, x) = at;
    return ad_run(p, NULL) == AD_OK ? *(double *)ad_program_data(p, f) : NAN;
}

static int errors_by_step(ad_ctx *ctx, int csv)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *x = ad_input(t, "x", &(ad_shape){ 0 }), *f = ad_exp(t, ad_sin(t, ad_scale(t, x, 3))), *g;
    ad_program *p;
    double at = 0.4;
    if (ad_gradients(t, f, 1, &x, &g) != AD_OK || ad_compile(t, 2, (ad_tensor *[]){ f, g }, NULL, &p) != AD_OK) return 1;
    double here = value(p, x, f, at), exact = *(double *)ad_program_data(p, g);
    if (csv) printf("h,one-sided,central\n");
    else printf("f' = %.6f\nrelative error of the difference quotient, as a power of ten:\n    h  one-sided  central\n", exact);
    for (int k = 1; k <= 12; k++) {
        double h = pow(10, -k), up = value(p, x, f, at + h), down = value(p, x, f, at - h);
        double one = fabs((up - here) / h / exact - 1), central = fabs((up - down) / (2 * h) / exact - 1);
        if (csv) printf("%d,%.3f,%.3f\n", -k, log10(one), log10(central));
        else if (k % 2) printf("1e-%02d  %9.1f  %7.1f\n", k, log10(one), log10(central));
    }
    ad_program_free(p);
    ad_tape_free(t);
    return 0;
}

/* |x| has slope 1 at 1e-3. A difference that reaches across 0 sees both sides. */
static int kink(ad_ctx *ctx)
{
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *x = ad_input(t, "x", &(ad_shape){ 0 }), *f = ad_abs(t, x);
    ad_program *p;
    if (ad_compile(t, 1, &f, NULL, &p) != AD_OK) return 1;
    for (double h = 1e-2; h > 5e-5; h /= 10) {
        double wide = (value(p, x, f, 1e-3 + h) - value(p, x, f, 1e-3 - h)) / (2 * h), tenth = h / 10;
        double narrow = (value(p, x, f, 1e-3 + tenth) - value(p, x, f, 1e-3 - tenth)) / (2 * tenth);
        printf("|x| at 0.001, h = %.0e: quotient %.3f, with h/10 %.3f: %s\n", h, wide, narrow,
               fabs(wide - narrow) > 1e-6 ? "they disagree, a kink lies between" : "they agree");
    }
    ad_program_free(p);
    ad_tape_free(t);
    return 0;
}

/* The checks that `make check` runs on every op, here on four. */
static int ops(ad_ctx *ctx)
{
    const char *const names[] = { "conv", "softmax_cross_entropy", "batch_norm", "max_pool" };
    for (int i = 0; i < 4; i++) {
        const ad_op *op = ad_op_find(ctx, names[i]);
        int64_t derivatives = 0;
        double worst = 0;
        for (const ad_sample *sample = op->samples; sample->name; sample++) {
            ad_check found;
            if (sample->want != AD_OK) continue;
            if (ad_gradcheck_sample(ctx, op, sample, 1, &found) != AD_OK) return 1;
            derivatives += found.checked, worst = fmax(worst, found.worst);
        }
        printf("%-22s more than 200 derivatives: %s, all within 1e-6: %s\n", names[i], derivatives > 200 ? "yes" : "no", worst < 1e-6 ? "yes" : "no");
    }
    return 0;
}

int main(int argc, char **argv)
{
    ad_ctx *ctx = ad_new(NULL);
    int csv = argc > 1 && strcmp(argv[1], "--csv") == 0;
    int bad = errors_by_step(ctx, csv) || (!csv && (kink(ctx) || ops(ctx)));
    if (bad) fprintf(stderr, "%s\n", ad_ctx_message(ctx));
    ad_ctx_free(ctx);
    return bad;
}

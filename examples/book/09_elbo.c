/*
 * 09_elbo - the evidence lower bound of a model whose evidence is known.
 *
 * z ~ N(0, 1), x ~ N(a z, s^2) with s = 0.5, so that x ~ N(0, a^2 + s^2). The bound is maximised over a, and over m and v of q(z
 * | x) = N(m x, e^v). The true posterior is N(a x / (a^2 + s^2), s^2 / (a^2 + s^2)), which q can be: the gap between ln p(x) and
 * the bound closes.
 */
#include <adze/adze.h>
#include <math.h>
#include <stdio.h>

enum { N = 512, STEPS = 1500 };
static const double s2 = 0.25, half_log_2pi = 0.91893853320467274;

typedef struct model {
    ad_tensor *w[3], *bound, *kl, *kl_drawn, *evidence;     /* w: a, m, v; means over the points */
} model;

static ad_tensor *mean_of(ad_tape *t, ad_tensor *x) { return ad_mean(t, x, NULL, false); }

static model record(ad_tape *t, ad_params *p, const double *points)
{
    const ad_shape column = { 2, { N, 1 } };
    model e = { .w = { ad_parameter(t, p, "a"), ad_parameter(t, p, "m"), ad_parameter(t, p, "v") } };
    ad_tensor *x = ad_constant(t, &column, points), *zero = ad_fill(t, &column, 0), *a = e.w[0];
    ad_tensor *mu = ad_mul(t, x, e.w[1]), *v = ad_broadcast_to(t, e.w[2], &column);
    ad_tape_at(t, &(ad_place){ .path = "z" });
    ad_tensor *noise = ad_draw_normal(t, &column), *z = ad_add(t, mu, ad_mul(t, ad_exp(t, ad_scale(t, v, 0.5)), noise));
    ad_tensor *miss = ad_square(t, ad_sub(t, x, ad_mul(t, z, a)));
    ad_tensor *fit = ad_shift(t, ad_scale(t, mean_of(t, miss), -0.5 / s2), -0.5 * log(s2) - half_log_2pi);
    e.kl = ad_kl_log_var(t, mu, v, zero, zero, &(ad_loss_attr){ .over = "C", .batch = AD_BATCH_MEAN });
    /* ln q(z | x) - ln p(z) at the drawn z: -(v + noise^2) / 2 + z^2 / 2. */
    e.kl_drawn = ad_scale(t, mean_of(t, ad_sub(t, ad_square(t, z), ad_add(t, v, ad_square(t, noise)))), 0.5);
    e.bound = ad_sub(t, fit, e.kl);
    ad_tensor *variance = ad_shift(t, ad_square(t, a), s2);
    ad_tensor *spread = ad_add(t, ad_div(t, mean_of(t, ad_square(t, x)), variance), ad_log(t, variance));
    e.evidence = ad_shift(t, ad_scale(t, ad_reshape(t, spread, &(ad_shape){ 0 }), -0.5), -half_log_2pi);
    return e;
}

int main(void)
{
    ad_ctx *ctx = ad_new(NULL);
    ad_params *p = ad_params_new(ctx, AD_F64);
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    const char *const name[] = { "a", "m", "v" };
    const double start[] = { 0.5, 0, 0 };
    double x[N], square = 0;
    for (int i = 0; i < N; i++) {
        x[i] = 1.5 * ad_normal(1, 0, 0, (uint64_t)i) + 0.5 * ad_normal(2, 0, 0, (uint64_t)i);
        square += x[i] * x[i] / N;
    }
    for (int i = 0; i < 3; i++)
        if (ad_params_add(p, name[i], &(ad_shape){ 1, { 1 } }, AD_SLOT_PARAM, AD_LAYOUT_PLAIN,
                          &(ad_init){ .name = "constant", .arg = { start[i] } }) != AD_OK) return 1;
    if (ad_params_init(p, AD_SLOT_PARAM, 1) != AD_OK) return 1;

    model e = record(t, p, x);
    ad_tensor *g[3], *shown[] = { e.bound, e.evidence, e.kl, e.kl_drawn };
    ad_optim *adam;
    ad_program *step;
    ad_optim_weight update[3];
    if (ad_gradients(t, ad_neg(t, e.bound), 3, e.w, g) != AD_OK || ad_optim_new(ad_ctx_error(ctx), "adam", "", NULL, &adam) != AD_OK) return 1;
    for (int i = 0; i < 3; i++) update[i] = (ad_optim_weight){ e.w[i], g[i], 1, 1 };
    if (ad_optim_record(adam, t, p, 3, update) != AD_OK || ad_compile(t, 4, shown, NULL, &step) != AD_OK) return 1;
    for (int i = 0; i <= STEPS; i++) {
        ad_optim_set(adam, step, i, 0.02 * (1 - i / (STEPS + 1.0)));
        if (ad_run(step, &(ad_run_options){ .seed = 1, .step = (uint64_t)i }) != AD_OK) return fprintf(stderr, "%s\n", ad_ctx_message(ctx)), 1;
        double value[4];
        for (int k = 0; k < 4; k++) value[k] = *(double *)ad_program_data(step, shown[k]);
        if (i == 0 || i == 50 || i == 200 || i == STEPS)
            printf("step %4d: bound %6.2f, ln p(x) %6.2f; KL %.2f, from the draws %5.2f\n", i, value[0], value[1], value[2], value[3]);
    }
    const double a = *(double *)ad_params_find(p, "a")->data, m = *(double *)ad_params_find(p, "m")->data;
    const double v = *(double *)ad_params_find(p, "v")->data, best = sqrt(square - s2);
    printf("a = %.2f, likeliest %.2f; m = %.2f, posterior %.2f; e^v = %.2f, posterior %.2f\n", a, best, m, a / (a * a + s2), exp(v), s2 / (a * a + s2));
    ad_optim_free(adam);
    ad_program_free(step);
    ad_tape_free(t);
    ad_params_free(p);
    ad_ctx_free(ctx);
    return 0;
}

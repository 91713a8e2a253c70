/*
 * nadam.c - NAdam (Dozat, 2016), mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2). The product of all mu so far is computed anew in every
 * step, a few nanoseconds a factor, so that no state is left behind outside of the store.
 *
 * The recorded steps come from a PyTorch (1.13) that counts mu_t twice in the product of the next step; c[2] does as it does. The paper
 * has it once; the two differ by less than a hundredth of a step.
 */
#include "optim/settings.h"

typedef struct settings {
    ad__optim_common common;
    double beta1, beta2, eps, momentum_decay;
} settings;

static const ad_attr table[] = {
    AD__OPTIM_COMMON(settings, 0),
    { "beta1", AD_ATTR_FLOAT, offsetof(settings, beta1), 0.9, 0, 1, "decay of the mean of the gradient" },
    { "beta2", AD_ATTR_FLOAT, offsetof(settings, beta2), 0.999, 0, 1, "decay of the mean of its square" },
    { "eps", AD_ATTR_FLOAT, offsetof(settings, eps), 1e-8, 0, 1, "added to the root" },
    { "momentum_decay", AD_ATTR_FLOAT, offsetof(settings, momentum_decay), 0.004, 0, 1, "of the warm-up of the momentum" },
    { 0 }
};
static const char *const slots[] = { "m", "v", NULL };

static double mu(const settings *a, int64_t t)
{
    return a->beta1 * (1 - 0.5 * ad__power(0.96, (double)t * a->momentum_decay));
}

static unsigned kept(const void *s)
{
    return 3;
}

static void numbers(const void *s, int64_t t, double c[AD_OPTIM_NUMBERS])
{
    const settings *a = s;
    double product = 1;
    for (int64_t i = 1; i <= t; i++) product *= mu(a, i);
    c[1] = (1 - mu(a, t)) / (1 - product);
    c[2] = mu(a, t + 1) / (1 - product * mu(a, t) * mu(a, t + 1));
    c[3] = 1 - ad__power(a->beta2, (double)t);
}

const ad_optimiser ad_optimiser_nadam = {
    .name = "nadam", .doc = "Adam with Nesterov momentum", .op = "nadam_update", .slots = slots,
    .settings = table, .settings_size = sizeof(settings), .kept = kept, .numbers = numbers,
};

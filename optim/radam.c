/*
 * radam.c - RAdam (Liu et al., 2020). rho is the length of the average that v is; while it is at most 5 the variance of 1/sqrt(v) has no
 * bound, and the step goes along the mean alone (c[2] = 0).
 */
#include "optim/settings.h"

#include <math.h>

typedef struct settings {
    ad__optim_common common;
    double beta1, beta2, eps;
} settings;

static const ad_attr table[] = {
    AD__OPTIM_COMMON(settings, 0),
    { "beta1", AD_ATTR_FLOAT, offsetof(settings, beta1), 0.9, 0, 1, "decay of the mean of the gradient" },
    { "beta2", AD_ATTR_FLOAT, offsetof(settings, beta2), 0.999, 0, 1, "decay of the mean of its square" },
    { "eps", AD_ATTR_FLOAT, offsetof(settings, eps), 1e-8, 0, 1, "added to the root" },
    { 0 }
};
static const char *const slots[] = { "m", "v", NULL };

static unsigned kept(const void *s)
{
    return 3;
}

static void numbers(const void *s, int64_t t, double c[AD_OPTIM_NUMBERS])
{
    const settings *a = s;
    double power = ad__power(a->beta2, (double)t), limit = 2 / (1 - a->beta2) - 1, rho = limit - 2 * (double)t * power / (1 - power);
    c[1] = 1 - ad__power(a->beta1, (double)t);
    if (rho > 5) c[2] = sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho) * (1 - power));
}

const ad_optimiser ad_optimiser_radam = {
    .name = "radam", .doc = "Adam with rectified variance", .op = "radam_update", .slots = slots,
    .settings = table, .settings_size = sizeof(settings), .kept = kept, .numbers = numbers,
};

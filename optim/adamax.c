/* adamax.c - Adamax (Kingma and Ba, 2015): Adam in the maximum norm. */
#include "optim/settings.h"

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
static const char *const slots[] = { "m", "u", NULL };

static unsigned kept(const void *s)
{
    return 3;
}

static void numbers(const void *s, int64_t t, double c[AD_OPTIM_NUMBERS])
{
    c[1] = 1 - ad__power(((const settings *)s)->beta1, (double)t);
}

const ad_optimiser ad_optimiser_adamax = {
    .name = "adamax", .doc = "Adamax", .op = "adamax_update", .slots = slots,
    .settings = table, .settings_size = sizeof(settings), .kept = kept, .numbers = numbers,
};

/* adagrad.c - Adagrad (Duchi et al., 2011): divides by the root of all squares so far. */
#include "optim/settings.h"

typedef struct settings {
    ad__optim_common common;
    double eps, rate_decay;
} settings;

static const ad_attr table[] = {
    AD__OPTIM_COMMON(settings, 0),
    { "eps", AD_ATTR_FLOAT, offsetof(settings, eps), 1e-10, 0, 1, "added to the root" },
    { "rate_decay", AD_ATTR_FLOAT, offsetof(settings, rate_decay), 0, 0, 1e30, "the rate is divided by 1 + steps * rate_decay" },
    { 0 }
};
static const char *const slots[] = { "s", NULL };

static unsigned kept(const void *s)
{
    return 1;
}

static void numbers(const void *s, int64_t t, double c[AD_OPTIM_NUMBERS])
{
    c[1] = 1 / (1 + (double)(t - 1) * ((const settings *)s)->rate_decay);
}

const ad_optimiser ad_optimiser_adagrad = {
    .name = "adagrad", .doc = "Adagrad", .op = "adagrad_update", .slots = slots,
    .settings = table, .settings_size = sizeof(settings), .kept = kept, .numbers = numbers,
};

/* adam.c - Adam (Kingma and Ba, 2015) and AMSGrad: two running means, corrected for their start at zero. */
#include "optim/settings.h"

typedef struct settings {
    ad__optim_common common;
    double beta1, beta2, eps;
    bool amsgrad;
} settings;

static const ad_attr table[] = {
    AD__OPTIM_COMMON(settings, 0),
    { "beta1", AD_ATTR_FLOAT, offsetof(settings, beta1), 0.9, 0, 1, "decay of the mean of the gradient" },
    { "beta2", AD_ATTR_FLOAT, offsetof(settings, beta2), 0.999, 0, 1, "decay of the mean of its square" },
    { "eps", AD_ATTR_FLOAT, offsetof(settings, eps), 1e-8, 0, 1, "added to the root" },
    { "amsgrad", AD_ATTR_BOOL, offsetof(settings, amsgrad), 0, 0, 0, "divide by the largest mean square so far" },
    { 0 }
};
static const char *const slots[] = { "m", "v", "u", NULL };

static unsigned kept(const void *s)
{
    return 3 | (unsigned)((const settings *)s)->amsgrad << 2;
}

static void numbers(const void *s, int64_t t, double c[AD_OPTIM_NUMBERS])
{
    const settings *a = s;
    c[1] = 1 - ad__power(a->beta1, (double)t);
    c[2] = 1 - ad__power(a->beta2, (double)t);
}

const ad_optimiser ad_optimiser_adam = {
    .name = "adam", .doc = "Adam, with weight decay in the gradient", .op = "adam_update", .slots = slots,
    .settings = table, .settings_size = sizeof(settings), .kept = kept, .numbers = numbers,
};

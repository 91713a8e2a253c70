/* adamw.c - AdamW (Loshchilov and Hutter, 2019): Adam whose weight decay does not pass through the means. */
#include "optim/settings.h"

typedef struct settings {
    ad__optim_common common;
    double beta1, beta2, eps;
    bool amsgrad;
} settings;

static const ad_attr table[] = {
    AD__OPTIM_COMMON(settings, 0.01),
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

const ad_optimiser ad_optimiser_adamw = {
    .name = "adamw", .doc = "Adam, with weight decay of the weight itself", .op = "adam_update", .slots = slots, .decoupled = "decoupled",
    .settings = table, .settings_size = sizeof(settings), .kept = kept, .numbers = numbers,
};

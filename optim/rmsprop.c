/* rmsprop.c - RMSprop (Hinton): divides by the root of a running mean of the square; nothing depends on the step. */
#include "optim/settings.h"

typedef struct settings {
    ad__optim_common common;
    double alpha, eps, momentum;
    bool centered;
} settings;

static const ad_attr table[] = {
    AD__OPTIM_COMMON(settings, 0),
    { "alpha", AD_ATTR_FLOAT, offsetof(settings, alpha), 0.99, 0, 1, "decay of the averages" },
    { "eps", AD_ATTR_FLOAT, offsetof(settings, eps), 1e-8, 0, 1, "added to the root" },
    { "momentum", AD_ATTR_FLOAT, offsetof(settings, momentum), 0, 0, 1, "decay of the step" },
    { "centered", AD_ATTR_BOOL, offsetof(settings, centered), 0, 0, 0, "divide by the standard deviation" },
    { 0 }
};
static const char *const slots[] = { "v", "m", "a", NULL };

static unsigned kept(const void *s)
{
    const settings *a = s;
    return 1u | (unsigned)(a->momentum != 0) << 1 | (unsigned)a->centered << 2;
}

static void numbers(const void *s, int64_t t, double c[AD_OPTIM_NUMBERS])
{
    c[1] = 0;
}

const ad_optimiser ad_optimiser_rmsprop = {
    .name = "rmsprop", .doc = "RMSprop, with momentum, centered or not", .op = "rmsprop_update", .slots = slots,
    .settings = table, .settings_size = sizeof(settings), .kept = kept, .numbers = numbers,
};

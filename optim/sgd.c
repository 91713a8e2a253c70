/* sgd.c - stochastic gradient descent: the step so far is kept where momentum is not zero. */
#include "optim/settings.h"

typedef struct settings {
    ad__optim_common common;
    double momentum, dampening;
    bool nesterov;
} settings;

static const ad_attr table[] = {
    AD__OPTIM_COMMON(settings, 0),
    { "momentum", AD_ATTR_FLOAT, offsetof(settings, momentum), 0, 0, 1, "decay of the step" },
    { "dampening", AD_ATTR_FLOAT, offsetof(settings, dampening), 0, 0, 1, "part of the gradient that is left out of the step, but in the first step" },
    { "nesterov", AD_ATTR_BOOL, offsetof(settings, nesterov), 0, 0, 0, "look ahead along the new step" },
    { 0 }
};
static const char *const slots[] = { "m", NULL };

static unsigned kept(const void *s)
{
    return ((const settings *)s)->momentum != 0;
}

static void numbers(const void *s, int64_t t, double c[AD_OPTIM_NUMBERS])
{
    c[1] = t == 1 ? 1 : 1 - ((const settings *)s)->dampening;
}

const ad_optimiser ad_optimiser_sgd = {
    .name = "sgd", .doc = "stochastic gradient descent with momentum", .op = "sgd_update", .slots = slots,
    .settings = table, .settings_size = sizeof(settings), .kept = kept, .numbers = numbers,
};

/*
 * adamax_update - one step of Adamax.
 *
 *   g <- g + weight_decay p;  m <- beta1 m + (1 - beta1) g;  u <- max(beta2 u, |g| + eps);  p <- p - rate (m / c1) / u
 *
 * c: rate, c1 = 1 - beta1^t, where t is 1 in the first step.
 */
#include "ops/update.h"

typedef struct attr {
    ad_update_attr common;
    double beta1, beta2, eps;
} attr;

static ad_status shape(ad_error *e, const void *attributes, int n_in, const ad_shape *in, ad_shape *out)
{
    return ad__update_shape(e, "adamax_update", n_in, in, 3, out);
}

static ad_status forward(const ad_call *call)
{
    const attr *a = call->attr;
    double c[AD_UPDATE_NUMBERS], k[10];
    ad__update_numbers(call, c, k);
    k[0] /= c[1];
    k[3] = a->beta1;
    k[4] = 1 - a->beta1;
    k[5] = a->beta2;
    k[6] = a->eps;
    return ad__update_run(call, ((const ad_kernels *)call->kernels)->element.adamax_update, k);
}

static const ad_attr attrs[] = {
    AD_UPDATE_ATTRS(attr),
    { "beta1", AD_ATTR_FLOAT, offsetof(attr, beta1), 0.9, 0, 1, "decay of the mean" },
    { "beta2", AD_ATTR_FLOAT, offsetof(attr, beta2), 0.999, 0, 1, "decay of the largest" },
    { "eps", AD_ATTR_FLOAT, offsetof(attr, eps), 1e-8, 0, 1, "added to |g|" },
    { 0 }
};

#define S { .rank = 2, .dim = { 3, 7 } }
#define C { .rank = 1, .dim = { AD_UPDATE_NUMBERS } }
#define NONE { .rank = -1 }
static const ad_sample samples[] = {
    { .name = "plain", .n_in = 5, .in = { S, S, C, S, S }, .lo = 0.1, .hi = 1 },
    { .name = "decay", .n_in = 5, .in = { S, S, C, S, S }, .attr_text = "weight_decay=0.1, beta1=0.5, beta2=0.9", .lo = 0.1, .hi = 1 },
    { .name = "gradient of another shape", .n_in = 5, .in = { S, C, C, S, S }, .want = AD_ESHAPE },
    { .name = "state of another shape", .n_in = 5, .in = { S, S, C, C, S }, .want = AD_ESHAPE },
    { .name = "a mean that never forgets", .n_in = 5, .in = { S, S, C, S, S }, .attr_text = "beta1=2", .want = AD_EATTR },
    { 0 }
};

static const ad_operand operands[] = {
    { .name = "p", .doc = "parameter" }, { .name = "g", .doc = "its gradient" }, { .name = "c", .doc = "numbers of this step" },
    { .name = "m", .doc = "mean of the gradient" },
    { .name = "u", .doc = "decaying largest |g|" },
    { 0 }
};
static const char *const outputs[] = { "p", "m", "u", NULL };

const ad_op ad_op_adamax_update = {
    .name = "adamax_update", .doc = "one step of Adamax",
    .flags = AD_STOPS_GRADIENT | AD_IN_PLACE, .operands = operands, .n_out = 3, .outputs = outputs,
    .attr_size = sizeof(attr), .attrs = attrs,
    .shape = shape, .forward = forward, .samples = samples,
};

/*
 * adam_update - one step of Adam, AMSGrad or AdamW.
 *
 *   g <- g + weight_decay p, or, decoupled, p <- (1 - rate weight_decay) p
 *   m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2;  u <- v, or, amsgrad, u <- max(u, v)
 *   p <- p - rate (m / c1) / (sqrt(u) / sqrt(c2) + eps)
 *
 * c: rate, c1 = 1 - beta1^t, c2 = 1 - beta2^t, where t is 1 in the first step.
 */
#include "ops/update.h"

#include <math.h>

typedef struct attr {
    ad_update_attr common;
    double beta1, beta2, eps;
    bool amsgrad, decoupled;
} attr;

static ad_status shape(ad_error *e, const void *attributes, int n_in, const ad_shape *in, ad_shape *out)
{
    return ad__update_shape(e, "adam_update", n_in, in, 3 | (unsigned)((const attr *)attributes)->amsgrad << 2, out);
}

static ad_status forward(const ad_call *call)
{
    const attr *a = call->attr;
    double c[AD_UPDATE_NUMBERS], k[10];
    ad__update_numbers(call, c, k);
    k[9] = a->decoupled ? 1 - k[0] * a->common.weight_decay : 1;
    if (a->decoupled) k[1] = 0;
    k[0] /= c[1];
    k[3] = a->beta1;
    k[4] = 1 - a->beta1;
    k[5] = a->beta2;
    k[6] = 1 - a->beta2;
    k[7] = a->eps;
    k[8] = 1 / sqrt(c[2]);
    return ad__update_run(call, ((const ad_kernels *)call->kernels)->element.adam_update, k);
}

static const ad_attr attrs[] = {
    AD_UPDATE_ATTRS(attr),
    { "beta1", AD_ATTR_FLOAT, offsetof(attr, beta1), 0.9, 0, 1, "decay of the mean" },
    { "beta2", AD_ATTR_FLOAT, offsetof(attr, beta2), 0.999, 0, 1, "decay of the square" },
    { "eps", AD_ATTR_FLOAT, offsetof(attr, eps), 1e-8, 0, 1, "added to the root" },
    { "amsgrad", AD_ATTR_BOOL, offsetof(attr, amsgrad), 0, 0, 0, "divide by the largest v so far" },
    { "decoupled", AD_ATTR_BOOL, offsetof(attr, decoupled), 0, 0, 0, "decay the parameter itself (AdamW)" },
    { 0 }
};

#define S { .rank = 2, .dim = { 3, 7 } }
#define C { .rank = 1, .dim = { AD_UPDATE_NUMBERS } }
#define NONE { .rank = -1 }
static const ad_sample samples[] = {
    { .name = "plain", .n_in = 6, .in = { S, S, C, S, S, NONE }, .lo = 0.1, .hi = 1 },
    { .name = "amsgrad", .n_in = 6, .in = { S, S, C, S, S, S }, .attr_text = "amsgrad=true, beta1=0.5, weight_decay=0.1", .lo = 0.1, .hi = 1 },
    { .name = "decoupled", .n_in = 6, .in = { S, S, C, S, S, NONE }, .attr_text = "decoupled=true, weight_decay=0.1", .lo = 0.1, .hi = 1 },
    { .name = "amsgrad without its state", .n_in = 6, .in = { S, S, C, S, S, NONE }, .attr_text = "amsgrad=true", .want = AD_ESHAPE },
    { 0 }
};

static const ad_operand operands[] = {
    { .name = "p", .doc = "parameter" }, { .name = "g", .doc = "its gradient" }, { .name = "c", .doc = "numbers of this step" },
    { .name = "m", .doc = "mean of the gradient" },
    { .name = "v", .doc = "mean of its square" },
    { .name = "u", .doc = "largest v so far", .optional = true },
    { 0 }
};
static const char *const outputs[] = { "p", "m", "v", "u", NULL };

const ad_op ad_op_adam_update = {
    .name = "adam_update", .doc = "one step of Adam, AMSGrad or AdamW",
    .flags = AD_STOPS_GRADIENT | AD_IN_PLACE, .operands = operands, .n_out = 4, .outputs = outputs,
    .attr_size = sizeof(attr), .attrs = attrs,
    .shape = shape, .forward = forward, .samples = samples,
};

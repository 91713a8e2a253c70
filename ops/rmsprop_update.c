/*
 * rmsprop_update - one step of RMSprop.
 *
 *   g <- g + weight_decay p;  v <- alpha v + (1 - alpha) g^2;  centered: a <- alpha a + (1 - alpha) g
 *   d = g / (sqrt(v - a^2) + eps);  m <- momentum m + d;  p <- p - rate m
 *
 * c: rate. Without momentum there is no m, and p <- p - rate d; unless centered there is no a. Rounding cannot take v - a^2 below 0.
 */
#include "ops/update.h"

typedef struct attr {
    ad_update_attr common;
    double alpha, eps, momentum;
    bool centered;
} attr;

static ad_status shape(ad_error *e, const void *attributes, int n_in, const ad_shape *in, ad_shape *out)
{
    const attr *a = attributes;
    return ad__update_shape(e, "rmsprop_update", n_in, in, 1u | (a->momentum != 0) << 1 | (unsigned)a->centered << 2, out);
}

static ad_status forward(const ad_call *call)
{
    const attr *a = call->attr;
    double c[AD_UPDATE_NUMBERS], k[10];
    ad__update_numbers(call, c, k);
    k[3] = a->alpha;
    k[4] = 1 - a->alpha;
    k[5] = a->eps;
    k[6] = a->momentum;
    return ad__update_run(call, ((const ad_kernels *)call->kernels)->element.rmsprop_update, k);
}

static const ad_attr attrs[] = {
    AD_UPDATE_ATTRS(attr),
    { "alpha", AD_ATTR_FLOAT, offsetof(attr, alpha), 0.99, 0, 1, "decay of the averages" },
    { "eps", AD_ATTR_FLOAT, offsetof(attr, eps), 1e-8, 0, 1, "added to the root" },
    { "momentum", AD_ATTR_FLOAT, offsetof(attr, momentum), 0, 0, 1, "decay of the step" },
    { "centered", AD_ATTR_BOOL, offsetof(attr, centered), 0, 0, 0, "divide by the standard deviation" },
    { 0 }
};

#define S { .rank = 2, .dim = { 3, 7 } }
#define C { .rank = 1, .dim = { AD_UPDATE_NUMBERS } }
#define NONE { .rank = -1 }
static const ad_sample samples[] = {
    { .name = "plain", .n_in = 6, .in = { S, S, C, S, NONE, NONE }, .lo = 0.1, .hi = 1 },
    { .name = "all", .n_in = 6, .in = { S, S, C, S, S, S }, .attr_text = "momentum=0.9, centered=true, weight_decay=0.01", .lo = 0.1, .hi = 1 },
    { .name = "centered", .n_in = 6, .in = { S, S, C, S, NONE, S }, .attr_text = "centered=true", .lo = 0.1, .hi = 1 },
    { .name = "state nobody keeps", .n_in = 6, .in = { S, S, C, S, S, NONE }, .want = AD_ESHAPE },
    { 0 }
};

static const ad_operand operands[] = {
    { .name = "p", .doc = "parameter" }, { .name = "g", .doc = "its gradient" }, { .name = "c", .doc = "numbers of this step" },
    { .name = "v", .doc = "mean of the square" },
    { .name = "m", .doc = "the step so far", .optional = true },
    { .name = "a", .doc = "mean of the gradient", .optional = true },
    { 0 }
};
static const char *const outputs[] = { "p", "v", "m", "a", NULL };

const ad_op ad_op_rmsprop_update = {
    .name = "rmsprop_update", .doc = "one step of RMSprop",
    .flags = AD_STOPS_GRADIENT | AD_IN_PLACE, .operands = operands, .n_out = 4, .outputs = outputs,
    .attr_size = sizeof(attr), .attrs = attrs,
    .shape = shape, .forward = forward, .samples = samples,
};

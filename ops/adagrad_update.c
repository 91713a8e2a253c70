/*
 * adagrad_update - one step of Adagrad.
 *
 *   g <- g + weight_decay p;  s <- s + g^2;  p <- p - rate c1 g / (sqrt(s) + eps)
 *
 * c: rate, c1 = 1 / (1 + (t - 1) rate_decay), where t is 1 in the first step.
 */
#include "ops/update.h"

typedef struct attr {
    ad_update_attr common;
    double eps;
} attr;

static ad_status shape(ad_error *e, const void *attributes, int n_in, const ad_shape *in, ad_shape *out)
{
    return ad__update_shape(e, "adagrad_update", n_in, in, 1, out);
}

static ad_status forward(const ad_call *call)
{
    const attr *a = call->attr;
    double c[AD_UPDATE_NUMBERS], k[10];
    ad__update_numbers(call, c, k);
    k[0] *= c[1];
    k[3] = a->eps;
    return ad__update_run(call, ((const ad_kernels *)call->kernels)->element.adagrad_update, k);
}

static const ad_attr attrs[] = {
    AD_UPDATE_ATTRS(attr),
    { "eps", AD_ATTR_FLOAT, offsetof(attr, eps), 1e-10, 0, 1, "added to the root" },
    { 0 }
};

#define S { .rank = 2, .dim = { 3, 7 } }
#define C { .rank = 1, .dim = { AD_UPDATE_NUMBERS } }
#define NONE { .rank = -1 }
static const ad_sample samples[] = {
    { .name = "plain", .n_in = 4, .in = { S, S, C, S }, .lo = 0.1, .hi = 1 },
    { .name = "decay", .n_in = 4, .in = { S, S, C, S }, .attr_text = "weight_decay=0.1, eps=0.001", .lo = 0.1, .hi = 1 },
    { .name = "state of another shape", .n_in = 4, .in = { S, S, C, C }, .want = AD_ESHAPE },
    { 0 }
};

static const ad_operand operands[] = {
    { .name = "p", .doc = "parameter" }, { .name = "g", .doc = "its gradient" }, { .name = "c", .doc = "numbers of this step" },
    { .name = "s", .doc = "sum of the squares" },
    { 0 }
};
static const char *const outputs[] = { "p", "s", NULL };

const ad_op ad_op_adagrad_update = {
    .name = "adagrad_update", .doc = "one step of Adagrad",
    .flags = AD_STOPS_GRADIENT | AD_IN_PLACE, .operands = operands, .n_out = 2, .outputs = outputs,
    .attr_size = sizeof(attr), .attrs = attrs,
    .shape = shape, .forward = forward, .samples = samples,
};

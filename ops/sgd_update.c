/*
 * sgd_update - one step of stochastic gradient descent.
 *
 *   g <- g + weight_decay p;  m <- momentum m + w g;  p <- p - rate (nesterov ? g + momentum m : m)
 *
 * c: rate, w: 1 in the first step and 1 - dampening in all others. Without momentum there is no m, and p <- p - rate g.
 */
#include "ops/update.h"

typedef struct attr {
    ad_update_attr common;
    double momentum;
    bool nesterov;
} attr;

static ad_status shape(ad_error *e, const void *attributes, int n_in, const ad_shape *in, ad_shape *out)
{
    return ad__update_shape(e, "sgd_update", n_in, in, ((const attr *)attributes)->momentum != 0, out);
}

static ad_status forward(const ad_call *call)
{
    const attr *a = call->attr;
    double c[AD_UPDATE_NUMBERS], k[10];
    ad__update_numbers(call, c, k);
    k[3] = a->momentum;
    k[4] = c[1];
    k[5] = a->nesterov;
    return ad__update_run(call, ((const ad_kernels *)call->kernels)->element.sgd_update, k);
}

static const ad_attr attrs[] = {
    AD_UPDATE_ATTRS(attr),
    { "momentum", AD_ATTR_FLOAT, offsetof(attr, momentum), 0, 0, 1, "decay of the step" },
    { "nesterov", AD_ATTR_BOOL, offsetof(attr, nesterov), 0, 0, 0, "look ahead along the new step" },
    { 0 }
};

#define S { .rank = 2, .dim = { 3, 7 } }
#define C { .rank = 1, .dim = { AD_UPDATE_NUMBERS } }
#define NONE { .rank = -1 }
static const ad_sample samples[] = {
    { .name = "plain", .n_in = 4, .in = { S, S, C, NONE }, .lo = 0.1, .hi = 1 },
    { .name = "nesterov", .n_in = 4, .in = { S, S, C, S }, .attr_text = "momentum=0.9, nesterov=true, weight_decay=0.01", .lo = 0.1, .hi = 1 },
    { .name = "climbs", .n_in = 4, .in = { S, S, C, S }, .attr_text = "momentum=0.5, maximize=true", .lo = 0.1, .hi = 1 },
    { .name = "momentum without its state", .n_in = 4, .in = { S, S, C, NONE }, .attr_text = "momentum=0.9", .want = AD_ESHAPE },
    { .name = "gradient of another shape", .n_in = 4, .in = { S, C, C, NONE }, .want = AD_ESHAPE },
    { 0 }
};

static const ad_operand operands[] = {
    { .name = "p", .doc = "parameter" }, { .name = "g", .doc = "its gradient" }, { .name = "c", .doc = "numbers of this step" },
    { .name = "m", .doc = "the step so far", .optional = true },
    { 0 }
};
static const char *const outputs[] = { "p", "m", NULL };

const ad_op ad_op_sgd_update = {
    .name = "sgd_update", .doc = "one step of stochastic gradient descent",
    .flags = AD_STOPS_GRADIENT | AD_IN_PLACE, .operands = operands, .n_out = 2, .outputs = outputs,
    .attr_size = sizeof(attr), .attrs = attrs,
    .shape = shape, .forward = forward, .samples = samples,
};

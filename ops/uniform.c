/*
 * uniform - uniform numbers in (0, 1) of the stream of its site (autograd/random.c); as float, the largest may round to 1. It
 * has no operands.
 */
#include "ops/random_fill.h"

static ad_status forward(const ad_call *c)
{
    return ad__draw(c, ad_uniform);
}

static const ad_operand operands[] = { { 0 } };

static const ad_sample samples[] = {
    { .name = "map", .attr_text = "shape=[3,5]" },
    { .name = "number", .attr_text = "" },
    { .name = "negative size", .attr_text = "shape=[3,-5]", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_uniform = {
    .name = "uniform", .doc = "uniform numbers in (0, 1)", .flags = AD_DRAWS | AD_STOPS_GRADIENT, .operands = operands,
    .attr_size = sizeof(ad_shape_attr), .attrs = ad__draw_attrs, .shape = ad__shape_given, .forward = forward, .samples = samples,
};

ad_tensor *ad_draw_uniform(ad_tape *t, const ad_shape *want)
{
    ad_shape_attr a = { { .n = want->rank } };
    for (int i = 0; i < want->rank; i++)
        a.shape.v[i] = want->dim[i];
    return ad_record_one(t, &ad_op_uniform, &a, 0, NULL);
}

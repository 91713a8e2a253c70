/*
 * normal - standard normal numbers of the stream of its site (autograd/random.c). It has no operands, so there is no gradient
 * to pass on.
 */
#include "ops/random_fill.h"

static ad_status forward(const ad_call *c)
{
    return ad__draw(c, ad_normal);
}

static const ad_operand operands[] = { { 0 } };

static const ad_sample samples[] = {
    { .name = "map", .attr_text = "shape=[3,5]" },
    { .name = "number", .attr_text = "" },
    { .name = "negative size", .attr_text = "shape=[3,-5]", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_normal = {
    .name = "normal", .doc = "standard normal numbers", .flags = AD_DRAWS | AD_STOPS_GRADIENT, .operands = operands,
    .attr_size = sizeof(ad_shape_attr), .attrs = ad__draw_attrs, .shape = ad__shape_given, .forward = forward, .samples = samples,
};

ad_tensor *ad_draw_normal(ad_tape *t, const ad_shape *want)
{
    ad_shape_attr a = { { .n = want->rank } };
    for (int i = 0; i < want->rank; i++)
        a.shape.v[i] = want->dim[i];
    return ad_record_one(t, &ad_op_normal, &a, 0, NULL);
}

/*
 * fill - a tensor with one value everywhere. It has no operands, so there is no gradient to pass on.
 */
#include "ops/elementwise.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_fill_attr *a = attr;
    out->dtype = AD_REAL;
    out->rank = a->shape.n;
    for (int i = 0; i < a->shape.n; i++)
        out->dim[i] = a->shape.v[i];
    return AD_OK;
}

static ad_status forward(const ad_call *c)
{
    const ad_fill_attr *a = c->attr;
    ad__element(c)->fill(ad_count(&c->out->shape), a->value, c->out->data);
    return AD_OK;
}

static const ad_attr attrs[] = {
    { "shape", AD_ATTR_INTS, offsetof(ad_fill_attr, shape), .lo = 0, .hi = 1e12, .empty = true, .doc = "the shape of the result" },
    { "value", AD_ATTR_FLOAT, offsetof(ad_fill_attr, value), .required = true, .doc = "the value" },
    { 0 }
};

static const ad_operand operands[] = { { 0 } };

static const ad_sample samples[] = {
    { .name = "matrix", .attr_text = "shape=[3,5], value=0.5" },
    { .name = "number", .attr_text = "value=-2" },
    { .name = "no value", .attr_text = "shape=3", .want = AD_EATTR },
    { .name = "negative size", .attr_text = "shape=[3,-5], value=1", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_fill = {
    .name = "fill", .doc = "one value everywhere", .flags = AD_STOPS_GRADIENT, .operands = operands,
    .attr_size = sizeof(ad_fill_attr), .attrs = attrs, .shape = shape, .forward = forward, .samples = samples,
};

ad_tensor *ad_fill(ad_tape *t, const ad_shape *want, double value)
{
    ad_fill_attr a = { { .n = want->rank }, value };
    for (int i = 0; i < want->rank; i++)
        a.shape.v[i] = want->dim[i];
    return ad_record_one(t, &ad_op_fill, &a, 0, NULL);
}

/*
 * straight_through - the value of one tensor with the gradient of another: y = value, and the adjoint of y goes to source.
 */
#include "ops/elementwise.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    *out = in[0];
    if (!ad_shape_equal(&in[0], &in[1])) {
        char text[2][AD_SHAPE_TEXT];
        return AD_FAIL(e, ESHAPE, "straight_through: value %s and source %s must have the same shape",
                       ad_shape_text(&in[0], text[0]),
                       ad_shape_text(&in[1], text[1]));
    }
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    g->gin[1] = g->gout[0];
}

static const ad_operand operands[] = {
    { .name = "value", .doc = "what is read" }, { .name = "source", .doc = "what gets the adjoint" }, { 0 }
};

/* The adjoint of source is not a derivative, on purpose; tests/test_op_values.c looks at it. */
static const ad_sample samples[] = {
    { .name = "matrix", .n_in = 2, .in = { { 2, { 3, 5 } }, { 2, { 3, 5 } } }, .no_gradient = 3 },
    { .name = "unequal", .n_in = 2, .in = { { 2, { 3, 5 } }, { 1, { 5 } } }, .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_straight_through = {
    .name = "straight_through", .doc = "value; its adjoint goes to source", .flags = AD_ALIAS, .operands = operands,
    .shape = shape, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_straight_through(ad_tape *t, ad_tensor *value, ad_tensor *source)
{
    return ad_record_one(t, &ad_op_straight_through, NULL, 2, (ad_tensor *const[]){ value, source });
}

/*
 * minimum - y = the smaller of a and b, broadcast; a NaN in either stays one.
 *
 *   The adjoint goes to the operand that was chosen, half to each where they are equal.
 */
#include "ops/elementwise.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    return ad__shape_broadcast(e, "minimum", n_in, in, out);
}

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->minimum, NULL);
}

static void gradient(ad_grad *g)
{
    ad_tape *t = g->tape;
    ad_tensor *half = ad_scale(t, ad_equal(t, g->in[0], g->in[1]), 0.5);
    if (g->wanted[0]) {
        ad_tensor *part = ad_add(t, ad_less(t, g->in[0], g->in[1]), half);
        g->gin[0] = ad__unbroadcast(t, ad_mul(t, g->gout[0], part), g->in[0]);
    }
    if (g->wanted[1]) {
        ad_tensor *part = ad_add(t, ad_less(t, g->in[1], g->in[0]), half);
        g->gin[1] = ad__unbroadcast(t, ad_mul(t, g->gout[0], part), g->in[1]);
    }
}

static const ad_sample samples[] = {
    { .name = "same shape", .n_in = 2, .in = { { 2, { 3, 5 } }, { 2, { 3, 5 } } }, .range = { { 0.1, 1 }, { -1, -0.1 } } },
    { .name = "number", .n_in = 2, .in = { { 2, { 3, 5 } }, { 0 } }, .range = { { 0.1, 1 }, { -1, -0.1 } } },
    { .name = "last axis", .n_in = 2, .in = { { 3, { 2, 3, 4 } }, { 1, { 4 } } }, .range = { { 0.1, 1 }, { -1, -0.1 } } },
    { .name = "crossed", .n_in = 2, .in = { { 3, { 2, 1, 4 } }, { 2, { 3, 1 } } }, .range = { { 0.1, 1 }, { -1, -0.1 } } },
    { .name = "other side", .n_in = 2, .in = { { 2, { 3, 5 } }, { 1, { 5 } } }, .range = { { -1, -0.1 }, { 0.1, 1 } } },
    { .name = "unequal", .n_in = 2, .in = { { 2, { 3, 5 } }, { 2, { 3, 4 } } }, .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_minimum = {
    .name = "minimum", .doc = "the smaller of a and b", .flags = AD_ELEMENTWISE | AD_CHEAP, .operands = ad__operands_ab,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_minimum(ad_tape *t, ad_tensor *a, ad_tensor *b)
{
    return ad_record_one(t, &ad_op_minimum, NULL, 2, (ad_tensor *const[]){ a, b });
}

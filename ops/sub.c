/*
 * sub - y = a - b, broadcast.
 *
 *   dy/da = 1, dy/db = -1; what was broadcast is summed.
 */
#include "ops/elementwise.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    return ad__shape_broadcast(e, "sub", n_in, in, out);
}

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->sub, NULL);
}

static void gradient(ad_grad *g)
{
    ad_tape *t = g->tape;
    if (g->wanted[0]) g->gin[0] = ad__unbroadcast(t, g->gout[0], g->in[0]);
    if (g->wanted[1]) g->gin[1] = ad__unbroadcast(t, ad_neg(t, g->gout[0]), g->in[1]);
}

static const ad_sample samples[] = {
    { .name = "same shape", .n_in = 2, .in = { { 2, { 3, 5 } }, { 2, { 3, 5 } } } },
    { .name = "number", .n_in = 2, .in = { { 2, { 3, 5 } }, { 0 } } },
    { .name = "last axis", .n_in = 2, .in = { { 3, { 2, 3, 4 } }, { 1, { 4 } } } },
    { .name = "crossed", .n_in = 2, .in = { { 3, { 2, 1, 4 } }, { 2, { 3, 1 } } } },
    { .name = "unequal", .n_in = 2, .in = { { 2, { 3, 5 } }, { 2, { 3, 4 } } }, .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_sub = {
    .name = "sub", .doc = "a - b", .flags = AD_ELEMENTWISE | AD_CHEAP, .operands = ad__operands_ab,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_sub(ad_tape *t, ad_tensor *a, ad_tensor *b)
{
    return ad_record_one(t, &ad_op_sub, NULL, 2, (ad_tensor *const[]){ a, b });
}

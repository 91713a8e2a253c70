/*
 * pow - y = a^b, broadcast, for positive a (or whole b); for a constant exponent see power.
 *
 *   dy/da = b a^(b-1), dy/db = y ln a; what was broadcast is summed.
 */
#include "ops/elementwise.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    return ad__shape_broadcast(e, "pow", n_in, in, out);
}

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->pow, NULL);
}

static void gradient(ad_grad *g)
{
    ad_tape *t = g->tape;
    ad_tensor *a = g->in[0], *b = g->in[1], *gy = g->gout[0];
    if (g->wanted[0]) {
        ad_tensor *slope = ad_mul(t, b, ad_pow(t, a, ad_shift(t, b, -1)));
        g->gin[0] = ad__unbroadcast(t, ad_mul(t, gy, slope), a);
    }
    if (g->wanted[1]) g->gin[1] = ad__unbroadcast(t, ad_mul(t, gy, ad_mul(t, g->out[0], ad_log(t, a))), b);
}

static const ad_sample samples[] = {
    { .name = "same shape", .n_in = 2, .in = { { 2, { 3, 5 } }, { 2, { 3, 5 } } }, .lo = 0.4, .hi = 2 },
    { .name = "number", .n_in = 2, .in = { { 2, { 3, 5 } }, { 0 } }, .lo = 0.4, .hi = 2 },
    { .name = "last axis", .n_in = 2, .in = { { 3, { 2, 3, 4 } }, { 1, { 4 } } }, .lo = 0.4, .hi = 2 },
    { .name = "crossed", .n_in = 2, .in = { { 3, { 2, 1, 4 } }, { 2, { 3, 1 } } }, .lo = 0.4, .hi = 2 },
    { .name = "unequal", .n_in = 2, .in = { { 2, { 3, 5 } }, { 2, { 3, 4 } } }, .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_pow = {
    .name = "pow", .doc = "a to the power b", .flags = AD_ELEMENTWISE, .operands = ad__operands_ab,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_pow(ad_tape *t, ad_tensor *a, ad_tensor *b)
{
    return ad_record_one(t, &ad_op_pow, NULL, 2, (ad_tensor *const[]){ a, b });
}

/*
 * where - y = a where condition > 0, b elsewhere, all three broadcast.
 *
 *   The adjoint goes to a where the condition holds and to b elsewhere; the condition gets none.
 */
#include "ops/elementwise.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    return ad__shape_broadcast(e, "where", n_in, in, out);
}

static ad_status forward(const ad_call *c)
{
    return ad__map(c, ad__element(c)->where, NULL);
}

static void gradient(ad_grad *g)
{
    ad_tape *t = g->tape;
    ad_tensor *zero = ad_scalar(t, 0);
    if (g->wanted[1]) g->gin[1] = ad__unbroadcast(t, ad_where(t, g->in[0], g->gout[0], zero), g->in[1]);
    if (g->wanted[2]) g->gin[2] = ad__unbroadcast(t, ad_where(t, g->in[0], zero, g->gout[0]), g->in[2]);
}

static const ad_operand operands[] = { { .name = "condition" }, { .name = "a" }, { .name = "b" }, { 0 } };

static const ad_sample samples[] = {
    { .name = "same shape", .n_in = 3, .in = { { 2, { 3, 5 } }, { 2, { 3, 5 } }, { 2, { 3, 5 } } }, .no_gradient = 1 },
    { .name = "numbers", .n_in = 3, .in = { { 2, { 3, 5 } }, { 0 }, { 0 } }, .no_gradient = 1 },
    { .name = "crossed", .n_in = 3, .in = { { 3, { 2, 3, 4 } }, { 3, { 2, 1, 4 } }, { 2, { 3, 1 } } }, .no_gradient = 1 },
    { .name = "unequal", .n_in = 3, .in = { { 1, { 3 } }, { 1, { 3 } }, { 1, { 4 } } }, .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_where = {
    .name = "where", .doc = "a where condition > 0, b elsewhere", .flags = AD_ELEMENTWISE | AD_CHEAP, .operands = operands,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_where(ad_tape *t, ad_tensor *condition, ad_tensor *a, ad_tensor *b)
{
    return ad_record_one(t, &ad_op_where, NULL, 3, (ad_tensor *const[]){ condition, a, b });
}

/*
 * shift - y = x + amount.
 *
 *   dy/dx = 1.
 */
#include "ops/elementwise.h"

static ad_status forward(const ad_call *c)
{
    const ad_shift_attr *a = c->attr;
    return ad__map(c, ad__element(c)->shift, (const double[]){ a->amount });
}

static void gradient(ad_grad *g)
{
    const ad_shift_attr *a = g->attr;
    (void)a;
    g->gin[0] = g->gout[0];
}

static const ad_attr attrs[] = {
    { "amount", AD_ATTR_FLOAT, offsetof(ad_shift_attr, amount), .required = true, .doc = "what is added" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "up", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "amount=0.5", .lo = -1, .hi = 1 },
    { .name = "down", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "amount=-2", .lo = -1, .hi = 1 },
    { .name = "no amount", .n_in = 1, .in = { { 1, { 4 } } }, .attr_text = "", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_shift = {
    .name = "shift", .doc = "x + amount", .flags = AD_ELEMENTWISE | AD_CHEAP, .operands = ad__operand_x,
    .attr_size = sizeof(ad_shift_attr), .attrs = attrs,
    .shape = ad__shape_same, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_shift(ad_tape *t, ad_tensor *x, double amount)
{
    return ad_record_one(t, &ad_op_shift, &(const ad_shift_attr){ .amount = amount }, 1, &x);
}

/*
 * elu - y = x where x > 0, alpha (e^x - 1) elsewhere.
 *
 *   dy/dx = 1 where x > 0, alpha e^x = y + alpha elsewhere.
 */
#include "ops/elementwise.h"

static ad_status forward(const ad_call *c)
{
    const ad_elu_attr *a = c->attr;
    return ad__map(c, ad__element(c)->elu, (const double[]){ a->alpha });
}

static void gradient(ad_grad *g)
{
    const ad_elu_attr *a = g->attr;
    ad_tensor *gy = g->gout[0], *left = ad_mul(g->tape, gy, ad_shift(g->tape, g->out[0], a->alpha));
    g->gin[0] = ad_where(g->tape, g->in[0], gy, left);
}

static const ad_attr attrs[] = {
    { "alpha", AD_ATTR_FLOAT, offsetof(ad_elu_attr, alpha), 1, 0, 100, "size of the negative branch" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "positive", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "", .lo = 0.1, .hi = 2 },
    { .name = "negative", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "alpha=0.5", .lo = -2, .hi = -0.1 },
    { .name = "negative alpha", .n_in = 1, .in = { { 1, { 4 } } }, .attr_text = "alpha=-1", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_elu = {
    .name = "elu", .doc = "x where x > 0, alpha (e^x - 1) elsewhere", .flags = AD_ELEMENTWISE, .operands = ad__operand_x,
    .attr_size = sizeof(ad_elu_attr), .attrs = attrs,
    .shape = ad__shape_same, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_elu(ad_tape *t, ad_tensor *x, double alpha)
{
    return ad_record_one(t, &ad_op_elu, &(const ad_elu_attr){ .alpha = alpha }, 1, &x);
}

/*
 * clamp - y = x kept between lo and hi; a NaN stays one.
 *
 *   dy/dx = 1 where lo <= x <= hi, else 0.
 */
#include <math.h>

#include "ops/elementwise.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_clamp_attr *a = attr;
    if (!(a->lo <= a->hi)) return AD_FAIL(e, EATTR, "clamp: lo=%g is above hi=%g", a->lo, a->hi);
    *out = in[0];
    return AD_OK;
}

static ad_status forward(const ad_call *c)
{
    const ad_clamp_attr *a = c->attr;
    return ad__map(c, ad__element(c)->clamp, (const double[]){ a->lo, a->hi });
}

static void gradient(ad_grad *g)
{
    const ad_clamp_attr *a = g->attr;
    ad_tape *t = g->tape;
    ad_tensor *zero = ad_scalar(t, 0), *gy = g->gout[0];
    if (a->lo > -INFINITY) gy = ad_where(t, ad_less(t, g->in[0], ad_scalar(t, a->lo)), zero, gy);
    if (a->hi < INFINITY) gy = ad_where(t, ad_greater(t, g->in[0], ad_scalar(t, a->hi)), zero, gy);
    g->gin[0] = gy;
}

static const ad_attr attrs[] = {
    { "lo", AD_ATTR_FLOAT, offsetof(ad_clamp_attr, lo), -INFINITY, .doc = "smallest value" },
    { "hi", AD_ATTR_FLOAT, offsetof(ad_clamp_attr, hi), INFINITY, .doc = "largest value" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "inside", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "lo=-7, hi=4" },
    { .name = "below", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "lo=2" },
    { .name = "above", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "hi=-2" },
    { .name = "crossed limits", .n_in = 1, .in = { { 1, { 4 } } }, .attr_text = "lo=2, hi=1", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_clamp = {
    .name = "clamp", .doc = "x kept between lo and hi", .flags = AD_ELEMENTWISE | AD_CHEAP, .operands = ad__operand_x,
    .attr_size = sizeof(ad_clamp_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_clamp(ad_tape *t, ad_tensor *x, double lo, double hi)
{
    return ad_record_one(t, &ad_op_clamp, &(const ad_clamp_attr){ .lo = lo, .hi = hi }, 1, &x);
}

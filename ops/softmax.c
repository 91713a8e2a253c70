/*
 * softmax - y = e^x / sum e^x over the last axis.
 *
 *   gx = y (gy - sum gy y)        (docs/derivations/softmax.md)
 */
#include "ops/rows.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    if (in[0].rank < 1 || ad__last(&in[0]) < 1)
        return AD_FAIL(e, ESHAPE, "softmax: a number has no last axis; need rank 1 or more");
    *out = in[0];
    return AD_OK;
}

static void some_rows(const ad_call *c, int64_t row, int64_t rows)
{
    int64_t n = ad__last(&c->in[0].shape);
    ad__element(c)->softmax(rows, n, ad__row_in(c, 0, row, n), ad__row_out(c, row, n));
}

static ad_status forward(const ad_call *c)
{
    ad__each_rows(c, ad__rows(&c->in[0].shape), ad__last(&c->in[0].shape), some_rows);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    ad_tape *t = g->tape;
    const ad_ints last = { 1, { -1 } };
    ad_tensor *y = g->out[0], *gy = g->gout[0];
    ad_tensor *mean = ad_sum(t, ad_mul(t, gy, y), &last, true);
    g->gin[0] = ad_mul(t, y, ad_sub(t, gy, mean));
}

static const ad_sample samples[] = {
    { .name = "two classes", .n_in = 1, .in = { { 3, { 2, 11, 2 } } } },
    { .name = "short rows", .n_in = 1, .in = { { 2, { 3, 16 } } }, .lo = -3, .hi = 3 },
    { .name = "long rows", .n_in = 1, .in = { { 2, { 2, 37 } } }, .lo = -3, .hi = 3 },
    { .name = "large", .n_in = 1, .in = { { 2, { 3, 4 } } }, .lo = 500, .hi = 503 },
    { .name = "a number", .n_in = 1, .in = { { 0 } }, .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_softmax = {
    .name = "softmax", .doc = "e^x / sum e^x over the last axis", .operands = ad__operand_x,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_softmax(ad_tape *t, ad_tensor *x)
{
    return ad_record_one(t, &ad_op_softmax, NULL, 1, &x);
}

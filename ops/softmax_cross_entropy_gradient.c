/*
 * softmax_cross_entropy_gradient - y = g (T p - t) with p = softmax(x) and T = sum t over the last axis: g [..], x, t [..,C] ->
 * [..,C].
 *
 *   With u the adjoint of y and sums over the last axis:
 *   by g   sum u (T p - t)
 *   by x   w = g T u;  p (w - sum w p)
 *   by t   g (sum u p - u), because T is the sum of t
 */
#include "ops/rows.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    ad_shape thin = in[1];
    thin.rank -= thin.rank > 0;
    if (in[1].rank < 1 || !ad_shape_equal(&in[1], &in[2]) || !ad_shape_equal(&in[0], &thin)) {
        char text[3][AD_SHAPE_TEXT];
        return AD_FAIL(e, ESHAPE, "softmax_cross_entropy_gradient: gy %s, logits %s, target %s; need [..], [..,C], [..,C]",
                       ad_shape_text(&in[0], text[0]), ad_shape_text(&in[1], text[1]), ad_shape_text(&in[2], text[2]));
    }
    *out = in[1];
    return AD_OK;
}

static void some_rows(const ad_call *c, int64_t row, int64_t rows)
{
    int64_t n = ad__last(&c->in[1].shape);
    ad__element(c)->cross_entropy_gradient(rows, n, ad__row_in(c, 0, row, 1), ad__row_in(c, 1, row, n), ad__row_in(c, 2, row, n),
                                           ad__row_out(c, row, n));
}

static ad_status forward(const ad_call *c)
{
    ad__each_rows(c, ad__rows(&c->in[1].shape), ad__last(&c->in[1].shape), some_rows);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    ad_tape *t = g->tape;
    const ad_ints last = { 1, { -1 } };
    ad_shape thin = *ad_tensor_shape(g->in[1]);
    thin.dim[thin.rank - 1] = 1;
    ad_tensor *u = g->gout[0], *up = ad_reshape(t, g->in[0], &thin), *target = g->in[2];
    ad_tensor *p = ad_softmax(t, g->in[1]), *total = ad_sum(t, target, &last, true);
    if (g->wanted[0]) g->gin[0] = ad_sum(t, ad_mul(t, u, ad_sub(t, ad_mul(t, p, total), target)), &last, false);
    if (g->wanted[1]) {
        ad_tensor *w = ad_mul(t, u, ad_mul(t, up, total));
        g->gin[1] = ad_mul(t, p, ad_sub(t, w, ad_sum(t, ad_mul(t, w, p), &last, true)));
    }
    if (g->wanted[2]) g->gin[2] = ad_mul(t, up, ad_sub(t, ad_sum(t, ad_mul(t, u, p), &last, true), u));
}

static const ad_operand operands[] = { { .name = "gy", .doc = "[..]" }, { .name = "logits", .doc = "[..,C]" },
                                       { .name = "target", .doc = "[..,C]" }, { 0 } };

static const ad_sample samples[] = {
    { .name = "two classes", .n_in = 3, .in = { { 2, { 2, 9 } }, { 3, { 2, 9, 2 } }, { 3, { 2, 9, 2 } } } },
    { .name = "one row", .n_in = 3, .in = { { 0 }, { 1, { 5 } }, { 1, { 5 } } }, .lo = -2, .hi = 2 },
    { .name = "many classes", .n_in = 3, .in = { { 1, { 3 } }, { 2, { 3, 21 } }, { 2, { 3, 21 } } } },
    { .name = "other rows", .n_in = 3, .in = { { 1, { 2 } }, { 2, { 3, 4 } }, { 2, { 3, 4 } } }, .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_softmax_cross_entropy_gradient = {
    .name = "softmax_cross_entropy_gradient", .doc = "gradient of softmax_cross_entropy by its logits", .operands = operands,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_softmax_cross_entropy_gradient(ad_tape *t, ad_tensor *gy, ad_tensor *logits, ad_tensor *target)
{
    return ad_record_one(t, &ad_op_softmax_cross_entropy_gradient, NULL, 3, (ad_tensor *const[]){ gy, logits, target });
}

/*
 * softmax_cross_entropy - y = -sum over the last axis of target * log softmax(logits): [..,C], [..,C] -> [..].
 *
 *   The target is one-hot or any distribution (or any weights: with T their sum, y = T ln sum e^x - sum t x).
 *   by logits   gx = gy (T softmax(x) - t), one pass in softmax_cross_entropy_gradient (docs/derivations/softmax.md)
 *   by target   gt = -gy log softmax(x)
 */
#include "ops/rows.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    if (in[0].rank < 1 || ad__last(&in[0]) < 1 || !ad_shape_equal(&in[0], &in[1])) {
        char text[2][AD_SHAPE_TEXT];
        return AD_FAIL(e, ESHAPE, "softmax_cross_entropy: logits %s, target %s; need both [..,C]", ad_shape_text(&in[0], text[0]),
                       ad_shape_text(&in[1], text[1]));
    }
    *out = in[0];
    out->rank--;
    return AD_OK;
}

static void some_rows(const ad_call *c, int64_t row, int64_t rows)
{
    int64_t n = ad__last(&c->in[0].shape);
    ad__element(c)->cross_entropy(rows, n, ad__row_in(c, 0, row, n), ad__row_in(c, 1, row, n), ad__row_out(c, row, 1));
}

static ad_status forward(const ad_call *c)
{
    ad__each_rows(c, ad__rows(&c->in[0].shape), ad__last(&c->in[0].shape), some_rows);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    ad_tape *t = g->tape;
    if (g->wanted[0]) g->gin[0] = ad_softmax_cross_entropy_gradient(t, g->gout[0], g->in[0], g->in[1]);
    if (g->wanted[1]) {
        ad_shape thin = *ad_tensor_shape(g->out[0]);
        thin.dim[thin.rank++] = 1;
        g->gin[1] = ad_neg(t, ad_mul(t, ad_log_softmax(t, g->in[0]), ad_reshape(t, g->gout[0], &thin)));
    }
}

static const ad_operand operands[] = { { .name = "logits", .doc = "[..,C]" },
                                       { .name = "target", .doc = "[..,C], one-hot or any distribution" }, { 0 } };

static const ad_sample samples[] = {
    { .name = "two classes", .n_in = 2, .in = { { 3, { 2, 9, 2 } }, { 3, { 2, 9, 2 } } } },
    { .name = "one row", .n_in = 2, .in = { { 1, { 5 } }, { 1, { 5 } } }, .lo = -3, .hi = 3 },
    { .name = "many classes", .n_in = 2, .in = { { 2, { 3, 21 } }, { 2, { 3, 21 } } } },
    { .name = "other classes", .n_in = 2, .in = { { 2, { 3, 4 } }, { 2, { 3, 5 } } }, .want = AD_ESHAPE },
    { .name = "numbers", .n_in = 2, .in = { { 0 }, { 0 } }, .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_softmax_cross_entropy = {
    .name = "softmax_cross_entropy", .doc = "-sum of target * log softmax(logits) over the last axis", .operands = operands,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_softmax_cross_entropy(ad_tape *t, ad_tensor *logits, ad_tensor *target)
{
    return ad_record_one(t, &ad_op_softmax_cross_entropy, NULL, 2, (ad_tensor *const[]){ logits, target });
}

/*
 * bce_with_logits - binary cross-entropy of logits [B,..,C] with targets in [0,1] of the same shape, reduced as the attributes
 * say.
 *
 *   -t ln sigmoid(x) - (1 - t) ln (1 - sigmoid(x)) = softplus(x) - t x. Composite: softplus, mul, sub, sum, scale.
 */
#include "ops/loss.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_loss_attr *a = attr;
    *out = (ad_shape){ 0 };
    if (!ad_shape_equal(&in[0], &in[1])) {
        char text[2][AD_SHAPE_TEXT];
        return AD_FAIL(e, ESHAPE, "bce_with_logits: logits %s, target %s; need both [B,..,C]", ad_shape_text(&in[0], text[0]),
                       ad_shape_text(&in[1], text[1]));
    }
    return ad__over(e, "bce_with_logits", a->over, &in[0], "C");
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    ad_tensor *loss = ad_sub(t, ad_softplus(t, in[0]), ad_mul(t, in[1], in[0]));
    out[0] = ad__loss_reduce(t, loss, attr);
}

static const ad_operand operands[] = { { .name = "logits", .doc = "[B,..,C]" }, { .name = "target", .doc = "[B,..,C], 0 to 1" },
                                       { 0 } };

static const ad_sample samples[] = {
    { .name = "sum", .n_in = 2, .in = { { 4, { 2, 2, 3, 1 } }, { 4, { 2, 2, 3, 1 } } }, .attr_text = "over=CHW, batch=sum",
      .lo = -3, .hi = 3 },
    { .name = "mean", .n_in = 2, .in = { { 3, { 2, 4, 2 } }, { 3, { 2, 4, 2 } } },
      .attr_text = "over=LC, batch=mean, pixels=mean" },
    { .name = "wrong axes", .n_in = 2, .in = { { 4, { 2, 2, 3, 1 } }, { 4, { 2, 2, 3, 1 } } }, .attr_text = "over=HW, batch=sum",
      .want = AD_EATTR },
    { .name = "unequal", .n_in = 2, .in = { { 2, { 3, 1 } }, { 2, { 3, 2 } } }, .attr_text = "over=C, batch=sum",
      .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_bce_with_logits = {
    .name = "bce_with_logits", .doc = "binary cross-entropy, reduced", .operands = operands,
    .attr_size = sizeof(ad_loss_attr), .attrs = ad__loss_attrs, .shape = shape, .expand = expand, .samples = samples,
};

ad_tensor *ad_bce_with_logits(ad_tape *t, ad_tensor *logits, ad_tensor *target, const ad_loss_attr *attr)
{
    return ad_record_one(t, &ad_op_bce_with_logits, attr, 2, (ad_tensor *const[]){ logits, target });
}

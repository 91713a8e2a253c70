/*
 * cross_entropy - softmax cross-entropy of logits [B,..,C] with a target of the same shape, reduced as the attributes say.
 *
 *   Composite: softmax_cross_entropy, sum, scale.
 */
#include "ops/loss.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_loss_attr *a = attr;
    *out = (ad_shape){ 0 };
    if (!ad_shape_equal(&in[0], &in[1])) {
        char text[2][AD_SHAPE_TEXT];
        return AD_FAIL(e, ESHAPE, "cross_entropy: logits %s, target %s; need both [B,..,C]", ad_shape_text(&in[0], text[0]),
                       ad_shape_text(&in[1], text[1]));
    }
    return ad__over(e, "cross_entropy", a->over, &in[0], "");
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    out[0] = ad__loss_reduce(t, ad_softmax_cross_entropy(t, in[0], in[1]), attr);
}

static const ad_operand operands[] = { { .name = "logits", .doc = "[B,..,C]" },
                                       { .name = "target", .doc = "[B,..,C], one-hot or any distribution" }, { 0 } };

static const ad_sample samples[] = {
    { .name = "pixels summed", .n_in = 2, .in = { { 4, { 2, 2, 3, 3 } }, { 4, { 2, 2, 3, 3 } } },
      .attr_text = "over=HW, batch=mean" },
    { .name = "mean", .n_in = 2, .in = { { 4, { 2, 2, 3, 3 } }, { 4, { 2, 2, 3, 3 } } },
      .attr_text = "over=WH, batch=mean, pixels=mean" },
    { .name = "volume", .n_in = 2, .in = { { 5, { 2, 2, 1, 2, 2 } }, { 5, { 2, 2, 1, 2, 2 } } },
      .attr_text = "over=DHW, batch=sum" },
    { .name = "classes only", .n_in = 2, .in = { { 2, { 3, 4 } }, { 2, { 3, 4 } } }, .attr_text = "over=\"\", batch=sum" },
    { .name = "wrong axes", .n_in = 2, .in = { { 4, { 2, 2, 3, 3 } }, { 4, { 2, 2, 3, 3 } } },
      .attr_text = "over=CHW, batch=mean", .want = AD_EATTR },
    { .name = "no batch", .n_in = 2, .in = { { 4, { 2, 2, 3, 3 } }, { 4, { 2, 2, 3, 3 } } }, .attr_text = "over=HW",
      .want = AD_EATTR },
    { .name = "other classes", .n_in = 2, .in = { { 2, { 3, 4 } }, { 2, { 3, 5 } } }, .attr_text = "over=\"\", batch=sum",
      .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_cross_entropy = {
    .name = "cross_entropy", .doc = "softmax cross-entropy, reduced", .operands = operands,
    .attr_size = sizeof(ad_loss_attr), .attrs = ad__loss_attrs, .shape = shape, .expand = expand, .samples = samples,
};

ad_tensor *ad_cross_entropy(ad_tape *t, ad_tensor *logits, ad_tensor *target, const ad_loss_attr *attr)
{
    return ad_record_one(t, &ad_op_cross_entropy, attr, 2, (ad_tensor *const[]){ logits, target });
}

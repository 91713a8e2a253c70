/*
 * dice - soft Dice loss of logits [B,..,C] with a target of the same shape.
 *
 *   p = softmax(logits); for each class, summed over pixels (and over the batch with `batch`):
 *   1 - (2 sum p t + smooth) / (sum p^2 + sum t^2 + smooth), without the squares unless `squared`; the mean over classes (and
 *   items). Composite.
 */
#include "ops/loss.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_dice_attr *a = attr;
    int64_t classes = in[0].rank >= 2 ? in[0].dim[in[0].rank - 1] : 0;
    *out = (ad_shape){ 0 };
    if (classes < (a->foreground ? 2 : 1) || !ad_shape_equal(&in[0], &in[1])) {
        char text[2][AD_SHAPE_TEXT];
        return AD_FAIL(e, ESHAPE, "dice: logits %s, target %s; need both [B,..,C]%s", ad_shape_text(&in[0], text[0]),
                       ad_shape_text(&in[1], text[1]), a->foreground ? " with at least two classes" : "");
    }
    return AD_OK;
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    const ad_dice_attr *a = attr;
    ad_tensor *p = ad_softmax(t, in[0]), *target = in[1];
    const ad_shape *s = ad_tensor_shape(in[0]);
    ad_ints axes = { 0 };
    for (int i = a->batch ? 0 : 1; i < s->rank - 1; i++)
        axes.v[axes.n++] = i;
    if (a->foreground) {
        p = ad_slice(t, p, -1, 1, s->dim[s->rank - 1] - 1);
        target = ad_slice(t, target, -1, 1, s->dim[s->rank - 1] - 1);
    }
    ad_tensor *both = ad_mul(t, p, target);
    ad_tensor *sizes = a->squared ? ad_add(t, ad_square(t, p), ad_square(t, target)) : ad_add(t, p, target);
    if (axes.n > 0) {
        both = ad_sum(t, both, &axes, false);
        sizes = ad_sum(t, sizes, &axes, false);
    }
    ad_tensor *ratio = ad_div(t, ad_shift(t, ad_scale(t, both, 2), a->smooth), ad_shift(t, sizes, a->smooth));
    out[0] = ad_shift(t, ad_neg(t, ad_mean(t, ratio, NULL, false)), 1);
}

static const ad_operand operands[] = { { .name = "logits", .doc = "[B,..,C]" }, { .name = "target", .doc = "[B,..,C], one-hot" },
                                       { 0 } };

static const ad_attr attrs[] = {
    { "smooth", AD_ATTR_FLOAT, offsetof(ad_dice_attr, smooth), 1e-5, 0, 1e3, .doc = "added to both sides of the ratio" },
    { "squared", AD_ATTR_BOOL, offsetof(ad_dice_attr, squared), 1, .doc = "squares in the denominator" },
    { "batch", AD_ATTR_BOOL, offsetof(ad_dice_attr, batch), 1, .doc = "one ratio for the whole batch, else one for each item" },
    { "foreground", AD_ATTR_BOOL, offsetof(ad_dice_attr, foreground), 0, .doc = "class 0 does not count" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "whole batch", .n_in = 2, .in = { { 4, { 2, 2, 3, 3 } }, { 4, { 2, 2, 3, 3 } } }, .range = { { 0 }, { 0.1, 1 } } },
    { .name = "each item", .n_in = 2, .in = { { 4, { 2, 2, 3, 3 } }, { 4, { 2, 2, 3, 3 } } },
      .attr_text = "batch=false, squared=false, smooth=0.5",
      .range = { { 0 }, { 0.1, 1 } } },
    { .name = "foreground", .n_in = 2, .in = { { 3, { 2, 4, 3 } }, { 3, { 2, 4, 3 } } }, .attr_text = "foreground=true",
      .range = { { 0 }, { 0.1, 1 } } },
    { .name = "one class", .n_in = 2, .in = { { 3, { 2, 4, 1 } }, { 3, { 2, 4, 1 } } }, .attr_text = "foreground=true",
      .want = AD_ESHAPE },
    { .name = "unequal", .n_in = 2, .in = { { 3, { 2, 4, 3 } }, { 3, { 2, 4, 2 } } }, .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_dice = {
    .name = "dice", .doc = "soft Dice loss", .operands = operands,
    .attr_size = sizeof(ad_dice_attr), .attrs = attrs, .shape = shape, .expand = expand, .samples = samples,
};

ad_tensor *ad_dice(ad_tape *t, ad_tensor *logits, ad_tensor *target, const ad_dice_attr *attr)
{
    return ad_record_one(t, &ad_op_dice, attr, 2, (ad_tensor *const[]){ logits, target });
}

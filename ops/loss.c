/*
 * loss.c - how losses are reduced to one number.
 *
 * A loss says which axes it is summed over, although only one choice fits: a reader of a model sees whether a term is a sum over
 * pixels or a mean without looking it up.
 */
#include "ops/loss.h"

#include <stdio.h>
#include <string.h>

const char *const ad__batch_words[] = { "mean", "sum", NULL };
const char *const ad__pixel_words[] = { "sum", "mean", NULL };

const ad_attr ad__loss_attrs[] = {
    { "over", AD_ATTR_TEXT, offsetof(ad_loss_attr, over), .required = true,
      .doc = "axes that are summed, by their letters: \"HW\"" },
    { "batch", AD_ATTR_ENUM, offsetof(ad_loss_attr, batch), .words = ad__batch_words, .required = true,
      .doc = "mean or sum over the batch" },
    { "pixels", AD_ATTR_ENUM, offsetof(ad_loss_attr, pixels), AD_PIXELS_SUM, .words = ad__pixel_words,
      .doc = "sum or mean over the axes of `over`" },
    { 0 }
};

const char *ad__inner_axes(int rank)
{
    static const char *const letters[] = { "", "L", "HW", "DHW" };
    return rank >= 2 && rank <= 5 ? letters[rank - 2] : NULL;
}

ad_status ad__over(ad_error *e, const char *op, const char *over, const ad_shape *x, const char *extra)
{
    char need[16], text[AD_SHAPE_TEXT];
    const char *inner = ad__inner_axes(x->rank);
    if (!inner) return AD_FAIL(e, ESHAPE, "%s: %s; need [B,..,C] with 0 to 3 axes between", op, ad_shape_text(x, text));
    snprintf(need, sizeof need, "%s%s", extra, inner);
    bool same = strlen(over) == strlen(need);
    for (const char *p = need; same && *p; p++)
        same = strchr(over, *p) != NULL;
    if (!same) return AD_FAIL(e, EATTR, "%s: over=\"%s\"; for %s it must be \"%s\"", op, over, ad_shape_text(x, text), need);
    return AD_OK;
}

ad_tensor *ad__loss_reduce(ad_tape *t, ad_tensor *loss, const ad_loss_attr *attr)
{
    ad_tensor *sum = ad_sum(t, loss, NULL, false);
    if (!sum) return NULL;
    const ad_shape *s = ad_tensor_shape(loss);
    double batch = (double)s->dim[0], pixels = (double)ad_count(s) / batch;
    double over = (attr->batch == AD_BATCH_MEAN ? batch : 1) * (attr->pixels == AD_PIXELS_MEAN ? pixels : 1);
    return over == 1 ? sum : ad_scale(t, sum, 1 / over);
}

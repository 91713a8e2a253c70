/*
 * kl_normal - KL(q || p) of diagonal normals given by means and standard deviations [B,..,C], reduced as the attributes say.
 *
 *   1/2 [ (sd_q^2 + (mu_q - mu_p)^2) / (sd_p^2 + eps) + ln (sd_p^2 + eps) - ln (sd_q^2 + eps) - 1 ] for each element.
 *   With eps = 0 it is exact; published code adds 1e-10 to the variances. Composite of elementwise ops, sum and scale.
 *   docs/derivations/kl_normal.md derives it, its slopes and the form with log variances.
 */
#include "ops/loss.h"

static const ad_operand operands[] = { { .name = "mu_q" }, { .name = "sd_q" }, { .name = "mu_p" }, { .name = "sd_p" }, { 0 } };

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_loss_attr *a = attr;
    *out = (ad_shape){ 0 };
    for (int i = 1; i < 4; i++)
        if (!ad_shape_equal(&in[0], &in[i])) {
            char text[2][AD_SHAPE_TEXT];
            return AD_FAIL(e, ESHAPE, "kl_normal: mu_q is %s, %s is %s; need four tensors of one shape [B,..,C]",
                           ad_shape_text(&in[0], text[0]),
                           operands[i].name, ad_shape_text(&in[i], text[1]));
        }
    return ad__over(e, "kl_normal", a->over, &in[0], "C");
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    const ad_loss_attr *a = attr;
    ad_tensor *var_q = ad_square(t, in[1]), *var_p = ad_square(t, in[3]), *low_q = var_q;
    if (a->eps > 0) {
        low_q = ad_shift(t, var_q, a->eps);
        var_p = ad_shift(t, var_p, a->eps);
    }
    ad_tensor *away = ad_square(t, ad_sub(t, in[0], in[2]));
    ad_tensor *ratio = ad_div(t, ad_add(t, var_q, away), var_p);
    ad_tensor *logs = ad_sub(t, ad_log(t, var_p), ad_log(t, low_q));
    ad_tensor *kl = ad_scale(t, ad_shift(t, ad_add(t, ratio, logs), -1), 0.5);
    out[0] = ad__loss_reduce(t, kl, a);
}

static const ad_attr attrs[] = {
    { "over", AD_ATTR_TEXT, offsetof(ad_loss_attr, over), .required = true,
      .doc = "axes that are summed, by their letters: \"CHW\"" },
    { "batch", AD_ATTR_ENUM, offsetof(ad_loss_attr, batch), .words = ad__batch_words, .required = true,
      .doc = "mean or sum over the batch" },
    { "pixels", AD_ATTR_ENUM, offsetof(ad_loss_attr, pixels), AD_PIXELS_SUM, .words = ad__pixel_words,
      .doc = "sum or mean over the axes of `over`" },
    { "eps", AD_ATTR_FLOAT, offsetof(ad_loss_attr, eps), 0, 0, 1, .doc = "added to the variances" },
    { 0 }
};

/* Standard deviations are positive. */
static const ad_sample samples[] = {
    { .name = "map", .n_in = 4, .in = { { 4, { 2, 2, 3, 2 } }, { 4, { 2, 2, 3, 2 } }, { 4, { 2, 2, 3, 2 } },
                                        { 4, { 2, 2, 3, 2 } } },
      .attr_text = "over=CHW, batch=mean", .range = { { -1, 1 }, { 0.4, 2 }, { -1, 1 }, { 0.4, 2 } } },
    { .name = "vector", .n_in = 4, .in = { { 2, { 2, 3 } }, { 2, { 2, 3 } }, { 2, { 2, 3 } }, { 2, { 2, 3 } } },
      .attr_text = "over=C, batch=sum, eps=0.1", .range = { { -1, 1 }, { 0.4, 2 }, { -1, 1 }, { 0.4, 2 } } },
    { .name = "mean", .n_in = 4, .in = { { 4, { 2, 2, 3, 2 } }, { 4, { 2, 2, 3, 2 } }, { 4, { 2, 2, 3, 2 } },
                                         { 4, { 2, 2, 3, 2 } } },
      .attr_text = "over=CHW, batch=mean, pixels=mean", .range = { { -1, 1 }, { 0.4, 2 }, { -1, 1 }, { 0.4, 2 } } },
    { .name = "wrong axes", .n_in = 4, .in = { { 2, { 2, 3 } }, { 2, { 2, 3 } }, { 2, { 2, 3 } }, { 2, { 2, 3 } } },
      .attr_text = "over=HW, batch=sum", .want = AD_EATTR },
    { .name = "unequal", .n_in = 4, .in = { { 2, { 2, 3 } }, { 2, { 2, 3 } }, { 2, { 2, 2 } }, { 2, { 2, 3 } } },
      .attr_text = "over=C, batch=sum", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_kl_normal = {
    .name = "kl_normal", .doc = "KL of two diagonal normals (mean, standard deviation), reduced", .operands = operands,
    .attr_size = sizeof(ad_loss_attr), .attrs = attrs, .shape = shape, .expand = expand, .samples = samples,
};

ad_tensor *ad_kl_normal(ad_tape *t, ad_tensor *mu_q, ad_tensor *sd_q, ad_tensor *mu_p, ad_tensor *sd_p, const ad_loss_attr *attr)
{
    return ad_record_one(t, &ad_op_kl_normal, attr, 4, (ad_tensor *const[]){ mu_q, sd_q, mu_p, sd_p });
}

/*
 * kl_log_var - KL(q || p) of diagonal normals given by means and log variances [B,..,C], reduced as the attributes say.
 *
 *   1/2 [ v_p - v_q + (e^v_q + (mu_q - mu_p)^2) e^-v_p - 1 ] for each element. Composite of elementwise ops, sum and scale.
 */
#include "ops/loss.h"

static const ad_operand operands[] = { { .name = "mu_q" }, { .name = "v_q" }, { .name = "mu_p" }, { .name = "v_p" }, { 0 } };

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_loss_attr *a = attr;
    *out = (ad_shape){ 0 };
    for (int i = 1; i < 4; i++)
        if (!ad_shape_equal(&in[0], &in[i])) {
            char text[2][AD_SHAPE_TEXT];
            return AD_FAIL(e, ESHAPE, "kl_log_var: mu_q is %s, %s is %s; need four tensors of one shape [B,..,C]",
                           ad_shape_text(&in[0], text[0]),
                           operands[i].name, ad_shape_text(&in[i], text[1]));
        }
    return ad__over(e, "kl_log_var", a->over, &in[0], "C");
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    ad_tensor *away = ad_square(t, ad_sub(t, in[0], in[2]));
    ad_tensor *ratio = ad_mul(t, ad_add(t, ad_exp(t, in[1]), away), ad_exp(t, ad_neg(t, in[3])));
    ad_tensor *kl = ad_scale(t, ad_shift(t, ad_add(t, ad_sub(t, in[3], in[1]), ratio), -1), 0.5);
    out[0] = ad__loss_reduce(t, kl, attr);
}

static const ad_sample samples[] = {
    { .name = "map", .n_in = 4, .in = { { 4, { 2, 2, 3, 2 } }, { 4, { 2, 2, 3, 2 } }, { 4, { 2, 2, 3, 2 } },
                                        { 4, { 2, 2, 3, 2 } } },
      .attr_text = "over=CHW, batch=mean" },
    { .name = "vector", .n_in = 4, .in = { { 2, { 2, 3 } }, { 2, { 2, 3 } }, { 2, { 2, 3 } }, { 2, { 2, 3 } } },
      .attr_text = "over=C, batch=sum" },
    { .name = "mean", .n_in = 4, .in = { { 4, { 2, 2, 3, 2 } }, { 4, { 2, 2, 3, 2 } }, { 4, { 2, 2, 3, 2 } },
                                         { 4, { 2, 2, 3, 2 } } },
      .attr_text = "over=CHW, batch=mean, pixels=mean" },
    { .name = "wrong axes", .n_in = 4, .in = { { 2, { 2, 3 } }, { 2, { 2, 3 } }, { 2, { 2, 3 } }, { 2, { 2, 3 } } },
      .attr_text = "over=HW, batch=sum", .want = AD_EATTR },
    { .name = "unequal", .n_in = 4, .in = { { 2, { 2, 3 } }, { 2, { 2, 3 } }, { 2, { 2, 2 } }, { 2, { 2, 3 } } },
      .attr_text = "over=C, batch=sum", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_kl_log_var = {
    .name = "kl_log_var", .doc = "KL of two diagonal normals (mean, log variance), reduced", .operands = operands,
    .attr_size = sizeof(ad_loss_attr), .attrs = ad__loss_attrs, .shape = shape, .expand = expand, .samples = samples,
};

ad_tensor *ad_kl_log_var(ad_tape *t, ad_tensor *mu_q, ad_tensor *v_q, ad_tensor *mu_p, ad_tensor *v_p, const ad_loss_attr *attr)
{
    return ad_record_one(t, &ad_op_kl_log_var, attr, 4, (ad_tensor *const[]){ mu_q, v_q, mu_p, v_p });
}

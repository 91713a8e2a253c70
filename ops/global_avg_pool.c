/*
 * global_avg_pool - the mean over all positions of each channel, kept as axes of size 1: a mean over the spatial axes.
 */
#include "ops/window.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    int axes;
    AD_TRY(ad__spatial_axes(e, "global_avg_pool", "x", &in[0], &axes));
    *out = ad__image(in[0].dim[0], axes, (int64_t[]){ 1, 1, 1 }, in[0].dim[axes + 1]);
    return AD_OK;
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    ad_ints axes = { .n = ad_tensor_shape(in[0])->rank - 2 };
    for (int i = 0; i < axes.n; i++)
        axes.v[i] = i + 1;
    out[0] = ad_mean(t, in[0], &axes, true);
}

static const ad_operand operands[] = { { .name = "x", .doc = "[N,..,C], one to three axes" }, { 0 } };

static const ad_sample samples[] = {
    { .name = "image", .n_in = 1, .in = { { 4, { 2, 3, 4, 5 } } } },
    { .name = "volume", .n_in = 1, .in = { { 5, { 1, 2, 2, 3, 2 } } } },
    { .name = "refuses a matrix", .n_in = 1, .in = { { 2, { 3, 4 } } }, .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_global_avg_pool = {
    .name = "global_avg_pool", .doc = "mean over all positions of each channel",
    .operands = operands,
    .shape = shape, .expand = expand, .samples = samples,
};

ad_tensor *ad_global_avg_pool(ad_tape *t, ad_tensor *x)
{
    return ad_record_one(t, &ad_op_global_avg_pool, NULL, 1, &x);
}

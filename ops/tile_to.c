/*
 * tile_to - a vector for each item, [N,C] or [N,1..,C], repeated over the inner axes of another tensor [N,..,D]: -> [N,..,C].
 *
 *   Composite: reshape, broadcast_to. Only the shape of the second operand is read, so it gets no adjoint.
 */
#include "ops/elementwise.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_shape *x = &in[0], *like = &in[1];
    bool fits = x->rank >= 2 && like->rank >= 2 && (x->rank == 2 || x->rank == like->rank) && x->dim[0] == like->dim[0];
    for (int i = 1; fits && i < x->rank - 1; i++)
        fits = x->dim[i] == 1;
    if (!fits) {
        char text[2][AD_SHAPE_TEXT];
        return AD_FAIL(e, ESHAPE, "tile_to: x %s over %s; need x [N,C] or [N,1..,C] with the same N", ad_shape_text(x, text[0]),
                       ad_shape_text(like, text[1]));
    }
    *out = *like;
    out->dim[out->rank - 1] = x->dim[x->rank - 1];
    return AD_OK;
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    const ad_shape *x = ad_tensor_shape(in[0]);
    ad_shape want = *ad_tensor_shape(in[1]), thin = want;
    want.dim[want.rank - 1] = x->dim[x->rank - 1];
    for (int i = 1; i < thin.rank; i++)
        thin.dim[i] = i < thin.rank - 1 ? 1 : want.dim[i];
    out[0] = ad_broadcast_to(t, ad_reshape(t, in[0], &thin), &want);
}

static const ad_operand operands[] = { { .name = "x", .doc = "[N,C] or [N,1..,C]" }, { .name = "like", .doc = "[N,..,D]" }, { 0 } };

static const ad_sample samples[] = {
    { .name = "vector", .n_in = 2, .in = { { 2, { 2, 3 } }, { 4, { 2, 3, 4, 5 } } } },
    { .name = "pooled", .n_in = 2, .in = { { 4, { 2, 1, 1, 3 } }, { 4, { 2, 3, 4, 5 } } } },
    { .name = "other batch", .n_in = 2, .in = { { 2, { 2, 3 } }, { 4, { 4, 3, 4, 5 } } }, .want = AD_ESHAPE },
    { .name = "not one", .n_in = 2, .in = { { 4, { 2, 2, 1, 3 } }, { 4, { 2, 4, 4, 5 } } }, .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_tile_to = {
    .name = "tile_to", .doc = "a vector for each item repeated over the inner axes of another tensor", .operands = operands,
    .shape = shape, .expand = expand, .samples = samples,
};

ad_tensor *ad_tile_to(ad_tape *t, ad_tensor *x, ad_tensor *like)
{
    return ad_record_one(t, &ad_op_tile_to, NULL, 2, (ad_tensor *const[]){ x, like });
}

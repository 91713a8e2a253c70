/*
 * reshape - the same numbers in the same order under another shape: no work and no memory.
 */
#include "ops/elementwise.h"

/* One size may be -1: what is left for it. */
static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_shape_attr *a = attr;
    int64_t known = 1, count = ad_count(&in[0]);
    int open = -1;
    bool fits = true;
    out->dtype = in[0].dtype;
    out->rank = a->shape.n;
    for (int i = 0; i < a->shape.n; i++) {
        out->dim[i] = a->shape.v[i];
        if (out->dim[i] == -1 && open < 0) open = i;
        else if (out->dim[i] < 0) fits = false;
        else known *= out->dim[i];
    }
    fits = fits && (open < 0 ? known == count : known > 0 && count % known == 0);
    if (!fits) {
        char text[2][AD_SHAPE_TEXT];
        return AD_FAIL(e, ESHAPE, "reshape: %s has %lld elements and cannot become %s", ad_shape_text(&in[0], text[0]),
                       (long long)count,
                       ad_shape_text(out, text[1]));
    }
    if (open >= 0) out->dim[open] = count / known;
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    g->gin[0] = ad_reshape(g->tape, g->gout[0], ad_tensor_shape(g->in[0]));
}

static const ad_attr attrs[] = {
    { "shape", AD_ATTR_INTS, offsetof(ad_shape_attr, shape), .lo = -1, .hi = 1e12, .empty = true, .doc = "the new shape; one size may be -1" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "split", .n_in = 1, .in = { { 2, { 3, 8 } } }, .attr_text = "shape=[3,2,4]" },
    { .name = "open", .n_in = 1, .in = { { 3, { 2, 3, 4 } } }, .attr_text = "shape=[-1,4]" },
    { .name = "number", .n_in = 1, .in = { { 2, { 1, 1 } } }, .attr_text = "" },
    { .name = "unequal", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "shape=[4,4]", .want = AD_ESHAPE },
    { .name = "two open", .n_in = 1, .in = { { 2, { 4, 4 } } }, .attr_text = "shape=[-1,-1]", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_reshape = {
    .name = "reshape", .doc = "the same numbers under another shape", .flags = AD_ALIAS, .operands = ad__operand_x,
    .attr_size = sizeof(ad_shape_attr), .attrs = attrs, .shape = shape, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_reshape(ad_tape *t, ad_tensor *x, const ad_shape *want)
{
    ad_shape_attr a = { { .n = want->rank } };
    for (int i = 0; i < want->rank; i++)
        a.shape.v[i] = want->dim[i];
    return ad_record_one(t, &ad_op_reshape, &a, 1, &x);
}

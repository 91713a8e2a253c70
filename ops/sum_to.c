/*
 * sum_to - sums x down to a shape from which it could have been broadcast: the adjoint of broadcast_to.
 *
 *   Its own adjoint is broadcast_to. The order of the additions depends on the shape alone (reduce.c).
 */
#include "ops/reduce.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_shape_attr *a = attr;
    const ad_ints *want = &a->shape;
    bool fits = want->n <= in[0].rank;
    for (int i = 1; fits && i <= want->n; i++)
        fits = want->v[want->n - i] == in[0].dim[in[0].rank - i] || want->v[want->n - i] == 1;
    out->dtype = in[0].dtype;
    out->rank = want->n;
    for (int i = 0; i < want->n; i++)
        out->dim[i] = want->v[i];
    if (!fits) {
        char text[2][AD_SHAPE_TEXT];
        return AD_FAIL(e, ESHAPE, "sum_to: %s cannot be summed to %s; aligned at the end, each size must be kept or become 1",
                       ad_shape_text(&in[0], text[0]), ad_shape_text(out, text[1]));
    }
    return AD_OK;
}

static void plan(const ad_shape *x, const ad_shape *out, ad__reduction *r)
{
    bool reduced[AD_MAX_RANK];
    int extra = x->rank - out->rank;
    for (int i = 0; i < x->rank; i++)
        reduced[i] = i < extra || out->dim[i - extra] != x->dim[i];
    ad__reduction_plan(x, reduced, r);
}

static void scratch(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                    ad_scratch *s)
{
    ad__reduction r;
    plan(&in[0], out, &r);
    ad__reduction_scratch(&r, p, s);
}

static ad_status forward(const ad_call *c)
{
    const ad_element_kernels *k = ad__element(c);
    ad__reduction r;
    plan(&c->in[0].shape, &c->out->shape, &r);
    return ad__reduce(c, &r, &(ad__fold){ k->sum, k->sum_columns, k->add });
}

static void gradient(ad_grad *g)
{
    g->gin[0] = ad_broadcast_to(g->tape, g->gout[0], ad_tensor_shape(g->in[0]));
}

static const ad_attr attrs[] = {
    { "shape", AD_ATTR_INTS, offsetof(ad_shape_attr, shape), .lo = 0, .hi = 1e12, .empty = true, .doc = "the shape of the result" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "vector", .n_in = 1, .in = { { 3, { 2, 3, 4 } } }, .attr_text = "shape=4" },
    { .name = "number", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "" },
    { .name = "crossed", .n_in = 1, .in = { { 4, { 2, 3, 2, 4 } } }, .attr_text = "shape=[3,1,4]" },
    { .name = "unequal", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "shape=4", .want = AD_ESHAPE },
    { .name = "longer", .n_in = 1, .in = { { 1, { 5 } } }, .attr_text = "shape=[1,5]", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_sum_to = {
    .name = "sum_to", .doc = "sums down to a shape that broadcasts back", .operands = ad__operand_x,
    .attr_size = sizeof(ad_shape_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .scratch = scratch, .samples = samples,
};

ad_tensor *ad_sum_to(ad_tape *t, ad_tensor *x, const ad_shape *want)
{
    ad_shape_attr a = { { .n = want->rank } };
    for (int i = 0; i < want->rank; i++)
        a.shape.v[i] = want->dim[i];
    return ad_record_one(t, &ad_op_sum_to, &a, 1, &x);
}

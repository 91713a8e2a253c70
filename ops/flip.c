/*
 * flip - the order of the places of some axes turned round: place i goes to n - 1 - i. It is its own adjoint.
 */
#include "ops/move.h"
#include "ops/reduce.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_axes_attr *a = attr;
    bool flipped[AD_MAX_RANK];
    *out = in[0];
    return ad__axes(e, "flip", &a->axes, &in[0], flipped);
}

static ad_status forward(const ad_call *c)
{
    const ad_axes_attr *a = c->attr;
    const ad_shape *x = &c->in[0].shape;
    ad__box b = ad__box_of(x, x, x);
    bool flipped[AD_MAX_RANK];
    AD_TRY(ad__axes(c->error, "flip", &a->axes, x, flipped));
    for (int i = 0; i < x->rank; i++) {
        if (!flipped[i]) continue;
        b.from += (x->dim[i] - 1) * b.from_stride[i];
        b.from_stride[i] = -b.from_stride[i];
    }
    ad__copy_box(c, c->in[0].data, c->out->data, b);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    g->gin[0] = ad_flip(g->tape, g->gout[0], &((const ad_axes_attr *)g->attr)->axes);
}

static const ad_attr attrs[] = {
    { "axes", AD_ATTR_INTS, offsetof(ad_axes_attr, axes), .lo = -AD_MAX_RANK, .hi = AD_MAX_RANK - 1, .empty = true,
      .doc = "the axes; all if not given; negative ones count from the end" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "one axis", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axes=1" },
    { .name = "rows", .n_in = 1, .in = { { 3, { 4, 2, 3 } } }, .attr_text = "axes=0" },
    { .name = "image", .n_in = 1, .in = { { 4, { 2, 3, 4, 3 } } }, .attr_text = "axes=[1,2]" },
    { .name = "apart", .n_in = 1, .in = { { 3, { 3, 2, 4 } } }, .attr_text = "axes=[0,-1]" },
    { .name = "all", .n_in = 1, .in = { { 2, { 3, 5 } } } },
    { .name = "no such axis", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axes=2", .want = AD_ESHAPE },
    { .name = "axis twice", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "axes=[1,-1]", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_flip = {
    .name = "flip", .doc = "the places of some axes in reverse order", .operands = ad__operand_x,
    .attr_size = sizeof(ad_axes_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_flip(ad_tape *t, ad_tensor *x, const ad_ints *axes)
{
    return ad_record_one(t, &ad_op_flip, &(const ad_axes_attr){ .axes = axes ? *axes : (ad_ints){ 0 } }, 1, &x);
}

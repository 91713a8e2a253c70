/*
 * roll - the places of some axes moved round: place i goes to (i + shift) modulo the size.
 *
 *   The adjoint is rolled back.
 */
#include "ops/move.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_roll_attr *a = attr;
    if (a->shift.n != a->axes.n && a->shift.n != 1)
        return AD_FAIL(e, EATTR, "roll: %d shifts for %d axes; need one for each, or one for all", a->shift.n, a->axes.n);
    unsigned seen = 0;
    for (int i = 0; i < a->axes.n; i++) {
        int axis = ad__axis(e, "roll", a->axes.v[i], in[0].rank);
        if (axis < 0) return AD_ESHAPE;
        if (seen & 1u << axis) return AD_FAIL(e, ESHAPE, "roll: axis %d is given twice", axis);
        seen |= 1u << axis;
    }
    *out = in[0];
    return AD_OK;
}

/* Every rolled axis cuts the tensor in two pieces; bit k of `corner` says which piece of axis k. */
static ad_status forward(const ad_call *c)
{
    const ad_roll_attr *a = c->attr;
    const ad_shape *x = &c->in[0].shape;
    for (unsigned corner = 0; corner < 1u << a->axes.n; corner++) {
        ad__box b = ad__box_of(x, x, x);
        for (int k = 0; k < a->axes.n; k++) {
            int axis = (int)(a->axes.v[k] < 0 ? a->axes.v[k] + x->rank : a->axes.v[k]);
            int64_t n = x->dim[axis], shift = n ? a->shift.v[a->shift.n == 1 ? 0 : k] % n : 0;
            shift = shift < 0 ? shift + n : shift;
            bool second = corner & 1u << k;              /* places n-shift.. go to the front */
            b.dim[axis] = second ? shift : n - shift;
            b.from += (second ? n - shift : 0) * b.from_stride[axis];
            b.to += (second ? 0 : shift) * b.to_stride[axis];
        }
        ad__copy_box(c, c->in[0].data, c->out->data, b);
    }
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    ad_roll_attr back = *(const ad_roll_attr *)g->attr;
    for (int k = 0; k < back.shift.n; k++)
        back.shift.v[k] = -back.shift.v[k];
    g->gin[0] = ad_roll_with(g->tape, g->gout[0], &back);
}

static const ad_attr attrs[] = {
    { "shift", AD_ATTR_INTS, offsetof(ad_roll_attr, shift), .lo = -1e12, .hi = 1e12, .required = true,
      .doc = "places to move by, one for each axis or one for all" },
    { "axes", AD_ATTR_INTS, offsetof(ad_roll_attr, axes), .lo = -AD_MAX_RANK, .hi = AD_MAX_RANK - 1, .required = true,
      .doc = "the axes; negative ones count from the end" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "one axis", .n_in = 1, .in = { { 2, { 3, 5 } } }, .attr_text = "shift=2, axes=1" },
    { .name = "two axes", .n_in = 1, .in = { { 4, { 2, 4, 6, 3 } } }, .attr_text = "shift=[-1,-3], axes=[1,2]" },
    { .name = "one shift", .n_in = 1, .in = { { 3, { 4, 3, 2 } } }, .attr_text = "shift=5, axes=[0,1]" },
    { .name = "shifts missing", .n_in = 1, .in = { { 3, { 4, 3, 2 } } }, .attr_text = "shift=[1,2], axes=[0,1,2]",
      .want = AD_EATTR },
    { .name = "axis twice", .n_in = 1, .in = { { 2, { 4, 3 } } }, .attr_text = "shift=1, axes=[1,-1]", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_roll = {
    .name = "roll", .doc = "places moved round", .operands = ad__operand_x, .attr_size = sizeof(ad_roll_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

ad_tensor *ad_roll(ad_tape *t, ad_tensor *x, int axis, int64_t shift)
{
    return ad_roll_with(t, x, &(const ad_roll_attr){ { 1, { shift } }, { 1, { axis } } });
}

ad_tensor *ad_roll_with(ad_tape *t, ad_tensor *x, const ad_roll_attr *attr)
{
    return ad_record_one(t, &ad_op_roll, attr, 1, &x);
}

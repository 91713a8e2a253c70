/* mutants.c - what is done to a right tensor to make a wrong one. */
#include "tests/mutants.h"

#include <stddef.h>

static ad_tensor *wrong_sign(ad_tape *t, ad_tensor *x) { return ad_neg(t, x); }
static ad_tensor *one_percent(ad_tape *t, ad_tensor *x) { return ad_scale(t, x, 1.01); }
static ad_tensor *dropped(ad_tape *t, ad_tensor *x) { return ad_scale(t, x, 0); }

/* Every element gets what belongs to its neighbour. */
static ad_tensor *off_by_one(ad_tape *t, ad_tensor *x)
{
    const ad_shape *s = ad_tensor_shape(x);
    for (int axis = s->rank - 1; axis >= 0; axis--)
        if (s->dim[axis] > 1) return ad_roll(t, x, axis, 1);
    return x;
}

/* As if it had been summed over an axis too many. */
static ad_tensor *summed_too_far(ad_tape *t, ad_tensor *x)
{
    const ad_shape *s = ad_tensor_shape(x);
    for (int axis = 0; axis < s->rank; axis++)
        if (s->dim[axis] > 1) return ad_broadcast_to(t, ad_sum(t, x, &(const ad_ints){ 1, { axis } }, true), s);
    return x;
}

static ad_tensor *last_one_lost(ad_tape *t, ad_tensor *x)
{
    const ad_shape *s = ad_tensor_shape(x);
    int64_t n = ad_count(s);
    if (n < 2) return x;
    ad_tensor *flat = ad_reshape(t, x, &(ad_shape){ 1, { n } });
    return ad_reshape(t, ad_pad(t, ad_slice(t, flat, 0, 0, n - 1), 0, 0, 1), s);
}

const mutant_way mutant_ways[MUTANT_WAYS] = {
    { "wrong sign", wrong_sign }, { "1 % too large", one_percent }, { "dropped", dropped }, { "off by one", off_by_one },
    { "summed too far", summed_too_far }, { "last one lost", last_one_lost }, { "swapped", NULL },
};

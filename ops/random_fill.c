/*
 * random_fill.c - tensors of drawn numbers. Each element is a pure function of the call's key, step and draw (autograd/random.c),
 * computed in double and rounded once, so no bit depends on vectors or threads.
 */
#include "ops/random_fill.h"

#define UNIT 1024

const ad_attr ad__draw_attrs[] = {
    { "shape", AD_ATTR_INTS, offsetof(ad_shape_attr, shape), .lo = 0, .hi = 1e12, .empty = true, .doc = "the shape of the result" },
    { 0 }
};

ad_status ad__shape_given(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_shape_attr *a = attr;
    out->dtype = AD_REAL;
    out->rank = a->shape.n;
    for (int i = 0; i < a->shape.n; i++)
        out->dim[i] = a->shape.v[i];
    return AD_OK;
}

typedef struct job {
    const ad_call *call;
    double (*draw)(uint64_t key, uint64_t step, uint32_t draw, uint64_t i);
    int64_t n;
} job;

static void unit(int64_t u, void *scratch, void *arg)
{
    const job *j = arg;
    const ad_call *c = j->call;
    int64_t end = (u + 1) * UNIT < j->n ? (u + 1) * UNIT : j->n;
    for (int64_t i = u * UNIT; i < end; i++) {
        double x = j->draw(c->key, c->step, c->draw, (uint64_t)i);
        if (c->precision == AD_F64) ((double *)c->out->data)[i] = x;
        else ((float *)c->out->data)[i] = (float)x;
    }
}

ad_status ad__draw(const ad_call *c, double (*draw)(uint64_t key, uint64_t step, uint32_t draw, uint64_t i))
{
    job j = { c, draw, ad_count(&c->out->shape) };
    /* A drawn number costs about fifty additions. */
    ad_parallel(c, (j.n + UNIT - 1) / UNIT, 50 * j.n, unit, &j);
    return AD_OK;
}

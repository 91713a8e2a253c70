/*
 * update.c - shape rule and parallel loop of the optimisers' update ops.
 */
#include "ops/update.h"

#define UNIT 16384      /* elements a unit of the parallel loop works on */

ad_status ad__update_shape(ad_error *e, const char *op, int n_in, const ad_shape *in, unsigned kept, ad_shape *out)
{
    char text[2][AD_SHAPE_TEXT];
    if (!ad_shape_equal(&in[0], &in[1]))
        return AD_FAIL(e, ESHAPE, "%s: parameter %s, but gradient %s", op, ad_shape_text(&in[0], text[0]), ad_shape_text(&in[1], text[1]));
    if (in[2].rank != 1 || in[2].dim[0] != AD_UPDATE_NUMBERS || in[2].dtype != AD_REAL)
        return AD_FAIL(e, ESHAPE, "%s: c must be [%d], not %s", op, AD_UPDATE_NUMBERS, ad_shape_text(&in[2], text[0]));
    out[0] = in[0];
    for (int i = 3; i < n_in; i++) {
        bool there = in[i].rank >= 0, needed = kept >> (i - 3) & 1;
        if (there != needed) return AD_FAIL(e, ESHAPE, "%s: state %d is %s, but these settings keep %s", op, i - 2, there ? "given" : "missing",
                                            needed ? "it" : "none");
        if (there && !ad_shape_equal(&in[0], &in[i]))
            return AD_FAIL(e, ESHAPE, "%s: parameter %s, but state %d %s", op, ad_shape_text(&in[0], text[0]), i - 2, ad_shape_text(&in[i], text[1]));
        out[i - 2] = there ? in[0] : (ad_shape){ 0 };
    }
    return AD_OK;
}

static double number(const ad_call *call, const void *data, int i)
{
    return call->precision == AD_F64 ? ((const double *)data)[i] : (double)((const float *)data)[i];
}

void ad__update_numbers(const ad_call *call, double c[AD_UPDATE_NUMBERS], double *k)
{
    const ad_update_attr *a = call->attr;
    for (int i = 0; i < AD_UPDATE_NUMBERS; i++) c[i] = number(call, call->in[2].data, i);
    k[0] = c[0] * a->rate_factor;
    k[1] = a->weight_decay;
    k[2] = a->maximize ? -1 : 1;
}

typedef struct job {
    const ad_call *call;
    ad_update_kernel *kernel;
    const double *k;
    int64_t n;
    size_t size;
} job;

static void unit(int64_t u, void *scratch, void *arg)
{
    const job *j = arg;
    const ad_call *c = j->call;
    int64_t from = u * UNIT, n = j->n - from < UNIT ? j->n - from : UNIT;
    size_t offset = (size_t)from * j->size;
    const void *in[AD_MAX_OPERANDS] = { 0 };
    void *out[AD_MAX_OUTPUTS] = { 0 };
    for (int i = 0, at = 0; i < c->n_in; i++)
        if (i != 2) in[at++] = c->in[i].data ? (const char *)c->in[i].data + offset : NULL;
    for (int i = 0; i < c->n_out; i++) out[i] = i == 0 || in[i + 1] ? (char *)c->out[i].data + offset : NULL;
    j->kernel(n, j->k, in, out);
}

ad_status ad__update_run(const ad_call *call, ad_update_kernel *kernel, const double *k)
{
    size_t size = call->precision == AD_F64 ? sizeof(double) : sizeof(float);
    job j = { call, kernel, k, ad_count(&call->in[0].shape), size };
    for (int i = 1; i < call->n_out; i++)
        if (!call->in[i + 2].data) {
            if (call->precision == AD_F64) *(double *)call->out[i].data = 0;
            else *(float *)call->out[i].data = 0;
        }
    ad_parallel(call, (j.n + UNIT - 1) / UNIT, 8 * j.n, unit, &j);
    return AD_OK;
}

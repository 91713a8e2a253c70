/*
 * elementwise.c - shape rules, broadcasting and the parallel loop of elementwise ops.
 */
#include "ops/elementwise.h"

/* Elements that one unit of a parallel loop works on: a few microseconds' worth; all operands stay in second-level cache. */
#define UNIT 16384
/* Elements that are made in first-level cache before they are written past the caches. */
#define BLOCK 1024

const ad_operand ad__operand_x[] = { { .name = "x" }, { 0 } };
const ad_operand ad__operands_ab[] = { { .name = "a" }, { .name = "b" }, { 0 } };

ad_status ad__shape_same(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    *out = in[0];
    return AD_OK;
}

ad_status ad__shape_broadcast(ad_error *e, const char *op, int n_in, const ad_shape *in, ad_shape *out)
{
    *out = in[0];
    for (int k = 1; k < n_in; k++) {
        ad_shape so_far = *out;
        int rank = so_far.rank > in[k].rank ? so_far.rank : in[k].rank;
        out->rank = rank;
        for (int i = 1; i <= rank; i++) {
            int64_t a = i <= so_far.rank ? so_far.dim[so_far.rank - i] : 1, b = i <= in[k].rank ? in[k].dim[in[k].rank - i] : 1;
            if (a != b && a != 1 && b != 1) {
                char text[2][AD_SHAPE_TEXT];
                return AD_FAIL(e, ESHAPE, "%s: cannot broadcast %s with %s: %lld against %lld; trailing sizes must be equal or 1",
                               op, ad_shape_text(&so_far, text[0]), ad_shape_text(&in[k], text[1]), (long long)a, (long long)b);
            }
            out->dim[rank - i] = a == 1 ? b : a;
        }
    }
    return AD_OK;
}

/* The output as rows of `n` elements along which every operand either runs (step 1) or stands still (step 0), and the axes above
 * them with the operands' strides. Axes that all operands walk through in the same way are merged. */
typedef struct walk {
    const ad_call *call;
    ad_map_kernel *kernel;
    const double *p;
    size_t size;                                   /* of an element */
    int n_in, rank;
    int64_t n, rows, rows_a_unit;
    int64_t dim[AD_MAX_RANK];                      /* of the axes above the rows */
    int64_t stride[AD_MAX_OPERANDS][AD_MAX_RANK];  /* in elements */
    int64_t step[AD_MAX_OPERANDS];
} walk;

/* Strides of an operand on the output's axes: 0 where it is broadcast. */
static void strides_of(const ad_shape *in, const ad_shape *out, int64_t *stride)
{
    int64_t at = 1;
    for (int i = out->rank - 1, j = in->rank - 1; i >= 0; i--, j--) {
        int64_t size = j >= 0 ? in->dim[j] : 1;
        stride[i] = size == 1 ? 0 : at;
        at *= size;
    }
}

static void walk_plan(walk *w, const ad_call *c)
{
    const ad_shape *out = &c->out->shape;
    int64_t stride[AD_MAX_OPERANDS][AD_MAX_RANK];
    for (int k = 0; k < c->n_in; k++)
        strides_of(&c->in[k].shape, out, stride[k]);
    w->rank = 0;
    for (int i = 0; i < out->rank; i++) {
        if (out->dim[i] == 1) continue;
        bool merge = w->rank > 0;
        for (int k = 0; merge && k < c->n_in; k++)
            merge = w->stride[k][w->rank - 1] == stride[k][i] * out->dim[i];
        if (!merge) w->dim[w->rank++] = 1;
        w->dim[w->rank - 1] *= out->dim[i];
        for (int k = 0; k < c->n_in; k++)
            w->stride[k][w->rank - 1] = stride[k][i];
    }
    w->n = 1;
    if (w->rank > 0) w->n = w->dim[--w->rank];
    for (int k = 0; k < c->n_in; k++)
        w->step[k] = w->n > 1 ? w->stride[k][w->rank] : 0;
    w->rows = ad_count(out) / (w->n ? w->n : 1);
    w->rows_a_unit = w->n >= UNIT ? 1 : UNIT / (w->n ? w->n : 1);
}

static void walk_unit(int64_t unit, void *scratch, void *arg)
{
    const walk *w = arg;
    int64_t index[AD_MAX_RANK], offset[AD_MAX_OPERANDS] = { 0 };
    int64_t row = unit * w->rows_a_unit, end = row + w->rows_a_unit < w->rows ? row + w->rows_a_unit : w->rows;
    int64_t above = row;
    for (int i = w->rank - 1; i >= 0; i--) {
        index[i] = above % w->dim[i];
        above /= w->dim[i];
        for (int k = 0; k < w->n_in; k++)
            offset[k] += index[i] * w->stride[k][i];
    }
    for (; row < end; row++) {
        ad_lane in[AD_MAX_OPERANDS];
        for (int k = 0; k < w->n_in; k++)
            in[k] = (ad_lane){ (const char *)w->call->in[k].data + (size_t)offset[k] * w->size, w->step[k] };
        w->kernel(w->n, in, (char *)w->call->out->data + (size_t)(row * w->n) * w->size, w->p);
        for (int i = w->rank - 1; i >= 0; i--) {
            for (int k = 0; k < w->n_in; k++)
                offset[k] += w->stride[k][i];
            if (++index[i] < w->dim[i]) break;
            for (int k = 0; k < w->n_in; k++)
                offset[k] -= w->stride[k][i] * w->dim[i];
            index[i] = 0;
        }
    }
}

/* One long row is cut into units; it is the usual case (equal shapes, or a single number as the other operand). */
static void row_unit(int64_t unit, void *scratch, void *arg)
{
    const walk *w = arg;
    int64_t from = unit * UNIT, end = from + UNIT < w->n ? from + UNIT : w->n, most = w->call->around ? BLOCK : UNIT, n;
    for (; from < end; from += n) {
        _Alignas(64) double block[BLOCK];
        ad_lane in[AD_MAX_OPERANDS];
        void *out = (char *)w->call->out->data + (size_t)from * w->size;
        n = end - from < most ? end - from : most;
        for (int k = 0; k < w->n_in; k++)
            in[k] = (ad_lane){ (const char *)w->call->in[k].data + (size_t)(from * w->step[k]) * w->size, w->step[k] };
        w->kernel(n, in, w->call->around ? block : out, w->p);
        if (w->call->around) ad__element(w->call)->copy_around(n, block, out);
    }
}

/* Every operand has as many elements as the output, or a single one: one long row, which is how chains call. */
static bool flat(const ad_call *c, walk *w)
{
    w->n = ad_count(&c->out->shape);
    for (int k = 0; k < c->n_in; k++) {
        int64_t count = ad_count(&c->in[k].shape);
        w->step[k] = count == w->n && count != 1;
        if (count != w->n && count != 1) return false;
    }
    return true;
}

ad_status ad__map(const ad_call *c, ad_map_kernel *kernel, const double *p)
{
    walk w;
    w.call = c;
    w.kernel = kernel;
    w.p = p;
    w.size = c->precision == AD_F64 ? 8 : 4;
    w.n_in = c->n_in;
    int64_t count = ad_count(&c->out->shape);
    bool one_row = flat(c, &w);
    if (!one_row) walk_plan(&w, c);
    if (one_row || w.rank == 0)
        ad_parallel(c, (w.n + UNIT - 1) / UNIT, count, row_unit, &w);
    else
        ad_parallel(c, (w.rows + w.rows_a_unit - 1) / w.rows_a_unit, count, walk_unit, &w);
    return AD_OK;
}

ad_tensor *ad__unbroadcast(ad_tape *t, ad_tensor *g, ad_tensor *operand)
{
    const ad_shape *want = ad_tensor_shape(operand);
    if (!g || ad_shape_equal(ad_tensor_shape(g), want)) return g;
    return ad_sum_to(t, g, want);
}

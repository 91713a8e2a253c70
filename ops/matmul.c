/*
 * matmul - matrix product of the last two axes; the axes before them broadcast. A vector is a row on the left, a column on the right.
 *
 *   y = A B with A = a or a^T, B = b or b^T;  gA = gy B^T, gB = A^T gy, summed over the axes that were broadcast (docs/derivations/products.md)
 *
 * A matrix on the right that has no axes of its own before the last two is one product with all rows of a, and its adjoint too.
 */
#include "ops/window.h"

enum { BATCH_AXES = AD_MAX_RANK - 2 };

typedef struct product {
    ad_gemm_shape gemm;          /* of one product, or of all where they are alike */
    int64_t times;               /* separate calls of it */
    int axes;                    /* batch axes of the result */
    int64_t size[BATCH_AXES], step_a[BATCH_AXES], step_b[BATCH_AXES];   /* of the separate calls, in matrices */
    ad_shape out;
} product;

/* Rows and columns of a matrix that may be a vector: a row (left) or a column (right). */
static void sides(const ad_shape *s, bool transposed, bool left, int64_t *rows, int64_t *columns)
{
    int64_t r, c;
    if (s->rank == 1) {
        r = left ? 1 : s->dim[0];
        c = left ? s->dim[0] : 1;
        transposed = false;
    } else {
        r = s->dim[s->rank - 2];
        c = s->dim[s->rank - 1];
    }
    *rows = transposed ? c : r;
    *columns = transposed ? r : c;
}

/* Batch axis i of `axes`, aligned at the end; 1 where there is none. */
static int64_t batch_axis(const ad_shape *s, int axes, int i)
{
    int own = s->rank > 2 ? s->rank - 2 : 0, j = i - (axes - own);
    return j < 0 ? 1 : s->dim[j];
}

static int batch_axes(const ad_shape *s)
{
    return s->rank > 2 ? s->rank - 2 : 0;
}

static int64_t batch_count(const ad_shape *s)
{
    int64_t n = 1;
    for (int i = 0; i < batch_axes(s); i++)
        n *= s->dim[i];
    return n;
}

static ad_status plan(ad_error *e, const ad_matmul_attr *at, const ad_shape *a, const ad_shape *b, product *p)
{
    char ta[AD_SHAPE_TEXT], tb[AD_SHAPE_TEXT];
    if (a->rank < 1 || b->rank < 1 || a->dtype != AD_REAL || b->dtype != AD_REAL)
        return AD_FAIL(e, ESHAPE, "matmul: a %s, b %s; need real matrices or vectors", ad_shape_text(a, ta), ad_shape_text(b, tb));
    int64_t m, k, k2, n;
    sides(a, at->transpose_a, true, &m, &k);
    sides(b, at->transpose_b, false, &k2, &n);
    if (k != k2)
        return AD_FAIL(e, ESHAPE, "matmul: a %s%s, b %s%s; %lld columns on the left, %lld rows on the right", ad_shape_text(a, ta),
                       at->transpose_a ? " transposed" : "", ad_shape_text(b, tb), at->transpose_b ? " transposed" : "", (long long)k,
                       (long long)k2);
    *p = (product){ .times = 1, .axes = batch_axes(a) > batch_axes(b) ? batch_axes(a) : batch_axes(b) };
    int64_t sa = 1, sb = 1;
    for (int i = p->axes - 1; i >= 0; i--) {
        int64_t da = batch_axis(a, p->axes, i), db = batch_axis(b, p->axes, i);
        if (da != db && da != 1 && db != 1)
            return AD_FAIL(e, ESHAPE, "matmul: a %s, b %s; the axes before the last two do not broadcast", ad_shape_text(a, ta),
                           ad_shape_text(b, tb));
        p->size[i] = da > db ? da : db;
        p->step_a[i] = da == 1 ? 0 : sa;
        p->step_b[i] = db == 1 ? 0 : sb;
        sa *= da;
        sb *= db;
        p->times *= p->size[i];
        p->out.dim[i] = p->size[i];
    }
    p->out.rank = p->axes;
    if (a->rank > 1) p->out.dim[p->out.rank++] = m;
    if (b->rank > 1) p->out.dim[p->out.rank++] = n;
    p->gemm = (ad_gemm_shape){ .batch = 1, .m = m, .n = n, .k = k, .transposed_a = at->transpose_a && a->rank > 1,
                               .transposed_b = at->transpose_b && b->rank > 1 };
    int64_t na = batch_count(a), nb = batch_count(b);
    if (nb == 1 && !p->gemm.transposed_a) {
        p->gemm.m = m * na;
        p->times = 1;
    } else if ((na == p->times || na == 1) && (nb == p->times || nb == 1)) {
        p->gemm.batch = p->times;
        p->gemm.shared_a = na == 1 && p->times > 1;
        p->gemm.shared_b = nb == 1 && p->times > 1;
        p->times = 1;
    }
    return AD_OK;
}

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    product p;
    AD_TRY(plan(e, attr, &in[0], &in[1], &p));
    *out = p.out;
    return AD_OK;
}

static ad_status forward(const ad_call *c)
{
    const ad_kernels *kernels = c->kernels;
    size_t real = c->precision == AD_F64 ? sizeof(double) : sizeof(float);
    product p;
    AD_TRY(plan(c->error, c->attr, &c->in[0].shape, &c->in[1].shape, &p));
    for (int64_t i = 0; i < p.times; i++) {
        int64_t left = i, at_a = 0, at_b = 0;
        for (int j = p.axes - 1; j >= 0 && p.times > 1; j--) {
            at_a += left % p.size[j] * p.step_a[j];
            at_b += left % p.size[j] * p.step_b[j];
            left /= p.size[j];
        }
        ad_args args = {
            .a = (const char *)c->in[0].data + (size_t)(at_a * p.gemm.m * p.gemm.k) * real,
            .b = (const char *)c->in[1].data + (size_t)(at_b * p.gemm.k * p.gemm.n) * real,
            .out = (char *)c->out->data + (size_t)(i * p.gemm.m * p.gemm.n) * real, .shared = c->scratch
        };
        ad__run_gemm(c, &kernels->conv.gemm, &p.gemm, &args);
    }
    return AD_OK;
}

/* A vector as the matrix it stands for. */
static ad_tensor *as_matrix(ad_tape *t, ad_tensor *x, bool left)
{
    const ad_shape *s = ad_tensor_shape(x);
    if (s->rank > 1) return x;
    return ad_reshape(t, x, &(ad_shape){ .rank = 2, .dim = { left ? 1 : s->dim[0], left ? s->dim[0] : 1 } });
}

/* gy with the axes of size 1 that vectors took away. */
static ad_tensor *full_gradient(ad_grad *g)
{
    ad_shape s = *ad_tensor_shape(g->gout[0]);
    if (ad_tensor_shape(g->in[1])->rank == 1) s.dim[s.rank++] = 1;
    if (ad_tensor_shape(g->in[0])->rank == 1) {
        s.dim[s.rank] = s.dim[s.rank - 1];
        s.dim[s.rank - 1] = 1;
        s.rank++;
    }
    return ad_reshape(g->tape, g->gout[0], &s);
}

static ad_tensor *flat(ad_tape *t, ad_tensor *x)
{
    const ad_shape *s = ad_tensor_shape(x);
    int64_t last = s->dim[s->rank - 1];
    return ad_reshape(t, x, &(ad_shape){ .rank = 2, .dim = { last ? ad_count(s) / last : 0, last } });
}

static ad_tensor *product_of(ad_tape *t, ad_tensor *a, ad_tensor *b, bool ta, bool tb)
{
    return ad_matmul(t, a, b, &(ad_matmul_attr){ ta, tb });
}

static void gradient(ad_grad *g)
{
    const ad_matmul_attr *at = g->attr;
    ad_tape *t = g->tape;
    if (ad_tensor_shape(g->in[0])->rank == 0) return;
    ad_tensor *a = as_matrix(t, g->in[0], true), *b = as_matrix(t, g->in[1], false), *gy = full_gradient(g);
    if (!a || !b || !gy) return;
    bool ta = at->transpose_a && a == g->in[0], tb = at->transpose_b && b == g->in[1];
    if (g->wanted[0]) {
        ad_tensor *ga = ta ? product_of(t, b, gy, tb, true) : product_of(t, gy, b, false, !tb);
        ga = ad_sum_to(t, ga, ad_tensor_shape(a));
        g->gin[0] = ad_reshape(t, ga, ad_tensor_shape(g->in[0]));
    }
    if (g->wanted[1]) {
        /* Rows of every item count alike towards a matrix that all items share: one product over all of them. */
        bool shared = ad_tensor_shape(b)->rank == 2 && !ta && ad_tensor_shape(a)->rank > 2;
        ad_tensor *left = shared ? flat(t, a) : a, *right = shared ? flat(t, gy) : gy;
        ad_tensor *gb = tb ? product_of(t, right, left, true, ta) : product_of(t, left, right, !ta, false);
        gb = ad_sum_to(t, gb, ad_tensor_shape(b));
        g->gin[1] = ad_reshape(t, gb, ad_tensor_shape(g->in[1]));
    }
}

static void scratch(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision precision, const void *kernels,
                    ad_scratch *need)
{
    const ad_kernels *k = kernels;
    product p;
    if (plan(NULL, attr, &in[0], &in[1], &p) == AD_OK) ad__gemm_scratch(&k->conv.gemm, &p.gemm, need);
}

static void cost(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_cost *c)
{
    int64_t rows, k;
    const ad_matmul_attr *at = attr;
    sides(&in[0], at->transpose_a, true, &rows, &k);
    c->macs = (double)ad_count(out) * (double)k;
}

static const ad_attr attrs[] = {
    { "transpose_a", AD_ATTR_BOOL, offsetof(ad_matmul_attr, transpose_a), 0, .doc = "a lies as [..,K,M]" },
    { "transpose_b", AD_ATTR_BOOL, offsetof(ad_matmul_attr, transpose_b), 0, .doc = "b lies as [..,N,K]" },
    { 0 }
};

static const ad_operand operands[] = {
    { .name = "a", .doc = "[..,M,K] or [K]" },
    { .name = "b", .doc = "[..,K,N] or [K]" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "matrices", .n_in = 2, .in = { { 2, { 3, 4 } }, { 2, { 4, 5 } } } },
    { .name = "left transposed", .n_in = 2, .in = { { 2, { 4, 3 } }, { 2, { 4, 5 } } }, .attr_text = "transpose_a=true" },
    { .name = "right transposed", .n_in = 2, .in = { { 2, { 3, 4 } }, { 2, { 5, 4 } } }, .attr_text = "transpose_b=true" },
    { .name = "both transposed", .n_in = 2, .in = { { 3, { 2, 4, 3 } }, { 3, { 2, 5, 4 } } }, .attr_text = "transpose_a=true, transpose_b=true" },
    { .name = "batch", .n_in = 2, .in = { { 3, { 2, 3, 4 } }, { 3, { 2, 4, 5 } } } },
    { .name = "shared right", .n_in = 2, .in = { { 3, { 2, 3, 4 } }, { 2, { 4, 5 } } } },
    { .name = "shared right, both transposed", .n_in = 2, .in = { { 3, { 2, 4, 3 } }, { 2, { 5, 4 } } },
      .attr_text = "transpose_a=true, transpose_b=true" },
    { .name = "shared left", .n_in = 2, .in = { { 2, { 3, 4 } }, { 3, { 2, 4, 5 } } } },
    { .name = "batches that broadcast", .n_in = 2, .in = { { 4, { 2, 1, 3, 4 } }, { 3, { 3, 4, 2 } } } },
    { .name = "vectors", .n_in = 2, .in = { { 1, { 4 } }, { 1, { 4 } } } },
    { .name = "matrix and vector", .n_in = 2, .in = { { 2, { 3, 4 } }, { 1, { 4 } } } },
    { .name = "vector and batch", .n_in = 2, .in = { { 1, { 4 } }, { 3, { 2, 4, 3 } } } },
    { .name = "sizes that fill no block", .n_in = 2, .in = { { 2, { 7, 17 } }, { 2, { 17, 9 } } } },
    { .name = "refuses another inner size", .n_in = 2, .in = { { 2, { 3, 4 } }, { 2, { 5, 4 } } }, .want = AD_ESHAPE },
    { .name = "refuses other batches", .n_in = 2, .in = { { 3, { 2, 3, 4 } }, { 3, { 3, 4, 5 } } }, .want = AD_ESHAPE },
    { .name = "refuses a scalar", .n_in = 2, .in = { { 0, { 0 } }, { 2, { 4, 5 } } }, .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_matmul = {
    .name = "matmul", .doc = "matrix product of the last two axes",
    .operands = operands,
    .attr_size = sizeof(ad_matmul_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .scratch = scratch, .cost = cost, .samples = samples,
};

ad_tensor *ad_matmul(ad_tape *t, ad_tensor *a, ad_tensor *b, const ad_matmul_attr *attr)
{
    ad_tensor *in[] = { a, b };
    return ad_record_one(t, &ad_op_matmul, attr, 2, in);
}

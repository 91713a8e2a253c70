/*
 * reduce.c - sums and extremes over any set of axes.
 *
 * Neighbouring axes with the same fate are merged, so that a pass sees [outer, size, inner] and folds the middle. The middle is
 * cut into chunks whose length depends on the shape alone; the partial results of the chunks are joined in a fixed tree. With
 * one chunk, which is the usual case, results go straight to their place.
 */
#include "ops/reduce.h"

#include <string.h>

#define ROW_CHUNK 8192      /* numbers of a row that one partial result takes */
#define MIN_ROWS 64         /* rows of columns at least, so that partial results stay small beside x */
#define UNIT 16384          /* numbers that one unit of a parallel loop reads, about */

const ad_attr ad__reduce_attrs[] = {
    { "axes", AD_ATTR_INTS, offsetof(ad_reduce_attr, axes), .lo = -AD_MAX_RANK, .hi = AD_MAX_RANK - 1, .empty = true,
      .doc = "the axes; all if not given; negative ones count from the end" },
    { "keep", AD_ATTR_BOOL, offsetof(ad_reduce_attr, keep), 0, .doc = "leave the axes with size 1" },
    { 0 }
};

ad_status ad__axes(ad_error *e, const char *op, const ad_ints *axes, const ad_shape *x, bool *reduced)
{
    char text[AD_SHAPE_TEXT];
    for (int i = 0; i < x->rank; i++)
        reduced[i] = axes->n == 0;
    for (int k = 0; k < axes->n; k++) {
        int64_t a = axes->v[k] < 0 ? axes->v[k] + x->rank : axes->v[k];
        if (a < 0 || a >= x->rank)
            return AD_FAIL(e, ESHAPE, "%s: there is no axis %lld in %s; need %d to %d", op, (long long)axes->v[k],
                           ad_shape_text(x, text),
                           -x->rank, x->rank - 1);
        if (reduced[a]) return AD_FAIL(e, ESHAPE, "%s: axis %lld is given twice", op, (long long)axes->v[k]);
        reduced[a] = true;
    }
    return AD_OK;
}

ad_status ad__shape_reduce(ad_error *e, const char *op, const ad_reduce_attr *attr, const ad_shape *x, ad_shape *out)
{
    bool reduced[AD_MAX_RANK];
    AD_TRY(ad__axes(e, op, &attr->axes, x, reduced));
    out->dtype = x->dtype;
    out->rank = 0;
    for (int i = 0; i < x->rank; i++)
        if (!reduced[i] || attr->keep) out->dim[out->rank++] = reduced[i] ? 1 : x->dim[i];
    return AD_OK;
}

/* The lists come from shape rules that passed, so they cannot fail here. */
static void marks(const ad_shape *x, const ad_ints *axes, bool *reduced)
{
    AD_ASSERT_EQ(ad__axes(NULL, "", axes, x, reduced), AD_OK);
}

ad_shape ad__shape_kept(const ad_shape *x, const ad_ints *axes)
{
    bool reduced[AD_MAX_RANK];
    ad_shape kept = *x;
    marks(x, axes, reduced);
    for (int i = 0; i < x->rank; i++)
        if (reduced[i]) kept.dim[i] = 1;
    return kept;
}

int64_t ad__reduced_count(const ad_shape *x, const ad_ints *axes)
{
    ad_shape kept = ad__shape_kept(x, axes);
    int64_t n = ad_count(&kept);
    return n ? ad_count(x) / n : 0;
}

/* ---- the plan ---- */

static int64_t chunk_rows(int64_t inner)
{
    if (inner == 1) return ROW_CHUNK;
    return ROW_CHUNK / inner > MIN_ROWS ? ROW_CHUNK / inner : MIN_ROWS;
}

static int64_t chunks_of(int64_t size, int64_t inner)
{
    int64_t rows = chunk_rows(inner);
    return (size + rows - 1) / rows;
}

void ad__reduction_plan(const ad_shape *x, const bool *reduced, ad__reduction *r)
{
    int64_t size[AD_MAX_RANK];
    bool folded[AD_MAX_RANK];
    int n = 0;
    for (int i = 0; i < x->rank; i++) {
        if (x->dim[i] == 1) continue;
        if (n > 0 && folded[n - 1] == reduced[i]) {
            size[n - 1] *= x->dim[i];
        } else {
            size[n] = x->dim[i];
            folded[n++] = reduced[i];
        }
    }
    *r = (ad__reduction){ 0 };
    int64_t inner = 1;
    for (int i = n - 1; i >= 0; i--) {
        if (!folded[i]) {
            inner *= size[i];
            continue;
        }
        int64_t outer = 1;
        for (int j = 0; j < i; j++)
            outer *= size[j];
        r->pass[r->n].outer = outer;
        r->pass[r->n].size = size[i];
        r->pass[r->n++].inner = inner;
        int64_t chunks = chunks_of(size[i], inner);
        if (chunks > 1 && outer * chunks * inner > r->partial) r->partial = outer * chunks * inner;
    }
    if (r->n > 1) r->between = r->pass[0].outer * r->pass[0].inner;
}

void ad__reduction_scratch(const ad__reduction *r, ad_precision p, ad_scratch *s)
{
    s->shared = (size_t)(r->partial + 2 * r->between) * (p == AD_F64 ? 8 : 4);
}

/* ---- a pass ---- */

typedef struct pass {
    const ad__fold *fold;
    const char *x;
    char *y;                    /* results, or partial results [outer, chunks, inner] */
    size_t size;                /* of a number */
    int64_t outer, rows, inner; /* of x */
    int64_t chunks, chunk_rows, blocks, block, group;
} pass;

/* Folds one chunk of one outer index, columns from..from+n-1. */
static void fold_chunk(const pass *p, int64_t o, int64_t chunk, int64_t from, int64_t n)
{
    int64_t first = chunk * p->chunk_rows, rows = p->rows - first < p->chunk_rows ? p->rows - first : p->chunk_rows;
    const char *x = p->x + (size_t)((o * p->rows + first) * p->inner + from) * p->size;
    char *y = p->y + (size_t)((o * p->chunks + chunk) * p->inner + from) * p->size;
    if (p->inner == 1)
        p->fold->row(rows, x, y);
    else
        p->fold->columns(rows, n, p->inner, x, y);
}

static void pass_unit(int64_t unit, void *scratch, void *arg)
{
    const pass *p = arg;
    int64_t block = unit % p->blocks, chunk = unit / p->blocks % p->chunks, group = unit / p->blocks / p->chunks;
    int64_t from = block * p->block, n = p->inner - from < p->block ? p->inner - from : p->block;
    int64_t end = (group + 1) * p->group < p->outer ? (group + 1) * p->group : p->outer;
    for (int64_t o = group * p->group; o < end; o++)
        fold_chunk(p, o, chunk, from, n);
}

/* Joins the chunks of each outer index in a tree: neighbours, then pairs of neighbours, and so on. */
static void join_chunks(const pass *p, char *out)
{
    size_t vector = (size_t)p->inner * p->size;
    for (int64_t o = 0; o < p->outer; o++) {
        char *part = p->y + (size_t)(o * p->chunks) * vector;
        for (int64_t step = 1; step < p->chunks; step *= 2)
            for (int64_t c = 0; c + step < p->chunks; c += 2 * step) {
                ad_lane in[2] = { { part + (size_t)c * vector, 1 }, { part + (size_t)(c + step) * vector, 1 } };
                p->fold->join(p->inner, in, part + (size_t)c * vector, NULL);
            }
        memcpy(out + (size_t)o * vector, part, vector);
    }
}

static void run_pass(const ad_call *c, const ad__fold *fold, int64_t outer, int64_t size, int64_t inner, const char *x,
                     char *out, char *partial)
{
    pass p = { .fold = fold, .x = x, .size = c->precision == AD_F64 ? 8 : 4, .outer = outer, .rows = size, .inner = inner };
    p.chunk_rows = chunk_rows(inner);
    p.chunks = chunks_of(size, inner);
    p.y = p.chunks > 1 ? partial : out;
    int64_t tall = size < p.chunk_rows ? size : p.chunk_rows;
    p.block = inner * tall <= UNIT ? inner : (UNIT / tall + 63) / 64 * 64;
    p.blocks = (inner + p.block - 1) / p.block;
    p.group = p.chunks * p.blocks > 1 || size * inner >= UNIT ? 1 : UNIT / (size * inner);
    int64_t groups = (outer + p.group - 1) / p.group;
    ad_parallel(c, groups * p.chunks * p.blocks, outer * size * inner, pass_unit, &p);
    if (p.chunks > 1) join_chunks(&p, out);
}

ad_status ad__reduce(const ad_call *c, const ad__reduction *r, const ad__fold *fold)
{
    size_t number = c->precision == AD_F64 ? 8 : 4;
    char *partial = c->scratch, *between[2] = { partial + (size_t)r->partial * number,
                                                partial + (size_t)(r->partial + r->between) * number };
    const char *x = c->in[0].data;
    int64_t count = ad_count(&c->out->shape);
    if (ad_count(&c->in[0].shape) == 0 || r->n == 0) {
        if (r->n == 0) memcpy(c->out->data, x, (size_t)count * number);
        else ad__element(c)->fill(count, 0, c->out->data);
        return AD_OK;
    }
    for (int i = 0; i < r->n; i++) {
        char *y = i + 1 < r->n ? between[i % 2] : c->out->data;
        run_pass(c, fold, r->pass[i].outer, r->pass[i].size, r->pass[i].inner, x, y, partial);
        x = y;
    }
    return AD_OK;
}

void ad__scratch_reduce(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                        ad_scratch *s)
{
    const ad_reduce_attr *a = attr;
    bool reduced[AD_MAX_RANK];
    ad__reduction r;
    marks(&in[0], &a->axes, reduced);
    ad__reduction_plan(&in[0], reduced, &r);
    ad__reduction_scratch(&r, p, s);
}

ad_status ad__reduce_axes(const ad_call *c, const ad__fold *fold)
{
    const ad_reduce_attr *a = c->attr;
    bool reduced[AD_MAX_RANK];
    ad__reduction r;
    marks(&c->in[0].shape, &a->axes, reduced);
    ad__reduction_plan(&c->in[0].shape, reduced, &r);
    return ad__reduce(c, &r, fold);
}

ad_tensor *ad__spread(ad_tape *t, ad_tensor *g, ad_tensor *x, const ad_ints *axes)
{
    ad_shape kept = ad__shape_kept(ad_tensor_shape(x), axes);
    return ad_broadcast_to(t, ad_reshape(t, g, &kept), ad_tensor_shape(x));
}

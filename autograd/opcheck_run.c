/*
 * opcheck_run.c - running a sample in every way there is: record by record between guards, define-by-run, planned, with any number of
 * threads and any kernels.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/gradcheck.h"
#include "autograd/opcheck.h"

/* ---- values ---- */

enum { MOST = AD_MAX_OUTPUTS + AD_MAX_OPERANDS };

/* Outputs, then gradients, one after the other. */
typedef struct values {
    size_t size, at[MOST + 1];
    int n;
    ad_tensor *tensor[MOST];
    ad_shape shape[MOST];
    char *bytes;
} values;

enum { BY_RUN, PLANNED, PLAINLY_PLANNED };

static ad_status run_program(const ad__opcheck *k, ad__checked *b, const values *v, int how, ad_program **p)
{
    bool off = how == PLAINLY_PLANNED;
    const ad_plan_options o = { .no_commits = true, .no_chains = off, .no_sharing = off, .no_recompute = off, .no_reuse = off };
    if (ad_compile(b->tape, v->n, v->tensor, &o, p) != AD_OK) return ad__opcheck_fail(k, "not planned: %s", ad_ctx_message(b->tape->ctx));
    for (int i = 0; i < b->sample->n_in; i++) {
        void *to = b->in[i] ? ad_program_data(*p, b->in[i]) : NULL;
        if (to) ad__sample_fill(b->sample, i, b->tape->precision, to);
    }
    if (ad_run(*p, NULL) != AD_OK) return ad__opcheck_fail(k, "does not run: %s", ad_ctx_message(b->tape->ctx));
    return AD_OK;
}

static ad_status evaluate(const ad__opcheck *k, ad__checked *b, int how, values *v)
{
    ad_program *p = NULL;
    *v = (values){ .size = 0 };
    for (int i = 0; i < b->n_out; i++) v->tensor[v->n++] = b->out[i];
    for (int i = 0; i < b->n_wrt; i++)
        if (b->grad[i]) v->tensor[v->n++] = b->grad[i];
    for (int i = 0; i < v->n; i++) {
        v->shape[i] = v->tensor[i]->shape;
        v->at[i] = v->size;
        v->size += ad_shape_bytes(&v->shape[i], b->tape->precision);
    }
    v->at[v->n] = v->size;
    v->bytes = malloc(v->size + 1);
    ad_status s = v->bytes ? AD_OK : AD_FAIL(k->error, ENOMEM, "checks of ops: out of memory");
    if (s == AD_OK && how != BY_RUN) s = run_program(k, b, v, how, &p);
    for (int i = 0; s == AD_OK && i < v->n; i++) {
        const void *data = p ? ad_program_data(p, v->tensor[i]) : ad_data(v->tensor[i]);
        if (data) memcpy(v->bytes + v->at[i], data, v->at[i + 1] - v->at[i]);
        else s = ad__opcheck_fail(k, "cannot be computed: %s", ad_ctx_message(b->tape->ctx));
    }
    ad_program_free(p);
    return s;
}

/* The values of a sample in a context, from a tape of its own. */
static ad_status evaluate_in(const ad__opcheck *k, int context, const ad_sample *sample, int how, values *v)
{
    ad__checked b;
    *v = (values){ .size = 0 };
    ad_status s = ad__opcheck_build(k, &b, context, AD_F32, sample, ~0u);
    if (s == AD_OK) s = evaluate(k, &b, how, v);
    ad_tape_free(b.tape);
    return s;
}

static ad_status expect_same_bits(const ad__opcheck *k, const values *a, const values *b, const char *what)
{
    if (a->size != b->size) return ad__opcheck_fail(k, "%s: other outputs", what);
    for (int i = 0; i < a->n; i++)
        for (size_t at = a->at[i]; at < a->at[i + 1]; at++)
            if (a->bytes[at] != b->bytes[at])
                return ad__opcheck_fail(k, "%s: value %d (of outputs, then gradients) differs at byte %zu", what, i, at - a->at[i]);
    return AD_OK;
}

/* Real values to within `tolerance` of the largest of their tensor, whole numbers exactly. */
static ad_status expect_close(const ad__opcheck *k, const values *a, const values *b, double tolerance, const char *what)
{
    if (a->size != b->size) return ad__opcheck_fail(k, "%s: other outputs", what);
    for (int i = 0; i < a->n; i++) {
        const ad_shape *s = &a->shape[i];
        if (s->dtype != AD_REAL) {
            if (memcmp(a->bytes + a->at[i], b->bytes + b->at[i], a->at[i + 1] - a->at[i]) == 0) continue;
            return ad__opcheck_fail(k, "%s: integers of value %d differ", what, i);
        }
        const float *x = (const void *)(a->bytes + a->at[i]), *y = (const void *)(b->bytes + b->at[i]);
        double most = 1e-3;
        for (int64_t j = 0; j < ad_count(s); j++) most = fmax(most, fabs((double)y[j]));
        for (int64_t j = 0; j < ad_count(s); j++)
            if (!(fabs((double)x[j] - (double)y[j]) <= tolerance * most) && !(isnan(x[j]) && isnan(y[j])) && x[j] != y[j])
                return ad__opcheck_fail(k, "%s: value %d, element %lld is %.9g, plain %.9g (largest %.3g)", what, i, (long long)j, (double)x[j],
                                        (double)y[j], most);
    }
    return AD_OK;
}

/* ---- memory ---- */

#define GUARD 256

/* `bytes` usable bytes between two guards; NULL when memory is out. */
static char *guarded(size_t bytes)
{
    size_t room = (bytes + 63) & ~(size_t)63;
    char *p = aligned_alloc(64, room + 2 * GUARD);
    if (!p) return NULL;
    memset(p, 0x5a, GUARD);
    memset(p + GUARD, 0xff, bytes);
    memset(p + GUARD + bytes, 0x5a, room - bytes + GUARD);
    return p + GUARD;
}

static bool whole(const char *p, size_t bytes)
{
    for (size_t i = 0; p && i < GUARD; i++)
        if (p[-1 - (ptrdiff_t)i] != 0x5a || p[bytes + i] != 0x5a) return false;
    return true;
}

static void release(void *p)
{
    if (p) free((char *)p - GUARD);
}

/* Buffers of one record, each between guards. */
typedef struct room {
    ad_buffer in[AD_MAX_INPUTS], out[AD_MAX_OUTPUTS];
    size_t in_bytes[AD_MAX_INPUTS], out_bytes[AD_MAX_OUTPUTS];
    char *shared, *own;
    ad_scratch need;
} room;

static bool make_room(const ad__record *r, const ad_ctx *ctx, room *m)
{
    bool good = true;
    *m = (room){ .shared = NULL };
    for (int i = 0; i < r->n_in; i++) {
        m->in[i].shape.rank = -1;
        const void *data = r->in[i] ? ad_data(r->in[i]) : NULL;
        if (!r->in[i]) continue;
        m->in_bytes[i] = ad_shape_bytes(&r->in[i]->shape, AD_F32);
        m->in[i] = (ad_buffer){ guarded(m->in_bytes[i]), r->in[i]->shape };
        good = good && data && m->in[i].data;
        if (good) memcpy(m->in[i].data, data, m->in_bytes[i]);
    }
    for (int j = 0; j < r->n_out; j++) {
        m->out_bytes[j] = ad_shape_bytes(&r->out[j]->shape, AD_F32);
        m->out[j] = (ad_buffer){ guarded(m->out_bytes[j]), r->out[j]->shape };
        good = good && m->out[j].data;
    }
    ad__scratch(r, AD_F32, ad_ctx_kernels(ctx, AD_F32), &m->need);
    m->shared = guarded(m->need.shared);
    m->own = guarded(m->need.per_thread);
    return good && m->shared && m->own;
}

static void free_room(const ad__record *r, room *m)
{
    for (int i = 0; i < r->n_in; i++) release(m->in[i].data);
    for (int j = 0; j < r->n_out; j++) release(m->out[j].data);
    release(m->shared);
    release(m->own);
}

/* Inputs stay, guards stay, outputs are what define-by-run computed. */
static ad_status inspect(const ad__opcheck *k, const ad__record *r, const room *m)
{
    const char *name = r->op->name;
    for (int i = 0; i < r->n_in; i++) {
        if (!r->in[i]) continue;
        if (memcmp(m->in[i].data, ad_data(r->in[i]), m->in_bytes[i]) != 0) return ad__opcheck_fail(k, "%s writes to its input %d", name, i);
        if (!whole(m->in[i].data, m->in_bytes[i])) return ad__opcheck_fail(k, "%s writes outside its input %d", name, i);
    }
    for (int j = 0; j < r->n_out; j++) {
        const void *want = r->op->flags & AD_DRAWS ? NULL : ad_data(r->out[j]);
        if (want && memcmp(m->out[j].data, want, m->out_bytes[j]) != 0)
            return ad__opcheck_fail(k, "%s: output %d depends on what was in its memory", name, j);
        if (!whole(m->out[j].data, m->out_bytes[j])) return ad__opcheck_fail(k, "%s writes outside its output %d", name, j);
    }
    if (whole(m->shared, m->need.shared) && whole(m->own, m->need.per_thread)) return AD_OK;
    return ad__opcheck_fail(k, "%s writes outside its scratch", name);
}

/* What a tail was given: copies of pieces, and how often each element came. */
typedef struct given {
    const float *from;
    float *copy;
    unsigned char *times;
    int64_t count;
    bool outside;
} given;

static void take(void *arg, int n, const int64_t (*piece)[2], void *scratch)
{
    given *g = arg;
    for (int i = 0; i < n; i++)
        for (int64_t e = piece[i][0]; e < piece[i][0] + piece[i][1]; e++) {
            if (e < 0 || e >= g->count || g->times[e]++ > 0) g->outside = true;
            else g->copy[e] = g->from[e];
        }
}

/* The promise of AD_TAILED: every element is given once, and is complete by then. */
static ad_status check_tail(const ad__opcheck *k, const ad__record *r, ad_call c)
{
    given g = { .from = c.out[0].data, .count = ad_count(&c.out[0].shape) };
    const ad_tail tail = { take, &g };
    g.copy = calloc((size_t)g.count + 1, sizeof *g.copy);
    g.times = calloc((size_t)g.count + 1, 1);
    c.tail = &tail;
    ad_status s = g.copy && g.times ? r->op->forward(&c) : AD_FAIL(k->error, ENOMEM, "checks of ops: out of memory");
    for (int64_t e = 0; s == AD_OK && e < g.count; e++) g.outside = g.outside || g.times[e] != 1;
    if (s == AD_OK && g.outside) s = ad__opcheck_fail(k, "%s does not give its tail every element once", r->op->name);
    if (s == AD_OK && memcmp(g.copy, ad_data(r->out[0]), (size_t)g.count * sizeof *g.copy) != 0)
        s = ad__opcheck_fail(k, "%s gives its tail elements that are not complete", r->op->name);
    free(g.copy);
    free(g.times);
    return s;
}

static ad_status check_record(const ad__opcheck *k, ad_ctx *ctx, const ad__record *r)
{
    room m;
    ad_status s = make_room(r, ctx, &m) ? AD_OK : ad__opcheck_fail(k, "%s cannot be computed: %s", r->op->name, ad_ctx_message(ctx));
    ad_call c = { .attr = r->attr, .n_in = r->n_in, .n_out = r->n_out, .in = m.in, .out = m.out, .precision = AD_F32,
                  .kernels = ad_ctx_kernels(ctx, AD_F32), .threads = 1, .scratch = m.shared, .thread_scratch = m.own,
                  .thread_scratch_size = m.need.per_thread, .around = true, .error = &ctx->error };
    if (s == AD_OK && r->op->forward(&c) != AD_OK) s = ad__opcheck_fail(k, "%s: %s", r->op->name, ad_ctx_message(ctx));
    if (s == AD_OK) s = inspect(k, r, &m);
    if (s == AD_OK && (r->op->flags & AD_TAILED)) s = check_tail(k, r, c);
    free_room(r, &m);
    return s;
}

/* ---- parts of a result ---- */

/* The op on some part of its operands, as a chain runs it. */
static ad_status run_part(const ad__opcheck *k, ad_ctx *ctx, const ad__record *r, const ad_buffer *in, ad_buffer *out, bool around)
{
    ad_call c = { .attr = r->attr, .n_in = r->n_in, .n_out = 1, .in = in, .out = out, .precision = AD_F32,
                  .kernels = ad_ctx_kernels(ctx, AD_F32), .threads = 1, .around = around, .error = &ctx->error };
    if (r->op->forward(&c) == AD_OK) return AD_OK;
    return ad__opcheck_fail(k, "%s: %s", r->op->name, ad_ctx_message(ctx));
}

static void *at(void *data, ad_shape s, int64_t from)
{
    s.rank = 1;
    s.dim[0] = from;
    return (char *)data + ad_shape_bytes(&s, AD_F32);
}

static bool single(const ad_tensor *x)
{
    return ad_count(&x->shape) == 1;
}

/* The op on flat blocks; where `over` is an operand, the result lies where it lies. */
static ad_status flat_blocks(const ad__opcheck *k, ad_ctx *ctx, const ad__record *r, int over, char *made)
{
    const ad_shape *y = &r->out[0]->shape;
    int64_t n = ad_count(y), step = n / 3 + 1;
    if (over >= 0) memcpy(made, ad_data(r->in[over]), ad_shape_bytes(y, AD_F32));
    for (int64_t from = 0; from < n; from += step) {
        int64_t count = n - from < step ? n - from : step;
        ad_buffer in[AD_MAX_INPUTS], out = { at(made, *y, from), { 1, { count }, y->dtype } };
        for (int i = 0; i < r->n_in; i++) {
            const ad_shape *x = &r->in[i]->shape;
            in[i] = (ad_buffer){ i == over ? out.data : at((void *)ad_data(r->in[i]), *x, single(r->in[i]) ? 0 : from),
                                 { 1, { single(r->in[i]) ? 1 : count }, x->dtype } };
        }
        AD_TRY(run_part(k, ctx, r, in, &out, over < 0));
    }
    if (memcmp(made, ad_data(r->out[0]), ad_shape_bytes(y, AD_F32)) == 0) return AD_OK;
    if (over >= 0) return ad__opcheck_fail(k, "%s is called elementwise, but gives other numbers where its result lies over operand %d", r->op->name, over);
    return ad__opcheck_fail(k, "%s is called elementwise, but flat blocks give other numbers than the whole", r->op->name);
}

/* The promise of AD_ELEMENTWISE: flat blocks give the same bits as the whole, over an operand too. Broadcast operands are none of its business. */
static ad_status check_blocks(const ad__opcheck *k, ad_ctx *ctx, const ad__record *r)
{
    const ad_shape *y = &r->out[0]->shape;
    bool flat = (r->op->flags & AD_ELEMENTWISE) && ad_count(y) > 1;
    for (int i = 0; i < r->n_in; i++) flat = flat && r->in[i] && (ad_count(&r->in[i]->shape) == ad_count(y) || single(r->in[i]));
    if (!flat) return AD_OK;
    char *made = malloc(ad_shape_bytes(y, AD_F32));
    ad_status s = made ? flat_blocks(k, ctx, r, -1, made) : AD_FAIL(k->error, ENOMEM, "checks of ops: out of memory");
    for (int i = 0; s == AD_OK && i < r->n_in; i++)
        if (!single(r->in[i]) && r->in[i]->shape.dtype == y->dtype) s = flat_blocks(k, ctx, r, i, made);
    free(made);
    return s;
}

/* The promise of op->columns: blocks of rows, from one operand at a time, give the same bits as the whole. */
static ad_status check_columns(const ad__opcheck *k, ad_ctx *ctx, const ad__record *r)
{
    if (ad__copies_columns(r) < 0) return AD_OK;
    const ad_shape *y = &r->out[0]->shape;
    int64_t columns = ad__row_of(y), all = ad_count(y) / columns, step = all / 3 + 1;
    size_t bytes = ad_shape_bytes(y, AD_F32);
    char *made = malloc(bytes);
    ad_status s = made ? AD_OK : AD_FAIL(k->error, ENOMEM, "checks of ops: out of memory");
    for (int64_t from = 0; s == AD_OK && from < all; from += step)
        for (int one = 0; s == AD_OK && one < r->n_in; one++) {
            int64_t rows = all - from < step ? all - from : step;
            ad_buffer in[AD_MAX_INPUTS], out = { at(made, *y, from * columns), ad__rows_of(y, rows) };
            for (int i = 0; i < r->n_in; i++) {
                const ad_shape *x = &r->in[i]->shape;
                in[i] = (ad_buffer){ i == one ? at((void *)ad_data(r->in[i]), *x, from * ad__row_of(x)) : NULL, ad__rows_of(x, rows) };
            }
            s = run_part(k, ctx, r, in, &out, true);
        }
    if (s == AD_OK && memcmp(made, ad_data(r->out[0]), bytes) != 0)
        s = ad__opcheck_fail(k, "%s is said to copy columns, but blocks of rows give other numbers than the whole", r->op->name);
    free(made);
    return s;
}

/* ---- columns of wider values ---- */

enum { LEFT = 3 };               /* columns of others before them; as many and more behind them */

/* Rows of x (of a result: no numbers yet) among `more` columns of NaN. */
static bool widen(ad_tensor *x, bool result, int more, ad_buffer *b)
{
    int64_t columns = ad__row_of(&x->shape), rows = ad_count(&x->shape) / columns;
    size_t bytes = (size_t)(rows * (columns + more)) * sizeof(float);
    float *all = malloc(bytes);
    if (!all) return false;
    memset(all, 0xff, bytes);
    *b = (ad_buffer){ all + LEFT, x->shape, columns + more };
    for (int64_t i = 0; !result && i < rows; i++)
        memcpy(all + i * b->row + LEFT, (const float *)ad_data(x) + i * columns, (size_t)columns * sizeof *all);
    return true;
}

/* The rows are those of x, and nothing was written beside them. */
static bool rows_of(ad_tensor *x, const ad_buffer *b)
{
    int64_t columns = ad__row_of(&x->shape), rows = ad_count(&x->shape) / columns;
    const float *want = ad_data(x), *all = (const float *)b->data - LEFT;
    uint32_t around;
    bool same = true;
    for (int64_t i = 0; i < rows * b->row; i++) {
        int64_t column = i % b->row - LEFT;
        memcpy(&around, all + i, sizeof around);
        if (column < 0 || column >= columns) same = same && around == UINT32_MAX;
        else same = same && memcmp(all + i, want + i / b->row * columns + column, sizeof *all) == 0;
    }
    return same;
}

/* `n` tensors in `b`: those of the bits `wide` among columns of others, for each another number. */
static bool widen_all(int n, ad_tensor *const *x, unsigned wide, bool result, ad_buffer *b)
{
    bool good = true;
    for (int i = 0; i < n; i++)
        if (x[i] && (wide >> i & 1)) good = widen(x[i], result, 2 * LEFT + i + result * AD_MAX_OPERANDS, &b[i]) && good;
    return good;
}

/* Whether those hold what they should; they are freed. */
static bool narrow_all(int n, ad_tensor *const *x, ad_buffer *b)
{
    bool same = true;
    for (int i = 0; i < n; i++) {
        if (!b[i].row) continue;
        same = rows_of(x[i], &b[i]) && same;
        free((float *)b[i].data - LEFT);
    }
    return same;
}

/* The promise of op->wide: the same bits from and to columns of wider values, whose other columns are left alone. */
static ad_status check_wide(const ad__opcheck *k, ad_ctx *ctx, const ad__record *r)
{
    if (!r->op->wide.in && !r->op->wide.out) return AD_OK;
    room m;
    bool good = make_room(r, ctx, &m);
    ad_buffer in[AD_MAX_INPUTS], out[AD_MAX_OUTPUTS];
    memcpy(in, m.in, sizeof in);
    memcpy(out, m.out, sizeof out);
    good = widen_all(r->n_in, r->in, r->op->wide.in, false, in) && widen_all(r->n_out, r->out, r->op->wide.out, true, out) && good;
    ad_call c = { .attr = r->attr, .n_in = r->n_in, .n_out = r->n_out, .in = in, .out = out, .precision = AD_F32,
                  .kernels = ad_ctx_kernels(ctx, AD_F32), .threads = 1, .scratch = m.shared, .thread_scratch = m.own,
                  .thread_scratch_size = m.need.per_thread, .error = &ctx->error };
    ad_status s = good ? r->op->forward(&c) : AD_FAIL(k->error, ENOMEM, "checks of ops: out of memory");
    bool same = narrow_all(r->n_in, r->in, in);
    same = narrow_all(r->n_out, r->out, out) && same;
    if (s == AD_OK && !same) s = ad__opcheck_fail(k, "%s gives other numbers from or to columns of wider values", r->op->name);
    free_room(r, &m);
    return s;
}

ad_status ad__opcheck_memory(const ad__opcheck *k, int context)
{
    ad__checked b;
    ad_status s = ad__opcheck_build(k, &b, context, AD_F32, k->sample, ~0u);
    for (int i = 0; s == AD_OK && i < b.tape->n_records; i++) {
        const ad__record *r = b.tape->records[i];
        if (!(r->op->flags & AD_ALIAS)) s = check_record(k, k->ctx[context], r);
        if (s == AD_OK) s = check_blocks(k, k->ctx[context], r);
        if (s == AD_OK) s = check_columns(k, k->ctx[context], r);
        if (s == AD_OK) s = check_wide(k, k->ctx[context], r);
    }
    ad_tape_free(b.tape);
    return s;
}

/* ---- bits ---- */

/* The sample with its leading axis (and those of equal size in other data operands) long enough for several threads. */
static ad_sample enlarged(const ad_op *op, const ad_sample *s)
{
    ad_sample big = *s;
    int operands = 0;
    while (op->operands[operands].name) operands++;
    int64_t count = s->n_in > 0 && s->in[0].rank > 0 ? ad_count(&s->in[0]) : 0, times = count > 0 ? 50000 / count + 1 : 1;
    for (int i = 0; i < s->n_in; i++) {
        bool data = op->operands[i < operands ? i : operands - 1].role == AD_DATA;
        if (data && count > 0 && s->in[i].rank > 0 && s->in[i].dim[0] == s->in[0].dim[0]) big.in[i].dim[0] *= times;
    }
    return big;
}

static bool accepted(const ad__opcheck *k, const ad_sample *s)
{
    ad_error none = { AD_OK, "" };
    ad__opcheck quiet = *k;
    ad__checked b;
    quiet.error = &none;
    bool good = ad__opcheck_build(&quiet, &b, AD__AVX512, AD_F32, s, ~0u) == AD_OK;
    ad_tape_free(b.tape);
    ad_error_clear(&k->ctx[AD__AVX512]->error);
    return good;
}

static ad_status compare_in(const ad__opcheck *k, int context, const ad_sample *s, int how, const values *want, const char *what)
{
    values v;
    ad_status status = evaluate_in(k, context, s, how, &v);
    if (status == AD_OK) status = expect_same_bits(k, want, &v, what);
    free(v.bytes);
    return status;
}

ad_status ad__opcheck_bits(const ad__opcheck *k)
{
    static const struct { int context; const char *name; } others[] = {
        { AD__AVX2, "AVX2 against AVX-512" }, { AD__AVX2_THREE, "AVX2, three threads" }, { AD__AVX512_TWO, "two threads" },
        { AD__AVX512_THREE, "three threads" }, { AD__AVX512_SEVEN, "seven threads" },
    };
    values want;
    ad_status s = evaluate_in(k, AD__AVX512, k->sample, BY_RUN, &want);
    if (s == AD_OK) s = compare_in(k, AD__AVX512, k->sample, PLANNED, &want, "planned against define-by-run");
    if (s == AD_OK) s = compare_in(k, AD__AVX512, k->sample, PLAINLY_PLANNED, &want,
                                   "planned without chains, sharing and reuse against define-by-run");
    free(want.bytes);
    AD_TRY(s);
    const ad_sample big = enlarged(k->op, k->sample), *used = accepted(k, &big) ? &big : k->sample;
    s = evaluate_in(k, AD__AVX512, used, PLANNED, &want);
    for (size_t i = 0; s == AD_OK && i < sizeof others / sizeof *others; i++)
        s = compare_in(k, others[i].context, used, PLANNED, &want, others[i].name);
    free(want.bytes);
    return s;
}

/* ---- plain kernels ---- */

static ad_status compare_with_plain(const ad__opcheck *k, const ad_sample *sample, const char *what)
{
    values want;
    ad_status s = evaluate_in(k, AD__PLAIN, sample, BY_RUN, &want);
    for (int context = AD__AVX2; s == AD_OK && context <= AD__AVX512; context += AD__AVX512 - AD__AVX2) {
        values is;
        s = evaluate_in(k, context, sample, BY_RUN, &is);
        /* Sums of some hundred products in another order differ by a few units in the sixth digit. */
        if (s == AD_OK) s = expect_close(k, &is, &want, 2e-5, what);
        free(is.bytes);
    }
    free(want.bytes);
    return s;
}

ad_status ad__opcheck_plain(const ad__opcheck *k)
{
    static const int64_t lengths[] = { 1, 7, 8, 9, 15, 16, 17, 31, 33, 67 };
    AD_TRY(compare_with_plain(k, k->sample, "fast against plain"));
    for (size_t i = 0; (k->op->flags & AD_ELEMENTWISE) && i < sizeof lengths / sizeof *lengths; i++) {
        ad_sample s = *k->sample;
        for (int j = 0; j < s.n_in; j++)
            if (s.in[j].rank > 0) s.in[j] = (ad_shape){ 1, { lengths[i] } };
        AD_TRY(compare_with_plain(k, &s, "fast against plain, another length"));
    }
    return AD_OK;
}

/*
 * along.c - the parallel loop over the lines of a tensor, and sorting each of them.
 */
#include "ops/along.h"

#include <math.h>

#define UNIT 16384   /* operations in one unit, about */

ad__lines ad__lines_of(const ad_shape *s, int64_t axis)
{
    ad__lines l = { 1, 1, 1 };
    int64_t a = axis < 0 ? axis + s->rank : axis;
    for (int i = 0; i < s->rank; i++)
        *(i < a ? &l.outer : i == a ? &l.size : &l.inner) *= s->dim[i];
    return l;
}

int64_t ad__line_start(const ad__lines *l, int64_t line)
{
    return line / l->inner * l->size * l->inner + line % l->inner;
}

typedef struct job {
    int64_t lines, lines_a_unit;
    void (*body)(int64_t line, void *scratch, void *arg);
    void *arg;
} job;

static void unit(int64_t i, void *scratch, void *arg)
{
    const job *j = arg;
    int64_t end = (i + 1) * j->lines_a_unit < j->lines ? (i + 1) * j->lines_a_unit : j->lines;
    for (int64_t line = i * j->lines_a_unit; line < end; line++)
        j->body(line, scratch, j->arg);
}

void ad__each_line(const ad_call *c, const ad__lines *l, int64_t work, void (*body)(int64_t line, void *scratch, void *arg), void *arg)
{
    job j = { l->outer * l->inner, work > 0 && work < UNIT ? UNIT / work : 1, body, arg };
    ad_parallel(c, (j.lines + j.lines_a_unit - 1) / j.lines_a_unit, j.lines * work, unit, &j);
}

ad_status ad__shape_along(ad_error *e, const char *op, int64_t axis, const ad_shape *x, ad_shape *out)
{
    if (ad__axis(e, op, axis, x->rank) < 0) return AD_ESHAPE;
    *out = *x;
    return AD_OK;
}

ad_status ad__index_within(const ad_call *c, const char *op, int64_t size)
{
    const int32_t *index = c->in[1].data;
    for (int64_t i = 0, n = ad_count(&c->in[1].shape); i < n; i++)
        if (index[i] < 0 || index[i] >= size)
            return AD_FAIL(c->error, EDATA, "%s: place %d at element %lld; need 0 to %lld", op, index[i], (long long)i, (long long)size - 1);
    return AD_OK;
}

/* ---- sorting ---- */

typedef struct entry {
    double value;
    int64_t place;
} entry;

typedef struct order_job {
    const ad_call *call;
    ad__lines x, y;
    bool descending;
} order_job;

static bool before(const entry *a, const entry *b, bool descending)
{
    if (isnan(a->value) || isnan(b->value)) return !isnan(a->value);
    return descending ? a->value > b->value : a->value < b->value;
}

/* Merge sort from the bottom, stable; `e` has n entries and room for n more behind them. Returns where the result is. */
static entry *sorted(entry *e, int64_t n, bool descending)
{
    entry *from = e, *to = e + n;
    for (int64_t run = 1; run < n; run *= 2) {
        for (int64_t at = 0; at < n; at += 2 * run) {
            int64_t a = at, b = at + run < n ? at + run : n, a_end = b, b_end = b + run < n ? b + run : n;
            for (int64_t k = at; k < b_end; k++)
                to[k] = a < a_end && (b >= b_end || !before(&from[b], &from[a], descending)) ? from[a++] : from[b++];
        }
        entry *swap = from;
        from = to;
        to = swap;
    }
    return from;
}

static void order_line(int64_t i, void *scratch, void *arg)
{
    const order_job *j = arg;
    const ad_call *c = j->call;
    entry *e = scratch;
    int64_t from = ad__line_start(&j->x, i), to = ad__line_start(&j->y, i);
    for (int64_t k = 0; k < j->x.size; k++)
        e[k] = (entry){ ad__number(c, c->in[0].data, from + k * j->x.inner), k };
    e = sorted(e, j->x.size, j->descending);
    for (int64_t k = 0; k < j->y.size; k++, to += j->y.inner) {
        ad__store(c, c->out[0].data, to, e[k].value);
        ((int32_t *)c->out[1].data)[to] = (int32_t)e[k].place;
    }
}

ad_status ad__order(const ad_call *c, int64_t axis, bool descending)
{
    order_job j = { c, ad__lines_of(&c->in[0].shape, axis), ad__lines_of(&c->out[0].shape, axis), descending };
    ad__each_line(c, &j.x, 32 * j.x.size, order_line, &j);
    return AD_OK;
}

void ad__order_scratch(const ad_shape *x, int64_t axis, ad_scratch *s)
{
    s->per_thread = 2 * (size_t)ad__lines_of(x, axis).size * sizeof(entry);
}

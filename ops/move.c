/*
 * move.c - copying boxes of numbers.
 */
#include "ops/move.h"

#include <string.h>

#define LINE 64      /* bytes of a cache line */
#define UNIT 16384   /* numbers that one unit of the parallel loop moves, about */

void ad__strides(const ad_shape *s, int64_t *stride)
{
    int64_t at = 1;
    for (int i = s->rank - 1; i >= 0; i--) {
        stride[i] = at;
        at *= s->dim[i];
    }
}

ad__box ad__box_of(const ad_shape *part, const ad_shape *from, const ad_shape *to)
{
    ad__box b = { .rank = part->rank };
    ad__strides(from, b.from_stride);
    ad__strides(to, b.to_stride);
    for (int i = 0; i < part->rank; i++)
        b.dim[i] = part->dim[i];
    return b;
}

int ad__axis(ad_error *e, const char *op, int64_t axis, int rank)
{
    int64_t a = axis < 0 ? axis + rank : axis;
    if (a >= 0 && a < rank) return (int)a;
    AD_FAIL(e, ESHAPE, "%s: there is no axis %lld; the rank is %d, need %d to %d", op, (long long)axis, rank, -rank, rank - 1);
    return -1;
}

/* Drops axes of size 1 and merges neighbours that both sides walk through as one. */
static void merge(ad__box *b)
{
    int n = 0;
    for (int i = 0; i < b->rank; i++) {
        if (b->dim[i] == 1) continue;
        bool one = n > 0 && b->from_stride[n - 1] == b->from_stride[i] * b->dim[i] &&
            b->to_stride[n - 1] == b->to_stride[i] * b->dim[i];
        int64_t dim = b->dim[i];
        if (!one) b->dim[n++] = 1;
        b->dim[n - 1] *= dim;
        b->from_stride[n - 1] = b->from_stride[i];
        b->to_stride[n - 1] = b->to_stride[i];
    }
    b->rank = n;
}

typedef struct job {
    ad__box box;
    const char *x;
    char *y;
    size_t size;
    int64_t rows, rows_a_unit, n, from_step, to_step;   /* of the last axis */
    void (*around)(int64_t n, const void *x, void *y);  /* copies rows of whole lines past the caches, or NULL */
} job;

static void copy_row(const job *j, const char *x, char *y)
{
    if (j->around && (uintptr_t)y % LINE == 0) {
        j->around(j->n, x, y);
    } else if (j->from_step == 1 && j->to_step == 1) {
        memcpy(y, x, (size_t)j->n * j->size);
    } else if (j->size == 8) {
        for (int64_t i = 0; i < j->n; i++)
            ((double *)(void *)y)[i * j->to_step] = ((const double *)(const void *)x)[i * j->from_step];
    } else {
        for (int64_t i = 0; i < j->n; i++)
            ((float *)(void *)y)[i * j->to_step] = ((const float *)(const void *)x)[i * j->from_step];
    }
}

static void copy_unit(int64_t unit, void *scratch, void *arg)
{
    const job *j = arg;
    const ad__box *b = &j->box;
    int64_t row = unit * j->rows_a_unit, end = row + j->rows_a_unit < j->rows ? row + j->rows_a_unit : j->rows;
    int64_t index[AD_MAX_RANK], from = b->from, to = b->to, above = row;
    for (int i = b->rank - 1; i >= 0; i--) {
        index[i] = above % b->dim[i];
        above /= b->dim[i];
        from += index[i] * b->from_stride[i];
        to += index[i] * b->to_stride[i];
    }
    for (; row < end; row++) {
        copy_row(j, j->x + from * (int64_t)j->size, j->y + to * (int64_t)j->size);
        for (int i = b->rank - 1; i >= 0; i--) {
            from += b->from_stride[i];
            to += b->to_stride[i];
            if (++index[i] < b->dim[i]) break;
            from -= b->from_stride[i] * b->dim[i];
            to -= b->to_stride[i] * b->dim[i];
            index[i] = 0;
        }
    }
}

void ad__copy_box(const ad_call *c, const void *x, void *y, ad__box box)
{
    int64_t count = 1;
    for (int i = 0; i < box.rank; i++)
        count *= box.dim[i];
    if (count == 0) return;
    merge(&box);
    job j = { .x = x, .y = y, .size = c->precision == AD_F64 ? 8 : 4, .n = 1, .from_step = 1, .to_step = 1 };
    if (box.rank > 0) {
        int last = --box.rank;
        j.n = box.dim[last];
        j.from_step = box.from_stride[last];
        j.to_step = box.to_stride[last];
    }
    /* A single long row is cut so that threads can share it. */
    if (box.rank == 0 && j.n > 2 * UNIT) {
        int64_t rest = j.n % UNIT, whole = j.n - rest;
        ad__box tail = box;
        tail.from += whole * j.from_step;
        tail.to += whole * j.to_step;
        if (rest > 0) {
            tail.rank = 1;
            tail.dim[0] = rest;
            tail.from_stride[0] = j.from_step;
            tail.to_stride[0] = j.to_step;
            ad__copy_box(c, x, y, tail);
        }
        box.rank = 1;
        box.dim[0] = whole / UNIT;
        box.from_stride[0] = UNIT * j.from_step;
        box.to_stride[0] = UNIT * j.to_step;
        j.n = UNIT;
        count = whole;
    }
    if (c->around && j.from_step == 1 && j.to_step == 1 && (size_t)j.n * j.size % LINE == 0) j.around = ad__element(c)->copy_around;
    j.box = box;
    j.rows = count / j.n;
    j.rows_a_unit = j.n >= UNIT ? 1 : UNIT / j.n;
    ad_parallel(c, (j.rows + j.rows_a_unit - 1) / j.rows_a_unit, count, copy_unit, &j);
}

/*
 * rows.c - the parallel loop over rows of the last axis.
 */
#include "ops/rows.h"

#define UNIT 4096   /* numbers in one unit; a multiple of 16 rows, so that short rows fill whole vectors */

typedef struct job {
    const ad_call *call;
    int64_t rows, rows_a_unit;
    void (*body)(const ad_call *c, int64_t row, int64_t rows);
} job;

static void unit(int64_t i, void *scratch, void *arg)
{
    const job *j = arg;
    int64_t row = i * j->rows_a_unit, left = j->rows - row;
    j->body(j->call, row, left < j->rows_a_unit ? left : j->rows_a_unit);
}

void ad__each_rows(const ad_call *c, int64_t rows, int64_t n, void (*body)(const ad_call *c, int64_t row, int64_t rows))
{
    int64_t wide = (UNIT / (n ? n : 1) + 15) / 16 * 16;
    job j = { c, rows, wide ? wide : 16, body };
    /* An exponential costs about as much as eight additions. */
    ad_parallel(c, (rows + j.rows_a_unit - 1) / j.rows_a_unit, 8 * rows * n, unit, &j);
}

const void *ad__row_in(const ad_call *c, int k, int64_t row, int64_t n)
{
    return (const char *)c->in[k].data + (size_t)(row * n) * (c->precision == AD_F64 ? 8 : 4);
}

void *ad__row_out(const ad_call *c, int64_t row, int64_t n)
{
    return (char *)c->out->data + (size_t)(row * n) * (c->precision == AD_F64 ? 8 : 4);
}

int64_t ad__last(const ad_shape *s)
{
    return s->rank ? s->dim[s->rank - 1] : 1;
}

int64_t ad__rows(const ad_shape *s)
{
    int64_t n = ad__last(s);
    return n ? ad_count(s) / n : 0;
}

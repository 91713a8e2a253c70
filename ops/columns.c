/*
 * columns.c - chunks of rows, and the order in which their sums are added.
 */
#include "ops/columns.h"

#include <string.h>

/* Numbers of a chunk: 16 K floats are 64 KiB, so that a second pass over the chunk finds it in second-level cache, and the sum of
 * at most a few hundred rows in single precision loses nothing that matters. */
enum { CHUNK = 16384, MAX_PARTS = 4, MAX_ROWS = 512 };

ad__columns ad__columns_of(const ad_shape *x, int parts)
{
    ad__columns s = { .c = x->dim[x->rank - 1], .parts = parts };
    s.n = s.c > 0 ? ad_count(x) / s.c : 0;
    s.rows = s.c > 0 ? CHUNK / s.c / 4 * 4 : 4;
    if (s.rows < 4) s.rows = 4;
    if (s.rows > MAX_ROWS) s.rows = MAX_ROWS;
    s.chunks = (s.n + s.rows - 1) / s.rows;
    return s;
}

size_t ad__real_size(ad_precision p)
{
    return p == AD_F64 ? sizeof(double) : sizeof(float);
}

size_t ad__columns_bytes(const ad__columns *s, int vectors, ad_precision p)
{
    return (size_t)((s->chunks * s->parts + vectors) * s->c) * ad__real_size(p);
}

void *ad__row(const ad_call *c, const void *rows, int64_t row, int64_t width)
{
    return (char *)rows + (size_t)(row * width) * ad__real_size(c->precision);
}

void *ad__columns_part(const ad_call *c, const ad__columns *s, int64_t i, int part)
{
    return ad__row(c, c->scratch, i * s->parts + part, s->c);
}

void *ad__columns_vector(const ad_call *c, const ad__columns *s, int i)
{
    return ad__row(c, c->scratch, s->chunks * s->parts + i, s->c);
}

double ad__get(const ad_call *c, const void *array, int64_t i)
{
    return c->precision == AD_F64 ? ((const double *)array)[i] : (double)((const float *)array)[i];
}

void ad__put(const ad_call *c, void *array, int64_t i, double value)
{
    if (c->precision == AD_F64)
        ((double *)array)[i] = value;
    else
        ((float *)array)[i] = (float)value;
}

typedef struct columns_job {
    const ad_call *c;
    const ad__columns *s;
    ad__chunk *f;
    void *arg;
    bool with_parts;
    int64_t stretch;
} columns_job;

static void run_chunk(const columns_job *j, int64_t i)
{
    const ad__columns *s = j->s;
    void *part[MAX_PARTS] = { NULL };
    int64_t row = i * s->rows, rows = s->n - row < s->rows ? s->n - row : s->rows;
    for (int k = 0; j->with_parts && k < s->parts; k++)
        part[k] = ad__columns_part(j->c, s, i, k);
    j->f(s, row, rows, j->c->kernels, part, j->arg);
}

/* Chunks that one thread takes one after another: reading on is faster than beginning anew. */
enum { STRETCH = 8, UNITS = 32 };

static void run_stretch(int64_t unit, void *scratch, void *arg)
{
    const columns_job *j = arg;
    for (int64_t i = unit * j->stretch; i < (unit + 1) * j->stretch && i < j->s->chunks; i++) run_chunk(j, i);
}

static void run_all(const ad_call *c, columns_job *j)
{
    j->stretch = j->s->chunks / UNITS < 1 ? 1 : j->s->chunks / UNITS < STRETCH ? j->s->chunks / UNITS : STRETCH;
    ad_parallel(c, (j->s->chunks + j->stretch - 1) / j->stretch, j->s->n * j->s->c, run_stretch, j);
}

void ad__columns_run(const ad_call *c, const ad__columns *s, ad__chunk *f, void *arg)
{
    run_all(c, &(columns_job){ c, s, f, arg, true, 0 });
}

void ad__columns_apply(const ad_call *c, const ad__columns *s, ad__chunk *f, void *arg)
{
    run_all(c, &(columns_job){ c, s, f, arg, false, 0 });
}

/* ---- folding ---- */

typedef struct fold_job {
    int64_t columns;
    void (*f)(int64_t j, void *arg);
    void *arg;
} fold_job;

enum { FOLD = 16 };   /* columns of one job: a cache line of floats */

static void run_fold(int64_t i, void *scratch, void *arg)
{
    const fold_job *job = arg;
    for (int64_t j = i * FOLD; j < (i + 1) * FOLD && j < job->columns; j++)
        job->f(j, job->arg);
}

void ad__columns_fold(const ad_call *c, const ad__columns *s, void (*f)(int64_t j, void *arg), void *arg)
{
    ad_parallel(c, (s->c + FOLD - 1) / FOLD, s->c * s->chunks * s->parts * 4, run_fold, &(fold_job){ s->c, f, arg });
}

double ad__columns_sum(const ad_call *c, const ad__columns *s, int part, int64_t j)
{
    double sum = 0;
    for (int64_t i = 0; i < s->chunks; i++)
        sum += ad__get(c, ad__columns_part(c, s, i, part), j);
    return sum;
}

static int64_t rows_of(const ad__columns *s, int64_t i)
{
    return i + 1 < s->chunks ? s->rows : s->n - i * s->rows;
}

/* Of a union: the mean of the means, weighted, and M2 = sum of M2_i + rows_i (mean_i - mean)^2. */
void ad__columns_moments(const ad_call *c, const ad__columns *s, int64_t j, double *mean, double *m2)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < s->chunks; i++)
        sum += (double)rows_of(s, i) * ad__get(c, ad__columns_part(c, s, i, 0), j);
    *mean = sum / (double)s->n;
    for (int64_t i = 0; i < s->chunks; i++) {
        double d = ad__get(c, ad__columns_part(c, s, i, 0), j) - *mean;
        squares += ad__get(c, ad__columns_part(c, s, i, 1), j) + (double)rows_of(s, i) * d * d;
    }
    *m2 = squares < 0 ? 0 : squares;   /* by rounding; a NaN stays one */
}

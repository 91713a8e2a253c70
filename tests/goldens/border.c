/*
 * border.c - arrays of a case to tensors and back: layouts, precisions, comparisons.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/goldens/golden.h"

verdict give_up(kase *k, verdict v, const char *format, ...)
{
    if (!k->reason[0]) {
        va_list args;
        va_start(args, format);
        vsnprintf(k->reason, sizeof k->reason, format, args);
        va_end(args);
    }
    return v;
}

verdict failed_with(kase *k, ad_error *e)
{
    verdict v = give_up(k, FAILED, "%s", e->message[0] ? e->message : "no message");
    ad_error_clear(e);
    return v;
}

verdict judged(kase *k)
{
    if (!k->compared)
        return give_up(k, FAILED, "nothing was compared");
    if (k->error > k->limit || isnan(k->error))
        return give_up(k, FAILED, "%s: error %.3g, allowed %.3g", k->worst, k->error, k->limit);
    return PASSED;
}

/* ---- layouts ---- */

void order_axes(order o, int rank, int axis, int perm[AD_ARRAY_RANK])
{
    int n = 0;
    for (int i = 0; i < rank; i++)
        perm[i] = i;
    if ((o == IMAGE || o == LAST) && rank > 1) {
        int last = o == LAST ? (axis + rank) % rank : 1;
        for (int i = 0; i < rank; i++)
            if (i != last)
                perm[n++] = i;
        perm[n] = last;
    } else if (o == CONV || o == TRANSPOSED || o == LINEAR) {
        for (int i = 2; i < rank; i++)
            perm[n++] = i;
        perm[n++] = o == TRANSPOSED ? 0 : 1;
        perm[n] = o == TRANSPOSED ? 1 : 0;
    }
}

void memory_shape(const ad_array *a, const int *perm, ad_dtype dtype, ad_shape *s)
{
    *s = (ad_shape){ .rank = a->rank, .dtype = dtype };
    for (int i = 0; i < a->rank; i++)
        s->dim[i] = a->dim[perm[i]];
}

/* Calls for each element in memory order the index of the same element in the file. */
static void file_indices(const ad_array *a, const int *perm, int64_t *index)
{
    int64_t stride[AD_ARRAY_RANK], at[AD_ARRAY_RANK] = { 0 }, step = 1;
    for (int i = a->rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= a->dim[i];
    }
    for (int64_t m = 0, n = ad_array_count(a); m < n; m++) {
        int64_t f = 0;
        for (int i = 0; i < a->rank; i++)
            f += at[i] * stride[perm[i]];
        index[m] = f;
        for (int i = a->rank - 1; i >= 0 && ++at[i] == a->dim[perm[i]]; i--)
            at[i] = 0;
    }
}

double *memory_values(kase *k, const ad_array *a, const int *perm)
{
    int64_t n = ad_array_count(a);
    double *file = malloc((size_t)(n + 1) * sizeof *file), *memory = malloc((size_t)(n + 1) * sizeof *memory);
    int64_t *index = malloc((size_t)(n + 1) * sizeof *index);
    if (!file || !memory || !index || ad_array_to_f64(&k->g->error, a, file) != AD_OK) {
        failed_with(k, &k->g->error);
        free(memory);
        memory = NULL;
    } else {
        file_indices(a, perm, index);
        for (int64_t i = 0; i < n; i++)
            memory[i] = file[index[i]];
    }
    free(file);
    free(index);
    return memory;
}

void *as_stored(const double *values, int64_t n, ad_dtype dtype, ad_precision p)
{
    size_t size = dtype == AD_I32 ? sizeof(int32_t) : dtype == AD_U8 ? 1 : p == AD_F64 ? sizeof(double) : sizeof(float);
    void *data = malloc((size_t)(n + 1) * size);
    for (int64_t i = 0; data && i < n; i++) {
        if (dtype == AD_I32)
            ((int32_t *)data)[i] = (int32_t)values[i];
        else if (dtype == AD_U8)
            ((uint8_t *)data)[i] = (uint8_t)values[i];
        else if (p == AD_F64)
            ((double *)data)[i] = values[i];
        else
            ((float *)data)[i] = (float)values[i];
    }
    return data;
}

double stored_at(const void *data, int64_t i, ad_dtype dtype, ad_precision p)
{
    if (dtype == AD_I32)
        return ((const int32_t *)data)[i];
    if (dtype == AD_U8)
        return ((const uint8_t *)data)[i];
    return p == AD_F64 ? ((const double *)data)[i] : ((const float *)data)[i];
}

ad_tensor *given_input(kase *k, ad_tape *t, const char *name, const ad_array *a, order o, int axis)
{
    int perm[AD_ARRAY_RANK];
    order_axes(o, a->rank, axis, perm);
    ad_dtype dtype = o == INTEGER ? AD_I32 : AD_REAL;
    ad_shape s;
    memory_shape(a, perm, dtype, &s);
    ad_tensor *x = ad_input(t, name, &s);
    double *values = memory_values(k, a, perm);
    void *data = values ? as_stored(values, ad_array_count(a), dtype, k->precision) : NULL;
    if (!x || !data || ad_set(x, data) != AD_OK) {
        failed_with(k, ad_ctx_error(k->g->ctx));
        x = NULL;
    }
    free(values);
    free(data);
    return x;
}

/* ---- comparing ---- */

static void note(kase *k, const char *tensor, double error, double limit)
{
    k->compared++;
    double ratio = limit > 0 ? error / limit : error > 0 ? INFINITY : 0;
    double before = !k->worst[0] ? -1 : k->limit > 0 ? k->error / k->limit : k->error > 0 ? INFINITY : 0;
    if (ratio > before || isnan(ratio)) {
        snprintf(k->worst, sizeof k->worst, "%s", tensor);
        k->error = error;
        k->limit = limit;
    }
}

/* The largest difference; infinite where one is NaN or infinite and the other is not the same. */
static double distance(const double *a, const double *b, int64_t n)
{
    double worst = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = isnan(a[i]) && isnan(b[i]) ? 0 : a[i] == b[i] ? 0 : fabs(a[i] - b[i]);
        if (!(d <= worst))
            worst = isnan(d) ? INFINITY : d;
    }
    return worst;
}

void compare(kase *k, const ad_array *want, const int *perm, const double *got, double tolerance, double floor)
{
    double *b = memory_values(k, want, perm);
    if (!b)
        return;
    double largest = array_max(want);
    note(k, want->name, distance(got, b, ad_array_count(want)), tolerance * (largest > floor ? largest : floor));
    free(b);
}

void compare_absolute(kase *k, const ad_array *want, const double *got, double tolerance)
{
    int perm[AD_ARRAY_RANK];
    order_axes(PLAIN, want->rank, 0, perm);
    double *b = memory_values(k, want, perm);
    if (!b)
        return;
    note(k, want->name, distance(got, b, ad_array_count(want)), tolerance);
    free(b);
}

double array_max(const ad_array *a)
{
    int64_t n = ad_array_count(a);
    double *values = malloc((size_t)(n + 1) * sizeof *values), largest = 0;
    if (values && ad_array_to_f64(NULL, a, values) == AD_OK)
        for (int64_t i = 0; i < n; i++)
            if (isfinite(values[i]) && fabs(values[i]) > largest)
                largest = fabs(values[i]);
    free(values);
    return largest;
}

const ad_array *find(const kase *k, const char *prefix, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s%s", prefix, name);
    return ad_safetensors_find(k->st, path);
}

double metadata_number(const kase *k, const char *key, double otherwise)
{
    const char *text = ad_safetensors_metadata(k->st, key);
    return text ? strtod(text, NULL) : otherwise;
}

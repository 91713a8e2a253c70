/* shape.c - sizes of tensors. */
#include <stdio.h>

#include "autograd/internal.h"

int64_t ad_count(const ad_shape *s)
{
    int64_t n = 1;
    for (int i = 0; i < s->rank; i++) n *= s->dim[i];
    return n;
}

bool ad_shape_equal(const ad_shape *a, const ad_shape *b)
{
    if (a->rank != b->rank || a->dtype != b->dtype) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i]) return false;
    return true;
}

size_t ad__dtype_bytes(ad_dtype dtype, ad_precision p)
{
    switch (dtype) {
    case AD_I32: return 4;
    case AD_U8: return 1;
    default: return p == AD_F64 ? 8 : 4;
    }
}

size_t ad_shape_bytes(const ad_shape *s, ad_precision p)
{
    return (size_t)ad_count(s) * ad__dtype_bytes(s->dtype, p);
}

const char *ad_shape_text(const ad_shape *s, char *text)
{
    char *end = text + AD_SHAPE_TEXT, *at = text;
    *at++ = '[';
    for (int i = 0; i < s->rank; i++) at += snprintf(at, (size_t)(end - at), i ? ",%lld" : "%lld", (long long)s->dim[i]);
    snprintf(at, (size_t)(end - at), "]");
    return text;
}

ad_status ad__shape_check(ad_error *e, const char *what, const ad_shape *s)
{
    if (s->rank < 0 || s->rank > AD_MAX_RANK) return AD_FAIL(e, ESHAPE, "%s: rank %d; need 0..%d", what, s->rank, AD_MAX_RANK);
    int64_t n = 8;
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] < 0 || __builtin_mul_overflow(n, s->dim[i] ? s->dim[i] : 1, &n) || n > ((int64_t)1 << 43))
            return AD_FAIL(e, ESHAPE, "%s: axis %d has size %lld; sizes must be positive and their product below 2^40", what, i,
                           (long long)s->dim[i]);
    return AD_OK;
}

/*
 * computed.c - constants of a tape that an op works out itself.
 */
#include "ops/computed.h"

#include <stdlib.h>

ad_tensor *ad__computed(ad_tape *t, const char *op, const ad_shape *shape, double (*value)(int64_t i, const void *arg), const void *arg)
{
    int64_t n = ad_count(shape);
    bool wide = ad_tape_precision(t) == AD_F64;
    void *values = malloc((size_t)(n ? n : 1) * (wide ? sizeof(double) : sizeof(float)));
    if (!values) {
        AD_FAIL(ad_ctx_error(ad_tape_ctx(t)), ENOMEM, "%s: no memory for %lld numbers", op, (long long)n);
        return NULL;
    }
    for (int64_t i = 0; i < n; i++) {
        if (wide) ((double *)values)[i] = value(i, arg);
        else ((float *)values)[i] = (float)value(i, arg);
    }
    ad_tensor *x = ad_constant(t, shape, values);
    free(values);
    return x;
}

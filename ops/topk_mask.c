/*
 * topk_mask - 1 at the k largest numbers of the whole tensor, 0 elsewhere; of equal ones the first. NaNs count as smallest. The
 * gradient ends here.
 *
 *   The k-th largest is found a byte at a time (radix selection): eight passes over the numbers, whatever they are.
 */
#include <string.h>

#include "ops/elementwise.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_topk_mask_attr *a = attr;
    if (a->k > ad_count(&in[0]))
        return AD_FAIL(e, ESHAPE, "topk_mask: k=%lld of %lld numbers", (long long)a->k, (long long)ad_count(&in[0]));
    *out = in[0];
    return AD_OK;
}

/* A key that is ordered as the numbers are. */
static uint64_t key_of(double x)
{
    uint64_t bits;
    if (x != x) return 0;
    x += 0.0;                   /* -0 becomes 0 */
    memcpy(&bits, &x, sizeof bits);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

/* The k-th largest key, and how many of the keys that equal it are among the k. */
static uint64_t select_key(int64_t n, const uint64_t *key, int64_t k, int64_t *equal)
{
    uint64_t prefix = 0, mask = 0;
    for (int shift = 56; shift >= 0; shift -= 8) {
        int64_t count[256] = { 0 };
        for (int64_t i = 0; i < n; i++)
            if ((key[i] & mask) == prefix) count[key[i] >> shift & 255]++;
        int byte = 255;
        while (count[byte] < k)
            k -= count[byte--];
        prefix |= (uint64_t)byte << shift;
        mask |= (uint64_t)255 << shift;
    }
    *equal = k;
    return prefix;
}

static ad_status forward(const ad_call *c)
{
    const ad_topk_mask_attr *a = c->attr;
    int64_t n = ad_count(&c->out->shape), equal = 0;
    uint64_t *key = c->scratch, least = 0;
    bool wide = c->precision == AD_F64;
    for (int64_t i = 0; i < n; i++)
        key[i] = key_of(wide ? ((const double *)c->in[0].data)[i] : (double)((const float *)c->in[0].data)[i]);
    if (a->k > 0) least = select_key(n, key, a->k, &equal);
    for (int64_t i = 0; i < n; i++) {
        bool in = a->k > 0 && (key[i] > least || (key[i] == least && equal-- > 0));
        if (wide) ((double *)c->out->data)[i] = in;
        else ((float *)c->out->data)[i] = in;
    }
    return AD_OK;
}

static void scratch(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels,
                    ad_scratch *s)
{
    s->shared = (size_t)ad_count(&in[0]) * sizeof(uint64_t);
}

static const ad_attr attrs[] = {
    { "k", AD_ATTR_INT, offsetof(ad_topk_mask_attr, k), .lo = 0, .hi = 1e12, .required = true, .doc = "how many" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "some", .n_in = 1, .in = { { 2, { 4, 5 } } }, .attr_text = "k=6" },
    { .name = "none", .n_in = 1, .in = { { 1, { 5 } } }, .attr_text = "k=0" },
    { .name = "all", .n_in = 1, .in = { { 1, { 5 } } }, .attr_text = "k=5" },
    { .name = "too many", .n_in = 1, .in = { { 1, { 5 } } }, .attr_text = "k=6", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_topk_mask = {
    .name = "topk_mask", .doc = "1 at the k largest numbers, 0 elsewhere", .flags = AD_STOPS_GRADIENT, .operands = ad__operand_x,
    .attr_size = sizeof(ad_topk_mask_attr), .attrs = attrs, .shape = shape, .forward = forward, .scratch = scratch,
    .samples = samples,
};

ad_tensor *ad_topk_mask(ad_tape *t, ad_tensor *x, int64_t k)
{
    return ad_record_one(t, &ad_op_topk_mask, &(const ad_topk_mask_attr){ k }, 1, &x);
}

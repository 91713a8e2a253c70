/*
 * pool.c - what one output pixel of pooling and resampling is made of: a weighted sum, or the largest, of a few input pixels.
 */
#include "ops/kernels/variant.h"

static void one_tap(int64_t c, real weight, const real *x, real *y, int add)
{
    vec w = v_set1(weight);
    for (int64_t j = 0; j < c; j += VL) {
        vec t = v_mul(w, v_load_n(x + j, c - j));
        v_store_n(y + j, add ? v_add(v_load_n(y + j, c - j), t) : t, c - j);
    }
}

/* (w0 x0 + w1 x1) + (w2 x2 + w3 x3): every tap of a four-tap average counts alike. */
static void four_taps(int64_t c, const int64_t *offset, const real *weight, const real *x, real *y, int add)
{
    const real *x0 = x + offset[0], *x1 = x + offset[1], *x2 = x + offset[2], *x3 = x + offset[3];
    vec w0 = v_set1(weight[0]), w1 = v_set1(weight[1]), w2 = v_set1(weight[2]), w3 = v_set1(weight[3]);
    for (int64_t j = 0; j < c; j += VL) {
        int64_t n = c - j;
        vec t = v_add(v_fma(w1, v_load_n(x1 + j, n), v_mul(w0, v_load_n(x0 + j, n))),
                      v_fma(w3, v_load_n(x3 + j, n), v_mul(w2, v_load_n(x2 + j, n))));
        v_store_n(y + j, add ? v_add(v_load_n(y + j, n), t) : t, n);
    }
}

void K(norm_taps)(int64_t n, const int64_t *offset, const void *weight, int64_t c, const void *x, void *y, int add)
{
    const real *w = weight, *in = x;
    real *out = y;
    if (n == 0 && !add)
        for (int64_t j = 0; j < c; j++)
            out[j] = 0;
    int64_t k = 0;
    for (; k + 4 <= n; k += 4, add = 1)
        four_taps(c, offset + k, w + k, in, out, add);
    for (; k < n; k++, add = 1)
        one_tap(c, w[k], in + offset[k], out, add);
}

void K(norm_window_max)(int64_t n, const int64_t *offset, const int32_t *position, int64_t c, const void *x, void *y, int32_t *index,
                        int more)
{
    const real *in = x;
    real *restrict out = y;
    int32_t *restrict best = index;
    if (!more)
        for (int64_t j = 0; j < c; j++) {
            out[j] = in[offset[0] + j];
            best[j] = position[0];
        }
    for (int64_t k = more ? 0 : 1; k < n; k++) {
        const real *restrict row = in + offset[k];
        int32_t here = position[k];
        for (int64_t j = 0; j < c; j++) {
            int larger = (row[j] > out[j]) | (row[j] != row[j]);
            out[j] = larger ? row[j] : out[j];
            best[j] = larger ? here : best[j];
        }
    }
}

void K(norm_window_select)(int64_t n, int32_t position, int64_t c, const void *gy, const int32_t *index, void *gx, int add)
{
    const real *restrict row = gy;
    const int32_t *restrict chosen = index;
    real *restrict out = gx;
    if (!add)
        for (int64_t j = 0; j < c; j++)
            out[j] = 0;
    for (int64_t k = 0; k < n; k++, row += c, chosen += c)
        for (int64_t j = 0; j < c; j++)
            out[j] += chosen[j] == position ? row[j] : 0;
}

/*
 * conv_winograd_transform.h - the transforms of conv_winograd.h on vectors of channels, and on whole tiles.
 *
 * Every lane is one channel, so the order of the operations is the same for every vector length.
 */
#ifndef ADZE_OPS_KERNELS_CONV_WINOGRAD_TRANSFORM_H
#define ADZE_OPS_KERNELS_CONV_WINOGRAD_TRANSFORM_H

#include "ops/kernels/conv_winograd.h"
#include "ops/kernels/variant.h"

#define WINO_INLINE static inline __attribute__((always_inline))
#define WINO_UNROLLED _Pragma("GCC unroll 6")

#define WINO_A 0.625f
#define WINO_B 1.5f
#define WINO_A2 (WINO_A * WINO_A)
#define WINO_B2 (WINO_B * WINO_B)
#define WINO_G0 (1.0f / (WINO_A2 * WINO_B2))
#define WINO_GA (1.0f / (2 * WINO_A2 * (WINO_A2 - WINO_B2)))
#define WINO_GB (1.0f / (2 * WINO_B2 * (WINO_B2 - WINO_A2)))

/* t = B' d */
WINO_INLINE void wino_source(const vec *d, vec *t)
{
    const vec a2 = v_set1(WINO_A2), b2 = v_set1(WINO_B2), a2b2 = v_set1(WINO_A2 * WINO_B2), both = v_set1(WINO_A2 + WINO_B2);
    const vec a = v_set1(WINO_A), b = v_set1(WINO_B);
    vec even_a = v_fnma(b2, d[2], d[4]), odd_a = v_fnma(b2, d[1], d[3]), even_b = v_fnma(a2, d[2], d[4]), odd_b = v_fnma(a2, d[1], d[3]);
    t[0] = v_fnma(both, d[2], v_fma(a2b2, d[0], d[4]));
    t[1] = v_fma(a, odd_a, even_a);
    t[2] = v_fnma(a, odd_a, even_a);
    t[3] = v_fma(b, odd_b, even_b);
    t[4] = v_fnma(b, odd_b, even_b);
    t[5] = v_fnma(both, d[3], v_fma(a2b2, d[1], d[5]));
}

/* t = G g */
WINO_INLINE void wino_weight(const vec *g, vec *t)
{
    const vec a = v_set1(WINO_A), b = v_set1(WINO_B);
    vec even_a = v_fma(v_set1(WINO_A2), g[2], g[0]), even_b = v_fma(v_set1(WINO_B2), g[2], g[0]);
    t[0] = v_mul(v_set1(WINO_G0), g[0]);
    t[1] = v_mul(v_set1(WINO_GA), v_fma(a, g[1], even_a));
    t[2] = v_mul(v_set1(WINO_GA), v_fnma(a, g[1], even_a));
    t[3] = v_mul(v_set1(WINO_GB), v_fma(b, g[1], even_b));
    t[4] = v_mul(v_set1(WINO_GB), v_fnma(b, g[1], even_b));
    t[5] = g[2];
}

/* y = A' m */
WINO_INLINE void wino_output(const vec *m, vec *y)
{
    vec even_a = v_add(m[1], m[2]), odd_a = v_sub(m[1], m[2]), even_b = v_add(m[3], m[4]), odd_b = v_sub(m[3], m[4]);
    y[0] = v_add(m[0], v_add(even_a, even_b));
    y[1] = v_fma(v_set1(WINO_A), odd_a, v_mul(v_set1(WINO_B), odd_b));
    y[2] = v_fma(v_set1(WINO_A2), even_a, v_mul(v_set1(WINO_B2), even_b));
    y[3] = v_fma(v_set1(WINO_A2 * WINO_A), odd_a, v_fma(v_set1(WINO_B2 * WINO_B), odd_b, m[5]));
}

/* t = A y */
WINO_INLINE void wino_output_adjoint(const vec *y, vec *t)
{
    const vec a = v_set1(WINO_A), b = v_set1(WINO_B);
    vec even_a = v_fma(v_set1(WINO_A2), y[2], y[0]), odd_a = v_fma(v_set1(WINO_A2), y[3], y[1]);
    vec even_b = v_fma(v_set1(WINO_B2), y[2], y[0]), odd_b = v_fma(v_set1(WINO_B2), y[3], y[1]);
    t[0] = y[0];
    t[1] = v_fma(a, odd_a, even_a);
    t[2] = v_fnma(a, odd_a, even_a);
    t[3] = v_fma(b, odd_b, even_b);
    t[4] = v_fnma(b, odd_b, even_b);
    t[5] = y[3];
}

/* g = G' t */
WINO_INLINE void wino_weight_adjoint(const vec *t, vec *g)
{
    vec even_a = v_mul(v_set1(WINO_GA), v_add(t[1], t[2])), odd_a = v_mul(v_set1(WINO_GA), v_sub(t[1], t[2]));
    vec even_b = v_mul(v_set1(WINO_GB), v_add(t[3], t[4])), odd_b = v_mul(v_set1(WINO_GB), v_sub(t[3], t[4]));
    g[0] = v_fma(v_set1(WINO_G0), t[0], v_add(even_a, even_b));
    g[1] = v_fma(v_set1(WINO_A), odd_a, v_mul(v_set1(WINO_B), odd_b));
    g[2] = v_fma(v_set1(WINO_A2), even_a, v_fma(v_set1(WINO_B2), even_b, t[5]));
}

/* ---- both axes ---- */

/* Hides where a distance comes from: what is known to stay the same makes the compiler keep all 36 places, on the stack. */
#define WINO_FRESH(distance) __asm__("" : "+r"(distance))

typedef void (*wino_axis)(const vec *from, vec *to);

/* One vector of each of n x n elements, `row` and `column` floats apart, to m x m elements by `axis`, which makes m of n. */
WINO_INLINE void wino_both(int n, int m, wino_axis axis, const float *from, int64_t row, int64_t column, vec to[WINO_IN][WINO_IN])
{
    vec half[WINO_IN][WINO_IN];
    WINO_FRESH(row);
    WINO_FRESH(column);
    WINO_UNROLLED for (int x = 0; x < n; x++) {
        vec d[WINO_IN];
        WINO_UNROLLED for (int y = 0; y < n; y++)
            d[y] = v_load(from + y * row + x * column);
        axis(d, half[x]);
    }
    WINO_UNROLLED for (int y = 0; y < m; y++) {
        vec d[WINO_IN];
        WINO_UNROLLED for (int x = 0; x < n; x++)
            d[x] = half[x][y];
        axis(d, to[y]);
    }
}

/* Stores that are far apart wait for their cache lines one after the other unless these were asked for: the lines of the 36 products. */
WINO_INLINE void wino_ask(const float *products, int64_t spread)
{
    WINO_FRESH(spread);
    WINO_UNROLLED for (int k = 0; k < WINO_PRODUCTS; k++)
        __builtin_prefetch(products + k * spread, 1);
}

/* n x n elements to one vector of each of the 36 products, which are `spread` floats apart. */
WINO_INLINE void wino_to_products(int n, wino_axis axis, const float *from, int64_t row, int64_t column, float *products, int64_t spread)
{
    vec t[WINO_IN][WINO_IN];
    wino_both(n, WINO_IN, axis, from, row, column, t);
    WINO_FRESH(spread);
    WINO_UNROLLED for (int y = 0; y < WINO_IN; y++)
        WINO_UNROLLED for (int x = 0; x < WINO_IN; x++)
            v_store(products + (y * WINO_IN + x) * spread, t[y][x]);
}

/* And back to m x m elements. */
WINO_INLINE void wino_from_products(int m, wino_axis axis, const float *products, int64_t spread, vec to[WINO_IN][WINO_IN])
{
    wino_both(WINO_IN, m, axis, products, WINO_IN * spread, spread, to);
}

/* The n x n pixels from (y, x) on of an image [height, width, channels], one vector of them that has `left` channels: the place to read
 * them from, which is the image itself or, where the window leaves it or the vector is not full, a copy with zeros in `patch`. */
WINO_INLINE const float *wino_window(int n, const float *image, int64_t height, int64_t width, int64_t channels, int64_t y, int64_t x,
                                     int64_t left, float *patch, int64_t *row, int64_t *column)
{
    if (y >= 0 && x >= 0 && y + n <= height && x + n <= width && left >= VL) {
        *row = width * channels;
        *column = channels;
        return image + (y * width + x) * channels;
    }
    int low = x < 0 ? (int)-x : 0, high = x + n > width ? (int)(width - x) : n;
    for (int i = 0; i < n; i++) {
        const float *line = image + ((y + i) * width + x) * channels;
        int there = y + i >= 0 && y + i < height;
        for (int j = 0; j < n; j++)
            v_store(patch + (i * n + j) * VL, there && j >= low && j < high ? v_load_n(line + j * channels, left) : v_zero());
    }
    *row = n * VL;
    *column = VL;
    return patch;
}

#endif

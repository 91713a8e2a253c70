/*
 * conv_winograd.h - convolution by 3x3 in tiles of 4x4 outputs: 36 multiplications for 144, Winograd's F(4x4, 3x3).
 *
 * Along one axis, four outputs y of a correlation of six inputs d by three weights g are
 *
 *   y = A' [ (G g) * (B' d) ]        (* element by element, ' transposed)
 *
 * because a product of polynomials is known from its values in six points: here 0, a, -a, b, -b and infinity. Both axes together:
 * Y = A' [ sum over channels of (G g G') * (B' d B) ] A, so each of the 36 elements is a matrix product of its own, [tiles, channels] by
 * [channels, outputs]. The adjoint by the weights is gw = G' [ sum over tiles of (B' d B) * (A gy A') ] G.
 *
 *        | a2b2    0   -a2-b2    0    1   0 |        | 1/a2b2     0      0   |         | 1  1  1  1  1  0 |
 *        |  0    -ab2   -b2      a    1   0 |        |  n       an    aan   |         | 0  a -a  b -b  0 |
 *   B' = |  0     ab2   -b2     -a    1   0 |   G  = |  n      -an    aan   |   A' =  | 0 a2 a2 b2 b2  0 |
 *        |  0    -a2b   -a2      b    1   0 |        |  m       bm    bbm   |         | 0 a3 -a3 b3 -b3 1 |
 *        |  0     a2b   -a2     -b    1   0 |        |  m      -bm    bbm   |
 *        |  0    a2b2    0    -a2-b2  0   1 |        |  0        0      1   |       n = 1 / 2a2(a2-b2), m = 1 / 2b2(b2-a2)
 *
 * a = 5/8 and b = 3/2 keep the error about a fifth of what the usual 1 and 2 give, and every power is an exact float.
 * Cook and Toom; S. Winograd, Arithmetic Complexity of Computations, 1980; A. Lavin and S. Gray, arXiv:1509.09308. All three directions are
 * derived in docs/derivations/winograd.md.
 */
#ifndef ADZE_OPS_KERNELS_CONV_WINOGRAD_H
#define ADZE_OPS_KERNELS_CONV_WINOGRAD_H

#include "ops/kernels/conv_view.h"

enum { WINO_IN = 6, WINO_OUT = 4, WINO_PRODUCTS = WINO_IN * WINO_IN };

typedef enum ad_conv_direction { AD_CONV_FORWARD, AD_CONV_BY_INPUT, AD_CONV_BY_WEIGHT } ad_conv_direction;

/* Whether that direction goes by Winograd where it may: by channels and map size alone, so that neither batch nor machine changes a bit. */
int ad__conv_winograd_fits(const ad_conv_shape *s, ad_conv_direction direction);

/* Tiles lie side by side from the first output of a plane (image, axis 0) on; the last ones may stick out. */
static inline int64_t wino_tiles(int64_t outputs) { return (outputs + WINO_OUT - 1) / WINO_OUT; }

typedef struct wino_place {
    int64_t plane, y, x;                 /* first output of the tile */
} wino_place;

static inline wino_place wino_place_of(const conv_view *v, int64_t tile)
{
    int64_t wide = wino_tiles(v->axis[2].count), high = wino_tiles(v->axis[1].count);
    return (wino_place){ tile / wide / high, tile / wide % high * WINO_OUT, tile % wide * WINO_OUT };
}

#endif

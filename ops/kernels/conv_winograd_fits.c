/*
 * conv_winograd_fits.c - which convolutions go by Winograd.
 *
 * The bounds are where bench/kernels found it faster for a batch of 12 (AVX-512 server processor, 2026). For a single image it is a fifth
 * faster at 8x8 outputs, and twice as fast at 16x16.
 */
#include "ops/kernels/conv_winograd.h"

typedef struct bounds {
    int64_t least_channels, least_size;  /* on either side; outputs along either axis */
} bounds;

static const bounds bounds_of[] = {
    [AD_CONV_FORWARD] = { 16, 8 },
    [AD_CONV_BY_INPUT] = { 16, 8 },
    [AD_CONV_BY_WEIGHT] = { 16, 4 },
};

/* Tiles that stick out compute outputs that nobody wants; a quarter of all is where the gain ends. */
static int little_waste(const int64_t size[3])
{
    int64_t computed = wino_tiles(size[1]) * WINO_OUT * wino_tiles(size[2]) * WINO_OUT;
    return 4 * size[1] * size[2] >= 3 * computed;
}

int ad__conv_winograd_fits(const ad_conv_shape *s, ad_conv_direction direction)
{
    const bounds *b = &bounds_of[direction];
    const int64_t *size = direction == AD_CONV_BY_INPUT ? s->in : s->out;
    for (int i = 0; i < 3; i++)
        if (s->kernel[i] != (i == 0 ? 1 : 3) || s->stride[i] != 1 || s->dilation[i] != 1) return 0;
    return s->n > 0 && s->groups == 1 && s->cin >= b->least_channels && s->cout >= b->least_channels && size[1] >= b->least_size
           && size[2] >= b->least_size && s->pad[0] == 0 && little_waste(size);
}

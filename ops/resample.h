/*
 * resample.h - linear maps of the spatial axes, one axis at a time: what average pooling, resizing and extending have in common. Private to ops/.
 *
 *   y[n, o0, o1, o2, c] = sum over the taps t0 of o0, t1 of o1, t2 of o2 of w0 w1 w2 x[n, i0, i1, i2, c]
 *
 * The adjoint is the same sum with every axis' list of taps transposed.
 */
#ifndef ADZE_OPS_RESAMPLE_H
#define ADZE_OPS_RESAMPLE_H

#include "ops/window.h"

typedef struct ad__tap {
    int64_t index;              /* along the input axis */
    double weight;
} ad__tap;

typedef struct ad__map ad__map;
/* Writes the taps of output index o of an axis; returns their number, at most map->most[axis]. */
typedef int ad__tap_rule(const ad__map *map, int axis, int64_t o, ad__tap *tap);

struct ad__map {
    int64_t n, c, in[3], out[3], most[3];
    ad__tap_rule *rule;
    int mode;                   /* resizing: ad_resize_mode */
    double step[3];             /* resizing: input positions per output position */
    ad_conv_shape window;       /* average pooling */
    bool include_pad;
    int64_t before[3];          /* extending: rows before the image */
};

/* Of an image x [n, in.., c] to sizes out; axes are the last ones of three. `factor` as in ad_resize_attr. */
ad__map ad__resize_map(int mode, double factor, int64_t n, int64_t c, int axes, const int64_t *in, const int64_t *out);
ad__map ad__average_map(const ad_conv_shape *window, bool include_pad);

/* An image continued past its borders, for extend and its adjoint. */
typedef struct ad__extend_attr {
    ad_ints before, after;      /* rows, one number per axis or one for all */
    int mode;
    ad_ints size;               /* the adjoint: spatial sizes of its result */
} ad__extend_attr;
enum { AD__REFLECT, AD__REPLICATE, AD__CIRCULAR };
extern const char *const ad__extend_words[];
/* Sizes and map of an image [n, in.., c]; refuses rows that the rule cannot fill. */
ad_status ad__extend_map(ad_error *e, const char *op, const ad__extend_attr *a, int64_t n, int64_t c, int axes, const int64_t *in, ad__map *m);

/* Scratch, and running: output 0 from input 0, or for the adjoint from gy [n, out.., c] to gx [n, in.., c]. */
size_t ad__map_bytes(const ad__map *map, bool adjoint);
void ad__map_run(const ad_call *c, const ad__map *map, bool adjoint);

/* Sizes that the attributes of resize ask for. */
ad_status ad__resize_sizes(ad_error *e, const ad_resize_attr *a, const ad_shape *x, ad_ints *size);
extern const char *const ad__resize_words[];

/* The adjoints' typed functions. */
ad_tensor *ad__resize_gradient(ad_tape *t, ad_tensor *gy, const ad_resize_attr *attr);
ad_tensor *ad__extend(ad_tape *t, ad_tensor *x, const ad__extend_attr *attr);
ad_tensor *ad__extend_gradient(ad_tape *t, ad_tensor *gy, const ad__extend_attr *attr);
ad_tensor *ad__avg_pool_gradient(ad_tape *t, ad_tensor *gy, const ad_pool_attr *attr);
ad_tensor *ad__max_pool_gradient(ad_tape *t, ad_tensor *gy, ad_tensor *index, const ad_pool_attr *attr);
ad_tensor *ad__max_pool_gather(ad_tape *t, ad_tensor *u, ad_tensor *index, const ad_pool_attr *attr);

/* Geometry of the pools: x [n, in.., c] under the attributes' windows. */
ad_status ad__pool_geometry(ad_error *e, const char *op, const ad_pool_attr *a, const ad_ints *in, int64_t n, int64_t c, ad_conv_shape *s);

#endif

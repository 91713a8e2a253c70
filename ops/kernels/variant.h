/*
 * variant.h - what every kernel source includes: the variant it is compiled for, and the prototypes of its kernels.
 *
 * A kernel source is compiled several times (local.mk). ADZE_VARIANT is the suffix of the names, ADZE_DOUBLE is defined where
 * `real` is double. K(name) is the variant's name of a kernel: ad__name_avx2, ad__name_base64, ...
 */
#ifndef ADZE_OPS_KERNELS_VARIANT_H
#define ADZE_OPS_KERNELS_VARIANT_H

#include "ops/kernels/kernels.h"

#define AD_PASTE_(name, variant) ad__##name##_##variant
#define AD_PASTE(name, variant) AD_PASTE_(name, variant)
#define K(name) AD_PASTE(name, ADZE_VARIANT)

#ifdef ADZE_DOUBLE
typedef double real;
#else
typedef float real;
#endif

#include "ops/kernels/simd.h"

/* An array of accumulators stays in registers only where every loop over it is fully unrolled: its bounds are constants of an inlined
 * function, and the loop carries the pragma. */
#define UNROLLED _Pragma("GCC unroll 14")
#define INLINED static inline __attribute__((always_inline))

extern const ad_kernels K(table);
extern const ad_kernels K(table_winograd);     /* of the fast variants: convolution by Winograd where it pays */

#define X(name, shape)                                                          \
    void K(conv_##name##_plan)(const shape *s, ad_work *work);                  \
    void K(conv_##name##_run)(const shape *s, int stage, int64_t unit, const ad_args *args);
AD_CONV_KERNELS(X)
AD_CONV_WINOGRAD_KERNELS(X)
#undef X
#define X(name) int K(conv_##name##_pieces)(const ad_conv_shape *s, int64_t unit, ad_piece *piece);
AD_CONV_IMAGE_KERNELS(X)
#undef X
#define X(type, name, arguments) type K(element_##name) arguments;
AD_ELEMENT_KERNELS(X)
#undef X
#define X(type, name, arguments) type K(norm_##name) arguments;
AD_NORM_KERNELS(X)
#undef X

#endif

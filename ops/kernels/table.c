/*
 * table.c - the tables of one variant: its name and its kernels, from the list in each family's header.
 */
#include "ops/kernels/variant.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

#define CONV(kernel, which) .kernel = { .plan = K(conv_##which##_plan), .run = K(conv_##which##_run) }
#define IMAGE(kernel, which) .kernel = { .plan = K(conv_##which##_plan), .run = K(conv_##which##_run), .pieces = K(conv_##which##_pieces) }
#define ELEMENT(type, kernel, arguments) .kernel = K(element_##kernel),
#define NORM(type, kernel, arguments) .kernel = K(norm_##kernel),

#define TABLE(forward_, by_input_, by_weight_)                                                                       \
    {                                                                                                                \
        .name = TEXT(ADZE_VARIANT),                                                                                  \
        .conv = { IMAGE(forward, forward_), IMAGE(by_input, by_input_), CONV(by_weight, by_weight_), CONV(gemm, gemm) }, \
        .element = { AD_ELEMENT_KERNELS(ELEMENT) },                                                                  \
        .norm = { AD_NORM_KERNELS(NORM) },                                                                           \
    }

const ad_kernels K(table) = TABLE(forward, by_input, by_weight);
#if defined(ADZE_SIMD_AVX2) || defined(ADZE_SIMD_AVX512)
const ad_kernels K(table_winograd) = TABLE(winograd_forward, winograd_by_input, winograd_by_weight);
#endif

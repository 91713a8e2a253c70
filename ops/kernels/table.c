/*
 * table.c - the table of one variant: its name and its kernels, from the list in each family's header.
 */
#include "ops/kernels/variant.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

const ad_kernels K(table) = {
    .name = TEXT(ADZE_VARIANT),
    .conv = {
#define X(kernel, shape) .kernel = { .plan = K(conv_##kernel##_plan), .run = K(conv_##kernel##_run) },
        AD_CONV_KERNELS(X)
#undef X
    },
    .element = {
#define X(type, kernel, arguments) .kernel = K(element_##kernel),
        AD_ELEMENT_KERNELS(X)
#undef X
    },
    .norm = {
#define X(type, kernel, arguments) .kernel = K(norm_##kernel),
        AD_NORM_KERNELS(X)
#undef X
    },
};

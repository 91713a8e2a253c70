/*
 * table.c - the table of all ops, and the library that a context of ad_new works with.
 *
 * ops.def is written by make from the lists in ops/local.mk.
 */
#include "ops/ops.h"

#include "ops/kernels/select.h"

#define OP(name) extern const ad_op ad_op_##name;
#include "ops/ops.def"
#undef OP

const ad_op *const ad_ops[] = {
#define OP(name) &ad_op_##name,
#include "ops/ops.def"
#undef OP
    NULL
};

static const void *kernels(ad_isa isa, ad_precision p, bool winograd)
{
    if (winograd && p == AD_F32) return ad__kernels_winograd((int)isa);
    return ad__kernels((int)isa, p == AD_F64);
}

const ad_library ad_standard = { .ops = ad_ops, .kernels = kernels };

ad_ctx *ad_new(const ad_options *options)
{
    return ad_ctx_new(&ad_standard, options);
}

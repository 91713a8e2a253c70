/*
 * select.c - which table of kernels to use.
 */
#include "config.h"

#include "ops/kernels/select.h"

extern const ad_kernels ad__table_base, ad__table_base64;
#ifdef X86_KERNELS
extern const ad_kernels ad__table_fma64, ad__table_avx2, ad__table_avx512, ad__table_winograd_avx2, ad__table_winograd_avx512;
#endif

int ad__kernels_isa(void)
{
#ifdef X86_KERNELS
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512bw"))
        return 2;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 1;
#endif
    return 0;
}

const ad_kernels *ad__kernels(int isa, int is_double)
{
    int has = ad__kernels_isa();
    if (isa > has) isa = has;
#ifdef X86_KERNELS
    /* The double kernels are the plain ones; compiled for FMA they give the same bits, ten times as fast. */
    if (is_double && isa > 0) return &ad__table_fma64;
    if (!is_double && isa == 2) return &ad__table_avx512;
    if (!is_double && isa == 1) return &ad__table_avx2;
#endif
    return is_double ? &ad__table_base64 : &ad__table_base;
}

const ad_kernels *ad__kernels_winograd(int isa)
{
    int has = ad__kernels_isa();
    if (isa > has) isa = has;
#ifdef X86_KERNELS
    if (isa == 2) return &ad__table_winograd_avx512;
    if (isa == 1) return &ad__table_winograd_avx2;
#endif
    return &ad__table_base;
}

/* context.c - threads, instruction set, kernels, op table; one context per independent user of the library. */
#include <stdatomic.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/internal.h"

/* Below this many element operations a parallel region costs more than it saves (docs/performance.md). */
#define SERIAL_WORK 65536

static const char *const isa_names[AD_ISA_COUNT] = { "base", "avx2", "avx512" };

const char *ad_isa_name(ad_isa isa)
{
    return (unsigned)isa < AD_ISA_COUNT ? isa_names[isa] : "unknown";
}

static ad_isa isa_found(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return AD_ISA_BASE;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw"))
        return AD_ISA_AVX512;
    return AD_ISA_AVX2;
#else
    return AD_ISA_BASE;
#endif
}

static void choose_isa(ad_ctx *ctx, const ad_options *o)
{
    ad_isa found = isa_found(), cap = AD_ISA_AVX512;
    const char *env = getenv("ADZE_ISA");
    if (o->isa_set) {
        cap = o->isa;
    } else if (env && *env) {
        int i = 0;
        while (i < AD_ISA_COUNT && strcmp(env, isa_names[i]) != 0) i++;
        if (i == AD_ISA_COUNT) AD_FAIL(&ctx->error, EUSAGE, "ADZE_ISA is '%s'; need base, avx2 or avx512", env);
        else cap = (ad_isa)i;
    }
    ctx->isa = o->plain ? AD_ISA_BASE : cap < found ? cap : found;
}

static void choose_winograd(ad_ctx *ctx, const ad_options *o)
{
    const char *env = getenv("ADZE_WINOGRAD");
    bool on = o->winograd != AD_OFF;
    if (o->winograd == AD_UNSET && env && *env) {
        on = strcmp(env, "off") != 0;
        if (on && strcmp(env, "on") != 0) AD_FAIL(&ctx->error, EUSAGE, "ADZE_WINOGRAD is '%s'; need on or off", env);
    }
    ctx->winograd = on && ctx->isa != AD_ISA_BASE;
}

static void choose_threads(ad_ctx *ctx, const ad_options *o)
{
    const char *env = getenv("ADZE_THREADS");
    long n = o->threads;
    if (n <= 0 && env && *env) {
        char *end;
        n = strtol(env, &end, 10);
        if (*end || n < 1 || n > 1024) {
            AD_FAIL(&ctx->error, EUSAGE, "ADZE_THREADS is '%s'; need a number from 1 to 1024", env);
            n = 1;
        }
    }
    ctx->threads = n > 0 ? (int)n : omp_get_num_procs();
}

ad_ctx *ad_ctx_new(const ad_library *borrowed, const ad_options *options)
{
    static const ad_options none;
    const ad_options *o = options ? options : &none;
    ad_ctx *ctx = calloc(1, sizeof *ctx);
    if (!ctx) return NULL;
    ctx->library = borrowed;
    choose_isa(ctx, o);
    choose_winograd(ctx, o);
    choose_threads(ctx, o);
    ctx->kernels[AD_F32] = borrowed->kernels(ctx->isa, AD_F32, ctx->winograd);
    ctx->kernels[AD_F64] = borrowed->kernels(ctx->isa, AD_F64, false);
    return ctx;
}

void ad_ctx_free(ad_ctx *ctx)
{
    if (ctx) ad__modules_close(ctx);
    free(ctx);
}

ad_error *ad_ctx_error(ad_ctx *ctx)
{
    return &ctx->error;
}

const char *ad_ctx_message(const ad_ctx *ctx)
{
    return ctx->error.status == AD_OK ? "" : ctx->error.message;
}

int ad_ctx_threads(const ad_ctx *ctx)
{
    return ctx->threads;
}

ad_isa ad_ctx_isa(const ad_ctx *ctx)
{
    return ctx->isa;
}

bool ad_ctx_winograd(const ad_ctx *ctx)
{
    return ctx->winograd;
}

const void *ad_ctx_kernels(const ad_ctx *ctx, ad_precision p)
{
    return ctx->kernels[p];
}

const ad_op *ad_op_at(const ad_ctx *ctx, int i)
{
    int n = 0;
    while (ctx->library->ops[n]) n++;
    if (i < n) return i < 0 ? NULL : ctx->library->ops[i];
    return i - n < ctx->n_user_ops ? ctx->user_ops[i - n] : NULL;
}

const ad_op *ad_op_find(const ad_ctx *ctx, const char *name)
{
    for (const ad_op *const *op = ctx->library->ops; *op; op++)
        if (strcmp((*op)->name, name) == 0) return *op;
    for (int i = 0; i < ctx->n_user_ops; i++)
        if (strcmp(ctx->user_ops[i]->name, name) == 0) return ctx->user_ops[i];
    return NULL;
}

ad_status ad_ctx_add_op(ad_ctx *ctx, const ad_op *borrowed)
{
    if (ad_op_find(ctx, borrowed->name)) return AD_FAIL(&ctx->error, EUSAGE, "op '%s' exists already", borrowed->name);
    if (ctx->n_user_ops == AD__MAX_USER_OPS) return AD_FAIL(&ctx->error, EUSAGE, "more than %d ops added", AD__MAX_USER_OPS);
    bool stops = borrowed->flags & AD_STOPS_GRADIENT;
    if (!borrowed->expand && (!borrowed->shape || !borrowed->forward || (!borrowed->gradient && !stops)))
        return AD_FAIL(&ctx->error, EUSAGE, "op '%s' needs shape, forward and gradient (or AD_STOPS_GRADIENT), or expand", borrowed->name);
    ctx->user_ops[ctx->n_user_ops++] = borrowed;
    return AD_OK;
}

void ad_parallel(const ad_call *c, int64_t n, int64_t work, void (*body)(int64_t i, void *scratch, void *arg), void *arg)
{
    if (c->threads <= 1 || n <= 1 || work < SERIAL_WORK) {
        for (int64_t i = 0; i < n; i++) body(i, c->thread_scratch, arg);
        return;
    }
    int threads = n < c->threads ? (int)n : c->threads;
#pragma omp parallel num_threads(threads)
    {
        char *own = c->thread_scratch ? c->thread_scratch + (size_t)omp_get_thread_num() * c->thread_scratch_size : NULL;
#pragma omp for schedule(dynamic, 1) nowait
        for (int64_t i = 0; i < n; i++) body(i, own, arg);
        atomic_thread_fence(memory_order_seq_cst);      /* what went past the caches is in order again */
    }
}

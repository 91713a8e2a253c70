/*
 * module.c - ops of a user in a shared object: opened, compared with what this library was made for, checked like the built-in ones, added.
 */
#include "config.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/opcheck.h"

#define SYMBOL "ad_module_of_ops"

void ad__modules_close(ad_ctx *ctx)
{
    while (ctx->n_modules > 0) {
        dlclose(ctx->modules[--ctx->n_modules].object);
        free(ctx->modules[ctx->n_modules].path);
    }
}

bool ad_ctx_ops_at(const ad_ctx *ctx, int i, ad_ops_object *out)
{
    if (i < 0 || i >= ctx->n_modules) return false;
    *out = (ad_ops_object){ ctx->modules[i].path, ctx->modules[i].sha256 };
    return true;
}

/* The number alone is not enough: it may have been forgotten when a struct grew. */
static ad_status check_abi(ad_error *e, const ad_module *m)
{
    if (m->abi != AD_MODULE_ABI)
        return AD_FAIL(e, EUSAGE, "made for version %d of the op table, this is version %d; compile it again with this library's headers",
                       m->abi, AD_MODULE_ABI);
    const struct { const char *name; size_t is, want; } sizes[] = {
        { "ad_op", m->op_size, sizeof(ad_op) }, { "ad_operand", m->operand_size, sizeof(ad_operand) },
        { "ad_attr", m->attr_size, sizeof(ad_attr) }, { "ad_sample", m->sample_size, sizeof(ad_sample) },
        { "ad_call", m->call_size, sizeof(ad_call) }, { "ad_grad", m->grad_size, sizeof(ad_grad) },
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i].is != sizes[i].want)
            return AD_FAIL(e, EUSAGE, "its %s has %zu bytes, this library's %zu; compile it again with this library's headers", sizes[i].name,
                           sizes[i].is, sizes[i].want);
    return m->ops && m->ops[0] ? AD_OK : AD_FAIL(e, EUSAGE, "it brings no op");
}

/* Added first, checked then: the samples of one op may need another. */
static ad_status add_ops(ad_ctx *ctx, const ad_module *m)
{
    for (const ad_op *const *op = m->ops; *op; op++) {
        AD_TRY(ad__opcheck_entry(&ctx->error, *op));
        AD_TRY(ad_ctx_add_op(ctx, *op));
    }
    for (const ad_op *const *op = m->ops; *op; op++) AD_TRY(ad_check_op(ctx, *op));
    return AD_OK;
}

static ad_status use(ad_ctx *ctx, void *object)
{
    const ad_module *m = dlsym(object, SYMBOL);
    ad_error *e = &ctx->error;
    int before = ctx->n_user_ops;
    if (!m) return AD_FAIL(e, EUSAGE, "it does not export %s; AD_MODULE(ops) makes it", SYMBOL);
    AD_TRY(check_abi(e, m));
    ad_status s = add_ops(ctx, m);
    if (s != AD_OK) ctx->n_user_ops = before;
    return s;
}

ad_status ad_ctx_load_ops(ad_ctx *ctx, const char *path)
{
    ad_error *e = &ctx->error;
    if (e->status != AD_OK) return e->status;
    if (ctx->n_modules == AD__MAX_MODULES) return AD_FAIL(e, EUSAGE, "more than %d shared objects of ops", AD__MAX_MODULES);
    char here[4096];
    int length = snprintf(here, sizeof here, strchr(path, '/') ? "%s" : "./%s", path);
    if (length < 0 || (size_t)length >= sizeof here) return AD_FAIL(e, EIO, "ops of %.200s...: the path is too long", path);
    char sum[65];
    if (ad_sha256_file(e, here, sum) != AD_OK) return ad_error_prefix(e, "ops of %s", path);
    char *whole = realpath(here, NULL);
    if (!whole) return AD_FAIL(e, EIO, "ops of %s: the path cannot be followed", path);
    void *object = dlopen(whole, RTLD_NOW | RTLD_LOCAL);
    ad_status s = object ? use(ctx, object) : AD_FAIL(e, EIO, "%s", dlerror());
    if (s == AD_OK) {
        ctx->modules[ctx->n_modules].object = object;
        ctx->modules[ctx->n_modules].path = whole;
        memcpy(ctx->modules[ctx->n_modules++].sha256, sum, sizeof sum);
        return AD_OK;
    }
    if (object) dlclose(object);
    free(whole);
    return ad_error_prefix(e, "ops of %s", path);
}

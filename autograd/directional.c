/*
 * directional.c - derivatives along a direction, made of two reverse walks.
 *
 *   With J the derivative of outputs y by inputs x, the first walk gives g(u) = J^T u for cotangents u of the outputs. It is linear in u,
 *   so the second one, of (v, g(u)) by u, gives J v, whatever u was: no op needs a forward rule. Nothing of g(u) but its structure is
 *   read, so a plan drops what computes it.
 *
 *   With H the second derivative of a number f(x), the gradient of (v, grad f) is H v.
 */
#include <stdlib.h>

#include "autograd/internal.h"

/* Sum of the products of a[k] and b[k], where both are there; NULL for none, or when recording failed. */
static ad_tensor *inner(ad_tape *t, int n, ad_tensor *const *a, ad_tensor *const *b)
{
    ad_tensor *total = NULL;
    for (int k = 0; k < n && !t->failed; k++) {
        if (!a[k] || !b[k]) continue;
        ad_tensor *term = ad_apply(t, "mul", NULL, 2, (ad_tensor *[]){ a[k], b[k] });
        term = ad_apply(t, "sum", NULL, 1, &term);
        total = total ? ad_apply(t, "add", NULL, 2, (ad_tensor *[]){ total, term }) : term;
    }
    return total;
}

static ad_status check_direction(ad_tape *t, const char *what, int n, ad_tensor *const *x, ad_tensor *const *v)
{
    char a[AD_SHAPE_TEXT], b[AD_SHAPE_TEXT];
    ad_error *e = &t->ctx->error;
    if (t->failed) return e->status != AD_OK ? e->status : AD_FAIL(e, EUSAGE, "%s: the tape has failed", what);
    for (int i = 0; i < n; i++) {
        if (!x[i]) return AD_FAIL(e, EUSAGE, "%s: input %d is missing", what, i);
        if (v[i] && (x[i]->shape.dtype != AD_REAL || !ad_shape_equal(&x[i]->shape, &v[i]->shape)))
            return AD_FAIL(e, ESHAPE, "%s: direction %d is %s, the input %s; need the same, real", what, i, ad_shape_text(&v[i]->shape, a),
                           ad_shape_text(&x[i]->shape, b));
    }
    return AD_OK;
}

/* A cotangent: any values will do, and zeros make no noise. */
static ad_tensor *zeros(ad_tape *t, const ad_shape *s)
{
    size_t bytes = ad_shape_bytes(s, t->precision);
    void *values = calloc(1, bytes ? bytes : 1);
    ad_tensor *x = values ? ad_constant(t, s, values) : NULL;
    if (!values) AD_FAIL(&t->ctx->error, ENOMEM, "derivative along a direction: no memory for %zu bytes", bytes);
    free(values);
    return x;
}

ad_status ad__slope(ad_tape *t, ad_tensor *f, int n, ad_tensor *const *wrt, ad_tensor *const *direction, ad_tensor **slope)
{
    ad_error *e = &t->ctx->error;
    *slope = NULL;
    AD_TRY(check_direction(t, "derivative along a direction", n, wrt, direction));
    ad_tensor **grad = calloc((size_t)n + 1, sizeof *grad);
    if (!grad) return AD_FAIL(e, ENOMEM, "derivative along a direction: out of memory");
    ad_status s = ad_gradients(t, f, n, wrt, grad);
    if (s == AD_OK) *slope = inner(t, n, grad, direction);
    free(grad);
    return s == AD_OK && t->failed ? e->status : s;
}

ad_status ad_hvp(ad_tape *t, ad_tensor *f, int n, ad_tensor *const *wrt, ad_tensor *const *direction, ad_tensor **products)
{
    ad_tensor *slope;
    for (int i = 0; i < n; i++) products[i] = NULL;
    AD_TRY(ad__slope(t, f, n, wrt, direction, &slope));
    return slope ? ad_gradients(t, slope, n, wrt, products) : AD_OK;
}

ad_status ad_jvp(ad_tape *t, int n_out, ad_tensor *const *out, int n, ad_tensor *const *wrt, ad_tensor *const *direction, ad_tensor **products)
{
    ad_error *e = &t->ctx->error;
    ad_tensor *projected, *slope = NULL;
    for (int k = 0; k < n_out; k++) products[k] = NULL;
    AD_TRY(check_direction(t, "derivative along a direction", n, wrt, direction));
    ad_tensor **u = calloc((size_t)n_out + 1, sizeof *u);
    ad_status s = u ? AD_OK : AD_FAIL(e, ENOMEM, "derivative along a direction: out of memory");
    for (int k = 0; s == AD_OK && k < n_out; k++) {
        if (!out[k]) s = AD_FAIL(e, EUSAGE, "derivative along a direction: output %d is missing", k);
        else if (out[k]->shape.dtype != AD_REAL) continue;
        else if (!(u[k] = zeros(t, &out[k]->shape))) s = e->status;
    }
    if (s == AD_OK && (projected = inner(t, n_out, out, u))) s = ad__slope(t, projected, n, wrt, direction, &slope);
    if (s == AD_OK && t->failed) s = e->status;
    for (int k = 0; slope && s == AD_OK && k < n_out; k++)
        if (u[k] && (s = ad_gradients(t, slope, 1, &u[k], &products[k])) != AD_OK) break;
    free(u);
    return s;
}

/*
 * layer_norm - each row (last axis) is brought to mean 0 and variance 1, then scaled and shifted.
 *
 *   h = (x - mean) * invstd,  invstd = 1 / sqrt(variance + eps),  y = h * scale + shift
 *
 * With d = gy * scale over a row of c numbers: gx = invstd * (d - (sum d + h sum d h) / c); over all rows gscale = sum gy h,
 * gshift = sum gy (layer_norm_gradient). The adjoints of mean and invstd: d mean / dx = 1 / c, d variance / dx = 2 (x - mean) / c.
 * Derived in docs/derivations/norms.md.
 */
#include "ops/columns.h"
#include "ops/window.h"

enum { X, SCALE, SHIFT };            /* operands */
enum { Y, MEAN, INVSTD };            /* outputs */

extern const ad_op ad_op_layer_norm_gradient;

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    char tx[AD_SHAPE_TEXT], tv[AD_SHAPE_TEXT];
    if (in[X].rank < 1) return AD_FAIL(e, ESHAPE, "layer_norm: x %s; need [..,C]", ad_shape_text(&in[X], tx));
    int64_t c = in[X].dim[in[X].rank - 1];
    if (ad__given(n_in, in, SCALE) != ad__given(n_in, in, SHIFT))
        return AD_FAIL(e, ESHAPE, "layer_norm: needs scale and shift, or neither");
    for (int i = SCALE; i <= SHIFT && ad__given(n_in, in, i); i++)
        if (in[i].rank != 1 || in[i].dim[0] != c)
            return AD_FAIL(e, ESHAPE, "layer_norm: x %s, operand %d %s; need [%lld]", ad_shape_text(&in[X], tx), i, ad_shape_text(&in[i], tv),
                           (long long)c);
    out[Y] = out[MEAN] = in[X];
    out[MEAN].dim[in[X].rank - 1] = 1;
    out[INVSTD] = out[MEAN];
    return AD_OK;
}

static void rows_body(const ad__columns *s, int64_t row, int64_t rows, const ad_kernels *k, void *const *part, void *arg)
{
    const ad_call *c = arg;
    const ad_norm_attr *a = c->attr;
    k->norm.row_norm(rows, s->c, ad__row(c, c->in[X].data, row, s->c), c->n_in > SCALE ? c->in[SCALE].data : NULL,
                     c->n_in > SHIFT ? c->in[SHIFT].data : NULL, a->eps, ad__row(c, c->out[Y].data, row, s->c),
                     ad__row(c, c->out[MEAN].data, row, 1), ad__row(c, c->out[INVSTD].data, row, 1));
}

static ad_status forward(const ad_call *c)
{
    ad__columns s = ad__columns_of(&c->in[X].shape, 0);
    ad__columns_apply(c, &s, rows_body, (void *)c);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    ad_tape *t = g->tape;
    ad_tensor *x = g->in[X], *gx = NULL, *scale = g->n_in > SCALE ? g->in[SCALE] : NULL;
    const ad_shape *s = ad_tensor_shape(x);
    double c = (double)s->dim[s->rank - 1];
    if (g->gout[Y]) {
        ad_tensor *in[] = { x, g->out[MEAN], g->out[INVSTD], g->gout[Y], scale }, *out[AD_MAX_OUTPUTS] = { NULL };
        if (ad_record(t, &ad_op_layer_norm_gradient, NULL, scale ? 5 : 4, in, out) != AD_OK) {
            ad_tape_fail(t);
            return;
        }
        gx = out[0];
        if (scale) {
            g->gin[SCALE] = out[1];
            g->gin[SHIFT] = out[2];
        }
    }
    if (!g->wanted[X]) return;
    if (g->gout[MEAN]) {
        ad_tensor *part = ad_broadcast_to(t, ad_scale(t, g->gout[MEAN], 1 / c), s);
        gx = gx ? ad_add(t, gx, part) : part;
    }
    if (g->gout[INVSTD]) {
        ad_tensor *gvar = ad_mul(t, g->gout[INVSTD], ad_scale(t, ad_power(t, g->out[INVSTD], 3), -1 / c));
        ad_tensor *part = ad_mul(t, ad_sub(t, x, g->out[MEAN]), gvar);
        gx = gx ? ad_add(t, gx, part) : part;
    }
    g->gin[X] = gx;
}

static ad_status parameter(ad_error *e, const void *attr, int n_in, const ad_shape *in, int i, ad_shape *out)
{
    const ad_norm_attr *a = attr;
    char text[AD_SHAPE_TEXT];
    if (in[X].rank < 1) return AD_FAIL(e, ESHAPE, "layer_norm: x %s; need [..,C]", ad_shape_text(&in[X], text));
    *out = (ad_shape){ .rank = a->affine ? 1 : -1, .dim = { in[X].dim[in[X].rank - 1] } };
    return AD_OK;
}

static const ad_attr attrs[] = {
    { "eps", AD_ATTR_FLOAT, offsetof(ad_norm_attr, eps), 1e-5, 0, 1, .doc = "added to the variance" },
    { "affine", AD_ATTR_BOOL, offsetof(ad_norm_attr, affine), 1, .doc = "with scale and shift" },
    { 0 }
};

static const ad_operand operands[] = {
    { .name = "x", .doc = "[..,C]" },
    { .name = "scale", .role = AD_PARAM, .doc = "[C]", .init = "constant(1)", .optional = true },
    { .name = "shift", .role = AD_PARAM, .doc = "[C]", .init = "constant(0)", .optional = true },
    { 0 }
};

static const char *const outputs[] = { "y", "mean", "invstd" };

static const ad_sample samples[] = {
    { .name = "tokens", .n_in = 3, .in = { { 3, { 2, 3, 6 } }, { 1, { 6 } }, { 1, { 6 } } } },
    { .name = "without scale and shift", .n_in = 1, .in = { { 2, { 3, 9 } } }, .attr_text = "affine=false" },
    { .name = "longer than sixteen lanes", .n_in = 3, .in = { { 2, { 2, 35 } }, { 1, { 35 } }, { 1, { 35 } } }, .attr_text = "eps=1e-6" },
    { .name = "a vector", .n_in = 3, .in = { { 1, { 5 } }, { 1, { 5 } }, { 1, { 5 } } } },
    { .name = "refuses a scalar", .n_in = 1, .in = { { 0, { 0 } } }, .want = AD_ESHAPE },
    { .name = "refuses scale alone", .n_in = 2, .in = { { 2, { 3, 4 } }, { 1, { 4 } } }, .want = AD_ESHAPE },
    { .name = "refuses another size", .n_in = 3, .in = { { 2, { 3, 4 } }, { 1, { 3 } }, { 1, { 4 } } }, .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_layer_norm = {
    .name = "layer_norm", .doc = "normalisation of each row (last axis)",
    .operands = operands, .n_out = 3, .outputs = outputs,
    .attr_size = sizeof(ad_norm_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .parameter = parameter, .samples = samples,
};

ad_tensor *ad_layer_norm(ad_tape *t, ad_tensor *x, ad_tensor *scale, ad_tensor *shift, const ad_norm_attr *attr)
{
    ad_tensor *in[] = { x, scale, shift };
    return ad_record_one(t, &ad_op_layer_norm, attr, scale ? 3 : 1, in);
}

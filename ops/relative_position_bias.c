/*
 * relative_position_bias - one learnt number per head and displacement inside a window, laid out for every pair of positions.
 *
 *   y[h, i, j] = table[(yi - yj + H - 1) * (2 W - 1) + (xi - xj + W - 1), h],  positions i = (yi, xi) of an H x W window, row by row
 *
 * It consists of a gather by constant indices; the adjoint adds up all pairs with the same displacement.
 */
#include "ops/window.h"

#include <stdlib.h>

typedef struct bias_attr {
    ad_ints window;
    int64_t heads;
} bias_attr;

enum { MAX_WINDOW = 1024 };

static ad_status table_shape(ad_error *e, const bias_attr *a, int64_t window[2], ad_shape *table)
{
    AD_TRY(ad__per_axis(e, "relative_position_bias", "window", &a->window, 2, 0, 1, window));
    *table = (ad_shape){ 2, { (2 * window[0] - 1) * (2 * window[1] - 1), a->heads } };
    return AD_OK;
}

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const bias_attr *a = attr;
    char text[AD_SHAPE_TEXT], right[AD_SHAPE_TEXT];
    int64_t window[2];
    ad_shape table;
    AD_TRY(table_shape(e, a, window, &table));
    if (!ad_shape_equal(&in[0], &table))
        return AD_FAIL(e, ESHAPE, "relative_position_bias: table %s; need %s", ad_shape_text(&in[0], text), ad_shape_text(&table, right));
    int64_t positions = window[0] * window[1];
    *out = (ad_shape){ 3, { a->heads, positions, positions } };
    return AD_OK;
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    const bias_attr *a = attr;
    int64_t window[2];
    ad_shape table;
    if (table_shape(NULL, a, window, &table) != AD_OK) return;
    int64_t h = window[0], w = window[1], n = h * w;
    int32_t *index = malloc((size_t)(n * n) * sizeof *index);
    if (!index) {
        AD_FAIL(ad_ctx_error(ad_tape_ctx(t)), ENOMEM, "relative_position_bias: no memory for %lld indices", (long long)(n * n));
        return;
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            index[i * n + j] = (int32_t)((i / w - j / w + h - 1) * (2 * w - 1) + i % w - j % w + w - 1);
    ad_tensor *pairs = ad_constant(t, &(ad_shape){ 1, { n * n }, AD_I32 }, index);
    free(index);
    ad_tensor *rows = ad_permute(t, ad_gather(t, in[0], pairs), (int[]){ 1, 0 });
    out[0] = ad_reshape(t, rows, &(ad_shape){ 3, { a->heads, n, n } });
}

static ad_status parameter(ad_error *e, const void *attr, int n_in, const ad_shape *in, int i, ad_shape *out)
{
    int64_t window[2];
    return table_shape(e, attr, window, out);
}

static const ad_attr attrs[] = {
    { "window", AD_ATTR_INTS, offsetof(bias_attr, window), 0, 1, MAX_WINDOW, .required = true, .doc = "height and width of a window, or one number" },
    { "heads", AD_ATTR_INT, offsetof(bias_attr, heads), 0, 1, 65536, .required = true, .doc = "number of heads" },
    { 0 }
};

static const ad_operand operands[] = {
    { .name = "table", .role = AD_PARAM, .doc = "[(2H-1)(2W-1),heads]", .init = "trunc_normal(std=0.02)" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "square", .n_in = 1, .in = { { 2, { 9, 2 } } }, .attr_text = "window=2, heads=2" },
    { .name = "oblong", .n_in = 1, .in = { { 2, { 15, 1 } } }, .attr_text = "window=[2,3], heads=1" },
    { .name = "refuses a table of another window", .n_in = 1, .in = { { 2, { 25, 2 } } }, .attr_text = "window=2, heads=2", .want = AD_ESHAPE },
    { .name = "refuses to guess the window", .n_in = 1, .in = { { 2, { 25, 2 } } }, .attr_text = "heads=2", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_relative_position_bias = {
    .name = "relative_position_bias", .doc = "learnt attention bias by displacement inside a window",
    .operands = operands,
    .attr_size = sizeof(bias_attr), .attrs = attrs,
    .shape = shape, .expand = expand, .parameter = parameter, .samples = samples,
};

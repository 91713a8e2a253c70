/*
 * affine_grid - the grid that reads an image through an affine map: theta [N,axes,axes+1] -> [N,size..,axes], for grid_sample.
 *
 *   y[n,p] = theta[n] (p, 1), with p the place of a pixel of the result, given as grid.h says: along an axis of n pixels the i-th is
 *   at (2 i + 1) / n - 1, or with `corners` at 2 i / (n - 1) - 1. Composite: a product with constant places.
 */
#include "ops/computed.h"
#include "ops/grid.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_grid_attr *a = attr;
    char text[AD_SHAPE_TEXT];
    int axes = a->size.n;
    if (axes < 1 || axes > 3 || in[0].rank != 3 || in[0].dim[1] != axes || in[0].dim[2] != axes + 1)
        return AD_FAIL(e, ESHAPE, "affine_grid: theta %s for %d sizes; need [N,axes,axes+1] for one to three", ad_shape_text(&in[0], text), axes);
    *out = ad__image(in[0].dim[0], axes, a->size.v, axes);
    return AD_OK;
}

/* Coordinate i % (axes + 1) of pixel i / (axes + 1), the last spatial axis first, then a 1. */
static double coordinate(int64_t i, const void *arg)
{
    const ad_grid_attr *a = arg;
    int axes = a->size.n, k = (int)(i % (axes + 1));
    if (k == axes) return 1;
    int64_t at = i / (axes + 1);
    for (int axis = axes - 1; axis > axes - 1 - k; axis--)
        at /= a->size.v[axis];
    int64_t n = a->size.v[axes - 1 - k];
    at %= n;
    if (a->corners) return n > 1 ? 2 * (double)at / (double)(n - 1) - 1 : 0;
    return (2 * (double)at + 1) / (double)n - 1;
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    const ad_grid_attr *a = attr;
    ad_shape places = { 2, { 1, a->size.n + 1 } }, result;
    AD_ASSERT_EQ(shape(NULL, attr, 1, ad_tensor_shape(in[0]), &result), AD_OK);
    for (int i = 0; i < a->size.n; i++)
        places.dim[0] *= a->size.v[i];
    ad_tensor *p = ad__computed(t, "affine_grid", &places, coordinate, a);
    if (p) out[0] = ad_reshape(t, ad_matmul(t, p, in[0], &(const ad_matmul_attr){ .transpose_b = true }), &result);
}

static const ad_operand operands[] = { { .name = "theta", .doc = "[N,axes,axes+1], rows in the order of coordinates" }, { 0 } };

static const ad_attr attrs[] = {
    { "size", AD_ATTR_INTS, offsetof(ad_grid_attr, size), 0, 1, 65536, .required = true, .doc = "spatial sizes of what is read, one per axis" },
    { "corners", AD_ATTR_BOOL, offsetof(ad_grid_attr, corners), 0, .doc = "-1 and 1 are centres of pixels, else outer edges" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "plane", .n_in = 1, .in = { { 3, { 2, 2, 3 } } }, .attr_text = "size=[3,5]" },
    { .name = "corners", .n_in = 1, .in = { { 3, { 2, 2, 3 } } }, .attr_text = "size=[3,1], corners=true" },
    { .name = "volume", .n_in = 1, .in = { { 3, { 1, 3, 4 } } }, .attr_text = "size=[2,3,4]" },
    { .name = "refuses a square", .n_in = 1, .in = { { 3, { 2, 3, 3 } } }, .attr_text = "size=[2,3,4]", .want = AD_ESHAPE },
    { .name = "refuses one size of two", .n_in = 1, .in = { { 3, { 2, 2, 3 } } }, .attr_text = "size=4", .want = AD_ESHAPE },
    { .name = "refuses to guess the size", .n_in = 1, .in = { { 3, { 2, 2, 3 } } }, .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_affine_grid = {
    .name = "affine_grid", .doc = "the grid that reads an image through an affine map",
    .operands = operands, .attr_size = sizeof(ad_grid_attr), .attrs = attrs, .shape = shape, .expand = expand, .samples = samples,
};

ad_tensor *ad_affine_grid(ad_tape *t, ad_tensor *theta, const ad_grid_attr *attr)
{
    return ad_record_one(t, &ad_op_affine_grid, attr, 1, &theta);
}

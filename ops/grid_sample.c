/*
 * grid_sample - an image [N,..,C] read at the places of a grid [N, P.., axes]: -> [N, P.., C]. grid.h says how places are given.
 *
 *   y[n,p,c] = sum over the corners k of the cell that p lies in of w_k x[corner k], with w_k a product over the axes of the part of
 *   the cell (further corners) or what is left of it (nearer ones), and 0 for corners outside of the image. mode=nearest takes one
 *   pixel, and has no gradient by the grid.
 *
 *   Composite: grid_cells, gather, products, sum. Its gradients, of any order, are theirs: by the image a scatter_add in a fixed order,
 *   by the grid through the parts (docs/derivations/grid_sample.md).
 */
#include "ops/grid.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    char text[2][AD_SHAPE_TEXT];
    int axes;
    const ad_shape *x = &in[0], *grid = &in[1];
    AD_TRY(ad__spatial_axes(e, "grid_sample", "x", x, &axes));
    if (grid->rank < 3 || grid->dim[0] != x->dim[0] || grid->dim[grid->rank - 1] != axes)
        return AD_FAIL(e, ESHAPE, "grid_sample: x %s, grid %s; need a grid [%lld,..,%d]", ad_shape_text(x, text[0]),
                       ad_shape_text(grid, text[1]), (long long)x->dim[0], axes);
    if (ad_count(x) == 0) return AD_FAIL(e, ESHAPE, "grid_sample: x %s is empty", ad_shape_text(x, text[0]));
    if (ad_count(x) / x->dim[axes + 1] > INT32_MAX) return AD_FAIL(e, ESHAPE, "grid_sample: more than 2^31 positions in all images");
    *out = *grid;
    out->dim[out->rank - 1] = x->dim[axes + 1];
    return AD_OK;
}

/* Weights of the corners [N,P,2^axes] from the parts [N,P,axes]: corner numbers run over coordinate 0 fastest. */
static ad_tensor *weights(ad_tape *t, ad_tensor *part)
{
    ad_shape s = *ad_tensor_shape(part);
    int axes = (int)s.dim[2];
    ad_tensor *w = NULL;
    for (int k = 0; k < axes; k++) {
        ad_tensor *further = ad_slice(t, part, 2, k, 1), *pair[2] = { ad_shift(t, ad_neg(t, further), 1), further };
        ad_tensor *both = ad_concat(t, 2, pair, 2);
        if (w) {
            ad_shape column = { 4, { s.dim[0], s.dim[1], 2, 1 } }, row = { 4, { s.dim[0], s.dim[1], 1, 1 << k } };
            w = ad_mul(t, ad_reshape(t, both, &column), ad_reshape(t, w, &row));
            w = ad_reshape(t, w, &(ad_shape){ 3, { s.dim[0], s.dim[1], 2 << k } });
        } else {
            w = both;
        }
    }
    return w;
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    const ad_shape *x = ad_tensor_shape(in[0]), *grid = ad_tensor_shape(in[1]);
    ad_grid_attr a = *(const ad_grid_attr *)attr;
    ad_tensor *cell[AD__CELL_OUTPUTS];
    a.size = ad__spatial_sizes(x);
    int64_t channels = x->dim[a.size.n + 1], places = ad_count(grid) / grid->dim[0] / a.size.n;
    ad_shape table = { 2, { ad_count(x) / channels, channels } }, result = *grid;
    result.dim[result.rank - 1] = channels;
    ad_tensor *flat = ad_reshape(t, in[1], &(ad_shape){ 3, { grid->dim[0], places, a.size.n } });
    if (!ad__grid_cells(t, flat, &a, cell)) return;
    ad_tensor *w = ad_stop_gradient(t, cell[AD__CELL_INSIDE]);
    if (a.mode == AD__GRID_LINEAR) w = ad_mul(t, w, weights(t, cell[AD__CELL_PART]));
    ad_shape thin = *ad_tensor_shape(cell[AD__CELL_INDEX]);
    thin.dtype = AD_REAL;
    thin.dim[thin.rank++] = 1;
    ad_tensor *corners = ad_gather(t, ad_reshape(t, in[0], &table), cell[AD__CELL_INDEX]);
    ad_tensor *y = ad_sum(t, ad_mul(t, corners, ad_reshape(t, w, &thin)), &(const ad_ints){ 1, { 2 } }, false);
    out[0] = ad_reshape(t, y, &result);
}

static const ad_operand operands[] = { { .name = "x", .doc = "[N,..,C], one to three axes" },
                                       { .name = "grid", .doc = "[N,P..,axes], the last spatial axis first, -1 to 1" }, { 0 } };

static const ad_attr attrs[] = {
    { "mode", AD_ATTR_ENUM, offsetof(ad_grid_attr, mode), AD__GRID_LINEAR, .words = ad__grid_modes, .doc = "between the corners of a cell, or the nearest pixel" },
    { "padding", AD_ATTR_ENUM, offsetof(ad_grid_attr, padding), AD__GRID_ZEROS, .words = ad__grid_paddings, .doc = "what lies outside of the image" },
    { "corners", AD_ATTR_BOOL, offsetof(ad_grid_attr, corners), 0, .doc = "-1 and 1 are centres of pixels, else outer edges" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "plane", .n_in = 2, .in = { { 4, { 2, 3, 4, 3 } }, { 4, { 2, 2, 3, 2 } } }, .range = { { 0 }, { -1.2, 1.2 } } },
    { .name = "corners, mirrors", .n_in = 2, .in = { { 4, { 1, 3, 4, 2 } }, { 3, { 1, 5, 2 } } }, .attr_text = "corners=true, padding=reflect",
      .range = { { 0 }, { -2, 2 } } },
    { .name = "volume, border", .n_in = 2, .in = { { 5, { 1, 2, 3, 4, 2 } }, { 3, { 1, 4, 3 } } }, .attr_text = "padding=border",
      .range = { { 0 }, { -1.2, 1.2 } } },
    { .name = "line", .n_in = 2, .in = { { 3, { 1, 5, 1 } }, { 3, { 1, 6, 1 } } }, .attr_text = "corners=true", .range = { { 0 }, { -0.95, 1.1 } } },
    { .name = "nearest", .n_in = 2, .in = { { 4, { 2, 3, 4, 3 } }, { 4, { 2, 2, 3, 2 } } }, .attr_text = "mode=nearest", .no_gradient = 2 },
    { .name = "refuses three coordinates", .n_in = 2, .in = { { 4, { 2, 3, 4, 3 } }, { 4, { 2, 2, 3, 3 } } }, .want = AD_ESHAPE },
    { .name = "refuses another batch", .n_in = 2, .in = { { 4, { 2, 3, 4, 3 } }, { 4, { 1, 2, 3, 2 } } }, .want = AD_ESHAPE },
    { .name = "refuses a matrix", .n_in = 2, .in = { { 2, { 3, 4 } }, { 3, { 3, 4, 1 } } }, .want = AD_ESHAPE },
    { .name = "refuses an unknown padding", .n_in = 2, .in = { { 4, { 2, 3, 4, 3 } }, { 4, { 2, 2, 3, 2 } } }, .attr_text = "padding=wrap",
      .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_grid_sample = {
    .name = "grid_sample", .doc = "an image read at the places of a grid",
    .operands = operands, .attr_size = sizeof(ad_grid_attr), .attrs = attrs, .shape = shape, .expand = expand, .samples = samples,
};

ad_tensor *ad_grid_sample(ad_tape *t, ad_tensor *x, ad_tensor *grid, const ad_grid_attr *attr)
{
    return ad_record_one(t, &ad_op_grid_sample, attr, 2, (ad_tensor *const[]){ x, grid });
}

/*
 * grid_cells - for each place of a grid [N,P,axes] the cell of an image of `size` that it lies in (grid.h says how places are given).
 *
 *   With u the place counted in pixels and n the size of its axis,
 *     u = ((g + 1) n - 1) / 2, or with `corners` (g + 1) (n - 1) / 2,
 *   after padding (`border` takes the nearest place of the image, `reflect` mirrors at its edges, or with `corners` at the centres of
 *   the outermost pixels):
 *     part   [N,P,axes]  u - floor(u)
 *     slope  [N,P,axes]  du/dg: constant but for its sign, 0 where the padding holds u
 *     index  [N,P,K]     the K = 2^axes corners of the cell as rows of the image [N positions, C]; bit k of a corner's number stands
 *                        for the further one along coordinate k. With mode=nearest the one pixel next to u, ties to the even one.
 *     inside [N,P,K]     1 where the corner lies in the image, else 0 (and index is some row of the image)
 *
 *   part is a function of the grid, piecewise of first degree; the other three are constant between its jumps: gg = slope gpart.
 */
#include <math.h>

#include "ops/along.h"
#include "ops/grid.h"

const char *const ad__grid_modes[] = { "linear", "nearest", NULL };
const char *const ad__grid_paddings[] = { "zeros", "border", "reflect", NULL };

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_grid_attr *a = attr;
    char text[AD_SHAPE_TEXT];
    int64_t positions = 1;
    if (in[0].rank != 3 || in[0].dim[2] != a->size.n || a->size.n < 1 || a->size.n > 3)
        return AD_FAIL(e, ESHAPE, "grid_cells: grid %s, %d sizes; need [N,P,axes] and one to three sizes", ad_shape_text(&in[0], text),
                       a->size.n);
    for (int i = 0; i < a->size.n; i++)
        positions *= a->size.v[i];
    if (in[0].dim[0] * positions > INT32_MAX) return AD_FAIL(e, ESHAPE, "grid_cells: more than 2^31 positions in all images");
    out[AD__CELL_PART] = out[AD__CELL_SLOPE] = in[0];
    out[AD__CELL_INSIDE] = in[0];
    out[AD__CELL_INSIDE].dim[2] = a->mode == AD__GRID_NEAREST ? 1 : 1 << a->size.n;
    out[AD__CELL_INDEX] = out[AD__CELL_INSIDE];
    out[AD__CELL_INDEX].dtype = AD_I32;
    return AD_OK;
}

/* Mirrors u at lo and hi; *sign is -1 where an odd number of mirrors was met. */
static double reflected(double u, double lo, double hi, double *sign)
{
    double width = hi - lo, far = fabs(u - lo);
    if (u < lo) *sign = -*sign;
    if (width <= 0) return 0;
    double turns = floor(far / width), rest = far - turns * width;
    if (fmod(turns, 2) == 0) return lo + rest;
    *sign = -*sign;
    return hi - rest;
}

/* A coordinate in pixels, and its slope. */
static double place(const ad_grid_attr *a, double g, int64_t n, double *slope)
{
    double size = (double)n, half = a->corners ? 0 : 0.5, u = a->corners ? (g + 1) * (size - 1) / 2 : ((g + 1) * size - 1) / 2;
    *slope = (a->corners ? size - 1 : size) / 2;
    if (a->padding == AD__GRID_REFLECT) u = reflected(u, -half, size - 1 + half, slope);
    if (a->padding != AD__GRID_ZEROS && (u <= 0 || u >= size - 1)) {
        *slope = 0;
        u = u <= 0 ? 0 : size - 1;
    }
    return u;
}

typedef struct job {
    const ad_call *c;
    int axes, corners;
    int64_t images, places, positions;
} job;

static void cell(int64_t at, void *scratch, void *arg)
{
    const job *j = arg;
    const ad_call *c = j->c;
    const ad_grid_attr *a = c->attr;
    int64_t low[3] = { 0 }, image = at / j->places;
    for (int k = 0; k < j->axes; k++) {
        int64_t n = a->size.v[j->axes - 1 - k];
        double slope, u = place(a, ad__number(c, c->in[0].data, at * j->axes + k), n, &slope);
        double first = a->mode == AD__GRID_NEAREST ? rint(u) : floor(u);
        /* Far outside, or not a number: any place outside will do. */
        low[k] = first >= -2 && first <= (double)n ? (int64_t)first : -2;
        ad__store(c, c->out[AD__CELL_PART].data, at * j->axes + k, a->mode == AD__GRID_NEAREST ? 0 : u - first);
        ad__store(c, c->out[AD__CELL_SLOPE].data, at * j->axes + k, a->mode == AD__GRID_NEAREST ? 0 : slope);
    }
    for (int corner = 0; corner < j->corners; corner++) {
        int64_t position = 0;
        bool inside = true;
        for (int k = j->axes - 1; k >= 0; k--) {
            int64_t n = a->size.v[j->axes - 1 - k], i = low[k] + (corner >> k & 1);
            inside = inside && i >= 0 && i < n;
            position = position * n + i;
        }
        ad__store(c, c->out[AD__CELL_INSIDE].data, at * j->corners + corner, inside);
        ((int32_t *)c->out[AD__CELL_INDEX].data)[at * j->corners + corner] = (int32_t)(image * j->positions + (inside ? position : 0));
    }
}

static ad_status forward(const ad_call *c)
{
    const ad_grid_attr *a = c->attr;
    const ad_shape *grid = &c->in[0].shape;
    job j = { c, a->size.n, (int)c->out[AD__CELL_INDEX].shape.dim[2], grid->dim[0], grid->dim[1], 1 };
    for (int i = 0; i < a->size.n; i++)
        j.positions *= a->size.v[i];
    ad__lines lines = { j.images, j.axes, j.places };
    ad__each_line(c, &lines, 16 * j.axes, cell, &j);
    return AD_OK;
}

static void gradient(ad_grad *g)
{
    if (g->gout[AD__CELL_PART]) g->gin[0] = ad_mul(g->tape, g->gout[AD__CELL_PART], ad_stop_gradient(g->tape, g->out[AD__CELL_SLOPE]));
}

static const ad_attr attrs[] = {
    { "size", AD_ATTR_INTS, offsetof(ad_grid_attr, size), 0, 1, 1 << 24, .required = true, .doc = "spatial sizes of the image" },
    { "mode", AD_ATTR_ENUM, offsetof(ad_grid_attr, mode), AD__GRID_LINEAR, .words = ad__grid_modes, .doc = "corners of the cell, or the nearest pixel" },
    { "padding", AD_ATTR_ENUM, offsetof(ad_grid_attr, padding), AD__GRID_ZEROS, .words = ad__grid_paddings, .doc = "what lies outside" },
    { "corners", AD_ATTR_BOOL, offsetof(ad_grid_attr, corners), 0, .doc = "-1 and 1 are centres of pixels, else outer edges" },
    { 0 }
};

static const ad_operand operands[] = { { .name = "grid", .doc = "[N,P,axes], the last spatial axis first" }, { 0 } };

static const char *const outputs[] = { "part", "slope", "index", "inside" };

static const ad_sample samples[] = {
    { .name = "plane", .n_in = 1, .in = { { 3, { 2, 5, 2 } } }, .attr_text = "size=[3,4]", .lo = -1.3, .hi = 1.3 },
    { .name = "volume", .n_in = 1, .in = { { 3, { 1, 4, 3 } } }, .attr_text = "size=[2,3,4], padding=border, corners=true", .lo = -1.3, .hi = 1.3 },
    { .name = "mirrors", .n_in = 1, .in = { { 3, { 1, 9, 1 } } }, .attr_text = "size=4, padding=reflect", .lo = -4, .hi = 4 },
    { .name = "nearest", .n_in = 1, .in = { { 3, { 2, 5, 2 } } }, .attr_text = "size=[3,4], mode=nearest" },
    { .name = "refuses two coordinates of three", .n_in = 1, .in = { { 3, { 1, 4, 2 } } }, .attr_text = "size=[2,3,4]", .want = AD_ESHAPE },
    { .name = "refuses a list of places", .n_in = 1, .in = { { 2, { 4, 2 } } }, .attr_text = "size=[2,3]", .want = AD_ESHAPE },
    { .name = "refuses to guess the size", .n_in = 1, .in = { { 3, { 1, 4, 2 } } }, .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_grid_cells = {
    .name = "grid_cells", .doc = "the cell of an image that each place of a grid lies in",
    .operands = operands, .n_out = AD__CELL_OUTPUTS, .outputs = outputs,
    .attr_size = sizeof(ad_grid_attr), .attrs = attrs,
    .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

bool ad__grid_cells(ad_tape *t, ad_tensor *grid, const ad_grid_attr *attr, ad_tensor **out)
{
    return grid && ad_record(t, &ad_op_grid_cells, attr, 1, &grid, out) == AD_OK;
}

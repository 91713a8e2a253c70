/*
 * deformable_attention - attention to a few places of an image pyramid, for each query and head its own.
 *
 *   value     [B, L, heads D]                          the levels' positions one after the other: L is the sum of their sizes
 *   locations [B, Q, heads, levels, points, axes]      where to look in each level, 0 to 1 from edge to edge, the last spatial axis first
 *   weights   [B, Q, heads, levels, points]            how much each counts
 *   y[b, q, head] = sum over levels and points of weights (value of that head, level, read at the location), zero outside: [B, Q, heads D]
 *
 *   Composite: a grid_sample of each level, products, sum.
 */
#include <stdlib.h>
#include <string.h>

#include "ops/grid.h"

#define MAX_LEVELS 8

typedef struct deform_attr {
    char sizes[AD_ATTR_TEXT_SIZE];
} deform_attr;

typedef struct pyramid {
    int levels;
    ad_ints size[MAX_LEVELS];
    int64_t positions[MAX_LEVELS], total;
} pyramid;

/* "6x8, 3x4": one level after the other. */
static ad_status read_sizes(ad_error *e, const char *text, int axes, pyramid *p)
{
    *p = (pyramid){ 0 };
    for (const char *s = text + strspn(text, " "); *s; s += strspn(s, " ,")) {
        if (p->levels == MAX_LEVELS) return AD_FAIL(e, EATTR, "deformable_attention: sizes \"%s\": more than %d levels", text, MAX_LEVELS);
        ad_ints *size = &p->size[p->levels];
        int64_t positions = 1;
        do {
            char *end;
            int64_t n = strtoll(s, &end, 10);
            if (end == s || n < 1 || n > 65536 || size->n == 3)
                return AD_FAIL(e, EATTR, "deformable_attention: sizes \"%s\"; need levels such as \"6x8, 3x4\"", text);
            size->v[size->n++] = n;
            positions *= n;
            s = end + (*end == 'x');
        } while (s[-1] == 'x');
        if (size->n != axes)
            return AD_FAIL(e, EATTR, "deformable_attention: level %d of sizes \"%s\" has %d axes, the locations have %d", p->levels, text,
                           size->n, axes);
        p->positions[p->levels++] = positions;
        p->total += positions;
    }
    return AD_OK;
}

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_shape *value = &in[0], *places = &in[1], *weights = &in[2];
    char text[3][AD_SHAPE_TEXT];
    pyramid p;
    bool fits = value->rank == 3 && places->rank == 6 && weights->rank == 5 && value->dim[0] == places->dim[0];
    for (int i = 0; fits && i < 5; i++)
        fits = places->dim[i] == weights->dim[i] && places->dim[i] > 0;
    if (!fits || value->dim[2] % places->dim[2])
        return AD_FAIL(e, ESHAPE, "deformable_attention: value %s, locations %s, weights %s; need [B,L,heads*D], "
                       "[B,Q,heads,levels,points,axes], the same without axes", ad_shape_text(value, text[0]), ad_shape_text(places, text[1]),
                       ad_shape_text(weights, text[2]));
    AD_TRY(read_sizes(e, ((const deform_attr *)attr)->sizes, (int)places->dim[5], &p));
    if (p.levels != places->dim[3] || p.total != value->dim[1])
        return AD_FAIL(e, ESHAPE, "deformable_attention: sizes say %d levels with %lld positions; locations %s, value %s", p.levels,
                       (long long)p.total, ad_shape_text(places, text[1]), ad_shape_text(value, text[0]));
    *out = (ad_shape){ 3, { value->dim[0], places->dim[1], value->dim[2] } };
    return AD_OK;
}

/* x with its axes reordered, then under another shape. */
static ad_tensor *turned(ad_tape *t, ad_tensor *x, const int *axes, const ad_shape *to)
{
    return ad_reshape(t, ad_permute(t, x, axes), to);
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    const ad_shape *s = ad_tensor_shape(in[1]);
    int64_t batch = s->dim[0], queries = s->dim[1], heads = s->dim[2], points = s->dim[4], axes = s->dim[5];
    int64_t length = ad_tensor_shape(in[0])->dim[1], width = ad_tensor_shape(in[0])->dim[2] / heads, all = batch * heads;
    pyramid p;
    AD_ASSERT_EQ(read_sizes(NULL, ((const deform_attr *)attr)->sizes, (int)axes, &p), AD_OK);
    ad_tensor *level[MAX_LEVELS];
    ad_tensor *value = ad_reshape(t, in[0], &(ad_shape){ 4, { batch, length, heads, width } });
    value = turned(t, value, (const int[]){ 0, 2, 1, 3 }, &(ad_shape){ 3, { all, length, width } });
    /* Grids count from -1 to 1. */
    ad_tensor *grid = ad_permute(t, ad_shift(t, ad_scale(t, in[1], 2), -1), (const int[]){ 0, 2, 3, 1, 4, 5 });
    int64_t start = 0;
    for (int k = 0; k < p.levels; k++) {
        ad_shape image = ad__image(all, (int)axes, p.size[k].v, width);
        ad_tensor *x = ad_reshape(t, ad_slice(t, value, 1, start, p.positions[k]), &image);
        ad_tensor *places = ad_reshape(t, ad_slice(t, grid, 2, k, 1), &(ad_shape){ 4, { all, queries, points, axes } });
        level[k] = ad_grid_sample(t, x, places, &(const ad_grid_attr){ 0 });
        start += p.positions[k];
    }
    ad_tensor *read = ad_concat(t, p.levels, level, 2);
    ad_tensor *weights = turned(t, in[2], (const int[]){ 0, 2, 1, 3, 4 }, &(ad_shape){ 4, { all, queries, p.levels * points, 1 } });
    ad_tensor *y = ad_sum(t, ad_mul(t, read, weights), &(const ad_ints){ 1, { 2 } }, false);
    y = ad_reshape(t, y, &(ad_shape){ 4, { batch, heads, queries, width } });
    out[0] = turned(t, y, (const int[]){ 0, 2, 1, 3 }, &(ad_shape){ 3, { batch, queries, heads * width } });
}

static const ad_operand operands[] = { { .name = "value", .doc = "[B,L,heads*D], the levels one after the other" },
                                       { .name = "locations", .doc = "[B,Q,heads,levels,points,axes], 0 to 1" },
                                       { .name = "weights", .doc = "[B,Q,heads,levels,points]" }, { 0 } };

static const ad_attr attrs[] = {
    { "sizes", AD_ATTR_TEXT, offsetof(deform_attr, sizes), .required = true, .doc = "spatial sizes of the levels, \"6x8, 3x4\"" },
    { 0 }
};

#define PLANE { { 3, { 2, 8, 4 } }, { 6, { 2, 3, 2, 2, 1, 2 } }, { 5, { 2, 3, 2, 2, 1 } } }
static const ad_sample samples[] = {
    { .name = "plane", .n_in = 3, .in = PLANE, .attr = &(const deform_attr){ "2x3, 1x2" }, .range = { { 0 }, { -0.1, 1.1 } } },
    { .name = "volume", .n_in = 3, .in = { { 3, { 1, 12, 3 } }, { 6, { 1, 2, 1, 1, 3, 3 } }, { 5, { 1, 2, 1, 1, 3 } } },
      .attr = &(const deform_attr){ "2x3x2" }, .range = { { 0 }, { 0, 1 } } },
    { .name = "refuses other levels", .n_in = 3, .in = PLANE, .attr = &(const deform_attr){ "2x4" }, .want = AD_ESHAPE },
    { .name = "refuses other positions", .n_in = 3, .in = PLANE, .attr = &(const deform_attr){ "2x3, 1x3" }, .want = AD_ESHAPE },
    { .name = "refuses other axes", .n_in = 3, .in = PLANE, .attr = &(const deform_attr){ "6, 2" }, .want = AD_EATTR },
    { .name = "refuses what is no size", .n_in = 3, .in = PLANE, .attr = &(const deform_attr){ "2x, 1x2" }, .want = AD_EATTR },
    { .name = "refuses nine levels", .n_in = 3, .in = PLANE, .attr = &(const deform_attr){ "1x1,1x1,1x1,1x1,1x1,1x1,1x1,1x1,1x1" },
      .want = AD_EATTR },
    { .name = "refuses other weights", .n_in = 3, .in = { { 3, { 2, 8, 4 } }, { 6, { 2, 3, 2, 2, 1, 2 } }, { 5, { 2, 3, 2, 2, 2 } } },
      .attr = &(const deform_attr){ "2x3, 1x2" }, .want = AD_ESHAPE },
    { .name = "refuses to guess the sizes", .n_in = 3, .in = PLANE, .attr_text = "", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_deformable_attention = {
    .name = "deformable_attention", .doc = "attention to a few places of an image pyramid",
    .operands = operands, .attr_size = sizeof(deform_attr), .attrs = attrs, .shape = shape, .expand = expand, .samples = samples,
};

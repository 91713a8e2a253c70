/*
 * rearrange - axes split, reordered and joined, as a pattern says: "b (y p x q) c -> b y x (p q c)" with sizes "y=4, p=2".
 *
 *   Each side names every axis once; parentheses hold axes that lie in one axis of the tensor, the outer first. In each
 *   parenthesis on the left the size of at most one name may be left out. Composite: reshape to the named axes, permute,
 *   reshape.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/elementwise.h"

#define NAME 24
#define MAX_NAMES AD_MAX_RANK

typedef struct side {
    int n;                       /* names */
    char name[MAX_NAMES][NAME];
    int group[MAX_NAMES];        /* axis of the tensor that holds the name */
    int groups;
} side;

typedef struct plan {
    side left, right;
    int64_t size[MAX_NAMES];     /* of the left names */
    int from[MAX_NAMES];         /* left name of each right name */
} plan;

static const char *skip(const char *p)
{
    while (*p == ' ') p++;
    return p;
}

static const char *scan_name(const char *p, char *name)
{
    int n = 0;
    while ((isalnum((unsigned char)*p) || *p == '_') && n < NAME - 1)
        name[n++] = *p++;
    name[n] = '\0';
    return p;
}

static int find(const side *s, const char *name)
{
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->name[i], name) == 0) return i;
    return -1;
}

/* Reads names and parentheses up to `end`; an empty parenthesis is an axis of size 1. */
static ad_status scan_side(ad_error *e, const char *pattern, const char *p, const char *end, side *s)
{
    bool inside = false;
    *s = (side){ 0 };
    for (p = skip(p); p < end; p = skip(p)) {
        if (*p == '(' || *p == ')') {
            if ((*p == '(') == inside) return AD_FAIL(e, EATTR, "rearrange: \"%s\": parentheses do not match", pattern);
            inside = *p++ == '(';
            if (!inside) s->groups++;
            continue;
        }
        char name[NAME];
        const char *after = scan_name(p, name);
        if (after == p) return AD_FAIL(e, EATTR, "rearrange: \"%s\": unexpected '%c'; need names and parentheses", pattern, *p);
        if (find(s, name) >= 0) return AD_FAIL(e, EATTR, "rearrange: \"%s\": %s appears twice on one side", pattern, name);
        if (s->n == MAX_NAMES) return AD_FAIL(e, EATTR, "rearrange: \"%s\": more than %d names", pattern, MAX_NAMES);
        memcpy(s->name[s->n], name, NAME);
        s->group[s->n++] = s->groups;
        if (!inside) s->groups++;
        p = after;
    }
    return inside ? AD_FAIL(e, EATTR, "rearrange: \"%s\": parentheses do not match", pattern) : AD_OK;
}

static ad_status scan_sizes(ad_error *e, const ad_rearrange_attr *a, plan *r)
{
    for (const char *p = skip(a->sizes); *p;) {
        char name[NAME], *after;
        p = skip(scan_name(p, name));
        if (*p != '=') return AD_FAIL(e, EATTR, "rearrange: sizes \"%s\": need NAME=SIZE, NAME=SIZE", a->sizes);
        int64_t size = strtoll(p + 1, &after, 10);
        int i = find(&r->left, name);
        if (i < 0) return AD_FAIL(e, EATTR, "rearrange: sizes name %s, which is not on the left of \"%s\"", name, a->pattern);
        if (size < 1 || after == p + 1) return AD_FAIL(e, EATTR, "rearrange: size of %s must be a positive number", name);
        r->size[i] = size;
        p = skip(after);
        if (*p == ',') p = skip(p + 1);
    }
    return AD_OK;
}

static ad_status read_pattern(ad_error *e, const ad_rearrange_attr *a, plan *r)
{
    const char *arrow = strstr(a->pattern, "->");
    *r = (plan){ 0 };
    if (!arrow) return AD_FAIL(e, EATTR, "rearrange: \"%s\" has no ->", a->pattern);
    AD_TRY(scan_side(e, a->pattern, a->pattern, arrow, &r->left));
    AD_TRY(scan_side(e, a->pattern, arrow + 2, a->pattern + strlen(a->pattern), &r->right));
    for (int i = 0; i < r->right.n; i++) {
        r->from[i] = find(&r->left, r->right.name[i]);
        if (r->from[i] < 0)
            return AD_FAIL(e, EATTR, "rearrange: \"%s\": %s is on the right only", a->pattern, r->right.name[i]);
    }
    if (r->left.n != r->right.n)
        return AD_FAIL(e, EATTR, "rearrange: \"%s\": %d names on the left, %d on the right", a->pattern, r->left.n, r->right.n);
    return scan_sizes(e, a, r);
}

/* Sizes of the names from the sizes of the tensor's axes. */
static ad_status fit(ad_error *e, const ad_rearrange_attr *a, const ad_shape *x, plan *r)
{
    char text[AD_SHAPE_TEXT];
    AD_TRY(read_pattern(e, a, r));
    if (r->left.groups != x->rank || r->right.groups > AD_MAX_RANK)
        return AD_FAIL(e, ESHAPE, "rearrange: \"%s\" has %d axes on the left, %s has %d", a->pattern, r->left.groups,
                       ad_shape_text(x, text),
                       x->rank);
    for (int axis = 0; axis < x->rank; axis++) {
        int64_t known = 1;
        int open = -1;
        for (int i = 0; i < r->left.n; i++) {
            if (r->left.group[i] != axis) continue;
            if (r->size[i] == 0 && open >= 0)
                return AD_FAIL(e, EATTR, "rearrange: \"%s\": give the size of %s or of %s", a->pattern, r->left.name[open],
                               r->left.name[i]);
            if (r->size[i] == 0) open = i;
            else known *= r->size[i];
        }
        if (open >= 0 ? x->dim[axis] % known != 0 : known != x->dim[axis])
            return AD_FAIL(e, ESHAPE, "rearrange: \"%s\": axis %d of %s has size %lld, the given sizes make %lld", a->pattern, axis,
                           ad_shape_text(x, text), (long long)x->dim[axis], (long long)known);
        if (open >= 0) r->size[open] = x->dim[axis] / known;
    }
    return AD_OK;
}

static ad_shape joined(const plan *r)
{
    ad_shape s = { .rank = r->right.groups };
    for (int i = 0; i < s.rank; i++)
        s.dim[i] = 1;
    for (int i = 0; i < r->right.n; i++)
        s.dim[r->right.group[i]] *= r->size[r->from[i]];
    return s;
}

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    plan r;
    AD_TRY(fit(e, attr, &in[0], &r));
    *out = joined(&r);
    return AD_OK;
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    plan r;
    AD_ASSERT_EQ(fit(NULL, attr, ad_tensor_shape(in[0]), &r), AD_OK);
    ad_shape named = { .rank = r.left.n }, result = joined(&r);
    bool moved = false;
    for (int i = 0; i < r.left.n; i++) {
        named.dim[i] = r.size[i];
        moved = moved || r.from[i] != i;
    }
    ad_tensor *x = in[0];
    if (moved) x = ad_permute(t, ad_reshape(t, x, &named), r.from);
    out[0] = ad_reshape(t, x, &result);
}

static const ad_attr attrs[] = {
    { "pattern", AD_ATTR_TEXT, offsetof(ad_rearrange_attr, pattern), .required = true, .doc = "\"axes before -> axes after\"" },
    { "sizes", AD_ATTR_TEXT, offsetof(ad_rearrange_attr, sizes), .doc = "sizes of names, \"y=4, p=2\"", .standard_text = "" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "merge patches", .n_in = 1, .in = { { 3, { 2, 24, 3 } } },
      .attr = &(const ad_rearrange_attr){ "b (y p x q) c -> b (y x) (q p c)", "y=2, p=2, x=3, q=2" } },
    { .name = "windows", .n_in = 1, .in = { { 4, { 2, 4, 6, 3 } } },
      .attr = &(const ad_rearrange_attr){ "b (y m) (x n) c -> (b y x) (m n) c", "m=2, n=3" } },
    { .name = "tokens", .n_in = 1, .in = { { 4, { 2, 3, 4, 2 } } },
      .attr = &(const ad_rearrange_attr){ "b y x c -> b (y x) c", "" } },
    { .name = "no arrow", .n_in = 1, .in = { { 2, { 3, 4 } } }, .attr = &(const ad_rearrange_attr){ "a b", "" }, .want = AD_EATTR },
    { .name = "lost name", .n_in = 1, .in = { { 2, { 3, 4 } } }, .attr = &(const ad_rearrange_attr){ "a b -> a", "" },
      .want = AD_EATTR },
    { .name = "new name", .n_in = 1, .in = { { 2, { 3, 4 } } }, .attr = &(const ad_rearrange_attr){ "a b -> a c", "" },
      .want = AD_EATTR },
    { .name = "two open", .n_in = 1, .in = { { 1, { 4 } } }, .attr = &(const ad_rearrange_attr){ "(a b) -> a b", "" },
      .want = AD_EATTR },
    { .name = "parenthesis", .n_in = 1, .in = { { 1, { 4 } } }, .attr = &(const ad_rearrange_attr){ "(a -> a", "" },
      .want = AD_EATTR },
    { .name = "unknown size", .n_in = 1, .in = { { 1, { 4 } } }, .attr = &(const ad_rearrange_attr){ "a -> a", "b=4" },
      .want = AD_EATTR },
    { .name = "does not divide", .n_in = 1, .in = { { 1, { 4 } } }, .attr = &(const ad_rearrange_attr){ "(a b) -> b a", "a=3" },
      .want = AD_ESHAPE },
    { .name = "other rank", .n_in = 1, .in = { { 3, { 2, 3, 4 } } }, .attr = &(const ad_rearrange_attr){ "a b -> b a", "" },
      .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_rearrange = {
    .name = "rearrange", .doc = "axes split, reordered and joined as a pattern says", .operands = ad__operand_x,
    .attr_size = sizeof(ad_rearrange_attr), .attrs = attrs, .shape = shape, .expand = expand, .samples = samples,
};

ad_tensor *ad_rearrange(ad_tape *t, ad_tensor *x, const char *pattern, const char *sizes)
{
    ad_rearrange_attr a = { "", "" };
    snprintf(a.pattern, sizeof a.pattern, "%s", pattern);
    snprintf(a.sizes, sizeof a.sizes, "%s", sizes ? sizes : "");
    return ad_record_one(t, &ad_op_rearrange, &a, 1, &x);
}

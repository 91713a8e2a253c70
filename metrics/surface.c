/*
 * surface.c - distances between the borders of two sets of pixels or voxels.
 *
 * The border of a set is the set without its erosion by the face-connected element: what has a neighbour along an axis outside of the
 * set, and the outside of the image counts as outside. From each border voxel of a the Euclidean distance to the nearest border voxel
 * of b, and the other way round: hd is the largest of all, hd95 the 95th percentile of both lists joined (between two of them by
 * linear interpolation), asd the mean from a to b, assd the mean of both lists joined.
 *
 * Distances to the nearest of a set come axis by axis: with f the squared distances so far, g(i) = min over j of f(j) + s^2 (i - j)^2
 * is the lower envelope of parabolas (Felzenszwalb and Huttenlocher, Distance transforms of sampled functions, 2012): O(1) a voxel and axis.
 */
#include <math.h>
#include <stdlib.h>

#include "metrics/parts.h"

static int64_t voxels(const ad_lattice *g)
{
    int64_t n = 1;
    for (int i = 0; i < g->rank; i++) n *= g->size[i];
    return n;
}

static ad_status check(ad_error *e, const ad_lattice *g)
{
    if (g->rank < 1 || g->rank > 3) return AD_FAIL(e, EUSAGE, "surface distances: %d axes; need one to three", g->rank);
    for (int i = 0; i < g->rank; i++)
        if (g->size[i] < 1 || !(g->spacing[i] > 0))
            return AD_FAIL(e, EUSAGE, "surface distances: axis %d has size %lld and spacing %g; need positive ones", i,
                           (long long)g->size[i], g->spacing[i]);
    return AD_OK;
}

/* ---- distance to the nearest of a set ---- */

typedef struct envelope {
    int64_t *at;                 /* [n]: where its parabolas stand ... */
    double *from;                /* [n + 1]: ... and from where on each is the lowest */
    double *f;                   /* [n]: a copy of the line */
} envelope;

/* One line of n squared distances, `step` apart, with a distance of s between neighbours. */
static void nearest_along(double *line, int64_t n, int64_t step, double s, const envelope *v)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        v->f[i] = line[i * step];
        if (v->f[i] == INFINITY) continue;
        double start = -INFINITY;
        while (count > 0) {
            int64_t j = v->at[count - 1];
            start = ((v->f[i] - v->f[j]) / (s * s) + (double)(i * i - j * j)) / (double)(2 * (i - j));
            if (start > v->from[count - 1]) break;
            count--;
        }
        v->at[count] = i;
        v->from[count] = count ? start : -INFINITY;
        count++;
    }
    for (int64_t i = 0, k = 0; count > 0 && i < n; i++) {
        while (k + 1 < count && v->from[k + 1] < (double)i) k++;
        double away = s * (double)(i - v->at[k]);
        line[i * step] = v->f[v->at[k]] + away * away;
    }
}

/* d holds 0 for members of the set and INFINITY for the others; on return the distances. */
static void nearest(const ad_lattice *g, double *d, const envelope *v)
{
    int64_t all = voxels(g), inner = all;
    for (int axis = 0; axis < g->rank; axis++) {
        int64_t n = g->size[axis];
        inner /= n;
        for (int64_t line = 0; line < all / n; line++)
            nearest_along(d + line / inner * n * inner + line % inner, n, inner, g->spacing[axis], v);
    }
    for (int64_t i = 0; i < all; i++) d[i] = sqrt(d[i]);
}

static bool envelope_new(const ad_lattice *g, envelope *v)
{
    int64_t longest = 1;
    for (int i = 0; i < g->rank; i++) longest = g->size[i] > longest ? g->size[i] : longest;
    size_t n = (size_t)longest;
    *v = (envelope){ malloc(n * sizeof *v->at), malloc((n + 1) * sizeof *v->from), malloc(n * sizeof *v->f) };
    return v->at && v->from && v->f;
}

static void envelope_free(envelope *v)
{
    free(v->at);
    free(v->from);
    free(v->f);
}

ad_status ad_distance_map(ad_error *e, const ad_lattice *g, const uint8_t *map, int label, double *out)
{
    envelope v;
    AD_TRY(check(e, g));
    bool ok = envelope_new(g, &v);
    for (int64_t i = 0, n = voxels(g); ok && i < n; i++) out[i] = map[i] == label ? 0 : INFINITY;
    if (ok) nearest(g, out, &v);
    envelope_free(&v);
    return ok ? AD_OK : AD_FAIL(e, ENOMEM, "surface distances: no memory");
}

/* ---- borders ---- */

static bool on_border(const ad_lattice *g, const uint8_t *map, int label, int64_t i)
{
    int64_t step = voxels(g);
    for (int axis = 0; axis < g->rank; axis++) {
        int64_t n = g->size[axis];
        step /= n;
        int64_t at = i / step % n;
        if (at == 0 || at == n - 1 || map[i - step] != label || map[i + step] != label) return true;
    }
    return false;
}

/* 0 at the border voxels of the label, INFINITY elsewhere; how many there are. */
static int64_t mark_border(const ad_lattice *g, const uint8_t *map, int label, double *d)
{
    int64_t count = 0;
    for (int64_t i = 0, n = voxels(g); i < n; i++) {
        bool border = map[i] == label && on_border(g, map, label, i);
        d[i] = border ? 0 : INFINITY;
        count += border;
    }
    return count;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Distances from the border of a (0 in border_a) to that of b, appended to list; their sum. */
static double directed(int64_t n, const double *border_a, const double *to_b, double *list, int64_t *count)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        if (border_a[i] == 0) {
            list[(*count)++] = to_b[i];
            sum += to_b[i];
        }
    return sum;
}

ad_status ad_surface_distance(ad_error *e, const ad_lattice *g, const uint8_t *a, const uint8_t *b, int label, ad_surface *out)
{
    AD_TRY(check(e, g));
    int64_t n = voxels(g), count = 0;
    double *to_a = malloc((size_t)n * sizeof *to_a), *to_b = malloc((size_t)n * sizeof *to_b), *list = NULL;
    envelope v;
    bool ok = envelope_new(g, &v) && to_a && to_b;
    *out = (ad_surface){ NAN, NAN, NAN, NAN };
    if (ok) {
        int64_t in_a = mark_border(g, a, label, to_a), in_b = mark_border(g, b, label, to_b);
        if (in_a == 0 || in_b == 0) goto done;
        list = malloc((size_t)(in_a + in_b) * sizeof *list);
        ok = list;
    }
    if (ok) {
        /* A distance of 0 marks the border of the map itself, so both stay readable after the transform. */
        nearest(g, to_a, &v);
        nearest(g, to_b, &v);
        double sum = directed(n, to_a, to_b, list, &count), there = sum / (double)count;
        sum += directed(n, to_b, to_a, list, &count);
        qsort(list, (size_t)count, sizeof *list, ascending);
        double place = 0.95 * (double)(count - 1);
        int64_t low = (int64_t)place, high = low + 1 < count ? low + 1 : low;
        *out = (ad_surface){ .hd = list[count - 1], .hd95 = list[low] + (place - (double)low) * (list[high] - list[low]), .asd = there,
                             .assd = sum / (double)count };
    }
done:
    envelope_free(&v);
    free(to_a);
    free(to_b);
    free(list);
    return ok ? AD_OK : AD_FAIL(e, ENOMEM, "surface distances: no memory for %lld voxels", (long long)n);
}

ad_status ad__mean_hd95(ad_error *e, const ad_case *c, bool empty_is_0, double *value)
{
    double sum = 0;
    int64_t n = 0;
    for (int s = 0; s < c->n_samples; s++)
        for (int g = 0; g < c->n_readers; g++)
            for (int label = 1; label < c->classes; label++) {
                ad_surface d;
                AD_TRY(ad_surface_distance(e, &c->lattice, c->samples + s * c->pixels, c->readers + g * c->pixels, label, &d));
                if (isnan(d.hd95) && !empty_is_0) continue;
                sum += isnan(d.hd95) ? 0 : d.hd95;
                n++;
            }
    *value = n ? sum / (double)n : NAN;
    return AD_OK;
}

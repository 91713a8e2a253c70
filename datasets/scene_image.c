/*
 * scene_image.c - the image of a scene: lung background, vessels, the lesion and its component, chest wall with a rib, smoothed noise.
 *
 * The lesion's contrast follows the marking probability p, the component's follows q, so the image carries what a sampler needs to know.
 * Structures are combined by the maximum, with soft edges S(v) = logistic(v); the order of the draws is part of the definition.
 */
#include "datasets/scene.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* Draws of the stream AD__STREAM_LAYOUT, in this order; then the vessels. */
typedef struct layout {
    double bg;
    bool wall;
    double omega, wall_distance, wall_curve, wall_hu;
    bool rib;
    double rib_t, rib_d, rib_l, rib_w;
    int vessels;
    double noise_sd, contrast_n;
} layout;

static layout layout_draw(ad__stream *g, double R)
{
    layout l;
    l.bg = -860 + 30 * ad__stream_normal(g);
    l.wall = ad__stream_uniform(g) < 0.85;
    l.omega = 2 * pi * ad__stream_uniform(g);
    l.wall_distance = 1.5 * R + 2 + fmax(0, 44 - 1.5 * R) * pow(ad__stream_uniform(g), 0.7);
    l.wall_curve = 0.010 * ad__stream_uniform(g) - 0.002;
    l.wall_hu = 45 + 20 * ad__stream_normal(g);
    l.rib = ad__stream_uniform(g) < 0.6;
    l.rib_t = -30 + 60 * ad__stream_uniform(g);
    l.rib_d = 6 + 8 * ad__stream_uniform(g);
    l.rib_l = 8 + 14 * ad__stream_uniform(g);
    l.rib_w = 2 + 2.5 * ad__stream_uniform(g);
    l.vessels = 8 + (int)floor(16 * ad__stream_uniform(g));
    l.noise_sd = 18 + 42 * ad__stream_uniform(g);
    l.contrast_n = ad__stream_normal(g);
    return l;
}

static double clamp(double v, double lo, double hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

static double soft_step(double v)
{
    return 1 / (1 + exp(-clamp(v, -40, 40)));
}

static void brighten(double *v, double to)
{
    if (to > *v) *v = to;
}

/* A capsule of Gaussian profile. Where the exponent is below -40 it adds less than half a unit in the last place of the background,
 * so those pixels are left alone: the same bits in a fraction of the time. */
static void add_vessel(ad__stream *g, double bg, double *hu)
{
    double x0 = 128 * ad__stream_uniform(g), y0 = 128 * ad__stream_uniform(g), th = pi * ad__stream_uniform(g), length = 0;
    if (ad__stream_uniform(g) >= 0.55) length = 4 + 22 * ad__stream_uniform(g);
    double u = ad__stream_uniform(g), w = 0.7 + 1.5 * u * u, amplitude = 350 + 550 * ad__stream_uniform(g);
    double ct = cos(th), st = sin(th), half = length / 2;
    for (int i = 0; i < AD__SCENE_PIXELS; i++) {
        double dx = i % AD__SCENE_SIZE - x0, dy = i / AD__SCENE_SIZE - y0;
        double along = dx * ct + dy * st, across = -dx * st + dy * ct, rest = along - clamp(along, -half, half);
        double q = (rest * rest + across * across) / (2 * w * w);
        if (q < 40) brighten(&hu[i], bg + amplitude * exp(-q));
    }
}

/* Body and component; beyond 40 edge widths the soft step adds nothing that a double can hold, as for the vessels. */
static void add_lesion(const ad__scene *c, const layout *l, double *hu)
{
    double contrast = clamp((0.10 + 0.90 * pow(c->p, 0.7)) * (1 + 0.08 * l->contrast_n), 0.05, 1.1), edge = 0.45 + 0.05 * c->radius;
    double height = contrast * (45 - l->bg), side = (0.2 + 0.8 * c->q) * height, reach = c->radius * exp(1) + 40 * edge;
    for (int i = 0; i < AD__SCENE_PIXELS; i++) {
        int x = i % AD__SCENE_SIZE, y = i / AD__SCENE_SIZE;
        double dx = x - c->cx, dy = y - c->cy, r = hypot(dx, dy);
        if (c->component) {
            double inside = c->kappa * c->radius - hypot(x - c->component_x, y - c->component_y);
            if (inside > -40 * edge) brighten(&hu[i], l->bg + side * soft_step(inside / edge));
        }
        if (r < reach) brighten(&hu[i], l->bg + height * soft_step((ad__scene_outline(c, dx, dy) - r) / edge));
    }
}

static void add_abnormality(const ad__scene *c, double bg, double *hu)
{
    ad__stream g = ad__stream_new(c->seed, c->index, AD__STREAM_ABNORMAL);
    double angle = 2 * pi * ad__stream_uniform(&g), away = 34 + 12 * ad__stream_uniform(&g);
    double radius = 8 + 6 * ad__stream_uniform(&g), bright = 300 + 500 * ad__stream_uniform(&g);
    double x0 = c->cx + away * cos(angle), y0 = c->cy + away * sin(angle);
    for (int i = 0; i < AD__SCENE_PIXELS; i++) {
        double r = hypot(i % AD__SCENE_SIZE - x0, i / AD__SCENE_SIZE - y0);
        brighten(&hu[i], bg + (bright - bg) * soft_step(radius - r));
    }
}

static void add_wall(const ad__scene *c, const layout *l, double *hu)
{
    double co = cos(l->omega), so = sin(l->omega);
    for (int i = 0; i < AD__SCENE_PIXELS; i++) {
        double dx = i % AD__SCENE_SIZE - c->cx, dy = i / AD__SCENE_SIZE - c->cy;
        double u = dx * co + dy * so, v = -dx * so + dy * co, z = u - l->wall_distance + l->wall_curve * v * v;
        double alpha = soft_step(z / 0.8), tissue = l->wall_hu;
        if (l->rib) {
            double d = (z - l->rib_d) / l->rib_w, t = (v - l->rib_t) / l->rib_l;
            tissue += 500 * soft_step((1 - d * d - t * t) / 0.25);
        }
        hu[i] = (1 - alpha) * hu[i] + alpha * tissue;
    }
}

/* White noise smoothed by (1,2,1)/4 cyclically along both axes; 0.375 is the standard deviation after that. */
static void add_noise(const ad__scene *c, double sd, double *hu)
{
    enum { N = AD__SCENE_SIZE };
    double rows[AD__SCENE_PIXELS], line[N];
    ad__stream g = ad__stream_new(c->seed, c->index, AD__STREAM_NOISE);
    for (int y = 0; y < N; y++) {
        for (int x = 0; x < N; x++) line[x] = ad__stream_normal(&g);
        for (int x = 0; x < N; x++) rows[y * N + x] = (line[(x + N - 1) % N] + 2 * line[x] + line[(x + 1) % N]) / 4;
    }
    for (int y = 0; y < N; y++) {
        const double *above = rows + (y + N - 1) % N * N, *here = rows + y * N, *below = rows + (y + 1) % N * N;
        for (int x = 0; x < N; x++) hu[y * N + x] += sd * ((above[x] + 2 * here[x] + below[x]) / 4 / 0.375);
    }
}

void ad__scene_hu(const ad__scene *c, bool abnormal, double *hu)
{
    ad__stream g = ad__stream_new(c->seed, c->index, AD__STREAM_LAYOUT);
    layout l = layout_draw(&g, c->radius);
    for (int i = 0; i < AD__SCENE_PIXELS; i++) hu[i] = l.bg;
    for (int v = 0; v < l.vessels; v++) add_vessel(&g, l.bg, hu);
    add_lesion(c, &l, hu);
    if (abnormal) add_abnormality(c, l.bg, hu);
    if (l.wall) add_wall(c, &l, hu);
    add_noise(c, l.noise_sd, hu);
    for (int i = 0; i < AD__SCENE_PIXELS; i++) hu[i] = clamp(hu[i], -1024, 1500);
}

void ad__scene_grey(const double *hu, uint8_t *image)
{
    double lo = hu[0], hi = hu[0];
    for (int i = 1; i < AD__SCENE_PIXELS; i++) {
        if (hu[i] < lo) lo = hu[i];
        if (hu[i] > hi) hi = hu[i];
    }
    for (int i = 0; i < AD__SCENE_PIXELS; i++) image[i] = hi > lo ? (uint8_t)rint(255 * (hu[i] - lo) / (hi - lo)) : 0;
}

/*
 * scene.c - geometry of a scene, and the readers' masks.
 *
 * The outline about (cx, cy) in direction t is r(t) = R exp(clamp(h(t), -2, 1)), h(t) = sum_{k=2..8} (A_k cos kt + B_k sin kt). A reader
 * marks the lesion with probability p; his outline is R exp(clamp(h(t) + s + sum_{k=1..8} (a_k cos kt + b_k sin kt), -2, 1)), with s, a, b
 * his own normals; a side component of radius kappa R exp(s) is included with probability q. Given the scene, readers are independent:
 * the distribution of masks is known exactly.
 *
 * cos kt and sin kt come from (cos t, sin t) = (dx, dy) / r by the angle sum, so no arc tangent is taken.
 */
#include "datasets/scene.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

const ad__preset ad__presets[] = {
    { .name = "lidc", .smallest_radius = 1.5 },
    { .name = "easy", .smallest_radius = 5, .certain = true, .component = AD__NEVER },
    { .name = "modes", .smallest_radius = 1.5, .component = AD__ALWAYS, .kappa = 0.9, .no_noise = true },
    { .name = "styles", .smallest_radius = 1.5, .style = 0.15 },
    { 0 }
};

const char *const ad__preset_names[] = { "lidc", "easy", "modes", "styles", 0 };

/* ---- random numbers ---- */

static const uint64_t golden = UINT64_C(0x9E3779B97F4A7C15);

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

ad__stream ad__stream_new(uint64_t seed, uint64_t scene, uint64_t purpose)
{
    return (ad__stream){ mix(mix(seed + golden * (scene + 1)) + golden * (purpose + 1)) };
}

uint64_t ad__stream_next(ad__stream *s)
{
    s->state += golden;
    return mix(s->state);
}

double ad__stream_uniform(ad__stream *s)
{
    return (double)(ad__stream_next(s) >> 11) * 0x1p-53;
}

double ad__stream_normal(ad__stream *s)
{
    double a = 1 - ad__stream_uniform(s);
    double b = ad__stream_uniform(s);
    return sqrt(-2 * log(a)) * cos(2 * pi * b);
}

/* ---- geometry ---- */

static double clamp(double v, double lo, double hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* sum_k (a_k cos kt + b_k sin kt) over k = 1..8, where (c, s) = (cos t, sin t). */
static double harmonics(const double *a, const double *b, double c, double s)
{
    double ck = 1, sk = 0, sum = 0;
    for (int k = 1; k <= AD__HARMONICS; k++) {
        double next = ck * c - sk * s;
        sk = sk * c + ck * s;
        ck = next;
        sum += a[k] * ck + b[k] * sk;
    }
    return sum;
}

void ad__scene_init(ad__scene *c, const ad__preset *preset, uint64_t seed, uint64_t index)
{
    *c = (ad__scene){ .preset = preset, .seed = seed, .index = index };
    ad__stream g = ad__stream_new(seed, index, AD__STREAM_GEOMETRY);
    double n1 = ad__stream_normal(&g);
    c->p = preset->certain ? 1 : 0.10 + 0.90 / (1 + exp(1.034809 - 3.499725 * n1));
    double n2 = ad__stream_normal(&g);
    c->radius = clamp(exp(1.20 + 0.68 * (0.52 * n1 + sqrt(1 - 0.52 * 0.52) * n2)), preset->smallest_radius, 18);
    c->cx = 63.5 + clamp(4.4 * ad__stream_normal(&g), -12, 12);
    c->cy = 63.5 + clamp(2.6 * ad__stream_normal(&g), -12, 12);
    for (int k = 2; k <= AD__HARMONICS; k++) {
        double w = k == 2 ? 0.16 : 0.18 / k;
        c->a[k] = w * ad__stream_normal(&g);
        c->b[k] = w * ad__stream_normal(&g);
    }
    bool component = ad__stream_uniform(&g) < 0.22;
    c->component = preset->component == AD__DRAWN ? component : preset->component == AD__ALWAYS;
    c->psi = 2 * pi * ad__stream_uniform(&g);
    c->kappa = 0.45 + 0.40 * ad__stream_uniform(&g);
    if (preset->kappa > 0) c->kappa = preset->kappa;
    c->q = 0.2 + 0.6 * ad__stream_uniform(&g);
    c->gap = 0.7 + 0.5 * ad__stream_uniform(&g);
    double away = c->radius * exp(harmonics(c->a, c->b, cos(c->psi), sin(c->psi))) + 0.6 * c->gap * c->kappa * c->radius;
    c->component_x = c->cx + away * cos(c->psi);
    c->component_y = c->cy + away * sin(c->psi);
}

void ad__scene_reader(const ad__scene *c, int reader, ad__reader *out)
{
    ad__stream g = ad__stream_new(c->seed, c->index, AD__STREAM_READERS + (uint64_t)reader);
    double R = c->radius, noise = c->preset->no_noise ? 0 : 1;
    *out = (ad__reader){ 0 };
    out->mark = ad__stream_uniform(&g) < c->p;
    out->include = ad__stream_uniform(&g) < c->q;
    out->s = noise * clamp((0.42 + 0.045 * R) / R * ad__stream_normal(&g), -1.2, 0.8);
    out->a[1] = noise * ((0.20 + 0.04 * R) / R) * ad__stream_normal(&g);
    out->b[1] = noise * ((0.20 + 0.04 * R) / R) * ad__stream_normal(&g);
    for (int k = 2; k <= AD__HARMONICS; k++) {
        double f = noise * ((0.12 + 0.03 * R) / R) * pow(k, -0.75);
        out->a[k] = f * ad__stream_normal(&g);
        out->b[k] = f * ad__stream_normal(&g);
    }
    out->s += (reader % 4 - 1.5) * c->preset->style;
}

/* cos and sin of the direction of (dx, dy); the centre itself has direction 0, as atan2(0, 0). */
static double direction(double dx, double dy, double *c, double *s)
{
    double r = hypot(dx, dy);
    *c = r > 0 ? dx / r : 1;
    *s = r > 0 ? dy / r : 0;
    return r;
}

double ad__scene_outline(const ad__scene *c, double dx, double dy)
{
    double ct, st;
    direction(dx, dy, &ct, &st);
    return c->radius * exp(clamp(harmonics(c->a, c->b, ct, st), -2, 1));
}

/* The outline of a scene and a reader together: both sets of harmonics added, and the box outside of which no pixel can be set. */
typedef struct outline {
    double a[AD__HARMONICS + 1], b[AD__HARMONICS + 1];
    double s, component_radius;      /* 0: none */
    int x0, x1, y0, y1;              /* inclusive */
} outline;

static void widen(outline *o, double x, double y, double r)
{
    int x0 = (int)floor(x - r), x1 = (int)ceil(x + r), y0 = (int)floor(y - r), y1 = (int)ceil(y + r);
    if (x0 < o->x0) o->x0 = x0;
    if (x1 > o->x1) o->x1 = x1;
    if (y0 < o->y0) o->y0 = y0;
    if (y1 > o->y1) o->y1 = y1;
}

static outline outline_of(const ad__scene *c, const ad__reader *g)
{
    outline o = { .s = g->s, .x0 = AD__SCENE_SIZE, .x1 = -1, .y0 = AD__SCENE_SIZE, .y1 = -1 };
    for (int k = 1; k <= AD__HARMONICS; k++) {
        o.a[k] = c->a[k] + g->a[k];
        o.b[k] = c->b[k] + g->b[k];
    }
    widen(&o, c->cx, c->cy, c->radius * exp(1));
    if (c->component && g->include) {
        o.component_radius = c->kappa * c->radius * exp(g->s);
        widen(&o, c->component_x, c->component_y, o.component_radius);
    }
    if (o.x0 < 0) o.x0 = 0;
    if (o.y0 < 0) o.y0 = 0;
    if (o.x1 > AD__SCENE_SIZE - 1) o.x1 = AD__SCENE_SIZE - 1;
    if (o.y1 > AD__SCENE_SIZE - 1) o.y1 = AD__SCENE_SIZE - 1;
    return o;
}

static bool inside(const ad__scene *c, const outline *o, int x, int y)
{
    double ct, st, r = direction(x - c->cx, y - c->cy, &ct, &st);
    if (r <= c->radius * exp(clamp(harmonics(o->a, o->b, ct, st) + o->s, -2, 1))) return true;
    return o->component_radius > 0 && hypot(x - c->component_x, y - c->component_y) <= o->component_radius;
}

void ad__scene_mask(const ad__scene *c, const ad__reader *reader, uint8_t *mask)
{
    for (int i = 0; i < AD__SCENE_PIXELS; i++) mask[i] = 0;
    if (!reader->mark) return;
    outline o = outline_of(c, reader);
    for (int y = o.y0; y <= o.y1; y++)
        for (int x = o.x0; x <= o.x1; x++) mask[y * AD__SCENE_SIZE + x] = inside(c, &o, x, y);
}

bool ad__scene_mask_empty(const ad__scene *c, const ad__reader *reader)
{
    if (!reader->mark) return true;
    outline o = outline_of(c, reader);
    if (inside(c, &o, (int)lround(c->cx), (int)lround(c->cy))) return false;
    for (int y = o.y0; y <= o.y1; y++)
        for (int x = o.x0; x <= o.x1; x++)
            if (inside(c, &o, x, y)) return false;
    return true;
}

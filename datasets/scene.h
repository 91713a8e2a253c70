/*
 * scene.h - the procedural scenes behind the source "synthetic": a lung-CT-like image with one lesion, and the law by which readers
 * outline it. Every scene is a pure function of (preset, seed, index). Coordinates: x = column, y = row, pixel centres at integers.
 */
#ifndef ADZE_DATASETS_SCENE_H
#define ADZE_DATASETS_SCENE_H

#include <stdbool.h>
#include <stdint.h>

enum { AD__SCENE_SIZE = 128, AD__SCENE_PIXELS = 128 * 128, AD__SCENE_READERS = 4, AD__HARMONICS = 8 };

typedef enum ad__presence { AD__DRAWN, AD__NEVER, AD__ALWAYS } ad__presence;

/* How a preset departs from "lidc". */
typedef struct ad__preset {
    const char *name;
    bool certain;             /* p = 1: everybody marks the lesion */
    double smallest_radius;
    ad__presence component;
    double kappa;             /* relative size of the component; 0: drawn */
    bool no_noise;            /* outlines without noise: at most three distinct masks */
    double style;             /* lambda: reader g adds (g mod 4 - 1.5) lambda to the size */
} ad__preset;

extern const ad__preset ad__presets[];                /* ended by an entry without name */
extern const char *const ad__preset_names[];

/* splitmix-like generator: 64-bit state, one stream per (seed, scene, purpose). */
typedef struct ad__stream {
    uint64_t state;
} ad__stream;

ad__stream ad__stream_new(uint64_t seed, uint64_t scene, uint64_t purpose);
uint64_t ad__stream_next(ad__stream *s);
double ad__stream_uniform(ad__stream *s);             /* [0, 1) */
double ad__stream_normal(ad__stream *s);              /* always two draws */

/* The streams of a scene. */
enum { AD__STREAM_GEOMETRY = 0, AD__STREAM_READERS = 1, AD__STREAM_LAYOUT = 100, AD__STREAM_NOISE = 200, AD__STREAM_ABNORMAL = 300 };

typedef struct ad__scene {
    const ad__preset *preset;
    uint64_t seed, index;
    double p;                 /* probability that a reader marks the lesion */
    double radius, cx, cy;
    double a[AD__HARMONICS + 1], b[AD__HARMONICS + 1];   /* outline, harmonics 2..8 */
    bool component;           /* a side component exists ... */
    double q;                 /* ... and a marking reader includes it with this probability */
    double psi, kappa, gap;
    double component_x, component_y;
} ad__scene;

/* One reader's draw. */
typedef struct ad__reader {
    bool mark, include;
    double s;                             /* overall size */
    double a[AD__HARMONICS + 1], b[AD__HARMONICS + 1];   /* outline, harmonics 1..8 */
} ad__reader;

void ad__scene_init(ad__scene *c, const ad__preset *borrowed, uint64_t seed, uint64_t index);
/* Readers 0..98 are training readers, fresh ones begin at 1000. */
void ad__scene_reader(const ad__scene *c, int reader, ad__reader *out);
void ad__scene_mask(const ad__scene *c, const ad__reader *reader, uint8_t *mask);
/* Whether the mask has no pixel, without drawing all of it. */
bool ad__scene_mask_empty(const ad__scene *c, const ad__reader *reader);
/* Radius of the undisturbed outline in the direction of (dx, dy), and the distance to the component's centre. */
double ad__scene_outline(const ad__scene *c, double dx, double dy);

/* Hounsfield units [128*128]; `abnormal` adds a bright disc that nobody outlines. */
void ad__scene_hu(const ad__scene *c, bool abnormal, double *hu);
/* round(255 (hu - min) / (max - min)), halves to even. */
void ad__scene_grey(const double *hu, uint8_t *image);

#endif

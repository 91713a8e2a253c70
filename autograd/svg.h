/*
 * svg.h - what the pictures that the engine draws have in common: frame, colours of a light and of a dark page, escaped text, ticks.
 *
 * The classes of the style: page (background), ink and soft (text), rule (lines), track (what is behind a bar or under a curve), gap (between
 * areas that touch), and the bands forward, backward, update. A viewer that knows no dark pages shows the light one.
 */
#ifndef ADZE_AUTOGRAD_SVG_H
#define ADZE_AUTOGRAD_SVG_H

#include "autograd/text.h"

/* Ten colours that most people can tell apart, on white and on black; the last one is for everything else. */
#define AD__SVG_COLORS 10
extern const char *const ad__svg_colors[AD__SVG_COLORS];

/* What belongs to the backward part has the same colour, faint. */
#define AD__SVG_FAINT " fill-opacity=\"0.55\""

/* The title stands at x = left, the note ends at the right edge. */
void ad__svg_begin(ad__text *t, int width, int height, int left, const char *title);
void ad__svg_note(ad__text *t, int width, const char *format, ...) AD_PRINTF(3, 4);
void ad__svg_end(ad__text *t);
/* Text of at most about `most` bytes, cut between characters: names of a model may hold any. */
void ad__svg_escaped(ad__text *t, const char *s, int most);
/* 1, 2 or 5 times a power of ten, so that there are about six of them up to `most`. */
double ad__svg_tick(double most);

#endif

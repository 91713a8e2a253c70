/*
 * grid.h - what the ops that sample images at given places share.
 *
 * A grid [N, .., axes] holds places, the coordinate along the last spatial axis first: (x, y) of an image [N,H,W,C], (x, y, z) of a
 * volume. -1 and 1 are the outer edges of the first and the last pixel, or with `corners` their centres.
 */
#ifndef ADZE_OPS_GRID_H
#define ADZE_OPS_GRID_H

#include "ops/window.h"

enum { AD__GRID_LINEAR, AD__GRID_NEAREST };
enum { AD__GRID_ZEROS, AD__GRID_BORDER, AD__GRID_REFLECT };
extern const char *const ad__grid_modes[], *const ad__grid_paddings[];

/* For each place of a grid [N,P,axes] the cell of the image that it lies in: see grid_cells.c. Four outputs. */
enum { AD__CELL_PART, AD__CELL_SLOPE, AD__CELL_INDEX, AD__CELL_INSIDE, AD__CELL_OUTPUTS };
bool ad__grid_cells(ad_tape *t, ad_tensor *grid, const ad_grid_attr *attr, ad_tensor **out);

#endif

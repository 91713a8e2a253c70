/*
 * fit.c - between the grid of the items and that of a network: a central window, or scaling, and the way back.
 *
 * Crop: window row y is item row y + floor((H - h) / 2). On the way back everything outside is background.
 * Resize: pixel y of n lies at (y + 1/2) N / n - 1/2 of N, values between pixels are bilinear, positions beyond the edge take the edge
 * pixel; labels take the pixel whose area holds the centre. Smaller sizes are not smoothed beforehand.
 * View: either grid turned, zoomed and moved; images bilinear, labels as one-hot maps, the class with the largest share.
 */
#include "datasets/datasets.h"

#include <math.h>
#include <string.h>

static const char *const names[] = { [AD_CROP] = "crop", [AD_RESIZE] = "resize" };

ad_status ad_fit_parse(ad_error *e, const char *name, ad_fit *out)
{
    for (int i = 0; i < 2; i++)
        if (!strcmp(name, names[i])) {
            *out = (ad_fit)i;
            return AD_OK;
        }
    return AD_FAIL(e, EUSAGE, "no fit '%s'; it is crop or resize", name);
}

ad_status ad_fit_check(ad_error *e, ad_fit fit, int item_height, int item_width, int height, int width)
{
    if (height < 1 || width < 1) return AD_FAIL(e, EUSAGE, "input of %dx%d; need at least one pixel", height, width);
    if (fit == AD_CROP && (height > item_height || width > item_width))
        return AD_FAIL(e, EUSAGE, "a crop of %dx%d does not fit into images of %dx%d; take a smaller input or fit 'resize'", height, width,
                       item_height, item_width);
    return AD_OK;
}

/* The two neighbours of a place in a row of N pixels, and the weight of the second. */
typedef struct between {
    int lo, hi;
    float weight;
} between;

static between neighbours(double at, int N)
{
    if (!(at > 0)) return (between){ 0, 0, 0 };
    if (at >= N - 1) return (between){ N - 1, N - 1, 0 };
    int lo = (int)at;
    return (between){ lo, lo + 1, (float)(at - lo) };
}

/* Those of pixel i of n in a row of N. */
static between position(int i, int n, int N)
{
    return neighbours((i + 0.5) * N / n - 0.5, N);
}

static int nearest(int i, int n, int N)
{
    return (int)(((int64_t)2 * i + 1) * N / (2 * (int64_t)n));
}

static float mix(between row, between column, float ll, float lh, float hl, float hh)
{
    float top = ll + column.weight * (lh - ll), bottom = hl + column.weight * (hh - hl);
    return top + row.weight * (bottom - top);
}

static float intensity(uint8_t grey)
{
    return (float)grey / 255.0f - 0.5f;
}

static float pixel(const ad_item *item, between row, between column)
{
    const uint8_t *top = item->image + row.lo * item->width, *bottom = item->image + row.hi * item->width;
    return mix(row, column, intensity(top[column.lo]), intensity(top[column.hi]), intensity(bottom[column.lo]), intensity(bottom[column.hi]));
}

void ad_fit_image(ad_fit fit, const ad_item *item, int height, int width, float *x)
{
    int W = item->width;
    for (int r = 0; r < height; r++)
        for (int c = 0; c < width; c++) {
            if (fit == AD_CROP) {
                x[r * width + c] = intensity(item->image[(r + (item->height - height) / 2) * W + c + (W - width) / 2]);
                continue;
            }
            x[r * width + c] = pixel(item, position(r, height, item->height), position(c, width, W));
        }
}

void ad_fit_mask(ad_fit fit, const ad_item *item, int reader, int height, int width, uint8_t *y)
{
    int H = item->height, W = item->width;
    const uint8_t *mask = item->masks + (size_t)reader * (size_t)H * (size_t)W;
    for (int r = 0; r < height; r++)
        for (int c = 0; c < width; c++) {
            int row = fit == AD_CROP ? r + (H - height) / 2 : nearest(r, height, H);
            int column = fit == AD_CROP ? c + (W - width) / 2 : nearest(c, width, W);
            y[r * width + c] = mask[row * W + column];
        }
}

/* ---- views: the window moved, turned and zoomed ---- */

/* Pixel (r, c) of the network's grid lies at from + r along[0] + c along[1] of the item, rows before columns. */
typedef struct grid {
    double from[2], along[2][2];
} grid;

/* The vector from the middle of the window is scaled as the fit says, divided by the zoom, turned, and put to the middle moved. */
static grid grid_of(ad_fit fit, const ad_item *item, const ad_view *v, int height, int width)
{
    const int whole[2] = { item->height, item->width }, window[2] = { height, width };
    double angle = v->degrees * (acos(-1) / 180), cosine = cos(angle) / v->zoom, sine = sin(angle) / v->zoom, scale[2], middle[2];
    grid g;
    for (int k = 0; k < 2; k++) {
        scale[k] = fit == AD_CROP ? 1 : (double)whole[k] / window[k];
        middle[k] = (fit == AD_CROP ? (whole[k] - window[k]) / 2 + (window[k] - 1) / 2.0 : (whole[k] - 1) / 2.0) + v->moved[k];
    }
    g.along[0][0] = scale[0] * cosine;
    g.along[0][1] = -scale[0] * sine;
    g.along[1][0] = scale[1] * sine;
    g.along[1][1] = scale[1] * cosine;
    for (int k = 0; k < 2; k++) g.from[k] = middle[k] - g.along[0][k] * (height - 1) / 2.0 - g.along[1][k] * (width - 1) / 2.0;
    return g;
}

static double at(const grid *g, int axis, int r, int c)
{
    return g->from[axis] + r * g->along[0][axis] + c * g->along[1][axis];
}

/* The class with the largest share of the four pixels around a place, the smallest such; outside the item: background. */
static uint8_t commonest(const uint8_t *mask, int H, int W, double y, double x)
{
    if (y < -0.5 || x < -0.5 || y > H - 0.5 || x > W - 0.5) return 0;
    between row = neighbours(y, H), column = neighbours(x, W);
    const uint8_t label[4] = { mask[row.lo * W + column.lo], mask[row.lo * W + column.hi], mask[row.hi * W + column.lo],
                               mask[row.hi * W + column.hi] };
    const float share[4] = { (1 - row.weight) * (1 - column.weight), (1 - row.weight) * column.weight, row.weight * (1 - column.weight),
                             row.weight * column.weight };
    int best = 0;
    float most = -1;
    for (int i = 0; i < 4; i++) {
        float sum = 0;
        for (int k = 0; k < 4; k++) sum += label[k] == label[i] ? share[k] : 0;
        if (sum > most || (sum == most && label[i] < label[best])) {
            best = i;
            most = sum;
        }
    }
    return label[best];
}

void ad_view_image(ad_fit fit, const ad_item *item, const ad_view *view, int height, int width, float *x)
{
    grid g = grid_of(fit, item, view, height, width);
    for (int r = 0; r < height; r++)
        for (int c = 0; c < width; c++)
            x[r * width + c] = pixel(item, neighbours(at(&g, 0, r, c), item->height), neighbours(at(&g, 1, r, c), item->width));
}

void ad_view_mask(ad_fit fit, const ad_item *item, int reader, const ad_view *view, int height, int width, uint8_t *y)
{
    int H = item->height, W = item->width;
    const uint8_t *mask = item->masks + (size_t)reader * (size_t)H * (size_t)W;
    grid g = grid_of(fit, item, view, height, width);
    for (int r = 0; r < height; r++)
        for (int c = 0; c < width; c++)
            y[r * width + c] = commonest(mask, H, W, at(&g, 0, r, c), at(&g, 1, r, c));
}

void ad_unfit_labels(ad_fit fit, int height, int width, const uint8_t *labels, int item_height, int item_width, uint8_t *out)
{
    int top = (item_height - height) / 2, left = (item_width - width) / 2;
    for (int r = 0; r < item_height; r++)
        for (int c = 0; c < item_width; c++) {
            uint8_t *v = &out[r * item_width + c];
            if (fit == AD_RESIZE) *v = labels[nearest(r, item_height, height) * width + nearest(c, item_width, width)];
            else if (r < top || r >= top + height || c < left || c >= left + width) *v = 0;
            else *v = labels[(r - top) * width + c - left];
        }
}

void ad_unfit_probabilities(ad_fit fit, int height, int width, int classes, const float *p, int item_height, int item_width, float *out)
{
    int top = (item_height - height) / 2, left = (item_width - width) / 2;
    for (int r = 0; r < item_height; r++)
        for (int c = 0; c < item_width; c++) {
            float *v = out + (int64_t)(r * item_width + c) * classes;
            if (fit == AD_RESIZE) {
                between row = position(r, item_height, height), column = position(c, item_width, width);
                const float *upper = p + (int64_t)row.lo * width * classes, *lower = p + (int64_t)row.hi * width * classes;
                for (int k = 0; k < classes; k++)
                    v[k] = mix(row, column, upper[column.lo * classes + k], upper[column.hi * classes + k], lower[column.lo * classes + k],
                               lower[column.hi * classes + k]);
            } else if (r < top || r >= top + height || c < left || c >= left + width) {
                for (int k = 0; k < classes; k++) v[k] = k == 0;
            } else {
                memcpy(v, p + ((int64_t)(r - top) * width + c - left) * classes, (size_t)classes * sizeof *v);
            }
        }
}

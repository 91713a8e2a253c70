/*
 * fit.c - between the grid of the items and that of a network: a central window, or scaling, and the way back.
 *
 * Crop: window row y is item row y + floor((H - h) / 2), moved by as many pixels as the caller says. On the way back everything outside is background.
 * Resize: pixel y of n lies at (y + 1/2) N / n - 1/2 of N, values between pixels are bilinear, positions beyond the edge take the edge
 * pixel; labels take the pixel whose area holds the centre. Smaller sizes are not smoothed beforehand.
 */
#include "datasets/datasets.h"

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

/* The two neighbours of pixel i of n in a row of N, and the weight of the second. */
typedef struct between {
    int lo, hi;
    float weight;
} between;

static between position(int i, int n, int N)
{
    double at = (i + 0.5) * N / n - 0.5;
    if (at <= 0) return (between){ 0, 0, 0 };
    if (at >= N - 1) return (between){ N - 1, N - 1, 0 };
    int lo = (int)at;
    return (between){ lo, lo + 1, (float)(at - lo) };
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

/* Row (axis 0) or column (axis 1) of the item at which the window begins. */
static int first(const int moved[2], int axis, int whole, int window)
{
    return (whole - window) / 2 + (moved ? moved[axis] : 0);
}

static float intensity(uint8_t grey)
{
    return (float)grey / 255.0f - 0.5f;
}

void ad_fit_image(ad_fit fit, const ad_item *item, const int moved[2], int height, int width, float *x)
{
    int W = item->width, from = first(moved, 0, item->height, height), left = first(moved, 1, W, width);
    for (int r = 0; r < height; r++)
        for (int c = 0; c < width; c++) {
            if (fit == AD_CROP) {
                x[r * width + c] = intensity(item->image[(r + from) * W + c + left]);
                continue;
            }
            between row = position(r, height, item->height), column = position(c, width, W);
            const uint8_t *top = item->image + row.lo * W, *bottom = item->image + row.hi * W;
            x[r * width + c] = mix(row, column, intensity(top[column.lo]), intensity(top[column.hi]), intensity(bottom[column.lo]),
                                   intensity(bottom[column.hi]));
        }
}

void ad_fit_mask(ad_fit fit, const ad_item *item, int reader, const int moved[2], int height, int width, uint8_t *y)
{
    int H = item->height, W = item->width, top = first(moved, 0, H, height), left = first(moved, 1, W, width);
    const uint8_t *mask = item->masks + (size_t)reader * (size_t)H * (size_t)W;
    for (int r = 0; r < height; r++)
        for (int c = 0; c < width; c++) {
            int row = fit == AD_CROP ? r + top : nearest(r, height, H);
            int column = fit == AD_CROP ? c + left : nearest(c, width, W);
            y[r * width + c] = mask[row * W + column];
        }
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

/*
 * transform.c - what published pipelines do to images and label maps before a network sees them; [height, width], rows from the top.
 *
 * Rotation: output (i, j) reads, with (cy, cx) the middle of the array,
 *   y = cos a (i - cy) + sin a (j - cx) + cy,   x = -sin a (i - cy) + cos a (j - cx) + cx
 * at the nearest pixel, and 0 where y or x leave the array. Zoom: sample i of m reads i (n - 1) / (m - 1) of n, so that the end points
 * stay; by the nearest pixel, linearly, or by the cubic B-spline that goes through the pixels. Its coefficients c come from the pixels
 * by a recursion in either direction with the pole p = sqrt(3) - 2 and gain 6 on each axis, the line mirrored at its end points:
 *   u_0 = sum over the mirrored line of p^k x_k,   u_i = x_i + p u_(i-1);   c_i = p (c_(i+1) - u_i).
 * The spline overshoots: what is zoomed may leave the range of the pixels. The step (n - 1) / (m - 1) is rounded before it is
 * multiplied, and where that puts the last sample beyond the last pixel (64 to 28: 63.00000000000001) it is 0, outside of the image: so
 * do the pipelines whose published scores are to be reproduced.
 */
#include "datasets/datasets.h"

#include <math.h>
#include <stdlib.h>

#define PI 3.14159265358979323846

void ad_window(int64_t n, const float *x, double lo, double hi, float *y)
{
    for (int64_t i = 0; i < n; i++) {
        double v = x[i] < lo ? lo : x[i] > hi ? hi : x[i];
        y[i] = (float)((v - lo) / (hi - lo));
    }
}

void ad_turn(int height, int width, const float *x, int turns, int flip, float *y)
{
    int quarter = (turns % 4 + 4) % 4, out_height = quarter % 2 ? width : height, out_width = quarter % 2 ? height : width;
    for (int i = 0; i < out_height; i++)
        for (int j = 0; j < out_width; j++) {
            int r = flip == 0 ? out_height - 1 - i : i, c = flip == 1 ? out_width - 1 - j : j;
            int row = quarter == 0 ? r : quarter == 1 ? c : quarter == 2 ? height - 1 - r : height - 1 - c;
            int column = quarter == 0 ? c : quarter == 1 ? width - 1 - r : quarter == 2 ? width - 1 - c : r;
            y[(int64_t)i * out_width + j] = x[(int64_t)row * width + column];
        }
}

void ad_rotate(int height, int width, const float *x, double degrees, float *y)
{
    double s = sin(degrees * PI / 180), c = cos(degrees * PI / 180), cy = (height - 1) / 2.0, cx = (width - 1) / 2.0;
    for (int i = 0; i < height; i++)
        for (int j = 0; j < width; j++) {
            double row = c * (i - cy) + s * (j - cx) + cy, column = -s * (i - cy) + c * (j - cx) + cx;
            bool inside = row >= 0 && row <= height - 1 && column >= 0 && column <= width - 1;
            y[(int64_t)i * width + j] = inside ? x[(int64_t)floor(row + 0.5) * width + (int64_t)floor(column + 0.5)] : 0;
        }
}

/* ---- zoom ---- */

/* One line of n numbers, `step` apart, to the coefficients of its spline. */
static void spline_line(double *x, int64_t n, int64_t step)
{
    const double p = sqrt(3) - 2;
    if (n < 2) return;
    double power = p, last = pow(p, (double)(n - 1)), first = x[0] + last * x[(n - 1) * step];
    for (int64_t i = 1; i < n - 1; i++, power *= p) first += (power + last * last / power) * x[i * step];
    x[0] = first / (1 - last * last);
    for (int64_t i = 1; i < n; i++) x[i * step] += p * x[(i - 1) * step];
    x[(n - 1) * step] = p / (p * p - 1) * (p * x[(n - 2) * step] + x[(n - 1) * step]);
    for (int64_t i = n - 2; i >= 0; i--) x[i * step] = p * (x[(i + 1) * step] - x[i * step]);
    for (int64_t i = 0; i < n; i++) x[i * step] *= 6;
}

void ad_spline_coefficients(int height, int width, const float *x, double *c)
{
    for (int64_t i = 0; i < (int64_t)height * width; i++) c[i] = x[i];
    for (int r = 0; r < height; r++) spline_line(c + (int64_t)r * width, width, 1);
    for (int k = 0; k < width; k++) spline_line(c + k, height, width);
}

/* What one place of the result reads along an axis. */
typedef struct taps {
    int n;
    int index[4];
    double weight[4];
} taps;

static int mirrored(int i, int n)
{
    if (n == 1) return 0;
    int period = 2 * (n - 1), at = ((i % period) + period) % period;
    return at < n ? at : period - at;
}

static taps taps_at(int i, int n, int m, int order)
{
    double at = m > 1 ? (double)(n - 1) / (m - 1) * i : 0;
    if (at > n - 1) return (taps){ 0 };
    int low = (int)at;
    double d = at - low, e = 1 - d;
    if (order == 0) return (taps){ 1, { (int)(at + 0.5) }, { 1 } };
    if (order == 1) return (taps){ 2, { low, low + 1 < n ? low + 1 : low }, { e, d } };
    return (taps){ 4, { mirrored(low - 1, n), low, mirrored(low + 1, n), mirrored(low + 2, n) },
                   { e * e * e / 6, (3 * d * d * d - 6 * d * d + 4) / 6, (3 * e * e * e - 6 * e * e + 4) / 6, d * d * d / 6 } };
}

ad_status ad_zoom(ad_error *e, int height, int width, const float *x, int order, int out_height, int out_width, float *y)
{
    if (order != 0 && order != 1 && order != 3) return AD_FAIL(e, EUSAGE, "zoom: order %d; need 0, 1 or 3", order);
    if (height < 1 || width < 1 || out_height < 1 || out_width < 1)
        return AD_FAIL(e, EUSAGE, "zoom: %dx%d to %dx%d; need at least one pixel", height, width, out_height, out_width);
    double *c = malloc((size_t)height * (size_t)width * sizeof *c);
    if (!c) return AD_FAIL(e, ENOMEM, "zoom: no memory for %dx%d pixels", height, width);
    if (order == 3) ad_spline_coefficients(height, width, x, c);
    for (int64_t i = 0; order != 3 && i < (int64_t)height * width; i++) c[i] = x[i];
    for (int i = 0; i < out_height; i++) {
        taps row = taps_at(i, height, out_height, order);
        for (int j = 0; j < out_width; j++) {
            taps column = taps_at(j, width, out_width, order);
            double sum = 0;
            for (int a = 0; a < row.n; a++)
                for (int b = 0; b < column.n; b++)
                    sum += row.weight[a] * column.weight[b] * c[(int64_t)row.index[a] * width + column.index[b]];
            y[(int64_t)i * out_width + j] = (float)sum;
        }
    }
    free(c);
    return AD_OK;
}

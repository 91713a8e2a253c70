/*
 * sheet.c - pictures: an image with its readers' outlines, samples, mean and uncertainty side by side, with titles in a 3x5 font.
 */
#include "config.h"

#include "experiments/experiment.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 4, LETTER = 2, TITLE = 5 * LETTER + 2 * GAP, FIXED_COLUMNS = 4 };

/* Five rows of three points each. */
static const struct { char letter; const char *points; } font[] = {
    { 'A', "010101111101101" }, { 'B', "110101110101110" }, { 'C', "011100100100011" }, { 'D', "110101101101110" },
    { 'E', "111100110100111" }, { 'F', "111100110100100" }, { 'G', "011100101101011" }, { 'H', "101101111101101" },
    { 'I', "111010010010111" }, { 'J', "001001001101010" }, { 'K', "101101110101101" }, { 'L', "100100100100111" },
    { 'M', "101111111101101" }, { 'N', "110101101101101" }, { 'O', "010101101101010" }, { 'P', "110101110100100" },
    { 'Q', "010101101111011" }, { 'R', "110101110101101" }, { 'S', "011100010001110" }, { 'T', "111010010010010" },
    { 'U', "101101101101111" }, { 'V', "101101101101010" }, { 'W', "101101111111101" }, { 'X', "101101010101101" },
    { 'Y', "101101010010010" }, { 'Z', "111001010100111" }, { '0', "111101101101111" }, { '1', "010110010010111" },
    { '2', "110001010100111" }, { '3', "110001010001110" }, { '4', "101101111001001" }, { '5', "111100110001110" },
    { '6', "011100111101111" }, { '7', "111001010010010" }, { '8', "111101111101111" }, { '9', "111101111001110" },
    { '-', "000000111000000" }, { '=', "000111000111000" }, { '_', "000000000000111" }, { '.', "000000000000010" },
    { ':', "000010000010000" }, { '/', "001001010100100" }, { '(', "001010010010001" }, { ')', "100010010010100" },
    { '+', "000010111010000" }, { 0, NULL },
};

/* One colour a reader, told apart on grey. */
static const uint8_t reader_colours[][3] = {
    { 255, 80, 60 }, { 60, 220, 90 }, { 80, 150, 255 }, { 255, 210, 40 }, { 230, 90, 230 }, { 60, 220, 220 },
};
#define N_COLOURS (int)(sizeof reader_colours / sizeof *reader_colours)

static uint8_t *at(const ad_image *image, int y, int x)
{
    return image->data + ((size_t)y * (size_t)image->width + (size_t)x) * (size_t)image->channels;
}

static void set(const ad_image *image, int y, int x, uint8_t red, uint8_t green, uint8_t blue)
{
    uint8_t *p = at(image, y, x);
    p[0] = red;
    p[1] = green;
    p[2] = blue;
}

static void draw_text(const ad_image *image, int y, int x, const char *text)
{
    for (; *text && x + 4 * LETTER <= image->width; text++, x += 4 * LETTER)
        for (int f = 0; font[f].letter; f++)
            if (font[f].letter == toupper((unsigned char)*text))
                for (int i = 0; i < 15 * LETTER * LETTER; i++) {
                    int row = i / (3 * LETTER), column = i % (3 * LETTER);
                    if (font[f].points[row / LETTER * 3 + column / LETTER] == '1') set(image, y + row, x + column, 230, 230, 230);
                }
}

/* Foreground whose neighbour above, below, left or right is not of the same label, or lies outside. */
static bool on_outline(const uint8_t *mask, int h, int w, int y, int x)
{
    uint8_t label = mask[y * w + x];
    if (label == 0) return false;
    return y == 0 || x == 0 || y == h - 1 || x == w - 1 || mask[(y - 1) * w + x] != label || mask[(y + 1) * w + x] != label ||
           mask[y * w + x - 1] != label || mask[y * w + x + 1] != label;
}

static void draw_grey(const ad_image *image, int top, int left, const ad_item *item, double factor)
{
    for (int y = 0; y < item->height; y++)
        for (int x = 0; x < item->width; x++) {
            uint8_t v = (uint8_t)(factor * item->image[y * item->width + x]);
            set(image, top + y, left + x, v, v, v);
        }
}

static void draw_outline(const ad_image *image, int top, int left, const ad_item *item, const uint8_t *mask, const uint8_t colour[3])
{
    for (int y = 0; y < item->height; y++)
        for (int x = 0; x < item->width; x++)
            if (on_outline(mask, item->height, item->width, y, x)) set(image, top + y, left + x, colour[0], colour[1], colour[2]);
}

static void draw_map(const ad_image *image, int top, int left, int height, int width, const double *v)
{
    for (int i = 0; i < height * width; i++) ad_magma_color(v[i], 0, 1, at(image, top + i / width, left + i % width));
}

static void draw_row(const ad_image *image, int top, int columns, const ad__sheet_row *row)
{
    static const uint8_t sample_colour[3] = { 255, 255, 255 };
    const ad_item *item = row->item;
    int step = item->width + GAP, left = GAP, pixels = item->height * item->width;
    draw_grey(image, top, left, item, 1);
    left += step;
    draw_grey(image, top, left, item, 1);
    for (int k = 0; item->masks && k < item->readers; k++)
        draw_outline(image, top, left, item, item->masks + k * pixels, reader_colours[k % N_COLOURS]);
    for (int k = 0; k < columns; k++) {
        left += step;
        if (k >= row->n) continue;
        draw_grey(image, top, left, item, 0.5);
        draw_outline(image, top, left, item, row->labels + k * pixels, sample_colour);
    }
    left += step;
    if (row->mean) draw_map(image, top, left, item->height, item->width, row->mean);
    left += step;
    if (row->uncertainty) draw_map(image, top, left, item->height, item->width, row->uncertainty);
}

static void draw_headings(const ad_image *image, int columns, int step)
{
    char number[24];
    draw_text(image, GAP, GAP, "image");
    draw_text(image, GAP, GAP + step, "readers");
    for (int k = 0; k < columns; k++) {
        snprintf(number, sizeof number, "sample %d", k + 1);
        draw_text(image, GAP, GAP + (k + 2) * step, number);
    }
    draw_text(image, GAP, GAP + (columns + 2) * step, "mean");
    draw_text(image, GAP, GAP + (columns + 3) * step, "uncertainty");
}

ad_status ad__sheet_write(ad_error *e, const char *path, int n, const ad__sheet_row *rows, int columns)
{
    int width = 0, height = TITLE;
    ad_image image;
    for (int i = 0; i < n; i++) {
        int needed = (columns + FIXED_COLUMNS) * (rows[i].item->width + GAP) + GAP;
        if (needed > width) width = needed;
        height += TITLE + rows[i].item->height;
    }
    AD_TRY(ad_image_new(e, width, height, 3, &image));
    draw_headings(&image, columns, rows[0].item->width + GAP);
    for (int i = 0, top = TITLE; i < n; top += TITLE + rows[i++].item->height) {
        draw_text(&image, top + GAP, GAP, rows[i].title);
        draw_row(&image, top + TITLE, columns, &rows[i]);
    }
    ad_status s = ad_png_write(e, path, &image);
    ad_image_free(&image);
    return s;
}

ad_status ad__grey_write(ad_error *e, const char *path, int height, int width, const uint8_t *grey)
{
    ad_image image;
    AD_TRY(ad_image_new(e, width, height, 1, &image));
    memcpy(image.data, grey, (size_t)height * (size_t)width);
    ad_status s = ad_png_write(e, path, &image);
    ad_image_free(&image);
    return s;
}

ad_status ad__magma_write(ad_error *e, const char *path, int height, int width, const double *v)
{
    ad_image image;
    AD_TRY(ad_image_new(e, width, height, 3, &image));
    draw_map(&image, 0, 0, height, width, v);
    ad_status s = ad_png_write(e, path, &image);
    ad_image_free(&image);
    return s;
}

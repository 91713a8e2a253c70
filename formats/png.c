/*
 * png.c - 8-bit pictures through libpng, from memory to memory; files go through file.c.
 *
 * libpng leaves by longjmp. Each entry sets it up in the frame that owns every resource (in struct work, so that nothing lives in a
 * register across the jump), and turns it into a status.
 */
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "formats/bytes.h"

#define SIDE_MAX 65535
#define PIXELS_MAX ((uint64_t)1 << 28)
#define CHUNK_MAX (16u << 20)
#define FILE_MAX_BYTES ((size_t)1 << 31)
#define ZLIB_LEVEL 6

typedef struct work {
    ad_error *error;
    const char *what;
    ad_status status;
    const uint8_t *bytes;      /* reading: the file */
    size_t size, at;
    ad_text out;               /* writing: the file */
    png_structp png;
    png_infop info;
    ad_image image;
    png_bytep *rows;
} work;

static void on_error(png_structp png, png_const_charp message)
{
    work *w = png_get_error_ptr(png);
    if (w->status == AD_OK) w->status = AD_FAIL(w->error, EDATA, "%s: byte %zu: png: %s", w->what, w->at, message);
    longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void read_bytes(png_structp png, png_bytep to, size_t n)
{
    work *w = png_get_io_ptr(png);
    if (n > w->size - w->at) png_error(png, "the file ends early; is it truncated?");
    memcpy(to, w->bytes + w->at, n);
    w->at += n;
}

static void write_bytes(png_structp png, png_bytep from, size_t n)
{
    work *w = png_get_io_ptr(png);
    ad_text_bytes(&w->out, from, n);
}

static void flush_bytes(png_structp png)
{
    (void)png;
}

static ad_status rows_new(work *w)
{
    size_t stride = (size_t)w->image.width * (size_t)w->image.channels;
    w->rows = malloc((size_t)w->image.height * sizeof *w->rows);
    if (!w->rows) return AD_FAIL(w->error, ENOMEM, "%s: out of memory", w->what);
    for (int y = 0; y < w->image.height; y++) w->rows[y] = w->image.data + (size_t)y * stride;
    return AD_OK;
}

/* ---- reading ---- */

static ad_status read_header(work *w)
{
    png_set_user_limits(w->png, SIDE_MAX, SIDE_MAX);
    png_set_chunk_cache_max(w->png, 128);
    png_set_chunk_malloc_max(w->png, CHUNK_MAX);
    png_set_read_fn(w->png, w, read_bytes);
    png_read_info(w->png, w->info);
    png_set_expand(w->png);
    png_set_scale_16(w->png);
    png_set_strip_alpha(w->png);
    png_set_interlace_handling(w->png);
    png_read_update_info(w->png, w->info);
    int width = (int)png_get_image_width(w->png, w->info), height = (int)png_get_image_height(w->png, w->info);
    if ((uint64_t)width * (uint64_t)height > PIXELS_MAX) png_error(w->png, "more than 2^28 pixels");
    return ad_image_new(w->error, width, height, png_get_channels(w->png, w->info), &w->image);
}

static void read_picture(work *w)
{
    if (setjmp(png_jmpbuf(w->png))) return;
    w->status = read_header(w);
    if (w->status == AD_OK) w->status = rows_new(w);
    if (w->status != AD_OK) return;
    png_read_image(w->png, w->rows);
    png_read_end(w->png, NULL);
}

ad_status ad_png_parse(ad_error *e, const char *what, const void *data, size_t size, ad_image *image)
{
    *image = (ad_image){ 0 };
    if (size < 8 || png_sig_cmp((png_const_bytep)data, 0, 8) != 0)
        return AD_FAIL(e, EDATA, "%s: byte 0: png: no PNG file: the signature is missing", what);
    work w = { .error = e, .what = what, .bytes = data, .size = size };
    w.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &w, on_error, on_warning);
    if (w.png) w.info = png_create_info_struct(w.png);
    if (w.info) read_picture(&w);
    else w.status = AD_FAIL(e, ENOMEM, "%s: out of memory", what);
    png_destroy_read_struct(&w.png, &w.info, NULL);
    free(w.rows);
    if (w.status == AD_OK) *image = w.image;
    else ad_image_free(&w.image);
    return w.status;
}

ad_status ad_png_read(ad_error *e, const char *path, ad_image *image)
{
    void *data;
    size_t size;
    *image = (ad_image){ 0 };
    AD_TRY(ad_file_read(e, path, FILE_MAX_BYTES, &data, &size));
    ad_status s = ad_png_parse(e, path, data, size, image);
    free(data);
    return s;
}

/* ---- writing ---- */

static void write_picture(work *w)
{
    if (setjmp(png_jmpbuf(w->png))) return;
    png_set_write_fn(w->png, w, write_bytes, flush_bytes);
    png_set_compression_level(w->png, ZLIB_LEVEL);
    png_set_IHDR(w->png, w->info, (png_uint_32)w->image.width, (png_uint_32)w->image.height, 8,
                 w->image.channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(w->png, w->info);
    png_write_image(w->png, w->rows);
    png_write_end(w->png, NULL);
}

static ad_status check_size(ad_error *e, int width, int height, int channels)
{
    if (width > 0 && height > 0 && width <= SIDE_MAX && height <= SIDE_MAX && (uint64_t)width * (uint64_t)height <= PIXELS_MAX &&
        (channels == 1 || channels == 3)) return AD_OK;
    return AD_FAIL(e, EUSAGE, "a picture of %d x %d pixels and %d channels; need sides from 1 to %d, at most 2^28 pixels, 1 or 3 channels",
                   width, height, channels, SIDE_MAX);
}

ad_status ad_png_write(ad_error *e, const char *path, const ad_image *image)
{
    AD_TRY(check_size(e, image->width, image->height, image->channels));
    work w = { .error = e, .what = path, .image = *image };
    w.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &w, on_error, on_warning);
    if (w.png) w.info = png_create_info_struct(w.png);
    w.status = w.info ? rows_new(&w) : AD_FAIL(e, ENOMEM, "%s: out of memory", path);
    if (w.status == AD_OK) write_picture(&w);
    if (w.status == AD_OK) w.status = ad_text_write(e, path, &w.out);
    png_destroy_write_struct(&w.png, &w.info);
    free(w.rows);
    ad_text_free(&w.out);
    return w.status;
}

/* ---- pictures in memory ---- */

ad_status ad_image_new(ad_error *e, int width, int height, int channels, ad_image *image)
{
    *image = (ad_image){ 0 };
    AD_TRY(check_size(e, width, height, channels));
    size_t bytes = (size_t)width * (size_t)height * (size_t)channels;
    uint8_t *data = calloc(bytes, 1);
    if (!data) return AD_FAIL(e, ENOMEM, "out of memory for a picture of %zu bytes", bytes);
    *image = (ad_image){ width, height, channels, data };
    return AD_OK;
}

void ad_image_free(ad_image *image)
{
    free(image->data);
    *image = (ad_image){ 0 };
}

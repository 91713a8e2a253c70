/* test_formats_files.c - files written whole or not at all, JSON, pictures, the colour map, conversions, checksums. */
#include "config.h"

#include <dirent.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <png.h>

#include "formats/formats.h"

#define FOLDER "formats_test_dir"

static int in_folder(void **state)
{
    return mkdir(FOLDER, 0777) != 0 || chdir(FOLDER) != 0;
}

static int out_of_folder(void **state)
{
    return chdir("..") != 0 || rmdir(FOLDER) != 0;      /* fails when a test left a file behind */
}

static void holds(const char *path, const char *text)
{
    ad_error e = { 0 };
    void *data;
    size_t size;
    if (ad_file_read(&e, path, 1 << 20, &data, &size) != AD_OK) fail_msg("%s", e.message);
    assert_int_equal(size, strlen(text));
    assert_string_equal(data, text);
    free(data);
}

static int files_here(void)
{
    DIR *d = opendir(".");
    int n = -2;                                          /* "." and ".." */
    while (readdir(d)) n++;
    closedir(d);
    return n;
}

/* ---- files ---- */

static void writes_and_replaces(void **state)
{
    ad_error e = { 0 };
    assert_int_equal(ad_file_write(&e, "a.txt", "one", 3), AD_OK);
    holds("a.txt", "one");
    assert_int_equal(ad_file_write(&e, "a.txt", "", 0), AD_OK);
    holds("a.txt", "");
    assert_int_equal(files_here(), 1);
    mode_t mask = umask(0);
    umask(mask);
    struct stat st;
    assert_int_equal(stat("a.txt", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0666 & ~mask);
    unlink("a.txt");
}

static void a_cancelled_file_leaves_the_old_one(void **state)
{
    ad_error e = { 0 };
    ad_writer *w;
    assert_int_equal(ad_file_write(&e, "a.txt", "one", 3), AD_OK);
    assert_int_equal(ad_writer_new(&e, "a.txt", 100, &w), AD_OK);
    assert_int_equal(ad_writer_put(w, 50, "two", 3), AD_OK);
    assert_int_equal(files_here(), 2);
    ad_writer_cancel(w);
    ad_writer_cancel(NULL);
    holds("a.txt", "one");
    assert_int_equal(files_here(), 1);
    unlink("a.txt");
}

/* A full disk, as the file size limit of this process. `reserve`: found when space is reserved, else by the write itself. */
static void disk_full(bool reserve)
{
    ad_error e = { 0 };
    ad_writer *w = NULL;
    struct rlimit old, small;
    char *block = calloc(1, 100000);
    assert_int_equal(ad_file_write(&e, "a.txt", "one", 3), AD_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 65536;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    ad_status s = ad_writer_new(&e, "a.txt", reserve ? 100000 : 0, &w);
    if (s == AD_OK) {
        s = ad_writer_put(w, 0, block, 100000);
        assert_int_equal(s, AD_EIO);
        assert_int_equal(ad_writer_put(w, 0, "x", 1), AD_EIO);       /* the first failure sticks */
        s = ad_writer_commit(w);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(s, AD_EIO);
    assert_non_null(strstr(e.message, "a.txt: cannot "));
    assert_non_null(strstr(e.message, "the file size limit is reached; nothing was changed"));
    holds("a.txt", "one");
    assert_int_equal(files_here(), 1);
    unlink("a.txt");
    free(block);
}

static void a_full_disk_is_one_error_and_no_file(void **state)
{
    disk_full(true);
    disk_full(false);
}

static void a_full_disk_stops_every_writer(void **state)
{
    static float block[40000];
    const ad_array a = { .name = "x", .type = AD_ELEMENT_F32, .rank = 1, .dim = { 40000 }, .data = block, .bytes = sizeof block };
    ad_error e[4] = { 0 };
    ad_status s[4];
    ad_image image;
    struct rlimit old, small;
    assert_int_equal(ad_image_new(&e[0], 500, 500, 3, &image), AD_OK);
    uint32_t noise = 1;
    for (int i = 0; i < 500 * 500 * 3; i++) image.data[i] = (uint8_t)((noise = noise * 1664525u + 1013904223u) >> 24);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 65536;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    s[0] = ad_safetensors_write(&e[0], "a", 1, &a, 0, NULL);
    s[1] = ad_npz_write(&e[1], "b", 1, &a, false);
    s[2] = ad_npy_write(&e[2], "c", &a);
    s[3] = ad_png_write(&e[3], "d", &image);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_DFL);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(s[i], AD_EIO);
        assert_non_null(strstr(e[i].message, "the file size limit is reached"));
    }
    assert_int_equal(files_here(), 0);
    ad_image_free(&image);
}

static void refuses_what_is_no_file(void **state)
{
    static const struct { const char *path, *message; } cases[] = {
        { "none/a.txt", "none/a.txt: cannot be written: folder none: No such file" },
        { ".", "is not a regular file" },
        { "/dev/null", "is not a regular file" },
        { "none/", "cannot be written" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ad_error e = { 0 };
        assert_int_equal(ad_file_write(&e, cases[i].path, "x", 1), AD_EIO);
        if (!strstr(e.message, cases[i].message)) fail_msg("'%s' lacks '%s'", e.message, cases[i].message);
    }
    ad_error e = { 0 };
    void *data;
    size_t size;
    assert_int_equal(ad_file_read(&e, "none", 10, &data, &size), AD_EIO);
    assert_string_equal(e.message, "none: cannot be opened: No such file or directory");
    ad_error_clear(&e);
    assert_int_equal(ad_file_read(&e, ".", 10000000, &data, &size), AD_EIO);
    ad_error_clear(&e);
    assert_int_equal(ad_file_read(&e, "/dev/zero", 10, &data, &size), AD_EDATA);
    assert_non_null(strstr(e.message, "larger than the limit of 10 bytes"));
}

/* ---- JSON ---- */

static void reads_json(void **state)
{
    static const char text[] = " {\"a\": [1, -2.5e3, true, null, \"\\u00e9\\ud83d\\ude00\\n\\/\"], \"b\":{}, \"\":9007199254740992}\n";
    ad_error e = { 0 };
    ad_json *root;
    int64_t i;
    if (ad_json_parse(&e, "x", text, strlen(text), 8, &root) != AD_OK) fail_msg("%s", e.message);
    const ad_json *a = ad_json_get(root, "a"), *v = a->first;
    assert_int_equal(root->count, 3);
    assert_int_equal(a->count, 5);
    assert_int_equal(a->offset, 7);
    assert_true(ad_json_int(v, &i) && i == 1);
    v = v->next;
    assert_true(v->kind == AD_JSON_NUMBER && v->number == -2500 && !ad_json_int(v, &i));
    assert_string_equal(v->text, "-2.5e3");
    v = v->next;
    assert_true(v->kind == AD_JSON_BOOL && v->number == 1);
    v = v->next;
    assert_int_equal(v->kind, AD_JSON_NULL);
    assert_string_equal(v->next->text, "\xc3\xa9\xf0\x9f\x98\x80\n/");
    assert_false(ad_json_int(ad_json_get(root, ""), &i));
    assert_null(ad_json_get(root, "c"));
    assert_null(ad_json_get(a, "a"));
    ad_json_free(root);
}

static void refuses_wrong_json(void **state)
{
    static const struct { const char *text, *message; } cases[] = {
        { "", "byte 0: JSON: a value must start here" }, { "[1,]", "byte 3: JSON: a value must start here" },
        { "[1 2]", "byte 3: JSON: an array needs ',' or ']'" }, { "{\"a\" 1}", "byte 5: JSON: a key needs ':'" },
        { "{a:1}", "byte 1: JSON: an object needs a quoted key" }, { "{\"a\":1,}", "byte 7: JSON: an object needs a quoted key" },
        { "{\"a\":1 \"b\":2}", "byte 7: JSON: an object needs ',' or '}'" }, { "[1", "byte 2: JSON: an array needs" },
        { "\"a", "byte 0: JSON: a string without its closing quote" }, { "\"\t\"", "byte 1: JSON: a control character" },
        { "\"\\x\"", "byte 1: JSON: an unknown escape" }, { "\"\\u12g4\"", "byte 1: JSON: \\u needs four" },
        { "\"\\ud800\"", "a high surrogate without" }, { "\"\\ud800\\u0041\"", "a high surrogate without" },
        { "\"\\udc00\"", "a low surrogate without" }, { "\"\\u0000\"", "a zero character" },
        { "01", "a number with a leading zero" }, { "-", "a number needs a digit" }, { "1.", "a digit after its point" },
        { "1e", "a digit in its exponent" }, { "+1", "a value must start here" }, { "NaN", "a value must start here" },
        { "tru", "a value must start here" }, { "1 2", "byte 2: JSON: more text behind the value" },
        { "{\"a\":1,\"b\":2,\"a\":3}", "byte 17: JSON: duplicate key 'a', first at byte 5" },
        { "[[[[1]]]]", "byte 3: JSON: nested too deeply" }, { "\"\xc0\xaf\"", "byte 1: JSON: not valid UTF-8" },
        { "\"\xed\xa0\x80\"", "not valid UTF-8" }, { "\"\xf4\x90\x80\x80\"", "not valid UTF-8" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ad_error e = { 0 };
        ad_json *root;
        assert_int_equal(ad_json_parse(&e, "x", cases[i].text, strlen(cases[i].text), 3, &root), AD_EDATA);
        assert_null(root);
        if (!strstr(e.message, cases[i].message)) fail_msg("%s: '%s' lacks '%s'", cases[i].text, e.message, cases[i].message);
    }
}

static void writes_json(void **state)
{
    static const double numbers[] = { 0.1, 1.0 / 3, 5e-324, DBL_MAX, -0.0, 12345678901234567.0 };
    ad_json_writer w = { 0 };
    ad_json_open_object(&w, NULL);
    ad_json_put_text(&w, "a\"", "\x01\n\xc3\xa9");
    ad_json_put_text(&w, "none", NULL);
    ad_json_open_array(&w, "n");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) ad_json_put_number(&w, NULL, numbers[i]);
    ad_json_put_number(&w, NULL, NAN);
    ad_json_close(&w);
    ad_json_put_int(&w, "i", INT64_MIN);
    ad_json_open_object(&w, "empty");
    ad_json_close(&w);
    ad_json_put_bool(&w, "t", true);
    ad_json_close(&w);
    ad_json_end(&w);
    assert_string_equal(w.text.data, "{\"a\\\"\":\"\\u0001\\n\xc3\xa9\",\"none\":null,\"n\":[0.1,0.3333333333333333,4.94065645841247e-324,"
                        "1.7976931348623157e+308,-0,12345678901234568,null],\"i\":-9223372036854775808,\"empty\":{},\"t\":true}\n");
    ad_error e = { 0 };
    ad_json *root;
    assert_int_equal(ad_json_parse(&e, "x", w.text.data, w.text.size, 3, &root), AD_OK);
    const ad_json *v = ad_json_get(root, "n")->first;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++, v = v->next) assert_memory_equal(&v->number, &numbers[i], 8);
    ad_json_free(root);
    ad_text_free(&w.text);
    w = (ad_json_writer){ .indent = 2 };
    ad_json_open_array(&w, NULL);
    ad_json_open_object(&w, NULL);
    ad_json_put_int(&w, "a", 1);
    ad_json_close(&w);
    ad_json_put_int(&w, NULL, 2);
    ad_json_close(&w);
    ad_json_end(&w);
    assert_string_equal(w.text.data, "[\n  {\n    \"a\": 1\n  },\n  2\n]\n");
    assert_int_equal(ad_text_write(&e, "a.json", &w.text), AD_OK);
    holds("a.json", w.text.data);
    unlink("a.json");
    ad_text_free(&w.text);
}

/* ---- pictures ---- */

static void writes_png_and_reads_it(void **state)
{
    for (int channels = 1; channels <= 3; channels += 2) {
        ad_error e = { 0 };
        ad_image a, b;
        assert_int_equal(ad_image_new(&e, 5, 3, channels, &a), AD_OK);
        for (int i = 0; i < 15 * channels; i++) a.data[i] = (uint8_t)(i * 5);
        assert_int_equal(ad_png_write(&e, "a.png", &a), AD_OK);
        if (ad_png_read(&e, "a.png", &b) != AD_OK) fail_msg("%s", e.message);
        assert_true(b.width == 5 && b.height == 3 && b.channels == channels);
        assert_memory_equal(a.data, b.data, 15 * channels);
        ad_image_free(&a);
        ad_image_free(&b);
    }
    unlink("a.png");
}

/* Two pixels in one of the forms of PNG: read back as 8-bit grey or RGB. */
static void reads_other_forms(void **state)
{
    static const struct { int depth, type; unsigned char row[8]; int channels; unsigned char want[6]; } cases[] = {
        { 16, PNG_COLOR_TYPE_GRAY, { 0x80, 0x80, 0x01, 0x00 }, 1, { 128, 1 } },
        { 1, PNG_COLOR_TYPE_GRAY, { 0x40 }, 1, { 0, 255 } },
        { 8, PNG_COLOR_TYPE_GRAY_ALPHA, { 7, 0, 9, 255 }, 1, { 7, 9 } },
        { 8, PNG_COLOR_TYPE_RGB_ALPHA, { 1, 2, 3, 0, 4, 5, 6, 255 }, 3, { 1, 2, 3, 4, 5, 6 } },
        { 1, PNG_COLOR_TYPE_PALETTE, { 0x40 }, 3, { 255, 0, 0, 0, 0, 255 } },
    };
    static const png_color palette[2] = { { 255, 0, 0 }, { 0, 0, 255 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        FILE *f = fopen("a.png", "wb");
        png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
        png_infop info = png_create_info_struct(png);
        png_init_io(png, f);
        png_set_IHDR(png, info, 2, 1, cases[i].depth, cases[i].type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
        if (cases[i].type == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette, 2);
        png_write_info(png, info);
        png_write_row(png, cases[i].row);
        png_write_end(png, NULL);
        png_destroy_write_struct(&png, &info);
        fclose(f);
        ad_error e = { 0 };
        ad_image a;
        if (ad_png_read(&e, "a.png", &a) != AD_OK) fail_msg("%s", e.message);
        assert_true(a.width == 2 && a.height == 1 && a.channels == cases[i].channels);
        assert_memory_equal(a.data, cases[i].want, 2 * a.channels);
        ad_image_free(&a);
    }
    unlink("a.png");
}

static void refuses_wrong_png(void **state)
{
    ad_error e = { 0 };
    ad_image a;
    void *file;
    size_t size;
    assert_int_equal(ad_image_new(&e, 9, 9, 3, &a), AD_OK);
    assert_int_equal(ad_png_write(&e, "a.png", &a), AD_OK);
    ad_image_free(&a);
    assert_int_equal(ad_file_read(&e, "a.png", 1 << 20, &file, &size), AD_OK);
    unlink("a.png");
    for (size_t n = 0; n < size; n++) {
        ad_error_clear(&e);
        if (ad_png_parse(&e, "x.png", file, n, &a) != AD_EDATA) fail_msg("%zu of %zu bytes were accepted", n, size);
        if (strncmp(e.message, "x.png: byte ", 12) != 0) fail_msg("message '%s' does not say where", e.message);
        assert_null(a.data);
    }
    for (size_t i = 8; i < size - 12; i++) {             /* each byte up to the end chunk is guarded by a check sum */
        ad_error_clear(&e);
        ((char *)file)[i] ^= 4;
        if (ad_png_parse(&e, "x.png", file, size, &a) == AD_OK) ad_image_free(&a);
        else assert_int_equal(e.status, AD_EDATA);
        ((char *)file)[i] ^= 4;
    }
    /* Sides of 65536 x 65536: refused before anything is allocated. */
    ad_error_clear(&e);
    ((char *)file)[17] = 1;
    assert_int_equal(ad_png_parse(&e, "x.png", file, size, &a), AD_EDATA);
    free(file);
    ad_error_clear(&e);
    assert_int_equal(ad_image_new(&e, 70000, 1, 1, &a), AD_EUSAGE);
    assert_int_equal(ad_image_new(&e, 7, 1, 2, &a), AD_EUSAGE);
    assert_int_equal(ad_image_new(&e, 7, 0, 1, &a), AD_EUSAGE);
}

static void reads_the_png_crops(void **state)
{
    const char *shared = getenv("ADZE_SHARED");
    if (!shared) skip();
    char path[1024];
    ad_error e = { 0 };
    ad_image a;
    snprintf(path, sizeof path, "%s/data/lidc-crops/png-tree/LIDC-IDRI-0006/nodule-0/mask-0/slice-0.png", shared);
    if (ad_png_read(&e, path, &a) != AD_OK) fail_msg("%s", e.message);
    assert_true(a.width == 128 && a.height == 128 && a.channels == 1);
    for (int i = 0; i < 128 * 128; i++) assert_true(a.data[i] == 0 || a.data[i] == 255);
    ad_image_free(&a);
}

static void maps_values_to_colours(void **state)
{
    static const struct { double v, lo, hi; uint8_t rgb[3]; } cases[] = {
        { 0, 0, 1, { 0, 0, 4 } }, { -5, 0, 1, { 0, 0, 4 } }, { 1.0 / 256, 0, 1, { 1, 0, 5 } }, { 0.25, 0, 1, { 81, 18, 124 } },
        { 0.5, 0, 1, { 183, 55, 121 } }, { 6, 4, 8, { 183, 55, 121 } }, { 0.75, 0, 1, { 252, 137, 97 } },
        { 254.5 / 256, 0, 1, { 252, 251, 189 } }, { 1, 0, 1, { 252, 253, 191 } }, { INFINITY, 0, 1, { 252, 253, 191 } },
        { NAN, 0, 1, { 128, 128, 128 } }, { 3, 3, 3, { 0, 0, 4 } }, { NAN, 3, 3, { 128, 128, 128 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t rgb[3];
        ad_magma_color(cases[i].v, cases[i].lo, cases[i].hi, rgb);
        assert_memory_equal(rgb, cases[i].rgb, 3);
    }
}

/* ---- conversions ---- */

static void converts_every_type(void **state)
{
    static const unsigned char ones[8] = { 255, 255, 255, 255, 255, 255, 255, 255 };
    static const struct { ad_element_type type; unsigned char bytes[8]; double value; } cases[] = {
        { AD_ELEMENT_BOOL, { 1 }, 1 }, { AD_ELEMENT_U8, { 200 }, 200 }, { AD_ELEMENT_I8, { 200 }, -56 },
        { AD_ELEMENT_U16, { 1, 128 }, 32769 }, { AD_ELEMENT_I16, { 1, 128 }, -32767 }, { AD_ELEMENT_U32, { 0, 0, 0, 128 }, 2147483648.0 },
        { AD_ELEMENT_I32, { 0, 0, 0, 128 }, -2147483648.0 }, { AD_ELEMENT_U64, { 0, 0, 0, 0, 0, 0, 0, 128 }, 0x1p63 },
        { AD_ELEMENT_I64, { 0, 0, 0, 0, 0, 0, 0, 128 }, -0x1p63 }, { AD_ELEMENT_F16, { 0, 0x3c }, 1 }, { AD_ELEMENT_F16, { 0xff, 0x7b }, 65504 },
        { AD_ELEMENT_F16, { 1, 0 }, 0x1p-24 }, { AD_ELEMENT_F16, { 0xff, 3 }, 1023 * 0x1p-24 }, { AD_ELEMENT_F16, { 0, 0xfc }, -INFINITY },
        { AD_ELEMENT_BF16, { 0x82, 0x3f }, 0x1.04p0 }, { AD_ELEMENT_F32, { 0, 0, 0x20, 0xc0 }, -2.5 },
        { AD_ELEMENT_F64, { 0, 0, 0, 0, 0, 0, 4, 0xc0 }, -2.5 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ad_error e = { 0 };
        float f;
        double d;
        const ad_array a = { .name = "a", .type = cases[i].type, .data = cases[i].bytes, .bytes = (size_t)ad_element_bits(cases[i].type) / 8 };
        assert_int_equal(ad_array_to_f32(&e, &a, &f), AD_OK);
        assert_int_equal(ad_array_to_f64(&e, &a, &d), AD_OK);
        if ((double)f != cases[i].value || d != cases[i].value) fail_msg("%s: %g, %g", ad_element_name(a.type), (double)f, d);
    }
    ad_error e = { 0 };
    int64_t n;
    const ad_array nan = { .name = "a", .type = AD_ELEMENT_F16, .data = ones, .bytes = 2 };
    const ad_array large = { .name = "a", .type = AD_ELEMENT_U64, .data = ones, .bytes = 8 };
    const ad_array least = { .name = "a", .type = AD_ELEMENT_I64, .data = cases[8].bytes, .bytes = 8 };
    assert_int_equal(ad_array_to_i64(&e, &nan, &n), AD_EDATA);
    ad_error_clear(&e);
    assert_int_equal(ad_array_to_i64(&e, &large, &n), AD_EDATA);
    assert_int_equal(ad_array_to_i64(&e, &least, &n), AD_OK);
    assert_true(n == INT64_MIN);
}

static void checksums_agree(void **state)
{
    unsigned char zeros[1032] = { 0 };
    assert_int_equal(ad_crc32c(0, "123456789", 9), 0xE3069283);          /* the check value of the catalogues */
    assert_int_equal(ad_crc32c(0, zeros, 32), 0x8A9136AA);               /* RFC 3720, B.4 */
    for (int i = 0; i < 1032; i++) zeros[i] = (unsigned char)(i * 7);
    uint32_t pieces = 0;                                                 /* the short way, byte by byte, and the long way */
    for (int i = 0; i < 1029; i++) pieces = ad_crc32c(pieces, zeros + i, 1);
    assert_int_equal(ad_crc32c(0, zeros, 1029), pieces);
    assert_int_equal(ad_crc32c(0, NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_replaces), cmocka_unit_test(a_cancelled_file_leaves_the_old_one),
        cmocka_unit_test(a_full_disk_is_one_error_and_no_file), cmocka_unit_test(a_full_disk_stops_every_writer),
        cmocka_unit_test(refuses_what_is_no_file), cmocka_unit_test(reads_json), cmocka_unit_test(refuses_wrong_json),
        cmocka_unit_test(writes_json), cmocka_unit_test(writes_png_and_reads_it), cmocka_unit_test(reads_other_forms), cmocka_unit_test(refuses_wrong_png),
        cmocka_unit_test(reads_the_png_crops), cmocka_unit_test(maps_values_to_colours), cmocka_unit_test(converts_every_type),
        cmocka_unit_test(checksums_agree),
    };
    return cmocka_run_group_tests(tests, in_folder, out_of_folder);
}

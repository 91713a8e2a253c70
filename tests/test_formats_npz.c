/* test_formats_npz.c - npy and npz: forms that NumPy writes, every refusal, round trips, damage, and a real data file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "formats/formats.h"

#define FILE_NAME "formats_test.npz"

/* ---- npy ---- */

/* A version 1 (or, with `wide`, 2) file of this header text and data. */
static size_t npy(char *file, bool wide, const char *header, const void *data, size_t bytes)
{
    size_t n = strlen(header), at = wide ? 12 : 10;
    memcpy(file, "\x93NUMPY", 6);
    file[6] = wide ? 2 : 1;
    file[7] = 0;
    for (size_t i = 8; i < at; i++) file[i] = (char)(n >> 8 * (i - 8) & 255);
    memcpy(file + at, header, n);
    memcpy(file + at + n, data, bytes);
    return at + n + bytes;
}

static void npy_refused(const char *file, size_t size, const char *name, const char *message)
{
    ad_error e = { 0 };
    ad_array a;
    char *copy = malloc(size ? size : 1);
    memcpy(copy, file, size);
    if (ad_npy_parse(&e, "x.npy", copy, size, &a) != AD_EDATA) fail_msg("%s: not refused", name);
    if (!strstr(e.message, message)) fail_msg("%s: message '%s' lacks '%s'", name, e.message, message);
    if (strncmp(e.message, "x.npy: byte ", 12) != 0) fail_msg("%s: message '%s' does not say where", name, e.message);
    free(copy);
}

static void reads_the_forms_of_numpy(void **state)
{
    static const unsigned char bytes[12] = { 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6 };
    static const struct { const char *header; bool wide; ad_element_type type; int rank; int64_t dim[2]; int64_t value[3]; } cases[] = {
        { "{'descr': '>i2', 'fortran_order': False, 'shape': (2, 3), }   \n", false, AD_ELEMENT_I16, 2, { 2, 3 }, { 1, 2, 6 } },
        { "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }\n", true, AD_ELEMENT_I16, 2, { 2, 3 }, { 1, 3, 6 } },
        { "{\"shape\":(6,),\"fortran_order\":False,\"descr\":\"<u2\"}\n", false, AD_ELEMENT_U16, 1, { 6 }, { 256, 512, 1536 } },
        { "{'shape': (6L, 1L), 'fortran_order': True, 'descr': '=u2'}\n", false, AD_ELEMENT_U16, 2, { 6, 1 }, { 256, 512, 1536 } },
        { "{'descr': '|u1', 'fortran_order': False, 'shape': (12,), }\n", false, AD_ELEMENT_U8, 1, { 12 }, { 0, 1, 6 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char file[256];
        ad_error e = { 0 };
        ad_array a;
        int64_t value[12];
        if (ad_npy_parse(&e, "x", file, npy(file, cases[i].wide, cases[i].header, bytes, 12), &a) != AD_OK) fail_msg("%s", e.message);
        assert_int_equal(a.type, cases[i].type);
        assert_int_equal(a.rank, cases[i].rank);
        assert_memory_equal(a.dim, cases[i].dim, 2 * sizeof *a.dim);
        assert_int_equal(ad_array_to_i64(&e, &a, value), AD_OK);
        assert_int_equal(value[0], cases[i].value[0]);
        assert_int_equal(value[1], cases[i].value[1]);
        assert_int_equal(value[ad_array_count(&a) - 1], cases[i].value[2]);
        free((void *)a.data);
    }
}

#define H(descr, order, shape) "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }\n"

static const struct { const char *name, *header; size_t data; const char *message; } wrong[] = {
    { "objects", H("'|O'", "False", "(1,)"), 8, "elements '|O' are not supported" },
    { "records", H("[('a', '<f4')]", "False", "(1,)"), 4, "structured types" },
    { "text", H("'<U4'", "False", "(1,)"), 16, "elements '<U4' are not supported" },
    { "complex", H("'<c8'", "False", "(1,)"), 8, "elements '<c8' are not supported" },
    { "long double", H("'<f16'", "False", "(1,)"), 16, "elements '<f16' are not supported" },
    { "no byte order for two bytes", H("'|i2'", "False", "(1,)"), 2, "elements '|i2' are not supported" },
    { "no quotes", H("<f4", "False", "(1,)"), 4, "needs a quoted string" },
    { "order is a number", H("'<f4'", "0", "(1,)"), 4, "fortran_order must be True or False" },
    { "order missing", "{'descr': '<f4', 'shape': (1,)}\n", 4, "a key is missing" },
    { "key twice", "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}\n", 4, "a key that came before" },
    { "unknown key", "{'descr': '<f4', 'x': 1, 'fortran_order': False, 'shape': (1,)}\n", 4, "an unknown key" },
    { "call", "{'descr': '<f4', 'fortran_order': bool(0), 'shape': (1,)}\n", 4, "fortran_order must be True or False" },
    { "shape is a list", H("'<f4'", "False", "[1]"), 4, "the header needs '(' here" },
    { "shape without comma", H("'<f4'", "False", "(1)"), 4, "needs a comma: (N,)" },
    { "negative dimension", H("'<f4'", "False", "(-1,)"), 4, "must be a number of digits" },
    { "large dimension", H("'<f4'", "False", "(4294967296,)"), 4, "a dimension above 2^31 - 1" },
    { "overflow beside zero", H("'|u1'", "False", "(0, 2147483647, 2147483647)"), 0, "more than 2^40 elements" },
    { "rank 9", H("'|u1'", "False", "(1,1,1,1,1,1,1,1,1)"), 1, "more than 8 dimensions" },
    { "not closed", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)\n", 4, "needs ',' or '}'" },
    { "text behind", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x\n", 4, "must end in spaces and one newline" },
    { "no newline", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", 4, "must end in spaces and one newline" },
    { "short data", H("'<f4'", "False", "(2,)"), 7, "F32 [2] needs 8 bytes of data, the file has 7" },
    { "trailing byte", H("'<f4'", "False", "(2,)"), 9, "F32 [2] needs 8 bytes of data, the file has 9" },
};

static void refuses_wrong_npy(void **state)
{
    char file[512], zeros[32] = { 0 };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        npy_refused(file, npy(file, i % 2, wrong[i].header, zeros, wrong[i].data), wrong[i].name, wrong[i].message);
    size_t size = npy(file, false, H("'<f4'", "False", "(2,)"), zeros, 8);
    for (size_t n = 0; n < size; n++) npy_refused(file, n, "truncated", "");
    file[6] = 4;
    npy_refused(file, size, "version 4", "an unknown version");
    file[0] = 0;
    npy_refused(file, size, "magic", "the magic");
    npy(file, true, H("'<f4'", "False", "(2,)"), zeros, 8);
    file[10] = 1;
    npy_refused(file, size + 2, "long header", "longer than 65535 bytes");
}

static void writes_npy_as_numpy_does(void **state)
{
    static const float x[6] = { 1, 2, 3, 4, 5, 6 };
    static const ad_array a = { .type = AD_ELEMENT_F32, .rank = 2, .dim = { 2, 3 }, .data = x, .bytes = sizeof x };
    ad_error e = { 0 };
    void *file;
    size_t size;
    ad_array back;
    assert_int_equal(ad_npy_write(&e, FILE_NAME, &a), AD_OK);
    assert_int_equal(ad_file_read(&e, FILE_NAME, 1000, &file, &size), AD_OK);
    assert_int_equal(size, 128 + 24);
    assert_memory_equal(file, "\x93NUMPY\1\0\x76\0{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }    ", 73);
    assert_int_equal(((char *)file)[127], '\n');
    free(file);
    assert_int_equal(ad_npy_read(&e, FILE_NAME, &back), AD_OK);
    assert_memory_equal(back.data, x, sizeof x);
    free((void *)back.data);
    unlink(FILE_NAME);
}

/* ---- npz ---- */

static uint8_t picture[2000];
static const int32_t patients[3] = { -1, 2, 300000 };
static const ad_array arrays[] = {
    { .name = "image", .type = AD_ELEMENT_U8, .rank = 2, .dim = { 50, 40 }, .data = picture, .bytes = sizeof picture },
    { .name = "patient", .type = AD_ELEMENT_I32, .rank = 1, .dim = { 3 }, .data = patients, .bytes = sizeof patients },
    { .name = "none", .type = AD_ELEMENT_F64, .rank = 2, .dim = { 4, 0 }, .data = NULL, .bytes = 0 },
};

/* Writes the arrays and gives the bytes of the file. */
static char *written(bool deflate, size_t *size)
{
    ad_error e = { 0 };
    void *file;
    for (int i = 0; i < 2000; i++) picture[i] = (uint8_t)(i * i / 7);
    if (ad_npz_write(&e, FILE_NAME, 3, arrays, deflate) != AD_OK) fail_msg("%s", e.message);
    if (ad_file_read(&e, FILE_NAME, 1 << 20, &file, size) != AD_OK) fail_msg("%s", e.message);
    unlink(FILE_NAME);
    return file;
}

static void writes_what_it_reads(void **state)
{
    for (int deflate = 0; deflate < 2; deflate++) {
        ad_error e = { 0 };
        ad_npz *z;
        const ad_array *a;
        size_t size;
        char *file = written(deflate, &size);
        if (ad_npz_parse(&e, "x.npz", file, size, &z) != AD_OK) fail_msg("%s", e.message);
        assert_int_equal(ad_npz_count(z), 3);
        assert_null(ad_npz_name(z, 3));
        for (int i = 0; i < 6; i++) {
            const ad_array *want = &arrays[i % 3];
            if (ad_npz_find(&e, z, want->name, &a) != AD_OK) fail_msg("%s", e.message);
            assert_true(a->type == want->type && a->rank == want->rank && a->bytes == want->bytes);
            assert_memory_equal(a->dim, want->dim, sizeof a->dim);
            if (want->bytes) assert_memory_equal(a->data, want->data, want->bytes);
            ad_npz_drop(z, want->name);
        }
        assert_int_equal(ad_npz_find(&e, z, "masks", &a), AD_EDATA);
        assert_string_equal(e.message, "x.npz: npz: no array 'masks'; there are: image, patient, none");
        ad_npz_free(z);
        if (deflate) assert_true(size < sizeof picture);
        else assert_memory_equal(file + 64 + 128, picture, sizeof picture);      /* stored data lie on 64-byte lines */
        free(file);
    }
}

/* Opens the archive and reads everything in it. */
static ad_status read_all(ad_error *e, const char *file, size_t size)
{
    ad_npz *z;
    const ad_array *a;
    ad_status s = ad_npz_parse(e, "x.npz", file, size, &z);
    for (int i = 0; s == AD_OK && i < ad_npz_count(z); i++) s = ad_npz_find(e, z, ad_npz_name(z, i), &a);
    ad_npz_free(z);
    return s;
}

static void npz_refused(const char *file, size_t size, const char *name, const char *message)
{
    ad_error e = { 0 };
    char *copy = malloc(size ? size : 1);
    memcpy(copy, file, size);
    if (read_all(&e, copy, size) != AD_EDATA) fail_msg("%s: not refused", name);
    if (!strstr(e.message, message)) fail_msg("%s: message '%s' lacks '%s'", name, e.message, message);
    if (strncmp(e.message, "x.npz: ", 7) != 0) fail_msg("%s: message '%s' does not name the file", name, e.message);
    free(copy);
}

static size_t find(const char *file, size_t size, const char *signature, int nth)
{
    for (size_t i = 0; i + 4 <= size; i++)
        if (memcmp(file + i, signature, 4) == 0 && nth-- == 0) return i;
    fail_msg("no signature");
    return 0;
}

/* One edit each: at an offset from the nth entry (or from the end record, or from a local header), so many bytes of a value. */
static const struct { const char *name, *signature; int nth, at, bytes; unsigned value; const char *message; } edits[] = {
    { "encrypted", "PK\1\2", 0, 8, 2, 1, "member 'image.npy': encrypted" },
    { "method 12", "PK\1\2", 1, 10, 2, 12, "member 'patient.npy': only stored (0) and deflated (8)" },
    { "wrong checksum", "PK\1\2", 0, 16, 4, 1234, "do not have the CRC-32" },
    { "size above deflate's reach", "PK\1\2", 1, 24, 4, 0x7fffffff, "more than deflate can reach" },
    { "larger than it is", "PK\1\2", 0, 24, 4, 2129, "do not have the sizes" },
    { "smaller than it is", "PK\1\2", 0, 24, 4, 2127, "unpacks to more" },
    { "packed size too small", "PK\1\2", 0, 20, 4, 20, "damaged or end early" },
    { "packed size beyond the directory", "PK\1\2", 2, 20, 4, 0x00ffffff, "the data reach into the central directory" },
    { "name length", "PK\1\2", 0, 28, 2, 0xffff, "reaches beyond the central directory" },
    { "empty name", "PK\1\2", 0, 28, 2, 0, "a name must be 1 to 1024 bytes" },
    { "no local header", "PK\1\2", 1, 42, 4, 1, "no local header" },
    { "local header outside", "PK\1\2", 1, 42, 4, 0x7fffffff, "no local header" },
    { "control character", "PK\1\2", 0, 46, 1, 7, "a name must be 1 to 1024 bytes" },
    { "other name", "PK\1\2", 0, 46, 1, 'j', "the local header has another name" },
    { "same place twice", "PK\1\2", 1, 42, 4, 0, "the local header has another name" },
    { "local name too long", "PK\3\4", 1, 26, 2, 0xffff, "reaches into the directory" },
    { "no entry", "PK\1\2", 1, 0, 1, 'Q', "no directory entry" },
    { "disks", "PK\5\6", 0, 4, 2, 1, "several disks" },
    { "entries differ", "PK\5\6", 0, 8, 2, 2, "numbers of entries differ" },
    { "more entries", "PK\5\6", 0, 8, 4, 0x00040004, "the central directory" },
    { "many entries", "PK\5\6", 0, 8, 4, 0x0fff0fff, "more entries than the central directory has room for" },
    { "fewer entries", "PK\5\6", 0, 8, 4, 0x00020002, "longer than its entries" },
    { "directory too long", "PK\5\6", 0, 12, 4, 0x7fffffff, "reaches beyond its end record" },
    { "directory elsewhere", "PK\5\6", 0, 16, 4, 0x7fffffff, "reaches beyond its end record" },
    { "comment", "PK\5\6", 0, 20, 2, 1, "no end of central directory whose comment" },
};

static void refuses_wrong_archives(void **state)
{
    size_t size;
    char *file = written(true, &size), *copy = malloc(size);
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        memcpy(copy, file, size);
        size_t at = find(copy, size, edits[i].signature, edits[i].nth) + (size_t)edits[i].at;
        for (int b = 0; b < edits[i].bytes; b++) copy[at + (size_t)b] = (char)(edits[i].value >> 8 * b & 255);
        npz_refused(copy, size, edits[i].name, edits[i].message);
    }
    for (size_t n = 0; n < size; n++) npz_refused(file, n, "truncated", "");
    free(copy);
    free(file);
}

/* Two entries for one stored member, under one name and under the same data range. */
static void refuses_overlapping_members(void **state)
{
    size_t size;
    char *file = written(false, &size);
    size_t first = find(file, size, "PK\1\2", 0), second = find(file, size, "PK\1\2", 1), local = find(file, size, "PK\3\4", 1);
    memcpy(file + second + 20, "\x51\0\0\0\x51\0\0\0", 8);                         /* shorter: ends inside itself, no overlap */
    npz_refused(file, size, "shorter", "");
    free(file);
    file = written(false, &size);
    uint32_t big = 50 * 40 + 128 + 30;                                            /* the first reaches into the second */
    memcpy(file + first + 20, &big, 4);
    memcpy(file + first + 24, &big, 4);
    npz_refused(file, size, "overlap", "member 'patient.npy': overlaps the member before it");
    free(file);
    ad_array twice[2] = { arrays[1], arrays[1] };
    ad_error e = { 0 };
    assert_int_equal(ad_npz_write(&e, FILE_NAME, 2, twice, false), AD_EUSAGE);
    assert_non_null(strstr(e.message, "two arrays are called 'patient'"));
    assert_true(local > 0);
}

static void stored_sizes_must_agree(void **state)
{
    size_t size;
    char *file = written(false, &size);
    file[find(file, size, "PK\1\2", 0) + 24] ^= 1;
    npz_refused(file, size, "stored", "a stored member must have two equal sizes");
    free(file);
}

static void survives_every_flip(void **state)
{
    for (int deflate = 0; deflate < 2; deflate++) {
        size_t size;
        char *file = written(deflate, &size);
        for (size_t i = 0; i < size; i++) {
            ad_error e = { 0 };
            file[i] ^= (char)(1 << i % 8);
            if (read_all(&e, file, size) != AD_OK) assert_int_equal(e.status, AD_EDATA);
            file[i] ^= (char)(1 << i % 8);
        }
        free(file);
    }
}

/* The crops this project is about, where they are at hand: written by numpy.savez_compressed. */
static void reads_the_lidc_crops(void **state)
{
    const char *shared = getenv("ADZE_SHARED");
    if (!shared) skip();
    char path[1024];
    ad_error e = { 0 };
    ad_npz *z;
    const ad_array *image, *masks, *patient;
    snprintf(path, sizeof path, "%s/data/lidc-crops/lidc_test.npz", shared);
    if (ad_npz_open(&e, path, &z) != AD_OK) fail_msg("%s", e.message);
    if (ad_npz_find(&e, z, "image", &image) != AD_OK || ad_npz_find(&e, z, "masks", &masks) != AD_OK ||
        ad_npz_find(&e, z, "patient", &patient) != AD_OK) fail_msg("%s", e.message);
    assert_true(image->type == AD_ELEMENT_U8 && image->rank == 3 && image->dim[0] == 626 && image->dim[1] == 128 && image->dim[2] == 128);
    assert_true(masks->type == AD_ELEMENT_U8 && masks->rank == 4 && masks->dim[0] == 626 && masks->dim[1] == 4);
    assert_true(patient->type == AD_ELEMENT_I32 && patient->rank == 1 && patient->dim[0] == 626);
    int readings[5] = { 0 };
    const uint8_t *m = masks->data;
    for (int n = 0; n < 626; n++) {
        int filled = 0;
        for (int k = 0; k < 4; k++, m += 128 * 128) filled += memchr(m, 1, 128 * 128) != NULL;
        readings[filled]++;
    }
    static const int want[5] = { 1, 147, 79, 139, 260 };
    assert_memory_equal(readings, want, sizeof want);
    ad_npz_free(z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_forms_of_numpy), cmocka_unit_test(refuses_wrong_npy), cmocka_unit_test(writes_npy_as_numpy_does),
        cmocka_unit_test(writes_what_it_reads), cmocka_unit_test(refuses_wrong_archives),
        cmocka_unit_test(refuses_overlapping_members), cmocka_unit_test(stored_sizes_must_agree),
        cmocka_unit_test(survives_every_flip), cmocka_unit_test(reads_the_lidc_crops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

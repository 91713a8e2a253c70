/* test_formats_safetensors.c - safetensors files: the reference file, every refusal, round trips, damage. */
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

#define FILE_NAME "formats_test.safetensors"

/* A file as the reference writer makes it: a = F32 [2] {1, -2.5}, s = I16 scalar -3. */
static const char reference[] =
    "\x90\0\0\0\0\0\0\0"
    "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
    "\"s\":{\"dtype\":\"I16\",\"shape\":[],\"data_offsets\":[8,10]}}      "
    "\0\0\x80\x3f\0\0\x20\xc0\xfd\xff";
#define REFERENCE_BYTES (sizeof reference - 1)

/* Length, header and `data` bytes of zero. */
static size_t assemble(char *file, const char *header, size_t data)
{
    size_t n = strlen(header);
    for (int i = 0; i < 8; i++) file[i] = (char)((uint64_t)n >> 8 * i & 255);
    memcpy(file + 8, header, n);
    memset(file + 8 + n, 0, data);
    return 8 + n + data;
}

static void refused(const void *file, size_t size, const char *name, const char *message)
{
    ad_error e = { 0 };
    ad_safetensors *st;
    char *copy = malloc(size + 1);          /* so that a sanitizer sees a read past the end */
    memcpy(copy, file, size);
    copy = realloc(copy, size ? size : 1);
    ad_status s = ad_safetensors_parse(&e, "x.safetensors", copy, size, &st);
    if (s != AD_ECHECKPOINT || e.status != AD_ECHECKPOINT) fail_msg("%s: status %d, want %d", name, (int)s, AD_ECHECKPOINT);
    if (!strstr(e.message, message)) fail_msg("%s: message '%s' lacks '%s'", name, e.message, message);
    if (strncmp(e.message, "x.safetensors: ", 15) != 0) fail_msg("%s: message '%s' does not name the file", name, e.message);
    assert_null(st);
    free(copy);
}

static void reads_the_reference_file(void **state)
{
    ad_error e = { 0 };
    ad_safetensors *st;
    assert_int_equal(REFERENCE_BYTES, 162);
    assert_int_equal(ad_safetensors_parse(&e, "x", reference, REFERENCE_BYTES, &st), AD_OK);
    assert_int_equal(ad_safetensors_count(st), 2);
    const ad_array *a = ad_safetensors_find(st, "a"), *s = ad_safetensors_find(st, "s");
    assert_true(a->type == AD_ELEMENT_F32 && a->rank == 1 && a->dim[0] == 2 && a->bytes == 8);
    assert_true(((const float *)a->data)[0] == 1 && ((const float *)a->data)[1] == -2.5f);
    assert_true(s->type == AD_ELEMENT_I16 && s->rank == 0 && *(const int16_t *)s->data == -3);
    assert_ptr_equal(ad_safetensors_at(st, 1), s);
    assert_null(ad_safetensors_at(st, 2));
    assert_null(ad_safetensors_find(st, "b"));
    assert_string_equal(ad_safetensors_metadata(st, "format"), "pt");
    assert_null(ad_safetensors_metadata(st, "step"));
    ad_metadata m;
    assert_true(ad_safetensors_metadata_at(st, 0, &m));
    assert_string_equal(m.key, "format");
    assert_false(ad_safetensors_metadata_at(st, 1, &m));
    ad_safetensors_free(st);
}

#define T(name, dtype, shape, begin, end) "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

static const struct {
    const char *name, *header;
    size_t data;
    const char *message;
} wrong_headers[] = {
    { "an array", "[]", 0, "byte 8: safetensors: the header must start with '{'" },
    { "byte order mark", "\xef\xbb\xbf{}", 0, "byte 8: safetensors: the header must start with '{'" },
    { "leading space", " {}", 0, "must start with '{'" },
    { "trailing newline", "{}\n", 0, "must end with '}' and spaces" },
    { "two objects", "{}{}", 0, "byte 10: JSON: more text behind the value" },
    { "not UTF-8", "{\"\xff\":1}", 0, "byte 10: JSON: not valid UTF-8" },
    { "duplicate tensor", "{" T("a", "U8", "[1]", "0", "1") "," T("a", "U8", "[1]", "1", "2") "}", 2, "duplicate key 'a'" },
    { "duplicate field", "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}", 1, "duplicate key 'dtype'" },
    { "overlap", "{" T("a", "U8", "[4]", "0", "4") "," T("b", "U8", "[4]", "0", "4") "}", 4, "tensor 'b': its data overlap" },
    { "hole", "{" T("a", "U8", "[1]", "0", "1") "," T("b", "U8", "[1]", "2", "3") "}", 3, "tensor 'b': a hole" },
    { "hole at the start", "{" T("a", "U8", "[1]", "1", "2") "}", 2, "tensor 'a': a hole" },
    { "trailing byte", "{" T("a", "U8", "[1]", "0", "1") "}", 2, "bytes behind the last tensor" },
    { "missing byte", "{" T("a", "U8", "[2]", "0", "2") "}", 1, "ends before the last tensor" },
    { "no tensors but data", "{}", 1, "bytes behind the last tensor" },
    { "shape overflows", "{" T("a", "U8", "[8589934592,8589934592]", "0", "1") "}", 1, "the shape has more than" },
    { "overflow beside zero", "{" T("a", "U8", "[0,9007199254740991]", "0", "0") "}", 0, "the shape has more than" },
    { "2^63 beside zero", "{" T("a", "U8", "[0,9223372036854775808]", "0", "0") "}", 0, "a dimension must be an integer" },
    { "product beside zero", "{" T("a", "U8", "[0,2000000000,2000000000]", "0", "0") "}", 0, "the shape has more than" },
    { "negative offset", "{" T("a", "U8", "[1]", "-1", "0") "}", 0, "data_offsets must be integers" },
    { "end before begin", "{" T("a", "U8", "[1]", "1", "0") "}", 0, "BEGIN not above END" },
    { "exponent offset", "{" T("a", "U8", "[1000]", "0", "1e3") "}", 1000, "data_offsets must be integers" },
    { "three offsets", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,1]}}", 1, "must be [BEGIN, END]" },
    { "fraction", "{" T("a", "U8", "[1.0]", "0", "1") "}", 1, "a dimension must be an integer" },
    { "negative dimension", "{" T("a", "U8", "[-1]", "0", "1") "}", 1, "a dimension must be an integer" },
    { "text as dimension", "{" T("a", "U8", "[\"1\"]", "0", "1") "}", 1, "a dimension must be an integer" },
    { "rank 9", "{" T("a", "U8", "[1,1,1,1,1,1,1,1,1]", "0", "1") "}", 1, "more than 8 dimensions" },
    { "size and shape", "{" T("a", "F32", "[2]", "0", "4") "}", 4, "END - BEGIN is not the size" },
    { "half a byte", "{" T("a", "F4", "[3]", "0", "1") "}", 1, "a fraction of a byte" },
    { "unknown dtype", "{" T("a", "F31", "[1]", "0", "4") "}", 4, "tensor 'a': dtype is not one" },
    { "dtype is a number", "{\"a\":{\"dtype\":7,\"shape\":[],\"data_offsets\":[0,1]}}", 1, "dtype is not one" },
    { "no dtype", "{\"a\":{\"shape\":[],\"data_offsets\":[0,1]}}", 1, "exactly dtype, shape and data_offsets" },
    { "a field more", "{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1],\"x\":1}}", 1, "exactly dtype, shape and data_offsets" },
    { "other field", "{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"x\":1}}", 1, "exactly dtype, shape and data_offsets" },
    { "entry is a number", "{\"a\":1}", 0, "exactly dtype, shape and data_offsets" },
    { "shape is a number", "{\"a\":{\"dtype\":\"U8\",\"shape\":1,\"data_offsets\":[0,1]}}", 1, "shape must be an array" },
    { "control character in a name", "{" T("a\\u0001", "U8", "[1]", "0", "1") "}", 1, "a tensor name must be" },
    { "empty name", "{" T("", "U8", "[1]", "0", "1") "}", 1, "a tensor name must be" },
    { "metadata is text", "{\"__metadata__\":\"x\"}", 0, "__metadata__ must be an object of strings" },
    { "metadata of numbers", "{\"__metadata__\":{\"step\":1}}", 0, "__metadata__ must be an object of strings" },
    { "checksum of nothing", "{\"__metadata__\":{\"crc32c\":\"{\\\"b\\\":\\\"00000000\\\"}\"}}", 0, "entry 'b' that is not a tensor" },
    { "checksums are no JSON", "{\"__metadata__\":{\"crc32c\":\"x\"}}", 0, "JSON" },
};

static void refuses_wrong_headers(void **state)
{
    char file[4096];
    for (size_t i = 0; i < sizeof wrong_headers / sizeof *wrong_headers; i++) {
        size_t size = assemble(file, wrong_headers[i].header, wrong_headers[i].data);
        refused(file, size, wrong_headers[i].name, wrong_headers[i].message);
    }
}

static void refuses_wrong_lengths(void **state)
{
    char file[REFERENCE_BYTES];
    memcpy(file, reference, sizeof file);
    refused(file, 0, "empty", "ends within the header length");
    memset(file, 255, 8);
    refused(file, sizeof file, "N = 2^64 - 1", "longer than 100000000 bytes");
    memset(file, 0, 8);
    refused(file, sizeof file, "N = 0", "the header must start with '{'");
    file[0] = (char)(REFERENCE_BYTES - 8 + 1);
    refused(file, sizeof file, "N = size - 8 + 1", "reaches beyond the end of the file");
}

static void refuses_deep_nesting(void **state)
{
    size_t n = 100000;
    char *header = malloc(n + 8), *file = malloc(n + 16);
    memset(header, '[', n);
    memcpy(header, "{\"a\":", 5);
    strcpy(header + n, "}");
    size_t size = assemble(file, header, 0);
    refused(file, size, "100000 brackets", "nested too deeply");
    free(header);
    free(file);
}

static void refuses_every_truncation(void **state)
{
    for (size_t n = 0; n < REFERENCE_BYTES; n++) refused(reference, n, "truncated", "");
}

/* A flipped bit is either refused or leaves a file that is read; with a sanitizer, no access may go astray. */
static void survives_every_flip(void **state)
{
    char file[REFERENCE_BYTES];
    for (size_t i = 0; i < 8 * REFERENCE_BYTES; i++) {
        ad_error e = { 0 };
        ad_safetensors *st;
        memcpy(file, reference, sizeof file);
        file[i / 8] ^= (char)(1 << i % 8);
        if (ad_safetensors_parse(&e, "x", file, sizeof file, &st) == AD_OK) assert_int_equal(ad_safetensors_count(st), 2);
        else assert_true(e.message[0] && !st);
        ad_safetensors_free(st);
    }
}

static void lists_but_does_not_load_rare_types(void **state)
{
    char file[512];
    ad_error e = { 0 };
    ad_safetensors *st;
    float out[2];
    size_t size = assemble(file, "{" T("a", "F8_E4M3", "[2]", "0", "2") "," T("b", "F4", "[2]", "2", "3") "}", 3);
    assert_int_equal(ad_safetensors_parse(&e, "x", file, size, &st), AD_OK);
    assert_int_equal(ad_safetensors_find(st, "b")->type, AD_ELEMENT_F4);
    assert_int_equal(ad_array_to_f32(&e, ad_safetensors_find(st, "a"), out), AD_EDATA);
    assert_non_null(strstr(e.message, "array 'a' has elements F8_E4M3"));
    ad_safetensors_free(st);
}

static const float floats[6] = { 1, -2.5f, 0, 3e38f, 1e-40f, 7 };
static const int16_t shorts[3] = { -3, 4, 5 };
static const uint64_t longs[1] = { UINT64_MAX };
static const ad_array arrays[] = {
    { .name = "z/s", .type = AD_ELEMENT_I16, .rank = 1, .dim = { 3 }, .data = shorts, .bytes = 6 },
    { .name = "b\"\xc3\xa9", .type = AD_ELEMENT_F32, .rank = 2, .dim = { 2, 3 }, .data = floats, .bytes = 24 },
    { .name = "a", .type = AD_ELEMENT_F32, .rank = 0, .data = floats, .bytes = 4 },
    { .name = "n", .type = AD_ELEMENT_U64, .rank = 1, .dim = { 1 }, .data = longs, .bytes = 8 },
    { .name = "empty", .type = AD_ELEMENT_U8, .rank = 2, .dim = { 0, 5 }, .data = "", .bytes = 0 },
};
#define N_ARRAYS ((int64_t)(sizeof arrays / sizeof *arrays))
static const ad_metadata notes[] = { { "step", "12" }, { "a", "line\n\"quoted\"" } };

static void writes_what_it_reads(void **state)
{
    static const char *const order[] = { "n", "a", "b\"\xc3\xa9", "z/s", "empty" };
    ad_error e = { 0 };
    ad_safetensors *st;
    assert_int_equal(ad_safetensors_write(&e, FILE_NAME, N_ARRAYS, arrays, 2, notes), AD_OK);
    if (ad_safetensors_open(&e, FILE_NAME, &st) != AD_OK) fail_msg("%s", e.message);
    assert_int_equal(ad_safetensors_count(st), N_ARRAYS);
    for (int64_t i = 0; i < N_ARRAYS; i++) {
        const ad_array *a = ad_safetensors_find(st, arrays[i].name);
        assert_string_equal(ad_safetensors_at(st, i)->name, order[i]);
        assert_true(a && a->type == arrays[i].type && a->rank == arrays[i].rank && a->bytes == arrays[i].bytes);
        assert_memory_equal(a->dim, arrays[i].dim, sizeof a->dim);
        assert_memory_equal(a->data, arrays[i].data, a->bytes);
        assert_int_equal((uintptr_t)a->data % 16, 0);
    }
    assert_string_equal(ad_safetensors_metadata(st, "a"), notes[1].value);
    assert_string_equal(ad_safetensors_metadata(st, "step"), "12");
    assert_string_equal(ad_safetensors_metadata(st, "format"), "pt");
    /* What was read, metadata of the writer's own included, can be written again: the same bytes. */
    ad_metadata all[8];
    int n = 0;
    while (ad_safetensors_metadata_at(st, n, &all[n])) n++;
    assert_int_equal(n, 4);
    assert_int_equal(ad_safetensors_write(&e, FILE_NAME "2", N_ARRAYS, ad_safetensors_at(st, 0), n, all), AD_OK);
    void *one, *two;
    size_t size, size2;
    assert_int_equal(ad_file_read(&e, FILE_NAME, 1 << 20, &one, &size), AD_OK);
    assert_int_equal(ad_file_read(&e, FILE_NAME "2", 1 << 20, &two, &size2), AD_OK);
    assert_int_equal(size, size2);
    assert_memory_equal(one, two, size);
    free(one);
    free(two);
    ad_safetensors_free(st);
    unlink(FILE_NAME);
    unlink(FILE_NAME "2");
}

static void a_flipped_bit_names_the_tensor(void **state)
{
    ad_error e = { 0 };
    void *file;
    size_t size;
    assert_int_equal(ad_safetensors_write(&e, FILE_NAME, N_ARRAYS, arrays, 0, NULL), AD_OK);
    assert_int_equal(ad_file_read(&e, FILE_NAME, 1 << 20, &file, &size), AD_OK);
    ((char *)file)[size - 1] ^= 16;
    refused(file, size, "last byte", "tensor 'z/s' is corrupt (CRC-32C ");
    free(file);
    unlink(FILE_NAME);
}

static void refuses_wrong_writing(void **state)
{
    const struct { ad_array a; const char *message; } wrong[] = {
        { { .name = NULL, .type = AD_ELEMENT_U8 }, "needs a name" },
        { { .name = "\xff", .type = AD_ELEMENT_U8 }, "needs a name" },
        { { .name = "__metadata__", .type = AD_ELEMENT_U8 }, "needs a name" },
        { { .name = "a", .type = AD_ELEMENT_C64 }, "cannot be C64" },
        { { .name = "a", .type = AD_ELEMENT_U8, .rank = 1, .dim = { -1 } }, "cannot be U8 [-1]" },
        { { .name = "a", .type = AD_ELEMENT_U8, .rank = 1, .dim = { 3 }, .bytes = 4 }, "cannot be U8 [3] of 4 bytes" },
        { { .name = "b", .type = AD_ELEMENT_U8 }, "two tensors are called 'b'" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ad_error e = { 0 };
        ad_safetensors_writer *w;
        ad_array two[2] = { { .name = "b", .type = AD_ELEMENT_U8 }, wrong[i].a };
        assert_int_equal(ad_safetensors_begin(&e, FILE_NAME, 2, two, 0, NULL, &w), AD_EUSAGE);
        assert_null(w);
        if (!strstr(e.message, wrong[i].message)) fail_msg("'%s' lacks '%s'", e.message, wrong[i].message);
    }
    assert_int_not_equal(access(FILE_NAME, F_OK), 0);
}

static void an_unfinished_file_is_not_left(void **state)
{
    ad_error e = { 0 };
    ad_safetensors_writer *w;
    assert_int_equal(ad_safetensors_begin(&e, FILE_NAME, N_ARRAYS, arrays, 0, NULL, &w), AD_OK);
    assert_int_equal(ad_safetensors_put(w, 1, floats), AD_OK);
    assert_int_equal(ad_safetensors_put(w, 1, floats), AD_EUSAGE);
    ad_error_clear(&e);
    assert_int_equal(ad_safetensors_end(w), AD_EUSAGE);
    assert_non_null(strstr(e.message, "tensor 'z/s' was never put"));
    assert_int_not_equal(access(FILE_NAME, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_reference_file), cmocka_unit_test(refuses_wrong_headers),
        cmocka_unit_test(refuses_wrong_lengths), cmocka_unit_test(refuses_deep_nesting),
        cmocka_unit_test(refuses_every_truncation), cmocka_unit_test(survives_every_flip),
        cmocka_unit_test(lists_but_does_not_load_rare_types), cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(a_flipped_bit_names_the_tensor), cmocka_unit_test(refuses_wrong_writing),
        cmocka_unit_test(an_unfinished_file_is_not_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

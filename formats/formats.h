/*
 * formats.h - bytes to arrays and back: npy/npz, safetensors, PNG, JSON, the colour map, and files that are written whole or not at all.
 *
 * Every reader takes hostile input: it works on a buffer in memory, checks every length before it is used, and refuses with a message
 * that names the file, the byte offset and the rule. Malformed content is AD_EDATA (safetensors: AD_ECHECKPOINT); a file that cannot
 * be opened, read or written, a full disk included, is AD_EIO. `what` is the name by which messages call a buffer.
 * Every writer puts a temporary file beside the target and renames it, so that a failure leaves no partial file and the old one intact.
 */
#ifndef ADZE_FORMATS_FORMATS_H
#define ADZE_FORMATS_FORMATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "autograd/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- arrays as they lie in files ---- */

/* name in safetensors, code in npy ("" where it has none), bits, whether it is loaded (else only listed). The order is that of
 * tensors in a safetensors file, reversed. */
#define AD_ELEMENT_MAP(X)                    \
    X(BOOL,        "|b1", 8,  true)          \
    X(F4,          "",    4,  false)         \
    X(F6_E2M3,     "",    6,  false)         \
    X(F6_E3M2,     "",    6,  false)         \
    X(U8,          "|u1", 8,  true)          \
    X(I8,          "|i1", 8,  true)          \
    X(F8_E5M2,     "",    8,  false)         \
    X(F8_E4M3,     "",    8,  false)         \
    X(F8_E8M0,     "",    8,  false)         \
    X(F8_E4M3FNUZ, "",    8,  false)         \
    X(F8_E5M2FNUZ, "",    8,  false)         \
    X(I16,         "<i2", 16, true)          \
    X(U16,         "<u2", 16, true)          \
    X(F16,         "<f2", 16, true)          \
    X(BF16,        "",    16, true)          \
    X(I32,         "<i4", 32, true)          \
    X(U32,         "<u4", 32, true)          \
    X(F32,         "<f4", 32, true)          \
    X(C64,         "",    64, false)         \
    X(F64,         "<f8", 64, true)          \
    X(I64,         "<i8", 64, true)          \
    X(U64,         "<u8", 64, true)

typedef enum ad_element_type {
#define X(name, npy, bits, loaded) AD_ELEMENT_##name,
    AD_ELEMENT_MAP(X)
#undef X
    AD_ELEMENT_COUNT
} ad_element_type;

#define AD_ARRAY_RANK 8

/* A named array: dense, row-major, little-endian. */
typedef struct ad_array {
    const char *name;
    ad_element_type type;
    int rank;                      /* 0: a scalar, one element */
    int64_t dim[AD_ARRAY_RANK];
    const void *data;              /* 16-byte aligned when it came from a reader */
    size_t bytes;
} ad_array;

AD_API const char *ad_element_name(ad_element_type t);
AD_API int ad_element_bits(ad_element_type t);
AD_API int64_t ad_array_count(const ad_array *a);                  /* number of elements */
/* "F32 [2,3]" into text (at least AD_ARRAY_TEXT bytes); returns text. */
AD_API const char *ad_array_text(const ad_array *a, char *text);
#define AD_ARRAY_TEXT 192
/* All elements as float or double (each value converted, to nearest); out has ad_array_count(a) elements. */
AD_API AD_CHECKED ad_status ad_array_to_f32(ad_error *e, const ad_array *a, float *out);
AD_API AD_CHECKED ad_status ad_array_to_f64(ad_error *e, const ad_array *a, double *out);
/* All elements as int64; a fraction, NaN or a number out of range is refused with AD_EDATA. */
AD_API AD_CHECKED ad_status ad_array_to_i64(ad_error *e, const ad_array *a, int64_t *out);

/* ---- whole files ---- */

/* The bytes of a file, malloc'ed, with a zero byte behind the end; larger than `limit` is refused. Path "-" is stdin. */
AD_API AD_CHECKED ad_status ad_file_read(ad_error *e, const char *path, size_t limit, void **data, size_t *size);
/* Writes a file whole or not at all. */
AD_API AD_CHECKED ad_status ad_file_write(ad_error *e, const char *path, const void *data, size_t size);

/* A file being written. ad_writer_new makes the temporary beside `path` and reserves `size` bytes of disk; ad_writer_put writes at
 * an offset; ad_writer_commit syncs and renames. The first failure of a put sticks, and commit returns it. Both commit and cancel
 * free the writer; cancel (NULL is fine) and a failed commit leave nothing behind. */
typedef struct ad_writer ad_writer;
AD_API AD_CHECKED ad_status ad_writer_new(ad_error *e, const char *path, uint64_t size, ad_writer **writer);
AD_API AD_CHECKED ad_status ad_writer_put(ad_writer *w, uint64_t offset, const void *data, size_t size);
AD_API AD_CHECKED ad_status ad_writer_commit(ad_writer *taken);
AD_API void ad_writer_cancel(ad_writer *taken);

/* ---- growing text: what reports are made of ---- */

/* Starts as { 0 }; data is zero-terminated once something was added. Out of memory sticks in `failed`. */
typedef struct ad_text {
    char *data;
    size_t size, capacity;
    bool failed;
} ad_text;

AD_API void ad_text_add(ad_text *t, const char *format, ...) AD_PRINTF(2, 3);
AD_API void ad_text_bytes(ad_text *t, const void *data, size_t size);
AD_API void ad_text_free(ad_text *t);
/* ad_file_write of the text; AD_ENOMEM if it failed. */
AD_API AD_CHECKED ad_status ad_text_write(ad_error *e, const char *path, const ad_text *t);

/* ---- JSON ---- */

typedef enum ad_json_kind { AD_JSON_NULL, AD_JSON_BOOL, AD_JSON_NUMBER, AD_JSON_TEXT, AD_JSON_ARRAY, AD_JSON_OBJECT } ad_json_kind;

/* A value of a parsed document. Strings are decoded UTF-8, zero-terminated; one with a zero character inside is refused. */
typedef struct ad_json {
    ad_json_kind kind;
    const char *key;               /* in an object */
    const char *text;              /* TEXT; NUMBER: the number as it was written */
    double number;                 /* NUMBER; BOOL: 0 or 1 */
    int64_t count;                 /* ARRAY, OBJECT: members */
    const struct ad_json *first, *next;   /* first member; next member of the same parent, in file order */
    size_t offset;                 /* byte where it starts */
} ad_json;

#define AD_JSON_DEPTH 64
/* Exactly one value with white space around it, nested at most `depth` deep (a scalar is depth 0), no duplicate keys. */
AD_API AD_CHECKED ad_status ad_json_parse(ad_error *e, const char *what, const char *text, size_t size, int depth, ad_json **root);
AD_API void ad_json_free(ad_json *root);
AD_API const ad_json *ad_json_get(const ad_json *object, const char *key);         /* NULL if there is none */
/* An integer written without fraction or exponent, within +-(2^53 - 1). */
AD_API bool ad_json_int(const ad_json *v, int64_t *out);

/* Writing: open, put members (key NULL in arrays and at the top), close. Keys and texts are escaped; numbers read back
 * bit-identically, and those that are not finite become null. indent 0 is compact. */
typedef struct ad_json_writer {
    ad_text text;
    int indent;                    /* spaces a level */
    int depth;
    bool started[AD_JSON_DEPTH];   /* a member was put at this depth */
    char closer[AD_JSON_DEPTH];
} ad_json_writer;

AD_API void ad_json_open_object(ad_json_writer *w, const char *key);
AD_API void ad_json_open_array(ad_json_writer *w, const char *key);
AD_API void ad_json_close(ad_json_writer *w);
AD_API void ad_json_put_text(ad_json_writer *w, const char *key, const char *value);   /* NULL becomes null */
AD_API void ad_json_put_number(ad_json_writer *w, const char *key, double value);
AD_API void ad_json_put_int(ad_json_writer *w, const char *key, int64_t value);
AD_API void ad_json_put_bool(ad_json_writer *w, const char *key, bool value);
/* Ends the document with a newline; the text is then in w->text. Unclosed members are our own mistake. */
AD_API void ad_json_end(ad_json_writer *w);

/* ---- npy and npz ---- */

typedef struct ad_npz ad_npz;

/* Reads the directory of a zip file of NAME.npy members, stored or deflated. */
AD_API AD_CHECKED ad_status ad_npz_open(ad_error *e, const char *path, ad_npz **npz);
AD_API AD_CHECKED ad_status ad_npz_parse(ad_error *e, const char *what, const void *borrowed, size_t size, ad_npz **npz);
AD_API void ad_npz_free(ad_npz *npz);
AD_API int ad_npz_count(const ad_npz *npz);
AD_API const char *ad_npz_name(const ad_npz *npz, int i);                          /* without ".npy" */
/* Unpacks and checks (CRC-32, header, size) a member when it is first asked for. A name that is not there is refused with the
 * names that are. The array belongs to npz; ad_npz_drop gives its memory back early. */
AD_API AD_CHECKED ad_status ad_npz_find(ad_error *e, ad_npz *npz, const char *name, const ad_array **array);
AD_API void ad_npz_drop(ad_npz *npz, const char *name);
/* Byte-reproducible; names as given, ".npy" is added. */
AD_API AD_CHECKED ad_status ad_npz_write(ad_error *e, const char *path, int n, const ad_array *arrays, bool deflate);

/* One npy file. array->data is malloc'ed: free((void *)array->data) after use. */
AD_API AD_CHECKED ad_status ad_npy_parse(ad_error *e, const char *what, const void *data, size_t size, ad_array *array);
AD_API AD_CHECKED ad_status ad_npy_read(ad_error *e, const char *path, ad_array *array);
AD_API AD_CHECKED ad_status ad_npy_write(ad_error *e, const char *path, const ad_array *array);

/* ---- safetensors ---- */

typedef struct ad_safetensors ad_safetensors;
typedef struct ad_metadata {
    const char *key, *value;
} ad_metadata;

/* Tensors whose CRC-32C is in the metadata ("crc32c", written by our writer) are checked against it. */
AD_API AD_CHECKED ad_status ad_safetensors_open(ad_error *e, const char *path, ad_safetensors **st);
AD_API AD_CHECKED ad_status ad_safetensors_parse(ad_error *e, const char *what, const void *data, size_t size, ad_safetensors **st);
AD_API void ad_safetensors_free(ad_safetensors *st);
AD_API int64_t ad_safetensors_count(const ad_safetensors *st);
AD_API const ad_array *ad_safetensors_at(const ad_safetensors *st, int64_t i);     /* in data order; NULL past the end */
AD_API const ad_array *ad_safetensors_find(const ad_safetensors *st, const char *name);        /* NULL if there is none */
AD_API const char *ad_safetensors_metadata(const ad_safetensors *st, const char *key);         /* NULL if there is none */
AD_API bool ad_safetensors_metadata_at(const ad_safetensors *st, int64_t i, ad_metadata *m);   /* false past the end */

/* Tensor by tensor: `tensors` gives names, types and shapes (data is not looked at), then each tensor i is put once, in any order,
 * tensors[i].bytes long (bytes 0 in `tensors` means: as the shape says). "format": "pt" and the checksums are added to the
 * metadata. Both end and cancel free the writer. */
typedef struct ad_safetensors_writer ad_safetensors_writer;
AD_API AD_CHECKED ad_status ad_safetensors_begin(ad_error *e, const char *path, int64_t n, const ad_array *tensors, int n_metadata,
                                                 const ad_metadata *metadata, ad_safetensors_writer **writer);
AD_API AD_CHECKED ad_status ad_safetensors_put(ad_safetensors_writer *w, int64_t i, const void *data);
AD_API AD_CHECKED ad_status ad_safetensors_end(ad_safetensors_writer *taken);
AD_API void ad_safetensors_cancel(ad_safetensors_writer *taken);
/* All at once, from arrays with data. */
AD_API AD_CHECKED ad_status ad_safetensors_write(ad_error *e, const char *path, int64_t n, const ad_array *tensors, int n_metadata,
                                                 const ad_metadata *metadata);

/* ---- pictures ---- */

typedef struct ad_image {
    int width, height;
    int channels;                  /* 1: grey, 3: RGB */
    uint8_t *data;                 /* [height, width, channels], malloc'ed */
} ad_image;

/* 8-bit grey or RGB whatever the file has: palettes and small greys expanded, alpha dropped, 16 bits scaled. */
AD_API AD_CHECKED ad_status ad_png_read(ad_error *e, const char *path, ad_image *image);
AD_API AD_CHECKED ad_status ad_png_parse(ad_error *e, const char *what, const void *data, size_t size, ad_image *image);
AD_API AD_CHECKED ad_status ad_png_write(ad_error *e, const char *path, const ad_image *image);
/* A black image; AD_ENOMEM or AD_EUSAGE. */
AD_API AD_CHECKED ad_status ad_image_new(ad_error *e, int width, int height, int channels, ad_image *image);
AD_API void ad_image_free(ad_image *image);

/* The colour map "magma", 256 rows of red, green, blue. */
extern AD_API const uint8_t ad_magma[256][3];
/* The colour of v on the scale lo..hi, clamped; NaN is grey. */
AD_API void ad_magma_color(double v, double lo, double hi, uint8_t rgb[3]);

/* ---- checksums ---- */

AD_API uint32_t ad_crc32c(uint32_t crc, const void *data, size_t size);            /* Castagnoli; start with 0 */

#ifdef __cplusplus
}
#endif
#endif

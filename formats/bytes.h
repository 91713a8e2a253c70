/* bytes.h - private to formats: little-endian loads and stores, checked products, text rules that every reader shares. */
#ifndef ADZE_FORMATS_BYTES_H
#define ADZE_FORMATS_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/formats.h"

#define AD__NAME_BYTES 1024                       /* longest name of a member or tensor */
#define AD__ELEMENTS_MAX ((int64_t)1 << 40)
#define AD__DIM_MAX INT32_MAX

static inline uint64_t ad__load(const uint8_t *p, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes; i-- > 0;) v = v << 8 | p[i];
    return v;
}

static inline void ad__store(uint8_t *p, int bytes, uint64_t v)
{
    for (int i = 0; i < bytes; i++, v >>= 8) p[i] = (uint8_t)v;
}

/* Valid UTF-8 without overlong forms and surrogates; *bad (may be NULL) is the first offending byte. */
bool ad__utf8_valid(const char *text, size_t size, size_t *bad);
/* As in a member or tensor name: 1 to AD__NAME_BYTES bytes, valid UTF-8, no control characters. */
bool ad__name_valid(const char *name, size_t size);
/* Bytes of an array of this type and shape; false where a dimension, the rank, the number of elements or the product of the
 * dimensions that are not zero is out of range. */
bool ad__shape_bytes(ad_element_type t, int rank, const int64_t *dim, size_t *bytes);
bool ad__element_loaded(ad_element_type t);
const char *ad__element_npy(ad_element_type t);
/* The number so that it reads back bit-identically, whatever the locale; returns text. */
const char *ad__number_text(double v, char text[40]);
/* ad_json_parse of a text that starts at byte `base` of its file. */
ad_status ad__json_parse(ad_error *e, const char *what, size_t base, const char *text, size_t size, int depth, ad_json **root);
/* JSON text of a string, quotes included. */
void ad__json_quote(ad_text *t, const char *value);

/* From the bytes of a whole npy file in `taken` (malloc'ed; freed on failure) to an array whose data is that block or another. */
ad_status ad__npy_load(ad_error *e, const char *what, void *taken, size_t size, ad_array *array);
/* Magic, version and header of an array in front of its data. */
ad_status ad__npy_header(ad_error *e, const char *what, const ad_array *array, ad_text *header);

#endif

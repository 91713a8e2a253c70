/*
 * npy.c - one array in NumPy's format: magic, version, header length, a Python dict literal, data.
 *
 * The header goes through a parser of exactly the three keys and their forms; nothing is ever evaluated. Big-endian data is swapped
 * and Fortran order transposed on the way in, so that every array in memory is little-endian and row-major.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/bytes.h"

#define MAGIC "\x93NUMPY"
#define HEADER_MAX 65535

typedef struct header {
    ad_error *error;
    const char *what, *text;
    size_t at, end, data;      /* cursor and end of the dict text; offset of the data */
    ad_array *array;
    bool swap, fortran;
} header;

static ad_status refuse(const header *h, size_t at, const char *rule)
{
    return AD_FAIL(h->error, EDATA, "%s: byte %zu: npy: %s", h->what, at, rule);
}

/* ---- the dict ---- */

static int peek(header *h)
{
    while (h->at < h->end && h->text[h->at] == ' ') h->at++;
    return h->at < h->end ? (unsigned char)h->text[h->at] : -1;
}

static ad_status expect(header *h, char c)
{
    char rule[] = "the header needs '?' here";
    rule[18] = c;
    if (peek(h) != c) return refuse(h, h->at, rule);
    h->at++;
    return AD_OK;
}

static ad_status quoted(header *h, const char **text, size_t *size)
{
    int quote = peek(h);
    if (quote != '\'' && quote != '"') return refuse(h, h->at, "the header needs a quoted string here");
    size_t first = ++h->at;
    while (h->at < h->end && h->text[h->at] != quote) h->at++;
    if (h->at == h->end) return refuse(h, first - 1, "a string without its closing quote");
    *text = h->text + first;
    *size = h->at++ - first;
    return AD_OK;
}

/* "<f4": byte order, kind, item size. */
static ad_status parse_descr(header *h)
{
    const char *text;
    size_t size, start = h->at;
    if (peek(h) == '[') return refuse(h, h->at, "structured types are not supported; need one of b1, i1 to i8, u1 to u8, f2, f4, f8");
    AD_TRY(quoted(h, &text, &size));
    if (size == 3 && strchr("<>|=", text[0])) {
        for (int t = 0; t < AD_ELEMENT_COUNT; t++) {
            const char *code = ad__element_npy((ad_element_type)t);
            if (!*code || memcmp(code + 1, text + 1, 2) != 0) continue;
            if (text[0] == '|' && code[0] != '|') break;
            h->array->type = (ad_element_type)t;
            h->swap = text[0] == '>' && code[0] != '|';
            return AD_OK;
        }
    }
    return AD_FAIL(h->error, EDATA, "%s: byte %zu: npy: elements '%.*s' are not supported; need one of b1, i1 to i8, u1 to u8, f2, f4, f8",
                   h->what, start, (int)(size < 40 ? size : 40), text);
}

static ad_status parse_order(header *h)
{
    static const struct { const char *text; bool value; } words[] = { { "True", true }, { "False", false } };
    int c = peek(h);
    for (int i = 0; i < 2 && c != -1; i++) {
        size_t n = strlen(words[i].text);
        if (h->end - h->at < n || memcmp(h->text + h->at, words[i].text, n) != 0) continue;
        h->at += n;
        h->fortran = words[i].value;
        return AD_OK;
    }
    return refuse(h, h->at, "fortran_order must be True or False");
}

static ad_status parse_dim(header *h)
{
    size_t start = h->at;
    int64_t v = 0;
    if (h->array->rank == AD_ARRAY_RANK) return refuse(h, start, "more than 8 dimensions");
    while (h->at < h->end && h->text[h->at] >= '0' && h->text[h->at] <= '9') {
        v = v * 10 + (h->text[h->at++] - '0');
        if (v > AD__DIM_MAX) return refuse(h, start, "a dimension above 2^31 - 1");
    }
    if (h->at == start) return refuse(h, start, "a dimension must be a number of digits");
    if (h->at < h->end && h->text[h->at] == 'L') h->at++;       /* Python 2 wrote long integers so */
    h->array->dim[h->array->rank++] = v;
    return AD_OK;
}

static ad_status parse_shape(header *h)
{
    AD_TRY(expect(h, '('));
    bool comma = false;
    while (peek(h) != ')') {
        if (h->array->rank > 0 && !comma) return refuse(h, h->at, "the shape needs ',' or ')' here");
        AD_TRY(parse_dim(h));
        comma = peek(h) == ',';
        if (comma) h->at++;
    }
    if (h->array->rank == 1 && !comma) return refuse(h, h->at, "a shape of one dimension needs a comma: (N,)");
    h->at++;
    return AD_OK;
}

static ad_status parse_dict(header *h)
{
    static const struct { const char *name; ad_status (*parse)(header *); } keys[] = {
        { "descr", parse_descr }, { "fortran_order", parse_order }, { "shape", parse_shape },
    };
    unsigned seen = 0;
    AD_TRY(expect(h, '{'));
    while (peek(h) != '}') {
        const char *text;
        size_t size, start = h->at, i = 0;
        AD_TRY(quoted(h, &text, &size));
        while (i < 3 && (strlen(keys[i].name) != size || memcmp(keys[i].name, text, size) != 0)) i++;
        if (i == 3) return refuse(h, start, "an unknown key; need exactly descr, fortran_order and shape");
        if (seen & 1u << i) return refuse(h, start, "a key that came before");
        seen |= 1u << i;
        AD_TRY(expect(h, ':'));
        AD_TRY(keys[i].parse(h));
        if (peek(h) == ',') h->at++;
        else if (peek(h) != '}') return refuse(h, h->at, "the header needs ',' or '}' here");
    }
    if (seen != 7) return refuse(h, h->at, "a key is missing; need exactly descr, fortran_order and shape");
    h->at++;
    if (peek(h) != '\n' || h->at + 1 != h->end) return refuse(h, h->at, "the header must end in spaces and one newline");
    return AD_OK;
}

/* Everything before the data, and that the data is as long as the header says. */
static ad_status parse(header *h, size_t size)
{
    const uint8_t *p = (const uint8_t *)h->text;
    if (size < 10) return refuse(h, size, "the file ends within the first 10 bytes");
    if (memcmp(p, MAGIC, 6) != 0) return refuse(h, 0, "no npy file: the magic \\x93NUMPY is missing");
    if (p[6] < 1 || p[6] > 3 || p[7] != 0) return refuse(h, 6, "an unknown version; need 1.0, 2.0 or 3.0");
    h->at = p[6] == 1 ? 10 : 12;
    if (size < h->at) return refuse(h, size, "the file ends within the header length");
    uint64_t length = ad__load(p + 8, p[6] == 1 ? 2 : 4);
    if (length > HEADER_MAX) return refuse(h, 8, "a header longer than 65535 bytes");
    if (length > size - h->at) return refuse(h, 8, "the header reaches beyond the end of the file");
    h->end = h->data = h->at + (size_t)length;
    AD_TRY(parse_dict(h));
    ad_array *a = h->array;
    if (!ad__shape_bytes(a->type, a->rank, a->dim, &a->bytes)) return refuse(h, 8, "the shape has more than 2^40 elements");
    if (a->bytes == size - h->data) return AD_OK;
    char text[AD_ARRAY_TEXT];
    return AD_FAIL(h->error, EDATA, "%s: byte %zu: npy: %s needs %zu bytes of data, the file has %zu", h->what, h->data,
                   ad_array_text(a, text), a->bytes, size - h->data);
}

/* ---- the data ---- */

static void swap_bytes(uint8_t *p, size_t bytes, size_t item)
{
    for (size_t i = 0; i + item <= bytes; i += item)
        for (size_t k = 0; k < item / 2; k++) {
            uint8_t b = p[i + k];
            p[i + k] = p[i + item - 1 - k];
            p[i + item - 1 - k] = b;
        }
}

/* Walks the row-major positions in order; `from` is the same element's place when the first index varies fastest. */
static void transpose(const ad_array *a, const uint8_t *in, uint8_t *out)
{
    size_t item = (size_t)ad_element_bits(a->type) / 8;
    int64_t index[AD_ARRAY_RANK] = { 0 }, stride[AD_ARRAY_RANK], from = 0, step = 1;
    for (int k = 0; k < a->rank; k++) {
        stride[k] = step;
        step *= a->dim[k];
    }
    for (size_t at = 0; at < a->bytes; at += item) {
        memcpy(out + at, in + (size_t)from * item, item);
        for (int k = a->rank - 1; k >= 0; k--) {
            from += stride[k];
            if (++index[k] < a->dim[k]) break;
            from -= stride[k] * a->dim[k];
            index[k] = 0;
        }
    }
}

ad_status ad__npy_load(ad_error *e, const char *what, void *taken, size_t size, ad_array *array)
{
    char *bytes = taken;
    *array = (ad_array){ .name = NULL };
    header h = { .error = e, .what = what, .text = bytes, .array = array };
    ad_status s = parse(&h, size);
    if (s != AD_OK) {
        free(taken);
        return s;
    }
    memmove(bytes, bytes + h.data, array->bytes);
    array->data = bytes;
    if (h.swap) swap_bytes((uint8_t *)bytes, array->bytes, (size_t)ad_element_bits(array->type) / 8);
    if (h.fortran && array->rank > 1 && array->bytes) {
        uint8_t *turned = malloc(array->bytes);
        if (turned) transpose(array, array->data, turned);
        free(taken);
        array->data = turned;
        if (!turned) return AD_FAIL(e, ENOMEM, "%s: out of memory for %zu bytes", what, array->bytes);
    }
    return AD_OK;
}

ad_status ad_npy_parse(ad_error *e, const char *what, const void *data, size_t size, ad_array *array)
{
    void *copy = malloc(size + 1);
    if (!copy) return AD_FAIL(e, ENOMEM, "%s: out of memory for %zu bytes", what, size);
    if (size) memcpy(copy, data, size);
    return ad__npy_load(e, what, copy, size, array);
}

ad_status ad_npy_read(ad_error *e, const char *path, ad_array *array)
{
    void *data;
    size_t size;
    AD_TRY(ad_file_read(e, path, SIZE_MAX / 4, &data, &size));
    return ad__npy_load(e, path, data, size, array);
}

ad_status ad__npy_header(ad_error *e, const char *what, const ad_array *a, ad_text *t)
{
    size_t bytes;
    const char *code = ad__element_npy(a->type);
    if (!*code) return AD_FAIL(e, EUSAGE, "%s: npy has no code for %s; convert to F32 first", what, ad_element_name(a->type));
    if (!ad__shape_bytes(a->type, a->rank, a->dim, &bytes) || bytes != a->bytes)
        return AD_FAIL(e, EUSAGE, "%s: array '%s' has %zu bytes, which its shape does not give", what, a->name ? a->name : "", a->bytes);
    uint8_t start[10] = { 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0 };
    ad_text_bytes(t, start, sizeof start);
    ad_text_add(t, "{'descr': '%s', 'fortran_order': False, 'shape': (", code);
    for (int i = 0; i < a->rank; i++) ad_text_add(t, i ? ", %lld" : "%lld", (long long)a->dim[i]);
    ad_text_add(t, a->rank == 1 ? ",), }" : "), }");
    ad_text_add(t, "%*s\n", (int)(63 - t->size % 64), "");
    if (t->failed) return AD_FAIL(e, ENOMEM, "%s: out of memory", what);
    ad__store((uint8_t *)t->data + 8, 2, t->size - 10);
    return AD_OK;
}

ad_status ad_npy_write(ad_error *e, const char *path, const ad_array *array)
{
    ad_text t = { 0 };
    ad_writer *w = NULL;
    ad_status s = ad__npy_header(e, path, array, &t);
    if (s == AD_OK) s = ad_writer_new(e, path, t.size + array->bytes, &w);
    if (s == AD_OK) s = ad_writer_put(w, 0, t.data, t.size);
    if (s == AD_OK) s = ad_writer_put(w, t.size, array->data, array->bytes);
    if (s == AD_OK) s = ad_writer_commit(w);
    else ad_writer_cancel(w);
    ad_text_free(&t);
    return s;
}

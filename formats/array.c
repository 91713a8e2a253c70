/* array.c - element types, shapes and conversions of the arrays that files hold. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "formats/bytes.h"

static const struct {
    const char *name, *npy;
    int bits;
    bool loaded;
} elements[] = {
#define X(name, npy, bits, loaded) { #name, npy, bits, loaded },
    AD_ELEMENT_MAP(X)
#undef X
};

const char *ad_element_name(ad_element_type t)
{
    return (unsigned)t < AD_ELEMENT_COUNT ? elements[t].name : "unknown";
}

int ad_element_bits(ad_element_type t)
{
    return (unsigned)t < AD_ELEMENT_COUNT ? elements[t].bits : 0;
}

bool ad__element_loaded(ad_element_type t)
{
    return (unsigned)t < AD_ELEMENT_COUNT && elements[t].loaded;
}

const char *ad__element_npy(ad_element_type t)
{
    return (unsigned)t < AD_ELEMENT_COUNT ? elements[t].npy : "";
}

int64_t ad_array_count(const ad_array *a)
{
    int64_t n = 1;
    for (int i = 0; i < a->rank; i++) n *= a->dim[i];
    return n;
}

const char *ad_array_text(const ad_array *a, char *text)
{
    size_t n = (size_t)snprintf(text, AD_ARRAY_TEXT, "%s [", ad_element_name(a->type));
    for (int i = 0; i < a->rank && n < AD_ARRAY_TEXT; i++)
        n += (size_t)snprintf(text + n, AD_ARRAY_TEXT - n, i ? ",%lld" : "%lld", (long long)a->dim[i]);
    if (n < AD_ARRAY_TEXT) snprintf(text + n, AD_ARRAY_TEXT - n, "]");
    return text;
}

bool ad__shape_bytes(ad_element_type t, int rank, const int64_t *dim, size_t *bytes)
{
    if (rank < 0 || rank > AD_ARRAY_RANK) return false;
    int64_t nonzero = 1;
    bool empty = false;
    for (int i = 0; i < rank; i++) {
        if (dim[i] < 0 || dim[i] > AD__DIM_MAX) return false;
        if (dim[i] == 0) empty = true;
        else if (__builtin_mul_overflow(nonzero, dim[i], &nonzero) || nonzero > AD__ELEMENTS_MAX) return false;
    }
    uint64_t bits = (uint64_t)nonzero * (uint64_t)ad_element_bits(t);
    if (bits % 8) return false;
    *bytes = empty ? 0 : (size_t)(bits / 8);
    return true;
}

/* f16: 1 sign bit, 5 exponent bits (bias 15), 10 fraction bits; every value is a float. */
static float half_value(uint16_t h)
{
    int exponent = h >> 10 & 31, fraction = h & 1023;
    float v = exponent == 31 ? (fraction ? NAN : INFINITY)
            : exponent ? ldexpf((float)(fraction + 1024), exponent - 25) : ldexpf((float)fraction, -24);
    return h & 0x8000 ? -v : v;
}

static float bits_value(uint32_t u)
{
    float v;
    memcpy(&v, &u, sizeof v);
    return v;
}

/* Where an element comes to lie: as a double, or exactly where it is an integer. */
typedef struct number {
    bool integer, negative;
    uint64_t magnitude;      /* of an integer */
    double real;             /* of any */
} number;

static number whole(int64_t v)
{
    return (number){ true, v < 0, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, (double)v };
}

static number element(ad_element_type t, const uint8_t *p)
{
    uint64_t u = ad__load(p, ad_element_bits(t) / 8);
    double d;
    switch (t) {
    case AD_ELEMENT_BOOL: case AD_ELEMENT_U8: case AD_ELEMENT_U16: case AD_ELEMENT_U32: return whole((int64_t)u);
    case AD_ELEMENT_I8: return whole((int8_t)u);
    case AD_ELEMENT_I16: return whole((int16_t)u);
    case AD_ELEMENT_I32: return whole((int32_t)u);
    case AD_ELEMENT_I64: return whole((int64_t)u);
    case AD_ELEMENT_U64: return (number){ true, false, u, (double)u };
    case AD_ELEMENT_F16: return (number){ .real = (double)half_value((uint16_t)u) };
    case AD_ELEMENT_BF16: return (number){ .real = (double)bits_value((uint32_t)u << 16) };
    case AD_ELEMENT_F32: return (number){ .real = (double)bits_value((uint32_t)u) };
    default:
        memcpy(&d, &u, sizeof d);
        return (number){ .real = d };
    }
}

static ad_status loadable(ad_error *e, const ad_array *a)
{
    if (ad__element_loaded(a->type)) return AD_OK;
    return AD_FAIL(e, EDATA, "array '%s' has elements %s, which can be listed but not loaded; loaded are BOOL, U8 to U64, I8 to I64, "
                   "F16, BF16, F32 and F64", a->name ? a->name : "", ad_element_name(a->type));
}

ad_status ad_array_to_f32(ad_error *e, const ad_array *a, float *out)
{
    AD_TRY(loadable(e, a));
    int64_t n = ad_array_count(a);
    size_t item = (size_t)ad_element_bits(a->type) / 8;
    const uint8_t *p = a->data;
    if (a->type == AD_ELEMENT_F32 && n) memcpy(out, p, (size_t)n * item);
    else if (a->type == AD_ELEMENT_U8) for (int64_t i = 0; i < n; i++) out[i] = (float)p[i];
    else for (int64_t i = 0; i < n; i++, p += item) {
        number v = element(a->type, p);
        /* Through double, a 64-bit integer would be rounded twice. */
        out[i] = !v.integer ? (float)v.real : v.negative ? -(float)v.magnitude : (float)v.magnitude;
    }
    return AD_OK;
}

ad_status ad_array_to_f64(ad_error *e, const ad_array *a, double *out)
{
    AD_TRY(loadable(e, a));
    size_t item = (size_t)ad_element_bits(a->type) / 8;
    const uint8_t *p = a->data;
    for (int64_t i = 0, n = ad_array_count(a); i < n; i++, p += item) out[i] = element(a->type, p).real;
    return AD_OK;
}

ad_status ad_array_to_i64(ad_error *e, const ad_array *a, int64_t *out)
{
    AD_TRY(loadable(e, a));
    size_t item = (size_t)ad_element_bits(a->type) / 8;
    const uint8_t *p = a->data;
    for (int64_t i = 0, n = ad_array_count(a); i < n; i++, p += item) {
        number v = element(a->type, p);
        if (v.integer ? !v.negative && v.magnitude > INT64_MAX : !(v.real >= -0x1p63 && v.real < 0x1p63 && v.real == floor(v.real)))
            return AD_FAIL(e, EDATA, "array '%s': element %lld is %.17g; need an integer within +-2^63", a->name ? a->name : "",
                           (long long)i, v.real);
        out[i] = !v.integer ? (int64_t)v.real : v.negative ? (int64_t)(0 - v.magnitude) : (int64_t)v.magnitude;
    }
    return AD_OK;
}

/* text.c - growing text, UTF-8, and numbers without the locale. */
#include "config.h"

#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/bytes.h"

static bool reserve(ad_text *t, size_t more)
{
    size_t need;
    if (t->failed || __builtin_add_overflow(t->size, more, &need) || need > SIZE_MAX / 2 - 1) {
        t->failed = true;
        return false;
    }
    if (need < t->capacity) return true;
    size_t capacity = need < 256 ? 512 : 2 * need;
    char *data = realloc(t->data, capacity);
    if (!data) {
        t->failed = true;
        return false;
    }
    t->data = data;
    t->capacity = capacity;
    return true;
}

void ad_text_bytes(ad_text *t, const void *data, size_t size)
{
    if (!reserve(t, size)) return;
    if (size) memcpy(t->data + t->size, data, size);
    t->size += size;
    t->data[t->size] = '\0';
}

void ad_text_add(ad_text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) t->failed = true;
    if (n < 0 || !reserve(t, (size_t)n + 1)) return;
    va_start(args, format);
    vsnprintf(t->data + t->size, (size_t)n + 1, format, args);
    va_end(args);
    t->size += (size_t)n;
}

void ad_text_free(ad_text *t)
{
    free(t->data);
    *t = (ad_text){ 0 };
}

ad_status ad_text_write(ad_error *e, const char *path, const ad_text *t)
{
    if (t->failed) return AD_FAIL(e, ENOMEM, "%s: out of memory while its text was made", path);
    return ad_file_write(e, path, t->data, t->size);
}

/* Length of the valid UTF-8 character at p, 0 if there is none; the second byte's range excludes overlong forms and surrogates. */
static int utf8_length(const uint8_t *p, size_t left)
{
    if (p[0] < 0x80) return 1;
    int n = p[0] >= 0xC2 && p[0] <= 0xDF ? 2 : (p[0] & 0xF0) == 0xE0 ? 3 : p[0] >= 0xF0 && p[0] <= 0xF4 ? 4 : 0;
    if (n == 0 || (size_t)n > left) return 0;
    uint8_t lo = p[0] == 0xE0 ? 0xA0 : p[0] == 0xF0 ? 0x90 : 0x80, hi = p[0] == 0xED ? 0x9F : p[0] == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < lo || p[1] > hi) return 0;
    for (int i = 2; i < n; i++)
        if ((p[i] & 0xC0) != 0x80) return 0;
    return n;
}

bool ad__utf8_valid(const char *text, size_t size, size_t *bad)
{
    const uint8_t *p = (const uint8_t *)text;
    for (size_t i = 0; i < size;) {
        int n = utf8_length(p + i, size - i);
        if (n == 0) {
            if (bad) *bad = i;
            return false;
        }
        i += (size_t)n;
    }
    return true;
}

bool ad__name_valid(const char *name, size_t size)
{
    if (size == 0 || size > AD__NAME_BYTES || !ad__utf8_valid(name, size, NULL)) return false;
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7F) return false;
    return true;
}

const char *ad__number_text(double v, char text[40])
{
    /* The fewest of 15 to 17 digits that read back as the same double. */
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0), old = plain ? uselocale(plain) : (locale_t)0;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, 40, "%.*g", digits, v);
        if (strtod(text, NULL) == v) break;
    }
    if (plain) {
        uselocale(old);
        freelocale(plain);
    }
    return text;
}

/* memory.c - the pools of the model language: memory of one model or one recording, given back all at once. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "models/model.h"

void *ad__take(ad__pool *pool, size_t size)
{
    void *p = ad__arena_alloc(&pool->arena, size ? size : 1);
    if (!p) longjmp(*pool->out, 1);
    return p;
}

char *ad__take_span(ad__pool *pool, const char *text, size_t n)
{
    char *copy = ad__take(pool, n + 1);
    memcpy(copy, text, n);
    return copy;
}

char *ad__take_text(ad__pool *pool, const char *text)
{
    return ad__take_span(pool, text, strlen(text));
}

char *ad__take_format(ad__pool *pool, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return ad__take_span(pool, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}

void *ad__more(ad__pool *pool, void *array, int n, size_t size)
{
    if (n && (n < 4 || (n & (n - 1)))) return array;
    void *grown = ad__take(pool, (size_t)(n ? 2 * n : 4) * size);
    if (n) memcpy(grown, array, (size_t)n * size);
    return grown;
}

int ad__utf8(const char *s, uint32_t *c)
{
    const unsigned char *u = (const unsigned char *)s;
    int n = u[0] < 0x80 ? 1 : (u[0] & 0xe0) == 0xc0 ? 2 : (u[0] & 0xf0) == 0xe0 ? 3 : (u[0] & 0xf8) == 0xf0 ? 4 : 1;
    *c = n == 1 ? u[0] : u[0] & (0xff >> (n + 1));
    for (int i = 1; i < n; i++) {
        if ((u[i] & 0xc0) != 0x80) {
            *c = u[0];
            return 1;
        }
        *c = *c << 6 | (u[i] & 0x3f);
    }
    return n;
}

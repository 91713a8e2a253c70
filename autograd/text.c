/* text.c - a text that grows. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "autograd/text.h"

void ad__text_put(ad__text *t, const char *format, ...)
{
    for (int pass = 0; pass < 2 && !t->failed; pass++) {
        va_list args;
        va_start(args, format);
        int n = vsnprintf(t->at ? t->at + t->used : NULL, t->size - t->used, format, args);
        va_end(args);
        if (n >= 0 && t->used + (size_t)n < t->size) {
            t->used += (size_t)n;
            return;
        }
        size_t size = (t->used + (size_t)n + 1) * 2;
        char *more = realloc(t->at, size);
        if (!more) {
            t->failed = true;
            return;
        }
        t->at = more;
        t->size = size;
    }
}

char *ad__text_take(ad__text *t)
{
    if (t->failed) {
        free(t->at);
        return NULL;
    }
    return t->at;
}

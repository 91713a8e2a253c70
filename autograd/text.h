/* text.h - a text that grows, for what the engine shows of itself. */
#ifndef ADZE_AUTOGRAD_TEXT_H
#define ADZE_AUTOGRAD_TEXT_H

#include "autograd/error.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct ad__text {
    char *at;
    size_t used, size;
    bool failed;                 /* memory was out: everything later is dropped */
} ad__text;

void ad__text_put(ad__text *t, const char *format, ...) AD_PRINTF(2, 3);
/* The text, malloc'ed; NULL if memory was out. */
char *ad__text_take(ad__text *t);

#endif

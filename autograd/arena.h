/*
 * arena.h - memory that is given back all at once, and arrays that grow. Shared by the engine and the model language.
 */
#ifndef ADZE_AUTOGRAD_ARENA_H
#define ADZE_AUTOGRAD_ARENA_H

#include <stdbool.h>
#include <stddef.h>

typedef struct ad__block ad__block;
typedef struct ad__arena {
    ad__block *blocks;
} ad__arena;
void *ad__arena_alloc(ad__arena *a, size_t size);          /* zeroed, 16-byte aligned; NULL when memory is out */
char *ad__arena_text(ad__arena *a, const char *text);      /* a copy */
void ad__arena_free(ad__arena *a);
void *ad__pages_alloc(size_t bytes);                       /* for large buffers; give back with free */

/* Grows *array (elements of `size` bytes) so that it holds `need`; false when memory is out. */
bool ad__grow(void *array, int *cap, int need, size_t size);

#endif

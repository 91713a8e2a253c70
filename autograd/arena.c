/* arena.c - memory that is given back all at once. */
#define _DEFAULT_SOURCE               /* madvise */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "autograd/internal.h"

#define BLOCK 65536

struct ad__block {
    ad__block *next;
    size_t used, size;
    _Alignas(16) char bytes[];
};

void *ad__arena_alloc(ad__arena *a, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (!a->blocks || a->blocks->size - a->blocks->used < size) {
        size_t want = size > BLOCK / 4 ? size : BLOCK;
        ad__block *b = calloc(1, sizeof *b + want);
        if (!b) return NULL;
        b->size = want;
        if (a->blocks && want != BLOCK) {       /* a large one goes behind, so that the current block stays in use */
            b->next = a->blocks->next;
            a->blocks->next = b;
            b->used = size;
            return b->bytes;
        }
        b->next = a->blocks;
        a->blocks = b;
    }
    void *p = a->blocks->bytes + a->blocks->used;
    a->blocks->used += size;
    return p;
}

char *ad__arena_text(ad__arena *a, const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = ad__arena_alloc(a, n);
    if (copy) memcpy(copy, text, n);
    return copy;
}

void ad__arena_free(ad__arena *a)
{
    while (a->blocks) {
        ad__block *next = a->blocks->next;
        free(a->blocks);
        a->blocks = next;
    }
}

bool ad__grow(void *array, int *cap, int need, size_t size)
{
    if (need <= *cap) return true;
    int want = *cap ? *cap * 2 : 64;
    while (want < need) want *= 2;
    void **at = array;
    void *p = realloc(*at, (size_t)want * size);
    if (!p) return false;
    *at = p;
    *cap = want;
    return true;
}

/* Two-MiB pages: a first touch of 25 MB costs 0.55 ms instead of 6 (docs/performance.md). */
#define HUGE_PAGE ((size_t)1 << 21)

void *ad__pages_alloc(size_t bytes)
{
    size_t align = bytes >= HUGE_PAGE ? HUGE_PAGE : 64;
    size_t size = ((bytes ? bytes : 1) + align - 1) & ~(align - 1);
    void *p = aligned_alloc(align, size);
#ifdef MADV_HUGEPAGE
    if (p && align == HUGE_PAGE) madvise(p, size, MADV_HUGEPAGE);
#endif
    return p;
}

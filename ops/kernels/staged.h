/*
 * staged.h - how a large kernel offers its work to threads: in stages, each a number of independent units that depends on the shape
 * alone. Units of one stage may run in any order; a stage begins when the one before it is complete.
 */
#ifndef ADZE_OPS_KERNELS_STAGED_H
#define ADZE_OPS_KERNELS_STAGED_H

#include <stddef.h>
#include <stdint.h>

typedef struct ad_work {
    int stages;
    int64_t units[4];
    size_t shared, per_thread;     /* scratch bytes */
} ad_work;

typedef struct ad_args {
    const void *a, *b, *bias;      /* operands as the kernel's comment says; bias may be NULL */
    void *out;
    void *shared, *scratch;        /* 64-byte aligned */
} ad_args;

/* Elements of the result that lie side by side: the first one and their number. */
typedef int64_t ad_piece[2];
enum { AD_MOST_PIECES = 16 };     /* that one unit completes */

#endif

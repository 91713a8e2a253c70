/*
 * op.h - what an op says about itself, and what it is given when it runs.
 *
 * An op is one constant ad_op in one file. Lists, tests, the model language and the reference page are made from it.
 * Ops of a user are described by the same struct and go through the same generated checks.
 */
#ifndef ADZE_AUTOGRAD_OP_H
#define ADZE_AUTOGRAD_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "autograd/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define AD_MAX_RANK 8
#define AD_MAX_INPUTS 64
#define AD_MAX_OUTPUTS 6
#define AD_MAX_OPERANDS 8

typedef struct ad_ctx ad_ctx;
typedef struct ad_tape ad_tape;
typedef struct ad_tensor ad_tensor;

/* Real values are float on an AD_F32 tape and double on an AD_F64 tape; an op file never chooses. */
typedef enum ad_precision { AD_F32, AD_F64 } ad_precision;
typedef enum ad_dtype { AD_REAL, AD_I32, AD_U8 } ad_dtype;

/* Dense, row-major, channels-last: images [N,H,W,C], volumes [N,D,H,W,C], tokens [N,L,C]. Rank 0 is a scalar. */
typedef struct ad_shape {
    int rank;
    int64_t dim[AD_MAX_RANK];
    ad_dtype dtype;
} ad_shape;

AD_API int64_t ad_count(const ad_shape *s);                        /* number of elements; 1 for a scalar */
AD_API bool ad_shape_equal(const ad_shape *a, const ad_shape *b);  /* rank, sizes and dtype */
AD_API size_t ad_shape_bytes(const ad_shape *s, ad_precision p);
/* "[2,3,4]" into a caller's buffer of at least 192 bytes; returns the buffer. */
AD_API const char *ad_shape_text(const ad_shape *s, char *text);
#define AD_SHAPE_TEXT 192

/* ---- attributes ---- */

typedef enum ad_attr_kind {
    AD_ATTR_INT,     /* int64_t */
    AD_ATTR_FLOAT,   /* double */
    AD_ATTR_BOOL,    /* bool */
    AD_ATTR_ENUM,    /* int: index into words[] */
    AD_ATTR_INTS,    /* ad_ints; one number given where a list is declared becomes a list of one */
    AD_ATTR_TEXT     /* char[AD_ATTR_TEXT_SIZE] */
} ad_attr_kind;

#define AD_ATTR_TEXT_SIZE 160
typedef struct ad_ints {
    int n;
    int64_t v[AD_MAX_RANK];
} ad_ints;

/* One attribute of an op. A table of them ends with an entry without name. Zero is an ordinary value: what was not given takes
 * the default, and an attribute that is `required` has none. */
typedef struct ad_attr {
    const char *name;
    ad_attr_kind kind;
    size_t offset;             /* in the attribute struct */
    double standard;           /* the default; of an INTS: a list of one such number, or empty if `empty` */
    double lo, hi;             /* allowed range (inclusive) when lo < hi; of an INTS: of each number */
    const char *doc;
    const char *const *words;  /* ENUM: the words, ended by NULL */
    bool required;             /* no default */
    bool empty;                /* INTS: the default is the empty list */
    const char *standard_text; /* TEXT: the default */
} ad_attr;

/* One value given for an attribute, before it is checked against the schema. */
typedef struct ad_attr_value {
    const char *name;
    enum { AD_VALUE_INT, AD_VALUE_FLOAT, AD_VALUE_BOOL, AD_VALUE_TEXT, AD_VALUE_INTS } kind;
    double number;             /* INT, FLOAT, BOOL */
    const char *text;          /* TEXT, also the word of an ENUM */
    ad_ints ints;
} ad_attr_value;

typedef struct ad_op ad_op;

/* Fills the attribute struct `out` (op->attr_size bytes) from the defaults and the given values; refuses unknown names, wrong
 * kinds, values out of range and missing required ones with AD_EATTR. On failure *bad (may be NULL) is the index of the
 * offending value, or -1. */
AD_API AD_CHECKED ad_status ad_attr_build(ad_error *e, const ad_op *op, int n, const ad_attr_value *values, void *out, int *bad);
/* The same from a text such as "kernel=3, stride=2, mode=nearest" or "axes=[1,2]". */
AD_API AD_CHECKED ad_status ad_attr_parse(ad_error *e, const ad_op *op, const char *text, void *out);
/* Writes "kernel=3, stride=2" (only what differs from the default) into text[size]. */
AD_API void ad_attr_text(const ad_op *op, const void *attr, char *text, size_t size);

/* ---- operands ---- */

typedef enum ad_role {
    AD_DATA,       /* a value that a statement gives */
    AD_PARAM,      /* trainable: the model language makes and names it */
    AD_STATE       /* not trainable, committed by the op itself (batch-norm statistics) */
} ad_role;

/* How a parameter lies in memory, and so how files in PyTorch's order are permuted. */
typedef enum ad_layout {
    AD_LAYOUT_PLAIN,           /* same order in files */
    AD_LAYOUT_CONV,            /* memory [k.., in/groups, out]; file [out, in/groups, k..] */
    AD_LAYOUT_CONV_TRANSPOSE,  /* memory [k.., in, out/groups]; file [in, out/groups, k..] */
    AD_LAYOUT_LINEAR           /* memory [in, out]; file [out, in] */
} ad_layout;

typedef struct ad_operand {
    const char *name;
    ad_role role;
    const char *doc;           /* shape and meaning */
    ad_layout layout;          /* PARAM and STATE */
    const char *init;          /* PARAM and STATE: default initialiser, as in `init:` of a model file */
    bool integer;              /* expects AD_I32 */
    bool optional;             /* may be missing (NULL among the inputs) */
} ad_operand;

/* ---- running ---- */

typedef struct ad_buffer {
    void *data;
    ad_shape shape;
    int64_t row;               /* elements from one row of the last axis to the next; 0: as many as a row has, and always so unless op->wide */
} ad_buffer;

static inline int64_t ad_buffer_row(const ad_buffer *b)
{
    return b->row ? b->row : b->shape.dim[b->shape.rank - 1];
}

/* What the planner has run behind an op that says AD_TAILED, on each piece of its first result as soon as it is complete: elements piece[i][0] to
 * piece[i][0] + piece[i][1] - 1, whole rows of the last axis. `scratch` is the thread's own. */
typedef struct ad_tail {
    void (*run)(void *arg, int n, const int64_t (*piece)[2], void *scratch);
    void *arg;
} ad_tail;

/* What forward gets. Inputs are never written. A missing optional input has data NULL. */
typedef struct ad_call {
    const void *attr;
    int n_in, n_out;
    const ad_buffer *in;
    ad_buffer *out;            /* an output that nobody reads still has a buffer */
    ad_precision precision;
    const void *kernels;       /* the kernel table of this precision (ops/kernels/kernels.h) */
    int threads;
    void *scratch;             /* as asked by op->scratch: `shared` bytes, 64-byte aligned ... */
    char *thread_scratch;      /* ... then `per_thread` bytes for each thread */
    size_t thread_scratch_size;
    bool around;               /* the result is so large that it is gone from the caches before it is read: best written past them */
    const ad_tail *tail;       /* AD_TAILED: given every element of out 0 once; may be NULL */
    size_t tail_scratch;       /* where its part of a thread's scratch begins */
    uint64_t key;              /* random ops: hash of (seed, purpose, path of the site) */
    uint64_t step;             /* step or item */
    uint32_t draw;
    ad_error *error;
} ad_call;

/* Runs body(i, scratch, arg) for i in 0..n-1 on the call's threads, in no particular order, so each i writes its own output and
 * the work of an i never depends on the number of threads. `scratch` is the running thread's own (may be NULL). `work` is about
 * the number of element operations in all: small jobs stay on one thread. */
AD_API void ad_parallel(const ad_call *c, int64_t n, int64_t work, void (*body)(int64_t i, void *scratch, void *arg), void *arg);

typedef struct ad_scratch {
    size_t shared, per_thread;
} ad_scratch;

typedef struct ad_cost {
    double macs;               /* multiply-accumulates */
    double bytes;              /* read and written; the sum of inputs and outputs unless the op says otherwise */
} ad_cost;

/* ---- differentiation and composition ---- */

/* What a gradient rule gets: it records ordinary ops on `tape` and leaves the adjoint of input i in gin[i] where wanted[i].
 * A NULL in gin[i] means zero. gout[k] is NULL where output k has no adjoint. */
typedef struct ad_grad {
    ad_tape *tape;
    const void *attr;
    int n_in, n_out;
    ad_tensor *const *in;
    ad_tensor *const *out;
    ad_tensor *const *gout;
    const bool *wanted;
    ad_tensor **gin;
} ad_grad;

/* ---- samples: the generated tests ---- */

typedef struct ad_sample {
    const char *name;
    int n_in;
    ad_shape in[AD_MAX_OPERANDS];   /* rank -1: this optional operand is missing */
    const void *attr;               /* full attribute struct, or NULL ... */
    const char *attr_text;          /* ... then this text with defaults */
    double lo, hi;                  /* range of real inputs; both 0: [-1, 1] */
    struct { double lo, hi; } range[AD_MAX_OPERANDS];  /* of one input, where lo < hi; integers: lo..hi inclusive */
    bool distinct;                  /* real inputs: all values well apart (max pooling, top-k) */
    unsigned no_gradient;           /* bit i: input i is not differentiated in this sample (labels, masks) */
    double tolerance;               /* of the gradient check instead of 1e-6, with the reason in a comment */
    ad_status want;                 /* what recording must return */
} ad_sample;

/* ---- the op ---- */

enum {
    AD_STOPS_GRADIENT = 1,     /* the gradient ends here by definition */
    AD_DRAWS = 2,              /* draws random numbers, a function of (site, step, draw): never shared */
    AD_PLANNED = 4,            /* made only by the planner, after differentiation */
    AD_VARIADIC = 8,           /* the last operand may repeat up to AD_MAX_INPUTS */
    AD_IN_PLACE = 16,          /* out 0 may share the buffer of in 0 (elementwise in that operand) */
    AD_ALIAS = 32,             /* out 0 is in 0 with another shape: no work, no buffer (reshape) */
    /* Element i of the output depends on element i of each input alone, or on the only element of an input that has one. Such an
     * op's forward also takes flat blocks [n], so that the planner can run chains of them block by block in first-level cache, and the output
     * may lie where an input lies. */
    AD_ELEMENTWISE = 64,
    AD_CHEAP = 128,            /* elementwise, and computing it again costs less than keeping it in memory */
    AD_TAILED = 256            /* forward gives each piece of out 0 to c->tail, where there is one, as soon as nothing changes or reads it any more */
};

struct ad_op {
    const char *name;
    const char *doc;           /* one line */
    unsigned flags;
    const ad_operand *operands; /* ended by an entry without name */
    int n_out;                 /* 0 means 1 */
    const char *const *outputs; /* names of the outputs where there are several */
    size_t attr_size;
    const ad_attr *attrs;      /* ended by an entry without name; NULL if none */
    /* Checks inputs and gives the output shapes. The only place that refuses; the rest assumes they fit. */
    ad_status (*shape)(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out);
    ad_status (*forward)(const ad_call *c);
    void (*gradient)(ad_grad *g);
    /* Records the sum of two outputs of this op more cheaply than add does, which adjoints are summed by; NULL, with nothing recorded,
     * where there is no such way. */
    ad_tensor *(*sum)(ad_tape *t, ad_tensor *a, ad_tensor *b);
    /* Composite ops have this instead of forward and gradient: records other ops and sets out[]. */
    void (*expand)(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out);
    /* Shape of the parameter or state operand i, given the data operands' shapes; rank -1: not there with these attributes. */
    ad_status (*parameter)(ad_error *e, const void *attr, int n_in, const ad_shape *in, int i, ad_shape *shape);
    void (*scratch)(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_precision p, const void *kernels, ad_scratch *s);
    void (*cost)(const void *attr, int n_in, const ad_shape *in, const ad_shape *out, ad_cost *c);
    /* The first column, where rows (the last axis) of the result are runs of columns of the operands' rows, copied: of one operand some,
     * from this one on, of several all, side by side (0); else -1. Elementwise chains and what is `wide` then read or write such a run
     * where it lies (autograd/columns.c). The op's forward also takes blocks of rows, with the same rank and leading sizes of 1, and passes
     * over operands whose data is NULL. */
    int64_t (*columns)(const void *attr, int n_in, const ad_shape *in);
    /* Bit i of `in`: operand i may be columns of a wider value, and so result i of `out`: forward looks at ad_buffer_row of their buffers. */
    struct { unsigned in, out; } wide;
    const ad_sample *samples;  /* ended by an entry without name */
    /* Outputs that become the new value of a state operand at the end of the step: pairs (output + 1, operand), ended by 0. */
    struct { int output_plus_1, operand; } commits[3];
};

/* ---- ops in a shared object of their own ---- */

/* Grows with every change of the structs above, so that an object made for other ones is refused. */
#define AD_MODULE_ABI 2

/* What such an object exports under the name ad_module_of_ops: AD_MODULE(ops); with `static const ad_op *const ops[] = { &mine, NULL };`. */
typedef struct ad_module {
    int abi;
    size_t op_size, operand_size, attr_size, sample_size, call_size, grad_size;
    const ad_op *const *ops;   /* ended by NULL */
} ad_module;

#define AD_MODULE(list)                                                                                                          \
    AD_API extern const ad_module ad_module_of_ops;                                                                              \
    const ad_module ad_module_of_ops = { AD_MODULE_ABI, sizeof(ad_op), sizeof(ad_operand), sizeof(ad_attr), sizeof(ad_sample),   \
                                         sizeof(ad_call), sizeof(ad_grad), (list) }

#ifdef __cplusplus
}
#endif
#endif

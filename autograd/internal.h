/*
 * internal.h - what the files of the engine share: contexts, tapes, tensors, records.
 */
#ifndef ADZE_AUTOGRAD_INTERNAL_H
#define ADZE_AUTOGRAD_INTERNAL_H

#include "autograd/arena.h"
#include "autograd/autograd.h"

/* ---- context ---- */

#define AD__MAX_USER_OPS 64
#define AD__MAX_MODULES 16
struct ad_ctx {
    const ad_library *library;
    const ad_op *user_ops[AD__MAX_USER_OPS];
    int n_user_ops;
    struct { void *object; char *path, sha256[65]; } modules[AD__MAX_MODULES];   /* shared objects that ops lie in */
    int n_modules;
    int threads;
    ad_isa isa;
    bool winograd;
    const void *kernels[2];
    ad_error error;
};

/* ---- tape ---- */

typedef enum ad__leaf { AD__COMPUTED, AD__INPUT, AD__CONSTANT, AD__PARAMETER } ad__leaf;

typedef struct ad__record {
    const ad_op *op;
    const void *attr;
    int n_in, n_out, index;
    ad_tensor **in;              /* NULL where an optional operand is missing */
    ad_tensor **out;
    const ad_place *place;
    const char *draw_path;       /* identity of what it draws; NULL if it does not */
    int undoes;                  /* the record whose gradient rule made it, -1 in the forward part */
} ad__record;

struct ad_tensor {
    ad_tape *tape;
    ad_shape shape;
    int id;                      /* position in tape->tensors */
    ad__leaf leaf;
    ad__record *record;          /* NULL for leaves */
    int output;                  /* which output of it */
    const char *name;            /* input name, parameter path */
    ad_params *params;
    void *value;                 /* constant: its values; input: set values; computed: define-by-run values */
    uint64_t generation;         /* of tape->generation when `value` was computed */
};

typedef struct ad__commit {
    ad_tensor *leaf, *value;
} ad__commit;

/* What must be finite before anything is committed, and the parameter that would not be; NULL: the guard itself. */
typedef struct ad__watch {
    int value;
    const ad_tensor *leaf;
} ad__watch;

/* The reverse walk in progress. */
typedef struct ad__walk {
    bool *needed;                /* by tensor id: leads to a wanted one */
    ad_tensor **adjoint;         /* by tensor id */
    int n;                       /* tensors when the walk began */
    int at;                      /* next record to walk back over */
} ad__walk;

struct ad_tape {
    ad_ctx *ctx;
    ad_precision precision;
    ad__arena arena;
    ad__record **records;
    ad_tensor **tensors;
    ad__commit *commits;
    int n_records, cap_records, n_tensors, cap_tensors, n_commits, cap_commits;
    const ad_place *place;
    bool failed;
    int undoing;                 /* record index while its gradient rule runs, else -1 */
    ad__walk walk;
    uint64_t generation, seed, step;
    uint32_t draw;
};

/* Closes the shared objects of a context. */
void ad__modules_close(ad_ctx *ctx);

size_t ad__dtype_bytes(ad_dtype dtype, ad_precision p);
ad_status ad__shape_check(ad_error *e, const char *what, const ad_shape *s);
/* True unless the op has an attribute `training` that is false. */
bool ad__trains(const ad_op *op, const void *attr);
const ad_attr *ad__attr_find(const ad_op *op, const char *name);
/* "x0 [2,3], w [3,4]" of a record's inputs, for messages. */
const char *ad__inputs_text(int n, ad_tensor *const *in, char *text, size_t size);

/* Records the derivative of a number along a direction (as for ad_hvp); NULL where it is zero for any values. */
ad_status ad__slope(ad_tape *t, ad_tensor *f, int n, ad_tensor *const *wrt, ad_tensor *const *direction, ad_tensor **slope);

/* ---- running one record, shared by define-by-run and programs ---- */

/* Every element of a buffer is finite; whole numbers are. */
bool ad__finite(const ad_buffer *b, ad_precision p, int threads);
/* First element of a real buffer that is not finite, or -1. */
int64_t ad__not_finite(const ad_buffer *b, ad_precision p);
/* What is known of a value's elements, gathered part by part. */
typedef struct ad__range {
    int64_t n, bad, first;       /* elements; those that are not finite, and the first of them, -1 */
    double value;                /* of that one */
    double lo, hi;               /* of the finite ones */
    ad_sha256 hash;              /* of the bytes */
} ad__range;
ad__range ad__range_none(void);
void ad__range_add(ad__range *r, const ad_buffer *b, ad_precision p);
/* Fails with op, place and range of output `output`, and of what it was made from: in[i] has n 0 where nothing is known. */
ad_status ad__report_not_finite(ad_error *e, const ad__record *r, int output, const ad__range *out, const ad__range *in, ad_finding *found);
/* The same of the first output of a finished call that is not finite; AD_OK if all are. */
ad_status ad__look(ad_error *e, const ad__record *r, const ad_call *c, ad_finding *found);
/* Multiply-accumulates and bytes of one record, as its op says. */
ad_cost ad__record_cost(const ad__record *r, ad_precision p);
void ad__scratch(const ad__record *r, ad_precision p, const void *kernels, ad_scratch *s);

/* ---- plan ---- */

typedef struct ad__value ad__value;
typedef struct ad__step ad__step;
typedef struct ad__chain ad__chain;

typedef enum ad__place_kind { AD__NOWHERE, AD__ARENA, AD__EXTERNAL } ad__place_kind;

struct ad__value {
    ad_tensor *tensor;
    int first, last;             /* steps between which it must stay; -1: not used */
    int root;                    /* the value that stands for it after sharing (itself, unless shared) */
    int alias;                   /* the value whose buffer it lies in (itself, unless an alias) */
    ad__place_kind kind;
    size_t offset, bytes;
    bool keep;                   /* readable after the run */
    bool in_chain;               /* lives and dies in a block of a chain */
};

/* An operand (or, counted behind the operands, a result) of a single record that is columns of the wider value in its place. */
typedef struct ad__part {
    int at;
    int64_t first;               /* column */
} ad__part;

struct ad__step {
    const ad__record *record;    /* of a chain: its last member */
    ad__chain *chain;            /* NULL for a single record */
    ad__part *parts;
    int n_parts;
    int n_in, n_out;
    int *in, *out;               /* value ids; -1 for a missing operand */
    bool late;                   /* writes a parameter in place, or depends on such a step */
    bool in_place;               /* output 0 is written where the parameter in[0] lies */
    bool is_tail;                /* a chain that the step before runs on the pieces of its result */
    ad_scratch scratch;
    ad_cost cost;
    double seconds;
};

/* A chain: elementwise records run block by block. */
#define AD__MAX_LINKS 24
typedef struct ad__link {
    const ad__record *record;
    int n_in;
    int in[AD_MAX_OPERANDS];     /* slot of each operand */
    int out;                     /* slot of the result */
} ad__link;

/* A result of so many bytes is written past the caches: it is gone from them before it is read, and need not be read to be written. */
#define AD__AROUND ((size_t)4 << 20)

typedef enum ad__span { AD__FULL, AD__ONE, AD__ROW } ad__span;

typedef struct ad__slot {
    int value;                   /* value id */
    ad__span span;               /* full size, a single element, or one row of the last axis */
    int n_row;                   /* ROW: its length */
    bool local;                  /* lives only in the block */
    int buffer;                  /* of local slots and rows: which block buffer */
} ad__slot;

/* A slot that is some columns of a wider value outside (columns.c). */
typedef struct ad__window {
    const ad__record *record;    /* the slice or concatenation that copies them */
    int slot, value;             /* `value`: the wider one */
    int operand;                 /* of the concatenation, whose result is written; -1: a slice, whose operand is read */
} ad__window;

struct ad__chain {
    int n_links, n_slots, n_buffers, n_windows;
    ad__link *links;
    ad__slot *slots;
    ad__window *windows;
    int64_t count, block;        /* elements in all and in a block */
    int over;                    /* of a tail: slot of the result that lies over the result of the step before, else -1 */
};

struct ad_program {
    ad_ctx *ctx;
    ad_tape *tape;
    ad_precision precision;
    ad__arena memory;
    ad__value *values;           /* by tensor id; behind them values that are made again */
    int n_values;
    ad__step *steps;
    int n_steps;
    int *leaves;                 /* values that lie elsewhere: parameters and constants */
    int n_leaves;
    ad__commit *commits;         /* to be copied at the end */
    int n_commits;
    void **data;                 /* by value id: where it is during a run */
    int guard;                   /* value id, -1 */
    ad__watch *watched;          /* what is looked at between the steps before first_late and the others */
    int n_watched;
    int first_late;              /* steps from here on change parameters */
    char *arena;
    size_t arena_bytes, value_bytes;
    ad_again again;              /* what a memory budget costs */
    bool profile;
};

ad_status ad__plan_recompute(ad_program *p);
/* With tails, a record behind an op that may have one is a chain even if it is alone. */
ad_status ad__plan_chains(ad_program *p, bool tails);
/* Chains run on the pieces of results that they read. `reuse` as below: a result may lie over what it is made from; `tight`: only where that is
 * so, and the arena needs no more for it. Where it would take more than `memory` bytes (0: any), all is left as it was, and *fits is false. */
ad_status ad__plan_tails(ad_program *p, bool reuse, bool tight, size_t memory, bool *fits);
bool ad__tailed(const ad__step *s);                    /* may have a tail */
ad_status ad__plan_columns(ad_program *p);
int64_t ad__copies_columns(const ad__record *r);             /* what op->columns says, -1 */
int64_t ad__row_of(const ad_shape *x);                       /* length of its last axis */
ad_shape ad__rows_of(const ad_shape *x, int64_t rows);       /* so many rows of its last axis, with the same rank */
void ad__drop_steps(ad_program *p);                          /* those whose record has become NULL */
/* May the step be a link of a chain? The length of the rows among its operands must be one, and `*row` is set to it (0: none). */
bool ad__chainable(const ad_program *p, const ad__step *s, int64_t *row);
/* Offsets and sizes, from the steps and aliases as they are; then the arena itself. */
ad_status ad__place_buffers(ad_program *p, bool reuse);
ad_status ad__allocate_buffers(ad_program *p);
/* A new value of the same tensor: another time that it is made. Its id; -1 when memory is out. */
int ad__value_again(ad_program *p, int value);

/* Bytes wanted from step `first` to step `last`; placing gives each an offset and the bytes of all together; false without memory. */
typedef struct ad__lot {
    int first, last;
    size_t bytes, offset;
} ad__lot;
bool ad__place_lots(int n, ad__lot *lots, size_t *total);
void ad__find_aliases(ad_program *p);
bool ad__moves_nothing(const ad_program *p, const ad__step *s);        /* a reshape, once aliases are found */
size_t ad__buffer_bytes(const ad_program *p, int value);
size_t ad__scratch_bytes(const ad_program *p);

/* ---- memory to a budget ---- */

/* What a program's steps and buffers are to each other. A buffer goes by the value that others are aliases of. */
typedef struct ad__flow {
    const ad_program *p;
    int n_steps, n_values;
    int *writer;                 /* by value: step that makes it, -1 */
    int *in, *in_at;             /* buffers that step i reads, each once: in[in_at[i]] to in[in_at[i + 1]] */
    int *use, *use_at;           /* steps that read buffer v */
    size_t *bytes;               /* by value; 0: no buffer of its own, or outside of the arena */
    double *cost;                /* by step */
    bool *fixed, *keep;          /* by value: stays, once made, as long as it is read; and to the end */
} ad__flow;
ad_status ad__flow_init(ad__flow *f, const ad_program *p);
void ad__flow_fini(ad__flow *f);

/* An order of steps. A step that occurs again is run again, and what reads its results later reads the latest, but for fixed ones. */
typedef struct ad__schedule {
    int n, *step;
    double cost;                 /* of what is run again */
} ad__schedule;
/* How much it counts that a value is needed late when one is chosen to be given up: what it lives on, its root, nothing. */
typedef enum ad__patience { AD__LATER, AD__LATER_ROOT, AD__ANY_TIME, AD__PATIENCES } ad__patience;
/* An order in which at most `limit` bytes of buffers live at once; `*found` is false if none was found. */
ad_status ad__schedule_make(const ad__flow *f, size_t limit, ad__patience patience, ad__schedule *s, bool *found);
ad_status ad__plan_budget(ad_program *p, size_t memory);
ad_status ad__chain_run(ad_program *p, const ad__step *s, ad_call *call, const ad_run_options *o);
/* The same on some pieces of its elements, on the calling thread. */
void ad__chain_run_pieces(ad_program *p, const ad__step *s, const ad_call *call, int n, const int64_t (*piece)[2], void *scratch);
/* Runs a step alone, unchecked: its results are again what they were. */
ad_status ad__run_again(ad_program *p, const ad__step *s, const ad_run_options *o);
size_t ad__chain_thread_scratch(const ad__chain *c, ad_precision p);
/* Comes from a gradient rule, or is made again for one. */
bool ad__step_backward(const ad_program *p, const ad__step *s);
/* The value is made again, by a copy of the step that made it first. */
bool ad__made_again(const ad_program *p, int value);
/* The value in whose buffer it lies. */
int ad__base_of(const ad_program *p, int value);
/* Value id of a tensor after sharing. */
int ad__value_of(const ad_program *p, const ad_tensor *x);

#endif

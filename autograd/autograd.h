/*
 * autograd.h - the engine: tapes of records, gradients that are records, plans, runs, parameters.
 *
 *   ad_ctx *ctx = ad_new(NULL);                          (ops/ops.h; the context lives as long as the program)
 *   ad_tape *t = ad_tape_new(ctx, AD_F32);
 *   ad_tensor *x = ad_input(t, "x", ...), *loss = ...;   record
 *   ad_gradients(t, loss, n, wrt, grads);                differentiate: more records
 *   ad_compile(t, n_out, outs, NULL, &program);          plan
 *   ad_run(program, &run);                               run, as often as wanted, without allocating
 *
 * Three lifetimes: context (program), parameters (model), tape and program (one graph). What comes from a tape belongs to it.
 */
#ifndef ADZE_AUTOGRAD_AUTOGRAD_H
#define ADZE_AUTOGRAD_AUTOGRAD_H

#include "autograd/op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- context ---- */

typedef enum ad_isa { AD_ISA_BASE, AD_ISA_AVX2, AD_ISA_AVX512, AD_ISA_COUNT } ad_isa;

/* The ops and kernels a context works with; ops/ops.h has the standard one. */
typedef struct ad_library {
    const ad_op *const *ops;                                    /* ended by NULL */
    const void *(*kernels)(ad_isa isa, ad_precision p, bool winograd);   /* never NULL: falls back to a plainer table */
} ad_library;

typedef enum ad_switch { AD_UNSET, AD_ON, AD_OFF } ad_switch;

typedef struct ad_options {
    int threads;          /* 0: ADZE_THREADS, else all processors */
    ad_isa isa;           /* highest instruction set to use ... */
    bool isa_set;         /* ... if set; else ADZE_ISA (base, avx2, avx512), else what the processor has */
    bool plain;           /* plain kernels whatever the processor has: the oracle */
    ad_switch winograd;   /* 3x3 convolutions by Winograd where that is faster (by shape alone; errors of 1e-5 instead of 1e-6 of the
                             values); unset: ADZE_WINOGRAD (on, off), else on. Never in double, nor with base kernels. */
} ad_options;

/* NULL only when memory is out. A wrong ADZE_ISA, ADZE_THREADS or ADZE_WINOGRAD is an error in the context (ad_ctx_error). */
AD_API ad_ctx *ad_ctx_new(const ad_library *borrowed, const ad_options *options);
AD_API void ad_ctx_free(ad_ctx *ctx);
AD_API ad_error *ad_ctx_error(ad_ctx *ctx);
AD_API const char *ad_ctx_message(const ad_ctx *ctx);  /* "" when all is well */
AD_API int ad_ctx_threads(const ad_ctx *ctx);
AD_API ad_isa ad_ctx_isa(const ad_ctx *ctx);
AD_API bool ad_ctx_winograd(const ad_ctx *ctx);
AD_API const char *ad_isa_name(ad_isa isa);
AD_API const void *ad_ctx_kernels(const ad_ctx *ctx, ad_precision p);
/* Adds ops of the caller's to this context's table; a name that exists is refused. */
AD_API AD_CHECKED ad_status ad_ctx_add_op(ad_ctx *ctx, const ad_op *borrowed);
/* Runs every generated check of a table entry (autograd/opcheck.c) on the samples that it brings; it need not be in a table yet. */
AD_API AD_CHECKED ad_status ad_check_op(ad_ctx *ctx, const ad_op *op);
/* Adds the ops of the shared object at a path (AD_MODULE in op.h), checked. An object made for another version, and one with an op that
 * fails a check, are refused whole. The context closes it. */
AD_API AD_CHECKED ad_status ad_ctx_load_ops(ad_ctx *ctx, const char *path);
/* The objects that were loaded; false past the end. */
typedef struct ad_ops_object {
    const char *path, *sha256;     /* absolute; of the file's bytes */
} ad_ops_object;
AD_API bool ad_ctx_ops_at(const ad_ctx *ctx, int i, ad_ops_object *out);
AD_API const ad_op *ad_op_find(const ad_ctx *ctx, const char *name);            /* NULL if there is none */
AD_API const ad_op *ad_op_at(const ad_ctx *ctx, int i);                         /* NULL past the end */

/* ---- parameters: named values that outlive tapes ---- */

typedef struct ad_params ad_params;

/* How a value starts: one of the initialisers of autograd/init.c with its arguments, e.g. {"he_normal"}, {"constant", {0.5}}. */
typedef struct ad_init {
    char name[32];
    double arg[2];
} ad_init;

typedef enum ad_slot {
    AD_SLOT_PARAM,       /* trainable weights */
    AD_SLOT_STATE,       /* running statistics, moving averages, multipliers */
    AD_SLOT_OPTIM,       /* what an optimiser keeps */
    AD_SLOT_AVERAGE      /* running averages of weights: that of PATH is called ema.PATH */
} ad_slot;

typedef struct ad_entry {
    const char *path;    /* unique; '/' between levels: "prior/h[2,1]/cbr/conv.w" */
    ad_shape shape;
    ad_slot slot;
    ad_layout layout;
    ad_init init;
    void *data;          /* ad_count(shape) values of the store's precision, 64-byte aligned */
} ad_entry;

AD_API ad_params *ad_params_new(ad_ctx *ctx, ad_precision p);
AD_API void ad_params_free(ad_params *params);
AD_API ad_precision ad_params_precision(const ad_params *params);
/* Declares a value; a path that exists is refused. The values are zero until ad_params_init or the caller fills them. */
AD_API AD_CHECKED ad_status ad_params_add(ad_params *params, const char *path, const ad_shape *shape, ad_slot slot, ad_layout layout,
                                          const ad_init *init);
AD_API int ad_params_count(const ad_params *params);
AD_API ad_entry *ad_params_at(ad_params *params, int i);                        /* in order of declaration */
AD_API ad_entry *ad_params_find(ad_params *params, const char *path);           /* NULL if there is none */
AD_API ad_entry *ad_params_sorted(ad_params *params, int i);                    /* by path */
AD_API int64_t ad_params_elements(const ad_params *params, ad_slot slot);
/* Gives every entry of the slot its initial value: a pure function of (seed, path, element). */
AD_API AD_CHECKED ad_status ad_params_init(ad_params *params, ad_slot slot, uint64_t seed);
/* SHA-256 over all entries: sorted by path, values in memory order, little-endian; 64 hex digits and a zero. */
AD_API void ad_params_hash(ad_params *params, char hex[65]);
/* Copies values (converting the precision) between stores with the same paths; *missing may be NULL. */
AD_API AD_CHECKED ad_status ad_params_copy(ad_params *to, ad_params *from);

/* "orthogonal(gain=1.0)", "he_normal", "constant(0.5)" to an ad_init. */
AD_API AD_CHECKED ad_status ad_init_parse(ad_error *e, const char *text, ad_init *out);
AD_API AD_CHECKED ad_status ad_init_fill(ad_error *e, const ad_init *init, const ad_shape *shape, ad_layout layout, ad_precision p,
                                         uint64_t key, void *data);
/* Name, argument text and doc line of initialiser i; false past the end. */
AD_API bool ad_init_at(int i, const char **name, const char **arguments, const char **doc);

/* ---- random numbers: pure functions, no state ---- */

/* 64-bit key of (seed, purpose, path). Purposes are short words: "init", "site", "dropout", "data", ... */
AD_API uint64_t ad_key(uint64_t seed, const char *purpose, const char *path);
/* Philox4x32-10: four words of block `block` of the stream (key, step, draw). */
AD_API void ad_philox(uint64_t key, uint64_t step, uint32_t draw, uint32_t block, uint32_t out[4]);
/* Element i of the stream as a uniform in (0, 1), and as a standard normal (Box-Muller on the pair of words of i). */
AD_API double ad_uniform(uint64_t key, uint64_t step, uint32_t draw, uint64_t i);
AD_API double ad_normal(uint64_t key, uint64_t step, uint32_t draw, uint64_t i);

/* ---- tape ---- */

/* Where a record comes from: a model file, or nothing. Strings are copied. */
typedef struct ad_place {
    const char *file;
    int line, column;      /* 1-based; 0: unknown */
    const char *path;      /* of the statement: "prior/h[2,1]/cbr"; also the identity of random draws */
} ad_place;

AD_API ad_tape *ad_tape_new(ad_ctx *ctx, ad_precision p);
AD_API void ad_tape_free(ad_tape *t);
AD_API ad_ctx *ad_tape_ctx(const ad_tape *t);
AD_API ad_precision ad_tape_precision(const ad_tape *t);
AD_API int ad_tape_count(const ad_tape *t);                       /* records so far */
/* The place of the records that follow. */
AD_API void ad_tape_at(ad_tape *t, const ad_place *place);

/* Leaves. A failed tape (an op function returned NULL) stays quiet and returns NULL from everything. */
AD_API ad_tensor *ad_input(ad_tape *t, const char *name, const ad_shape *shape);
AD_API ad_tensor *ad_constant(ad_tape *t, const ad_shape *shape, const void *values);   /* copied; of the tape's precision */
AD_API ad_tensor *ad_scalar(ad_tape *t, double value);
AD_API ad_tensor *ad_parameter(ad_tape *t, ad_params *params, const char *path);        /* the same leaf each time */

/* Records an op. `attr` is the op's whole attribute struct, or NULL for the defaults. Composite ops record what they consist of.
 * out[] gets the op's outputs. On refusal the message is in the context's error, and the tape is unchanged and usable. */
AD_API AD_CHECKED ad_status ad_record(ad_tape *t, const ad_op *op, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out);
/* The same by name with attributes as text; returns output 0, or NULL and fails the tape: ad_apply(t, "conv", "stride=2", 3, in). */
AD_API ad_tensor *ad_apply(ad_tape *t, const char *op, const char *attributes, int n_in, ad_tensor *const *in);
/* What the typed op functions of ops.h are made of: quiet on a failed tape or a NULL input, fails the tape on refusal. */
AD_API ad_tensor *ad_record_one(ad_tape *t, const ad_op *op, const void *attr, int n_in, ad_tensor *const *in);
AD_API bool ad_tape_failed(const ad_tape *t);
AD_API void ad_tape_fail(ad_tape *t);

AD_API const ad_shape *ad_tensor_shape(const ad_tensor *x);
AD_API ad_tape *ad_tensor_tape(const ad_tensor *x);
AD_API const char *ad_tensor_name(const ad_tensor *x);            /* of an input, parameter path, or "%12" */
AD_API const ad_place *ad_tensor_place(const ad_tensor *x);       /* of the record that made it; NULL for leaves */
AD_API int ad_tensor_record(const ad_tensor *x);                  /* index of its record, -1 for leaves */

/* What record i says of itself; false past the end. A missing operand is NULL among `in`. */
typedef struct ad_record_info {
    const ad_op *op;
    const void *attr;
    int n_in, n_out;
    ad_tensor *const *in, *const *out;
    const ad_place *place;
    int undoes;            /* the record whose gradient rule made it, -1 in the forward part */
} ad_record_info;
AD_API bool ad_tape_record(const ad_tape *t, int i, ad_record_info *out);
AD_API ad_cost ad_record_cost(const ad_tape *t, int i);

/* At the end of a step the store's value behind `leaf` (an ad_parameter) becomes `value`; a parameter among the values stands for its value
 * of before the step. Records made from here on read `value` where they are given `leaf`. */
AD_API AD_CHECKED ad_status ad_commit(ad_tensor *leaf, ad_tensor *value);

/* Define-by-run: computes what is needed and gives the values (of the tape's precision, of I32 or U8), valid until the tape goes.
 * Inputs must have been set with ad_set. NULL and an error if that fails. */
AD_API const void *ad_data(ad_tensor *x);
AD_API AD_CHECKED ad_status ad_set(ad_tensor *input, const void *values);
AD_API double ad_value(ad_tensor *x, int64_t i);                  /* element i as a double; NAN if it cannot be computed */
/* Seed, step and draw of the random numbers of ad_data on this tape. */
AD_API void ad_tape_random(ad_tape *t, uint64_t seed, uint64_t step, uint32_t draw);

/* ---- gradients ---- */

/* grads[i] = d loss / d wrt[i], or NULL where the loss does not depend on it. `loss` is a scalar (or has one element). */
AD_API AD_CHECKED ad_status ad_gradients(ad_tape *t, ad_tensor *loss, int n, ad_tensor *const *wrt, ad_tensor **grads);
/* One record at a time: begin, then step until it returns -1 (else the index of the record walked back over), then fetch. */
AD_API AD_CHECKED ad_status ad_gradients_begin(ad_tape *t, ad_tensor *loss, int n, ad_tensor *const *wrt);
AD_API int ad_gradients_step(ad_tape *t);
AD_API int ad_gradients_next(const ad_tape *t);                   /* the record that the next step walks back over; -1 at the end */
AD_API ad_tensor *ad_gradient(ad_tape *t, const ad_tensor *x);    /* adjoint so far, NULL if none */

/* Derivatives along a direction: one tensor for each of wrt, of its shape; NULL stands for zeros. What is recorded can be differentiated
 * again. A product that is zero for any values is NULL; so is that of an output of whole numbers.
 * products[k] = sum over i of d out[k] / d wrt[i] direction[i] */
AD_API AD_CHECKED ad_status ad_jvp(ad_tape *t, int n_out, ad_tensor *const *out, int n, ad_tensor *const *wrt, ad_tensor *const *direction,
                                   ad_tensor **products);
/* products[i] = sum over j of d2 f / d wrt[i] d wrt[j] direction[j], of a number f. */
AD_API AD_CHECKED ad_status ad_hvp(ad_tape *t, ad_tensor *f, int n, ad_tensor *const *wrt, ad_tensor *const *direction, ad_tensor **products);

/* ---- plan and run ---- */

typedef struct ad_program ad_program;

typedef struct ad_plan_options {
    bool no_sharing;       /* do not share equal records */
    bool no_chains;        /* do not run elementwise chains in blocks, nor join and cut channels in them */
    bool no_tails;         /* do not run elementwise chains on the pieces of a convolution's result as they are made */
    bool no_recompute;     /* keep activations for the backward part instead of computing cheap ones again where that saves memory */
    bool no_reuse;         /* every value its own buffer */
    bool no_commits;       /* leave the parameter store alone */
    /* Largest arena, bytes; 0: the smallest in which no value but cheap ones is made again. Activations are kept where they fit; else values
     * are given up and made again, with the same bits; where that is not enough, AD_EUSAGE and the smallest arena that can be. Needs
     * buffers to be reused. */
    size_t memory;
    /* A loss: if it, or what parameters and state would be updated by (gradients, as they are after clipping), is not finite, the run stops
     * with AD_ENUMERIC and nothing is committed. */
    ad_tensor *guard;
} ad_plan_options;

/* Keeps outs[] readable after a run. Commits recorded on the tape whose value is reachable are part of every program unless
 * no_commits. The tape must outlive the program. */
AD_API AD_CHECKED ad_status ad_compile(ad_tape *t, int n_out, ad_tensor *const *outs, const ad_plan_options *options, ad_program **program);
AD_API void ad_program_free(ad_program *p);

/* The first value of a checked run that is not finite. */
typedef struct ad_finding {
    int record, output;              /* on the tape; record -1: every value is finite */
    int64_t element, bad, count;     /* the first element that is not; how many of how many are not */
    double least, largest;           /* of those that are; least > largest: none is */
    char sha256[65];                 /* over the whole value and those it was made from */
} ad_finding;

typedef struct ad_run_options {
    uint64_t seed, step;
    uint32_t draw;
    bool check;            /* look at every value: the first one that is not finite stops the run and is named, with what it was made from */
    ad_finding *found;     /* with check: what was found; may be NULL */
} ad_run_options;

AD_API AD_CHECKED ad_status ad_run(ad_program *p, const ad_run_options *run);
/* The memory behind an input (to be filled before a run) or an output (to be read after it). NULL if it has none in this program. */
AD_API void *ad_program_data(ad_program *p, const ad_tensor *x);
AD_API size_t ad_program_arena(const ad_program *p);       /* bytes planned, and used */
AD_API int ad_program_records(const ad_program *p);
AD_API double ad_program_macs(const ad_program *p);
/* What a memory budget costs: the records that a run computes more than once for its sake (ad_program_macs has them too). */
typedef struct ad_again {
    int records;
    double macs, bytes;    /* bytes read and written */
    size_t without;        /* the arena without a budget */
} ad_again;
AD_API ad_again ad_program_again(const ad_program *p);
/* Time and cost of every step of the last `ad_run`s, for profiles: calls f for each step in order. */
typedef struct ad_step_info {
    const char *op, *path;
    const ad_place *place;
    const ad_shape *shape;   /* of output 0 */
    double seconds;          /* summed over runs, only if profiling was on */
    ad_cost cost;
    size_t offset, bytes;    /* of output 0 in the arena */
    int first, last;         /* steps between which output 0 lives */
    int record;              /* on the tape; of a chain the last one */
    int records;             /* more than 1: a chain */
    bool backward;           /* from a gradient rule, or made again for one */
} ad_step_info;
AD_API void ad_program_profile(ad_program *p, bool on);
AD_API bool ad_program_step(const ad_program *p, int i, ad_step_info *info);
/* The times of the steps, summed by op or by line of the model. A chain is one op; its time is divided evenly among the lines of its
 * records. */
typedef enum ad_profile_by { AD_BY_OP, AD_BY_LINE } ad_profile_by;
typedef struct ad_profile_row {
    const char *op;          /* BY_OP */
    const ad_place *place;   /* BY_LINE: of its first record; NULL: all that comes from no line (the update of the weights) */
    int steps;               /* of the plan */
    double seconds;          /* summed over runs */
    double backward;         /* of that, in the backward part */
    ad_cost cost;            /* of one run */
} ad_profile_row;
/* Slowest first; malloc'ed. */
AD_API AD_CHECKED ad_status ad_program_sums(const ad_program *p, ad_profile_by by, ad_profile_row **rows, int *n);

/* What became of a tensor of the tape in a program. */
typedef enum ad_fate {
    AD_DROPPED,              /* no output needs it */
    AD_SHARED,               /* an equal record was there: the value of record `stands_in` is used */
    AD_STORED,               /* a parameter or a constant, read where it lies */
    AD_IN_BLOCK,             /* lives and dies in a block of a chain; no buffer */
    AD_IN_ARENA
} ad_fate;
typedef struct ad_lifetime {
    ad_fate fate;
    int step;                /* that computes it; -1: a leaf, or dropped */
    int again;               /* how many later steps make it again */
    int stands_in;           /* SHARED: index of that record */
    bool alias;              /* lies in the buffer of another value: a reshape, an update in place, a convolution with a tail */
    size_t offset, bytes;    /* IN_ARENA: in the arena; of an alias those of the buffer it lies in */
    int first, last;         /* steps between which the buffer is its own; `last` may be one past the last step: until the end */
} ad_lifetime;
AD_API void ad_program_lifetime(const ad_program *p, const ad_tensor *x, ad_lifetime *out);
/* Most bytes of values that live at one step, and that step. The arena is at least as large. */
AD_API size_t ad_program_peak(const ad_program *p, int *step);

/* ---- looking ---- */

/* The tape, one record a line, and as a DOT graph. A malloc'ed text; NULL when memory is out. */
AD_API char *ad_tape_text(const ad_tape *t);
AD_API char *ad_tape_dot(const ad_tape *t);
/* The arena as a picture: buffers over the steps of the plan, as one SVG document. Likewise malloc'ed. */
AD_API char *ad_program_svg(const ad_program *p, const char *title);

/* ---- gradient check ---- */

typedef struct ad_check {
    double worst;            /* largest relative error seen */
    int input;               /* where: index of the input or parameter ... */
    int64_t element;         /* ... and of the element */
    double analytic, numeric;
    int64_t checked, kinks;  /* derivatives compared; left out because the sample crosses a kink */
} ad_check;

/* All generated checks of one sample of one op in double: every element of every differentiable input against central differences
 * of a random projection of the outputs, and, when order is 2, the gradient of the gradient likewise. */
AD_API AD_CHECKED ad_status ad_gradcheck_sample(ad_ctx *ctx, const ad_op *op, const ad_sample *s, int order, ad_check *out);
/* Directional derivatives (n_directions, all parameters at once) and single weights (n_single) of a scalar on an AD_F64 tape; when order
 * is 2, then of the scalar's derivative along one random direction: products with its second derivative. Inputs have been set with
 * ad_set. A difference quotient that disagrees with the one at a tenth of the step size crosses a kink. */
AD_API AD_CHECKED ad_status ad_gradcheck_tape(ad_tensor *loss, ad_params *params, int order, int n_directions, int n_single, uint64_t seed,
                                              ad_check *out);

/* ---- SHA-256 ---- */

typedef struct ad_sha256 {
    uint32_t h[8];
    uint64_t bytes;
    uint8_t block[64];
} ad_sha256;
AD_API void ad_sha256_init(ad_sha256 *s);
AD_API void ad_sha256_add(ad_sha256 *s, const void *data, size_t n);
AD_API void ad_sha256_end(ad_sha256 *s, char hex[65]);
/* Of a file's bytes. */
AD_API AD_CHECKED ad_status ad_sha256_file(ad_error *e, const char *path, char hex[65]);

#ifdef __cplusplus
}
#endif
#endif

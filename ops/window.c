/*
 * window.c - sizes of sliding windows, and running staged kernels.
 *
 *   out = floor((in + 2 pad - dilation (kernel - 1) - 1) / stride) + 1
 *
 * With ceil mode the division rounds up, but a last window must begin inside the input or its leading padding.
 */
#include "ops/window.h"

#include <inttypes.h>
#include <string.h>

ad_status ad__spatial_axes(ad_error *e, const char *op, const char *operand, const ad_shape *x, int *axes)
{
    char text[AD_SHAPE_TEXT];
    if (x->rank < 3 || x->rank > 5 || x->dtype != AD_REAL)
        return AD_FAIL(e, ESHAPE, "%s: %s %s; need [N,W,C], [N,H,W,C] or [N,D,H,W,C]", op, operand, ad_shape_text(x, text));
    *axes = x->rank - 2;
    return AD_OK;
}

ad_status ad__per_axis(ad_error *e, const char *op, const char *name, const ad_ints *list, int axes, int64_t standard, int64_t least,
                       int64_t *out)
{
    if (list->n > 1 && list->n != axes)
        return AD_FAIL(e, EATTR, "%s: %s has %d numbers; need 1 or %d, one per spatial axis", op, name, list->n, axes);
    for (int i = 0; i < axes; i++) {
        out[i] = list->n == 0 ? standard : list->v[list->n == 1 ? 0 : i];
        if (out[i] < least)
            return AD_FAIL(e, EATTR, "%s: %s is %" PRId64 "; need at least %" PRId64, op, name, out[i], least);
    }
    return AD_OK;
}

/* "same" padding of one axis; -1 where there is none. */
static int64_t same_padding(int64_t kernel, int64_t stride, int64_t dilation)
{
    if (kernel == stride) return 0;
    return kernel % 2 ? dilation * (kernel - 1) / 2 : -1;
}

static int64_t size_after(const ad_conv_shape *s, int i, bool ceil_mode)
{
    int64_t room = s->in[i] + 2 * s->pad[i] - s->dilation[i] * (s->kernel[i] - 1) - 1;
    if (room < 0) return 0;
    int64_t out = (room + (ceil_mode ? s->stride[i] - 1 : 0)) / s->stride[i] + 1;
    if (ceil_mode && (out - 1) * s->stride[i] >= s->in[i] + s->pad[i]) out--;
    return out;
}

ad_status ad__window(ad_error *e, const char *op, const ad_window_lists *lists, int axes, const int64_t *in, ad_conv_shape *s)
{
    int64_t dilation[3] = { 1, 1, 1 }, *pad = ad__last_axes(s->pad, axes);
    for (int i = 0; i < 3; i++) {
        s->in[i] = s->out[i] = s->kernel[i] = s->stride[i] = s->dilation[i] = 1;
        s->pad[i] = 0;
    }
    memcpy(ad__last_axes(s->in, axes), in, (size_t)axes * sizeof *in);
    AD_TRY(ad__per_axis(e, op, "kernel", lists->kernel, axes, 1, 1, ad__last_axes(s->kernel, axes)));
    AD_TRY(ad__per_axis(e, op, "stride", lists->stride, axes, lists->stride_is_kernel ? 0 : 1, 0, ad__last_axes(s->stride, axes)));
    if (lists->dilation) AD_TRY(ad__per_axis(e, op, "dilation", lists->dilation, axes, 1, 1, dilation));
    memcpy(ad__last_axes(s->dilation, axes), dilation, (size_t)axes * sizeof *dilation);
    AD_TRY(ad__per_axis(e, op, "padding", lists->padding, axes, lists->padding_is_same ? -1 : 0, lists->padding->n ? 0 : -1, pad));
    for (int i = 3 - axes; i < 3; i++) {
        if (lists->stride_is_kernel && lists->stride->n == 0) s->stride[i] = s->kernel[i];
        if (s->stride[i] == 0) return AD_FAIL(e, EATTR, "%s: stride is 0; need at least 1", op);
        if (s->pad[i] < 0) s->pad[i] = same_padding(s->kernel[i], s->stride[i], s->dilation[i]);
        if (s->pad[i] < 0)
            return AD_FAIL(e, EATTR, "%s: an even kernel of %" PRId64 " with stride %" PRId64 " has no \"same\" padding; give padding",
                           op, s->kernel[i], s->stride[i]);
        s->out[i] = size_after(s, i, lists->ceil_mode);
        if (s->out[i] < 1)
            return AD_FAIL(e, ESHAPE, "%s: a kernel of %" PRId64 " (dilation %" PRId64 ") does not fit into a size of %" PRId64
                           " with padding %" PRId64, op, s->kernel[i], s->dilation[i], s->in[i], s->pad[i]);
    }
    return AD_OK;
}

ad_ints ad__spatial_sizes(const ad_shape *x)
{
    ad_ints sizes = { .n = x->rank - 2 };
    memcpy(sizes.v, x->dim + 1, (size_t)sizes.n * sizeof *sizes.v);
    return sizes;
}

ad_shape ad__image(int64_t n, int axes, const int64_t *size, int64_t c)
{
    ad_shape s = { .rank = axes + 2, .dim = { n } };
    memcpy(s.dim + 1, size, (size_t)axes * sizeof *size);
    s.dim[axes + 1] = c;
    return s;
}

/* ---- convolution ---- */

ad_ints ad__kernel_sizes(const ad_shape *w)
{
    ad_ints sizes = { .n = w->rank - 2 };
    memcpy(sizes.v, w->dim, (size_t)sizes.n * sizeof *sizes.v);
    return sizes;
}

ad_status ad__conv_geometry(ad_error *e, const char *op, const ad_conv_attr *a, int axes, const int64_t *in, const ad_ints *kernel,
                            int64_t cin, int64_t cout, ad_conv_shape *s)
{
    ad_window_lists lists = {
        .kernel = kernel, .stride = &a->stride, .padding = &a->padding, .dilation = &a->dilation, .padding_is_same = true
    };
    s->groups = a->groups ? a->groups : 1;
    s->cin = cin;
    s->cout = cout;
    if (s->groups < 1 || cin % s->groups || cout % s->groups)
        return AD_FAIL(e, ESHAPE, "%s: %" PRId64 " groups do not divide %" PRId64 " input and %" PRId64 " output channels", op, s->groups,
                       cin, cout);
    return ad__window(e, op, &lists, axes, in, s);
}

ad_status ad__conv_weights(ad_error *e, const char *op, const ad_conv_attr *a, int axes, const ad_shape *w, int64_t outputs)
{
    char text[AD_SHAPE_TEXT];
    int64_t kernel[3];
    if (w->rank != axes + 2 || w->dtype != AD_REAL)
        return AD_FAIL(e, ESHAPE, "%s: w %s; need %d kernel sizes, input and output channels", op, ad_shape_text(w, text), axes);
    if (a->out && a->out != outputs)
        return AD_FAIL(e, ESHAPE, "%s: out=%" PRId64 ", but w %s has %" PRId64 " outputs", op, a->out, ad_shape_text(w, text), outputs);
    if (a->kernel.n == 0) return AD_OK;
    AD_TRY(ad__per_axis(e, op, "kernel", &a->kernel, axes, 1, 1, kernel));
    for (int i = 0; i < axes; i++)
        if (kernel[i] != w->dim[i])
            return AD_FAIL(e, ESHAPE, "%s: kernel=%" PRId64 ", but w %s has %" PRId64 " there", op, kernel[i], ad_shape_text(w, text), w->dim[i]);
    return AD_OK;
}

ad_status ad__conv_kernel_wanted(ad_error *e, const char *op, const ad_conv_attr *a, int axes, int64_t *kernel)
{
    if (a->out < 1) return AD_FAIL(e, EATTR, "%s: needs out, the number of output channels", op);
    if (a->kernel.n == 0) return AD_FAIL(e, EATTR, "%s: needs kernel, its size", op);
    return ad__per_axis(e, op, "kernel", &a->kernel, axes, 1, 1, kernel);
}

double ad__conv_macs(const ad_conv_shape *s)
{
    double macs = (double)s->n * (double)s->cout * (double)(s->cin / s->groups);
    for (int i = 0; i < 3; i++)
        macs *= (double)s->out[i] * (double)s->kernel[i];
    return macs;
}

ad_conv_attr ad__conv_attr_for_input(const ad_conv_attr *a, const ad_shape *x)
{
    ad_conv_attr b = *a;
    b.size = ad__spatial_sizes(x);
    return b;
}

ad_conv_attr ad__conv_attr_for_weight(const ad_conv_attr *a, const ad_shape *w)
{
    ad_conv_attr b = *a;
    b.kernel = ad__kernel_sizes(w);
    return b;
}

/* ---- staged kernels ---- */

typedef struct stage_job {
    const ad_conv_kernel *conv;
    const ad_gemm_kernel *gemm;
    const void *shape;
    const ad_args *args;
    int stage;
    const ad_call *tailed;         /* the call whose tail runs behind each unit, NULL */
} stage_job;

static void run_unit(int64_t unit, void *scratch, void *arg)
{
    const stage_job *j = arg;
    ad_args args = *j->args;
    args.scratch = scratch;
    if (j->conv)
        j->conv->run(j->shape, j->stage, unit, &args);
    else
        j->gemm->run(j->shape, j->stage, unit, &args);
    if (!j->tailed) return;
    ad_piece piece[AD_MOST_PIECES];
    int n = j->conv->pieces(j->shape, unit, piece);
    j->tailed->tail->run(j->tailed->tail->arg, n, (const ad_piece *)piece, (char *)scratch + j->tailed->tail_scratch);
}

static void run_stages(const ad_call *c, stage_job *job, const ad_work *work, double macs)
{
    const ad_call *tailed = job->tailed;
    for (job->stage = 0; job->stage < work->stages; job->stage++) {
        job->tailed = job->stage + 1 == work->stages ? tailed : NULL;
        ad_parallel(c, work->units[job->stage], (int64_t)macs, run_unit, job);
    }
}

/* ---- tails ---- */

/* Rows of the last axis in a piece of about so many elements. */
#define TAIL_ELEMENTS 16384

typedef struct tail_job {
    const ad_call *call;
    int64_t count, piece;
} tail_job;

static void tail_piece(int64_t i, void *scratch, void *arg)
{
    const tail_job *j = arg;
    int64_t first = i * j->piece, left = j->count - first;
    const ad_piece piece = { first, left < j->piece ? left : j->piece };
    j->call->tail->run(j->call->tail->arg, 1, &piece, (char *)scratch + j->call->tail_scratch);
}

/* The tail over a whole result, behind all units: none of them completes a pixel. */
static void run_tail(const ad_call *c)
{
    const ad_shape *s = &c->out[0].shape;
    int64_t row = s->dim[s->rank - 1], rows = TAIL_ELEMENTS / row;
    tail_job job = { c, ad_count(s), (rows > 0 ? rows : 1) * row };
    ad_parallel(c, (job.count + job.piece - 1) / job.piece, job.count, tail_piece, &job);
}

void ad__run_conv(const ad_call *c, const ad_conv_kernel *kernel, const ad_conv_shape *s, const ad_args *args)
{
    ad_work work;
    ad_piece piece[AD_MOST_PIECES];
    kernel->plan(s, &work);
    bool by_unit = c->tail && kernel->pieces && work.units[work.stages - 1] > 0 && kernel->pieces(s, 0, piece) > 0;
    run_stages(c, &(stage_job){ .conv = kernel, .shape = s, .args = args, .tailed = by_unit ? c : NULL }, &work, ad__conv_macs(s));
    if (c->tail && !by_unit) run_tail(c);
}

void ad__run_gemm(const ad_call *c, const ad_gemm_kernel *kernel, const ad_gemm_shape *s, const ad_args *args)
{
    ad_work work;
    kernel->plan(s, &work);
    run_stages(c, &(stage_job){ .gemm = kernel, .shape = s, .args = args }, &work,
               (double)s->batch * (double)s->m * (double)s->n * (double)s->k);
}

void ad__conv_scratch(const ad_conv_kernel *kernel, const ad_conv_shape *s, ad_scratch *out)
{
    ad_work work;
    kernel->plan(s, &work);
    out->shared = work.shared;
    out->per_thread = work.per_thread;
}

void ad__gemm_scratch(const ad_gemm_kernel *kernel, const ad_gemm_shape *s, ad_scratch *out)
{
    ad_work work;
    kernel->plan(s, &work);
    out->shared = work.shared;
    out->per_thread = work.per_thread;
}

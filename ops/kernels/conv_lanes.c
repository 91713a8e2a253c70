/*
 * conv_lanes.c - the tiles of conv_lanes.h, and the planes that they read.
 */
#include <string.h>

#include "ops/kernels/conv_lanes.h"

/* Terms first .. end - 1 of the chain of every sum; each asks for memory `ask_step` floats further on, for later. */
INLINED void chains(const int vecs, const int count, const conv_lanes *t, int64_t first, int64_t end, const float *const *a, const float *ask,
                    int64_t ask_step, vec c[LANES_VECS][LANES_MOST])
{
    const float *b = t->b + first * t->b_step;
    int64_t b_step = t->b_step;
    const int32_t *place = t->place;
    const float *x[LANES_VECS];
    UNROLLED for (int p = 0; p < vecs; p++)
        x[p] = a[p];
    for (int64_t i = first; i < end; i++, b += b_step, ask += ask_step) {
        vec s[LANES_VECS];
        UNROLLED for (int p = 0; p < vecs; p++)
            s[p] = v_load(x[p] + place[i]);
        __builtin_prefetch(ask);
        UNROLLED for (int q = 0; q < count; q++) {
            vec w = v_set1(b[q]);
            UNROLLED for (int p = 0; p < vecs; p++)
                c[p][q] = v_fma(s[p], w, c[p][q]);
        }
    }
}

INLINED void pixels(const int vecs, const int count, const conv_lanes *t, const float *const *a, float *const *out)
{
    vec c[LANES_VECS][LANES_MOST];
    int64_t stride = t->out_stride;
    if (t->start) {
        UNROLLED for (int q = 0; q < count; q++)
            UNROLLED for (int p = 0; p < vecs; p++)
                c[p][q] = v_set1(t->start[q]);
    } else {
        UNROLLED for (int p = 0; p < vecs; p++)
            UNROLLED for (int q = 0; q < count; q += 4) {
                vec four[4];
                v_load_turned(out[p] + q, stride, count - q, four);
                UNROLLED for (int i = 0; i < (count - q < 4 ? count - q : 4); i++)
                    c[p][q + i] = four[i];
            }
    }
    chains(vecs, count, t, 0, t->terms / 2, a, out[vecs - 1] + VL * stride, t->out_step, c);
    chains(vecs, count, t, t->terms / 2, t->terms, a, t->ahead, t->ahead_step, c);
    UNROLLED for (int p = 0; p < vecs; p++)
        UNROLLED for (int q = 0; q < count; q += 4) {
            vec four[4];
            UNROLLED for (int i = 0; i < 4; i++)
                four[i] = c[p][q + i < count ? q + i : count - 1];
            v_store_turned(out[p] + q, stride, count - q, four);
        }
}

INLINED void sums(const int vecs, const int count, const conv_lanes *t, const float *const *a, float *const *out)
{
    vec c[LANES_VECS][LANES_MOST];
    UNROLLED for (int p = 0; p < vecs; p++)
        UNROLLED for (int q = 0; q < count; q++)
            c[p][q] = v_load(out[p] + q * VL);
    chains(vecs, count, t, 0, t->terms, a, t->ahead, t->ahead_step, c);
    UNROLLED for (int p = 0; p < vecs; p++)
        UNROLLED for (int q = 0; q < count; q++)
            v_store(out[p] + q * VL, c[p][q]);
}

#define COUNTS_6(X, v) X(v, 1) X(v, 2) X(v, 3) X(v, 4) X(v, 5) X(v, 6)
#define COUNTS_12(X, v) COUNTS_6(X, v) X(v, 7) X(v, 8) X(v, 9) X(v, 10) X(v, 11) X(v, 12)
#ifdef ADZE_SIMD_AVX512
#define LANES_MAP(X) COUNTS_12(X, 1) COUNTS_12(X, 2)
#else
#define LANES_MAP(X) COUNTS_6(X, 1) COUNTS_6(X, 2)
#endif

#define X(vecs, count)                                                                                                   \
    static void pixels_##vecs##_##count(const conv_lanes *t, const float *const *a, float *const *out) { pixels(vecs, count, t, a, out); }          \
    static void sums_##vecs##_##count(const conv_lanes *t, const float *const *a, float *const *out) { sums(vecs, count, t, a, out); }
LANES_MAP(X)
#undef X

const conv_lanes_fn K(conv_lanes_pixels)[LANES_VECS + 1][LANES_MOST + 1] = {
#define X(vecs, count) [vecs][count] = pixels_##vecs##_##count,
    LANES_MAP(X)
#undef X
};

const conv_lanes_fn K(conv_lanes_sums)[LANES_VECS + 1][LANES_MOST + 1] = {
#define X(vecs, count) [vecs][count] = sums_##vecs##_##count,
    LANES_MAP(X)
#undef X
};

/* ---- planes ---- */

/* VL pixels into n planes. */
INLINED void turn_some(float *planes, int64_t plane, const float *source, int64_t stride, const int n)
{
    vec four[4];
    v_load_turned(source, stride, n, four);
    UNROLLED for (int i = 0; i < n; i++)
        v_store(planes + i * plane, four[i]);
}

/* `count` pixels, `stride` apart, into `length` planes. */
static void turn_run(float *planes, int64_t plane, const float *source, int64_t count, int64_t stride, int64_t length)
{
    if (count < VL)
        for (int64_t i = 0; i < count; i++)
            for (int64_t c = 0; c < length; c++)
                planes[c * plane + i] = source[i * stride + c];
    else
        for (int64_t p = 0; p < count; p += VL) {
            int64_t at = p + VL <= count ? p : count - VL, c = 0;      /* the last vector overlaps the one before */
            for (; c + 4 <= length; c += 4)
                turn_some(planes + c * plane + at, plane, source + at * stride + c, stride, 4);
            for (; c < length; c++)
                turn_some(planes + c * plane + at, plane, source + at * stride + c, stride, 1);
        }
}

static void zero_run(float *planes, int64_t plane, int64_t count, int64_t length)
{
    for (int64_t i = 0; i < count; i++)
        for (int64_t c = 0; c < length; c++)
            planes[c * plane + i] = 0;
}

void K(conv_fill_planes)(const conv_view *v, const conv_planes *l, const float *source, int64_t row, int64_t channel, int64_t length,
                         float *planes)
{
    const conv_axis *x = &v->axis[2];
    const conv_slots *s = &l->slots;
    int64_t at[3], channels = v->groups * v->sum;
    conv_row_at(v, row, at);
    planes += l->lead;
    for (int64_t t = 0; t < v->axis[0].taps; t++)
        for (int64_t r = 0; r < s->rows; r++) {
            const float *from = conv_source_row(v, source, at[0], conv_source_at(&v->axis[0], at[1], t),
                                                conv_source_at(&v->axis[1], at[2], 0) + r);
            for (int64_t part = 0; part < s->parts; part++, planes += s->width) {
                int64_t offset = x->first + part, low = 0, high = 0;
                if (from) conv_inside(x->source, x->step, offset, l->width, &low, &high);
                zero_run(planes, s->floats, low, length);
                if (low < high)
                    turn_run(planes + low, s->floats, from + channel + (low * x->step + offset) * channels, high - low,
                             x->step * channels, length);
                zero_run(planes + high, s->floats, l->width - high, length);
            }
        }
}

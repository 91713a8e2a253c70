/*
 * finding.c - the first value of a run that is not finite, described: the op, its place in the model, the value's range, and the ranges
 * of what it was made from, each with the record that made it.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "autograd/internal.h"

/* 0 x is 0 unless x is not finite, and then a NaN that stays in the sum; lanes, so that it takes no longer than reading the memory. */
static bool finite_floats(const float *x, int64_t n)
{
    enum { LANES = 16 };
    float lane[LANES] = { 0 }, all = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++) lane[k] += 0 * x[i + k];
    for (; i < n; i++) all += 0 * x[i];
    for (int k = 0; k < LANES; k++) all += lane[k];
    return all == 0;
}

static bool finite_doubles(const double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

bool ad__finite(const ad_buffer *b, ad_precision p, int threads)
{
    enum { PART = 1 << 16 };
    int64_t n = ad_count(&b->shape);
    bool finite = true;
    if (b->shape.dtype != AD_REAL) return true;
#pragma omp parallel for num_threads(threads) reduction(&& : finite) if (n > PART)
    for (int64_t from = 0; from < n; from += PART) {
        int64_t count = n - from < PART ? n - from : PART;
        finite = (p == AD_F64 ? finite_doubles((const double *)b->data + from, count) : finite_floats((const float *)b->data + from, count)) && finite;
    }
    return finite;
}

int64_t ad__not_finite(const ad_buffer *b, ad_precision p)
{
    if (ad__finite(b, p, 1)) return -1;
    int64_t i = 0;
    if (p == AD_F64)
        while (isfinite(((const double *)b->data)[i])) i++;
    else
        while (isfinite(((const float *)b->data)[i])) i++;
    return i;
}

static double element(const ad_buffer *b, ad_precision p, int64_t i)
{
    switch (b->shape.dtype) {
    case AD_I32: return ((const int32_t *)b->data)[i];
    case AD_U8: return ((const uint8_t *)b->data)[i];
    default: return p == AD_F64 ? ((const double *)b->data)[i] : (double)((const float *)b->data)[i];
    }
}

ad__range ad__range_none(void)
{
    ad__range r = { .first = -1, .lo = INFINITY, .hi = -INFINITY };
    ad_sha256_init(&r.hash);
    return r;
}

/* Rows of a buffer that do not lie side by side are looked at one by one. */
static int64_t stretches(const ad_buffer *b)
{
    return b->row && b->row != ad__row_of(&b->shape) ? ad_count(&b->shape) / ad__row_of(&b->shape) : 1;
}

static ad_buffer stretch(const ad_buffer *b, ad_precision p, int64_t i)
{
    if (stretches(b) == 1) return *b;
    size_t size = p == AD_F64 ? sizeof(double) : sizeof(float);
    return (ad_buffer){ (char *)b->data + (size_t)(i * b->row) * size, { 1, { ad__row_of(&b->shape) }, b->shape.dtype } };
}

static bool all_finite(const ad_buffer *b, ad_precision p)
{
    bool finite = true;
    for (int64_t i = 0; finite && i < stretches(b); i++) {
        ad_buffer some = stretch(b, p, i);
        finite = ad__finite(&some, p, 1);
    }
    return finite;
}

static void add_stretch(ad__range *r, const ad_buffer *b, ad_precision p)
{
    int64_t n = ad_count(&b->shape);
    for (int64_t i = 0; i < n; i++) {
        double v = element(b, p, i);
        if (!isfinite(v)) {
            if (r->first < 0) {
                r->first = r->n + i;
                r->value = v;
            }
            r->bad++;
            continue;
        }
        if (v < r->lo) r->lo = v;
        if (v > r->hi) r->hi = v;
    }
    r->n += n;
    ad_sha256_add(&r->hash, b->data, ad_shape_bytes(&b->shape, p));
}

void ad__range_add(ad__range *r, const ad_buffer *b, ad_precision p)
{
    for (int64_t i = 0; i < stretches(b); i++) {
        ad_buffer some = stretch(b, p, i);
        add_stretch(r, &some, p);
    }
}

/* "3 of 288 not finite, the others between -1 and 2" */
static const char *range_text(const ad__range *r, char text[128])
{
    if (r->bad == r->n) snprintf(text, 128, "none of %lld finite", (long long)r->n);
    else if (r->bad) snprintf(text, 128, "%lld of %lld not finite, the others between %g and %g", (long long)r->bad, (long long)r->n, r->lo, r->hi);
    else snprintf(text, 128, "between %g and %g", r->lo, r->hi);
    return text;
}

static void place_text(const ad__record *r, char *text, size_t size)
{
    const ad_place *at = r->place;
    if (at && at->file) snprintf(text, size, "%s:%d:%d", at->file, at->line, at->column);
    else snprintf(text, size, "(no model file)");
}

enum { SHOWN = 6 };

/* One line for each operand: its name in the op, the value, who made it, its range. */
static void inputs_text(const ad__record *r, const ad__range *in, char *text, size_t size)
{
    static const char *const kinds[] = { [AD__COMPUTED] = "", [AD__INPUT] = "input ", [AD__CONSTANT] = "constant ", [AD__PARAMETER] = "parameter " };
    size_t used = 0;
    int shown = 0, operand = 0;
    text[0] = '\0';
    for (int i = 0; i < r->n_in && used < size; i++) {
        const ad_tensor *x = r->in[i];
        const ad__record *maker = x ? x->record : NULL;
        char shape[AD_SHAPE_TEXT], range[128], from[320] = "", place[256];
        const char *name = r->op->operands[operand].name;
        if (r->op->operands[operand + 1].name) operand++;
        if (!x || in[i].n == 0) continue;
        if (shown++ == SHOWN) {
            snprintf(text + used, size - used, "\n  ...       and %d more", r->n_in - i);
            return;
        }
        if (maker) {
            place_text(maker, place, sizeof place);
            snprintf(from, sizeof from, " by %s (record %d, %s)", maker->op->name, maker->index, place);
        }
        used += (size_t)snprintf(text + used, size - used, "\n  input     %s: %s%s %s%s: %s", name, kinds[x->leaf],
                                 maker && maker->place && maker->place->path ? maker->place->path : ad_tensor_name(x),
                                 ad_shape_text(&x->shape, shape), from, range_text(&in[i], range));
    }
}

/* The hash of all hashes. */
static void add_hash(ad_sha256 *all, ad__range r)
{
    char hex[65];
    ad_sha256_end(&r.hash, hex);
    ad_sha256_add(all, hex, 64);
}

static void fill(ad_finding *found, const ad__record *r, int output, const ad__range *out, const ad__range *in)
{
    ad_sha256 all;
    *found = (ad_finding){ .record = r->index, .output = output, .element = out->first, .bad = out->bad, .count = out->n, .least = out->lo,
                           .largest = out->hi };
    ad_sha256_init(&all);
    add_hash(&all, *out);
    for (int i = 0; i < r->n_in; i++)
        if (r->in[i]) add_hash(&all, in[i]);
    ad_sha256_end(&all, found->sha256);
}

ad_status ad__report_not_finite(ad_error *e, const ad__record *r, int output, const ad__range *out, const ad__range *in, ad_finding *found)
{
    char shape[AD_SHAPE_TEXT], place[256], range[128], inputs[2048];
    const ad_place *at = r->place;
    if (found) fill(found, r, output, out, in);
    place_text(r, place, sizeof place);
    inputs_text(r, in, inputs, sizeof inputs);
    return AD_FAIL(e, ENUMERIC, "value became %s\n  op        %s%s (record %d%s%s%s%s)\n  at        %s\n  output    %s, element %lld; %s%s",
                   isnan(out->value) ? "NaN" : "infinite", r->undoes >= 0 ? "gradient: " : "", r->op->name, r->index,
                   at && at->path ? ", " : "", at && at->path ? at->path : "", r->draw_path ? ", draws " : "",
                   r->draw_path ? r->draw_path : "", place, ad_shape_text(&r->out[output]->shape, shape), (long long)out->first,
                   range_text(out, range), inputs);
}

ad_status ad__look(ad_error *e, const ad__record *r, const ad_call *c, ad_finding *found)
{
    for (int k = 0; k < c->n_out; k++) {
        ad__range out = ad__range_none(), in[AD_MAX_INPUTS];
        if (all_finite(&c->out[k], c->precision)) continue;
        ad__range_add(&out, &c->out[k], c->precision);
        for (int i = 0; i < c->n_in; i++) {
            in[i] = ad__range_none();
            if (c->in[i].data && c->in[i].data != c->out[0].data) ad__range_add(&in[i], &c->in[i], c->precision);
        }
        return ad__report_not_finite(e, r, k, &out, in, found);
    }
    return AD_OK;
}

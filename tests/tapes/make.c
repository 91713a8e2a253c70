/*
 * make.c - random tapes that are valid by construction: each op is tried on a draft tape, on values that are there or on new leaves, with
 * the attributes of one of its samples, some of them changed. What the op refuses, what is not finite and what is too large is left out.
 */
#include "tests/tapes/make.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct maker {
    recipe *r;
    ad_ctx *ctx;
    ad_tape *draft;
    ad_tensor *tensor[MAX_VALUES];
    uint64_t key, drawn;
    bool large;
    int64_t cap;                  /* elements of a tensor */
    double macs;                  /* of the records of one op */
    int n_any, n_elementwise, n_layers;
    const ad_op *any[MAX_OPS], *elementwise[MAX_OPS], *layers[MAX_OPS];
} maker;

bool recipe_uses(const ad_op *op)
{
    return !(op->flags & AD_PLANNED) && op->samples && op->attr_size <= ATTR_BYTES;
}

/* ---- chance ---- */

static double uniform(maker *m)
{
    return ad_uniform(m->key, 0, 0, m->drawn++);
}

static int64_t below(maker *m, int64_t n)
{
    return (int64_t)(uniform(m) * (double)n);
}

static bool chance(maker *m, double p)
{
    return uniform(m) < p;
}

static int64_t between(maker *m, double lo, double hi)
{
    return (int64_t)lo + below(m, (int64_t)(hi - lo) + 1);
}

/* ---- values ---- */

static void measure(tape_value *v)
{
    int64_t n = ad_count(&v->shape);
    v->lo = n ? INFINITY : 0;
    v->hi = n ? -INFINITY : 0;
    for (int64_t i = 0; i < n; i++) {
        double x = v->shape.dtype == AD_REAL ? (double)((float *)v->elements)[i]
                   : v->shape.dtype == AD_I32 ? ((int32_t *)v->elements)[i] : ((uint8_t *)v->elements)[i];
        v->lo = fmin(v->lo, x);
        v->hi = fmax(v->hi, x);
        if (isnan(x)) v->hi = INFINITY;
    }
}

static void add_value(maker *m, ad_tensor *x, int at_node, void *elements)
{
    tape_value *v = &m->r->values[m->r->n_values];
    m->tensor[m->r->n_values++] = x;
    *v = (tape_value){ .shape = *ad_tensor_shape(x), .node = at_node, .elements = elements };
    measure(v);
}

static bool room(const maker *m)
{
    return m->r->n_nodes + 40 < MAX_NODES && m->r->n_values + 40 < MAX_VALUES;
}

static int add_leaf(maker *m, leaf_kind kind, const ad_shape *s, double lo, double hi)
{
    int64_t n = ad_count(s);
    if (!room(m) || n > m->cap) return -1;
    void *elements = malloc((size_t)n * 8 + 8);
    for (int64_t i = 0; i < n; i++) {
        if (s->dtype == AD_REAL) ((float *)elements)[i] = (float)(lo + (hi - lo) * uniform(m));
        else if (s->dtype == AD_I32) ((int32_t *)elements)[i] = (int32_t)between(m, lo, hi);
        else ((uint8_t *)elements)[i] = (uint8_t)between(m, lo, hi);
    }
    node *leaf = &m->r->nodes[m->r->n_nodes];
    *leaf = (node){ .leaf = s->dtype == AD_REAL ? kind : LEAF_INPUT, .n_out = 1, .out = m->r->n_values };
    add_value(m, ad_constant(m->draft, s, elements), m->r->n_nodes++, elements);
    return leaf->out;
}

/* What the records from `first` on make is small enough. */
static bool affordable(const maker *m, int first)
{
    ad_record_info r;
    double macs = 0;
    for (int i = first; ad_tape_record(m->draft, i, &r); i++) {
        ad_shape in[AD_MAX_INPUTS], out[AD_MAX_OUTPUTS];
        ad_cost c = { 0 };
        for (int k = 0; k < r.n_in; k++) in[k] = r.in[k] ? *ad_tensor_shape(r.in[k]) : (ad_shape){ .rank = -1 };
        for (int k = 0; k < r.n_out; k++) {
            out[k] = *ad_tensor_shape(r.out[k]);
            if (ad_count(&out[k]) > m->cap || ad_count(&out[k]) == 0) return false;
        }
        if (r.op->cost) r.op->cost(r.attr, r.n_in, in, out, &c);
        macs += c.macs;
    }
    return macs <= m->macs;
}

/* The first output of the op on these operands; -1 if it refuses, or if what it gives is of no use. */
static int add_node(maker *m, const ad_op *op, const void *attr, int n_in, const int *in)
{
    ad_tensor *out[AD_MAX_OUTPUTS] = { NULL };
    void *elements[AD_MAX_OUTPUTS] = { NULL };
    int n_out = op->n_out ? op->n_out : 1, first = ad_tape_count(m->draft), index = m->r->n_nodes;
    if (!room(m)) return -1;
    node *n = &m->r->nodes[index];
    *n = (node){ .op = op, .n_in = n_in, .n_out = n_out, .out = m->r->n_values };
    if (op->attr_size) memcpy(n->attr, attr, op->attr_size);
    memcpy(n->in, in, (size_t)n_in * sizeof *in);
    bool good = record_node(m->draft, n, index, m->tensor, out) == AD_OK && affordable(m, first);
    for (int k = 0; good && k < n_out; k++) {
        const void *data = ad_data(out[k]);
        tape_value v = { .shape = *ad_tensor_shape(out[k]) };
        if (!(good = data != NULL)) break;
        size_t bytes = ad_shape_bytes(&v.shape, AD_F32);
        v.elements = elements[k] = memcpy(malloc(bytes + 1), data, bytes);
        measure(&v);
        good = isfinite(v.lo) && isfinite(v.hi) && fabs(v.lo) < 1e4 && fabs(v.hi) < 1e4;
    }
    ad_error_clear(ad_ctx_error(m->ctx));
    for (int k = 0; k < n_out; k++) {
        if (good) add_value(m, out[k], index, elements[k]);
        else free(elements[k]);
    }
    if (!good) return -1;
    m->r->n_nodes++;
    return n->out;
}

/* The same with attributes as text. */
static int apply(maker *m, const char *name, const char *text, int n_in, const int *in)
{
    _Alignas(16) char attr[ATTR_BYTES];
    const ad_op *op = ad_op_find(m->ctx, name);
    if (ad_attr_parse(ad_ctx_error(m->ctx), op, text, attr) == AD_OK) return add_node(m, op, attr, n_in, in);
    ad_error_clear(ad_ctx_error(m->ctx));
    return -1;
}

static bool within(const tape_value *v, double lo, double hi)
{
    return v->lo >= lo && v->hi <= hi;
}

/* A value in the range, made of one that is not. */
static int squashed(maker *m, int v, double lo, double hi)
{
    char text[64];
    if (v < 0 || within(&m->r->values[v], lo, hi)) return v;
    int x = apply(m, "sigmoid", "", 1, &v);
    snprintf(text, sizeof text, "factor=%.9g", 0.98 * (hi - lo));
    if (x >= 0) x = apply(m, "scale", text, 1, &x);
    snprintf(text, sizeof text, "amount=%.9g", lo + 0.01 * (hi - lo));
    return x < 0 ? x : apply(m, "shift", text, 1, &x);
}

static void shape_list(const ad_shape *s, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "shape=[");
    for (int i = 0; i < s->rank; i++) used += (size_t)snprintf(text + used, size - used, i ? ",%lld" : "%lld", (long long)s->dim[i]);
    snprintf(text + used, size - used, "]");
}

/* Any value, half of the time one of the last. */
static int recent(maker *m)
{
    int n = m->r->n_values;
    return chance(m, 0.6) ? n - 1 - (int)below(m, n < 6 ? n : 6) : (int)below(m, n);
}

/* A real value of at least as many elements, flat, cut and reshaped. */
static int reshaped(maker *m, const ad_shape *s)
{
    char text[256];
    int64_t want = ad_count(s);
    int v = recent(m);
    int64_t is = ad_count(&m->r->values[v].shape);
    if (m->r->values[v].shape.dtype != AD_REAL || is < want) return -1;
    if (is > want) {
        snprintf(text, sizeof text, "shape=[%lld]", (long long)is);
        v = apply(m, "reshape", text, 1, &v);
        snprintf(text, sizeof text, "axis=0, start=%lld, count=%lld", (long long)below(m, is - want + 1), (long long)want);
        if (v >= 0) v = apply(m, "slice", text, 1, &v);
        if (v < 0) return -1;
    }
    shape_list(s, text, sizeof text);
    return apply(m, "reshape", text, 1, &v);
}

static int recent_of(maker *m, const ad_shape *s)
{
    for (int tries = 0; tries < 20; tries++) {
        int v = recent(m);
        if (ad_shape_equal(&m->r->values[v].shape, s)) return v;
    }
    return -1;
}

/* A value of this shape and range: one that is there if possible. */
static int source(maker *m, const ad_shape *s, ad_role role, bool ranged, double lo, double hi)
{
    int found[MAX_VALUES], n = 0;
    double least = ranged ? lo : -50, most = ranged ? hi : 50;
    leaf_kind kind = role == AD_PARAM ? LEAF_WEIGHT : role == AD_STATE ? LEAF_STATE : chance(m, 0.6) ? LEAF_INPUT
                     : chance(m, 0.6) ? LEAF_WEIGHT : LEAF_CONSTANT;
    if (s->dtype != AD_REAL) return add_leaf(m, kind, s, lo, hi);
    for (int i = 0; i < m->r->n_values; i++)
        if (ad_shape_equal(&m->r->values[i].shape, s) && (role != AD_STATE || m->r->nodes[m->r->values[i].node].leaf == LEAF_STATE))
            found[n++] = i;
    int v = n > 0 && chance(m, role == AD_DATA ? 0.85 : 0.3) ? found[chance(m, 0.5) ? n - 1 - (int)below(m, n < 3 ? n : 3) : (int)below(m, n)] : -1;
    if (v < 0 && role == AD_DATA && chance(m, 0.6)) v = reshaped(m, s);
    if (v >= 0 && (role != AD_STATE || within(&m->r->values[v], least, most))) return squashed(m, v, least, most);
    return add_leaf(m, kind, s, lo, hi);
}

/* ---- attributes ---- */

/* Other sizes of the same number of elements, or of fewer where the op sums, or of more where it repeats. */
static ad_ints random_shape(maker *m, const ad_op *op, const ad_shape *s)
{
    ad_ints out = { 0 };
    int64_t rest = ad_count(s);
    if (strcmp(op->name, "reshape") == 0) {
        while (rest > 1 && out.n < 4) {
            int64_t factor = 2 + below(m, 6);
            if (rest % factor == 0) out.v[out.n++] = factor;
            if (rest % factor == 0) rest /= factor;
            else if (chance(m, 0.3)) break;
        }
        out.v[out.n++] = rest;
        return out;
    }
    bool draws = op->flags & AD_DRAWS, repeats = strcmp(op->name, "broadcast_to") == 0;
    if (repeats && s->rank < 5 && chance(m, 0.5)) out.v[out.n++] = 1 + below(m, 3);
    for (int i = 0; i < s->rank; i++)
        out.v[out.n++] = draws ? s->dim[i] : repeats ? (s->dim[i] == 1 ? 1 + below(m, 4) : s->dim[i]) : chance(m, 0.4) ? 1 : s->dim[i];
    return out;
}

static ad_ints random_axes(maker *m, const ad_op *op, const ad_shape *s)
{
    ad_ints out = { 0 };
    bool all = strcmp(op->name, "permute") == 0;
    for (int i = 0; i < s->rank; i++)
        if (all || chance(m, 0.5)) out.v[out.n++] = all || chance(m, 0.7) ? i : i - s->rank;
    for (int i = out.n - 1; all && i > 0; i--) {
        int j = (int)below(m, i + 1);
        int64_t kept = out.v[i];
        out.v[i] = out.v[j];
        out.v[j] = kept;
    }
    return out;
}

static int64_t small(maker *m, const ad_attr *a)
{
    return between(m, fmax(a->lo, -2), fmin(a->hi, 4));
}

static void change_one(maker *m, const ad_op *op, const ad_attr *a, char *at, const ad_shape *base)
{
    ad_ints *ints = (void *)at;
    if (strcmp(a->name, "axis") == 0 && base->rank > 0) *(int64_t *)(void *)at = below(m, 2 * base->rank) - base->rank;
    else if (strcmp(a->name, "axes") == 0) *ints = random_axes(m, op, base);
    else if (strcmp(a->name, "shape") == 0) *ints = random_shape(m, op, base);
    else if (a->kind == AD_ATTR_INT && a->lo < a->hi) *(int64_t *)(void *)at = small(m, a);
    else if (a->kind == AD_ATTR_FLOAT && a->hi - a->lo <= 10) *(double *)(void *)at = a->lo + uniform(m) * (a->hi - a->lo);
    else if (a->kind == AD_ATTR_BOOL) *(bool *)at = !*(bool *)at;
    else if (a->kind == AD_ATTR_INTS && ints->n > 0) ints->v[below(m, ints->n)] = small(m, a);
    if (a->kind != AD_ATTR_ENUM) return;
    int words = 0;
    while (a->words[words]) words++;
    *(int *)(void *)at = (int)below(m, words);
}

static void change_attributes(maker *m, const ad_op *op, char *attr, const ad_shape *base)
{
    for (const ad_attr *a = op->attrs; a && a->name; a++) {
        bool place = strcmp(a->name, "axis") == 0 || strcmp(a->name, "axes") == 0 || strcmp(a->name, "shape") == 0;
        if (chance(m, place ? 0.7 : 0.2)) change_one(m, op, a, attr + a->offset, base);
    }
}

/* ---- one op ---- */

/* Shape of operand i where operand 0 has another shape than in the sample: sizes that were equal stay equal. */
static ad_shape carried_over(const ad_sample *s, int i, const ad_shape *base)
{
    const ad_shape *from = &s->in[i], *first = &s->in[0];
    ad_shape out = *from;
    for (int d = 0; d < from->rank; d++) {
        int same_end = d + first->rank - from->rank, e = -1;
        if (same_end >= 0 && first->dim[same_end] == from->dim[d]) e = same_end;
        else if (d < first->rank && first->dim[d] == from->dim[d]) e = d;
        for (int k = 0; e < 0 && k < first->rank; k++)
            if (first->dim[k] == from->dim[d]) e = k;
        int there = e <= 0 ? e : base->rank - (first->rank - e);
        if (there >= 0 && there < base->rank) out.dim[d] = base->dim[there];
    }
    if (ad_shape_equal(from, first)) out = *base;
    return out;
}

static void range_of(const ad_sample *s, int i, bool *ranged, double *lo, double *hi)
{
    bool own = s->range[i].lo < s->range[i].hi, all = s->lo != 0 || s->hi != 0;
    *ranged = own || all;
    *lo = own ? s->range[i].lo : all ? s->lo : -1;
    *hi = own ? s->range[i].hi : all ? s->hi : 1;
}

static const ad_sample *pick_sample(maker *m, const ad_op *op)
{
    const ad_sample *good[128];
    int n = 0;
    for (const ad_sample *s = op->samples; s->name && n < 128; s++)
        if (s->want == AD_OK) good[n++] = s;
    return n ? good[below(m, n)] : NULL;
}

static void try_op(maker *m, const ad_op *op)
{
    _Alignas(16) char attr[ATTR_BYTES] = { 0 };
    const ad_sample *s = pick_sample(m, op);
    ad_error *e = ad_ctx_error(m->ctx);
    ad_shape shapes[AD_MAX_OPERANDS];
    int in[AD_MAX_OPERANDS], operands = 0;
    if (!s) return;
    while (op->operands[operands].name) operands++;
    if (s->attr) memcpy(attr, s->attr, op->attr_size);
    else if (op->attr_size && ad_attr_parse(e, op, s->attr_text, attr) != AD_OK) return ad_error_clear(e);
    const tape_value *any = &m->r->values[recent(m)];
    bool integers = false, free = chance(m, m->large ? 0.95 : 0.75) && any->shape.dtype == AD_REAL;
    for (int i = 0; i < s->n_in; i++) integers = integers || s->in[i].dtype != AD_REAL;
    free = free && !integers && s->n_in > 0 && s->in[0].rank >= 0;
    const ad_shape base = free || s->n_in == 0 ? any->shape : s->in[0];
    if (chance(m, 0.6)) change_attributes(m, op, attr, &base);
    for (int i = 0; i < s->n_in; i++) {
        const ad_operand *o = &op->operands[i < operands ? i : operands - 1];
        bool ranged;
        double lo, hi;
        shapes[i] = free && s->in[i].rank >= 0 ? carried_over(s, i, &base) : s->in[i];
        if (free && s->in[i].rank >= 0 && o->role != AD_DATA && op->parameter && op->parameter(e, attr, s->n_in, shapes, i, &shapes[i]) != AD_OK)
            return ad_error_clear(e);
        in[i] = -1;
        if (shapes[i].rank < 0) continue;
        for (int d = 0; d < shapes[i].rank; d++)
            if (shapes[i].dim[d] < 1 || shapes[i].dim[d] > m->cap) return;
        range_of(s, i, &ranged, &lo, &hi);
        in[i] = free && i == 0 && o->role == AD_DATA ? recent_of(m, &shapes[i]) : -1;
        /* The ranges of samples keep away from kinks; where another range is not allowed, the result is not finite. */
        if (in[i] >= 0 && ranged && chance(m, 0.3)) in[i] = squashed(m, in[i], lo, hi);
        if (in[i] < 0) in[i] = source(m, &shapes[i], o->role, ranged && chance(m, 0.5), lo, hi);
        if (in[i] < 0) return;
    }
    add_node(m, op, attr, s->n_in, in);
}

/* An op that is there once more: equal records, which the plan may share. */
static void repeat(maker *m)
{
    const node n = m->r->nodes[below(m, m->r->n_nodes)];
    if (n.op) add_node(m, n.op, n.attr, n.n_in, n.in);
}

/* ---- a tape ---- */

static void sort_ops(maker *m)
{
    const ad_op *op;
    for (int i = 0; (op = ad_op_at(m->ctx, i)) && i < MAX_OPS; i++) {
        bool layer = false;
        for (const ad_operand *o = op->operands; o && o->name; o++) layer = layer || o->role != AD_DATA;
        if (!recipe_uses(op)) continue;
        m->any[m->n_any++] = op;
        if (op->flags & AD_ELEMENTWISE) m->elementwise[m->n_elementwise++] = op;
        if (layer || op->cost) m->layers[m->n_layers++] = op;
    }
}

static const ad_op *pick_op(maker *m, const ad_op *only)
{
    double u = uniform(m);
    if (only && u < 0.5) return only;
    return u < 0.35 ? m->elementwise[below(m, m->n_elementwise)] : u < 0.6 ? m->layers[below(m, m->n_layers)] : m->any[below(m, m->n_any)];
}

static void first_leaves(maker *m)
{
    static const int64_t sizes[] = { 1, 2, 3, 4, 5, 7, 8, 12, 16, 17 };
    for (int k = 0; k < 2; k++) {
        ad_shape s = { .rank = m->large ? 4 : (int)below(m, 6) };
        for (int i = 0; i < s.rank; i++)
            s.dim[i] = m->large ? (i == 0 ? 2 + below(m, 2) : i == 3 ? sizes[3 + below(m, 7)] : 16 + below(m, 24)) : sizes[below(m, s.rank > 3 ? 6 : 10)];
        add_leaf(m, k ? LEAF_INPUT : LEAF_WEIGHT, &s, -1, 1);
    }
}

static bool differentiable(const maker *m, int v)
{
    leaf_kind leaf = m->r->nodes[m->r->values[v].node].leaf;
    return m->r->values[v].shape.dtype == AD_REAL && leaf != LEAF_CONSTANT && leaf != LEAF_STATE;
}

static void add(tape_list *l, int v)
{
    for (int i = 0; i < l->n; i++)
        if (l->at[i] == v) return;
    if (l->n < MAX_WANTED) l->at[l->n++] = v;
}

/* What is read, what the loss is made of, and what it is differentiated by. */
static void choose_wanted(maker *m)
{
    recipe *r = m->r;
    int made[MAX_VALUES], n = 0, ends[MAX_VALUES], n_ends = 0;
    bool needed[MAX_VALUES], used[MAX_VALUES] = { false };
    for (int i = 0; i < r->n_nodes; i++)
        for (int k = 0; k < r->nodes[i].n_in; k++)
            if (r->nodes[i].in[k] >= 0) used[r->nodes[i].in[k]] = true;
    for (int i = 0; i < r->n_values; i++) {
        if (!r->nodes[r->values[i].node].op) continue;
        made[n++] = i;
        if (!used[i]) ends[n_ends++] = i;
    }
    for (int64_t i = 0, wanted = 3 + below(m, 5); n > 0 && i < wanted; i++) {
        int v = n_ends > 0 && chance(m, 0.8) ? ends[below(m, n_ends)] : made[below(m, n)];
        if (r->values[v].shape.dtype == AD_REAL && chance(m, 0.7)) add(&r->terms, v);
        else add(&r->read, v);
    }
    recipe_needed(r, needed);
    for (int i = 0; r->terms.n > 0 && i < 40 && r->wrt.n < 4; i++) {
        int v = (int)below(m, r->n_values);
        bool leaf = !r->nodes[r->values[v].node].op;
        if (needed[v] && differentiable(m, v) && (leaf || chance(m, 0.1))) add(&r->wrt, v);
    }
    if (r->wrt.n == 0) {
        for (int i = 0; i < r->terms.n; i++) add(&r->read, r->terms.at[i]);
        r->terms.n = 0;
    }
    r->second = r->terms.n > 0 && !m->large && chance(m, 0.15);
    int optimisers = 0;
    while (ad_optimisers[optimisers]) optimisers++;
    if (r->terms.n > 0 && chance(m, 0.3)) r->optimiser = ad_optimisers[below(m, optimisers)]->name;
}

recipe *recipe_make(ad_ctx *ctx, uint64_t seed, const ad_op *only)
{
    maker *m = calloc(1, sizeof *m);
    *m = (maker){ .r = calloc(1, sizeof *m->r), .ctx = ctx, .draft = ad_tape_new(ctx, AD_F32), .key = ad_key(seed, "random tape", ""),
                  .large = seed % 8 == 7 };
    m->cap = m->large ? 100000 : 2000;
    m->macs = m->large ? 2e7 : 4e5;
    m->r->seed = seed;
    sort_ops(m);
    ad_tape_random(m->draft, seed, 3, 1);
    first_leaves(m);
    for (int tries = 0, want = m->large ? 4 + (int)below(m, 6) : 8 + (int)below(m, 24); tries < 8 * want && want > 0; tries++) {
        int before = m->r->n_nodes;
        if (chance(m, 0.08)) repeat(m);
        else try_op(m, pick_op(m, only));
        want -= m->r->n_nodes > before;
    }
    choose_wanted(m);
    recipe *r = m->r;
    ad_tape_free(m->draft);
    free(m);
    return r;
}

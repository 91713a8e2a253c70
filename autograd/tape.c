/* tape.c - leaves and records. Calling an op checks shapes and appends a record; nothing is computed yet. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/internal.h"

#define MAX_RECORDS 1000000

ad_tape *ad_tape_new(ad_ctx *ctx, ad_precision p)
{
    ad_tape *t = calloc(1, sizeof *t);
    if (!t) {
        AD_FAIL(&ctx->error, ENOMEM, "tape: out of memory");
        return NULL;
    }
    t->ctx = ctx;
    t->precision = p;
    t->undoing = -1;
    t->walk.at = -1;
    t->generation = 1;
    return t;
}

void ad_tape_free(ad_tape *t)
{
    if (!t) return;
    for (int i = 0; i < t->n_tensors; i++)
        if (t->tensors[i]->leaf != AD__PARAMETER) free(t->tensors[i]->value);
    free(t->walk.needed);
    free(t->walk.adjoint);
    free(t->records);
    free(t->tensors);
    free(t->commits);
    ad__arena_free(&t->arena);
    free(t);
}

ad_ctx *ad_tape_ctx(const ad_tape *t)
{
    return t->ctx;
}

ad_precision ad_tape_precision(const ad_tape *t)
{
    return t->precision;
}

int ad_tape_count(const ad_tape *t)
{
    return t->n_records;
}

bool ad_tape_failed(const ad_tape *t)
{
    return t->failed;
}

void ad_tape_fail(ad_tape *t)
{
    t->failed = true;
}

static ad_status no_memory(ad_tape *t)
{
    return AD_FAIL(&t->ctx->error, ENOMEM, "tape of %d records: out of memory", t->n_records);
}

static const char *keep_text(ad_tape *t, const char *text, const char *last)
{
    if (!text) return NULL;
    return last && strcmp(text, last) == 0 ? last : ad__arena_text(&t->arena, text);
}

void ad_tape_at(ad_tape *t, const ad_place *place)
{
    const ad_place *last = t->place;
    ad_place *copy = place ? ad__arena_alloc(&t->arena, sizeof *copy) : NULL;
    if (copy) {
        *copy = *place;
        copy->file = keep_text(t, place->file, last ? last->file : NULL);
        copy->path = keep_text(t, place->path, last ? last->path : NULL);
    }
    t->place = copy;
}

/* ---- tensors ---- */

static ad_tensor *tensor_new(ad_tape *t, const ad_shape *shape, ad__leaf leaf)
{
    ad_tensor *x = ad__arena_alloc(&t->arena, sizeof *x);
    if (!x || !ad__grow(&t->tensors, &t->cap_tensors, t->n_tensors + 1, sizeof *t->tensors)) {
        no_memory(t);
        return NULL;
    }
    x->tape = t;
    x->shape = *shape;
    for (int i = shape->rank; i < AD_MAX_RANK; i++) x->shape.dim[i] = 0;
    x->leaf = leaf;
    x->id = t->n_tensors;
    t->tensors[t->n_tensors++] = x;
    return x;
}

static ad_tensor *leaf_new(ad_tape *t, const char *what, const ad_shape *shape, ad__leaf leaf, const char *name)
{
    if (t->failed) return NULL;
    ad_tensor *x = NULL;
    if (ad__shape_check(&t->ctx->error, what, shape) == AD_OK) x = tensor_new(t, shape, leaf);
    if (x && name && !(x->name = ad__arena_text(&t->arena, name))) {
        no_memory(t);
        x = NULL;
    }
    if (!x) t->failed = true;
    return x;
}

ad_tensor *ad_input(ad_tape *t, const char *name, const ad_shape *shape)
{
    return leaf_new(t, name, shape, AD__INPUT, name);
}

ad_tensor *ad_constant(ad_tape *t, const ad_shape *shape, const void *values)
{
    ad_tensor *x = leaf_new(t, "constant", shape, AD__CONSTANT, NULL);
    if (!x) return NULL;
    size_t bytes = ad_shape_bytes(shape, t->precision);
    x->value = malloc(bytes ? bytes : 1);
    if (!x->value) {
        no_memory(t);
        t->failed = true;
        return NULL;
    }
    memcpy(x->value, values, bytes);
    return x;
}

ad_tensor *ad_scalar(ad_tape *t, double value)
{
    float f = (float)value;
    return ad_constant(t, &(ad_shape){ 0 }, t->precision == AD_F64 ? (void *)&value : (void *)&f);
}

ad_tensor *ad_parameter(ad_tape *t, ad_params *params, const char *path)
{
    if (t->failed) return NULL;
    for (int i = 0; i < t->n_tensors; i++) {
        ad_tensor *x = t->tensors[i];
        if (x->leaf == AD__PARAMETER && x->params == params && strcmp(x->name, path) == 0) return x;
    }
    const ad_entry *entry = ad_params_find(params, path);
    if (!entry || ad_params_precision(params) != t->precision) {
        if (!entry) AD_FAIL(&t->ctx->error, EUSAGE, "there is no parameter '%s'", path);
        else AD_FAIL(&t->ctx->error, EUSAGE, "parameter '%s' and its tape differ in precision", path);
        t->failed = true;
        return NULL;
    }
    ad_tensor *x = leaf_new(t, path, &entry->shape, AD__PARAMETER, path);
    if (x) x->params = params;
    return x;
}

const ad_shape *ad_tensor_shape(const ad_tensor *x)
{
    return &x->shape;
}

ad_tape *ad_tensor_tape(const ad_tensor *x)
{
    return x->tape;
}

const char *ad_tensor_name(const ad_tensor *x)
{
    if (x->name) return x->name;
    char text[24];
    snprintf(text, sizeof text, "%%%d", x->id);
    char *name = ad__arena_text(&x->tape->arena, text);
    return name ? name : "%";
}

const ad_place *ad_tensor_place(const ad_tensor *x)
{
    return x->record ? x->record->place : NULL;
}

int ad_tensor_record(const ad_tensor *x)
{
    return x->record ? x->record->index : -1;
}

bool ad_tape_record(const ad_tape *t, int i, ad_record_info *out)
{
    if (i < 0 || i >= t->n_records) return false;
    const ad__record *r = t->records[i];
    *out = (ad_record_info){ r->op, r->attr, r->n_in, r->n_out, r->in, r->out, r->place, r->undoes };
    return true;
}

/* ---- records ---- */

const char *ad__inputs_text(int n, ad_tensor *const *in, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < n && used < size; i++) {
        char shape[AD_SHAPE_TEXT] = "missing";
        if (in[i]) ad_shape_text(&in[i]->shape, shape);
        int w = snprintf(text + used, size - used, i ? ", %s" : "%s", shape);
        used += w > 0 ? (size_t)w : 0;
    }
    return text;
}

static int count_operands(const ad_op *op)
{
    int n = 0;
    while (op->operands && op->operands[n].name) n++;
    return n;
}

static ad_status check_operands(ad_tape *t, const ad_op *op, int n_in, ad_tensor *const *in)
{
    ad_error *e = &t->ctx->error;
    int n = count_operands(op);
    bool variadic = op->flags & AD_VARIADIC;
    if (n_in > AD_MAX_INPUTS || (!variadic && n_in > n))
        return AD_FAIL(e, ESHAPE, "%s takes %d operand%s, not %d", op->name, n, n == 1 ? "" : "s", n_in);
    for (int i = 0; i < (n_in > n ? n_in : n); i++) {
        const ad_operand *o = &op->operands[i < n ? i : n - 1];
        const ad_tensor *x = i < n_in ? in[i] : NULL;
        if (!x && !o->optional) return AD_FAIL(e, ESHAPE, "%s: operand %s is missing", op->name, o->name);
        if (!x) continue;
        if (x->tape != t) return AD_FAIL(e, EUSAGE, "%s: operand %s is on another tape", op->name, o->name);
        if (o->integer && x->shape.dtype != AD_I32) return AD_FAIL(e, ESHAPE, "%s: operand %s must hold integers", op->name, o->name);
        if (!o->integer && x->shape.dtype != AD_REAL)
            return AD_FAIL(e, ESHAPE, "%s: operand %s must hold real numbers", op->name, o->name);
    }
    return AD_OK;
}

static ad_status call_shape(ad_tape *t, const ad_op *op, const void *attr, int n_in, ad_tensor *const *in, ad_shape *out)
{
    ad_shape shapes[AD_MAX_INPUTS];
    for (int i = 0; i < n_in; i++) {
        if (in[i]) shapes[i] = in[i]->shape;
        else shapes[i] = (ad_shape){ .rank = -1 };
    }
    memset(out, 0, AD_MAX_OUTPUTS * sizeof *out);
    AD_TRY(op->shape(&t->ctx->error, attr, n_in, shapes, out));
    for (int k = 0; k < (op->n_out ? op->n_out : 1); k++) AD_TRY(ad__shape_check(&t->ctx->error, op->name, &out[k]));
    return AD_OK;
}

/* What an op draws is known by the path of its statement; the second draw under one path gets "#2", and so on. */
static const char *draw_path(ad_tape *t)
{
    const char *path = t->place && t->place->path ? t->place->path : "";
    size_t n = strlen(path);
    int same = 0;
    for (int i = 0; i < t->n_records; i++) {
        const char *p = t->records[i]->draw_path;
        if (p && strncmp(p, path, n) == 0 && (p[n] == '\0' || p[n] == '#')) same++;
    }
    if (same == 0) return ad__arena_text(&t->arena, path);
    char *text = ad__arena_alloc(&t->arena, n + 16);
    if (text) snprintf(text, n + 16, "%s#%d", path, same + 1);
    return text;
}

/* A state operand that this tape has already given a new value is read as that value: batch statistics of a net that is called twice
 * are updated in the order of the calls. */
static ad_tensor *current_state(const ad_tape *t, ad_tensor *x)
{
    for (int i = 0; i < t->n_commits; i++)
        if (t->commits[i].leaf == x) return t->commits[i].value;
    return x;
}

static ad_status commit_states(ad_tape *t, const ad__record *r, ad_tensor *const *given)
{
    for (int i = 0; i < 3 && r->op->commits[i].output_plus_1; i++) {
        ad_tensor *leaf = r->op->commits[i].operand < r->n_in ? given[r->op->commits[i].operand] : NULL;
        if (leaf && leaf->leaf == AD__PARAMETER) AD_TRY(ad_commit(leaf, r->out[r->op->commits[i].output_plus_1 - 1]));
    }
    return AD_OK;
}

static ad__record *record_new(ad_tape *t, const ad_op *op, const void *attr, int n_in, ad_tensor *const *in, const ad_shape *shapes)
{
    int n_out = op->n_out ? op->n_out : 1;
    ad__record *r = ad__arena_alloc(&t->arena, sizeof *r);
    void *kept = op->attr_size ? ad__arena_alloc(&t->arena, op->attr_size) : NULL;
    ad_tensor **operands = ad__arena_alloc(&t->arena, (size_t)(n_in + n_out) * sizeof *operands);
    if (!r || (op->attr_size && !kept) || !operands || !ad__grow(&t->records, &t->cap_records, t->n_records + 1, sizeof *t->records)) {
        no_memory(t);
        return NULL;
    }
    if (kept) memcpy(kept, attr, op->attr_size);
    *r = (ad__record){ .op = op, .attr = kept, .n_in = n_in, .n_out = n_out, .in = operands, .out = operands + n_in,
                       .index = t->n_records, .place = t->place, .undoes = t->undoing };
    memcpy(r->in, in, (size_t)n_in * sizeof *in);
    if ((op->flags & AD_DRAWS) && !(r->draw_path = draw_path(t))) {
        no_memory(t);
        return NULL;
    }
    for (int k = 0; k < n_out; k++) {
        if (!(r->out[k] = tensor_new(t, &shapes[k], AD__COMPUTED))) return NULL;
        r->out[k]->record = r;
        r->out[k]->output = k;
    }
    t->records[t->n_records++] = r;
    return r;
}

static ad_status record_plain(ad_tape *t, const ad_op *op, const void *attr, int n_in, ad_tensor *const *given, ad_tensor **out)
{
    ad_shape shapes[AD_MAX_OUTPUTS];
    ad_tensor *in[AD_MAX_INPUTS];
    AD_TRY(call_shape(t, op, attr, n_in, given, shapes));
    bool commits = op->commits[0].output_plus_1 && ad__trains(op, attr);
    for (int i = 0; i < n_in; i++) in[i] = given[i] && given[i]->leaf == AD__PARAMETER ? current_state(t, given[i]) : given[i];
    ad__record *r = record_new(t, op, attr, n_in, in, shapes);
    if (!r) return t->ctx->error.status;
    if (commits) AD_TRY(commit_states(t, r, given));
    for (int k = 0; k < r->n_out; k++) out[k] = r->out[k];
    return AD_OK;
}

static ad_status record_composite(ad_tape *t, const ad_op *op, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    ad_shape shapes[AD_MAX_OUTPUTS];
    ad_error *e = &t->ctx->error;
    if (op->shape) AD_TRY(call_shape(t, op, attr, n_in, in, shapes));
    int records = t->n_records, tensors = t->n_tensors, commits = t->n_commits, n_out = op->n_out ? op->n_out : 1;
    ad__commit *before = malloc(((size_t)commits + 1) * sizeof *before);
    if (!before) return AD_FAIL(e, ENOMEM, "%s: out of memory", op->name);
    if (commits) memcpy(before, t->commits, (size_t)commits * sizeof *before);
    for (int k = 0; k < n_out; k++) out[k] = NULL;
    op->expand(t, attr, n_in, in, out);
    bool whole = !t->failed;
    for (int k = 0; k < n_out; k++) whole = whole && out[k];
    if (!whole && commits) memcpy(t->commits, before, (size_t)commits * sizeof *before);
    free(before);
    if (whole) return AD_OK;
    t->failed = false;
    t->n_records = records;
    t->n_commits = commits;
    for (int i = tensors; i < t->n_tensors; i++)
        if (t->tensors[i]->leaf != AD__PARAMETER) free(t->tensors[i]->value);
    t->n_tensors = tensors;
    return e->status != AD_OK ? e->status : AD_FAIL(e, EINTERNAL, "%s did not record its output", op->name);
}

ad_status ad_record(ad_tape *t, const ad_op *op, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    ad_error *e = &t->ctx->error;
    _Alignas(16) char standard[1024];
    if (t->n_records >= MAX_RECORDS) return AD_FAIL(e, EUSAGE, "more than %d records on one tape", MAX_RECORDS);
    AD_ASSERT(op->attr_size <= sizeof standard);
    if (!attr && op->attr_size) {
        AD_TRY(ad_attr_build(e, op, 0, NULL, standard, NULL));
        attr = standard;
    }
    AD_TRY(check_operands(t, op, n_in, in));
    return op->expand ? record_composite(t, op, attr, n_in, in, out) : record_plain(t, op, attr, n_in, in, out);
}

ad_tensor *ad_record_one(ad_tape *t, const ad_op *op, const void *attr, int n_in, ad_tensor *const *in)
{
    ad_tensor *out[AD_MAX_OUTPUTS] = { NULL };
    if (t->failed) return NULL;
    if (ad_record(t, op, attr, n_in, in, out) != AD_OK) {
        t->failed = true;
        return NULL;
    }
    return out[0];
}

ad_tensor *ad_apply(ad_tape *t, const char *name, const char *attributes, int n_in, ad_tensor *const *in)
{
    _Alignas(16) char attr[1024];
    if (t->failed) return NULL;
    const ad_op *op = ad_op_find(t->ctx, name);
    if (!op) AD_FAIL(&t->ctx->error, EUSAGE, "there is no op '%s'", name);
    if (!op || ad_attr_parse(&t->ctx->error, op, attributes, attr) != AD_OK) {
        t->failed = true;
        return NULL;
    }
    return ad_record_one(t, op, attr, n_in, in);
}

/* When commits are copied the parameter may have its own new value already. A view of it that is read after the run is copied where it
 * stands (buffers.c), before any step that writes a parameter. */
static ad_status before_the_step(ad_tape *t, ad_tensor **leaf)
{
    const ad_op *view = ad_op_find(t->ctx, "stop_gradient");
    if (!view) return AD_FAIL(&t->ctx->error, EUSAGE, "commit: to give '%s' to another parameter, the context needs the op 'stop_gradient'", (*leaf)->name);
    const ad__record *r = record_new(t, view, NULL, 1, leaf, &(*leaf)->shape);
    if (!r) return t->ctx->error.status;
    *leaf = r->out[0];
    return AD_OK;
}

ad_status ad_commit(ad_tensor *leaf, ad_tensor *value)
{
    ad_tape *t = leaf->tape;
    ad_error *e = &t->ctx->error;
    if (leaf->leaf != AD__PARAMETER) return AD_FAIL(e, EUSAGE, "commit: '%s' is not a parameter", ad_tensor_name(leaf));
    if (!ad_shape_equal(&leaf->shape, &value->shape)) {
        char a[AD_SHAPE_TEXT], b[AD_SHAPE_TEXT];
        return AD_FAIL(e, ESHAPE, "commit: '%s' is %s, its new value %s", leaf->name, ad_shape_text(&leaf->shape, a),
                       ad_shape_text(&value->shape, b));
    }
    if (value->leaf == AD__PARAMETER && value != leaf) AD_TRY(before_the_step(t, &value));
    for (int i = 0; i < t->n_commits; i++)
        if (t->commits[i].leaf == leaf) {
            t->commits[i].value = value;
            return AD_OK;
        }
    if (!ad__grow(&t->commits, &t->cap_commits, t->n_commits + 1, sizeof *t->commits)) return no_memory(t);
    t->commits[t->n_commits++] = (ad__commit){ leaf, value };
    return AD_OK;
}

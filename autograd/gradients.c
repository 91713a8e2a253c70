/*
 * gradients.c - reverse-mode differentiation. The walk goes back over the records of a tape and appends, by each op's gradient rule,
 * the records that compute the adjoints:
 *
 *   adjoint(loss) = 1;   adjoint(input i) += rule(adjoints of the outputs)
 *
 * What is appended is ordinary, so it can be printed, planned and differentiated again.
 */
#include <stdlib.h>
#include <string.h>

#include "autograd/internal.h"

static void walk_end(ad__walk *w)
{
    free(w->needed);
    free(w->adjoint);
    *w = (ad__walk){ .at = -1 };
}

/* A value is needed if it is wanted or computed, differentiably, from one that is. */
static void mark_needed(ad_tape *t, const ad_tensor *loss, int n, ad_tensor *const *wrt)
{
    for (int i = 0; i < n; i++)
        if (wrt[i]) t->walk.needed[wrt[i]->id] = true;
    for (int i = 0; i <= ad_tensor_record(loss); i++) {
        const ad__record *r = t->records[i];
        bool any = false;
        if (r->op->flags & AD_STOPS_GRADIENT) continue;
        for (int k = 0; k < r->n_in; k++) any = any || (r->in[k] && t->walk.needed[r->in[k]->id]);
        for (int k = 0; any && k < r->n_out; k++)
            if (r->out[k]->shape.dtype == AD_REAL) t->walk.needed[r->out[k]->id] = true;
    }
}

static ad_tensor *one(ad_tape *t, const ad_shape *shape)
{
    double d = 1;
    float f = 1;
    return ad_constant(t, shape, t->precision == AD_F64 ? (void *)&d : (void *)&f);
}

ad_status ad_gradients_begin(ad_tape *t, ad_tensor *loss, int n, ad_tensor *const *wrt)
{
    ad_error *e = &t->ctx->error;
    if (t->failed || !loss) return e->status != AD_OK ? e->status : AD_FAIL(e, EUSAGE, "gradients: the tape has failed");
    if (loss->shape.dtype != AD_REAL || ad_count(&loss->shape) != 1) {
        char text[AD_SHAPE_TEXT];
        return AD_FAIL(e, ESHAPE, "gradients: the loss is %s; need a single real number", ad_shape_text(&loss->shape, text));
    }
    walk_end(&t->walk);
    t->walk.n = t->n_tensors;
    t->walk.needed = calloc((size_t)t->n_tensors + 1, sizeof *t->walk.needed);
    t->walk.adjoint = calloc((size_t)t->n_tensors + 1, sizeof *t->walk.adjoint);
    if (!t->walk.needed || !t->walk.adjoint) return AD_FAIL(e, ENOMEM, "gradients: out of memory");
    mark_needed(t, loss, n, wrt);
    t->walk.at = ad_tensor_record(loss);
    t->walk.adjoint[loss->id] = one(t, &loss->shape);
    return t->walk.adjoint[loss->id] ? AD_OK : e->status;
}

static bool has_adjoint(const ad_tape *t, const ad__record *r)
{
    for (int k = 0; k < r->n_out; k++)
        if (t->walk.needed[r->out[k]->id] && t->walk.adjoint[r->out[k]->id]) return true;
    return false;
}

static ad_tensor *sum(ad_tape *t, ad_tensor *a, ad_tensor *b)
{
    const ad_op *op = a->record && b->record && a->record->op == b->record->op ? a->record->op : NULL;
    ad_tensor *cheaper = op && op->sum ? op->sum(t, a, b) : NULL;
    return cheaper || t->failed ? cheaper : ad_apply(t, "add", NULL, 2, (ad_tensor *[]){ a, b });
}

static ad_status accumulate(ad_tape *t, const ad__record *r, int i, ad_tensor *g)
{
    ad_tensor *x = r->in[i], **at = &t->walk.adjoint[x->id];
    if (!ad_shape_equal(&g->shape, &x->shape)) {
        char a[AD_SHAPE_TEXT], b[AD_SHAPE_TEXT];
        return AD_FAIL(&t->ctx->error, EINTERNAL, "gradient rule of %s: the adjoint of operand %d is %s, the operand %s", r->op->name, i,
                       ad_shape_text(&g->shape, a), ad_shape_text(&x->shape, b));
    }
    if (!*at) {
        *at = g;
        return AD_OK;
    }
    *at = sum(t, *at, g);
    return *at ? AD_OK : t->ctx->error.status;
}

/* Records the gradient rule of r under r's own place, and adds what it gives to the adjoints of r's inputs. */
static ad_status undo(ad_tape *t, const ad__record *r)
{
    ad_tensor *gout[AD_MAX_OUTPUTS], *gin[AD_MAX_INPUTS] = { NULL };
    bool wanted[AD_MAX_INPUTS];
    const ad_place *place = t->place;
    for (int k = 0; k < r->n_out; k++) gout[k] = t->walk.adjoint[r->out[k]->id];
    for (int i = 0; i < r->n_in; i++) wanted[i] = r->in[i] && r->in[i]->shape.dtype == AD_REAL && t->walk.needed[r->in[i]->id];
    if (!r->op->gradient) return AD_FAIL(&t->ctx->error, EUSAGE, "%s has no gradient rule", r->op->name);
    t->place = r->place;
    t->undoing = r->index;
    ad_grad g = { .tape = t, .attr = r->attr, .n_in = r->n_in, .n_out = r->n_out, .in = r->in, .out = r->out, .gout = gout,
                  .wanted = wanted, .gin = gin };
    r->op->gradient(&g);
    ad_status s = t->failed ? t->ctx->error.status : AD_OK;
    for (int i = 0; s == AD_OK && i < r->n_in; i++)
        if (wanted[i] && gin[i]) s = accumulate(t, r, i, gin[i]);
    t->undoing = -1;
    t->place = place;
    if (s != AD_OK) ad_error_prefix(&t->ctx->error, "gradient of %s", r->op->name);
    return s;
}

int ad_gradients_next(const ad_tape *t)
{
    for (int i = t->walk.at; i >= 0; i--)
        if (!(t->records[i]->op->flags & AD_STOPS_GRADIENT) && has_adjoint(t, t->records[i])) return i;
    return -1;
}

int ad_gradients_step(ad_tape *t)
{
    int i = ad_gradients_next(t);
    t->walk.at = i - 1;
    if (i < 0) return -1;
    if (undo(t, t->records[i]) == AD_OK) return i;
    t->failed = true;
    t->walk.at = -1;
    return -1;
}

ad_tensor *ad_gradient(ad_tape *t, const ad_tensor *x)
{
    return x && x->id < t->walk.n ? t->walk.adjoint[x->id] : NULL;
}

ad_status ad_gradients(ad_tape *t, ad_tensor *loss, int n, ad_tensor *const *wrt, ad_tensor **grads)
{
    AD_TRY(ad_gradients_begin(t, loss, n, wrt));
    while (ad_gradients_step(t) >= 0)
        ;
    if (t->failed) return t->ctx->error.status;
    for (int i = 0; i < n; i++) grads[i] = ad_gradient(t, wrt[i]);
    return AD_OK;
}

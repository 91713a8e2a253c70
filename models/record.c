/* record.c - programs of a checked model recorded on a caller's tape, and the names of what is on it. */
#include <stdlib.h>
#include <string.h>

#include "models/check.h"

struct ad_recorded {
    ad__pool pool;
    ad__elab x;
    ad_diagnostics *d;
};

static ad_status fail(ad_recorded *r, ad_error *e)
{
    if (ad_diagnostics_errors(r->d) == 0) return e->status;
    char *text = ad_diagnostics_text(r->d, false);
    ad_error_clear(e);
    ad_status status = AD_FAIL(e, EMODEL, "%s", text ? text : "errors in the model");
    free(text);
    return status;
}

static ad_status record(ad_recorded *r, const ad_model *m, const ad__prog *prog, ad_tape *t, ad_params *params,
                        const ad_record_options *o)
{
    ad_error *e = ad_ctx_error(m->ctx);
    ad__elab_begin(&r->x, m, &r->pool, r->d);
    r->x.t = t;
    r->x.params = params;
    r->x.options = o;
    r->x.batch = o && o->batch ? o->batch : 1;
    r->x.training = ad__trains_in(m, prog, o ? o->mode : AD_MODE_MODEL);
    ad__run_program(&r->x, prog);
    r->x.options = NULL;
    ad_tape_at(t, NULL);
    if (ad_diagnostics_errors(r->d) == 0 && e->status == AD_OK && !ad_tape_failed(t)) return AD_OK;
    ad_status status = fail(r, e);
    return status != AD_OK ? status : AD_FAIL(e, EUSAGE, "program '%s': the tape has failed before", prog->name);
}

ad_status ad_model_record(const ad_model *m, const char *program, ad_tape *t, ad_params *params, const ad_record_options *o,
                          ad_recorded **out)
{
    jmp_buf jump;
    ad_error *e = ad_ctx_error(m->ctx);
    const ad__prog *prog = ad__find_program(m, program);
    *out = NULL;
    if (!prog) return AD_FAIL(e, EUSAGE, "model '%s' has no program '%s'", m->name, program);
    if (o && o->batch < 0) return AD_FAIL(e, EUSAGE, "program '%s': a batch of %lld", program, (long long)o->batch);
    if (o && o->draws > 1 && o->batch > 1)
        return AD_FAIL(e, EUSAGE, "program '%s': %lld draws of a batch of %lld; several draws need a batch of 1", program,
                       (long long)o->draws, (long long)o->batch);
    ad_recorded *volatile r = calloc(1, sizeof *r);
    if (!r || !(r->d = ad_diagnostics_new())) {
        free(r);
        return AD_FAIL(e, ENOMEM, "program '%s': out of memory", program);
    }
    volatile ad_status status = AD_OK;
    r->pool.out = &jump;
    if (setjmp(jump)) status = AD_FAIL(e, ENOMEM, "program '%s': out of memory", program);
    else status = record(r, m, prog, t, params, o);
    if (status == AD_OK) *out = r;
    else ad_recorded_free(r);
    return status;
}

void ad_recorded_free(ad_recorded *r)
{
    if (!r) return;
    ad_diagnostics_free(r->d);
    ad__arena_free(&r->pool.arena);
    free(r);
}

/* ---- what is on the tape ---- */

ad_tensor *ad_recorded_loss(const ad_recorded *r)
{
    return r->x.loss;
}

bool ad_recorded_output_at(const ad_recorded *r, int i, ad_bind *out)
{
    const ad__val *v = r->x.frame->result;
    if (!v || v->kind != V_RECORD || i < 0 || i >= v->n) return false;
    *out = (ad_bind){ v->names[i], ad__tensor_of(v->items[i]) };
    return true;
}

ad_tensor *ad_recorded_output(const ad_recorded *r, const char *name)
{
    ad_bind b;
    for (int i = 0; ad_recorded_output_at(r, i, &b); i++)
        if (strcmp(b.name, name) == 0) return b.value;
    return NULL;
}

bool ad_recorded_input_at(const ad_recorded *r, int i, ad_bind *out)
{
    if (i < 0 || i >= r->x.made.n) return false;
    *out = (ad_bind){ r->x.made.list[i].name, r->x.made.list[i].value };
    return true;
}

ad_tensor *ad_recorded_input(const ad_recorded *r, const char *name)
{
    for (int i = 0; i < r->x.made.n; i++)
        if (strcmp(r->x.made.list[i].name, name) == 0) return r->x.made.list[i].value;
    return NULL;
}

bool ad_recorded_scalar_at(const ad_recorded *r, int i, ad_recorded_scalar *out)
{
    if (i < 0 || i >= r->x.n_scalars) return false;
    *out = r->x.scalars[i];
    return true;
}

int ad_recorded_wrt_count(const ad_recorded *r)
{
    return r->x.n_wrt;
}

ad_tensor *const *ad_recorded_wrt(const ad_recorded *r)
{
    return r->x.wrt;
}

bool ad_recorded_site_at(const ad_recorded *r, int i, ad_recorded_site *out)
{
    if (i < 0 || i >= r->x.n_sites) return false;
    const ad__site *s = r->x.sites[i];
    *out = (ad_recorded_site){
        s->path, ad__family_name(s->family), s->origin, s->value, s->mean, s->scale, s->log_variance, s->noise, s->line
    };
    return true;
}

bool ad_recorded_kl_at(const ad_recorded *r, int i, ad_recorded_kl *out)
{
    if (i < 0 || i >= r->x.n_kls) return false;
    const ad__kl *k = &r->x.kls[i];
    *out = (ad_recorded_kl){ k->name, k->q->path, k->p->path, k->value, k->sampled };
    return true;
}

/* ---- any value ---- */

static ad_tensor *named_value(ad_recorded *r, const char *name)
{
    const ad__elab *x = &r->x;
    const struct { const char *name; ad_tensor *value;
    } fixed[] = {
        { "loss", x->loss },
        { "objective.loss", x->loss },
        { "objective.constraint", x->constraint },
        { "objective.average", x->average },
        { "objective.multiplier", x->multiplier },
    };
    ad_tensor *found = ad_recorded_output(r, name);
    for (size_t i = 0; !found && i < sizeof fixed / sizeof *fixed; i++)
        if (strcmp(fixed[i].name, name) == 0) found = fixed[i].value;
    for (int i = x->values.n - 1; !found && i >= 0; i--)
        if (strcmp(x->values.list[i].name, name) == 0) found = x->values.list[i].value;
    return found;
}

static ad_tensor *evaluate(ad_recorded *r, const char *expression)
{
    ad_diagnostics *d = r->x.d;
    ad__parse parse = { &r->pool, d, r->x.m->docs[0], false };
    ad__expr *e = ad__parse_text(&parse, expression);
    ad__frame *f = r->x.frame;
    if (!e) return NULL;
    f->stmt_weights = f->stmt_path = ad__take_format(&r->pool, "%s/value", f->path);
    return ad__tensor_of(ad__eval(&r->x, f, e));
}

ad_tensor *ad_recorded_value(ad_recorded *r, const char *expression)
{
    jmp_buf jump;
    ad_error *e = r->x.error;
    ad_tensor *found = named_value(r, expression);
    if (found) return found;
    ad_diagnostics *d = ad_diagnostics_new();
    if (!d) {
        AD_FAIL(e, ENOMEM, "value '%s': out of memory", expression);
        return NULL;
    }
    r->x.d = d;
    r->pool.out = &jump;
    if (setjmp(jump)) {
        AD_FAIL(e, ENOMEM, "value '%s': out of memory", expression);
    } else {
        found = evaluate(r, expression);
        const ad_diagnostic *first = ad_diagnostics_at(d, 0);
        if (!found) AD_FAIL(e, EUSAGE, "value '%s': %s", expression, first ? first->message : "not a tensor");
    }
    r->x.d = r->d;
    ad_diagnostics_free(d);
    return found;
}

/* ---- static expressions ---- */

ad_status ad__model_eval(const ad_model *m, ad_error *e, const char *expression, int n, const char *const *names,
                         const int64_t *values, char *out, size_t size)
{
    jmp_buf jump;
    ad__pool pool = { .out = &jump };
    ad_diagnostics *d = ad_diagnostics_new();
    volatile ad_status status = AD_OK;
    if (!d || setjmp(jump)) {
        status = AD_FAIL(e, ENOMEM, "'%s': out of memory", expression);
    } else {
        ad__elab x;
        ad__elab_begin(&x, m, &pool, d);
        x.n_names = n;
        x.int_names = names;
        x.int_values = values;
        ad__parse parse = { &pool, d, m->docs[0], false };
        const ad__val *v = ad__eval(&x, NULL, ad__parse_text(&parse, expression));
        const ad_diagnostic *first = ad_diagnostics_at(d, 0);
        const char *text = v->kind == V_POISON ? "" : ad__val_text(&pool, v);
        if (v->kind == V_POISON) status = AD_FAIL(e, EUSAGE, "'%s': %s", expression, first ? first->message : "no value");
        else if (strlen(text) >= size)
            status = AD_FAIL(e, EUSAGE, "'%s': the value is longer than %zu characters", expression, size - 1);
        else memcpy(out, text, strlen(text) + 1);
    }
    ad__arena_free(&pool.arena);
    ad_diagnostics_free(d);
    return status;
}

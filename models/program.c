/* program.c - one program from its statements to records: inputs, choices, the outputs, and the objective behind them. */
#include <string.h>

#include "models/elaborate.h"

void ad__elab_begin(ad__elab *x, const ad_model *m, ad__pool *pool, ad_diagnostics *d)
{
    *x = (ad__elab){ .m = m, .pool = pool, .d = d, .error = ad_ctx_error(m->ctx), .batch = 1 };
}

const ad_choice *ad__choice_for(const ad__elab *x, const char *path)
{
    for (int i = x->options ? x->options->n_choices - 1 : -1; i >= 0; i--)
        if (ad_path_matches(x->options->choices[i].site, path)) return &x->options->choices[i];
    return NULL;
}

ad_tensor *ad__made_input(ad__elab *x, const char *name, const ad_shape *shape)
{
    for (int i = 0; i < x->made.n; i++)
        if (strcmp(x->made.list[i].name, name) == 0 && ad_shape_equal(ad_tensor_shape(x->made.list[i].value), shape))
            return x->made.list[i].value;
    ad_tensor *t = ad_input(x->t, name, shape);
    if (!t) return NULL;
    x->made.list = ad__more(x->pool, x->made.list, x->made.n, sizeof *x->made.list);
    x->made.list[x->made.n++] = (ad__named){ name, t };
    return t;
}

static const ad_bind *bound(const ad__elab *x, const char *name)
{
    for (int i = 0; x->options && i < x->options->n_inputs; i++)
        if (strcmp(x->options->inputs[i].name, name) == 0) return &x->options->inputs[i];
    return NULL;
}

bool ad__input_given(const ad__elab *x, int i)
{
    return !x->m->inputs[i].optional || bound(x, x->m->inputs[i].name);
}

const ad__val *ad__read_input(ad__elab *x, ad__frame *f, const ad__expr *e, int i)
{
    const ad__input *in = &x->m->inputs[i];
    ad_shape shape = in->info.shape;
    if (x->inputs[i]) return x->inputs[i];
    if (!ad__input_given(x, i)) {
        ad__wrong(x, f, e, "optional-input", "input '%s' is optional and may be missing", in->name);
        ad_report_hint(x->d, "read it under 'if: given(%s)'", in->name);
        return x->inputs[i] = &ad__poison;
    }
    if (shape.rank < 0) return &ad__poison;
    for (int k = 0; k < shape.rank; k++)
        if (shape.dim[k] < 0) shape.dim[k] = x->batch;
    const ad_bind *b = bound(x, in->name);
    ad_tensor *t = b && b->value ? b->value : ad__made_input(x, in->name, &shape);
    if (b && b->value && !ad_shape_equal(ad_tensor_shape(t), &shape))
        return ad__wrong(x, f, e, "shape", "input '%s' is %s, but the tensor for it is %s", in->name, ad__shape(x, &shape),
                         ad__shape(x, ad_tensor_shape(t)));
    return x->inputs[i] = ad__tensor(x, t);
}

/* What the program returns must be tensors, or numbers that become scalars. */
static void check_outputs(ad__elab *x, ad__frame *f)
{
    ad__val *v;
    if (!f->result || f->result->kind != V_RECORD) return;
    const ad__val **items = ad__take(x->pool, (size_t)f->result->n * sizeof *items);
    const ad__stmt *s = f->stmt;
    for (int i = 0; i < f->result->n; i++) {
        const ad__val *one = f->result->items[i];
        double number;
        items[i] = one->kind != V_BOOL && ad__number(one, &number) ? ad__tensor(x, ad_scalar(x->t, number)) : one;
        if (items[i]->kind == V_POISON || ad__tensor_of(items[i])) continue;
        ad__wrong_at(x, f, s->doc, s->lhs[i].line, s->lhs[i].column, s->lhs[i].length, "return", "'%s' must be a tensor, not %s",
                     s->lhs[i].name, ad__describe(x, one));
        items[i] = &ad__poison;
    }
    v = ad__take(x->pool, sizeof *v);
    *v = *f->result;
    v->items = items;
    f->result = v;
}

void ad__run_program(ad__elab *x, const ad__prog *prog)
{
    ad__frame *f = ad__take(x->pool, sizeof *f);
    *f = (ad__frame){ .weights = prog->name, .path = prog->name, .stmt_weights = prog->name, .stmt_path = prog->name };
    f->what = ad__take_format(x->pool, "program '%s'", prog->name);
    x->prog = prog;
    x->frame = f;
    x->inputs = ad__take(x->pool, (size_t)x->m->n_inputs * sizeof *x->inputs);
    ad__run_body(x, f, &prog->body);
    if (!f->returned && !f->broken && !x->limit_reported) {
        ad_span at = ad_document_span(prog->in, prog->key);
        ad_report(x->d, AD_SEVERITY_ERROR, "no-return", &at, "program '%s' returns nothing", prog->name);
        ad_report_hint(x->d, "end it with 'return:' and, below, 'name: value'");
    }
    check_outputs(x, f);
    if (x->m->objective.program && strcmp(x->m->objective.program, prog->name) == 0) ad__run_objective(x, f);
}

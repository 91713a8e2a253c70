/* trace.c - mistakes met while a model is expanded: reported at the expression, with the calls and loops that led there. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "models/elaborate.h"

ad_severity ad__soft(const ad_model *m)
{
    return m->lenient ? AD_SEVERITY_WARNING : AD_SEVERITY_ERROR;
}

void ad__trace(ad__elab *x, ad__frame *f)
{
    for (; f; f = f->up) {
        const char *text = ad__take_format(x->pool, "in %s", f->what);
        if (f->call) text = ad__take_format(x->pool, "%s, called at line %d", text, f->call->line);
        for (int i = f->n_loops - 1; i >= 0; i--)
            text = ad__take_format(x->pool, "%s; loop %s = %s at line %d", text, f->loops[i].name,
                                   ad__val_text(x->pool, f->loops[i].value), f->loops[i].line);
        ad_report_note(x->d, "%s", text);
    }
}

static void report(ad__elab *x, ad__frame *f, const ad_span *at, const char *code, const char *format, va_list arguments)
{
    char text[1024];
    vsnprintf(text, sizeof text, format, arguments);
    ad_report(x->d, AD_SEVERITY_ERROR, code, at, "%s", text);
    ad__trace(x, f);
}

const ad__val *ad__wrong(ad__elab *x, ad__frame *f, const ad__expr *at, const char *code, const char *format, ...)
{
    ad_span span = ad__document_span_at(at->doc, at->line, at->column, at->length);
    va_list arguments;
    va_start(arguments, format);
    report(x, f, &span, code, format, arguments);
    va_end(arguments);
    return &ad__poison;
}

void ad__wrong_at(ad__elab *x, ad__frame *f, const ad_document *doc, int line, int column, int length, const char *code,
                  const char *format, ...)
{
    ad_span span = ad__document_span_at(doc, line, column, length);
    va_list arguments;
    va_start(arguments, format);
    report(x, f, &span, code, format, arguments);
    va_end(arguments);
}

const char *ad__engine_message(ad__elab *x)
{
    const char *text = ad__with_b(x, x->error->message);
    if (x->error->status == AD_ENOMEM) longjmp(*x->pool->out, 1);
    ad_error_clear(x->error);
    return text;
}

/* Line on which the value of a name or of an element was defined; 0 if it has none. */
static int defined_at(ad__elab *x, ad__frame *f, const ad__expr *e)
{
    if (e->kind == X_NAME) {
        const ad__local *l = ad__find_local(f, e->text);
        return l ? l->line : 0;
    }
    if (e->kind == X_INDEX && e->a->kind == X_NAME) {
        const ad__indexed *n = ad__find_indexed(f, e->a->text);
        const ad__val *i = n ? ad__eval(x, f, e->b) : NULL;
        const ad__element *found = i && i->kind == V_INT ? ad__find_element(n, i->i) : NULL;
        return found ? found->line : 0;
    }
    return e->kind == X_CALL ? e->line : 0;
}

const char *ad__provenance(ad__elab *x, ad__frame *f, int n, ad__expr *const *exprs, const ad__val *const *values)
{
    const char *all = "";
    for (int i = 0; i < n; i++) {
        ad_tensor *t = exprs[i] ? ad__tensor_of(values[i]) : NULL;
        if (!t) continue;
        const ad__expr *e = exprs[i];
        const char *source = ad__document_span_at(e->doc, e->line, e->column, e->length).source, *start = source;
        for (int c = 1; c < e->column && *start; c++) {
            uint32_t code;
            start += ad__utf8(start, &code);
        }
        int line = defined_at(x, f, e);
        const char *text = e->kind == X_CALL ? ad__take_format(x->pool, "%s(..)", e->text)
                                             : ad__take_format(x->pool, "%.*s", e->length < 40 ? e->length : 40, start);
        all = ad__take_format(x->pool, "%s%s'%s' is %s", all, *all ? ", " : "", text, ad__shape(x, ad_tensor_shape(t)));
        if (line) all = ad__take_format(x->pool, "%s (line %d)", all, line);
    }
    return all;
}

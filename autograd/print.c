/* print.c - the tape as text, one record a line, and as a DOT graph. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/internal.h"

typedef struct text {
    char *at;
    size_t used, size;
    bool failed;
} text;

static void put(text *t, const char *format, ...) AD_PRINTF(2, 3);
static void put(text *t, const char *format, ...)
{
    for (int pass = 0; pass < 2 && !t->failed; pass++) {
        va_list args;
        va_start(args, format);
        int n = vsnprintf(t->at ? t->at + t->used : NULL, t->size - t->used, format, args);
        va_end(args);
        if (n >= 0 && t->used + (size_t)n < t->size) {
            t->used += (size_t)n;
            return;
        }
        size_t size = (t->used + (size_t)n + 1) * 2;
        char *more = realloc(t->at, size);
        if (!more) {
            t->failed = true;
            return;
        }
        t->at = more;
        t->size = size;
    }
}

static char *finish(text *t)
{
    if (t->failed) {
        free(t->at);
        return NULL;
    }
    return t->at;
}

static void put_tensor(text *t, const ad_tensor *x)
{
    if (!x) put(t, " -");
    else if (x->name) put(t, " %s", x->name);
    else if (x->leaf == AD__CONSTANT && ad_count(&x->shape) == 1)
        put(t, " %g", x->tape->precision == AD_F64 ? *(const double *)x->value : (double)*(const float *)x->value);
    else put(t, " %%%d", x->id);
}

char *ad_tape_text(const ad_tape *tape)
{
    text t = { 0 };
    put(&t, "%s", "");
    for (int i = 0; i < tape->n_records; i++) {
        const ad__record *r = tape->records[i];
        char shape[AD_SHAPE_TEXT], attr[512] = "";
        if (r->attr) ad_attr_text(r->op, r->attr, attr, sizeof attr);
        put(&t, "%5d  %s", i, r->op->name);
        for (int k = 0; k < r->n_in; k++) put_tensor(&t, r->in[k]);
        if (*attr) put(&t, "  (%s)", attr);
        for (int k = 0; k < r->n_out; k++) put(&t, "%s%%%d %s", k ? ", " : "  -> ", r->out[k]->id, ad_shape_text(&r->out[k]->shape, shape));
        if (r->undoes >= 0) put(&t, "  back over %d", r->undoes);
        if (r->place && r->place->path) put(&t, "  %s", r->place->path);
        if (r->place && r->place->line) put(&t, "  line %d:%d", r->place->line, r->place->column);
        put(&t, "\n");
    }
    return finish(&t);
}

char *ad_tape_dot(const ad_tape *tape)
{
    text t = { 0 };
    put(&t, "digraph tape {\n  node [shape=box, fontname=\"monospace\"];\n");
    for (int i = 0; i < tape->n_tensors; i++) {
        const ad_tensor *x = tape->tensors[i];
        char shape[AD_SHAPE_TEXT];
        if (x->leaf != AD__INPUT && x->leaf != AD__PARAMETER) continue;
        put(&t, "  t%d [label=\"%s\\n%s\", shape=%s];\n", x->id, x->name, ad_shape_text(&x->shape, shape),
            x->leaf == AD__INPUT ? "ellipse" : "note");
    }
    for (int i = 0; i < tape->n_records; i++) {
        const ad__record *r = tape->records[i];
        char shape[AD_SHAPE_TEXT];
        put(&t, "  r%d [label=\"%d %s\\n%s\"%s];\n", i, i, r->op->name, ad_shape_text(&r->out[0]->shape, shape),
            r->undoes >= 0 ? ", style=dashed" : "");
        for (int k = 0; k < r->n_in; k++) {
            const ad_tensor *x = r->in[k];
            if (x && x->record) put(&t, "  r%d -> r%d;\n", x->record->index, i);
            else if (x && x->leaf != AD__CONSTANT) put(&t, "  t%d -> r%d;\n", x->id, i);
        }
    }
    put(&t, "}\n");
    return finish(&t);
}

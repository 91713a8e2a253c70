/* print.c - the tape as text, one record a line, and as a DOT graph. */
#include "autograd/internal.h"
#include "autograd/text.h"

static void put_tensor(ad__text *t, const ad_tensor *x)
{
    if (!x) ad__text_put(t, " -");
    else if (x->name) ad__text_put(t, " %s", x->name);
    else if (x->leaf == AD__CONSTANT && ad_count(&x->shape) == 1)
        ad__text_put(t, " %g", x->tape->precision == AD_F64 ? *(const double *)x->value : (double)*(const float *)x->value);
    else ad__text_put(t, " %%%d", x->id);
}

char *ad_tape_text(const ad_tape *tape)
{
    ad__text t = { 0 };
    ad__text_put(&t, "%s", "");
    for (int i = 0; i < tape->n_records; i++) {
        const ad__record *r = tape->records[i];
        char shape[AD_SHAPE_TEXT], attr[512] = "";
        if (r->attr) ad_attr_text(r->op, r->attr, attr, sizeof attr);
        ad__text_put(&t, "%5d  %s", i, r->op->name);
        for (int k = 0; k < r->n_in; k++) put_tensor(&t, r->in[k]);
        if (*attr) ad__text_put(&t, "  (%s)", attr);
        for (int k = 0; k < r->n_out; k++) ad__text_put(&t, "%s%%%d %s", k ? ", " : "  -> ", r->out[k]->id, ad_shape_text(&r->out[k]->shape, shape));
        if (r->undoes >= 0) ad__text_put(&t, "  back over %d", r->undoes);
        if (r->place && r->place->path) ad__text_put(&t, "  %s", r->place->path);
        if (r->place && r->place->line) ad__text_put(&t, "  line %d:%d", r->place->line, r->place->column);
        ad__text_put(&t, "\n");
    }
    return ad__text_take(&t);
}

char *ad_tape_dot(const ad_tape *tape)
{
    ad__text t = { 0 };
    ad__text_put(&t, "digraph tape {\n  node [shape=box, fontname=\"monospace\"];\n");
    for (int i = 0; i < tape->n_tensors; i++) {
        const ad_tensor *x = tape->tensors[i];
        char shape[AD_SHAPE_TEXT];
        if (x->leaf != AD__INPUT && x->leaf != AD__PARAMETER) continue;
        ad__text_put(&t, "  t%d [label=\"%s\\n%s\", shape=%s];\n", x->id, x->name, ad_shape_text(&x->shape, shape),
            x->leaf == AD__INPUT ? "ellipse" : "note");
    }
    for (int i = 0; i < tape->n_records; i++) {
        const ad__record *r = tape->records[i];
        char shape[AD_SHAPE_TEXT];
        ad__text_put(&t, "  r%d [label=\"%d %s\\n%s\"%s];\n", i, i, r->op->name, ad_shape_text(&r->out[0]->shape, shape),
            r->undoes >= 0 ? ", style=dashed" : "");
        for (int k = 0; k < r->n_in; k++) {
            const ad_tensor *x = r->in[k];
            if (x && x->record) ad__text_put(&t, "  r%d -> r%d;\n", x->record->index, i);
            else if (x && x->leaf != AD__CONSTANT) ad__text_put(&t, "  t%d -> r%d;\n", x->id, i);
        }
    }
    ad__text_put(&t, "}\n");
    return ad__text_take(&t);
}

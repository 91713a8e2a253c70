/*
 * expand.c - the expanded form of a model: pure data, one line for each weight, input and op of every program.
 *
 *   weight prior/h[2,1]/cbr/conv.w [3,3,64,128] conv he_normal
 *   program train training
 *   input x [B,128,128,1]
 *   %3 = conv(%1, prior/h[0,1]/cbr/conv.w) kernel=3 -> [B,128,128,32]  @ phiseg.yaml:29:18 prior/h[0,1]/cbr/conv
 *   output rec = %812
 *
 * The hash is of this text without what follows "  @ ", so that it does not change when a file moves or a comment is added.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/check.h"

void ad__append(char **text, const char *format, ...)
{
    char piece[4096];
    va_list arguments;
    if (!*text) return;
    va_start(arguments, format);
    int n = vsnprintf(piece, sizeof piece, format, arguments);
    va_end(arguments);
    size_t have = strlen(*text), more = n < (int)sizeof piece ? (size_t)n : sizeof piece - 1, room = 64;
    while (room <= have) room *= 2;
    if (have + more + 1 > room) {
        while (room <= have + more) room *= 2;
        char *grown = realloc(*text, room);
        if (!grown) {
            free(*text);
            *text = NULL;
            return;
        }
        *text = grown;
    }
    memcpy(*text + have, piece, more);
    (*text)[have + more] = '\0';
}

/* Value of a name in a program: a leaf by its name, else by record and output. */
static const char *called(ad__elab *x, const ad_tensor *t)
{
    int at = ad_tensor_record(t);
    ad_record_info r;
    if (at < 0) {
        const ad_shape *s = ad_tensor_shape(t);
        const char *name = ad_tensor_name(t);
        if (*name != '%' || s->rank) return name;
        return ad__take_format(x->pool, "%.9g", ad_value((ad_tensor *)t, 0));
    }
    ad_tape_record(x->t, at, &r);
    for (int k = 1; k < r.n_out; k++)
        if (r.out[k] == t) return ad__take_format(x->pool, "%%%d.%d", at, k);
    return ad__take_format(x->pool, "%%%d", at);
}

static void one_record(ad__elab *x, int i, const ad_record_info *r, char **text)
{
    char attributes[1024] = "";
    ad__append(text, "%%%d = %s(", i, r->op->name);
    for (int k = 0; k < r->n_in; k++) ad__append(text, "%s%s", k ? ", " : "", r->in[k] ? called(x, r->in[k]) : "-");
    if (r->attr) ad_attr_text(r->op, r->attr, attributes, sizeof attributes);
    ad__append(text, ")%s%s -> %s", *attributes ? " " : "", attributes, ad__shape(x, ad_tensor_shape(r->out[0])));
    if (r->place)
        ad__append(text, "  @ %s:%d:%d %s", r->place->file, r->place->line, r->place->column,
                   r->place->path ? r->place->path : "");
    ad__append(text, "\n");
}

void ad__expand_head(ad_model *m, char **text)
{
    if (!(*text = calloc(1, 64))) return;
    ad__append(text, "adze 1 model %s\n", m->name ? m->name : "?");
    for (int i = 0; i < m->n_params; i++)
        ad__append(text, "set %s = %s\n", m->params[i].name,
                   m->params[i].value ? ad__val_text(&m->pool, m->params[i].value) : "?");
}

void ad__expand_program(ad__elab *x, char **text)
{
    ad_record_info r;
    const ad__val *result = x->frame->result;
    ad__append(text, "program %s%s\n", x->prog->name, x->training ? " training" : "");
    for (int i = 0; i < x->made.n; i++)
        ad__append(text, "input %s %s\n", x->made.list[i].name, ad__shape(x, ad_tensor_shape(x->made.list[i].value)));
    for (int i = 0; i < x->n_scalars; i++) ad__append(text, "scalar %s = %.9g\n", x->scalars[i].name, x->scalars[i].standard);
    for (int i = 0; ad_tape_record(x->t, i, &r); i++) one_record(x, i, &r, text);
    for (int i = 0; i < x->n_sites; i++)
        ad__append(text, "site %s %s mean %s scale %s value %s\n", x->sites[i]->path, ad__family_name(x->sites[i]->family),
                   called(x, x->sites[i]->mean), called(x, x->sites[i]->scale), called(x, x->sites[i]->value));
    for (int i = 0; i < x->n_kls; i++)
        ad__append(text, "kl %s %s %s = %s\n", x->kls[i].name, x->kls[i].q->path, x->kls[i].p->path, called(x, x->kls[i].value));
    for (int i = 0; result && result->kind == V_RECORD && i < result->n; i++)
        if (ad__tensor_of(result->items[i]))
            ad__append(text, "output %s = %s\n", result->names[i], called(x, ad__tensor_of(result->items[i])));
    if (x->loss) ad__append(text, "minimize %s\n", called(x, x->loss));
}

static const char *init_text(const ad_init *init, char *text, size_t size)
{
    if (init->arg[1] != 0) snprintf(text, size, "%s(%.9g,%.9g)", init->name, init->arg[0], init->arg[1]);
    else if (init->arg[0] != 0) snprintf(text, size, "%s(%.9g)", init->name, init->arg[0]);
    else snprintf(text, size, "%s", init->name);
    return text;
}

/* The weights are known only after the programs; they stand last. */
void ad__expand_weights(ad_model *m, char **text)
{
    static const char *const layouts[] = { "plain", "conv", "conv_transpose", "linear" };
    char shape[AD_SHAPE_TEXT], init[96];
    for (int i = 0; i < m->n_weights; i++) {
        const ad__weight *w = &m->weights[i];
        ad__append(text, "%s %s %s %s %s\n", w->slot == AD_SLOT_PARAM ? "weight" : "state", w->path,
                   ad_shape_text(&w->shape, shape), layouts[w->layout], init_text(&w->init, init, sizeof init));
    }
}

void ad__hash_expanded(ad_model *m)
{
    ad_sha256 sha;
    ad_sha256_init(&sha);
    for (const char *line = m->expanded; line && *line;) {
        const char *end = strchr(line, '\n'), *place = strstr(line, "  @ ");
        if (!end) end = line + strlen(line);
        ad_sha256_add(&sha, line, (size_t)((place && place < end ? place : end) - line));
        ad_sha256_add(&sha, "\n", 1);
        line = *end ? end + 1 : end;
    }
    ad_sha256_end(&sha, m->hash);
}

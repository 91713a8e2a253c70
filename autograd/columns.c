/*
 * columns.c - slices and concatenations of channels that no one needs to copy. A chain (chain.c) goes through its operands block by
 * block, so it may as well read a block out of the rows of a wider value, where a slice would have copied it from, and write one into
 * the rows of a wider value, where a concatenation would have copied it to; and so may an op that is `wide` and takes rows that lie
 * further apart than they are long. The slice is gone then; the concatenation keeps the operands that nobody puts there, and is gone when
 * there are none.
 *
 * A chain's block is copied by the op's own forward, between the wider value and first-level cache: the bits are those of the copy.
 */
#include <stdlib.h>

#include "autograd/internal.h"

typedef struct plan {
    ad_program *p;
    int *writer;                 /* by value: the step that makes it, -1 */
    int *readers, *able;         /* by value: steps that read it; among them those that may read columns of a wider one */
} plan;

/* Whether the step takes its operand k, or makes its result k, as columns of a wider value. */
static bool wide_in(const ad__step *s, int k)
{
    return !s->chain && (s->record->op->wide.in >> k & 1);
}

static bool wide_out(const ad__step *s, int k)
{
    return !s->chain && (s->record->op->wide.out >> k & 1);
}

static bool count_uses(plan *c)
{
    const ad_program *p = c->p;
    c->writer = malloc(((size_t)p->n_values + 1) * sizeof *c->writer);
    c->readers = calloc(2 * ((size_t)p->n_values + 1), sizeof *c->readers);
    if (!c->writer || !c->readers) return false;
    c->able = c->readers + p->n_values + 1;
    for (int v = 0; v < p->n_values; v++) c->writer[v] = -1;
    for (int i = 0; i < p->n_steps; i++) {
        const ad__step *s = &p->steps[i];
        for (int k = 0; k < s->n_out; k++) c->writer[s->out[k]] = i;
        for (int k = 0; k < s->n_in; k++) {
            if (s->in[k] < 0) continue;
            c->readers[s->in[k]]++;
            c->able[s->in[k]] += s->chain || wide_in(s, k);
        }
    }
    return true;
}

int64_t ad__copies_columns(const ad__record *r)
{
    ad_shape in[AD_MAX_INPUTS];
    if (!r->op->columns || r->out[0]->shape.rank < 2 || r->out[0]->shape.dtype != AD_REAL) return -1;
    for (int k = 0; k < r->n_in; k++) {
        if (!r->in[k]) return -1;
        in[k] = r->in[k]->shape;
    }
    return r->op->columns(r->attr, r->n_in, in);
}

int64_t ad__row_of(const ad_shape *x)
{
    return x->dim[x->rank - 1];
}

ad_shape ad__rows_of(const ad_shape *x, int64_t rows)
{
    ad_shape s = *x;
    for (int i = 0; i < s.rank - 2; i++) s.dim[i] = 1;
    s.dim[s.rank - 2] = rows;
    return s;
}

/* Blocks are whole rows of so many columns, or could be: nothing else wants them otherwise. */
static bool cut_into_rows(ad__chain *ch, int64_t columns)
{
    for (int i = 0; i < ch->n_slots; i++)
        if (ch->slots[i].span == AD__ROW) return ch->block % columns == 0;
    if (ch->n_windows == 0 && columns <= ch->block) ch->block -= ch->block % columns;
    return ch->block % columns == 0;
}

/* The slot that holds the value whole, -1 if the chain has none or cannot cut its blocks into rows. */
static int slot_in_rows(ad__chain *ch, int value, int64_t columns)
{
    if (!cut_into_rows(ch, columns)) return -1;
    for (int i = 0; i < ch->n_slots; i++)
        if (ch->slots[i].value == value && ch->slots[i].span == AD__FULL) return i;
    return -1;
}

static ad_status add_window(ad_program *p, ad__chain *ch, ad__window w)
{
    ad__window *more = ad__arena_alloc(&p->memory, ((size_t)ch->n_windows + 1) * sizeof *more);
    if (!more) return AD_FAIL(&p->ctx->error, ENOMEM, "plan: out of memory");
    for (int i = 0; i < ch->n_windows; i++) more[i] = ch->windows[i];
    more[ch->n_windows++] = w;
    ch->windows = more;
    return AD_OK;
}

/* The same of operand or result `at` of a single record. */
static ad_status add_part(ad_program *p, ad__step *s, ad__part part)
{
    ad__part *more = ad__arena_alloc(&p->memory, ((size_t)s->n_parts + 1) * sizeof *more);
    if (!more) return AD_FAIL(&p->ctx->error, ENOMEM, "plan: out of memory");
    for (int i = 0; i < s->n_parts; i++) more[i] = s->parts[i];
    more[s->n_parts++] = part;
    s->parts = more;
    return AD_OK;
}

/* ---- slices ---- */

/* All readers can: each of them reads the slice's operand instead. */
static ad_status read_in_place(plan *c, ad__step *slice)
{
    ad_program *p = c->p;
    int value = slice->out[0], from = slice->in[0];
    int64_t columns = ad__row_of(&slice->record->out[0]->shape);
    if (p->values[value].keep || c->able[value] < c->readers[value]) return AD_OK;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < p->n_steps; i++) {
            ad__step *s = &p->steps[i];
            for (int k = 0; s->record && s != slice && k < s->n_in; k++) {
                if (s->in[k] != value) continue;
                if (!s->chain) {
                    if (pass == 0) continue;
                    s->in[k] = from;
                    AD_TRY(add_part(p, s, (ad__part){ k, ad__copies_columns(slice->record) }));
                    continue;
                }
                int slot = slot_in_rows(s->chain, value, columns);
                if (slot < 0) return AD_OK;
                if (pass == 0) continue;
                s->chain->slots[slot].buffer = s->chain->n_buffers++;
                s->in[k] = from;
                AD_TRY(add_window(p, s->chain, (ad__window){ slice->record, slot, from, -1 }));
            }
        }
    p->values[value].in_chain = true;
    slice->record = NULL;
    return AD_OK;
}

/* ---- concatenations ---- */

static void drop_output(ad__step *s, int value)
{
    int n = 0;
    for (int k = 0; k < s->n_out; k++)
        if (s->out[k] != value) s->out[n++] = s->out[k];
    s->n_out = n;
}

static ad_status add_output(ad_program *p, ad__step *s, int value)
{
    int *ids = ad__arena_alloc(&p->memory, ((size_t)s->n_out + 1) * sizeof *ids), n = 0;
    if (!ids) return AD_FAIL(&p->ctx->error, ENOMEM, "plan: out of memory");
    for (int k = 0; k < s->n_out; k++)
        if (s->out[k] != value) ids[n++] = s->out[k];
    ids[n++] = value;
    s->out = ids;
    s->n_out = n;
    return AD_OK;
}

/* The result of an op that is wide, if nobody else wants it. */
static ad_status write_part(plan *c, ad__step *concat, int k, ad__step *s)
{
    int value = concat->in[k], result = 0;
    int64_t first = 0;
    while (s->out[result] != value) result++;
    if (!wide_out(s, result) || c->readers[value] > 1 || c->p->values[value].keep) return AD_OK;
    for (int i = 0; i < k; i++) first += ad__row_of(&concat->record->in[i]->shape);
    s->out[result] = concat->out[0];
    concat->in[k] = -1;
    c->p->values[value].in_chain = true;
    return add_part(c->p, s, (ad__part){ s->n_in + result, first });
}

/* Operand k, if its maker can, is written to its columns by that; by a chain also to a place of its own if somebody else reads it. */
static ad_status write_in_place(plan *c, ad__step *concat, int k)
{
    ad_program *p = c->p;
    int value = concat->in[k], to = concat->out[0];
    ad__step *s = c->writer[value] >= 0 ? &p->steps[c->writer[value]] : NULL;
    if (!s || !s->record || s->late != concat->late) return AD_OK;
    if (!s->chain) return write_part(c, concat, k, s);
    int slot = slot_in_rows(s->chain, value, ad__row_of(&concat->record->in[k]->shape));
    if (slot < 0) return AD_OK;
    AD_TRY(add_window(p, s->chain, (ad__window){ concat->record, slot, to, k }));
    AD_TRY(add_output(p, s, to));
    concat->in[k] = -1;
    if (s->chain->slots[slot].buffer < 0) s->chain->slots[slot].buffer = s->chain->n_buffers++;
    if (--c->readers[value] > 0 || p->values[value].keep) return AD_OK;
    s->chain->slots[slot].local = true;
    p->values[value].in_chain = true;
    drop_output(s, value);
    return AD_OK;
}

static ad_status join_in_place(plan *c, ad__step *concat)
{
    int left = 0;
    for (int k = 0; k < concat->n_in; k++) AD_TRY(write_in_place(c, concat, k));
    for (int k = 0; k < concat->n_in; k++) left += concat->in[k] >= 0;
    if (left == 0) concat->record = NULL;
    return AD_OK;
}

ad_status ad__plan_columns(ad_program *p)
{
    plan c = { .p = p };
    ad_status s = count_uses(&c) ? AD_OK : AD_FAIL(&p->ctx->error, ENOMEM, "plan: out of memory");
    for (int i = 0; s == AD_OK && i < p->n_steps; i++) {
        ad__step *step = &p->steps[i];
        if (step->record && !step->chain && ad__copies_columns(step->record) >= 0)
            s = step->record->n_in == 1 ? read_in_place(&c, step) : join_in_place(&c, step);
    }
    ad__drop_steps(p);
    free(c.writer);
    free(c.readers);
    return s;
}

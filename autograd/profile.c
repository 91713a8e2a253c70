/* profile.c - the times of a program's steps, summed by op or by line of the model. */
#include <stdlib.h>
#include <string.h>

#include "autograd/internal.h"

static bool same_line(const ad_place *a, const ad_place *b)
{
    if (!a || !b || !a->line || !b->line) return (!a || !a->line) && (!b || !b->line);
    return a->line == b->line && (a->file == b->file || (a->file && b->file && strcmp(a->file, b->file) == 0));
}

static ad_profile_row *row_of(ad_profile_row *rows, int *n, ad_profile_by by, const char *op, const ad_place *place)
{
    for (int i = 0; i < *n; i++)
        if (by == AD_BY_OP ? strcmp(rows[i].op, op) == 0 : same_line(rows[i].place, place)) return &rows[i];
    rows[*n] = by == AD_BY_OP ? (ad_profile_row){ .op = op } : (ad_profile_row){ .place = place && place->line ? place : NULL };
    return &rows[(*n)++];
}

static void add(ad_profile_row *row, const ad__step *s, bool backward, double part)
{
    row->seconds += s->seconds * part;
    row->backward += backward ? s->seconds * part : 0;
    row->cost.macs += s->cost.macs * part;
    row->cost.bytes += s->cost.bytes * part;
    row->steps++;
}

static int slower(const void *a, const void *b)
{
    const ad_profile_row *x = a, *y = b;
    return x->seconds < y->seconds ? 1 : x->seconds > y->seconds ? -1 : 0;
}

ad_status ad_program_sums(const ad_program *p, ad_profile_by by, ad_profile_row **rows, int *n)
{
    size_t most = 1;
    for (int i = 0; i < p->n_steps; i++) most += p->steps[i].chain ? (size_t)p->steps[i].chain->n_links : 1;
    *n = 0;
    *rows = calloc(most, sizeof **rows);
    if (!*rows) return AD_FAIL(&p->ctx->error, ENOMEM, "profile: out of memory");
    for (int i = 0; i < p->n_steps; i++) {
        const ad__step *s = &p->steps[i];
        bool backward = ad__step_backward(p, s);
        if (by == AD_BY_OP || !s->chain) {
            add(row_of(*rows, n, by, s->chain ? "chain" : s->record->op->name, s->record->place), s, backward, 1);
            continue;
        }
        for (int l = 0; l < s->chain->n_links; l++)
            add(row_of(*rows, n, by, "", s->chain->links[l].record->place), s, backward, 1.0 / s->chain->n_links);
    }
    qsort(*rows, (size_t)*n, sizeof **rows, slower);
    return AD_OK;
}

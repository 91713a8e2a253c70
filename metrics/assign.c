/*
 * assign.c - the one-to-one assignment of rows to columns with the largest sum (the Hungarian method, O(n^3)).
 *
 * Costs are -gain. Potentials u (rows) and v (columns) keep every reduced cost cost[i][j] - u[i] - v[j] >= 0, and equal to 0 on assigned
 * pairs. Rows enter one by one: a shortest alternating path over reduced costs (Dijkstra without a heap) leads from the new row to a free
 * column, the potentials move by the path lengths, and the assignments along the path are swapped. Index 0 is a sentinel column.
 */
#include "metrics/parts.h"

#include <float.h>
#include <stdlib.h>

typedef struct search {
    int n;
    const double *gain;       /* [n, n] */
    double *u, *v;            /* [n+1] */
    int *row_of;              /* [n+1]: row assigned to a column, 0: none */
    int *from;                /* [n+1]: previous column on the shortest path */
    double *length;           /* [n+1] */
    bool *done;               /* [n+1] */
} search;

/* One step of the path search out of column j0: relaxes the free columns, moves the potentials, returns the nearest column. */
static int advance(search *s, int j0)
{
    int i0 = s->row_of[j0], nearest = 0;
    double delta = DBL_MAX;
    s->done[j0] = true;
    for (int j = 1; j <= s->n; j++) {
        if (s->done[j]) continue;
        double reduced = -s->gain[(int64_t)(i0 - 1) * s->n + (j - 1)] - s->u[i0] - s->v[j];
        if (reduced < s->length[j]) {
            s->length[j] = reduced;
            s->from[j] = j0;
        }
        if (s->length[j] < delta) {
            delta = s->length[j];
            nearest = j;
        }
    }
    for (int j = 0; j <= s->n; j++)
        if (s->done[j]) {
            s->u[s->row_of[j]] += delta;
            s->v[j] -= delta;
        } else {
            s->length[j] -= delta;
        }
    return nearest;
}

static void enter(search *s, int row)
{
    int j = 0;
    s->row_of[0] = row;
    for (int k = 0; k <= s->n; k++) {
        s->length[k] = DBL_MAX;
        s->done[k] = false;
    }
    do j = advance(s, j);
    while (s->row_of[j]);
    for (; j; j = s->from[j]) s->row_of[j] = s->row_of[s->from[j]];
}

ad_status ad_assign(ad_error *e, int n, const double *gain, int *column, double *sum)
{
    size_t m = (size_t)n + 1;
    search s = { .n = n, .gain = gain };
    s.u = calloc(m, sizeof *s.u);
    s.v = calloc(m, sizeof *s.v);
    s.length = calloc(m, sizeof *s.length);
    s.row_of = calloc(m, sizeof *s.row_of);
    s.from = calloc(m, sizeof *s.from);
    s.done = calloc(m, sizeof *s.done);
    ad_status status = AD_OK;
    if (!s.u || !s.v || !s.length || !s.row_of || !s.from || !s.done) {
        status = AD_FAIL(e, ENOMEM, "assignment: no memory for %d rows", n);
    } else {
        for (int row = 1; row <= n; row++) enter(&s, row);
        *sum = 0;
        for (int j = 1; j <= n; j++) {
            *sum += gain[(int64_t)(s.row_of[j] - 1) * n + (j - 1)];
            if (column) column[s.row_of[j] - 1] = j - 1;
        }
    }
    free(s.u);
    free(s.v);
    free(s.length);
    free(s.row_of);
    free(s.from);
    free(s.done);
    return status;
}

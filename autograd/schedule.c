/*
 * schedule.c - an order of steps in which what lives at once stays below a limit.
 *
 * The steps are gone through in their order. A result that does not fit makes room: values that are needed again, but not now, are
 * given up, and made again before their reader by running their steps once more; first the steps of what those read, where that was
 * given up too. Given up is the value with the least
 *
 *     (cost of making it again, and what was given up around it) / (its bytes * steps until it is needed)
 *
 * or by the root of the steps, or without them: which of these is best depends on the model, so all are tried.
 * The cost of what is around, operands that would have to be made first and values that would be made from it, keeps those that stay
 * apart from each other: along a chain of layers every so many layers one is kept, and what lies between is made from it.
 */
#include <math.h>
#include <stdlib.h>

#include "autograd/internal.h"

#define MOST_RUNS 4              /* times the number of steps: beyond it a limit counts as too small */
#define MOST_AROUND 200          /* steps looked at when a value is judged */

typedef struct frame {
    int step, k;                 /* its next operand */
} frame;

typedef struct sim {
    const ad__flow *f;
    ad__schedule *s;
    size_t limit, live;
    ad__patience patience;
    int now;                     /* the step of the program that is to run */
    bool *there, *counted;       /* by value: can be read; is among `live` */
    int *locks, *next;           /* by value: steps on the stack that read it; its first reader from now on, as a place in f->use */
    int *loose, *loose_at, n_loose;    /* values that may be given up, in no order; by value its place among them, -1 */
    frame *stack;
    int depth;
    int *around, *seen, mark;    /* steps to look at; by step: when it was looked at */
} sim;

/* ---- what is there ---- */

static bool needed(const sim *m, int v)
{
    return m->next[v] < m->f->use_at[v + 1] || m->f->keep[v];
}

static void loosen(sim *m, int v)
{
    if (m->f->fixed[v] || m->loose_at[v] >= 0) return;
    m->loose_at[v] = m->n_loose;
    m->loose[m->n_loose++] = v;
}

static void tighten(sim *m, int v)
{
    int at = m->loose_at[v];
    if (at < 0) return;
    int last = m->loose[--m->n_loose];
    m->loose[at] = last;
    m->loose_at[last] = at;
    m->loose_at[v] = -1;
}

static void lock(sim *m, int v)
{
    if (m->locks[v]++ == 0) tighten(m, v);
}

/* Gone, unless it is needed or being read. A fixed value stays at hand: it is small, or lives to the end anyway. */
static void release(sim *m, int v)
{
    if (!m->counted[v] || m->locks[v] > 0) return;
    if (needed(m, v)) {
        loosen(m, v);
        return;
    }
    tighten(m, v);
    m->live -= m->f->bytes[v];
    m->counted[v] = false;
    m->there[v] = m->f->fixed[v];
}

/* ---- what is given up ---- */

static void look(sim *m, int step, int *n)
{
    if (*n == MOST_AROUND || m->seen[step] == m->mark) return;
    m->seen[step] = m->mark;
    m->around[(*n)++] = step;
}

/* Cost of the step that makes v, of the steps that make its operands where these are gone, and so on; likewise of what was made from v. */
static double cost_around(sim *m, int v)
{
    const ad__flow *f = m->f;
    double cost = 0;
    int n = 0;
    m->mark++;
    look(m, f->writer[v], &n);
    for (int i = 0; i < n; i++) {
        int step = m->around[i];
        cost += f->cost[step];
        for (int k = f->in_at[step]; k < f->in_at[step + 1]; k++)
            if (!m->there[f->in[k]]) look(m, f->writer[f->in[k]], &n);
    }
    int before = n;
    for (int u = f->use_at[v]; u < m->next[v]; u++) look(m, f->use[u], &n);
    for (int i = before; i < n; i++) {
        const ad__step *s = &f->p->steps[m->around[i]];
        bool gone = false;
        for (int k = 0; k < s->n_out; k++) {
            int w = s->out[k];
            if (f->bytes[w] == 0 || m->there[w] || !needed(m, w)) continue;
            gone = true;
            for (int u = f->use_at[w]; u < m->next[w]; u++) look(m, f->use[u], &n);
        }
        if (gone) cost += f->cost[m->around[i]];
    }
    return cost;
}

static double lateness(const sim *m, int v)
{
    double steps = m->f->use[m->next[v]] - m->now + 1;
    return m->patience == AD__LATER ? steps : m->patience == AD__LATER_ROOT ? sqrt(steps) : 1;
}

static bool give_one_up(sim *m)
{
    const ad__flow *f = m->f;
    double least = 0;
    int chosen = -1;
    for (int i = 0; i < m->n_loose; i++) {
        int v = m->loose[i];
        double score = cost_around(m, v) / ((double)f->bytes[v] * lateness(m, v));
        if (chosen >= 0 && (score > least || (score == least && v > chosen))) continue;
        least = score;
        chosen = v;
    }
    if (chosen < 0) return false;
    tighten(m, chosen);
    m->there[chosen] = m->counted[chosen] = false;
    m->live -= f->bytes[chosen];
    return true;
}

/* ---- running ---- */

static bool append(sim *m, int step)
{
    if (m->s->n == MOST_RUNS * m->f->n_steps) return false;
    m->s->step[m->s->n++] = step;
    return true;
}

/* All operands are there and locked. A result that is there already gets another buffer for as long as the step runs. */
static bool run(sim *m, int step)
{
    const ad__flow *f = m->f;
    const ad__step *s = &f->p->steps[step];
    size_t wanted = 0;
    for (int k = 0; k < s->n_out; k++) wanted += f->bytes[s->out[k]];
    while (m->live + wanted > m->limit)
        if (!give_one_up(m)) return false;
    if (!append(m, step)) return false;
    for (int k = 0; k < s->n_out; k++) {
        int v = s->out[k];
        if (f->bytes[v] == 0 || m->there[v]) continue;
        m->live += f->bytes[v];
        m->there[v] = m->counted[v] = true;
    }
    for (int k = f->in_at[step]; k < f->in_at[step + 1]; k++) m->locks[f->in[k]]--;
    if (step != m->now) m->s->cost += f->cost[step];
    else
        for (int k = f->in_at[step]; k < f->in_at[step + 1]; k++) m->next[f->in[k]]++;
    for (int k = f->in_at[step]; k < f->in_at[step + 1]; k++) release(m, f->in[k]);
    for (int k = 0; k < s->n_out; k++)
        if (f->bytes[s->out[k]]) release(m, s->out[k]);
    return true;
}

/* The next step of the program, behind those that make its operands where they are gone. */
static bool advance(sim *m, int step)
{
    const ad__flow *f = m->f;
    m->now = step;
    m->depth = 0;
    m->stack[m->depth++] = (frame){ step, f->in_at[step] };
    while (m->depth > 0) {
        frame *top = &m->stack[m->depth - 1];
        if (top->k == f->in_at[top->step + 1]) {
            if (!run(m, top->step)) return false;
            m->depth--;
            continue;
        }
        int v = f->in[top->k++];
        lock(m, v);
        if (!m->there[v]) m->stack[m->depth++] = (frame){ f->writer[v], f->in_at[f->writer[v]] };
    }
    return true;
}

/* ---- the whole ---- */

static bool start(sim *m)
{
    const ad__flow *f = m->f;
    size_t values = (size_t)f->n_values + 1, steps = (size_t)f->n_steps + 1;
    m->there = calloc(values, sizeof *m->there);
    m->counted = calloc(values, sizeof *m->counted);
    m->locks = calloc(values, sizeof *m->locks);
    m->next = malloc(values * sizeof *m->next);
    m->loose = malloc(values * sizeof *m->loose);
    m->loose_at = malloc(values * sizeof *m->loose_at);
    m->stack = malloc(steps * sizeof *m->stack);
    m->around = malloc((MOST_AROUND + 1) * sizeof *m->around);
    m->seen = calloc(steps, sizeof *m->seen);
    if (!m->there || !m->counted || !m->locks || !m->next || !m->loose || !m->loose_at || !m->stack || !m->around || !m->seen) return false;
    for (int v = 0; v < f->n_values; v++) {
        m->next[v] = f->use_at[v];
        m->loose_at[v] = -1;
        if (f->writer[v] >= 0 || f->bytes[v] == 0) continue;
        m->there[v] = m->counted[v] = true;
        m->live += f->bytes[v];
    }
    return true;
}

static void end(sim *m)
{
    free(m->there);
    free(m->counted);
    free(m->locks);
    free(m->next);
    free(m->loose);
    free(m->loose_at);
    free(m->stack);
    free(m->around);
    free(m->seen);
}

ad_status ad__schedule_make(const ad__flow *f, size_t limit, ad__patience patience, ad__schedule *s, bool *found)
{
    sim m = { .f = f, .s = s, .limit = limit, .patience = patience };
    bool ok = start(&m);
    if (!s->step) s->step = malloc((MOST_RUNS * (size_t)f->n_steps + 1) * sizeof *s->step);
    ok = ok && s->step;
    s->n = 0;
    s->cost = 0;
    *found = ok && m.live <= limit;
    for (int i = 0; *found && i < f->n_steps; i++)
        *found = ad__moves_nothing(f->p, &f->p->steps[i]) ? append(&m, i) : advance(&m, i);
    end(&m);
    return ok ? AD_OK : AD_FAIL(&f->p->ctx->error, ENOMEM, "plan: out of memory");
}

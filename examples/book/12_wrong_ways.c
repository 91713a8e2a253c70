/*
 * 12_wrong_ways - reverse mode in sixty lines, right, and wrong in the five ways in which it is usually wrong.
 *
 * The little tape below has three kinds of nodes on vectors. One walk serves all: `mistake` chooses what is done wrongly. Every
 * result stands beside the difference quotient, which knows nothing of tapes, and beside what adze says.
 */
#include <adze/adze.h>
#include <math.h>
#include <stdio.h>

enum { LEN = 3, NODES = 8 };
typedef enum kind { LEAF, ADD, MUL, EXP } kind;
typedef enum mistake { NONE, NO_ORDER, OVERWRITE, STALE, IN_PLACE, NO_REDUCTION } mistake;

/* A leaf of length 1 is broadcast over the LEN elements of what it is added to or multiplied with. */
typedef struct node {
    kind kind;
    int a, b, length;
    double value[LEN], adjoint[LEN];
} node;

typedef struct tape {
    int n;
    node node[NODES];
} tape;

static int append(tape *t, kind k, int a, int b)
{
    node *y = &t->node[t->n];
    *y = (node){ .kind = k, .a = a, .b = b, .length = LEN };
    for (int i = 0; i < LEN; i++) {
        const node *p = &t->node[a], *q = &t->node[b];
        double u = p->value[p->length == 1 ? 0 : i], v = q->value[q->length == 1 ? 0 : i];
        y->value[i] = k == ADD ? u + v : k == MUL ? u * v : exp(u);
    }
    return t->n++;
}

static int leaf(tape *t, int length, const double *values)
{
    node *y = &t->node[t->n];
    *y = (node){ .kind = LEAF, .length = length };
    for (int i = 0; i < length; i++) y->value[i] = values[i];
    return t->n++;
}

/* The operand's adjoint grows by g: for a broadcast leaf the elements' parts are summed into its one place. */
static void contribute(node *x, const double *g, mistake wrong)
{
    if (wrong == OVERWRITE)
        for (int i = 0; i < x->length; i++) x->adjoint[i] = 0;
    for (int i = 0; i < LEN; i++)
        if (x->length == LEN) x->adjoint[i] += g[i];
        else if (wrong != NO_REDUCTION || i == 0) x->adjoint[0] += g[i];
}

static void undo(tape *t, int at, mistake wrong)
{
    const node *y = &t->node[at];
    node *a = &t->node[y->a], *b = &t->node[y->b];
    double ga[LEN], gb[LEN];
    if (y->kind == LEAF) return;
    for (int i = 0; i < LEN; i++) {
        double u = a->value[a->length == 1 ? 0 : i], v = b->value[b->length == 1 ? 0 : i], g = y->adjoint[i];
        ga[i] = y->kind == ADD ? g : y->kind == MUL ? g * v : g * y->value[i];
        gb[i] = y->kind == ADD ? g : g * u;
    }
    contribute(a, ga, wrong);
    if (y->kind != EXP) contribute(b, gb, wrong);
}

/* Back from the last node. In order of the tape every reader of a node is undone before the node. The queue that starts at the result and
 * takes operands as it meets them has no such order: a node with a short and a long way to the result is undone after the short one. */
static void walk(tape *t, mistake wrong)
{
    int queue[NODES] = { t->n - 1 }, n = 1;
    bool met[NODES] = { false };
    for (int i = 0; i < LEN; i++) t->node[t->n - 1].adjoint[i] = 1;
    if (wrong != NO_ORDER)
        for (int at = t->n - 1; at >= 0; at--) undo(t, at, wrong);
    for (int head = 0; wrong == NO_ORDER && head < n; head++) {
        const node *y = &t->node[queue[head]];
        undo(t, queue[head], wrong);
        for (int k = 0; y->kind != LEAF && k < (y->kind == EXP ? 1 : 2); k++) {
            int x = k == 0 ? y->a : y->b;
            if (!met[x]) queue[n++] = x, met[x] = true;
        }
    }
}

/* loss = sum over i of u_i + u_i exp(u_i b), u_i = x_i b; x has three elements, b one. Gives the loss; leaves the adjoints of x0 and b. */
static double run(const double *xb, mistake wrong, double *gradient)
{
    tape t = { 0 };
    int x = leaf(&t, LEN, xb), b = leaf(&t, 1, xb + LEN);
    int u = append(&t, MUL, x, b), e = append(&t, EXP, append(&t, MUL, u, b), 0), p = append(&t, MUL, u, e);
    int loss = append(&t, ADD, u, p);
    double sum = 0;
    for (int i = 0; i < LEN; i++) sum += t.node[loss].value[i];
    if (wrong == IN_PLACE)                          /* "u is not needed any more": the product is written over it */
        for (int i = 0; i < LEN; i++) t.node[u].value[i] = t.node[p].value[i];
    walk(&t, wrong);
    if (wrong == STALE) {                           /* a second step on the same values, without setting the leaves' adjoints to 0 */
        for (int k = u; k < t.n; k++)
            for (int i = 0; i < LEN; i++) t.node[k].adjoint[i] = 0;
        walk(&t, wrong);
    }
    gradient[0] = t.node[x].adjoint[0], gradient[1] = t.node[b].adjoint[0];
    return sum;
}

static int by_adze(const double *xb, double *gradient)
{
    ad_ctx *ctx = ad_new(NULL);
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    ad_tensor *in[2] = { ad_input(t, "x", &(ad_shape){ 1, { LEN } }), ad_input(t, "b", &(ad_shape){ 1, { 1 } }) }, *g[2];
    ad_tensor *u = ad_mul(t, in[0], in[1]), *e = ad_exp(t, ad_mul(t, u, in[1]));
    ad_tensor *loss = ad_sum(t, ad_add(t, u, ad_mul(t, u, e)), NULL, false);
    if (ad_set(in[0], xb) != AD_OK || ad_set(in[1], xb + LEN) != AD_OK || ad_gradients(t, loss, 2, in, g) != AD_OK) return 1;
    gradient[0] = ad_value(g[0], 0), gradient[1] = ad_value(g[1], 0);
    ad_tape_free(t);
    ad_ctx_free(ctx);
    return 0;
}

int main(void)
{
    static const char *const names[] = { "right", "no topological order", "overwritten, not added", "stale, not set to zero", "value overwritten in place",
                                         "broadcast not summed" };
    double xb[] = { 0.5, -1, 2, 0.8 }, g[2], quotient[2], unused[2];
    for (int k = 0; k < 2; k++) {
        int at = k == 0 ? 0 : LEN;
        double h = 1e-5, kept = xb[at], up, down;
        xb[at] = kept + h, up = run(xb, NONE, unused);
        xb[at] = kept - h, down = run(xb, NONE, unused);
        xb[at] = kept, quotient[k] = (up - down) / (2 * h);
    }
    printf("%-27s %10s %10s\n%-27s %10.4f %10.4f\n", "", "by x0", "by b", "difference quotient", quotient[0], quotient[1]);
    if (by_adze(xb, g)) return 1;
    printf("%-27s %10.4f %10.4f\n", "adze", g[0], g[1]);
    for (int wrong = NONE; wrong <= NO_REDUCTION; wrong++) {
        run(xb, (mistake)wrong, g);
        bool ok = fabs(g[0] / quotient[0] - 1) < 1e-6 && fabs(g[1] / quotient[1] - 1) < 1e-6;
        printf("%-27s %10.4f %10.4f%s\n", names[wrong], g[0], g[1], ok ? "" : "  <- wrong");
    }
    return 0;
}

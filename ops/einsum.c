/*
 * einsum - sums of products of named axes: "bhid,bhjd->bhij" is y[b,h,i,j] = sum over d of a[b,h,i,d] b[b,h,j,d].
 *
 *   Every axis has a letter; axes with the same letter run together, and letters that the result lacks are summed over. Composite: the
 *   operands are taken in from the left, one at a time. Of two, a letter that only one of them has and nothing later needs is summed
 *   at once; the others are B (both have it, and it stays), K (both have it, and it goes), M and N (the left one, the right one has
 *   it). So the pair is a matrix product [B,M,K] [B,K,N], or without any K a product of elements. Its adjoint: docs/derivations/products.md.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "ops/elementwise.h"

#define MAX_TERMS 8

typedef struct term {
    int n;
    char letter[AD_MAX_RANK];
} term;

typedef struct plan {
    int n;
    term in[MAX_TERMS], out;
    int64_t size[128];           /* of a letter; -1: not met */
} plan;

static bool has(const term *t, char letter)
{
    return t->n > 0 && memchr(t->letter, letter, (size_t)t->n);
}

/* ---- the equation ---- */

static ad_status add_letter(ad_error *e, const char *equation, term *t, char letter)
{
    if (!isalpha((unsigned char)letter))
        return AD_FAIL(e, EATTR, "einsum: \"%s\": unexpected '%c'; need letters, commas and one ->", equation, letter);
    if (has(t, letter)) return AD_FAIL(e, EATTR, "einsum: \"%s\": %c appears twice in one operand", equation, letter);
    if (t->n == AD_MAX_RANK) return AD_FAIL(e, EATTR, "einsum: \"%s\": more than %d axes", equation, AD_MAX_RANK);
    t->letter[t->n++] = letter;
    return AD_OK;
}

static ad_status read_equation(ad_error *e, const char *equation, plan *p)
{
    const char *arrow = strstr(equation, "->");
    *p = (plan){ .n = 1 };
    if (!arrow) return AD_FAIL(e, EATTR, "einsum: \"%s\" has no ->", equation);
    for (const char *s = equation; s < arrow; s++) {
        if (*s == ' ') continue;
        if (*s != ',') {
            AD_TRY(add_letter(e, equation, &p->in[p->n - 1], *s));
        } else if (p->n++ == MAX_TERMS) {
            return AD_FAIL(e, EATTR, "einsum: \"%s\": more than %d operands", equation, MAX_TERMS);
        }
    }
    for (const char *s = arrow + 2; *s; s++)
        if (*s != ' ') AD_TRY(add_letter(e, equation, &p->out, *s));
    return AD_OK;
}

static ad_status fit(ad_error *e, const ad_einsum_attr *a, int n_in, const ad_shape *in, plan *p)
{
    char text[AD_SHAPE_TEXT];
    AD_TRY(read_equation(e, a->equation, p));
    if (p->n != n_in) return AD_FAIL(e, ESHAPE, "einsum: \"%s\" has %d operands, %d are given", a->equation, p->n, n_in);
    memset(p->size, -1, sizeof p->size);
    for (int k = 0; k < n_in; k++) {
        if (p->in[k].n != in[k].rank)
            return AD_FAIL(e, ESHAPE, "einsum: \"%s\": operand %d has %d letters, but is %s", a->equation, k, p->in[k].n,
                           ad_shape_text(&in[k], text));
        for (int i = 0; i < in[k].rank; i++) {
            int64_t *size = &p->size[(int)p->in[k].letter[i]];
            if (*size >= 0 && *size != in[k].dim[i])
                return AD_FAIL(e, ESHAPE, "einsum: \"%s\": %c is %lld, and %lld in operand %d", a->equation, p->in[k].letter[i],
                               (long long)*size, (long long)in[k].dim[i], k);
            *size = in[k].dim[i];
        }
    }
    for (int i = 0; i < p->out.n; i++)
        if (p->size[(int)p->out.letter[i]] < 0)
            return AD_FAIL(e, EATTR, "einsum: \"%s\": no operand has the %c of the result", a->equation, p->out.letter[i]);
    return AD_OK;
}

/* ---- a pair of operands ---- */

/* Does the result, or an operand after k, need the letter? */
static bool needed(const plan *p, int k, char letter)
{
    bool yes = has(&p->out, letter);
    for (int i = k + 1; i < p->n; i++)
        yes = yes || has(&p->in[i], letter);
    return yes;
}

enum { ONE, BOTH_STAY, BOTH_GO };

/* Appends to `t` the letters of a that b has not (ONE), or has, by whether anything after operand k needs them. */
static void append(term *t, const plan *p, int k, const term *a, const term *b, int which)
{
    for (int i = 0; i < a->n; i++) {
        char letter = a->letter[i];
        int is = !has(b, letter) ? ONE : needed(p, k, letter) ? BOTH_STAY : BOTH_GO;
        if (is == which && t->n < AD_MAX_RANK) t->letter[t->n++] = letter;
    }
}

/* What stays of operand or product a, if b is what comes with it. */
static term kept(const plan *p, int k, const term *a, const term *b)
{
    term t = { 0 };
    for (int i = 0; i < a->n; i++)
        if (has(b, a->letter[i]) || needed(p, k, a->letter[i])) t.letter[t.n++] = a->letter[i];
    return t;
}

static int pair_rank(const plan *p, int k, const term *a, const term *b)
{
    term stay = { 0 };
    append(&stay, p, k, a, b, BOTH_STAY);
    return stay.n + (a->n - stay.n) + (b->n - stay.n);
}

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_einsum_attr *a = attr;
    plan p;
    AD_TRY(fit(e, a, n_in, in, &p));
    *out = (ad_shape){ .rank = p.out.n };
    for (int i = 0; i < p.out.n; i++)
        out->dim[i] = p.size[(int)p.out.letter[i]];
    term t = p.in[0];
    for (int k = 1; k < n_in; k++) {
        term left = kept(&p, k, &t, &p.in[k]), right = kept(&p, k, &p.in[k], &t), next = { 0 };
        if (pair_rank(&p, k, &left, &right) > AD_MAX_RANK)
            return AD_FAIL(e, ESHAPE, "einsum: \"%s\": operands 0 to %d together have more than %d axes", a->equation, k, AD_MAX_RANK);
        append(&next, &p, k, &left, &right, BOTH_STAY);
        append(&next, &p, k, &left, &right, ONE);
        append(&next, &p, k, &right, &left, ONE);
        t = next;
    }
    return AD_OK;
}

/* x with its letters in the order of `to`; letters that `to` lacks are summed over. */
static ad_tensor *ordered(ad_tape *t, ad_tensor *x, const term *from, const term *to)
{
    ad_ints gone = { 0 };
    term left = { 0 };
    int axes[AD_MAX_RANK];
    bool moved = false;
    for (int i = 0; i < from->n; i++) {
        if (has(to, from->letter[i])) left.letter[left.n++] = from->letter[i];
        else gone.v[gone.n++] = i;
    }
    if (gone.n) x = ad_sum(t, x, &gone, false);
    for (int i = 0; i < to->n; i++) {
        axes[i] = (int)((const char *)memchr(left.letter, to->letter[i], (size_t)left.n) - left.letter);
        moved = moved || axes[i] != i;
    }
    return moved ? ad_permute(t, x, axes) : x;
}

static int64_t count(const plan *p, const term *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->n; i++)
        n *= p->size[(int)t->letter[i]];
    return n;
}

static term joined(const term *a, const term *b, const term *c)
{
    term t = *a;
    for (int i = 0; i < b->n; i++)
        t.letter[t.n++] = b->letter[i];
    for (int i = 0; i < c->n; i++)
        t.letter[t.n++] = c->letter[i];
    return t;
}

/* [B, one, other] of an operand, as three axes; if its letters lie as [B, other, one] it stays, and *turned says so. */
static ad_tensor *matrix(ad_tape *t, const plan *p, ad_tensor *x, const term *letters, const term *batch, const term *one,
                         const term *other, bool *turned)
{
    term as_is = joined(batch, other, one), wanted = joined(batch, one, other);
    *turned = one->n > 0 && other->n > 0 && letters->n == as_is.n && !memcmp(as_is.letter, letters->letter, (size_t)as_is.n);
    if (!*turned) x = ordered(t, x, letters, &wanted);
    int64_t n = count(p, one), m = count(p, other);
    return ad_reshape(t, x, &(ad_shape){ 3, { count(p, batch), *turned ? m : n, *turned ? n : m } });
}

static ad_tensor *product(ad_tape *t, const plan *p, int k, ad_tensor *a, term *letters, ad_tensor *b)
{
    const term *right = &p->in[k];
    term x = kept(p, k, letters, right), y = kept(p, k, right, letters), batch = { 0 }, m = { 0 }, n = { 0 }, sum = { 0 };
    append(&batch, p, k, &x, &y, BOTH_STAY);
    append(&m, p, k, &x, &y, ONE);
    append(&n, p, k, &y, &x, ONE);
    append(&sum, p, k, &x, &y, BOTH_GO);
    ad_matmul_attr attr;
    ad_tensor *left = matrix(t, p, ordered(t, a, letters, &x), &x, &batch, &m, &sum, &attr.transpose_a);
    ad_tensor *other = matrix(t, p, ordered(t, b, right, &y), &y, &batch, &sum, &n, &attr.transpose_b);
    ad_tensor *both = sum.n ? ad_matmul(t, left, other, &attr) : ad_mul(t, left, other);
    *letters = joined(&batch, &m, &n);
    ad_shape s = { .rank = letters->n };
    for (int i = 0; i < s.rank; i++)
        s.dim[i] = p->size[(int)letters->letter[i]];
    return ad_reshape(t, both, &s);
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    plan p;
    ad_shape shapes[MAX_TERMS];
    for (int k = 0; k < n_in && k < MAX_TERMS; k++)
        shapes[k] = *ad_tensor_shape(in[k]);
    AD_ASSERT_EQ(fit(NULL, attr, n_in, shapes, &p), AD_OK);
    term letters = p.in[0];
    ad_tensor *x = in[0];
    for (int k = 1; k < n_in; k++)
        x = product(t, &p, k, x, &letters, in[k]);
    x = ordered(t, x, &letters, &p.out);
    out[0] = ad_reshape(t, x, ad_tensor_shape(x));
}

static const ad_operand operands[] = { { .name = "x", .doc = "one or several, as the equation says" }, { 0 } };

static const ad_attr attrs[] = {
    { "equation", AD_ATTR_TEXT, offsetof(ad_einsum_attr, equation), .required = true,
      .doc = "letters of the axes of each operand and of the result, \"bij,bjk->bik\"" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "scores", .n_in = 2, .in = { { 4, { 2, 3, 4, 5 } }, { 4, { 2, 3, 6, 5 } } },
      .attr = &(const ad_einsum_attr){ "bhid,bhjd->bhij" } },
    { .name = "two letters summed", .n_in = 2, .in = { { 5, { 2, 3, 4, 2, 3 } }, { 3, { 2, 4, 3 } } },
      .attr = &(const ad_einsum_attr){ "bijkl,bjl->bik" } },
    { .name = "left turned", .n_in = 2, .in = { { 2, { 4, 3 } }, { 2, { 4, 5 } } }, .attr = &(const ad_einsum_attr){ "ki,kj->ji" } },
    { .name = "outer", .n_in = 2, .in = { { 2, { 2, 3 } }, { 2, { 2, 4 } } }, .attr = &(const ad_einsum_attr){ "bi, bj -> bij" } },
    { .name = "elements", .n_in = 2, .in = { { 2, { 3, 2 } }, { 2, { 2, 3 } } }, .attr = &(const ad_einsum_attr){ "ab,ba->ab" } },
    { .name = "dot", .n_in = 2, .in = { { 1, { 5 } }, { 1, { 5 } } }, .attr = &(const ad_einsum_attr){ "i,i->" } },
    { .name = "a letter of one", .n_in = 2, .in = { { 3, { 2, 3, 4 } }, { 2, { 5, 4 } } },
      .attr = &(const ad_einsum_attr){ "aij,cj->ac" } },
    { .name = "three", .n_in = 3, .in = { { 2, { 2, 3 } }, { 3, { 3, 4, 2 } }, { 2, { 4, 5 } } },
      .attr = &(const ad_einsum_attr){ "ab,bcd,ce->eda" } },
    { .name = "one operand", .n_in = 1, .in = { { 3, { 2, 3, 4 } } }, .attr = &(const ad_einsum_attr){ "abc->ca" } },
    { .name = "nothing to do", .n_in = 1, .in = { { 1, { 4 } } }, .attr = &(const ad_einsum_attr){ "a->a" } },
    { .name = "no arrow", .n_in = 1, .in = { { 1, { 4 } } }, .attr = &(const ad_einsum_attr){ "a" }, .want = AD_EATTR },
    { .name = "a letter twice", .n_in = 1, .in = { { 2, { 4, 4 } } }, .attr = &(const ad_einsum_attr){ "aa->a" }, .want = AD_EATTR },
    { .name = "a digit", .n_in = 1, .in = { { 2, { 4, 4 } } }, .attr = &(const ad_einsum_attr){ "a1->a" }, .want = AD_EATTR },
    { .name = "new letter", .n_in = 1, .in = { { 1, { 4 } } }, .attr = &(const ad_einsum_attr){ "a->b" }, .want = AD_EATTR },
    { .name = "nine letters", .n_in = 1, .in = { { 1, { 4 } } }, .attr = &(const ad_einsum_attr){ "abcdefghi->a" }, .want = AD_EATTR },
    { .name = "nine operands", .n_in = 1, .in = { { 1, { 4 } } }, .attr = &(const ad_einsum_attr){ "a,a,a,a,a,a,a,a,a->a" },
      .want = AD_EATTR },
    { .name = "other rank", .n_in = 1, .in = { { 1, { 4 } } }, .attr = &(const ad_einsum_attr){ "ab->a" }, .want = AD_ESHAPE },
    { .name = "other size", .n_in = 2, .in = { { 1, { 4 } }, { 1, { 5 } } }, .attr = &(const ad_einsum_attr){ "a,a->a" },
      .want = AD_ESHAPE },
    { .name = "too few", .n_in = 1, .in = { { 1, { 4 } } }, .attr = &(const ad_einsum_attr){ "a,a->a" }, .want = AD_ESHAPE },
    { .name = "too many axes between", .n_in = 4,
      .in = { { 5, { 1, 1, 1, 1, 1 } }, { 4, { 1, 1, 1, 1 } }, { 4, { 1, 1, 1, 1 } }, { 5, { 1, 1, 1, 1, 1 } } },
      .attr = &(const ad_einsum_attr){ "abcde,fghi,abcd,efghi->" }, .want = AD_ESHAPE },
    { .name = "no equation", .n_in = 1, .in = { { 1, { 4 } } }, .attr_text = "", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_einsum = {
    .name = "einsum", .doc = "sums of products of named axes", .flags = AD_VARIADIC, .operands = operands,
    .attr_size = sizeof(ad_einsum_attr), .attrs = attrs, .shape = shape, .expand = expand, .samples = samples,
};

ad_tensor *ad_einsum(ad_tape *t, const char *equation, int n, ad_tensor *const *x)
{
    ad_einsum_attr a = { "" };
    snprintf(a.equation, sizeof a.equation, "%s", equation);
    return ad_record_one(t, &ad_op_einsum, &a, n, x);
}

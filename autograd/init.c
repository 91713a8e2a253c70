/*
 * init.c - how weights start: one table of initialisers. Every value is a pure function of (key, element).
 *
 * fan_in is the number of values that one output sums over, fan_out the number of outputs that one input reaches:
 *
 *   conv            [k.., in, out]   fan_in = k * in    fan_out = k * out
 *   conv_transpose  [k.., in, out]   fan_in = k * out   fan_out = k * in     (both frameworks count it so)
 *   linear, plain   [.., in, out]    fan_in = in        fan_out = out
 *
 * A normal truncated at two standard deviations has 0.87962566 of the width it was cut from, so he_normal draws from
 * sqrt(2 / fan_in) / 0.87962566 and ends with the variance 2 / fan_in.
 */
#include "autograd/autograd.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRUNCATED_WIDTH 0.87962566103423978

typedef struct fans {
    double in, out;
} fans;

typedef enum range { POSITIVE, NOT_NEGATIVE, ANY } range;

typedef struct initialiser {
    const char *name;
    const char *arguments;       /* "std=1, limit=2": names and defaults, at most two */
    range range;                 /* of the arguments */
    const char *doc;
    /* One value ... */
    double (*value)(const double *arg, fans f, uint64_t key, uint64_t i);
    /* ... or all of them, where they depend on each other. */
    ad_status (*values)(ad_error *e, const double *arg, const ad_shape *shape, uint64_t key, double *out);
} initialiser;

static double bounded_normal(uint64_t key, uint64_t i, double limit)
{
    for (uint64_t attempt = 0;; attempt++) {
        double n = ad_normal(key, attempt, 0, i);
        if (fabs(n) <= limit) return n;
    }
}

static double symmetric(uint64_t key, uint64_t i, double bound)
{
    return bound * (2.0 * ad_uniform(key, 0, 0, i) - 1.0);
}

static double zeros(const double *arg, fans f, uint64_t key, uint64_t i)
{
    return 0;
}

static double ones(const double *arg, fans f, uint64_t key, uint64_t i)
{
    return 1;
}

static double constant(const double *arg, fans f, uint64_t key, uint64_t i)
{
    return arg[0];
}

static double normal(const double *arg, fans f, uint64_t key, uint64_t i)
{
    return arg[0] * ad_normal(key, 0, 0, i);
}

static double trunc_normal(const double *arg, fans f, uint64_t key, uint64_t i)
{
    return arg[0] * bounded_normal(key, i, arg[1]);
}

static double uniform(const double *arg, fans f, uint64_t key, uint64_t i)
{
    return symmetric(key, i, arg[0]);
}

static double he_normal(const double *arg, fans f, uint64_t key, uint64_t i)
{
    return sqrt(2.0 / f.in) / TRUNCATED_WIDTH * bounded_normal(key, i, 2.0);
}

static double he_normal_untruncated(const double *arg, fans f, uint64_t key, uint64_t i)
{
    return sqrt(2.0 / f.in) * ad_normal(key, 0, 0, i);
}

static double he_uniform(const double *arg, fans f, uint64_t key, uint64_t i)
{
    return symmetric(key, i, sqrt(6.0 / f.in));
}

static double fan_in_uniform(const double *arg, fans f, uint64_t key, uint64_t i)
{
    return symmetric(key, i, 1.0 / sqrt(arg[0] > 0 ? arg[0] : f.in));
}

static double xavier_uniform(const double *arg, fans f, uint64_t key, uint64_t i)
{
    return symmetric(key, i, arg[0] * sqrt(6.0 / (f.in + f.out)));
}

static double xavier_normal(const double *arg, fans f, uint64_t key, uint64_t i)
{
    return arg[0] * sqrt(2.0 / (f.in + f.out)) * ad_normal(key, 0, 0, i);
}

/* Eight partial sums and a fixed fold: one order on every machine, and no chain of dependent additions. */
static double dot(int64_t n, const double *a, const double *b)
{
    double s[8] = { 0 };
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int j = 0; j < 8; j++) s[j] = fma(a[i + j], b[i + j], s[j]);
    for (int j = 0; i < n; i++, j++) s[j] = fma(a[i], b[i], s[j]);
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

/* Modified Gram-Schmidt on the shorter side of the matrix [everything else, last axis] of standard normals: the rows of v become
 * orthonormal, uniformly distributed. Random matrices are well-conditioned enough that one pass leaves errors far below float. */
static ad_status orthogonal(ad_error *e, const double *arg, const ad_shape *shape, uint64_t key, double *out)
{
    int64_t cols = shape->rank ? shape->dim[shape->rank - 1] : 1, rows = cols ? ad_count(shape) / cols : 0;
    bool by_column = rows >= cols;
    int64_t n = by_column ? cols : rows, length = by_column ? rows : cols;
    double *v = malloc(sizeof *v * (size_t)(n * length + 1));
    if (!v) return AD_FAIL(e, ENOMEM, "orthogonal: no memory for %lld values", (long long)(n * length));
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < length; j++)
            v[i * length + j] = ad_normal(key, 0, 0, (uint64_t)(by_column ? j * cols + i : i * cols + j));
    for (int64_t i = 0; i < n; i++) {
        double *vi = v + i * length, norm = 1.0 / sqrt(dot(length, vi, vi));
        for (int64_t j = 0; j < length; j++) vi[j] *= norm;
        for (int64_t m = i + 1; m < n; m++) {
            double *vm = v + m * length, d = -dot(length, vi, vm);
            for (int64_t j = 0; j < length; j++) vm[j] = fma(d, vi[j], vm[j]);
        }
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < length; j++) out[by_column ? j * cols + i : i * cols + j] = arg[0] * v[i * length + j];
    free(v);
    return AD_OK;
}

static const initialiser table[] = {
    { "zeros", "", ANY, "0", zeros },
    { "ones", "", ANY, "1", ones },
    { "constant", "value=0", ANY, "one value everywhere", constant },
    { "normal", "std=1", POSITIVE, "normal of this standard deviation", normal },
    { "trunc_normal", "std=1, limit=2", POSITIVE, "std times a standard normal truncated at +-limit", trunc_normal },
    { "uniform", "bound=1", POSITIVE, "uniform in +-bound", uniform },
    { "he_normal", "", ANY, "normal truncated at two standard deviations, of variance 2 / fan_in", he_normal },
    { "he_normal_untruncated", "", ANY, "normal of variance 2 / fan_in", he_normal_untruncated },
    { "he_uniform", "", ANY, "uniform of variance 2 / fan_in", he_uniform },
    { "fan_in_uniform", "fan=0", NOT_NEGATIVE, "uniform in +-1 / sqrt(fan), where fan 0 means fan_in", fan_in_uniform },
    { "xavier_uniform", "gain=1", POSITIVE, "uniform of variance gain^2 * 2 / (fan_in + fan_out)", xavier_uniform },
    { "xavier_normal", "gain=1", POSITIVE, "normal of variance gain^2 * 2 / (fan_in + fan_out)", xavier_normal },
    { "orthogonal", "gain=1", POSITIVE, "gain times an orthogonal matrix [all but the last axis, last axis]", .values = orthogonal },
};
#define N_TABLE (int)(sizeof table / sizeof *table)

bool ad_init_at(int i, const char **name, const char **arguments, const char **doc)
{
    if (i < 0 || i >= N_TABLE) return false;
    *name = table[i].name;
    *arguments = table[i].arguments;
    *doc = table[i].doc;
    return true;
}

static const initialiser *find(ad_error *e, const char *name)
{
    char names[512];
    size_t n = 0;
    for (int i = 0; i < N_TABLE; i++)
        if (!strcmp(table[i].name, name)) return &table[i];
    for (int i = 0; i < N_TABLE; i++) n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", i ? ", " : "", table[i].name);
    AD_FAIL(e, EATTR, "unknown initialiser '%s'; there are %s", name, names);
    return NULL;
}

/* Name and default of argument i of an initialiser; false if it has no such argument. */
static bool argument(const initialiser *in, int i, char name[16], double *standard)
{
    const char *p = in->arguments;
    for (; i > 0 && p; i--) {
        p = strchr(p, ',');
        if (p) p += 2;
    }
    return p && sscanf(p, "%15[a-z]=%lf", name, standard) == 2;
}

static const char *spaces(const char *p)
{
    while (isspace((unsigned char)*p)) p++;
    return p;
}

/* One argument, "0.5" or "std=0.5", of an argument list; *at is the position that a bare number has. */
static ad_status parse_argument(ad_error *e, const initialiser *in, const char *text, const char **p, int at, ad_init *out)
{
    char name[16], given[32] = "";
    double standard;
    int n = 0;
    if (sscanf(*p, " %31[a-zA-Z_] = %n", given, &n) == 1 && n) {
        *p += n;
        for (at = 0; argument(in, at, name, &standard) && strcmp(name, given); at++)
            ;
    }
    if (at >= 2 || !argument(in, at, name, &standard))
        return AD_FAIL(e, EATTR, "%s: %s takes %s%s", text, in->name, *in->arguments ? in->arguments : "no arguments",
                       *given ? ", not that" : "");
    char *end;
    out->arg[at] = strtod(*p, &end);
    if (end == *p || !isfinite(out->arg[at])) return AD_FAIL(e, EATTR, "%s: expected a number at '%s'", text, *p);
    if (in->range != ANY && (out->arg[at] < 0 || (out->arg[at] == 0 && in->range == POSITIVE)))
        return AD_FAIL(e, EATTR, "%s: %s must be %s 0", text, name, in->range == POSITIVE ? "greater than" : "at least");
    *p = spaces(end);
    return AD_OK;
}

ad_status ad_init_parse(ad_error *e, const char *text, ad_init *out)
{
    char name[16];
    const char *p = spaces(text), *from = p;
    memset(out, 0, sizeof *out);
    while (isalnum((unsigned char)*p) || *p == '_') p++;
    snprintf(out->name, sizeof out->name, "%.*s", (int)(p - from), from);
    const initialiser *in = find(e, out->name);
    if (!in) return AD_EATTR;
    for (int i = 0; i < 2; i++) argument(in, i, name, &out->arg[i]);
    p = spaces(p);
    if (*p == '(') {
        p = spaces(p + 1);
        for (int i = 0; *p != ')'; i++) {
            if (i && *p++ != ',') return AD_FAIL(e, EATTR, "%s: expected ',' or ')'", text);
            AD_TRY(parse_argument(e, in, text, &p, i, out));
        }
        p = spaces(p + 1);
    }
    return *p ? AD_FAIL(e, EATTR, "%s: '%s' after the initialiser", text, p) : AD_OK;
}

static fans fans_of(const ad_shape *s, ad_layout layout)
{
    int64_t last = s->rank > 0 ? s->dim[s->rank - 1] : 1, before = s->rank > 1 ? s->dim[s->rank - 2] : last, k = 1;
    bool kernel = layout == AD_LAYOUT_CONV || layout == AD_LAYOUT_CONV_TRANSPOSE;
    for (int i = 0; kernel && i < s->rank - 2; i++) k *= s->dim[i];
    if (layout == AD_LAYOUT_CONV_TRANSPOSE) return (fans){ (double)(k * last), (double)(k * before) };
    return (fans){ (double)(k * before), (double)(k * last) };
}

static void store(void *data, ad_precision p, int64_t i, double value)
{
    if (p == AD_F64) ((double *)data)[i] = value;
    else ((float *)data)[i] = (float)value;
}

ad_status ad_init_fill(ad_error *e, const ad_init *init, const ad_shape *shape, ad_layout layout, ad_precision p, uint64_t key, void *data)
{
    const initialiser *in = find(e, *init->name ? init->name : "zeros");
    if (!in) return AD_EATTR;
    int64_t n = ad_count(shape);
    double arg[2];
    char name[16];
    for (int i = 0; i < 2; i++) {
        arg[i] = init->arg[i];
        if (arg[i] == 0 && in->range == POSITIVE) argument(in, i, name, &arg[i]);
    }
    if (in->value) {
        fans f = fans_of(shape, layout);
        for (int64_t i = 0; i < n; i++) store(data, p, i, in->value(arg, f, key, (uint64_t)i));
        return AD_OK;
    }
    double *values = malloc(sizeof *values * (size_t)(n + 1));
    if (!values) return AD_FAIL(e, ENOMEM, "%s: no memory for %lld values", in->name, (long long)n);
    ad_status s = in->values(e, arg, shape, key, values);
    for (int64_t i = 0; s == AD_OK && i < n; i++) store(data, p, i, values[i]);
    free(values);
    return s;
}

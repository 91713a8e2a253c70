/*
 * schedule.c - factors that depend on the step, in one table. t is the step from 0, or t / every rounded down.
 *
 *   poly         (1 - t/over)^power, 0 afterwards; lagged: t-1 for t, as loops do that set the rate after the step
 *   step         gamma^(t / size);  multistep  gamma^(number of milestones reached);  exp  gamma^t
 *   cosine       end + (1 - end)(1 + cos(pi t/over)) / 2, which rises again afterwards;  restarts: over, over*mult, over*mult^2, ...
 *   onecycle     cosine from 1/div to 1 in the first part, then to 1/(div*final_div)
 *
 * Elementary functions are Sleef's, so that a rate has the same bits everywhere.
 */
#include "optim/settings.h"

#include <math.h>
#include <sleef.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    double value, from, to, gamma, power, end, part, div, final_div, mult;
    int64_t over, size, every, warmup;
    bool lagged;
    ad_ints at;
} settings;

static double constant(const settings *s, double t)
{
    return s->value;
}

static double linear(const settings *s, double t)
{
    return t >= (double)s->over ? s->to : s->from + (s->to - s->from) * (t / (double)s->over);
}

static double poly(const settings *s, double t)
{
    double left = 1 - (s->lagged ? fmax(t - 1, 0) : t) / (double)s->over;
    return left <= 0 ? 0 : ad__power(left, s->power);
}

static double step_down(const settings *s, double t)
{
    return ad__power(s->gamma, floor(t / (double)s->size));
}

static double multistep(const settings *s, double t)
{
    int reached = 0;
    for (int i = 0; i < s->at.n; i++) reached += t >= (double)s->at.v[i];
    return ad__power(s->gamma, reached);
}

static double exponential(const settings *s, double t)
{
    return ad__power(s->gamma, t);
}

/* From 1 at x = 0 to `end` at x = 1 along half a cosine. */
static double half_cosine(double end, double x)
{
    return end + (1 - end) * 0.5 * (1 + Sleef_cinz_cospid1_u05purec(x));
}

static double cosine(const settings *s, double t)
{
    return half_cosine(s->end, t / (double)s->over);
}

static double restarts(const settings *s, double t)
{
    double length = (double)s->over;
    while (t >= length) {
        t -= length;
        length *= s->mult;
    }
    return half_cosine(s->end, t / length);
}

static double onecycle(const settings *s, double t)
{
    double peak = s->part * (double)s->over - 1, last = (double)s->over - 1, low = 1 / s->div, end = low / s->final_div;
    if (t <= peak) return low + (1 - low) * (1 - half_cosine(0, t / peak));
    return half_cosine(end, fmin((t - peak) / (last - peak), 1));
}

#define AT(name) offsetof(settings, name)
#define OVER { "over", AD_ATTR_INT, AT(over), 0, 1, 1e15, "steps", .required = true }
#define COMMON                                                                                                            \
    { "warmup", AD_ATTR_INT, AT(warmup), 0, 0, 1e15, "steps before, in which the factor rises from 1/warmup to 1" },      \
    { "every", AD_ATTR_INT, AT(every), 1, 1, 1e15, "steps that count as one" }, { 0 }

static const ad_attr constant_settings[] = { { "value", AD_ATTR_FLOAT, AT(value), 1, -1e30, 1e30, "the factor" }, COMMON };
static const ad_attr linear_settings[] = { { "from", AD_ATTR_FLOAT, AT(from), 0, -1e30, 1e30, "at step 0" },
    { "to", AD_ATTR_FLOAT, AT(to), 1, -1e30, 1e30, "at step `over` and later" }, OVER, COMMON };
static const ad_attr poly_settings[] = { OVER, { "power", AD_ATTR_FLOAT, AT(power), 0.9, 0, 100, "of the part that is left" },
    { "lagged", AD_ATTR_BOOL, AT(lagged), 0, 0, 0, "one step late" }, COMMON };
static const ad_attr step_settings[] = { { "size", AD_ATTR_INT, AT(size), 0, 1, 1e15, "steps between falls", .required = true },
    { "gamma", AD_ATTR_FLOAT, AT(gamma), 0.1, 0, 1, "factor of a fall" }, COMMON };
static const ad_attr multistep_settings[] = { { "at", AD_ATTR_INTS, AT(at), 0, 0, 1e15, "steps of the falls", .required = true },
    { "gamma", AD_ATTR_FLOAT, AT(gamma), 0.1, 0, 1, "factor of a fall" }, COMMON };
static const ad_attr exp_settings[] = { { "gamma", AD_ATTR_FLOAT, AT(gamma), 0, 0, 1, "factor of a step", .required = true }, COMMON };
static const ad_attr cosine_settings[] = { OVER, { "end", AD_ATTR_FLOAT, AT(end), 0, 0, 1, "lowest factor" }, COMMON };
static const ad_attr restarts_settings[] = { OVER, { "mult", AD_ATTR_FLOAT, AT(mult), 1, 1, 100, "length of a period over the one before" },
    { "end", AD_ATTR_FLOAT, AT(end), 0, 0, 1, "lowest factor" }, COMMON };
static const ad_attr onecycle_settings[] = { OVER, { "part", AD_ATTR_FLOAT, AT(part), 0.3, 0.01, 0.99, "of the steps that rise" },
    { "div", AD_ATTR_FLOAT, AT(div), 25, 1, 1e15, "peak over first factor" },
    { "final_div", AD_ATTR_FLOAT, AT(final_div), 1e4, 1, 1e15, "first factor over last" }, COMMON };

static const struct kind {
    const char *name;
    const ad_attr *settings;
    const char *doc;
    double (*at)(const settings *s, double t);
} kinds[] = {
    { "constant", constant_settings, "the same factor always", constant },
    { "linear", linear_settings, "along a line, then constant", linear },
    { "poly", poly_settings, "(1 - t/over)^power", poly },
    { "step", step_settings, "falls by gamma every `size` steps", step_down },
    { "multistep", multistep_settings, "falls by gamma at given steps", multistep },
    { "exp", exp_settings, "gamma^t", exponential },
    { "cosine", cosine_settings, "from 1 to `end` along half a cosine", cosine },
    { "restarts", restarts_settings, "cosines that begin again", restarts },
    { "onecycle", onecycle_settings, "up to 1 and down again along cosines", onecycle },
};
#define N_KINDS (int)(sizeof kinds / sizeof *kinds)

struct ad_schedule {
    const struct kind *kind;
    settings settings;
};

bool ad_schedule_kind(int i, const char **name, const ad_attr **attrs, const char **doc)
{
    if (i < 0 || i >= N_KINDS) return false;
    *name = kinds[i].name;
    *attrs = kinds[i].settings;
    *doc = kinds[i].doc;
    return true;
}

static const struct kind *find(ad_error *e, const char *text, size_t n)
{
    char names[256] = "";
    for (int i = 0; i < N_KINDS; i++) {
        if (strlen(kinds[i].name) == n && !memcmp(kinds[i].name, text, n)) return &kinds[i];
        strcat(strcat(names, i ? ", " : ""), kinds[i].name);
    }
    AD_FAIL(e, EUSAGE, "unknown schedule '%s'; there are %s", text, names);
    return NULL;
}

ad_status ad_schedule_parse(ad_error *e, const char *text, ad_schedule **out)
{
    size_t n = strcspn(text, "("), length = strlen(text);
    const struct kind *kind = find(e, text, n);
    char values[512] = "";
    *out = NULL;
    if (!kind) return AD_EUSAGE;
    if (text[n] && (length - n < 2 || text[length - 1] != ')' || length - n - 2 >= sizeof values))
        return AD_FAIL(e, EUSAGE, "schedule '%s': expected NAME or NAME(values)", text);
    if (text[n]) memcpy(values, text + n + 1, length - n - 2);
    ad_schedule *s = calloc(1, sizeof *s);
    if (!s) return AD_FAIL(e, ENOMEM, "no memory for a schedule");
    s->kind = kind;
    ad_status status = ad__settings_parse(e, kind->name, kind->settings, sizeof s->settings, values, &s->settings);
    if (status != AD_OK) {
        free(s);
        return status;
    }
    *out = s;
    return AD_OK;
}

void ad_schedule_free(ad_schedule *s)
{
    free(s);
}

double ad_schedule_at(const ad_schedule *s, int64_t step)
{
    const settings *a = &s->settings;
    int64_t t = step / a->every;
    if (t < a->warmup) return (double)(t + 1) / (double)a->warmup;
    return s->kind->at(a, (double)(t - a->warmup));
}

ad_plateau ad_plateau_start(double factor, double threshold, int patience)
{
    return (ad_plateau){ .factor = factor, .threshold = threshold, .patience = patience, .scale = 1, .best = INFINITY };
}

double ad_plateau_look(ad_plateau *p, double score)
{
    if (score < p->best * (1 - p->threshold)) {
        p->best = score;
        p->bad = 0;
    } else if (++p->bad > p->patience) {
        p->scale *= p->factor;
        p->bad = 0;
    }
    return p->scale;
}

double ad_rate_for_batch(double rate, int64_t batch)
{
    return batch != 24 && batch % 6 == 0 ? rate * (double)batch / 24 : rate;
}

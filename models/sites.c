/*
 * sites.c - latent variables: a site has a value and a distribution. Its value is drawn, replayed from another site, the mean, or given.
 *
 *   normal(mu, sd):          z = mu + sd * eps
 *   normal(mu, logvar=v),
 *   normal_logvar(mu, v):    sd = exp(v / 2)
 *
 * KL terms come from pairs of sites; both families of parameters have a closed form (ops kl_normal and kl_log_var).
 */
#include <inttypes.h>
#include <string.h>

#include "models/elaborate.h"

struct ad__family {
    const char *name;
    const char *family;          /* what two sites must share for a kl() */
    const char *arguments[3];    /* positional order */
    const char *doc;
};

static const ad__family families[] = {
    { "normal", "normal", { "mu", "sd", "logvar" }, "normal(mu, sd) or normal(mu, logvar=v)" },
    { "normal_logvar", "normal", { "mu", "logvar", NULL }, "normal_logvar(mu, v)" },
};

const char *ad__family_name(const ad__family *family)
{
    return family->family;
}

static const ad__family *find_family(const char *name)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strcmp(families[i].name, name) == 0) return &families[i];
    return NULL;
}

bool ad__is_family(const char *name)
{
    return find_family(name) != NULL;
}

/* ---- the parameters of the distribution ---- */

static bool set_argument(ad__elab *x, ad__frame *f, const ad__expr *e, ad__site *site, int i)
{
    const ad__family *family = site->family;
    const ad__arg *arg = &e->args[i];
    const char *name = arg->name ? arg->name : i < 3 && family->arguments[i] ? family->arguments[i] : "";
    const ad__val *v = ad__eval(x, f, arg->value);
    ad_tensor **to = strcmp(name, "mu") == 0       ? &site->mean
                     : strcmp(name, "sd") == 0     ? &site->scale
                     : strcmp(name, "logvar") == 0 ? &site->log_variance
                                                   : NULL;
    if (v->kind == V_POISON) return false;
    bool known = false;
    for (int k = 0; k < 3 && family->arguments[k]; k++) known = known || strcmp(family->arguments[k], name) == 0;
    if (!to || !known || *to) {
        ad__wrong(x, f, arg->value, "arguments", "%s: unexpected argument%s%s", family->name, *name ? " " : "", name);
        ad_report_hint(x->d, "%s", family->doc);
        return false;
    }
    *to = ad__tensor_of(v);
    if (*to) return true;
    ad__wrong(x, f, arg->value, "type", "%s: '%s' needs a tensor, not %s", family->name, name, ad__describe(x, v));
    return false;
}

static bool take_parameters(ad__elab *x, ad__frame *f, const ad__expr *e, ad__site *site)
{
    bool good = true;
    if (!(site->family = find_family(e->text))) {
        const char *names[sizeof families / sizeof *families];
        for (size_t i = 0; i < sizeof families / sizeof *families; i++) names[i] = families[i].name;
        const char *near = ad_nearest(e->text, (int)(sizeof families / sizeof *families), names);
        ad__wrong(x, f, e, "unknown-family", "unknown distribution '%s'", e->text);
        ad_report_hint(x->d, near ? "did you mean '%s'?" : "%s is known", near ? near : families[0].doc);
        return false;
    }
    for (int i = 0; i < e->n_args; i++) good = set_argument(x, f, e, site, i) && good;
    if (!good) return false;
    if (!site->mean || (!site->scale && !site->log_variance) || (site->scale && site->log_variance)) {
        ad__wrong(x, f, e, "arguments", "%s needs a mean and one spread", site->family->name);
        ad_report_hint(x->d, "%s", site->family->doc);
        return false;
    }
    ad_tensor *spread = site->scale ? site->scale : site->log_variance;
    if (ad_shape_equal(ad_tensor_shape(site->mean), ad_tensor_shape(spread))) return true;
    ad__wrong(x, f, e, "shape", "%s: the mean is %s and the spread %s", site->family->name,
              ad__shape(x, ad_tensor_shape(site->mean)), ad__shape(x, ad_tensor_shape(spread)));
    return false;
}

/* ---- the value ---- */

static bool fits(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__site *site, ad_tensor *t, const char *what)
{
    if (!t) return false;
    if (ad_shape_equal(ad_tensor_shape(t), ad_tensor_shape(site->mean))) return true;
    ad__wrong(x, f, e, "shape", "site '%s' is %s, but %s is %s", site->path, ad__shape(x, ad_tensor_shape(site->mean)), what,
              ad__shape(x, ad_tensor_shape(t)));
    return false;
}

static ad_tensor *draw(ad__elab *x, ad__frame *f, const ad__expr *e, ad__site *site, const ad_choice *choice)
{
    char attr[AD_SHAPE_TEXT + 16], shape[AD_SHAPE_TEXT];
    if (choice && choice->kind == AD_CHOICE_NOISE) {
        site->noise = choice->tensor
                          ? choice->tensor
                          : ad__made_input(x, ad__take_format(x->pool, "eps/%s", site->path), ad_tensor_shape(site->mean));
        if (!fits(x, f, e, site, site->noise, "its noise")) return NULL;
    } else {
        const ad_op *op = ad_op_find(x->m->ctx, "normal");
        ad_shape drawn = *ad_tensor_shape(site->mean);
        if (x->options && x->options->draws > 1 && drawn.rank > 0 && drawn.dim[0] == 1) drawn.dim[0] = x->options->draws;
        snprintf(attr, sizeof attr, "shape=%s", ad_shape_text(&drawn, shape));
        if (op) site->noise = ad__record_as(x, f, e, "", "normal", attr, 0, NULL);
        else ad__wrong(x, f, e, "unknown-call", "this needs the op 'normal', which the context does not have");
    }
    ad_tensor *product[2] = { site->scale, site->noise };
    if (!site->noise || !(product[0] = ad__record(x, f, e, "mul", "", 2, product))) return NULL;
    ad_tensor *sum[2] = { site->mean, product[0] };
    return ad__record(x, f, e, "add", "", 2, sum);
}

/* The last binding that fits; every one that fits has been of use. */
static const ad__binding *binding_for(ad__frame *f, const char *name, bool has_index, int64_t index)
{
    const ad__binding *found = NULL;
    for (int i = 0; i < f->n_bindings; i++) {
        ad__binding *b = &f->bindings[i];
        if (strcmp(b->with->site, name) != 0 || (b->has_index && (!has_index || b->index != index))) continue;
        b->used = true;
        found = b;
    }
    return found;
}

/* What `with` gives for the site: a site or tensor, or the element of an indexed name. */
static ad_tensor *replayed(ad__elab *x, ad__frame *f, const ad__stmt *s, ad__site *site, const ad__binding *b, bool has_index,
                           int64_t index)
{
    const ad__val *v = b->value;
    const ad__with *w = b->with;
    if ((v->kind == V_INDEXED || v->kind == V_LIST) && has_index && !b->has_index) {
        const ad__element *e = v->kind == V_INDEXED ? ad__find_element(v->indexed, index) : NULL;
        const ad__val *item = e ? e->value : v->kind == V_LIST && index >= 0 && index < v->n ? v->items[index] : NULL;
        if (!item) {
            ad__wrong_at(x, f->up, f->call->doc, w->line, w->column, w->length, "unknown-element",
                         "the value for '%s' has no element [%" PRId64 "]", w->site, index);
            return NULL;
        }
        v = item;
    }
    ad_tensor *t = ad__tensor_of(v);
    if (!t && v->kind != V_POISON)
        ad__wrong_at(x, f->up, f->call->doc, w->line, w->column, w->length, "type", "'with %s' needs a site or a tensor, not %s",
                     w->site, ad__describe(x, v));
    return t && fits(x, f, s->value, site, t, "the value it is given") ? t : NULL;
}

static ad_tensor *value_of(ad__elab *x, ad__frame *f, const ad__stmt *s, ad__site *site, bool has_index, int64_t index)
{
    const ad__binding *b = binding_for(f, s->lhs[0].name, has_index, index);
    const ad_choice *choice = b ? NULL : ad__choice_for(x, site->path);
    if ((b && !b->value) || (choice && choice->kind == AD_CHOICE_MEAN)) {
        site->origin = AD_SITE_MEAN;
        return site->mean;
    }
    if (b) {
        site->origin = AD_SITE_REPLAYED;
        return replayed(x, f, s, site, b, has_index, index);
    }
    if (choice && choice->kind == AD_CHOICE_VALUE) {
        site->origin = AD_SITE_GIVEN;
        ad_tensor *t = choice->tensor
                           ? choice->tensor
                           : ad__made_input(x, ad__take_format(x->pool, "z/%s", site->path), ad_tensor_shape(site->mean));
        return fits(x, f, s->value, site, t, "the value it is given") ? t : NULL;
    }
    site->origin = choice && choice->kind == AD_CHOICE_NOISE ? AD_SITE_GIVEN : AD_SITE_DRAWN;
    return draw(x, f, s->value, site, choice);
}

const ad__val *ad__site_statement(ad__elab *x, ad__frame *f, const ad__stmt *s, bool has_index, int64_t index)
{
    ad__site *site = ad__take(x->pool, sizeof *site);
    const ad__lhs *l = &s->lhs[0];
    binding_for(f, l->name, has_index, index);
    *site = (ad__site){ .path = f->stmt_path, .in = s->doc, .line = l->line, .column = l->column, .length = l->length };
    if (!take_parameters(x, f, s->value, site)) return &ad__poison;
    if (!site->scale) {
        ad_tensor *half = ad__record(x, f, s->value, "scale", "factor=0.5", 1, &site->log_variance);
        if (half) site->scale = ad__record(x, f, s->value, "exp", "", 1, &half);
        if (!site->scale) return &ad__poison;
    }
    site->value = value_of(x, f, s, site, has_index, index);
    if (!site->value) return &ad__poison;
    x->sites = ad__more(x->pool, x->sites, x->n_sites, sizeof *x->sites);
    x->sites[x->n_sites++] = site;
    ad__val *v = ad__take(x->pool, sizeof *v);
    *v = (ad__val){ .kind = V_SITE, .site = site };
    return v;
}

const ad__val *ad__site_field(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__site *site, const char *field)
{
    static const char *const names[] = { "mu", "sd", "logvar", "eps", "value" };
    ad_tensor *const values[] = { site->mean, site->scale, site->log_variance, site->noise, site->value };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], field) != 0) continue;
        if (values[i]) return ad__tensor(x, values[i]);
        return ad__wrong(x, f, e, "unknown-field", "site '%s' has no '%s' here", site->path, field);
    }
    const char *near = ad_nearest(field, 5, names);
    ad__wrong(x, f, e, "unknown-field", "a site has no field '%s'", field);
    if (near) ad_report_hint(x->d, "did you mean '%s'?", near);
    else ad_report_hint(x->d, "its fields are mu, sd, logvar, eps, value");
    return &ad__poison;
}

/* ---- kl(q, p, over=, batch=, pixels=, eps=) ---- */

static ad__site *kl_site(ad__elab *x, ad__frame *f, const ad__expr *e, int i)
{
    const ad__val *v = ad__eval(x, f, e->args[i].value);
    if (v->kind == V_SITE) return v->site;
    if (v->kind == V_POISON) return NULL;
    ad__wrong(x, f, e->args[i].value, "type", "kl needs two sites, not %s", ad__describe(x, v));
    if (v->kind == V_INDEXED) ad_report_hint(x->d, "one level at a time: %s[l]", v->indexed->name);
    return NULL;
}

static const ad__val *closed_form(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__site *q, const ad__site *p)
{
    bool log_variance = q->log_variance && p->log_variance;
    const char *name = log_variance ? "kl_log_var" : "kl_normal";
    ad_tensor *const in[4] = { q->mean, log_variance ? q->log_variance : q->scale, p->mean,
                               log_variance ? p->log_variance : p->scale };
    const ad_op *op = ad_op_find(x->m->ctx, name);
    ad__preset preset = { .n = 4, .in = in, .skip = 2, .without = { "sampled", log_variance ? "eps" : NULL } };
    if (!op) return ad__wrong(x, f, e, "unknown-call", "this needs the op '%s', which the context does not have", name);
    return ad__op_call(x, f, e, op, &preset);
}

/* ---- the same, estimated from the value of q: ln q(z) - ln p(z), for families and checks without a closed form ---- */

static ad_tensor *apply(ad__elab *x, ad__frame *f, const ad__expr *e, const char *op, ad_tensor *a, ad_tensor *b)
{
    ad_tensor *in[2] = { a, b };
    return a ? ad__record(x, f, e, op, "", b ? 2 : 1, in) : NULL;
}

/* ln of the density at z, without the constant: -((z - mu) / sd)^2 / 2 - ln sd */
static ad_tensor *log_density(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__site *s, ad_tensor *z)
{
    ad_tensor *away = apply(x, f, e, "sub", z, s->mean), *square, *half;
    square = away ? apply(x, f, e, "square", apply(x, f, e, "div", away, s->scale), NULL) : NULL;
    half = square ? ad__record(x, f, e, "scale", "factor=-0.5", 1, &square) : NULL;
    ad_tensor *spread = apply(x, f, e, "log", s->scale, NULL);
    return half && spread ? apply(x, f, e, "sub", half, spread) : NULL;
}

/* "mean" or "sum" of a keyword; false after reporting. */
static bool reduction(ad__elab *x, ad__frame *f, const ad__expr *e, const char *name, const char *standard, bool *mean)
{
    const char *word = standard;
    for (int i = 2; i < e->n_args; i++) {
        if (!e->args[i].name || strcmp(e->args[i].name, name) != 0) continue;
        const ad__val *v = ad__eval(x, f, e->args[i].value);
        if (v->kind == V_POISON) return false;
        word = v->kind == V_TEXT ? v->text : "";
    }
    *mean = word && strcmp(word, "mean") == 0;
    if (word && (*mean || strcmp(word, "sum") == 0)) return true;
    ad__wrong(x, f, e, "attribute", "kl needs %s=\"mean\" or \"sum\"", name);
    return false;
}

static const ad__val *estimate(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__site *q, const ad__site *p)
{
    const ad_shape *s = ad_tensor_shape(q->mean);
    bool batch_mean, pixel_mean;
    char attr[48];
    if (!reduction(x, f, e, "batch", NULL, &batch_mean) || !reduction(x, f, e, "pixels", "sum", &pixel_mean)) return &ad__poison;
    ad_tensor *of_q = log_density(x, f, e, q, q->value), *of_p = log_density(x, f, e, p, q->value);
    ad_tensor *sum = of_q && of_p ? apply(x, f, e, "sum", apply(x, f, e, "sub", of_q, of_p), NULL) : NULL;
    double n = (batch_mean ? (double)s->dim[0] : 1) * (pixel_mean ? (double)ad_count(s) / (double)s->dim[0] : 1);
    snprintf(attr, sizeof attr, "factor=%.17g", 1 / n);
    return sum ? ad__tensor(x, ad__record(x, f, e, "scale", attr, 1, &sum)) : &ad__poison;
}

/* Whether the call says sampled=true. */
static bool wants_estimate(ad__elab *x, ad__frame *f, const ad__expr *e)
{
    for (int i = 2; i < e->n_args; i++)
        if (e->args[i].name && strcmp(e->args[i].name, "sampled") == 0) {
            const ad__val *v = ad__eval(x, f, e->args[i].value);
            if (v->kind != V_BOOL && v->kind != V_POISON)
                ad__wrong(x, f, e->args[i].value, "type", "'sampled' must be true or false, not %s", ad__describe(x, v));
            return v->kind == V_BOOL && v->i;
        }
    return false;
}

const ad__val *ad__kl_call(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__val **first)
{
    (void)first;
    if (e->n_args < 2 || e->args[0].name || e->args[1].name) {
        ad__wrong(x, f, e, "arguments", "kl needs two sites");
        ad_report_hint(x->d, "kl(q.z[l], p.z[l], over=\"CHW\", batch=\"mean\")");
        return &ad__poison;
    }
    ad__site *q = kl_site(x, f, e, 0), *p = kl_site(x, f, e, 1);
    if (!q || !p) return &ad__poison;
    q->has_partner = p->has_partner = true;
    if (q == p) return ad__wrong(x, f, e->args[1].value, "kl", "kl of site '%s' with itself is always 0", q->path);
    if (strcmp(q->family->family, p->family->family) != 0)
        return ad__wrong(x, f, e, "kl", "kl between a %s and a %s", q->family->family, p->family->family);
    if (!ad_shape_equal(ad_tensor_shape(q->mean), ad_tensor_shape(p->mean))) {
        ad__wrong(x, f, e, "kl-shape", "kl: sites of different shape: %s and %s", ad__shape(x, ad_tensor_shape(q->mean)),
                  ad__shape(x, ad_tensor_shape(p->mean)));
        ad_report_hint(x->d, "'%s' is at line %d, '%s' at line %d", q->path, q->line, p->path, p->line);
        return &ad__poison;
    }
    bool sampled = wants_estimate(x, f, e);
    const ad__val *v = sampled ? estimate(x, f, e, q, p) : closed_form(x, f, e, q, p);
    if (v->kind != V_TENSOR) return v;
    const char *slash = strrchr(f->stmt_path, '/'), *name = slash ? slash + 1 : f->stmt_path;
    int same = 0;
    for (int i = 0; i < x->n_kls; i++)
        same += strncmp(x->kls[i].name, name, strcspn(x->kls[i].name, "#")) == 0 && strlen(name) == strcspn(x->kls[i].name, "#");
    x->kls = ad__more(x->pool, x->kls, x->n_kls, sizeof *x->kls);
    x->kls[x->n_kls++] = (ad__kl){ same ? ad__take_format(x->pool, "%s#%d", name, same + 1) : name, q, p, v->tensor, sampled };
    return v;
}

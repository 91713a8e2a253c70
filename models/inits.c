/*
 * inits.c - the `init:` section: each pattern names an initialiser, whose arguments are expressions over the parameters, and which may
 * be chosen by a condition: `trunc_normal(std=0.02) if published else xavier_uniform`.
 */
#include "models/check.h"
#include "models/settings.h"

/* The branch that holds; NULL if the condition is none, which is told. */
static const ad__expr *chosen(ad__elab *x, const ad__expr *e)
{
    while (e && e->kind == X_IF) {
        const ad__val *v = ad__eval(x, NULL, e->a);
        if (v->kind != V_BOOL && v->kind != V_POISON)
            ad__wrong(x, NULL, e->a, "type", "expected a condition, found %s", ad__describe(x, v));
        if (v->kind != V_BOOL) return NULL;
        e = v->i ? e->b : e->c;
    }
    return e;
}

/* "name(std=0.1)" with the arguments' values; NULL after telling why not. */
static const char *with_values(ad__elab *x, const ad__expr *e)
{
    if (e->kind == X_NAME) return e->text;
    if (e->kind != X_CALL || e->n_withs) {
        ad__wrong(x, NULL, e, "init", "expected an initialiser, as he_normal or trunc_normal(std=0.02)");
        return NULL;
    }
    const char *text = ad__take_format(x->pool, "%s(", e->text);
    for (int i = 0; i < e->n_args; i++) {
        const ad__arg *a = &e->args[i];
        const ad__val *v = ad__eval(x, NULL, a->value);
        double number;
        if (v->kind == V_POISON) return NULL;
        if (v->kind == V_BOOL || !ad__number(v, &number)) {
            ad__wrong(x, NULL, a->value, "type", "expected a number, found %s", ad__describe(x, v));
            return NULL;
        }
        text = ad__take_format(x->pool, "%s%s%s%s%.17g", text, i ? ", " : "", a->name ? a->name : "", a->name ? "=" : "", number);
    }
    return ad__take_format(x->pool, "%s)", text);
}

void ad__eval_inits(ad__elab *x, ad_model *m)
{
    ad_error why = { 0 };
    for (int i = 0; i < m->init.n; i++) {
        ad__rule *r = &m->init.list[i];
        const ad__expr *e = chosen(x, r->expr);
        const char *text = e ? with_values(x, e) : NULL;
        if (!text || ad_init_parse(&why, text, &r->init) == AD_OK) continue;
        ad__wrong(x, NULL, e, "init", "%s", why.message);
        ad_error_clear(&why);
    }
}

/*
 * weights.c - the leaves of weights and states: by path, one for all calls of a net; declared in the dry run, looked up in a recording.
 */
#include "models/elaborate.h"

ad_tensor *ad__weight_leaf(ad__elab *x, ad__frame *f, const ad__expr *e, const ad__weight *want)
{
    ad__weight *w = ad__find_weight(x->m, want->path);
    if (!w && x->declare) {
        ad_model *m = x->declare;
        m->weights = ad__more(&m->pool, m->weights, m->n_weights, sizeof *m->weights);
        w = &m->weights[m->n_weights++];
        *w = *want;
        w->path = ad__take_text(&m->pool, want->path);
    }
    if (!w) {
        AD_FAIL(x->error, EINTERNAL, "no weight '%s' in the model", want->path);
        return NULL;
    }
    if (!ad_shape_equal(&w->shape, &want->shape)) {
        ad__wrong(x, f, e, "shared-shape", "'%s' is %s in this call, but the net's weight is %s", want->path,
                  ad__shape(x, &want->shape), ad__shape(x, &w->shape));
        ad_report_hint(x->d, "first used at line %d; all calls of a net share its weights", w->line);
        return NULL;
    }
    int i = (int)(w - x->m->weights);
    while (x->n_leaves <= i) {
        x->leaves = ad__more(x->pool, x->leaves, x->n_leaves, sizeof *x->leaves);
        x->leaves[x->n_leaves++] = NULL;
    }
    if (x->leaves[i]) return x->leaves[i];
    x->leaves[i] = x->params ? ad_parameter(x->t, x->params, w->path) : ad_input(x->t, w->path, &w->shape);
    if (x->leaves[i] && w->slot == AD_SLOT_PARAM) {
        x->wrt = ad__more(x->pool, x->wrt, x->n_wrt, sizeof *x->wrt);
        x->wrt[x->n_wrt++] = x->leaves[i];
    }
    return x->leaves[i];
}

bool ad__resolve_init(ad__elab *x, ad__frame *f, const ad__expr *e, ad__weight *w, const char *standard)
{
    for (int i = x->m->init.n - 1; i >= 0; i--)
        if (ad_path_matches(x->m->init.list[i].pattern, w->path)) {
            w->init = x->m->init.list[i].init;
            if (x->declare) x->declare->init.list[i].used = true;
            return true;
        }
    if (ad_init_parse(x->error, standard ? standard : "zeros", &w->init) == AD_OK) return true;
    ad__wrong(x, f, e, "init", "%s", ad__engine_message(x));
    return false;
}

/* table.c - the table of metrics, made from the list in metrics/local.mk, and the one place where cases are checked. */
#include "metrics/metrics.h"

#include <string.h>

#define METRIC(name) extern const ad_metric ad_metric_##name;
#include "metrics/metrics.def"
#undef METRIC
const ad_metric *const ad_metrics[] = {
#define METRIC(name) &ad_metric_##name,
#include "metrics/metrics.def"
#undef METRIC
    NULL
};

const ad_metric *ad_metric_find(const char *name)
{
    for (const ad_metric *const *m = ad_metrics; *m; m++)
        if (!strcmp((*m)->name, name)) return *m;
    return NULL;
}

static ad_status labels_check(ad_error *e, const char *metric, const char *what, int n, const ad_case *c, const uint8_t *labels)
{
    if (n < 1 || !labels) return AD_FAIL(e, EUSAGE, "%s: %d %s; need at least one", metric, n, what);
    for (int64_t i = 0; i < n * c->pixels; i++)
        if (labels[i] >= c->classes)
            return AD_FAIL(e, EUSAGE, "%s: %s %lld has label %d at pixel %lld; labels are 0..%d", metric, what,
                           (long long)(i / c->pixels), labels[i], (long long)(i % c->pixels), c->classes - 1);
    return AD_OK;
}

ad_status ad_score(ad_error *e, const ad_metric *m, const ad_case *c, double *value)
{
    if (c->pixels < 1 || c->classes < 2 || c->classes > 256)
        return AD_FAIL(e, EUSAGE, "%s: %lld pixels, %d classes; need at least one pixel and 2..256 classes", m->name,
                       (long long)c->pixels, c->classes);
    AD_TRY(labels_check(e, m->name, "samples", c->n_samples, c, c->samples));
    AD_TRY(labels_check(e, m->name, "readers", c->n_readers, c, c->readers));
    if (m->probabilities && !c->probabilities) return AD_FAIL(e, EUSAGE, "%s: needs the samples' probabilities, not only labels", m->name);
    if (m->lattice) {
        int64_t pixels = 1;
        for (int i = 0; i < c->lattice.rank; i++) pixels *= c->lattice.size[i];
        if (c->lattice.rank < 1 || pixels != c->pixels)
            return AD_FAIL(e, EUSAGE, "%s: the lattice has %d axes with %lld pixels; need one of the case's %lld", m->name, c->lattice.rank,
                           (long long)pixels, (long long)c->pixels);
    }
    return m->score(e, c, value);
}

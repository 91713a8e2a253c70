/* model.c - opening models, and what can be asked of them. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "models/check.h"

#define MOST_EXTENDED 8

/* ---- the zoo ---- */

const char *ad_zoo_folder(const char *zoo)
{
    const char *env = getenv("ADZE_ZOO");
    return zoo ? zoo : env && *env ? env : ADZE_ZOO_DIR;
}

static int is_yaml(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return n > 5 && n < 64 && strcmp(e->d_name + n - 5, ".yaml") == 0;
}

/* By bytes, whatever the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

bool ad_zoo_at(const char *zoo, int i, char name[64])
{
    struct dirent **list;
    int n = scandir(ad_zoo_folder(zoo), &list, is_yaml, by_name);
    if (n < 0) return false;
    if (i >= 0 && i < n) snprintf(name, 64, "%.*s", (int)strlen(list[i]->d_name) - 5, list[i]->d_name);
    for (int k = 0; k < n; k++) free(list[k]);
    free(list);
    return i >= 0 && i < n;
}

/* ---- opening ---- */

typedef struct source {
    const char *path, *text;     /* text NULL: read the file */
    size_t size;
    const char *zoo;
} source;

static const char *path_of(ad_model *m, const char *ref, const char *zoo, const char *beside)
{
    if (strncmp(ref, "zoo:", 4) == 0) return ad__take_format(&m->pool, "%s/%s.yaml", ad_zoo_folder(zoo), ref + 4);
    const char *slash = beside ? strrchr(beside, '/') : NULL;
    if (*ref == '/' || !slash) return ad__take_text(&m->pool, ref);
    return ad__take_format(&m->pool, "%.*s/%s", (int)(slash - beside), beside, ref);
}

/* The text, or what the file holds. Its place is made first: no memory for that leaves nothing behind. */
static ad_document *add_document(ad_model *m, const char *path, const char *text, size_t size, ad_diagnostics *d)
{
    m->docs = ad__more(&m->pool, m->docs, m->n_docs, sizeof *m->docs);
    ad_document *doc = text ? ad_document_parse(path, text, size, d) : ad_document_open(path, d);
    if (doc) m->docs[m->n_docs++] = doc;
    return doc;
}

/* The chain of `extends`, the file itself first. */
static void read_documents(ad_model *m, const source *s, ad_diagnostics *d)
{
    ad_document *doc = add_document(m, s->path, s->text, s->size, d);
    while (doc) {
        const ad_node *root = ad_document_root(doc), *base = ad_node_find(root, "extends");
        if (!base) return;
        ad_span at = ad_document_span(doc, base);
        const char *path = base->kind == AD_NODE_SCALAR ? path_of(m, base->text, s->zoo, ad_document_file(doc)) : "";
        bool again = m->n_docs >= MOST_EXTENDED;
        for (int i = 0; i < m->n_docs; i++) again = again || strcmp(ad_document_file(m->docs[i]), path) == 0;
        if (again) {
            ad_report(d, AD_SEVERITY_ERROR, "extends", &at, "'%s' is extended in a circle, or more than %d files deep", path,
                      MOST_EXTENDED);
            return;
        }
        FILE *readable = fopen(path, "rb");
        if (!readable) {
            ad_report(d, AD_SEVERITY_ERROR, "extends", &at, "'%s' cannot be read: %s", path, strerror(errno));
            return;
        }
        fclose(readable);
        doc = add_document(m, path, NULL, 0, d);
    }
}

static ad_status build(ad_model *m, const source *s, const ad_model_options *o, ad_diagnostics *d)
{
    read_documents(m, s, d);
    if (m->n_docs == 0 || ad_node_find(ad_document_root(m->docs[m->n_docs - 1]), "extends")) return AD_OK;
    for (int i = m->n_docs - 1; i >= 0; i--) ad__read_model(m, m->docs[i], d);
    m->file = ad_document_file(m->docs[0]);
    if (!m->name) m->name = "?";
    if (!m->doc) m->doc = "";
    AD_TRY(ad__check_model(m, o, d));
    ad__expand_weights(m, &m->expanded);
    if (!m->expanded) longjmp(*m->pool.out, 1);
    ad__hash_expanded(m);
    return AD_OK;
}

/* The file that could not be read at all is an input problem, not one of the language. */
static bool unreadable(const ad_diagnostics *d, const char *path)
{
    const ad_diagnostic *first = ad_diagnostics_at(d, 0);
    return ad_diagnostics_count(d) == 1 && strcmp(first->code, "file") == 0 && strcmp(first->file, path) == 0;
}

static ad_status verdict(const source *s, ad_error *e, ad_diagnostics *d)
{
    if (ad_diagnostics_errors(d) == 0) return AD_OK;
    if (unreadable(d, s->path)) return AD_FAIL(e, EIO, "%s: %s", s->path, ad_diagnostics_at(d, 0)->message);
    char *text = ad_diagnostics_text(d, false);
    ad_status status = AD_FAIL(e, EMODEL, "%s", text ? text : "errors in the model");
    free(text);
    return status;
}

static ad_status open_model(ad_ctx *ctx, source *s, const ad_model_options *o, ad_diagnostics *given, ad_model **out)
{
    jmp_buf jump;
    ad_error *e = ad_ctx_error(ctx);
    ad_model *volatile m = calloc(1, sizeof *m);
    ad_diagnostics *volatile d = given ? given : ad_diagnostics_new();
    volatile ad_status status = AD_OK;
    *out = NULL;
    ad_error_clear(e);
    if (!m || !d) {
        status = AD_FAIL(e, ENOMEM, "model: out of memory");
    } else if (setjmp(jump)) {
        ad_error_clear(e);
        status = AD_FAIL(e, ENOMEM, "%s: out of memory", s->path);
    } else {
        m->ctx = ctx;
        m->pool.out = &jump;
        m->lenient = o && o->lenient;
        if (!s->text) s->path = path_of(m, s->path, s->zoo, NULL);
        status = build(m, s, o, d);
        if (status == AD_OK) status = verdict(s, e, d);
    }
    if (m) m->pool.out = NULL;
    if (!given) ad_diagnostics_free(d);
    if (status == AD_OK) *out = m;
    else ad_model_free(m);
    return status;
}

ad_status ad_model_open(ad_ctx *ctx, const char *ref, const ad_model_options *o, ad_diagnostics *d, ad_model **out)
{
    return open_model(ctx, &(source){ .path = ref, .zoo = o ? o->zoo : NULL }, o, d, out);
}

ad_status ad_model_parse(ad_ctx *ctx, const char *name, const char *text, size_t size, const ad_model_options *o,
                         ad_diagnostics *d, ad_model **out)
{
    return open_model(ctx, &(source){ .path = name, .text = text, .size = size, .zoo = o ? o->zoo : NULL }, o, d, out);
}

void ad_model_free(ad_model *m)
{
    if (!m) return;
    for (int i = 0; i < m->n_docs; i++) ad_document_free(m->docs[i]);
    ad_tape_free(m->dry.tape);
    ad__arena_free(&m->dry.pool.arena);
    ad__arena_free(&m->pool.arena);
    free(m->expanded);
    free(m);
}

/* ---- asking ---- */

const char *ad_model_name(const ad_model *m)
{
    return m->name;
}

const char *ad_model_doc(const ad_model *m)
{
    return m->doc;
}

const char *ad_model_file(const ad_model *m)
{
    return m->file;
}

const char *ad_model_profile(const ad_model *m, int i)
{
    return m->profiles && i >= 0 && i < m->profiles->n ? m->profiles->keys[i]->text : NULL;
}

ad_error *ad__model_error(const ad_model *m)
{
    return ad_ctx_error(m->ctx);
}

const ad_node *ad__model_section(const ad_model *m, const char *name, const ad_document **in)
{
    for (int i = 0; i < m->n_docs; i++) {
        const ad_node *n = ad_node_find(ad_document_root(m->docs[i]), name);
        if (n && in) *in = m->docs[i];
        if (n) return n;
    }
    return NULL;
}

bool ad_model_param_at(const ad_model *m, int i, ad_model_param *out)
{
    if (i < 0 || i >= m->n_params) return false;
    const ad__param *p = &m->params[i];
    *out = (ad_model_param){ p->name, p->type, p->value_text, p->standard_text, p->doc, p->key->line };
    return true;
}

bool ad_model_number(const ad_model *m, const char *name, double *out)
{
    for (int i = 0; i < m->n_params; i++)
        if (strcmp(m->params[i].name, name) == 0) return ad__number(m->params[i].value, out);
    for (int i = 0; i < m->n_lets; i++)
        if (strcmp(m->lets[i].name, name) == 0) return ad__number(m->lets[i].value, out);
    return false;
}

bool ad_model_input_at(const ad_model *m, int i, ad_model_input *out)
{
    if (i < 0 || i >= m->n_inputs) return false;
    *out = m->inputs[i].info;
    return true;
}

bool ad_model_program_at(const ad_model *m, int i, ad_model_program *out)
{
    if (i < 0 || i >= m->n_progs) return false;
    *out = m->progs[i].info;
    return true;
}

bool ad_model_has_program(const ad_model *m, const char *name)
{
    return ad__find_program(m, name) != NULL;
}

void ad_model_count(const ad_model *m, ad_model_counts *out)
{
    *out = m->counts;
}

bool ad_model_net_at(const ad_model *m, int i, const char **name, int64_t *trainable)
{
    if (i < 0 || i >= m->n_nets) return false;
    *name = m->nets[i].name;
    *trainable = m->nets[i].trainable;
    return true;
}

bool ad_model_row_at(const ad_model *m, int i, ad_model_row *out)
{
    if (i < 0 || i >= m->n_rows) return false;
    *out = m->rows[i];
    return true;
}

ad_model_group ad_model_group_of(const ad_model *m, const char *path)
{
    ad_model_group g = { 1, 1 };
    for (int i = 0; i < m->groups.n; i++)
        if (ad_path_matches(m->groups.list[i].pattern, path)) g = m->groups.list[i].group;
    return g;
}

ad_status ad_model_params(const ad_model *m, ad_precision p, ad_params **out)
{
    ad_status status = AD_OK;
    *out = ad_params_new(m->ctx, p);
    if (!*out) return AD_FAIL(ad_ctx_error(m->ctx), ENOMEM, "parameters: out of memory");
    for (int i = 0; i < m->n_weights && status == AD_OK; i++) {
        const ad__weight *w = &m->weights[i];
        status = ad_params_add(*out, w->path, &w->shape, w->slot, w->layout, &w->init);
    }
    if (status == AD_OK) return AD_OK;
    ad_params_free(*out);
    *out = NULL;
    return status;
}

char *ad_model_expand(const ad_model *m)
{
    return strdup(m->expanded);
}

void ad_model_hash(const ad_model *m, char hex[65])
{
    memcpy(hex, m->hash, 65);
}

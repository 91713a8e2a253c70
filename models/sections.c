/*
 * sections.c - the top level of a model file: every key, its schema, and the trees of statements below it.
 */
#include <string.h>

#include "models/model.h"

typedef struct ctx {
    ad_model *m;
    ad_document *doc;
    ad_diagnostics *d;
    ad__parse parse;
} ctx;

static ad_span span(const ctx *c, const ad_node *n)
{
    return ad_document_span(c->doc, n);
}

static void wrong(const ctx *c, const ad_node *at, const char *code, const char *format, const char *text)
{
    ad_span s = span(c, at);
    ad_report(c->d, AD_SEVERITY_ERROR, code, &s, format, text);
}

static bool is_name(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return *text && text[n] == '\0' && !(*text >= '0' && *text <= '9');
}

/* Walks a section that must be a mapping with names as keys. */
static bool named_map(const ctx *c, const ad_node *key, const ad_node *node, bool names)
{
    bool good = node->kind == AD_NODE_MAP;
    if (!good) wrong(c, key, "type", "'%s' must be a mapping", key->text);
    for (int i = 0; good && names && i < node->n; i++)
        if (!is_name(node->keys[i]->text))
            wrong(c, node->keys[i], "name", "'%s' is not a name (letters, digits, '_')", node->keys[i]->text);
    return good;
}

#define ADD(list, n) (list = ad__more(&c->m->pool, list, n, sizeof *list), &list[n++])

/* ---- values ---- */

static void check_version(ctx *c, const ad_node *key, const ad_node *node)
{
    int64_t version;
    (void)key;
    if (ad_node_int(c->doc, node, c->d, &version) && version != 1) {
        wrong(c, node, "version", "this library reads version 1 of the language, not %s", node->text);
    }
}

static void name(ctx *c, const ad_node *key, const ad_node *node)
{
    (void)key;
    ad_node_text(c->doc, node, c->d, &c->m->name);
}

static void doc_text(ctx *c, const ad_node *key, const ad_node *node)
{
    (void)key;
    ad_node_text(c->doc, node, c->d, &c->m->doc);
}

static void param_range(ctx *c, ad__param *p, const ad_node *node)
{
    const ad_node *lo = ad_node_find(node, "min"), *hi = ad_node_find(node, "max");
    if (lo) p->has_lo = ad_node_float(c->doc, lo, c->d, &p->lo);
    if (hi) p->has_hi = ad_node_float(c->doc, hi, c->d, &p->hi);
}

static void params(ctx *c, const ad_node *key, const ad_node *node)
{
    static const char *const keys[] = { "type", "default", "min", "max", "doc", "choices" };
    static const char *const types[] = { "int",         "float",         "bool",         "string",
                                         "list of int", "list of float", "list of bool", "list of string" };
    if (!named_map(c, key, node, true)) return;
    for (int i = 0; i < node->n; i++) {
        const ad_node *v = node->items[i];
        ad_node_known_keys(c->doc, v, c->d, "a parameter", 6, keys);
        const ad_node *type = ad_node_find(v, "type"), *doc = ad_node_find(v, "doc");
        bool known = false;
        for (size_t k = 0; type && type->kind == AD_NODE_SCALAR && k < sizeof types / sizeof *types; k++)
            known = known || strcmp(type->text, types[k]) == 0;
        if (v->kind == AD_NODE_MAP && !known) {
            wrong(c, type ? type : node->keys[i], "type", "parameter '%s' needs a type", node->keys[i]->text);
            ad_report_hint(c->d, "int, float, bool, string, or 'list of' one of them");
        } else if (v->kind == AD_NODE_MAP && !ad_node_find(v, "default")) {
            wrong(c, node->keys[i], "missing-key", "parameter '%s' needs a default", node->keys[i]->text);
        }
        ad__param *p = ADD(c->m->params, c->m->n_params);
        *p = (ad__param){ .name = node->keys[i]->text,
                          .type = known ? type->text : NULL,
                          .doc = "",
                          .in = c->doc,
                          .key = node->keys[i],
                          .node = v };
        if (doc) ad_node_text(c->doc, doc, c->d, &p->doc);
        param_range(c, p, v);
    }
}

/* An expression, or a list of them. */
static void let(ctx *c, const ad_node *key, const ad_node *node)
{
    if (!named_map(c, key, node, true)) return;
    for (int i = 0; i < node->n; i++) {
        const ad_node *v = node->items[i];
        ad__let *l = ADD(c->m->lets, c->m->n_lets);
        *l = (ad__let){ .name = node->keys[i]->text, .in = c->doc, .key = node->keys[i] };
        if (v->kind != AD_NODE_LIST) {
            l->expr = ad__parse_expr(&c->parse, v);
            continue;
        }
        l->list = ad__take(&c->m->pool, (size_t)v->n * sizeof *l->list);
        l->n = v->n;
        c->parse.in_flow = v->flow;
        for (int k = 0; k < v->n; k++) l->list[k] = ad__parse_expr(&c->parse, v->items[k]);
        c->parse.in_flow = false;
    }
}

static void checks(ctx *c, const ad_node *key, const ad_node *node)
{
    if (node->kind != AD_NODE_LIST) {
        wrong(c, key, "type", "'%s' must be a list of conditions", key->text);
        return;
    }
    for (int i = 0; i < node->n; i++) {
        ad__checkline *l = ADD(c->m->checks, c->m->n_checks);
        *l = (ad__checkline){ .expr = ad__parse_expr(&c->parse, node->items[i]), .node = node->items[i], .in = c->doc };
    }
}

/* ---- inputs ---- */

static int word(ctx *c, const ad_node *node, const char *what, int n, const char *const *words)
{
    if (!node) return 0;
    for (int i = 0; node->kind == AD_NODE_SCALAR && i < n; i++)
        if (strcmp(node->text, words[i]) == 0) return i;
    const char *near = node->kind == AD_NODE_SCALAR ? ad_nearest(node->text, n, words) : NULL, *all = "";
    for (int i = 0; i < n; i++) all = ad__take_format(&c->m->pool, "%s%s%s", all, i ? ", " : "", words[i]);
    wrong(c, node, "word", ad__take_format(&c->m->pool, "unknown %s '%%s'", what),
          node->kind == AD_NODE_SCALAR ? node->text : "");
    ad_report_hint(c->d, near ? "did you mean '%s'?" : "one of %s", near ? near : all);
    return 0;
}

static void dims(ctx *c, ad__input *in, const ad_node *shape)
{
    if (!shape || shape->kind != AD_NODE_LIST || shape->n > AD_MAX_RANK) {
        wrong(c, shape ? shape : in->key, "shape", "input '%s' needs a shape, such as [B, height, width, 1]", in->name);
        return;
    }
    in->dims = ad__take(&c->m->pool, (size_t)shape->n * sizeof *in->dims);
    in->n_dims = shape->n;
    c->parse.in_flow = shape->flow;
    for (int i = 0; i < shape->n; i++) {
        bool batch = shape->items[i]->kind == AD_NODE_SCALAR && strcmp(shape->items[i]->text, "B") == 0;
        if (batch && i > 0) wrong(c, shape->items[i], "shape", "%s, the batch, is the first axis", "B");
        if (!batch) in->dims[i] = ad__parse_expr(&c->parse, shape->items[i]);
    }
    c->parse.in_flow = false;
}

static void inputs(ctx *c, const ad_node *key, const ad_node *node)
{
    static const char *const keys[] = { "shape", "role", "kind", "optional", "doc" }, *const roles[] = { "data", "target",
                                                                                                         "mask" };
    static const char *const kinds[] = { "image", "onehot", "labels", "scaled", "mask" };
    if (!named_map(c, key, node, true)) return;
    for (int i = 0; i < node->n; i++) {
        const ad_node *v = node->items[i], *optional = NULL;
        ad_node_known_keys(c->doc, v, c->d, "an input", 5, keys);
        ad__input *in = ADD(c->m->inputs, c->m->n_inputs);
        *in = (ad__input){ .name = node->keys[i]->text, .in = c->doc, .key = node->keys[i] };
        int role = word(c, ad_node_find(v, "role"), "role", 3, roles);
        const ad_node *kind = ad_node_find(v, "kind");
        in->info = (ad_model_input){ .name = in->name, .target = role == 1, .line = node->keys[i]->line };
        in->info.kind = kind ? (ad_input_kind)word(c, kind, "kind", 5, kinds) : role == 2 ? AD_INPUT_MASK : AD_INPUT_IMAGE;
        if ((optional = ad_node_find(v, "optional"))) ad_node_bool(c->doc, optional, c->d, &in->optional);
        dims(c, in, ad_node_find(v, "shape"));
    }
}

/* ---- blocks, nets, programs ---- */

static void one_block(ctx *c, const ad_node *key, const ad_node *node, ad__block_def *b)
{
    *b = (ad__block_def){ .in = c->doc, .key = key };
    b->broken = !ad__parse_signature(&c->parse, key, &b->name, &b->n_formals, &b->formals);
    if (!b->name) b->name = key->text;
    ad__parse_body(&c->parse, node, b->name, &b->body);
}

static void blocks(ctx *c, const ad_node *key, const ad_node *node)
{
    if (!named_map(c, key, node, false)) return;
    for (int i = 0; i < node->n; i++) {
        ad__block_def b;
        one_block(c, node->keys[i], node->items[i], &b);
        const ad__block_def *old = ad__find_block(c->m, b.name);
        if (old) {
            wrong(c, node->keys[i], "defined-twice", "block '%s' is defined twice", b.name);
            ad_report_hint(c->d, "first at line %d", old->key->line);
            continue;
        }
        *ADD(c->m->blocks, c->m->n_blocks) = b;
    }
}

static void nets(ctx *c, const ad_node *key, const ad_node *node)
{
    if (!named_map(c, key, node, true)) return;
    for (int i = 0; i < node->n; i++)
        *ADD(c->m->nets,
             c->m->n_nets) = (ad__net){ .name = node->keys[i]->text, .in = c->doc, .key = node->keys[i], .node = node->items[i] };
}

static void programs(ctx *c, const ad_node *key, const ad_node *node)
{
    static const char *const keys[] = { "mode", "doc", "do" }, *const modes[] = { "eval", "train" };
    if (!named_map(c, key, node, true)) return;
    for (int i = 0; i < node->n; i++) {
        const ad_node *v = node->items[i];
        ad__prog *p = ADD(c->m->progs, c->m->n_progs);
        *p = (ad__prog){ .name = node->keys[i]->text, .in = c->doc, .key = node->keys[i] };
        p->info = (ad_model_program){ .name = p->name, .line = node->keys[i]->line };
        if (v->kind == AD_NODE_MAP && ad_node_known_keys(c->doc, v, c->d, "a program", 3, keys)) {
            const ad_node *mode = ad_node_find(v, "mode");
            if (mode) p->mode = word(c, mode, "mode", 2, modes) ? AD_MODE_TRAIN : AD_MODE_EVAL;
            v = ad_node_find(v, "do");
            if (!v) {
                wrong(c, node->keys[i], "missing-key", "program '%s' without 'do'", p->name);
                continue;
            }
        } else if (v->kind == AD_NODE_MAP) {
            continue;
        }
        ad__parse_body(&c->parse, v, p->name, &p->body);
    }
}

/* ---- patterns ---- */

static void rules(ctx *c, const ad_node *key, const ad_node *node, ad__rules *to)
{
    if (!named_map(c, key, node, false)) return;
    for (int i = 0; i < node->n; i++)
        *ADD(to->list,
             to->n) = (ad__rule){ .pattern = node->keys[i]->text, .in = c->doc, .key = node->keys[i], .node = node->items[i] };
}

static void init(ctx *c, const ad_node *key, const ad_node *node)
{
    int from = c->m->init.n;
    rules(c, key, node, &c->m->init);
    for (int i = from; i < c->m->init.n; i++) {
        ad__rule *r = &c->m->init.list[i];
        if (ad_node_text(c->doc, r->node, c->d, &r->text)) r->expr = ad__parse_expr(&c->parse, r->node);
    }
}

static void groups(ctx *c, const ad_node *key, const ad_node *node)
{
    static const char *const keys[] = { "rate", "decay" };
    int from = c->m->groups.n;
    rules(c, key, node, &c->m->groups);
    for (int i = from; i < c->m->groups.n; i++) {
        ad__rule *r = &c->m->groups.list[i];
        r->group = (ad_model_group){ 1, 1 };
        if (!ad_node_known_keys(c->doc, r->node, c->d, "a group", 2, keys)) continue;
        const ad_node *rate = ad_node_find(r->node, "rate"), *decay = ad_node_find(r->node, "decay");
        if (rate) ad_node_float(c->doc, rate, c->d, &r->group.rate);
        if (decay) ad_node_float(c->doc, decay, c->d, &r->group.decay);
    }
}

static void dead_ok(ctx *c, const ad_node *key, const ad_node *node)
{
    int from = c->m->dead_ok.n;
    rules(c, key, node, &c->m->dead_ok);
    for (int i = from; i < c->m->dead_ok.n; i++) {
        ad__rule *r = &c->m->dead_ok.list[i];
        if (ad_node_text(c->doc, r->node, c->d, &r->text) && !*r->text)
            wrong(c, r->key, "type", "'%s' needs a reason", r->pattern);
    }
}

static void objective(ctx *c, const ad_node *key, const ad_node *node)
{
    if (!named_map(c, key, node, false)) return;
    c->m->objective.in = c->doc;
    c->m->objective.node = c->m->objective_root = node;
}

static void profiles(ctx *c, const ad_node *key, const ad_node *node)
{
    if (!named_map(c, key, node, true)) return;
    c->m->profiles = node;
    c->m->profiles_in = c->doc;
}

static void expect(ctx *c, const ad_node *key, const ad_node *node)
{
    if (node->kind != AD_NODE_LIST && node->kind != AD_NODE_MAP)
        wrong(c, key, "type", "'%s' must be a mapping or a list of them", key->text);
    c->m->expect = node;
    c->m->expect_in = c->doc;
}

static void map(ctx *c, const ad_node *key, const ad_node *node)
{
    named_map(c, key, node, true);
}

/* ---- extends ---- */

static void passed_over(ctx *c, const ad_node *key, const ad_node *node)
{
    (void)c;
    (void)key;
    (void)node;
}

static bool same_signature(const ad__block_def *a, const ad__block_def *b)
{
    bool same = a->n_formals == b->n_formals;
    for (int i = 0; same && i < a->n_formals; i++)
        same = strcmp(a->formals[i].name, b->formals[i].name) == 0 && !a->formals[i].standard == !b->formals[i].standard;
    return same;
}

static void replace(ctx *c, const ad_node *key, const ad_node *node)
{
    if (!named_map(c, key, node, false)) return;
    for (int i = 0; i < node->n; i++) {
        ad__block_def b;
        const char *names[256];
        int n = 0;
        one_block(c, node->keys[i], node->items[i], &b);
        ad__block_def *old = (ad__block_def *)ad__find_block(c->m, b.name);
        for (; n < c->m->n_blocks && n < 256; n++) names[n] = c->m->blocks[n].name;
        if (!old) {
            const char *near = ad_nearest(b.name, n, names);
            wrong(c, node->keys[i], "unknown-block", "there is no block '%s' to replace", b.name);
            if (near) ad_report_hint(c->d, "did you mean '%s'?", near);
        } else if (!same_signature(old, &b)) {
            wrong(c, node->keys[i], "signature", "block '%s' must keep its signature", b.name);
            ad_report_hint(c->d, "%s: %s", ad_document_file(old->in), old->key->text);
        } else {
            *old = b;
        }
    }
}

static const struct section {
    const char *key;
    void (*read)(ctx *c, const ad_node *key, const ad_node *node);
    bool extending;              /* may stand in a file that extends another */
} sections[] = {
    { "adze", check_version, true },
    { "model", name, true },
    { "doc", doc_text, true },
    { "params", params, false },
    { "let", let, false },
    { "check", checks, true },
    { "inputs", inputs, false },
    { "blocks", blocks, false },
    { "nets", nets, false },
    { "programs", programs, false },
    { "objective", objective, false },
    { "init", init, true },
    { "groups", groups, true },
    { "dead_ok", dead_ok, true },
    { "profiles", profiles, true },
    { "expect", expect, true },
    { "map", map, true },
    { "extends", passed_over, true },
    { "set", passed_over, true },
    { "replace", replace, true },
};
enum { N_SECTIONS = sizeof sections / sizeof *sections };

static const struct section *find_section(const char *key)
{
    for (int i = 0; i < N_SECTIONS; i++)
        if (strcmp(sections[i].key, key) == 0) return &sections[i];
    return NULL;
}

static void missing(ctx *c, const ad_node *root, const char *key)
{
    if (ad_node_find(root, key)) return;
    ad_span s = ad__document_span_at(c->doc, 1, 1, 1);
    ad_report(c->d, AD_SEVERITY_ERROR, ad__take_format(&c->m->pool, "missing-%s", key), &s, "the file has no '%s:'", key);
    if (strcmp(key, "adze") == 0) ad_report_hint(c->d, "begin with 'adze: 1'");
}

void ad__read_model(ad_model *m, ad_document *doc, ad_diagnostics *d)
{
    ctx c = { m, doc, d, { &m->pool, d, doc, false } };
    const ad_node *root = ad_document_root(doc);
    const char *keys[N_SECTIONS];
    bool extends = ad_node_find(root, "extends") != NULL;
    for (int i = 0; i < N_SECTIONS; i++) keys[i] = sections[i].key;
    if (root->kind != AD_NODE_MAP) {
        wrong(&c, root, "type", "%s must be a mapping", "a model file");
        return;
    }
    ad_node_known_keys(doc, root, d, "", N_SECTIONS, keys);
    missing(&c, root, "adze");
    missing(&c, root, "model");
    if (!extends) missing(&c, root, "programs");
    for (int i = 0; i < root->n; i++) {
        const struct section *s = find_section(root->keys[i]->text);
        if (!s) continue;
        if ((extends && !s->extending) || (!extends && (strcmp(s->key, "set") == 0 || strcmp(s->key, "replace") == 0))) {
            wrong(&c, root->keys[i], "extends",
                  extends ? "'%s' cannot stand in a file that extends another" : "'%s' needs 'extends'", s->key);
            if (extends) ad_report_hint(d, "it may set parameters and replace blocks");
            continue;
        }
        s->read(&c, root->keys[i], root->items[i]);
    }
}

/* ---- finding ---- */

const ad__block_def *ad__find_block(const ad_model *m, const char *name)
{
    for (int i = 0; i < m->n_blocks; i++)
        if (strcmp(m->blocks[i].name, name) == 0) return &m->blocks[i];
    return NULL;
}

const ad__net *ad__find_net(const ad_model *m, const char *name)
{
    for (int i = 0; i < m->n_nets; i++)
        if (strcmp(m->nets[i].name, name) == 0) return &m->nets[i];
    return NULL;
}

ad__prog *ad__find_program(const ad_model *m, const char *name)
{
    for (int i = 0; i < m->n_progs; i++)
        if (strcmp(m->progs[i].name, name) == 0) return &m->progs[i];
    return NULL;
}

ad__weight *ad__find_weight(const ad_model *m, const char *path)
{
    for (int i = 0; i < m->n_weights; i++)
        if (strcmp(m->weights[i].path, path) == 0) return &m->weights[i];
    return NULL;
}

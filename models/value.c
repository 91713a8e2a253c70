/* value.c - values of the language: making them, and saying what they are. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "models/elaborate.h"

const ad__val ad__poison = { .kind = V_POISON };

static ad__val *val_new(ad__elab *x, ad__val_kind kind)
{
    ad__val *v = ad__take(x->pool, sizeof *v);
    v->kind = kind;
    return v;
}

const ad__val *ad__int(ad__elab *x, int64_t i)
{
    ad__val *v = val_new(x, V_INT);
    v->i = i;
    return v;
}

const ad__val *ad__float(ad__elab *x, double f)
{
    ad__val *v = val_new(x, V_FLOAT);
    v->f = f;
    return v;
}

const ad__val *ad__bool(ad__elab *x, bool b)
{
    ad__val *v = val_new(x, V_BOOL);
    v->i = b;
    return v;
}

const ad__val *ad__text(ad__elab *x, const char *text)
{
    ad__val *v = val_new(x, V_TEXT);
    v->text = ad__take_text(x->pool, text);
    return v;
}

const ad__val *ad__list(ad__elab *x, int n, const ad__val *const *items)
{
    ad__val *v = val_new(x, V_LIST);
    v->n = n;
    v->items = items;
    return v;
}

const ad__val *ad__tensor(ad__elab *x, ad_tensor *t)
{
    if (!t) return &ad__poison;
    ad__val *v = val_new(x, V_TENSOR);
    v->tensor = t;
    return v;
}

int ad__length(const ad__val *v)
{
    return v->kind == V_INDEXED ? v->indexed->n : v->n;
}

const ad__val *ad__item(const ad__val *v, int k)
{
    return v->kind == V_INDEXED ? v->indexed->list[k].value : v->items[k];
}

ad_tensor *ad__tensor_of(const ad__val *v)
{
    return v->kind == V_TENSOR ? v->tensor : v->kind == V_SITE ? v->site->value : NULL;
}

bool ad__number(const ad__val *v, double *out)
{
    if (v->kind != V_INT && v->kind != V_FLOAT && v->kind != V_BOOL) return false;
    *out = v->kind == V_FLOAT ? v->f : (double)v->i;
    return true;
}

bool ad__equal(const ad__val *a, const ad__val *b)
{
    double p, q;
    if (a->kind == V_BOOL || b->kind == V_BOOL) return a->kind == b->kind && a->i == b->i;
    if (a->kind == V_INT && b->kind == V_INT) return a->i == b->i;
    if (ad__number(a, &p) && ad__number(b, &q)) return p == q;
    if (a->kind != b->kind) return false;
    if (a->kind == V_TEXT) return strcmp(a->text, b->text) == 0;
    if (a->kind != V_LIST || a->n != b->n) return false;
    for (int i = 0; i < a->n; i++)
        if (!ad__equal(a->items[i], b->items[i])) return false;
    return true;
}

int ad__axis_named(int rank, char letter)
{
    static const char *const letters[] = { "", "C", "BC", "BLC", "BHWC", "BDHWC" };
    const char *at = rank <= 5 && letter ? strchr(letters[rank], letter) : NULL;
    return at ? (int)(at - letters[rank]) : -1;
}

const char *ad__shape(ad__elab *x, const ad_shape *s)
{
    char text[AD_SHAPE_TEXT];
    return ad__with_b(x, ad_shape_text(s, text));
}

/* "[1009,4]" is [B,4], "[64576,49]" is [64B,49]: only the first size of a shape holds the batch. */
const char *ad__with_b(ad__elab *x, const char *message)
{
    char out[1024];
    size_t n = 0;
    if (!x->declare) return ad__take_text(x->pool, message);
    for (const char *s = message; *s && n < sizeof out - 32;) {
        char *end;
        out[n++] = *s++;
        if (s[-1] != '[' || *s < '0' || *s > '9') continue;
        int64_t size = strtoll(s, &end, 10);
        if (size == 0 || size % x->batch || (*end != ',' && *end != ']')) continue;
        n += (size_t)(size == x->batch ? snprintf(out + n, 32, "B") : snprintf(out + n, 32, "%" PRId64 "B", size / x->batch));
        s = end;
    }
    return ad__take_span(x->pool, out, n);
}

const char *ad__describe(ad__elab *x, const ad__val *v)
{
    switch (v->kind) {
    case V_POISON: return "nothing";
    case V_BOOL: return v->i ? "the bool true" : "the bool false";
    case V_INT: return ad__take_format(x->pool, "the int %" PRId64, v->i);
    case V_FLOAT: return ad__take_format(x->pool, "the float %s", ad__val_text(x->pool, v));
    case V_TEXT: return ad__take_format(x->pool, "the text \"%s\"", v->text);
    case V_LIST: return ad__take_format(x->pool, "a list of %d", v->n);
    case V_RECORD: return "what a block returns, with several names";
    case V_TENSOR: return ad__take_format(x->pool, "a tensor %s", ad__shape(x, ad_tensor_shape(v->tensor)));
    case V_SITE: return ad__take_format(x->pool, "a site %s", ad__shape(x, ad_tensor_shape(v->site->value)));
    case V_INDEXED:
        return ad__take_format(x->pool, "an indexed name with %d element%s", v->indexed->n, v->indexed->n == 1 ? "" : "s");
    }
    return "";
}

const char *ad__val_text(ad__pool *pool, const ad__val *v)
{
    if (v->kind == V_BOOL) return v->i ? "true" : "false";
    if (v->kind == V_INT) return ad__take_format(pool, "%" PRId64, v->i);
    if (v->kind == V_FLOAT) {
        char text[40];
        double back;
        for (int digits = 6; digits <= 17; digits++) {
            snprintf(text, sizeof text, "%.*g", digits, v->f);
            for (char *c = text; *c; c++)
                if (*c == ',') *c = '.';
            if (ad__parse_double(text, &back) && back == v->f) break;
        }
        return ad__take_format(pool, strpbrk(text, ".en") ? "%s" : "%s.0", text);
    }
    if (v->kind == V_TEXT) return v->text;
    if (v->kind != V_LIST) return "?";
    const char *all = "[";
    for (int i = 0; i < v->n; i++) all = ad__take_format(pool, "%s%s%s", all, i ? ", " : "", ad__val_text(pool, v->items[i]));
    return ad__take_format(pool, "%s]", all);
}

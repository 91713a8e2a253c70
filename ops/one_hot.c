/*
 * one_hot - labels [..] to [.., classes]: 1 at the label, 0 elsewhere. Labels that are ignored give zeros only: what is summed over
 * the classes counts the others. Labels are whole numbers, so the gradient ends here.
 */
#include "ops/elementwise.h"

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_one_hot_attr *a = attr;
    if (in[0].rank == AD_MAX_RANK)
        return AD_FAIL(e, ESHAPE, "one_hot: labels of rank %d; need at most %d", in[0].rank, AD_MAX_RANK - 1);
    *out = in[0];
    out->dtype = AD_REAL;
    out->dim[out->rank++] = a->classes;
    return AD_OK;
}

static bool ignored(const ad_one_hot_attr *a, int32_t label)
{
    for (int i = 0; i < a->ignore.n; i++)
        if (a->ignore.v[i] == label) return true;
    return false;
}

static ad_status forward(const ad_call *c)
{
    const ad_one_hot_attr *a = c->attr;
    const int32_t *label = c->in[0].data;
    int64_t n = ad_count(&c->in[0].shape);
    ad__element(c)->fill(n * a->classes, 0, c->out->data);
    for (int64_t i = 0; i < n; i++) {
        if (ignored(a, label[i])) continue;
        if (label[i] < 0 || label[i] >= a->classes)
            return AD_FAIL(c->error, EDATA, "one_hot: label %d at element %lld; need 0 to %lld", label[i], (long long)i,
                           (long long)a->classes - 1);
        if (c->precision == AD_F64) ((double *)c->out->data)[i * a->classes + label[i]] = 1;
        else ((float *)c->out->data)[i * a->classes + label[i]] = 1;
    }
    return AD_OK;
}

static const ad_operand operands[] = { { .name = "labels", .integer = true }, { 0 } };

static const ad_attr attrs[] = {
    { "classes", AD_ATTR_INT, offsetof(ad_one_hot_attr, classes), .lo = 1, .hi = 1e6, .required = true,
      .doc = "number of classes" },
    { "ignore", AD_ATTR_INTS, offsetof(ad_one_hot_attr, ignore), .lo = INT32_MIN, .hi = INT32_MAX, .empty = true,
      .doc = "labels that give zeros only" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "map", .n_in = 1, .in = { { 3, { 2, 3, 4 }, AD_I32 } }, .attr_text = "classes=4", .range = { { 0, 3 } } },
    { .name = "ignored", .n_in = 1, .in = { { 2, { 3, 5 }, AD_I32 } }, .attr_text = "classes=3, ignore=[1,3]", .range = { { 0, 3 } } },
    { .name = "no classes", .n_in = 1, .in = { { 1, { 3 }, AD_I32 } }, .attr_text = "classes=0", .want = AD_EATTR },
    { .name = "real labels", .n_in = 1, .in = { { 1, { 3 } } }, .attr_text = "classes=2", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_one_hot = {
    .name = "one_hot", .doc = "labels to a new last axis with a 1 at the label", .flags = AD_STOPS_GRADIENT, .operands = operands,
    .attr_size = sizeof(ad_one_hot_attr), .attrs = attrs, .shape = shape, .forward = forward, .samples = samples,
};

ad_tensor *ad_one_hot(ad_tape *t, ad_tensor *labels, int64_t classes)
{
    return ad_record_one(t, &ad_op_one_hot, &(const ad_one_hot_attr){ .classes = classes }, 1, &labels);
}

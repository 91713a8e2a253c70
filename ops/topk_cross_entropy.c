/*
 * topk_cross_entropy - cross-entropy over a part of the pixels: the floor(frac * P) hardest of the whole batch, or as many
 * drawn without replacement in proportion to their loss.
 *
 *   xe = softmax cross-entropy of each pixel; score = ln xe (+ a Gumbel number -ln(-ln u) for the sampler "gumbel"), pixels
 *   that the mask excludes last; the k largest scores are kept, and no gradient goes through the choice. rec = sum of the kept
 *   xe / B, kept = number of kept pixels / B, chosen = 1 at the kept pixels. `noise` replaces the uniforms u. Composite.
 */
#include <math.h>

#include "ops/loss.h"

#define TINY 1e-20          /* keeps both logarithms of the Gumbel number finite, as published */
#define LEAST 1e-30         /* a loss of exactly 0 has the score of this one */
#define EXCLUDED -1e30

enum { LARGEST, GUMBEL };

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const ad_topk_attr *a = attr;
    ad_shape pixels = in[0];
    if (in[0].rank < 2 || !ad_shape_equal(&in[0], &in[1])) {
        char text[2][AD_SHAPE_TEXT];
        return AD_FAIL(e, ESHAPE, "topk_cross_entropy: logits %s, target %s; need both [B,..,C]", ad_shape_text(&in[0], text[0]),
                       ad_shape_text(&in[1], text[1]));
    }
    pixels.rank--;
    out[2] = pixels;
    for (int i = 2; i < n_in; i++)
        if (in[i].rank >= 0 && !ad_shape_equal(&in[i], &pixels)) {
            char text[2][AD_SHAPE_TEXT];
            return AD_FAIL(e, ESHAPE, "topk_cross_entropy: %s is %s; need %s", i == 2 ? "mask" : "noise",
                           ad_shape_text(&in[i], text[0]),
                           ad_shape_text(&pixels, text[1]));
        }
    return ad__over(e, "topk_cross_entropy", a->over, &in[0], "B");
}

static ad_tensor *gumbel(ad_tape *t, ad_tensor *u)
{
    ad_tensor *inner = ad_shift(t, ad_neg(t, ad_log(t, ad_shift(t, u, TINY))), TINY);
    return ad_neg(t, ad_log(t, inner));
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    const ad_topk_attr *a = attr;
    ad_tensor *mask = n_in > 2 ? in[2] : NULL, *noise = n_in > 3 ? in[3] : NULL;
    ad_tensor *loss = ad_softmax_cross_entropy(t, in[0], in[1]);
    if (!loss) return;
    const ad_shape *pixels = ad_tensor_shape(loss);
    ad_tensor *score = ad_log(t, ad_maximum(t, ad_stop_gradient(t, loss), ad_scalar(t, LEAST)));
    if (a->sampler == GUMBEL) score = ad_add(t, score, gumbel(t, noise ? noise : ad_draw_uniform(t, pixels)));
    if (mask) score = ad_where(t, mask, score, ad_scalar(t, EXCLUDED));
    ad_tensor *keep = ad_topk_mask(t, score, (int64_t)floor(a->frac * (double)ad_count(pixels)));
    if (mask) keep = ad_mul(t, keep, mask);
    double items = (double)pixels->dim[0];
    out[0] = ad_scale(t, ad_sum(t, ad_mul(t, loss, keep), NULL, false), 1 / items);
    out[1] = ad_scale(t, ad_sum(t, keep, NULL, false), 1 / items);
    out[2] = keep;
}

static const ad_operand operands[] = {
    { .name = "logits", .doc = "[B,..,C]" }, { .name = "target", .doc = "[B,..,C]" },
    { .name = "mask", .doc = "[B,..]: pixels with 0 never count", .optional = true },
    { .name = "noise", .doc = "[B,..]: uniforms in (0,1) instead of drawn ones", .optional = true }, { 0 }
};

static const char *const samplers[] = { "topk", "gumbel", NULL };
static const char *const outputs[] = { "rec", "kept", "chosen" };

static const ad_attr attrs[] = {
    { "frac", AD_ATTR_FLOAT, offsetof(ad_topk_attr, frac), .lo = 0, .hi = 1, .required = true,
      .doc = "part of the pixels that is kept" },
    { "sampler", AD_ATTR_ENUM, offsetof(ad_topk_attr, sampler), .words = samplers, .required = true,
      .doc = "the largest, or drawn in proportion" },
    { "over", AD_ATTR_TEXT, offsetof(ad_topk_attr, over), .required = true, .doc = "axes among which pixels are chosen: \"BHW\"" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "largest", .n_in = 2, .in = { { 4, { 2, 2, 3, 3 } }, { 4, { 2, 2, 3, 3 } } },
      .attr_text = "frac=0.4, sampler=topk, over=BHW",
      .range = { { 0 }, { 0.1, 1 } } },
    { .name = "drawn", .n_in = 2, .in = { { 4, { 2, 2, 3, 3 } }, { 4, { 2, 2, 3, 3 } } },
      .attr_text = "frac=0.4, sampler=gumbel, over=BHW",
      .range = { { 0 }, { 0.1, 1 } } },
    { .name = "mask and noise", .n_in = 4, .in = { { 3, { 2, 5, 2 } }, { 3, { 2, 5, 2 } }, { 2, { 2, 5 } }, { 2, { 2, 5 } } },
      .attr_text = "frac=0.5, sampler=gumbel, over=BL", .range = { { 0 }, { 0.1, 1 }, { 0.5, 1 }, { 0.1, 0.9 } },
      .no_gradient = 8 },
    { .name = "all", .n_in = 2, .in = { { 3, { 2, 5, 2 } }, { 3, { 2, 5, 2 } } }, .attr_text = "frac=1, sampler=topk, over=BL",
      .range = { { 0 }, { 0.1, 1 } } },
    { .name = "batch left out", .n_in = 2, .in = { { 3, { 2, 5, 2 } }, { 3, { 2, 5, 2 } } },
      .attr_text = "frac=1, sampler=topk, over=L",
      .want = AD_EATTR },
    { .name = "more than all", .n_in = 2, .in = { { 3, { 2, 5, 2 } }, { 3, { 2, 5, 2 } } },
      .attr_text = "frac=2, sampler=topk, over=BL",
      .want = AD_EATTR },
    { .name = "mask of another shape", .n_in = 3, .in = { { 3, { 2, 5, 2 } }, { 3, { 2, 5, 2 } }, { 2, { 2, 4 } } },
      .attr_text = "frac=1, sampler=topk, over=BL", .want = AD_ESHAPE },
    { 0 }
};

const ad_op ad_op_topk_cross_entropy = {
    .name = "topk_cross_entropy", .doc = "cross-entropy of the hardest pixels; also their number and places", .operands = operands,
    .n_out = 3, .outputs = outputs,
    .attr_size = sizeof(ad_topk_attr), .attrs = attrs, .shape = shape, .expand = expand, .samples = samples,
};

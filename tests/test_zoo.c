/*
 * test_zoo.c - every model of the zoo opens in every profile without a warning, has the counts it is published with, and its tiny
 * profile is small enough for a laptop; the settings that no golden case reaches can at least be opened and recorded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "models/models.h"
#include "ops/ops.h"

#define MOST_MACS 0.2e9          /* an image, in the tiny profile */

/* What is published must not even be warned about; a reading that is not the default may. */
static ad_model *opened(ad_ctx *ctx, const char *name, const char *profile, int n_set, const char *const *set, bool warnings)
{
    char ref[80];
    ad_model *m = NULL;
    ad_diagnostics *d = ad_diagnostics_new();
    snprintf(ref, sizeof ref, "zoo:%s", name);
    ad_status status = ad_model_open(ctx, ref, &(ad_model_options){ .profile = profile, .n_set = n_set, .set = set }, d, &m);
    if (status != AD_OK || (ad_diagnostics_count(d) && !warnings)) {
        char *text = ad_diagnostics_text(d, false);
        print_error("%s %s%s%s: %s\n%s\n", ref, profile ? profile : "", n_set ? " " : "", n_set ? set[0] : "", ad_ctx_message(ctx), text ? text : "");
        free(text);
    }
    assert_int_equal(status, AD_OK);
    assert_true(warnings || ad_diagnostics_count(d) == 0);
    ad_diagnostics_free(d);
    return m;
}

static double macs(const ad_model *m)
{
    ad_model_program p;
    for (int i = 0; ad_model_program_at(m, i, &p); i++)
        if (!strcmp(p.name, "sample") || !strcmp(p.name, "predict"))
            return p.macs;
    fail_msg("%s has no program 'sample' or 'predict'", ad_model_name(m));
    return 0;
}

static void every_profile_opens(void **state)
{
    ad_ctx *ctx = ad_new(NULL);
    char name[64];
    int n = 0;
    for (int i = 0; ad_zoo_at(NULL, i, name); i++, n++) {
        ad_model *m = opened(ctx, name, NULL, 0, NULL, false);
        for (int k = 0; ad_model_profile(m, k); k++) {
            ad_model *profile = opened(ctx, name, ad_model_profile(m, k), 0, NULL, false);
            if (!strcmp(ad_model_profile(m, k), "tiny") && macs(profile) > MOST_MACS)
                fail_msg("zoo:%s tiny takes %.3g multiply-accumulates an image, at most %.3g are allowed", name, macs(profile), MOST_MACS);
            ad_model_free(profile);
        }
        ad_model_free(m);
    }
    assert_true(n >= 6);
    ad_ctx_free(ctx);
}

static const struct {
    const char *name, *profile, *set;
    int64_t trainable;
} published[] = {
    { "phiseg", NULL, NULL, 17819186 },
    { "phiseg", NULL, "L=1", 8786314 },
    { "hpu_net", NULL, NULL, 21877230 },
    { "prob_unet", NULL, NULL, 4996233 },
    { "prob_unet", NULL, "zdim=6", 4999449 },
    { "prob_unet", "kohl", NULL, 17945946 },
    { "prob_unet", "kohl", "channels=[32, 64, 128, 192]", 4999770 },
    { "prob_unet", "phiseg_repo", NULL, 19037626 },
    { "swin_unet", NULL, NULL, 27168900 },
    { "swin_unet", NULL, "depths=[2, 2, 2, 1]", 20076972 },
    { "vae_unet", NULL, NULL, 20080532 },
    { "vae_unet", NULL, "classes=2", 20079860 },
    { "unet", NULL, NULL, 34526409 },
    { "vae_unet_conv", NULL, NULL, 31047114 },
    { "vae_unet_conv", NULL, "label_heads=own", 31049042 },
};

static void published_counts(void **state)
{
    ad_ctx *ctx = ad_new(NULL);
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        ad_model *m = opened(ctx, published[i].name, published[i].profile, published[i].set != NULL, &published[i].set, false);
        ad_model_counts counts;
        ad_model_count(m, &counts);
        assert_int_equal(counts.trainable, published[i].trainable);
        ad_model_free(m);
    }
    ad_ctx_free(ctx);
}

/* The readings of the VAE U-net that are not the default, and objectives and samplers that no case has. */
static const struct {
    const char *name, *set;
} readings[] = {
    { "vae_unet", "bottleneck_latent=false" }, { "vae_unet", "label_heads=own" },       { "vae_unet", "label_encoder=own" },
    { "vae_unet", "label_input=onehot" },      { "vae_unet", "direction=label_image" }, { "vae_unet", "spread=log_sigma" },
    { "vae_unet", "spread=softplus" },         { "vae_unet", "kl_pixels=sum" },         { "vae_unet", "chained=true" },
    { "vae_unet", "work=32" },                 { "vae_unet", "latents=1" },             { "vae_unet", "zdim=2" },
    { "vae_unet_conv", "label_encoder=own" },  { "hpu_net", "loss_kind=geco" },         { "hpu_net", "masked=true" },
    { "phiseg", "L=1" },                       { "phiseg", "L=5" },                     { "prob_unet", "penalty=half_square" },
};

static void every_reading_records(void **state)
{
    ad_ctx *ctx = ad_new(NULL);
    for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
        ad_model *m = opened(ctx, readings[i].name, "tiny", 1, &readings[i].set, true);
        ad_params *params = NULL;
        ad_recorded *r = NULL;
        ad_tape *t = ad_tape_new(ctx, AD_F32);
        assert_int_equal(ad_model_params(m, AD_F32, &params), AD_OK);
        assert_int_equal(ad_model_record(m, "train", t, params, &(ad_record_options){ .batch = 2 }, &r), AD_OK);
        assert_non_null(ad_recorded_loss(r));
        ad_recorded_free(r);
        ad_tape_free(t);
        ad_params_free(params);
        ad_model_free(m);
    }
    ad_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_profile_opens),
        cmocka_unit_test(published_counts),
        cmocka_unit_test(every_reading_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

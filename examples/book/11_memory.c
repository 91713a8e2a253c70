/*
 * 11_memory - what a training step keeps, for how long, and what it may make again.
 *
 * First the life of every value of a small net's step, as a chart: forward values live until the walk back has read them. Then
 * the arena of a net of 8 convolutions with batch norm under plans that do more and more, the last two within a budget, and the
 * gradients, which no plan changes.
 */
#include <adze/adze.h>
#include <stdio.h>
#include <string.h>

static void chart(ad_ctx *ctx)
{
    enum { LAYERS = 3 };
    const ad_shape rows = { 2, { 8, 8 } };
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_tensor *x = ad_input(t, "x", &rows), *w[LAYERS], *g[LAYERS], *h = x;
    ad_program *p;
    ad_step_info step;
    for (int i = 0; i < LAYERS; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        w[i] = ad_input(t, name, &rows);
        h = ad_tanh(t, ad_mul(t, h, w[i]));
    }
    if (ad_gradients(t, ad_sum(t, h, NULL, false), LAYERS, w, g) != AD_OK) return;
    if (ad_compile(t, LAYERS, g, &(ad_plan_options){ .no_chains = true, .no_recompute = true }, &p) != AD_OK) return;
    for (int i = 0; ad_program_step(p, i, &step); i++) {
        printf("%2d %-13s", i, step.op);
        for (int k = 0; k < ad_program_records(p); k++) printf("%c", k < step.first || k > step.last ? '.' : k == i ? 'o' : '=');
        printf("\n");
    }
    ad_program_free(p);
    ad_tape_free(t);
}

/* h = relu(batch_norm(conv(h))), eight times, on 4 images of 32 x 32 x 16; the gradient by every weight. */
enum { DEPTH = 8, WEIGHTS = DEPTH, C = 16 };

static int arena(ad_ctx *ctx, const char *name, const ad_plan_options *options, char hex[65])
{
    const ad_shape image = { 4, { 4, 32, 32, C } }, kernel = { 4, { 3, 3, C, C } }, channels = { 1, { C } };
    ad_tape *t = ad_tape_new(ctx, AD_F32);
    ad_tensor *h = ad_input(t, "x", &image), *x = h, *w[WEIGHTS], *g[WEIGHTS], *ones = ad_fill(t, &channels, 1), *zeros = ad_fill(t, &channels, 0);
    ad_program *p;
    for (int i = 0; i < DEPTH; i++) {
        char path[16];
        snprintf(path, sizeof path, "w%d", i);
        w[i] = ad_input(t, path, &kernel);
        ad_tensor *y = ad_conv(t, h, w[i], NULL, NULL);
        h = ad_relu(t, ad_batch_norm(t, y, ones, zeros, zeros, ones, &(ad_batch_norm_attr){ .eps = 1e-3, .decay = 0.9, .training = true }));
    }
    if (ad_gradients(t, ad_mean(t, ad_square(t, h), NULL, false), WEIGHTS, w, g) != AD_OK) return 1;
    if (ad_compile(t, WEIGHTS, g, options, &p) != AD_OK) return 1;
    float *in = ad_program_data(p, x);
    for (int64_t i = 0; i < ad_count(&image); i++) in[i] = (float)ad_normal(1, 0, 0, (uint64_t)i);
    for (int k = 0; k < WEIGHTS; k++) {
        float *v = ad_program_data(p, w[k]);
        for (int64_t i = 0; i < ad_count(&kernel); i++) v[i] = (float)(0.1 * ad_normal(2, 0, (uint32_t)k, (uint64_t)i));
    }
    if (ad_run(p, NULL) != AD_OK) return 1;
    ad_sha256 s;
    char first[65];
    memcpy(first, hex, 65);
    ad_sha256_init(&s);
    for (int k = 0; k < WEIGHTS; k++) ad_sha256_add(&s, ad_program_data(p, g[k]), (size_t)ad_count(&kernel) * sizeof(float));
    ad_sha256_end(&s, hex);
    printf("%-36s %5.1f MiB, %3.0f M multiplications, %s\n", name, (double)ad_program_arena(p) / (1 << 20),
           ad_program_macs(p) / 1e6, !*first ? "gradients:" : strcmp(first, hex) == 0 ? "the same bits" : "other bits");
    ad_program_free(p);
    ad_tape_free(t);
    return 0;
}

int main(void)
{
    static const struct { const char *name; ad_plan_options options; } plans[] = {
        { "a buffer for every value", { .no_reuse = true, .no_recompute = true, .no_chains = true } },
        { "buffers used again", { .no_recompute = true, .no_chains = true } },
        { "and elementwise records joined", { .no_recompute = true } },
        { "and cheap values made again", { 0 } },
        { "in 2.5 MiB", { .memory = 2560 << 10 } },
        { "in 2 MiB", { .memory = 2 << 20 } },
    };
    /* Plain instructions and one thread, because the scratch of fast kernels differs from machine to machine. */
    ad_ctx *ctx = ad_new(&(ad_options){ .threads = 1, .isa = AD_ISA_BASE, .isa_set = true });
    char hex[65] = "";
    chart(ctx);
    printf("\n");
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++)
        if (arena(ctx, plans[i].name, &plans[i].options, hex)) return fprintf(stderr, "%s\n", ad_ctx_message(ctx)), 1;
    ad_ctx_free(ctx);
    return 0;
}

/*
 * snake - an op in a shared object of its own: y = x + sin(a x)^2 / a, an activation that can follow periodic data (attribute a).
 *
 *   dy/dx = 1 + 2 sin(a x) cos(a x) = 1 + sin(2 a x)
 *
 *   cc -std=c11 -shared -fPIC -o snake.so snake.c $(pkg-config --cflags adze)
 *
 * Programs: ad_ctx_load_ops(ctx, "./snake.so"). Model files: adze inspect --ops snake.so model.yaml. Before it can be used, the generated
 * checks run on the samples below.
 */
#include <adze/adze.h>

#include <math.h>

#define BLOCK 4096     /* elements of one unit of work: a size of its own, whatever the number of threads */

typedef struct attr {
    double frequency;
} attr;

static ad_status shape(ad_error *e, const void *attributes, int n_in, const ad_shape *in, ad_shape *out)
{
    *out = in[0];
    return AD_OK;
}

static void block(int64_t i, void *scratch, void *arg)
{
    const ad_call *c = arg;
    double a = ((const attr *)c->attr)->frequency;
    int64_t n = ad_count(&c->out[0].shape), from = i * BLOCK, to = from + BLOCK < n ? from + BLOCK : n;
    for (int64_t k = from; k < to; k++) {
        double x = c->precision == AD_F64 ? ((const double *)c->in[0].data)[k] : (double)((const float *)c->in[0].data)[k];
        double s = sin(a * x), y = x + s * s / a;
        if (c->precision == AD_F64) ((double *)c->out[0].data)[k] = y;
        else ((float *)c->out[0].data)[k] = (float)y;
    }
}

static ad_status forward(const ad_call *c)
{
    int64_t n = ad_count(&c->out[0].shape);
    ad_parallel(c, (n + BLOCK - 1) / BLOCK, 20 * n, block, (void *)c);
    return AD_OK;
}

/* A rule records ops; nothing is computed here, and so it can be differentiated again. */
static void gradient(ad_grad *g)
{
    ad_tensor *turns = ad_scale(g->tape, g->in[0], 2 * ((const attr *)g->attr)->frequency);
    g->gin[0] = ad_mul(g->tape, g->gout[0], ad_shift(g->tape, ad_sin(g->tape, turns), 1));
}

static const ad_operand operands[] = { { .name = "x" }, { 0 } };

static const ad_attr attrs[] = {
    { "frequency", AD_ATTR_FLOAT, offsetof(attr, frequency), 1, 1e-3, 1e3, "of the oscillation" },
    { 0 }
};

static const ad_sample samples[] = {
    { .name = "matrix", .n_in = 1, .in = { { 2, { 3, 5 } } }, .lo = -3, .hi = 3 },
    { .name = "fast", .n_in = 1, .in = { { 4, { 2, 3, 1, 5 } } }, .attr_text = "frequency=4.5" },
    { .name = "number", .n_in = 1 },
    { .name = "refuses to stand still", .n_in = 1, .in = { { 1, { 3 } } }, .attr_text = "frequency=0", .want = AD_EATTR },
    { 0 }
};

static const ad_op snake = {
    .name = "snake", .doc = "x + sin(frequency x)^2 / frequency", .flags = AD_ELEMENTWISE, .operands = operands,
    .attr_size = sizeof(attr), .attrs = attrs, .shape = shape, .forward = forward, .gradient = gradient, .samples = samples,
};

static const ad_op *const ops[] = { &snake, NULL };
AD_MODULE(ops);

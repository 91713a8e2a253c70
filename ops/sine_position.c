/*
 * sine_position - a code of the position in an image, [1, size.., channels]: each axis in its own channels, as sines and cosines.
 *
 *   With d axes each has F = channels / d of them, the first axis first. For position k (counted from 1) of n, channel i of an axis is
 *     sin(e / temperature^(d floor(i / d) / F)) for even i, the cosine for odd i,
 *   where e = k, or with `normalize` e = 2 pi (k - 1/2) / (n + 1e-6). The code is a constant of the tape.
 */
#include <math.h>

#include "ops/computed.h"
#include "ops/window.h"

#define PI 3.14159265358979323846

typedef struct position_attr {
    ad_ints size;
    int64_t channels;
    double temperature;
    bool normalize;
} position_attr;

static ad_status shape(ad_error *e, const void *attr, int n_in, const ad_shape *in, ad_shape *out)
{
    const position_attr *a = attr;
    if (a->size.n < 1 || a->size.n > 3) return AD_FAIL(e, EATTR, "sine_position: %d sizes; need one to three", a->size.n);
    if (a->channels % a->size.n)
        return AD_FAIL(e, EATTR, "sine_position: %lld channels for %d axes; need a multiple", (long long)a->channels, a->size.n);
    *out = ad__image(1, a->size.n, a->size.v, a->channels);
    return AD_OK;
}

static double element(int64_t at, const void *arg)
{
    const position_attr *a = arg;
    int axes = a->size.n;
    int64_t each = a->channels / axes, channel = at % a->channels, position = at / a->channels, i = channel % each;
    int axis = (int)(channel / each);
    for (int k = axes - 1; k > axis; k--)
        position /= a->size.v[k];
    int64_t n = a->size.v[axis], k = position % n + 1;
    double place = a->normalize ? 2 * PI * ((double)k - 0.5) / ((double)n + 1e-6) : (double)k;
    double angle = place / pow(a->temperature, (double)(axes * (i / axes)) / (double)each);
    return i % 2 ? cos(angle) : sin(angle);
}

static void expand(ad_tape *t, const void *attr, int n_in, ad_tensor *const *in, ad_tensor **out)
{
    ad_shape s;
    AD_ASSERT_EQ(shape(NULL, attr, 0, NULL, &s), AD_OK);
    out[0] = ad__computed(t, "sine_position", &s, element, attr);
}

static const ad_attr attrs[] = {
    { "size", AD_ATTR_INTS, offsetof(position_attr, size), 0, 1, 65536, .required = true, .doc = "spatial sizes of the image" },
    { "channels", AD_ATTR_INT, offsetof(position_attr, channels), 0, 1, 1 << 20, .required = true, .doc = "channels, a multiple of the number of axes" },
    { "temperature", AD_ATTR_FLOAT, offsetof(position_attr, temperature), 10000, 1, 1e12, .doc = "the longest wave in units of the shortest, about" },
    { "normalize", AD_ATTR_BOOL, offsetof(position_attr, normalize), 1, .doc = "every axis is one turn of the first wave, whatever its size" },
    { 0 }
};

static const ad_operand operands[] = { { 0 } };

static const ad_sample samples[] = {
    { .name = "volume", .attr_text = "size=[2,3,4], channels=12" },
    { .name = "plane by pixels", .attr_text = "size=[3,4], channels=8, normalize=false, temperature=100" },
    { .name = "line", .attr_text = "size=7, channels=3" },
    { .name = "refuses channels that do not divide", .attr_text = "size=[3,4], channels=7", .want = AD_EATTR },
    { .name = "refuses four axes", .attr_text = "size=[3,4,5,6], channels=8", .want = AD_EATTR },
    { .name = "refuses to guess the channels", .attr_text = "size=[3,4]", .want = AD_EATTR },
    { 0 }
};

const ad_op ad_op_sine_position = {
    .name = "sine_position", .doc = "code of the position in an image: sines and cosines",
    .operands = operands, .attr_size = sizeof(position_attr), .attrs = attrs, .shape = shape, .expand = expand, .samples = samples,
};

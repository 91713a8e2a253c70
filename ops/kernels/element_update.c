/*
 * element_update.c - one step of each optimiser over n parameters.
 *
 * All have one form: in[] is the parameter p, its gradient g and the state (NULL where the settings keep none), out[] the new parameter
 * and the new state in the same order; k[] are the numbers that the op (ops/NAME_update.c, where the formulas stand) computed from its
 * settings. k[0] is the rate, k[1] the weight decay that is added to the gradient, k[2] is 1, or -1 to climb.
 */
#include "ops/kernels/variant.h"

/* p and the gradient with direction and decay, from element i on; lanes past the end are zero. */
typedef struct start {
    vec p, g;
} start;

static inline start begin(const double *k, const void *const *in, int64_t i, int64_t left)
{
    vec p = v_load_n((const real *)in[0] + i, left), g = v_mul(v_set1((real)k[2]), v_load_n((const real *)in[1] + i, left));
    return (start){ p, v_fma(v_set1((real)k[1]), p, g) };
}

static inline vec load(const void *const *in, int which, int64_t i, int64_t left)
{
    return v_load_n((const real *)in[which] + i, left);
}

static inline void store(void *const *out, int which, int64_t i, int64_t left, vec v)
{
    v_store_n((real *)out[which] + i, v, left);
}

/* a * x + b * y */
static inline vec mix(double a, vec x, double b, vec y)
{
    return v_fma(v_set1((real)a), x, v_mul(v_set1((real)b), y));
}

/* k: rate, decay, direction, momentum, weight of the new gradient, nesterov */
void K(element_sgd_update)(int64_t n, const double *k, const void *const *in, void *const *out)
{
    for (int64_t i = 0; i < n; i += VL) {
        start s = begin(k, in, i, n - i);
        vec step = s.g;
        if (in[2]) {
            vec m = mix(k[3], load(in, 2, i, n - i), k[4], s.g);
            store(out, 1, i, n - i, m);
            step = k[5] != 0 ? v_fma(v_set1((real)k[3]), m, s.g) : m;
        }
        store(out, 0, i, n - i, v_fnma(v_set1((real)k[0]), step, s.p));
    }
}

/* k: rate / (1 - beta1^t), decay, direction, beta1, 1 - beta1, beta2, 1 - beta2, eps, 1 / sqrt(1 - beta2^t), factor of p (decoupled decay) */
void K(element_adam_update)(int64_t n, const double *k, const void *const *in, void *const *out)
{
    for (int64_t i = 0; i < n; i += VL) {
        start s = begin(k, in, i, n - i);
        vec m = mix(k[3], load(in, 2, i, n - i), k[4], s.g);
        vec v = mix(k[5], load(in, 3, i, n - i), k[6], v_mul(s.g, s.g)), largest = v;
        store(out, 1, i, n - i, m);
        store(out, 2, i, n - i, v);
        if (in[4]) {
            largest = v_max(load(in, 4, i, n - i), v);
            store(out, 3, i, n - i, largest);
        }
        vec below = v_fma(v_sqrt(largest), v_set1((real)k[8]), v_set1((real)k[7]));
        vec p = v_mul(v_set1((real)k[9]), s.p);
        store(out, 0, i, n - i, v_fnma(v_set1((real)k[0]), v_div(m, below), p));
    }
}

/* k: rate, decay, direction, eps */
void K(element_adagrad_update)(int64_t n, const double *k, const void *const *in, void *const *out)
{
    for (int64_t i = 0; i < n; i += VL) {
        start s = begin(k, in, i, n - i);
        vec sum = v_fma(s.g, s.g, load(in, 2, i, n - i));
        store(out, 1, i, n - i, sum);
        vec step = v_div(s.g, v_add(v_sqrt(sum), v_set1((real)k[3])));
        store(out, 0, i, n - i, v_fnma(v_set1((real)k[0]), step, s.p));
    }
}

/* k: rate, decay, direction, alpha, 1 - alpha, eps, momentum */
void K(element_rmsprop_update)(int64_t n, const double *k, const void *const *in, void *const *out)
{
    for (int64_t i = 0; i < n; i += VL) {
        start s = begin(k, in, i, n - i);
        vec v = mix(k[3], load(in, 2, i, n - i), k[4], v_mul(s.g, s.g)), variance = v;
        store(out, 1, i, n - i, v);
        if (in[4]) {
            vec mean = mix(k[3], load(in, 4, i, n - i), k[4], s.g);
            store(out, 3, i, n - i, mean);
            variance = v_max(v_fnma(mean, mean, v), v_zero());
        }
        vec step = v_div(s.g, v_add(v_sqrt(variance), v_set1((real)k[5])));
        if (in[3]) {
            step = v_fma(v_set1((real)k[6]), load(in, 3, i, n - i), step);
            store(out, 2, i, n - i, step);
        }
        store(out, 0, i, n - i, v_fnma(v_set1((real)k[0]), step, s.p));
    }
}

/* k: rate / (1 - beta1^t), decay, direction, beta1, 1 - beta1, beta2, eps */
void K(element_adamax_update)(int64_t n, const double *k, const void *const *in, void *const *out)
{
    for (int64_t i = 0; i < n; i += VL) {
        start s = begin(k, in, i, n - i);
        vec m = mix(k[3], load(in, 2, i, n - i), k[4], s.g);
        vec u = v_max(v_mul(v_set1((real)k[5]), load(in, 3, i, n - i)), v_add(v_abs(s.g), v_set1((real)k[6])));
        store(out, 1, i, n - i, m);
        store(out, 2, i, n - i, u);
        store(out, 0, i, n - i, v_fnma(v_set1((real)k[0]), v_div(m, u), s.p));
    }
}

/* k: rate of g, decay, direction, beta1, 1 - beta1, beta2, 1 - beta2, eps, 1 / sqrt(1 - beta2^t), rate of m */
void K(element_nadam_update)(int64_t n, const double *k, const void *const *in, void *const *out)
{
    for (int64_t i = 0; i < n; i += VL) {
        start s = begin(k, in, i, n - i);
        vec m = mix(k[3], load(in, 2, i, n - i), k[4], s.g);
        vec v = mix(k[5], load(in, 3, i, n - i), k[6], v_mul(s.g, s.g));
        store(out, 1, i, n - i, m);
        store(out, 2, i, n - i, v);
        vec below = v_fma(v_sqrt(v), v_set1((real)k[8]), v_set1((real)k[7]));
        store(out, 0, i, n - i, v_sub(s.p, v_div(mix(k[0], s.g, k[9], m), below)));
    }
}

/* k: rate, decay, direction, beta1, 1 - beta1, beta2, 1 - beta2, eps, factor over sqrt(v) + eps; 0: step along m itself */
void K(element_radam_update)(int64_t n, const double *k, const void *const *in, void *const *out)
{
    for (int64_t i = 0; i < n; i += VL) {
        start s = begin(k, in, i, n - i);
        vec m = mix(k[3], load(in, 2, i, n - i), k[4], s.g);
        vec v = mix(k[5], load(in, 3, i, n - i), k[6], v_mul(s.g, s.g));
        store(out, 1, i, n - i, m);
        store(out, 2, i, n - i, v);
        vec step = k[8] > 0 ? v_div(v_mul(v_set1((real)k[8]), m), v_add(v_sqrt(v), v_set1((real)k[7]))) : m;
        store(out, 0, i, n - i, v_fnma(v_set1((real)k[0]), step, s.p));
    }
}

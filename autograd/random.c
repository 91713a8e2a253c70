/*
 * random.c - random numbers as pure functions of (seed, purpose, path; step, draw, element). No state, so nothing to save.
 *
 * Philox4x32-10 (Salmon et al., 2011) encrypts a 128-bit counter with a 64-bit key in ten rounds. The counter is
 * (block, draw, step low, step high); each block gives two elements, each element two words.
 *
 *   uniform  u = (52 bits of the two words + 1/2) * 2^-52, never 0 or 1
 *   normal   n = sqrt(-2 log u1) cos(2 pi u2), u1 and u2 one word each (Box-Muller; the sine half is not used, so that an
 *            element never depends on its neighbour)
 *
 * Sleef's `cinz` functions (no fused multiply-add) give the same bits on every machine, also one without FMA.
 */
#include "autograd/autograd.h"

#include <math.h>
#include <sleef.h>
#include <string.h>

uint64_t ad_key(uint64_t seed, const char *purpose, const char *path)
{
    uint8_t bytes[8];
    char hex[65];
    ad_sha256 s;
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(seed >> (8 * i));
    ad_sha256_init(&s);
    ad_sha256_add(&s, bytes, sizeof bytes);
    ad_sha256_add(&s, purpose, strlen(purpose) + 1);
    ad_sha256_add(&s, path, strlen(path) + 1);
    ad_sha256_end(&s, hex);
    return (uint64_t)s.h[0] << 32 | s.h[1];
}

void ad_philox(uint64_t key, uint64_t step, uint32_t draw, uint32_t block, uint32_t out[4])
{
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    uint32_t c0 = block, c1 = draw, c2 = (uint32_t)step, c3 = (uint32_t)(step >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53 * c0, p1 = (uint64_t)0xCD9E8D57 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* The two words of element i. */
static void words(uint64_t key, uint64_t step, uint32_t draw, uint64_t i, uint32_t out[2])
{
    uint32_t w[4];
    ad_philox(key, step, draw, (uint32_t)(i / 2), w);
    memcpy(out, w + 2 * (i % 2), 2 * sizeof *w);
}

double ad_uniform(uint64_t key, uint64_t step, uint32_t draw, uint64_t i)
{
    uint32_t w[2];
    words(key, step, draw, i, w);
    uint64_t bits = ((uint64_t)w[0] << 32 | w[1]) >> 12;
    return ((double)bits + 0.5) * 0x1p-52;
}

double ad_normal(uint64_t key, uint64_t step, uint32_t draw, uint64_t i)
{
    uint32_t w[2];
    words(key, step, draw, i, w);
    double u1 = (w[0] + 0.5) * 0x1p-32, u2 = (w[1] + 0.5) * 0x1p-32;
    return sqrt(-2.0 * Sleef_cinz_logd1_u10purec(u1)) * Sleef_cinz_cospid1_u05purec(2.0 * u2);
}

/*
 * sha256.c - the SHA-256 of FIPS 180-4: 64-byte blocks, 64 rounds on eight words.
 *
 * Two uses: the identity of weights ("the same bits") and keys of random numbers, where a good 64-bit hash is wanted.
 */
#include "autograd/autograd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const uint32_t start[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

/* The first 32 bits of the fractions of the cube roots of the first 64 primes. */
static const uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};

static uint32_t rotate(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static void block(uint32_t h[8], const uint8_t *p)
{
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    memcpy(v, h, sizeof v);
    for (int i = 0; i < 64; i += 8)
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++) {      /* each round moves the eight words on by one: V(n) is where word n is by now */
#define V(n) v[((n) - j) & 7]
            uint32_t s1 = rotate(V(4), 6) ^ rotate(V(4), 11) ^ rotate(V(4), 25);
            uint32_t t1 = V(7) + s1 + ((V(4) & V(5)) ^ (~V(4) & V(6))) + k[i + j] + w[i + j];
            uint32_t s0 = rotate(V(0), 2) ^ rotate(V(0), 13) ^ rotate(V(0), 22);
            uint32_t t2 = s0 + ((V(0) & V(1)) ^ (V(0) & V(2)) ^ (V(1) & V(2)));
            V(3) += t1;
            V(7) = t1 + t2;
#undef V
        }
    for (int i = 0; i < 8; i++) h[i] += v[i];
}

void ad_sha256_init(ad_sha256 *s)
{
    memcpy(s->h, start, sizeof start);
    s->bytes = 0;
}

void ad_sha256_add(ad_sha256 *s, const void *data, size_t n)
{
    const uint8_t *p = data;
    size_t have = s->bytes % 64;
    s->bytes += n;
    if (have) {
        size_t take = n < 64 - have ? n : 64 - have;
        memcpy(s->block + have, p, take);
        p += take;
        n -= take;
        if (have + take < 64) return;
        block(s->h, s->block);
    }
    for (; n >= 64; p += 64, n -= 64) block(s->h, p);
    if (n) memcpy(s->block, p, n);
}

void ad_sha256_end(ad_sha256 *s, char hex[65])
{
    static const uint8_t padding[64] = { 0x80 };
    static const char digits[] = "0123456789abcdef";
    uint64_t bits = s->bytes * 8;
    size_t have = s->bytes % 64;
    uint8_t length[8];
    for (int i = 0; i < 8; i++) length[i] = (uint8_t)(bits >> (56 - 8 * i));
    ad_sha256_add(s, padding, have < 56 ? 56 - have : 120 - have);
    ad_sha256_add(s, length, sizeof length);
    for (int i = 0; i < 64; i++) hex[i] = digits[s->h[i / 8] >> (28 - 4 * (i % 8)) & 15];
    hex[64] = '\0';
}

ad_status ad_sha256_file(ad_error *e, const char *path, char hex[65])
{
    unsigned char part[4096];
    ad_sha256 s;
    size_t n;
    FILE *f = fopen(path, "rb");
    if (!f) return AD_FAIL(e, EIO, "%s: cannot be opened: %s", path, strerror(errno));
    ad_sha256_init(&s);
    while ((n = fread(part, 1, sizeof part, f)) > 0) ad_sha256_add(&s, part, n);
    bool whole = !ferror(f);
    fclose(f);
    if (!whole) return AD_FAIL(e, EIO, "%s: cannot be read: %s", path, strerror(errno));
    ad_sha256_end(&s, hex);
    return AD_OK;
}

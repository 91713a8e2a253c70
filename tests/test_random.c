/* Known answers and simple statistics of SHA-256, Philox and the two distributions; keys differ where their parts differ. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "autograd/autograd.h"

static void sha256_known_answers(void **state)
{
    static const struct { const char *text, *hex; } cases[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    };
    char hex[65];
    ad_sha256 s;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ad_sha256_init(&s);
        ad_sha256_add(&s, cases[i].text, strlen(cases[i].text));
        ad_sha256_end(&s, hex);
        assert_string_equal(hex, cases[i].hex);
    }
}

/* A million letters a, in pieces whose lengths wander over the block boundary. */
static void sha256_in_pieces(void **state)
{
    char a[200], hex[65];
    memset(a, 'a', sizeof a);
    ad_sha256 s;
    ad_sha256_init(&s);
    size_t left = 1000000;
    for (size_t n = 1; left; n = n % 199 + 1) {
        if (n > left) n = left;
        ad_sha256_add(&s, a, n);
        left -= n;
    }
    ad_sha256_end(&s, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* The published vectors of philox4x32-10. */
static void philox_known_answers(void **state)
{
    static const struct { uint64_t key, step; uint32_t draw, block, out[4]; } cases[] = {
        { 0, 0, 0, 0, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { UINT64_MAX, UINT64_MAX, UINT32_MAX, UINT32_MAX, { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { 0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3, 0x243f6a88, { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t out[4];
        ad_philox(cases[i].key, cases[i].step, cases[i].draw, cases[i].block, out);
        assert_memory_equal(out, cases[i].out, sizeof out);
    }
}

static void keys_differ(void **state)
{
    const uint64_t key = ad_key(1, "site", "prior/z[0]");
    assert_true(key == ad_key(1, "site", "prior/z[0]"));
    assert_true(key != ad_key(2, "site", "prior/z[0]"));
    assert_true(key != ad_key(1, "init", "prior/z[0]"));
    assert_true(key != ad_key(1, "site", "prior/z[1]"));
    assert_true(ad_key(1, "ab", "c") != ad_key(1, "a", "bc"));
}

/* Mean and variance within five standard errors of 2^16 values. */
static void moments(void **state)
{
    enum { N = 1 << 16 };
    double us = 0, uss = 0, ns = 0, nss = 0, cross = 0, before = 0;
    for (uint64_t i = 0; i < N; i++) {
        double u = ad_uniform(7, 3, 1, i), n = ad_normal(7, 3, 2, i);
        assert_true(u > 0 && u < 1);
        us += u;
        uss += (u - 0.5) * (u - 0.5);
        ns += n;
        nss += n * n;
        cross += n * before;
        before = n;
    }
    assert_true(fabs(us / N - 0.5) < 5 * sqrt(1.0 / 12 / N));
    assert_true(fabs(uss / N - 1.0 / 12) < 5 * sqrt(1.0 / 180 / N));
    assert_true(fabs(ns / N) < 5 / sqrt(N));
    assert_true(fabs(nss / N - 1) < 5 * sqrt(2.0 / N));
    assert_true(fabs(cross / N) < 5 / sqrt(N));
}

/* Frozen values: a change of any constant, or of the order of the words, would silently make every old run another run. */
static void streams_are_frozen(void **state)
{
    assert_true(ad_uniform(1, 2, 3, 4) == 0x1.e2b410b67173cp-3);
    assert_true(ad_normal(1, 2, 3, 5) == 0x1.265964f651a5p+0);
    assert_true(ad_key(42, "site", "prior/z[0]") == 0x555256c9b80ad791);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_known_answers), cmocka_unit_test(sha256_in_pieces), cmocka_unit_test(philox_known_answers),
        cmocka_unit_test(keys_differ), cmocka_unit_test(moments), cmocka_unit_test(streams_are_frozen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

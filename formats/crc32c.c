/*
 * crc32c.c - CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected), eight bytes at a time.
 *
 * table[k][b] is the CRC of byte b followed by k zero bytes, so the CRC of eight bytes is the xor of eight look-ups. The tables are
 * built on the stack for each long run (about a microsecond): no global state, and 8 kB stay out of the library.
 */
#include "formats/bytes.h"

#define POLYNOMIAL 0x82F63B78u
#define LONG_RUN 512

static uint32_t byte_step(uint32_t crc)
{
    for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
    return crc;
}

static const uint8_t *long_run(uint32_t *crc, const uint8_t *p, const uint8_t *end)
{
    uint32_t table[8][256];
    for (uint32_t b = 0; b < 256; b++) table[0][b] = byte_step(b);
    for (int k = 1; k < 8; k++)
        for (int b = 0; b < 256; b++) table[k][b] = table[k - 1][b] >> 8 ^ table[0][table[k - 1][b] & 255];
    uint32_t c = *crc;
    for (; end - p >= 8; p += 8) {
        uint64_t v = ad__load(p, 8) ^ c;
        c = 0;
        for (int k = 0; k < 8; k++) c ^= table[7 - k][v >> 8 * k & 255];
    }
    *crc = c;
    return p;
}

uint32_t ad_crc32c(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *p = data, *end = p ? p + size : p;
    crc = ~crc;
    if (size >= LONG_RUN) p = long_run(&crc, p, end);
    for (; p < end; p++) crc = crc >> 8 ^ byte_step((crc ^ *p) & 255);
    return ~crc;
}

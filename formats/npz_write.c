/*
 * npz_write.c - writing named arrays as a zip archive: no clock, no data descriptors, stored data aligned to 64 bytes, so that equal
 * arrays give equal files. Archives above 4 GiB (ZIP64) are refused.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "formats/bytes.h"

#define LOCAL_BYTES 30
#define ENTRY_BYTES 46
#define END_BYTES 22
#define ALIGN 64
#define DATE 0x0021u                  /* 1980-01-01, the first day of ZIP */
#define FILL_ID 0x4246u               /* the extra field by which PyTorch aligns its archives */
#define UTF8_FLAG 0x0800u

typedef struct archive {
    ad_error *error;
    const char *path;
    ad_writer *writer;
    bool deflated;
    uint64_t at;
    ad_text directory;
} archive;

typedef struct packed {
    ad_text header;                   /* npy header; or, deflated, header and data together */
    const void *data;                 /* stored: the array's bytes, behind the header */
    uint64_t csize, usize;
    uint32_t crc;
} packed;

static void word(ad_text *t, int bytes, uint64_t v)
{
    uint8_t b[8];
    ad__store(b, bytes, v);
    ad_text_bytes(t, b, (size_t)bytes);
}

/* Header and data through one raw deflate stream. */
static ad_status pack(archive *z, const ad_array *a, packed *p)
{
    z_stream s = { 0 };
    if (deflateInit2(&s, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) return AD_FAIL(z->error, ENOMEM, "%s: out of memory", z->path);
    uLong bound = deflateBound(&s, (uLong)p->usize);
    uint8_t *out = malloc(bound);
    ad_status status = out ? AD_OK : AD_FAIL(z->error, ENOMEM, "%s: out of memory for %lu bytes", z->path, bound);
    if (out) {
        s.next_out = out;
        s.avail_out = (uInt)bound;
        s.next_in = (Bytef *)p->header.data;
        s.avail_in = (uInt)p->header.size;
        int state = deflate(&s, Z_NO_FLUSH);
        s.next_in = (Bytef *)a->data;
        s.avail_in = (uInt)a->bytes;
        if (state == Z_OK) state = deflate(&s, Z_FINISH);
        AD_ASSERT_EQ(state, Z_STREAM_END);
        p->csize = s.total_out;
        p->header.size = 0;
        ad_text_bytes(&p->header, out, p->csize);
        p->data = NULL;
        free(out);
    }
    deflateEnd(&s);
    if (p->header.failed) return AD_FAIL(z->error, ENOMEM, "%s: out of memory", z->path);
    return status;
}

/* The fields that local header and directory entry share, from "version needed" to the extra length. */
static void common_fields(ad_text *t, const archive *z, const packed *p, const char *name, size_t extra)
{
    bool plain = true;
    for (const char *c = name; *c; c++) plain = plain && (unsigned char)*c < 0x80;
    word(t, 2, 20);
    word(t, 2, plain ? 0 : UTF8_FLAG);
    word(t, 2, z->deflated ? 8 : 0);
    word(t, 2, 0);
    word(t, 2, DATE);
    word(t, 4, p->crc);
    word(t, 4, p->csize);
    word(t, 4, p->usize);
    word(t, 2, strlen(name) + 4);
    word(t, 2, extra);
}

static ad_status write_member(archive *z, const ad_array *a, const packed *p)
{
    size_t name = strlen(a->name) + 4, extra = 0;
    uint64_t start = z->at;
    if (!z->deflated) extra = 4 + (size_t)(ALIGN - (start + LOCAL_BYTES + name + 4) % ALIGN) % ALIGN;
    ad_text local = { 0 };
    word(&local, 4, 0x04034b50);
    common_fields(&local, z, p, a->name, extra);
    ad_text_add(&local, "%s.npy", a->name);
    if (extra) {
        word(&local, 2, FILL_ID);
        word(&local, 2, extra - 4);
        for (size_t i = 4; i < extra; i++) ad_text_bytes(&local, "Z", 1);
    }
    word(&z->directory, 4, 0x02014b50);
    word(&z->directory, 2, 20);
    common_fields(&z->directory, z, p, a->name, 0);
    word(&z->directory, 8, 0);        /* comment, disk, internal attributes, and half of the external ones */
    word(&z->directory, 2, 0);
    word(&z->directory, 4, start);
    ad_text_add(&z->directory, "%s.npy", a->name);
    ad_status s = local.failed || z->directory.failed ? AD_FAIL(z->error, ENOMEM, "%s: out of memory", z->path) : AD_OK;
    if (s == AD_OK) s = ad_writer_put(z->writer, start, local.data, local.size);
    if (s == AD_OK) s = ad_writer_put(z->writer, start + local.size, p->header.data, p->header.size);
    if (s == AD_OK && p->data) s = ad_writer_put(z->writer, start + local.size + p->header.size, p->data, a->bytes);
    z->at = start + local.size + p->csize;
    ad_text_free(&local);
    return s;
}

static ad_status add(archive *z, const ad_array *a)
{
    packed p = { .data = a->data };
    ad_status s = ad__npy_header(z->error, z->path, a, &p.header);
    if (s == AD_OK) {
        p.csize = p.usize = p.header.size + a->bytes;
        p.crc = (uint32_t)crc32_z(crc32_z(0, (const Bytef *)p.header.data, p.header.size), a->bytes ? a->data : (const Bytef *)"", a->bytes);
        if (z->deflated) s = pack(z, a, &p);
    }
    if (s == AD_OK) s = write_member(z, a, &p);
    ad_text_free(&p.header);
    return s;
}

static ad_status finish(archive *z, int n)
{
    size_t bytes = z->directory.size;
    word(&z->directory, 4, 0x06054b50);
    word(&z->directory, 4, 0);
    word(&z->directory, 2, (uint64_t)n);
    word(&z->directory, 2, (uint64_t)n);
    word(&z->directory, 4, bytes);
    word(&z->directory, 4, z->at);
    word(&z->directory, 2, 0);
    if (z->directory.failed) return AD_FAIL(z->error, ENOMEM, "%s: out of memory", z->path);
    return ad_writer_put(z->writer, z->at, z->directory.data, z->directory.size);
}

/* Names, and an upper bound of the file: a deflated member may grow by deflateBound's few bytes in a thousand. */
static ad_status check(ad_error *e, const char *path, int n, const ad_array *arrays, uint64_t *total)
{
    *total = END_BYTES;
    for (int i = 0; i < n; i++) {
        const char *name = arrays[i].name;
        if (!name || !ad__name_valid(name, strlen(name)) || strlen(name) + 4 > AD__NAME_BYTES)
            return AD_FAIL(e, EUSAGE, "%s: npz: array %d needs a name of 1 to 1020 bytes of UTF-8 without control characters", path, i);
        for (int k = 0; k < i; k++)
            if (strcmp(name, arrays[k].name) == 0) return AD_FAIL(e, EUSAGE, "%s: npz: two arrays are called '%s'", path, name);
        *total += LOCAL_BYTES + ENTRY_BYTES + 2 * (strlen(name) + 4) + ALIGN + 4 + 256 + arrays[i].bytes;
    }
    if (n > UINT16_MAX || *total + *total / 512 > UINT32_MAX)
        return AD_FAIL(e, EUSAGE, "%s: npz: %d arrays of %llu bytes in all; need at most 65535 arrays and less than 4 GiB", path, n,
                       (unsigned long long)*total);
    return AD_OK;
}

ad_status ad_npz_write(ad_error *e, const char *path, int n, const ad_array *arrays, bool deflated)
{
    uint64_t total;
    archive z = { .error = e, .path = path, .deflated = deflated };
    AD_TRY(check(e, path, n, arrays, &total));
    AD_TRY(ad_writer_new(e, path, 0, &z.writer));
    ad_status s = AD_OK;
    for (int i = 0; i < n && s == AD_OK; i++) s = add(&z, &arrays[i]);
    if (s == AD_OK) s = finish(&z, n);
    if (s == AD_OK) s = ad_writer_commit(z.writer);
    else ad_writer_cancel(z.writer);
    ad_text_free(&z.directory);
    return s;
}

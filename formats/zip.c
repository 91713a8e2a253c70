/*
 * zip.c - reading ZIP: end record, central directory, members.
 *
 * Sizes come from the central directory alone; a local header only tells where data starts. Members may not overlap, and no member
 * may claim more than deflate can reach, so the unpacked size is bounded by the file's.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "formats/zip.h"

#define END_BYTES 22
#define COMMENT_MAX 65535
#define LOCATOR_BYTES 20
#define END64_BYTES 56
#define ENTRY_BYTES 46
#define LOCAL_BYTES 30
#define MEMBERS_MAX 1000000
#define TOTAL_MAX ((uint64_t)64 << 30)
#define RATIO_MAX 1100               /* deflate ends at about 1032 : 1 */
#define UNPACK_STEP ((uint64_t)1 << 20)

typedef struct reader {
    ad_error *error;
    ad__zip *zip;
    uint64_t entries, at, size;      /* central directory */
} reader;

static ad_status refuse(const reader *r, uint64_t at, const char *name, const char *rule)
{
    return AD_FAIL(r->error, EDATA, "%s: byte %llu: zip%s%s%s: %s", r->zip->what, (unsigned long long)at, name ? " member '" : "",
                   name ? name : "", name ? "'" : "", rule);
}

static uint64_t load(const reader *r, uint64_t at, int bytes)
{
    return ad__load(r->zip->bytes + at, bytes);
}

/* ---- end records ---- */

static ad_status end64(reader *r, uint64_t end)
{
    if (end < LOCATOR_BYTES || load(r, end - LOCATOR_BYTES, 4) != 0x07064b50) return AD_OK;
    uint64_t at = load(r, end - LOCATOR_BYTES + 8, 8);
    if (end < LOCATOR_BYTES + END64_BYTES || at > end - LOCATOR_BYTES - END64_BYTES || load(r, at, 4) != 0x06064b50)
        return refuse(r, end - LOCATOR_BYTES, NULL, "the ZIP64 locator does not point at a ZIP64 end record");
    if (load(r, at + 16, 4) || load(r, at + 20, 4)) return refuse(r, at, NULL, "archives of several disks are not supported");
    if (load(r, at + 24, 8) != load(r, at + 32, 8)) return refuse(r, at + 24, NULL, "the numbers of entries differ");
    r->entries = load(r, at + 32, 8);
    r->size = load(r, at + 40, 8);
    r->at = load(r, at + 48, 8);
    return AD_OK;
}

static ad_status find_directory(reader *r)
{
    size_t size = r->zip->size;
    if (size < END_BYTES) return refuse(r, size, NULL, "the file ends before a zip archive could");
    uint64_t end = size - END_BYTES, lowest = end > COMMENT_MAX ? end - COMMENT_MAX : 0;
    while (load(r, end, 4) != 0x06054b50 || end + END_BYTES + load(r, end + 20, 2) != size) {
        if (end == lowest)
            return refuse(r, size, NULL, "no end of central directory whose comment reaches the end of the file; is the file truncated?");
        end--;
    }
    if (load(r, end + 4, 2) || load(r, end + 6, 2)) return refuse(r, end + 4, NULL, "archives of several disks are not supported");
    if (load(r, end + 8, 2) != load(r, end + 10, 2)) return refuse(r, end + 8, NULL, "the numbers of entries differ");
    r->entries = load(r, end + 10, 2);
    r->size = load(r, end + 12, 4);
    r->at = load(r, end + 16, 4);
    AD_TRY(end64(r, end));
    if (r->at > end || r->size > end - r->at) return refuse(r, end + 12, NULL, "the central directory reaches beyond its end record");
    if (r->entries > MEMBERS_MAX) return refuse(r, end + 10, NULL, "more than 1000000 members");
    if (r->entries > r->size / ENTRY_BYTES) return refuse(r, end + 10, NULL, "more entries than the central directory has room for");
    return AD_OK;
}

/* ---- entries ---- */

/* The ZIP64 extra field holds 64-bit values for those 32-bit fields that are all ones, in this order. */
static ad_status extra64(const reader *r, uint64_t at, uint64_t bytes, ad__zip_member *m)
{
    uint64_t *field[] = { &m->usize, &m->csize, &m->local };
    bool wanted = m->usize == UINT32_MAX || m->csize == UINT32_MAX || m->local == UINT32_MAX;
    for (uint64_t end = at + bytes; wanted && end - at >= 4;) {
        uint64_t id = load(r, at, 2), left = load(r, at + 2, 2);
        at += 4;
        if (left > end - at) return refuse(r, at - 4, m->name, "an extra field reaches beyond its entry");
        for (uint64_t p = at, stop = at + left, k = 0; id == 1 && k < 3; k++) {
            if (*field[k] != UINT32_MAX) continue;
            if (stop - p < 8) return refuse(r, at - 4, m->name, "the ZIP64 field is too short");
            *field[k] = load(r, p, 8);
            p += 8;
        }
        if (id == 1) return AD_OK;
        at += left;
    }
    return AD_OK;
}

static ad_status local_header(const reader *r, ad__zip_member *m)
{
    const uint8_t *bytes = r->zip->bytes;
    if (m->local > r->at || r->at - m->local < LOCAL_BYTES || load(r, m->local, 4) != 0x04034b50)
        return refuse(r, m->local, m->name, "no local header where the directory says");
    uint64_t name = load(r, m->local + 26, 2), extra = load(r, m->local + 28, 2);
    if (r->at - m->local - LOCAL_BYTES < name + extra) return refuse(r, m->local, m->name, "the local header reaches into the directory");
    if (name != strlen(m->name) || memcmp(bytes + m->local + LOCAL_BYTES, m->name, name) != 0)
        return refuse(r, m->local + LOCAL_BYTES, m->name, "the local header has another name");
    m->data = m->local + LOCAL_BYTES + name + extra;
    if (m->csize > r->at - m->data) return refuse(r, m->local, m->name, "the data reach into the central directory");
    return AD_OK;
}

static ad_status check_member(const reader *r, uint64_t at, uint64_t flags, const ad__zip_member *m)
{
    if (flags & 1) return refuse(r, at + 8, m->name, "encrypted members are not supported");
    if (m->method != 0 && m->method != 8) return refuse(r, at + 10, m->name, "only stored (0) and deflated (8) members are supported");
    if (m->method == 0 && m->csize != m->usize) return refuse(r, at + 20, m->name, "a stored member must have two equal sizes");
    if (m->usize / RATIO_MAX > m->csize) return refuse(r, at + 24, m->name, "the unpacked size is more than deflate can reach (1100 : 1)");
    return AD_OK;
}

/* Reads the entry at *at, and moves *at behind it. Folders give no member. */
static ad_status entry(reader *r, uint64_t *at, uint64_t *total)
{
    uint64_t p = *at, end = r->at + r->size;
    if (end - p < ENTRY_BYTES || load(r, p, 4) != 0x02014b50) return refuse(r, p, NULL, "no directory entry where one must start");
    uint64_t name = load(r, p + 28, 2), extra = load(r, p + 30, 2), comment = load(r, p + 32, 2);
    if (end - p - ENTRY_BYTES < name + extra + comment) return refuse(r, p, NULL, "an entry reaches beyond the central directory");
    *at = p + ENTRY_BYTES + name + extra + comment;
    const char *text = (const char *)r->zip->bytes + p + ENTRY_BYTES;
    if (!ad__name_valid(text, name))
        return refuse(r, p + ENTRY_BYTES, NULL, "a name must be 1 to 1024 bytes of UTF-8 without control characters");
    ad__zip_member *m = &r->zip->member[r->zip->n];
    *m = (ad__zip_member){ .method = (int)load(r, p + 10, 2), .crc = (uint32_t)load(r, p + 16, 4), .csize = load(r, p + 20, 4),
                           .usize = load(r, p + 24, 4), .local = load(r, p + 42, 4), .name = strndup(text, name) };
    if (!m->name) return AD_FAIL(r->error, ENOMEM, "%s: out of memory", r->zip->what);
    r->zip->n++;
    AD_TRY(extra64(r, p + ENTRY_BYTES + name, extra, m));
    AD_TRY(check_member(r, p, load(r, p + 8, 2), m));
    AD_TRY(local_header(r, m));
    *total += m->usize;
    if (m->usize > TOTAL_MAX || *total > TOTAL_MAX) return refuse(r, p + 24, m->name, "more than 64 GiB unpacked");
    if (text[name - 1] == '/') free(r->zip->member[--r->zip->n].name);
    return AD_OK;
}

/* ---- the archive ---- */

static int by_place(const void *a, const void *b)
{
    const ad__zip_member *x = a, *y = b;
    return (x->local > y->local) - (x->local < y->local);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(ad__zip_member *const *)a)->name, (*(ad__zip_member *const *)b)->name);
}

static ad_status check_apart(reader *r)
{
    ad__zip *z = r->zip;
    qsort(z->member, (size_t)z->n, sizeof *z->member, by_place);
    for (int64_t i = 1; i < z->n; i++)
        if (z->member[i].local < z->member[i - 1].data + z->member[i - 1].csize)
            return refuse(r, z->member[i].local, z->member[i].name, "overlaps the member before it");
    ad__zip_member **sorted = malloc((size_t)(z->n + 1) * sizeof *sorted);
    if (!sorted) return AD_FAIL(r->error, ENOMEM, "%s: out of memory", z->what);
    for (int64_t i = 0; i < z->n; i++) sorted[i] = &z->member[i];
    qsort(sorted, (size_t)z->n, sizeof *sorted, by_name);
    ad_status s = AD_OK;
    for (int64_t i = 1; i < z->n && s == AD_OK; i++)
        if (strcmp(sorted[i]->name, sorted[i - 1]->name) == 0) s = refuse(r, sorted[i]->local, sorted[i]->name, "the name is there twice");
    free(sorted);
    return s;
}

ad_status ad__zip_parse(ad_error *e, const char *what, const void *borrowed, size_t size, ad__zip *zip)
{
    *zip = (ad__zip){ .what = what, .bytes = borrowed, .size = size };
    reader r = { .error = e, .zip = zip };
    ad_status s = find_directory(&r);
    if (s == AD_OK && !(zip->member = calloc((size_t)r.entries + 1, sizeof *zip->member)))
        s = AD_FAIL(e, ENOMEM, "%s: out of memory", what);
    uint64_t at = r.at, total = 0;
    for (uint64_t i = 0; i < r.entries && s == AD_OK; i++) s = entry(&r, &at, &total);
    if (s == AD_OK && at != r.at + r.size) s = refuse(&r, at, NULL, "the central directory is longer than its entries");
    if (s == AD_OK) s = check_apart(&r);
    if (s != AD_OK) ad__zip_fini(zip);
    return s;
}

void ad__zip_fini(ad__zip *zip)
{
    for (int64_t i = 0; i < zip->n; i++) free(zip->member[i].name);
    free(zip->member);
    *zip = (ad__zip){ 0 };
}

/* The output grows as data arrive: a directory that lies about a size costs no memory. */
static ad_status inflate_member(const reader *r, const ad__zip_member *m, uint8_t **out)
{
    z_stream z = { .next_in = (Bytef *)r->zip->bytes + m->data };
    if (inflateInit2(&z, -15) != Z_OK) return AD_FAIL(r->error, ENOMEM, "%s: out of memory", r->zip->what);
    uint64_t made = 0, taken = 0, capacity = 0;
    ad_status s = AD_OK;
    for (int state = Z_OK; state != Z_STREAM_END && s == AD_OK;) {
        if (made == capacity) {
            capacity = 2 * capacity + UNPACK_STEP < m->usize + 1 ? 2 * capacity + UNPACK_STEP : m->usize + 1;
            uint8_t *more = realloc(*out, capacity);
            if (!more) s = AD_FAIL(r->error, ENOMEM, "%s: out of memory for %llu bytes", r->zip->what, (unsigned long long)capacity);
            else *out = more;
            if (s != AD_OK) break;
        }
        uInt give = (uInt)(m->csize - taken < UNPACK_STEP ? m->csize - taken : UNPACK_STEP);
        uInt room = (uInt)(capacity - made < UNPACK_STEP ? capacity - made : UNPACK_STEP);
        z.avail_in = give;
        z.next_out = *out + made;
        z.avail_out = room;
        state = inflate(&z, Z_NO_FLUSH);
        taken += give - z.avail_in;
        made += room - z.avail_out;
        if (state != Z_OK && state != Z_STREAM_END) s = refuse(r, m->data + taken, m->name, "the deflated data are damaged or end early");
        else if (made > m->usize) s = refuse(r, m->data + taken, m->name, "unpacks to more than the directory says");
    }
    inflateEnd(&z);
    if (s == AD_OK && (made != m->usize || taken != m->csize))
        s = refuse(r, m->data + taken, m->name, "the deflated data do not have the sizes that the directory says");
    return s;
}

ad_status ad__zip_unpack(ad_error *e, const ad__zip *zip, int64_t i, void **data)
{
    const ad__zip_member *m = &zip->member[i];
    reader r = { .error = e, .zip = (ad__zip *)zip };
    uint8_t *out = NULL;
    ad_status s = AD_OK;
    if (m->method == 8) s = inflate_member(&r, m, &out);
    else if (!(out = malloc(m->usize + 1))) s = AD_FAIL(e, ENOMEM, "%s: out of memory for %llu bytes", zip->what, (unsigned long long)m->usize);
    else memcpy(out, zip->bytes + m->data, m->usize);
    if (s == AD_OK && (uint32_t)crc32_z(0, out, m->usize) != m->crc)
        s = refuse(&r, m->data, m->name, "the data do not have the CRC-32 that the directory says; the file is damaged");
    if (s != AD_OK) free(out);
    else *data = out;
    return s;
}

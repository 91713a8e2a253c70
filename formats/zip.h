/* zip.h - private to formats: the part of ZIP that npz needs, read through the central directory. */
#ifndef ADZE_FORMATS_ZIP_H
#define ADZE_FORMATS_ZIP_H

#include "formats/bytes.h"

typedef struct ad__zip_member {
    char *name;                /* as in the archive, zero-terminated */
    uint64_t csize, usize;     /* compressed and not */
    uint64_t local, data;      /* offsets of its local header and of its bytes */
    uint32_t crc;
    int method;                /* 0 stored, 8 deflated */
} ad__zip_member;

typedef struct ad__zip {
    const char *what;          /* borrowed */
    const uint8_t *bytes;      /* borrowed */
    size_t size;
    int64_t n;
    ad__zip_member *member;
} ad__zip;

/* Checks the whole directory, the local headers and that no two members overlap. */
ad_status ad__zip_parse(ad_error *e, const char *what, const void *borrowed, size_t size, ad__zip *zip);
void ad__zip_fini(ad__zip *zip);
/* A member's bytes, unpacked and checked against its CRC-32: malloc'ed, zip->member[i].usize of them. */
ad_status ad__zip_unpack(ad_error *e, const ad__zip *zip, int64_t i, void **data);

#endif

/*
 * paths.c - patterns over the paths of weights, sites and values.
 *
 * A pattern is the last parts of a path ("conv.w", "cbr/conv.w"), or its first parts, and then it stands for everything below them
 * ("posterior", "posterior/h[3]/stage"). `*` is any text inside one part; "h" also matches "h[2,1]", "conv.w" also "conv#2.w", and
 * "table" the operand of that name of any op.
 */
#include <string.h>

#include "models/models.h"

/* Any text for '*'; no more. */
static bool glob(const char *p, const char *p_end, const char *s, const char *s_end)
{
    while (p < p_end && *p != '*') {
        if (s == s_end || *p != *s) return false;
        p++;
        s++;
    }
    if (p == p_end) return s == s_end;
    for (; s <= s_end; s++)
        if (glob(p + 1, p_end, s, s_end)) return true;
    return false;
}

/* Copies a part of a path without "[..]" and "#k", unless they are wanted. */
static size_t strip(const char *s, const char *end, bool brackets, bool counts, char *out, size_t size)
{
    size_t n = 0;
    while (s < end && n + 1 < size) {
        if (brackets && *s == '[') {
            while (s < end && *s != ']') s++;
            s += s < end;
        } else if (counts && *s == '#') {
            s++;
            while (s < end && *s >= '0' && *s <= '9') s++;
        } else {
            out[n++] = *s++;
        }
    }
    return n;
}

static bool part_matches(const char *p, const char *p_end, const char *s, const char *s_end)
{
    char plain[512];
    if (glob(p, p_end, s, s_end)) return true;
    size_t n = strip(s, s_end, !memchr(p, '[', (size_t)(p_end - p)), !memchr(p, '#', (size_t)(p_end - p)), plain, sizeof plain);
    const char *dot = memchr(plain, '.', n);
    return glob(p, p_end, plain, plain + n) || (dot && glob(p, p_end, dot + 1, plain + n));
}

static const char *part_end(const char *s)
{
    const char *slash = strchr(s, '/');
    return slash ? slash : s + strlen(s);
}

/* Whether the parts of the pattern match those of the path from here on; *rest is what remains of the path. */
static bool from_here(const char *pattern, const char *path, const char **rest)
{
    for (;;) {
        const char *p_end = part_end(pattern), *s_end = part_end(path);
        if (!part_matches(pattern, p_end, path, s_end)) return false;
        *rest = s_end;
        if (!*p_end) return true;
        if (!*s_end) return false;
        pattern = p_end + 1;
        path = s_end + 1;
    }
}

bool ad_path_matches(const char *pattern, const char *path)
{
    const char *rest;
    if (strcmp(pattern, "*") == 0) return true;
    if (from_here(pattern, path, &rest)) return true;
    for (const char *s = strchr(path, '/'); s; s = strchr(s + 1, '/'))
        if (from_here(pattern, s + 1, &rest) && !*rest) return true;
    return false;
}

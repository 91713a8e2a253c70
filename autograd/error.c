/* error.c - statuses and messages. */
#include "autograd/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text;
    int exit_status;
} statuses[] = {
#define X(name, exit_status, text) { text, exit_status },
    AD_STATUS_MAP(X)
#undef X
};

const char *ad_status_text(ad_status s)
{
    return (unsigned)s < AD_STATUS_COUNT ? statuses[s].text : "unknown status";
}

int ad_status_exit(ad_status s)
{
    return (unsigned)s < AD_STATUS_COUNT ? statuses[s].exit_status : 8;
}

ad_status ad_fail(ad_error *e, ad_status s, const char *format, ...)
{
    if (!e || e->status != AD_OK) return s;
    e->status = s;
    va_list args;
    va_start(args, format);
    vsnprintf(e->message, sizeof e->message, format, args);
    va_end(args);
    return s;
}

ad_status ad_error_prefix(ad_error *e, const char *format, ...)
{
    if (!e || e->status == AD_OK) return e ? e->status : AD_OK;
    char rest[sizeof e->message];
    memcpy(rest, e->message, sizeof rest);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(e->message, sizeof e->message, format, args);
    va_end(args);
    if (n < 0 || (size_t)n + 3 > sizeof e->message) return e->status;
    size_t room = sizeof e->message - (size_t)n - 3, length = strlen(rest);
    if (length > room) length = room;
    memcpy(e->message + n, ": ", 2);
    memcpy(e->message + n + 2, rest, length);
    e->message[(size_t)n + 2 + length] = '\0';
    return e->status;
}

void ad_error_clear(ad_error *e)
{
    e->status = AD_OK;
    e->message[0] = '\0';
}

void ad_assert_failed(const char *file, int line, const char *text, long long left, long long right)
{
    fprintf(stderr, "%s:%d: internal error: %s does not hold (%lld, %lld); please report\n", file, line, text, left, right);
    abort();
}

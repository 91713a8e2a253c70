/*
 * error.h - statuses, messages and the two macros that pass them on.
 *
 * The library never prints, exits or aborts on a user's mistake: a function returns a status, and the message, with the values
 * and what would have been right, waits in an ad_error. The first error wins; later ones are dropped until ad_error_clear.
 */
#ifndef ADZE_AUTOGRAD_ERROR_H
#define ADZE_AUTOGRAD_ERROR_H

#if defined(__GNUC__)
#define AD_API __attribute__((visibility("default")))
#define AD_CHECKED __attribute__((warn_unused_result))
#define AD_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define AD_API
#define AD_CHECKED
#define AD_PRINTF(fmt, args)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* name, exit status of the program (docs/cli.md), text */
#define AD_STATUS_MAP(X)                                             \
    X(OK,          0, "ok")                                          \
    X(ECHECK,      1, "a check failed")                              \
    X(EUSAGE,      2, "wrong use")                                   \
    X(ESHAPE,      2, "shapes do not fit")                           \
    X(EATTR,       2, "bad attribute")                               \
    X(EMODEL,      2, "error in a model file")                       \
    X(EDATA,       3, "malformed data file")                         \
    X(ECHECKPOINT, 4, "unreadable or unfitting checkpoint")          \
    X(EIO,         5, "input or output failed")                      \
    X(ENUMERIC,    6, "a value is not finite")                       \
    X(ENOMEM,      7, "out of memory")                               \
    X(EINTERNAL,   8, "internal error")

typedef enum ad_status {
#define X(name, exit_status, text) AD_##name,
    AD_STATUS_MAP(X)
#undef X
    AD_STATUS_COUNT
} ad_status;

typedef struct ad_error {
    ad_status status;
    char message[4096];
} ad_error;

/* Text and exit status of a code, from the list above. */
AD_API const char *ad_status_text(ad_status s);
AD_API int ad_status_exit(ad_status s);

/* Records `s` and the formatted message in `e` unless an error is there already; returns `s`. `e` may be NULL. */
AD_API ad_status ad_fail(ad_error *e, ad_status s, const char *format, ...) AD_PRINTF(3, 4);
/* Puts a formatted text and ": " before the message of an error on its way up (a file name, a place); returns e->status. */
AD_API ad_status ad_error_prefix(ad_error *e, const char *format, ...) AD_PRINTF(2, 3);
AD_API void ad_error_clear(ad_error *e);

#define AD_FAIL(e, code, ...) ad_fail((e), AD_##code, __VA_ARGS__)
#define AD_TRY(expression)                                           \
    do {                                                             \
        ad_status ad_try_status = (expression);                      \
        if (ad_try_status != AD_OK) return ad_try_status;            \
    } while (0)

/* Our own mistakes, not the caller's: prints both sides with file and line, and stops, in release builds too. */
#define AD_ASSERT_EQ(a, b)                                                                                   \
    do {                                                                                                     \
        long long ad_left = (long long)(a), ad_right = (long long)(b);                                       \
        if (ad_left != ad_right) ad_assert_failed(__FILE__, __LINE__, #a " == " #b, ad_left, ad_right);      \
    } while (0)
#define AD_ASSERT(condition)                                                                                 \
    do {                                                                                                     \
        if (!(condition)) ad_assert_failed(__FILE__, __LINE__, #condition, 0, 1);                            \
    } while (0)
AD_API void ad_assert_failed(const char *file, int line, const char *text, long long left, long long right)
    __attribute__((noreturn));

#ifdef __cplusplus
}
#endif
#endif

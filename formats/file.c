/*
 * file.c - files read whole, and files written whole or not at all.
 *
 * Writing: a temporary beside the target, its disk space reserved first so that a full disk is found before any work; data; fsync;
 * rename; fsync of the directory. After any failure the temporary is removed and the old file, if there was one, is untouched.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "formats/bytes.h"

#define READ_STEP ((size_t)1 << 20)
#define WRITE_STEP ((size_t)1 << 30)      /* a single write of more than 2 GiB is cut short anyway */

static ad_status read_all(ad_error *e, const char *path, int fd, size_t expected, size_t limit, char **data, size_t *size)
{
    size_t capacity = (expected < limit ? expected : limit) + 2, n = 0;
    char *p = malloc(capacity);
    for (;;) {
        if (!p) return AD_FAIL(e, ENOMEM, "%s: out of memory for %zu bytes", path, capacity);
        ssize_t got = read(fd, p + n, capacity - 1 - n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            free(p);
            return AD_FAIL(e, EIO, "%s: cannot be read at byte %zu: %s", path, n, strerror(errno));
        }
        n += (size_t)got;
        if (n > limit) {
            free(p);
            return AD_FAIL(e, EDATA, "%s: byte %zu: the file is larger than the limit of %zu bytes", path, limit, limit);
        }
        if (got == 0) break;
        if (n < capacity - 1) continue;
        capacity += capacity / 2 + READ_STEP;
        char *more = realloc(p, capacity);
        if (!more) free(p);
        p = more;
    }
    p[n] = '\0';
    *data = p;
    *size = n;
    return AD_OK;
}

ad_status ad_file_read(ad_error *e, const char *path, size_t limit, void **data, size_t *size)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return AD_FAIL(e, EIO, "%s: cannot be opened: %s", path, strerror(errno));
    struct stat st;
    size_t expected = 0;
    ad_status s = AD_OK;
    char *text = NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) expected = (size_t)st.st_size;
    if (expected > limit)
        s = AD_FAIL(e, EDATA, "%s: byte %zu: the file has %zu bytes, more than the limit of %zu", path, limit, expected, limit);
    else s = read_all(e, path, fd, expected, limit, &text, size);
    *data = text;
    if (!standard) close(fd);
    return s;
}

struct ad_writer {
    ad_error *error;
    char *path, *temporary;
    int fd, directory;
    uint64_t size;
    ad_status status;
};

static ad_status broken(ad_writer *w, const char *action)
{
    int cause = errno;
    const char *why = cause == ENOSPC ? "the disk is full" : cause == EDQUOT ? "the disk quota is used up"
                    : cause == EFBIG ? "the file size limit is reached" : strerror(cause);
    if (w->status == AD_OK)
        w->status = AD_FAIL(w->error, EIO, "%s: cannot %s %llu bytes: %s; nothing was changed", w->path, action,
                            (unsigned long long)w->size, why);
    return w->status;
}

static void writer_free(ad_writer *w)
{
    if (w->fd >= 0) close(w->fd);
    if (w->directory >= 0) close(w->directory);
    free(w->path);
    free(w->temporary);
    free(w);
}

/* The directory part of a path into a new text: "." where there is none. */
static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return strdup(".");
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* Opens ".NAME.PID-K.tmp" in the directory; K avoids what another thread or a dead process left. */
static ad_status open_temporary(ad_writer *w)
{
    const char *slash = strrchr(w->path, '/'), *name = slash ? slash + 1 : w->path;
    if (!*name) return AD_FAIL(w->error, EIO, "%s: cannot be written: the path ends in '/'; name a file", w->path);
    for (int k = 0; k < 1000 && w->fd < 0; k++) {
        snprintf(w->temporary, 256, ".%.200s.%ld-%d.tmp", name, (long)getpid(), k);
        w->fd = openat(w->directory, w->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (w->fd < 0 && errno != EEXIST) break;
    }
    return w->fd < 0 ? broken(w, "create a file for") : AD_OK;
}

static ad_status reserve_space(ad_writer *w)
{
#ifdef HAVE_FALLOCATE
    if (w->size && fallocate(w->fd, 0, 0, (off_t)w->size) != 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EIO))
        return broken(w, "reserve");
#endif
    return AD_OK;
}

ad_status ad_writer_new(ad_error *e, const char *path, uint64_t size, ad_writer **writer)
{
    *writer = NULL;
    ad_writer *w = calloc(1, sizeof *w);
    if (!w) return AD_FAIL(e, ENOMEM, "%s: out of memory", path);
    *w = (ad_writer){ .error = e, .path = strdup(path), .temporary = calloc(1, 256), .fd = -1, .directory = -1, .size = size };
    char *directory = directory_of(path);
    struct stat st;
    ad_status s = AD_OK;
    if (!w->path || !w->temporary || !directory) s = AD_FAIL(e, ENOMEM, "%s: out of memory", path);
    else if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        s = AD_FAIL(e, EIO, "%s: cannot be written: it is there and is not a regular file", path);
    else if ((w->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        s = AD_FAIL(e, EIO, "%s: cannot be written: folder %s: %s", path, directory, strerror(errno));
    else s = open_temporary(w);
    free(directory);
    if (s != AD_OK) {
        writer_free(w);
        return s;
    }
    s = reserve_space(w);
    if (s != AD_OK) {
        ad_writer_cancel(w);
        return s;
    }
    *writer = w;
    return AD_OK;
}

ad_status ad_writer_put(ad_writer *w, uint64_t offset, const void *data, size_t size)
{
    const char *p = data;
    while (size && w->status == AD_OK) {
        ssize_t n = pwrite(w->fd, p, size < WRITE_STEP ? size : WRITE_STEP, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            if (n == 0) errno = ENOSPC;
            return broken(w, "write");
        }
        p += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return w->status;
}

ad_status ad_writer_commit(ad_writer *w)
{
    if (w->status == AD_OK && fsync(w->fd) != 0) broken(w, "sync");
    if (w->status == AD_OK) {
        int fd = w->fd;
        w->fd = -1;
        if (close(fd) != 0) broken(w, "close");
    }
    const char *slash = strrchr(w->path, '/'), *name = slash ? slash + 1 : w->path;
    if (w->status == AD_OK && renameat(w->directory, w->temporary, w->directory, name) != 0) broken(w, "rename");
    if (w->status != AD_OK) {
        ad_status s = w->status;
        ad_writer_cancel(w);
        return s;
    }
    /* Some file systems cannot sync a directory (EINVAL); the file is complete by then in any case. */
    if (fsync(w->directory) != 0 && errno != EINVAL && errno != ENOSYS) broken(w, "sync the folder of");
    ad_status s = w->status;
    writer_free(w);
    return s;
}

void ad_writer_cancel(ad_writer *w)
{
    if (!w) return;
    unlinkat(w->directory, w->temporary, 0);
    writer_free(w);
}

ad_status ad_file_write(ad_error *e, const char *path, const void *data, size_t size)
{
    ad_writer *w;
    AD_TRY(ad_writer_new(e, path, size, &w));
    ad_status s = ad_writer_put(w, 0, data, size);
    if (s != AD_OK) {
        ad_writer_cancel(w);
        return s;
    }
    return ad_writer_commit(w);
}

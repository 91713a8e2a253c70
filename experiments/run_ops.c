/*
 * run_ops.c - shared objects of ops that a run was trained with: named in its manifest, loaded when a program asks for it.
 *
 * Loading an object runs its code, before any check of its ops. The SHA-256 says that it is the object of the training, not that it is
 * harmless: who wrote the manifest may have written the object too. So a manifest and an object count only if they belong to the user of
 * this process (or root) and not everybody may write them, and a run cannot bring the object along in its own folder.
 */
#include "config.h"

#include "experiments/experiment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void ad__ops_put(ad_json_writer *w, const ad_ctx *ctx)
{
    ad_ops_object o;
    if (!ad_ctx_ops_at(ctx, 0, &o)) return;
    ad_json_open_array(w, "ops");
    for (int i = 0; ad_ctx_ops_at(ctx, i, &o); i++) {
        ad_json_open_object(w, NULL);
        ad_json_put_text(w, "path", o.path);
        ad_json_put_text(w, "sha256", o.sha256);
        ad_json_close(w);
    }
    ad_json_close(w);
}

typedef struct wanted {
    ad_error *error;
    const char *directory, *path, *sha256;
} wanted;

static ad_status refuse(const wanted *w, ad_status status, const char *why)
{
    return ad_fail(w->error, status, "%s was trained with ops of %s (sha256 %s), %s; to use an object that you trust, give --ops FILE.so", w->directory,
                   w->path, w->sha256, why);
}

/* Whether only this user (or root) can have made the file what it is. */
static ad_status check_owner(const wanted *w, const char *file, const char *what)
{
    char why[256];
    struct stat st;
    if (stat(file, &st) != 0) {
        snprintf(why, sizeof why, "but %s cannot be read: %s", what, strerror(errno));
        return refuse(w, AD_EIO, why);
    }
    bool ours = st.st_uid == geteuid() || st.st_uid == 0, open = st.st_mode & S_IWOTH;
    if (ours && !open) return AD_OK;
    snprintf(why, sizeof why, "but %s %s, so nothing is loaded", what, ours ? "may be written by everybody" : "belongs to another user");
    return refuse(w, AD_EUSAGE, why);
}

/* A step that failed, RUN/nan-STEP, is a part of its run. */
static bool lies_in_run(const char *path, const char *directory)
{
    const char *slash = strrchr(directory, '/');
    char whole[AD__PATH + 8];
    snprintf(whole, sizeof whole, "%s%s", directory, strncmp(slash ? slash + 1 : directory, "nan-", 4) ? "" : "/..");
    char *folder = realpath(whole, NULL), *file = realpath(path, NULL);
    size_t n = folder ? strlen(folder) : 0;
    bool in = folder && file && !strncmp(file, folder, n) && (file[n] == '/' || n == 1);
    free(folder);
    free(file);
    return in;
}

static ad_status check(const wanted *w, const char *manifest)
{
    char sum[65], why[160];
    AD_TRY(check_owner(w, manifest, "its manifest.json"));
    if (*w->path != '/') return refuse(w, AD_EUSAGE, "but the path is not absolute, so nothing is loaded");
    AD_TRY(check_owner(w, w->path, "that file"));
    if (lies_in_run(w->path, w->directory)) return refuse(w, AD_EUSAGE, "but a run cannot bring code in its own folder, so nothing is loaded");
    if (ad_sha256_file(NULL, w->path, sum) != AD_OK) return refuse(w, AD_EIO, "but that file cannot be read");
    if (!strcmp(sum, w->sha256)) return AD_OK;
    snprintf(why, sizeof why, "but that file is another one now (sha256 %s)", sum);
    return refuse(w, AD_EUSAGE, why);
}

static bool is_loaded(const ad_ctx *ctx, const char *sha256)
{
    ad_ops_object o;
    for (int i = 0; ad_ctx_ops_at(ctx, i, &o); i++)
        if (!strcmp(o.sha256, sha256)) return true;
    return false;
}

static ad_status use(ad_ctx *ctx, const wanted *w, const char *manifest, const ad_run_ops_options *o)
{
    if (is_loaded(ctx, w->sha256)) return AD_OK;
    if (!o->instead) AD_TRY(check(w, manifest));
    if (o->tell) o->tell(o->arg, w->path, w->sha256);
    if (o->instead || ad_ctx_load_ops(ctx, w->path) == AD_OK) return AD_OK;
    return ad_error_prefix(w->error, "%s", w->directory);
}

static const char *text_of(const ad_json *object, const char *key)
{
    const ad_json *v = object->kind == AD_JSON_OBJECT ? ad_json_get(object, key) : NULL;
    return v && v->kind == AD_JSON_TEXT ? v->text : NULL;
}

ad_status ad_run_load_ops(ad_ctx *ctx, const char *ref, const ad_run_ops_options *options)
{
    static const ad_run_ops_options none;
    ad_error *e = ad_ctx_error(ctx);
    char directory[AD__PATH], manifest[AD__PATH + 32];
    void *data;
    size_t size;
    ad_json *root;
    ad__folder_of(ref, directory, sizeof directory);
    snprintf(manifest, sizeof manifest, "%s/manifest.json", directory);
    if (access(manifest, F_OK) != 0) return AD_OK;
    AD_TRY(ad_file_read(e, manifest, (size_t)1 << 20, &data, &size));
    ad_status s = ad_json_parse(e, manifest, data, size, 4, &root);
    free(data);
    AD_TRY(s);
    const ad_json *ops = root->kind == AD_JSON_OBJECT ? ad_json_get(root, "ops") : NULL;
    for (const ad_json *o = ops ? ops->first : NULL; o && s == AD_OK; o = o->next) {
        const wanted w = { e, directory, text_of(o, "path"), text_of(o, "sha256") };
        if (w.path && w.sha256) s = use(ctx, &w, manifest, options ? options : &none);
        else s = AD_FAIL(e, EDATA, "%s: byte %zu: an entry of 'ops' has a 'path' and a 'sha256'", manifest, o->offset);
    }
    ad_json_free(root);
    return s;
}

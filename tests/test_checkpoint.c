/* Checkpoints: the same bits back, PyTorch's order in the file, and one clear refusal for each way in which a file does not fit. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "formats/formats.h"
#include "models/checkpoint.h"
#include "ops/ops.h"

static ad_ctx *ctx;
static char folder[64];

static int setup(void **state)
{
    ctx = ad_new(NULL);
    strcpy(folder, "test-checkpoint-XXXXXX");
    return ctx && mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    ad_ctx_free(ctx);
    return system(command);
}

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const struct { const char *path; ad_slot slot; ad_layout layout; ad_shape shape; } entries[] = {
    { "net/conv.w", AD_SLOT_PARAM, AD_LAYOUT_CONV, { .rank = 4, .dim = { 3, 2, 4, 5 } } },
    { "net/up.w", AD_SLOT_PARAM, AD_LAYOUT_CONV_TRANSPOSE, { .rank = 4, .dim = { 2, 2, 3, 4 } } },
    { "net/linear.w", AD_SLOT_PARAM, AD_LAYOUT_LINEAR, { .rank = 2, .dim = { 3, 7 } } },
    { "net/norm.mean", AD_SLOT_STATE, AD_LAYOUT_PLAIN, { .rank = 1, .dim = { 5 } } },
    { "objective/average", AD_SLOT_STATE, AD_LAYOUT_PLAIN, { .rank = 0 } },
    { "m/net/conv.w", AD_SLOT_OPTIM, AD_LAYOUT_CONV, { .rank = 4, .dim = { 3, 2, 4, 5 } } },
};
enum { N = sizeof entries / sizeof *entries };

/* A store with the first n entries but `without`. */
static ad_params *store(int n, int without, uint64_t seed)
{
    const ad_init init = { "normal", { 1 } };
    ad_params *p = ad_params_new(ctx, AD_F32);
    for (int i = 0; i < n; i++)
        if (i != without) assert_int_equal(ad_params_add(p, entries[i].path, &entries[i].shape, entries[i].slot, entries[i].layout, &init), AD_OK);
    for (int slot = 0; slot < 3; slot++) assert_int_equal(ad_params_init(p, (ad_slot)slot, seed), AD_OK);
    return p;
}

static const ad_checkpoint about = { .step = 12, .seed = UINT64_MAX, .model = "toy", .model_hash = "abc", .seconds = 0.1 };

static void save(const char *name, ad_params *p)
{
    ad_error *e = ad_ctx_error(ctx);
    if (ad_checkpoint_save(e, in_folder(name), p, &about) != AD_OK) fail_msg("%s", e->message);
}

static void round_trip(void **state)
{
    ad_params *a = store(N, -1, 1), *b = store(N, -1, 2);
    ad_checkpoint found;
    char ha[65], hb[65];
    save("a", a);
    assert_int_equal(ad_checkpoint_load(ad_ctx_error(ctx), in_folder("a"), b, true, "abc", &found), AD_OK);
    ad_params_hash(a, ha);
    ad_params_hash(b, hb);
    assert_string_equal(ha, hb);
    assert_true(found.step == 12 && found.seed == UINT64_MAX && found.seconds == 0.1);
    assert_string_equal(found.model, "toy");
    ad_params_free(a);
    ad_params_free(b);
}

/* conv: file[o][i][y][x] is memory[y][x][i][o]; transposed: file[i][o][y][x] is memory[y][x][i][o]; linear: file[o][i] is memory[i][o]. */
static void order_of_the_file(void **state)
{
    ad_params *p = store(N, -1, 3);
    ad_safetensors *st;
    save("b", p);
    assert_int_equal(ad_safetensors_open(ad_ctx_error(ctx), in_folder("b"), &st), AD_OK);
    const float *m = ad_params_find(p, "net/conv.w")->data;
    const ad_array *a = ad_safetensors_find(st, "net/conv.w");
    assert_true(a->rank == 4 && a->dim[0] == 5 && a->dim[1] == 4 && a->dim[2] == 3 && a->dim[3] == 2);
    assert_true(((const float *)a->data)[((4 * 4 + 1) * 3 + 2) * 2 + 1] == m[((2 * 2 + 1) * 4 + 1) * 5 + 4]);
    m = ad_params_find(p, "net/up.w")->data;
    a = ad_safetensors_find(st, "net/up.w");
    assert_true(a->dim[0] == 3 && a->dim[1] == 4);
    assert_true(((const float *)a->data)[((2 * 4 + 1) * 2 + 1) * 2 + 0] == m[((1 * 2 + 0) * 3 + 2) * 4 + 1]);
    m = ad_params_find(p, "net/linear.w")->data;
    a = ad_safetensors_find(st, "net/linear.w");
    assert_true(a->dim[0] == 7 && ((const float *)a->data)[5 * 3 + 2] == m[2 * 7 + 5]);
    assert_non_null(ad_safetensors_find(st, "optim.m/net/conv.w"));
    ad_safetensors_free(st);
    ad_params_free(p);
}

static void refused(const char *name, ad_params *p, bool optim, const char *hash, const char *part)
{
    ad_error e = { 0 };
    char before[65], after[65];
    ad_params_hash(p, before);
    assert_int_equal(ad_checkpoint_load(&e, in_folder(name), p, optim, hash, NULL), AD_ECHECKPOINT);
    if (!strstr(e.message, part)) fail_msg("expected '%s' in '%s'", part, e.message);
    ad_params_hash(p, after);
    assert_string_equal(before, after);
    ad_params_free(p);
}

static void unfitting_files(void **state)
{
    ad_params *all = store(N, -1, 4), *few = store(N, 2, 4), *other = ad_params_new(ctx, AD_F32);
    const ad_shape shape = { .rank = 2, .dim = { 3, 8 } };
    save("all", all);
    save("few", few);
    refused("few", store(N, -1, 5), true, "abc", "1 tensor\n  missing 'net/linear.w'");
    refused("all", store(N, 2, 5), true, "abc", "1 tensor\n  unknown 'net/linear.w'");
    refused("all", store(N - 1, -1, 5), true, "abc", "unknown 'optim.m/net/conv.w'");
    refused("all", store(N, -1, 5), true, "abd", "written by another model ('toy', abc), not by this one (abd)");
    assert_int_equal(ad_params_add(other, "net/linear.w", &shape, AD_SLOT_PARAM, AD_LAYOUT_LINEAR, NULL), AD_OK);
    refused("all", other, false, NULL, "unfitting 'net/linear.w': F32 [7,3] in the file, the model needs F32 [8,3]");
    ad_params *without = store(N - 1, -1, 5);
    assert_int_equal(ad_checkpoint_load(ad_ctx_error(ctx), in_folder("all"), without, false, NULL, NULL), AD_OK);
    ad_params_free(without);
    ad_params_free(all);
    ad_params_free(few);
}

/* Training goes on with weight and average as they were; a model that is only used takes the average for the weight. */
static void averages_are_the_weights_of_use(void **state)
{
    const ad_init init = { "normal", { 1 } };
    ad_params *averaged[2], *used = store(N - 1, -1, 8);
    for (int i = 0; i < 2; i++) {
        averaged[i] = store(N, -1, 6 + (uint64_t)i);
        assert_int_equal(ad_params_add(averaged[i], "ema.net/conv.w", &entries[0].shape, AD_SLOT_AVERAGE, entries[0].layout, &init), AD_OK);
        assert_int_equal(ad_params_init(averaged[i], AD_SLOT_AVERAGE, (uint64_t)i), AD_OK);
    }
    char before[65], after[65];
    save("averaged", averaged[0]);
    assert_int_equal(ad_checkpoint_load(ad_ctx_error(ctx), in_folder("averaged"), averaged[1], true, NULL, NULL), AD_OK);
    ad_params_hash(averaged[0], before);
    ad_params_hash(averaged[1], after);
    assert_string_equal(before, after);
    assert_int_equal(ad_checkpoint_load(ad_ctx_error(ctx), in_folder("averaged"), used, false, NULL, NULL), AD_OK);
    assert_memory_equal(ad_params_find(used, "net/conv.w")->data, ad_params_find(averaged[0], "ema.net/conv.w")->data, 120 * sizeof(float));
    assert_memory_equal(ad_params_find(used, "net/up.w")->data, ad_params_find(averaged[0], "net/up.w")->data, 48 * sizeof(float));
    refused("averaged", store(N, -1, 9), true, "abc", "1 tensor\n  unknown 'ema.net/conv.w'");
    ad_params_free(used);
    for (int i = 0; i < 2; i++) ad_params_free(averaged[i]);
}

/* One flipped bit in the data is found and its tensor named; a cut file and a foreign one are refused. */
static void damaged_files(void **state)
{
    ad_params *p = store(N, -1, 6);
    void *data;
    size_t size;
    save("whole", p);
    assert_int_equal(ad_file_read(ad_ctx_error(ctx), in_folder("whole"), 1 << 20, &data, &size), AD_OK);
    ((char *)data)[size - 1] ^= 1;
    assert_int_equal(ad_file_write(ad_ctx_error(ctx), in_folder("flipped"), data, size), AD_OK);
    refused("flipped", store(N, -1, 5), true, NULL, "'optim.m/net/conv.w'");
    assert_int_equal(ad_file_write(ad_ctx_error(ctx), in_folder("cut"), data, size - 10), AD_OK);
    refused("cut", store(N, -1, 5), true, NULL, "cut");
    free(data);
    const ad_array one = { .name = "x", .type = AD_ELEMENT_F32, .rank = 0, .data = &(float){ 1 }, .bytes = 4 };
    assert_int_equal(ad_safetensors_write(ad_ctx_error(ctx), in_folder("foreign"), 1, &one, 0, NULL), AD_OK);
    refused("foreign", store(N, -1, 5), true, NULL, "not a checkpoint of this program: the metadata has no 'adze.step'");
    ad_params_free(p);
}

static void publish(int64_t step, ad_params *p, int keep)
{
    char path[256];
    ad_checkpoint_path(folder, step, path, sizeof path);
    ad_checkpoint c = about;
    c.step = step;
    assert_int_equal(ad_checkpoint_save(ad_ctx_error(ctx), path, p, &c), AD_OK);
    if (ad_checkpoint_publish(ad_ctx_error(ctx), folder, step, keep) != AD_OK) fail_msg("%s", ad_ctx_message(ctx));
}

static void latest_is(const char *name)
{
    char path[256];
    ad_error e = { 0 };
    if (ad_checkpoint_latest(&e, folder, path, sizeof path) != AD_OK) fail_msg("%s", e.message);
    assert_string_equal(strrchr(path, '/') + 1, name);
}

static void latest_and_keep(void **state)
{
    ad_params *p = store(N, -1, 7);
    char path[256];
    ad_error e = { 0 };
    assert_int_equal(ad_checkpoint_latest(&e, folder, path, sizeof path), AD_ECHECKPOINT);
    assert_int_equal(ad_file_write(ad_ctx_error(ctx), in_folder(".step-000000001.safetensors.1-0.tmp"), "x", 1), AD_OK);
    for (int64_t step = 10; step <= 40; step += 10) publish(step, p, 2);
    latest_is("step-000000040.safetensors");
    assert_int_equal(access(in_folder("step-000000030.safetensors"), F_OK), 0);
    assert_int_not_equal(access(in_folder("step-000000020.safetensors"), F_OK), 0);
    assert_int_not_equal(access(in_folder(".step-000000001.safetensors.1-0.tmp"), F_OK), 0);
    assert_int_equal(truncate(in_folder("step-000000040.safetensors"), 100), 0);
    latest_is("step-000000030.safetensors");
    assert_int_equal(unlink(in_folder("LATEST")), 0);
    latest_is("step-000000030.safetensors");
    ad_params_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip), cmocka_unit_test(order_of_the_file), cmocka_unit_test(unfitting_files), cmocka_unit_test(averages_are_the_weights_of_use),
        cmocka_unit_test(damaged_files), cmocka_unit_test(latest_and_keep),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* inspect.c - adze inspect: tells what REF is by its content, and summarises it without running it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/inspect.h"

/* ---- files of arrays ---- */

static void array_cells(cli_table *t, ad_json_writer *w, const ad_array *a)
{
    char shape[AD_ARRAY_TEXT], bytes[32];
    cli_table_row(t, "%s\t%s\t%s", a->name ? a->name : "-", ad_array_text(a, shape), cli_bytes((double)a->bytes, bytes));
    ad_json_open_object(w, NULL);
    ad_json_put_text(w, "name", a->name);
    ad_json_put_text(w, "type", ad_element_name(a->type));
    ad_json_open_array(w, "shape");
    for (int k = 0; k < a->rank; k++) ad_json_put_int(w, NULL, a->dim[k]);
    ad_json_close(w);
    ad_json_put_int(w, "bytes", (int64_t)a->bytes);
    ad_json_close(w);
}

/* Prints what was collected, or only gives the memory back. */
static ad_status finish(cli *c, ad_status s, cli_table *t, ad_json_writer *w)
{
    if (s == AD_OK && c->asked.json) cli_json_print(w);
    else if (s == AD_OK) cli_table_print(t);
    ad_text_free(&t->text);
    ad_text_free(&w->text);
    return s;
}

static ad_status inspect_npz(cli *c, const char *path)
{
    ad_npz *z;
    cli_table t = { 0 };
    ad_json_writer w = { .indent = 2 };
    AD_TRY(ad_npz_open(&c->error, path, &z));
    ad_status s = AD_OK;
    cli_table_row(&t, "array\tshape\tbytes>");
    ad_json_open_array(&w, NULL);
    for (int i = 0; i < ad_npz_count(z) && s == AD_OK; i++) {
        const ad_array *a;
        s = ad_npz_find(&c->error, z, ad_npz_name(z, i), &a);
        if (s == AD_OK) array_cells(&t, &w, a);
        if (s == AD_OK) ad_npz_drop(z, ad_npz_name(z, i));
    }
    ad_json_close(&w);
    ad_npz_free(z);
    return finish(c, s, &t, &w);
}

static ad_status inspect_npy(cli *c, const char *path)
{
    ad_array a;
    cli_table t = { 0 };
    ad_json_writer w = { .indent = 2 };
    AD_TRY(ad_npy_read(&c->error, path, &a));
    cli_table_row(&t, "array\tshape\tbytes>");
    ad_json_open_array(&w, NULL);
    array_cells(&t, &w, &a);
    ad_json_close(&w);
    free((void *)a.data);
    return finish(c, AD_OK, &t, &w);
}

/* One line each, cut where it gets long. */
static void print_metadata(const ad_safetensors *st)
{
    cli_table t = { 0 };
    ad_metadata m;
    for (int64_t i = 0; ad_safetensors_metadata_at(st, i, &m); i++) {
        char value[100];
        size_t n = strlen(m.value);
        if (strcmp(m.key, "crc32c") == 0) continue;
        snprintf(value, sizeof value, "%s", m.value);
        for (char *p = value; *p; p++)
            if ((unsigned char)*p < ' ') *p = ' ';
        cli_table_row(&t, "%s\t%s%s", m.key, value, n >= sizeof value ? "..." : "");
    }
    cli_table_print(&t);
}

/* Reading has checked every checksum, so that a file which is listed is whole. */
static ad_status inspect_safetensors(cli *c, const char *path)
{
    ad_safetensors *st;
    cli_table t = { 0 };
    ad_json_writer w = { .indent = 2 };
    ad_metadata m;
    AD_TRY(ad_safetensors_open(&c->error, path, &st));
    cli_table_row(&t, "tensor\tshape\tbytes>");
    ad_json_open_object(&w, NULL);
    ad_json_open_object(&w, "metadata");
    for (int64_t i = 0; ad_safetensors_metadata_at(st, i, &m); i++) ad_json_put_text(&w, m.key, m.value);
    ad_json_close(&w);
    ad_json_open_array(&w, "tensors");
    int64_t elements = 0;
    for (int64_t i = 0; i < ad_safetensors_count(st); i++) {
        const ad_array *a = ad_safetensors_at(st, i);
        array_cells(&t, &w, a);
        elements += ad_array_count(a);
    }
    ad_json_close(&w);
    ad_json_close(&w);
    char number[32];
    if (!c->asked.json) print_metadata(st);
    if (!c->asked.json) printf("%lld tensors, %s elements, checksums %s\n\n", (long long)ad_safetensors_count(st), cli_grouped(elements, number),
                               ad_safetensors_metadata(st, "crc32c") ? "hold" : "absent");
    ad_safetensors_free(st);
    return finish(c, AD_OK, &t, &w);
}

static ad_status inspect_png(cli *c, const char *path)
{
    ad_image image;
    AD_TRY(ad_png_read(&c->error, path, &image));
    if (c->asked.json) {
        ad_json_writer w = { .indent = 2 };
        ad_json_open_object(&w, NULL);
        ad_json_put_int(&w, "width", image.width);
        ad_json_put_int(&w, "height", image.height);
        ad_json_put_int(&w, "channels", image.channels);
        ad_json_close(&w);
        cli_json_print(&w);
    } else printf("%d x %d pixels, %s\n", image.width, image.height, image.channels == 1 ? "grey" : "RGB");
    ad_image_free(&image);
    return AD_OK;
}

/* ---- experiments and runs ---- */

static ad_status inspect_experiment(cli *c, const char *path)
{
    ad_experiment *x;
    ad_plan p;
    cli_table t = { 0 };
    ad_json_writer w = { .indent = 2 };
    const ad_experiment_options o = cli_experiment_options(c);
    AD_TRY(ad_experiment_open(c->ctx, path, &o, c->diagnostics, &x));
    cli_table_row(&t, "run\tmodel\tsteps>\tbatch>\tseed>");
    ad_json_open_array(&w, NULL);
    for (int i = 0; ad_experiment_at(x, i, &p); i++) {
        cli_table_row(&t, "%s\t%s\t%lld\t%lld\t%llu", p.name, p.model, (long long)p.steps, (long long)p.batch, (unsigned long long)p.seed);
        ad_json_open_object(&w, NULL);
        ad_json_put_text(&w, "run", p.name);
        ad_json_put_text(&w, "model", p.model);
        ad_json_put_int(&w, "steps", p.steps);
        ad_json_put_int(&w, "batch", p.batch);
        ad_json_put_int(&w, "seed", (int64_t)p.seed);
        ad_json_close(&w);
    }
    ad_json_close(&w);
    if (!c->asked.json) printf("experiment  %s\n\n", ad_experiment_name(x));
    ad_experiment_free(x);
    return finish(c, AD_OK, &t, &w);
}

static ad_status inspect_run(cli *c, const char *path)
{
    ad_trained *r;
    const ad_experiment_options o = cli_experiment_options(c);
    AD_TRY(cli_run_ops(c, path));
    AD_TRY(ad_trained_open(c->ctx, path, c->asked.checkpoint, &o, &r));
    char hash[65];
    ad_params_hash(ad_trained_params(r), hash);
    if (!c->asked.json) printf("run         %s\ncheckpoint  %s, step %lld\nsha256      %s (weights and state)\n\n", path, ad_trained_checkpoint(r),
                               (long long)ad_trained_step(r), hash);
    ad_status s = cli_inspect_model(c, ad_trained_model(r));
    ad_trained_free(r);
    return s;
}

static ad_status inspect_model_file(cli *c, const char *ref)
{
    ad_model *m;
    AD_TRY(cli_open_model(c, ref, c->asked.profile, &m));
    ad_status s = cli_inspect_model(c, m);
    ad_model_free(m);
    return s;
}


/* ---- what is it ---- */

static ad_status only_for_models(cli *c, const char *path, const char *what);

static ad_status inspect_text(cli *c, const char *path)
{
    if (!ad_is_experiment(path)) return inspect_model_file(c, path);
    AD_TRY(only_for_models(c, path, "an experiment"));
    return inspect_experiment(c, path);
}

/* By the first bytes; a safetensors file has the length of its header, then a brace. Everything else is text. */
static const struct {
    const char *what, *magic;
    size_t at, bytes;
    ad_status (*inspect)(cli *c, const char *path);
} kinds[] = {
    { "an archive of arrays", "PK", 0, 2, inspect_npz },
    { "an array", "\x93NUMPY", 0, 6, inspect_npy },
    { "a picture", "\x89PNG", 0, 4, inspect_png },
    { "a file of tensors", "{", 8, 1, inspect_safetensors },
    { NULL, "", 0, 0, inspect_text },
};

/* Options that would have no effect on what REF turned out to be are refused. */
static ad_status only_for_models(cli *c, const char *path, const char *what)
{
    const cli_request *q = &c->asked;
    if (!q->expand && !q->tape && !q->dot && !q->memory && !q->svg && !q->program && !q->batch && !q->profile) return AD_OK;
    return AD_FAIL(&c->error, EUSAGE, "%s is %s; expand, tape, dot, memory, svg, program, batch and profile are for models", path, what);
}

static ad_status inspect_file(cli *c, const char *path)
{
    char start[16] = { 0 };
    FILE *f = fopen(path, "rb");
    if (!f) return AD_FAIL(&c->error, EIO, "%s: cannot be opened: is it zoo:NAME, a model file, a run, a checkpoint, an experiment or a data file?", path);
    size_t n = fread(start, 1, sizeof start, f);
    fclose(f);
    bool binary = memchr(start, 0, n) != NULL;
    for (size_t i = 0;; i++) {
        if (kinds[i].at == 8 && !binary) continue;
        if (kinds[i].at + kinds[i].bytes > n || memcmp(start + kinds[i].at, kinds[i].magic, kinds[i].bytes) != 0) continue;
        if (kinds[i].what) AD_TRY(only_for_models(c, path, kinds[i].what));
        return kinds[i].inspect(c, path);
    }
}

static ad_status run(cli *c)
{
    const char *ref = c->asked.arguments.item[0];
    struct stat st;
    bool folder = stat(ref, &st) == 0 && S_ISDIR(st.st_mode);
    if (c->asked.checkpoint && !folder) return AD_FAIL(&c->error, EUSAGE, "--checkpoint chooses one of a run; %s is no run directory", ref);
    if (strncmp(ref, "zoo:", 4) == 0) return inspect_model_file(c, ref);
    return folder ? inspect_run(c, ref) : inspect_file(c, ref);
}

static const char *const options[] = {
    "expand", "tape", "dot", "memory", "svg", "program", "batch", "profile", "set", "checkpoint", "zoo", "ops", "lenient", "json", NULL
};
static const char *const examples[] = {
    "adze inspect zoo:phiseg --set L=1", "adze inspect zoo:hpu_net --memory --batch 12", "adze inspect runs/a",
    "adze inspect zoo:phiseg --memory --batch 12 --svg memory.svg", "adze inspect zoo:phiseg --profile tiny --dot | dot -Tsvg > phiseg.svg", NULL
};

const cli_command cli_inspect = {
    .name = "inspect", .usage = "zoo:NAME | FILE | RUN", .doc = "Look at a model, a run, a checkpoint, an experiment or a data file",
    .details = "What it is, is told by its content. For a model: layers with weights and multiply-accumulates, nets, programs, parameters.",
    .bare = "memory", .options = options, .examples = examples, .least = 1, .most = 1, .run = run,
};

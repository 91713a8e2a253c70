/* zoo.c - adze zoo: the model definitions that come with the program. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

ad_status cli_open_model(cli *c, const char *ref, const char *profile, ad_model **m)
{
    if (strncmp(ref, "zoo:", 4) == 0) AD_TRY(cli_check_zoo(c, ref));
    const ad_model_options o = { .zoo = c->asked.zoo, .profile = profile, .n_set = c->asked.set.n, .set = c->asked.set.item,
                                 .lenient = c->asked.lenient };
    return ad_model_open(c->ctx, ref, &o, c->diagnostics, m);
}

static void profiles_of(const ad_model *m, ad_text *t)
{
    const char *name;
    for (int i = 0; (name = ad_model_profile(m, i)); i++) ad_text_add(t, i ? ", %s" : "%s", name);
}

static void add_json(ad_json_writer *w, const char *name, const ad_model *m, const ad_model_counts *n)
{
    const char *profile;
    ad_json_open_object(w, NULL);
    ad_json_put_text(w, "name", name);
    ad_json_put_text(w, "doc", ad_model_doc(m));
    ad_json_put_text(w, "file", ad_model_file(m));
    ad_json_put_int(w, "trainable", n->trainable);
    ad_json_put_int(w, "sample", n->sample);
    ad_json_open_array(w, "profiles");
    for (int i = 0; (profile = ad_model_profile(m, i)); i++) ad_json_put_text(w, NULL, profile);
    ad_json_close(w);
    ad_json_close(w);
}

static ad_status list_models(cli *c)
{
    cli_table t = { 0 };
    ad_json_writer w = { .indent = 2 };
    char name[64], ref[80], number[32];
    ad_status s = AD_OK;
    int n = 0;
    cli_table_row(&t, "model\tweights>\tprofiles\t");
    ad_json_open_array(&w, NULL);
    for (; s == AD_OK && ad_zoo_at(c->asked.zoo, n, name); n++) {
        ad_model *m;
        ad_model_counts counts;
        ad_text profiles = { 0 };
        snprintf(ref, sizeof ref, "zoo:%s", name);
        const ad_model_options o = { .zoo = c->asked.zoo };
        /* Warnings are for those who use a model; a list does not repeat them. */
        if ((s = ad_model_open(c->ctx, ref, &o, NULL, &m)) != AD_OK) break;
        ad_model_count(m, &counts);
        profiles_of(m, &profiles);
        cli_table_row(&t, "zoo:%s\t%s\t%s\t%s", name, cli_grouped(counts.trainable, number), profiles.data ? profiles.data : "", ad_model_doc(m));
        add_json(&w, name, m, &counts);
        ad_text_free(&profiles);
        ad_model_free(m);
    }
    if (n == 0) s = cli_check_zoo(c, "zoo:");
    ad_json_close(&w);
    if (s == AD_OK && c->asked.json) cli_json_print(&w);
    else if (s == AD_OK) cli_table_print(&t);
    ad_text_free(&t.text);
    ad_text_free(&w.text);
    return s;
}

ad_status cli_check_zoo(cli *c, const char *ref)
{
    const char *plain = strncmp(ref, "zoo:", 4) == 0 ? ref + 4 : ref, *names[64] = { NULL };
    char known[64];
    int n = 0;
    bool found = false;
    for (; n < 64 && ad_zoo_at(c->asked.zoo, n, known); n++) {
        found = found || strcmp(known, plain) == 0;
        names[n] = strdup(known);
    }
    const char *near = found || n == 0 ? NULL : ad_nearest(plain, n, names);
    ad_status s = AD_OK;
    if (n == 0) s = AD_FAIL(&c->error, EIO, "no models in %s; name the folder with --zoo or ADZE_ZOO", ad_zoo_folder(c->asked.zoo));
    else if (!found) s = AD_FAIL(&c->error, EUSAGE, "no model zoo:%s%s%s%s (adze zoo lists them)", plain, near ? "; did you mean 'zoo:" : "",
                                 near ? near : "", near ? "'?" : "");
    for (int i = 0; i < n; i++) free((char *)names[i]);
    return s;
}

/* The text itself, to be read, copied and changed. */
static ad_status show(cli *c, const char *name)
{
    char path[2048];
    void *data;
    size_t size;
    AD_TRY(cli_check_zoo(c, name));
    snprintf(path, sizeof path, "%s/%s.yaml", ad_zoo_folder(c->asked.zoo), strncmp(name, "zoo:", 4) == 0 ? name + 4 : name);
    AD_TRY(ad_file_read(&c->error, path, 1 << 24, &data, &size));
    return cli_print_text(c, data);
}

static ad_status run(cli *c)
{
    const cli_list *a = &c->asked.arguments;
    const char *action = a->n ? a->item[0] : "list";
    if (strcmp(action, "list") == 0 && a->n < 2) return list_models(c);
    if (strcmp(action, "show") == 0 && c->asked.json) return AD_FAIL(&c->error, EUSAGE, "zoo show prints the text of a model; --json is for zoo list");
    if (strcmp(action, "show") == 0 && a->n == 2) return show(c, a->item[1]);
    if (strcmp(action, "show") == 0) return AD_FAIL(&c->error, EUSAGE, "zoo show needs the name of a model; adze zoo lists them");
    return AD_FAIL(&c->error, EUSAGE, "zoo: unexpected '%s'; usage: adze zoo %s", a->item[a->n - 1], c->command->usage);
}

static const char *const options[] = { "zoo", "json", NULL };
static const char *const examples[] = { "adze zoo", "adze zoo show phiseg > my.yaml", NULL };

const cli_command cli_zoo = {
    .name = "zoo", .usage = "[list | show NAME]", .doc = "The models that come with the program", .details = "", .options = options,
    .examples = examples, .least = 0, .most = 2, .run = run,
};

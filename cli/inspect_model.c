/* inspect_model.c - a model as tables, as pure data, as a tape or a graph, and the memory that its programs take. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/inspect.h"

/* "B,128,128,32" */
static const char *shape_text(const ad_shape *s, char text[AD_SHAPE_TEXT])
{
    int n = 0;
    text[0] = '\0';
    for (int k = 0; k < s->rank; k++) {
        const char *comma = k ? "," : "";
        if (s->dim[k] < 0) n += snprintf(text + n, AD_SHAPE_TEXT - (size_t)n, "%sB", comma);
        else n += snprintf(text + n, AD_SHAPE_TEXT - (size_t)n, "%s%lld", comma, (long long)s->dim[k]);
    }
    return text;
}

/* ---- tables ---- */

static void print_parameters(const ad_model *m)
{
    cli_table t = { 0 };
    ad_model_param p;
    for (int i = 0; ad_model_param_at(m, i, &p); i++)
        cli_table_row(&t, "  %s\t%s\t%s%s%s%s\t%s", p.name, p.type, p.value, strcmp(p.value, p.standard) ? " (default " : "",
                      strcmp(p.value, p.standard) ? p.standard : "", strcmp(p.value, p.standard) ? ")" : "", p.doc ? p.doc : "");
    if (t.rows) printf("\nparameters (--set NAME=VALUE)\n");
    cli_table_print(&t);
}

static void print_rows(const ad_model *m)
{
    cli_table t = { 0 };
    ad_model_row r;
    cli_table_row(&t, "#>\tname\top\toutput\tweights>\tMAC>");
    for (int i = 0; ad_model_row_at(m, i, &r); i++) {
        char shape[AD_SHAPE_TEXT], weights[32] = "-", macs[32] = "-";
        if (r.trainable) cli_grouped(r.trainable, weights);
        if (r.macs > 0) cli_short(r.macs, macs);
        cli_table_row(&t, "%d\t%s\t%s\t%s\t%s\t%s", i, r.path, r.op, shape_text(&r.shape, shape), weights, macs);
    }
    cli_table_print(&t);
}

static void print_nets_and_programs(const ad_model *m)
{
    cli_table t = { 0 };
    const char *name;
    int64_t weights;
    char number[32];
    for (int i = 0; ad_model_net_at(m, i, &name, &weights); i++) cli_table_row(&t, "  %s\t%s weights", name, cli_grouped(weights, number));
    if (t.rows) printf("\nnets\n");
    cli_table_print(&t);
    ad_model_program p;
    for (int i = 0; ad_model_program_at(m, i, &p); i++)
        cli_table_row(&t, "  %s\t%d records\t%sMAC/item\t%s", p.name, p.records, cli_short(p.macs, number),
                      p.objective ? "is trained" : p.training ? "training mode" : "");
    if (t.rows) printf("\nprograms\n");
    cli_table_print(&t);
}

static void print_counts(const ad_model *m)
{
    ad_model_counts n;
    char number[32];
    ad_model_count(m, &n);
    printf("\ntrainable   %s\n", cli_grouped(n.trainable, number));
    if (n.sample) printf("to sample   %s\n", cli_grouped(n.sample, number));
    if (n.dead) printf("dead        %s (declared: without gradient in the training program)\n", cli_grouped(n.dead, number));
    if (n.state) printf("state       %s (not trained)\n", cli_grouped(n.state, number));
}

static void print_tables(const ad_model *m)
{
    printf("%s - %s\n%s%s%s\n\n", ad_model_name(m), ad_model_doc(m), ad_model_file(m), ad_model_profile(m, 0) ? ", profiles: " : "",
           ad_model_profile(m, 0) ? ad_model_profile(m, 0) : "");
    print_rows(m);
    print_parameters(m);
    print_nets_and_programs(m);
    print_counts(m);
}

static void print_json(const ad_model *m)
{
    ad_json_writer w = { .indent = 2 };
    ad_model_counts n;
    ad_model_param p;
    ad_model_row r;
    ad_model_program g;
    char hash[65], shape[AD_SHAPE_TEXT];
    ad_model_count(m, &n);
    ad_model_hash(m, hash);
    ad_json_open_object(&w, NULL);
    ad_json_put_text(&w, "model", ad_model_name(m));
    ad_json_put_text(&w, "doc", ad_model_doc(m));
    ad_json_put_text(&w, "file", ad_model_file(m));
    ad_json_put_text(&w, "sha256", hash);
    ad_json_put_int(&w, "trainable", n.trainable);
    ad_json_put_int(&w, "sample", n.sample);
    ad_json_put_int(&w, "state", n.state);
    ad_json_put_int(&w, "dead", n.dead);
    ad_json_open_object(&w, "parameters");
    for (int i = 0; ad_model_param_at(m, i, &p); i++) ad_json_put_text(&w, p.name, p.value);
    ad_json_close(&w);
    ad_json_open_array(&w, "programs");
    for (int i = 0; ad_model_program_at(m, i, &g); i++) {
        ad_json_open_object(&w, NULL);
        ad_json_put_text(&w, "name", g.name);
        ad_json_put_int(&w, "records", g.records);
        ad_json_put_number(&w, "macs", g.macs);
        ad_json_close(&w);
    }
    ad_json_close(&w);
    ad_json_open_array(&w, "layers");
    for (int i = 0; ad_model_row_at(m, i, &r); i++) {
        ad_json_open_object(&w, NULL);
        ad_json_put_text(&w, "path", r.path);
        ad_json_put_text(&w, "op", r.op);
        ad_json_put_text(&w, "output", shape_text(&r.shape, shape));
        ad_json_put_int(&w, "trainable", r.trainable);
        ad_json_put_number(&w, "macs", r.macs);
        ad_json_close(&w);
    }
    ad_json_close(&w);
    ad_json_close(&w);
    cli_json_print(&w);
}

/* ---- one program ---- */

/* The one that --program names, else the one that is trained, else the first. */
static ad_status choose_program(cli *c, const ad_model *m, ad_model_program *chosen)
{
    ad_model_program p;
    ad_text names = { 0 };
    bool found = false;
    for (int i = 0; ad_model_program_at(m, i, &p); i++) {
        ad_text_add(&names, i ? ", %s" : "%s", p.name);
        if (c->asked.program ? strcmp(p.name, c->asked.program) == 0 : p.objective || i == 0) {
            *chosen = p;
            found = true;
        }
    }
    ad_status s = found ? AD_OK : AD_FAIL(&c->error, EUSAGE, "%s has no program '%s'; it has: %s", ad_model_name(m),
                                          c->asked.program ? c->asked.program : "", names.data ? names.data : "");
    ad_text_free(&names);
    return s;
}

/* What is kept: the loss and the gradients of the program that is trained, the outputs of any other. */
static ad_status list_outputs(cli *c, ad_tape *t, const ad_recorded *r, ad_tensor ***outs, int *n)
{
    ad_bind b;
    int grads = ad_recorded_loss(r) ? ad_recorded_wrt_count(r) : 0, named = 0;
    while (ad_recorded_output_at(r, named, &b)) named++;
    *n = 0;
    *outs = calloc((size_t)(grads + named) + 1, sizeof **outs);
    if (!*outs) return AD_FAIL(&c->error, ENOMEM, "out of memory");
    if (ad_recorded_loss(r)) {
        AD_TRY(ad_gradients(t, ad_recorded_loss(r), grads, ad_recorded_wrt(r), *outs));
        for (int i = 0; i < grads; i++)
            if ((*outs)[i]) (*outs)[(*n)++] = (*outs)[i];
        (*outs)[(*n)++] = ad_recorded_loss(r);
    } else {
        for (; ad_recorded_output_at(r, *n, &b); ++*n) (*outs)[*n] = b.value;
    }
    return AD_OK;
}

static void print_memory(const cli *c, const ad_model_program *p, const ad_tape *t, const ad_program *program, size_t budget, bool trained)
{
    char arena[32], macs[32], costs[CLI_BUDGET];
    const ad_again again = ad_program_again(program);
    printf("program   %s%s, batch %lld\nrecords   %d on the tape, %d in the plan\nmemory    %s (%zu bytes)\nMAC       %s\n", p->name,
           trained ? " with its gradients" : "", (long long)(c->asked.batch ? c->asked.batch : 1), ad_tape_count(t),
           ad_program_records(program), cli_bytes((double)ad_program_arena(program), arena), ad_program_arena(program),
           cli_short(ad_program_macs(program), macs));
    if (budget) printf("budget    %s\n", cli_budget(budget, &again, ad_program_macs(program), costs));
}

/* Buffers over time as a picture. */
static ad_status write_picture(cli *c, const ad_model *m, const ad_model_program *p, const ad_program *program, bool trained)
{
    char title[512];
    snprintf(title, sizeof title, "%s, program %s%s, batch %lld", ad_model_name(m), p->name, trained ? " with its gradients" : "",
             (long long)(c->asked.batch ? c->asked.batch : 1));
    char *text = ad_program_svg(program, title);
    ad_status s = text ? ad_file_write(&c->error, c->asked.svg, text, strlen(text)) : AD_FAIL(&c->error, ENOMEM, "out of memory for the picture");
    free(text);
    return s;
}

static ad_status plan(cli *c, const ad_model *m, const ad_model_program *p, ad_tape *t, const ad_recorded *r)
{
    ad_tensor **outs = NULL;
    ad_program *program = NULL;
    int n = 0;
    ad_status s = list_outputs(c, t, r, &outs, &n);
    ad_plan_options how = { 0 };
    if (s == AD_OK) s = cli_memory(c, &how.memory);
    if (s == AD_OK) s = ad_compile(t, n, outs, &how, &program);
    if (s == AD_OK && c->asked.svg) s = write_picture(c, m, p, program, ad_recorded_loss(r) != NULL);
    if (s == AD_OK && c->asked.tape) cli_inspect_tape(c, t, program);
    if (s == AD_OK && c->asked.memory) print_memory(c, p, t, program, how.memory, ad_recorded_loss(r) != NULL);
    ad_program_free(program);
    free(outs);
    return s;
}

static ad_status show_program(cli *c, const ad_model *m)
{
    ad_model_program p = { 0 };
    ad_params *params = NULL;
    ad_recorded *r = NULL;
    AD_TRY(choose_program(c, m, &p));
    ad_tape *t = ad_tape_new(c->ctx, AD_F32);
    const ad_record_options o = { .batch = c->asked.batch };
    ad_status s = t ? ad_model_params(m, AD_F32, &params) : AD_FAIL(&c->error, ENOMEM, "out of memory");
    if (s == AD_OK) s = ad_model_record(m, p.name, t, params, &o, &r);
    if (s == AD_OK && c->asked.dot) s = cli_print_text(c, ad_tape_dot(t));
    if (s == AD_OK && (c->asked.tape || c->asked.memory)) s = plan(c, m, &p, t, r);
    ad_recorded_free(r);
    ad_tape_free(t);
    ad_params_free(params);
    return s;
}

ad_status cli_inspect_model(cli *c, const ad_model *m)
{
    const cli_request *q = &c->asked;
    if (q->svg && !q->memory) return AD_FAIL(&c->error, EUSAGE, "--svg goes with --memory");
    if (q->json && (q->expand || q->dot || q->memory)) return AD_FAIL(&c->error, EUSAGE, "--json goes with the tables and with --tape");
    if (c->asked.expand) return cli_print_text(c, ad_model_expand(m));
    if (c->asked.tape || c->asked.dot || c->asked.memory) return show_program(c, m);
    if (c->asked.program || c->asked.batch)
        return AD_FAIL(&c->error, EUSAGE, "--program and --batch go with --tape, --dot or --memory");
    if (c->asked.json) print_json(m);
    else print_tables(m);
    return AD_OK;
}

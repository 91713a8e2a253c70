/* inspect_tape.c - every record of a tape with its model line, size and cost, and what the plan made of it. */
#include <stdio.h>
#include <string.h>

#include "cli/inspect.h"

static size_t out_bytes(const ad_record_info *r, ad_precision precision)
{
    size_t bytes = 0;
    for (int k = 0; k < r->n_out; k++) bytes += ad_shape_bytes(ad_tensor_shape(r->out[k]), precision);
    return bytes;
}

/* Leaves by name, constants of one element by value, results by their record: "#12", of one with several outputs "#12.1". */
static void add_input(ad_text *t, ad_tape *tape, ad_tensor *x)
{
    ad_record_info maker;
    int record = x ? ad_tensor_record(x) : -1, k = 0;
    if (!x) ad_text_add(t, "-");
    else if (!ad_tape_record(tape, record, &maker)) {
        bool number = ad_tensor_name(x)[0] == '%' && ad_count(ad_tensor_shape(x)) == 1;
        if (number) ad_text_add(t, "%g", ad_value(x, 0));
        else ad_text_add(t, "%s", ad_tensor_name(x));
    } else {
        while (maker.out[k] != x) k++;
        if (maker.n_out > 1) ad_text_add(t, "#%d.%d", record, k);
        else ad_text_add(t, "#%d", record);
    }
}

/* "x posterior/conv.w (kernel=3)": the operands, then the attributes that differ from their defaults. */
static void add_inputs(ad_text *t, ad_tape *tape, const ad_record_info *r)
{
    char attr[512] = "";
    for (int k = 0; k < r->n_in; k++) {
        if (k) ad_text_add(t, " ");
        add_input(t, tape, r->in[k]);
    }
    if (r->attr) ad_attr_text(r->op, r->attr, attr, sizeof attr);
    if (*attr) ad_text_add(t, " (%s)", attr);
}

/* "4..87 +1" in the arena, else the word that says where the value is. */
static void life_text(const ad_lifetime *l, char text[64])
{
    switch (l->fate) {
    case AD_DROPPED: snprintf(text, 64, "dropped"); break;
    case AD_SHARED: snprintf(text, 64, "is record %d", l->stands_in); break;
    case AD_STORED: snprintf(text, 64, "parameter"); break;
    case AD_IN_BLOCK: snprintf(text, 64, "in chain"); break;
    case AD_IN_ARENA: snprintf(text, 64, "%d..%d", l->first, l->last); break;
    }
    if (l->again) snprintf(text + strlen(text), 64 - strlen(text), " +%d", l->again);
}

static void table_row(cli_table *table, ad_tape *t, const ad_program *p, int i, const ad_record_info *r)
{
    char shape[AD_SHAPE_TEXT], bytes[32], macs[32] = "-", step[16] = "-", life[64], offset[32] = "-", back[16] = "-", line[32] = "-";
    const double cost = ad_record_cost(t, i).macs;
    ad_lifetime l;
    ad_text inputs = { 0 };
    ad_program_lifetime(p, r->out[0], &l);
    life_text(&l, life);
    add_inputs(&inputs, t, r);
    if (cost > 0) cli_short(cost, macs);
    if (l.step >= 0) snprintf(step, sizeof step, "%d", l.step);
    if (l.fate == AD_IN_ARENA) snprintf(offset, sizeof offset, "%s%zu", l.alias ? "=" : "", l.offset);
    if (r->undoes >= 0) snprintf(back, sizeof back, "%d", r->undoes);
    if (r->place && r->place->line) snprintf(line, sizeof line, "%d:%d", r->place->line, r->place->column);
    cli_table_row(table, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", i, r->op->name, back, ad_shape_text(ad_tensor_shape(r->out[0]), shape),
                  cli_bytes((double)out_bytes(r, ad_tape_precision(t)), bytes), macs, step, life, offset, line,
                  r->place && r->place->path ? r->place->path : "-", inputs.data ? inputs.data : "");
    ad_text_free(&inputs);
}

static void print_table(ad_tape *t, const ad_program *p)
{
    cli_table table = { 0 };
    ad_record_info r;
    cli_table_row(&table, "#>\top\tback>\toutput\tbytes>\tMAC>\tstep>\tlives\toffset>\tline\tpath\tinputs");
    for (int i = 0; ad_tape_record(t, i, &r); i++) table_row(&table, t, p, i, &r);
    cli_table_print(&table);
    printf("\n#n: what record n made; back: the record that a gradient rule goes back over; step: of the plan, from 0; lives a..b: steps between which the buffer is taken\n"
           "(+n: made again n times later); offset: bytes into the arena (=: in the buffer of another value); in chain: never leaves the cache\n");
}

static void json_row(ad_json_writer *w, ad_tape *t, const ad_program *p, int i, const ad_record_info *r)
{
    static const char *const fates[] = { [AD_DROPPED] = "dropped", [AD_SHARED] = "shared", [AD_STORED] = "parameter", [AD_IN_BLOCK] = "chain",
                                         [AD_IN_ARENA] = "arena" };
    ad_lifetime l;
    ad_text inputs = { 0 };
    ad_program_lifetime(p, r->out[0], &l);
    add_inputs(&inputs, t, r);
    ad_json_open_object(w, NULL);
    ad_json_put_int(w, "record", i);
    ad_json_put_text(w, "op", r->op->name);
    ad_json_put_text(w, "inputs", inputs.data);
    cli_json_shape(w, "shape", ad_tensor_shape(r->out[0]));
    ad_json_put_int(w, "bytes", (int64_t)out_bytes(r, ad_tape_precision(t)));
    ad_json_put_number(w, "macs", ad_record_cost(t, i).macs);
    ad_json_put_text(w, "fate", fates[l.fate]);
    if (r->undoes >= 0) ad_json_put_int(w, "back_over", r->undoes);
    if (l.step >= 0) ad_json_put_int(w, "step", l.step);
    if (l.again) ad_json_put_int(w, "made_again", l.again);
    if (l.fate == AD_SHARED) ad_json_put_int(w, "stands_in", l.stands_in);
    if (l.fate == AD_IN_ARENA) {
        ad_json_put_int(w, "first", l.first);
        ad_json_put_int(w, "last", l.last);
        ad_json_put_int(w, "offset", (int64_t)l.offset);
        ad_json_put_bool(w, "alias", l.alias);
    }
    cli_json_place(w, r->place);
    ad_json_close(w);
    ad_text_free(&inputs);
}

void cli_inspect_tape(cli *c, ad_tape *t, const ad_program *p)
{
    ad_json_writer w = { .indent = 0 };
    ad_record_info r;
    if (!c->asked.json) {
        print_table(t, p);
        return;
    }
    ad_json_open_array(&w, NULL);
    for (int i = 0; ad_tape_record(t, i, &r); i++) json_row(&w, t, p, i, &r);
    ad_json_close(&w);
    cli_json_print(&w);
}

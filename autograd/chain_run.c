/*
 * chain_run.c - running a chain (chain.c): every link's own forward on one block after another. What does not change from block to
 * block is set up once for a unit of blocks. When a checked run meets a value that is not finite, the blocks run once more, up to the
 * link that made it, to gather what the whole value and its operands are like.
 */
#include <string.h>

#include "autograd/internal.h"

#define BLOCKS_A_UNIT 16

typedef struct chain_run {
    ad_program *p;
    const ad__chain *chain;
    const ad_call *call;
    bool check;
    int failed_link;             /* lowest link with a value that is not finite */
} chain_run;

/* A link on one thread. The last buffer is the result. */
typedef struct bound {
    ad_call call;
    ad_buffer buffer[AD_MAX_OPERANDS + 1];
} bound;

static size_t real_size(ad_precision p)
{
    return p == AD_F64 ? sizeof(double) : sizeof(float);
}

static size_t buffer_bytes(const ad__chain *c, ad_precision p)
{
    return ((size_t)c->block * real_size(p) + 63) & ~(size_t)63;
}

size_t ad__chain_thread_scratch(const ad__chain *c, ad_precision p)
{
    return (size_t)c->n_buffers * buffer_bytes(c, p);
}

/* A row is repeated through its block buffer, by doubling what is there. */
static void tile_rows(const chain_run *r, char *scratch)
{
    const ad__chain *ch = r->chain;
    size_t size = real_size(r->p->precision), buffer = buffer_bytes(ch, r->p->precision);
    for (int i = 0; i < ch->n_slots; i++) {
        const ad__slot *s = &ch->slots[i];
        if (s->span != AD__ROW) continue;
        char *to = scratch + (size_t)s->buffer * buffer;
        size_t done = (size_t)s->n_row * size, all = (size_t)(ch->block / s->n_row) * done;
        memcpy(to, r->p->data[s->value], done);
        for (size_t more; done < all; done += more) {
            more = done < all - done ? done : all - done;
            memcpy(to + done, to, more);
        }
    }
}

static void check_link(chain_run *r, int link, const ad_buffer *out)
{
    if (ad__not_finite(out, r->p->precision) < 0) return;
#pragma omp critical(ad__chain_check)
    if (link < r->failed_link) r->failed_link = link;
}

static const ad__slot *slot_of(const ad__chain *ch, const ad__link *l, int i)
{
    return &ch->slots[i < l->n_in ? l->in[i] : l->out];
}

static void bind(const chain_run *r, bound *b, char *scratch)
{
    const ad__chain *ch = r->chain;
    size_t buffer = buffer_bytes(ch, r->p->precision);
    tile_rows(r, scratch);
    for (int l = 0; l < ch->n_links; l++) {
        const ad__link *link = &ch->links[l];
        bound *at = &b[l];
        at->call = *r->call;
        at->call.attr = link->record->attr;
        at->call.n_in = link->n_in;
        at->call.n_out = 1;
        at->call.in = at->buffer;
        at->call.out = &at->buffer[link->n_in];
        at->call.threads = 1;
        at->call.error = NULL;
        at->call.around = ch->slots[link->out].buffer < 0 && link->out != ch->over &&
                          (size_t)ch->count * real_size(r->p->precision) >= AD__AROUND;
        for (int i = 0; i <= link->n_in; i++) {
            const ad__slot *s = slot_of(ch, link, i);
            at->buffer[i].data = s->buffer >= 0 ? scratch + (size_t)s->buffer * buffer : r->p->data[s->value];
            at->buffer[i].shape.rank = 1;
            at->buffer[i].shape.dtype = AD_REAL;
            at->buffer[i].shape.dim[0] = 1;
        }
    }
}

/* The columns of a window, rows of a block, and the same rows of the wider value; copied by the record's own forward. */
static void copy_window(const chain_run *r, const ad__window *w, const bound *b, char *scratch, int64_t start, int64_t n)
{
    const ad__slot *s = &r->chain->slots[w->slot];
    const ad__record *record = w->record;
    bool reads = w->operand < 0;
    const ad_tensor *narrow = reads ? record->out[0] : record->in[w->operand], *wide = reads ? record->in[0] : record->out[0];
    int64_t columns = ad__row_of(&narrow->shape), all = ad__row_of(&wide->shape), rows = n / columns;
    size_t size = real_size(r->p->precision);
    ad_buffer block = { scratch + (size_t)s->buffer * buffer_bytes(r->chain, r->p->precision), ad__rows_of(&narrow->shape, rows) };
    ad_buffer outside = { (char *)r->p->data[w->value] + (size_t)(start / columns * all) * size, ad__rows_of(&wide->shape, rows) };
    ad_buffer own = { s->local || reads ? NULL : (char *)r->p->data[s->value] + (size_t)start * size, block.shape }, in[AD_MAX_INPUTS];
    for (int k = 0; k < record->n_in; k++) in[k] = (ad_buffer){ NULL, ad__rows_of(&record->in[k]->shape, rows) };
    in[reads ? 0 : w->operand] = reads ? outside : block;
    ad_call c = b->call;
    c.attr = record->attr;
    c.n_in = record->n_in;
    c.in = in;
    c.out = reads ? &block : &outside;
    c.around = !reads && ad_shape_bytes(&wide->shape, r->p->precision) >= AD__AROUND;
    ad_status status = record->op->forward(&c);
    AD_ASSERT_EQ(status, AD_OK);
    if (!own.data) return;
    c.n_in = 1;                  /* joined with nothing, to the place of its own */
    c.in = &block;
    c.out = &own;
    c.around = ad_shape_bytes(&narrow->shape, r->p->precision) >= AD__AROUND;
    status = record->op->forward(&c);
    AD_ASSERT_EQ(status, AD_OK);
}

/* Elements start to start + n - 1, by the first n_links links. */
static void run_block(chain_run *r, bound *b, char *scratch, int n_links, int64_t start, int64_t n)
{
    const ad__chain *ch = r->chain;
    size_t size = real_size(r->p->precision);
    for (int i = 0; i < ch->n_windows; i++)
        if (ch->windows[i].operand < 0) copy_window(r, &ch->windows[i], b, scratch, start, n);
    for (int l = 0; l < n_links; l++) {
        const ad__link *link = &ch->links[l];
        for (int i = 0; i <= link->n_in; i++) {
            const ad__slot *s = slot_of(ch, link, i);
            if (s->span == AD__ONE) continue;
            b[l].buffer[i].shape.dim[0] = n;
            if (s->buffer < 0) b[l].buffer[i].data = (char *)r->p->data[s->value] + (size_t)start * size;
        }
        ad_status s = link->record->op->forward(&b[l].call);
        AD_ASSERT_EQ(s, AD_OK);
        if (r->check) check_link(r, l, b[l].call.out);
    }
    for (int i = 0; i < ch->n_windows; i++)
        if (ch->windows[i].operand >= 0 && n_links == ch->n_links) copy_window(r, &ch->windows[i], b, scratch, start, n);
}

static void run_unit(int64_t unit, void *scratch, void *arg)
{
    chain_run *r = arg;
    const ad__chain *ch = r->chain;
    bound b[AD__MAX_LINKS];
    bind(r, b, scratch);
    for (int64_t i = unit * BLOCKS_A_UNIT; i < (unit + 1) * BLOCKS_A_UNIT; i++) {
        int64_t start = i * ch->block, n = ch->count - start < ch->block ? ch->count - start : ch->block;
        if (n > 0) run_block(r, b, scratch, ch->n_links, start, n);
    }
}

void ad__chain_run_pieces(ad_program *p, const ad__step *s, const ad_call *call, int n, const int64_t (*piece)[2], void *scratch)
{
    const ad__chain *ch = s->chain;
    chain_run r = { .p = p, .chain = ch, .call = call };
    bound b[AD__MAX_LINKS];
    bind(&r, b, scratch);
    for (int i = 0; i < n; i++) {
        int64_t end = piece[i][0] + piece[i][1];
        for (int64_t start = piece[i][0]; start < end; start += ch->block)
            run_block(&r, b, scratch, ch->n_links, start, end - start < ch->block ? end - start : ch->block);
    }
}

/* Ranges of the value that link L makes and of its operands, over all blocks. */
static ad_status describe(chain_run *r, const ad__step *step, const ad_run_options *o)
{
    const ad__chain *ch = r->chain;
    const int L = r->failed_link;
    const ad__link *link = &ch->links[L];
    ad__range out = ad__range_none(), in[AD_MAX_OPERANDS];
    bound b[AD__MAX_LINKS];
    /* What the chain's result lies over is gone by now. */
    const int lost = ch->over >= 0 ? step[-1].out[0] : -1;
    if (lost >= 0) AD_TRY(ad__run_again(r->p, step - 1, o));
    for (int i = 0; i < link->n_in; i++) {
        const ad__slot *s = slot_of(ch, link, i);
        in[i] = ad__range_none();
        if (s->span == AD__FULL && s->value != lost) continue;
        ad__range_add(&in[i], &(ad_buffer){ r->p->data[s->value], r->p->values[s->value].tensor->shape }, r->p->precision);
    }
    bind(r, b, r->call->thread_scratch);
    for (int64_t start = 0; start < ch->count; start += ch->block) {
        run_block(r, b, r->call->thread_scratch, L + 1, start, ch->count - start < ch->block ? ch->count - start : ch->block);
        ad__range_add(&out, b[L].call.out, r->p->precision);
        for (int i = 0; i < link->n_in; i++) {
            const ad__slot *s = slot_of(ch, link, i);
            if (s->span == AD__FULL && s->value != lost) ad__range_add(&in[i], &b[L].buffer[i], r->p->precision);
        }
    }
    return ad__report_not_finite(r->call->error, link->record, 0, &out, in, o->found);
}

ad_status ad__chain_run(ad_program *p, const ad__step *s, ad_call *call, const ad_run_options *o)
{
    chain_run r = { .p = p, .chain = s->chain, .call = call, .check = o->check, .failed_link = s->chain->n_links };
    int64_t unit = s->chain->block * BLOCKS_A_UNIT;
    ad_parallel(call, (s->chain->count + unit - 1) / unit, s->chain->count * s->chain->n_links, run_unit, &r);
    return r.failed_link < s->chain->n_links ? describe(&r, s, o) : AD_OK;
}

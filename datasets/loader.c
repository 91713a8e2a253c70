/*
 * loader.c - training batches, prepared by a thread of their own one batch ahead.
 *
 * Batch s is a pure function of (seed, s): slot b takes item perm_q(r), where s * batch + b = q * count + r and perm_q is the permutation
 * of epoch q; its reader, flip, turns, shift and zoom are uniforms of (seed, step s, draw b). So neither the threads' timing nor where a run was
 * resumed can be seen in the data.
 *
 * Two slots: while the caller works on one, the thread fills the other. A third serves ad_loader_at.
 */
#include "config.h"

#include "datasets/datasets.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

typedef struct slot {
    int64_t step;
    bool ready;
    ad_error error;             /* of making this batch */
    float *x, *onehot;
    int32_t *labels;
    int *reader;
    char (*names)[AD_ITEM_NAME];
    ad_item item;
    float *image;               /* one item on the network's grid, before it is flipped and turned */
    uint8_t *mask;
    int64_t epoch;              /* of `order`; -1: none yet */
    int64_t *order;             /* [count] */
} slot;

enum { SLOTS = 3, LOOK = 2 };

struct ad_loader {
    ad_dataset *data;
    ad_loader_options o;
    int classes, readers;
    int64_t count;
    uint64_t order_key, item_key;
    slot slots[SLOTS];
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool started, stop;
    int64_t next;               /* step that the caller gets next */
    int held;                   /* slot that the caller has, -1: none */
};

/* ---- what is in a batch ---- */

/* The permutation of an epoch, by Fisher and Yates. */
static void permute(const ad_loader *l, slot *s, int64_t epoch)
{
    for (int64_t i = 0; i < l->count; i++) s->order[i] = i;
    for (int64_t i = l->count - 1; i > 0 && !l->o.no_shuffle; i--) {
        int64_t j = (int64_t)(ad_uniform(l->order_key, (uint64_t)epoch, 0, (uint64_t)i) * (double)(i + 1)), swap = s->order[i];
        if (j > i) j = i;
        s->order[i] = s->order[j];
        s->order[j] = swap;
    }
    s->epoch = epoch;
}

/* How an item is shown: what is drawn for slot b of a step. */
typedef struct view {
    int reader, turn;           /* turn: quarter turns */
    bool flip, off;             /* off: not straight, so that `view` says how */
    ad_view view;
} view;

enum { DRAW_READER, DRAW_FLIP, DRAW_TURN, DRAW_DOWN, DRAW_RIGHT, DRAW_ANGLE, DRAW_ZOOM };

static double draw(const ad_loader *l, int64_t step, int b, int what)
{
    return ad_uniform(l->item_key, (uint64_t)step, (uint32_t)b, (uint64_t)what);
}

static int below(const ad_loader *l, int64_t step, int b, int what, int n)
{
    int k = (int)(draw(l, step, b, what) * n);
    return k < n ? k : n - 1;
}

static view view_draw(const ad_loader *l, int64_t step, int b)
{
    view v = { .reader = l->o.reader };
    bool square = l->o.height == l->o.width;
    if (v.reader == AD_READER_RANDOM) v.reader = below(l, step, b, DRAW_READER, l->readers);
    if (l->o.flips) v.flip = below(l, step, b, DRAW_FLIP, 2);
    if (l->o.turns) v.turn = square ? below(l, step, b, DRAW_TURN, 4) : 2 * below(l, step, b, DRAW_TURN, 2);
    for (int k = 0; l->o.shift && k < 2; k++) v.view.moved[k] = below(l, step, b, DRAW_DOWN + k, 2 * l->o.shift + 1) - l->o.shift;
    v.view.degrees = l->o.rotate * (2 * draw(l, step, b, DRAW_ANGLE) - 1);
    v.view.zoom = l->o.zoom > 0 ? pow(l->o.zoom, 2 * draw(l, step, b, DRAW_ZOOM) - 1) : 1;
    v.off = v.view.moved[0] != 0 || v.view.moved[1] != 0 || v.view.degrees != 0 || v.view.zoom != 1;
    return v;
}

/* Where pixel (r, c) of the shown image comes from. Quarter turns need a square. */
static int64_t origin(const view *v, int height, int width, int r, int c)
{
    if (v->flip) c = width - 1 - c;
    switch (v->turn) {
    case 1: return (int64_t)c * width + (height - 1 - r);
    case 2: return (int64_t)(height - 1 - r) * width + (width - 1 - c);
    case 3: return (int64_t)(width - 1 - c) * width + r;
    default: return (int64_t)r * width + c;
    }
}

/* The image as the view shows it, not yet flipped and turned. */
static void show_image(const ad_loader *l, slot *s, const view *v)
{
    if (v->off) ad_view_image(l->o.fit, &s->item, &v->view, l->o.height, l->o.width, s->image);
    else ad_fit_image(l->o.fit, &s->item, l->o.height, l->o.width, s->image);
}

/* One reader's mask, the same. */
static void show_mask(const ad_loader *l, slot *s, const view *v, int reader)
{
    if (v->off) ad_view_mask(l->o.fit, &s->item, reader, &v->view, l->o.height, l->o.width, s->mask);
    else ad_fit_mask(l->o.fit, &s->item, reader, l->o.height, l->o.width, s->mask);
}

static int largest(int n, const float *p)
{
    int best = 0;
    for (int k = 1; k < n; k++)
        if (p[k] > p[best]) best = k;
    return best;
}

static ad_status fill_one(ad_error *e, const ad_loader *l, slot *s, int b)
{
    int64_t number = s->step * l->o.batch + b, epoch = number / l->count;
    int h = l->o.height, w = l->o.width, classes = l->classes;
    view v = view_draw(l, s->step, b);
    if (s->epoch != epoch) permute(l, s, epoch);
    AD_TRY(ad_dataset_read(e, l->data, l->o.split, s->order[number % l->count], &s->item));
    show_image(l, s, &v);
    float *x = s->x + (int64_t)b * h * w, *onehot = s->onehot + (int64_t)b * h * w * classes;
    for (int r = 0; r < h; r++)
        for (int c = 0; c < w; c++) x[r * w + c] = s->image[origin(&v, h, w, r, c)];
    bool all = v.reader == AD_READER_MEAN;
    int first = all ? 0 : v.reader, end = all ? l->readers : v.reader + 1;
    float share = 1 / (float)(end - first);
    memset(onehot, 0, (size_t)h * (size_t)w * (size_t)classes * sizeof *onehot);
    for (int reader = first; reader < end; reader++) {
        show_mask(l, s, &v, reader);
        for (int r = 0; r < h; r++)
            for (int c = 0; c < w; c++) onehot[((int64_t)r * w + c) * classes + s->mask[origin(&v, h, w, r, c)]] += share;
    }
    for (int64_t i = 0; i < (int64_t)h * w; i++) s->labels[(int64_t)b * h * w + i] = largest(classes, onehot + i * classes);
    s->reader[b] = v.reader;
    memcpy(s->names[b], s->item.name, AD_ITEM_NAME);
    return AD_OK;
}

static void fill(const ad_loader *l, slot *s, int64_t step)
{
    s->step = step;
    ad_error_clear(&s->error);
    for (int b = 0; b < l->o.batch; b++)
        if (fill_one(&s->error, l, s, b) != AD_OK) return;
}

static void hand_out(const ad_loader *l, const slot *s, ad_batch *out)
{
    *out = (ad_batch){ .step = s->step, .size = l->o.batch, .height = l->o.height, .width = l->o.width, .classes = l->classes,
                       .x = s->x, .labels = s->labels, .onehot = s->onehot, .names = (const char (*)[AD_ITEM_NAME])s->names, .reader = s->reader };
}

/* ---- the thread ---- */

static void *produce(void *arg)
{
    ad_loader *l = arg;
    pthread_mutex_lock(&l->lock);
    for (int64_t step = l->o.first_step;; step++) {
        slot *s = &l->slots[step % 2];
        while (!l->stop && (s->ready || l->held == step % 2)) pthread_cond_wait(&l->changed, &l->lock);
        if (l->stop) break;
        pthread_mutex_unlock(&l->lock);
        fill(l, s, step);
        pthread_mutex_lock(&l->lock);
        s->ready = true;
        pthread_cond_broadcast(&l->changed);
        if (s->error.status != AD_OK) break;
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* Signals are for the thread that runs the program: this one takes none. */
static ad_status start(ad_error *e, ad_loader *l)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&l->thread, NULL, produce, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) return AD_FAIL(e, ENOMEM, "loader: cannot start a thread: %s", strerror(failed));
    l->started = true;
    return AD_OK;
}

ad_status ad_loader_next(ad_error *e, ad_loader *l, ad_batch *out)
{
    int k = (int)(l->next % 2);
    slot *s = &l->slots[k];
    ad_status status = AD_OK;
    pthread_mutex_lock(&l->lock);
    l->held = -1;
    pthread_cond_broadcast(&l->changed);
    while (!s->ready) pthread_cond_wait(&l->changed, &l->lock);
    if (s->error.status != AD_OK) {
        status = ad_fail(e, s->error.status, "%s", s->error.message);
    } else {
        s->ready = false;
        l->held = k;
        l->next++;
        hand_out(l, s, out);
    }
    pthread_mutex_unlock(&l->lock);
    return status;
}

ad_status ad_loader_at(ad_error *e, ad_loader *l, int64_t step, ad_batch *out)
{
    slot *s = &l->slots[LOOK];
    if (step < 0) return AD_FAIL(e, EUSAGE, "loader: no step %lld; steps begin at 0", (long long)step);
    fill(l, s, step);
    if (s->error.status != AD_OK) return ad_fail(e, s->error.status, "%s", s->error.message);
    hand_out(l, s, out);
    return AD_OK;
}

/* ---- beginning and end ---- */

static ad_status slot_init(ad_error *e, const ad_loader *l, slot *s)
{
    size_t pixels = (size_t)l->o.height * (size_t)l->o.width, all = pixels * (size_t)l->o.batch;
    AD_TRY(ad_item_init(e, &s->item, l->data));
    s->epoch = -1;
    s->x = malloc(all * sizeof *s->x);
    s->onehot = malloc(all * (size_t)l->classes * sizeof *s->onehot);
    s->labels = malloc(all * sizeof *s->labels);
    s->reader = malloc((size_t)l->o.batch * sizeof *s->reader);
    s->names = malloc((size_t)l->o.batch * sizeof *s->names);
    s->image = malloc(pixels * sizeof *s->image);
    s->mask = malloc(pixels);
    s->order = malloc((size_t)l->count * sizeof *s->order);
    if (s->x && s->onehot && s->labels && s->reader && s->names && s->image && s->mask && s->order) return AD_OK;
    return AD_FAIL(e, ENOMEM, "loader: no memory for batches of %d images of %dx%d", l->o.batch, l->o.height, l->o.width);
}

static void slot_fini(slot *s)
{
    ad_item_fini(&s->item);
    free(s->x);
    free(s->onehot);
    free(s->labels);
    free(s->reader);
    free(s->names);
    free(s->image);
    free(s->mask);
    free(s->order);
}

static ad_status check(ad_error *e, const ad_loader *l, int item_height, int item_width)
{
    if (l->o.batch < 1) return AD_FAIL(e, EUSAGE, "loader: batch %d; need at least 1", l->o.batch);
    if (l->o.first_step < 0) return AD_FAIL(e, EUSAGE, "loader: first step %lld; steps begin at 0", (long long)l->o.first_step);
    if (l->o.reader < AD_READER_MEAN || l->o.reader >= l->readers)
        return AD_FAIL(e, EUSAGE, "loader: reader %d; need one of 0..%d, %d for a random one or %d for the mean of all", l->o.reader,
                       l->readers - 1, AD_READER_RANDOM, AD_READER_MEAN);
    if (l->count < 1) return AD_FAIL(e, EDATA, "loader: split '%s' of '%s' has no items", ad_split_name(l->o.split), ad_dataset_source(l->data)->name);
    if (l->o.shift < 0 || !(l->o.rotate >= 0 && l->o.rotate <= 180) || !(l->o.zoom == 0 || (l->o.zoom >= 1 && l->o.zoom <= 16)))
        return AD_FAIL(e, EUSAGE, "loader: shift %d, rotate %g, zoom %g; need a shift of at least 0, an angle of 0..180 degrees and a zoom of 1..16",
                       l->o.shift, l->o.rotate, l->o.zoom);
    return ad_fit_check(e, l->o.fit, item_height, item_width, l->o.height, l->o.width);
}

ad_status ad_loader_new(ad_error *e, ad_dataset *borrowed, const ad_loader_options *options, ad_loader **out)
{
    int height, width;
    ad_loader *l = calloc(1, sizeof *l);
    if (!l) return AD_FAIL(e, ENOMEM, "loader: no memory");
    l->data = borrowed;
    l->o = *options;
    l->held = -1;
    l->next = l->o.first_step;
    l->count = ad_dataset_count(borrowed, l->o.split);
    l->order_key = ad_key(l->o.seed, "data", "order");
    l->item_key = ad_key(l->o.seed, "data", "item");
    ad_dataset_size(borrowed, &height, &width, &l->readers, &l->classes);
    if (!l->o.height) l->o.height = height;
    if (!l->o.width) l->o.width = width;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->changed, NULL);
    ad_status s = check(e, l, height, width);
    for (int i = 0; s == AD_OK && i < SLOTS; i++) s = slot_init(e, l, &l->slots[i]);
    if (s == AD_OK) s = start(e, l);
    if (s == AD_OK) *out = l;
    else ad_loader_free(l);
    return s;
}

void ad_loader_free(ad_loader *l)
{
    if (!l) return;
    if (l->started) {
        pthread_mutex_lock(&l->lock);
        l->stop = true;
        pthread_cond_broadcast(&l->changed);
        pthread_mutex_unlock(&l->lock);
        pthread_join(l->thread, NULL);
    }
    for (int i = 0; i < SLOTS; i++) slot_fini(&l->slots[i]);
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->changed);
    free(l);
}

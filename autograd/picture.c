/*
 * picture.c - the arena of a program as an SVG picture. Across: the steps of the plan; upwards: bytes of the arena. Every buffer is a
 * rectangle over the steps between which it lives, coloured by the op that made it, faint if it belongs to the backward part. Above it
 * the sum of what lives, and the phases of the plan.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/internal.h"
#include "autograd/svg.h"

enum { LEFT = 84, TOP = 64, WIDTH = 1080, CURVE = 90, BAND = 18, PLOT = 520, LEGEND = 210, PAGE_W = LEFT + WIDTH + LEGEND };
enum { PLOT_TOP = TOP + CURVE + BAND + 8, PAGE_H = PLOT_TOP + PLOT + 56, LABELS = 40, COLORS = AD__SVG_COLORS };

typedef struct buffer {
    const ad__value *value;
    const char *op;
    bool backward, again;
    double weight;               /* bytes times steps: its area in the picture */
} buffer;

typedef struct kind {
    const char *op;
    double weight;
} kind;

typedef struct picture {
    const ad_program *p;
    ad__text t;
    int n, n_kinds;
    buffer *buffers;             /* largest area first */
    kind *kinds;
    double top;                  /* bytes at the upper edge */
    int steps;                   /* at the right edge */
} picture;

/* ---- collecting ---- */

static int by_area(const void *a, const void *b)
{
    const buffer *x = a, *y = b;
    if (x->weight != y->weight) return x->weight < y->weight ? 1 : -1;
    return x->value < y->value ? -1 : x->value > y->value;
}

static int by_weight(const void *a, const void *b)
{
    const kind *x = a, *y = b;
    if (x->weight != y->weight) return x->weight < y->weight ? 1 : -1;
    return strcmp(x->op, y->op);
}

static bool collect(picture *c)
{
    const ad_program *p = c->p;
    c->buffers = calloc((size_t)p->n_values + 1, sizeof *c->buffers);
    c->kinds = calloc((size_t)p->n_values + 1, sizeof *c->kinds);
    if (!c->buffers || !c->kinds) return false;
    for (int i = 0; i < p->n_values; i++) {
        const ad__value *v = &p->values[i];
        const ad__record *r = v->tensor->record;
        int k = 0;
        if (v->kind != AD__ARENA) continue;
        buffer *b = &c->buffers[c->n++];
        *b = (buffer){ v, r ? r->op->name : "input", r && r->undoes >= 0, ad__made_again(p, i),
                       (double)v->bytes * (double)(v->last - v->first + 1) };
        while (k < c->n_kinds && strcmp(c->kinds[k].op, b->op) != 0) k++;
        if (k == c->n_kinds) c->kinds[c->n_kinds++].op = b->op;
        c->kinds[k].weight += b->weight;
    }
    qsort(c->buffers, (size_t)c->n, sizeof *c->buffers, by_area);
    qsort(c->kinds, (size_t)c->n_kinds, sizeof *c->kinds, by_weight);
    c->top = p->value_bytes ? (double)p->value_bytes : 1;
    c->steps = p->n_steps + 1;
    return true;
}

static const char *color_of(const picture *c, const char *op)
{
    int k = 0;
    while (k < COLORS - 1 && k < c->n_kinds && strcmp(c->kinds[k].op, op) != 0) k++;
    return ad__svg_colors[k < COLORS - 1 && k < c->n_kinds ? k : COLORS - 1];
}

/* ---- drawing ---- */

static double x_of(const picture *c, double step)
{
    return LEFT + WIDTH * step / c->steps;
}

static double y_of(const picture *c, double bytes)
{
    return PLOT_TOP + PLOT * (1 - bytes / c->top);
}

static void name_of(const buffer *b, char *text, size_t size)
{
    const ad_tensor *x = b->value->tensor;
    const ad_place *at = x->record ? x->record->place : NULL;
    char line[24] = "";
    if (at && at->line) snprintf(line, sizeof line, "line %d: ", at->line);
    snprintf(text, size, "%s%s", line, x->name ? x->name : at && at->path ? at->path : b->op);
}

static void put_buffer(picture *c, const buffer *b)
{
    const ad__value *v = b->value;
    const ad_place *at = v->tensor->record ? v->tensor->record->place : NULL;
    char name[256], shape[AD_SHAPE_TEXT];
    double x = x_of(c, v->first), y = y_of(c, (double)(v->offset + v->bytes));
    name_of(b, name, sizeof name);
    ad__text_put(&c->t, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\"%s%s><title>%s %s\n", x, y,
            x_of(c, v->last + 1) - x, y_of(c, (double)v->offset) - y, color_of(c, b->op), b->backward ? AD__SVG_FAINT : "",
            b->again ? " stroke-dasharray=\"3 2\"" : "", b->op, ad_shape_text(&v->tensor->shape, shape));
    ad__svg_escaped(&c->t, name, 256);
    if (at && at->file) ad__svg_escaped(&c->t, "\n", 1);
    if (at && at->file) ad__svg_escaped(&c->t, at->file, 256);
    ad__text_put(&c->t, "\n%zu bytes at %zu, steps %d..%d%s%s</title></rect>\n", v->bytes, v->offset, v->first, v->last,
            b->backward ? ", backward" : "", b->again ? ", made again" : "");
}

/* The largest buffers are named inside their rectangles, as far as there is room. */
static void put_labels(picture *c)
{
    int labels = 0;
    ad__text_put(&c->t, "<g font-size=\"9\" fill=\"#ffffff\" stroke=\"#000000\" stroke-width=\"1.6\" stroke-opacity=\"0.55\" paint-order=\"stroke\">\n");
    for (int i = 0; i < c->n && labels < LABELS; i++) {
        const ad__value *v = c->buffers[i].value;
        char name[256];
        double x = x_of(c, v->first), w = x_of(c, v->last + 1) - x, y = y_of(c, (double)v->offset), h = y - y_of(c, (double)(v->offset + v->bytes));
        int room = (int)((w - 8) / 5.4);
        name_of(&c->buffers[i], name, sizeof name);
        if (h < 9 || room < 8 || (room < (int)strlen(name) && room < 14)) continue;
        ad__text_put(&c->t, "<text x=\"%.1f\" y=\"%.1f\">", x + 4, y - h / 2 + 3.2);
        ad__svg_escaped(&c->t, name, room);
        ad__text_put(&c->t, "</text>\n");
        labels++;
    }
    ad__text_put(&c->t, "</g>\n");
}

static void put_axes(picture *c)
{
    double mib = c->top / (1 << 20), unit = mib >= 4 ? 1 << 20 : 1 << 10, dx = ad__svg_tick(c->steps), dy = ad__svg_tick(c->top / unit);
    ad__text_put(&c->t, "<g class=\"ink\" font-size=\"11\">\n<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" class=\"rule\" fill-opacity=\"0\"/>\n",
            LEFT, PLOT_TOP, WIDTH, PLOT);
    for (double s = 0; s <= c->steps; s += dx)
        ad__text_put(&c->t, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>\n", x_of(c, s), PLOT_TOP + PLOT + 16, s);
    for (double b = 0; b * unit <= c->top; b += dy)
        ad__text_put(&c->t, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.0f</text><line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" class=\"rule\"/>\n",
                LEFT - 8, y_of(c, b * unit) + 4, b, LEFT - 5, LEFT, y_of(c, b * unit), y_of(c, b * unit));
    ad__text_put(&c->t, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">step of the plan</text>\n", LEFT + WIDTH / 2, PLOT_TOP + PLOT + 36);
    ad__text_put(&c->t, "<text transform=\"translate(22 %d) rotate(-90)\" text-anchor=\"middle\">offset in the arena, %s</text>\n", PLOT_TOP + PLOT / 2,
            unit > 1024 ? "MiB" : "KiB");
    ad__text_put(&c->t, "<text transform=\"translate(22 %d) rotate(-90)\" text-anchor=\"middle\">live</text>\n</g>\n", TOP + CURVE / 2);
}

/* From the first step of the backward part to its last; before it forward, after it the update. */
static void put_phases(picture *c)
{
    const ad_program *p = c->p;
    int first = p->n_steps, last = p->n_steps - 1;
    for (int i = 0; i < p->n_steps; i++) {
        if (!ad__step_backward(p, &p->steps[i])) continue;
        if (i < first) first = i;
        last = i;
    }
    const struct { const char *name; int from, to; } bands[] = {
        { "forward", 0, first }, { "backward", first, last + 1 }, { "update", last + 1, p->n_steps },
    };
    for (int i = 0; i < 3; i++) {
        double x = x_of(c, bands[i].from), w = x_of(c, bands[i].to) - x;
        if (bands[i].to <= bands[i].from) continue;
        ad__text_put(&c->t, "<rect x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\" class=\"%s\"/>\n", x, TOP + CURVE + 4, w, BAND, bands[i].name);
        if (w > 56) ad__text_put(&c->t, "<text x=\"%.1f\" y=\"%d\" font-size=\"11\" class=\"ink\" text-anchor=\"middle\">%s</text>\n", x + w / 2,
                            TOP + CURVE + 17, bands[i].name);
    }
}

/* Bytes that live at each step: the curve, and where it is highest. */
static void put_curve(picture *c)
{
    const ad_program *p = c->p;
    int step;
    double peak = (double)ad_program_peak(p, &step), x = x_of(c, step + 0.5);
    double *live = calloc((size_t)c->steps + 2, sizeof *live);
    if (!live) {
        c->t.failed = true;
        return;
    }
    for (int i = 0; i < c->n; i++) {
        live[c->buffers[i].value->first] += (double)c->buffers[i].value->bytes;
        live[c->buffers[i].value->last + 1] -= (double)c->buffers[i].value->bytes;
    }
    ad__text_put(&c->t, "<path class=\"track rule\" d=\"M%d %d", LEFT, TOP + CURVE);
    for (int i = 0; i < c->steps; i++) {
        if (i) live[i] += live[i - 1];
        double y = TOP + CURVE - CURVE * live[i] / c->top;
        ad__text_put(&c->t, "L%.2f %.2fL%.2f %.2f", x_of(c, i), y, x_of(c, i + 1), y);
    }
    ad__text_put(&c->t, "L%d %dZ\"/>\n", LEFT + WIDTH, TOP + CURVE);
    free(live);
    ad__text_put(&c->t, "<line x1=\"%.2f\" x2=\"%.2f\" y1=\"%d\" y2=\"%d\" stroke=\"#dd3333\" stroke-width=\"1.5\"/>\n", x, x, TOP - 6, PLOT_TOP + PLOT);
    const ad__record *r = step < p->n_steps ? p->steps[step].record : NULL;
    ad__text_put(&c->t, "<text x=\"%.1f\" y=\"%d\" font-size=\"12\" fill=\"#dd3333\" text-anchor=\"%s\">peak %.2f MiB at step %d%s%s%s", x, TOP - 10,
            step * 2 > c->steps ? "end" : "start", peak / (1 << 20), step, r ? ": " : "", r ? r->op->name : "", r && r->place && r->place->path ? " " : "");
    if (r && r->place && r->place->path) ad__svg_escaped(&c->t, r->place->path, 60);
    if (r && r->place && r->place->line) ad__text_put(&c->t, ", line %d", r->place->line);
    ad__text_put(&c->t, "</text>\n");
}

static void put_legend(picture *c)
{
    int x = LEFT + WIDTH + 18, y = PLOT_TOP + 4, n = c->n_kinds < COLORS - 1 ? c->n_kinds : COLORS - 1;
    ad__text_put(&c->t, "<g class=\"ink\" font-size=\"11\">\n<text x=\"%d\" y=\"%d\" font-weight=\"bold\">made by</text>\n", x, y + 6);
    for (int k = 0; k <= n; k++) {
        if (k == n && c->n_kinds <= n) break;
        ad__text_put(&c->t, "<rect x=\"%d\" y=\"%d\" width=\"14\" height=\"12\" fill=\"%s\"/><text x=\"%d\" y=\"%d\">%s</text>\n", x, y + 18 + 20 * k,
                ad__svg_colors[k == n ? COLORS - 1 : k], x + 22, y + 28 + 20 * k, k == n ? "other ops" : c->kinds[k].op);
    }
    y += 18 + 20 * (n + 1) + 6;
    ad__text_put(&c->t, "<rect x=\"%d\" y=\"%d\" width=\"14\" height=\"12\" fill=\"%s\"" AD__SVG_FAINT "/><text x=\"%d\" y=\"%d\">faint: backward part</text>\n",
            x, y, ad__svg_colors[0], x + 22, y + 10);
    ad__text_put(&c->t, "<rect x=\"%d\" y=\"%d\" width=\"14\" height=\"12\" class=\"rule\" fill-opacity=\"0\" stroke-dasharray=\"3 2\"/>"
            "<text x=\"%d\" y=\"%d\">dashed: made again</text>\n</g>\n", x, y + 20, x + 22, y + 30);
}

char *ad_program_svg(const ad_program *p, const char *title)
{
    picture c = { .p = p };
    if (!collect(&c)) c.t.failed = true;
    ad__svg_begin(&c.t, PAGE_W, PAGE_H, LEFT, title);
    ad__svg_note(&c.t, PAGE_W, "arena %.2f MiB: values %.2f, scratch %.2f; %d steps, %d buffers", (double)p->arena_bytes / (1 << 20),
                 (double)p->value_bytes / (1 << 20), (double)(p->arena_bytes - p->value_bytes) / (1 << 20), p->n_steps, c.n);
    if (!c.t.failed) {
        put_phases(&c);
        ad__text_put(&c.t, "<g class=\"gap\" stroke-width=\"0.4\">\n");
        for (int i = 0; i < c.n; i++) put_buffer(&c, &c.buffers[i]);
        ad__text_put(&c.t, "</g>\n");
        put_curve(&c);
        put_axes(&c);
        put_labels(&c);
        put_legend(&c);
    }
    ad__svg_end(&c.t);
    free(c.buffers);
    free(c.kinds);
    return ad__text_take(&c.t);
}

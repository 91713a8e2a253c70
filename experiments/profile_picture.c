/*
 * profile_picture.c - a profile as an SVG picture. Above the ops, below the lines of the model, slowest first: a bar of milliseconds, strong
 * the forward part, faint the backward part, all on one scale; beside it how much of the machine's multiply-adds and of its memory the
 * row uses meanwhile. A full track is the limit.
 */
#include "config.h"

#include "autograd/svg.h"
#include "experiments/experiment.h"

#include <stdio.h>
#include <string.h>

enum { LEFT = 16, BARS = 372, BAR_W = 330, GAUGES = 824, GAUGE_W = 104, GAUGE_STEP = 176, PAGE_W = GAUGES + 2 * GAUGE_STEP };
enum { TOP = 44, HEAD = 48, ROW = 21, BAR_H = 13, OPS = 14, LINES = 24, NAME_COLUMNS = 52 };

#define LEAST 5e-4                 /* of the step: what takes less has no bar of its own */

typedef struct picture {
    const ad_profile *p;
    ad__text t;
    double most;                   /* seconds at the right end of the bars */
    int y;
} picture;

/* The rows that are not shown, as one. */
static ad_profile_row rest_of(const ad_profile_row *rows, int from, int n)
{
    ad_profile_row rest = { 0 };
    for (int i = from; i < n; i++) {
        rest.steps += rows[i].steps;
        rest.seconds += rows[i].seconds;
        rest.backward += rows[i].backward;
        rest.cost.macs += rows[i].cost.macs;
        rest.cost.bytes += rows[i].cost.bytes;
    }
    return rest;
}

static void put_gauge(picture *c, int x, double share, const char *color)
{
    double shown = share < 1 ? share : 1;
    int y = c->y + (ROW - BAR_H) / 2;
    ad__text_put(&c->t, "<rect class=\"track\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>", x, y, GAUGE_W, BAR_H);
    if (shown > 0) ad__text_put(&c->t, "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>", x, y, GAUGE_W * shown, BAR_H, color);
    ad__text_put(&c->t, "<text class=\"%s\" x=\"%d\" y=\"%d\" text-anchor=\"end\">", share > 0 ? "ink" : "soft", x + GAUGE_W + 44, c->y + 15);
    if (share > 0) ad__text_put(&c->t, "%.0f %%</text>\n", 100 * share);
    else ad__text_put(&c->t, "-</text>\n");
}

/* The name, and behind it, as far as there is room, where the line is first used. */
static void put_name(picture *c, const char *name, const char *path)
{
    ad__text_put(&c->t, "<text class=\"ink\" x=\"%d\" y=\"%d\">", LEFT, c->y + 15);
    ad__svg_escaped(&c->t, name, NAME_COLUMNS);
    int room = NAME_COLUMNS - (int)strlen(name) - 2;
    if (path && room > 8) {
        bool cut = (int)strlen(path) > room;
        ad__text_put(&c->t, "<tspan class=\"soft\" dx=\"8\">");
        ad__svg_escaped(&c->t, path, cut ? room - 1 : room);
        ad__text_put(&c->t, "%s</tspan>", cut ? "\xe2\x80\xa6" : "");
    }
    ad__text_put(&c->t, "</text>\n");
}

static void put_row(picture *c, const ad_profile_row *row, const char *name, const char *path)
{
    const ad_profile_rates r = ad_profile_rates_of(c->p, row);
    double w = BAR_W * r.seconds / c->most, forward = w * (1 - r.backward);
    int y = c->y + (ROW - BAR_H) / 2;
    ad__text_put(&c->t, "<g><title>");
    ad__svg_escaped(&c->t, name, 256);
    ad__text_put(&c->t, "%s", path ? " " : "");
    ad__svg_escaped(&c->t, path ? path : "", 256);
    ad__text_put(&c->t, "\n%d records, %.3f ms, %.0f %% of it backward\n%.1f GFLOP/s, %.1f GB/s</title>\n", row->steps, 1e3 * r.seconds, 100 * r.backward,
                 1e-9 * r.flops, 1e-9 * r.bytes);
    put_name(c, name, path);
    ad__text_put(&c->t, "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>", BARS, y, forward, BAR_H, ad__svg_colors[0]);
    ad__text_put(&c->t, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"" AD__SVG_FAINT "/>", BARS + forward, y, w - forward, BAR_H,
                 ad__svg_colors[0]);
    ad__text_put(&c->t, "<text class=\"ink\" x=\"%.1f\" y=\"%d\">%.*f ms<tspan class=\"soft\" dx=\"6\">%.1f %%</tspan></text>\n", BARS + w + 6, c->y + 15,
                 r.seconds < 9.95e-3 ? 2 : 1, 1e3 * r.seconds, 100 * r.share);
    put_gauge(c, GAUGES, r.of_peak, ad__svg_colors[1]);
    put_gauge(c, GAUGES + GAUGE_STEP, r.of_memory, ad__svg_colors[2]);
    ad__text_put(&c->t, "</g>\n");
    c->y += ROW;
}

static void put_heading(picture *c, const char *what)
{
    const char *const over[] = { "multiply-adds, of the peak", "memory, of the peak" };
    c->y += HEAD;
    ad__text_put(&c->t, "<text class=\"ink\" x=\"%d\" y=\"%d\" font-weight=\"bold\">by %s</text>\n", LEFT, c->y - 10, what);
    ad__text_put(&c->t, "<text class=\"soft\" x=\"%d\" y=\"%d\">time of a step: strong forward, faint backward</text>\n", BARS, c->y - 10);
    for (int k = 0; k < 2; k++)
        ad__text_put(&c->t, "<text class=\"soft\" x=\"%d\" y=\"%d\">%s</text>\n", GAUGES + k * GAUGE_STEP, c->y - 10, over[k]);
    ad__text_put(&c->t, "<line class=\"rule\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\" stroke-width=\"0.7\"/>\n", LEFT, PAGE_W - 16, c->y - 2, c->y - 2);
}

/* How many rows have a bar of their own; all others are summed in one more. */
static int shown_of(const ad_profile *p, const ad_profile_row *rows, int n, int most)
{
    int shown = 0;
    while (shown < n && ad_profile_rates_of(p, &rows[shown]).share >= LEAST) shown++;
    if (shown + 1 >= n && n <= most) return n;
    return shown < most ? shown : most - 1;
}

static void put_rows(picture *c, const ad_profile_row *rows, int n, int shown, const char *what)
{
    char text[256];
    put_heading(c, what);
    for (int i = 0; i < shown; i++) {
        const ad_place *at = rows[i].place;
        put_row(c, &rows[i], ad_profile_name(&rows[i], text), rows[i].op && *rows[i].op ? NULL : at && at->path ? at->path : "weights");
    }
    if (shown == n) return;
    const ad_profile_row rest = rest_of(rows, shown, n);
    snprintf(text, sizeof text, "%d other %ss", n - shown, what);
    put_row(c, &rest, text, NULL);
}

static double longest(double so_far, const ad_profile_row *rows, int n, int shown)
{
    const ad_profile_row rest = rest_of(rows, shown, n);
    if (n > 0 && rows[0].seconds > so_far) so_far = rows[0].seconds;
    return rest.seconds > so_far ? rest.seconds : so_far;
}

char *ad_profile_svg(const ad_profile *p, const char *title)
{
    picture c = { .p = p, .y = TOP - 16 };
    int ops = shown_of(p, p->ops, p->n_ops, OPS), lines = shown_of(p, p->lines, p->n_lines, LINES);
    int rows = ops + (ops < p->n_ops) + lines + (lines < p->n_lines), height = TOP + 2 * HEAD + rows * ROW + 30;
    c.most = longest(longest(1e-9, p->ops, p->n_ops, ops), p->lines, p->n_lines, lines) / (double)p->steps;
    ad__svg_begin(&c.t, PAGE_W, height, LEFT, title);
    ad__svg_note(&c.t, PAGE_W, "limits, measured between the steps: %.0f GFLOP/s in registers, %.1f GB/s of memory", 1e-9 * p->limits.flops, 1e-9 * p->limits.bytes);
    ad__text_put(&c.t, "<g font-size=\"12\">\n");
    put_rows(&c, p->ops, p->n_ops, ops, "op");
    put_rows(&c, p->lines, p->n_lines, lines, "line");
    ad__text_put(&c.t, "<text class=\"soft\" x=\"%d\" y=\"%d\">a chain is one record, its time divided evenly among the lines that it joins; more than 100 %% of "
                 "memory: from the caches</text>\n</g>\n", LEFT, c.y + 26);
    ad__svg_end(&c.t);
    return ad__text_take(&c.t);
}

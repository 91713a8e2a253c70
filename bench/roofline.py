#!/usr/bin/env python3
"""The kernels of adze under the two roofs of the machine, as a picture.

    python3 bench/roofline.py build/bench/kernels [--threads N] [--rounds N] [--svg FILE] [--json FILE | --from FILE]

Runs bench/kernels, which measures the multiply-add peak and the speed of memory beside every row, and draws each kernel at its arithmetic
intensity (nominal operations for each byte of operands and results, each counted once) and its speed. Speeds are shares of the limits of
their own moment, so a row that met a busy machine is not drawn too low. --from draws figures that --json saved.
"""
import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile

import report
import svg

COLORS = {"direct": "#4477aa", "winograd": "#aa3377", "linear": "#ee8866", "attention": "#ccaa22", "norm": "#228833", "elementwise": "#7766bb"}
NAMES = {"direct": "convolution, direct", "winograd": "Winograd (nominal: saved products count)", "linear": "matrix product",
         "attention": "attention", "norm": "norm", "elementwise": "elementwise"}
# Rows with a number in the picture; all others are small dots.
NUMBERED = [("conv 3x3/1 12 32->32 @128", "forward"), ("conv 3x3/1 12 32->32 @128", "by_weight"), ("conv 3x3/1 12 64->64 @64", "forward"),
            ("conv 3x3/1 12 192->192 @8", "forward"),
            ("conv 3x3/1 12 12->12 @128", "forward"), ("conv 3x3/1 12 1->32 @128", "forward"), ("conv 1x1/1 12 192->192 @16", "forward"),
            ("conv 1x1/1 12 32->2 @128", "forward"), ("conv 4x4/4 4 3->96 @224", "forward"), ("linear 12544 rows 96 -> 384", "forward"),
            ("linear 12544 rows 96 -> 384", "by_weight"), ("linear 1024 rows 1024 -> 1024", "forward")]
LEFT, TOP, WIDTH, HEIGHT, LIST = 70, 56, 660, 500, 410


def measured(given):
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, "kernels.json")
        subprocess.run([given.kernels, f"--threads={given.threads}", f"--rounds={given.rounds}", "--json=" + name], check=True, stdout=sys.stderr)
        with open(name) as f:
            return json.load(f)


def numbered(row):
    if row["kind"] in ("attention", "norm", "elementwise"):
        return True
    return any(row["row"] == text and what in (None, row["what"]) for text, what in NUMBERED)


class Plot:
    """Logarithmic axes: operations a byte, GFLOP/s."""

    def __init__(self, rows):
        self.peak = statistics.median(r["limit_flops"] for r in rows) / 1e9
        self.memory = statistics.median(r["limit_bytes"] for r in rows) / 1e9
        for r in rows:
            r["x"] = r["flop"] / r["bytes"]
            r["y"] = self.peak * r["of_peak"] if r["x"] * self.memory > self.peak else self.memory * r["of_memory"] * r["x"]
        self.x0, self.x1 = 2.0 ** math.floor(math.log2(min(r["x"] for r in rows))), 2.0 ** math.ceil(math.log2(max(r["x"] for r in rows)))
        self.y0, self.y1 = 2.0 ** math.floor(math.log2(min(r["y"] for r in rows))), 2.0 ** math.ceil(math.log2(max(self.peak, *(r["y"] for r in rows))))
        self.x, self.y = svg.log_scale(LEFT, WIDTH, self.x0, self.x1), svg.log_scale(TOP + HEIGHT, -HEIGHT, self.y0, self.y1)

    def roof(self, x):
        return min(self.peak, self.memory * x)


def axes(p):
    out = ['<g font-size="11">']
    for v in svg.powers(p.x0, p.x1):
        out.append(f'<line class="grid" x1="{p.x(v):.1f}" x2="{p.x(v):.1f}" y1="{TOP}" y2="{TOP + HEIGHT}"/>'
                   f'<text class="soft" x="{p.x(v):.1f}" y="{TOP + HEIGHT + 16}" text-anchor="middle">{f"1/{1 / v:.0f}" if v < 1 else f"{v:.0f}"}</text>')
    for v in svg.powers(p.y0, p.y1):
        out.append(f'<line class="grid" x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{p.y(v):.1f}" y2="{p.y(v):.1f}"/>'
                   f'<text class="soft" x="{LEFT - 8}" y="{p.y(v) + 4:.1f}" text-anchor="end">{v:g}</text>')
    knee, start = p.peak / p.memory, max(p.x0, p.y0 / p.memory)
    # The slope of the memory roof on the page, for its label.
    angle = math.degrees(math.atan2(p.y(p.roof(start)) - p.y(p.roof(knee)), p.x(knee) - p.x(start)))
    middle = start * (knee / start) ** 0.3
    out += [f'<path class="rule" fill="none" stroke-width="2" d="M{p.x(start):.1f} {p.y(p.roof(start)):.1f}L{p.x(knee):.1f} {p.y(p.peak):.1f}'
            f'L{p.x(p.x1):.1f} {p.y(p.peak):.1f}"/>',
            f'<text class="ink" x="{p.x(knee) - 8:.1f}" y="{p.y(p.peak) + 4:.1f}" text-anchor="end" font-size="12">multiply-adds in registers: {p.peak:.0f} GFLOP/s</text>',
            f'<text class="ink" transform="translate({p.x(middle):.1f} {p.y(p.roof(middle)) - 7:.1f}) rotate({-angle:.1f})" text-anchor="middle" font-size="12">'
            f'memory: {p.memory:.1f} GB/s</text>',
            f'<text class="ink" x="{LEFT + WIDTH / 2}" y="{TOP + HEIGHT + 38}" text-anchor="middle" font-size="12">operations for each byte of operands and results</text>',
            f'<text class="ink" transform="translate(22 {TOP + HEIGHT / 2}) rotate(-90)" text-anchor="middle" font-size="12">GFLOP/s</text>', "</g>"]
    return out


def label(row):
    return row["row"] if row["row"].endswith(row["what"]) else f"{row['row']}, {row['what']}"


def picture(rows, threads):
    p = Plot(rows)
    named = sorted((r for r in rows if numbered(r)), key=lambda r: (list(COLORS).index(r["kind"]), -r["x"]))
    width, height = LEFT + WIDTH + LIST, max(TOP + HEIGHT + 56, TOP + 26 * len(COLORS) + 15 * len(named) + 20)
    out = svg.begin(width, height, LEFT, f'Kernels under the roofs of the machine, {threads} thread{"s" if threads > 1 else ""}')
    out += axes(p)
    for r in rows:
        if not numbered(r):
            out.append(f'<circle cx="{p.x(r["x"]):.1f}" cy="{p.y(r["y"]):.1f}" r="3" fill="{COLORS[r["kind"]]}" fill-opacity="0.4"><title>{label(r)}: {r["y"]:.0f} GFLOP/s'
                       "</title></circle>")
    for i, r in enumerate(named, 1):
        x, y = p.x(r["x"]), p.y(r["y"])
        out.append(f'<g><title>{label(r)}: {r["y"]:.1f} GFLOP/s</title><circle class="gap" cx="{x:.1f}" cy="{y:.1f}" r="8" fill="{COLORS[r["kind"]]}"/>'
                   f'<text x="{x:.1f}" y="{y + 3.2:.1f}" text-anchor="middle" font-size="9" font-weight="bold" fill="#ffffff">{i}</text></g>')
    y, x, kind = TOP + 4, LEFT + WIDTH + 24, None
    for i, r in enumerate(named, 1):
        if r["kind"] != kind:
            kind = r["kind"]
            y += 11 if i > 1 else 0
            out.append(f'<rect x="{x}" y="{y - 9}" width="12" height="10" fill="{COLORS[kind]}"/><text class="ink" x="{x + 20}" y="{y}" font-size="11" font-weight="bold">{NAMES[kind]}</text>')
            y += 15
        share = r["y"] / p.roof(r["x"])
        out.append(f'<g font-size="11"><text class="soft" x="{x + 14}" y="{y}" text-anchor="end">{i}</text><text class="ink" x="{x + 20}" y="{y}">{label(r)}</text>'
                   f'<text class="ink" x="{width - 62}" y="{y}" text-anchor="end">{r["y"]:.{0 if r["y"] >= 9.95 else 1}f}</text>'
                   f'<text class="soft" x="{width - 16}" y="{y}" text-anchor="end">{100 * share:.0f} %</text></g>')
        y += 15
    out.append(f'<text class="soft" x="{width - 16}" y="24" text-anchor="end" font-size="11">GFLOP/s, and share of the roof above the point</text>')
    return svg.end(out)


def main():
    parser = argparse.ArgumentParser(description="kernels under the roofs of the machine")
    parser.add_argument("kernels", help="build/bench/kernels")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    report.options(parser, picture="roofline.svg")
    given = parser.parse_args()
    rows = report.figures(given, measured)
    report.write(given, rows, lambda rows: picture(rows, given.threads))


if __name__ == "__main__":
    main()

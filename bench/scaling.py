#!/usr/bin/env python3
"""What a training step costs by image size, batch and threads: seconds, share of the multiply-add peak, memory.

    python3 bench/scaling.py build/bench/step [--models unet,phiseg] [--sizes 64,128,256,512] [--batches 1,4,12] [--threads 1,2]
                             [--memory GIB] [--seconds S] [--json FILE | --from FILE] [--svg FILE]

Each row is a process of its own: one step that is not measured (it touches the arena first), then up to five steps or S seconds (default 1.5), at
least one. The limits of the machine are measured before and after every step; a step beside which they fell below 85 % of the best is dropped
if another is left. A step whose planned arena is larger than GIB (default: 0.9 of what is free) is left out. Published size; unet is base32.
"""
import argparse
import itertools
import json
import os
import statistics
import sys

import report
import svg
from child import Child

PROFILES = {"unet": "base32"}
QUIET, MOST = 0.85, 5


def free_bytes():
    with open("/proc/meminfo") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("MemAvailable"))


def measure(step, model, size, batch, threads, most_bytes, seconds):
    """The figures of one row, or why there are none."""
    row = {"model": model, "size": size, "batch": batch, "threads": threads}
    child = Child([os.path.abspath(step), "zoo:" + model, str(batch), "-", "-", PROFILES.get(model, ""), "0", f"height={size}", f"width={size}"],
                  {**os.environ, "ADZE_THREADS": str(threads)})
    try:
        hello = child.hello
        if not hello:
            return {**row, "missing": "refused"}
        row.update(arena=hello["arena"], macs=hello["macs"])
        if hello["arena"] > most_bytes:
            return {**row, "missing": "memory"}
        if not child.ask("step"):
            return {**row, "missing": "ended"}
        before, steps = child.ask("limits")["gflops"], []
        while not steps or (len(steps) < MOST and sum(s for s, _, _ in steps) < seconds):
            done = child.ask("step")
            after = child.ask("limits")["gflops"]
            steps.append((done["seconds"], (before + after) / 2, min(before, after)))
            before, row["rss"] = after, done["rss_kib"] << 10
        best = max(low for _, _, low in steps)
        kept = [s for s in steps if s[2] >= QUIET * best]
        row.update(seconds=statistics.median(s for s, _, _ in kept), share=statistics.median(2e-9 * row["macs"] / s / limit for s, limit, _ in kept),
                   kept=len(kept), of=len(steps))
        return row
    finally:
        child.end()


def table(rows):
    threads = sorted({r["threads"] for r in rows})
    head = ["model", "image", "batch", "MAC"] + [f"{t} thread{'s' if t > 1 else ''}, s a step | of peak" for t in threads] + ["least ms an image", "process, MiB"]
    yield "| " + " | ".join(head) + " |"
    yield "|---|" + "---:|" * (len(" | ".join(head).split(" | ")) - 1)
    keys = list(dict.fromkeys((r["model"], r["size"], r["batch"]) for r in rows))
    for model, size, batch in keys:
        found = {r["threads"]: r for r in rows if (r["model"], r["size"], r["batch"]) == (model, size, batch)}
        cells = [f"`{model}`", f"{size}x{size}", str(batch), next((f"{r['macs'] / 1e9:.1f} G" for r in found.values() if "macs" in r), "-")]
        for t in threads:
            r = found.get(t, {})
            cells += [f"{r['seconds']:.3f}", f"{100 * r['share']:.0f} %"] if "seconds" in r else ["-", "-"]
        measured = [r for r in found.values() if "seconds" in r]
        if measured:
            cells += [f"{1000 * min(r['seconds'] for r in measured) / batch:.1f}", f"{max(r['rss'] for r in measured) / 2**20:.0f}"]
        else:
            cells += ["-", f"(arena {max(r.get('arena', 0) for r in found.values()) / 2**20:.0f})"]
        yield "| " + " | ".join(cells) + " |"


LEFT, TOP, WIDTH, GAP, UPPER, LOWER = 74, 84, 440, 96, 300, 170


def curve(points, color, dashed):
    """Points as a line with dots: [(x, y, text)]."""
    out = [f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)}" fill="none" stroke="{color}" stroke-width="2"'
           + (' stroke-dasharray="5 4"/>' if dashed else "/>")]
    out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}" class="gap"><title>{text}</title></circle>' for x, y, text in points]
    return out


def panel(rows, model, left, batches, threads, low, high, top_share):
    """Above milliseconds an image, below the share of the peak, over the edge of the image; both axes of the upper one are logarithmic."""
    mine = [r for r in rows if r["model"] == model and "seconds" in r]
    sizes = sorted({r["size"] for r in rows})
    bottom = TOP + UPPER + 34 + LOWER
    x = svg.log_scale(left + 16, WIDTH - 32, sizes[0], max(sizes[-1], 2 * sizes[0]))
    y = svg.log_scale(TOP + UPPER, -UPPER, low, high)
    share_y = lambda v: bottom - LOWER * v / top_share
    out = [f'<text class="ink" x="{left}" y="{TOP - 14}" font-size="13" font-weight="bold">{model}</text>', '<g font-size="11">']
    for v in svg.powers(low, high, 10):
        out.append(f'<line class="grid" x1="{left}" x2="{left + WIDTH}" y1="{y(v):.1f}" y2="{y(v):.1f}"/>'
                   f'<text class="soft" x="{left - 8}" y="{y(v) + 4:.1f}" text-anchor="end">{v:g}</text>')
    for k in range(int(top_share / 0.25) + 1):
        out.append(f'<line class="grid" x1="{left}" x2="{left + WIDTH}" y1="{share_y(k / 4):.1f}" y2="{share_y(k / 4):.1f}"/>'
                   f'<text class="soft" x="{left - 8}" y="{share_y(k / 4) + 4:.1f}" text-anchor="end">{25 * k} %</text>')
    for s in sizes:
        out.append(f'<text class="soft" x="{x(s):.1f}" y="{bottom + 17}" text-anchor="middle">{s}x{s}</text>')
    for middle, text in ((TOP + UPPER / 2, "milliseconds an image"), (bottom - LOWER / 2, "of the peak")):
        out.append(f'<text class="ink" transform="translate({left - 52} {middle}) rotate(-90)" text-anchor="middle">{text}</text>')
    for i, batch in enumerate(batches):
        for t in threads:
            line = sorted((r for r in mine if r["batch"] == batch and r["threads"] == t), key=lambda r: r["size"])
            said = [f'batch {batch}, threads {t}, {r["size"]}x{r["size"]}: {r["seconds"]:.3f} s a step, {100 * r["share"]:.0f} %' for r in line]
            out += curve([(x(r["size"]), y(1000 * r["seconds"] / batch), text) for r, text in zip(line, said)], svg.COLORS[i], t == threads[0]) if line else []
            out += curve([(x(r["size"]), share_y(r["share"]), text) for r, text in zip(line, said)], svg.COLORS[i], t == threads[0]) if line else []
    return out + ["</g>"]


def picture(rows):
    models, batches, threads = (list(dict.fromkeys(r[k] for r in rows)) for k in ("model", "batch", "threads"))
    times = [1000 * r["seconds"] / r["batch"] for r in rows if "seconds" in r]
    low, high = 10.0 ** (len(str(int(min(times)))) - 1), 10.0 ** len(str(int(max(times))))
    top_share = max(1.0, 0.25 * -(-max(r["share"] for r in rows if "seconds" in r) // 0.25))
    width, height = LEFT + len(models) * (WIDTH + GAP) - GAP + 30, TOP + UPPER + 34 + LOWER + 40
    out = svg.begin(width, height, LEFT, "A training step by image size, batch and threads")
    at = LEFT
    for i, batch in enumerate(batches):
        out.append(f'<rect x="{at}" y="37" width="14" height="10" fill="{svg.COLORS[i]}"/><text class="ink" x="{at + 20}" y="46" font-size="11">batch {batch}</text>')
        at += 92
    for t in threads:
        dash = ' stroke-dasharray="5 4"' if t == threads[0] and len(threads) > 1 else ""
        out.append(f'<line class="rule" x1="{at}" x2="{at + 30}" y1="42" y2="42" stroke-width="2"{dash}/>'
                   f'<text class="ink" x="{at + 36}" y="46" font-size="11">{t} thread{"s" if t > 1 else ""}</text>')
        at += 112
    for i, model in enumerate(models):
        out += panel(rows, model, LEFT + i * (WIDTH + GAP), batches, threads, low, high, top_share)
    return svg.end(out)


def numbers(text):
    return [int(v) for v in text.split(",")]


def measured(given):
    rows = []
    for model, size, batch, threads in itertools.product(given.models.split(","), given.sizes, given.batches, given.threads):
        most = given.memory * 2**30 if given.memory else 0.9 * free_bytes()
        rows.append(measure(given.step, model, size, batch, threads, most, given.seconds))
        print(json.dumps(rows[-1]), file=sys.stderr)
    return rows


def main():
    parser = argparse.ArgumentParser(description="cost of a training step by image size, batch and threads")
    parser.add_argument("step", help="build/bench/step")
    parser.add_argument("--models", default="unet,phiseg")
    parser.add_argument("--sizes", type=numbers, default=[64, 128, 256, 512])
    parser.add_argument("--batches", type=numbers, default=[1, 4, 12])
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--memory", type=float, help="largest arena, GiB")
    parser.add_argument("--seconds", type=float, default=1.5, help="measured for a row, about")
    report.options(parser)
    given = parser.parse_args()
    rows = report.figures(given, measured)
    print("\n".join(table(rows)))
    report.write(given, rows, picture)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Training steps and sampling of zoo models in adze and in PyTorch, interleaved in one run: medians and their ratios.

    python3 bench/compare.py build/bench/step phiseg:12 [MODEL:BATCH[:MIB]..] [--rounds N] [--json FILE | --from FILE] [--svg FILE]

For each model four processes take turns, others for its sampling than for its training, so that each shows its own memory: adze;
PyTorch as installed but with all cores (T0); PyTorch tuned (T1: AVX-512 BLAS, huge pages, an allocator that keeps its memory, OpenBLAS
on the OpenMP threads of PyTorch itself), with and without channels-last, of which the faster counts. All start from the same weights;
first losses, and logits at the means of the latents, must agree to 1e-4. A round in which the multiply-add probe of `step` falls below
85 % of the best is dropped for everybody. MIB is a budget for the arena of adze's training step (adze train --memory).
"""
import argparse
import os
import statistics
import sys
import tempfile

import report
import svg
from child import HERE, Child

OPENBLAS = "/usr/lib/x86_64-linux-gnu/openblas-openmp"      # Debian's libopenblas0-openmp
TUNED = {
    "LD_LIBRARY_PATH": OPENBLAS,
    "OPENBLAS_CORETYPE": "SkylakeX",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=17179869184",
}
SIDES = ("adze", "T0", "T1", "T1 channels-last")
QUIET = 0.85


class Side(Child):
    """A child that may not end before it is asked to."""

    def __init__(self, command, env=None):
        super().__init__(command, {**{k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}, **(env or {})})

    def answer(self):
        return super().answer() or sys.exit("bench/compare: a process ended early: " + " ".join(self.process.args))


def twin_has(model, start):
    """The lines of the twin that begin so, read without PyTorch."""
    with open(os.path.join(HERE, "twins", model + ".py")) as f:
        return [line for line in f if line.startswith(start)]


def agree(children, word):
    values = {name: c.ask(word)[word] for name, c in children.items()}
    for value in values.values():
        if abs(value - values["adze"]) > 1e-4 * abs(values["adze"]):
            sys.exit(f"bench/compare: no twins, the {word} differs: {values}")
    return values["adze"]


def interleave(children, word, rounds, label):
    """Seconds and MiB of each side: medians over the rounds in which the machine was quiet."""
    for c in children.values():
        c.ask(word)
    rows = []
    for i in range(rounds):
        rows.append({"probe": children["adze"].ask("probe")["gflops"], **{name: c.ask(word) for name, c in children.items()}})
        print(f"{label}, {word}, round {i + 1} of {rounds}: " + ", ".join(f"{n} {rows[-1][n]['seconds']:.3f} s" for n in children),
              file=sys.stderr)
    best = max(r["probe"] for r in rows)
    kept = [r for r in rows if r["probe"] >= QUIET * best]
    result = {n: {"seconds": statistics.median(r[n]["seconds"] for r in kept), "mib": rows[-1][n]["rss_kib"] / 1024} for n in children}
    result["kept"] = len(kept)
    return result


def start(step, model, batch, mib, folder):
    """The processes of one measurement: what runs in them shows in their peak memory."""
    files = [os.path.join(folder, f) for f in ("weights.safetensors", "batch.safetensors")]
    profile = [line.split('"')[1] for line in twin_has(model, "PROFILE")]
    threads = str(os.cpu_count())
    ours = Side([step, "zoo:" + model, batch] + files + (profile or [""]) + ([mib] if mib else []))
    torch = [sys.executable, os.path.join(HERE, "torch_child.py"), model] + files
    children = dict(zip(SIDES, (ours, Side(torch + ["plain", threads]), Side(torch + ["plain", threads], TUNED),
                                Side(torch + ["channels_last", threads], TUNED))))
    if any(c.hello["parameters"] != ours.hello["parameters"] for c in children.values()):
        sys.exit("bench/compare: no twins, parameter counts differ")
    return children


def end(children):
    for c in children.values():
        c.end()


def measure(step, model, batch, mib, rounds, folder):
    children = start(step, model, batch, mib, folder)
    row = {"model": model, "batch": int(batch), "budget": int(mib or 0), "threads": os.cpu_count(), "rounds": rounds,
           "parameters": children["adze"].hello["parameters"], "loss": agree(children, "loss"),
           "step": interleave(children, "step", rounds, model)}
    end(children)
    if twin_has(model, "    def sample"):
        children = start(step, model, batch, mib, folder)
        agree(children, "mean")
        row["sample"] = interleave(children, "sample", rounds, model)
        end(children)
    return row


def ratios(timed):
    """T1, T0 and memory, as multiples of adze."""
    t1 = min(timed["T1"]["seconds"], timed["T1 channels-last"]["seconds"])
    mib = min(timed[n]["mib"] for n in SIDES[1:])
    return t1 / timed["adze"]["seconds"], timed["T0"]["seconds"] / timed["adze"]["seconds"], timed["adze"]["mib"] / mib


def table(rows):
    yield "| | rounds kept | adze, s | T1, s | T0, s | T1 / adze | T0 / adze | adze, MiB | memory, adze / least of PyTorch |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        budget = f", --memory {row['budget']}MiB" if row["budget"] else ""
        for word, what in (("step", f"training step, batch {row['batch']}{budget}"), ("sample", "16 samples of one image")):
            if word not in row:
                continue
            timed = row[word]
            t1, t0, mib = ratios(timed)
            seconds = min(timed["T1"]["seconds"], timed["T1 channels-last"]["seconds"])
            yield (f"| `{row['model']}`, {what} | {timed['kept']} of {row['rounds']} | {timed['adze']['seconds']:.3f} | {seconds:.3f} | "
                   f"{timed['T0']['seconds']:.3f} | **{t1:.2f}** | {t0:.2f} | {timed['adze']['mib']:.0f} | {mib:.2f} |")


def picture(rows):
    """Bars of the two ratios of every row, as SVG; the line is adze itself."""
    bars = [(f"{row['model']}, " + ("step" if word == "step" else "samples"), *ratios(row[word])[:2])
            for row in rows for word in ("step", "sample") if word in row]
    left, top, unit, high = 190, 40, 90, 40
    most = max(max(t1, t0) for _, t1, t0 in bars)
    width, bottom = int(left + unit * (most + 1)), top + high * len(bars)
    out = svg.begin(width, bottom + 50, 16, "Time of PyTorch over time of adze") + ['<g font-size="12">']
    for i, (name, t1, t0) in enumerate(bars):
        y = top + i * high
        out.append(f'<text class="ink" x="{left - 8}" y="{y + 20}" text-anchor="end">{name}</text>')
        for k, (value, opacity) in enumerate(((t1, 1), (t0, 0.5))):
            out.append(f'<rect x="{left}" y="{y + 2 + 15 * k}" width="{unit * value:.1f}" height="13" fill="{svg.COLORS[0]}" fill-opacity="{opacity}"/>')
            out.append(f'<text class="ink" x="{left + unit * value + 4:.1f}" y="{y + 13 + 15 * k}">{value:.2f}</text>')
    out += [f'<line class="rule" x1="{left + unit}" y1="{top - 5}" x2="{left + unit}" y2="{bottom}" stroke-width="1.5"/>',
            f'<text class="ink" x="{left + unit}" y="{bottom + 15}" text-anchor="middle">adze = 1</text>',
            f'<text class="soft" x="16" y="{bottom + 36}">strong: tuned PyTorch (T1), faint: as installed (T0)</text>', "</g>"]
    return svg.end(out)


def measured(given):
    if not os.path.isdir(OPENBLAS):
        sys.exit("bench/compare: no " + OPENBLAS + ": apt-get install libopenblas0-pthread libopenblas0-openmp")
    rows = []
    for item in given.models:
        model, batch, mib = (item.split(":") + ["", ""])[:3]
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(os.path.abspath(given.step), model, batch or "12", mib, given.rounds, folder))
    return rows


def main():
    parser = argparse.ArgumentParser(description="adze beside PyTorch, interleaved in one run")
    parser.add_argument("step", help="build/bench/step")
    parser.add_argument("models", nargs="+", metavar="MODEL:BATCH[:MIB]")
    parser.add_argument("--rounds", type=int, default=9)
    report.options(parser)
    given = parser.parse_args()
    rows = report.figures(given, measured)
    print("\n".join(table(rows)))
    report.write(given, rows, picture)


if __name__ == "__main__":
    main()

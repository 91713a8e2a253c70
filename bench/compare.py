#!/usr/bin/env python3
"""A training step of a zoo model in adze and in PyTorch, interleaved in one run: medians and their ratio.

    python3 bench/compare.py build/bench/step phiseg 12 [rounds]

Three processes take turns: adze; PyTorch as installed but with both cores (T0); PyTorch tuned (T1: AVX-512 BLAS, huge pages,
an allocator that keeps its memory, channels-last if that is faster). All start from the same weights, and their first losses must
agree to 1e-4. A round in which the multiply-add probe of `step` falls below 85 % of the best is dropped for everybody.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TUNED = {
    "OPENBLAS_CORETYPE": "SkylakeX",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=17179869184",
}


class Child:
    def __init__(self, command, env=None):
        environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
        environment.setdefault("ADZE_ZOO", os.path.join(HERE, os.pardir, "models", "zoo"))
        environment.update(env or {})
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=HERE)
        self.hello = json.loads(self.process.stdout.readline())

    def ask(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def profile_of(model):
    """The profile that a twin is of, if it says one: its line PROFILE, read without PyTorch."""
    with open(os.path.join(HERE, "twins", model + ".py")) as f:
        return [line.split('"')[1] for line in f if line.startswith("PROFILE")]


def main():
    step, model, batch = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3]
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 9
    threads = str(os.cpu_count())
    with tempfile.TemporaryDirectory() as folder:
        files = [os.path.join(folder, f) for f in ("weights.safetensors", "batch.safetensors")]
        ours = Child([step, "zoo:" + model, batch] + files + profile_of(model))
        torch = [sys.executable, os.path.join(HERE, "torch_child.py"), model] + files
        children = {
            "adze": ours,
            "T0": Child(torch + ["plain", threads]),
            "T1": Child(torch + ["plain", threads], TUNED),
            "T1 channels-last": Child(torch + ["channels_last", threads], TUNED),
        }
        losses = {name: c.ask("loss")["loss"] for name, c in children.items()}
        for name, value in losses.items():
            assert abs(value - losses["adze"]) <= 1e-4 * abs(losses["adze"]), f"losses differ: {losses}"
            assert children[name].hello["parameters"] == ours.hello["parameters"], "parameter counts differ"
        for c in children.values():
            c.ask("step")
        rows = []
        for i in range(rounds):
            rows.append({"probe": ours.ask("probe")["gflops"], **{name: c.ask("step") for name, c in children.items()}})
            print(f"round {i + 1} of {rounds}: " + ", ".join(f"{n} {rows[-1][n]['seconds']:.2f} s" for n in children), file=sys.stderr)
        best = max(r["probe"] for r in rows)
        kept = [r for r in rows if r["probe"] >= 0.85 * best] or rows
        median = {n: statistics.median(r[n]["seconds"] for r in kept) for n in children}
        rss = {n: rows[-1][n]["rss_kib"] / 1024 for n in children}
    t1 = min(median["T1"], median["T1 channels-last"])
    print(f"{model}, batch {batch}, {threads} threads, {len(kept)} of {rounds} rounds kept, "
          f"{ours.hello['parameters']} parameters, first loss {losses['adze']:.6g}")
    print("| | s per step (median) | ratio to adze | peak MiB |\n|---|---|---|---|")
    for n in children:
        print(f"| {n} | {median[n]:.3f} | {median[n] / median['adze']:.2f} | {rss[n]:.0f} |")
    print(f"step of PyTorch / step of adze: T1 {t1 / median['adze']:.2f}, T0 {median['T0'] / median['adze']:.2f}")


main()

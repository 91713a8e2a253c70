"""One PyTorch process of bench/compare.py: builds a twin from a checkpoint, then answers each word that it reads."""
import importlib
import json
import struct
import sys
import time

import numpy
import torch

from twins.parts import Drawn, Given, Mean


DRAWS = 16


def read_safetensors(path):
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + n])
    header.pop("__metadata__", None)
    kinds = {"F32": numpy.float32, "I32": numpy.int32, "U8": numpy.uint8}
    out = {}
    for name, t in header.items():
        a, b = t["data_offsets"]
        flat = numpy.frombuffer(data[8 + n + a:8 + n + b], kinds[t["dtype"]])
        out[name] = torch.from_numpy(flat.reshape(t["shape"]).copy())
    return out


def peak():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1])


def main():
    twin_name, weights_file, batch_file, layout, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    weights, batch = read_safetensors(weights_file), read_safetensors(batch_file)
    is_state = lambda name: name.endswith((".mean", ".var")) or name.startswith("objective/")
    twin = importlib.import_module("twins." + twin_name).Twin({k: v for k, v in weights.items() if not is_state(k)},
                                                              {k: v for k, v in weights.items() if is_state(k)})
    extra = twin.extra_parameters() if hasattr(twin, "extra_parameters") else []
    channels_last = layout == "channels_last"
    x, y = batch["x"].permute(0, 3, 1, 2), batch["y"].permute(0, 3, 1, 2)
    if not channels_last:
        x, y = x.contiguous(), y.contiguous()
    given = Given({k[len("eps/"):]: v for k, v in batch.items() if k.startswith("eps/")})
    optimiser = torch.optim.Adam([*twin.parameters(), *extra], lr=1e-3)
    image = x[:1].clone()

    def mean():
        """Size of the logits of the latents' means: tells whether sampling is the same."""
        return {"mean": twin.sample(image, 1, Mean()).abs().mean().item()}

    def step():
        start = time.perf_counter()
        loss = twin.loss(x, y, Drawn())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        loss.item()
        return {"seconds": time.perf_counter() - start, "rss_kib": peak()}

    def sample():
        start = time.perf_counter()
        twin.sample(image, DRAWS, Drawn()).softmax(1)
        return {"seconds": time.perf_counter() - start, "rss_kib": peak()}

    print(json.dumps({"parameters": sum(p.numel() for p in twin.parameters())}), flush=True)
    for line in sys.stdin:
        word = line.strip()
        twin.learning = word in ("loss", "step")
        with torch.set_grad_enabled(word == "step"):
            answer = {"loss": lambda: {"loss": twin.loss(x, y, given).item()}, "mean": mean, "step": step, "sample": sample}[word]()
        print(json.dumps(answer), flush=True)


main()

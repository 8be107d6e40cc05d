#!/usr/bin/env python3
"""Training throughput beside PyTorch: turn by turn in one run, medians and
ratios.

    python3 tests/bench/peer_torch_train.py build/tests/bench/bench_train \
        [--net efficientnet-lite0] [--width 1] [--size 128] [--batch 64] [--rounds 9] [--cpu avx2]

PyTorch from Debian (python3-torch) or PyPI. The network is the same
(MobileNetV4-Conv-Small, or timm's EfficientNet-Lite; channels_last), as are
loss, clipping and AdamW. It runs as it is and, where that works, through torch.compile (PyTorch 2 and a C++
compiler); the better of the two is the one to beat. --cpu avx2 compares our
AVX2 kernels with PyTorch under ATEN_CPU_CAPABILITY=avx2; --onednn-avx2 holds
PyTorch's oneDNN to AVX2 too.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time


def parse():
    p = argparse.ArgumentParser()
    p.add_argument("bench")
    p.add_argument("--net", default="mobilenetv4")
    p.add_argument("--width", type=float, default=1.0)
    p.add_argument("--size", type=int, default=128)
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--rounds", type=int, default=9)
    p.add_argument("--steps", type=int, default=8)
    p.add_argument("--no-compile", action="store_true")
    p.add_argument("--cpu", choices=["avx2"])
    p.add_argument("--onednn-avx2", action="store_true")
    a = p.parse_args()
    if a.cpu:
        os.environ["BEARCASCADE_CPU"] = a.cpu
        os.environ["ATEN_CPU_CAPABILITY"] = a.cpu
    if a.onednn_avx2:
        os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"
    return a


class Torch:
    def __init__(self, a, torch, compiled):
        import torch_net
        self.torch, self.batch = torch, a.batch
        self.name = "PyTorch " + torch.__version__.split("+")[0]
        self.net = torch_net.build(a.net, a.width, 3).to(
            memory_format=torch.channels_last)
        self.net.train()
        self.opt = torch.optim.AdamW(self.net.parameters(), lr=1e-3,
                                     weight_decay=0.05)
        self.x = torch.randn(a.batch, 3, a.size, a.size).contiguous(
            memory_format=torch.channels_last)
        self.y = torch.arange(a.batch) % 3
        self.run = self.net
        if compiled:
            self.name += " compiled"
            self.run = torch.compile(self.net)
        if a.onednn_avx2:
            self.name += ", oneDNN AVX2"
        self.measure(2)

    def measure(self, steps):
        nn, times = self.torch.nn, []
        for _ in range(steps):
            t = time.perf_counter()
            loss = nn.functional.cross_entropy(self.run(self.x), self.y,
                                               label_smoothing=0.1)
            self.opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.net.parameters(), 5)
            self.opt.step()
            times.append(time.perf_counter() - t)
        return self.batch / statistics.median(times)


class Ours:
    name = "bearcascade"

    def __init__(self, a):
        self.command = [a.bench, a.net, str(a.width), str(a.size), str(a.batch)]
        # What the program sets for itself: pipelines/cli/main.c.
        self.env = {"GOMP_SPINCOUNT": "3000", **os.environ}

    def measure(self, steps):
        out = subprocess.run([*self.command, str(steps)], check=True,
                             capture_output=True, env=self.env)
        self.about = json.loads(out.stdout)
        return self.about["images_per_s"]


def peers(a, torch):
    out = [Torch(a, torch, False)]
    if a.no_compile or not hasattr(torch, "compile"):
        return out
    try:
        out.append(Torch(a, torch, True))
    except Exception as e:  # no C++ compiler, for instance
        print(f"torch.compile left out: {str(e).splitlines()[0]}",
              file=sys.stderr)
    return out


def main():
    a = parse()
    import torch  # behind the environment that parse() sets
    cpus = len(os.sched_getaffinity(0))
    torch.set_num_threads(cpus)
    runners = [Ours(a), *peers(a, torch)]
    speed = {r.name: [] for r in runners}
    for _ in range(a.rounds):
        for r in runners:
            time.sleep(0.05)  # let the threads of the one before go to sleep
            r.measure(1)
            speed[r.name].append(r.measure(a.steps))
    for r in runners[1:]:
        ratios = [x / y for x, y in zip(speed[Ours.name], speed[r.name])]
        print(json.dumps({
            "peer": r.name, "threads": cpus, "isa": runners[0].about["isa"],
            "net": a.net, "width": a.width, "size": a.size, "batch": a.batch,
            "ours_images_per_s": round(statistics.median(speed[Ours.name]), 1),
            "torch_images_per_s": round(statistics.median(speed[r.name]), 1),
            "ratio_median": round(statistics.median(ratios), 3),
            "ratio_min": round(min(ratios), 3),
            "ratio_max": round(max(ratios), 3)}), flush=True)


main()

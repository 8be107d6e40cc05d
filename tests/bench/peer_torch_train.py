#!/usr/bin/env python3
"""Training throughput beside PyTorch: A B A B in one run, medians and ratio.

    python3 tests/bench/peer_torch_train.py build/tests/bench/bench_train \
        [--width 1] [--size 128] [--batch 64] [--rounds 5]

PyTorch from Debian (python3-torch) or PyPI. The network is the same
(MobileNetV4-Conv-Small, channels_last), as are loss, clipping and AdamW.
"""
import argparse
import json
import os
import statistics
import subprocess
import time

import torch
from torch import nn


def scaled(v):
    c = max(8, int(v + 4) // 8 * 8)
    return c + 8 if c < 0.9 * v else c


def conv(i, o, k, s=1, groups=1, act=True):
    layers = [nn.Conv2d(i, o, k, s, k // 2, groups=groups, bias=False),
              nn.BatchNorm2d(o)]
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if act else []))


class Bottleneck(nn.Module):
    def __init__(self, i, o, start, mid, stride, expand):
        super().__init__()
        m, layers = scaled(i * expand), []
        if start:
            layers.append(conv(i, i, start, 1 if mid else stride, i, False))
        layers.append(conv(i, m, 1))
        if mid:
            layers.append(conv(m, m, mid, stride, m))
        layers.append(conv(m, o, 1, act=False))
        self.body, self.keep = nn.Sequential(*layers), i == o and stride == 1

    def forward(self, x):
        y = self.body(x)
        return x + y if self.keep else y


def network(width, outputs):
    def c(v):
        return scaled(v * width)
    stem = 32 if width < 1 else c(32)
    layers = [conv(3, stem, 3, 2), conv(stem, c(32), 3, 2),
              conv(c(32), c(32), 1), conv(c(32), c(96), 3, 2),
              conv(c(96), c(64), 1)]
    i = c(64)
    for start, mid, stride, expand, out in (
            [(5, 5, 2, 3, 96)] + [(0, 3, 1, 2, 96)] * 4 +
            [(3, 0, 1, 4, 96), (3, 3, 2, 6, 128), (5, 5, 1, 4, 128),
             (0, 5, 1, 4, 128), (0, 5, 1, 3, 128), (0, 3, 1, 4, 128),
             (0, 3, 1, 4, 128)]):
        layers.append(Bottleneck(i, c(out), start, mid, stride, expand))
        i = c(out)
    layers += [conv(i, c(960), 1), nn.AdaptiveAvgPool2d(1),
               conv(c(960), 1280, 1), nn.Flatten(), nn.Dropout(0.2),
               nn.Linear(1280, outputs)]
    return nn.Sequential(*layers)


class Torch:
    def __init__(self, a):
        self.batch = a.batch
        self.net = network(a.width, 3).to(memory_format=torch.channels_last)
        self.net.train()
        self.opt = torch.optim.AdamW(self.net.parameters(), lr=1e-3,
                                     weight_decay=0.05)
        self.x = torch.randn(a.batch, 3, a.size, a.size).contiguous(
            memory_format=torch.channels_last)
        self.y = torch.arange(a.batch) % 3
        self.measure(2)

    def measure(self, steps):
        times = []
        for _ in range(steps):
            t = time.perf_counter()
            loss = nn.functional.cross_entropy(self.net(self.x), self.y,
                                               label_smoothing=0.1)
            self.opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.net.parameters(), 5)
            self.opt.step()
            times.append(time.perf_counter() - t)
        return self.batch / statistics.median(times)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("bench")
    p.add_argument("--width", type=float, default=1.0)
    p.add_argument("--size", type=int, default=128)
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--steps", type=int, default=8)
    a = p.parse_args()
    cpus = len(os.sched_getaffinity(0))
    torch.set_num_threads(cpus)
    peer, ours, theirs = Torch(a), [], []
    for _ in range(a.rounds):
        theirs.append(peer.measure(a.steps))
        out = subprocess.run([a.bench, str(a.width), str(a.size), str(a.batch),
                              str(a.steps)], check=True, capture_output=True)
        ours.append(json.loads(out.stdout)["images_per_s"])
    ratios = [x / y for x, y in zip(ours, theirs)]
    print(json.dumps({
        "peer": "PyTorch " + torch.__version__, "threads": cpus,
        "width": a.width, "size": a.size, "batch": a.batch,
        "ours_images_per_s": round(statistics.median(ours), 1),
        "torch_images_per_s": round(statistics.median(theirs), 1),
        "ratio_median": round(statistics.median(ratios), 3),
        "ratio_min": round(min(ratios), 3),
        "ratio_max": round(max(ratios), 3)}))


main()

#!/usr/bin/env python3
"""Rows of docs/performance.md from the output of one benchmark on standard
input; tests/bench/all.sh calls it.

    rows.py layers|inference|training|program
"""
import json
import re
import sys


def row(*cells):
    print("| " + " | ".join(str(c) for c in cells) + " |")


def ratio(r, middle, least, most):
    return f"**{r[middle]:.2f}** ({r[least]:.2f} to {r[most]:.2f})"


def layers(text):
    head = re.search(r"^(oneDNN \S+) against (\S+), \d+ threads, (.*) px, "
                     r"batch (\d+), direction (\d)", text)
    aim = re.search(r"of a copy.*: (\d+ of \d+), (\d+) %", text)
    means = re.search(r"dense and pointwise (\S+), depthwise (\S+); whole net "
                      r"(\S+) ms, oneDNN (\S+) ms", text)
    what = ["forward", "input gradient", "weight gradient"]
    row(head[3], what[int(head[5])], head[4], head[2], head[1],
        f"**{means[1]}**", f"**{means[2]}**", f"{aim[2]} %", aim[1],
        f"{means[3]} ms",
        f"{means[4]} ms")


def inference(text):
    lines = [json.loads(line) for line in text.splitlines()]
    ours = {r["batch"]: r for r in lines if r["who"] == "bearcascade"}
    for r in lines:
        if r["who"] != "bearcascade":
            row(r["net"], r["batch"], r["isa"], r["who"], f"{r['ms']:.3f} ms",
                f"{ours[r['batch']]['ms']:.3f} ms",
                ratio(r, "ours_over_it", "min", "max"))


def training(text):
    for r in map(json.loads, text.splitlines()):
        row(r["net"], r["batch"], r["isa"], r["peer"],
            f"{r['torch_images_per_s']:.0f} images/s",
            f"{r['ours_images_per_s']:.0f} images/s",
            ratio(r, "ratio_median", "ratio_min", "ratio_max"))


def program(text):
    b = json.loads(text)

    def rate(r, name="images_per_s"):
        return f"{r[name]:.0f} ({r['least']:.0f} to {r['most']:.0f})"
    row("multiply-adds, measured peak", f"{b['peak_gflops']:.0f} GFLOP/s")
    row("copy", f"{b['copy_gb_per_s']:.0f} GB/s")
    for n in b["nets"]:
        if "same_as" in n:
            continue
        name = f"{n['net']}, {n['width']:g} x, {n['size']} px"
        for kind in "inference", "training":
            for r in n[kind]:
                row(f"{name}: {kind}, batch {r['batch']}, images/s", rate(r))
        loader = n["loader"]
        row(f"{name}: training with the loader, batch {loader['batch']}, "
            "images/s", rate(loader["with_loader"]))
        row(f"{name}: the same batch in memory, images/s",
            rate(loader["in_memory"]))
        row(f"{name}: share of the time that training waits",
            f"{100 * loader['wait_share']:.1f} %")
    d = b["decode"]
    row(f"decode JPEG {d['width']} x {d['height']} to {d['to']} x {d['to']}, "
        "images/s", rate(d, "images_per_s"))


KINDS = {"layers": layers, "inference": inference, "training": training,
         "program": program}
KINDS[sys.argv[1]](sys.stdin.read())

#!/usr/bin/env python3
"""Does a small copy of an photo get the probability of the photo?

    python3 tests/bench/resized.py BEARCASCADE DATA [--model FILE|RUN]
        [--split test] [--sizes 128,96,64,1024]

Writes copies of every image of the split whose longer side has so many
pixels (Lanczos, JPEG quality 90), lets `classify` score them and compares with
the images themselves. Needs python3-pil. One Markdown row a size:

  dp        mean and 95th percentile of the change of the gate's probability
  flips     share of images that pass the gate in one size alone
  ROC area  of the gate, classes against negatives
  accuracy  of the most likely class, over images of a class
"""
import argparse
import json
import os
import pathlib
import subprocess
import tempfile

from PIL import Image

NEGATIVE = "negative"


def scores(a, folder):
    """{path below folder: row of classify}"""
    model = ["--model", a.model] if a.model else []
    out = subprocess.run(
        [a.bearcascade, "classify", *model, "--format", "jsonl",
         "--all-stages", "--quiet", str(folder)],
        check=True, capture_output=True, text=True).stdout
    rows = [json.loads(line) for line in out.splitlines()]
    return {os.path.relpath(r["file"], folder): r for r in rows}


def resize(source, target, side):
    for path in sorted(source.rglob("*.*")):
        try:
            image = Image.open(path).convert("RGB")
        except OSError:
            continue
        scale = side / max(image.size)
        size = [max(1, round(v * scale)) for v in image.size]
        to = target / path.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        image.resize(size, Image.LANCZOS).save(to, "JPEG", quality=90)


def area(rows):
    """ROC area by ranks, ties counted half."""
    pairs = sorted((r["p_positive"], truth(f) != NEGATIVE) for f, r in rows)
    n_pos = sum(p for _, p in pairs)
    rank_sum, i = 0.0, 0
    while i < len(pairs):
        j = i
        while j < len(pairs) and pairs[j][0] == pairs[i][0]:
            j += 1
        rank_sum += sum(p for _, p in pairs[i:j]) * (i + j + 1) / 2
        i = j
    return ((rank_sum - n_pos * (n_pos + 1) / 2) /
            (n_pos * (len(pairs) - n_pos)))


def truth(file):
    return pathlib.PurePath(file).parts[0]


def passes(row):
    return row["verdict"] != "none"


def report(name, base, rows):
    files = [f for f in sorted(base)
             if "error" not in base[f] and "error" not in rows.get(f, base[f])]
    pairs = [(f, rows[f]) for f in files]
    change = sorted(abs(rows[f]["p_positive"] - base[f]["p_positive"]) for f in files)
    flips = sum(passes(rows[f]) != passes(base[f]) for f in files)
    named = [(f, r["p"]) for f, r in pairs if truth(f) != NEGATIVE]
    right = sum(max(p, key=p.get) == truth(f) for f, p in named)
    print("| {} | {:.3f}, {:.3f} | {:.1f} % | {:.3f} | {:.3f} |".format(
        name, sum(change) / len(change), change[int(0.95 * len(change))],
        100 * flips / len(files), area(pairs), right / len(named)))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("bearcascade")
    p.add_argument("data")
    p.add_argument("--model")
    p.add_argument("--split", default="test")
    p.add_argument("--sizes", default="128,96,64,1024")
    a = p.parse_args()
    source = pathlib.Path(a.data) / a.split
    base = scores(a, source)
    print("| longer side | dp mean, 95th percentile | flips | ROC area | "
          "accuracy |\n|---|---|---|---|---|")
    report("as it is", base, base)
    for side in (int(s) for s in a.sizes.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            resize(source, pathlib.Path(folder), side)
            report("{} px".format(side), base, scores(a, folder))


main()

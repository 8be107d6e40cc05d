#!/usr/bin/env python3
"""What does `train` with its defaults make of few photos?

    python3 tests/bench/few_photos.py DATA OUT [--draws 10] [--photos 60]

DATA holds train/ and test/ with a folder for each class and negative/. Draw
d = 1, 2, ... takes --photos of each class and as many negatives from train/,
links them into OUT/drawD, without parts and negatives without families, trains
there with no option but --out and an empty feature cache, and evaluates on
DATA's test part. Printed: a line a draw, then mean, least and largest of each
figure; seconds are of `train` from start to end. What is in OUT is not run
again.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
FIGURES = ["seconds", "roc_area", "fpr95", "fpr99", "species_accuracy",
           "end_to_end"]


def photos(folder):
    return sorted(os.path.join(d, n) for d, _, names in os.walk(folder)
                  for n in names)


def link(files, folder):
    os.makedirs(folder)
    for i, f in enumerate(files):
        os.symlink(f, os.path.join(folder, "%04d-%s" % (
            i, os.path.basename(f))))


def run(args, draw):
    data = os.path.join(args.out, "draw%d" % draw)
    cache, model = data + "-cache", data + "-run"
    rng = random.Random(draw)
    for kind in sorted(os.listdir(os.path.join(args.data, "train"))):
        every = photos(os.path.join(args.data, "train", kind))
        link(rng.sample(every, args.photos), os.path.join(data, kind))
    since = time.monotonic()
    subprocess.run([args.program, "train", data, "--out", model, "--quiet"],
                   check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL,
                   env={**os.environ, "BEARCASCADE_CACHE": cache})
    seconds = time.monotonic() - since
    shutil.rmtree(cache)
    said = subprocess.run([args.program, "evaluate", "--model", model,
                           args.data, "--split", "test", "--bootstrap", "0",
                           "--json", "--quiet"], check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    told = json.loads(said.stdout)[0]
    row = {k: told[k]["value"] for k in FIGURES if k in told}
    row.update(seconds=seconds, **{k: told["all_negatives"][k]["value"]
                                   for k in ("fpr95", "fpr99")})
    return row


def line(name, row):
    print("%-6s" % name + "".join(
        " %16.1f" % row[k] if k == "seconds" else " %16.4f" % row[k]
        for k in FIGURES))


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("data")
    p.add_argument("out")
    p.add_argument("--draws", type=int, default=10)
    p.add_argument("--photos", type=int, default=60)
    p.add_argument("--program", default=os.path.join(
        ROOT, "build", "pipelines", "bearcascade"))
    args = p.parse_args()
    args.data = os.path.abspath(args.data)
    rows = []
    print("%-6s" % "draw" + "".join(" %16s" % k for k in FIGURES))
    for draw in range(1, args.draws + 1):
        kept = os.path.join(args.out, "draw%d.json" % draw)
        if not os.path.exists(kept):
            row = run(args, draw)
            with open(kept + ".tmp", "w", encoding="utf-8") as f:
                json.dump(row, f)
            os.replace(kept + ".tmp", kept)
        with open(kept, encoding="utf-8") as f:
            rows.append(json.load(f))
        line(draw, rows[-1])
        sys.stdout.flush()
    for name, of in (("mean", lambda v: sum(v) / len(v)), ("least", min),
                     ("most", max)):
        line(name, {k: of([r[k] for r in rows]) for k in FIGURES})


main()

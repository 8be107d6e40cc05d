#!/usr/bin/env python3
"""How well `clean` finds photos that do not belong under their label.

    tests/bench/clean_mark.py PROGRAM DATA MISLABELLED [SHARE]

DATA/CLASS/... are photos with good labels, MISLABELLED/CLASS/... stood under
CLASS and are wrong; SHARE (0.03) of the mixture are of the latter, drawn by
seed 1. Prints precision and recall along the ranking, beside that by
p(label) alone.
"""
import json
import os
import random
import subprocess
import sys
import tempfile
import time


def photos(root):
    for folder, _, names in sorted(os.walk(root)):
        for name in sorted(names):
            path = os.path.join(folder, name)
            yield path, os.path.relpath(path, root).split(os.sep)[0]


def main(program, data, wrong, share=0.03):
    good = list(photos(os.path.abspath(data)))
    bad = list(photos(os.path.abspath(wrong)))
    n = min(len(bad), round(share / (1 - share) * len(good)))
    bad = random.Random(1).sample(bad, n)
    with tempfile.TemporaryDirectory() as tmp:
        manifest = os.path.join(tmp, "mark.csv")
        with open(manifest, "w") as f:
            print("file,label", file=f)
            for path, label in good + bad:
                print(f'"{path}",{"" if label == "negative" else label}', file=f)
        start = time.time()
        subprocess.run([program, "clean", manifest, "--out", tmp + "/out",
                        "--quiet"], check=True, stdout=subprocess.DEVNULL)
        took = time.time() - start
        rows = [json.loads(t) for t in open(tmp + "/out/ranking.jsonl")]
    truth = {path for path, _ in bad}
    print(f"{len(rows)} photos, {n} of them wrong, {took:.0f} s")
    for name, key in (("doubt", lambda r: -r["doubt"]),
                      ("p(label)", lambda r: r["p_label"])):
        found, curve = 0, []
        for i, r in enumerate(sorted(rows, key=key), 1):
            found += r["file"] in truth
            curve.append((found / n, found / i))
        best = [max(p for q, p in curve if q >= x / 10)
                for x in range(1, 10)]
        print(f"{name:9} precision at recall .1 to .9: " +
              " ".join(f"{p:.2f}" for p in best))


if __name__ == "__main__":
    main(*sys.argv[1:4], *map(float, sys.argv[4:5]))

#!/usr/bin/env python3
"""How should the frames of a burst be made into one score?

    burst_rules.py PROGRAM DATA [WORK]

DATA is the folder with bears/ and trail/. Sequences without bears are those of
trail/ (the first six frames of each); sequences with one are made of them: a
black bear or a grizzly of bears/valid is laid over some of the frames, softly
cut out, moving, of changing size and light, grey where the sequence is
infrared. Prints ROC area, recall and false-positive rate of the sequences for
several rules. Needs Pillow and NumPy.
"""
import csv
import glob
import json
import os
import random
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

PER_SEQUENCE = 2
random.seed(7)


def lay_over(im, bear, at, infrared):
    x, y, size = at
    h = min(im.height, int(im.height * size * random.uniform(.9, 1.1)))
    w = min(im.width, int(h * bear.width / bear.height))
    b = bear.resize((w, h), Image.LANCZOS)
    if infrared:
        b = b.convert("L").convert("RGB")
    b = ImageEnhance.Brightness(b).enhance(random.uniform(.6, 1.1))
    b = b.filter(ImageFilter.GaussianBlur(random.uniform(0, 1.2)))
    mask = Image.new("L", (w, h), 0)
    ImageDraw.Draw(mask).ellipse((0, 0, w, h), fill=255)
    mask = mask.filter(ImageFilter.GaussianBlur(max(2, w / 20)))
    im.paste(b, (int(max(0, min(1, x)) * (im.width - w)),
                 int(y * (im.height - h))), mask)


def make(data, out):
    sequences = {}
    with open(data + "/trail/sequences.csv") as f:
        for r in csv.DictReader(f):
            sequences.setdefault(r["sequence"], []).append(
                (r["file"], r["infrared"]))
    bears = [p for k in ("black", "grizzly")
             for p in sorted(glob.glob(f"{data}/bears/valid/{k}/*.jpg"))]
    random.shuffle(bears)
    used = 0
    for s, (_, frames) in enumerate(sorted(sequences.items())):
        frames = sorted(frames)[:6]
        images = [Image.open(f"{data}/trail/{f}").convert("RGB")
                  for f, _ in frames]
        os.makedirs(f"{out}/neg/{s:03d}")
        for i, im in enumerate(images):
            im.save(f"{out}/neg/{s:03d}/{i}.jpg", quality=90)
        for rep in range(PER_SEQUENCE):
            bear = Image.open(bears[used % len(bears)]).convert("RGB")
            used += 1
            present = random.sample(range(len(frames)),
                                    random.randint(1, len(frames)))
            os.makedirs(f"{out}/pos/{s:03d}_{rep}")
            x, y = random.random(), random.uniform(.3, 1)
            step, size = random.uniform(-.15, .15), random.uniform(.3, .8)
            for i, im in enumerate(images):
                im = im.copy()
                if i in present:
                    lay_over(im, bear, (x + step * i, y, size),
                             frames[i][1] == "1")
                im.save(f"{out}/pos/{s:03d}_{rep}/{i}_{int(i in present)}.jpg",
                        quality=90)


def log_odds(p):
    p = np.clip(np.array(p), 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


RULES = {
    "largest": lambda p, t: log_odds(p).max(),
    "mean of log-odds": lambda p, t: log_odds(p).mean(),
    "sum of log-odds over the threshold":
        lambda p, t: (log_odds(p) - t).sum() + t,
    "mean of the two largest": lambda p, t: np.sort(log_odds(p))[-2:].mean(),
    "mean of odds": lambda p, t: np.log(np.exp(log_odds(p)).mean()),
    "noisy or": lambda p, t: log_odds([1 - np.prod(1 - np.array(p))])[0],
    "mean of probabilities": lambda p, t: log_odds([np.mean(p)])[0],
}


def report(title, positive, negative, t):
    print(f"{title}: {len(positive)} sequences with a bear, {len(negative)} "
          "without")
    for name, rule in RULES.items():
        a = np.array([rule([p for p, _ in s], t) for s in positive])
        b = np.array([rule([p for p, _ in s], t) for s in negative])
        wins = (a[:, None] > b) + .5 * (a[:, None] == b)
        print(f"  {name:36} ROC area {wins.mean():.4f}, at the threshold "
              f"recall {(a >= t).mean():.3f}, false positives "
              f"{(b >= t).sum()}")


def main(program, data, work=None):
    work = work or tempfile.mkdtemp()
    make(data, work + "/seq")
    out = subprocess.run([program, "classify", "-q", "-f", "jsonl",
                          work + "/seq"], check=True, capture_output=True,
                         text=True).stdout
    info = subprocess.run([program, "classify", "-q", "-f", "megadetector",
                           work + "/seq/neg/000"], check=True, text=True,
                          capture_output=True).stdout
    t = log_odds([json.loads(info)["info"]["detector_metadata"]
                  ["typical_detection_threshold"]])[0]
    sequences = {}
    for line in out.splitlines():
        r = json.loads(line)
        folder, name = os.path.split(r["file"])
        kind = folder.split("/")[-2]
        shown = kind == "pos" and name.endswith("_1.jpg")
        sequences.setdefault((kind, folder), []).append((r["p_positive"],
                                                         shown))
    positive = [v for (k, _), v in sequences.items() if k == "pos"]
    negative = [v for (k, _), v in sequences.items() if k == "neg"]
    report("all", positive, negative, t)
    report("a bear in half of the frames at most",
           [s for s in positive if sum(x for _, x in s) <= len(s) / 2],
           negative, t)
    report("a bear in all frames",
           [s for s in positive if all(x for _, x in s)], negative, t)


if __name__ == "__main__":
    main(*sys.argv[1:])
